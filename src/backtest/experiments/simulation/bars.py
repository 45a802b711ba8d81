"""Bars from Parquet files to a panel, in two passes: first who and when, then the prices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.prices import beyond, is_allowed
from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.engine.kernel.records import PRICES
from backtest.errors import DataError, UsageError, unknown
from backtest.experiments.simulation.parquet import (
    DAY,
    MOMENT,
    NUMBER,
    TEXT,
    Faults,
    check_columns,
    days,
    moments,
    numbers,
    read_batches,
    readable,
    schema_of,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Times = NDArray[np.datetime64]
    from collections.abc import Iterator

    import pyarrow as pa


_FIELDS: tuple[str, ...] = PRICES.names or ()


def read_panel(path: Path, symbols: Sequence[str] | None = None, *, volume: bool = False) -> Panel:
    """Read bars from a Parquet file, or a folder of them, in any order of rows.

    The columns are `time` (a timestamp with a zone: when the bar opens) or `session` (a date,
    where bars are sessions), `open high low close` in dollars, `volume` if it is asked for, and
    `symbol`. Without that column a file has the bars of one symbol: of the folder `symbol=…` that
    it is in, of the only one in `symbols`, or else of its own name.

    The panel of the symbols in alphabetical order. Each time at which any of them has a bar is one
    of its bars; sessions open when the calendar says. Raises UsageError where there is nothing at
    the path, a symbol is not there, or there is not enough memory, and DataError where a file is
    corrupt, lacks a column or has one of the wrong type, or rows are wrong: without symbol or time,
    outside the hours of the exchange, twice for a symbol and time, without a price above 0, or with
    a high or low that is not.

    Args:
        path: the file or folder.
        symbols: those that are wanted; all where None.
        volume: whether volumes are wanted, as a cap on participation needs them.

    """
    files = BarFiles(path, symbols, volume=volume)
    names, times = _keys(files, symbols)
    opens, sessions = _placed(files, times)
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
    _fill(files, names, times, prices, volumes)
    return Panel(names, opens, sessions, prices, volumes)


class _Distinct:
    """Distinct times of many batches, sorted; merged so often that few are held twice."""

    def __init__(self) -> None:
        self._parts: list[Times] = []
        self._waiting = 0

    def add(self, times: Times) -> None:
        self._parts.append(_sorted_once(times))
        self._waiting += len(self._parts[-1])
        if self._waiting > len(self._parts[0]):
            self.merged()

    def merged(self) -> Times:
        """All times so far."""
        self._parts, self._waiting = [_sorted_once(np.concatenate(self._parts))], 0
        return self._parts[0]


def _sorted_once(times: Times) -> Times:
    """As `np.unique`, which takes ten times as long."""
    ordered = np.sort(times.view(np.int64))
    distinct: Times = ordered[np.append(True, ordered[1:] != ordered[:-1])].view(times.dtype)
    return distinct


def _keys(files: BarFiles, wanted: Sequence[str] | None) -> tuple[tuple[str, ...], Times]:
    """The symbols and the distinct times."""
    faults, distinct = Faults(files.path), _Distinct()
    symbols: set[str] = set()
    for batch in files.batches():
        nameless = np.array([not name for name in batch.names])[batch.codes]
        faults.note("Each row names its symbol;", nameless, batch.tell)
        faults.note(f"Each row has a {files.key};", np.isnat(batch.times), batch.tell)
        symbols |= batch.symbols
        distinct.add(batch.times)
    faults.tell()
    for symbol in wanted or ():
        if symbol not in symbols:
            others = {
                s for b in BarFiles(files.path, None, volume=False).batches() for s in b.symbols
            }
            raise unknown(f"symbol in {files.path}", symbol, others)
    if not symbols:
        raise DataError(f"{files.path} has no row. It needs one for each symbol and {files.key}.")
    return tuple(sorted(symbols)), distinct.merged()


def _placed(files: BarFiles, times: Times) -> tuple[Times, Times]:
    """When each bar opens, and its session."""
    calendar = trading_calendar()
    if files.key == "session":
        opens, sessions = calendar.opens_of(times), times
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
            faults.note(rule, np.isin(batch.times, times[bad]), batch.tell)
        faults.tell()
    return opens, sessions


def _fill(
    files: BarFiles,
    names: tuple[str, ...],
    times: Times,
    prices: NDArray[Any],
    volumes: NDArray[np.float64],
) -> None:
    """Write prices and volumes into their places."""
    columns = {name: column for column, name in enumerate(names)}
    faults, rows = Faults(files.path), 0
    bars, sizes = prices.reshape(-1), volumes.reshape(-1)
    for batch in files.batches(*_FIELDS, *(["volume"] if len(volumes) else [])):
        places = _places(batch, columns, times)
        found = {name: batch.numbers(name) for name in _FIELDS}
        _check_prices(batch, found, faults)
        for name in _FIELDS:
            bars[name][places] = found[name]
        if len(volumes):
            sizes[places] = volume = batch.numbers("volume")
            bad = ~is_allowed("volume", volume)
            faults.note("A volume is a number from 0 up;", bad, batch.tell)
        rows += len(places)
    faults.tell()
    if np.count_nonzero(~np.isnan(prices["open"])) < rows:
        _refuse_repeated(files, columns, times)


def _places(batch: Batch, columns: dict[str, int], times: Times) -> NDArray[np.int64]:
    """Where the bars of a batch belong, counted along the rows of the panel."""
    column = np.array([columns.get(name, 0) for name in batch.names])[batch.codes]
    places: NDArray[np.int64] = np.searchsorted(times, batch.times) * len(columns) + column
    return places


def _check_prices(batch: Batch, found: dict[str, NDArray[np.float64]], faults: Faults) -> None:
    def tell(row: int) -> str:
        prices = ", ".join(f"{name} {values[row]:g}" for name, values in found.items())
        return f"{batch.tell(row)}, {prices}"

    allowed = np.all([is_allowed(name, values) for name, values in found.items()], axis=0)
    faults.note("A price is a number above 0, and a bar without is left out;", ~allowed, tell)
    for bound in ("high", "low"):
        wrong = np.any([beyond_it for _, beyond_it in beyond(bound, found)], axis=0)
        rule = f"The {bound} is the {bound}est price of its bar;"
        faults.note(rule, allowed & wrong, tell)


def _refuse_repeated(files: BarFiles, columns: dict[str, int], times: Times) -> None:
    """Tell which bars are there twice."""
    faults, seen = Faults(files.path), np.zeros(len(times) * len(columns), np.bool_)
    for batch in files.batches():
        places = _places(batch, columns, times)
        repeated = np.ones(len(places), np.bool_)
        repeated[np.unique(places, return_index=True)[1]] = False
        repeated |= seen[places]
        seen[places] = True
        faults.note(f"A symbol has one row for a {files.key};", repeated, batch.tell)
    faults.tell()


_PARTITION = "symbol="


@dataclass(frozen=True)
class BarFile:
    """A file of bars, what it is called, and whose they are where no column says it."""

    path: Path
    name: str
    symbol: str | None


@dataclass(frozen=True)
class Batch:
    """Some rows of a file."""

    file: str  # what the file is called
    rows: NDArray[np.int64]  # their numbers in it, shape (rows,)
    names: list[str]  # symbols
    codes: NDArray[np.int64]  # the place of each row's symbol in `names`, shape (rows,)
    # opens of bars in microseconds, UTC, or sessions as days; shape (rows,)
    times: NDArray[np.datetime64]
    table: pa.RecordBatch  # all that was read

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where it is null."""
        return numbers(self.table.column(name))

    @cached_property
    def symbols(self) -> set[str]:
        """The symbols that have rows."""
        return {self.names[code] for code in np.flatnonzero(np.bincount(self.codes)).tolist()}

    def tell(self, row: int) -> str:
        """Where a row stands and which bar it is, by its place in the batch."""
        symbol = self.names[self.codes[row]] or "no symbol"
        return f"{self.file}, row {self.rows[row]}: {symbol} {told(self.times[row])}"


