"""The door to the kernel: what it refuses, and that threads change nothing."""

import numpy as np
import pytest

from backtest.engine.kernel import IS_LEG, OUTCOMES, REASONS, SIGNAL
from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.errors import UsageError
from backtest.stats.figures import FEWEST_SESSIONS, figures_of_totals

BARS = 60


def made_up_panel() -> Panel:
    close = 50 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.03, (BARS, 1)), axis=0))
    prices = blank_prices((BARS, 1))
    for name in ("open", "close"):
        prices[name] = close
    prices["high"], prices["low"] = close * 1.02, close * 0.98
    days = np.busday_offset("2025-01-02", np.arange(BARS), roll="forward")
    return Panel(("ACME",), days.astype("M8[us]"), days, prices, np.zeros((0, 0)))


def made_up_signals(accounts: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.zeros((accounts, 3), SIGNAL)
    rows["bar"], rows["side"], rows["weight"] = [5, 20, 40], [1, -1, 1], 0.9
    rows["hold"] = 1 + np.arange(accounts)[:, None] % 12
    rows["stop"] = 0.05
    rows["target"] = rows["trailing_stop"] = np.nan
    return rows.ravel(), 3 * np.arange(accounts + 1)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_result_does_not_depend_on_the_number_of_threads(threads):
    work = (made_up_panel(), *made_up_signals(101), Rules(), {})
    one, many = (simulate(*work, trades=True, curves=True, threads=n) for n in (1, threads))
    assert len({*one.totals["equity"].tolist()}) > 5
    for name in ("totals", "outcomes", "trades", "equity", "cash"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


def test_participation_needs_volume():
    with pytest.raises(ValueError, match="volume"):
        simulate(made_up_panel(), *made_up_signals(1), Rules(max_participation=0.1), {})


def test_a_signal_without_a_weight_needs_max_positions():
    rows, starts = made_up_signals(2)
    rows["weight"][4] = np.nan
    work = (made_up_panel(), rows, starts)
    with pytest.raises(UsageError, match=r"max_positions is not set\. Set it among the rules"):
        simulate(*work, Rules(), {})
    assert simulate(*work, Rules(max_positions=2), {}).outcomes[4] != 0


def test_outcomes_and_trades_stand_in_the_rows_of_the_caller():
    """Two accounts of three signals at one open, of which each can hold one position."""
    prices = blank_prices((BARS, 2))
    for name in ("open", "high", "low", "close"):
        prices[name] = [[10.0, 20.0]] * BARS
    days = np.busday_offset("2025-01-02", np.arange(BARS), roll="forward")
    panel = Panel(("A", "B"), days.astype("M8[us]"), days, prices, np.zeros((0, 0)))
    rows = np.zeros((2, 3), SIGNAL)
    rows["bar"], rows["symbol"], rows["side"] = 1, [0, 0, 1], 1
    rows["weight"], rows["hold"] = 0.1, -1
    rows["stop"] = rows["target"] = rows["trailing_stop"] = np.nan
    rows["priority"] = [[9.0, 0.0, 1.0], [0.0, 2.0, 1.0]]
    free = Rules(slippage_bps=0, commission_per_share=0, borrow_mode="none", max_positions=1)
    before = rows.copy()
    found = simulate(panel, rows.ravel(), np.array([0, 3, 6]), free, {}, trades=True, threads=2)
    names = [OUTCOMES[outcome] for outcome in found.outcomes]
    assert names == ["superseded", "no_room", "enter", "superseded", "enter", "no_room"]
    assert found.trades["shares"].tolist() == [0, 0, 500, 0, 1000, 0]
    assert rows.tobytes() == before.tobytes()
    assert SIGNAL.itemsize == 64


def test_a_position_that_moves_up_into_a_free_place_is_still_found():
    """Three are held; the first is left, the last takes its place and is reversed afterwards."""
    prices = blank_prices((BARS, 3))
    for name in ("open", "high", "low", "close"):
        prices[name] = [[10.0, 20.0, 50.0]] * BARS
    days = np.busday_offset("2025-01-02", np.arange(BARS), roll="forward")
    panel = Panel(("A", "B", "C"), days.astype("M8[us]"), days, prices, np.zeros((0, 0)))
    rows = np.zeros(4, SIGNAL)
    rows["bar"], rows["symbol"], rows["side"] = [1, 1, 1, 9], [0, 1, 2, 2], [1, 1, 1, -1]
    rows["weight"], rows["hold"] = 0.1, [3, -1, -1, -1]
    rows["stop"] = rows["target"] = rows["trailing_stop"] = np.nan
    free = Rules(slippage_bps=0, commission_per_share=0, borrow_mode="none")
    found = simulate(panel, rows, np.array([0, 4]), free, {}, trades=True)
    left = [(REASONS[trade["reason"]], trade["exit_bar"]) for trade in found.trades]
    assert left == [("time", 4), ("open", 59), ("reversal", 9), ("open", 59)]
    assert found.trades["shares"].tolist() == [1000, 500, 200, 200]
    assert OUTCOMES[found.outcomes[3]] == "reverse"


@pytest.mark.parametrize(
    ("first", "second", "wins", "profit"), [(104.0, 105.0, 1, 100.0), (106.0, 105.0, 0, -100.0)]
)
def test_a_hedged_trade_is_won_once_and_by_all_of_its_legs(first, second, wins, profit):
    """100 shares each at 100: the leader makes 1,000, the two short legs lose what they rise."""
    prices = blank_prices((4, 3))
    for name in ("open", "high", "low", "close"):
        prices[name] = [[100.0] * 3, [100.0] * 3, [110.0, first, second], [110.0, first, second]]
    days = np.busday_offset("2025-01-02", np.arange(4), roll="forward")
    panel = Panel(("A", "B", "C"), days.astype("M8[us]"), days, prices, np.zeros((0, 0)))
    rows = np.zeros(3, SIGNAL)
    rows["bar"], rows["symbol"], rows["side"] = 1, [0, 1, 2], [1, -1, -1]
    rows["weight"], rows["hold"], rows["terms"] = [0.1, 1.0, 1.0], 1, [0, IS_LEG, IS_LEG]
    for name in ("stop", "target", "trailing_stop", "limit"):
        rows[name] = np.nan
    free = Rules(slippage_bps=0, commission_per_share=0, borrow_mode="none")
    totals = simulate(panel, rows, np.array([0, 3]), free, {}).totals[0]
    assert (totals["trades"], totals["wins"], totals["profit"]) == (1, wins, profit)


def test_an_account_that_was_once_ruined_has_no_ratio_though_it_ends_above_zero():
    """1,000 short at 100 are worth 201,000 at a close, and are covered at the next open for 150."""
    prices = blank_prices((BARS, 1))
    for name in ("open", "high", "low", "close"):
        prices[name] = 100.0
    prices["close"][2, 0], prices["open"][3, 0] = 201.0, 150.0
    days = np.busday_offset("2025-01-02", np.arange(BARS), roll="forward")
    panel = Panel(("A",), days.astype("M8[us]"), days, prices, np.zeros((0, 0)))
    rows = np.zeros(1, SIGNAL)
    rows["bar"], rows["side"], rows["weight"], rows["hold"] = 1, -1, 1.0, -1
    rows["stop"] = rows["target"] = rows["trailing_stop"] = np.nan
    free = Rules(slippage_bps=0, commission_per_share=0, borrow_mode="none")
    totals = simulate(panel, rows, np.array([0, 1]), free, {}).totals
    assert (totals["lowest"][0], totals["equity"][0]) == (-1_000, 50_000)
    assert BARS >= FEWEST_SESSIONS
    assert np.isnan(figures_of_totals(totals, free.cash, BARS)["sharpe"][0])
