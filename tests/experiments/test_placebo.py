"""Placebos: what is drawn, what stays, and how often they are wrong without knowledge."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from backtest.engine.kernel import IS_FLAT, IS_LEG, SIGNAL
from backtest.engine.kernel.panel import Panel, panel_of, signals_of_trades
from backtest.engine.kernel.simulate import simulate
from backtest.engine.replay.books import EquityPoint, Trade
from backtest.engine.rules import Rules
from backtest.experiments.runs import placebo
from backtest.experiments.runs.placebo import Account, acting, chains_of
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


def account(given: np.ndarray, bars: Panel | None = None, rules: Rules = FREE) -> Account:
    return Account(bars or panel(), acting(given), rules, {})


def watched(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The signals of every account that a placebo trades; the first are those that happened."""
    accounts = []

    def watch(panel, rows, starts, *rest, **more):
        accounts.extend(rows[a:b].copy() for a, b in pairwise(starts))
        return simulate(panel, rows, starts, *rest, **more)

    monkeypatch.setattr(placebo, "simulate", watch)
    return accounts


def timing(one: Account, draws: int, seed: int = 1):
    chains = chains_of(one.signals, longest=5)
    return placebo.random_timing(one, chains, seed=seed, draws=draws)


def direction(one: Account, draws: int, occasions: list[int] | None = None, seed: int = 1):
    numbers = np.array(occasions or range(len(one.signals)))
    return placebo.random_direction(one, numbers, seed=seed, draws=draws)


def test_timing_moves_signals_and_leaves_their_plans(monkeypatch):
    given = signals((5, 1), (20, -1), (40, 1), stop=[0.1, 0.2, 0.3], weight=[0.3, 0.5, 0.7])
    accounts = watched(monkeypatch)
    timing(account(given), 400)
    happened, *drawn = accounts
    assert happened.tobytes() == given.tobytes()
    plans = [sorted(one[["side", "weight", "stop", "hold"]].tolist()) for one in drawn]
    assert all(plan == plans[0] for plan in plans)
    assert plans[0] == sorted(given[["side", "weight", "stop", "hold"]].tolist())
    bars = np.array([one["bar"] for one in drawn])
    # Three holds of 3 sessions on a circle of 60, at least 4 apart: no trade renews another.
    assert np.diff(bars, axis=1, append=bars[:, :1] + 60).min() == 4
    assert set(bars.ravel()) == set(range(60))
    assert {0.1, 0.2, 0.3} == {one["stop"][0] for one in drawn}


def test_timing_is_even(monkeypatch):
    accounts = watched(monkeypatch)
    timing(account(signals((5, 1), (20, -1), hold=1)), 20_000)
    bars = np.array([one["bar"] for one in accounts[1:]])
    counts = np.bincount(bars.ravel(), minlength=60)
    assert counts.min() > 0.85 * 2 * 20_000 / 60
    # Of 2 chains of 2 sessions the distance is 2 to 58, each as likely.
    sides = np.array([one["side"] for one in accounts[1:]])
    gaps = np.bincount((bars * sides).sum(axis=1) % 60, minlength=60)
    assert gaps[[0, 1, 59]].tolist() == [0, 0, 0]
    assert gaps[2:59].min() > 0.8 * 20_000 / 57


def test_signals_that_belong_together_move_together(monkeypatch):
    given = signals((5, 1), (6, -1), (40, 1), hold=3)
    accounts = watched(monkeypatch)
    timing(account(given), 300)
    for one in accounts[1:]:
        pair = one[one["side"] == -1]["bar"][0] - np.sort(one[one["side"] == 1]["bar"])
        assert 1 in pair.tolist() or -59 in pair.tolist()


def test_symbols_of_a_session_stay_together(monkeypatch):
    both = panel_of({s: made_up_prices(s, walk(n)) for n, s in enumerate(("ACME", "BOLT"))})
    given = signals((5, 1), (5, 1), (30, -1), (30, 1), symbol=[0, 1, 0, 1])
    accounts = watched(monkeypatch)
    timing(account(given, both), 200)
    bars = np.array([one["bar"] for one in accounts[1:]])
    assert np.array_equal(bars[:, ::2], bars[:, 1::2])


def test_chains_that_fill_the_span_move_by_one_number(monkeypatch):
    given = signals((3, 1), (20, 1), (45, -1), hold=[16, 24, 20])
    accounts = watched(monkeypatch)
    timing(account(given), 2_000)
    assert len({one["bar"].tobytes() for one in accounts[1:]}) == 60
    for one in accounts[1:]:
        first, second = (one["bar"][one["hold"] == hold][0] for hold in (16, 24))
        assert (second - first) % 60 == 17


