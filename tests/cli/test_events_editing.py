"""`events add`, `import`, `edit`, `remove` and `undo`, as typed by users and by scripts."""

import json

import pytest

from tests.commands import BAD_DATA, WRONG_USE, words
from tests.made_up import REPORTS, SOURCE
from tests.short_reports import PATH, REPORT, STAMP, reports
from tests.versioned import changed

HEADER = ",".join(REPORT)


def metadata(checkout):
    return json.loads((checkout.root / "data/events/short_reports.meta.json").read_text())


# Add


def test_an_event_is_added_with_its_source_and_the_time_of_retrieval(add, command, checkout):
    outcome = add("--yes")
    assert outcome.code == 0
    name = reports(command)["Made up anew"]["id"]
    assert outcome.out.startswith(f"+ {name}\n    symbol: ACME\n    published_at: {STAMP}\n")
    when = "public 2025-06-24 16:05 New York, first tradable in the session of 2025-06-25"
    assert f"\n{name}: {when}\n" in outcome.out
    assert "version 2; `backtest events undo short_report` takes it back" in outcome.out
    text = (checkout.root / PATH).read_text()
    header, *lines = text.splitlines()
    assert header == REPORTS.splitlines()[0] + ",source_url,retrieved_at"
    assert lines[:2] == [line + ",," for line in REPORTS.splitlines()[1:]]
    assert lines[2].startswith(
        f"ACME,{STAMP},minute,Made up anew,Jane Bear,short_seller,,,https://example.org/new,20"
    )
    known = metadata(checkout)
    assert (known["rows"], known["version"], known["reason"]) == (3, 2, "added an event")
    assert (known["last"], known["source"]) == ("2025-06-29", SOURCE)


def test_the_session_that_an_event_implies_is_shown(add):
    assert "first tradable in the session of 2025-06-25" in add("--yes").out
    early = {"published_at": "2025-06-24 before open", "precision": None}
    assert "2025-06-24 09:00 New York, first tradable in the session of 2025-06-24" in words(
        add("--yes", **early).out
    )
    rumour = add("--yes", published_at="2025-06-27", precision="week").out
    assert "2025-06-27 23:59 New York, known by the week alone, never traded" in words(rumour)


@pytest.mark.parametrize(
    ("time", "precision", "stamp", "is_of"),
    [
        ("2025-06-24", "date", "2025-06-24T23:59:59-04:00", "date"),
        ("2025-12-24", "month", "2025-12-24T23:59:59-05:00", "month"),
        ("2025-06-24 before open", "session", "2025-06-24T09:00:00-04:00", "session"),
        ("2025-06-24 After Close", None, "2025-06-24T23:59:59-04:00", "session"),
        ("2025-06-24 16:05:30 new york", "exact", "2025-06-24T16:05:30-04:00", "exact"),
        ("2025-11-02 01:30 New York", "minute", "2025-11-02T01:30:00-05:00", "minute"),
        ("2025-06-24T20:05:00Z", "exact", "2025-06-24T20:05:00Z", "exact"),
    ],
)
def test_times_are_stamped_as_late_as_they_can_be(add, checkout, time, precision, stamp, is_of):
    assert add("--yes", published_at=time, precision=precision).code == 0
    assert f"ACME,{stamp},{is_of},Made up anew" in (checkout.root / PATH).read_text()


WRONG = {
    "no source": ({"source_url": None}, "column source_url: is empty; name the address, or 'unkn"),
    "a source that is none": ({"source_url": "press"}, "must begin with https:// or http://"),
    "a field that is none": ({"autor": "x"}, "no field of short_report 'autor'. Did you mean 'aut"),
    "a value that is none": ({"author_type": "bear"}, "column author_type: 'bear': Input should"),
    "a bare day": ({"precision": None, "published_at": "2025-06-24"}, "a date, week or month"),
    "a bare day to the minute": ({"published_at": "2025-06-24"}, "precision minute needs a time"),
    "a bare day of a session": (
        {"published_at": "2025-06-24", "precision": "session"},
        "write '2025-06-24 before open' or '2025-06-24 after close'",
    ),
    "a half day to the minute": ({"published_at": "2025-06-24 before open"}, "by the session, not"),
    "a day that is none": ({"published_at": "2025-02-30"}, "'2025-02-30' is no time: day is out"),
    "a time without a zone": ({"published_at": "2025-06-24 16:05"}, "has no zone; write one"),
    "no headline": ({"headline": None}, "column headline: is empty; a value is needed"),
    "an early date": ({"precision": "date"}, "is stamped at the end of the span"),
}


