"""Plain Backtrader strategies over splits and ends: what they hold, and their orders that rest."""

from datetime import date

import backtrader as bt

from backtest.data.borrow import BorrowRates
from backtest.engine.replay.replay import EventStrategy, replay_event_strategy
from tests.engine.test_event_strategy_edges import FREE, TUESDAY, WEDNESDAY, Made, heard
from tests.engines import made_up_prices
from tests.spec.case import parse_bars

SPLIT_IN_TWO = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 50 50 48 50
    2025-06-05 50 50 44 46
"""


class Guarded(EventStrategy):
    """Buys eleven shares, and guards them with a stop that rests until it is touched."""

    def notify_event(self, event) -> None:
        self.buy(size=11)
        self.sell(size=11, exectype=bt.Order.Stop, price=90.0)


def test_an_order_that_rests_is_split_with_the_shares_that_it_guards() -> None:
    # 11 at 100 are 22 at 50; the stop of 90 is one of 45, which the low of 44 touches.
    split = [(WEDNESDAY, "split", 2.0), (date(2025, 6, 5), "dividend", 1.0)]
    made = replay_event_strategy(
        Guarded,
        {},
        {"ACME": made_up_prices("ACME", parse_bars(SPLIT_IN_TWO), split)},
        {"ACME": BorrowRates("ACME")},
        heard(TUESDAY),
        FREE,
    )
    (trade,) = made.trades
    assert (trade.shares, trade.entry_price) == (22, 50.0)
    assert (trade.exit_session, trade.exit_price, trade.exit_reason) == (
        date(2025, 6, 5), 45.0, "stop",
    )  # fmt: skip
    assert (trade.gross_profit, trade.dividends) == (-110.0, 22.0)
    assert made.curve[-1].equity == 100_000 - 110 + 22


def test_what_a_strategy_of_ones_own_holds_is_settled_where_its_stock_ends() -> None:
    merged = [(date(2025, 6, 6), "cash_merger", 60.0)]
    split = (WEDNESDAY, "split", 2.0)
    made = replay_event_strategy(
        Made,
        {"arguments": (10,)},
        {"ACME": made_up_prices("ACME", parse_bars(SPLIT_IN_TWO), [split, *merged])},
        {"ACME": BorrowRates("ACME")},
        heard(TUESDAY),
        FREE,
    )
    (trade,) = made.trades
    assert (trade.exit_reason, trade.exit_price, trade.gross_profit) == ("merger", 60.0, 200.0)
    assert made.curve[-1].equity == 100_200


def of_the_split(strategy, bars: str, ratio: float):
    """A strategy replayed over a split on Wednesday."""
    return replay_event_strategy(
        strategy,
        {},
        {"ACME": made_up_prices("ACME", parse_bars(bars), [(WEDNESDAY, "split", ratio)])},
        {"ACME": BorrowRates("ACME")},
        heard(TUESDAY),
        FREE,
    )


ONE_FOR_TEN = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 1000 1000 950 1000
    2025-06-05 1000 1000 850 850
"""


def test_orders_are_of_whole_shares_after_a_reverse_split() -> None:
    class Stopped(Guarded):
        """Guards 105 shares, of which 10 are left and a half is paid for."""

        def notify_event(self, event) -> None:
            self.buy(size=105)
            self.sell(size=105, exectype=bt.Order.Stop, price=90.0)

    class Left(Stopped):
        """Leaves them by an order that is sent before the split."""

        def notify_event(self, event) -> None:
            self.buy(size=105)

        def next(self) -> None:
            if self.position:
                self.close()

    # 0.5 at 1,000 are 500; 10 are sold by the stop at 900, or at the open of 1,000
    stopped, left = (of_the_split(one, ONE_FOR_TEN, 0.1) for one in (Stopped, Left))
    assert [(t.shares, t.exit_reason) for t in stopped.trades] == [(10.5, "stop")]
    assert stopped.curve[-1].equity == stopped.curve[-1].cash == 100_000 - 10_500 + 500 + 9_000
    assert [(t.shares, t.exit_reason) for t in left.trades] == [(10.5, "strategy")]
    assert left.curve[-1].equity == left.curve[-1].cash == 100_000


def test_an_order_of_no_share_after_a_split_is_cancelled() -> None:
    class Few(Guarded):
        """Guards eight shares, of which none is left."""

        def notify_event(self, event) -> None:
            self.buy(size=8)
            self.guard = self.sell(size=8, exectype=bt.Order.Stop, price=90.0)

        def notify_order(self, order) -> None:
            if order.status == order.Canceled:
                cancelled.append((self.data.datetime.date(), order.ref == self.guard.ref))

    cancelled: list[tuple[date, bool]] = []
    made = of_the_split(Few, ONE_FOR_TEN, 0.1)
    assert [(t.shares, t.exit_reason) for t in made.trades] == [(0.8, "split")]
    assert cancelled == [(WEDNESDAY, True)]
    assert made.curve[-1].equity == made.curve[-1].cash == 100_000


def test_an_order_that_rests_is_split_where_nothing_is_held() -> None:
    class Waits(Guarded):
        """Would buy at 95, which is 47.50 after the split."""

        def notify_event(self, event) -> None:
            self.buy(size=10, exectype=bt.Order.Limit, price=95.0)

    # The low of Wednesday is 48, that of Thursday 44.
    (trade,) = of_the_split(Waits, SPLIT_IN_TWO, 2.0).trades
    assert (trade.shares, trade.entry_price, trade.entry_session) == (20, 47.5, date(2025, 6, 5))
