"""Texts that strategies see must not tell what came after the event.

A note is hidden from strategies and may tell it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from backtest.data.calendar import trading_calendar
from backtest.data.checks.figures import DAY, nearest_day, stated_figures
from backtest.data.checks.moves import own_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.data.checks.events import EventRow
    from backtest.data.checks.finding import Finding

_NEXT = re.compile(
    r"\b(?:(?:the )?(?:next|following) (?:day|session)|the day after)\b", re.IGNORECASE
)
_TERM = timedelta(days=300)  # a day that is farther away is a maturity or the end of a contract
_MEND = "Write it into `note`, which strategies do not see."


def check_texts(row: EventRow) -> Iterator[Finding]:
    """Moves and days in the texts of an event that lie after its publication."""
    for name, text in row.event.as_published().model_dump(exclude={"symbol"}).items():
        if isinstance(text, str):
            yield from _moves(row, name, text)
            yield from _days(row, name, text)


def _moves(row: EventRow, name: str, text: str) -> Iterator[Finding]:
    closed = trading_calendar().last_closed(row.event.published_at)
    for stated in stated_figures(text):
        session = nearest_day(stated.day, row.day) if stated.day else own_session(row.event)
        if session and session > closed:
            yield row.finding(
                "error",
                f"{name} tells {stated.text!r}, and the session of {session} had not closed",
                "Strategies read it before they trade that session.",
                _MEND,
            )
            return


def _days(row: EventRow, name: str, text: str) -> Iterator[Finding]:
    days = [(match, nearest_day(match[0], row.day)) for match in DAY.finditer(text)]
    later = [match for match, day in days if day and row.day < day < row.day + _TERM]
    if match := (_NEXT.search(text) or next(iter(later), None)):
        yield row.finding(
            "note",
            f"{name} speaks of {match[0]!r}, after the event was public",
            "Strategies read it; if it was planned by then, all is well.",
            f"Check that it tells nothing that happened then. {_MEND}",
        )
