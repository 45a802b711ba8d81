"""Changing event files: what a change adds, keeps and refuses, and what is fetched beside it."""

import pytest

from backtest.data.datafile import open_data_file
from backtest.data.edits import (
    add_event,
    add_rows,
    diff_rows,
    edit_event,
    event_lines,
    remove_event,
    undo_events,
    update,
)
from backtest.data.events import (
    as_filed,
    check_row,
    field_fault,
    is_bare_day,
    parse_time,
    prepare_row,
)
from backtest.data.kinds import FILED_KINDS, Earnings, News
from backtest.data.listing import seal_events
from backtest.errors import DataError, UsageError
from tests.made_up import NEWS

NEWS_FILE = "data/events/news.csv"
LEFT = ".news.csv.0a1b2c3d"


def row(headline="Made up anew", **cells):
    """A row as it was fetched."""
    return {
        "symbol": "ACME", "published_at": "2025-06-24T16:05:00-04:00", "precision": "minute",
        "headline": headline, "category": "contract", "figures": "",
        "source_url": "https://example.org/new", "retrieved_at": "2025-07-20T00:00:00+00:00",
        **cells,
    }  # fmt: skip


def lines(checkout):
    return event_lines(checkout.workspace, News)


def headlines(checkout):
    return [one.event.headline for one in lines(checkout)]


def add(checkout, *rows, **terms):
    return add_rows(checkout.workspace, News, rows, reason="made up", **terms)


# Added by hand


def test_rows_come_after_those_that_are_there(checkout):
    edit = add(checkout, row("One"), row("Two"))
    assert next(iter(edit.diff.added.values()))["headline"] == "One"
    assert [one.event.headline for one in edit.events] == ["One", "Two"]
    assert str(edit.events[0].session) == "2025-06-25"
    made = edit.make()
    assert (made.reason, made.metadata["rows"]) == ("made up", 4)
    assert (made.metadata["first"], made.metadata["last"]) == ("2025-06-12", "2025-06-24")
    assert headlines(checkout)[2:] == ["One", "Two"]


def test_columns_that_no_row_fills_are_not_added(checkout):
    add(checkout, row("One"), row("Two", figures="5 GW")).make()
    header = (checkout.root / NEWS_FILE).read_text().splitlines()[0]
    assert header == NEWS.splitlines()[0] + ",figures,source_url,retrieved_at"


def test_what_is_there_is_not_added_again(checkout):
    add(checkout, row()).make()
    with pytest.raises(
        UsageError, match=r"is there already\. Change it with `backtest events edit"
    ):
        add(checkout, row())
    with pytest.raises(UsageError, match="comes twice: same symbol, time and headline"):
        add(checkout, row("Two"), row("Two"))


def test_a_replacement_changes_what_it_names_and_nothing_where_nothing_differs(checkout):
    add(checkout, row(figures="5 GW")).make()
    again = {**row(category="financing"), "retrieved_at": "2025-07-21T00:00:00+00:00"}
    del again["figures"]
    edit = add(checkout, again, replace=True)
    assert [(one.column, one.new) for one in edit.diff.changed] == [
        ("category", "financing"), ("retrieved_at", "2025-07-21T00:00:00+00:00"),
    ]  # fmt: skip
    only_later = {**row(figures="5 GW"), "retrieved_at": "2025-07-21T00:00:00+00:00"}
    assert not add(checkout, only_later, replace=True).diff


def test_two_headlines_of_one_id_are_told_apart(checkout, monkeypatch):
    (checkout.root / NEWS_FILE).unlink()
    monkeypatch.setattr(News, "id", "news-20250624-abcdef")
    with pytest.raises(UsageError, match="would be the id of two events, 'One' and 'Two'"):
        add(checkout, row("One"), row("Two"))


def test_an_event_is_added_as_people_write_it(checkout):
    edit = add_event(checkout.workspace, News, row(published_at="2025-06-24 before open",
                                                    precision=""))  # fmt: skip
    assert edit.make().reason == "added an event"
    assert lines(checkout)[2].cells["published_at"] == "2025-06-24T09:00:00-04:00"
    with pytest.raises(UsageError, match="news: column category"):
        add_event(checkout.workspace, News, row(category="Big"))


