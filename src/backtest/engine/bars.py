"""This module puts the bars of a run in one sequence, of finer ones where all stocks have them.

Every other session is one daily bar of each stock. So no daily bar, whose close is not known before
its session ends, ever stands beside finer ones. Bars outside the trading hours, where they are
read, stand before those of the session that they belong to.
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
    """Hold the bars of one stock, oldest first, as arrays of one length n.

    A daily bar has the open of its session as its time, or the bare day where all bars are daily.
    """

    times: Times  # when each bar opens, UTC
    sessions: Times  # the session that each bar belongs to
    kinds: NDArray[np.int8]  # each `DAILY`, `FINER` than its session, or `EXTENDED`
    table: NDArray[np.float64]  # open, high, low, close in dollars, volume in shares; shape (n, 5)

    def time_of(self, row: int) -> datetime | None:
        """Return when a bar opens, UTC; None for a daily bar."""
        return None if self.kinds[row] == DAILY else utc_time(self.times[row])

    def place(self, session: date, time: datetime | None = None) -> int:
        """Return the row of the bar that opens at `time`, or else of the session's first bar."""
        if time is None:
            return int(np.searchsorted(self.sessions, np.datetime64(session)))
        return int(np.searchsorted(self.times, as_utc64(time)))

    @cached_property
    def begins(self) -> Flags:
        """Tell which bars are the first of their session, shape (n,)."""
        return np.append(True, self.sessions[1:] != self.sessions[:-1])

    @cached_property
    def ends(self) -> Flags:
        """Tell which bars are the last of their session, shape (n,)."""
        return np.append(self.sessions[1:] != self.sessions[:-1], True)

    @cached_property
    def ends_day(self) -> Flags:
        """Tell which bars are the last of their session on one day: its own or the day before."""
        days, _ = self.days_and_clock
        changes: Flags = np.append(days[1:] != days[:-1], True)
        return self.ends | changes

    @cached_property
    def days_and_clock(self) -> tuple[Times, NDArray[np.int64]]:
        """Return the day and the clock of each bar, as the function of that name does."""
        return days_and_clock(self.times, self.sessions, self.kinds)


@dataclass(frozen=True)
class RunBars:
    """Hold the bars of a run of which some are finer than sessions."""

    of: Mapping[str, StockBars]  # the bars that are replayed, by symbol
    finer: Mapping[str, FinerBars]  # all finer bars, by symbol, replayed or not
    length: int  # of a finer bar, minutes
    by_the_day: Collection[date]  # the sessions that are replayed by daily bars
    is_needed: bool = False  # whether an event that only a daily bar could trade is left out

    def opens_after(self, symbol: str, session: date, moment: datetime) -> datetime | None:
        """Return when a stock's first finer bar of a session opens after `moment`, None without."""
        if session in self.by_the_day:
            return None
        stock = self.of[symbol]
        bars = self.finer[symbol] if np.datetime64(session) < stock.sessions[0] else stock
        row = int(np.searchsorted(bars.times, as_utc64(moment), side="right"))
        if row == len(bars.times) or bars.sessions[row] != np.datetime64(session):
            return None
        return utc_time(bars.times[row])

    def opens_in(self, symbol: str, session: date) -> datetime | None:
        """Return when a stock's first bar within a session's hours opens; None for a daily one."""
        stock = self.of[symbol]
        row = stock.place(session)
        while stock.kinds[row] == EXTENDED:
            row += 1
        return stock.time_of(row)

    def ends_in(self, symbol: str, session: date) -> datetime:
        """Return when a stock's last bar of a session ends, which is never after the close."""
        stock, close = self.of[symbol], trading_calendar().time_of(session, "close")
        row = int(np.searchsorted(stock.sessions, np.datetime64(session), side="right")) - 1
        if row < 0 or stock.sessions[row] != np.datetime64(session):
            return close
        time = stock.time_of(row)
        return close if time is None else min(time + timedelta(minutes=self.length), close)

    def lack(self, session: date) -> str:
        """Say why a session without finer bars is not traded; an empty text where it is."""
        if self.is_needed and session in self.by_the_day:
            return f"no bars of {self.length} minutes in {session}"
        return ""


def utc_time(time: np.datetime64[datetime]) -> datetime:
    """Return a time of numpy, which is UTC, as one of Python."""
    return time.item().replace(tzinfo=UTC)


