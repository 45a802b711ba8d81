"""The contract of strategies: each check fails for what breaks it, and for nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from pydantic import Field

from backtest.audit.contract import check
from backtest.audit.declared import TITLES, ContractResult, Report, all_results, check_parameters
from backtest.audit.questions import example_event, variants
from backtest.data.kinds import FILED_KINDS, Earnings, Event, News, Start
from backtest.data.versions import seal
from backtest.errors import UsageError
from backtest.strategy.loading import find_strategy
from backtest.testing import ask, check_strategy
from backtest.workspace.folders import find_workspace
from tests.audit.market import make_market
from tests.audits import in_this_process
from tests.golden.goldens import OF_US_LARGE, ROOT

HOLD = '    hold: int = Field(3, ge=1, description="sessions")\n'
LONG = "return Signal.long(event, hold=3, reason='a report')"
PEEK = """\
import sys
        frame = sys._getframe()
        while frame and "history" not in frame.f_locals:
            frame = frame.f_back
        if frame is None:
            return "nothing to be seen"
        today = frame.f_locals["history"][event.symbol].table.loc[str(market.session)]
        return Signal.long(event) if today["close"] > today["open"] else "a bad day"
"""
AGE = """\
from datetime import UTC, datetime
        age = (datetime.now(UTC) - event.published_at).days
        return "old" if age > 300 else "young"
