"""Other events of the stock that were public shortly before the decision."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import Event

if TYPE_CHECKING:
    from backtest.data.inputs import Market


def sessions_since(event: Event, market: Market) -> int:
    """How many sessions have opened since an event was public and before the decision's own.

    `0` is an event that is first traded at the decision's open, as the event asked about; `1` one
    that could be traded a session earlier. Nobody needs time to react here.

    Args:
        event: one that was public by the decision.
        market: what was known.

    """
    calendar = trading_calendar()
    first = calendar.tradable_session(event.published_at, timedelta(0))
    return len(calendar.between(first, market.session)) - 1


def events_near(
    event: Event, market: Market, *kinds: type[Event], sessions: int = 2
) -> tuple[Event, ...]:
    """Other events of the event's stock, public at most so many sessions before the decision.

    Only what was public by then counts. A report that is due next week is not known of, even if
    its date is: the data hold events from the time at which they became public.

    Args:
        event: the event asked about, which is left out.
        market: what was known.
        kinds: kinds of event, such as `Earnings`; `Event` for any.
        sessions: how far back, as `sessions_since` counts.

    Returns:
        In order of publication; empty where there is none.

    """
    return tuple(
        other
        for other in market.events(Event)
        if isinstance(other, kinds)
        and other.symbol == event.symbol
        and other.id != event.id
        and sessions_since(other, market) <= sessions
    )