def run_bars(
    prices: Mapping[str, Prices],
    finer: Mapping[str, FinerBars],
    hedges: Collection[str] = (),
    *,
    is_needed: bool = False,
) -> RunBars | None:
    """Make the bars of a run, of its stocks and `hedges`; None where there are no finer ones."""
    if not finer:
        return None
    days = {symbol: stock.days for symbol, stock in prices.items()}
    within = _sessions_by_bars(days, finer, hedges)
    # What traded after the close before the first session has no account to trade for.
    begin = trading_calendar().time_of(_all_sessions(days)[0].item(), "open") - timedelta(hours=12)
    unhedged = _unhedged_times(finer, hedges)
    of = {s: _stock_bars(prices[s], within, finer[s], unhedged, begin) for s in prices}
    length = next(iter(finer.values())).length
    daily = frozenset(np.setdiff1d(_all_sessions(days), within).tolist())
    return RunBars(of, finer, length, daily, is_needed)


def sessions_alone(prices: Mapping[str, Prices], finer: Mapping[str, FinerBars]) -> RunBars | None:
    """Make the bars of a run that trades by sessions and only sees finer bars; None without any."""
    if not finer:
        return None
    every = frozenset(trading_calendar().sessions.tolist())  # those before the replay too
    return RunBars(daily_bars(prices), finer, next(iter(finer.values())).length, every)


def daily_bars(prices: Mapping[str, Prices]) -> dict[str, StockBars]:
    """Return the daily bars of everything that is replayed, by symbol."""
    return {
        symbol: StockBars(
            stock.days.astype("M8[us]"),
            stock.days,
            np.full(len(stock.days), DAILY, np.int8),
            stock.bars,
        )
        for symbol, stock in prices.items()
    }


def _all_sessions(days: Mapping[str, Times]) -> Times:
    sessions: Times = np.unique(np.concatenate(list(days.values())))
    return sessions


def _sessions_by_bars(
    days: Mapping[str, Times], finer: Mapping[str, FinerBars], hedges: Collection[str]
) -> Times:
    """Return the sessions in which every stock that trades has finer bars.

    There each hedge has a bar whenever a stock has one, so that a leg can always be filled.
    """
    sessions = _all_sessions(days)
    are_whole = np.ones(len(sessions), np.bool_)
    for symbol, stock_days in days.items():
        within = finer[symbol].sessions[~finer[symbol].is_extended]
        are_whole &= ~np.isin(sessions, stock_days) | np.isin(sessions, within)
    stocks = [bars for symbol, bars in finer.items() if symbol not in hedges]
    times = np.unique(np.concatenate([bars.times[~bars.is_extended] for bars in stocks]))
    for symbol in hedges:
        lacking = trading_calendar().sessions_at(np.setdiff1d(times, finer[symbol].times))
        are_whole &= ~np.isin(sessions, lacking)
    return sessions[are_whole]


def _unhedged_times(finer: Mapping[str, FinerBars], hedges: Collection[str]) -> Times:
    """Return when a hedge has no bar, but another hedge has, or a stock outside the hours."""
    times = [bars.times[bars.is_extended | (name in hedges)] for name, bars in finer.items()]
    lacking = [np.setdiff1d(wanted, finer[symbol].times) for symbol in hedges for wanted in times]
    return np.unique(np.concatenate([*lacking, np.empty(0, "M8[us]")]))


def _stock_bars(
    prices: Prices, within: Times, finer: FinerBars, unhedged: Times, begin: datetime
) -> StockBars:
    table, days = prices.bars, prices.days
    daily = ~np.isin(days, within)
    fine = np.isin(finer.sessions, np.intersect1d(within, days))
    if len(unhedged):
        fine &= ~np.isin(finer.times, unhedged)
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
    """Return the day in New York on which each bar opens, and its clock.

    The clock counts minutes from midnight of the bar's session: below 0 for a bar after a close,
    on a day before its session. A daily bar has its session as the day, and 0 as the clock.
    """
    if not kinds.any():
        return sessions, np.zeros(len(times), np.int64)
    days, clock = new_york_clock(times)
    is_before = days < sessions
    clock = np.where(is_before, clock - _DAY, clock)
    return np.where(is_before, days, sessions), np.where(kinds == DAILY, 0, clock)


# The excursions of trades


def set_excursions(
    trades: Sequence[Trade], prices: Mapping[str, Prices], bars: Mapping[str, StockBars]
) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from the entry's to the one before the exit's, or to the exit's own where the
    trade was held to its close. Of the exit's bar only what surely came before the exit counts: its
    open and the exit price. Of the bar of an entry at a limit the side from which the price came
    and the close count; of the bar of an entry at the close nothing does.
    """
    for trade in trades:
        _set_excursion(trade, bars[trade.symbol], splits_of(prices[trade.symbol]))


def _set_excursion(trade: Trade, stock: StockBars, splits: Sequence[tuple[date, float]]) -> None:
    first = stock.place(trade.entry_session, trade.entry_bar)
    last = stock.place(trade.exit_session, trade.exit_bar)
    last = min(last, len(stock.times) - 1)  # a stock without more bars is left when it is delisted
    bars = stock.table[:, :4]
    days, _ = stock.days_and_clock  # what trades after a close comes before the next day's split
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
