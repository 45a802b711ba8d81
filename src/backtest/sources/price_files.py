"""Files of prices as they are kept, read and written; rows that stay keep their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.data.bars import LENGTHS, bars_frame
from backtest.data.datafile import (
    DataFile,
    csv_text,
    header_of,
    read_data_file,
    read_rows,
)
from backtest.data.price_rows import (
    parquet_bytes,
)
from backtest.data.prices import Prices, parse_prices

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pandas as pd


_DIGITS = 7  # what single precision holds, in which prices are sent


def open_kept(path: Path) -> Prices:
    """Read a price file, of sessions or of finer bars, and hold it against its metadata."""
    length, seal = path.parent.name, f"backtest prices seal {path.stem}"
    if length not in LENGTHS:
        return parse_prices(read_data_file(path, seal))
    file = read_data_file(path, f"{seal} --bars {length}")
    return Prices(path.stem, bars_frame(file), file)


def encoded(path: Path, table: pd.DataFrame, old: DataFile | None, new: Collection[str]) -> bytes:
    """A price file of all rows, CSV or Parquet by its path.

    Columns and line ends of the old file stay, and so do its rows but those of ISO days in `new`.
    """
    if path.suffix == ".parquet":
        return parquet_bytes(table)
    rows = {row["date"]: row for _, row in read_rows(old, ("date",), [])} if old else {}
    columns = header_of(old) if old else ["date", *table.columns]
    days = np.datetime_as_string(table.index.to_numpy(), unit="D").tolist()
    found = []
    for day, values in zip(days, table.to_numpy(dtype=float).tolist(), strict=True):
        cells = {name: decimal_text(v) for name, v in zip(table.columns, values, strict=True)}
        row = rows.get(day, {})
        found.append({**row, "date": day, **cells} if day in new else row)
    return csv_text(columns, found, old).encode()


def rounded(values: np.ndarray) -> np.ndarray:
    """Prices to the digits that single precision holds: 41.939998626708984 is 41.94."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.power(10.0, _DIGITS - 1 - np.floor(np.log10(np.abs(values))))
        found: np.ndarray = np.where(np.isfinite(scale), np.round(values * scale) / scale, values)
    return found


def decimal_text(value: float) -> str:
    """A price or a volume as a file has it, without an exponent."""
    return np.format_float_positional(value, trim="-")
