"""Files of bars: which they are, whose bars they hold, and their rows batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np

from backtest.engine.kernel.records import PRICES
from backtest.errors import DataError, UsageError
from backtest.experiments.simulation.parquet import (
    DAY,
    MOMENT,
    NUMBER,
    TEXT,
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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

_PARTITION = "symbol="


@dataclass(frozen=True)
class BarFile:
    """A file of bars, what it is called, and whose they are where no column says it."""

    path: Path
    name: str
    symbol: str | None


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        file: what the file is called.
        rows: their numbers in it, shape (rows,).
        names: symbols.
        codes: the place of each row's symbol in `names`, shape (rows,).
        times: opens of bars in microseconds, UTC, or sessions as days; shape (rows,).
        table: all that was read.

    """

    file: str
    rows: NDArray[np.int64]
    names: list[str]
    codes: NDArray[np.int64]
    times: NDArray[np.datetime64]
    table: pa.RecordBatch

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

        Args:
            path: the file or folder.
            symbols: the symbols that are wanted; all where None.
            volume: whether the column `volume` is needed.

        Raises:
            UsageError: there is nothing at the path.
            DataError: a file is corrupt, lacks a column or has one of the wrong type.

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

        Args:
            columns: those that are read beside symbol and time.

        Raises:
            DataError: a file is corrupt.

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