def test_an_event_is_edited_and_removed_and_the_rest_stays(checkout):
    add(checkout, row()).make()
    name = lines(checkout)[2].event.id
    edit = edit_event(checkout.workspace, FILED_KINDS, name, {"category": "lockup"})
    assert [(one.column, one.old, one.new) for one in edit.diff.changed] == [
        ("category", "contract", "lockup")
    ]
    assert [one.event.id for one in edit.events] == [name]
    assert edit.make().reason == f"edited {name}"
    edit = remove_event(checkout.workspace, FILED_KINDS, name)
    assert (list(edit.diff.removed), list(edit.events)) == ([name], [])
    assert edit.make().reason == f"removed {name}"
    assert (checkout.root / NEWS_FILE).read_text().count("\n") == 3
    back = undo_events(checkout.workspace, News)
    assert list(back.diff.added) == [name]
    back.make()
    assert lines(checkout)[2].cells["category"] == "lockup"
    undo_events(checkout.workspace, News, to=1).make()
    assert (checkout.root / NEWS_FILE).read_text() == NEWS


def test_without_a_file_nothing_can_be_undone_and_nothing_is_there(checkout):
    (checkout.root / NEWS_FILE).unlink()
    assert event_lines(checkout.workspace, News) == []
    with pytest.raises(UsageError, match="There is no file of news, so there is nothing to undo"):
        undo_events(checkout.workspace, News)
    made = add(checkout, row()).make()
    assert (made.number, made.metadata["rows"]) == (2, 1)  # after the one in the history
    assert made.metadata["source"] == "Added by hand; each row names its own source."


def test_a_file_that_changed_since_it_was_looked_at_stays(checkout):
    edit = add(checkout, row())
    add(checkout, row("Another")).make()
    with pytest.raises(UsageError, match="has changed since it was read"):
        edit.make()


def test_whoever_looks_at_a_file_to_change_it_clears_what_was_left_beside_it(checkout):
    left = checkout.root / "data/events" / LEFT
    left.write_text("half")
    lines(checkout)
    assert not left.exists()


# Fetched


def fetched(checkout, *rows, accept=False, same=None):
    def same_day(one, other):
        return one.published_at == other.published_at

    return update(checkout.workspace, News, rows, same or same_day, reason="fetched", accept=accept)


def test_what_is_not_on_file_is_added(checkout):
    edit, differences = fetched(checkout, row("One"))
    assert (differences, edit.make().reason) == ([], "fetched")
    assert headlines(checkout)[-1] == "One"


@pytest.mark.parametrize("accept", [False, True])
def test_a_cell_that_differs_is_shown_and_replaced_where_it_is_accepted(checkout, accept):
    add(checkout, row(figures="5 GW", note="mine")).make()
    name = lines(checkout)[2].event.id
    other = row("Another headline", figures="6 GW", category="contract", note="theirs")
    edit, (difference,) = fetched(checkout, other, accept=accept)
    assert tuple(difference) == (name, "figures", "5 GW", "6 GW")
    assert bool(edit.diff) is accept
    if accept:
        edit.make()
        cells = lines(checkout)[2].cells
        assert (cells["figures"], cells["headline"], cells["note"]) == (
            "6 GW", "Made up anew", "mine",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("came", "columns"),
    [
        ({"eps": "-1.49", "eps_basis": "GAAP diluted"}, []),  # its consensus is not known
        ({"eps_consensus": "0.1", "eps_basis": "GAAP diluted"}, []),
        ({"eps": "-1.49", "eps_consensus": "0.1", "eps_basis": "GAAP diluted"},
         ["eps", "eps_consensus", "eps_basis"]),
        ({"eps": "0.31", "eps_basis": "normalised"}, ["eps"]),
    ],
)  # fmt: skip
def test_eps_does_not_come_beside_a_consensus_of_another_basis(checkout, came, columns):
    report = {
        "symbol": "ACME", "published_at": "2025-06-24T16:05:00-04:00", "precision": "minute",
        "headline": "Made up", "source_url": "https://example.org/new",
        "retrieved_at": "2025-07-20T00:00:00+00:00",
    }  # fmt: skip
    filed = {"eps": "0.30", "eps_consensus": "0.20", "eps_basis": "normalised"}
    add_rows(checkout.workspace, Earnings, [report | filed], reason="made up").make()
    terms = {"same": lambda *_: False, "reason": "fetched", "accept": True}
    edit, differences = update(checkout.workspace, Earnings, [report | came], **terms)
    assert [one.column for one in differences] == columns
    assert bool(edit.diff) is bool(columns)


@pytest.mark.parametrize("accept", [False, True])
def test_what_is_on_file_as_it_was_fetched_stays_with_its_time_of_retrieval(checkout, accept):
    add(checkout, row(figures="5 GW")).make()
    later = row("Another", figures="", retrieved_at="2025-08-01T00:00:00+00:00")
    edit, differences = fetched(checkout, later, accept=accept)
    assert (differences, bool(edit.diff)) == ([], False)


