"""The timeline puts each event to the strategy in the order of time, and keeps its answers."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

from backtest.data.calendar import trading_calendar
from backtest.data.events import event_order
from backtest.data.kinds import Event, Start, When
from backtest.data.market import Market, Tape, obstacle
from backtest.engine.schedule import Decision, Pause, effects, schedule, splits_of
from backtest.errors import UsageError
from backtest.stats.formats import counted
from backtest.strategy.base import Signal, Strategy, Wait, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime, timedelta

    from backtest.data.prices import Prices
    from backtest.data.universe import Universe
    from backtest.engine.bars import RunBars


@dataclass(frozen=True)
class Question:
    """A question is an event for a strategy to answer, with what was known then."""

    event: Event
    market: Market  # what was known; its session is the one that can be traded
    tape: Tape  # plays the past of the market
    obstacle: Callable[[date], str] = lambda _: ""  # why a later session cannot be traded
    waited: tuple[Pause, ...] = ()  # the steps in which the strategy has waited for the session
    gives_way: bool = False  # whether a newer event of its symbol and kind ends the wait
    tradable_bar: datetime | None = None  # its open, where it is finer than the session
    bars: RunBars | None = None  # the bars that are replayed, where some are finer than sessions
    trades_from: Callable[[date], date] = lambda session: session  # itself, or the next that trades
    last_session: date | None = None  # at whose close its stock is settled, where that is known

    def ask(self, strategy: Strategy) -> Decision:
        """Return the strategy's final answer, after all its waits.

        Raise UsageError where the strategy fails, or answers with something else.
        """
        answer = self.put(strategy)
        while isinstance(answer, Question):
            answer = answer.put(strategy)
        return answer

    def put(self, strategy: Strategy) -> Decision | Question:
        """Return the strategy's answer or, where it waits, the question to put to it then.

        Raise UsageError where the strategy fails, or answers with something else.
        """
        event, session, name = self.event, self.market.session, type(strategy).__name__
        with self.tape.lock:  # threads share the past of a replay
            self.tape.play(session, self.market.now)
            self.tape.past.heard = strategy.listens_to
            newer = self.tape.past.newer(event, self.market.now) if self.gives_way else None
            if newer is not None:
                return self._decided("no_signal", f"gives way to {newer.id}: {newer.headline}")
            try:
                answer = strategy.on_event(event.as_published(), self.market)
            except BaseException as error:
                raise failure(type(strategy), f"on {event.id}", error) from error
        if isinstance(answer, str) and answer.strip():
            return self._decided("no_signal", answer)
        if isinstance(answer, Coroutine):  # Python warns of one that is left open
            answer.close()
        if not isinstance(answer, Signal | Wait):
            raise UsageError(
                f"{name} answered {event.id} with {answer!r}. on_event answers with a Signal, "
                f"or with a text that says why there is none, or with a Wait."
            )
        meant = answer.event.id if isinstance(answer, Wait) else answer.event_id
        symbol = event.symbol if isinstance(answer, Wait) else answer.symbol
        if (symbol, meant) != (event.symbol, event.id):
            raise UsageError(
                f"{name} answered {event.id} with a {type(answer).__name__.lower()} for {symbol} "
                f"{meant}. Make it with Signal.long(event, …), Signal.short(event, …) or "
                f"Wait(event, …)."
            )
        _check_legs(answer, event, strategy)
        if isinstance(answer, Wait):
            return self._later(answer, strategy)
        if strategy.decides == "close" and answer.at != "close":
            raise UsageError(
                f"{name} decides before the close, and answered {event.id} for the open. Say "
                f'enter="close", for a flat leave="close"; or decide before the open.'
            )
        if session == self.last_session and answer.at == "close" and answer.direction != "flat":
            why = f"{event.symbol} is settled at this close, and never traded again"
            return self._decided("no_signal", "; ".join(filter(None, (answer.reason, why))))
        return self._decided("signal", answer.reason, answer)

    def _later(self, wait: Wait, strategy: Strategy) -> Decision | Question:
        """Return the question for the session that is waited for, or why there is none."""
        most, terms = wait.at_most, (wait.sessions, wait.reason, wait.at_most, wait.gives_way)
        waited = (*self.waited, Pause(self.market.session, self.market.now, *terms))
        first = waited[0].session

        def in_vain(why: str) -> Decision:
            decision = self._decided("no_signal", f"waits, {wait.reason}; {why}")
            return replace(decision, waited=waited)

        try:
            session = self.trades_from(self.market.session_after(wait.sessions))
        except UsageError as error:
            return in_vain(str(error))
        if most is not None and trading_calendar().steps(first, session) > most:
            return in_vain(f"that is more than {counted(most, 'session')} after {first}")
        if why := self.obstacle(session):
            return in_vain(f"in {session}: {why}")
        time = None
        if self.bars and strategy.decides == "open":
            time = self.bars.opens_in(self.event.symbol, session)
        now = decided_at(self.bars, self.event.symbol, session, strategy.decides, time)
        market = replace(self.market, session=session, now=now)
        return replace(
            self, market=market, waited=waited, gives_way=wait.gives_way, tradable_bar=time
        )

    def _decided(self, action: str, reason: str, signal: Signal | None = None) -> Decision:
        if self.waited:
            first, last, steps = self.waited[0], self.waited[-1], len(self.waited)
            times = f" in {steps} steps" if steps > 1 else ""
            waits = f"waited since {first.session}{times}: {last.reason}"
            reason = "; ".join(filter(None, (reason, waits)))
        return Decision(
            self.event, self.market.session, action, reason, signal, self.waited, self.tradable_bar
        )


def _check_legs(answer: Signal | Wait, event: Event, strategy: Strategy) -> None:
    """Raise UsageError for a leg in a symbol whose bars were not read."""
    for leg in answer.legs if isinstance(answer, Signal) else ():
        if leg.symbol not in strategy.trades_also:
            raise UsageError(
                f"{type(strategy).__name__} answered {event.id} with a leg in {leg.symbol}, which "
                f"is not in its trades_also: name it there."
            )


def questions(
    listens_to: tuple[type[Event], ...],
    events: Sequence[Event],
    history: Mapping[str, Prices],
    span: Mapping[str, Prices],
    reaction: timedelta,
    universe: Universe | None = None,
    at: When = "open",
    bars: RunBars | None = None,
) -> list[Decision | Question]:
    """Make a question of every event that can be traded, and a decision of every other.

    There is one for each event of the kinds `listens_to`, in order of publication. The arguments
    are those of `schedule`; the history also has symbols that are looked at and not replayed.
    """
    public = sorted((event for event in events if event.symbol in {"", *span}), key=event_order)
    traded = tuple(sorted(span))
    tape = Tape(
        {symbol: prices.traded for symbol, prices in history.items()},
        [event.as_published() for event in public],
        reaction,
        universe.members if universe else lambda _: traded,
        [(day, s, ratio) for s, prices in history.items() for day, ratio in splits_of(prices)],
        bars.finer if bars else {},
        at,
    )
    ends = {effect.symbol: effect.session for effect in effects(span) if effect.is_end}

    def why_not(event: Event, session: date) -> str:
        why = obstacle(event, session, span[event.symbol], universe)
        return why or (bars.lack(session) if bars else "")

    def scheduled_start(prices: Prices) -> Decision:
        event, session = _start(prices, universe)
        if why := why_not(event, session):
            return Decision(event, session, "not_tradable", why)
        time = bars.opens_in(event.symbol, session) if bars and at == "open" else None
        return Decision(event, session, "notified", "", tradable_bar=time)

    def question(decision: Decision) -> Decision | Question:
        event, session, time = decision.event, decision.tradable_session, decision.tradable_bar
        if decision.action != "notified" or session is None:
            return decision
        now = decided_at(bars, event.symbol, session, at, time)
        return Question(
            event,
            Market(session, now, event.symbol, tape.past),
            tape,
            partial(why_not, event),
            tradable_bar=time,
            bars=bars,
            trades_from=span[event.symbol].trades_from,
            last_session=ends.get(event.symbol),
        )

    decisions = schedule(listens_to, public, history, span, reaction, universe, at, bars)
    if Start in listens_to:
        decisions += map(scheduled_start, span.values())
    return sorted(map(question, decisions), key=lambda entry: event_order(entry.event))


def decided_at(
    bars: RunBars | None, symbol: str, session: date, at: When, time: datetime | None
) -> datetime:
    """Return the time before which a strategy decides: a bar's open, or the stock's last close."""
    if at == "close" and bars is not None:
        return bars.ends_in(symbol, session)
    return time or trading_calendar().time_of(session, at)


def decide(
    strategy: Strategy,
    events: Sequence[Event],
    history: Mapping[str, Prices],
    span: Mapping[str, Prices],
    reaction: timedelta,
    universe: Universe | None = None,
    bars: RunBars | None = None,
    *,
    last: datetime | None = None,
) -> list[Decision]:
    """Put every event that can be traded to the strategy, and return its decisions.

    There is one for each event of the kinds that it listens to, in order of publication. The
    other arguments are those of `questions`; `last` is that of `ask`.

    Raise UsageError where the strategy fails, or answers with something else.
    """
    terms = (events, history, span, reaction, universe, strategy.decides, bars)
    return ask(strategy, questions(strategy.listens_to, *terms), last)


def ask(
    strategy: Strategy, entries: Sequence[Decision | Question], last: datetime | None = None
) -> list[Decision]:
    """Put questions to the strategy in order of time; return decisions in the order of entries.

    After the time `last` nothing is asked: an event for which the strategy waits then gets a
    decision that says so, any other question gets none.
    """
    answers: dict[int, Decision] = {}
    waiting: list[tuple[datetime, int, Question]] = []
    for n, entry in enumerate(entries):
        if isinstance(entry, Decision):
            answers[n] = entry
        else:
            waiting.append((entry.market.now, n, entry))
    heapify(waiting)  # so that time runs forwards once, also where a question is put again
    while waiting and (last is None or waiting[0][0] <= last):
        _, n, question = waiting[0]
        answer = question.put(strategy)
        if isinstance(answer, Question):
            heapreplace(waiting, (answer.market.now, n, answer))
        else:
            heappop(waiting)
            answers[n] = answer
    for _, n, question in waiting:
        if waited := question.waited:
            session = waited[-1].session
            answers[n] = Decision(question.event, session, "no_signal", "waits", waited=waited)
    return [answers[n] for n in sorted(answers)]


def _start(span: Prices, universe: Universe | None) -> tuple[Start, date]:
    """Return the start of a stock, or of its membership, and the session that trades it first."""
    calendar, symbol, begin = trading_calendar(), span.symbol, span.first
    if universe is not None:
        spans = universe.spans.get(symbol, ())
        joins = [max(first, begin) for first, last in spans if last >= begin]
        sessions = calendar.between(min(joins, default=begin), span.last)
        begin = sessions[0].item() if len(sessions) else begin
    event = Start(
        symbol=symbol,
        published_at=calendar.previous_close(begin),
        precision="exact",
        headline="The replay begins" if begin == span.first else "Its membership begins",
    )
    return event, span.trades_from(begin)
