"""The tables of a data folder: read as of a day, altered, and written into another, sealed.

Of what is altered prices and finer bars are a frame a symbol; the others are rows of text, since
what they say is altered cell by cell.
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
    """The files of a data folder as they are, or in the version of the end of a day."""

    data: Path
    tables: Path  # the folder with what is traded
    day: date | None  # in New York; None for the files as they are
    stand_ins: dict[Path, date] = field(default_factory=dict)  # first day of a later history

    def __post_init__(self) -> None:
        if self.day is not None and self.day > datetime.now(NEW_YORK).date():
            raise UsageError(f"{self.day} is still to come: nothing can be told as of then.")

    def read(self, path: Path, seal_command: str) -> DataFile:
        """A file as of the day, held against its metadata."""
        file = read_data_file(path, seal_command)
        if self.day is None:
            return file
        version, is_later = version_as_of(path, end_of_day(self.day))
        if is_later:
            self.stand_ins[path] = version.recorded_at.date()
        return read_version(path, version)

    def prices(self, symbol: str, *, bars: bool = False) -> Prices:
        """The prices of a symbol up to the day."""
        own = price_path(self.tables / "prices", symbol) is not None
        folder = (self.tables if own else self.data) / "prices"
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
        """The bars of a length of all that is replayed, in the sessions in which it traded.

        Those from before the span are among them, for strategies see the past. UsageError where
        none is within it.
        """
        found, is_within = {}, False
        for symbol, prices in inputs.replayed.items():
            own = bars_path(self.tables / "prices", symbol, length).is_file()
            days = inputs.seen[symbol].days
            try:
                bars = read_bars(
                    (self.tables if own else self.data) / "prices", symbol, length,
                    renames=prices.actions.renames, read=self.read, hours=hours,
                )  # fmt: skip
            except UsageError as error:
                raise (MissingDataError if symbol in inputs.hedges else UsageError)(
                    str(error)
                ) from None
            found[symbol] = bars.within(days[days <= np.datetime64(prices.last)])
            is_within |= bool(np.isin(prices.days, bars.sessions).any())
        if not is_within:
            raise UsageError(
                f"None of {first_few(sorted(found))} has a bar of {length} from {inputs.first} to "
                f"{inputs.last}. Choose --from and --to within the bars, or run without --bars."
            )
        return found

    def looked_at(self, symbol: str, by: str) -> Prices:
        """The prices of a symbol that is seen and not traded."""
        return self._needed(symbol, f"{by} looks at {symbol} (its looks_at)")

    def hedged_with(self, symbol: str, wanted_by: str, found: Inputs) -> Prices:
        """The bars of a symbol that is traded against others."""
        if symbol in found.history:
            raise UsageError(
                f"{wanted_by} hedges with {symbol} (its trades_also), which cannot be traded by "
                f"events in the same run: leave {symbol} out of the symbols."
            )
        how = (
            f" `backtest prices fetch {symbol}` loads its bars, "
            f"`backtest prices import FILE --symbol {symbol}` takes them from a file."
        )
        needed = f"{wanted_by} hedges with {symbol} (its trades_also)"
        return self._needed(symbol, needed, how, bars=True)

    @staticmethod
    def check_hedges(hedges: Mapping[str, Prices], wanted_by: str, found: Inputs) -> None:
        """Refuse a hedge that does not trade where a stock does, or another hedge."""
        days = np.concatenate([one.days for one in (*found.span.values(), *hedges.values())])
        within = (np.datetime64(found.first) <= days) & (days <= np.datetime64(found.last))
        for symbol, prices in hedges.items():
            missing = np.setdiff1d(days[within], prices.days)  # in a halt no leg can be filled
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

    def _needed(self, symbol: str, why: str, how: str = "", *, bars: bool = False) -> Prices:
        """Prices of a symbol, or the error: which universe has them, or how else to get them."""
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
        """The borrow rates of symbols; a symbol without a file has none."""
        from backtest.data.borrow import read_borrow_rates

        return {s: read_borrow_rates(self.tables / "borrow", s, self.read) for s in symbols}

    def events(
        self, kinds: Iterable[type[Event]], history: Mapping[str, Prices]
    ) -> Sequence[EventFile]:
        """The events of kinds, those under a former ticker of a stock as its own."""
        files: Sequence[EventFile] = read_all_events(self.tables / "events", kinds, self.read)
        if renames := _renames(history):
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
        """A sentence for each day on which the history of some files begins too late."""
        found = []
        for begin in sorted(set(self.stand_ins.values())):
            late = sorted(path for path, day in self.stand_ins.items() if day == begin)
            names = first_few([path.relative_to(self.data).as_posix() for path in late], 10)
            verb = "is" if len(late) == 1 else "are"
            found.append(
                f"{names} {verb} on record only from {begin}, after {self.day}: the oldest version "
                f"was used, without what became public later. What was corrected or filled in "
                f"between the two days is in it."
            )
        return found


def _renames(history: Mapping[str, Prices]) -> dict[str, list[Actions]]:
    """By former ticker the actions of the stocks that it was of."""
    found = defaultdict(list)
    for prices in history.values():
        for rename in prices.actions.renames:
            found[rename.name].append(prices.actions)
    return found


def _of_new_ticker(event: Event, renames: Mapping[str, Sequence[Actions]]) -> Event:
    owned = (actions.own(event) for actions in renames.get(event.symbol, ()))
    return next((one for one in owned if one is not event), event)


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