"""
REMEMBERS = "SEEN.append(event.id)\n        return f'{len(SEEN)} seen'"
# By the check that fails: the body of `on_event`, and what stands before it in the class.
BROKEN = {
    "parameters": (LONG, '    hold: int = Field(0, ge=1, description="sessions")\n'),
    "frozen": (LONG, '    model_config = {"frozen": False}\n'),
    "answers": ("return Signal.long(event) if event.eps > 0 else 'a loss'", HOLD),
    "terms": (
        "return Signal.long(event, hold=min(self.hold, 20), reason='a report')",
        f'    signal_terms = ("hold",)\n{HOLD}',
    ),
    "bounded": ("return Signal.long(event, weight=2)", HOLD),
    "pure": (f"open(__file__ + '/../../of_mine.txt').close()\n        {LONG}", HOLD),
    "deterministic": (REMEMBERS, HOLD),
    "peeking": (PEEK, HOLD),
}


@pytest.fixture
def market(tmp_path, monkeypatch):
    """A made-up checkout with 60 sessions, which is the working folder too."""
    monkeypatch.chdir(tmp_path)
    return make_market(tmp_path)


def checked(checkout, name="tried", symbol="ACME", **settings) -> Report:
    return check(
        checkout.workspace, name, symbols=[symbol], settings=settings, observer=in_this_process
    )


def result(report: Report, name: str) -> ContractResult:
    return next(one for one in report.results if one.name == name)


def write(market, body: str, more: str = HOLD, listens_to: str = "Earnings") -> None:
    path = market.strategy("tried", body, listens_to, more)
    path.write_text("SEEN = []\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def test_what_fails_in_another_process_alone_is_told(market):
    fails = "if os.environ['PYTHONHASHSEED'] == '2':\n            raise KeyError(event.id)"
    write(market, f"import os\n        {fails}\n        {LONG}")
    report = check(market.workspace, "tried", symbols=["ACME"])
    assert report.failed == ("answers",)
    assert "KeyError" in result(report, "answers").what


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_fails_its_check_and_no_other(market, name):
    body, more = BROKEN[name]
    mine = market.write("of_mine.txt", "mine")
    write(market, body.replace("__file__ + '/../../of_mine.txt'", repr(str(mine))), more)
    report = checked(market)
    assert report.failed == (name,)
    assert report.exit_code == (4 if name == "peeking" else 2)
    assert TITLES[name] in report.sentence


def test_a_sound_strategy_keeps_it(market):
    write(market, LONG)
    report = checked(market)
    assert {one.outcome for one in report.results} == {"ok"}
    assert report.exit_code == 0
    assert "5 can be traded in ACME" in result(report, "listens").what


STOP = '    stop: float | None = Field(0.1, gt=0, lt=1, description="a fraction")\n'
TERMS = f'    signal_terms = ("hold", "stop")\n{HOLD}{STOP}'


@pytest.mark.parametrize(
    "body",
    [
        "return Signal.long(event, hold=self.hold, stop=self.stop, reason='a report')",
        "return Signal.short(event, hold=self.hold, reason='no stop for shorts')",
        "return 'never'",
    ],
)
def test_terms_that_are_handed_on_keep_it(market, body):
    write(market, body, TERMS)
    found = result(checked(market), "terms")
    assert found.outcome == "ok"
    assert found.what.startswith("hold, stop: handed on and no more, in ")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return Signal.long(event, hold=self.hold) if self.hold < 20 else 'no'", "hold is in"),
        ("return Signal.long(event, hold=self.hold, reason=f'{self.stop}')", "stop is in"),
        ("return Signal.long(event, stop=self.stop / 2 if self.stop else None)", "stop is in"),
        ("return f'held {self.hold}'", "hold is in"),
        ("return Signal.long(event, hold=self.hold + 0 // (self.hold - 40))", "hold is in"),
        ("return 'no' if self.hold == 10 else Signal.long(event, hold=self.hold)", "hold is in"),
        ("return Signal.long(event, hold=min(self.hold, 200))", "hold is in"),
        ("return 'no' if self.stop == 0.2 else Signal.long(event, stop=self.stop)", "stop is in"),
    ],
)
def test_a_term_that_does_more_is_told_with_its_event(market, body, told):
    write(market, body, TERMS)
    report = checked(market)
    found = result(report, "terms")
    assert "terms" in report.failed
    assert found.what.startswith(told)
    assert "the answer to “" in found.what
    assert "class Made(Strategy)" in found.where


def test_what_does_not_load_is_told_with_its_line_and_no_more_is_tried(market):
    market.write("strategies/tried.py", "from backtest import Strategy\nclass Tried(Strategy:\n")
    report = checked(market)
    assert report.failed == ("loads",)
    assert result(report, "loads").where == "line 2: class Tried(Strategy:"
    assert {one.outcome for one in report.results[1:]} == {"not tried"}


def test_one_that_listens_to_nothing_fails(market):
    write(market, LONG, listens_to="")
    market.edit("strategies/tried.py", "listens_to = (,)", "listens_to = ()")
    report = checked(market)
    assert report.failed == ("listens",)
    assert "class Made" in result(report, "listens").where


COMPUTES = (
    "    @pydantic.computed_field\n    def twice(self) -> float: return 2 * (self.cost or 0)\n"
)
HOLDS_A_DAY_AGAINST_THE_TIME = """\
    due: "datetime.date"
    @pydantic.model_validator(mode="after")
    def near(self):
        assert abs((self.published_at.date() - self.due).days) < 150
        return self
