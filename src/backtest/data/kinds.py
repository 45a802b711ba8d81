"""Define `Event` and the kinds that ship: Earnings, StakeDisclosure, ShortReport, News, Start."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, tzinfo
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from backtest.errors import UsageError

NEW_YORK = ZoneInfo("America/New_York")

Precision = Literal["exact", "minute", "session", "date", "week", "month"]
Grade = Literal["A", "B", "C"]
When = Literal["open", "close"]
_SYMBOL = r"^[A-Z0-9][A-Z0-9.\-]*$"
Symbol = Annotated[str, StringConstraints(pattern=_SYMBOL)]

_NUMBER = re.compile(r"^\s*[+-]?\d+(\.\d*)?\s*$")
_END_OF_DAY = time(23, 59, 59)
COARSE: frozenset[Precision] = frozenset({"date", "week", "month"})
NEVER_TRADED: frozenset[Precision] = frozenset({"week", "month"})


def is_symbol(text: str) -> bool:
    """Tell whether a text can be a symbol: capitals, digits, points and hyphens."""
    return re.fullmatch(_SYMBOL, text) is not None


def check_symbol(text: str) -> str:
    """Return the symbol; UsageError where it is none."""
    if not is_symbol(text):
        raise UsageError(
            f"{text!r} is no symbol. Write it in capitals, digits, points and hyphens, such as "
            f"CRWV or BRK-B."
        )
    return text


def end_of_day(day: date) -> datetime:
    """Return the last second of a day in New York.

    What is known by its day, week or month alone counts as public at the end of it.
    """
    return datetime.combine(day, _END_OF_DAY, NEW_YORK)


def latest(day: date, clock: time, zone: tzinfo) -> datetime:
    """Combine a day and a time; where the clocks repeat or skip it, take the later reading."""
    moment = datetime.combine(day, clock, zone)
    return max(moment, moment.replace(fold=1), key=datetime.timestamp)


def new_york_day(moment: datetime) -> date:
    """Return the New York day of a moment."""
    return moment.astimezone(NEW_YORK).date()


def snake_case(name: str) -> str:
    """Turn a class name into the name of a kind of event or of a strategy, as in `insider_sale`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


AnyEvent = TypeVar("AnyEvent", bound="Event")


