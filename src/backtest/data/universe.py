"""Read universes: stocks with the spans in which each was a member.

The members are in `universes/NAME/members.csv`. That folder may hold prices, events and borrow
rates of its own, laid out as in the data folder; where it holds none, the data folder's are used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.datafile import (
    DataFile,
    Reader,
    day_of,
    parsed_rows,
    raise_problems,
    read_data_file,
)
from backtest.data.kinds import is_symbol
from backtest.data.prices import Prices, price_symbols
from backtest.errors import UsageError, first_few, unknown

if TYPE_CHECKING:
    from backtest.data.events import EventFile

FOLDER = "universes"
_COLUMNS = ("symbol", "first", "last")
_TABLES = ("prices", "events", "borrow")


@dataclass(frozen=True)
class Universe:
    """A universe has members, each with the first and the last day of its memberships."""

    name: str
    spans: Mapping[str, Sequence[tuple[date, date]]]
    file: DataFile

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Return every stock that ever was a member, in order of the alphabet."""
        return tuple(sorted(self.spans))

    def has(self, symbol: str, day: date) -> bool:
        """Tell whether a stock is a member on a day."""
        return any(first <= day <= last for first, last in self.spans.get(symbol, ()))

    def members(self, day: date) -> tuple[str, ...]:
        """Return the members on a day, in order of the alphabet."""
        now = np.datetime64(day)
        is_member = (self._bounds[:, 0] <= now) & (now <= self._bounds[:, 1])
        return tuple(self._owners[is_member].tolist())

    def only(self, symbols: Collection[str]) -> Universe:
        """Return the universe without its other members."""
        return replace(self, spans={s: span for s, span in self.spans.items() if s in symbols})

    @cached_property
    def _bounds(self) -> NDArray[np.datetime64]:
        return np.array([span for symbol in self.symbols for span in self.spans[symbol]], "M8[D]")

    @cached_property
    def _owners(self) -> NDArray[np.object_]:
        return np.array([symbol for symbol in self.symbols for _ in self.spans[symbol]], object)


def universe_names(data: Path) -> list[str]:
    """List the universes of a data folder."""
    return sorted(path.parent.name for path in (data / FOLDER).glob("*/members.csv"))


def tables_folder(data: Path, name: str | None) -> Path:
    """Return the folder with the tables of a universe: its own, or the data folder.

    It is the data folder where no universe is named, or the universe's folder has no such table.
    """
    if name is None:
        return data
    folder = data / FOLDER / name
    return folder if any((folder / table).is_dir() for table in _TABLES) else data


def read_universe(data: Path, name: str, read: Reader = read_data_file) -> Universe:
    """Read the members of a universe.

    UsageError where there is no such universe; DataError where the table of members breaks its
    format or does not agree with its metadata.
    """
    if name not in universe_names(data):
        raise unknown(f"universe in {data / FOLDER}", name, universe_names(data))
    path = data / FOLDER / name / "members.csv"
    return parse_universe(name, read(path, f"backtest universes seal {name}"))


def parse_universe(name: str, file: DataFile) -> Universe:
    """Parse and check a table of members; DataError where it breaks its format."""
    problems: list[str] = []
    overlapping: list[str] = []
    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for line, (symbol, first, last) in parsed_rows(file, _COLUMNS, problems, _member):
        if any(first <= until and since <= last for since, until in spans[symbol]):
            overlapping.append(f"line {line}: {symbol}")
        spans[symbol].append((first, last))
    if overlapping:
        problems.append(
            f"{first_few(overlapping)} is a member in part of that span already; one line a span, "
            f"and the spans of a stock that came back lie apart"
        )
    if not spans and not problems:
        problems.append("no member; write one line a stock: symbol, first, last")
    raise_problems(file.path, problems)
    return Universe(name, dict(spans), file)


def _member(row: Mapping[str, str]) -> tuple[str, date, date]:
    """Parse the symbol, first and last day of a membership; an empty day is no bound."""
    if not is_symbol(row["symbol"]):
        raise ValueError(f"column symbol: {row['symbol']!r} is no symbol; write it as in CRWV")
    first = day_of(row, "first", ", nor empty") if row["first"] else date.min
    last = day_of(row, "last", ", nor empty") if row["last"] else date.max
    if first > last:
        raise ValueError(f"first {first} is later than last {last}")
    return row["symbol"], first, last


# What a universe is traded on; each function adds to `remarks` a sentence on what it leaves out


