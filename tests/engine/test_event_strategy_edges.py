"""Edges of plain Backtrader strategies that faults planted in the engine have shown."""

import sys
from datetime import date
from typing import ClassVar

import backtrader as bt
import numpy as np
import pytest

from backtest.data.borrow import BorrowRate, BorrowRates
from backtest.engine.replay.books import SentOrder
from backtest.engine.replay.broker import RulesBroker
from backtest.engine.replay.replay import EventStrategy, replay_event_strategy
from backtest.engine.rules import Rules
from backtest.engine.schedule import Decision
from backtest.errors import AccountingError, UsageError
from tests.engines import made_up_prices
from tests.made_up import news
from tests.spec.case import parse_bars

MONDAY, TUESDAY, WEDNESDAY = (date(2025, 6, day) for day in (2, 3, 4))
FREE = Rules(slippage_bps=0.0, commission_per_share=0.0, borrow_default=0.0)
FIRST = news(headline="Made up, 1").id
FLAT = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 100 100 100 100
"""


class Made(EventStrategy):
    """Orders with the arguments that it is told, at the first event that it hears."""

    params = (("side", "buy"), ("arguments", ()), ("terms", {}))

    def notify_event(self, event) -> None:
        getattr(self, self.p.side)(self.data, *self.p.arguments, **self.p.terms)


def heard(*sessions: date | None) -> list[Decision]:
    return [
        Decision(news(headline=f"Made up, {n}"), session, "notified", "")
        for n, session in enumerate(sessions, start=1)
    ]


def replayed_plain(decisions, strategy=Made, rates=(), **parameters):
    return replay_event_strategy(
        strategy,
        parameters,
        {"ACME": made_up_prices("ACME", parse_bars(FLAT))},
        {"ACME": BorrowRates("ACME", tuple(rates))},
        decisions,
        FREE,
    )


@pytest.mark.parametrize(("side", "shares"), [("buy", 10), ("sell", -10)])
def test_orders_take_backtraders_arguments_by_place(side, shares) -> None:
    made = replayed_plain(heard(TUESDAY), side=side, arguments=(10,))
    assert made.orders == [SentOrder(TUESDAY, "ACME", shares, "market", 100.0, FIRST, None)]


def test_what_became_of_an_event_is_told() -> None:
    def reasons(decisions, **parameters):
        return [(d.action, d.reason) for d in replayed_plain(decisions, **parameters).decisions]

    assert reasons(heard(TUESDAY), arguments=(10,)) == [
        ("enter", "by an order of the strategy's own")
    ]
    assert reasons(heard(TUESDAY), arguments=(5_000,)) == [
        ("no_room", "Backtrader refused the order: not enough cash")
    ]
    resting = {"size": 10, "exectype": bt.Order.Limit, "price": 50.0}
    assert reasons(heard(TUESDAY), terms=resting) == [
        ("no_signal", "the strategy ordered nothing that opened a trade")
    ]
    assert reasons(heard(MONDAY)) == [("not_tradable", "no bar comes before its tradable session")]
    never = Decision(news(), None, "not_tradable", "known by the week alone")
    assert reasons([never]) == [("not_tradable", "known by the week alone")]


def test_an_order_past_the_strategys_own_methods_answers_no_event() -> None:
    class Direct(Made):
        def notify_event(self, event) -> None:
            self.broker.buy(self, self.data, 10, exectype=bt.Order.Market)

    made = replayed_plain(heard(TUESDAY), strategy=Direct)
    assert [(trade.event_id, trade.shares) for trade in made.trades] == [("", 10)]
    assert [order.event_id for order in made.orders] == [""]
    assert made.decisions[0].action == "no_signal"


def test_an_order_between_events_answers_none() -> None:
    class Later(Made):
        def next(self) -> None:
            if self.position.size == 10:
                self.buy(size=5)

    made = replayed_plain(heard(TUESDAY), strategy=Later, arguments=(10,))
    assert [(order.session, order.event_id) for order in made.orders] == [
        (TUESDAY, FIRST),
        (WEDNESDAY, ""),
    ]


def test_a_part_of_a_share_that_is_owned_pays_no_borrow() -> None:
    rates = [BorrowRate(MONDAY, 0.36, "Made Up Lenders")]
    (owned,) = replayed_plain(heard(TUESDAY), arguments=(0.5,), rates=rates).trades
    assert (owned.shares, owned.borrow) == (0.5, 0.0)
    (sold,) = replayed_plain(heard(TUESDAY), side="sell", arguments=(0.5,), rates=rates).trades
    assert sold.borrow == pytest.approx(0.5 * 100 * 1.02 * 0.36 / 360)  # the night of 06-03


def test_open_interest_is_nothing() -> None:
    class Looks(Made):
        seen: ClassVar[list[float]] = []

        def notify_event(self, event) -> None:
            self.seen.append(self.data.openinterest[0])

    replayed_plain(heard(TUESDAY, WEDNESDAY), strategy=Looks)
    assert Looks.seen == [0.0, 0.0]


def test_a_plain_strategy_that_fails_between_events_is_told_with_its_line() -> None:
    class Fails(Made):
        def next(self) -> None:
            raise ZeroDivisionError("made up")

    with pytest.raises(UsageError) as caught:
        replayed_plain([], strategy=Fails)
    told = str(caught.value)
    assert told.startswith(f"Fails failed in the replay: ZeroDivisionError: made up\n  {__file__}")
    assert told.endswith(': raise ZeroDivisionError("made up")')
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("method", "where"), [("next", "in the replay"), ("notify_event", f"on {FIRST}")]
)
def test_a_plain_strategy_that_ends_the_program_fails(method, where) -> None:
    strategy = type("Leaves", (Made,), {method: lambda *_: sys.exit("no data")})
    with pytest.raises(UsageError, match=rf"^Leaves failed {where}: it ends the program \(no data"):
        replayed_plain(heard(TUESDAY, WEDNESDAY), strategy=strategy)


@pytest.mark.parametrize("arguments", [(float("nan"),), (np.float64("inf"),), (None,)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_whose_size_is_no_number_is_a_fault_of_the_strategy(side, arguments) -> None:
    class Unsized(Made):
        def getsizing(self, *_, **__):
            return float("nan")

    with pytest.raises(
        UsageError, match=rf"^Unsized failed on {FIRST}: ValueError: the size of an"
    ):
        replayed_plain(heard(TUESDAY), strategy=Unsized, side=side, arguments=arguments)


def test_a_plain_strategy_that_stops_the_replay_is_told_what_to_do() -> None:
    class Stops(Made):
        def next(self) -> None:
            self.env.runstop()

    with pytest.raises(UsageError, match=r"^Stops ends the replay on 2025-06-02 with runstop"):
        replayed_plain(heard(TUESDAY), strategy=Stops)


def test_a_plain_strategy_that_cannot_hear_is_told_at_its_first_event() -> None:
    class Deaf(EventStrategy):
        pass

    with pytest.raises(UsageError, match=rf"^Deaf failed on {FIRST}: NotImplementedError\n"):
        replayed_plain(heard(TUESDAY, WEDNESDAY), strategy=Deaf)


def test_books_that_differ_are_no_failure_of_a_plain_strategy(monkeypatch) -> None:
    monkeypatch.setattr(RulesBroker, "get_cash", lambda self: self.cash + 0.01)
    with pytest.raises(AccountingError):
        replayed_plain(heard(TUESDAY))


@pytest.mark.parametrize("method", ["next_open", "nextstart_open", "prenext_open"])
def test_a_plain_strategy_that_looks_ahead_is_told_where_to_order(method) -> None:
    strategy = type("Cheats", (Made,), {method: lambda self: None})
    with pytest.raises(UsageError) as caught:
        replayed_plain(heard(TUESDAY), strategy=strategy)
    assert str(caught.value) == (
        f"Cheats defines {method}, in which Backtrader shows the close of a session at its open. "
        "Order in next or notify_event: that is filled at the next open."
    )


def test_the_close_of_tomorrow_is_not_there_today() -> None:
    class Peeks(Made):
        def next(self) -> None:
            if len(self) == 1:  # at the last bar there is no tomorrow anyway
                self.data.close[1]

    with pytest.raises(UsageError, match="IndexError"):
        replayed_plain([], strategy=Peeks)


# What has not come yet is not there, and every fill pays

LISTED_LATER = "2025-06-04 30 33 27 31\n"


def with_a_stock_listed_later(strategy, **terms):
    prices = {
        "ACME": made_up_prices("ACME", parse_bars(FLAT)),
        "NEWS": made_up_prices("NEWS", parse_bars(LISTED_LATER)),
    }
    rates = {symbol: BorrowRates(symbol) for symbol in prices}
    rules = Rules(slippage_bps=100, commission_per_share=0.0)
    return replay_event_strategy(strategy, terms, prices, rates, heard(TUESDAY, WEDNESDAY), rules)


@pytest.mark.parametrize("line", ["open", "high", "low", "close", "volume", "datetime"])
@pytest.mark.parametrize(
    "read",
    [
        lambda line: line[0],
        lambda line: line[1],
        lambda line: line[-1],
        lambda line: line.array[0],
        lambda line: line.array[-1],
    ],
    ids=["[0]", "[1]", "[-1]", "array[0]", "array[-1]"],
)
def test_a_stock_that_is_not_listed_yet_has_no_bar_to_read(line, read) -> None:
    class Peeks(EventStrategy):
        def notify_event(self, event) -> None:
            later = self.getdatabyname("NEWS")
            assert len(later) == 0
            assert list(later.close.get(0, 1)) == []
            read(getattr(later.lines, line))

    with pytest.raises(UsageError, match="has none before its first session"):
        with_a_stock_listed_later(Peeks)


def test_a_stock_can_be_ordered_by_size_before_its_first_open_and_not_by_percent() -> None:
    class Orders(EventStrategy):
        params = (("by_size", True),)

        def notify_event(self, event) -> None:
            later = self.getdatabyname("NEWS")
            if event.headline != "Made up, 2":
                return
            if self.p.by_size:
                self.buy(later, size=10)
            else:
                self.order_target_percent(later, 0.5)

    (trade,) = with_a_stock_listed_later(Orders).trades
    # 30 × 1.01
    assert (trade.symbol, trade.shares, trade.entry_price) == ("NEWS", 10, pytest.approx(30.3))
    with pytest.raises(UsageError, match="has none before its first session"):
        with_a_stock_listed_later(Orders, by_size=False)


def in_steps(bars: str, **terms):
    rules = Rules(slippage_bps=100, commission_per_share=0.01, commission_min=0)
    prices = {"ACME": made_up_prices("ACME", parse_bars(bars))}
    rates = {"ACME": BorrowRates("ACME")}
    return replay_event_strategy(Made, terms, prices, rates, heard(TUESDAY), rules)


def test_an_order_at_the_close_pays_slippage_and_commission() -> None:
    bars = """
        2025-06-02 100 101 99 100
        2025-06-03 100 104 99 102
        2025-06-04 103 104 99 100
    """
    for side, price in (("buy", 102 * 1.01), ("sell", 102 * 0.99)):
        terms = {"size": 10, "exectype": bt.Order.Close}
        (trade,) = in_steps(bars, side=side, terms=terms).trades
        assert (trade.entry_session, trade.entry_price) == (TUESDAY, pytest.approx(price))
        assert trade.commission == pytest.approx(0.1)


BRACKET = {"size": 10, "exectype": bt.Order.Market, "stopprice": 95.0, "limitprice": 120.0}


def test_the_stop_of_a_bracket_acts_in_the_entry_session() -> None:
    bars = """
        2025-06-02 100 101 99 100
        2025-06-03 100 104 94 102
        2025-06-04 103 104 99 100
    """
    made = in_steps(bars, side="buy_bracket", arguments=(), terms=BRACKET)
    (trade,) = made.trades
    assert (trade.exit_session, trade.exit_reason) == (TUESDAY, "stop")
    assert trade.exit_price == pytest.approx(95 * 0.99)  # touched at 95, slipped by 1 %
    kinds = [(order.session, order.type) for order in made.orders]
    assert kinds == [(TUESDAY, "market"), (TUESDAY, "stop"), (TUESDAY, "limit")]


def test_a_trailing_stop_is_on_record_as_it_stood_in_its_session() -> None:
    """At 5 below the close before it: the close of the session itself moves it afterwards."""
    bars = """
        2025-06-02 100 101  99 100
        2025-06-03 100 111 100 110
        2025-06-04 110 111 104 106
    """
    terms = {"size": 10, "exectype": bt.Order.StopTrail, "trailamount": 5.0}
    made = in_steps(bars, side="sell", arguments=(), terms=terms)
    assert [(one.session, one.price) for one in made.orders] == [(TUESDAY, 95.0)]
    (trade,) = made.trades
    assert (trade.entry_session, trade.entry_price) == (WEDNESDAY, pytest.approx(105 * 0.99))


def test_after_an_entry_at_a_limit_the_stop_acts_and_the_target_waits() -> None:
    bars = """
        2025-06-02 100 101 99 100
        2025-06-03 100 124 {low} 102
        2025-06-04 103 124 99 100
    """
    terms = {**BRACKET, "exectype": bt.Order.Limit, "price": 98.0}
    # on the way from 98 down to 94 the price has passed 95
    made = in_steps(bars.format(low=94), side="buy_bracket", terms=terms)
    (trade,) = made.trades
    assert (trade.entry_price, trade.exit_session) == (98.0, TUESDAY)
    assert trade.exit_price == pytest.approx(95 * 0.99)
    assert [order.type for order in made.orders] == ["limit", "stop"]
    # 124 may have been before 97 was
    made = in_steps(bars.format(low=97), side="buy_bracket", terms=terms)
    (trade,) = made.trades
    assert (trade.exit_session, trade.exit_price) == (WEDNESDAY, 120.0)
    kinds = [(order.session, order.type) for order in made.orders]
    assert kinds == [(TUESDAY, "limit"), (TUESDAY, "stop"), (WEDNESDAY, "limit")]