class Event(BaseModel):
    """An event is a dated public fact with a source; `events add` shows the text below a field."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        str_strip_whitespace=True,
        use_attribute_docstrings=True,
    )

    kind: ClassVar[str] = "event"
    """The kind's name: the class name in snake case, such as `short_report`."""
    symbol: Symbol
    """The stock, in capitals."""
    published_at: AwareDatetime  # UTC in memory
    """The latest time by which it certainly was public."""
    precision: Precision
    """How well that time is known."""

    headline: Annotated[str, StringConstraints(min_length=1)]
    """What became public, in one line."""

    source_url: str | None = None
    """Where it can be read."""
    source_url_2: str | None = None
    """A second, independent source."""
    grade: Grade | None = None
    """A: two independent sources, one of them primary. B: two secondary ones. C: one."""

    note: str = ""
    """Remarks of whoever compiled the row. They may tell what came later: no strategy sees them."""
    retrieved_at: AwareDatetime | None = None
    """When the row was taken from its source. None is unknown: the day that the file was
    compiled on speaks for it."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.kind = snake_case(cls.__name__)

    @classmethod
    def file_name(cls) -> str:
        """Return the name of this kind's file in `data/events/`: the kind in the plural."""
        return cls.kind + ("" if cls.kind.endswith("s") else "s") + ".csv"

    @cached_property
    def id(self) -> str:
        """Return the stable id of the event, from its symbol, kind, time and headline alone."""
        stamp = self.published_at.isoformat()
        text = f"{self.symbol}\n{self.kind}\n{stamp}\n{self.headline}"
        day = new_york_day(self.published_at).strftime("%Y%m%d")
        return f"{self.kind}-{day}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"

    def as_published(self) -> Self:
        """Return the event as strategies see it: without note, sources and time of retrieval.

        Those came after the event: a note may tell how the stock closed, and the address of an
        article whether it jumped.
        """
        later = {"note": "", "source_url": None, "source_url_2": None, "retrieved_at": None}
        return self.model_copy(update=later)

    @field_validator("published_at", "retrieved_at", mode="before")
    @classmethod
    def _no_bare_number(cls, value: Any) -> Any:
        # pydantic would read seconds since 1970, so 20251110 would be a day of 1970
        if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.match(value)):
            raise PydanticCustomError(
                "stamp", "is a bare number; write a time such as 2025-11-10T16:05:00-05:00"
            )
        return value

    @field_validator("published_at", "retrieved_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        with suppress(OverflowError):
            utc = value.astimezone(UTC)
            if MINYEAR < utc.year < MAXYEAR:  # so that it has a day in every zone
                return utc
        raise PydanticCustomError("stamp", "is beyond the years that can be told, 2 to 9998")

    @field_validator("precision")
    @classmethod
    def _coarse_stamps_are_late(cls, value: Precision, info: Any) -> Precision:
        stamp = info.data.get("published_at")
        if value in COARSE and stamp and stamp.astimezone(NEW_YORK).time() != _END_OF_DAY:
            raise PydanticCustomError(
                "stamp",
                "precision {precision} is stamped at the end of the span, "
                "23:59:59 New York time, never earlier",
                {"precision": value},
            )
        return value

    @field_validator("source_url", "source_url_2")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise PydanticCustomError("address", "must begin with https:// or http://")
        return value


def altered(event: AnyEvent, **fields: Any) -> AnyEvent:
    """Return the event with other values of fields, validated anew; pydantic's error if wrong."""
    values = {name: getattr(event, name) for name in type(event).model_fields}
    return type(event).model_validate(values | fields)


Dollars = float
ShareCount = Annotated[int, Field(ge=0, le=10**15)]  # far above any company's


def relative_change(new: float | None, old: float | None) -> float | None:
    """Compute `new ÷ old − 1`, a fraction; None if one is unknown or `old` is not positive."""
    if new is None or old is None or old <= 0:
        return None
    return new / old - 1


def midpoint(low: float | None, high: float | None) -> float | None:
    """Compute `(low + high) ÷ 2`; None where either end is unknown."""
    return None if low is None or high is None else (low + high) / 2


class Earnings(Event):
    """A quarterly report gives actual figures, to hold against a consensus, and guidance.

    Money is in dollars; None is unknown.
    """

    period: Annotated[str, Field(pattern=r"^\d{4}Q[1-4]$")] | None = None
    """The fiscal quarter that is reported, as the company counts it, such as 2025Q1."""

    eps: float | None = None
    """Earnings, dollars a share."""
    eps_consensus: float | None = None
    """What analysts expected of them, on the same basis."""
    eps_basis: str = ""
    """The basis of both, such as GAAP diluted."""

    revenue: Dollars | None = None
    """Revenue of the quarter."""
    revenue_consensus: Dollars | None = None
    """What analysts expected of it."""

    guidance_period: str | None = None
    """The quarter that guidance is about, such as 2025Q2."""
    guidance_low: Dollars | None = None
    """Low end of the revenue guided for that quarter."""
    guidance_high: Dollars | None = None
    """High end of it."""
    guidance_consensus: Dollars | None = None
    """What analysts expected of that quarter."""

    fy_guidance_period: str | None = None
    """The year that guidance is about, such as 2025."""
    fy_guidance_low: Dollars | None = None
    """Low end of the revenue guided for that year."""
    fy_guidance_high: Dollars | None = None
    """High end of it."""
    fy_guidance_prev_low: Dollars | None = None
    """Low end of the range that was replaced."""
    fy_guidance_prev_high: Dollars | None = None
    """High end of the range that was replaced."""
    fy_guidance_consensus: Dollars | None = None
    """What analysts expected of that year."""

    capex_guidance_low: Dollars | None = None
    """Low end of the investment guided for that year."""
    capex_guidance_high: Dollars | None = None
    """High end of it."""
    capex_guidance_prev_low: Dollars | None = None
    """Low end of the range that was replaced."""
    capex_guidance_prev_high: Dollars | None = None
    """High end of the range that was replaced."""

    backlog: Dollars | None = None
    """Contracted revenue still to come."""
    period_end: date | None = None
    """The day on which the quarter that is reported ended."""

    @property
    def eps_surprise(self) -> float | None:
        """Compute `(eps − consensus) ÷ |consensus|`, a fraction; None if unknown or divided by 0.

        A beat is positive, also of a loss.
        """
        if self.eps is None or not self.eps_consensus:
            return None
        return (self.eps - self.eps_consensus) / abs(self.eps_consensus)

    @property
    def revenue_surprise(self) -> float | None:
        """Compute `revenue ÷ consensus − 1`, a fraction; None where unknown."""
        return relative_change(self.revenue, self.revenue_consensus)

    @property
    def guidance_change(self) -> float | None:
        """Compute the full-year midpoint `÷` the one it replaced `− 1`; None where unknown."""
        return relative_change(
            midpoint(self.fy_guidance_low, self.fy_guidance_high),
            midpoint(self.fy_guidance_prev_low, self.fy_guidance_prev_high),
        )

    @property
    def guidance_surprise(self) -> float | None:
        """Compute the midpoint of the quarter's guidance `÷ consensus − 1`, a fraction.

        Where it is unknown, `guidance_change` takes its place.
        """
        quarter = midpoint(self.guidance_low, self.guidance_high)
        surprise = relative_change(quarter, self.guidance_consensus)
        return self.guidance_change if surprise is None else surprise

    @model_validator(mode="after")
    def _ranges_in_order(self) -> Self:
        for name in ("guidance", "fy_guidance", "fy_guidance_prev", "capex_guidance"):
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}_low {low:g} is above {name}_high {high:g}")
        return self


