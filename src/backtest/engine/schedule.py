"""The schedule: at which session or bar each event can be traded first, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from backtest.data.calendar import trading_calendar
from backtest.data.events import event_order
from backtest.data.kinds import new_york_day
from backtest.data.market import obstacle, tradable_session
from backtest.data.scheduled import MarketEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime, timedelta

    from backtest.data.kinds import Event, When
    from backtest.data.prices import Prices
    from backtest.data.universe import Universe
    from backtest.engine.bars import RunBars
    from backtest.strategy.base import Direction, Signal


class Pause(NamedTuple):
    """A step of a wait: when the strategy answered that it waits, how long, and for what."""

    session: date
    time: datetime  # before which it answered, UTC
    sessions: int
    reason: str


@dataclass(frozen=True)
class Decision:
    """What became of an event.

    Attributes:
        event: the event.
        tradable_session: the first session whose open comes late enough, or the one that was
            waited for, of finer bars that of the first bar; None where the time is known by week or
            month alone.
        action: `not_tradable`, `notified` or `no_signal`; with a signal first `signal`, and after
            the replay `enter`, `renew`, `reverse`, `superseded`, `no_room` or `ruined`.
        reason: why.
        signal: the strategy's answer, where it is one.
        waited: the steps in which it was waited for the session, if any.
        tradable_bar: when the tradable bar opens, UTC, where it is finer than its session.

    """

    event: Event
    tradable_session: date | None
    action: str
    reason: str
    signal: Signal | None = None
    waited: tuple[Pause, ...] = ()
    tradable_bar: datetime | None = None

    @property
    def direction(self) -> Direction | None:
        """The direction of the signal; None where it is flat."""
        if self.signal is None or self.signal.direction == "flat":
            return None
        return self.signal.direction

    @property
    def waits_in_vain(self) -> bool:
        """Whether the strategy's last answer was to wait, and it was not put to it again."""
        return bool(self.waited) and self.waited[-1].session == self.tradable_session

    @property
    def at_close(self) -> bool:
        """Whether its signal is for the close of the session."""
        return self.signal is not None and self.signal.at == "close"

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
    at: When = "open",
    bars: RunBars | None = None,
) -> list[Decision]:
    """A decision for every event that is listened to: `not_tradable`, or else `notified`.

    Args:
        listens_to: the kinds of event.
        events: all events, of any kind; other symbols' are left out, and those of the whole
            market are heard of each symbol.
        history: by symbol all prices, also from before the span.
        span: by symbol the prices that are replayed.
        reaction: time between publication and the earliest order.
        universe: the stocks with the days on which each can be traded; None for all days.
        at: before which price of a session it is decided.
        bars: what is replayed, where some bars are finer than sessions.

    """
    decisions = []
    heard = [event for event in events if isinstance(event, listens_to)]
    for event in sorted(_of_symbols(heard, span), key=event_order):
        where = history[event.symbol], span[event.symbol], reaction, universe, at
        if bars is None:
            (session, why), time = tradable_session(event, *where), None
        else:
            session, time, why = tradable_bar(bars, event, *where)
        action = "not_tradable" if why else "notified"
        decisions.append(Decision(event, session, action, why, tradable_bar=time))
    return decisions


def tradable_bar(
    bars: RunBars,
    event: Event,
    history: Prices,
    span: Prices,
    reaction: timedelta,
    universe: Universe | None = None,
    at: When = "open",
) -> tuple[date | None, datetime | None, str]:
    """The first bar that can be traded: its session, its open (None of a daily bar), and why not.

    What is known by its session alone is not traded before the close of that session, and outside
    of the hours only what is known to the minute. Arguments and answer are else as of
    `tradable_session`.
    """
    calendar, published = trading_calendar(), event.published_at
    known = published + reaction
    if event.precision == "session" and calendar.is_open(published):
        known = max(known, calendar.time_of(calendar.next_to_close(published), "close"))
        event = event.model_copy(update={"published_at": known - reaction})
    session, why = tradable_session(event, history, span, reaction, universe, at)
    if session is None or new_york_day(published) < history.first:
        return session, None, why
    current = calendar.next_to_close(known)
    if at == "close" and bars.ends_in(event.symbol, session) <= known:
        session = history.trades_from(calendar.after(session, 1))
        why = obstacle(event, session, span, universe)
    if at == "open" and current < session:
        time = bars.opens_after(event.symbol, current, known)
        if time is not None:
            why = obstacle(event, current, span, universe)
            return current, None if why else time, why
    running = bars.lack(current) if calendar.is_open(known) else ""
    why = why or running or bars.lack(session)
    if why or at == "close":
        return session, None, why
    if event.precision in ("exact", "minute"):
        return session, bars.opens_after(event.symbol, session, known), why
    return session, bars.opens_in(event.symbol, session), why


def _of_symbols(events: Iterable[Event], symbols: Collection[str]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, MarketEvent) and not event.symbol:
            yield from map(event.of, symbols)
        elif event.symbol in symbols:
            yield event
