"""Daily prices of one symbol: reading, checking, and the span that is replayed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from backtest.data.datafile import DataFile, raise_problems, read_data_file
from backtest.data.price_checks import checked_table
from backtest.data.price_rows import BAR_COLUMNS, price_rows
from backtest.data.price_store import price_path, price_symbols
from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from backtest.data.datafile import Reader

__all__ = ["BAR_COLUMNS", "Prices", "parse_prices", "price_symbols", "read_prices"]


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

    def sha256(self) -> str:
        """Hash of the rows, whichever file holds them."""
        days = self.table.index.to_numpy().astype("M8[D]").astype("i8")
        digest = hashlib.sha256(" ".join(self.table.columns).encode())
        digest.update(days.tobytes())
        digest.update(self.table.to_numpy(dtype="f8").tobytes())
        return digest.hexdigest()

    def span(self, first: date | None, last: date | None) -> Prices:
        """The rows from `first` to `last`, both included.

        Raises:
            UsageError: `first` lies after `last`, or no session between them.

        """
        if first is not None and last is not None and first > last:
            raise UsageError(f"--from {first} lies after --to {last}: give the earlier day first.")
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


def read_prices(
    folder: Path, symbol: str, *, bars: bool = False, read: Reader = read_data_file
) -> Prices:
    """Read the prices of a symbol, from whichever file holds them; see `price_store`.

    Args:
        folder: the folder of price files.
        symbol: the stock or fund, as its file is named.
        bars: whether opens, highs and lows are needed, to trade it.
        read: reads a data file; it decides which version.

    Raises:
        UsageError: there is no such symbol, or it has closes alone and `bars` is asked for.
        DataError: the file breaks its format or does not agree with its metadata, or two files
            hold the symbol.

    """
    path = price_path(folder, symbol)
    if path is None:
        raise unknown(f"price file in {folder} for symbol", symbol, price_symbols(folder))
    prices = parse_prices(read(path, seal_command=f"backtest prices seal {symbol}"))
    if bars and not prices.has_bars:
        raise UsageError(
            f"{symbol} has closes alone, so it can be a benchmark but not be traded: "
            f"{prices.file.path} needs the columns date, {', '.join(BAR_COLUMNS)}."
        )
    return prices


def parse_prices(file: DataFile) -> Prices:
    """Check the content of a price file; see `read_prices`."""
    problems: list[str] = []
    table = checked_table(price_rows(file, problems), problems)
    raise_problems(file.path, problems)
    return Prices(file.path.stem, table, file)
