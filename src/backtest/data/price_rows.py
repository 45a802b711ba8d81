"""Read, check and write the rows of price files, CSV and Parquet."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import DataFile, csv_text, day_of, header_of, raise_problems, read_rows
from backtest.errors import DataError

BAR_COLUMNS = ("open", "high", "low", "close", "volume")
_FIRST, _LAST, _NO_DAY = (np.datetime64(day, "D") for day in ("0001-01-01", "9999-12-31", "NaT"))
REGULAR = "regular"  # the column that tells which finer bars open within the hours of a session


@dataclass(frozen=True)
class PriceRows:
    """`PriceRows` holds the rows of a price file or a frame before they are checked."""

    word: str  # what messages call a row: `line` or `row`
    numbers: Sequence[object] | NDArray[np.int64]  # what follows the word
    days: NDArray[np.datetime64]  # the sessions, or the times of finer bars; NaT where unknown
    cells: Mapping[str, Sequence[str] | NDArray[np.float64]]  # by column

    @property
    def of(self) -> str:
        """Return what a row describes: a `session` or a `bar`."""
        return "session" if self.days.dtype == "M8[D]" else "bar"

    def at(self, row: int) -> str:
        """Return where a row is, as messages say it."""
        return f"{self.word} {self.numbers[row]}"


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Write a table of prices as Parquet; its index is `session` or `time` (UTC, without a zone).

    Finer bars get the column `REGULAR` as well.
    """
    from pyarrow import parquet

    key = str(table.index.name)
    days = table.index.to_numpy().astype("M8[D]" if key == "session" else "M8[us]")
    columns = {key: pa.array(days).cast(_key_type(key))}
    columns |= {name: pa.array(table[name].to_numpy(dtype=float)) for name in table.columns}
    if key == "time":
        columns[REGULAR] = pa.array(~np.isnat(trading_calendar().sessions_at(days)))
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def _key_type(key: str) -> pa.DataType:
    return pa.date32() if key == "session" else pa.timestamp("us", "UTC")


def parquet_table(path: Path, content: bytes, key: str) -> dict[str, NDArray[Any]]:
    """Read the columns of bars in a Parquet file, and its `key`, which is `session` or `time`.

    DataError where the file cannot be read or lacks the key.
    """
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
        columns = {key: table.column(key).cast(_key_type(key)).to_numpy()}
        names = [name for name in BAR_COLUMNS if name in table.column_names]
        return columns | {name: table.column(name).cast(pa.float64()).to_numpy() for name in names}
    except KeyError:
        raise DataError(f"{path}: no column {key!r}. Needed: {key}, close.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        fault = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} is not a Parquet file of prices ({fault}). Restore it.") from None


def _parquet_rows(file: DataFile, problems: list[str]) -> PriceRows:
    table = parquet_table(file.path, file.content, "session")
    days = table.pop("session").astype("M8[D]")
    names = bar_columns(str(file.path), table, len(days))
    days[(days < _FIRST) | (days > _LAST)] = _NO_DAY
    problems += [f"row {row}, column session: no day" for row in np.flatnonzero(np.isnat(days))]
    return PriceRows("row", np.arange(len(days)), days, {name: table[name] for name in names})


def _regular_rows(file: DataFile) -> PriceRows | None:
    """Read a CSV file without any fault in one fast pass; None for every other file."""
    text = file.text.rstrip()
    header, rows = text.partition("\n")[0].strip().split(","), text.count("\n")
    if header not in (["date", *BAR_COLUMNS], ["date", "close"]) or not rows or '"' in text:
        return None
    if text.count(",") != (rows + 1) * (len(header) - 1):
        return None
    types = {"date": object} | dict.fromkeys(header[1:], float)
    try:
        table = pd.read_csv(io.StringIO(text), dtype=types, na_filter=False)
    except ValueError:
        return None
    days = table.pop("date").tolist()
    texts, numbers = _session_texts()
    begin = numbers.get(days[0], 0)
    if days != texts[begin : begin + rows]:
        return None
    cells = {name: column.to_numpy() for name, column in table.items()}
    if not all(is_allowed(name, column).all() for name, column in cells.items()):
        return None
    sessions = trading_calendar().sessions[begin : begin + rows]
    return PriceRows("line", np.arange(2, rows + 2), sessions, cells)


