"""Dates that are known beforehand: each is an event on the day on which it was announced."""

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
    """When on that day."""


class IndexChange(Event):
    """It is announced that the stock will come into an index, or leave it."""

    index: Annotated[str, StringConstraints(min_length=1)]
    """The index, such as S&P 500."""

    change: Literal["added", "removed"]
    """What becomes of the stock."""

    effective_on: ComingDay
    """The first session in which the index holds it, or does not any more."""


class LockupEnd(Event):
    """It is known when holders of shares that are locked up may sell them."""

    ends_on: ComingDay
    """The day at whose close it ends."""

    shares: ShareCount | None = None
    """How many shares come free."""


class Dividend(Event):
    """A dividend is announced."""

    ex_on: ComingDay
    """The first day on which a buyer does not get it any more."""

    amount: Annotated[float, Field(ge=0)] | None = None
    """Dollars a share."""


class Split(Event):
    """A split is announced, forward or reverse."""

    ex_on: ComingDay
    """The first session in new shares."""

    ratio: Annotated[float, Field(gt=0)]
    """New shares for one old share: 2 for 2:1, 0.1 for 1:10."""


class Delisting(Event):
    """It is announced that the stock will not be traded any more."""

    delists_on: ComingDay
    """The first day on which it is not traded."""


class Deal(Event):
    """Somebody announces to buy the company."""

    acquirer: Annotated[str, StringConstraints(min_length=1)]
    """Who buys."""

    closes_by: ComingDay
    """The day by which it is to be done."""

    cash: Annotated[float, Field(ge=0)] | None = None
    """Dollars a share."""

    shares: Annotated[float, Field(ge=0)] | None = None
    """The buyer's shares for one."""


class DecisionDate(Event):
    """The day is known on which somebody decides on something of the company's."""

    decides_on: ComingDay
    """The day."""

    subject: Annotated[str, StringConstraints(min_length=1)]
    """What is decided, such as the approval of a drug."""


class MarketEvent(Event):
    """An event of the whole market: it names no symbol, and strategies hear it of each of theirs.

    In `market.events` it stands once, as it is on file.
    """

    symbol: Annotated[str, StringConstraints(pattern=r"^([A-Z0-9][A-Z0-9.\-]*)?$")] = ""
    """Empty on file; the stock that it is heard of, for a strategy."""

    def of(self, symbol: str) -> Any:
        """The event as one of a stock, with an id of its own."""
        return altered(self, symbol=symbol)


class MacroDate(MarketEvent):
    """The day of a release that moves the whole market is announced."""

    release: Annotated[str, StringConstraints(min_length=1)]
    """What is released, such as FOMC or CPI."""

    happens_on: ComingDay
    """The day."""


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
