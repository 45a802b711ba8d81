"""The recorder keeps the ledger of any Backtrader strategy, and checks it against the broker."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.data.borrow import BorrowRate, borrow_assumptions
from backtest.engine.bars import set_excursions
from backtest.engine.replay.books import (
    EquityPoint,
    ExitReason,
    Fill,
    Ledger,
    ReplayResult,
    SentOrder,
)
from backtest.engine.replay.broker import commission_of, fill_time
from backtest.engine.replay.feed import bar_time, day_of, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.data.prices import Prices
    from backtest.engine.replay.position import Lot, Order
    from backtest.engine.schedule import Decision, Effect

# The exit reason of a strategy's own order, where the order does not carry one.
_BY_TYPE: dict[int, ExitReason] = {
    bt.Order.Stop: "stop",
    bt.Order.StopTrail: "trailing_stop",
    bt.Order.Limit: "target",
}


class Recorder(bt.Analyzer):
    """Book fills, borrow and interest, and note the account at each close."""

    params = (("rules", None), ("rates", None))

    def __init__(self) -> None:
        self.ledger = Ledger(self.p.rules.cash)
        self.refused: set[str] = set()  # ids of events whose orders the broker refused
        self._curve: list[EquityPoint] = []
        self._ruined_on: date | None = None
        self._crossed: list[Order] = []
        self._ends: list[Fill] = []  # settlements of stocks that have ended
        self._orders: list[SentOrder] = []
        self._borrow_seen: dict[str, float] = defaultdict(float)
        self._used_rates: dict[tuple[str, BorrowRate | None], date] = {}  # the last night of each

    def start(self) -> None:
        """Listen to what actions do to the account."""
        self.strategy.broker.listeners.append(self._hear)

    def _hear(self, effect: Effect, settled: float, price: float) -> None:
        session, symbol, what, value = effect
        if what == "dividend":
            self.ledger.pay_dividend(symbol, value)
        elif what == "split":
            self._settle_nights()
            self.ledger.split(session, symbol, value, price, self.strategy.broker.time)
        else:  # it waits for the fills of the bar, which come first and are reported afterwards
            bar = self.strategy.broker.time
            end = Fill(session, symbol, -settled, price, 0.0, "", what, at="close", bar=bar)
            self._ends.append(end)

    def _book_ends(self) -> None:
        for end in self._ends:
            self.ledger.book(end)
        self._ends.clear()

    def notify_order(self, order: Any) -> None:
        """Book what was executed, once the nights before it are settled."""
        info = order.info
        if order.status == order.Accepted and order.active():  # the child of a bracket sleeps first
            self.note(order)
        if order.status in (order.Margin, order.Rejected) and "event_id" in info:
            self.refused.add(info.event_id)
        # Partial: a reversal closed the position, and its other half was refused for want of cash.
        if order.status not in (order.Completed, order.Partial):
            return
        self._settle_nights()
        if order.exectype == bt.Order.Close and "exit_reason" in info:  # sent before this close
            self._book_crossed("market")
            self._book_ends()
        done, symbol = order.executed, order.data._name  # noqa: SLF001 - Backtrader's name for it
        if info.get("lots"):
            cost = commission_of(order, self.p.rules)
            self._book_legs(symbol, done.size, done.price, cost, info.lots)
            return
        self.ledger.book(
            Fill(
                session=self.strategy.broker.session,
                at=fill_time(order),
                symbol=symbol,
                size=done.size,
                price=done.price,
                commission=done.comm,
                event_id=info.get("event_id", ""),
                exit_reason=info.get("exit_reason", _BY_TYPE.get(order.exectype)),
                bar=self.strategy.broker.time,
            )
        )

    def cross(self, order: Order) -> None:
        """Book lots that net to nothing: no order goes to the market, and nothing is paid.

        They wait until the orders of their moment, which are reported afterwards, are booked.
        """
        self._crossed.append(order)

    def _book_crossed(self, kind: str) -> None:
        for order in [one for one in self._crossed if one.type == kind]:
            self._crossed.remove(order)
            self._book_legs(order.symbol, 0.0, order.price, 0.0, order.lots)

    def _book_legs(
        self, symbol: str, size: float, price: float, commission: float, lots: Sequence[Lot]
    ) -> None:
        fill = Fill(self.strategy.broker.session, symbol, size, price, commission, "")
        self.ledger.book_legs(fill, lots)

    def note(self, order: Any) -> None:
        """Note an order that is live in the current bar."""
        info = order.info
        self._orders.append(
            SentOrder(
                session=self.strategy.broker.session,
                symbol=order.data._name,  # noqa: SLF001
                size=order.created.size,
                type=order.getordername().lower(),
                price=info.get("level", order.created.price),
                event_id=info.get("event_id", ""),
                exit_reason=info.get("exit_reason"),
                bar=self.strategy.broker.time,
            )
        )

    def next(self) -> None:
        """Settle the bar at its close, and check the books against the broker's.

        Raise AccountingError where they differ by a cent or more.
        """
        self._settle_nights()
        self._book_crossed("market")
        self._book_ends()
        self._book_crossed("close")
        broker = self.strategy.broker
        cash, equity = broker.get_cash(), broker.get_value()
        self.ledger.check_cash(cash, broker.session)
        if equity <= 0 and self._ruined_on is None:
            self._ruined_on = broker.session  # by its last bar it may have recovered
        if broker.ends_session:
            self._curve.append(EquityPoint(broker.session, equity, cash, equity - cash))

    prenext = next  # noqa: A003 - Backtrader's name; also while indicators or feeds have not begun

    def result(self, prices: Mapping[str, Prices], decisions: Sequence[Decision]) -> ReplayResult:
        """Close the books and return the result.

        Raise AccountingError where the accounting identity does not hold.
        """
        feeds = {data._name: data for data in self.strategy.datas}  # noqa: SLF001
        self.ledger.mark_open_trades(
            {symbol: data.close[0] for symbol, data in feeds.items()},
            {symbol: (session_of(data), bar_time(data)) for symbol, data in feeds.items()},
        )
        self.ledger.check_identity(self._curve[-1].equity)
        set_excursions(
            self.ledger.trades, prices, {symbol: data.p.bars for symbol, data in feeds.items()}
        )
        return ReplayResult(
            curve=self._curve,
            trades=self.ledger.trades,
            decisions=decisions,
            assumptions=borrow_assumptions(self._used_rates, self.p.rules.borrow_default),
            orders=self._orders,
            totals=self.ledger.totals,
            ruined_on=self._ruined_on,
        )

    def _settle_nights(self) -> None:
        """Book what the broker has charged and paid since the last time."""
        broker = self.strategy.broker
        self.ledger.receive_interest(broker.interest_paid - self.ledger.totals.interest)
        for symbol, paid in broker.borrow_paid.items():
            amount = paid - self._borrow_seen[symbol]
            if amount:
                self.ledger.charge_borrow(symbol, amount)
                self._borrow_seen[symbol] = paid
                self._note_rate(symbol)

    def _note_rate(self, symbol: str) -> None:
        if self.p.rules.borrow_mode == "table":
            night = day_of(self.strategy.getdatabyname(symbol), -1)
            self._used_rates[symbol, self.p.rates[symbol].on(night)] = night
