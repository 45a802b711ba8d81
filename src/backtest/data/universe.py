"""A universe: stocks with the span in which each was a member, in `universes/NAME/members.csv`.

Its folder may hold prices, events and borrow rates of its own, laid out as in the data folder;
where it holds none, those of the data folder count.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.datafile import DataFile, raise_problems, read_data_file, read_rows
from backtest.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.data.datafile import Reader

FOLDER = "universes"
_COLUMNS = ("symbol", "first", "last")
_TABLES = ("prices", "events", "borrow")


@dataclass(frozen=True)
class Universe:
    """The members of a universe.

    Attributes:
        name: of its folder.
        spans: by symbol the first and the last day of each membership, both included.
        file: the table of members.

    """

    name: str
    spans: Mapping[str, Sequence[tuple[date, date]]]
    file: DataFile

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Every stock that ever was a member, in order of the alphabet."""
        return tuple(sorted(self.spans))

    def has(self, symbol: str, day: date) -> bool:
        """Whether a stock is a member on a day."""
        return any(first <= day <= last for first, last in self.spans.get(symbol, ()))

    def members(self, day: date) -> tuple[str, ...]:
        """The members on a day, in order of the alphabet."""
        now = np.datetime64(day)
        there = (self._bounds[:, 0] <= now) & (now <= self._bounds[:, 1])
        return tuple(np.unique(self._owners[there]).tolist())

    @cached_property
    def _bounds(self) -> NDArray[np.datetime64]:
        return np.array([span for spans in self.spans.values() for span in spans], "M8[D]")

    @cached_property
    def _owners(self) -> NDArray[np.object_]:
        return np.array([symbol for symbol, spans in self.spans.items() for _ in spans], object)


def universe_names(data: Path) -> list[str]:
    """The universes of a data folder."""
    return sorted(path.parent.name for path in (data / FOLDER).glob("*/members.csv"))


def tables_folder(data: Path, name: str | None) -> Path:
    """The folder with the prices, events and borrow rates of a universe, if one is named."""
    if name is None:
        return data
    own = data / FOLDER / name
    return own if any((own / table).is_dir() for table in _TABLES) else data


def read_universe(data: Path, name: str, read: Reader = read_data_file) -> Universe:
    """Read the members of a universe.

    Args:
        data: the data folder.
        name: of the universe.
        read: reads a data file; it decides which version.

    Raises:
        UsageError: there is no such universe.
        DataError: its table breaks the format, or does not agree with its metadata.

    """
    if name not in universe_names(data):
        raise unknown(f"universe in {data / FOLDER}", name, universe_names(data))
    path = data / FOLDER / name / "members.csv"
    return parse_universe(name, read(path, seal_command=f"backtest universes seal {name}"))


def parse_universe(name: str, file: DataFile) -> Universe:
    """Check a table of members; see `read_universe`."""
    problems: list[str] = []
    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for line, row in read_rows(file, _COLUMNS, problems):
        span, fault = _span(row)
        if fault:
            problems.append(f"line {line}, {fault}")
            continue
        if any(span[0] <= last and first <= span[1] for first, last in spans[row["symbol"]]):
            problems.append(
                f"line {line}: {row['symbol']} is a member in part of that span already; "
                f"one line a span, and the spans of a stock that came back lie apart"
            )
        spans[row["symbol"]].append(span)
    if not spans and not problems:
        problems.append("no member; write one line a stock: symbol, first, last")
    raise_problems(file.path, problems)
    return Universe(name, dict(spans), file)


def _span(row: Mapping[str, str]) -> tuple[tuple[date, date], str]:
    """First and last day of a membership, empty ones without bound; and what is wrong."""
    found = [date.min, date.max]
    if not row["symbol"]:
        return (found[0], found[1]), "column symbol: is empty"
    for place, column in enumerate(("first", "last")):
        try:
            found[place] = date.fromisoformat(row[column]) if row[column] else found[place]
        except ValueError:
            fault = f"column {column}: {row[column]!r} is not a day such as 2025-03-28, nor empty"
            return (found[0], found[1]), fault
    fault = f"first {row['first']} is later than last {row['last']}"
    return (found[0], found[1]), fault if found[0] > found[1] else ""
