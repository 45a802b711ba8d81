"""Parquet files: their columns checked, read batch by batch, wrong rows told together."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet, types

from backtest.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_BATCH = 65_536  # rows
_BUFFER = 1 << 20  # bytes; without it a column of a whole row group would be in memory
_SHOWN = 3  # rows of each kind of fault


@dataclass(frozen=True)
class Kind:
    """A kind of column: what it holds, and which types of Arrow do."""

    told: str
    fits: Callable[[pa.DataType], bool]


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return bool(
        types.is_string(plain) or types.is_large_string(plain) or types.is_string_view(plain)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


TEXT = Kind("texts", _is_text)
NUMBER = Kind("numbers", _is_number)
MOMENT = Kind(
    "timestamps with a zone, such as timestamp[us, tz=UTC]",
    lambda kind: types.is_timestamp(kind) and kind.tz is not None,
)
DAY = Kind("dates without a time, such as date32 (in pandas: `.dt.date`)", types.is_date)


def schema_of(path: Path) -> pa.Schema:
    """The columns of a file.

    Raises UsageError where there is no such file, and DataError where it is not readable Parquet.
    """
    with readable(path):
        return parquet.read_schema(path)


def check_columns(path: Path, schema: pa.Schema, needed: Mapping[str, Kind]) -> None:
    """Refuse a file that lacks a column, or has one of another kind.

    Raises DataError where it does.
    """
    for name, kind in needed.items():
        if schema.names.count(name) != 1:
            fault = f"column {name!r} twice" if name in schema.names else f"no column {name!r}"
            raise DataError(
                f"{path}: {fault}. Needed: {', '.join(needed)}; it has {', '.join(schema.names)}."
            )
        found = schema.field(name).type
        with readable(path):
            fits = kind.fits(found) or types.is_null(found)  # nulls alone have no type
        if not fits:
            raise DataError(f"{path}, column {name!r}: {found}. It must hold {kind.told}.")


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Some columns of a file, batch by batch, each with the number of its first row.

    Raises DataError where the file is corrupt.
    """
    with readable(path), _open(path) as file:
        first = 0
        for batch in file.iter_batches(_BATCH, columns=list(columns)):
            yield first, batch
            first += batch.num_rows


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, pa.Array]:
    """Some columns of a file, whole, by name.

    Raises DataError where the file is corrupt.
    """
    with readable(path), _open(path) as file:
        table = file.read(list(columns))
        return {name: table.column(name).combine_chunks() for name in columns}


def _open(path: Path) -> parquet.ParquetFile:
    return parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell what Arrow raises in the words of this program.

    Raises UsageError where there is no such file, and DataError where it is not readable Parquet,
    or holds a value that is not.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{path} is not readable Parquet ({str(error).strip().partition(chr(10))[0]}). "
            f"Write it anew."
        ) from None


def moments(column: Any) -> NDArray[np.datetime64]:
    """A column of `MOMENT`, UTC in microseconds; NaT where it is null."""
    # Of nanoseconds the whole microseconds are kept: whatever is later than them is so of both.
    exact = not str(column.type).startswith("timestamp[ns")
    return _array(column.cast(pa.timestamp("us", "UTC"), safe=exact))


def days(column: Any) -> NDArray[np.datetime64]:
    """A column of `DAY`; NaT where it is null."""
    return _array(column.cast(pa.date32(), safe=False)).astype("M8[D]")


def numbers(column: Any) -> NDArray[np.float64]:
    """A column of `NUMBER`; NaN where it is null."""
    return _array(column.cast(pa.float64(), safe=False))


def texts(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    """A column of `TEXT` as its distinct texts and each row's place among them; null is empty."""
    coded = column if types.is_dictionary(column.type) else column.dictionary_encode()
    names = [name or "" for name in coded.dictionary.to_pylist()]
    places = _array(coded.indices.fill_null(len(names)).cast(pa.int64()))
    return [*names, ""], places


def _array(column: Any) -> NDArray[Any]:
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array


class Faults:
    """What is wrong with rows: of each kind how many, and the first few."""

    def __init__(self, path: Path) -> None:
        """Nothing is wrong yet.

        Args:
            path: the file or folder that was asked for.

        """
        self._path = path
        self._found: dict[str, tuple[int, list[str]]] = {}

    def note(self, rule: str, bad: NDArray[np.bool_], tell: Callable[[int], str]) -> None:
        """Note the rows that break a rule.

        Args:
            rule: what must hold, and how it is mended.
            bad: whether a row breaks it.
            tell: which row it is, and what it has, by its place in `bad`.

        """
        places = np.flatnonzero(bad)
        if len(places):
            count, shown = self._found.get(rule, (0, []))
            more = [tell(place) for place in places[: _SHOWN - len(shown)].tolist()]
            self._found[rule] = (count + len(places), shown + more)

    def tell(self) -> None:
        """Return where nothing is wrong.

        Raises DataError where something is; one message for all of it.
        """
        if not self._found:
            return
        lines = []
        for rule, (count, shown) in self._found.items():
            lines.append(
                f"\n  {rule} {count:,} {'row breaks' if count == 1 else 'rows break'} this:"
            )
            lines += [f"\n    {example}" for example in shown]
            lines += ["\n    …"] * (count > len(shown))
        raise DataError(
            f"{self._path} has rows that are wrong (they are counted from 0)." + "".join(lines)
        )
