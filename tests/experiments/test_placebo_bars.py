"""Placebos of runs by finer bars: what is moved keeps the time of its day, and goes by sessions.

The stock has bars of 09:30, 09:35 and 15:50 on 06-02, its daily bar on 06-03 and, on the half day
of 07-03, bars of 09:30 and 12:50; its hedge has a bar of 15:45 besides.
"""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from backtest.engine.kernel import AT_CLOSE, AT_OPEN, TRADE
from backtest.engine.kernel.panel import Panel, blank_prices, signal_rows
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.experiments.runs.placebo import (
    Account,
    _has_bar,
    _landings,
    acting,
    by_session,
    chains_of,
    occasions_of,
    random_timing,
)
from backtest.stats.multiple_testing import wilson_interval
from backtest.strategy.base import Leg, Signal

TIMES = ["06-02T13:30", "06-02T13:35", "06-02T19:45", "06-02T19:50", "06-03T13:30",
         "07-03T13:30", "07-03T16:50"]  # fmt: skip
DAILY, HEDGE_ALONE = 4, 2


def panel() -> Panel:
    times = np.array([f"2025-{time}" for time in TIMES], "M8[us]")
    prices = blank_prices((len(times), 2))
    for name in prices.dtype.names:
        prices[name] = 100.0
        prices[name][HEDGE_ALONE, 0] = np.nan
    kinds = np.where(np.arange(len(times)) == DAILY, 0, 1).astype(np.int8)
    volume = np.ones((len(times), 2))
    return Panel(("ACME", "INDX"), times, times.astype("M8[D]"), prices, volume, (), kinds)


def rows(*signals: tuple[int, dict[str, object]]) -> np.ndarray:
    made = [
        (bar, Signal(symbol="ACME", event_id=str(number), direction="long", **terms))
        for number, (bar, terms) in enumerate(signals)
    ]
    return signal_rows(panel(), made)


@pytest.mark.parametrize(
    ("bar", "terms", "wanted"),
    [
        (0, {}, [0, 4, 5]),  # the first bar of each
        (1, {}, [1, 4, 6]),  # 09:35; the half day has none until 12:50
        (3, {}, [3, 4, 6]),  # 15:50: the last of the half day
        (3, {"enter": "close"}, [3, 4, 6]),
        (4, {}, [0, 4, 5]),  # a daily one is at the open
    ],
)
def test_a_signal_lands_at_its_time_of_day(bar, terms, wanted):
    landings, kind = _landings(panel(), rows((bar, terms)))
    assert landings[kind].tolist() == [wanted]


def test_a_leg_lands_where_its_leader_does():
    """From 12:50 on INDX has a bar of 15:45, which ACME does not have."""
    made = rows((6, {"legs": (Leg("INDX", 1.0),)}))
    landings, kind = _landings(panel(), made)
    assert landings[kind].tolist() == [[3, 4, 6]] * 2


def test_signals_and_trades_count_sessions():
    made = by_session(panel(), rows((1, {"hold": 2}), (3, {"hold_bars": 2}), (5, {"hold": 1})))
    assert made["bar"].tolist() == [0, 0, 2]
    assert made["hold"].tolist() == [2, 2, 1]  # two bars on is the half day, two sessions later
    trades = np.zeros(3, TRADE)
    trades["exit_bar"], trades["left_at"] = [1, 5, 6], AT_OPEN
    left = by_session(panel(), trades)
    assert left["exit_bar"].tolist() == [0, 2, 2]
    # The open of a later bar than the first of its session leaves no room for that session.
    assert left["left_at"].tolist() == [AT_CLOSE, AT_OPEN, AT_CLOSE]


def test_a_leg_makes_no_chain_longer():
    """From 09:35 three bars on is the next session; three sessions on is none of these."""
    hedged = {"hold_bars": 3, "legs": (Leg("INDX", 1.0),)}
    made = by_session(panel(), rows((1, hedged), (5, hedged)))
    assert made["hold"].tolist() == [1, 0, 0, 0]
    assert chains_of(made, 3).lengths.tolist() == [2, 1]


def test_bars_are_held_up_to_the_last_at_most():
    """Of the bars without the last, 07-03 is a session of one bar."""
    whole = panel()
    columns = {name: getattr(whole, name)[:6] for name in ("times", "sessions", "prices", "kinds")}
    made = rows((3, {"hold_bars": 2}), (3, {"hold_bars": 1}), (3, {"hold_bars": 9}), (4, {}))
    by_day = by_session(replace(whole, **columns), made)
    assert by_day["hold"].tolist() == [2, 1, 2, -1]
    on_its_bar = by_session(whole, rows((3, {"hold_bars": 0, "leave": "close"})))
    assert on_its_bar["hold"].tolist() == [0]


def test_a_stock_has_a_bar_in_a_session_of_which_it_has_any():
    has_bar = _has_bar(panel())
    assert has_bar.tolist() == [[True, True]] * 3
    without = panel()
    without.prices["open"][5:, 0] = without.prices["open"][4, 1] = np.nan
    assert _has_bar(without).tolist() == [[True, True], [True, False], [False, True]]


