"""`Market`: what was known when a strategy decides. Later data are not there at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import NEVER_TRADED, NEW_YORK
from backtest.errors import UsageError

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta

    import pandas as pd

    from backtest.data.kinds import Event
    from backtest.data.past import Past
    from backtest.data.prices import Prices
    from backtest.data.universe import Universe

E = TypeVar("E", bound="Event")


@dataclass(frozen=True)
class Market:
    """The past of a decision.

    Attributes:
        session: the tradable session, whose open is the first price that can be had.
        now: that open's time, UTC; nothing here is from it or later.
        symbol: the symbol of the event.

    """

    session: date
    now: datetime
    symbol: str
    _past: Past = field(repr=False)

    @property
    def universe(self) -> tuple[str, ...]:
        """The stocks that can be traded in the session, in order of the alphabet.

        They are the members of the universe on that day, or the symbols of the run.
        """
        return self._past.members[self.session]

    def bars(self, symbol: str | None = None) -> pd.DataFrame:
        """Bars of the sessions before `session`, oldest first, indexed by session.

        Columns `open high low close volume`, in dollars and shares; empty for a stock that
        has not traded yet.

        Args:
            symbol: the event's own by default; or another of the run, or one that the strategy
                names in `looks_at`, which may have closes alone.

        Raises:
            UsageError: it is none of these.

        """
        name, known = symbol or self.symbol, sorted(self._past.columns)
        if name not in known:
            raise UsageError(
                f"the prices of {name} are not shown, those of {', '.join(known)} "
                f"are: name it in the strategy's looks_at"
            )
        return self._past.bars(name, self.session)

    def events(self, kind: type[E]) -> tuple[E, ...]:
        """Events of a kind that were public by then, in order of publication."""
        return tuple(self._past.events(kind, self.now))

    def rank(self, event: Event, by: str, days: int | None = None) -> float | None:
        """Where an event stands among the others of its kind that were known by then.

        Args:
            event: the event.
            by: a field of the kind, or a property such as `eps_surprise`.
            days: how many calendar days back from `now` the others were published; None for all.

        Returns:
            From 0, below all others, to 1, above them all; equals count half. None where its own
            value is unknown or no other is known.

        """
        value = getattr(event, by)
        others = self._past.others(event, by, self.now, days)
        if value is None or not len(others):
            return None
        below, equal = np.count_nonzero(others < value), np.count_nonzero(others == value)
        return float((below + equal / 2) / len(others))


def tradable_session(
    event: Event,
    history: Prices,
    span: Prices,
    reaction: timedelta,
    universe: Universe | None = None,
) -> tuple[date | None, str]:
    """The first session in which an event can be traded, and why not where it cannot.

    The session is given also where the replayed span does not hold it; the reason is empty
    where the event can be traded.
    """
    if event.precision in NEVER_TRADED:
        return None, f"known by the {event.precision} alone, never traded"
    session = trading_calendar().tradable_session(event.published_at, reaction)
    if event.published_at.astimezone(NEW_YORK).date() < history.first:
        # No price existed yet that could have moved on it.
        return session, f"public before the first price of {event.symbol}, {history.first}"
    if session < span.first:
        return session, f"before the first session of the replay, {span.first}"
    if session > span.last:
        return session, f"after the last session of the replay, {span.last}"
    if universe is not None and not universe.has(event.symbol, session):
        return session, f"{event.symbol} was no member of {universe.name} on {session}"
    return session, ""
