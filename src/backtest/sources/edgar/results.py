"""What a command took from EDGAR, before it is held against the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from backtest.data.event import Event
    from backtest.sources.edgar.headers import Header
    from backtest.sources.edgar.lists import Filing

    Close = Callable[[date], float | None]


@dataclass(frozen=True)
class Told:
    """What one filing told: shares and value on a day; None is unknown."""

    filing: Filing
    header: Header
    as_of: date | None
    shares: int | None
    value: float | None = None
    percent: float | None = None
    note: str = ""


@dataclass
class Fetched:
    """Rows of one kind of event.

    Attributes:
        kind: of all rows.
        rows: texts by column, as event files take them, oldest first.
        remarks: what was left out and why, and what the reader has to know.

    """

    kind: type[Event]
    rows: list[dict[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def row_of(
    symbol: str, filing: Filing, header: Header, headline: str, **cells: Any
) -> dict[str, str]:
    """The row of a filing.

    Args:
        symbol: the stock.
        filing: the filing.
        header: its header, which tells the time.
        headline: what became public.
        cells: own columns of the kind, and `note`; None is unknown.

    """
    moment, precision = header.shown
    note = " ".join(text for text in (cells.pop("note", ""), header.remark) if text)
    known = {
        "symbol": symbol,
        "published_at": moment.isoformat(),
        "precision": precision,
        "headline": headline,
        **cells,
        "source_url": filing.index_url,
        "grade": "C",  # one source, though a primary one
        "note": note,
        "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {name: _text(value) for name, value in known.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