def test_a_signal_lands_nowhere_in_a_session_without_a_bar_of_its_stock():
    without = panel()
    without.prices["open"][DAILY, 0] = np.nan
    landings, kind = _landings(without, rows((0, {}), (1, {})))
    assert landings[kind].tolist() == [[0, -1, 5], [1, -1, 6]]


def test_two_trades_of_a_day_are_one_occasion():
    trades = np.zeros(2, TRADE)
    trades["shares"], trades["entry_bar"], trades["exit_bar"] = 1, [0, 1], [1, 3]
    signals = rows((0, {"hold_bars": 1}), (1, {"hold_bars": 1}))
    numbers = occasions_of(by_session(panel(), signals), by_session(panel(), trades))
    assert numbers.tolist() == [0, 0]


def walk(rng: np.random.Generator, sessions: int, bars: int) -> Panel:
    """A stock that nobody can predict, whose bars move more at the open of each session."""
    days = np.busday_offset("2025-06-02", np.arange(sessions))
    opens = days.astype("M8[us]") + np.timedelta64(13 * 60 + 30, "m")
    times = (opens[:, None] + np.arange(bars) * np.timedelta64(30, "m")).ravel()
    spread = np.where(np.arange(bars) == 0, 0.01, 0.002)
    close = 100 * np.exp(np.cumsum(rng.normal(0, np.tile(spread, sessions))))
    prices = blank_prices((len(times), 1))
    prices["open"][:, 0] = np.append(100.0, close[:-1])
    prices["close"][:, 0] = close
    for name, pick in (("high", np.maximum), ("low", np.minimum)):
        prices[name] = pick(prices["open"], prices["close"])
    whole = np.ones(len(times), np.bool_)
    volume = np.ones((len(times), 1))
    return Panel(("WALK",), times, times.astype("M8[D]"), prices, volume, (), whole)


def p_of_a_world(seed: int) -> float:
    """How often random timing does as well as ten signals at random times of ten sessions."""
    rng, bars = np.random.default_rng(seed), 13
    made = walk(rng, 80, bars)
    days = np.sort(rng.choice(np.arange(2, 76), 10, replace=False))
    signals = signal_rows(
        made,
        [
            (
                int(day * bars + rng.integers(bars - 3)),
                Signal(symbol="WALK", event_id=str(day), direction=side, weight=0.5, hold_bars=2),
            )
            for day, side in zip(days.tolist(), rng.choice(["long", "short"], 10), strict=True)
        ],
    )
    rules = Rules(slippage_bps=0, commission_per_share=0, commission_min=0, borrow_mode="none")
    account = Account(made, acting(signals), rules, {})
    chains = chains_of(by_session(made, account.signals), 1)
    null = random_timing(account, chains, seed=seed, draws=199)
    return null.standing("sharpe").upper


def test_where_there_is_nothing_to_find_few_worlds_look_better():
    found = sum(p_of_a_world(seed) <= 0.05 for seed in range(200))
    low, high = wilson_interval(found, 200)
    assert low <= 0.05 <= high, found


def test_what_is_moved_meets_the_bars_of_its_clock():
    """A stock that rises in one bar a day alone gains at all times of that bar."""
    days, bars = 60, 4
    prices = np.tile([100.0, 100.0, 110.0, 100.0], days)  # it opens at 110 in the third bar
    times = np.busday_offset("2025-06-02", np.arange(days)).astype("M8[us]")[:, None]
    times = (times + (13 * 60 + 30 + 30 * np.arange(bars)) * np.timedelta64(1, "m")).ravel()
    table = blank_prices((len(times), 1))
    for name in table.dtype.names:
        table[name][:, 0] = prices
    made = Panel(("WALK",), times, times.astype("M8[D]"), table, np.ones((len(times), 1)), (),
                 np.ones(len(times), np.bool_))  # fmt: skip
    signal = Signal(symbol="WALK", event_id="e", direction="long", weight=0.5, hold_bars=1)
    signals = signal_rows(made, [(10 * bars + 1, signal)])
    rules = Rules(slippage_bps=0, commission_per_share=0, commission_min=0)
    account = Account(made, signals, rules, {})
    null = random_timing(account, chains_of(by_session(made, signals), 1), seed=1, draws=199)
    assert null.observed["total_return"] == pytest.approx(0.05)
    assert set(np.round(null.draws["total_return"], 9)) == {0.05}
    whole = np.array([0, 1])
    assert simulate(made, signals, whole, rules, {}).totals["trades"][0] == 1


def test_times_are_those_of_new_york_on_both_sides_of_the_change():
    made = panel()
    assert made.clock.tolist() == [570, 575, 945, 950, 0, 570, 770]
    assert made.time_of(0) == datetime(2025, 6, 2, 13, 30, tzinfo=UTC)
    assert made.time_of(DAILY) is None
    assert made.bar_of(date(2025, 7, 3)) == 5
