"""`EventStrategy`: a Backtrader strategy that hears of events, and its replay."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

import backtrader as bt

from backtest.engine.replay.broker import make_cerebro
from backtest.engine.replay.recorder import Recorder
from backtest.engine.timeline import failure
from backtest.errors import BacktestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.data.borrow import BorrowRates
    from backtest.data.kinds import Event
    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Result
    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Decision


class EventStrategy(bt.Strategy):
    """A Backtrader strategy with one method more: `notify_event`.

    Indicators, analyzers, orders, `next` and `params` work as in Backtrader. Orders are filled by
    the program's broker: slippage, commission and borrow by the rules. Sizes, the gross limit
    and margin are the strategy's own affair; a stop belongs into the same `notify_event` as the
    entry that it guards, or it sleeps through the entry session. A stock has no bar before its
    first session: `len(data)` is 0 and reading one is an `IndexError`; it can be ordered by size.
    """

    listens_to: ClassVar[tuple[type[Event], ...]] = ()
    _event_id = ""

    def notify_event(self, event: Any) -> None:
        """Hear of an event, after the last close before its tradable session.

        A market order that is sent here is filled at the tradable session's open. What
        Backtrader shows at that time, such as `self.data.close[0]`, was known by then.
        """
        raise NotImplementedError

    def buy(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Buy as in Backtrader; the order remembers the event that it answers."""
        with self._feed(data).orderable(self.broker.session):
            return super().buy(data, *args, **self._marked(kwargs))

    def sell(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Sell as in Backtrader; the order remembers the event that it answers."""
        with self._feed(data).orderable(self.broker.session):
            return super().sell(data, *args, **self._marked(kwargs))

    def hear(self, event: Event) -> None:
        """Hand over an event, so that the orders sent meanwhile carry its id."""
        self._event_id = event.id
        try:
            self.notify_event(event.as_published())
        except Exception as error:
            raise failure(type(self), f"on {event.id}", error) from error
        self._event_id = ""

    def _feed(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.getdatabyname(data)
        return self.data if data is None else data

    def _marked(self, terms: dict[str, Any]) -> dict[str, Any]:
        return {"event_id": self._event_id, **terms}


class _Newswire(bt.Analyzer):
    """Delivers events after the close before their tradable session."""

    params = (("news", None),)

    def prenext(self) -> None:
        """Deliver also while indicators have not begun."""
        self.next()

    def next(self) -> None:
        """Deliver what can first be traded in the session after this one."""
        for event in self.p.news.get(self.strategy.broker.session, ()):
            self.strategy.hear(event)


def replay_event_strategy(
    strategy: type[EventStrategy],
    parameters: Mapping[str, Any],
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
) -> Result:
    """Replay a Backtrader strategy; see `backtest.engine.replay.replay.replay`.

    Args:
        strategy: the class.
        parameters: its `params` by name.
        prices: by symbol, the bars that are replayed.
        rates: by symbol, the borrow rates.
        decisions: of the events that it listens to, those that can be traded without a signal.
        rules: the settings.

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
    except Exception as error:
        raise failure(strategy, "in the replay", error) from error
    recorder: Recorder = run.analyzers[0]
    outcomes = [_outcome(decision, recorder) for decision in heard]
    return recorder.result(prices, outcomes)


def _refuse_cheating(strategy: type[EventStrategy]) -> None:
    """Backtrader's `next_open` sees the whole bar of the session that it opens."""
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
