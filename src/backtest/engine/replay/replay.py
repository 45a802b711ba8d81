"""The replay: Backtrader executes what the trader orders, and the recorder checks every cent."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.engine.replay.books import settle
from backtest.engine.replay.broker import make_cerebro, quote_of
from backtest.engine.replay.recorder import Recorder
from backtest.engine.replay.trader import Trader
from backtest.engine.rules import check_weights
from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.data.prices import BorrowRates, Prices
    from backtest.engine.replay.books import Order, Result
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision
    from backtest.strategy.base import Signal

_TYPES = {"market": bt.Order.Market, "stop": bt.Order.Stop, "limit": bt.Order.Limit}


def replay(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
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
        runonce: Backtrader's vectorised mode; the orders are the same without.
        preload: Backtrader's loading before the start; the orders are the same without.

    Raises:
        AccountingError: the books do not balance, a fault of the program.
        UsageError: a signal leaves out its weight, and the rules set no `max_positions`.

    """
    signalled = [d.signal for d in decisions if d.signal is not None]
    check_weights(any(signal.weight is None for signal in signalled), rules)
    signals: dict[date, list[Signal]] = defaultdict(list)
    for decision in decisions:
        if decision.signal is not None and decision.tradable_session is not None:
            signals[decision.tradable_session].append(decision.signal)
    cerebro = make_cerebro(prices, rates, rules, runonce=runonce, preload=preload)
    cerebro.addanalyzer(Recorder, rules=rules, rates=rates)
    cerebro.addstrategy(_SignalTrader, rules=rules, signals=signals)
    run: _SignalTrader = cerebro.run()[0]
    return run.recorder.result(prices, run.settled(decisions))


class _SignalTrader(bt.Strategy):
    """Carries the trader's orders to Backtrader."""

    params = (("rules", None), ("signals", None))

    def __init__(self) -> None:
        self._trader = Trader(self.p.rules)
        self._resting: list[Order] = []
        self._live: list[Any] = []  # Backtrader's orders of those that rest

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
        signals = self.p.signals.get(self.broker.session, ())
        market = self._trader.at_open(quotes, self.broker.cash_at_open(), signals)
        resting = [order for symbol in feeds for order in self._trader.resting(symbol)]
        if market or resting != self._resting:
            self._send_anew(market, resting)
        else:  # they are what rests already
            for order in self._live:
                self.recorder.note(order)

    def notify_order(self, order: Any) -> None:
        """Tell the trader of a resting fill; an order that is refused is a fault of ours."""
        if order.status in (order.Margin, order.Rejected):
            raise AccountingError(
                f"{self.data.datetime.date(0)}: Backtrader refused an order of "
                f"{order.created.size} {order.data._name}. "  # noqa: SLF001
                f"This is a fault of the program; please report it."
            )
        if order.status == order.Completed and order.exectype != bt.Order.Market:
            self._trader.left(order.data._name)  # noqa: SLF001

    def next(self) -> None:
        """At the close: let the trader mark and look."""
        closes = {symbol: data.close[0] for symbol, data in self.broker.feeds.items()}
        self._trader.at_close(closes, self.broker.get_value())

    def settled(self, decisions: Sequence[Decision]) -> list[Decision]:
        """The decisions with what became of their signals."""
        return settle(decisions, self._trader.outcomes, self._trader.notes)

    def _send_anew(self, market: Sequence[Order], resting: list[Order]) -> None:
        """Send the orders of a session, the resting ones last, in place of those that rested."""
        for live in self._live:  # a live stop and a close of one bar would both fill
            self.cancel(live)
        for order in market:
            self._send(order)
        first: dict[str, Any] = {}  # by symbol: the stop, which counts where both are touched
        self._resting, self._live = resting, []
        for order in resting:
            self._live.append(self._send(order, oco=first.get(order.symbol)))
            first.setdefault(order.symbol, self._live[-1])

    def _send(self, order: Order, oco: Any = None) -> Any:
        trade = self.buy if order.size > 0 else self.sell
        return trade(
            data=self.getdatabyname(order.symbol),
            size=abs(order.size),
            exectype=_TYPES[order.type],
            price=order.price,
            oco=oco,
            event_id=order.event_id,
            exit_reason=order.exit_reason,
        )
