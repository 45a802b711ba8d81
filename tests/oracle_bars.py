"""What is special to runs on bars finer than sessions, as naive as the rest of the oracle.

Which bars a run has, at which of them an event can be traded, and what is told by session. Moments
are UTC without a zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tests.oracle_parts import NEW_YORK, day
from tests.oracle_terms import Bar, Outcome, Signal, Trade

Rows = Mapping[str, Sequence[tuple[Any, ...]]]  # by symbol
Tables = Mapping[str, Sequence[Bar]]
# Sessions that end at 13:00; those of the tests.
HALF_DAYS = {
    date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24),
    date(2025, 7, 3), date(2025, 11, 28), date(2025, 12, 24),
    date(2026, 11, 27), date(2026, 12, 24),
}  # fmt: skip


def utc(session: date, clock: time) -> datetime:
    """The moment of a New York clock."""
    return datetime.combine(session, clock, NEW_YORK).astimezone(UTC).replace(tzinfo=None)


def hours(session: date) -> tuple[datetime, datetime]:
    """When a session opens and closes."""
    end = time(13) if session in HALF_DAYS else time(16)
    return utc(session, time(9, 30)), utc(session, end)


def sequence(daily: Rows, finer: Rows, hedges: Sequence[str] = ()) -> dict[str, list[Bar]]:
    """The bars of a run: of each session the finer ones, or the daily one of every symbol."""
    days = {symbol: {row[0]: Bar(*row) for row in rows} for symbol, rows in daily.items()}
    bars: dict[str, list[Bar]] = {symbol: [] for symbol in daily}
    for session in sorted({session for table in days.values() for session in table}):
        there = [symbol for symbol in daily if session in days[symbol]]
        within = {s: within_hours(finer.get(s, ()), session) for s in there}
        if is_by_bars(within, hedges):
            for symbol in there:
                bars[symbol] += within[symbol]
        else:
            for symbol in there:
                opened, _ = hours(session)
                bars[symbol].append(days[symbol][session]._replace(session=opened, whole=True))
    return bars


def within_hours(rows: Sequence[tuple[Any, ...]], session: date) -> list[Bar]:
    """The finer bars that open within the hours of a session."""
    opened, closed = hours(session)
    return sorted(Bar(*row) for row in rows if opened <= row[0] < closed)


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

    ``bars`` are those of `sequence`. Before the close it is the last bar of its session.
    """
    if published_at.replace(tzinfo=UTC).astimezone(NEW_YORK).date() < day(bars[symbol][0].session):
        return None  # no price was there yet that could have moved on it
    sessions = sorted({day(bar.session) for table in bars.values() for bar in table})
    by_day = {day(bar.session) for table in bars.values() for bar in table if bar.whole}
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
    if decides == "close":
        found = [bar for bar in found if bar is last_of_session(found, bar.session)]
    for bar in found:
        moment = bar.session if decides == "open" else end_of(bar, length)
        if moment > known:
            return None if bar.whole and missing_bars == "none" else bar.session
    return None


def end_of(bar: Bar, length: timedelta) -> datetime:
    """When the close of a bar is known; no later than that of its session."""
    closed = hours(day(bar.session))[1]
    return closed if bar.whole else min(bar.session + length, closed)


def last_of_session(bars: Sequence[Bar], moment: datetime) -> Bar:
    """The symbol's last bar of the session of a moment."""
    return [bar for bar in bars if day(bar.session) == day(moment)][-1]


def acting(signal: Signal, bars: Tables) -> Signal:
    """The signal at the bar at which it acts: for the close it waits for the session's last."""
    at = signal.leave if signal.direction == "flat" else signal.enter
    if at == "open":
        return signal
    last = last_of_session(bars[signal.symbol], signal.session)
    return replace(signal, session=last.session)


def by_session(outcome: Outcome, bars: Tables) -> Outcome:
    """The outcome with a point of the curve a session, and trades by session and bar."""
    points = {day(point.session): point for point in outcome.equity}
    whole = {bar.session for table in bars.values() for bar in table if bar.whole}

    def dated(trade: Trade) -> Trade:
        entered, left = trade.entry_session, trade.exit_session
        return replace(
            trade,
            entry_session=day(entered),
            exit_session=day(left),
            entry_bar=None if entered in whole else entered,
            exit_bar=None if left in whole else left,
        )

    return replace(
        outcome,
        trades=[dated(trade) for trade in outcome.trades],
        equity=[points[session]._replace(session=session) for session in sorted(points)],
    )
