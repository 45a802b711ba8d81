"""The books of the engine: trades, cash to the cent, and how far prices went, worked by hand."""

from datetime import date

import pytest

from backtest.engine.bars import daily_bars, set_excursions
from backtest.engine.replay.books import Fill, Ledger, Trade
from backtest.errors import AccountingError
from tests.engines import made_up_prices
from tests.spec.case import parse_bars

MONDAY, TUESDAY, WEDNESDAY = (date(2025, 6, day) for day in (2, 3, 4))


# Excursions


def a_trade(direction, reason, exit_price, exit_session=WEDNESDAY, entered=MONDAY) -> Trade:
    trade = Trade(1, "e1", "ACME", direction, 10, entered, 100.0, exit_session, exit_price, reason)
    within = ("stop", "target", "strategy")
    trade.left_at = "close" if reason == "open" else "session" if reason in within else "open"
    return trade


SWINGS = """
    2025-06-02 100 104  97 100
    2025-06-03 100 108  98 100
    2025-06-04 110 120  90  95
"""


@pytest.mark.parametrize(
    ("trade", "mae", "mfe"),
    [
        # whole bars to 06-03; of 06-04 the open and the exit
        (a_trade("long", "time", 110.0), -0.03, 0.10),
        (a_trade("long", "stop", 95.0), -0.05, 0.10),
        (a_trade("long", "target", 112.0), -0.03, 0.12),
        (a_trade("short", "time", 110.0), -0.10, 0.03),
        (a_trade("short", "target", 95.0), -0.10, 0.05),
        # all of 06-04
        (a_trade("long", "open", 95.0), -0.10, 0.20),
        (a_trade("short", "open", 95.0), -0.20, 0.10),
        # of its own sessions, not of those before and after
        (a_trade("long", "open", 100.0, TUESDAY, entered=TUESDAY), -0.02, 0.08),
        # within the entry session nothing but the exit is sure to come after the entry
        (a_trade("long", "stop", 98.0, MONDAY), -0.02, 0.0),
        (a_trade("long", "target", 103.0, MONDAY), 0.0, 0.03),
        (a_trade("short", "stop", 102.0, MONDAY), -0.02, 0.0),
        (a_trade("long", "stop", 95.0, entered=WEDNESDAY), -0.05, 0.0),  # entered below the open
        # the bar of 06-03, and of 06-04 the open and the exit
        (a_trade("long", "strategy", 95.0, entered=TUESDAY), -0.05, 0.10),
    ],
)
def test_excursions(trade, mae, mfe) -> None:
    prices = {"ACME": made_up_prices("ACME", parse_bars(SWINGS))}
    set_excursions([trade], prices, daily_bars(prices))
    assert (trade.mae, trade.mfe) == pytest.approx((mae, mfe))


@pytest.mark.parametrize("reason", ["time", "reversal", "margin_call", "ruin"])
def test_the_open_of_a_trade_that_ends_there_is_seen(reason) -> None:
    trade = a_trade("long", reason, 99.0, entered=WEDNESDAY)
    prices = {"ACME": made_up_prices("ACME", parse_bars(SWINGS))}
    set_excursions([trade], prices, daily_bars(prices))
    assert (trade.mae, trade.mfe) == pytest.approx((-0.01, 0.10))


@pytest.mark.parametrize(
    ("entered", "left_at", "price", "mae"),
    [
        (WEDNESDAY, "close", 95.0, -0.10),  # from its open above the limit down to 90
        (WEDNESDAY, "session", 95.0, -0.05),  # whether 90 came before the stop nobody knows
        (TUESDAY, "open", 110.0, -0.02),
    ],
)
def test_of_the_session_of_an_entry_at_a_limit_its_low_counts_where_it_was_held_to_its_close(
    entered, left_at, price, mae
) -> None:
    trade = a_trade("long", "time", price, entered=entered)
    trade.entered_at, trade.left_at = "session", left_at
    prices = {"ACME": made_up_prices("ACME", parse_bars(SWINGS))}
    set_excursions([trade], prices, daily_bars(prices))
    assert (trade.mae, trade.mfe) == pytest.approx((mae, max(price / 100 - 1, 0.0)))


