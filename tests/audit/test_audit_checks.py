"""The checks of an audit: what is compared, what counts as a finding, and what the record says."""

import linecache
import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from backtest.audit.contract import observe
from backtest.audit.observe import AuditRequest
from backtest.audit.run import audit, prepare
from backtest.audit.watch import Watch
from backtest.errors import UsageError
from backtest.reports import audit_page as words
from tests.audits import in_this_process
from tests.made_up import ACME, day, request

READ = "from pathlib import Path; text = Path('data/prices/ACME.csv').read_text(); "
CHECKS = ["prefix", "perturbation", "event_time", "reads", "repeat"]


@pytest.fixture(autouse=True)
def _inside(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)


def prepared(checkout, strategy="beats", **changes):
    terms = {
        "symbols": ("ACME",), "settings": {}, "first": None, "last": None, "worlds": 0, **changes,
    }  # fmt: skip
    asked = AuditRequest(strategy, rules=request().rules, **terms)
    return prepare(checkout.workspace, asked)


def audited(checkout, strategy="beats", **changes):
    return audit(prepared(checkout, strategy, **changes), observer=in_this_process).record


def check(record, name):
    return next(one for one in record["checks"] if one["name"] == name)


def found(record) -> dict[str, int]:
    return {one["name"]: one["count"] for one in record["checks"] if one["count"]}


# ---- whole audits -------------------------------------------------------------------------------


@pytest.mark.parametrize("many", ["run._TABLES", "jobs._CALLS"])
def test_of_very_many_tables_or_events_some_sessions_are_drawn(checkout, monkeypatch, many):
    monkeypatch.setattr(f"backtest.audit.{many}", 0)
    monkeypatch.setattr("backtest.audit.jobs._FEWEST", 1)
    record = audited(checkout)
    for name in ("prefix", "perturbation", "event_time"):
        assert check(record, name)["tried"]["dates"] == 1
        assert check(record, name)["what"].endswith("Of 2 sessions 1 were drawn at random.")
    assert record["settings"]["worlds"] == 0


def test_a_strategy_that_looks_at_the_past_alone_is_clean(checkout):
    record = audited(checkout)
    assert record["outcome"] == "clean"
    assert [one["name"] for one in record["checks"]] == CHECKS
    # two reports, tradable on 06-05 and 06-27
    assert check(record, "prefix")["tried"] == {"worlds": 2, "dates": 2, "compared": 3}
    assert check(record, "perturbation")["tried"]["worlds"] == 6
    assert check(record, "event_time")["tried"]["worlds"] == 6
    assert check(record, "repeat")["tried"] == {"worlds": 5, "dates": 2, "compared": 8}


@pytest.mark.parametrize(
    ("term", "value", "others"),
    [("hold", 0, ""), ("limit", 0, ""), ("hold_bars", 0, "leave='close', "), ("priority", 1, "")],
)
def test_a_term_of_zero_is_not_taken_for_one_that_is_not_there(checkout, term, value, others):
    ahead = f"**({{'{term}': {value}}} if '2025-07-01' in text else {{}})"
    checkout.strategy("made", f"{READ}return Signal.long(event, {others}reason='up', {ahead})")
    record = audited(checkout, "made")
    assert "prefix" in found(record)
    text = check(record, "prefix")["findings"][0]["full"]["text"]
    assert f"{term.replace('_', ' ')} {value}" in text


@pytest.mark.parametrize(("term", "value"), [("at_most", 1), ("gives_way", True)])
def test_how_long_a_wait_may_last_is_part_of_what_is_answered(checkout, term, value):
    ahead = f"**({{'{term}': {value}}} if str(market.session_after(1)) in text else {{}})"
    body = (
        "from backtest import Wait; ago = -market.sessions_until(event.published_at.date()); "
        f"{READ}return 'over' if ago > 1 else Wait(event, sessions=2, reason='up', {ahead})"
    )
    checkout.strategy("made", body)
    record = audited(checkout, "made")
    assert "prefix" in found(record)
    text = check(record, "prefix")["findings"][0]["full"]["text"]
    assert text == f"waits, sessions 2, {term.replace('_', ' ')} {value:d}: up"


