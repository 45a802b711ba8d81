"""Events held against the prices: moves that their texts state, and the day that the stock moved.

The session of a move whose day is not named is the first one that closes after the event was
public; of a `date` event, whose time within the day is not known, the session of that day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import COARSE, NEVER_TRADED, NEW_YORK, new_york_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.data.event_checks import FiledEvent, Finding
    from backtest.data.kinds import Event
    from backtest.data.prices import Prices


CHANGES = {
    "close_change": ("close", "previous_close"),
    "high_change": ("high", "previous_close"),
    "low_change": ("low", "previous_close"),
    "open_to_close": ("close", "open"),
}
"""Changes as fractions, by name: what changed, and what it is held against."""


def session_figure(prices: Prices, session: date, name: str) -> float | None:
    """A price of a session in dollars, or one of `CHANGES` as a fraction; None if unknown.

    A price is `open`, `high`, `low`, `close` or `previous_close`.
    """
    if name in CHANGES:
        new, old = (session_figure(prices, session, part) for part in CHANGES[name])
        return None if new is None or old is None else new / old - 1
    table = prices.table
    column = "close" if name == "previous_close" else name
    stamp = pd.Timestamp(session)
    if stamp not in table.index or column not in table:
        return None
    place = int(table.index.get_loc(stamp)) - (name == "previous_close")
    return float(table[column].iloc[place]) if place >= 0 else None


_PERCENT = r"(?P<change>[+-]\d+(?:\.\d+)?) ?%"
_DAY = r"(?<![\d-])(?:\d{4}-)?\d{2}-\d{2}(?![\d-])"
_PRICE = r"\d+(?:\.\d+)?"
_PRECEDING = "(?:prior|previous)"
_FALLS = ("fell", "dropped", "lost", "sank", "slid")
_RISES = ("rose", "gained", "jumped", "climbed")
# A move over a longer time, or out of hours, is none from close to close.
_NOT_OF_A_SESSION = r"(?! (?:in|since|over|for|within|from|this|on the|after.hours|pre.?market)\b)"
DAY = re.compile(_DAY)
_CLOSE = re.compile(
    rf"(?:\bclosed? (?:(?P<then>{_DAY}) )?|(?P<day>{_DAY}) (?:closed? )?\(?|"
    rf"\bsame session as the ){_PERCENT}\)?"
    rf"(?: \((?P<before>{_PRICE}) to (?P<after>{_PRICE})\))?",
    re.IGNORECASE,
)
_VERB = re.compile(
    rf"\b(?:shares|stock) (?P<verb>{'|'.join(_RISES + _FALLS)}) (?P<size>{_PRICE}) ?%"
    rf"{_NOT_OF_A_SESSION}(?: on (?P<day>{_DAY}))?",
    re.IGNORECASE,
)
_RANGE = re.compile(rf"\b(?P<word>intraday|high|low) {_PERCENT}", re.IGNORECASE)
_EXTREME = re.compile(rf"\bintraday (?P<name>high|low) (?P<price>{_PRICE})(?! ?%)", re.IGNORECASE)
_OPEN = re.compile(
    rf"\bopen (?P<open>{_PRICE}) (?:vs\.?|against) (?:an? |the )?{_PRECEDING} close "
    rf"(?:of )?(?P<close>{_PRICE})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StatedFigure:
    """A price or a move of a session, as a text states it."""

    text: str  # the words
    name: str  # as for `session_figure`
    day: str  # that the text names, such as 2025-08-14 or 08-14; empty where it names none
    figure: str  # as it is written: percent of a change, dollars of a price

    def session(self, row: FiledEvent) -> date | None:
        """The session that is meant; None where nobody can tell."""
        return nearest_day(self.day, row.day) if self.day else _own_session(row.event)

    def actual(self, prices: Prices, session: date) -> float | None:
        """What the prices have for the figure, in its unit."""
        value = session_figure(prices, session, self.name)
        return value if value is None or self.name not in CHANGES else 100 * value

    def is_of(self, prices: Prices, session: date) -> bool:
        """Whether the prices of a session show what is stated."""
        actual = self.actual(prices, session)
        return actual is not None and agrees(self.figure, actual)


def agrees(stated: str, actual: float) -> bool:
    """Whether a figure rounds to a number as it is written, such as `-16.3` or `36`."""
    return abs(float(stated) - actual) <= 0.5 * 0.1 ** _decimals(stated) + 1e-9


def _decimals(figure: str) -> int:
    return len(figure.partition(".")[2])


def stated_figures(text: str) -> Iterator[StatedFigure]:
    """Every price and move that a text states in a form that is known."""
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
    """The day of a text such as 2025-08-14, or 08-14 of the year that is nearest to the event."""
    full = text.count("-") > 1
    texts = [text] if full else [f"{event_day.year + off}-{text}" for off in (-1, 0, 1)]
    days = []
    for one in texts:
        try:
            days.append(date.fromisoformat(one))
        except ValueError:  # such as 13-40, or 02-29 of a common year
            continue
    return min(days, key=lambda day: abs(day - event_day), default=None)


_NEXT = re.compile(
    r"\b(?:(?:the )?(?:next|following) (?:day|session)|the day after)\b", re.IGNORECASE
)
_TERM = timedelta(days=300)  # a day that is farther away is a maturity or the end of a contract
_MEND = "Write it into `note`, which strategies do not see."


def check_texts(row: FiledEvent) -> Iterator[Finding]:
    """Moves and days in the texts of an event that lie after its publication."""
    for name, text in row.event.as_published().model_dump(exclude={"symbol"}).items():
        if isinstance(text, str):
            yield from _moves(row, name, text)
            yield from _days(row, name, text)


def _moves(row: FiledEvent, name: str, text: str) -> Iterator[Finding]:
    closed = trading_calendar().last_closed(row.event.published_at)
    for stated in stated_figures(text):
        session = stated.session(row)
        if session and session > closed:
            what = f"{name} tells {stated.text!r}, and the session of {session} had not closed"
            why = "Strategies read it before they trade that session."
            yield row.finding("error", what, why, _MEND)
            return


def _days(row: FiledEvent, name: str, text: str) -> Iterator[Finding]:
    days = [(match, nearest_day(match[0], row.day)) for match in DAY.finditer(text)]
    later = [match for match, day in days if day and row.day < day < row.day + _TERM]
    if match := (_NEXT.search(text) or next(iter(later), None)):
        what = f"{name} speaks of {match[0]!r}, after the event was public"
        why = "Strategies read it; if it was planned by then, all is well."
        mend = f"Check that it tells nothing that happened then. {_MEND}"
        yield row.finding("note", what, why, mend)


_WORDS = {
    "close_change": "close", "high_change": "high", "low_change": "low",
    "previous_close": "close before",
}  # fmt: skip
_MEMORY, _FEWEST = 60, 20  # sessions before an event that tell what gap is ordinary
_ORDINARY, _EXTRAORDINARY = 1.5, 4.0  # gaps, in medians of the absolute gap


def check_stated(row: FiledEvent, prices: Prices) -> Iterator[Finding]:
    """Prices and moves in the texts of an event that the prices do not show."""
    event = row.event
    for text in (event.headline, event.note, getattr(event, "figures", "")):
        for stated in stated_figures(text):
            yield from _held(row, stated, prices)


def _held(row: FiledEvent, stated: StatedFigure, prices: Prices) -> Iterator[Finding]:
    session = stated.session(row)
    if session is None or not prices.first <= session <= prices.last:
        return
    if stated.is_of(prices, session):
        return
    sessions, day = trading_calendar().sessions, np.datetime64(session)
    before, after = np.searchsorted(sessions, day) - 1, np.searchsorted(sessions, day, side="right")
    actual = stated.actual(prices, session)
    if actual is None and after - before > 1:
        return  # closes alone, or the first session: nothing to hold it against
    found = "no session" if actual is None else _figure_text(actual, stated)
    beside = (sessions[place].item() for place in (before, after))
    hint = next((f"; {other} has it" for other in beside if stated.is_of(prices, other)), "")
    what = f"States {stated.text!r}; {prices.symbol} on {session}: {found}{hint}"
    why = "The day or the figure of the row is wrong, or the prices are."
    mend = "Check both at the source and correct the row."
    yield row.finding("warning", what, why, mend)


def _figure_text(actual: float, stated: StatedFigure) -> str:
    word, digits = _WORDS.get(stated.name, stated.name), _decimals(stated.figure)
    return f"{word} {actual:+.{digits}f} %" if stated.name in CHANGES else f"{word} {actual:,.2f}"


def _own_session(event: Event) -> date | None:
    """The session of a move whose day is not named; None where the event's day is not known."""
    if event.precision in NEVER_TRADED:
        return None
    moment = event.published_at
    if event.precision in COARSE:
        moment = datetime.combine(new_york_day(moment), time(0), NEW_YORK)
    return trading_calendar().next_to_close(moment)