@cache
def _session_texts() -> tuple[list[str], dict[str, int]]:
    """Return the sessions of the exchange as files write them, and the number of each."""
    texts = trading_calendar().sessions.astype(str).tolist()
    return texts, {text: number for number, text in enumerate(texts)}


def _csv_rows(file: DataFile, problems: list[str]) -> PriceRows:
    if regular := _regular_rows(file):
        return regular
    lines = read_rows(file, ("date", "close"), problems)
    if not lines:
        raise_problems(file.path, problems)
    names = bar_columns(f"{file.path}, line 1", lines[0][1] if lines else (), len(lines))
    days = np.full(len(lines), _NO_DAY)
    for index, (line, row) in enumerate(lines):
        try:
            days[index] = np.datetime64(day_of(row, "date"))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    cells = {name: [row[name] for _, row in lines] for name in names}
    return PriceRows("line", np.array([line for line, _ in lines]), days, cells)


def bar_columns(where: str, columns: Collection[str], rows: int) -> tuple[str, ...]:
    """Return the columns of bars, or `close` alone if there is no open.

    DataError, naming `where`, if there is no row or a column is missing.
    """
    if not rows:
        raise DataError(f"{where.partition(', line')[0]} has no row.")
    names = BAR_COLUMNS if "open" in columns else ("close",)
    if missing := [name for name in names if name not in columns]:
        raise DataError(
            f"{where}: no column {missing[0]!r}. "
            f"Needed: date, {', '.join(BAR_COLUMNS)}; or date, close for a benchmark."
        )
    return names


