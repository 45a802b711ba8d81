"""Read the tables of a data folder as of a day, and write altered ones into another folder.

To be altered, prices and finer bars are one frame for each file; the other tables are rows of
text, since they are altered cell by cell.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import AwareDatetime, TypeAdapter

from backtest.data.actions import basis_of, is_within, parse_action
from backtest.data.bars import bars_frame, bars_path, read_bars
from backtest.data.datafile import (
    DataFile,
    header_of,
    read_data_file,
    read_rows,
    span_of,
    write_data_file,
)
from backtest.data.events import read_all_events
from backtest.data.kinds import NEW_YORK, Event, end_of_day, new_york_day
from backtest.data.prices import price_path, read_prices
from backtest.data.versions import read_version, version_as_of
from backtest.errors import MissingDataError, UsageError, first_few

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.actions import Actions
    from backtest.data.bars import FinerBars, Hours
    from backtest.data.borrow import BorrowRates
    from backtest.data.events import EventFile
    from backtest.data.inputs import Inputs
    from backtest.data.prices import Prices

Cells = dict[str, str]

_MOMENT = TypeAdapter(AwareDatetime)


@dataclass
class FilesAsOf:
    """`FilesAsOf` reads a data folder as it is, or in the versions of the end of a day.

    UsageError where the day is still to come.
    """

    data: Path
    tables: Path  # the folder with the data of what is traded
    day: date | None  # in New York; None for the files as they are
    stand_ins: dict[Path, date] = field(default_factory=dict)  # files whose history begins later

    def __post_init__(self) -> None:
        if self.day is not None and self.day > datetime.now(NEW_YORK).date():
            raise UsageError(f"{self.day} is still to come: nothing can be told as of then.")

    def read(self, path: Path, seal_command: str) -> DataFile:
        """Read a file as of the day; DataError where it does not agree with its metadata.

        Where no version of that day is kept, the next one stands in.
        """
        file = read_data_file(path, seal_command)
        if self.day is None:
            return file
        version, is_later = version_as_of(path, end_of_day(self.day))
        if is_later:
            self.stand_ins[path] = version.recorded_at.date()
        return read_version(path, version)

    def prices(self, symbol: str, *, bars: bool = False) -> Prices:
        """Read the prices of a symbol up to the day; UsageError where there were none then."""
        is_in_tables = price_path(self.tables / "prices", symbol) is not None
        folder = (self.tables if is_in_tables else self.data) / "prices"
        prices = read_prices(folder, symbol, bars=bars, read=self.read)
        if self.day is None:
            return prices
        if prices.first > self.day:
            raise UsageError(
                f"Nothing of {symbol} was there as of {self.day}: "
                f"its prices begin on {prices.first}."
            )
        return replace(prices.span(None, self.day), actions=prices.actions.up_to(self.day))

    def finer(self, inputs: Inputs, length: str, hours: Hours) -> dict[str, FinerBars]:
        """Read the bars of a length of all that is replayed, in the sessions in which it traded.

        Bars from before the span are among them, for strategies see the past. UsageError where a
        symbol has no file, or no bar is within the span; MissingDataError of a hedge without one.
        """
        finer, is_any_in_span = {}, False
        for symbol, prices in inputs.replayed.items():
            is_in_tables = bars_path(self.tables / "prices", symbol, length).is_file()
            days = inputs.seen[symbol].days
            try:
                bars = read_bars(
                    (self.tables if is_in_tables else self.data) / "prices", symbol, length,
                    renames=prices.actions.renames, read=self.read, hours=hours,
                )  # fmt: skip
            except UsageError as error:
                if symbol in inputs.hedges:
                    raise MissingDataError(str(error)) from None
                raise
            finer[symbol] = bars.within(days[days <= np.datetime64(prices.last)])
            is_any_in_span |= bool(np.isin(prices.days, bars.sessions).any())
        if not is_any_in_span:
            raise UsageError(
                f"None of {first_few(sorted(finer))} has a bar of {length} from {inputs.first} to "
                f"{inputs.last}. Choose --from and --to within the bars, or run without --bars."
            )
        return finer

    def prices_to_see(self, symbol: str, wanted_by: str) -> Prices:
        """Read the prices of a symbol that is seen but not traded; MissingDataError without any."""
        return self._wanted_prices(symbol, f"{wanted_by} looks at {symbol} (its looks_at)")

    def prices_of_hedge(self, symbol: str, wanted_by: str, inputs: Inputs) -> Prices:
        """Read the bars of a symbol that is traded against others; MissingDataError without any.

        UsageError where it is traded on events too.
        """
        if symbol in inputs.history:
            raise UsageError(
                f"{wanted_by} hedges with {symbol} (its trades_also), which cannot be traded by "
                f"events in the same run: leave {symbol} out of the symbols."
            )
        how = (
            f" `backtest prices fetch {symbol}` loads its bars, "
            f"`backtest prices import FILE --symbol {symbol}` takes them from a file."
        )
        why = f"{wanted_by} hedges with {symbol} (its trades_also)"
        return self._wanted_prices(symbol, why, how, bars=True)

    @staticmethod
    def check_hedges(hedges: Mapping[str, Prices], wanted_by: str, inputs: Inputs) -> None:
        """Raise MissingDataError where a hedge does not trade while a stock or another hedge does.

        In such a session no leg could be filled.
        """
        days = np.concatenate([one.days for one in (*inputs.span.values(), *hedges.values())])
        within = (np.datetime64(inputs.first) <= days) & (days <= np.datetime64(inputs.last))
        for symbol, prices in hedges.items():
            missing = np.setdiff1d(days[within], prices.days)
            if not len(missing):
                continue
            has_bar = missing[0] in prices.table.index
            what = "does not trade, in a halt or after its end," if has_bar else "has no bar"
            more = "" if has_bar else ", or import more of them"
            raise MissingDataError(
                f"{symbol}, which {wanted_by} hedges with, {what} on {missing[0]} "
                f"({len(missing):,} session{'s' * (len(missing) > 1)} in all). Its prices run from "
                f"{prices.first} to {prices.last}: choose a span with --from and --to{more}."
            )

    def _wanted_prices(self, symbol: str, why: str, how: str = "", *, bars: bool = False) -> Prices:
        """Read prices, or raise an error that tells which universe has them, or how to get them."""
        from backtest.data.universe import tables_folder, universe_names

        try:
            return self.prices(symbol, bars=bars)
        except UsageError as error:
            fault = f"{error} {why}.{how}"
        for name in universe_names(self.data):
            tables = tables_folder(self.data, name)
            if tables != self.tables and price_path(tables / "prices", symbol):
                raise MissingDataError(
                    f"{why}, of which {self.tables / 'prices'} has no bars. The universe {name} "
                    f"has: choose --universe {name}."
                )
        raise MissingDataError(fault)

    def rates(self, symbols: Iterable[str]) -> dict[str, BorrowRates]:
        """Read the borrow rates of symbols; a symbol without a file has none."""
        from backtest.data.borrow import read_borrow_rates

        return {s: read_borrow_rates(self.tables / "borrow", s, self.read) for s in symbols}

    def events(
        self, kinds: Iterable[type[Event]], history: Mapping[str, Prices]
    ) -> Sequence[EventFile]:
        """Read the events of kinds up to the day; those of a former ticker become the stock's."""
        files: Sequence[EventFile] = read_all_events(self.tables / "events", kinds, self.read)
        if renames := _renames(history, self.day):
            files = [
                replace(file, events=tuple(_of_new_ticker(one, renames) for one in file.events))
                for file in files
            ]
        if self.day is None:
            return files
        end = end_of_day(self.day)
        return [
            replace(file, events=tuple(one for one in file.events if one.published_at <= end))
            for file in files
        ]

    def assumptions(self) -> list[str]:
        """Write a sentence for each day on which the history of some files begins too late."""
        sentences = []
        for begin in sorted(set(self.stand_ins.values())):
            late = sorted(path for path, day in self.stand_ins.items() if day == begin)
            names = first_few([path.relative_to(self.data).as_posix() for path in late], 10)
            verb = "is" if len(late) == 1 else "are"
            sentences.append(
                f"{names} {verb} on record only from {begin}, after {self.day}: the oldest version "
                f"was used, without what became public later. What was corrected or filled in "
                f"between the two days is in it."
            )
        return sentences


