"""How the bars of anyone's file are stamped: their length, and by their open or their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.bars import LENGTHS, minutes_of
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.kinds import NEW_YORK
from backtest.errors import DataError, UsageError
from backtest.sources.own_cells import written

Times = NDArray[np.datetime64]
Stamped = Literal["open", "end"]
_EARLY, _LATE = 4 * 60, 20 * 60  # minutes of the day at which trading before and after begins, ends
_OF_ONE_GRID = 20  # bars of a session that are enough to tell how long bars are


@dataclass(frozen=True)
class Stamps:
    """How a file's bars are stamped: their length, the zone of bare times, open or end.

    Zone and stamp are None where the file has to tell them.
    """

    bars: str
    zone: str | None = None
    stamped: Stamped | None = None

    def __post_init__(self) -> None:
        minutes_of(self.bars)
        if self.stamped not in (None, "open", "end"):
            raise UsageError(f"--stamped {self.stamped!r} is unknown. Choose open or end.")

    @property
    def length(self) -> np.timedelta64:
        """The length of a bar."""
        return np.timedelta64(LENGTHS[self.bars], "m")


def stamp_of(times: Times, said: Stamped | None) -> Stamped:
    """Whether times are those at which bars open or end; UsageError where nothing tells."""
    if said is not None:
        return said
    calendar, times = trading_calendar(), times[~np.isnat(times)]
    at_close = np.isin(times, calendar.closes)
    if (np.isnat(calendar.sessions_at(times)) & ~at_close).any():
        local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(NEW_YORK)
        clocks = local.hour * 60 + local.minute
        begins, ends = (clocks == _EARLY).any(), (clocks == _LATE).any()
    else:
        begins, ends = np.isin(times, calendar.opens).any(), at_close.any()
    if begins == ends:
        there = "both at the first open and" if begins else "neither at the first open nor"
        raise UsageError(
            f"Whether bars are stamped by their open or by their end cannot be told: there are "
            f"stamps {there} at the last close of a day. Say it with --stamped open or "
            f"--stamped end."
        )
    return "open" if begins else "end"


def opens_of(times: Times, length: np.timedelta64) -> Times:
    """When bars open that are stamped by their end, of one symbol and in order.

    None begins before the one before has ended, or before its session where all lie in sessions:
    those at an end of the session may be shorter.
    """
    ends, rows = np.unique(times, return_inverse=True)
    opens = ends - length
    opens[1:] = np.maximum(opens[1:], ends[:-1])
    calendar, moment = trading_calendar(), np.timedelta64(1, "us")
    begins = calendar.times_of(calendar.sessions_at(ends - moment), "open")
    if not np.isnat(begins).any():
        opens = np.maximum(opens, begins)
    return opens[rows]


def check_length(symbol: str, opens: Times, bars: str) -> None:
    """Raise UsageError where bars are of another length than was said, or none is in a session."""
    sessions = trading_calendar().sessions_at(opens)
    inside = ~np.isnat(sessions)
    if not inside.any():
        raise DataError(
            f"{symbol}: no bar opens within the hours of a session of {EXCHANGE}; the first is of "
            f"{written(opens[0])}. Is the zone right?"
        )
    steps = np.diff(opens[inside])[sessions[inside][1:] == sessions[inside][:-1]]
    minutes = (steps[steps > np.timedelta64(0)] / np.timedelta64(1, "m")).astype(int)
    if len(minutes) < _OF_ONE_GRID:
        return
    grid, common = np.gcd.reduce(minutes), np.bincount(minutes).argmax()
    if common < LENGTHS[bars] or grid > LENGTHS[bars]:
        apart = common if common < LENGTHS[bars] else grid
        right = next((name for name, length in LENGTHS.items() if length == apart), None)
        advice = f"Give --bars {right}." if right else f"Bars can be of {', '.join(LENGTHS)}."
        step = f"{apart or 'less than 1'} min"
        raise UsageError(
            f"{symbol}: bars open {step} apart, which those of {bars} do not. {advice}"
        )
