"""This module says when each event can first be traded, what became of it, and when actions act."""

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
    """A pause is one step of a wait: when the strategy answered with a `Wait`, and its terms."""

    session: date  # that could have been traded
    time: datetime  # before which it answered, UTC
    sessions: int  # that it waits for
    reason: str
    at_most: int | None = None  # sessions from the first pause
    gives_way: bool = False


@dataclass(frozen=True)
class Decision:
    """A decision says what became of an event, and why.

    The tradable session is the first whose open comes late enough, or the one that was waited for;
    with finer bars it is the session of the first bar. It is None where the event's time is known
    by week or month alone. The action is `not_tradable`, `notified` or `no_signal`; with a signal
    it is `signal`, and after the replay the outcome there, such as `enter` or `no_room`.
    """

    event: Event
    tradable_session: date | None
    action: str
    reason: str
    signal: Signal | None = None  # the strategy's answer, where it is one
    waited: tuple[Pause, ...] = ()  # the steps of the wait for the session
    tradable_bar: datetime | None = None  # when it opens, UTC, where it is finer than its session

    @property
    def direction(self) -> Direction | None:
        """Return the direction of the signal; None where it is flat, or there is none."""
        if self.signal is None or self.signal.direction == "flat":
            return None
        return self.signal.direction

    @property
    def waits_in_vain(self) -> bool:
        """Tell whether the strategy's last answer was to wait, and it was never asked again."""
        return bool(self.waited) and self.waited[-1].session == self.tradable_session

    @property
    def at_close(self) -> bool:
        """Tell whether the signal is for the close of the session."""
        return self.signal is not None and self.signal.at == "close"

    def settled(self, action: str, *reasons: str) -> Decision:
        """Return the decision with its outcome in the replay, and further reasons for it."""
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
    """Return the decisions with what became of their signals in a replay, and why.

    They are in order of publication. Outcomes, and notes on what limited an order, are by event id;
    `bar_of` gives the bar of a decision with a signal, `is_first` tells whether that is its stock's
    first.
    """
    newest = {(d.signal.symbol, bar_of(d)): d.event for d in decisions if d.signal is not None}
    settled = []
    for decision in decisions:
        event, signal = decision.event, decision.signal
        outcome = outcomes.get(event.id)
        if outcome is None or signal is None:
            settled.append(decision)
            continue
        why = _WHY.get(outcome, "")
        if outcome == "superseded":
            acting = newest[signal.symbol, bar_of(decision)]
            is_later = acting.published_at > event.published_at
            why = _PUBLISHED_LATER if is_later else _OF_ONE_STAMP
            why = _ENDED_A_WAIT if acting is event else why
        elif outcome == "not_filled" and is_first(decision):
            why = _NO_CLOSE
        settled.append(decision.settled(outcome, why, notes.get(event.id, "")))
    return settled


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
    """Make a decision for every event of the kinds `listens_to`: `not_tradable` or `notified`.

    Args:
        listens_to: the kinds of event that get a decision.
        events: events of any kind and symbol; an event of the whole market counts once a symbol.
        history: all prices, by symbol.
        span: the prices that are replayed, by symbol; events of other symbols are left out.
        reaction: the time between publication and the earliest order.
        universe: the days on which each stock can be traded; None for all days.
        at: the price of a session before which the strategy decides.
        bars: the bars that are replayed, where some are finer than sessions.

    """
    decisions = []
    heard = [event for event in events if isinstance(event, listens_to)]
    for event in sorted(_by_symbol(heard, span), key=event_order):
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
    """Return the first bar in which an event can be traded: its session, its open, and why not.

    The open is None for a daily bar. Outside the trading hours only what is known to the minute is
    traded. The arguments, and the rest of the answer, are those of `tradable_session`.
    """
    calendar, moment = trading_calendar(), known_at(event, reaction)
    session, why = tradable_session(event, history, span, reaction, universe, at)
    if session is None or new_york_day(event.published_at) < history.first:
        return session, None, why
    current = calendar.next_to_close(moment)
    if at == "close" and bars.ends_in(event.symbol, session) <= moment:
        session = history.trades_from(calendar.after(session, 1))
        why = obstacle(event, session, span, universe)
    if at == "open" and current < session and span.days.size:
        time = bars.opens_after(event.symbol, current, moment)
        if time is not None:
            why = obstacle(event, current, span, universe)
            return current, None if why else time, why
    running = bars.lack(current) if calendar.is_open(moment) else ""
    why = why or running or bars.lack(session)
    if why or at == "close":
        return session, None, why
    if event.precision in ("exact", "minute"):
        return session, bars.opens_after(event.symbol, session, moment), why
    return session, bars.opens_in(event.symbol, session), why