def is_allowed(column: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which numbers a column may have: prices above 0, volumes from 0 up, all finite."""
    above = values >= 0 if column == "volume" else values > 0
    return above & (values < np.inf)


def beyond(
    bound: str, bars: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each price's name and the rows in which it is beyond the `bound`, `high` or `low`."""
    if bound == "high":
        yield from ((name, bars[name] > bars["high"]) for name in ("low", "open", "close"))
    else:
        yield from ((name, bars[name] < bars["low"]) for name in ("open", "close"))


def sound_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows of a table, daily or of finer bars, break no rule by themselves."""
    bars = {name: column.to_numpy(dtype=float) for name, column in table.items()}
    keys, sessions = table.index.to_numpy(), trading_calendar().sessions
    is_daily = table.index.name == "session"
    sound = np.isin(keys.astype("M8[D]"), sessions) if is_daily else ~np.isnat(keys)
    for name, column in bars.items():
        sound &= is_allowed(name, column)
    if "open" in bars:
        for bound in ("high", "low"):
            for _, wrong in beyond(bound, bars):
                sound &= ~wrong
    return sound


def checked_table(
    rows: PriceRows, problems: list[str], halts: Collection[date] = ()
) -> pd.DataFrame:
    """Convert rows to numbers, by session or by time; add to `problems` each rule that is broken.

    Every session needs a row, except for those of `halts`; finer bars may have gaps, where nothing
    was traded.
    """
    bars = {name: _numbers(name, rows, problems) for name in rows.cells}
    if rows.of == "bar":
        timeless = np.flatnonzero(np.isnat(rows.days)).tolist()
        problems += [f"{rows.at(row)}, column time: empty" for row in timeless]
        _check_order(rows, problems)
        index = pd.DatetimeIndex(rows.days, name="time")
    else:
        if not problems:
            _check_order(rows, problems)
            _check_sessions(rows, problems, halts)
        index = pd.DatetimeIndex(rows.days.astype("M8[ns]"), name="session")
    if "open" in bars:
        _check_ranges(bars, rows, problems)
    return pd.DataFrame(bars, index=index)


def _numbers(name: str, rows: PriceRows, problems: list[str]) -> NDArray[np.float64]:
    cells = rows.cells[name]
    if isinstance(cells, np.ndarray):
        numbers = cells
    else:
        texts = pd.Series(cells, dtype=object)
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float)
    allowed = "a number from 0 up" if name == "volume" else "a number above 0"
    problems += [
        f"{rows.at(row)}, column {name}: {_cell_text(cells[row])} is not {allowed}"
        for row in np.flatnonzero(~is_allowed(name, numbers)).tolist()
    ]
    return numbers


def _cell_text(cell: str | np.float64) -> str:
    return repr(cell) if isinstance(cell, str) else f"{cell:g}"


def _check_order(rows: PriceRows, problems: list[str]) -> None:
    days = rows.days
    column = "date" if rows.of == "session" else "time"
    for row in (np.flatnonzero(days[1:] <= days[:-1]) + 1).tolist():
        fault = "repeats" if days[row] == days[row - 1] else "comes before"
        problems.append(
            f"{rows.at(row)}, column {column}: {days[row]} {fault} {rows.at(row - 1)}; "
            f"one row a {rows.of}, oldest first"
        )


def _check_sessions(rows: PriceRows, problems: list[str], halts: Collection[date]) -> None:
    days = rows.days
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    if np.array_equal(days, sessions):
        return
    begin = trading_calendar().sessions[0]
    problems += [
        f"{rows.at(row)}, column date: {days[row]} "
        + (
            f"is not a session of {EXCHANGE}"
            if days[row] >= begin
            else f"lies before {begin}, with which the calendar of {EXCHANGE} begins"
        )
        for row in np.flatnonzero(~np.isin(days, sessions)).tolist()
    ]
    problems += [
        f"no row for the session {session}: a gap against the calendar {EXCHANGE}"
        for session in sessions[~np.isin(sessions, days)].tolist()
        if session not in halts
    ]


def _check_ranges(
    bars: Mapping[str, NDArray[np.float64]], rows: PriceRows, problems: list[str]
) -> None:
    for bound, word in (("high", "below"), ("low", "above")):
        for name, wrong in beyond(bound, bars):
            problems += [
                f"{rows.at(row)}: {bound} {bars[bound][row]:.10g} is {word} {name} "
                f"{bars[name][row]:.10g}; the {bound} is the {rows.of}'s {bound}est price"
                for row in np.flatnonzero(wrong).tolist()
            ]


def price_rows(file: DataFile, problems: list[str]) -> PriceRows:
    """Read the rows of a daily price file; add to `problems` a text on each that is unreadable."""
    return _parquet_rows(file, problems) if file.content else _csv_rows(file, problems)


def price_file_bytes(
    path: Path, table: pd.DataFrame, old: DataFile | None, new: Collection[str]
) -> bytes:
    """Write a table as the bytes of a price file, CSV or Parquet by its path.

    The columns and line ends of the old CSV file stay, and so do its rows except for those whose
    ISO day is in `new`.
    """
    if path.suffix == ".parquet":
        return parquet_bytes(table)
    rows = {row["date"]: row for _, row in read_rows(old, ("date",), [])} if old else {}
    columns = header_of(old) if old else ["date", *table.columns]
    days = np.datetime_as_string(table.index.to_numpy(), unit="D").tolist()
    lines = []
    for day, values in zip(days, table.to_numpy(dtype=float).tolist(), strict=True):
        cells = {name: decimal_text(v) for name, v in zip(table.columns, values, strict=True)}
        row = rows.get(day, {})
        lines.append({**row, "date": day, **cells} if day in new else row)
    return csv_text(columns, lines, old).encode()


def decimal_text(value: float) -> str:
    """Write a price or a volume without an exponent, as price files have it."""
    return np.format_float_positional(value, trim="-")
