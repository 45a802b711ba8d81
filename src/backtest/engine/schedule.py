"""The schedule: when each event can be traded first, and what became of it; when actions act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import nan
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from backtest.data.actions import END_SESSIONS, ENDS
from backtest.data.calendar import trading_calendar
from backtest.data.events import event_order
from backtest.data.kinds import Event, When, new_york_day
from backtest.data.market import known_at, obstacle, tradable_session
from backtest.data.scheduled import MarketEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

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
    at_most: int | None = None
    gives_way: bool = False


@dataclass(frozen=True)
class Decision:
    """What became of an event, and why.

    The tradable session is the first whose open comes late enough, or the one that was waited for,
    of finer bars that of the first bar; None where the time is known by week or month alone. The
    action is `not_tradable`, `notified` or `no_signal`; with a signal first `signal`, and after the
    replay what became of it there, such as `enter`, `no_room` or `not_filled`.
    """

    event: Event
    tradable_session: date | None
    action: str
    reason: str
    signal: Signal | None = None  # the strategy's answer, where it is one
    waited: tuple[Pause, ...] = ()  # the steps in which it was waited for the session
    tradable_bar: datetime | None = None  # when it opens, UTC, where it is finer than its session

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


_WHY = {
    "renew": "same direction as the open trade: its exit plan is set anew",
    "resize": "same direction as the open trade: the difference to the new weight was traded",
    "no_room": "no room: not one share fits the weight, the cash and the gross limit",
    "not_filled": "the price did not come to the limit",
    "nothing_held": "nothing was held that could be left",
    "ruined": "the account was ruined before",
}
_PUBLISHED_LATER = "another signal of the same open was published later"
_ENDED_A_WAIT = "a newer signal ended it while it waited for its limit"
_NO_CLOSE = "no close came before, from which its limit is measured"
_OF_ONE_STAMP = (
    "another signal has the same time, and its kind or headline is later in the alphabet: "
    "which came first is not known"
)


def settle(
    decisions: Sequence[Decision],
    outcomes: Mapping[str, str],
    notes: Mapping[str, str],
    bar_of: Callable[[Decision], int],
    is_first: Callable[[Decision], bool],
) -> list[Decision]:
    """The decisions with what became of their signals, and why.

    They are in order of publication. Outcomes, and notes on what bound an order, are by event id;
    `bar_of` tells the bar of a decision with a signal, `is_first` whether it is its stock's first.
    """
    newest = {(d.signal.symbol, bar_of(d)): d.event for d in decisions if d.signal is not None}
    found = []
    for decision in decisions:
        event, signal = decision.event, decision.signal
        outcome = outcomes.get(event.id)
        if outcome is None or signal is None:
            found.append(decision)
            continue
        why = _WHY.get(outcome, "")
        if outcome == "superseded":
            acts = newest[signal.symbol, bar_of(decision)]
            later = acts.published_at > event.published_at
            why = _PUBLISHED_LATER if later else _OF_ONE_STAMP
            why = _ENDED_A_WAIT if acts is event else why
        elif outcome == "not_filled" and is_first(decision):
            why = _NO_CLOSE
        found.append(decision.settled(outcome, why, notes.get(event.id, "")))
    return found


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

    Of the events, of any kind, other symbols' are left out, and those of the whole market are heard
    of each symbol. By symbol `history` has all prices, and `span` those that are replayed. The
    reaction is the time between publication and the earliest order. The universe tells on which
    days each stock can be traded, None on all; `at` before which price of a session it is decided;
    `bars` are what is replayed, where some are finer than sessions.
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

    Outside of the hours only what is known to the minute is traded. Arguments and answer are else
    as of `tradable_session`.
    """
    calendar, known = trading_calendar(), known_at(event, reaction)
    session, why = tradable_session(event, history, span, reaction, universe, at)
    if session is None or new_york_day(event.published_at) < history.first:
        return session, None, why
    current = calendar.next_to_close(known)
    if at == "close" and bars.ends_in(event.symbol, session) <= known:
        session = history.trades_from(calendar.after(session, 1))
        why = obstacle(event, session, span, universe)
    if at == "open" and current < session and span.days.size:
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


# What dividends, splits and ends do to an account, and in which session; of both engines

What = Literal["split", "dividend", "delisted", "merger"]


class Effect(NamedTuple):
    """What an action does to a stock in a session.

    A split and a dividend come before its open, the ends after what rested through it: in the last
    session before their day, halted or not. `value` is new shares for an old one, or dollars a
    share, NaN where an end is at the last close.
    """

    session: date
    symbol: str
    what: What
    value: float

    @property
    def is_end(self) -> bool:
        """Whether what is held is settled in cash."""
        return self.what in ("delisted", "merger")


def effects(prices: Mapping[str, Prices]) -> list[Effect]:
    """The effects on all stocks, by session; in one session in the order in which they act.

    What ends in a session in which none of them trades does so in the one before.
    """
    sessions = np.unique(np.concatenate([one.days for one in prices.values()]))

    def replayed(session: date) -> date:
        place = np.searchsorted(sessions, np.datetime64(session), side="right") - 1
        day: date = sessions[place].item()
        return day

    found = [one._replace(session=replayed(one.session)) for one in recorded_effects(prices)]
    ended = {effect.symbol for effect in found if effect.is_end}
    for symbol in sorted(s for s in prices.keys() - ended if prices[s].days.size):
        last = np.searchsorted(sessions, np.datetime64(prices[symbol].last_known), side="right")
        place = last - 1 + END_SESSIONS
        if place < len(sessions):
            found.append(Effect(sessions[place].item(), symbol, "delisted", nan))
    return sorted(found, key=lambda effect: effect.session)


def recorded_effects(prices: Mapping[str, Prices]) -> Iterator[Effect]:
    """The effects of the actions that are on record, by symbol and in the order of their days."""
    for symbol in sorted(prices):
        yield from _of_stock(prices[symbol])


def _of_stock(prices: Prices) -> Iterator[Effect]:
    days = prices.days
    for action in prices.applied:
        row = int(np.searchsorted(days, np.datetime64(action.day)))
        if action.action in ("dividend", "split") and 0 < row < len(days):
            what: What = "split" if action.action == "split" else "dividend"
            yield Effect(days[row].item(), prices.symbol, what, action.amount or 0.0)
        elif action.action in ENDS and len(days):
            what = "merger" if action.action == "cash_merger" else "delisted"
            before = trading_calendar().between(days[-1].item(), action.day - timedelta(1))
            paid = nan if prices.paid_at_end is None else prices.paid_at_end
            yield Effect(before[-1].item(), prices.symbol, what, paid)


def splits_of(prices: Prices) -> list[tuple[date, float]]:
    """The sessions of the splits of a stock, and new shares for an old one."""
    return [(one.session, one.value) for one in _of_stock(prices) if one.what == "split"]


def splits_since(splits: Sequence[tuple[date, float]], day: date, until: date) -> float:
    """New shares for one of a day before, in a later session."""
    ratio = 1.0
    for session, value in splits:
        if day < session <= until:
            ratio *= value
    return ratio
