"""Prices and moves that the texts of an event state, such as `close -5.1%`.

Only forms that leave no doubt are read; every other text is left alone.

| form | read as |
|---|---|
| `close -5.1%`, `closed +22.1 %`, `same session as the -16.3%` | close to close, own session |
| `08-14 close -15.5%`, `close 12-19 +22.6%`, `07-30 +21.5%`, `2026-06-12 (+5.0%)` | of that day |
| `close 12-19 +22.6% (67.68 to 83.00)` | likewise, with the two closes |
| `shares rose 7.7%`, `the stock fell 3 % on 2025-05-16` | close to close |
| `intraday -9.2%`, `high +27.7 %`, `low -3 %` | low or high against the previous close |
| `intraday low 63.80` | the price |
| `open 136.21 vs prior close 122.52` | open, and the close before |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.data.prices import Prices

CHANGES = {
    "close_change": ("close", "previous_close"),
    "high_change": ("high", "previous_close"),
    "low_change": ("low", "previous_close"),
    "open_to_close": ("close", "open"),
}
"""Changes as fractions, by name: what changed, and what it is held against."""


def session_figure(prices: Prices, session: date, name: str) -> float | None:
    """A price of a session in dollars, or one of `CHANGES` as a fraction.

    Args:
        prices: of the symbol.
        session: the day.
        name: `open`, `high`, `low`, `close`, `previous_close`, or one of `CHANGES`.

    Returns:
        None where the prices do not tell it.

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
    """A price or a move of a session, as a text states it.

    Attributes:
        text: the words.
        name: as for `session_figure`.
        day: the day that the text names, such as 2025-08-14 or 08-14; empty where it names none.
        figure: the number as it is written: percent of a change, dollars of a price.

    """

    text: str
    name: str
    day: str
    figure: str

    @property
    def decimals(self) -> int:
        """How many decimals are stated."""
        return len(self.figure.partition(".")[2])

    def agrees(self, actual: float) -> bool:
        """Whether a figure in the same unit rounds to what is stated."""
        return agrees(self.figure, actual)


def agrees(stated: str, actual: float) -> bool:
    """Whether a figure rounds to a number as it is written, such as `-16.3` or `36`."""
    decimals = len(stated.partition(".")[2])
    return abs(float(stated) - actual) <= 0.5 * 0.1**decimals + 1e-9


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
    """The day of a text: one without a year is the nearest to the event's; None if there is none.

    Args:
        text: such as 2025-08-14 or 08-14.
        event_day: the day of the event.

    """
    full = text.count("-") > 1
    texts = [text] if full else [f"{event_day.year + off}-{text}" for off in (-1, 0, 1)]
    days = []
    for one in texts:
        try:
            days.append(date.fromisoformat(one))
        except ValueError:  # such as 13-40, or 02-29 of a common year
            continue
    return min(days, key=lambda day: abs(day - event_day), default=None)
