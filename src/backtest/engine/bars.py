"""The bars of a run in one sequence: of a session the finer ones, where all stocks have them.

Of every other session it is the daily bar of each stock. So no daily bar, whose close is not known
before the end of its session, ever stands beside finer ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.calendar import as_utc64, trading_calendar
from backtest.data.kinds import NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from backtest.data.bars import FinerBars
    from backtest.data.prices import Prices

    Times = NDArray[np.datetime64]
    Flags = NDArray[np.bool_]

COLUMNS = ["open", "high", "low", "close", "volume"]


@dataclass(frozen=True)
class StockBars:
    """The bars of a stock, oldest first; arrays of one length n.

    Attributes:
        times: their opens, UTC; of a daily bar that of its session, and where all bars are daily
            its day alone.
        sessions: the days they belong to.
        is_finer: which are finer than a session.
        table: `open high low close volume`, dollars and shares, shape (n, 5).

    """

    times: Times
    sessions: Times
    is_finer: Flags
    table: NDArray[np.float64]

    def time_of(self, place: int) -> datetime | None:
        """When a bar opens, UTC; None of a daily one."""
        if not self.is_finer[place]:
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
    def clock(self) -> NDArray[np.int64]:
        """When bars open in New York, minutes after midnight; 0 of daily ones."""
        return np.where(self.is_finer, minutes_of(self.times), 0)


@dataclass(frozen=True)
class RunBars:
    """The bars of a run of which some are finer than sessions.

    Attributes:
        of: what is replayed, by symbol.
        finer: the finer bars, by symbol, whether they are replayed or not.
        length: of them, minutes.
        by_the_day: the sessions of the run that are replayed by daily bars.
        is_needed: whether an event that only a daily bar could trade is left out.

    """

    of: Mapping[str, StockBars]
    finer: Mapping[str, FinerBars]
    length: int
    by_the_day: Collection[date]
    is_needed: bool = False

    def opens_after(self, symbol: str, session: date, known: datetime) -> datetime | None:
        """The open of a stock's first finer bar of a session after a time; None without any."""
        if session in self.by_the_day:
            return None
        bars = self.finer[symbol]
        place = int(np.searchsorted(bars.times, as_utc64(known), side="right"))
        if place == len(bars.times) or bars.sessions[place] != np.datetime64(session):
            return None
        time: datetime = bars.times[place].item()
        return time.replace(tzinfo=UTC)

    def opens_in(self, symbol: str, session: date) -> datetime | None:
        """The open of a stock's first bar of a session; None of a daily one."""
        own = self.of[symbol]
        return own.time_of(own.place(session))

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
    of = {s: _of_stock(prices[s], days[s], within, finer[s]) for s in prices}
    length = next(iter(finer.values())).length
    daily = frozenset(np.setdiff1d(_all(days), within).tolist())
    return RunBars(of, finer, length, daily, is_needed)


def daily_bars(prices: Mapping[str, Prices]) -> dict[str, StockBars]:
    """The daily bars of all that is replayed, by symbol."""
    return {
        symbol: StockBars(
            one.days.astype("M8[us]"),
            one.days,
            np.zeros(len(one.days), np.bool_),
            one.traded[COLUMNS].to_numpy(np.float64),
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
    sessions = _all(days)
    are_whole = np.ones(len(sessions), np.bool_)
    for symbol, own in days.items():
        are_whole &= ~np.isin(sessions, own) | np.isin(sessions, finer[symbol].sessions)
    times = np.unique(np.concatenate([one.times for one in finer.values()]))
    for symbol in hedges:
        lacking = trading_calendar().sessions_at(np.setdiff1d(times, finer[symbol].times))
        are_whole &= ~np.isin(sessions, lacking)
    return sessions[are_whole]


def _of_stock(prices: Prices, days: Times, within: Times, finer: FinerBars) -> StockBars:
    table = prices.traded[COLUMNS].to_numpy(np.float64)
    daily = ~np.isin(days, within)
    fine = np.isin(finer.sessions, np.intersect1d(within, days))
    times = np.append(trading_calendar().times_of(days[daily], "open"), finer.times[fine])
    order = np.argsort(times, kind="stable")
    return StockBars(
        times[order],
        np.append(days[daily], finer.sessions[fine])[order],
        np.repeat([False, True], [daily.sum(), fine.sum()])[order],
        np.concatenate((table[daily], finer.table[fine]))[order],
    )


def minutes_of(times: Times) -> NDArray[np.int64]:
    """The clock of New York at times, UTC, in minutes after midnight."""
    import pandas as pd

    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(NEW_YORK)
    return np.asarray(local.hour * 60 + local.minute, np.int64)
