"""Bars finer than sessions: those within its hours, and on demand those before and after.

They are in `prices/5m/ACME.parquet`, a folder a length, as `simulate` reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, raise_problems, read_data_file
from backtest.data.price_rows import BAR_COLUMNS, PriceRows, check_bars, parquet_table
from backtest.errors import DataError, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.data.actions import Action
    from backtest.data.datafile import Reader

Hours = Literal["regular", "extended"]
HOURS: tuple[Hours, ...] = get_args(Hours)
_ARRAYS = ("times", "sessions", "table", "is_extended")
LENGTHS: Mapping[str, int] = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}  # minutes


@dataclass(frozen=True)
class FinerBars:
    """The bars of one symbol, oldest first.

    They open within the hours of sessions or, where `extended` hours were read, before or after
    them. What trades after a close belongs to the session that opens next.
    """

    symbol: str
    length: int  # minutes; a bar is cut short by the close of its session
    file: DataFile
    times: NDArray[np.datetime64]  # when each opens, UTC, in microseconds
    sessions: NDArray[np.datetime64]  # the session that it belongs to, as a day
    table: NDArray[np.float64]  # a row a bar: open, high, low, close, volume
    is_extended: NDArray[np.bool_]  # whether it opens outside of the hours
    former: tuple[DataFile, ...] = ()  # under other tickers, whose bars are in the table as well

    def sha256(self) -> str:
        """Hash of the bars, whichever file holds them."""
        digest = hashlib.sha256(str(self.length).encode())
        digest.update(self.times.astype("M8[us]").astype("i8").tobytes())
        digest.update(self.table.tobytes())
        return digest.hexdigest()

    def within(self, days: NDArray[np.datetime64]) -> FinerBars:
        """The bars of some sessions."""
        return self._rows(np.isin(self.sessions, days))

    @property
    def of(self) -> str:
        """The name of their length, such as `5m`."""
        return self.file.path.parent.name

    def frame(self) -> pd.DataFrame:
        """The bars, indexed by when they open, UTC."""
        index = pd.DatetimeIndex(self.times, name="time", tz="UTC")
        return pd.DataFrame(self.table, index, columns=list(BAR_COLUMNS))

    @cached_property
    def by_session(self) -> pd.DataFrame:
        """What the bars within a session's hours make: its open, high, low, close and volume."""
        own = self._rows(~self.is_extended) if self.is_extended.any() else self
        days, begins = np.unique(own.sessions, return_index=True)
        ends = np.searchsorted(own.sessions, days, "right") - 1
        opens, highs, lows, closes, volumes = own.table.T
        columns = (
            opens[begins], np.maximum.reduceat(highs, begins), np.minimum.reduceat(lows, begins),
            closes[ends], np.add.reduceat(volumes, begins),
        )  # fmt: skip
        index = pd.DatetimeIndex(days.astype("M8[ns]"), name="session")
        return pd.DataFrame(dict(zip(BAR_COLUMNS, columns, strict=True)), index=index)

    def _rows(self, rows: slice | NDArray[np.bool_]) -> FinerBars:
        columns = {name: getattr(self, name)[rows] for name in _ARRAYS}
        return replace(self, **columns)


def minutes_of(length: str) -> int:
    """The minutes of a length such as `5m`; UsageError where there is no such length."""
    if length not in LENGTHS:
        raise UsageError(f"Bars of {length!r} are unknown. Choose one of {', '.join(LENGTHS)}.")
    return LENGTHS[length]


def bars_path(folder: Path, symbol: str, length: str) -> Path:
    """The file of a symbol's bars of a length; UsageError as of `minutes_of`."""
    minutes_of(length)
    return folder / length / f"{symbol}.parquet"


def bar_symbols(folder: Path, length: str) -> list[str]:
    """The symbols of which there are bars of a length; UsageError as of `minutes_of`."""
    minutes_of(length)
    return sorted(path.stem for path in (folder / length).glob("[!.]*.parquet"))


def read_bars(
    folder: Path,
    symbol: str,
    length: str,
    *,
    renames: Sequence[Action] = (),
    read: Reader = read_data_file,
    hours: Hours = "regular",
) -> FinerBars:
    """Read the bars of a symbol, of a length of `LENGTHS`, from the folder of prices.

    Of a stock that was renamed, those under the former ticker come first. Bars outside of `hours`
    are left out: of extended ones those before 04:00 or from 20:00 New York. UsageError where there
    are none; DataError where a file breaks its format or does not agree with its metadata.
    """
    path = bars_path(folder, symbol, length)
    if not path.is_file():
        there = bar_symbols(folder, length)
        error = unknown(f"file of {length} bars in {path.parent} for symbol", symbol, there)
        raise type(error)(
            f"{error} `backtest prices import FILE --bars {length} --symbol {symbol}` takes bars "
            f"from a file of yours, `backtest prices fetch {symbol} --bars {length}` what Yahoo "
            f"has of them."
        )
    bars = parse_bars(read(path, f"backtest prices seal {symbol} --bars {length}"), hours)
    for rename in reversed(renames):
        before = bars_path(folder, rename.name, length)
        if before.is_file():
            command = f"backtest prices seal {rename.name} --bars {length}"
            bars = _continued(parse_bars(read(before, command), hours), bars, rename.day)
    return bars


def parse_bars(file: DataFile, hours: Hours = "regular") -> FinerBars:
    """Check the content of a file of bars; those outside of the hours are left out."""
    return bars_within(file, *bars_table(file), hours)


def bars_within(
    file: DataFile,
    times: NDArray[np.datetime64],
    table: NDArray[np.float64],
    hours: Hours = "regular",
) -> FinerBars:
    """The bars of a file, or of what it would hold, that open within the hours of a session."""
    sessions = trading_calendar().sessions_at(times)
    is_extended = np.isnat(sessions)
    if hours == "extended":
        outside = trading_calendar().extended_sessions_at(times[is_extended])
        sessions[is_extended] = outside
    rows, length = ~np.isnat(sessions), LENGTHS[file.path.parent.name]
    return FinerBars(
        file.path.stem, length, file, times[rows], sessions[rows], table[rows], is_extended[rows]
    )


def bars_table(file: DataFile) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """All bars of a file, also those before the open and after the close, by when they open."""
    columns = parquet_table(file.path, file.content, "time")
    times = columns.pop("time").astype("M8[us]")
    if missing := [name for name in BAR_COLUMNS if name not in columns]:
        raise DataError(
            f"{file.path}: no column {missing[0]!r}. Needed: time, {', '.join(BAR_COLUMNS)}."
        )
    problems: list[str] = []
    check_bars(PriceRows("row", np.arange(len(times)), times, columns), problems)
    raise_problems(file.path, problems)
    return times, np.column_stack([columns[name] for name in BAR_COLUMNS])


def _continued(former: FinerBars, bars: FinerBars, renamed_on: date) -> FinerBars:
    """The bars with those under a former ticker before them."""
    begin = np.datetime64(renamed_on)
    end = min(begin, bars.sessions[0]) if len(bars.sessions) else begin
    before = former.within(former.sessions[former.sessions < end])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(before, name), getattr(bars, name)]) for name in _ARRAYS
    }
    return replace(bars, **joined, former=(former.file, *bars.former))
