"""`Event`: a dated public fact with a source. Every kind of event derives from it."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

NEW_YORK = ZoneInfo("America/New_York")

Precision = Literal["exact", "minute", "session", "date", "week", "month"]
Grade = Literal["A", "B", "C"]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9.\-]*$")]

_NUMBER = re.compile(r"^\s*[+-]?\d+(\.\d*)?\s*$")
_END_OF_DAY = time(23, 59, 59)
COARSE: frozenset[Precision] = frozenset({"date", "week", "month"})
NEVER_TRADED: frozenset[Precision] = frozenset({"week", "month"})


def end_of_day(day: date) -> datetime:
    """The last second of a day in New York.

    What is known by its day, week or month alone counts as public at the end of it.
    """
    return datetime.combine(day, _END_OF_DAY, NEW_YORK)


class Event(BaseModel):
    """A dated public fact with a source. The text below a field is what `events add` asks for."""

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
        cls.kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def file_name(cls) -> str:
        """The file of this kind below `data/events/`: its name in the plural."""
        return cls.kind + ("" if cls.kind.endswith("s") else "s") + ".csv"

    @cached_property
    def id(self) -> str:
        """Stable name of the event, from its symbol, kind, time and headline alone."""
        stamp = self.published_at.isoformat()
        text = f"{self.symbol}\n{self.kind}\n{stamp}\n{self.headline}"
        day = self.published_at.astimezone(NEW_YORK).strftime("%Y%m%d")
        return f"{self.kind}-{day}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"

    def as_published(self) -> Self:
        """The event as strategies see it: without note, sources and the time of retrieval.

        Those came after the event. A note tells how the stock closed, and the address of an
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
        try:
            return value and value.astimezone(UTC)
        except OverflowError:
            raise PydanticCustomError("stamp", "is beyond the years that can be told") from None

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
