"""What a run by finer bars tells of a trade beside its money, by hand, in both engines."""

from datetime import UTC, datetime

import pytest

from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.replay.books import Trade
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import borrow_rates, made_up_bars, made_up_decisions, made_up_stocks
from tests.spec.case import FREE, Case, long

DAYS = {
    "ACME": """
        2025-06-03 09:30 100 150  50 100
        2025-06-03 09:35 101 102 100 101
        2025-06-03 15:50 102 104 101 102
        2025-06-03 15:55 103 150  50 104
    """
}
BY_THE_DAY = {"ACME": "2025-06-04 105 106 95 103"}


@pytest.fixture(params=[replay, replay_by_kernel])
def engine(request):
    return request.param


def traded(engine, **terms) -> Trade:
    """The one trade of a signal of 09:35; New York is four hours behind UTC."""
    signal = long("2025-06-03 09:35", weight=0.5, **terms)
    case = Case("", "", BY_THE_DAY, [signal], [], [], finer=DAYS)
    stocks, signals = made_up_stocks(case.rows(), {}), case.named_signals()
    bars = made_up_bars(stocks, case.finer_rows(), signals)
    rules = Rules(**vars(FREE))
    result = engine(stocks, borrow_rates(stocks, {}), made_up_decisions(signals), rules, bars)
    (trade,) = result.trades
    return trade


def at(hour: int, minute: int) -> datetime:
    return datetime(2025, 6, 3, hour, minute, tzinfo=UTC)


def test_excursions_are_of_the_bars_in_which_it_was_held(engine) -> None:
    trade = traded(engine, hold_bars=2)
    assert (trade.entry_bar, trade.exit_bar) == (at(13, 35), at(19, 55))
    assert (trade.entered_at, trade.left_at) == ("open", "open")
    # Neither the bar before, of 50 to 150, nor what came after the open of the last one.
    assert trade.mae == pytest.approx(100 / 101 - 1)
    assert trade.mfe == pytest.approx(104 / 101 - 1)


def test_left_at_the_close_the_whole_bar_counts(engine) -> None:
    trade = traded(engine, hold=0)
    assert (trade.entry_bar, trade.exit_bar) == (at(13, 35), at(19, 55))
    assert (trade.entered_at, trade.left_at) == ("open", "close")
    assert trade.mae == pytest.approx(50 / 101 - 1)
    assert trade.mfe == pytest.approx(150 / 101 - 1)


def test_entered_at_the_close_only_the_bars_after_it_count(engine) -> None:
    trade = traded(engine, enter="close", hold=1, leave="close")
    assert (trade.entry_bar, trade.exit_bar) == (at(19, 55), None)
    assert (trade.entered_at, trade.left_at) == ("close", "close")
    assert trade.mae == pytest.approx(95 / 104 - 1)  # of the session by the day
    assert trade.mfe == pytest.approx(106 / 104 - 1)


def test_stopped_within_a_bar(engine) -> None:
    trade = traded(engine, stop=0.2)
    assert (trade.entry_bar, trade.exit_bar) == (at(13, 35), at(19, 55))
    assert (trade.entered_at, trade.left_at) == ("open", "session")
    assert trade.mae == pytest.approx(80.8 / 101 - 1)
    assert trade.mfe == pytest.approx(104 / 101 - 1)
