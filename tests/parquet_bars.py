"""Made-up Parquet files of bars and signals."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import parquet

NEW_YORK = ZoneInfo("America/New_York")
MONDAY, TUESDAY, WEDNESDAY = (date(2025, 6, day) for day in (2, 3, 4))
FIELDS = ("open", "high", "low", "close")


def at(text: str) -> datetime:
    """A moment in New York of June 2025, told as `02 09:30`."""
    return datetime.fromisoformat(f"2025-06-{text.replace(' ', 'T')}").replace(tzinfo=NEW_YORK)


def bar(symbol: str | None, when: Any, *prices: Any, **more: Any) -> dict[str, Any]:
    """A row; prices of a single number are of a bar without a range."""
    values = prices if len(prices) == len(FIELDS) else prices * len(FIELDS)
    return {"symbol": symbol, "when": when, **dict(zip(FIELDS, values, strict=True)), **more}


def write(path: Path, rows: list[dict[str, Any]], **types: pa.DataType | None) -> Path:
    """Write rows; `when` becomes `time` or `session`. Types by column; None leaves one out."""
    key = "session" if all(type(row["when"]) is date for row in rows) else "time"
    table = {key if name == "when" else name: [row[name] for row in rows] for name in rows[0]}
    kinds = {"time": pa.timestamp("us", "UTC"), "session": pa.date32(), "symbol": pa.string()}
    kinds |= types
    columns = {
        name: pa.array(values, kinds.get(name))
        for name, values in table.items()
        if kinds.get(name, "") is not None
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return path


def utc(moment: datetime) -> datetime:
    """As a panel has it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


DAILY = [
    bar("BOLT", MONDAY, 10, 12, 9, 11),
    bar("ACME", MONDAY, 100, 101, 99, 100.5),
    bar("ACME", TUESDAY, 101, 102, 100, 101.5),
    bar("BOLT", WEDNESDAY, 11, 13, 10, 12),
    bar("ACME", WEDNESDAY, 102, 103, 101, 102.5),
]
MINUTES = [
    bar("ACME", at("02 09:30"), 100),
    bar("ACME", at("02 15:59"), 101),
    bar("ACME", at("03 09:30"), 102),
]
