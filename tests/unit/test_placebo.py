"""Placebos: what is drawn, what stays, and how often they are wrong without knowledge."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from backtest.engine.kernel.panel import Panel, panel_of
from backtest.engine.kernel.records import SIGNAL
from backtest.engine.kernel.simulate import simulate
from backtest.engine.replay.books import Trade
from backtest.engine.replay.result import EquityPoint
from backtest.engine.rules import Rules
from backtest.experiments.runs import placebo
from backtest.stats.multiple_testing import wilson_interval
from tests.engines import made_up_prices

FREE = Rules(
    commission_per_share=0, commission_min=0, slippage_bps=0, borrow_mode="none", borrow_default=0
)
SESSIONS = pd.bdate_range("2024-01-02", periods=500)


def walk(seed: int, count: int = 60, first: int = 0) -> list[tuple]:
    """Rows of bars without predictability, from the session `first` on."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.03, count)))
    open_ = np.concatenate(([100.0], close[:-1])) * np.exp(draw.normal(0, 0.005, count))
    high = np.maximum(open_, close) * 1.01
    low = np.minimum(open_, close) * 0.99
    days = SESSIONS[first : first + count].date
    return list(zip(days, open_, high, low, close, strict=True))


def panel(seed: int = 1, count: int = 60) -> Panel:
    return panel_of({"ACME": made_up_prices("ACME", walk(seed, count))})


def signals(*terms: tuple[int, int], hold: int = 3, **changes: float) -> np.ndarray:
    """Signals of bar and side, on the first symbol."""
    rows = np.zeros(len(terms), SIGNAL)
    rows["bar"], rows["side"] = np.array(terms).reshape(-1, 2).T
    rows["weight"], rows["hold"] = 0.9, hold
    rows["stop"] = rows["target"] = rows["trailing_stop"] = np.nan
    for name, value in changes.items():
        rows[name] = value
    return rows


def drawn(monkeypatch: pytest.MonkeyPatch, make, *arguments, **options) -> list[np.ndarray]:
    """The signals of every account that a placebo trades; the first are those that happened."""
    accounts = []

    def watched(panel, rows, starts, *rest, **more):
        accounts.extend(rows[a:b].copy() for a, b in pairwise(starts))
        return simulate(panel, rows, starts, *rest, **more)

    monkeypatch.setattr(placebo, "simulate", watched)
    make(*arguments, FREE, {}, seed=1, **options)
    return accounts


def test_timing_moves_signals_and_leaves_their_plans(monkeypatch):
    given = signals((5, 1), (20, -1), (40, 1), stop=[0.1, 0.2, 0.3], weight=[0.3, 0.5, 0.7])
    happened, *accounts = drawn(monkeypatch, placebo.random_timing, panel(), given, draws=400)
    assert happened.tobytes() == given.tobytes()
    plans = [sorted(account[["side", "weight", "stop", "hold"]].tolist()) for account in accounts]
    assert all(plan == plans[0] for plan in plans)
    assert plans[0] == sorted(given[["side", "weight", "stop", "hold"]].tolist())
    bars = np.array([account["bar"] for account in accounts])
    assert np.all(np.diff(bars, axis=1) > 0)
    assert set(bars.ravel()) == set(range(60))
    first = [account["stop"][0] for account in accounts]
    assert {0.1, 0.2, 0.3} == set(first)


def test_timing_keeps_to_sessions_with_a_bar(monkeypatch):
    both = panel_of(
        {
            "ACME": made_up_prices("ACME", walk(1)),
            "BOLT": made_up_prices("BOLT", walk(2, count=10, first=20)),
        }
    )
    given = signals((5, 1), (22, 1), (23, -1), (28, 1), symbol=[0, 1, 1, 1])
    _, *accounts = drawn(monkeypatch, placebo.random_timing, both, given, draws=300)
    bolt = [account["bar"][account["symbol"] == 1] for account in accounts]
    assert set(np.concatenate(bolt)) == set(range(20, 30))
    assert all(len(set(bars)) == 3 for bars in bolt)
    assert all(np.all(np.diff(account["bar"]) >= 0) for account in accounts)


def test_timing_of_bars_within_sessions_takes_their_first(monkeypatch):
    hours = panel()
    hours = replace(hours, sessions=np.repeat(hours.sessions[::3], 3))
    _, *accounts = drawn(monkeypatch, placebo.random_timing, hours, signals((0, 1)), draws=200)
    assert set(np.concatenate([account["bar"] for account in accounts])) == set(range(0, 60, 3))


def test_direction_tosses_a_coin_at_the_true_times(monkeypatch):
    given = signals((5, 1), (20, -1), (40, 1), stop=0.2)
    _, *accounts = drawn(monkeypatch, placebo.random_direction, panel(), given, draws=2_000)
    assert all(account["bar"].tolist() == [5, 20, 40] for account in accounts)
    sides = np.array([account["side"] for account in accounts])
    assert len(np.unique(sides, axis=0)) == 8
    assert sides.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.08)


def test_superseded_signals_are_not_moved(monkeypatch):
    given = signals((5, 1), (5, -1), (40, 1))
    happened, *accounts = drawn(monkeypatch, placebo.random_timing, panel(), given, draws=5)
    assert happened["side"].tolist() == [-1, 1]
    assert all(len(account) == 2 for account in accounts)