class StakeDisclosure(Event):
    """A disclosure makes a holder's stake public; shares are counts, `value` is dollars."""

    holder: Annotated[str, Field(min_length=1)]
    """Who holds the stock."""
    form: Annotated[str, Field(min_length=1)]
    """The filing, such as 13F-HR, or press."""

    as_of: date | None = None
    """The day that the count of shares describes."""
    shares: ShareCount | None = None
    """Shares held on that day."""
    previous_shares: ShareCount | None = None
    """The count last publicly known, whatever filing it came from."""

    first_filing: bool = False
    """Whether this is the first quarterly filing that shows the holding."""
    percent_of_class: Annotated[float, Field(ge=0, le=100)] | None = None
    """Share of the class in percent."""
    value: Dollars | None = None
    """Value of the holding."""

    @property
    def stake_change(self) -> float | None:
        """Compute `shares ÷ previous_shares − 1`, a fraction; None where unknown."""
        return relative_change(self.shares, self.previous_shares)

    @property
    def staleness(self) -> int | None:
        """Count the days from `as_of` to the New York day of publication; None where unknown."""
        if self.as_of is None:
            return None
        return (new_york_day(self.published_at) - self.as_of).days

    def is_stale(self, known: Iterable[Event]) -> bool:
        """Tell whether an earlier disclosure in `known` already described a later day."""
        return self.as_of is not None and any(
            isinstance(other, StakeDisclosure)
            and (other.symbol, other.holder) == (self.symbol, self.holder)
            and other.published_at < self.published_at
            and other.as_of is not None
            and other.as_of > self.as_of
            for other in known
        )

    @model_validator(mode="after")
    def _describes_the_past(self) -> Self:
        if self.staleness is not None and self.staleness < 0:
            raise ValueError(f"as_of {self.as_of} is later than the publication")
        return self


class ShortReport(Event):
    """A short report is a public case against the stock by a short seller, analyst or the press."""

    author: Annotated[str, Field(min_length=1)]
    """Who published it."""
    author_type: Literal["short_seller", "analyst", "press"]
    """What the author is."""

    claim: str = ""
    """What is claimed, in a few words."""
    target_price: Annotated[float, Field(ge=0)] | None = None
    """What the author holds a share to be worth, dollars."""
    discloses_short: bool | None = None
    """Whether the author says to be short the stock."""


class News(Event):
    """A piece of news is any other catalyst, such as a contract, a financing or a lockup."""

    category: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    """What it is about, such as contract, financing, lockup, insider_sale."""
    figures: str = ""
    """Its figures, in a few words."""


class Start(Event):
    """A start tells that the replay begins; the program makes one for each symbol.

    It is known before the first session, or the first one as a member of a universe.
    """


FILED_KINDS: tuple[type[Event], ...] = (Earnings, StakeDisclosure, ShortReport, News)
