"""`Market`: what was known when a strategy decides. Later data are not there at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import NEVER_TRADED, NEW_YORK
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime, timedelta

    import pandas as pd

    from backtest.data.kinds import Event
    from backtest.data.prices import Prices

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
    _bars: Mapping[str, pd.DataFrame] = field(repr=False)
    _events: Sequence[Event] = field(repr=False)

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
        name = symbol or self.symbol
        if name not in self._bars:
            raise UsageError(
                f"the prices of {name} are not shown, those of {', '.join(sorted(self._bars))} "
                f"are: name it in the strategy's looks_at"
            )
        return self._bars[name].copy()

    def events(self, kind: type[E]) -> tuple[E, ...]:
        """Events of a kind that were public by then, in order of publication."""
        return tuple(event for event in self._events if isinstance(event, kind))


def market_before(
    session: date, now: datetime, symbol: str, prices: Mapping[str, Prices], known: Sequence[Event]
) -> Market:
    """The market before the open of `session`: copies of the past, cut off from the rest."""
    tables = {name: one.table for name, one in prices.items()}
    bars = {
        name: table.iloc[: table.index.searchsorted(str(session))].copy()
        for name, table in tables.items()
    }
    return Market(session, now, symbol, bars, known)


def tradable_session(
    event: Event, history: Prices, span: Prices, reaction: timedelta
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
    return session, ""
