"""The replay lets Backtrader execute what the trader orders, and the recorder check every cent.

It also executes what an `EventStrategy` orders, which is a Backtrader strategy that hears events.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import backtrader as bt
import numpy as np

from backtest.engine.kernel.panel import panel_of, signalled
from backtest.engine.replay.broker import make_cerebro
from backtest.engine.replay.feed import quote_of
from backtest.engine.replay.recorder import Recorder
from backtest.engine.replay.trader import Trader
from backtest.engine.rules import Rules, check_weights
from backtest.engine.schedule import Decision, settle
from backtest.errors import AccountingError, BacktestError, UsageError
from backtest.strategy.base import failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.data.borrow import BorrowRates
    from backtest.data.kinds import Event
    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import ReplayResult
    from backtest.engine.replay.position import Order
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
) -> ReplayResult:
    """Replay decisions of the timeline on Backtrader, which trades those with a signal.

    Prices, all of which are replayed, and borrow rates are by symbol; `bars` are the bars of a run
    that has finer ones than sessions. `runonce` and `preload` are Backtrader's vectorised mode and
    its loading before the start; the orders are the same without.

    Raise AccountingError where the books do not balance, a fault of the program, and UsageError
    where a signal leaves out its weight and the rules set no `max_positions`.
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
    settled = settle(decisions, trader.outcomes, trader.notes, panel.bar_for, panel.is_first)
    return run.recorder.result(prices, settled)


class _SignalTrader(bt.Strategy):
    """Carry the trader's orders to Backtrader."""

    params = (("rules", None), ("signals", None))

    def __init__(self) -> None:
        self.trader = Trader(self.p.rules)
        self._resting: list[Order] = []
        self._live: list[Any] = []  # Backtrader's orders for the resting ones, side by side
        self.broker.before_close = self._before_close
        self.broker.listeners.append(self.trader.hear)

    @property
    def recorder(self) -> Recorder:
        """Return the analyzer that keeps the books."""
        recorder: Recorder = self.analyzers[0]
        return recorder

    def next_open(self) -> None:
        """Send the trader's orders of the open, then those that rest through the bar."""
        self.broker.see_the_bar()
        feeds = self.broker.feeds
        quotes = {symbol: quote_of(data, self.p.rules) for symbol, data in feeds.items()}
        signals = self.p.signals.get(self.broker.bar, ())
        market = self.trader.at_open(quotes, self.broker.cash_at_open(), signals)
        self.broker.is_ruined |= self.trader.is_ruined
        resting = [order for symbol in feeds for order in self.trader.resting(symbol)]
        if market or resting != self._resting:
            self._send_anew(market, resting)
        else:  # they rest already
            for order in self._live:
                self.recorder.note(order)

    prenext_open = nextstart_open = next_open  # also while some feeds have not begun

    def notify_order(self, order: Any) -> None:
        """Raise AccountingError where Backtrader refuses an order, which is a fault of ours."""
        if order.status in (order.Margin, order.Rejected):
            raise AccountingError(
                f"{self.data.datetime.date(0)}: Backtrader refused an order of "
                f"{order.created.size} {order.data._name}. "  # noqa: SLF001
                f"This is a fault of the program; please report it."
            )

    def next(self) -> None:
        """Let the trader mark its positions at the close, and check their levels."""
        closes = {symbol: data.close[0] for symbol, data in self.broker.feeds.items()}
        self.trader.at_close(closes, self.broker.get_value())

    prenext = next  # noqa: A003 - Backtrader's name; also while some feeds have not begun

    def _before_close(self) -> list[Any]:
        """Report what was filled to the trader, and send its orders of the close."""
        for order, live in zip(self._resting, self._live, strict=True):
            if live.status == live.Completed:  # what was filled rests no more in the next bar
                self.trader.filled(order)
        self.broker.settle_ends()
        closes = {symbol: data.close[0] for symbol, data in self.broker.feeds.items()}
        return self._send_now(self.trader.before_close(closes, self.broker.cash))

    def _send_anew(self, market: Sequence[Order], resting: list[Order]) -> None:
        """Send the orders of a bar, the resting ones last, in place of those that rested before."""
        for live in self._live:  # a live stop and a close of one bar would both fill
            self.cancel(live)
        self._send_now(market)
        self._resting, self._live = resting, []
        for _, group in groupby(resting, key=attrgetter("symbol")):
            self._live += self._send_resting(list(group))

    def _send_resting(self, orders: list[Order]) -> list[Any]:
        """Send a stop and a target, of which each ends the other, or an entry at a limit with them.

        The exits are the children of the entry. Where stop and target are both touched, the stop
        counts.
        """
        if orders[0].exit_reason is not None:
            first = self._send(orders[0])
            return [first, *(self._send(order, oco=first) for order in orders[1:])]
        entry = self._send(orders[0], transmit=len(orders) == 1, is_paid_for=True)
        last = len(orders) - 1
        exits = enumerate(orders[1:], start=1)
        return [entry, *(self._send(o, parent=entry, transmit=n == last) for n, o in exits)]

    def _send_now(self, orders: Sequence[Order]) -> list[Any]:
        """Send the orders of an open or a close; lots that net to nothing need none."""
        sent, is_paid_for = [], any(order.lots for order in orders)
        for order in orders:
            if order.size:
                sent.append(self._send(order, lots=order.lots, is_paid_for=is_paid_for))
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


