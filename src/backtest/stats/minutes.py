"""The event study in minutes: what stocks did within the session in which a fact became public.

What is usual is the mean of the same minutes of sessions before, so that the open and the close,
where every session trades more and moves further, are held against opens and closes.

Neither events of one session are independent, for what moves the market moves them all, nor events
that are held against the same usual sessions. So errors are clustered by session, as in
`significance`: each session with all that it adds to the mean, for the events in it and for those
whose usual sessions it is one of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.stats.significance import NO_MEAN, clustered_mean, left_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backtest.stats import Floats, Ints
    from backtest.stats.significance import Mean

BEFORE, AFTER = 30, 120  # minutes that are looked at
USUAL = 20  # sessions before, without an event, of which the usual is the mean
_FEWEST = 10  # of them; with fewer what is usual is unknown
_SHARES = (1, 5, 30)  # minutes by which a share of the move to the close is told


@dataclass(frozen=True)
class BarsByClock:
    """The bars of a stock by session and by where they end, shape (sessions, 1 + bars a session).

    Before the first bar of a session the price is its open, and in a pause the close before it.
    Else NaN where there is no bar.
    """

    length: int  # minutes of a bar
    prices: Floats
    volumes: Floats
    ranges: Floats  # (high − low) ÷ close, which widens with the spread and with the moves
    nights: Floats  # the return from each session's close to the next open, shape (sessions,)

    @cached_property
    def last(self) -> Floats:
        """The last close of each session."""
        known = ~np.isnan(self.prices)
        at = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
        return np.asarray(self.prices[np.arange(len(at)), at], np.float64)


def by_clock(
    length: int, rows: Sequence[int], slots: Sequence[int], table: Floats, nights: Floats
) -> BarsByClock:
    """Bars laid out by session and by their number from the open.

    `table` has a row a bar, open, high, low, close, volume; `rows` number their sessions from 0,
    and `nights` has a value for each that there is.
    """
    import pandas as pd

    laid = np.full((5, len(nights), max(slots) + 2), np.nan)
    laid[:, rows, np.add(slots, 1)] = table.T
    opens, highs, lows, closes, volumes = laid
    ranges = (highs - lows) / closes
    closes[:, 0] = opens[:, 1]
    prices = pd.DataFrame(closes).ffill(axis=1, limit_area="inside").to_numpy()
    return BarsByClock(length, prices, volumes, ranges, nights)


def minutes_study(
    length: int, stocks: Iterable[tuple[BarsByClock, Sequence[tuple[int, int]]]]
) -> dict[str, Any]:
    """What stocks did round events, each a session and the bar in which it became public.

    The clocks of all stocks have bars of this length, and number the same sessions. Of several
    events of a stock in a session the first counts. Minutes run from the open of its bar, whose
    price is the close before it (of a session's first bar its open): no fact was public by then.
    """
    heard = [_outcomes(clock, events) for clock, events in stocks]
    found = [[one for one in some if not np.isnan(one.car).all()] for some in heard]
    every = [one for some in found for one in some]
    steps = _steps(length)
    cars = np.array([one.car for one in every]).reshape(len(every), len(steps) + 2)
    *means, close, next_open = _means(every, cars)
    multiples = ([getattr(one, name) for one in every] for name in ("volumes", "ranges"))
    volumes, ranges = (np.array(some).reshape(len(every), len(steps)) for some in multiples)
    return {
        "events": len(every),
        "stocks": sum(bool(some) for some in found),
        "sessions": len({one.row for one in every}),
        "without_usual": sum(map(len, heard)) - len(every),
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
    """An event: abnormal returns by step, to the close and to the next open, shape (moves,)."""

    row: int  # its session
    usual: Ints  # the sessions that it is held against
    car: Floats  # NaN where it is unknown
    apart: Floats  # what each of them adds to it, less the mean of that, (usual, moves); 0 likewise
    volumes: Floats  # by step, as multiples of the usual, (steps,)
    ranges: Floats


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
    base = _at(clock.prices[sessions], np.array([slot]))
    by_step = _at(clock.prices[sessions], ends) / base
    to_close = clock.last[sessions, None] / base
    to_open = to_close * (1 + clock.nights[sessions, None])
    moves = np.hstack([by_step, to_close, to_open]) - 1
    mean = _usual(moves[:-1])
    car = moves[-1] - mean
    apart = (mean - moves[:-1]) / np.maximum(np.sum(~np.isnan(moves[:-1]), axis=0), 1)
    volumes, ranges = (_at(values[sessions], ends) for values in (clock.volumes, clock.ranges))
    return _Outcome(
        row, usual, car, np.where(np.isnan(car), 0.0, np.nan_to_num(apart)),
        *(values[-1] / _positive(_usual(values[:-1])) for values in (volumes, ranges)),
    )  # fmt: skip


def _steps(length: int) -> range:
    return range(-(BEFORE // length), AFTER // length + 1)


def _at(values: Floats, columns: Ints) -> Floats:
    """Some columns; NaN where there is none."""
    inside = (columns >= 0) & (columns < values.shape[1])
    return np.where(inside, values[:, np.where(inside, columns, 0)], np.nan)


def _usual(values: Floats) -> Floats:
    """The mean of the known values of each column; NaN where they are too few."""
    count = np.sum(~np.isnan(values), axis=0)
    return np.where(count < _FEWEST, np.nan, np.nansum(values, axis=0) / np.maximum(count, 1))


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def _means(found: Sequence[_Outcome], cars: Floats) -> list[Mean]:
    """The mean of each move over the events, with its errors clustered by session."""
    rows = np.array([one.row for one in found], np.int64)
    known = ~np.isnan(cars)
    counts = known.sum(axis=0)
    means = np.nansum(cars, axis=0) / np.maximum(counts, 1)
    own, usual, weights = np.zeros((3, rows.max(initial=0) + 1, cars.shape[1]))
    for one, there in zip(found, known / np.maximum(counts, 1), strict=True):
        own[one.row] += np.nan_to_num(one.car - means)
        weights[one.row] += there
        usual[one.usual] += one.apart
    moved = (left_out(own, weights) + usual) / np.maximum(counts, 1)
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
    """How much of the move to the close was over, by minute and at the next open.

    None where there may be no such move.
    """
    moves = close.low is not None and close.high is not None and close.low * close.high > 0
    columns = {str(m): (m + BEFORE) // length for m in _SHARES if m % length == 0}
    *_, to_close, _ = cars.T
    shares: dict[str, float | None] = {}
    for name, column in {**columns, "next open": -1}.items():
        both = ~np.isnan(cars[:, column]) & ~np.isnan(to_close)
        known = moves and both.any()
        shares[name] = float(cars[both, column].mean() / to_close[both].mean()) if known else None
    return shares
