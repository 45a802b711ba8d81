"""Checks of an event's knowledge time, by itself and by what its texts say.

The bounds, and where they come from:

- A report of a quarter cannot be public before the quarter has ended. `period` is read as a
  calendar quarter. Closing the books takes the fastest listed companies about a week, so that a
  report within five days of the end is doubted too.
- A 13F tells the holdings at the end of a quarter (SEC rule 13f-1): it is filed in the 45 days
  that follow, never on the quarter's last day or earlier, and describes no other day.
- EDGAR takes filings on weekdays from 6:00 to 22:00 New York time, so that no acceptance is stamped
  outside of these hours.
- A stamp at midnight, to the second, is a day without a time. Read as a time it lies before the
  open of its own day, so that the event would be traded before anybody knew of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, time, timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Literal

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import (
    COARSE,
    NEVER_TRADED,
    NEW_YORK,
    Earnings,
    Event,
    StakeDisclosure,
    new_york_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something about the data that a user should know: where, what, why it matters, what to do.

    It is an `error` where a strategy could trade before a fact was public, or where a file cannot
    be used; a `warning` where two things disagree; a `note` where something is unknown or assumed.
    """

    severity: Severity
    where: str
    what: str
    why: str
    mend: str


def by_severity(findings: Iterable[Finding]) -> dict[Severity, list[Finding]]:
    """The findings of each severity, errors first; in the order in which they were found."""
    found = list(findings)
    return {level: [one for one in found if one.severity == level] for level in SEVERITIES}


_CLOSING_THE_BOOKS = timedelta(days=5)
_EDGAR_HOURS = (time(6), time(22))
_SATURDAY = 5
_ALIKE = 0.8  # share of a headline's letters that two rows have in common
_SAID = r"(?m:^|[.;:] |\b(?:released|reported|published|announced|issued|filed|came|was|out) )"
_NO_OTHER_DAY = r"(?! (?:of|on)\b)"  # "before the open of 2025-09-16" speaks of another day
_AFTER_CLOSE = re.compile(
    rf"{_SAID}after (?:the )?(?:close|bell|market close|hours)\b{_NO_OTHER_DAY}", re.IGNORECASE
)
_BEFORE_OPEN = re.compile(
    rf"{_SAID}before (?:the )?(?:open|bell|market open)\b{_NO_OTHER_DAY}", re.IGNORECASE
)
_WRITTEN_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?(?= ?[Z+-])", re.IGNORECASE)
_IN_SESSION = re.compile(rf"{_SAID}during the session\b", re.IGNORECASE)

PEEK = "A strategy would trade the event before it was public."


@dataclass(frozen=True)
class FiledEvent:
    """An event with its file and line, and `published_at` as it stands there."""

    where: str
    stamp: str
    event: Event

    @property
    def day(self) -> date:
        """The New York day of publication."""
        return new_york_day(self.event.published_at)

    def finding(self, severity: Severity, what: str, why: str, mend: str) -> Finding:
        """A finding about this row."""
        seal = f"Then `backtest events seal {self.event.kind}`."
        return Finding(severity, f"{self.where}, {self.event.id}", what, why, f"{mend} {seal}")


def check_time(row: FiledEvent) -> Iterator[Finding]:
    """What is wrong with the knowledge time of an event."""
    if isinstance(row.event, Earnings):
        yield from _of_period(row, row.event)
    if isinstance(row.event, StakeDisclosure):
        yield from _of_filing(row, row.event)
    if row.event.precision not in COARSE:
        yield from _midnight(row)
        yield from _words(row)
    yield from _hours(row)


def check_record(row: FiledEvent, compiled_on: str | None) -> Iterator[Finding]:
    """What is missing in a row, or later than the ISO day on which its file was compiled."""
    event = row.event
    if not event.source_url and not event.source_url_2:
        what = f"No source: {event.headline}"
        why = "Nobody can look the fact up."
        mend = "Add the address where it can be read."
        yield row.finding("note", what, why, mend)
    if compiled_on and row.day.isoformat() > compiled_on:
        what = f"Public on {row.day}, after the file was compiled on {compiled_on}"
        why = "A fact of the future is a plan, or its day is wrong."
        mend = "Check the year and the day."
        yield row.finding("warning", what, why, mend)


def check_doubles(rows: Sequence[FiledEvent]) -> Iterator[Finding]:
    """Rows of one symbol, kind and day whose headlines are alike."""
    known: dict[tuple[str, date], list[FiledEvent]] = defaultdict(list)
    for row in rows:
        same_day = known[row.event.symbol, row.day]
        for other in same_day:
            one, two = row.event.headline.casefold(), other.event.headline.casefold()
            if SequenceMatcher(None, one, two).ratio() >= _ALIKE:
                what = f"Repeats {other.event.id} of the same day: {row.event.headline}"
                why = "A fact that is there twice counts twice in every statistic."
                mend = "Remove one of the two rows, or tell them apart in the headline."
                yield row.finding("warning", what, why, mend)
        same_day.append(row)


def check_symbols(rows: Sequence[FiledEvent], symbols: Sequence[str]) -> Iterator[Finding]:
    """The first row of each symbol without prices."""
    known = {*symbols, ""}
    first = {row.event.symbol: row for row in reversed(rows) if row.event.symbol not in known}
    for symbol, row in sorted(first.items()):
        near = get_close_matches(symbol, symbols, n=1)
        what = f"{symbol} has no prices" + (f"; did you mean {near[0]}?" if near else "")
        why = "Its events are never traded."
        mend = f"Correct the symbol, or `backtest prices import {symbol} FILE`."
        yield row.finding("note", what, why, mend)


