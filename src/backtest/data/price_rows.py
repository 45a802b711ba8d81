"""The rows of a price file as they stand there, CSV or Parquet, before anything is checked."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.data.datafile import raise_problems, read_rows
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from backtest.data.datafile import DataFile

BAR_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class PriceRows:
    """Rows of prices.

    Attributes:
        word: what a row is called, `line` or `row`.
        numbers: of each row in the file, shape (rows,).
        days: of each row, NaT where it has none; shape (rows,).
        cells: texts or numbers of each column, shape (rows,).

    """

    word: str
    numbers: NDArray[np.int64]
    days: NDArray[np.datetime64]
    cells: Mapping[str, Sequence[str] | NDArray[np.float64]]

    def at(self, place: int) -> str:
        """Where a row stands, such as `line 5`."""
        return f"{self.word} {self.numbers[place]}"


def price_rows(file: DataFile, problems: list[str]) -> PriceRows:
    """The rows of a file with the columns of bars, or with closes where it has no open.

    Args:
        file: the file.
        problems: takes a text for each row that cannot be read and each day that is none.

    Raises:
        DataError: it has no row, lacks a column, or is no Parquet.

    """
    return _parquet_rows(file, problems) if file.content else _csv_rows(file, problems)


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """A Parquet file of prices.

    Args:
        table: columns of numbers; the index is named `session` or `time` (UTC, without a zone).

    """
    import pyarrow as pa
    from pyarrow import parquet

    key = str(table.index.name)
    kind = pa.date32() if key == "session" else pa.timestamp("us", "UTC")
    days = table.index.to_numpy().astype("M8[D]" if key == "session" else "M8[us]")
    columns = {key: pa.array(days).cast(kind)}
    columns |= {name: pa.array(table[name].to_numpy(dtype=float)) for name in table.columns}
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def parquet_table(path: Path, content: bytes, key: str) -> dict[str, NDArray[Any]]:
    """The columns of a Parquet file that `parquet_bytes` wrote, times and days as NumPy has them.

    Args:
        path: for the message.
        content: the file.
        key: `session` or `time`.

    Raises:
        DataError: it is no such file.

    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
        kind = pa.date32() if key == "session" else pa.timestamp("us", "UTC")
        found = {key: table.column(key).cast(kind).to_numpy()}
        names = [name for name in BAR_COLUMNS if name in table.column_names]
        return found | {name: table.column(name).cast(pa.float64()).to_numpy() for name in names}
    except KeyError:
        raise DataError(f"{path}: no column {key!r}. Needed: {key}, close.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        told = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} is not a Parquet file of prices ({told}). Restore it.") from None


def _parquet_rows(file: DataFile, problems: list[str]) -> PriceRows:
    table = parquet_table(file.path, file.content, "session")
    days = table.pop("session").astype("M8[D]")
    names = _columns(str(file.path), table, len(days))
    problems += [f"row {row}, column session: empty" for row in np.flatnonzero(np.isnat(days))]
    return PriceRows("row", np.arange(len(days)), days, {name: table[name] for name in names})


def _csv_rows(file: DataFile, problems: list[str]) -> PriceRows:
    found = read_rows(file, ("date", "close"), problems)
    if not found:
        raise_problems(file.path, problems)
    names = _columns(f"{file.path}, line 1", found[0][1] if found else {}, len(found))
    days = np.full(len(found), np.datetime64("NaT", "D"))
    for place, (line, row) in enumerate(found):
        try:
            days[place] = np.datetime64(date.fromisoformat(row["date"]))
        except ValueError:
            problems.append(
                f"line {line}, column date: {row['date']!r} is not a day such as 2025-03-28"
            )
    cells = {name: [row[name] for _, row in found] for name in names}
    return PriceRows("line", np.array([line for line, _ in found]), days, cells)


def _columns(place: str, there: Collection[str], rows: int) -> tuple[str, ...]:
    """The columns of bars, or of closes."""
    if not rows:
        raise DataError(f"{place.partition(', line')[0]} has a header but no row.")
    names = BAR_COLUMNS if "open" in there else ("close",)
    for name in names:
        if name not in there:
            raise DataError(
                f"{place}: no column {name!r}. "
                f"Needed: date, {', '.join(BAR_COLUMNS)}; or date, close for a benchmark."
            )
    return names