def test_timing_keeps_to_sessions_with_a_bar(monkeypatch):
    both = panel_of(
        {
            "ACME": made_up_prices("ACME", walk(1)),
            "BOLT": made_up_prices("BOLT", walk(2, count=30, first=20)),
        }
    )
    given = signals((5, 1), (22, 1), (28, -1), (40, 1), symbol=[0, 1, 1, 1], hold=1)
    accounts = watched(monkeypatch)
    timing(account(given, both), 300)
    drawn = accounts[1:]
    bolt = [one["bar"][one["symbol"] == 1] for one in drawn]
    assert set(np.concatenate(bolt)) == set(range(20, 50))
    bars = np.array([one["bar"] for one in drawn])
    assert np.diff(bars, axis=1).min() >= 2


@pytest.mark.parametrize(("bars", "is_too_short"), [(19, True), (20, False)])
def test_a_history_that_is_too_short_moves_no_dates(bars, is_too_short):
    both = panel_of(
        {
            "ACME": made_up_prices("ACME", walk(1)),
            "BOLT": made_up_prices("BOLT", walk(2, count=bars, first=20)),
        }
    )
    given = signals((5, 1), (22, 1), symbol=[0, 1])
    assert (timing(account(given, both), 10) is None) == is_too_short


def test_a_stock_that_lists_late_goes_round_its_own_sessions(monkeypatch):
    both = panel_of(
        {
            "ACME": made_up_prices("ACME", walk(1)),
            "BOLT": made_up_prices("BOLT", walk(2, count=40, first=20)),
        }
    )
    # One chain, which meets BOLT's bars at 15 of its starts alone: too few to keep to them.
    given = signals((1, 1), (20, 1), (40, 1), (45, -1), symbol=[0, 1, 0, 1], hold=20)
    accounts = watched(monkeypatch)
    timing(account(given, both), 500)
    shifts = set()
    for one in accounts[1:]:
        acme = np.sort(one["bar"][one["symbol"] == 0])
        shift = next(s for s in range(60) if sorted([(1 + s) % 60, (40 + s) % 60]) == list(acme))
        shifts.add(shift)
        # Sessions 0 to 19 have no BOLT: its bars are gone round, 20 sessions of 40 away.
        for bar, side in ((20, 1), (45, -1)):
            to = (bar + shift) % 60
            assert one["bar"][(one["symbol"] == 1) & (one["side"] == side)] == [
                to if to >= 20 else to + 20
            ]
    assert shifts == set(range(60))


def test_many_signals_are_drawn_until_the_verdict_is_certain(monkeypatch):
    one = account(signals(*((at, 1) for at in range(0, 60, 5)), hold=1))
    every = timing(one, 5_000)
    assert len(every.draws["sharpe"]) == 5_000  # few signals are drawn all at once
    monkeypatch.setattr(placebo, "_BATCH", 1)
    some = timing(one, 5_000)
    drawn = len(some.draws["sharpe"])
    assert drawn in (200, 400, 800, 1_600, 3_200)
    whole, part = every.standing("sharpe"), some.standing("sharpe")
    assert whole.upper == pytest.approx(part.upper, abs=0.1)
    assert (whole.upper <= 0.05, whole.lower <= 0.05) == (part.upper <= 0.05, part.lower <= 0.05)
    assert np.array_equal(some.draws["sharpe"], timing(one, 5_000).draws["sharpe"])


def test_direction_makes_each_of_few_draws_once_and_leaves_the_times(monkeypatch):
    given = signals((5, 1), (20, -1), (40, 1), stop=0.2)
    accounts = watched(monkeypatch)
    null = direction(account(given), 2_000)
    _, *drawn = accounts
    assert all(one["bar"].tolist() == [5, 20, 40] for one in drawn)
    assert len({one["side"].tobytes() for one in drawn}) == len(drawn) == 8
    assert null.is_complete
    # All eight are known, so that the best of them has a p of 1/8.
    assert min(null.standing("sharpe").upper, null.standing("sharpe").lower) >= 1 / 8


def test_many_directions_are_drawn(monkeypatch):
    given = signals(*((at, 1) for at in range(0, 60, 5)), hold=1)
    accounts = watched(monkeypatch)
    null = direction(account(given), 1_000)
    sides = np.array([one["side"] for one in accounts[1:]])
    assert not null.is_complete
    assert sides.shape == (1_000, 12)
    assert sides.mean(axis=0) == pytest.approx(np.zeros(12), abs=0.12)


def test_one_coin_turns_an_occasion(monkeypatch):
    given = signals((5, 1), (6, -1), (40, 1))
    accounts = watched(monkeypatch)
    direction(account(given), 100, [0, 0, 1])
    sides = sorted(tuple(one["side"].tolist()) for one in accounts[1:])
    assert sides == [(-1, 1, -1), (-1, 1, 1), (1, -1, -1), (1, -1, 1)]


