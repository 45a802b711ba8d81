"""Define the kinds of dates that are known beforehand: events of the day of their announcement."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from backtest.data.kinds import Event, ShareCount, altered, new_york_day


def _is_to_come(day: date, info: ValidationInfo) -> date:
    published = (info.data or {}).get("published_at")  # none where a value is checked alone
    if isinstance(published, datetime) and day < new_york_day(published):
        raise ValueError(f"{day} lies before the day on which it became public")
    return day


ComingDay = Annotated[date, AfterValidator(_is_to_come)]
"""A day that has not passed when it is announced."""


class ReportDate(Event):
    """The day of a coming report is announced."""

    report_on: ComingDay
    """The day on which it will be published."""
    session: Literal["before open", "after close", "unknown"] = "unknown"
    """When on that day it will be published."""


class IndexChange(Event):
    """It is announced that the stock will come into an index, or leave it."""

    index: Annotated[str, StringConstraints(min_length=1)]
    """The index, such as S&P 500."""
    change: Literal["added", "removed"]
    """Whether the stock comes into the index or leaves it."""
    effective_on: ComingDay
    """The first session with the stock in the index, or without it."""


class LockupEnd(Event):
    """It is known when holders of shares that are locked up may sell them."""

    ends_on: ComingDay
    """The day at whose close the lockup ends."""
    shares: ShareCount | None = None
    """The number of shares that may then be sold."""


class Dividend(Event):
    """A dividend is announced."""

    ex_on: ComingDay
    """The first day on which a buyer no longer gets the dividend."""
    amount: Annotated[float, Field(ge=0)] | None = None
    """The dividend, dollars a share."""


class Split(Event):
    """A split is announced, forward or reverse."""

    ex_on: ComingDay
    """The first session in new shares."""
    ratio: Annotated[float, Field(gt=0)]
    """New shares for one old share: 2 for 2:1, 0.1 for 1:10."""


class Delisting(Event):
    """It is announced that the stock will no longer be traded."""

    delists_on: ComingDay
    """The first day on which the stock is no longer traded."""


class Deal(Event):
    """An acquirer announces that it will buy the company."""

    acquirer: Annotated[str, StringConstraints(min_length=1)]
    """The company that buys."""
    closes_by: ComingDay
    """The day by which the deal is to be done."""
    cash: Annotated[float, Field(ge=0)] | None = None
    """What is paid in cash, dollars a share."""
    shares: Annotated[float, Field(ge=0)] | None = None
    """What is paid in shares: those of the acquirer for one share."""


class DecisionDate(Event):
    """The day of a decision about the company, such as a regulator's, becomes known."""

    decides_on: ComingDay
    """The day of the decision."""
    subject: Annotated[str, StringConstraints(min_length=1)]
    """What is decided, such as the approval of a drug."""


class MarketEvent(Event):
    """A market event is of the whole market: strategies hear it for each of their symbols.

    It names no symbol on file, and is in `market.events` once, as it is on file.
    """

    symbol: Annotated[str, StringConstraints(pattern=r"^([A-Z0-9][A-Z0-9.\-]*)?$")] = ""
    """Empty on file; for a strategy, the stock for which it is heard."""

    def of(self, symbol: str) -> Any:
        """Return the event as one of a stock, with another id."""
        return altered(self, symbol=symbol)


class MacroDate(MarketEvent):
    """The day of a release that moves the whole market is announced."""

    release: Annotated[str, StringConstraints(min_length=1)]
    """What is released, such as FOMC or CPI."""
    happens_on: ComingDay
    """The day of the release."""


SCHEDULED_KINDS: tuple[type[Event], ...] = (
    ReportDate,
    IndexChange,
    LockupEnd,
    Dividend,
    Split,
    Delisting,
    Deal,
    DecisionDate,
    MacroDate,
)
