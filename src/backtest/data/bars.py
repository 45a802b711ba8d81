"""Bars finer than sessions: those within its hours, and on demand those before and after.

Bars are in `prices/5m/ACME.parquet`, a folder a length, as `simulate` reads them.
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
from backtest.data.price_rows import BAR_COLUMNS, PriceRows, check_bars, parquet_table
from backtest.data.prices import Prices, parse_prices
from backtest.errors import DataError, UsageError, first_few, unknown

if TYPE_CHECKING:
    from backtest.data.actions import Action

Hours = Literal["regular", "extended"]
_ARRAYS = ("times", "sessions", "table", "is_extended")
LENGTHS: Mapping[str, int] = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}  # minutes
_ROUNDED, _ROUNDED_SHARE = 0.005, 0.00001  # dollars, as cents round, and digits of large prices
_MOST_OFF = 0.01  # of a price; beyond it bars and daily prices are not of one kind
_ALIKE = 0.01  # how near ratios are to each other that come of one adjustment
_LEAST_SPLIT = 1.4  # new shares for one
_NAMED = 10  # sessions of which each has a finding of its own
_VOLUME = 0.05  # of the daily volume, by which that of the bars may be off without a note


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


def minutes_a_bar(length: str) -> int:
    """The minutes of a length such as `5m`; UsageError where there is no such length."""
    if length not in LENGTHS:
        raise UsageError(f"Bars of {length!r} are unknown. Choose one of {', '.join(LENGTHS)}.")
    return LENGTHS[length]


def bars_path(folder: Path, symbol: str, length: str) -> Path:
    """The file of a symbol's bars of a length; UsageError as of `minutes_a_bar`."""
    minutes_a_bar(length)
    return folder / length / f"{symbol}.parquet"


def bar_symbols(folder: Path, length: str) -> list[str]:
    """The symbols of which there are bars of a length; UsageError as of `minutes_a_bar`."""
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


def bars_frame(file: DataFile) -> pd.DataFrame:
    """The same as a frame by when they open, UTC without a zone, as `parquet_bytes` takes it."""
    times, table = bars_table(file)
    return pd.DataFrame(table, pd.DatetimeIndex(times, name="time"), list(BAR_COLUMNS))


def _continued(former: FinerBars, bars: FinerBars, renamed_on: date) -> FinerBars:
    """The bars with those under a former ticker before them."""
    begin = np.datetime64(renamed_on)
    end = min(begin, bars.sessions[0]) if len(bars.sessions) else begin
    before = former.within(former.sessions[former.sessions < end])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(before, name), getattr(bars, name)]) for name in _ARRAYS
    }
    return replace(bars, **joined, former=(former.file, *bars.former))


def open_kept(path: Path) -> Prices:
    """Read a price file, of sessions or of finer bars, and hold it against its metadata."""
    length, seal = path.parent.name, f"backtest prices seal {path.stem}"
    if length not in LENGTHS:
        return parse_prices(read_data_file(path, seal))
    file = read_data_file(path, f"{seal} --bars {length}")
    return Prices(path.stem, bars_frame(file), file)


# Bars against the daily prices


@dataclass(frozen=True)
class Difference:
    """A price of a session that its bars and its daily row tell differently."""

    session: date
    column: str
    finer: float
    daily: float

    @property
    def share(self) -> float:
        """How far they are apart, of the daily price."""
        return abs(self.finer / self.daily - 1)

    def __str__(self) -> str:
        return (
            f"{self.session} {self.column} {self.finer:.10g} by its bars, "
            f"{self.daily:.10g} by the day"
        )


def differences(bars: FinerBars, prices: Prices) -> list[Difference]:
    """The prices that differ by more than rounding, of the sessions that both have."""
    days = bars.by_session.index.intersection(prices.table.index)
    found = []
    for column in BAR_COLUMNS[:-1]:
        finer = bars.by_session.loc[days, column].to_numpy()
        daily = prices.table.loc[days, column].to_numpy()
        apart = np.abs(finer - daily) > np.maximum(_ROUNDED * (1 + 1e-9), _ROUNDED_SHARE * daily)
        found += [
            Difference(days[row].date(), column, float(finer[row]), float(daily[row]))
            for row in np.flatnonzero(apart).tolist()
        ]
    return sorted(found, key=lambda one: (one.session, BAR_COLUMNS.index(one.column)))


def disagreement(bars: FinerBars, prices: Prices, found: Sequence[Difference]) -> str:
    """What may be the cause of differences beyond `_MOST_OFF`, and the remedy."""
    far = [one for one in found if one.share > _MOST_OFF]
    first, last = far[0].session, far[-1].session
    own = bars.by_session.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]
    ratios = (own / prices.table.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]).to_numpy()
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
    """A sentence on prices that differ a little; DataError where some do by `_MOST_OFF`."""
    found = differences(bars, prices)
    if not found:
        return []
    sessions = len(bars.by_session.index.intersection(prices.table.index))
    see = f"`backtest prices check {bars.symbol}` lists them."
    if far := [one for one in found if one.share > _MOST_OFF]:
        count = len({one.session for one in far})
        raise DataError(
            f"{bars.symbol}: bars of {bars.of} and daily prices differ by more than "
            f"{100 * _MOST_OFF:g} % in {count:,} of {sessions:,} sessions, first on {far[0]}. "
            f"{disagreement(bars, prices, found)} {see}"
        )
    worst = max(found, key=lambda one: one.share)
    count = len({one.session for one in found})
    text = (
        f"Bars of {bars.of} and daily prices of {bars.symbol} differ by more than rounding in "
        f"{count:,} of {sessions:,} sessions, by {100 * worst.share:.2g} % at most ({worst}). {see}"
    )
    return [text]


# What `prices check` finds


def check_against_daily(bars: FinerBars, prices: Prices, where: str) -> Iterator[Finding]:
    """Sessions that bars and daily prices tell differently, or that one of them lacks."""
    found = differences(bars, prices)
    far = [one for one in found if one.share > _MOST_OFF]
    near = [str(one) for one in found if one.share <= _MOST_OFF]
    why = f"Runs by --bars {bars.of} stop: stops, entries and results would be of other prices."
    by_day = [list(some) for _, some in groupby(far, key=lambda one: one.session)]
    for own in by_day[:_NAMED]:
        what = "; ".join(map(str, own))
        yield Finding("error", where, what, why, disagreement(bars, prices, own))
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
    """Sessions without bars, or without a daily row; and how far volumes are apart."""
    own, days = bars.by_session, prices.days
    if own.empty:
        what = "No bar within the hours of a session"
        yield Finding("warning", where, what, "No run can use the file.", "Take bars in anew.")
        return
    there = own.index.to_numpy().astype("M8[D]")
    within = days[(there[0] <= days) & (days <= there[-1])]
    for some, lacks, why in (
        (np.setdiff1d(within, there), "No bar", "Runs trade such sessions by their daily prices."),
        (np.setdiff1d(there, days), "No daily price", "Runs leave the bars of such sessions out."),
    ):
        if len(some):
            what = f"{lacks} on {first_few(some.astype(str).tolist())}"
            yield Finding("note", where, what, why, "Take the sessions in from another source.")
    both = own.index.intersection(prices.traded.index)
    volumes = own.loc[both, "volume"] / prices.table.loc[both, "volume"]
    if abs(share := volumes.median() - 1) > _VOLUME:
        what = f"In the median session the bars have {1 + share:.2g} times the daily volume"
        why = "A cap on the share of the volume is met at other sizes than by daily prices."
        yield Finding("note", where, what, why, "Compare with another source.")