# Backtrader strategies that hear events


class EventStrategy(bt.Strategy):
    """An event strategy is a Backtrader strategy with one method more: `notify_event`.

    Indicators, analyzers, orders, `next` and `params` work as in Backtrader. Orders are filled by
    the program's broker, with slippage, commission and borrow by the rules. Sizes, the gross limit
    and margin are left to the strategy; a stop must be sent in the same `notify_event` as the entry
    that it guards, or it sleeps through the entry session. A stock has no bar before its first
    session: `len(data)` is 0, and reading one raises IndexError; it can be ordered by size.
    """

    listens_to: ClassVar[tuple[type[Event], ...]] = ()
    _event_id = ""

    def notify_event(self, event: Any) -> None:
        """React to an event, after the last close before its tradable session.

        A market order that is sent here is filled at the tradable session's open. What
        Backtrader shows at that time, such as `self.data.close[0]`, was known by then.
        """
        raise NotImplementedError

    def buy(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Buy as in Backtrader; the order remembers the event that it answers."""
        with self._feed(data).orderable(self.broker.session):
            return super().buy(data, *map(_plain, args), **self._marked(kwargs))

    def sell(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Sell as in Backtrader; the order remembers the event that it answers."""
        with self._feed(data).orderable(self.broker.session):
            return super().sell(data, *map(_plain, args), **self._marked(kwargs))

    def hear(self, event: Event) -> None:
        """Pass an event to `notify_event`; the orders sent meanwhile carry its id."""
        self._event_id = event.id
        try:
            self.notify_event(event.as_published())
        except BaseException as error:
            raise failure(type(self), f"on {event.id}", error) from error
        self._event_id = ""

    def _feed(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.getdatabyname(data)
        return self.data if data is None else data

    def _marked(self, terms: dict[str, Any]) -> dict[str, Any]:
        return {"event_id": self._event_id, **{name: _plain(term) for name, term in terms.items()}}


def _plain(term: Any) -> Any:
    """Return a number of numpy as one of Python, for only that can be put on record."""
    return term.item() if isinstance(term, np.generic) else term


class _Newswire(bt.Analyzer):
    """Deliver events after the close before their tradable session."""

    params = (("news", None),)

    def next(self) -> None:
        """Deliver the events that can first be traded in the session after this one."""
        for event in self.p.news.get(self.strategy.broker.session, ()):
            self.strategy.hear(event)

    prenext = next  # noqa: A003 - Backtrader's name; also while indicators have not begun


def replay_event_strategy(
    strategy: type[EventStrategy],
    parameters: Mapping[str, Any],
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
) -> ReplayResult:
    """Replay a Backtrader strategy with its `params` by name; see `replay`.

    The decisions are those of `schedule` for the events that it listens to. Raise UsageError where
    the strategy fails, sees a session's close at its open, or ends the replay early.
    """
    _refuse_cheating(strategy)
    sessions = sorted({day.date() for p in prices.values() for day in p.traded.index})
    before = dict(zip(sessions[1:], sessions, strict=False))
    news: dict[date, list[Event]] = defaultdict(list)
    heard = [_on_time(decision, before) for decision in decisions]
    for decision in heard:
        if decision.action == "notified" and decision.tradable_session is not None:
            news[before[decision.tradable_session]].append(decision.event)
    # Row by row: what has not come yet is not in the lines, so `close[1]` fails and sees nothing.
    cerebro = make_cerebro(prices, rates, rules, runonce=False, preload=False)
    cerebro.addanalyzer(Recorder, rules=rules, rates=rates)
    cerebro.addanalyzer(_Newswire, news=news)
    cerebro.addstrategy(strategy, **parameters)
    try:
        run = cerebro.run()[0]
    except BacktestError:
        raise
    except BaseException as error:
        raise failure(strategy, "in the replay", error) from error
    recorder: Recorder = run.analyzers[0]
    if cerebro._event_stop:  # noqa: SLF001 - Backtrader's name for it
        raise UsageError(
            f"{strategy.__name__} ends the replay on {run.broker.session} with runstop. A run "
            f"goes to its last session: order nothing from then on."
        )
    outcomes = [_outcome(decision, recorder) for decision in heard]
    return recorder.result(prices, outcomes)


def _refuse_cheating(strategy: type[EventStrategy]) -> None:
    """Raise UsageError for a strategy with `next_open`, which sees the whole bar at its open."""
    for name in ("next_open", "nextstart_open", "prenext_open"):
        if getattr(strategy, name) is not getattr(bt.Strategy, name):
            raise UsageError(
                f"{strategy.__name__} defines {name}, in which Backtrader shows the close of a "
                f"session at its open. Order in next or notify_event: that is filled at the next "
                f"open."
            )


def _on_time(decision: Decision, before: Mapping[date, date]) -> Decision:
    if decision.action == "notified" and decision.tradable_session not in before:
        return decision.settled("not_tradable", "no bar comes before its tradable session")
    return decision


def _outcome(decision: Decision, recorder: Recorder) -> Decision:
    if decision.action != "notified":
        return decision
    if decision.event.id in {trade.event_id for trade in recorder.ledger.trades}:
        return decision.settled("enter", "by an order of the strategy's own")
    if decision.event.id in recorder.refused:
        return decision.settled("no_room", "Backtrader refused the order: not enough cash")
    return decision.settled("no_signal", "the strategy ordered nothing that opened a trade")