"""


@pytest.mark.parametrize("more", ["", COMPUTES, HOLDS_A_DAY_AGAINST_THE_TIME])
def test_a_kind_without_its_file_fails_and_the_rest_is_tried_on_made_up_events(market, more):
    path = market.strategy("tried", LONG, "Launch")
    text = path.read_text(encoding="utf-8")
    kind = f"class Launch(Event):\n    cost: float | None = None\n{more}\n\nclass Made"
    text = f"import datetime, pydantic\n{text.replace('class Made', kind)}"
    path.write_text(text, encoding="utf-8")
    report = checked(market)
    assert report.failed == ("listens",)
    assert "data/events/launchs.csv is missing" in result(report, "listens").what
    assert result(report, "peeking").outcome == "ok"


def test_the_line_at_fault_is_told(market):
    write(market, *BROKEN["parameters"])
    where = result(checked(market), "parameters").where
    assert where.startswith("tried.py, line 9: hold: int = Field(0")
    write(market, *BROKEN["answers"])
    told = result(checked(market), "answers")
    assert "TypeError" in told.what
    assert "every optional field unknown" in told.what
    assert told.where.startswith("tried.py, line 12: return Signal.long(event) if event.eps")
    write(market, *BROKEN["bounded"])
    assert "on_event" in result(checked(market), "bounded").where


@pytest.mark.parametrize(
    ("field", "outcome", "told"),
    [
        ("hold: int = Field(3, description='sessions')", "warning", "hold: a number without"),
        ("hold: int = Field(3, ge=1)", "failed", "hold: no description"),
        ("hold: object = Field(3, description='sessions')", "ok", "1, each"),
        ("hold: Any = Field(3, description='sessions')", "failed", "hold: no type"),
        ("hold: float | None = Field(None, gt=0, description='x')", "ok", "1, each"),
        ("hold: float | None = Field(None, description='x')", "warning", "without bounds"),
        ("hold: str = Field('x', description='x')", "ok", "1, each"),
        ("hold: bool = Field(True, description='x')", "ok", "1, each"),
        ("hold: str = Field(default_factory=lambda d: 'x', description='x')", "ok", "1, each"),
    ],
)
def test_parameters_have_types_bounds_and_descriptions(market, field, outcome, told):
    write(market, LONG, f"    {field}\n")
    path = market.root / "strategies" / "tried.py"
    path.write_text("from typing import Any\n" + path.read_text(encoding="utf-8"))
    found = check_parameters(find_strategy(market.workspace, "tried"))
    assert (found.outcome, told in found.what) == (outcome, True), found


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return None", "None"),
        ("return ''", "with ''. on_event answers with a Signal, or with a text that says why"),
        ("return ' '", "with ' '."),
        ("raise ValueError", "after 60 bars): ValueError"),
        ("raise SystemExit(3)", "after 60 bars): it ends the program (3)"),
        ("return f\"{market.bars()['close'].iloc[-1]}\"", "after no bar"),
        ("return str(len(market.bars()) // (len(market.events(Earnings)) - 1))", "60 bars"),
        ("return 1 if event.revenue == 1e300 else 'well'", "every number very large"),
    ],
)
def test_events_that_are_hard_to_answer(market, body, told):
    write(market, body)
    report = checked(market)
    assert "answers" in report.failed
    assert told in result(report, "answers").what


def test_signals_without_a_reason_are_a_warning(market):
    write(market, "return Signal.long(event)")
    found = result(checked(market), "answers")
    assert found.outcome == "warning"
    assert "No signal says its reason." in found.what
    # What a field says is unknown where the field is.
    write(market, "return Signal.long(event, reason=str(event.eps or ''))")
    assert result(checked(market), "answers").outcome == "ok"


@pytest.mark.parametrize(
    "body",
    [
        AGE,
        "from datetime import datetime; return f'second {datetime.now().second}'",
        "return 'week' if TODAY.weekday() < 5 else 'weekend'",
        "import time; return str(1 / (time.localtime().tm_year != 2055))",
        "import email.utils; return email.utils.formatdate()[:16]",  # a library reads it
    ],
)
def test_a_rule_that_reads_the_clock_is_not_deterministic(market, body):
    write(market, body)
    path = market.root / "strategies" / "tried.py"
    path.write_text("from datetime import date\nTODAY = date.today()\n" + path.read_text())
    report = checked(market)
    assert report.failed == ("deterministic",)
    told = result(report, "deterministic").what
    assert "; it reads the clock (tried.py, line " in told  # a second may end between processes
    assert result(report, "peeking").outcome == "not tried"
    assert "got two answers" in result(report, "peeking").what


def test_a_rule_that_notes_the_time_and_decides_without_it_keeps_the_contract(market):
    more = '    since: date = Field(date(2025, 1, 2), description="the first day")\n'
    write(market, f"self.noted(datetime.now()); {LONG}", more)
    path = market.root / "strategies" / "tried.py"
    kept = "    def noted(self, when: datetime) -> None:\n        assert isinstance(when, date)\n"
    text = f"from datetime import date, datetime\n{path.read_text()}{kept}"
    path.write_text(text)
    assert not checked(market).failed


def test_what_it_does_wrong_beside_a_failure_is_told_too(market):
    mine = market.write("of_mine.txt", "mine")
    body = f"open({str(mine)!r}).close()\n        return Signal.long(event, weight=3)"
    write(market, f"if event.eps < 0.15:\n            return None\n        {body}")
    assert checked(market).failed == ("answers", "bounded", "pure")


def test_a_strategy_that_changes_while_it_is_asked_is_not_frozen(market):
    seen = '    seen: list[str] = Field([], description="what it saw")\n'
    write(market, f"self.seen.append(event.id)\n        {LONG}", seen)
    told = result(checked(market), "frozen")
    assert told.outcome == "failed"
    assert told.what.startswith("Being asked changed it, from Made(seen=[]) to Made(seen=['")
    assert re.search(r"… and [\d,]+ more letters\.$", told.what)
    assert len(told.what) < 300


def test_nor_is_one_that_counts_for_itself(market):
    body = "self._asked.append(event.id)\n        return 'no'"
    write(market, body, f"{HOLD}    _asked: list[str] = []\n")
    assert "Being asked changed it" in result(checked(market), "frozen").what


def test_unusual_levels_are_a_warning(market):
    write(market, "return Signal.long(event, hold=300, stop=0.6, target=6)")
    found = result(checked(market), "bounded")
    assert found.outcome == "warning"
    for told in ("hold 300", "stop 0.6", "target 6"):
        assert told in found.what


def test_settings_count(market):
    body = "return Signal.long(event, weight=self.weight)"
    write(market, body, '    weight: float = Field(1, gt=0, description="share of equity")\n')
    assert not checked(market).failed
    assert checked(market, weight=1.5).failed == ("bounded",)


def test_an_equal_part_of_the_room_and_a_priority_are_within_bounds(market):
    write(market, "return Signal.long(event, weight=None, priority=2.5)")
    assert result(checked(market), "bounded").outcome == "ok"


def test_only_wrong_use_is_an_error(market):
    with pytest.raises(UsageError, match="beat"):
        checked(market, "beat")
    with pytest.raises(UsageError, match="hodl"):
        checked(market, "beats", hodl="1")


def test_made_up_events_stand_in_where_none_can_be_traded(market):
    write(market, PEEK)
    market.write("data/events/earnings.csv", "symbol,published_at,precision,headline,period\n")
    report = checked(market)
    assert result(report, "listens").outcome == "warning"
    assert report.failed == ("peeking",)


BACKTRADER = """\
from backtest import EventStrategy
from backtest.events import Earnings