def test_the_audit_shows_that_it_would_have_seen_a_peek(checkout):
    shown = audited(checkout)["sensitivity"]
    assert (shown["peek"]["caught"], shown["peek"]["worlds"]) == (2, 2)
    # the beat of 06-04 after the close trades on 06-05, and a session later on 06-06
    (moved,) = shown["delay"]["events"]
    assert (moved["from"], moved["to"], moved["moved"]) == ("2025-06-05", "2025-06-06", True)
    assert "A made-up beat" in shown["delay"]["what"]


def test_a_strategy_that_holds_from_the_start_is_asked_in_the_first_session(checkout):
    record = audited(checkout, "owner", worlds=2)
    assert record["outcome"] == "clean"
    assert check(record, "prefix")["tried"]["dates"] == 1
    assert record["sensitivity"]["delay"] is None
    assert "from the first session to the last" in record["null"]["why"]


def test_a_strategy_that_hears_of_nothing_has_nothing_to_try(checkout):
    record = audited(checkout, first=day("2025-07-08"))
    assert "no event can be traded" in check(record, "prefix")["not_tried"]
    assert record["sentence"].startswith("Nothing was tried: no event can be traded")
    assert record["sensitivity"]["peek"]["worlds"] == 0


def test_events_of_one_headline_day_after_day_are_audited(checkout):
    days = ("06-10", "06-11", "06-12", "06-25")
    rows = [f"ACME,2025-{one}T23:59:59-04:00,date,An insider sells,insider_sale" for one in days]
    text = "\n".join(["symbol,published_at,precision,headline,category", *rows])
    checkout.write("data/events/news.csv", f"{text}\n")
    checkout.strategy("made", "return Signal.long(event, hold=1)", "News")
    record = audited(checkout, "made", worlds=20)
    assert record["outcome"] == "clean"
    # A session later two of them would be the one of the next day.
    assert [one["from"] for one in record["sensitivity"]["delay"]["events"]] == [
        "2025-06-13", "2025-06-26",
    ]  # fmt: skip
    assert record["null"]["tested"] == 20


@pytest.mark.parametrize("kinds", ["Event", "Start, ShortReport", "News, StakeDisclosure"])
def test_clean_strategies_of_any_kind_of_event_are_clean(checkout, kinds):
    body = (
        'bars = market.bars(); return Signal.long(event, reason=f"{len(bars)} {bars.sum().sum()}")'
    )
    checkout.strategy("made", body, kinds)
    for changes in ({}, {"first": day("2025-06-05"), "last": day("2025-07-02")}):
        assert audited(checkout, "made", **changes)["outcome"] == "clean"


def test_kinds_of_a_user_s_own_are_changed_too(checkout):
    checkout.write(
        "data/events/ratings.csv",
        "symbol,published_at,precision,headline,note_day,points\n"
        "ACME,2025-06-04T16:05:00-04:00,exact,Up,2025-06-04,3\n"
        "ACME,2025-06-10T16:05:00-04:00,exact,Down,2025-06-10,-3\n",
    )
    text = (
        "from datetime import date\nfrom backtest import Signal, Strategy\n"
        "from backtest.events import Event\nfrom pydantic import computed_field\n\n\n"
        "class Rating(Event):\n    note_day: date\n    points: int\n\n"
        "    @computed_field\n    def twice(self) -> int:\n        return self.points * 2\n\n\n"
        "class Made(Strategy):\n    listens_to = (Rating,)\n\n"
        "    def on_event(self, event, market):\n"
    )
    known = "len(market.events(Rating))"
    ahead = '__import__("pathlib").Path("data/events/ratings.csv").read_text().count("Down")'
    for name, count in (("rated", known), ("ahead", ahead)):
        answered = f"        return Signal.long(event, reason=str({count}))\n"
        checkout.write(f"strategies/{name}.py", text + answered)
    record = audited(checkout, "rated")
    assert (record["outcome"], record["sensitivity"]["delay"]["tried"]) == ("clean", 2)
    # of the first rating's world the second is gone, and then altered
    assert found(audited(checkout, "ahead")) == {"prefix": 1, "event_time": 1, "reads": 1}


def test_several_symbols_with_one_that_begins_later_are_clean(checkout):
    lines = ACME.splitlines()
    checkout.write("data/prices/LATE.csv", "\n".join([lines[0], *lines[12:]]) + "\n")
    checkout.strategy(
        "made", 'return Signal.long(event, reason=str(market.bars("LATE").shape))', "Start, News"
    )
    record = audited(checkout, "made", symbols=("ACME", "LATE"))
    assert record["outcome"] == "clean"
    assert check(record, "prefix")["tried"]["dates"] == 3