def check_gap(row: FiledEvent, prices: Prices) -> Iterator[Finding]:
    """An event stamped before an open that the stock did not heed, and the next open did.

    So it looks where a report that came after the close is stamped on the morning of its own day.
    Gaps are in medians of the absolute gap of the 60 sessions before: below 1.5 is ordinary,
    4 or more is extraordinary.
    """
    event, day = row.event, row.day
    if not prices.has_bars or _own_session(event) != day:
        return
    if event.published_at >= trading_calendar().open_of(day):
        return
    table = prices.table
    gaps = (table["open"] / table["close"].shift() - 1).to_numpy()
    place = int(table.index.searchsorted(np.datetime64(day)))
    past = gaps[max(1, place - _MEMORY) : place]
    if len(past) < _FEWEST or place + 1 >= len(gaps):
        return
    own, following = gaps[place : place + 2]
    ordinary = float(np.median(np.abs(past)))
    if abs(own) < _ORDINARY * ordinary and abs(following) >= _EXTRAORDINARY * ordinary:
        what = (
            f"Stamped before the open of {day}, which opened {100 * own:+.1f} %; "
            f"the next session opened {100 * following:+.1f} %"
        )
        why = "If it came out after the close of that day, a strategy would trade it before."
        mend = "Check the time of publication."
        yield row.finding("warning", what, why, mend)
