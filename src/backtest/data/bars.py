"""Read bars finer than sessions, and hold them against the daily prices.

The bars of a symbol are in `prices/5m/SYMBOL.parquet`, one folder for each length of bar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, Reader, raise_problems, read_data_file
from backtest.data.event_checks import Finding
from backtest.data.price_rows import BAR_COLUMNS, PriceRows, checked_table, parquet_table
from backtest.data.prices import Prices, parse_prices
from backtest.errors import DataError, UsageError, first_few, unknown

if TYPE_CHECKING:
    from backtest.data.actions import Action

Hours = Literal["regular", "extended"]
_ARRAYS = ("times", "sessions", "table", "is_extended")
LENGTHS: Mapping[str, int] = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}  # minutes
_ROUNDED, _ROUNDED_SHARE = 0.005, 0.00001  # rounding: half a cent, or this share of a price
_MOST_OFF = 0.01  # of a price; beyond it bars and daily prices are not of one kind
_ALIKE = 0.01  # how near to each other ratios are that come from one adjustment
_LEAST_SPLIT = 1.4  # new shares for one
_NAMED = 10  # sessions that get a finding each; the others share one
_VOLUME = 0.05  # of the daily volume, by which that of the bars may differ without a note


@dataclass(frozen=True)
class FinerBars:
    """`FinerBars` holds the bars of one symbol that are finer than sessions, oldest first.

    They open within the hours of sessions or, where `extended` hours were read, before or after
    them. What trades after a close belongs to the session that opens next.
    """

    symbol: str
    length: int  # minutes; a bar is cut short by the close of its session
    file: DataFile
    times: NDArray[np.datetime64]  # when each bar opens, UTC, in microseconds
    sessions: NDArray[np.datetime64]  # the session that each bar belongs to, as a day
    table: NDArray[np.float64]  # shape (bars, 5): open, high, low, close, volume
    is_extended: NDArray[np.bool_]  # whether a bar opens outside of the hours of its session
    former: tuple[DataFile, ...] = ()  # files of former tickers, whose bars are in the table too

    def sha256(self) -> str:
        """Return the hash of the bars, whichever file holds them."""
        digest = hashlib.sha256(str(self.length).encode())
        digest.update(self.times.astype("M8[us]").astype("i8").tobytes())
        digest.update(self.table.tobytes())
        return digest.hexdigest()

    def within(self, days: NDArray[np.datetime64]) -> FinerBars:
        """Return the bars of these sessions alone."""
        return self._rows(np.isin(self.sessions, days))

    @property
    def of(self) -> str:
        """Return the name of the length, such as `5m`."""
        return self.file.path.parent.name

    def frame(self) -> pd.DataFrame:
        """Return the bars as a frame, indexed by when they open, UTC."""
        index = pd.DatetimeIndex(self.times, name="time", tz="UTC")
        return pd.DataFrame(self.table, index, columns=list(BAR_COLUMNS))

    @cached_property
    def by_session(self) -> pd.DataFrame:
        """Return the open, high, low, close and volume of each session, from bars in its hours."""
        regular = self._rows(~self.is_extended) if self.is_extended.any() else self
        days, begins = np.unique(regular.sessions, return_index=True)
        ends = np.searchsorted(regular.sessions, days, "right") - 1
        opens, highs, lows, closes, volumes = regular.table.T
        columns = (
            opens[begins], np.maximum.reduceat(highs, begins), np.minimum.reduceat(lows, begins),
            closes[ends], np.add.reduceat(volumes, begins),
        )  # fmt: skip
        index = pd.DatetimeIndex(days.astype("M8[ns]"), name="session")
        return pd.DataFrame(dict(zip(BAR_COLUMNS, columns, strict=True)), index=index)

    def _rows(self, rows: NDArray[np.bool_]) -> FinerBars:
        return replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})


def minutes_a_bar(length: str) -> int:
    """Return the minutes of a length such as `5m`; UsageError where there is no such length."""
    if length not in LENGTHS:
        raise UsageError(f"Bars of {length!r} are unknown. Choose one of {', '.join(LENGTHS)}.")
    return LENGTHS[length]


def bars_path(folder: Path, symbol: str, length: str) -> Path:
    """Return the path of a symbol's bars of a length; UsageError where there is no such length."""
    minutes_a_bar(length)
    return folder / length / f"{symbol}.parquet"