@pytest.mark.parametrize(("changes", "told"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_told_and_nothing_is_written(add, checkout, changes, told):
    before = checkout.snapshot("data")
    outcome = add("--yes", **changes)
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert told in outcome.err
    assert checkout.snapshot("data") == before


def test_a_source_can_be_unknown_only_in_so_many_words(add, command):
    assert add("--yes", source_url="unknown").code == 0
    assert reports(command)["Made up anew"]["source_url"] is None


def test_the_source_can_be_an_option(add, command):
    outcome = add("--yes", "--source-url", "https://example.org/o", source_url=None)
    assert outcome.code == 0
    assert reports(command)["Made up anew"]["source_url"] == "https://example.org/o"


def test_an_event_that_is_there_is_not_added_again(add):
    add("--yes")
    outcome = add("--yes", target_price="5")
    assert outcome.code == WRONG_USE
    assert "is there already. Change it with `backtest events edit short_report-20250624-" in (
        outcome.err
    )


def test_without_a_terminal_nothing_is_written_unless_it_is_confirmed(add, command, checkout):
    before = checkout.snapshot("data")
    outcome = add()
    assert outcome.code == WRONG_USE
    assert "+ short_report-20250624-" in outcome.out
    assert "Nothing was written: there is no terminal to ask at. Give --yes." in outcome.err
    bare = command("events", "add", "short_report")
    assert bare.code == WRONG_USE
    assert "There is no terminal to ask at. Give each field" in bare.err
    assert "Its fields: symbol, published_at, precision, headline, author," in bare.err
    assert checkout.snapshot("data") == before


def test_kinds_that_strategies_define_are_added_to_a_new_file(command, checkout):
    checkout.write(
        "strategies/sales.py",
        "from backtest import Signal, Strategy\nfrom backtest.events import Event\n\n\n"
        "class Sale(Event):\n    seller: str\n\n\n"
        "class Made(Strategy):\n    listens_to = (Sale,)\n\n"
        "    def on_event(self, event, market):\n        return 'no'\n",
    )
    fields = {**REPORT, "seller": "Joe"}
    del fields["author"], fields["author_type"]
    given = [word for n, value in fields.items() for word in ("--field", f"{n}={value}")]
    assert command("events", "add", "sale", *given, "--yes").code == 0
    text = (checkout.root / "data/events/sales.csv").read_text()
    assert text.splitlines()[0] == (
        "symbol,published_at,precision,headline,seller,source_url,source_url_2,grade,note,"
        "retrieved_at"
    )
    known = json.loads((checkout.root / "data/events/sales.meta.json").read_text())
    assert (known["version"], known["rows"]) == (1, 1)
    assert known["source"] == "Added by hand; each row names its own source."
    (row,) = json.loads(command("events", "list", "--kind", "sale", "--json").out)
    assert (row["seller"], row["tradable_session"]) == ("Joe", "2025-06-25")


def test_an_unknown_kind_is_told(command):
    outcome = command("events", "add", "short_reports", "--field", "symbol=ACME")
    assert outcome.code == WRONG_USE
    assert "no kind of event 'short_reports'. Did you mean 'short_report'?" in outcome.err


# From a file


@pytest.fixture
def mine(tmp_path_factory):
    """Writes a CSV file of the user's."""
    path = tmp_path_factory.mktemp("mine") / "mine.csv"

    def write(*rows, header=HEADER):
        path.write_text("\n".join([header, *rows]) + "\n")
        return str(path)

    return write


ROW = ",".join(REPORT.values())
SECOND = "ACME,2025-06-25,date,A second,Joe Bull,analyst,unknown"


def test_a_file_of_events_is_taken_in(command, mine, checkout):
    outcome = command("events", "import", mine(ROW, SECOND), "--kind", "short_report", "--yes")
    assert outcome.code == 0
    assert outcome.out.count("\n+ ") == 2
    assert set(reports(command)) >= {"Made up anew", "A second"}
    assert metadata(checkout)["reason"] == "imported mine.csv"


def test_a_file_of_new_events_is_added(command, mine, checkout):
    path = mine(ROW, SECOND)
    assert command("events", "add", "short_report", "--csv", path, "--yes").code == 0
    assert metadata(checkout)["reason"] == "added from mine.csv"
    again = command("events", "add", "short_report", "--csv", path, "--yes")
    assert (again.code, "already" in again.err) == (WRONG_USE, True)


def test_every_row_of_a_file_that_is_wrong_is_named(command, mine, checkout):
    before = checkout.snapshot("data")
    path = mine(ROW, SECOND.replace("date", ""), SECOND.replace("unknown", ""))
    outcome = command("events", "import", path, "--kind", "short_report", "--yes")
    assert outcome.code == BAD_DATA
    assert "mine.csv: 2 problems" in outcome.err
    assert "line 3, column published_at: '2025-06-25' is a day alone" in outcome.err
    assert "line 4, column source_url: is empty" in outcome.err
    assert checkout.snapshot("data") == before


def test_the_source_of_a_file_can_be_told_once(command, mine):
    path = mine(SECOND.replace("unknown", ""))
    words = ("events", "import", path, "--kind", "short_report", "--yes")
    assert command(*words, "--source-url", "https://example.org/all").code == 0
    assert reports(command)["A second"]["source_url"] == "https://example.org/all"


def test_columns_and_rows_of_a_file_that_are_not_to_be_are_told(command, mine):
    path = mine(ROW, header=HEADER.replace("author_type", "autor_type"))
    outcome = command("events", "import", path, "--kind", "short_report")
    assert outcome.code == BAD_DATA
    assert "column 'autor_type': not a column of short_report; did you mean" in outcome.err
    twice = command("events", "import", mine(SECOND, SECOND), "--kind", "short_report")
    assert "comes twice: same symbol, time and headline" in twice.err
    missing = command("events", "import", "nowhere.csv", "--kind", "short_report")
    assert "There is no file nowhere.csv" in missing.err


def test_an_import_adds_what_is_new_and_changes_what_differs(command, mine, checkout):
    words = ("--kind", "short_report", "--yes")
    command("events", "import", mine(ROW, SECOND), *words)
    before = reports(command)
    header = HEADER + ",target_price"
    path = mine(ROW + ",7", SECOND + ",", "ACME,2025-06-26,date,A third,Joe,press,unknown,",
                header=header)  # fmt: skip
    out = command("events", "import", path, *words).out
    assert f"~ {before['Made up anew']['id']}\n    target_price: – → 7\n" in out
    assert "    headline: A third\n" in out
    assert "A second" not in out
    assert reports(command)["A second"] == before["A second"]
    assert metadata(checkout)["reason"] == "imported mine.csv"
    again = command("events", "import", path, *words)
    assert (again.code, metadata(checkout)["version"]) == (0, 3)
    assert "has all of that already: nothing changes" in again.out


# Edit, remove, undo


def test_an_edit_shows_what_was_and_what_becomes(command, checkout):
    name = reports(command)["A made-up report"]["id"]
    outcome = command("events", "edit", name, "--field", "target_price=12", "--yes")
    assert outcome.code == 0
    assert outcome.out.startswith(f"~ {name}\n    target_price: 10 → 12\n{name}: public 2025-06-18")
    assert (checkout.root / PATH).read_text() == REPORTS.replace(",10,made", ",12,made")
    assert metadata(checkout)["reason"] == f"edited {name}"


def test_an_edit_can_make_a_value_unknown_and_change_the_id(command, checkout):
    name = reports(command)["A made-up report"]["id"]
    fields = ("--field", "target_price=", "--field", "headline=Another")
    out = command("events", "edit", name, *fields, "--yes").out
    assert f"~ {name}\n    headline: A made-up report → Another\n    target_price: 10 → –\n" in out
    row = reports(command)["Another"]
    assert row["target_price"] is None
    assert f"\n{row['id']}: public 2025-06-18 23:59 New York" in out


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("target_price=-1", "column target_price: '-1': Input should be greater than or equal"),
        ("headline=", "column headline: is empty; a value is needed"),
        ("titel=x", "no field of short_report 'titel'"),
        ("precision=exakt", "column precision: 'exakt'"),
        ("headline", "--field 'headline' is not of the form name=value"),
        (None, "Name what changes with --field name=value"),
    ],
)
def test_an_edit_that_is_wrong_changes_nothing(command, checkout, field, told):
    name = reports(command)["A made-up report"]["id"]
    before = checkout.snapshot("data")
    outcome = command("events", "edit", name, *(("--field", field) if field else ()), "--yes")
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert told in outcome.err
    assert checkout.snapshot("data") == before