def told(time: np.datetime64) -> str:
    """A day as it is, a moment with its zone."""
    if np.isnat(time):
        return "without a time"
    is_day = np.datetime_data(time.dtype)[0] == "D"
    return str(time) if is_day else f"{str(time).removesuffix('.000000').replace('T', ' ')} UTC"


class BarFiles:
    """A Parquet file of bars or a folder of them, which can be read again and again.

    Attributes:
        path: the file or folder.
        key: the column that says when: `time`, or `session` where bars are sessions.

    """

    def __init__(self, path: Path, symbols: Sequence[str] | None, *, volume: bool) -> None:
        """Find the files and check their columns.

        Raises UsageError where there is nothing at the path, and DataError where a file is corrupt,
        lacks a column or has one of the wrong type.

        Args:
            path: the file or folder.
            symbols: the symbols that are wanted; all where None.
            volume: whether the column `volume` is needed.

        """
        self.path = path
        self._wanted = None if symbols is None else set(symbols)
        only = symbols[0] if symbols is not None and len(symbols) == 1 else None
        schemas = {file: schema_of(file) for file in _files(path)}
        self.key = _key_of(*next(iter(schemas.items())))
        needed = {self.key: DAY if self.key == "session" else MOMENT}
        needed |= dict.fromkeys((*(PRICES.names or ()), *(["volume"] if volume else [])), NUMBER)
        self._files = []
        for file, schema in schemas.items():
            has_symbol = "symbol" in schema.names
            check_columns(file, schema, {**({"symbol": TEXT} if has_symbol else {}), **needed})
            symbol = None if has_symbol else _symbol_of(file, path, only)
            if symbol is None or self._wanted is None or symbol in self._wanted:
                name = file.name if file == path else file.relative_to(path).as_posix()
                self._files.append(BarFile(file, name, symbol))

    def batches(self, *columns: str) -> Iterator[Batch]:
        """The rows of the symbols that are wanted, batch by batch.

        Raises DataError where a file is corrupt.

        Args:
            columns: those that are read beside symbol and time.

        """
        for file in self._files:
            keys = ("symbol", self.key) if file.symbol is None else (self.key,)
            for first, table in read_batches(file.path, (*keys, *columns)):
                with readable(file.path):
                    batch = self._batch(file, first, table)
                if len(batch.rows):
                    yield batch

    def _batch(self, file: BarFile, first: int, table: pa.RecordBatch) -> Batch:
        rows = np.arange(first, first + table.num_rows)
        if file.symbol is not None:
            names, codes = [file.symbol], np.zeros(len(rows), np.int64)
        else:
            names, codes = texts(table.column("symbol"))
            if self._wanted is not None:
                keep = np.array([name in self._wanted for name in names])[codes]
                table, rows, codes = table.filter(keep), rows[keep], codes[keep]
        times = (days if self.key == "session" else moments)(table.column(self.key))
        return Batch(file.name, rows, names, codes, times, table)


def _key_of(file: Path, schema: pa.Schema) -> str:
    for key in ("time", "session"):
        if key in schema.names:
            return key
    raise DataError(
        f"{file}: no column that says when. Needed: 'time', the open of each bar with its zone, "
        f"or 'session', a date, where bars are sessions; it has {', '.join(schema.names)}."
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*.parquet"))
        if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise UsageError(f"There is no file *.parquet in the folder {path}.")
    return found


def _symbol_of(file: Path, root: Path, only: str | None) -> str:
    """Whose bars a file without a column `symbol` holds."""
    for part in file.relative_to(root).parts if file != root else ():
        if part.startswith(_PARTITION):
            return unquote(part.removeprefix(_PARTITION))
    return only if only and file == root else file.stem