def test_after_a_row_that_is_new_others_are_still_looked_at(checkout):
    add(checkout, row(figures="5 GW")).make()
    new = row("New", published_at="2025-06-25T16:05:00-04:00")
    edit, differences = fetched(checkout, new, row(figures="6 GW"), row(figures="7 GW"))
    assert [one.new for one in differences] == ["6 GW", "7 GW"]
    assert [one["headline"] for one in edit.diff.added.values()] == ["New"]


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({}, ("https://example.org/old", "https://example.org/new")),
        ({"source_url_2": "https://example.org/2"},
         ("https://example.org/old", "https://example.org/2")),
        ({"source_url": "https://example.org/new"}, ("https://example.org/new", "")),
        ({"source_url": ""}, ("https://example.org/new", "")),
    ],
)  # fmt: skip
def test_the_source_of_a_difference_is_kept_where_there_is_room(checkout, cells, columns):
    known = {"source_url": "https://example.org/old", "figures": "5 GW", **cells}
    add(checkout, row(**known)).make()
    later = row(figures="6 GW", retrieved_at="2025-08-01T00:00:00+00:00")
    fetched(checkout, later, accept=True)[0].make()
    found = lines(checkout)[2].cells
    assert (found["source_url"], found.get("source_url_2", "")) == columns
    assert found["retrieved_at"] == "2025-08-01T00:00:00+00:00"


def test_an_event_of_the_same_time_and_headline_is_the_same_whatever_was_edited(checkout):
    add(checkout, row(category="contract")).make()
    edit, (difference,) = fetched(checkout, row(category="other"), same=lambda *_: False)
    assert not edit.diff
    assert (difference.old, difference.new) == ("contract", "other")


def test_a_row_that_breaks_the_format_is_refused_with_its_source(checkout):
    with pytest.raises(DataError, match=r"from https://example\.org/new is no news: column cat"):
        fetched(checkout, row(category="Big"))
    with pytest.raises(DataError, match="fetched from the source is no news"):
        fetched(checkout, row(category="Big", source_url=""))


def test_a_diff_is_one_where_rows_or_cells_differ():
    one, other = {"a": {"x": "1"}}, {"a": {"x": "2"}}
    assert not diff_rows(one, one)
    for pair in ((one, {}), ({}, one), (one, other)):
        assert diff_rows(*pair)


# As people write them


def test_a_file_as_people_write_it_becomes_what_is_filed(checkout):
    path = checkout.root / NEWS_FILE
    first = "ACME,2025-06-24 before open,session,By hand,contract,mine"
    path.write_text(f"{NEWS.splitlines()[0]}\r\n{first}\r\n{NEWS.splitlines()[1]}\r\n", newline="")
    seal_events(checkout.workspace, News, None)
    assert path.read_bytes().decode().split("\r\n")[:2] == [
        NEWS.splitlines()[0], "ACME,2025-06-24T09:00:00-04:00,session,By hand,contract,mine",
    ]  # fmt: skip
    assert lines(checkout)[0].event.headline == "By hand"


def test_a_file_as_it_is_filed_is_left_alone(checkout):
    file = open_data_file(checkout.root / NEWS_FILE)
    assert as_filed(file) is file


@pytest.mark.parametrize(
    "wrong", ["ACME,2025-06-24,minute,By hand,contract,\n", "ACME,2025-06-24 before open,,By\n"]
)
def test_a_file_with_a_row_that_is_wrong_is_left_for_the_check_of_rows(checkout, wrong):
    good = "ACME,2025-06-24 before open,,By hand,contract,\n"
    path = checkout.write(NEWS_FILE, NEWS + good + wrong, sealed=False)
    file = open_data_file(path)
    assert as_filed(file) is file


def test_seal_names_its_source_and_days(checkout):
    seal_events(checkout.workspace, News, "another")
    metadata = checkout.root / "data/events/news.meta.json"
    assert '"source": "another"' in metadata.read_text()
    assert '"first": "2025-06-12"' in metadata.read_text()
    seal_events(checkout.workspace, News, None)
    assert '"source": "another"' in metadata.read_text()


