"""Price files as bytes: what is there, and what will be; rows that stay keep their text."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.datafile import (
    DataFile,
    header_of,
    known_metadata,
    open_data_file,
    read_data_file,
    read_rows,
)
from backtest.data.price_rows import parquet_bytes, parquet_table
from backtest.data.prices import parse_prices
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_DIGITS = 7  # what single precision holds, in which prices are sent


@dataclass(frozen=True)
class Kept:
    """A price file that is there, read and checked."""

    file: DataFile
    table: pd.DataFrame


def bars_path(folder: Path, symbol: str, interval: str) -> Path:
    """Where bars finer than sessions are: a folder an interval, as `simulate` reads it."""
    return folder / interval / f"{symbol}.parquet"


def open_kept(path: Path) -> Kept:
    """Read a price file, of sessions or of finer bars, and hold it against its metadata.

    Raises:
        DataError: it is damaged, or does not agree.

    """
    if not _is_finer(path):
        file = read_data_file(path, seal_command=f"backtest prices seal {path.stem}")
        return Kept(file, parse_prices(file).table)
    file = open_data_file(path)
    metadata = known_metadata(path, file.sha256)
    if metadata.get("sha256") != file.sha256:
        raise DataError(
            f"{path} is not what was fetched: its sha256 is not that of its metadata. Restore it, "
            f"or move it away with its metadata and fetch it anew."
        )
    columns = parquet_table(path, file.content, "time")
    index = pd.DatetimeIndex(columns.pop("time"), name="time")
    return Kept(replace(file, metadata=metadata), pd.DataFrame(columns, index=index))


def encoded(path: Path, table: pd.DataFrame, old: DataFile | None, kept: Collection[str]) -> bytes:
    """A price file.

    Args:
        path: its suffix says what it is.
        table: all rows.
        old: the file as it is, whose columns and line ends stay.
        kept: ISO days of rows that stay as they stand in it.

    """
    if path.suffix == ".parquet":
        return parquet_bytes(table)
    rows = {row["date"]: row for _, row in read_rows(old, ("date",), [])} if old else {}
    text = io.StringIO()
    columns = header_of(old) if old else ["date", *table.columns]
    line_end = "\r\n" if old and "\r\n" in old.text else "\n"
    writer = csv.DictWriter(text, columns, restval="", lineterminator=line_end)
    writer.writeheader()
    days = np.datetime_as_string(table.index.to_numpy(), unit="D").tolist()
    for day, values in zip(days, table.to_numpy(dtype=float).tolist(), strict=True):
        cells = {name: number(v) for name, v in zip(table.columns, values, strict=True)}
        row = rows.get(day, {})
        writer.writerow(row if day in kept else {**row, "date": day, **cells})
    return text.getvalue().encode()


def rounded(values: np.ndarray) -> np.ndarray:
    """Prices to the digits that single precision holds: 41.939998626708984 is 41.94."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        scale = np.power(10.0, places)
        found: np.ndarray = np.where(np.isfinite(scale), np.round(values * scale) / scale, values)
    return found


def number(value: float) -> str:
    """A price or a volume as a file has it, without an exponent."""
    return np.format_float_positional(value, trim="-")


def _is_finer(path: Path) -> bool:
    from backtest.data.price_store import DATASET

    return path.suffix == ".parquet" and path.parent.name != DATASET