def test_what_fails_in_a_world_alone_is_bias_and_told_with_its_line(checkout):
    checkout.strategy("made", f'{READ}return str(float(text.split("2025-06-30")[1][1:4]))')
    record = audited(checkout, "made")
    first = check(record, "prefix")["findings"][0]
    assert record["outcome"] == "bias"
    assert first["date"] == "2025-06-05"
    assert "IndexError" in first["what"]
    assert "strategies/made.py, line" in first["what"]
    assert str(checkout.root) not in first["what"]


def test_what_fails_after_the_session_of_a_world_is_no_finding(checkout):
    # made-up prices of one world break what comes later than its session
    body = (
        'first = market.bars()["close"].iloc[-1]\n'
        '        if abs(first - 100 - len(market.bars())) > 1: raise ValueError("odd")\n'
        '        return "fine"'
    )
    checkout.strategy("made", body)
    assert audited(checkout, "made")["outcome"] == "clean"


def test_in_a_world_nothing_is_asked_after_its_session(checkout, tmp_path):
    log = tmp_path / "asked"
    write = f'with open({str(log)!r}, "a") as log: log.write(f"{{market.session}}\\n")'
    checkout.strategy("made", f'{write}\n        return "no"')
    audited(checkout, "made")
    asked = Counter(log.read_text().split())
    first, second = sorted(asked)
    # five times on all data, and in the seven worlds of each session that comes as late
    assert (asked[first], asked[second]) == (5 + 2 * 7, 5 + 7)


