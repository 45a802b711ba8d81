"""Hold the sessions of the exchange, and find the first one in which a fact can be traded.

Timestamps are UTC, sessions are dates without a zone; only this module converts between them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.errors import DataError, UsageError
from backtest.workspace.files import cached

if TYPE_CHECKING:
    from backtest.data.kinds import When

# XNYS hours serve Nasdaq as well. The span is fixed so that no result depends on today's date;
# it begins where daily prices of single stocks do.
EXCHANGE = "XNYS"
_FIRST, _LAST = "1926-01-04", "2035-12-31"
_NEVER = np.datetime64("NaT", "us")
_EARLIEST, _LATEST = 4 * 60, 20 * 60  # extended hours, in minutes after midnight in New York


class TradingCalendar:
    """The calendar holds the sessions of XNYS with their opens and closes, UTC."""

    def __init__(self, times: NDArray[np.int64]) -> None:
        """Take `times`, shape (3, sessions): the midnight, open and close of each session.

        They are microseconds since 1970, UTC.
        """
        moments = times.view("M8[us]")
        self.sessions: NDArray[np.datetime64] = moments[0].astype("M8[D]")
        self.opens: NDArray[np.datetime64] = moments[1]
        self.closes: NDArray[np.datetime64] = moments[2]

    def tradable_session(
        self, published_at: datetime, reaction: timedelta, at: When = "open"
    ) -> date:
        """Return the first session whose open (or close) comes after `published_at + reaction`.

        It must be strictly later: with five minutes, 09:24 makes the 09:30 open, 09:25 does not.
        DataError past the end of the calendar.
        """
        times = self.opens if at == "open" else self.closes
        known = np.searchsorted(times, as_utc64(published_at + reaction), side="right")
        if known >= len(self.sessions):
            raise DataError(
                f"{published_at:%Y-%m-%d} is past the calendar, which ends on {_LAST}. "
                f"Check the date; nothing later can be replayed."
            )
        return self._session(known)

    def time_of(self, session: date, at: When) -> datetime:
        """Return when a session opens (or closes), UTC; DataError if the day is no session."""
        times = self.opens if at == "open" else self.closes
        moment: datetime = times[self._index(session)].item()
        return moment.replace(tzinfo=UTC)

    def steps(self, session: date, day: date) -> int:
        """Count the sessions from a session to a day, negative if the day is earlier.

        A day that is no session counts as the next one. UsageError outside of the calendar.
        """
        index = int(np.searchsorted(self.sessions, np.datetime64(day)))
        if index >= len(self.sessions) or day < self._session(0):
            raise UsageError(f"{day} is outside of the calendar, {_FIRST} to {_LAST}.")
        return index - self._index(session)

    def after(self, session: date, steps: int) -> date:
        """Return the session that comes `steps` after a session, or before it if negative.

        UsageError outside of the calendar.
        """
        index = self._index(session) + steps
        if not 0 <= index < len(self.sessions):
            raise UsageError(
                f"{steps} sessions from {session} is outside of the calendar, {_FIRST} to {_LAST}."
            )
        return self._session(index)

    def previous_close(self, session: date) -> datetime:
        """Return when the session before `session` closed, UTC."""
        return self.time_of(self.after(session, -1), "close")

    def last_closed(self, moment: datetime) -> date:
        """Return the last session that had closed by a moment."""
        return self._session(np.searchsorted(self.closes, as_utc64(moment), side="right") - 1)

    def next_to_close(self, moment: datetime) -> date:
        """Return the first session that closes after a moment."""
        return self._session(np.searchsorted(self.closes, as_utc64(moment), side="right"))

    def is_open(self, moment: datetime) -> bool:
        """Tell whether a session runs at a moment: from its open up to, not at, its close."""
        now = as_utc64(moment)
        opened, closed = (t.searchsorted(now, side="right") for t in (self.opens, self.closes))
        return bool(opened > closed)

    def between(self, first: date, last: date) -> NDArray[np.datetime64]:
        """Return the sessions from `first` to `last`, both included."""
        low, high = np.searchsorted(self.sessions, [np.datetime64(first), np.datetime64(last)])
        stop = high + (high < len(self.sessions) and self.sessions[high] == np.datetime64(last))
        return self.sessions[low:stop]

    def times_of(self, days: NDArray[np.datetime64], at: When) -> NDArray[np.datetime64]:
        """Return when the session of each day opens (or closes), UTC; NaT for no session."""
        times = self.opens if at == "open" else self.closes
        index = np.searchsorted(self.sessions[:-1], days)
        return np.where(self.sessions[index] == days, times[index], _NEVER)

    def sessions_at(self, moments: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """Return the session during which each moment lies, from its open until before its close.

        The result is NaT for moments outside of the hours of all sessions.
        """
        at = np.searchsorted(self.opens[1:], moments, side="right")
        inside = (self.opens[at] <= moments) & (moments < self.closes[at])
        return np.where(inside, self.sessions[at], _NEVER.astype("M8[D]"))

    def extended_sessions_at(self, moments: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """Return the session to which each moment in extended hours belongs; NaT for all others.

        From 04:00 New York until its open it is the session of the day, from its close until
        20:00 the next one.
        """
        days, minutes = new_york_clock(moments)
        index = np.searchsorted(self.sessions[:-1], days)
        is_day = self.sessions[index] == days
        is_before = is_day & (minutes >= _EARLIEST) & (moments < self.opens[index])
        is_after = is_day & (minutes < _LATEST) & (moments >= self.closes[index])
        index = np.minimum(index + is_after, len(self.sessions) - 1)
        sessions: NDArray[np.datetime64] = self.sessions[index]  # a copy
        sessions[~(is_before | is_after)] = _NEVER
        return sessions

    def _session(self, index: int | np.intp) -> date:
        session: date = self.sessions[index].item()
        return session

    def _index(self, session: date) -> int:
        index = int(np.searchsorted(self.sessions, np.datetime64(session)))
        if index >= len(self.sessions) or self.sessions[index] != np.datetime64(session):
            raise DataError(f"{session} is not a session of {EXCHANGE}.")
        return index


@cache
def trading_calendar() -> TradingCalendar:
    """Return the one calendar of the process; its times are kept in the user's cache."""
    name = f"{EXCHANGE}-{_FIRST}-{_LAST}-{version('exchange-calendars')}"
    return TradingCalendar(np.frombuffer(cached(name, _times), np.int64).reshape(3, -1))


def _times() -> bytes:
    import exchange_calendars  # slow to import, and slower to ask

    calendar: Any = exchange_calendars.get_calendar(EXCHANGE, start=_FIRST, end=_LAST)
    times = (calendar.sessions, calendar.opens, calendar.closes)
    return np.stack([np.asarray(each, "M8[us]") for each in times]).tobytes()


def new_york_clock(
    moments: NDArray[np.datetime64],
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return the New York day of each UTC moment, and its minutes after midnight there."""
    import pandas as pd

    from backtest.data.kinds import NEW_YORK

    local = pd.DatetimeIndex(moments, tz="UTC").tz_convert(NEW_YORK).tz_localize(None)
    days = local.to_numpy().astype("M8[D]")
    return days, np.asarray(local.hour * 60 + local.minute, np.int64)


def as_utc64(moment: datetime) -> np.datetime64:
    """Return a time as UTC without a zone, in microseconds."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
