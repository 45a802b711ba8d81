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
    from collections.abc import Sequence

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
    return _sum_of_means([(1, values, seasons)])


def difference_by_season(high: Floats, low: Floats, seasons: tuple[Ints, Ints]) -> Mean:
    """The mean of some events less that of others, likewise."""
    return _sum_of_means([(1, high, seasons[0]), (-1, low, seasons[1])])


def _sum_of_means(parts: Sequence[tuple[int, Floats, Ints]]) -> Mean:
    """The means of parts with their signs, and the error to which each event adds."""
    from scipy.special import stdtr, stdtrit

    means, influences, seasons = [], [], []
    for sign, values, season in parts:
        known = ~np.isnan(values)
        if not known.any():
            return Mean(None, None, None, None, None, 0, 0)
        mean = float(values[known].mean())
        means.append(sign * mean)
        influences.append(sign * (values[known] - mean) / known.sum())
        seasons.append(season[known])
    _, places = np.unique(np.concatenate(seasons), return_inverse=True)
    value, count, groups = sum(means), len(places), int(places.max()) + 1
    error = 0.0
    if groups >= FEWEST_SEASONS:
        sums = np.bincount(places, np.concatenate(influences), groups)
        error = float(np.sqrt(groups / (groups - 1) * np.sum(sums**2)))
    if error == 0:
        return Mean(value, None, None, None, None, count, groups)
    reach = float(stdtrit(groups - 1, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(groups - 1, -abs(value) / error))
    return Mean(value, value - reach, value + reach, p, detectable_effect(error), count, groups)
