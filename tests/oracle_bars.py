"""What is special to runs on bars finer than sessions, as naive as the rest of the oracle.

Which bars a run has, at which of them an event can be traded, and what is told by session. Moments
are UTC without a zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from tests.oracle_parts import NEW_YORK, day, session_of
from tests.oracle_terms import Bar, Outcome, Signal, Trade

Rows = Mapping[str, Sequence[tuple[Any, ...]]]  # by symbol
Tables = Mapping[str, Sequence[Bar]]
# Sessions that end at 13:00; those of the tests.
HALF_DAYS = {
    date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24),
    date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24),
    date(2026, 11, 27), date(2026, 12, 24),
}  # fmt: skip
# Days of the week without a session; those of the tests.
HOLIDAYS = {
    date(2025, 5, 26), date(2025, 6, 19), date(2025, 7, 4), date(2025, 9, 1),
    date(2025, 11, 27), date(2025, 12, 25), date(2026, 1, 1), date(2026, 1, 19),
}  # fmt: skip
EXTENDED = time(4), time(20)  # when trading before the open begins, and after the close ends


def utc(session: date, clock: time) -> datetime:
    """The moment of a New York clock."""
    return datetime.combine(session, clock, NEW_YORK).astimezone(UTC).replace(tzinfo=None)


@cache
def hours(session: date) -> tuple[datetime, datetime]:
    """When a session opens and closes."""
    end = time(13) if session in HALF_DAYS else time(16)
    return utc(session, time(9, 30)), utc(session, end)


def is_session(today: date) -> bool:
    """Whether the exchange is open on a day."""
    return today.weekday() < 5 and today not in HOLIDAYS


@cache
def session_at(moment: datetime) -> date:
    """The session that a moment belongs to: from a close on it is the next."""
    today = day(moment)
    if not is_session(today) or moment >= hours(today)[1]:
        today += timedelta(days=1)
    while not is_session(today):
        today += timedelta(days=1)
    return today


def sequence(
    daily: Rows, finer: Rows, hedges: Sequence[str] = (), *, extended: bool = False
) -> dict[str, list[Bar]]:
    """The bars of a run: of each session the finer ones, or the daily one of every symbol.

    The finer ones are those of regular hours; with ``extended`` also those before and after. Where
    a hedge has none at a moment, nothing has.
    """
    days = {symbol: {row[0]: Bar(*row) for row in rows} for symbol, rows in daily.items()}
    bars: dict[str, list[Bar]] = {symbol: [] for symbol in daily}
    sessions = sorted({session for table in days.values() for session in table})
    for session in sessions:
        there = [symbol for symbol in daily if session in days[symbol]]
        within = {s: within_hours(finer.get(s, ()), session) for s in there}
        if is_by_bars(within, hedges):
            outside = {
                s: outside_hours(finer.get(s, ()), session, sessions[0]) if extended else []
                for s in there
            }
            found = {s: within[s] + outside[s] for s in there}
            moments = [{bar.session for bar in found.get(symbol, ())} for symbol in hedges]
            for symbol in there:
                hedged = [b for b in found[symbol] if all(b.session in one for one in moments)]
                bars[symbol] += sorted(hedged)
        else:
            for symbol in there:
                opened, _ = hours(session)
                bars[symbol].append(days[symbol][session]._replace(session=opened, whole=True))
    return bars


def within_hours(rows: Sequence[tuple[Any, ...]], session: date) -> list[Bar]:
    """The finer bars that open within the hours of a session."""
    opened, closed = hours(session)
    return sorted(Bar(*row) for row in rows if opened <= row[0] < closed)


def outside_hours(rows: Sequence[tuple[Any, ...]], session: date, first: date) -> list[Bar]:
    """The finer bars before the open of a session, and after the close of the one before.

    None are of a day before the run's first session.
    """
    found = [row for row in rows if session_at(row[0]) == session and is_extended(row[0])]
    return [Bar(*row)._replace(belongs=session) for row in found if day(row[0]) >= first]


@cache
def is_extended(moment: datetime) -> bool:
    """Whether a session's own day trades at a moment, though not in regular hours."""
    today = day(moment)
    if not is_session(today):
        return False
    opened, closed = hours(today)
    first, last = (utc(today, clock) for clock in EXTENDED)
    return first <= moment < opened or closed <= moment < last


