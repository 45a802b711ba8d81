"""This module feeds the bars of a run to Backtrader, and quotes what is known at an open."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from typing import Any

import backtrader as bt
import numpy as np

from backtest.engine.bars import COLUMNS
from backtest.engine.replay.position import Quote
from backtest.engine.rules import EXTENDED, VOLUME_SESSIONS, Rules, participation_cap, slippage
from backtest.engine.schedule import splits_since

_EPOCH = date(1970, 1, 1).toordinal()  # Backtrader counts days as Python does
_DAY = 24 * 60 * 60 * 1e6  # microseconds


class PriceFeed(bt.feed.DataBase):
    """Fill Backtrader's lines with bars at once instead of row by row."""

    params = (("bars", None), ("splits", ()))

    def __init__(self) -> None:
        super().__init__()
        bars = self.p.bars
        days = bars.times.astype(np.int64) / _DAY + _EPOCH
        rows = dict(zip(COLUMNS, bars.table.T, strict=True))
        rows |= {"datetime": days, "openinterest": np.zeros(len(days))}
        self._rows = {name: array("d", values.tobytes()) for name, values in rows.items()}
        self._next_row = 0
        self._is_preloaded = False
        self.know_bars()

    def know_bars(self) -> None:
        """Note by row what is known of the bars beside their prices."""
        bars, self.splits = self.p.bars, self.p.splits
        days, clock = bars.days_and_clock
        self.kinds, self.clock = bars.kinds.tolist(), clock.tolist()
        self.begins, self.ends = bars.begins.tolist(), bars.ends.tolist()
        self.ends_day = bars.ends_day.tolist()
        self.days, self.sessions = days.astype("M8[D]").tolist(), bars.sessions.tolist()

    def preload(self) -> None:
        """Fill every line at once, then go back before the first bar."""
        for name, values in self._rows.items():
            getattr(self.lines, name).array = values[:]
        self._next_row = len(self._rows["datetime"])  # nothing is left to load row by row
        self._is_preloaded = True
        self.home()

    def start(self) -> None:
        """Go before the first row, for a replay that loads row by row."""
        super().start()
        self._next_row, self._is_preloaded = 0, False

    def _load(self) -> bool:
        row = self._next_row
        if row >= len(self._rows["datetime"]):
            return False
        for name, values in self._rows.items():
            getattr(self.lines, name)[0] = values[row]
        self._next_row = row + 1
        return True

    def rewind(self, size: int = 1) -> None:
        """Take back rows that came too early, so that no later bar is in the lines."""
        super().rewind(size)
        if self._is_preloaded:
            return
        self._next_row -= size
        for name in self._rows:
            del getattr(self.lines, name).array[-size:]

    @contextmanager
    def orderable(self, day: date) -> Iterator[None]:
        """Let Backtrader, which reads a price, make an order of a stock before its first bar."""
        if len(self):
            yield
            return
        for name in self._rows:
            value = float(day.toordinal()) if name == "datetime" else math.nan
            getattr(self.lines, name).array.append(value)
        try:
            yield
        finally:
            for name in self._rows:
                getattr(self.lines, name).array.pop()

    def _tick_nullify(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - Backtrader's signature
        """Keep no second copy of each bar; the broker then reads the lines."""

    _tick_fill = _tick_nullify


def day_of(data: Any, ago: int = 0) -> date:
    """Return the day in New York of a feed's current bar, or of the one at `ago`, -1 the last."""
    day: date = data.days[len(data) - 1 + ago]
    return day


def session_of(data: Any) -> date:
    """Return the session of a feed's current bar; after a close that is the next one."""
    session: date = data.sessions[len(data) - 1]
    return session


def bar_time(data: Any) -> datetime | None:
    """Return when a feed's current bar opens, UTC; None for a daily one."""
    time: datetime | None = data.p.bars.time_of(len(data) - 1)
    return time


def quote_of(data: Any, rules: Rules) -> Quote:
    """Return what is known of a feed at the open of its current bar."""
    cap, today = None, day_of(data)

    def since(ago: int) -> float:
        return splits_since(data.splits, day_of(data, -ago), today) if data.splits else 1.0

    if rules.max_participation is not None:
        seen = islice(_alike(data), VOLUME_SESSIONS)
        cap = participation_cap([data.volume[-ago] * since(ago) for ago in seen], rules)
    last_close, row = data.close[-1] / since(1) if len(data) > 1 else None, len(data) - 1
    when = data.begins[row], data.ends[row], data.ends_day[row], data.clock[row]
    is_extended = data.kinds[row] == EXTENDED
    return Quote(data.open[0], slippage_of(data, rules), cap, last_close, *when, is_extended)


def _alike(data: Any) -> Iterator[int]:
    """Yield how many bars ago each earlier bar of the current one's kind was, newest first."""
    row = len(data) - 1
    return (ago for ago in range(1, row + 1) if data.kinds[row - ago] == data.kinds[row])


def slippage_of(data: Any, rules: Rules) -> float:
    """Return the slippage of a feed's current bar, given the range of its last one of that kind."""
    last_range = 0.0
    if rules.slippage_range and (ago := next(_alike(data), None)):
        last_range = (data.high[-ago] - data.low[-ago]) / data.close[-ago]
    return slippage(last_range, rules, data.kinds[len(data) - 1] == EXTENDED)
