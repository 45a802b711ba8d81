"""The bars of a run in one sequence: of a session the finer ones, where all stocks have them.

Of every other session it is the daily bar of each stock. So no daily bar, whose close is not known
before the end of its session, ever stands beside finer ones. Bars outside of the hours, where they
are read, stand before those of the session that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.calendar import as_utc64, new_york_clock, trading_calendar
from backtest.engine.rules import DAILY, EXTENDED, FINER
from backtest.engine.schedule import splits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.data.bars import FinerBars
    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Trade

    Times = NDArray[np.datetime64]
    Flags = NDArray[np.bool_]

COLUMNS = ["open", "high", "low", "close", "volume"]
_DAY = 24 * 60  # minutes


@dataclass(frozen=True)
class StockBars:
    """The bars of a stock, oldest first; arrays of one length n.

    The time of a daily bar is the open of its session, and where all bars are daily its day alone.
    """

    times: Times  # their opens, UTC
    sessions: Times  # that they belong to
    kinds: NDArray[np.int8]  # each `DAILY`, `FINER` than its session, or `EXTENDED`
    table: NDArray[np.float64]  # open, high, low, close, volume, dollars and shares, shape (n, 5)

    def time_of(self, place: int) -> datetime | None:
        """When a bar opens, UTC; None of a daily one."""
        if self.kinds[place] == DAILY:
            return None
        time: datetime = self.times[place].item()
        return time.replace(tzinfo=UTC)

    def place(self, session: date, time: datetime | None = None) -> int:
        """The place of the bar that opens at a time, or else of the first bar of a session."""
        if time is None:
            return int(np.searchsorted(self.sessions, np.datetime64(session)))
        return int(np.searchsorted(self.times, as_utc64(time)))

    @cached_property
    def begins(self) -> Flags:
        """Which bars are the first of their session."""
        return np.append(True, self.sessions[1:] != self.sessions[:-1])

    @cached_property
    def ends(self) -> Flags:
        """Which bars are the last of their session."""
        return np.append(self.sessions[1:] != self.sessions[:-1], True)

    @cached_property
    def ends_day(self) -> Flags:
        """Which bars are the last of their session on its day, or on the one before."""
        days, _ = self.days_and_clock
        changes: Flags = np.append(days[1:] != days[:-1], True)
        return self.ends | changes

    @cached_property
    def days_and_clock(self) -> tuple[Times, NDArray[np.int64]]:
        """The days and the clock of the bars, as of the function of that name."""
        return days_and_clock(self.times, self.sessions, self.kinds)


@dataclass(frozen=True)
class RunBars:
    """The bars of a run of which some are finer than sessions."""

    of: Mapping[str, StockBars]  # what is replayed, by symbol
    finer: Mapping[str, FinerBars]  # by symbol, whether they are replayed or not
    length: int  # of them, minutes
    by_the_day: Collection[date]  # the sessions that are replayed by daily bars
    is_needed: bool = False  # whether an event that only a daily bar could trade is left out

    def opens_after(self, symbol: str, session: date, known: datetime) -> datetime | None:
        """The open of a stock's first finer bar of a session after a time; None without any."""
        if session in self.by_the_day:
            return None
        own = self.of[symbol]
        bars = self.finer[symbol] if np.datetime64(session) < own.sessions[0] else own
        place = int(np.searchsorted(bars.times, as_utc64(known), side="right"))
        if place == len(bars.times) or bars.sessions[place] != np.datetime64(session):
            return None
        time: datetime = bars.times[place].item()
        return time.replace(tzinfo=UTC)

    def opens_in(self, symbol: str, session: date) -> datetime | None:
        """The open of a stock's first bar within the hours of a session; None of a daily one."""
        own = self.of[symbol]
        place = own.place(session)
        while own.kinds[place] == EXTENDED:
            place += 1
        return own.time_of(place)

    def ends_in(self, symbol: str, session: date) -> datetime:
        """When a stock's last bar of a session ends: by its length, or with the session."""
        own, close = self.of[symbol], trading_calendar().time_of(session, "close")
        place = int(np.searchsorted(own.sessions, np.datetime64(session), side="right")) - 1
        if place < 0 or own.sessions[place] != np.datetime64(session):
            return close
        time = own.time_of(place)
        return close if time is None else min(time + timedelta(minutes=self.length), close)

    def lack(self, session: date) -> str:
        """Why nothing is traded in a session for want of finer bars; empty where it is."""
        if self.is_needed and session in self.by_the_day:
            return f"no bars of {self.length} minutes in {session}"
        return ""


def run_bars(
    prices: Mapping[str, Prices],
    finer: Mapping[str, FinerBars],
    hedges: Collection[str] = (),
    *,
    is_needed: bool = False,
) -> RunBars | None:
    """The bars of a run, of stocks and `hedges`; None where none are finer than sessions."""
    if not finer:
        return None
    days = {symbol: one.days for symbol, one in prices.items()}
    within = _sessions_by_bars(days, finer, hedges)
    # What traded after the close before the first session has no account to trade for.
    begin = trading_calendar().time_of(_all(days)[0].item(), "open") - timedelta(hours=12)
    apart = _not_hedged(finer, hedges)
    of = {s: _of_stock(prices[s], within, finer[s], apart, begin) for s in prices}
    length = next(iter(finer.values())).length
    daily = frozenset(np.setdiff1d(_all(days), within).tolist())
    return RunBars(of, finer, length, daily, is_needed)


def sessions_alone(prices: Mapping[str, Prices], finer: Mapping[str, FinerBars]) -> RunBars | None:
    """The bars of a run by sessions that sees finer ones, and trades none; None without any."""
    if not finer:
        return None
    every = frozenset(trading_calendar().sessions.tolist())  # those before the replay too
    return RunBars(daily_bars(prices), finer, next(iter(finer.values())).length, every)