# The books


def fill(size, price, commission=0.0, reason=None, symbol="ACME") -> Fill:
    return Fill(MONDAY, symbol, size, price, commission, "e1", reason)


def test_books_differ_from_half_a_cent_on() -> None:
    ledger = Ledger(100.0)
    ledger.check_cash(100.004, MONDAY)
    ledger.check_identity(99.996)
    with pytest.raises(AccountingError) as caught:
        ledger.check_cash(100.0051, MONDAY)
    assert str(caught.value) == (
        "2025-06-02: the ledger has 100.0000 in cash and Backtrader 100.0051. "
        "This is a fault of the program; please report it."
    )
    with pytest.raises(AccountingError) as caught:
        ledger.check_identity(99.9949)
    assert str(caught.value) == (
        "The accounting identity is broken: the trades make 100.0000 of final equity 99.9949. "
        "This is a fault of the program; please report it."
    )


def test_half_a_cent_is_a_difference() -> None:
    with pytest.raises(AccountingError):
        Ledger(0.0).check_cash(0.005, MONDAY)
    with pytest.raises(AccountingError):
        Ledger(0.0).check_identity(0.005)


def test_books_that_are_no_number_differ() -> None:
    with pytest.raises(AccountingError):
        Ledger(100.0).check_cash(float("nan"), MONDAY)
    with pytest.raises(AccountingError):
        Ledger(100.0).check_identity(float("nan"))


def test_books_of_a_fortune_agree_to_what_a_double_resolves() -> None:
    ledger = Ledger(-1e15)
    ledger.check_cash(-1e15 - 9, MONDAY)  # a tolerance of 10
    with pytest.raises(AccountingError):
        ledger.check_cash(-1e15 - 11, MONDAY)


def test_the_identity_counts_interest_borrow_and_commission() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(-10, 50.0, commission=1.0))
    ledger.charge_borrow("ACME", 2.0)
    ledger.receive_interest(0.5)
    ledger.book(fill(10, 45.0, commission=1.5, reason="time"))
    assert ledger.cash == 1_000 + 500 - 1 - 2 + 0.5 - 450 - 1.5
    ledger.check_identity(1_046.0)  # 50 earned, 2.5 of commission, 2 of borrow, 0.5 of interest
    assert ledger.trades[0].net_return == pytest.approx(45.5 / 500)


def test_shares_held_are_signed_and_nothing_where_nothing_is_held() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(-10, 50.0))
    ledger.book(fill(5, 20.0, symbol="BOLT"))
    assert [ledger.shares(symbol) for symbol in ("ACME", "BOLT", "COIL")] == [-10, 5, 0]


def test_parts_of_a_share_add_up_to_one_trade() -> None:
    ledger = Ledger(1_000.0)
    for size, price in ((0.5, 40.0), (0.5, 60.0), (-0.75, 80.0), (-0.25, 100.0)):
        ledger.book(fill(size, price))
    (trade,) = ledger.trades
    assert (trade.direction, trade.shares, trade.entry_price) == ("long", 1.0, 50.0)
    assert (trade.exit_price, trade.gross_profit) == (85.0, 35.0)


def test_trades_are_numbered_from_one() -> None:
    ledger = Ledger(1_000.0)
    for size in (10, -10, 5, -5):
        ledger.book(fill(size, 50.0))
    assert [trade.trade_id for trade in ledger.trades] == [1, 2]


def test_a_close_that_nobody_explains_is_the_strategys_own() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(10, 50.0))
    ledger.book(fill(-10, 55.0))
    assert ledger.trades[0].exit_reason == "strategy"
