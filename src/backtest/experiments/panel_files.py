"""This module reads Parquet files of bars into a panel, in two passes: keys, then prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet, types

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.price_rows import REGULAR, beyond, is_allowed
from backtest.engine.kernel import PRICES
from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.errors import DataError, UsageError

Times = NDArray[np.datetime64]

_BATCH = 65_536  # rows
_BUFFER = 1 << 20  # bytes; without it a column of a whole row group would be in memory
_PARTS = 32  # batches whose times are kept before they are made distinct
_EXAMPLES = 3  # rows that are named for each rule
_PARTITION = "symbol="
_FIELDS: tuple[str, ...] = PRICES.names or ()


@dataclass(frozen=True)
class ColumnKind:
    """Say what a column must hold, and which Arrow types can hold that."""

    content: str
    fits: Callable[[pa.DataType], bool]


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


TEXT = ColumnKind("texts", _is_text)
NUMBER = ColumnKind("numbers", _is_number)
MOMENT = ColumnKind(
    "timestamps with a zone, such as timestamp[us, tz=UTC]",
    lambda kind: types.is_timestamp(kind) and kind.tz is not None,
)
FLAG = ColumnKind("booleans", types.is_boolean)
DAY = ColumnKind("dates without a time, such as date32 (in pandas: `.dt.date`)", types.is_date)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise UsageError where there is no file, and DataError where it is not readable Parquet."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        if path.is_dir():
            raise UsageError(f"{path} is a folder. Name one Parquet file.") from None
        raise DataError(
            f"{path} is not readable Parquet ({str(error).strip().partition(chr(10))[0]}). "
            f"Write it anew; of a CSV file or a DataFrame, `to_parquet` of pandas makes one."
        ) from None


def schema_of(path: Path) -> pa.Schema:
    """Read the names and types of a file's columns; raise as `read_each`."""
    with readable(path):
        return parquet.read_schema(path)


def check_columns(path: Path, schema: pa.Schema, needed: Mapping[str, ColumnKind]) -> None:
    """Raise DataError where a file lacks a column, or has one twice or of another kind."""
    for name, kind in needed.items():
        if schema.names.count(name) != 1:
            fault = f"column {name!r} twice" if name in schema.names else f"no column {name!r}"
            raise DataError(
                f"{path}: {fault}. Needed: {', '.join(needed)}; it has {', '.join(schema.names)}."
            )
        arrow_type = schema.field(name).type
        with readable(path):
            fits = kind.fits(arrow_type) or types.is_null(arrow_type)  # nulls alone have no type
        if not fits:
            raise DataError(f"{path}, column {name!r}: {arrow_type}. It must hold {kind.content}.")


def parquet_file(path: Path) -> parquet.ParquetFile:
    """Open a file so that little of it is in memory at a time, and checksums are verified."""
    return parquet.ParquetFile(
        path, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True
    )


def moments(column: Any) -> Times:
    """Convert a column of `MOMENT` to UTC in microseconds; null is NaT."""
    # Nanoseconds are cut off, which changes no comparison with a time of whole microseconds.
    exact = not str(column.type).startswith("timestamp[ns")
    return _array(column.cast(pa.timestamp("us", "UTC"), safe=exact))


def days(column: Any) -> Times:
    """Convert a column of `DAY` to days; null is NaT."""
    return _array(column.cast(pa.date32(), safe=False)).astype("M8[D]")


def numbers(column: Any) -> NDArray[np.float64]:
    """Convert a column of `NUMBER` to floats; null is NaN."""
    return _array(column.cast(pa.float64(), safe=False))


