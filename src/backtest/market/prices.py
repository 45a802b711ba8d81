"""Daily prices of one symbol: reading, checking, and the span that is replayed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.datafiles import DataFile, raise_problems, read_data_file, read_rows
from backtest.errors import DataError, UsageError, unknown
from backtest.market.calendar import EXCHANGE, trading_calendar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BAR_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Prices:
    """Daily prices of one symbol, one row a session.

    Attributes:
        symbol: the stock or fund.
        table: indexed by session (dates without a zone), in dollars as the file's adjust mode
            says; columns `open high low close volume`, or `close` alone.
        file: the file that was read, with its metadata.

    """

    symbol: str
    table: pd.DataFrame
    file: DataFile

    @property
    def has_bars(self) -> bool:
        """Whether opens, highs and lows are there, so that the symbol can be traded."""
        return "open" in self.table

    @property
    def first(self) -> date:
        """The first session."""
        return _as_date(self.table.index[0])

    @property
    def last(self) -> date:
        """The last session."""
        return _as_date(self.table.index[-1])

    def span(self, first: date | None, last: date | None) -> Prices:
        """The rows from `first` to `last`, both included.

        Raises:
            UsageError: no session lies between them.

        """
        low = None if first is None else pd.Timestamp(first)
        high = None if last is None else pd.Timestamp(last)
        table = self.table.loc[low:high]
        if table.empty:
            raise UsageError(
                f"{self.symbol} has no session from {first or self.first} to {last or self.last}. "
                f"Its prices run from {self.first} to {self.last}; choose --from and --to within."
            )
        return replace(self, table=table)


def _as_date(stamp: pd.Timestamp) -> date:
    day: date = stamp.date()
    return day


def price_symbols(folder: Path) -> list[str]:
    """The symbols that have a price file in the folder."""
    return sorted(path.stem for path in folder.glob("*.csv"))


def read_prices(folder: Path, symbol: str, *, bars: bool = False) -> Prices:
    """Read the prices of a symbol from `folder/<symbol>.csv`.

    Args:
        folder: the folder of price files.
        symbol: the stock or fund, as its file is named.
        bars: whether opens, highs and lows are needed, to trade it.

    Raises:
        UsageError: there is no such symbol, or it has closes alone and `bars` is asked for.
        DataError: the file breaks its format or does not agree with its metadata.

    """
    if symbol not in price_symbols(folder):
        raise unknown(f"price file in {folder} for symbol", symbol, price_symbols(folder))
    command = f"backtest prices seal {symbol}"
    prices = parse_prices(read_data_file(folder / f"{symbol}.csv", seal_command=command))
    if bars and not prices.has_bars:
        raise UsageError(
            f"{symbol} has closes alone, so it can be a benchmark but not be traded: "
            f"{prices.file.path} needs the columns date, {', '.join(BAR_COLUMNS)}."
        )
    return prices


def parse_prices(file: DataFile) -> Prices:
    """Check the text of a price file; see `read_prices`."""
    problems: list[str] = []
    rows = read_rows(file, ("date", "close"), problems)
    if not rows:
        raise_problems(file.path, problems)
        raise DataError(f"{file.path} has a header but no row.")
    with_bars = "open" in rows[0][1]
    columns = BAR_COLUMNS if with_bars else ("close",)
    missing = [name for name in columns if name not in rows[0][1]]
    if missing:
        raise DataError(
            f"{file.path}, line 1: no column {missing[0]!r}. "
            f"Needed: date, {', '.join(BAR_COLUMNS)}; or date, close for a benchmark."
        )
    lines = np.array([line for line, _ in rows])
    days = _days([row["date"] for _, row in rows], lines, problems)
    table = pd.DataFrame(
        {name: _numbers(name, [row[name] for _, row in rows], lines, problems) for name in columns},
        index=pd.DatetimeIndex(days.astype("M8[ns]"), name="session"),
    )
    if not problems:
        _check_order(days, lines, problems)
        _check_sessions(days, lines, problems)
    if with_bars:
        _check_ranges(table, lines, problems)
    raise_problems(file.path, problems)
    return Prices(file.path.stem, table, file)


def _days(cells: Sequence[str], lines: np.ndarray, problems: list[str]) -> np.ndarray:
    days = np.full(len(cells), np.datetime64("NaT", "D"))
    for place, (cell, line) in enumerate(zip(cells, lines, strict=True)):
        try:
            days[place] = np.datetime64(date.fromisoformat(cell))
        except ValueError:
            problems.append(f"line {line}, column date: {cell!r} is not a day such as 2025-03-28")
    return days


def _numbers(name: str, cells: Sequence[str], lines: np.ndarray, problems: list[str]) -> np.ndarray:
    numbers: np.ndarray = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(
        dtype=float
    )
    allowed = "a number from 0 up" if name == "volume" else "a number above 0"
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(numbers) | (numbers < 0) | ((numbers == 0) & (name != "volume"))
    problems += [
        f"line {lines[place]}, column {name}: {cells[place]!r} is not {allowed}"
        for place in np.flatnonzero(bad).tolist()
    ]
    return numbers


def _check_order(days: np.ndarray, lines: np.ndarray, problems: list[str]) -> None:
    for place in np.flatnonzero(days[1:] <= days[:-1]) + 1:
        fault = "repeats" if days[place] == days[place - 1] else "comes before"
        problems.append(
            f"line {lines[place]}, column date: {days[place]} {fault} line {lines[place - 1]}; "
            f"one row a session, oldest first"
        )


def _check_sessions(days: np.ndarray, lines: np.ndarray, problems: list[str]) -> None:
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    problems += [
        f"line {lines[place]}, column date: {days[place]} is not a session of {EXCHANGE}"
        for place in np.flatnonzero(~np.isin(days, sessions))
    ]
    problems += [
        f"no row for the session {session}: a gap against the calendar {EXCHANGE}"
        for session in sessions[~np.isin(sessions, days)]
    ]


def _check_ranges(table: pd.DataFrame, lines: np.ndarray, problems: list[str]) -> None:
    for bound, names, word in (
        ("high", ("low", "open", "close"), "below"),
        ("low", ("open", "close"), "above"),
    ):
        for name in names:
            limit, price = table[bound].to_numpy(), table[name].to_numpy()
            wrong = price > limit if bound == "high" else price < limit
            problems += [
                f"line {lines[place]}: {bound} {limit[place]:g} is {word} {name} {price[place]:g}; "
                f"the {bound} is the session's {bound}est price"
                for place in np.flatnonzero(wrong).tolist()
            ]