def test_what_happened_is_the_kernels_own_result():
    given = signals((5, 1), (20, -1), (40, 1))
    found = placebo.random_timing(panel(), given, FREE, {}, seed=1, draws=10)
    own = simulate(panel(), given, np.array([0, 3]), FREE, {}, trades=True, curves=True)
    gross = (
        given["side"]
        * own.trades["shares"]
        * (own.trades["exit_price"] - own.trades["entry_price"])
    )
    returns = gross / (own.trades["shares"] * own.trades["entry_price"])
    assert found.observed["total_return"] == pytest.approx(own.equity[0, -1] / 100_000 - 1)
    assert found.observed["mean_trade_return"] == pytest.approx(returns.mean())
    assert {len(values) for values in found.draws.values()} == {10}


def test_trade_returns_are_net_of_costs():
    given = signals((5, -1), (20, -1))
    rules = Rules(borrow_mode="flat", borrow_default=0.5)
    own = simulate(panel(), given, np.array([0, 2]), rules, {}, trades=True)
    t = own.trades
    net = t["shares"] * (t["entry_price"] - t["exit_price"]) - t["commission"] - t["borrow"]
    assert t["borrow"].min() > 0
    expected = np.sum(net / (t["shares"] * t["entry_price"]))
    assert own.totals["trade_returns"][0] == pytest.approx(expected)


def test_draws_hang_on_the_seed_alone(monkeypatch):
    given = signals((5, 1), (20, -1), (40, 1))

    def draw(seed: int, threads: int = 1) -> np.ndarray:
        found = placebo.random_timing(
            panel(), given, FREE, {}, seed=seed, draws=50, threads=threads
        )
        return found.draws["total_return"]

    assert np.array_equal(draw(1), draw(1, threads=2))
    assert not np.array_equal(draw(1), draw(2))
    whole = draw(1)
    monkeypatch.setattr(placebo, "_ROOM", 30)  # ten accounts at a time
    assert len(draw(1)) == len(whole) == 50


def test_run_without_signals():
    found = placebo.random_timing(panel(), signals(), FREE, {}, seed=1, draws=9)
    assert found.standing("total_return").upper == 1.0
    assert found.standing("mean_trade_return") is None
    assert found.detectable("mean_trade_return") is None


def test_knowledge_is_found():
    bars = walk(3, count=300)
    rises = [row for row in range(1, 299) if bars[row][4] / bars[row][1] > 1.04][::6][:12]
    known = signals(*((bar, 1) for bar in rises), hold=1)
    found = placebo.random_timing(
        panel_of({"ACME": made_up_prices("ACME", bars)}), known, FREE, {}, seed=1, draws=999
    )
    assert all(found.standing(name).upper <= 0.005 for name in placebo.STATISTICS)


def test_detectable_edge_is_between_quantiles_of_the_null():
    null = placebo.Null({"sharpe": 0.0}, {"sharpe": np.arange(101.0)})
    assert null.detectable("sharpe") == pytest.approx(95 - 20)


@pytest.mark.parametrize("make", [placebo.random_timing, placebo.random_direction])
def test_level_holds_without_knowledge(make):
    draw, tries, found = np.random.default_rng(4), 400, 0
    for seed in range(tries):
        bars = np.sort(draw.choice(60, 6, replace=False))
        sides = draw.choice([-1, 1], 6)
        given = signals(*zip(bars, sides, strict=True), hold=5, stop=0.1)
        null = make(panel(seed), given, Rules(), {}, seed=seed, draws=99)
        found += null.standing("mean_trade_return").upper <= 0.1
    low, high = wilson_interval(found, tries, 0.99)
    assert low <= 0.1 <= high


# Strategies that order by themselves


def trade(entry: int, left: int | None, sign: int = 1, **changes: object) -> Trade:
    days = SESSIONS.date
    terms = {
        "trade_id": 1,
        "event_id": "",
        "symbol": "ACME",
        "direction": "long" if sign > 0 else "short",
        "shares": 100.0,
        "entry_session": days[entry],
        "entry_price": 50.0,
        "exit_session": None if left is None else days[left],
        "exit_reason": "open" if left is None else "strategy",
    }
    return Trade(**(terms | changes))


def test_signals_of_trades():
    curve = [EquityPoint(day, 10_000.0 + n, 0.0, 0.0) for n, day in enumerate(SESSIONS.date[:60])]
    found = placebo.signals_of_trades(
        panel(), [trade(0, 4), trade(10, 10, -1), trade(30, None)], curve, 20_000.0
    )
    assert found["bar"].tolist() == [0, 10, 30]
    assert found["side"].tolist() == [1, -1, 1]
    assert found["hold"].tolist() == [4, 1, -1]
    assert found["weight"].tolist() == [0.25, 5_000 / 10_009, 5_000 / 10_029]
    assert all(np.isnan(found[name]).all() for name in ("stop", "target", "trailing_stop"))


def test_signals_of_trades_make_these_trades():
    given = signals((5, 1), (20, -1), (40, 1), weight=0.5, hold=[3, 7, -1])
    own = simulate(panel(), given, np.array([0, 3]), FREE, {}, trades=True, curves=True)
    days = SESSIONS.date
    trades = [
        trade(
            int(t["entry_bar"]),
            None if row["hold"] < 0 else int(t["exit_bar"]),
            int(row["side"]),
            shares=float(t["shares"]),
            entry_price=float(t["entry_price"]),
        )
        for row, t in zip(given, own.trades, strict=True)
    ]
    curve = [
        EquityPoint(day, equity, 0.0, 0.0)
        for day, equity in zip(days, own.equity[0].tolist(), strict=False)
    ]
    again = placebo.signals_of_trades(panel(), trades, curve, 100_000.0)
    same = simulate(panel(), again, np.array([0, 3]), FREE, {})
    assert same.totals["equity"] == pytest.approx(own.totals["equity"], rel=0.002)