@pytest.mark.parametrize(
    ("text", "precision", "stamp"),
    [
        ("2025-06-24 before open", "", ("2025-06-24T09:00:00-04:00", "session")),
        ("2025-12-24 after close", "session", ("2025-12-24T23:59:59-05:00", "session")),
        ("2025-06-24 16:05 New York", "exact", ("2025-06-24T16:05:00-04:00", "exact")),
        ("2025-06-24 00:00 New York", "exact", ("2025-06-24T00:00:00-04:00", "exact")),
        ("2025-11-02 01:30 New York", "minute", ("2025-11-02T01:30:00-05:00", "minute")),
        ("2025-03-09 02:30 New York", "minute", ("2025-03-09T02:30:00-05:00", "minute")),
        ("2025-06-24", "week", ("2025-06-24T23:59:59-04:00", "week")),
        ("2025-06-24T16:05Z", "exact", ("2025-06-24T16:05Z", "exact")),
        ("soon", "", ("soon", "")),
    ],
)
def test_forms_of_a_time(text, precision, stamp):
    assert parse_time(text, precision) == stamp


@pytest.mark.parametrize(
    ("text", "precision", "told"),
    [
        ("2025-06-24", "", "say with precision whether it is a date, week or month"),
        ("2025-06-24", "session", "write '2025-06-24 before open' or '2025-06-24 after close'"),
        (
            "2025-06-24",
            "exact",
            "precision exact needs a time, such as '2025-11-10 16:05 New York'",
        ),
        ("2025-06-24 before open", "exact", "is known by the session, not by precision exact"),
        ("2025-02-30", "date", "'2025-02-30' is no time: day is out of range"),
        ("2025-06-24 25:00 New York", "exact", "is no time: hour must be in 0..23"),
    ],
)
def test_times_of_a_wrong_form(text, precision, told):
    with pytest.raises(ValueError, match="is") as caught:
        parse_time(text, precision)
    assert told in str(caught.value)


def test_a_prepared_row_has_a_source_and_a_time_of_retrieval():
    cells = row()
    assert prepare_row(News, cells)["retrieved_at"] == cells["retrieved_at"]
    del cells["retrieved_at"], cells["source_url"]
    made = prepare_row(News, cells, "https://example.org/all")
    assert made["source_url"] == "https://example.org/all"
    assert made["retrieved_at"].endswith("+00:00")
    assert "." not in made["retrieved_at"]  # to the second
    own = prepare_row(News, {**cells, "source_url": "https://example.org/own"}, "https://x.org")
    assert own["source_url"] == "https://example.org/own"
    assert prepare_row(News, {**cells, "source_url": "Unknown"})["source_url"] == ""
    with pytest.raises(ValueError, match="column source_url: is empty; name the address"):
        prepare_row(News, cells)
    with pytest.raises(ValueError, match="no field of news 'titel'"):
        prepare_row(News, {**row(), "titel": "x"})


@pytest.mark.parametrize(
    ("cells", "name", "told"),
    [
        ({"published_at": "2025-06-24"}, "published_at", ""),  # its precision comes next
        ({"published_at": "2025-06-24", "precision": "exact"}, "precision", "is a day alone; prec"),
        ({"published_at": "2025-02-30"}, "published_at", "'2025-02-30' is no time"),
        ({"symbol": "acme"}, "symbol", "'acme': does not fit the pattern"),
        ({"symbol": "ACME"}, "symbol", ""),
        ({"symbol": "acme", "grade": "A"}, "grade", ""),
    ],
)
def test_what_is_wrong_with_one_field_of_a_row_that_is_not_complete(cells, name, told):
    fault = field_fault(News, cells, name)
    assert bool(fault) is bool(told)
    assert told in fault


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"symbol": "acme"}, r"; write it as in CRWV"),
        ({"period": "Q1"}, r"; write it as in 2025Q3"),
        ({"published_at": "2025-06-24 16:05 New York"}, "is no time; write 2025-06-24T16:05:00-04"),
        ({"published_at": "yesterday"}, "is no time; write one such as 2025-11-10T16:05:00-05:00"),
        ({"headline": ""}, "column headline: is empty; a value is needed"),
    ],
)
def test_a_fault_says_how_the_cell_is_written(cells, told):
    good = {"symbol": "ACME", "published_at": "2025-06-24T16:05Z", "precision": "exact",
            "headline": "x"}  # fmt: skip
    event, (fault,) = check_row(Earnings, {**good, **cells})
    assert event is None
    assert told in fault


def test_other_patterns_have_no_example():
    _, (fault,) = check_row(News, row(category="Big"))
    assert fault.endswith("does not fit the pattern ^[a-z_]+$")


@pytest.mark.parametrize(
    ("text", "is_bare"),
    [
        (" 2025-06-24 ", True),
        ("2025-06-24 before open", False),
        ("2025-06-24 16:05 New York", False),
        ("2025-06-24T16:05Z", False),
        ("soon", False),
    ],
)
def test_a_day_alone_has_neither_a_half_nor_a_clock(text, is_bare):
    assert is_bare_day(text) is is_bare
