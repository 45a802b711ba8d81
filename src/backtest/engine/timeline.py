"""The timeline: which event can be traded when, and what the strategy answers to it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backtest.data.calendar import trading_calendar
from backtest.data.events import event_order
from backtest.data.kinds import Start
from backtest.data.market import Market, Tape, tradable_session
from backtest.errors import UsageError, told
from backtest.strategy.base import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, timedelta

    from backtest.data.kinds import Event
    from backtest.data.prices import Prices
    from backtest.data.universe import Universe
    from backtest.strategy.base import Direction, Strategy


@dataclass(frozen=True)
class Decision:
    """What became of an event.

    Attributes:
        event: the event.
        tradable_session: the first session whose open comes late enough; None where the time is
            known by week or month alone.
        action: `not_tradable`, `notified` or `no_signal`; with a signal first `signal`, and after
            the replay `enter`, `renew`, `reverse`, `superseded`, `no_room` or `ruined`.
        reason: why.
        signal: the strategy's answer, where it is one.

    """

    event: Event
    tradable_session: date | None
    action: str
    reason: str
    signal: Signal | None = None

    @property
    def direction(self) -> Direction | None:
        """The direction of the signal; None where it is flat."""
        if self.signal is None or self.signal.direction == "flat":
            return None
        return self.signal.direction

    def settled(self, action: str, *reasons: str) -> Decision:
        """The decision with its outcome in the replay, and what there is to say of it."""
        return replace(self, action=action, reason="; ".join(filter(None, (self.reason, *reasons))))


def schedule(
    listens_to: tuple[type[Event], ...],
    events: Sequence[Event],
    history: Mapping[str, Prices],
    span: Mapping[str, Prices],
    reaction: timedelta,
    universe: Universe | None = None,
) -> list[Decision]:
    """A decision for every event that is listened to: `not_tradable`, or else `notified`.

    Args:
        listens_to: the kinds of event.
        events: all events, of any kind; other symbols' are left out.
        history: by symbol all prices, also from before the span.
        span: by symbol the prices that are replayed.
        reaction: time between publication and the earliest order.
        universe: the stocks with the days on which each can be traded; None for all days.

    """
    decisions = []
    for event in sorted(events, key=event_order):
        if event.symbol not in span or not isinstance(event, listens_to):
            continue
        session, obstacle = tradable_session(
            event, history[event.symbol], span[event.symbol], reaction, universe
        )
        action = "not_tradable" if obstacle else "notified"
        decisions.append(Decision(event, session, action, obstacle))
    return decisions


@dataclass(frozen=True)
class Question:
    """An event for a strategy to answer, and what was known then."""

    event: Event
    market: Market
    tape: Tape

    def ask(self, strategy: Strategy) -> Decision:
        """The strategy's answer.

        Raises:
            UsageError: the strategy fails, or answers with something else.

        """
        event, session, name = self.event, self.market.session, type(strategy).__name__
        with self.tape.lock:  # threads share the past of a replay
            self.tape.play(session, self.market.now)
            try:
                answer = strategy.on_event(event.as_published(), self.market)
            except Exception as error:
                raise failure(type(strategy), f"on {event.id}", error) from error
        if isinstance(answer, str) and answer.strip():
            return Decision(event, session, "no_signal", answer)
        if not isinstance(answer, Signal):
            raise UsageError(
                f"{name} answered {event.id} with {answer!r}. "
                f"on_event answers with a Signal, or with a text that says why there is none."
            )
        if (answer.symbol, answer.event_id) != (event.symbol, event.id):
            raise UsageError(
                f"{name} answered {event.id} with a signal for {answer.symbol} {answer.event_id}. "
                f"Make it with Signal.long(event, …) or Signal.short(event, …)."
            )
        return Decision(event, session, "signal", answer.reason, answer)


def questions(
    listens_to: tuple[type[Event], ...],
    events: Sequence[Event],
    history: Mapping[str, Prices],
    span: Mapping[str, Prices],
    reaction: timedelta,
    universe: Universe | None = None,
) -> list[Decision | Question]:
    """A question for every event that can be traded, and a decision for every other.

    Args:
        listens_to: the kinds of event.
        events: as for `schedule`, like the other arguments.
        history: by symbol all prices, also of symbols that are looked at and not replayed.
        span: by symbol the prices that are replayed.
        reaction: time between publication and the earliest order.
        universe: as for `schedule`.

    Returns:
        One for each event of the kinds listened to, in order of publication.

    """
    public = sorted((event for event in events if event.symbol in span), key=event_order)
    traded = tuple(sorted(span))
    tape = Tape(
        {symbol: prices.table for symbol, prices in history.items()},
        [event.as_published() for event in public],
        reaction,
        universe.members if universe else lambda _: traded,
    )

    def question(event: Event, session: date) -> Question:
        now = trading_calendar().open_of(session)
        return Question(event, Market(session, now, event.symbol, tape.past), tape)

    found: list[Decision | Question] = []
    for decision in schedule(listens_to, public, history, span, reaction, universe):
        session = decision.tradable_session
        if decision.action == "notified" and session is not None:
            found.append(question(decision.event, session))
        else:
            found.append(decision)
    if Start in listens_to:
        found += [question(_start(prices), prices.first) for prices in span.values()]
    return sorted(found, key=lambda one: event_order(one.event))


def decide(
    strategy: Strategy,
    events: Sequence[Event],
    history: Mapping[str, Prices],
    span: Mapping[str, Prices],
    reaction: timedelta,
    universe: Universe | None = None,
) -> list[Decision]:
    """Put every event that can be traded to the strategy, and write down what it answers.

    The other arguments are those of `questions`, for the kinds that the strategy listens to.

    Returns:
        A decision for each event of the kinds listened to, in order of publication.

    Raises:
        UsageError: the strategy fails, or answers with something else.

    """
    found = questions(strategy.listens_to, events, history, span, reaction, universe)
    return ask(strategy, found)


def ask(strategy: Strategy, found: Sequence[Decision | Question]) -> list[Decision]:
    """The decisions, those still to be asked in order of their sessions; see `decide`."""
    open_questions = [one for one in found if isinstance(one, Question)]
    open_questions.sort(key=lambda one: one.market.session)  # so that time runs forwards once
    answers = {id(one): one.ask(strategy) for one in open_questions}
    return [answers[id(one)] if isinstance(one, Question) else one for one in found]


def _start(span: Prices) -> Start:
    return Start(
        symbol=span.symbol,
        published_at=trading_calendar().previous_close(span.first),
        precision="exact",
        headline="The replay begins",
    )


def failure(strategy: type, where: str, error: Exception) -> UsageError:
    """The error for a strategy that fails, with the line of the strategy's file.

    Args:
        strategy: its class.
        where: when it failed, such as `on earnings-20251110-3354bd`.
        error: what it raised.

    """
    frames = traceback.extract_tb(error.__traceback__)
    codes = (getattr(method, "__code__", None) for method in vars(strategy).values())
    files = {code.co_filename for code in codes if code}
    frame = next((f for f in reversed(frames) if f.filename in files), frames[-1])
    what = None
    if isinstance(error, IndexError) and "array" in str(error):
        what = "it reads a bar that is not there: a stock has none before its first session"
    if isinstance(error, ValidationError):
        what = "; ".join(
            ": ".join([*map(str, fault["loc"][-1:]), fault["msg"]]) for fault in error.errors()
        )
    return UsageError(
        f"{strategy.__name__} failed {where}: {told(error, what)}\n"
        f"  {frame.filename}, line {frame.lineno}: {frame.line}"
    )
