"""The event study in minutes: what a stock did within the session in which a fact became public.

What is usual is the mean of the same minutes of sessions before, so that the open and the close,
where every session trades more and moves further, are held against opens and closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.stats.significance import mean_by_season

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.stats import Floats

BEFORE, AFTER = 30, 120  # minutes that are looked at
USUAL = 20  # sessions before, without an event, of which the usual is the mean
_FEWEST = 10  # of them; with fewer what is usual is unknown
_SHARES = (1, 5, 30)  # minutes by which a share of the move to the close is told


@dataclass(frozen=True)
class Clock:
    """Bars by session and clock, shape (sessions, bars a session); NaN where there is no bar."""

    length: int  # minutes of a bar
    opens: Floats
    closes: Floats
    volumes: Floats
    ranges: Floats  # (high − low) ÷ close, which widens with the spread and with the moves

    @property
    def last(self) -> Floats:
        """The last close of each session."""
        known = ~np.isnan(self.closes)
        at = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
        return np.asarray(self.closes[np.arange(len(at)), at], np.float64)


def by_clock(length: int, rows: Sequence[int], slots: Sequence[int], table: Floats) -> Clock:
    """Bars laid out by session and by their number from the open.

    `table` has a row a bar, open, high, low, close, volume; `rows` number their sessions from 0.
    """
    shape = (max(rows, default=0) + 1, max(slots, default=0) + 1)
    laid = np.full((5, *shape), np.nan)
    laid[:, rows, slots] = table.T
    opens, highs, lows, closes, volumes = laid
    return Clock(length, opens, closes, volumes, (highs - lows) / closes)


def minutes_study(clock: Clock, events: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What the bars did round events, each a session and the bar in which it became public.

    Of several events in a session the first counts. Minutes run from the open of that bar, whose
    price is the close before it (of a session's first bar its open): no fact was public by then.
    """
    first: dict[int, int] = {}
    for row, slot in sorted(events):
        first.setdefault(row, slot)
    quiet = np.setdiff1d(np.arange(len(clock.closes)), list(first))
    found = [_around(clock, row, slot, quiet[quiet < row]) for row, slot in first.items()]
    width = len(_steps(clock.length))
    cars, volumes, ranges = (
        np.array([one[n] for one in found]).reshape(len(found), width + (n == 0)) for n in range(3)
    )
    wider = sqrt(_inflation(list(first), quiet))
    means = [_mean(column, wider) for column in cars.T]
    rows = [
        {"minute": step * clock.length, "car": mean} | {"volume": volume, "range": wide}
        for step, mean, volume, wide in zip(
            _steps(clock.length),
            means,
            map(_median, volumes.T),
            map(_median, ranges.T),
            strict=False,
        )
    ]
    return {
        "events": int(np.sum(~np.isnan(cars).all(axis=1))),
        "rows": rows,
        "close": means[-1],
        "shares": _shares(cars, means[-1], clock.length),
    }


def _mean(cars: Floats, wider: float) -> dict[str, float | None]:
    """The mean with its interval, one observation an event."""
    mean = mean_by_season(cars, np.arange(len(cars)))
    if mean.value is None or mean.high is None:
        return {"value": mean.value, "low": None, "high": None}
    reach = (mean.high - mean.value) * wider
    return {"value": mean.value, "low": mean.value - reach, "high": mean.value + reach}


def _inflation(rows: Sequence[int], quiet: Any) -> float:
    """The variance of the mean over what it would be if no two events shared usual sessions."""
    weights: dict[int, float] = dict.fromkeys(rows, 1.0)
    apart = 0.0
    for row in rows:
        usual = quiet[quiet < row][-USUAL:].tolist()
        apart += 1 + 1 / max(len(usual), 1)
        for each in usual:
            weights[each] = weights.get(each, 0.0) - 1 / len(usual)
    return sum(weight**2 for weight in weights.values()) / apart if rows else 1.0


def _steps(length: int) -> range:
    return range(-(BEFORE // length), AFTER // length + 1)


def _around(clock: Clock, row: int, slot: int, quiet: Any) -> tuple[Floats, Floats, Floats]:
    """Abnormal returns by step and to the close; volume and range by step against the usual."""
    base = clock.closes[:, slot - 1] if slot else clock.opens[:, 0]
    cars, volumes, ranges = [], [], []
    for step in _steps(clock.length):
        at = slot - 1 + step
        if not 0 <= at < clock.closes.shape[1]:
            outside = step == 0 and slot == 0  # nothing has moved yet
            cars.append(0.0 if outside else np.nan)
            volumes.append(np.nan)
            ranges.append(np.nan)
            continue
        moved = clock.closes[:, at] / base - 1
        cars.append(moved[row] - _usual(moved[quiet]))
        volumes.append(_multiple(clock.volumes[:, at], row, quiet))
        ranges.append(_multiple(clock.ranges[:, at], row, quiet))
    to_close = clock.last / base - 1
    cars.append(to_close[row] - _usual(to_close[quiet]))
    return np.array(cars), np.array(volumes), np.array(ranges)


def _usual(values: Floats) -> float:
    """The mean of the latest known values; NaN where they are too few."""
    known = values[~np.isnan(values)][-USUAL:]
    return float(known.mean()) if len(known) >= _FEWEST else np.nan


def _multiple(values: Floats, row: int, quiet: Any) -> float:
    usual = _usual(values[quiet])
    return float(values[row] / usual) if usual > 0 else np.nan


def _median(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def _shares(cars: Floats, close: dict[str, Any], length: int) -> dict[str, float | None]:
    """How much of the move to the close was over, by minute; None where there may be no move."""
    moves = close["low"] is not None and close["low"] * close["high"] > 0
    shares: dict[str, float | None] = {}
    for minute in _SHARES:
        if minute % length == 0:
            column = cars[:, minute // length + BEFORE // length]
            both = ~np.isnan(column) & ~np.isnan(cars[:, -1])
            known = moves and both.any()
            shares[str(minute)] = (
                float(column[both].mean() / cars[both, -1].mean()) if known else None
            )
    return shares