class Tried(EventStrategy):
    listens_to = (Earnings,)
    params = (("period", 3), ("name", {default}))

    def notify_event(self, event):
        {body}
"""


@pytest.mark.parametrize(
    ("body", "default", "failed"),
    [
        ("self.buy(size=1)", "'x'", ()),
        ("self.buy(size=1)", "None", ()),
        ("import time; self.buy(size=time.gmtime()[0])", "'x'", ("deterministic",)),
        ("self.buy(size=1 if event.eps > 0 else 2)", "'x'", ("answers",)),
        ("open('{mine}').close(); self.buy(size=1)", "'x'", ("pure",)),
    ],
)
def test_a_strategy_of_backtraders_is_held_to_what_applies(market, body, default, failed):
    mine = market.write("of_mine.txt", "mine")
    body = body.replace("{mine}", str(mine))
    market.write("strategies/tried.py", BACKTRADER.format(body=body, default=default))
    report = checked(market)
    assert report.failed == failed
    assert result(report, "frozen").outcome == "not tried"
    loose = result(report, "parameters").outcome
    assert loose == ("warning" if default == "None" else "ok")


def a_few_of_us_large(folder):
    """A data folder with a universe of WMT and of what the strategies hedge with."""
    data = Path(shutil.copytree(ROOT / "data", folder / "data"))
    few = (data / "universes/us_large").rename(data / "universes/few")
    members = few / "members.csv"
    kept = {"symbol", "WMT", "UNP", "HON", "MMM", "GS", "ADI"}
    lines = members.read_text(encoding="utf-8").splitlines(keepends=True)
    members.write_text("".join(line for line in lines if line.partition(",")[0] in kept))
    seal(members, ["2013-07-01"], source="a few of us_large", adjust=None)
    return data


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "strategies").glob("*.py")))
def test_the_strategies_that_ship_keep_it(name, tmp_path):
    data, traded = ROOT / "data", {"symbols": ["CRWV"]}
    if name in OF_US_LARGE:
        data, traded = a_few_of_us_large(tmp_path), {"universe": "few"}
    workspace = find_workspace([ROOT / "strategies"], data, tmp_path)
    report = check(workspace, name, observer=in_this_process, **traded)
    assert not report.failed, report
    assert not [one for one in report.results if one.outcome == "warning"], report


@pytest.mark.parametrize("kind", [*FILED_KINDS, Start], ids=lambda kind: kind.kind)
def test_events_are_made_up_as_their_kind_allows(kind):
    event = example_event(kind)
    assert event.symbol == "EXAMPLE"
    assert all(isinstance(other, kind) for _, other in variants(event))


def test_a_field_that_is_made_of_others_stays_in_an_event_without_the_optional_ones():
    class Order(Event):
        size: int = 3
        twice: int = Field(default_factory=lambda fields: 2 * fields["size"])

    empty = dict(variants(example_event(Order, {"size": 5})))["every optional field unknown"]
    assert (empty.size, empty.twice) == (3, 10)


def test_variants_say_little_much_and_something_extreme():
    found = dict(variants(example_event(Earnings, {"eps": 0.3})))
    assert found["as it is"].eps == 0.3
    assert found["every optional field unknown"].eps is None
    assert found["every field filled"].eps == 0.3
    assert found["every field filled"].revenue is not None
    assert found["every number very large"].revenue == 1e300
    assert found["every number very small"].revenue == -1e300
    assert found["every number zero"].eps == 0


def test_what_cannot_be_made_up_is_told():
    class Coded(Event):
        code: int

        def model_post_init(self, _):
            raise ValueError

    with pytest.raises((UsageError, ValueError)):
        example_event(Coded)
    with pytest.raises(UsageError, match="category"):
        example_event(News, {"category": "Not A Category"})


def test_a_report_has_every_check():
    results = all_results([ContractResult("loads", "ok", "x")], "why not")
    assert [one.name for one in results] == list(TITLES)
    assert Report("x", results).as_dict()["checks"][1]["what"] == "why not"


@pytest.mark.usefixtures("in_one_process")
def test_check_strategy_is_for_tests_of_ones_own(market):
    market.write("backtest.toml", 'symbol = "ACME"\nbenchmark = "INDX"\n')
    write(market, LONG)
    assert check_strategy("tried").exit_code == 0
    write(market, "return None")
    with pytest.raises(AssertionError, match="tried: The contract is broken: Answers"):
        check_strategy("tried")


def test_ask_tells_what_a_strategy_answers(market):
    write(market, "return Signal.short(event, hold=2) if event.eps == 1 else f'{event.eps}'")
    assert ask("tried", eps=1).direction == "short"
    assert ask("tried", eps=None) == "None"
    with pytest.raises(UsageError, match=r"'epz'.*Did you mean 'eps'"):
        ask("tried", epz=1)


def test_ask_shows_the_symbols_that_are_looked_at(market):
    write(market, "return str(len(market.bars('INDX')))", '    looks_at = ("INDX",)\n')
    assert ask("tried") == "60"