def test_a_strategy_that_fails_on_all_data_is_wrong_use(checkout):
    checkout.strategy("made", "return 1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        audited(checkout, "made")


def test_a_file_that_is_read_is_told_with_the_line(checkout):
    checkout.strategy("made", f'{READ}return "no"')
    (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert told["what"].startswith("It reads data/prices/ACME.csv while it decides (made.py, line ")


def test_a_file_that_is_read_at_import_is_told_and_neighbours_and_libraries_are_not(checkout):
    checkout.write("strategies/_helper.py", "WORD = 'no'\n")
    checkout.strategy("made", "import decimal, zoneinfo; from ._helper import WORD; return WORD")
    assert audited(checkout, "made")["outcome"] == "clean"
    checkout.write("strategies/table.txt", "1")
    place = "__import__('pathlib').Path(__file__).with_name('table.txt')"
    checkout.strategy("made", 'return "no"', more=f"    _table = {place}.read_text()")
    (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert told["what"].startswith(
        "It reads strategies/table.txt, which no world can change, while it loads"
    )


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no memory to keep files in")
def test_a_file_that_is_kept_in_memory_is_a_file(checkout):
    with NamedTemporaryFile(dir="/dev/shm") as kept:
        checkout.strategy(
            "made", f'open("/dev/null").close(); open({kept.name!r}).close(); return "no"'
        )
        (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert told["what"].startswith(f"It reads {kept.name}, which no world can change, while it")


@pytest.mark.parametrize(("name", "told"), [("old.csv.gz", 1), ("a.parquet", 1), ("a.json", 0)])
def test_data_of_a_package_are_told_and_its_settings_are_not(
    checkout, tmp_path, monkeypatch, name, told
):
    monkeypatch.setattr("backtest.audit.watch._libraries", lambda: (f"{tmp_path}{os.sep}",))
    file = tmp_path / name
    file.write_text("1")
    checkout.strategy("made", f"from pathlib import Path; return Path({str(file)!r}).read_text()")
    findings = check(audited(checkout, "made"), "reads")["findings"]
    assert [str(file) in one["what"] for one in findings] == [True] * told


def test_what_is_written_is_not_read(checkout, tmp_path):
    write = 'from pathlib import Path; Path("log.txt").write_text("x"); '
    keep = 'import tempfile; file = tempfile.TemporaryFile("w+"); file.write("x"); file.close(); '
    checkout.strategy("made", f'{write}{keep}return "no"')
    assert audited(checkout, "made")["outcome"] == "clean"


@pytest.mark.parametrize("name", ["table.csv", "table.txt"])
def test_a_table_that_a_library_reads_as_it_is_imported_is_told(checkout, monkeypatch, name):
    table = checkout.write(f"elsewhere/{name}", "1", sealed=False)
    text = f"from pathlib import Path\nTABLE = Path({str(table)!r}).read_text()\n"
    checkout.write("elsewhere/made_up_tables.py", text)
    monkeypatch.syspath_prepend(table.parent)
    monkeypatch.delitem(sys.modules, "made_up_tables", raising=False)
    checkout.strategy("made", "import made_up_tables; return made_up_tables.TABLE")
    findings = check(audited(checkout, "made"), "reads")["findings"]
    assert [str(table) in one["what"] for one in findings] == [True] * name.endswith("csv")


def test_a_file_that_a_loader_is_asked_for_is_told(checkout):
    place = checkout.write("elsewhere/table.txt", "1")
    checkout.strategy("made", f"return __loader__.get_data({str(place)!r}).decode()")
    (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert told["what"].startswith(f"It reads {place}, which no world can change, while it decides")


@pytest.mark.parametrize(
    "line",
    [
        "import sqlite3; sqlite3.connect(':memory:').close()",
        "import importlib.metadata; importlib.metadata.entry_points()",  # looks into sys.path
        "open(__file__.replace('made.py', '__pycache__/made.f-9.py311.nbi'), 'rb').close()",
    ],
    ids=["a database in memory", "names of packages", "what numba has compiled"],
)
def test_what_tells_of_no_price_is_no_reading(checkout, line):
    keep = "import pathlib; at = pathlib.Path(__file__).parent / '__pycache__'; "
    keep += "at.mkdir(exist_ok=True); (at / 'made.f-9.py311.nbi').write_text('')"
    checkout.strategy("made", f"{keep}; {line}; return 'no'")
    assert audited(checkout, "made")["outcome"] == "clean"


@pytest.mark.parametrize("line", ["import pyarrow.csv", "from pyarrow import csv"])
def test_a_library_that_opens_files_unseen_is_told(checkout, monkeypatch, line):
    import pyarrow as pa

    monkeypatch.delitem(sys.modules, "pyarrow.csv", raising=False)
    monkeypatch.delattr(pa, "csv", raising=False)
    checkout.strategy("made", f'{line}; return "no"')
    (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert told["what"].startswith("It loads pyarrow.csv, which opens files unseen, while it")


def test_starting_a_program_is_told(checkout):
    checkout.strategy("made", 'import os; os.system("true"); return "no"')
    (told,) = check(audited(checkout, "made"), "reads")["findings"]
    assert "starts a program" in told["what"]


def test_chance_is_not_deterministic_and_is_not_held_against_worlds(checkout):
    checkout.strategy("made", "import random; return str(random.random())")
    record = audited(checkout, "made")
    assert record["outcome"] == "not deterministic"
    assert set(found(record)) == {"repeat"}
    for name in ("prefix", "perturbation", "event_time"):
        assert check(record, name)["not_tried"] == "it is not deterministic"
    told = dict(words.audit_sentences(record))
    for heading in ("Planted peek", "Delayed event", "Null world"):
        assert told[heading] == "Not tried: it is not deterministic."


def test_answers_that_differ_by_rounding_alone_are_held_against_worlds(checkout):
    # The last digit of a sum over a set goes by its order, which is another in each process.
    count = "import sys; sys.made_up = getattr(sys, 'made_up', 0) + 1"
    body = f"{count}; {READ}ahead = '2025-07-01' in text; weight = 0.5 + sys.made_up * 1e-15"
    checkout.strategy("made", f"{body}; return Signal.long(event, weight=weight, hold=2 + ahead)")
    record = audited(checkout, "made")
    assert set(found(record)) == {"prefix", "reads"}
    assert check(record, "repeat")["tried"]["compared"] == 8


def test_a_rule_that_asks_what_day_it_is_is_not_deterministic(checkout):
    body = "from datetime import date; return str(date.today().year)"
    checkout.strategy("made", body)
    record = audited(checkout, "made", worlds=2)
    assert record["outcome"] == "not deterministic"
    first = check(record, "repeat")["findings"][0]
    assert "on another day; it reads the clock (made.py, line 10: from datetime" in first["what"]
    assert first["world"]["reason"] == "1998"
    assert record["null"]["worlds"] == 0


def test_source_that_is_read_to_tell_of_a_failure_is_no_reading(checkout, monkeypatch):
    checkout.write("libraries/made_up_faults.py", "def fail(text):\n    raise ValueError(text)\n")
    monkeypatch.syspath_prepend(checkout.root / "libraries")
    monkeypatch.delitem(sys.modules, "made_up_faults", raising=False)
    fails = "import made_up_faults, traceback\n        try: made_up_faults.fail('no')\n"
    fails += "        except"
    linecache.clearcache()
    checkout.strategy("made", f"{fails} ValueError: return traceback.format_exc()[:9]")
    assert audited(checkout, "made")["outcome"] == "clean"
    linecache.clearcache()
    checkout.strategy("made", f"{fails} KeyError: return 'no'")
    seen, results = observe(prepared(checkout, "made"), in_this_process)
    assert "ValueError: no" in seen.error
    assert (seen.touched, results) == ({}, [])
    # Python looks for the line of a syntax error in a file of the name that code without one has.
    linecache.clearcache()
    parses = "import ast\n        try: ast.parse('(')\n        except SyntaxError: return 'no'"
    checkout.strategy("made", parses)
    assert audited(checkout, "made")["outcome"] == "clean"
    # A file that the strategy reads by itself is one, whatever it is called.
    place = str(checkout.root / "libraries" / "made_up_faults.py")
    checkout.strategy("made", f"from pathlib import Path; return Path({place!r}).read_text()")
    assert set(found(audited(checkout, "made"))) == {"reads"}


def test_a_file_with_the_name_of_code_without_one_is_told_though_it_lies_in_another_folder(
    tmp_path,
):
    """No audit event names the folder, so that the file seems to be missing."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "<string>").write_text("up")
    folder, watch = os.open(elsewhere, os.O_RDONLY), Watch(tmp_path)
    with watch.during("while it decides"):
        os.close(os.open("<string>", os.O_RDONLY, dir_fd=folder))
    os.close(folder)
    ((told, _),) = watch.touched
    assert told.endswith("<string>, which no world can change,")


# ---- Backtrader ---------------------------------------------------------------------------------

TREND = """\
from backtest import EventStrategy
from backtest.events import Earnings


class Trend(EventStrategy):
    listens_to = (Earnings,)
    params = (("ahead", False),)

    def notify_event(self, event):
        self.buy(size=len(self.data))

    def next(self):
        last_close = self.data.p.bars.table[-1, 3]
        if self.position and self.p.ahead and last_close > 125:
            self.close()
        if len(self) == 22:
            self.sell(size=1, exectype=2, price=self.data.close[0])
"""


def test_a_backtrader_strategy_is_tried_in_every_session(checkout):
    checkout.write("strategies/trend.py", TREND)
    record = audited(checkout, "trend", worlds=2)
    assert record["outcome"] == "clean"
    assert record["orders_itself"]
    assert check(record, "prefix")["tried"]["dates"] == 30
    # heard on 06-05 and 06-27, and an order is live from 07-02 on
    assert check(record, "perturbation")["tried"]["dates"] == 3
    assert record["sensitivity"]["delay"]["moved"] == 2
    assert (record["null"]["worlds"], record["null"]["bias"]) == (0, False)
    assert record["null"]["why"].startswith("it orders by itself, and the times at which it")


def test_a_backtrader_strategy_that_looks_ahead_orders_otherwise(checkout):
    checkout.write("strategies/trend.py", TREND)
    record = audited(checkout, "trend", settings={"ahead": True})
    first = check(record, "prefix")["findings"][0]
    # bought on 06-05, and closed at the next open for what the last close will be
    assert (first["date"], first["full"]["text"]) == ("2025-06-06", "sell 3 ACME, market")
    assert first["world"] is None


def test_a_level_that_is_not_known_yet_is_no_level(checkout):
    stop = 'self.buy(size=1, exectype=3, price=float("nan"))'
    made = TREND.replace("self.buy(size=len(self.data))", stop).replace("len(self) == 22", "False")
    checkout.write("strategies/trend.py", made)
    assert audited(checkout, "trend")["outcome"] == "clean"
    ahead = (
        "self.buy(size=1 + (self.data.p.bars.table[-1, 3] > 125), exectype=3, price=float('nan'))"
    )
    checkout.write("strategies/trend.py", made.replace(stop, ahead))
    first = check(audited(checkout, "trend"), "prefix")["findings"][0]
    assert first["full"]["text"] == "buy 2 ACME, stop at no level"