def _of_period(row: FiledEvent, event: Earnings) -> Iterator[Finding]:
    if event.period is None:
        return
    end = _quarter_end(event.period)
    if row.day <= end:
        what = f"Results of {event.period} are stamped {row.day}, and the quarter ends on {end}"
        mend = (
            "Stamp the acceptance or the release, never the period; `period` is the calendar "
            "quarter."
        )
        yield row.finding("error", what, PEEK, mend)
    elif row.day <= end + _CLOSING_THE_BOOKS:
        what = (
            f"Results of {event.period} are stamped {row.day}, "
            f"{(row.day - end).days} days after the quarter's end"
        )
        why = "No books are closed that fast; this looks like the end of the period."
        mend = "Stamp the acceptance or the release."
        yield row.finding("warning", what, why, mend)


def _of_filing(row: FiledEvent, event: StakeDisclosure) -> Iterator[Finding]:
    if event.form.upper().startswith("13F") and event.as_of is not None:
        if row.day <= event.as_of:
            what = f"A 13F as of {event.as_of} is stamped {row.day}, before it can be filed"
            mend = "Stamp the acceptance of the filing, never the day that it describes."
            yield row.finding("error", what, PEEK, mend)
        if (event.as_of + timedelta(days=1)).day != 1 or event.as_of.month % 3:
            what = f"A 13F as of {event.as_of}, which is no end of a quarter"
            why = "Which count was known when rests on the day that a filing describes."
            mend = "Write the period of the filing as `as_of`."
            yield row.finding("warning", what, why, mend)


def _quarter_end(period: str) -> date:
    year, month = int(period[:4]), 3 * int(period[5])
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _midnight(row: FiledEvent) -> Iterator[Finding]:
    mend = "Write precision `date`, stamped 23:59:59 New York time, or the time that is known."
    precision = row.event.precision
    if _WRITTEN_MIDNIGHT.search(row.stamp):
        what = f"Stamped at midnight with precision {precision}: {row.stamp}"
        why = f"A day without a time, read as its first second. {PEEK}"
        yield row.finding("error", what, why, mend)
        return
    for zone, name in ((NEW_YORK, "New York"), (UTC, "UTC")):
        # After the close, 20:00 is the end of trading; that is midnight in UTC in summer.
        is_midnight = row.event.published_at.astimezone(zone).time() == time(0)
        if precision != "session" and is_midnight:
            what = f"Stamped at midnight in {name} with precision {precision}: {row.stamp}"
            why = f"It may be a day without a time, read as its first second. {PEEK}"
            yield row.finding("error" if zone is NEW_YORK else "warning", what, why, mend)


def _words(row: FiledEvent) -> Iterator[Finding]:
    """Texts that place the event in the day, where its stamp places it otherwise."""
    event, calendar = row.event, trading_calendar()
    if not len(calendar.between(row.day, row.day)):
        return
    is_early = event.published_at < calendar.open_of(row.day)
    is_late = not is_early and not calendar.is_open(event.published_at)
    text = f"{event.headline}\n{event.note}"
    if is_early and (match := _found(_AFTER_CLOSE, text) or _found(_IN_SESSION, text)):
        what = f"Says {match!r}, but is stamped before the open: {row.stamp}"
        mend = "Stamp the time at which it came out."
        yield row.finding("error", what, PEEK, mend)
    if is_late and (match := _found(_BEFORE_OPEN, text)):
        what = f"Says {match!r}, but is stamped after the close: {row.stamp}"
        why = "The event is traded a session late."
        mend = "Stamp the time at which it came out."
        yield row.finding("warning", what, why, mend)


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[0].strip(" .;:\n") if match else ""


def _hours(row: FiledEvent) -> Iterator[Finding]:
    event = row.event
    clock = event.published_at.astimezone(NEW_YORK).time()
    if event.precision == "session" and trading_calendar().is_open(event.published_at):
        what = f"Precision session is before the open or after the close, not {row.stamp}"
        why = "Nobody can tell which of the two is meant."
        mend = (
            "Stamp 09:00 for before the open, the latest possible time for after the close, or "
            "write precision `minute`."
        )
        yield row.finding("warning", what, why, mend)
    if event.precision not in NEVER_TRADED and row.day.weekday() >= _SATURDAY:
        what = f"Public on a {row.day:%A}, {row.day}"
        why = "Companies publish and EDGAR accepts on weekdays; the day may be wrong."
        mend = "Check the day."
        yield row.finding("note", what, why, mend)
    elif _is_acceptance(event) and not _EDGAR_HOURS[0] <= clock <= _EDGAR_HOURS[1]:
        what = f"A filing accepted at {clock:%H:%M} New York time; EDGAR is closed then"
        why = "The zone of the stamp may be wrong, and with it the session."
        mend = "Stamp the acceptance with the offset of New York."
        yield row.finding("warning", what, why, mend)


def _is_acceptance(event: Event) -> bool:
    if not isinstance(event, StakeDisclosure) or event.precision not in ("exact", "minute"):
        return False
    return event.form.upper().startswith(("13F", "8-K", "10-", "S-1", "SC 13", "SCHEDULE 13"))