def members_prices(
    universe: Universe,
    folder: Path,
    read: Callable[[str], Prices],
    remarks: list[str],
    *,
    bars: bool,
) -> dict[str, Prices]:
    """Read the prices of the members that have bars, or also closes alone if `bars` are not needed.

    A member for which `read` raises UsageError is left out, as one that had no prices then.
    UsageError where none is left.
    """
    priced = {}
    for symbol in sorted({*price_symbols(folder)} & {*universe.symbols}):
        with suppress(UsageError):
            priced[symbol] = read(symbol)
    usable = {symbol: prices for symbol, prices in priced.items() if prices.has_bars or not bars}
    total = len(universe.symbols)
    _remark(remarks, total, "have no prices", {*universe.symbols} - {*priced})
    _remark(remarks, total, "have closes alone", {*priced} - {*usable})
    if not usable:
        wanted = "bars" if bars else "prices"
        raise UsageError(
            f"No member of {universe.name} has {wanted} in {folder}. Import them with "
            f"`backtest prices import FILE --data {folder.parent}`."
        )
    return usable


def members_spans(
    universe: Universe,
    history: Mapping[str, Prices],
    span: tuple[date | None, date | None],
    remarks: list[str],
) -> dict[str, Prices]:
    """Cut the prices to the span, and keep stocks that were members while they have prices in it.

    UsageError where none is left.
    """
    in_span: dict[str, Prices] = {}
    fault = None
    for symbol, prices in history.items():
        try:
            in_span[symbol] = prices.span(*span)
        except UsageError as error:
            fault = error
    first, last = span
    if fault and not in_span:
        if first and last and first > last:
            raise fault
        begin = min(prices.first for prices in history.values())
        end = max(prices.last for prices in history.values())
        raise UsageError(
            f"No member of {universe.name} has a session from {first or begin} to {last or end}. "
            f"Their prices run from {begin} to {end}; choose --from and --to within."
        )
    total = len(universe.symbols)
    _remark(remarks, total, "have no session in the span", {*history} - {*in_span})
    apart = {
        symbol
        for symbol, prices in in_span.items()
        if not any(a <= prices.last and prices.first <= b for a, b in universe.spans[symbol])
    }
    _remark(remarks, total, "were members only before or after their prices", apart)
    if apart == {*in_span}:
        raise UsageError(
            f"No stock was a member of {universe.name} while there are prices of it: {remarks[-1]} "
            f"Mend the days in {universe.file.path}, then `backtest universes seal "
            f"{universe.name}`, or choose --from and --to."
        )
    return {symbol: prices for symbol, prices in in_span.items() if symbol not in apart}


def members_events(file: EventFile, traded: Collection[str], remarks: list[str]) -> EventFile:
    """Keep only the events of traded stocks and of the whole market."""
    name = file.kind.file_name()
    events = tuple(event for event in file.events if event.symbol in {*traded, ""})
    if others := {event.symbol for event in file.events} - {*traded, ""}:
        count = len(file.events) - len(events)
        remarks.append(
            f"Left out of {name}: {count:,} event{'s' * (count > 1)} of stocks that are not "
            f"traded here, {first_few(sorted(others))}."
        )
    if any(event.symbol for event in events):
        without = {*traded} - {event.symbol for event in events}
        _remark(remarks, len(traded), f"have no event in {name}", without, "traded")
    return replace(file, events=events)


def mean_of_members(universe: Universe, history: Mapping[str, Prices]) -> Prices:
    """Compute the universe with equal weights in each session, as closes that begin at 100.

    The return of a session is the mean of those of its members that have a close in it and one
    before, dividends included, and 0 where there is none.
    """
    changes = pd.concat({s: prices.returns for s, prices in history.items()}, axis=1, sort=True)
    sessions = changes.index.to_numpy().astype("M8[D]")
    is_member = np.zeros(changes.shape, np.bool_)
    for column, symbol in enumerate(history):
        for first, last in np.array(universe.spans[symbol], "M8[D]"):
            is_member[:, column] |= (first <= sessions) & (sessions <= last)
    mean = changes.where(is_member).mean(axis=1).fillna(0.0)
    table = pd.DataFrame({"close": 100 * (1 + mean).cumprod()})
    table.index.name = "session"
    return Prices(universe.name, table, universe.file)


def _remark(
    remarks: list[str], total: int, what: str, symbols: Collection[str], of: str = "members"
) -> None:
    if symbols:
        remarks.append(f"{len(symbols):,} of {total:,} {of} {what}: {first_few(sorted(symbols))}.")
