"""Rows of event files as people write them, and as the files take them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backtest.data.datafile import open_data_file, raise_problems, read_rows
from backtest.data.event import Event
from backtest.data.events import check_columns, check_row
from backtest.data.stamps import is_bare_day, stamped
from backtest.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Cells = Mapping[str, str]

UNKNOWN_SOURCE = "unknown"
_FIRST_COLUMNS = ("symbol", "published_at", "precision", "headline")


def columns_of(kind: type[Event]) -> list[str]:
    """The columns of a kind as its file orders them: its own ones stand before the sources."""
    own = [name for name in kind.model_fields if name not in Event.model_fields]
    rest = [name for name in Event.model_fields if name not in _FIRST_COLUMNS]
    return [*_FIRST_COLUMNS, *own, *rest]


def prepared(kind: type[Event], row: Cells, source_url: str | None = None) -> dict[str, str]:
    """A row as the file takes it, from one as people write it.

    The time is stamped, `unknown` sources are emptied, and `retrieved_at` is now.

    Args:
        kind: the kind.
        row: texts by column.
        source_url: where the row names none.

    Raises:
        ValueError: it names no source, has a column of no such name, or breaks the format.

    """
    for name in row:
        if name not in kind.model_fields:
            raise ValueError(str(unknown(f"field of {kind.kind}", name, columns_of(kind))))
    cells = as_written({**row, "source_url": row.get("source_url") or source_url or ""})
    if not (row.get("source_url") or source_url):
        raise ValueError(f"column source_url: is empty; name the address, or {UNKNOWN_SOURCE!r}")
    cells["retrieved_at"] = cells.get("retrieved_at") or _now()
    _, problems = check_row(kind, cells)
    if problems:
        raise ValueError("; ".join(problems))
    return cells


def field_fault(kind: type[Event], row: Cells, name: str) -> str:
    """What is wrong with one field of a row that need not be complete; empty where nothing is."""
    known = dict(row)
    if name == "published_at" and is_bare_day(known[name]):
        known["precision"] = "date"  # what it is has not been asked yet
    try:
        cells = as_written(known)
    except ValueError as error:
        return str(error).removeprefix("column published_at: ")
    place = f"column {name}: "
    _, problems = check_row(kind, cells)
    return "; ".join(one.removeprefix(place) for one in problems if one.startswith(place))


def read_event_rows(path: Path, kind: type[Event], source_url: str | None) -> list[dict[str, str]]:
    """The rows of somebody's CSV file, checked and prepared.

    Raises:
        DataError: the file cannot be read, or rows are wrong; every such row is named.

    """
    file = open_data_file(path)
    check_columns(file, kind)
    problems: list[str] = []
    found = []
    for line, row in read_rows(file, _FIRST_COLUMNS, problems):
        try:
            found.append(prepared(kind, row, source_url))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    raise_problems(path, problems)
    return found


def as_written(row: Cells) -> dict[str, str]:
    """A row with its time stamped and an unknown source emptied.

    Raises:
        ValueError: time and precision do not go together.

    """
    cells = {name: cell.strip() for name, cell in row.items()}
    for name in ("source_url", "source_url_2"):
        if cells.get(name, "").casefold() == UNKNOWN_SOURCE:
            cells[name] = ""
    try:
        stamp, precision = stamped(cells.get("published_at", ""), cells.get("precision", ""))
    except ValueError as error:
        raise ValueError(f"column published_at: {error}") from None
    return {**cells, "published_at": stamp, "precision": precision}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