def _by_symbol(events: Iterable[Event], symbols: Collection[str]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, MarketEvent) and not event.symbol:
            yield from map(event.of, symbols)
        elif event.symbol in symbols:
            yield event


# The effects of dividends, splits and ends on an account, for both engines

What = Literal["split", "dividend", "delisted", "merger"]


class Effect(NamedTuple):
    """An effect is what an action does to a stock in a session.

    A split or a dividend acts before the open. An end acts after the resting orders of the last
    session before its day, halted or not. `value` is new shares for an old one, or dollars a share;
    NaN where an end pays the last close.
    """

    session: date
    symbol: str
    what: What
    value: float

    @property
    def is_end(self) -> bool:
        """Tell whether what is held is settled in cash."""
        return self.what in ("delisted", "merger")


def effects(prices: Mapping[str, Prices]) -> list[Effect]:
    """Return the effects on all stocks by session, and within a session in the order they act in.

    An end in a session in which no stock trades moves to the session before. A stock whose prices
    stop counts as delisted `END_SESSIONS` sessions later, even if nobody recorded it.
    """
    sessions = np.unique(np.concatenate([stock.days for stock in prices.values()]))

    def number_of(session: date) -> int:
        return int(np.searchsorted(sessions, np.datetime64(session), side="right")) - 1

    acting = [
        effect._replace(session=sessions[number_of(effect.session)].item())
        for effect in recorded_effects(prices)
    ]
    ended = {effect.symbol for effect in acting if effect.is_end}
    for symbol in sorted(s for s in prices.keys() - ended if prices[s].days.size):
        number = number_of(prices[symbol].last_known) + END_SESSIONS
        if number < len(sessions):
            acting.append(Effect(sessions[number].item(), symbol, "delisted", nan))
    return sorted(acting, key=lambda effect: effect.session)


def recorded_effects(prices: Mapping[str, Prices]) -> Iterator[Effect]:
    """Yield the effects of the actions on record, by symbol and in the order of their days."""
    for symbol in sorted(prices):
        yield from _effects_on_stock(prices[symbol])


def _effects_on_stock(prices: Prices) -> Iterator[Effect]:
    days = prices.days
    for action in prices.applied:
        row = int(np.searchsorted(days, np.datetime64(action.day)))
        # Also in the first session, in which it acts on what was bought on the evening before.
        if action.action in ("dividend", "split") and row < len(days):
            what: What = "split" if action.action == "split" else "dividend"
            yield Effect(days[row].item(), prices.symbol, what, action.amount or 0.0)
        elif action.action in ENDS and len(days):
            what = "merger" if action.action == "cash_merger" else "delisted"
            before = trading_calendar().between(days[-1].item(), action.day - timedelta(1))
            paid = nan if prices.paid_at_end is None else prices.paid_at_end
            yield Effect(before[-1].item(), prices.symbol, what, paid)


def splits_of(prices: Prices) -> list[tuple[date, float]]:
    """Return the session of each split of a stock, and its new shares for an old one."""
    return [(one.session, one.value) for one in _effects_on_stock(prices) if one.what == "split"]


def splits_since(splits: Sequence[tuple[date, float]], day: date, until: date) -> float:
    """Return how many shares one share of `day` has become by `until`."""
    ratio = 1.0
    for session, value in splits:
        if day < session <= until:
            ratio *= value
    return ratio
