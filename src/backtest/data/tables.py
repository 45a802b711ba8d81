"""The tables of inputs, which can be altered and written into another data folder, sealed.

Prices and finer bars are a frame a symbol; the others are rows of text, since what they say is
altered cell by cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, TypeAdapter

from backtest.data.actions import basis_of, is_within, parse_action
from backtest.data.bars import bars_frame
from backtest.data.datafile import DataFile, header_of, read_rows, span_of, write_data_file
from backtest.data.kinds import Event, new_york_day

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.inputs import Inputs
    from backtest.data.prices import Prices

Cells = dict[str, str]

_MOMENT = TypeAdapter(AwareDatetime)


@dataclass(frozen=True)
class Row:
    """A row of text; `day`, ISO, is that of a rate, an action, publication, or first membership.

    It is None of what was so all along, or is in the prices already, as a split may be.
    """

    cells: Cells
    day: str | None
    published_at: datetime | None = None

    @cached_property
    def line(self) -> str:
        """The row as it stands in a CSV file."""
        return _line(self.cells.values())


@dataclass(frozen=True)
class FileTables:
    """What the files of a data folder hold, by their name in it, such as `prices/CRWV.csv`."""

    prices: Mapping[str, pd.DataFrame]
    events: Mapping[str, Sequence[Row]]
    borrow: Mapping[str, Sequence[Row]]
    members: Mapping[str, Sequence[Row]]
    actions: Mapping[str, Sequence[Row]]
    bars: Mapping[str, pd.DataFrame]  # all of a file, by when they open, UTC without a zone

    @property
    def frames(self) -> Mapping[str, pd.DataFrame]:
        """The tables that are prices, daily and finer ones."""
        return {**self.prices, **self.bars}

    @property
    def rows(self) -> Mapping[str, Sequence[Row]]:
        """The tables that are rows of text."""
        return {**self.events, **self.borrow, **self.members, **self.actions}


@dataclass(frozen=True)
class DataTables:
    """The tables of a data folder that a replay reads, and what is known of their files by name."""

    tables: FileTables
    files: Mapping[str, DataFile]
    kinds: Mapping[str, type[Event]]  # of the files of events
    symbols: Mapping[str, str]  # of the files of prices and finer bars, the ticker of today

    def write(self, data: Path, tables: FileTables) -> None:
        """Write tables of these names into a data folder, each with metadata that fit."""
        from backtest.data.price_rows import parquet_bytes

        true = self.tables.frames
        for name, table in tables.frames.items():
            if table is true[name]:
                self._write_as_is(data, name)
            else:
                content = parquet_bytes(table) if name.endswith(".parquet") else _price_csv(table)
                self._write(data, name, content, table.index.strftime("%Y-%m-%d").tolist())
        text = self.tables.rows
        for name, rows in tables.rows.items():
            if rows is text[name]:
                self._write_as_is(data, name)
            else:
                lines = [_line(header_of(self.files[name])), *(row.line for row in rows)]
                self._write(data, name, "".join(lines).encode(), [row.day for row in rows])

    def _write_as_is(self, data: Path, name: str) -> None:
        file = self.files[name]
        write_data_file(data / name, file.content or file.text.encode(), file.metadata)

    def _write(self, data: Path, name: str, content: bytes, days: Sequence[str | None]) -> None:
        metadata = {**self.files[name].metadata, **span_of(days)}
        write_data_file(data / name, content, metadata)


def data_tables(inputs: Inputs, data: Path) -> DataTables:
    """The tables of inputs that were read from a data folder."""

    def name(file: DataFile) -> str:
        return file.path.relative_to(data).as_posix()

    members = [inputs.universe.file] if inputs.universe else []
    read = [p for p in (*inputs.seen.values(), inputs.benchmark) if p.file not in members]
    rates = [one.file for one in inputs.rates.values() if one.file]
    tables = FileTables(
        prices={name(one.file): table for prices in read for one, table in _own_tables(prices)},
        events={name(one.file): _rows(one.file, event_row) for one in inputs.files},
        borrow={name(file): _rows(file, _rate_row) for file in rates},
        members={name(file): _rows(file, member_row) for file in members},
        actions={
            name(prices.actions.file): _rows(prices.actions.file, partial(action_row, prices))
            for prices in read
            if prices.actions.file
        },
        bars={
            name(file): bars_frame(file)
            for one in inputs.finer.values()
            for file in (one.file, *one.former)
        },
    )
    kinds = {name(one.file): one.kind for one in inputs.files}
    symbols = {name(own.file): one.symbol for one in read for own in (one, *one.former)}
    for symbol, bars in inputs.finer.items():
        symbols |= {name(file): symbol for file in (bars.file, *bars.former)}
    return DataTables(tables, inputs.by_path(data), kinds, symbols)


def event_row(cells: Cells) -> Row:
    """The row of an event, from its cells."""
    published_at = _MOMENT.validate_python(cells["published_at"])
    return Row(cells, new_york_day(published_at).isoformat(), published_at)


def member_row(cells: Cells) -> Row:
    """The row of a membership, from its cells."""
    return Row(cells, cells["first"] or None)


def action_row(prices: Prices, cells: Cells) -> Row:
    """The row of an action on a share, from its cells."""
    action = parse_action(cells)
    known = action.action == "renamed" or is_within(action, basis_of(prices.file.metadata))
    return Row(cells, None if known else action.day.isoformat())


def _own_tables(prices: Prices) -> Iterator[tuple[Prices, pd.DataFrame]]:
    """The prices of each of a stock's tickers, with the rows that are in its file."""
    yield from ((one, one.table) for one in prices.former)
    begin = max((one.table.index[-1] for one in prices.former), default=None)
    yield prices, prices.table if begin is None else prices.table[prices.table.index > begin]


def _rate_row(cells: Cells) -> Row:
    return Row(cells, date.fromisoformat(cells["date"]).isoformat())


def _rows(file: DataFile, row: Callable[[Cells], Row]) -> list[Row]:
    return [row(cells) for _, cells in read_rows(file, (), [])]


def _price_csv(table: pd.DataFrame) -> bytes:
    text: str = table.to_csv(index_label="date", date_format="%Y-%m-%d", lineterminator="\n")
    return text.encode()


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