def test_directions_are_traded_without_costs():
    given = signals((5, 1), (40, 1), hold=2)
    dear = Rules(commission_fixed=500, slippage_bps=100, borrow_mode="flat", borrow_default=2.0)
    found, free = direction(account(given, rules=dear), 9), direction(account(given), 9)
    assert found.observed["total_return"] == pytest.approx(free.observed["total_return"], abs=1e-3)
    assert timing(account(given, rules=dear), 9).observed["total_return"] < 0


def test_cash_earns_nothing_in_a_placebo():
    given = signals((5, 1), (40, 1))
    rich = FREE.model_copy(update={"cash_rate": 0.5})
    assert timing(account(given, rules=rich), 9).observed == timing(account(given), 9).observed


def test_superseded_signals_are_not_moved(monkeypatch):
    accounts = watched(monkeypatch)
    timing(account(signals((5, 1), (5, -1), (40, 1))), 5)
    happened, *drawn = accounts
    assert happened["side"].tolist() == [-1, 1]
    assert all(len(one) == 2 for one in drawn)


def test_what_happened_is_the_kernels_own_result():
    given = signals((5, 1), (20, -1), (40, 1), weight=[0.1, 0.5, 0.9])
    found = timing(account(given), 10)
    own = simulate(panel(), given, np.array([0, 3]), FREE, {}, trades=True, curves=True)
    made = own.trades
    profit = given["side"] * made["shares"] * (made["exit_price"] - made["entry_price"])
    assert found.observed["total_return"] == pytest.approx(own.equity[0, -1] / 100_000 - 1)
    mean = profit.sum() / (made["shares"] * made["entry_price"]).sum()
    assert found.observed["mean_trade_return"] == pytest.approx(mean)
    assert {len(values) for values in found.draws.values()} == {10}


def test_profits_are_net_of_costs():
    given = signals((5, -1), (20, -1))
    rules = Rules(borrow_mode="flat", borrow_default=0.5)
    own = simulate(panel(), given, np.array([0, 2]), rules, {}, trades=True)
    t = own.trades
    net = t["shares"] * (t["entry_price"] - t["exit_price"]) - t["commission"] - t["borrow"]
    assert t["borrow"].min() > 0
    assert own.totals["profit"][0] == pytest.approx(net.sum())
    assert own.totals["entered"][0] == pytest.approx((t["shares"] * t["entry_price"]).sum())


def test_draws_hang_on_the_seed_alone(monkeypatch):
    one = account(signals((5, 1), (20, -1), (40, 1)))
    first = timing(one, 50).draws["total_return"]
    assert np.array_equal(first, timing(one, 50).draws["total_return"])
    assert not np.array_equal(first, timing(one, 50, seed=2).draws["total_return"])
    monkeypatch.setattr(placebo, "_ROOM", 30)  # ten accounts at a time
    assert len(timing(one, 50).draws["total_return"]) == 50


def test_knowledge_is_found():
    bars = walk(3, count=300)
    rises = [row for row in range(1, 299) if bars[row][4] / bars[row][1] > 1.04][::6][:12]
    known = signals(*((bar, 1) for bar in rises), hold=1)
    one = account(known, panel_of({"ACME": made_up_prices("ACME", bars)}))
    assert timing(one, 999).standing("sharpe").upper <= 0.005
    # Six rises: the best of all 64 ways to turn them.
    assert len(one.signals) == 6
    assert direction(one, 999).standing("sharpe").upper == 1 / 64


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
        "exit_session": days[-1 if left is None else left],
        "exit_reason": "open" if left is None else "strategy",
    }
    return Trade(**(terms | changes))


def test_signals_of_trades():
    curve = [EquityPoint(day, 10_000.0 + n, 0.0, 0.0) for n, day in enumerate(SESSIONS.date[:60])]
    found = signals_of_trades(
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
    again = signals_of_trades(panel(), trades, curve, 100_000.0)
    same = simulate(panel(), again, np.array([0, 3]), FREE, {})
    assert same.totals["equity"] == pytest.approx(own.totals["equity"], rel=0.002)


def test_a_superseded_signal_goes_with_its_legs():
    # Two of one open and symbol, each with a leg in the second symbol: the later acts.
    rows = signals((3, 1), (3, -1), (3, -1), (3, 1), (5, 1))
    rows["symbol"] = (0, 1, 0, 1, 0)
    rows["terms"] = (0, IS_LEG, 0, IS_LEG, 0)
    rows["weight"] = (0.1, 0.2, 0.3, 0.4, 0.5)
    assert acting(rows)["weight"].tolist() == [0.3, 0.4, 0.5]


def test_a_flat_signal_plans_nothing_itself():
    # The trade is planned until bar 6; what comes at bar 7 begins a chain, whatever the flat says.
    rows = signals((3, 1), (5, 0), (7, 1), hold=3)
    rows["terms"][1], rows["hold"][1] = IS_FLAT, 30
    assert chains_of(rows, longest=5).of_signal.tolist() == [0, 0, 1]