def test_an_edit_that_makes_two_events_one_is_refused(command, checkout):
    edit = ("events", "edit", reports(command)["A made-up rumour"]["id"], "--yes", "--field",
            "headline=A made-up report", "--field", "published_at=2025-06-18")  # fmt: skip
    outcome = command(*edit)
    assert outcome.code == BAD_DATA
    assert "line 3: repeats line 2" in outcome.err
    assert (checkout.root / PATH).read_text() == REPORTS


def test_an_event_is_removed_and_comes_back(command, checkout):
    name = reports(command)["A made-up report"]["id"]
    out = command("events", "remove", name, "--yes").out
    assert out.startswith(f"- {name}\n    symbol: ACME\n")
    assert set(reports(command)) == {"A made-up rumour"}
    back = command("events", "undo", "short_report", "--yes").out
    assert back.startswith(f"+ {name}\n    symbol: ACME\n")
    assert "version 3;" in back
    assert (checkout.root / PATH).read_text() == REPORTS
    spent = command("events", "undo", "short_report", "--yes")
    assert (spent.code, spent.out) == (WRONG_USE, "")
    assert "has no version before this one: there is nothing to undo" in spent.err


def test_an_event_that_is_not_there_is_told(command):
    for name, *more in (("remove",), ("edit", "--field", "note=x")):
        outcome = command("events", name, "short_report-20250101-000000", *more)
        assert outcome.code == WRONG_USE
        assert "There is no event 'short_report-20250101-000000'" in outcome.err