def bar_symbols(folder: Path, length: str) -> list[str]:
    """List the symbols with bars of a length; UsageError where there is no such length."""
    minutes_a_bar(length)
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

    The bars of a stock that was renamed begin with those under its former ticker. Bars outside of
    `hours` are left out; extended hours are from 04:00 to before 20:00 New York. UsageError where
    the symbol has no file; DataError where a file breaks its format or does not agree with its
    metadata.
    """
    path = bars_path(folder, symbol, length)
    if not path.is_file():
        symbols = bar_symbols(folder, length)
        error = unknown(f"file of {length} bars in {path.parent} for symbol", symbol, symbols)
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
    """Parse and check a file of bars, and leave out those outside of the hours."""
    return bars_within(file, bars_frame(file), hours)


def bars_within(file: DataFile, frame: pd.DataFrame, hours: Hours = "regular") -> FinerBars:
    """Make bars of a frame as in `bars_frame`, keeping those in the hours.

    The file need not exist: its path alone gives the symbol and the length.
    """
    times, table = frame.index.to_numpy(), np.ascontiguousarray(frame.to_numpy(dtype=float))
    sessions = trading_calendar().sessions_at(times)
    is_extended = np.isnat(sessions)
    if hours == "extended":
        sessions[is_extended] = trading_calendar().extended_sessions_at(times[is_extended])
    rows, length = ~np.isnat(sessions), LENGTHS[file.path.parent.name]
    return FinerBars(
        file.path.stem, length, file, times[rows], sessions[rows], table[rows], is_extended[rows]
    )


def bars_frame(file: DataFile) -> pd.DataFrame:
    """Read all bars of a file, of whatever hours, by opening time, UTC without a zone.

    The columns are open, high, low, close and volume. DataError where one is missing, or a row is
    no bar.
    """
    columns = parquet_table(file.path, file.content, "time")
    times = columns.pop("time").astype("M8[us]")
    if missing := [name for name in BAR_COLUMNS if name not in columns]:
        raise DataError(
            f"{file.path}: no column {missing[0]!r}. Needed: time, {', '.join(BAR_COLUMNS)}."
        )
    problems: list[str] = []
    table = checked_table(PriceRows("row", np.arange(len(times)), times, columns), problems)
    raise_problems(file.path, problems)
    return table


def _continued(former: FinerBars, bars: FinerBars, renamed_on: date) -> FinerBars:
    """Put the bars under a former ticker before those of the stock."""
    begin = np.datetime64(renamed_on)
    end = min(begin, bars.sessions[0]) if len(bars.sessions) else begin
    before = former.within(former.sessions[former.sessions < end])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(before, name), getattr(bars, name)]) for name in _ARRAYS
    }
    return replace(bars, **joined, former=(former.file, *bars.former))


def read_kept_prices(path: Path) -> Prices:
    """Read a price file, daily or of finer bars; DataError where it differs from its metadata."""
    length, seal = path.parent.name, f"backtest prices seal {path.stem}"
    if length not in LENGTHS:
        return parse_prices(read_data_file(path, seal))
    file = read_data_file(path, f"{seal} --bars {length}")
    return Prices(path.stem, bars_frame(file), file)


# Bars against the daily prices


@dataclass(frozen=True)
class Difference:
    """A difference is a price of a session on which its bars and its daily row disagree."""

    session: date
    column: str
    finer: float
    daily: float

    @property
    def share(self) -> float:
        """Return how far the prices are apart, as a fraction of the daily one."""
        return abs(self.finer / self.daily - 1)

    def __str__(self) -> str:
        return (
            f"{self.session} {self.column} {self.finer:.10g} by its bars, "
            f"{self.daily:.10g} by the day"
        )


def differences(bars: FinerBars, prices: Prices) -> list[Difference]:
    """List the prices that differ by more than rounding, in the sessions that both have."""
    names = list(BAR_COLUMNS[:-1])
    days = bars.by_session.index.intersection(prices.table.index)
    finer = bars.by_session.loc[days, names].to_numpy()
    daily = prices.table.loc[days, names].to_numpy()
    apart = np.abs(finer - daily) > np.maximum(_ROUNDED * (1 + 1e-9), _ROUNDED_SHARE * daily)
    return [
        Difference(days[row].date(), names[column], finer[row, column], daily[row, column])
        for row, column in np.argwhere(apart).tolist()
    ]


def disagreement(bars: FinerBars, prices: Prices, differing: Sequence[Difference]) -> str:
    """Say what may be the cause of differences beyond `_MOST_OFF`, and the remedy."""
    far = [one for one in differing if one.share > _MOST_OFF]
    first, last = far[0].session, far[-1].session
    finer = bars.by_session.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]
    ratios = (finer / prices.table.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]).to_numpy()
    ratio = float(np.median(ratios))
    command = f"`backtest prices import FILE --bars {bars.of} --symbol {bars.symbol}`"
    if np.ptp(ratios) > _ALIKE * ratio:
        return (
            f"The bars of {first} may be incomplete, stamped by their end in place of their open, "
            f"of another zone or of another stock. {command} with --accept-revisions takes in "
            f"better ones; --from and --to leave the session out."
        )
    shares = max(ratio, 1 / ratio)
    splits = [row for row in prices.actions.rows if row.action == "split" and row.day > last]
    on_file = f" of {splits[0].day}" if splits else ""
    what = f"a split{on_file} ({shares:.4g} for 1)" if shares > _LEAST_SPLIT else "dividends"
    return (
        f"All prices of {first} are {ratio:.4g} times those of the day: one of the two is adjusted "
        f"for {what}, the other is not. Take in both as adjusted in one way, with {command} and "
        f"--accept-revisions, or without --bars the daily ones."
    )


def agreement_sentences(bars: FinerBars, prices: Prices) -> list[str]:
    """Write a sentence on small differences; DataError where some are beyond `_MOST_OFF`."""
    differing = differences(bars, prices)
    if not differing:
        return []
    sessions = len(bars.by_session.index.intersection(prices.table.index))
    see = f"`backtest prices check {bars.symbol}` lists them."
    if far := [one for one in differing if one.share > _MOST_OFF]:
        count = len({one.session for one in far})
        raise DataError(
            f"{bars.symbol}: bars of {bars.of} and daily prices differ by more than "
            f"{100 * _MOST_OFF:g} % in {count:,} of {sessions:,} sessions, first on {far[0]}. "
            f"{disagreement(bars, prices, differing)} {see}"
        )
    worst = max(differing, key=lambda one: one.share)
    count = len({one.session for one in differing})
    text = (
        f"Bars of {bars.of} and daily prices of {bars.symbol} differ by more than "
        f"rounding in {count:,} of {sessions:,} sessions, by {100 * worst.share:.2g} % at most "
        f"({worst}). {see}"
    )
    return [text]


# What `prices check` finds


def check_against_daily(bars: FinerBars, prices: Prices, where: str) -> Iterator[Finding]:
    """Find sessions on which bars and daily prices disagree, or which one of them lacks."""
    differing = differences(bars, prices)
    far = [one for one in differing if one.share > _MOST_OFF]
    near = [str(one) for one in differing if one.share <= _MOST_OFF]
    name = bars.of
    why = f"Runs by --bars {name} stop: stops, entries and results would be of other prices."
    by_day = [list(some) for _, some in groupby(far, key=lambda one: one.session)]
    for of_day in by_day[:_NAMED]:
        what = "; ".join(map(str, of_day))
        yield Finding("error", where, what, why, disagreement(bars, prices, of_day))
    if rest := by_day[_NAMED:]:
        many = "session differs" if len(rest) == 1 else "sessions differ"
        what = f"{len(rest):,} more {many} by more than {100 * _MOST_OFF:g} %"
        yield Finding("error", where, f"{what}, to {rest[-1][0].session}", why, "As above.")
    if near:
        many = "price differs" if len(near) == 1 else "prices differ"
        what = f"{len(near):,} {many} by more than rounding: {first_few(near)}"
        why = "Daily prices may be those of auctions, which bars lack; runs say so."
        yield Finding("note", where, what, why, "Compare with another source.")
    yield from _check_sessions(bars, prices, where)


def _check_sessions(bars: FinerBars, prices: Prices, where: str) -> Iterator[Finding]:
    """Find sessions without bars or without a daily row, and volumes that are far apart."""
    finer, days = bars.by_session, prices.days
    if finer.empty:
        what = "No bar within the hours of a session"
        yield Finding("warning", where, what, "No run can use the file.", "Take bars in anew.")
        return
    bar_days = finer.index.to_numpy().astype("M8[D]")
    within = days[(bar_days[0] <= days) & (days <= bar_days[-1])]
    no_bar, no_day = np.setdiff1d(within, bar_days), np.setdiff1d(bar_days, days)
    for missing, lacks, why in (
        (no_bar, "No bar", "Runs trade such sessions by their daily prices."),
        (no_day, "No daily price", "Runs leave the bars of such sessions out."),
    ):
        if len(missing):
            what = f"{lacks} on {first_few(missing.astype(str).tolist())}"
            yield Finding("note", where, what, why, "Take the sessions in from another source.")
    both = finer.index.intersection(prices.traded.index)
    volumes = finer.loc[both, "volume"] / prices.table.loc[both, "volume"]
    if abs(share := volumes.median() - 1) > _VOLUME:
        what = f"In the median session the bars have {1 + share:.2g} times the daily volume"
        why = "A cap on the share of the volume is met at other sizes than by daily prices."
        yield Finding("note", where, what, why, "Compare with another source.")
