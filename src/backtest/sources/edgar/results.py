"""What is taken from EDGAR: rows, remarks, and which event on file a row tells of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from backtest.data.kinds import Earnings, News, StakeDisclosure
from backtest.errors import SourceError
from backtest.sources.edgar.filers import header_of_filing

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.filers import Filing, Header

_GONE = 404


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
    """The row of a filing, public at the time of its header.

    The cells are columns of the kind's own, and `note`; None is unknown.
    """
    moment, precision = header.public
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


def header_or_remark(edgar: Edgar, filing: Filing, remarks: list[str]) -> Header | None:
    """The header of a filing; None, with a remark, where EDGAR has no page of it."""
    try:
        return header_of_filing(edgar, filing)
    except SourceError as error:
        if error.status != _GONE:
            raise
    remarks.append(left_out(filing, "EDGAR has no header page of it, so its time is unknown"))
    return None


def left_out(filing: Filing, why: str) -> str:
    """A remark that a filing was left out."""
    return f"{filing.form} of {filing.filed} ({filing.accession}) left out: {why}."


def same(known: Event, fetched: Event) -> bool:
    """Whether an event on file and a fetched one tell of the same fact.

    Reports: the same quarter. Stakes: the same filing; or, where the one on file names
    no filing of the holder, the same holder, form and day. News: the same filing and category.
    """
    if known.symbol != fetched.symbol:
        return False
    if isinstance(known, Earnings) and isinstance(fetched, Earnings):
        return known.period is not None and known.period == fetched.period
    if isinstance(known, StakeDisclosure) and isinstance(fetched, StakeDisclosure):
        return known.holder == fetched.holder and _same_stake(known, fetched)
    if isinstance(known, News) and isinstance(fetched, News):
        return _same_filing(known, fetched) and known.category == fetched.category
    return False


def _same_stake(known: StakeDisclosure, fetched: StakeDisclosure) -> bool:
    if _is_within(known, fetched, steps=2):  # a filing of the same filer
        return _same_filing(known, fetched)
    what = (fetched.form, fetched.as_of)
    return known.as_of is not None and (known.form, known.as_of) == what


def _same_filing(known: Event, fetched: Event) -> bool:
    """Whether a source of an event is in the folder of the filing that was fetched."""
    return _is_within(known, fetched, steps=1)


def _is_within(known: Event, fetched: Event, *, steps: int) -> bool:
    """Whether a source of an event is so many steps above the fetched one, or below that."""
    folder = (fetched.source_url or "").rsplit("/", steps)[0]
    urls = (known.source_url or "", known.source_url_2 or "")
    return any(url.startswith(f"{folder}/") for url in urls)
