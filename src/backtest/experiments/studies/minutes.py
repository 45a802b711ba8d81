"""The minutes of a study: its events within a session, and the finer bars round them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.data.calendar import as_utc64, trading_calendar
from backtest.stats.minutes import by_clock, minutes_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.data.bars import FinerBars
    from backtest.data.kinds import Event

_TO_THE_MINUTE = ("exact", "minute")


def study_minutes(bars: FinerBars, events: Sequence[Event]) -> dict[str, Any]:
    """The figures by minute of the events that are known to the minute, within hours with bars."""
    calendar = trading_calendar()
    days, rows = np.unique(bars.sessions, return_inverse=True)

    def slots(moments: np.ndarray[Any, Any], sessions: np.ndarray[Any, Any]) -> list[int]:
        past = moments - calendar.times_of(sessions, "open")
        found: list[int] = (past // np.timedelta64(bars.length, "m")).tolist()
        return found

    known = [event for event in events if event.precision in _TO_THE_MINUTE]
    told = np.array([as_utc64(event.published_at) for event in known], "M8[us]")
    within = calendar.sessions_at(told)
    held = np.isin(within, days)
    at = np.searchsorted(days, within[held]).tolist()
    happened = list(zip(at, slots(told[held], within[held]), strict=True))
    clock = by_clock(bars.length, rows.tolist(), slots(bars.times, bars.sessions), bars.table)
    happened = [(row, slot) for row, slot in happened if slot < clock.closes.shape[1]]
    return {"outside": len(events) - len(happened), **minutes_study(clock, happened)}
