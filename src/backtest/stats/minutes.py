"""Study in minutes what stocks did within the session in which a fact became public.

What is usual is the mean of the same minutes of sessions before, so that the open and the close,
where every session trades more and moves further, are compared with opens and closes.

Events of one session are not independent, for what moves the market moves them all, nor are events
that share usual sessions. So errors are clustered by session, as in `significance`: each session
with all that it adds to the mean, for the events in it and for those whose usual sessions it is one
of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.stats.significance import NO_MEAN, at_positions, clustered_mean, leave_one_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backtest.stats import Floats, Ints
    from backtest.stats.significance import Mean

BEFORE, AFTER = 30, 120  # minutes that are studied
USUAL = 20  # sessions before, without an event, of which the usual is the mean
_FEWEST = 10  # usual sessions; with fewer what is usual is unknown
_SHARES = (1, 5, 30)  # minutes by which the share of the move to the close is taken


@dataclass(frozen=True)
class BarsByClock:
    """Hold a stock's bars by session and by their end, shape (sessions, 1 + bars a session).

    Before the first bar of a session the price is its open, and in a pause the close before it.
    Where there is no bar, values are NaN.
    """

    length: int  # minutes of a bar
    prices: Floats  # closes
    volumes: Floats
    ranges: Floats  # (high − low) ÷ close, which widens with the spread and with the moves
    nights: Floats  # return from each session's close to the next open, shape (sessions,)

    @cached_property
    def last(self) -> Floats:
        """Return the last close of each session, shape (sessions,); NaN without a bar."""
        known = ~np.isnan(self.prices)
        column = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
        return np.asarray(self.prices[np.arange(len(column)), column], np.float64)


def by_clock(
    length: int, rows: Sequence[int], slots: Sequence[int], table: Floats, nights: Floats
) -> BarsByClock:
    """Arrange bars by session and by their number from the open.

    `table` has a row a bar, with open, high, low, close and volume; `rows` number the bars'
    sessions from 0 and `slots` the bars of a session, and `nights` has a value for each session.
    """
    import pandas as pd

    columns = np.full((5, len(nights), max(slots) + 2), np.nan)
    columns[:, rows, np.add(slots, 1)] = table.T
    opens, highs, lows, closes, volumes = columns
    ranges = (highs - lows) / closes
    closes[:, 0] = opens[:, 1]
    prices = pd.DataFrame(closes).ffill(axis=1, limit_area="inside").to_numpy()
    return BarsByClock(length, prices, volumes, ranges, nights)


def minutes_study(
    length: int, stocks: Iterable[tuple[BarsByClock, Sequence[tuple[int, int]]]]
) -> dict[str, Any]:
    """Study what stocks did round events, each a session and the bar in which it became public.

    The clocks of all stocks have bars of this length, and number the same sessions. Of several
    events of a stock in a session the first counts. Minutes run from the open of its bar, whose
    price is the close before it (of a session's first bar its open): no fact was public by then.
    """
    by_stock = [_outcomes(clock, events) for clock, events in stocks]
    known = [[each for each in one if not np.isnan(each.car).all()] for one in by_stock]
    outcomes = [each for one in known for each in one]
    steps = _steps(length)
    cars = np.array([each.car for each in outcomes]).reshape(-1, len(steps) + 2)
    *means, close, next_open = _means(outcomes, cars)
    volumes = np.array([each.volumes for each in outcomes]).reshape(-1, len(steps))
    ranges = np.array([each.ranges for each in outcomes]).reshape(-1, len(steps))
    return {
        "events": len(outcomes),
        "stocks": sum(map(bool, known)),
        "sessions": len({each.row for each in outcomes}),
        "without_usual": sum(map(len, by_stock)) - len(outcomes),
        "rows": [
            {"minute": step * length, "car": _figures(mean), "volume": volume, "range": wide}
            for step, mean, volume, wide in zip(
                steps, means, map(_median, volumes.T), map(_median, ranges.T), strict=True
            )
        ],
        "close": _figures(close),
        "next_open": _figures(next_open),
        "shares": _shares(cars, close, length),
    }


@dataclass(frozen=True)
class _Outcome:
    """Hold an event's abnormal returns and multiples of the usual, by step."""

    row: int  # number of its session
    usual: Ints  # numbers of the usual sessions, shape (usual,)
    car: Floats  # by step, to the close and to the next open, (moves,); NaN where unknown
    apart: Floats  # what each usual session adds to `car`, less their mean, (usual, moves); or 0
    volumes: Floats  # multiples of the usual volume by step, (steps,)
    ranges: Floats  # multiples of the usual range by step, (steps,)


def _outcomes(clock: BarsByClock, events: Sequence[tuple[int, int]]) -> list[_Outcome]:
    first: dict[int, int] = {}
    for row, slot in sorted(events):
        first.setdefault(row, slot)
    traded = np.flatnonzero(~np.isnan(clock.prices).all(axis=1))
    quiet = np.setdiff1d(traded, list(first))
    return [_around(clock, row, slot, quiet[quiet < row][-USUAL:]) for row, slot in first.items()]


def _around(clock: BarsByClock, row: int, slot: int, usual: Ints) -> _Outcome:
    sessions = np.append(usual, row)
    ends = slot + np.array(_steps(clock.length))
    base = at_positions(clock.prices[sessions], np.array([slot]))
    by_step = at_positions(clock.prices[sessions], ends) / base
    to_close = clock.last[sessions, None] / base
    to_open = to_close * (1 + clock.nights[sessions, None])
    moves = np.hstack([by_step, to_close, to_open]) - 1
    mean = _usual(moves[:-1])
    car = moves[-1] - mean
    apart = (mean - moves[:-1]) / np.maximum(np.sum(~np.isnan(moves[:-1]), axis=0), 1)
    apart = np.where(np.isnan(car), 0.0, np.nan_to_num(apart))
    volumes, ranges = (
        _multiple_of_usual(at_positions(values[sessions], ends))
        for values in (clock.volumes, clock.ranges)
    )
    return _Outcome(row, usual, car, apart, volumes, ranges)


def _steps(length: int) -> range:
    return range(-(BEFORE // length), AFTER // length + 1)


def _usual(values: Floats) -> Floats:
    """Average the known values of each column; NaN where they are too few."""
    count = np.sum(~np.isnan(values), axis=0)
    return np.where(count < _FEWEST, np.nan, np.nansum(values, axis=0) / np.maximum(count, 1))


def _multiple_of_usual(values: Floats) -> Floats:
    """Divide the last row by the usual of the others; NaN where that is not above 0."""
    usual = _usual(values[:-1])
    return np.asarray(values[-1] / np.where(usual > 0, usual, np.nan), np.float64)


def _means(outcomes: Sequence[_Outcome], cars: Floats) -> list[Mean]:
    """Average each move over the events, with errors clustered by session."""
    sessions = 1 + max((one.row for one in outcomes), default=0)
    known = ~np.isnan(cars)
    counts = known.sum(axis=0)
    means = np.nansum(cars, axis=0) / np.maximum(counts, 1)
    in_session, as_usual, weights = np.zeros((3, sessions, cars.shape[1]))
    for one, weight in zip(outcomes, known / np.maximum(counts, 1), strict=True):
        in_session[one.row] += np.nan_to_num(one.car - means)
        weights[one.row] += weight
        as_usual[one.usual] += one.apart
    moved = (leave_one_out(in_session, weights) + as_usual) / np.maximum(counts, 1)
    return [
        clustered_mean(float(mean), each, count, weight[None]) if count else NO_MEAN
        for mean, each, count, weight in zip(
            means, moved.T, counts.tolist(), weights.T, strict=True
        )
    ]


def _figures(mean: Mean) -> dict[str, Any]:
    return {"value": mean.value, "low": mean.low, "high": mean.high, "events": mean.events}


def _median(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None


def _shares(cars: Floats, close: Mean, length: int) -> dict[str, float | None]:
    """Return how much of the move to the close was over, by minute and at the next open.

    None where that move may be zero.
    """
    moves = close.low is not None and close.high is not None and close.low * close.high > 0
    columns = {str(m): (m + BEFORE) // length for m in _SHARES if m % length == 0}
    shares: dict[str, float | None] = {}
    for name, column in {**columns, "next open": -1}.items():
        both = cars[:, [column, -2]]  # -2 is the move to the close
        part, whole = both[~np.isnan(both).any(axis=1)].T
        shares[name] = float(part.mean() / whole.mean()) if moves and len(part) else None
    return shares