def _renames(history: Mapping[str, Prices], day: date | None) -> dict[str, list[Actions]]:
    """Group the actions of renamed stocks by former ticker.

    As of a day before the change, a former ticker that is itself in the history is still its own.
    """
    by_ticker = defaultdict(list)
    for prices in history.values():
        for rename in prices.actions.renames:
            is_to_come = day is not None and rename.day > day
            if not (is_to_come and rename.name in history):
                by_ticker[rename.name].append(prices.actions)
    return by_ticker


def _of_new_ticker(event: Event, renames: Mapping[str, Sequence[Actions]]) -> Event:
    renamed = (actions.own(event) for actions in renames.get(event.symbol, ()))
    return next((one for one in renamed if one is not event), event)


@dataclass(frozen=True)
class Row:
    """A row holds the texts of a line, and the ISO `day` from which what it says is known.

    That is the day of publication, of a rate, of an action, or of the first membership; it is None
    for what was always so, or what the prices show already, as they may a split.
    """

    cells: Cells
    day: str | None
    published_at: datetime | None = None

    @cached_property
    def line(self) -> str:
        """Return the row as a line of a CSV file."""
        return _line(self.cells.values())


@dataclass(frozen=True)
class FileTables:
    """`FileTables` holds the contents of data files by path, such as `prices/CRWV.csv`."""

    prices: Mapping[str, pd.DataFrame]
    events: Mapping[str, Sequence[Row]]
    borrow: Mapping[str, Sequence[Row]]
    members: Mapping[str, Sequence[Row]]
    actions: Mapping[str, Sequence[Row]]
    bars: Mapping[str, pd.DataFrame]  # all bars of a file, by when they open, UTC without a zone

    @property
    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables that are prices, daily and finer ones."""
        return {**self.prices, **self.bars}

    @property
    def rows(self) -> Mapping[str, Sequence[Row]]:
        """Return the tables that are rows of text."""
        return {**self.events, **self.borrow, **self.members, **self.actions}


@dataclass(frozen=True)
class DataTables:
    """`DataTables` holds the tables that a replay reads, and facts about their files by path."""

    tables: FileTables
    files: Mapping[str, DataFile]
    kinds: Mapping[str, type[Event]]  # the kind of each event file
    symbols: Mapping[str, str]  # the present ticker of each file of prices or finer bars

    def write(self, data: Path, tables: FileTables) -> None:
        """Write tables into a data folder under the same paths, each with metadata that fit."""
        from backtest.data.price_rows import parquet_bytes

        frames = self.tables.frames
        for name, table in tables.frames.items():
            if table is frames[name]:
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
    """Read again, as tables to alter, the files of a data folder from which inputs were read."""

    def name(file: DataFile) -> str:
        return file.path.relative_to(data).as_posix()

    members = [inputs.universe.file] if inputs.universe else []
    every = [p for p in (*inputs.seen.values(), inputs.benchmark) if p.file not in members]
    rates = [one.file for one in inputs.rates.values() if one.file]
    tables = FileTables(
        prices={name(one.file): table for prices in every for one, table in _tables_of(prices)},
        events={name(one.file): _rows(one.file, event_row) for one in inputs.files},
        borrow={name(file): _rows(file, _rate_row) for file in rates},
        members={name(file): _rows(file, member_row) for file in members},
        actions={
            name(prices.actions.file): _rows(prices.actions.file, partial(action_row, prices))
            for prices in every
            if prices.actions.file
        },
        bars={
            name(file): bars_frame(file)
            for one in inputs.finer.values()
            for file in (one.file, *one.former)
        },
    )
    kinds = {name(one.file): one.kind for one in inputs.files}
    symbols = {name(part.file): one.symbol for one in every for part in (one, *one.former)}
    for symbol, bars in inputs.finer.items():
        symbols |= {name(file): symbol for file in (bars.file, *bars.former)}
    return DataTables(tables, inputs.by_path(data), kinds, symbols)


def event_row(cells: Cells) -> Row:
    """Make the row of an event from its cells."""
    published_at = _MOMENT.validate_python(cells["published_at"])
    return Row(cells, new_york_day(published_at).isoformat(), published_at)


def member_row(cells: Cells) -> Row:
    """Make the row of a membership from its cells."""
    return Row(cells, cells["first"] or None)


def action_row(prices: Prices, cells: Cells) -> Row:
    """Make the row of an action from its cells; see `Row` for its day."""
    action = parse_action(cells)
    is_timeless = action.action == "renamed" or is_within(action, basis_of(prices.file.metadata))
    return Row(cells, None if is_timeless else action.day.isoformat())


def _tables_of(prices: Prices) -> Iterator[tuple[Prices, pd.DataFrame]]:
    """Yield the prices under each ticker of a stock, with the rows that are in its file."""
    yield from ((one, one.table) for one in prices.former)
    begin = max((one.table.index[-1] for one in prices.former), default=None)
    yield prices, prices.table if begin is None else prices.table[prices.table.index > begin]


def _rate_row(cells: Cells) -> Row:
    return Row(cells, cells["date"])


def _rows(file: DataFile, row: Callable[[Cells], Row]) -> list[Row]:
    return [row(cells) for _, cells in read_rows(file, (), [])]


def _price_csv(table: pd.DataFrame) -> bytes:
    text: str = table.to_csv(index_label="date", date_format="%Y-%m-%d", lineterminator="\n")
    return text.encode()


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
