"""A run from request to plan: which engine, what differs from the defaults, what is told."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from backtest.engine.rules import Costs, Rules
from backtest.errors import AccountingError, UsageError
from backtest.experiments.runs import run as runs
from backtest.experiments.runs.run import bars_assumption, prepare_run, verify
from backtest.experiments.terms import make_rules
from backtest.experiments.trials import trial_sharpes
from tests.made_up import BEATS, day, do, request

NATIVE = (
    "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n\n"
    "class Own(EventStrategy):\n    listens_to = (Earnings,)\n"
)


def plan(checkout, strategy: str = "beats", **changes):
    return prepare_run(checkout.workspace, request(strategy, **changes))


@pytest.mark.parametrize(("most", "engine"), [(30, "backtrader"), (29, "kernel")])
def test_the_kernel_takes_what_has_more_bars_than_backtrader_is_given(
    checkout, monkeypatch, most, engine
):
    """ACME has thirty. Who names an engine has it, however many bars there are."""
    monkeypatch.setattr(runs, "MOST_BARS", most)
    found = plan(checkout)
    assert found.engine == engine
    assert ("engine" in found.identity) == (engine == "kernel")
    assert plan(checkout, engine="backtrader").engine == "backtrader"
    assert plan(checkout, engine="kernel").id != plan(checkout, engine="backtrader").id


@pytest.mark.parametrize(("count", "engine"), [(49_000, "backtrader"), (49_001, "kernel")])
def test_bars_within_sessions_count_as_well(count, engine):
    """Backtrader is given fifty thousand."""
    tables = {"ACME": SimpleNamespace(table=range(500)), "BOLT": SimpleNamespace(table=range(400))}
    times = {"ACME": SimpleNamespace(times=range(count)), "BOLT": SimpleNamespace(times=range(100))}
    asked = SimpleNamespace(engine=None, bars="5m", strategy="x")
    inputs = SimpleNamespace(replayed=tables, finer=times)
    assert runs._engine(asked, object(), inputs) == engine


def test_a_run_that_is_there_is_not_replayed_unless_that_is_asked_for(checkout):
    one = plan(checkout)
    first = runs.run(one).manifest["finished_at"]
    assert runs.run(one).manifest["finished_at"] == first
    assert runs.replay_run(one).manifest["finished_at"] == first
    assert runs.run(one, force=True).manifest["finished_at"] > first


def test_a_run_that_is_there_is_a_trial_also_where_the_record_of_them_went(checkout):
    reports = checkout.root / "reports"
    do(checkout)
    (reports / "trials.sqlite").unlink()
    do(checkout)
    assert len(trial_sharpes(reports, "beats", ["ACME"])) == 1


def test_a_run_starts_at_a_whole_second(checkout):
    started = do(checkout).manifest["started_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", started)


def test_what_orders_on_backtrader_by_itself_runs_there_by_sessions(checkout):
    checkout.write("strategies/own.py", NATIVE)
    assert plan(checkout, "own").engine == "backtrader"
    with pytest.raises(UsageError, match=r"own orders on Backtrader by itself.*leave --engine out"):
        plan(checkout, "own", engine="kernel")
    with pytest.raises(UsageError, match="leave --verify out"):
        verify(plan(checkout, "own"), do(checkout))
    with pytest.raises(UsageError, match="own orders on Backtrader by itself, session by session"):
        raise runs.goes_by_sessions("own")


def test_each_engine_is_held_against_the_other(checkout, monkeypatch):
    asked = []
    replayed = runs._replay

    def watch(one):
        asked.append(one.engine)
        return replayed(one)

    monkeypatch.setattr(runs, "_replay", watch)
    for engine, other in (("backtrader", "kernel"), ("kernel", "backtrader")):
        one = plan(checkout, engine=engine)
        made = runs.replay_run(one)
        assert verify(one, made) == len(made.result.trades) == 1
        assert asked == [engine, other]
        verify(one, replace(made, result=None))  # one that was read is replayed by both
        assert asked == [engine, other, engine, other]
        asked.clear()

    def astray(one):
        found = replayed(one)
        return replace(found, trades=[]) if one.engine == "kernel" else found

    monkeypatch.setattr(runs, "_replay", astray)
    with pytest.raises(AccountingError):
        verify(plan(checkout), do(checkout))


@pytest.mark.parametrize(
    "answer",
    [
        'Signal.long(event, hold=next(COUNT), reason="once more")',
        'Signal.long(event, hold=1, reason=f"time {next(COUNT)}")',
        'f"no, for the {next(COUNT)}th time"',
        'Wait(event, next(COUNT), "for a while") if market.session.day < 10 else "enough"',
    ],
)
def test_a_strategy_that_answers_otherwise_when_asked_again_is_no_fault_of_the_engines(
    checkout, answer
):
    head = "from itertools import count\nfrom backtest import Wait\nCOUNT = count(1)\n"
    whole = re.sub(r"        if event.*", f"        return {answer}\n", BEATS, flags=re.DOTALL)
    checkout.write("strategies/beats.py", head + whole)
    one = plan(checkout)
    with pytest.raises(UsageError, match=r"beats answered earnings-\S+ otherwise .* asked again"):
        verify(one, runs.replay_run(one))


def test_settings_go_before_the_costs_and_those_of_none_are_left():
    costs = Costs("dear", {"slippage_bps": 9.0, "commission_min": 3.0}, {})
    found = make_rules(costs, slippage_bps=1.0, commission_min=None, cash=5.0)
    assert found == Rules(slippage_bps=1, commission_min=3, cash=5)
    assert make_rules() == Rules()
    with pytest.raises(UsageError, match=r"^cash -1: .*; slippage_bps 'x': "):
        make_rules(cash=-1, slippage_bps="x")


def test_what_differs_is_what_was_set_and_is_not_usual(checkout):
    costs = Costs("mine", {"slippage_bps": 9.0}, {})
    rules = {"costs": costs, "commission_min": 2.0, "cash": 7_000.0}
    asked = replace(request(rules=rules, settings={"hold": 4, "weight": 0.5}), costs=costs)
    asked = replace(asked, first=day("2025-06-03"), engine="kernel")
    found = runs._differs(prepare_run(checkout.workspace, asked))
    assert found == {
        "parameters": {"hold": 4}, "rules": {"commission_min": 2.0}, "first": "2025-06-03",
        "last": None, "engine": "kernel",
    }  # fmt: skip


def test_a_run_is_of_its_request(checkout):
    """What stands in the record and is decided by nothing else."""
    costs = Costs("mine", {"slippage_bps": 9.0}, {"slippage_bps": "made up"})
    asked = replace(request(rules={"costs": costs}), costs=costs)
    made = runs.run(prepare_run(checkout.workspace, asked)).manifest
    assert made["costs"] == {"name": "mine", "sources": {"slippage_bps": "made up"}}
    assert (made["as_of"], made["universe"], made["engine"]) == (None, None, "backtrader")
    assert do(checkout).manifest["costs"] is None
    assert made["summary"]["run"]["trades"] == 1
    assert made["no_room"] == {"signals": 0, "mean_return": None, "wins": 0}


def test_what_was_replayed_by_the_day_is_told():
    bars = SimpleNamespace(by_the_day={1, 2}, length=5)
    assert bars_assumption(bars, 30) == [
        "28 sessions of 30 were replayed by bars of 5 minutes, the others by daily ones."
    ]
    assert bars_assumption(SimpleNamespace(by_the_day=(), length=5), 30) == []
    assert bars_assumption(None, 30) == []


def test_a_run_that_is_there_takes_the_notes_of_who_asks_again(checkout):
    first = do(checkout, notes={"label": "one"})
    again = do(checkout, notes={"label": "two"})
    assert (again.path, again.label) == (first.path, "two")
    assert again.last_request > first.last_request or (again.path / "requested_at").exists()


def test_a_stock_is_held_beside_what_is_not_itself(checkout):
    """Of its own the benchmark says it already; its returns stand by session."""
    other = do(checkout)
    assert other.equity["holding_return"].iloc[1] == pytest.approx(102 / 101 - 1)
    assert other.manifest["summary"]["stock"]["exposure"] == 1
    own = do(checkout, benchmark="ACME")
    assert own.equity["holding_return"].isna().all()
    assert own.manifest["summary"]["stock"] is None
    exposure = other.manifest["summary"]["run"]["exposure"]
    assert exposure == pytest.approx(4 / 30)  # 06-05 to 06-10