def texts(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    """Encode a column of `TEXT`: return its texts, and each row's place among them; null is ""."""
    coded = column if types.is_dictionary(column.type) else column.dictionary_encode()
    names = [name or "" for name in coded.dictionary.to_pylist()]
    codes = _array(coded.indices.fill_null(len(names)).cast(pa.int64()))
    return [*names, ""], codes


def _array(column: Any) -> NDArray[Any]:
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array


class Faults:
    """Collect the rules that rows of a file or folder break: how many rows, and the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken: dict[str, tuple[int, list[str]]] = {}

    def note(self, rule: str, bad: NDArray[np.bool_], describe: Callable[[int], str]) -> None:
        """Note the rows that break a rule; `describe` describes one by its place in `bad`."""
        rows = np.flatnonzero(bad)
        if len(rows):
            count, examples = self._broken.get(rule, (0, []))
            more = [describe(row) for row in rows[: _EXAMPLES - len(examples)].tolist()]
            self._broken[rule] = (count + len(rows), examples + more)

    def check(self) -> None:
        """Raise one DataError for all faults, if there is any."""
        if not self._broken:
            return
        lines = [f"{self._path} has rows that are wrong (they are counted from 0)."]
        for rule, (count, examples) in self._broken.items():
            lines.append(f"  {rule} {count:,} {'row breaks' if count == 1 else 'rows break'} this:")
            lines += [f"    {example}" for example in examples]
            lines += ["    …"] * (count > len(examples))
        raise DataError("\n".join(lines))


@dataclass(frozen=True)
class Batch:
    """A batch is some rows of a file with their symbols and times."""

    file: str  # the file's name, within the folder
    rows: NDArray[np.int64]  # the rows' numbers in the file, from 0
    names: list[str]  # symbols
    codes: NDArray[np.int64]  # the place of each row's symbol in `names`
    times: Times  # opens of bars in microseconds, UTC, or sessions as days
    table: pa.RecordBatch

    def describe(self, row: int) -> str:
        """Describe where a row of the batch is in the file, and which bar it has."""
        symbol, time = self.names[self.codes[row]] or "no symbol", self.times[row]
        when = str(time)
        if np.isnat(time):
            when = "without a time"
        elif np.datetime_data(time.dtype)[0] != "D":
            when = f"{when.removesuffix('.000000').replace('T', ' ')} UTC"
        return f"{self.file}, row {self.rows[row]}: {symbol} {when}"


class BarFiles:
    """Read a Parquet file of bars, or a folder of them, as often as needed.

    `key` is the column of times: `time`, or `session` where bars are sessions.
    """

    def __init__(self, path: Path, *, volume: bool) -> None:
        """Find the files and check their columns; raise as `read_panel`."""
        self.path = path
        schemas = {file: schema_of(file) for file in _files(path)}
        self.key = _key_of(*next(iter(schemas.items())))
        needed = {self.key: DAY if self.key == "session" else MOMENT}
        needed |= dict.fromkeys((*_FIELDS, *(["volume"] if volume else [])), NUMBER)
        self._symbols: dict[Path, str | None] = {}  # None where a column has them
        kinds = {"symbol": TEXT, **needed, REGULAR: FLAG}
        for file, schema in schemas.items():
            columns = {n: kind for n, kind in kinds.items() if n in needed or n in schema.names}
            check_columns(file, schema, columns)
            self._symbols[file] = None if "symbol" in columns else _symbol_of(file, path)
        self._marked = {file for file, schema in schemas.items() if REGULAR in schema.names}

    def batches(self, *columns: str) -> Iterator[Batch]:
        """Yield batches of rows with their symbol, their time and `columns`."""
        read_times = days if self.key == "session" else moments
        for path, symbol in self._symbols.items():
            name = path.name if path == self.path else path.relative_to(self.path).as_posix()
            keys = ["symbol"] * (symbol is None) + [self.key] + [REGULAR] * (path in self._marked)
            first = 0
            with readable(path), parquet_file(path) as file:
                for whole in file.iter_batches(_BATCH, columns=[*keys, *columns]):
                    table, rows = whole, np.arange(first, first + whole.num_rows)
                    if REGULAR in keys:
                        regular = whole.column(REGULAR).cast(pa.bool_()).fill_null(False)  # noqa: FBT003
                        table, rows = whole.filter(regular), rows[_array(regular)]
                    names, codes = [symbol or ""], np.zeros(table.num_rows, np.int64)
                    if symbol is None:
                        names, codes = texts(table.column("symbol"))
                    times = read_times(table.column(self.key))
                    if table.num_rows:
                        yield Batch(name, rows, names, codes, times, table)
                    first += whole.num_rows


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [
        file
        for file in sorted(path.rglob("*.parquet"))
        if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not files:
        raise UsageError(f"There is no file *.parquet in the folder {path}.")
    return files


def _key_of(file: Path, schema: pa.Schema) -> str:
    for key in ("time", "session"):
        if key in schema.names:
            return key
    raise DataError(
        f"{file}: no column that says when. Needed: 'time', the open of each bar with its zone, "
        f"or 'session', a date, where bars are sessions; it has {', '.join(schema.names)}."
    )


def _symbol_of(file: Path, root: Path) -> str:
    for part in file.relative_to(root).parts if file != root else ():
        if part.startswith(_PARTITION):
            return unquote(part.removeprefix(_PARTITION))
    return file.stem


def read_panel(path: Path, *, volume: bool = False) -> Panel:
    """Read bars from a Parquet file, or a folder of them, in any order of rows.

    The columns are `time` (a timestamp with a zone: when the bar opens) or `session` (a date,
    where bars are sessions), `open`, `high`, `low` and `close` in dollars, `volume` in shares if it
    is wanted, and `symbol`. A file without that column has the bars of one symbol, which the folder
    `symbol=…` that it is in names, or else its own name. The panel has a bar for each time at which
    any symbol has one; sessions open when the calendar says. Rows in which a column `regular` is
    not true are left out.

    Raise UsageError where there is nothing at the path, or not enough memory, and DataError where a
    file is corrupt, or its columns or rows are wrong.
    """
    files = BarFiles(path, volume=volume)
    names, times = _keys(files)
    opens, sessions = _opens_and_sessions(files, times)
    shape = (len(times), len(names))
    try:
        prices = blank_prices(shape)
        volumes = np.full(shape if volume else (0, 0), np.nan)
    except MemoryError:
        size = shape[0] * shape[1] * (PRICES.itemsize + 8 * volume) / 1e9
        raise UsageError(
            f"{path}: {shape[0]:,} times × {shape[1]:,} symbols take {size:,.1f} GB, which this "
            f"machine does not have. Take fewer symbols, or a shorter span, at a time."
        ) from None
    panel = Panel(names, opens, sessions, prices, volumes)
    _fill(panel, files, times)
    return panel


def _distinct(parts: Sequence[Times]) -> Times:
    """Return the distinct times of several parts, sorted."""
    times = np.concatenate(parts)
    return np.sort(pd.unique(times.view(np.int64))).view(times.dtype)


def _keys(files: BarFiles) -> tuple[tuple[str, ...], Times]:
    """Read the distinct symbols and times of all rows, each sorted."""
    faults, symbols = Faults(files.path), set[str]()
    parts: list[Times] = []
    for batch in files.batches():
        nameless = np.array([not name for name in batch.names])[batch.codes]
        faults.note("Each row names its symbol;", nameless, batch.describe)
        faults.note(f"Each row has a {files.key};", np.isnat(batch.times), batch.describe)
        symbols |= {batch.names[code] for code in np.flatnonzero(np.bincount(batch.codes)).tolist()}
        parts.append(_distinct([batch.times]))
        if len(parts) == _PARTS:  # so that memory holds few times more than once
            parts = [_distinct(parts)]
    faults.check()
    if not symbols:
        raise DataError(f"{files.path} has no row. It needs one for each symbol and {files.key}.")
    return tuple(sorted(symbols)), _distinct(parts)


def _opens_and_sessions(files: BarFiles, times: Times) -> tuple[Times, Times]:
    calendar = trading_calendar()
    if files.key == "session":
        opens, sessions = calendar.times_of(times, "open"), times
        rule = f"A session is a trading day of {EXCHANGE}; take other days out."
    else:
        opens, sessions = times, calendar.sessions_at(times)
        rule = (
            f"A bar opens in the hours of a session of {EXCHANGE}, from its open until before its "
            f"close; take other bars out, and give daily bars a column 'session'."
        )
    bad = np.isnat(opens) | np.isnat(sessions)
    if bad.any():
        faults = Faults(files.path)
        for batch in files.batches():
            faults.note(rule, np.isin(batch.times, times[bad]), batch.describe)
        faults.check()
    return opens, sessions


def _fill(panel: Panel, files: BarFiles, times: Times) -> None:
    """Write each row's prices and volume where its symbol and time are in the panel."""
    faults, rows, columns, prices = Faults(files.path), 0, panel.columns, panel.prices
    bars, sizes = prices.reshape(-1), panel.volume.reshape(-1)
    for batch in files.batches(*_FIELDS, *(["volume"] if len(sizes) else [])):
        cells = _cells(batch, columns, times)
        fields = {name: numbers(batch.table.column(name)) for name in _FIELDS}
        _check_prices(batch, fields, faults)
        for name, values in fields.items():
            bars[name][cells] = values
        if len(sizes):
            sizes[cells] = volume = numbers(batch.table.column("volume"))
            bad = ~is_allowed("volume", volume)
            faults.note("A volume is a number from 0 up;", bad, batch.describe)
        rows += len(cells)
    faults.check()
    if np.count_nonzero(~np.isnan(prices["open"])) < rows:
        _refuse_repeated(files, columns, times)


def _cells(batch: Batch, columns: Mapping[str, int], times: Times) -> NDArray[np.int64]:
    """Return the cell of each row's bar in the flattened panel of shape (times, symbols)."""
    column = np.array([columns.get(name, 0) for name in batch.names])[batch.codes]
    cells: NDArray[np.int64] = np.searchsorted(times, batch.times) * len(columns) + column
    return cells


def _check_prices(batch: Batch, fields: Mapping[str, NDArray[np.float64]], faults: Faults) -> None:
    def describe(row: int) -> str:
        prices = ", ".join(f"{name} {values[row]:g}" for name, values in fields.items())
        return f"{batch.describe(row)}, {prices}"

    allowed = np.all([is_allowed(name, values) for name, values in fields.items()], axis=0)
    faults.note("A price is a number above 0, and a bar without is left out;", ~allowed, describe)
    for bound in ("high", "low"):
        wrong = np.any([beyond_it for _, beyond_it in beyond(bound, fields)], axis=0)
        rule = f"The {bound} is the {bound}est price of its bar;"
        faults.note(rule, allowed & wrong, describe)


def _refuse_repeated(files: BarFiles, columns: Mapping[str, int], times: Times) -> None:
    faults, seen = Faults(files.path), np.zeros(len(times) * len(columns), np.bool_)
    for batch in files.batches():
        cells = _cells(batch, columns, times)
        repeated = pd.Series(cells).duplicated().to_numpy() | seen[cells]
        seen[cells] = True
        faults.note(f"A symbol has one row for a {files.key};", repeated, batch.describe)
    faults.check()
