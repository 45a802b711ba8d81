"""The replay: Backtrader executes what the trader orders, and the recorder checks every cent."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.engine.kernel.panel import panel_of, signalled
from backtest.engine.replay.books import settle
from backtest.engine.replay.broker import make_cerebro
from backtest.engine.replay.feed import quote_of
from backtest.engine.replay.recorder import Recorder
from backtest.engine.replay.trader import Trader
from backtest.engine.rules import check_weights
from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import Order, Result
    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Decision
    from backtest.strategy.base import Signal

_TYPES = {
    "market": bt.Order.Market,
    "stop": bt.Order.Stop,
    "limit": bt.Order.Limit,
    "close": bt.Order.Close,
}


def replay(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
    bars: RunBars | None = None,
    *,
    runonce: bool = True,
    preload: bool = True,
) -> Result:
    """Replay decisions on Backtrader.

    Args:
        prices: by symbol, the bars that are replayed.
        rates: by symbol, the borrow rates.
        decisions: as the timeline made them; those that carry a signal are traded.
        rules: the settings.
        bars: what is replayed, where some bars are finer than sessions.
        runonce: Backtrader's vectorised mode; the orders are the same without.
        preload: Backtrader's loading before the start; the orders are the same without.

    Raises:
        AccountingError: the books do not balance, a fault of the program.
        UsageError: a signal leaves out its weight, and the rules set no `max_positions`.

    """
    panel = panel_of(prices, bars)
    signals: dict[int, list[Signal]] = defaultdict(list)
    for bar, decision in signalled(panel, decisions):
        if decision.signal is not None:
            signals[bar].append(decision.signal)
    every = [signal for some in signals.values() for signal in some]
    check_weights(any(signal.weight is None for signal in every), rules)
    hedges = {leg.symbol for signal in every for leg in signal.legs}
    cerebro = make_cerebro(prices, rates, rules, hedges, bars, runonce=runonce, preload=preload)
    cerebro.addanalyzer(Recorder, rules=rules, rates=rates)
    cerebro.addstrategy(_SignalTrader, rules=rules, signals=signals)
    run: _SignalTrader = cerebro.run()[0]
    trader = run.trader
    settled = settle(decisions, trader.outcomes, trader.notes, panel.bar_for)
    return run.recorder.result(prices, settled)


class _SignalTrader(bt.Strategy):
    """Carries the trader's orders to Backtrader."""

    params = (("rules", None), ("signals", None))

    def __init__(self) -> None:
        self.trader = Trader(self.p.rules)
        self._resting: list[Order] = []
        self._told: set[int] = set()  # of their fills
        self._live: list[Any] = []  # Backtrader's orders of those that rest
        self.broker.before_close = self._before_close
        self.broker.listeners.append(self.trader.hear)

    @property
    def recorder(self) -> Recorder:
        """Who keeps the books."""
        recorder: Recorder = self.analyzers[0]
        return recorder

    def prenext_open(self) -> None:
        """Trade also while some feeds have not begun."""
        self.next_open()

    def nextstart_open(self) -> None:
        """The first session in which all feeds have begun is like any other."""
        self.next_open()

    def prenext(self) -> None:
        """Mark also while some feeds have not begun."""
        self.next()

    def next_open(self) -> None:
        """At the open: the trader's orders, then the resting orders of the day."""
        self.broker.see_the_bar()
        feeds = self.broker.feeds
        quotes = {symbol: quote_of(data, self.p.rules) for symbol, data in feeds.items()}
        signals = self.p.signals.get(self.broker.bar, ())
        market = self.trader.at_open(quotes, self.broker.cash_at_open(), signals)
        self.broker.is_ruined |= self.trader.is_ruined
        resting = [order for symbol in feeds for order in self.trader.resting(symbol)]
        if market or resting != self._resting:
            self._send_anew(market, resting)
        else:  # they are what rests already
            for order in self._live:
                self.recorder.note(order)

    def notify_order(self, order: Any) -> None:
        """Stop where Backtrader refuses an order: a fault of ours."""
        if order.status in (order.Margin, order.Rejected):
            raise AccountingError(
                f"{self.data.datetime.date(0)}: Backtrader refused an order of "
                f"{order.created.size} {order.data._name}. "  # noqa: SLF001
                f"This is a fault of the program; please report it."
            )

    def next(self) -> None:
        """At the close: let the trader mark and look."""
        closes = {symbol: data.close[0] for symbol, data in self.broker.feeds.items()}
        self.trader.at_close(closes, self.broker.get_value())

    def _before_close(self) -> list[Any]:
        """Tell the trader what was filled, and send its orders of the close."""
        for order, live in zip(self._resting, self._live, strict=True):
            if live.status == live.Completed and live.ref not in self._told:
                self._told.add(live.ref)
                self.trader.filled(order)
        self.broker.settle_ends()
        closes = {symbol: data.close[0] for symbol, data in self.broker.feeds.items()}
        orders = self.trader.before_close(closes, self.broker.cash)
        return self._send_now(orders)

    def _send_anew(self, market: Sequence[Order], resting: list[Order]) -> None:
        """Send the orders of a session, the resting ones last, in place of those that rested."""
        for live in self._live:  # a live stop and a close of one bar would both fill
            self.cancel(live)
        self._send_now(market)
        self._resting, self._live = resting, []
        for _, group in groupby(resting, key=attrgetter("symbol")):
            self._live += self._send_resting(list(group))

    def _send_resting(self, orders: list[Order]) -> list[Any]:
        """An entry at its limit, if any, with the stop and the target as its children.

        Of stop and target the stop counts where both are touched, and each ends the other.
        """
        if orders[0].exit_reason is not None:
            first = self._send(orders[0])
            return [first, *(self._send(order, oco=first) for order in orders[1:])]
        entry = self._send(orders[0], transmit=len(orders) == 1)
        last = len(orders) - 1
        exits = enumerate(orders[1:], start=1)
        return [entry, *(self._send(o, parent=entry, transmit=n == last) for n, o in exits)]

    def _send_now(self, orders: Sequence[Order]) -> list[Any]:
        """Send the orders of an open or a close; lots that cross each other need none."""
        sent, are_netted = [], any(order.lots for order in orders)
        for order in orders:
            if order.size:
                sent.append(self._send(order, lots=order.lots, are_netted=are_netted))
            else:
                self.recorder.cross(order)
        return sent

    def _send(self, order: Order, **terms: Any) -> Any:
        trade = self.buy if order.size > 0 else self.sell
        return trade(
            data=self.getdatabyname(order.symbol),
            size=abs(order.size),
            exectype=_TYPES[order.type],
            price=order.price,
            **terms,
            event_id=order.event_id,
            exit_reason=order.exit_reason,
        )
