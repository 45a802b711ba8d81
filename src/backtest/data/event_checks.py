"""Check the time at which an event was known, and what its texts say of the prices.

The bounds come from these facts:

- A report of a quarter cannot be public before the quarter has ended, on `period_end`. Where that
  is unknown, `period` is read as a calendar quarter. Closing the books takes the fastest listed
  companies about a week, so that a report within five days of the end is doubted too.
- A 13F lists the holdings at the end of a quarter (SEC rule 13f-1): it is filed in the 45 days
  that follow, never on the quarter's last day or earlier, and describes no other day.
- EDGAR takes filings on weekdays from 6:00 to 22:00 New York time, so that no acceptance is stamped
  outside of these hours.
- A stamp at midnight, to the second, is a day without a time. Read as a time it lies before the
  open of its own day, so that the event would be traded before anybody knew of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

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
    from backtest.data.prices import Prices

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """A finding tells what is wrong or doubtful in the data: where, what, why, and how to mend it.

    It is an `error` where a strategy could trade before a fact was public, or where a file cannot
    be used; a `warning` where two things disagree; a `note` where something is unknown or assumed.
    """

    severity: Severity
    where: str
    what: str
    why: str
    mend: str


CLOSING_THE_BOOKS = timedelta(days=5)
_EDGAR_HOURS = (time(6), time(22))
_SATURDAY = 5
_CUE = r"(?m:^|[.;:] |\b(?:released|reported|published|announced|issued|filed|came|was|out) )"
_SAME_DAY = r"(?! (?:of|on)\b)"  # "before the open of 2025-09-16" speaks of another day
_AFTER_CLOSE = re.compile(
    rf"(?i){_CUE}after (?:the )?(?:close|bell|market close|hours)\b{_SAME_DAY}"
)
_BEFORE_OPEN = re.compile(rf"(?i){_CUE}before (?:the )?(?:open|bell|market open)\b{_SAME_DAY}")
_WRITTEN_MIDNIGHT = re.compile(r"(?i)[T ]00:00(?::00(?:\.0+)?)?(?= ?[Z+-])")
_IN_SESSION = re.compile(rf"(?i){_CUE}during the session\b")
_ZONES: tuple[tuple[tzinfo, str, Severity], ...] = (
    (NEW_YORK, "New York", "error"), (UTC, "UTC", "warning"),
)  # fmt: skip
PEEK = "A strategy would trade the event before it was public."


@dataclass(frozen=True)
class FiledEvent:
    """A filed event is an event with its file and line, and `published_at` as written there."""

    where: str
    stamp: str
    event: Event

    @property
    def day(self) -> date:
        """Return the New York day of publication."""
        return new_york_day(self.event.published_at)

    @property
    def session(self) -> date | None:
        """Return the session of a move without a named day: the first to close after publication.

        An event without a time counts from the beginning of its day; None where nobody can tell.
        """
        if self.event.precision in NEVER_TRADED:
            return None
        moment = self.event.published_at
        if self.event.precision in COARSE:
            moment = datetime.combine(self.day, time.min, NEW_YORK)
        return trading_calendar().next_to_close(moment)

    def finding(self, severity: Severity, what: str, why: str, mend: str) -> Finding:
        """Return a finding about this row, whose remedy ends with sealing its file."""
        seal = f"Then `backtest events seal {self.event.kind}`."
        return Finding(severity, f"{self.where}, {self.event.id}", what, why, f"{mend} {seal}")


def check_time(row: FiledEvent) -> Iterator[Finding]:
    """Find what is wrong with the time at which an event was known."""
    if isinstance(row.event, Earnings):
        yield from _check_period(row, row.event)
    if isinstance(row.event, StakeDisclosure):
        yield from _check_filing(row, row.event)
    if row.event.precision not in COARSE:
        yield from _check_midnight(row)
        yield from _check_words(row)
    yield from _check_hours(row)


def _check_period(row: FiledEvent, event: Earnings) -> Iterator[Finding]:
    end = event.period_end
    if end is None and event.period:
        end = pd.Period(event.period).end_time.date()
    if end is None or row.day > end + CLOSING_THE_BOOKS:
        return
    what = f"Results of {event.period or 'a quarter'} are stamped {row.day}"
    mend = "Stamp the acceptance or the release, never the period."
    if row.day > end:
        what += f", {(row.day - end).days} days after the quarter's end"
        why = "No books are closed that fast; this looks like the end of the period."
        yield row.finding("warning", what, why, mend)
        return
    if event.period_end is None:
        mend += " If it is no calendar quarter, write the day on which it ended as `period_end`."
    yield row.finding("error", f"{what}, and the quarter ends on {end}", PEEK, mend)


def _check_filing(row: FiledEvent, event: StakeDisclosure) -> Iterator[Finding]:
    if not event.form.upper().startswith("13F") or event.as_of is None:
        return
    if row.day <= event.as_of:
        what = f"A 13F as of {event.as_of} is stamped {row.day}, before it can be filed"
        mend = "Stamp the acceptance of the filing, never the day that it describes."
        yield row.finding("error", what, PEEK, mend)
    if not pd.Timestamp(event.as_of).is_quarter_end:
        what = f"A 13F as of {event.as_of}, which is no end of a quarter"
        why = "Which count was known when rests on the day that a filing describes."
        yield row.finding("warning", what, why, "Write the period of the filing as `as_of`.")


def _check_midnight(row: FiledEvent) -> Iterator[Finding]:
    mend = "Write precision `date`, stamped 23:59:59 New York time, or the time that is known."
    as_what = f"with precision {row.event.precision}: {row.stamp}"
    why = f"A day without a time, read as its first second. {PEEK}"
    if _WRITTEN_MIDNIGHT.search(row.stamp):
        yield row.finding("error", f"Stamped at midnight {as_what}", why, mend)
        return
    why = f"It may be a day without a time, read as its first second. {PEEK}"
    for zone, name, severity in _ZONES:
        # After the close, 20:00 is the end of trading; that is midnight in UTC in summer.
        is_meant = zone is UTC and row.event.precision == "session"
        if row.event.published_at.astimezone(zone).time() == time(0) and not is_meant:
            what = f"Stamped at midnight in {name} {as_what}"
            yield row.finding(severity, what, why, mend)


def _check_words(row: FiledEvent) -> Iterator[Finding]:
    event, calendar = row.event, trading_calendar()
    if not len(calendar.between(row.day, row.day)):
        return
    text, mend = f"{event.headline}\n{event.note}", "Stamp the time at which it came out."
    at = event.published_at
    opens, closes = (calendar.time_of(row.day, when) for when in ("open", "close"))
    early = _AFTER_CLOSE.search(text) if at < closes else None
    if match := early or (_IN_SESSION.search(text) if at < opens else None):
        when = "before the open" if at < opens else "during the session"
        what = f"Says {_quoted(match)}, but is stamped {when}: {row.stamp}"
        yield row.finding("error", what, PEEK, mend)
    elif at >= closes and (match := _BEFORE_OPEN.search(text)):
        what = f"Says {_quoted(match)}, but is stamped after the close: {row.stamp}"
        yield row.finding("warning", what, "The event is traded a session late.", mend)


def _quoted(match: re.Match[str]) -> str:
    return repr(match[0].strip(" .;:\n"))


def _check_hours(row: FiledEvent) -> Iterator[Finding]:
    event = row.event
    clock = event.published_at.astimezone(NEW_YORK).time()
    if event.precision == "session" and trading_calendar().is_open(event.published_at):
        what = f"Precision session is before the open or after the close, not {row.stamp}"
        mend = (
            "Stamp 09:00 for before the open, the latest possible time for after the close, or "
            "write precision `minute`."
        )
        yield row.finding("warning", what, "Nobody can tell which of the two is meant.", mend)
    if event.precision not in NEVER_TRADED and row.day.weekday() >= _SATURDAY:
        what = f"Public on a {row.day:%A}, {row.day}"
        why = "Companies publish and EDGAR accepts on weekdays; the day may be wrong."
        yield row.finding("note", what, why, "Check the day.")
    elif _is_acceptance(event) and not _EDGAR_HOURS[0] <= clock <= _EDGAR_HOURS[1]:
        what = f"A filing accepted at {clock:%H:%M} New York time; EDGAR is closed then"
        why = "The zone of the stamp may be wrong, and with it the session."
        mend = "Stamp the acceptance with the offset of New York."
        yield row.finding("warning", what, why, mend)


def _is_acceptance(event: Event) -> bool:
    return (
        isinstance(event, StakeDisclosure)
        and event.precision in ("exact", "minute")
        and event.form.upper().startswith(("13F", "8-K", "10-", "S-1", "SC 13", "SCHEDULE 13"))
    )


# What the texts of an event say of the prices

# the new and the old figure of each change, a fraction
CHANGES = {
    "close_change": ("close", "previous_close"),
    "high_change": ("high", "previous_close"),
    "low_change": ("low", "previous_close"),
    "open_to_close": ("close", "open"),
    "gap": ("open", "previous_close"),
}


def session_figure(prices: Prices, session: date, name: str) -> float | None:
    """Return a price (dollars a share of then) or one of `CHANGES`; None where it is unknown."""
    if name in CHANGES:
        new, old = (session_figure(prices, session, part) for part in CHANGES[name])
        return None if new is None or old is None else new / old - 1
    column = prices.table.get("close" if name == "previous_close" else name)
    if column is None or pd.Timestamp(session) not in column.index:
        return None
    row = int(column.index.get_loc(pd.Timestamp(session))) - (name == "previous_close")
    if row < 0:
        return None
    return float(column.iloc[row]) / prices.shares_since(column.index[row].date(), session)


_PERCENT = r"(?P<change>[+-]\d+(?:\.\d+)?) ?%"
_DAY = r"(?<![\d-])(?:\d{4}-)?\d{2}-\d{2}(?![\d-])"
_PRICE = r"\d+(?:\.\d+)?"
_FALLS = ("fell", "dropped", "lost", "sank", "slid")
_RISES = ("rose", "gained", "jumped", "climbed")
# A move over a longer time, or out of hours, is not one from close to close.
_NOT_OF_A_SESSION = r"(?! (?:in|since|over|for|within|from|this|on the|after.hours|pre.?market)\b)"
DAY = re.compile(_DAY)
_CLOSE = re.compile(
    rf"(?i)(?:\bclosed? (?:(?P<then>{_DAY}) )?|(?P<day>{_DAY}) (?:closed? )?\(?|"
    rf"\bsame session as the ){_PERCENT}\)?"
    rf"(?: \((?P<before>{_PRICE}) to (?P<after>{_PRICE})\))?"
)
_VERB = re.compile(
    rf"(?i)\b(?:shares|stock) (?P<verb>{'|'.join(_RISES + _FALLS)}) (?P<size>{_PRICE}) ?%"
    rf"{_NOT_OF_A_SESSION}(?: on (?P<day>{_DAY}))?"
)
_RANGE = re.compile(rf"(?i)\b(?P<word>intraday|high|low) {_PERCENT}")
_EXTREME = re.compile(rf"(?i)\bintraday (?P<name>high|low) (?P<price>{_PRICE})(?! ?%)")
_OPEN = re.compile(
    rf"(?i)\bopen (?P<open>{_PRICE}) (?:vs\.?|against) (?:an? |the )?(?:prior|previous) close "
    rf"(?:of )?(?P<close>{_PRICE})"
)


@dataclass(frozen=True)
class StatedFigure:
    """A stated figure is a price or a move of a session that a text states."""

    text: str
    name: str  # as in `session_figure`
    day: str  # such as 2025-08-14 or 08-14; empty where the text names none
    figure: str  # as written: a change in percent, a price in dollars

    def session(self, row: FiledEvent) -> date | None:
        """Return the session that the text means; None where there is none."""
        return nearest_day(self.day, row.day) if self.day else row.session

    def actual(self, prices: Prices, session: date) -> float | None:
        """Return the figure by the prices: percent for a change, dollars for a price."""
        if (value := session_figure(prices, session, self.name)) is None:
            return None
        splits = prices.actions.taken_out(prices.file.metadata, session)  # a price is of its day
        return value * (100 if self.name in CHANGES else splits)


def agrees(stated: str, actual: float) -> bool:
    """Tell whether a number rounds to a figure as it is written, such as `-16.3` or `36`."""
    return abs(float(stated) - actual) <= 0.5 * 0.1 ** _decimals(stated) + 1e-9


def _decimals(figure: str) -> int:
    return len(figure.partition(".")[2])


def stated_figures(text: str) -> Iterator[StatedFigure]:
    """Yield every price and move that a text states in a known form."""
    for match in _CLOSE.finditer(text):
        day = match["then"] or match["day"] or ""
        yield StatedFigure(match[0], "close_change", day, match["change"])
        if match["before"]:
            yield StatedFigure(match[0], "previous_close", day, match["before"])
            yield StatedFigure(match[0], "close", day, match["after"])
    for match in _VERB.finditer(text):
        sign = "-" if match["verb"].lower() in _FALLS else "+"
        yield StatedFigure(match[0], "close_change", match["day"] or "", sign + match["size"])
    for match in _RANGE.finditer(text):
        word = match["word"].lower()
        if word == "intraday":
            word = "low" if match["change"].startswith("-") else "high"
        yield StatedFigure(match[0], f"{word}_change", "", match["change"])
    for match in _EXTREME.finditer(text):
        yield StatedFigure(match[0], match["name"].lower(), "", match["price"])
    for match in _OPEN.finditer(text):
        yield StatedFigure(match[0], "open", "", match["open"])
        yield StatedFigure(match[0], "previous_close", "", match["close"])


def nearest_day(text: str, event_day: date) -> date | None:
    """Parse 2025-08-14, or 08-14 in the year nearest to the event; None where it is no day."""
    years = ("",) if text.count("-") > 1 else (f"{event_day.year + off}-" for off in (-1, 0, 1))
    days = []
    for year in years:
        with suppress(ValueError):  # such as 13-40, or 02-29 of a common year
            days.append(date.fromisoformat(year + text))
    return min(days, key=lambda day: abs(day - event_day), default=None)


_NEXT = re.compile(r"(?i)\b(?:(?:the )?(?:next|following) (?:day|session)|the day after)\b")
_TERM = timedelta(days=300)  # a day farther away is a maturity or the end of a contract
_MEND = "Write it into `note`, which strategies do not see."


def check_texts(row: FiledEvent) -> Iterator[Finding]:
    """Find moves and days in the texts of an event that lie after its publication."""
    for name, text in row.event.as_published().model_dump(exclude={"symbol"}).items():
        if isinstance(text, str):
            yield from _check_moves(row, name, text)
            yield from _check_days(row, name, text)


def _check_moves(row: FiledEvent, name: str, text: str) -> Iterator[Finding]:
    closed = trading_calendar().last_closed(row.event.published_at)
    for stated in stated_figures(text):
        session = stated.session(row)
        if session and session > closed:
            what = f"{name} tells {stated.text!r}, and the session of {session} had not closed"
            why = "Strategies read it before they trade that session."
            yield row.finding("error", what, why, _MEND)
            return


def _check_days(row: FiledEvent, name: str, text: str) -> Iterator[Finding]:
    days = [(match, nearest_day(match[0], row.day)) for match in DAY.finditer(text)]
    later = [match for match, day in days if day and row.day < day < row.day + _TERM]
    if match := (_NEXT.search(text) or next(iter(later), None)):
        what = f"{name} speaks of {match[0]!r}, after the event was public"
        why = "Strategies read it; if it was planned by then, all is well."
        mend = f"Check that it tells nothing that happened then. {_MEND}"
        yield row.finding("note", what, why, mend)


def check_stated(row: FiledEvent, prices: Prices) -> Iterator[Finding]:
    """Find prices and moves in the texts of an event that the prices do not show."""
    event = row.event
    for text in (event.headline, event.note, getattr(event, "figures", "")):
        for stated in stated_figures(text):
            session = stated.session(row)
            if session is None or not prices.first <= session <= prices.last:
                continue
            if actual := _contradiction(stated, prices, session):
                what = f"States {stated.text!r}; {prices.symbol} on {session}: {actual}"
                why = "The day or the figure of the row is wrong, or the prices are."
                mend = "Check both at the source and correct the row."
                yield row.finding("warning", what, why, mend)


def _contradiction(stated: StatedFigure, prices: Prices, session: date) -> str:
    """Say what the prices show in place of a stated figure; empty if it is right or unknown."""
    actual = stated.actual(prices, session)
    if actual is not None and agrees(stated.figure, actual):
        return ""
    sessions, day = trading_calendar().sessions, np.datetime64(session)
    before, after = np.searchsorted(sessions, day) - 1, np.searchsorted(sessions, day, side="right")
    if actual is None and after - before > 1:
        return ""  # closes alone, or the first session: nothing to hold it against
    text = "no session" if actual is None else _figure_text(actual, stated)
    for neighbour in (sessions[index].item() for index in (before, after)):
        figure = stated.actual(prices, neighbour)
        if figure is not None and agrees(stated.figure, figure):
            return f"{text}; {neighbour} has it"
    return text


def _figure_text(actual: float, stated: StatedFigure) -> str:
    word = stated.name.removesuffix("_change").replace("previous_close", "close before")
    if stated.name in CHANGES:
        return f"{word} {actual:+.{_decimals(stated.figure)}f} %"
    return f"{word} {actual:,.{max(2, _decimals(stated.figure))}f}"
