"""The bars of a run in one sequence: of a session the finer ones, where all stocks have them.

Of every other session it is the daily bar of each stock. So no daily bar, whose close is not known
before the end of its session, ever stands beside finer ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

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

    def last_place(self, session: date) -> int:
        """The place of the last bar of a session."""
        return int(np.searchsorted(self.sessions, np.datetime64(session), side="right")) - 1

    def has(self, session: date) -> bool:
        """Whether a session is there by finer bars."""
        return self._is_there(session) and bool(self.is_finer[self.place(session)])

    def is_daily(self, session: date) -> bool:
        """Whether a session is there by its daily bar."""
        return self._is_there(session) and not self.has(session)

    def _is_there(self, session: date) -> bool:
        place = self.place(session)
        return place < len(self.sessions) and bool(self.sessions[place] == np.datetime64(session))

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
        is_needed: whether an event that only a daily bar could trade is left out.

    """

    of: Mapping[str, StockBars]
    finer: Mapping[str, FinerBars]
    length: int
    is_needed: bool = False


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
    length = next(iter(finer.values())).length
    return RunBars(stock_bars(prices, finer, hedges), finer, length, is_needed)


def stock_bars(
    prices: Mapping[str, Prices],
    finer: Mapping[str, FinerBars] | None = None,
    hedges: Collection[str] = (),
) -> dict[str, StockBars]:
    """The bars that are replayed, by symbol; without `finer` all are daily."""
    days = {symbol: one.days for symbol, one in prices.items()}
    within = _sessions_by_bars(days, finer, hedges) if finer else np.empty(0, "M8[D]")
    return {s: _of_stock(prices[s], days[s], within, (finer or {}).get(s)) for s in prices}


def _sessions_by_bars(
    days: Mapping[str, Times], finer: Mapping[str, FinerBars], hedges: Collection[str]
) -> Times:
    """The sessions in which every stock that trades has finer bars.

    Hedges have one there whenever a stock has, so that a leg can always be filled.
    """
    sessions = np.unique(np.concatenate(list(days.values())))
    are_whole = np.ones(len(sessions), np.bool_)
    for symbol, own in days.items():
        are_whole &= ~np.isin(sessions, own) | np.isin(sessions, finer[symbol].sessions)
    times = np.unique(np.concatenate([one.times for one in finer.values()]))
    for symbol in hedges:
        lacking = trading_calendar().sessions_at(np.setdiff1d(times, finer[symbol].times))
        are_whole &= ~np.isin(sessions, lacking)
    return sessions[are_whole]


def _of_stock(prices: Prices, days: Times, within: Times, finer: FinerBars | None) -> StockBars:
    table = prices.traded[COLUMNS].to_numpy(np.float64)
    if finer is None:
        return StockBars(days.astype("M8[us]"), days, np.zeros(len(days), np.bool_), table)
    daily = ~np.isin(days, within)
    fine = np.isin(finer.sessions, np.intersect1d(within, days))
    times = np.append(trading_calendar().opens_of(days[daily]), finer.times[fine])
    order = np.argsort(times, kind="stable")
    return StockBars(
        times[order],
        np.append(days[daily], finer.sessions[fine])[order],
        np.repeat([False, True], [daily.sum(), fine.sum()])[order],
        np.concatenate((table[daily], finer.table[fine]))[order],
    )


def minutes_of(times: Times) -> NDArray[np.int64]:
    """The clock of New York at times, UTC, in minutes after midnight."""
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(NEW_YORK)
    return np.asarray(local.hour * 60 + local.minute, np.int64)