def daily_bars(prices: Mapping[str, Prices]) -> dict[str, StockBars]:
    """The daily bars of all that is replayed, by symbol."""
    return {
        symbol: StockBars(
            one.days.astype("M8[us]"),
            one.days,
            np.full(len(one.days), DAILY, np.int8),
            one.bars,
        )
        for symbol, one in prices.items()
    }


def _all(days: Mapping[str, Times]) -> Times:
    sessions: Times = np.unique(np.concatenate(list(days.values())))
    return sessions


def _sessions_by_bars(
    days: Mapping[str, Times], finer: Mapping[str, FinerBars], hedges: Collection[str]
) -> Times:
    """The sessions in which every stock that trades has finer bars.

    Hedges have one there whenever a stock has, so that a leg can always be filled.
    """
    sessions, stocks = _all(days), [one for symbol, one in finer.items() if symbol not in hedges]
    are_whole = np.ones(len(sessions), np.bool_)
    for symbol, own in days.items():
        within = finer[symbol].sessions[~finer[symbol].is_extended]
        are_whole &= ~np.isin(sessions, own) | np.isin(sessions, within)
    times = np.unique(np.concatenate([one.times[~one.is_extended] for one in stocks]))
    for symbol in hedges:
        lacking = trading_calendar().sessions_at(np.setdiff1d(times, finer[symbol].times))
        are_whole &= ~np.isin(sessions, lacking)
    return sessions[are_whole]


def _not_hedged(finer: Mapping[str, FinerBars], hedges: Collection[str]) -> Times:
    """The times at which a hedge has no bar beside another's, or outside of the hours a stock's."""
    times = [one.times[one.is_extended | (name in hedges)] for name, one in finer.items()]
    lacking = [np.setdiff1d(own, finer[symbol].times) for symbol in hedges for own in times]
    return np.unique(np.concatenate([*lacking, np.empty(0, "M8[us]")]))


def _of_stock(
    prices: Prices, within: Times, finer: FinerBars, apart: Times, begin: datetime
) -> StockBars:
    table, days = prices.bars, prices.days
    daily = ~np.isin(days, within)
    fine = np.isin(finer.sessions, np.intersect1d(within, days))
    if len(apart):
        fine &= ~np.isin(finer.times, apart)
    if finer.is_extended.any():
        fine &= finer.times > as_utc64(begin)
    times = np.append(trading_calendar().times_of(days[daily], "open"), finer.times[fine])
    order = np.argsort(times, kind="stable")
    kinds = np.append(np.full(daily.sum(), DAILY), FINER + finer.is_extended[fine])
    return StockBars(
        times[order],
        np.append(days[daily], finer.sessions[fine])[order],
        kinds[order].astype(np.int8),
        np.concatenate((table[daily], finer.table[fine]))[order],
    )


def days_and_clock(
    times: Times, sessions: Times, kinds: NDArray[np.int8]
) -> tuple[Times, NDArray[np.int64]]:
    """The days in New York on which bars open, and when in minutes after their session's midnight.

    After a close, on a day before the session's, those are below 0. Of daily bars they are 0.
    """
    if not kinds.any():
        return sessions, np.zeros(len(times), np.int64)
    days, clock = new_york_clock(times)
    is_before = days < sessions
    clock = np.where(is_before, clock - _DAY, clock)
    return np.where(is_before, days, sessions), np.where(kinds == DAILY, 0, clock)


# What trades saw of them


def set_excursions(
    trades: Sequence[Trade], prices: Mapping[str, Prices], bars: Mapping[str, StockBars]
) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from that of the entry to the one before the exit, or with it where the trade
    was held to its close. Of the bar of the exit only what surely came before the exit counts: its
    open and the exit itself; of that of an entry at a limit the side from which the price came,
    and the close; of that of an entry at the close nothing.
    """
    for trade in trades:
        _set_excursion(trade, bars[trade.symbol], splits_of(prices[trade.symbol]))


def _set_excursion(trade: Trade, own: StockBars, splits: Sequence[tuple[date, float]]) -> None:
    first = own.place(trade.entry_session, trade.entry_bar)
    last = own.place(trade.exit_session or trade.entry_session, trade.exit_bar)
    last = min(last, len(own.times) - 1)  # what had ended before is left when it counts as delisted
    bars = own.table[:, :4]
    days, _ = own.days_and_clock  # what trades after a close comes before the next day's split
    for day, ratio in splits:
        row = int(np.searchsorted(days, np.datetime64(day)))
        if first < row <= last:
            bars = np.concatenate((bars[:row] / ratio, bars[row:]))
    opens, highs, lows, closes = bars.T
    whole = slice(first + (trade.entered_at != "open"), last + (trade.left_at == "close"))
    seen = [trade.entry_price, trade.exit_price]
    if trade.entered_at == "session" and (last > first or trade.left_at == "close"):
        seen += [float((lows if trade.sign > 0 else highs)[first]), float(closes[first])]
    # What a split has left nothing of was gone before the open.
    if trade.exit_reason != "split" and (trade.left_at == "open" or last > first):
        seen.append(float(opens[last]))
    low = min([*lows[whole].tolist(), *seen])
    high = max([*highs[whole].tolist(), *seen])
    worst, best = (low, high) if trade.sign > 0 else (high, low)
    trade.mae = min(trade.sign * (worst / trade.entry_price - 1), 0.0)
    trade.mfe = max(trade.sign * (best / trade.entry_price - 1), 0.0)