def is_by_bars(within: Tables, hedges: Sequence[str]) -> bool:
    """Whether every symbol has a finer bar, and each hedge one beside each of a stock's."""
    moments = {bar.session for s, found in within.items() if s not in hedges for bar in found}
    beside = [moments <= {bar.session for bar in within[s]} for s in hedges if s in within]
    return all(within.values()) and all(beside)


def tradable_bar(
    symbol: str,
    published_at: datetime,
    precision: str,
    reaction: timedelta,
    bars: Tables,
    length: timedelta,
    *,
    decides: str = "open",
    missing_bars: str = "daily",
) -> datetime | None:
    """The open of the bar that an event can be traded at; None where there is none.

    ``bars`` are those of `sequence`. Before the close it is the last bar of its session. Outside
    of regular hours is traded what is known to the minute.
    """
    if day(published_at) < session_of(bars[symbol][0]):
        return None  # no price was there yet that could have moved on it
    sessions = sorted({session_of(bar) for table in bars.values() for bar in table})
    by_day = {session_of(bar) for table in bars.values() for bar in table if bar.whole}
    known = published_at + reaction
    for session in sessions:
        opened, closed = hours(session)
        if precision == "session" and opened <= published_at < closed:
            known = max(known, closed)
    for session in by_day:
        opened, closed = hours(session)
        if missing_bars == "none" and opened <= known < closed:
            return None
    found = bars[symbol]
    if precision not in ("exact", "minute"):
        found = [bar for bar in found if not bar.belongs]
    if decides == "close":
        found = [bar for bar in found if bar is last_of_session(found, session_of(bar))]
    for bar in found:
        moment = bar.session if decides == "open" else end_of(bar, length)
        if moment > known:
            return None if bar.whole and missing_bars == "none" else bar.session
    return None


def end_of(bar: Bar, length: timedelta) -> datetime:
    """When the close of a bar is known; no later than that of its session."""
    closed = hours(day(bar.session))[1]
    return closed if bar.whole else min(bar.session + length, closed)


def last_of_session(bars: Sequence[Bar], session: date) -> Bar:
    """The symbol's last bar of a session."""
    return [bar for bar in bars if session_of(bar) == session][-1]


def acting(signal: Signal, bars: Tables) -> Signal:
    """The signal at the bar at which it acts: for the close it waits for the session's last."""
    at = signal.leave if signal.direction == "flat" else signal.enter
    if at == "open":
        return signal
    own = bars[signal.symbol]
    (session,) = [session_of(bar) for bar in own if bar.session == signal.session]
    return replace(signal, session=last_of_session(own, session).session)


def by_session(outcome: Outcome, bars: Tables) -> Outcome:
    """The outcome with a point of the curve a session, and trades by session and bar."""
    sessions = {bar.session: session_of(bar) for table in bars.values() for bar in table}
    points = {sessions[point.session]: point for point in outcome.equity}
    whole = {bar.session for table in bars.values() for bar in table if bar.whole}

    def dated(trade: Trade) -> Trade:
        entered, left = trade.entry_session, trade.exit_session
        return replace(
            trade,
            entry_session=sessions[entered],
            exit_session=sessions[left],
            entry_bar=None if entered in whole else entered,
            exit_bar=None if left in whole else left,
        )

    return replace(
        outcome,
        trades=[dated(trade) for trade in outcome.trades],
        equity=[points[session]._replace(session=session) for session in sorted(points)],
    )
