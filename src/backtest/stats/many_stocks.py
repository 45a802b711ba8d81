"""The event study of many stocks: average cumulative abnormal returns, by quantile of a field.

Reports come in seasons whose windows overlap, so that neither events nor dates are independent:
the errors are clustered by season, a calendar quarter (Liang & Zeger 1986, with the correction
G ÷ (G − 1) and Student's t of G − 1 degrees of freedom, Cameron & Miller 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats import LEVEL
from backtest.stats.significance import detectable_effect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_SEASONS = 8


@dataclass(frozen=True)
class Mean:
    """A mean of events, or a difference of two, with what it is worth."""

    value: float | None  # the mean, a fraction; None of no event
    low: float | None  # of the interval at `1 − LEVEL`; None where there are too few seasons
    high: float | None
    p: float | None  # two-sided, of no effect; None likewise
    detectable: float | None  # the effect that would be found at `LEVEL` 80 times in 100
    events: int
    seasons: int  # in which the events are


def paths(abnormal: Floats, days: Ints, stocks: Ints, first: int, last: int) -> Floats:
    """The abnormal returns round each event's day 0, shape (events, last − first + 1)."""
    reached = days[:, None] + np.arange(first, last + 1)
    inside = (reached >= 0) & (reached < len(abnormal))
    found = abnormal[np.where(inside, reached, 0), stocks[:, None]]
    return np.where(inside, found, np.nan)


def quantiles(values: Floats, count: int) -> Ints:
    """The quantile of each value, from 0 up to `count − 1`; -1 where it is unknown.

    Equal values are never parted: each takes the place of the middle of them, so that quantiles
    need not be equally large.
    """
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    below = np.searchsorted(ordered, values[known], side="left")
    until = np.searchsorted(ordered, values[known], side="right")
    middle = (below + until) / 2  # of n values the ranks from 0 to n
    places = np.full(len(values), -1)
    if known.any():
        places[known] = np.minimum((middle * count // known.sum()).astype(int), count - 1)
    return places


def mean_by_season(values: Floats, seasons: Ints) -> Mean:
    """The mean of the known values, with errors clustered by season."""
    known = ~np.isnan(values)
    count = int(known.sum())
    if count == 0:
        return _mean(None, np.array([]), 0, np.array([]))
    mean = float(values[known].mean())
    return _mean(mean, (values[known] - mean) / count, count, seasons[known])


def difference_by_season(high: Floats, low: Floats, seasons: tuple[Ints, Ints]) -> Mean:
    """The mean of some events less that of others, likewise."""
    parts = []
    for values, each in zip((high, low), seasons, strict=True):
        known = ~np.isnan(values)
        parts.append((values[known], each[known]))
    (above, season_above), (below, season_below) = parts
    if not len(above) or not len(below):
        return _mean(None, np.array([]), 0, np.array([]))
    influence = np.concatenate(
        ((above - above.mean()) / len(above), (below.mean() - below) / len(below))
    )
    both = np.concatenate((season_above, season_below))
    return _mean(float(above.mean() - below.mean()), influence, len(both), both)


def _mean(value: float | None, influence: Floats, count: int, seasons: NDArray[np.int64]) -> Mean:
    """A mean from what each event adds to its error."""
    _, places = np.unique(seasons, return_inverse=True)
    groups = int(places.max()) + 1 if len(places) else 0
    if value is None or groups < FEWEST_SEASONS:
        return Mean(value, None, None, None, None, count, groups)
    from scipy.special import stdtr, stdtrit

    sums = np.bincount(places, influence, groups)
    error = float(np.sqrt(groups / (groups - 1) * np.sum(sums**2)))
    if error == 0:
        return Mean(value, None, None, None, None, count, groups)
    reach = float(stdtrit(groups - 1, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(groups - 1, -abs(value) / error))
    return Mean(value, value - reach, value + reach, p, detectable_effect(error), count, groups)
