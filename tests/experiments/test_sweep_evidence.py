"""What the best of a sweep is worth: by hand, against single runs, and in words."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.engine.kernel.panel import panel_of
from backtest.experiments.runs.figures import holding_returns
from backtest.experiments.runs.run import RunRequest, _replay, prepare_run
from backtest.experiments.sweeps.evaluate import Evaluator, Histories, evaluator
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import (
    SweepRequest,
    _compared,
    _deflated,
    _overfitting,
    _superior,
    _too_few,
    _walked,
    prepare_sweep,
    sweep_evidence,
)
from backtest.experiments.terms import make_rules
from backtest.reports.sweep_page import evidence_sentences
from backtest.stats.figures import session_returns, sessions_held, sharpe
from backtest.stats.multiple_testing import (
    WalkForward,
    deflated_sharpe_ratio,
    sharpe_estimate,
)
from backtest.workspace.folders import Workspace
from tests.engines import made_up_stocks
from tests.sweeps import EVIDENCE, page_of, rows, set_of

ROOT = Path(__file__).parents[2]
GRID = ["hold=3,10,30", "stop=0.05,0.15"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    workspace = Workspace(ROOT / "strategies", ROOT / "data", reports)
    request = SweepRequest(
        "earnings_surprise", ("CRWV",), {}, None, None, make_rules(), grid=parse_axes(GRID)
    )
    return evaluator(prepare_sweep(workspace, request).spec.to_json(), workspace)


@pytest.fixture(scope="module")
def sets(sweep):
    places = np.unravel_index(np.arange(6), sweep.spec.shape)
    figures = sweep.figures(sweep.spec.axes, dict(zip(sweep.spec.axes, places, strict=True)))
    return pd.DataFrame(figures)


def replayed(tmp_path, hold, stop):
    workspace = Workspace(ROOT / "strategies", ROOT / "data", tmp_path)
    settings = {"hold": hold, "stop": stop}
    request = RunRequest(
        "earnings_surprise", ("CRWV",), settings, None, None, make_rules(), benchmark="SPY"
    )
    return _replay(prepare_run(workspace, request))


def test_the_histories_are_those_of_single_runs(sweep, tmp_path):
    codes = {"hold": np.array([0, 2]), "stop": np.array([0, 1])}
    found = sweep.histories(sweep.spec.axes, codes)
    for place, (hold, stop) in enumerate([(3, 0.05), (30, 0.15)]):
        run = replayed(tmp_path, hold, stop)
        equity = np.array([point.equity for point in run.curve])
        assert found.returns[:, place] == pytest.approx(session_returns(equity, 100_000), abs=1e-12)
        by_event = {trade.event_id: trade.net_return for trade in run.trades}
        for event, earned in zip(sweep.events, found.earned[place], strict=True):
            expected = by_event.get(event.id, np.nan)
            assert earned == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_interest_on_cash_is_no_part_of_the_returns_that_sets_are_judged_by(tmp_path):
    workspace = Workspace(ROOT / "strategies", ROOT / "data", tmp_path)
    axes = parse_axes(["hold=3,10,30", "threshold=0,99"])  # no report surprises by 9,900 %
    codes = {"hold": np.repeat([0, 1, 2], 2), "threshold": np.tile([0, 1], 3)}
    sharpes, overfitting = {}, {}
    for rate in (0.0, 0.05):
        rules = make_rules(cash_rate=rate)
        request = SweepRequest("earnings_surprise", ("CRWV",), {}, None, None, rules, grid=axes)
        own = evaluator(prepare_sweep(workspace, request).spec.to_json(), workspace)
        sets = pd.DataFrame(own.figures(own.spec.axes, codes))
        returns = own.histories(own.spec.axes, codes).returns
        assert (sets["interest"] > 0).tolist() == [rate > 0] * 6
        assert not returns[:, 1::2].any()
        assert sets["sharpe"][1::2].isna().all()
        sharpes[rate] = sets["sharpe"][::2].tolist()
        ratios = [sharpe_estimate(column).ratio * 252**0.5 for column in returns[:, ::2].T]
        assert sharpes[rate] == pytest.approx(ratios, rel=1e-9)
        overfitting[rate] = sweep_evidence(own, sets, [0.1, -0.4, 1.0])["overfitting"]["pbo"]
    assert sharpes[0.05] == pytest.approx(sharpes[0.0], abs=0.03)
    assert overfitting[0.05] == pytest.approx(overfitting[0.0], abs=0.02)


def test_the_best_is_deflated_by_the_trials_on_record(sweep, sets):
    best = int(sets["total_return"].argmax())
    places = np.unravel_index([best], sweep.spec.shape)
    chosen = sweep.histories(sweep.spec.axes, dict(zip(sweep.spec.axes, places, strict=True)))
    sharpes = [0.1, -0.4, None, 1.0, 0.3]
    variance = np.var([0.1, -0.4, 1.0, 0.3], ddof=1) / 252
    expected = deflated_sharpe_ratio(sharpe_estimate(chosen.returns[:, 0]), variance, 5)
    found = sweep_evidence(sweep, sets, sharpes)["best"]
    assert found["set"] == best
    assert found["trials"] == 5
    assert found["dsr"] == pytest.approx(expected, rel=1e-12)


def test_a_best_set_without_a_ratio_of_its_own_as_after_ruin_has_none(sweep, sets):
    found = sweep_evidence(sweep, sets.assign(sharpe=np.nan), [0.1, 0.2])["best"]
    assert (found["sharpe"], found["dsr"]) == (None, None)


def test_the_sessions_that_are_held_are_those_of_single_runs(sweep, tmp_path):
    codes = {"hold": np.array([0, 2]), "stop": np.array([0, 1])}
    held = sweep.histories(sweep.spec.axes, codes).held()
    for place, (hold, stop) in enumerate([(3, 0.05), (30, 0.15)]):
        run = replayed(tmp_path, hold, stop)
        sessions = [point.session for point in run.curve]
        spans = [(trade.entry_session, trade.exit_session) for trade in run.trades]
        assert held[:, place].sum() == sessions_held(spans, sessions) > 0


TERMS = ({"hold": [3, 4]}, {"hold": 4}, lambda hold: set_of(hold / 100))  # of a made-up sweep


def test_of_too_few_trades_nothing_is_told(tmp_path):
    workspace = Workspace(ROOT / "strategies", ROOT / "data", tmp_path)
    request = SweepRequest(
        "lockup_expiry", ("CRWV",), {}, None, None, make_rules(), grid=parse_axes(["hold=1:12"])
    )
    sweep = evaluator(prepare_sweep(workspace, request).spec.to_json(), workspace)
    codes = {"hold": np.arange(12)}
    sets = pd.DataFrame(sweep.figures(sweep.spec.axes, codes))
    found = sweep_evidence(sweep, sets, [0.1, 0.2])
    assert found["best"]["dsr"] is None
    assert found["overfitting"] is None
    told = dict(evidence_sentences(found))
    assert "(1 trade: at least 6 are needed)" in told["Deflated"]
    assert "(1 traded event: at least 6 are needed)" in told["Overfitting"]
    assert told["Walk-forward"] == "Unknown: no earlier event to choose on."


def test_holding_throughout_begins_at_the_first_open(sweep):
    returns = sweep.held_throughout()
    assert np.prod(1 + returns) == pytest.approx(
        sweep.panel.prices["close"][-1, 0] / sweep.panel.prices["open"][0, 0], rel=1e-12
    )


def test_holding_throughout_is_that_of_a_run():
    """Bought once, in equal parts: ACME at the close of 100 before, BOLT, which lists, at 50."""
    days = [date(2025, 6, day) for day in (2, 3, 4)]
    acme = [(day, *[n] * 4, 1) for day, n in zip(days, (100, 200, 100), strict=True)]
    bolt = [(day, 50, 100, 50, 100, 1) for day in days[1:]]
    stocks = made_up_stocks({"ACME": acme, "BOLT": bolt}, {})
    span = {symbol: prices.span(days[1], None) for symbol, prices in stocks.items()}
    made = SimpleNamespace(
        panel=panel_of(span),
        spec=SimpleNamespace(universe=None),
        _inputs=SimpleNamespace(span=span, history=stocks),
    )
    found = Evaluator.held_throughout(made)
    assert found == pytest.approx([1.0, -0.25])
    assert found.tolist() == holding_returns(stocks.values(), days[1:]).tolist()


def test_holding_throughout_counts_what_comes_in_a_halt_and_of_a_halted_stock_nothing():
    """ACME pays 10 on a silent day and goes on at 90; BOLT has volume after the span alone."""
    days = [date(2025, 6, day) for day in (2, 3, 4, 5)]
    closes = enumerate((100, 100, 90, 90))
    acme = [(days[n], close, close, close, close, n != 1) for n, close in closes]
    bolt = [(day, 50, 50, 50, 50, day == days[3]) for day in days]
    stocks = made_up_stocks({"ACME": acme, "BOLT": bolt}, {"ACME": [(days[1], "dividend", 10.0)]})
    span = {symbol: prices.span(None, days[2]) for symbol, prices in stocks.items()}
    made = SimpleNamespace(
        panel=panel_of(span),
        spec=SimpleNamespace(universe=None),
        _inputs=SimpleNamespace(span=span, history=stocks),
    )
    assert Evaluator.held_throughout(made).tolist() == pytest.approx([0, 0])
    assert made.panel.session_days.tolist() == [days[0], days[2]]


def test_the_same_sweep_has_the_same_evidence(sweep, sets):
    assert sweep_evidence(sweep, sets, [0.1, 0.2]) == sweep_evidence(sweep, sets, [0.1, 0.2])


def test_walk_forward_begins_with_the_default(sweep, sets):
    walked = sweep_evidence(sweep, sets, [0.1])["walk_forward"]
    assert walked["events"][0]["set"] is None
    assert walked["total"] == pytest.approx(sum(row["return"] for row in walked["events"]))
    assert walked["hindsight"] >= walked["default"]


def test_one_trial_cannot_be_deflated(sweep, sets):
    assert sweep_evidence(sweep, sets, [0.1])["best"]["dsr"] is None


@pytest.mark.parametrize(("sessions", "known"), [(2, False), (125, False), (126, True)])
def test_of_few_sessions_no_set_is_said_to_beat_holding(sessions, known):
    """What is flat while the stock falls in each of two sessions had a p-value of 0.001."""
    held = np.random.default_rng(1).uniform(-0.03, -0.01, sessions)
    found = _superior(np.zeros((sessions, 1)), held)
    assert (found is not None) == known
    told = dict(evidence_sentences({**EVIDENCE, "superior": found}))["Against holding"]
    assert told.startswith("A set beats" if known else "Unknown: there are too few sessions")


def test_of_equal_results_one_is_compared_and_the_best_always():
    sets = pd.DataFrame({"final_equity": [5.001, 5.002, 7.0, 9.0, 9.0]})
    sets["total_return"] = sets["final_equity"]
    assert _compared(sets).tolist() == [0, 2, 3]
    last = sets.assign(
        total_return=[5.001, 5.002, 7.0, 9.0, 9.001]
    )  # within a cent of the one before
    assert _compared(last).tolist() == [0, 2, 3]
    many = pd.DataFrame({"final_equity": np.arange(5_000.0)})
    many["total_return"] = np.where(many.index == 1_234, 1.0, 0.0)
    assert len(_compared(many)) in (1_000, 1_001)
    assert 1_234 in _compared(many)


def test_the_words(tmp_path):
    told = dict(evidence_sentences(EVIDENCE))
    assert "best of 1,000 trials" in told["Deflated"]
    assert "25 %" in told["Deflated"]
    assert "lower half of all on the other 40 % of the time" in told["Overfitting"]
    assert told["Against holding"].startswith("No set is shown to beat")
    assert "return -5.0 % in sum; the default's -9.0 %" in told["Walk-forward"]
    assert rows(page_of(tmp_path, *TERMS), "evidence")[1] == [
        "news-20250603-0a1b2c",
        "default: nothing to choose on",
        "-10.0 %",
        "-10.0 %",
    ]


def test_the_words_where_nothing_can_be_told():
    nothing = {
        **EVIDENCE,
        "best": {"set": 0, "trials": 1, "dsr": None, "sharpe": None},
        "overfitting": None,
        "superior": None,
        "walk_forward": {"events": [], "total": 0.0, "default": 0.0, "hindsight": 0.0},
    }
    assert all(text.startswith("Unknown") for _, text in evidence_sentences(nothing))


def histories(sessions, sets, events, held):
    """Sets that trade so many events, and hold in the first sessions of so many."""
    earned, last = np.full((sets, max(events)), np.nan), np.zeros((sets, max(events)), np.int32)
    for one, (count, until) in enumerate(zip(events, held, strict=True)):
        earned[one, :count], last[one, :count] = 0.01, until - 1
    return Histories(
        returns=np.zeros((sessions, sets)),
        earned=earned,
        entries=np.zeros_like(last),
        exits=last,
        session_numbers=np.arange(sessions),
    )


@pytest.mark.parametrize(
    ("events", "held", "best", "told"),
    [
        ((6, 6), (20, 20), "", ""),
        ((5, 6), (20, 20), "5 trades: at least 6", ""),
        ((1, 5), (20, 20), "1 trade: at least 6", "5 traded events: at least 6"),
        ((6, 6), (19, 20), "19 sessions with a position", ""),
        ((6, 6), (1, 19), "1 session with a position", "19 sessions with a position"),
        ((1, 1), (50, 20), "", ""),  # held in half of all sessions
    ],
)
def test_the_best_is_judged_by_its_own_trades_and_all_by_those_of_any(events, held, best, told):
    found = _too_few(histories(100, 2, events, held), 0)
    for text, wanted in ((found["best"], best), (found["all"], told)):
        assert text.startswith(wanted)
        assert bool(text) == bool(wanted)


@pytest.mark.parametrize(
    ("sessions", "sets", "known"), [(20, 2, True), (19, 2, False), (20, 1, False)]
)
def test_overfitting_takes_two_sets_and_two_sessions_a_block(sessions, sets, known):
    returns = np.random.default_rng(1).normal(0, 0.01, (sessions, sets))
    found = _overfitting(returns)
    assert (found is not None) == known
    assert not known or found["blocks"] == 10


def test_a_best_set_that_never_traded_has_no_ratio():
    none = _deflated(np.zeros(30), [0.1, None, 0.3], "")
    assert none == {"trials": 3, "dsr": None, "sharpe": None}
    returns = np.tile([0.02, -0.01], 15)
    some = _deflated(returns, [0.1, None, 0.3], "")
    assert some["sharpe"] == pytest.approx(sharpe(returns))
    assert some["dsr"] is not None
    assert _deflated(returns, [0.1, 0.3], "too few")["dsr"] is None


def test_of_a_thousand_distinct_results_all_are_compared():
    def sets(count):
        equity = np.arange(float(count))
        return pd.DataFrame({"final_equity": equity, "total_return": equity})

    assert _compared(sets(1_000)).tolist() == list(range(1_000))
    many = _compared(sets(2_000))
    assert (len(many), many[0], many[-1]) == (1_000, 0, 1_999)
    cents = pd.DataFrame({"final_equity": [1.001, 1.002, 1.01], "total_return": [0.0, 0.1, 0.2]})
    assert _compared(cents).tolist() == [0, 2]


def test_what_a_sweep_is_held_against_and_how_many_results_it_has(sweep, sets):
    found = sweep_evidence(sweep, sets, [0.1, 0.2])
    prices = sweep.panel.prices
    held = prices["close"][-1, 0] / prices["open"][0, 0] - 1
    assert found["holding"] == pytest.approx(held, rel=1e-12)
    assert found["distinct"] == found["compared"] == 6
    assert found["universe"] is None
    alike = sets.assign(final_equity=[1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = sweep_evidence(sweep, alike, [0.1, 0.2])
    assert (found["distinct"], found["compared"] <= 6) == (5, True)


def test_walk_forward_names_the_event_and_the_set_of_each_step():
    events = [SimpleNamespace(id=f"e{n}", headline=f"Report {n}") for n in range(3)]
    forward = WalkForward(
        events=np.array([0, 2]),
        known=np.array([False, True]),
        picked=np.array([0, 2]),
        returns=np.array([0.01, 0.03]),
        default=np.array([0.01, -0.02]),
        hindsight=np.array([0.05, 0.06]),
    )
    found = _walked(forward, events, [None, 7, 9])
    assert [tuple(row.values()) for row in found["events"]] == [
        ("e0", "Report 0", False, None, 0.01, 0.01),
        ("e2", "Report 2", True, 9, 0.03, -0.02),
    ]
    sums = (found["total"], found["default"], found["hindsight"])
    assert sums == pytest.approx((0.04, -0.01, 0.11))