def test_a_file_that_was_edited_by_hand_has_to_be_sealed_first(add, checkout):
    checkout.edit(PATH, ",10,made up", ",11,made up", sealed=False)
    outcome = add("--yes")
    assert outcome.code == BAD_DATA
    assert "acknowledge it with `backtest events seal short_report`" in outcome.err


def test_what_somebody_else_wrote_meanwhile_is_not_lost(add, checkout, monkeypatch):
    def meanwhile(_):
        changed(checkout.root / PATH, ",10,made up", ",11,made up")
        return True

    monkeypatch.setattr("backtest.cli.show.at_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", meanwhile)
    outcome = add()
    assert outcome.code == WRONG_USE
    assert "short_reports.csv has changed since it was read, so nothing was written" in outcome.err
    assert ",11,made up" in (checkout.root / PATH).read_text()


def test_what_is_said_to_take_a_change_back_does(command, add):
    """After an undo another one would go further back, and a new file has nothing before it."""
    assert add("--yes").code == 0
    undone = command("events", "undo", "short_report", "--yes").out
    assert "version 3; `backtest events undo short_report --to 2` takes it back" in undone
    again = command("events", "undo", "short_report", "--to", "2", "--yes").out
    assert "+ short_report-" in again
    cells = {"symbol": "ACME", "published_at": "2025-06-20", "precision": "date", "headline": "x"}
    cells |= {"report_on": "2025-07-10", "session": "unknown", "source_url": "unknown"}
    given = [word for n, cell in cells.items() for word in ("--field", f"{n}={cell}")]
    new = command("events", "add", "report_date", *given, "--yes").out
    assert new.endswith("data/events/report_dates.csv, version 1\n")


def test_an_undo_that_names_its_version_is_the_same_twice(command, add, checkout):
    path = checkout.root / "data/events/short_reports.csv"
    first = path.read_bytes()
    add("--yes")
    add("--yes", headline="Another made-up report")
    assert (
        "back to version 1\n" in command("events", "undo", "short_report", "--to", "1", "--yes").out
    )
    assert path.read_bytes() == first
    again = command("events", "undo", "short_report", "--to", "1", "--yes")
    assert (again.code, "nothing changes" in again.out) == (0, True)
    assert path.read_bytes() == first
    strange = command("events", "undo", "short_report", "--to", "7", "--yes")
    assert (strange.code, "has no version 7. Its versions: 1, 2, 3, 4." in strange.err) == (2, True)


def test_ctrl_c_in_an_undo_sends_nobody_further_back(command, add, monkeypatch):
    add("--yes")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("backtest.data.versions.write_version", stop)
    outcome = command("events", "undo", "short_report", "--yes")
    assert outcome.code == 130
    assert "name the version with --to" in outcome.err
    assert "goes on from there" not in outcome.err


def test_an_undo_of_prices_names_its_version_too(command, checkout):
    path = checkout.root / "data/prices/ACME.csv"
    first = path.read_bytes()
    checkout.edit("data/prices/ACME.csv", "06-02,100.00", "06-02,100.01")
    for _ in range(2):
        assert command("prices", "undo", "ACME", "--to", "1").code == 0
        assert path.read_bytes() == first
