"""Test abnormal returns: each test takes N events and gives a statistic, None where undefined.

The tests rest on independent events of many firms and on large N. For events of one firm they are
indicative and the permutation test leads: would random days of the same stock have done as much?
(In the spirit of Nguyen & Wolf 2023.)

In a whole universe, reports come in seasons whose windows overlap, so that neither events nor dates
are independent: errors are clustered by season, a calendar quarter (Liang & Zeger 1986), by the
jackknife (Cameron & Miller 2015) and Student's t of G* − 1 degrees of freedom, G* as many quarters
of equal weight as weigh as much (Carter, Schnepel & Steigerwald 2017): few may hold most events.
The quarter of an event and those of its returns are two ways to cluster (Cameron, Gelbach & Miller
2011); the larger error counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, isfinite, nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats import LEVEL, NO_RETURN
from backtest.stats.figures import student
from backtest.stats.multiple_testing import MonteCarlo, monte_carlo, shares_of

if TYPE_CHECKING:
    from backtest.stats import Floats, Ints

_POWER = 0.8
FEWEST_SEASONS = 8


@dataclass(frozen=True)
class Statistic:
    """Hold the outcome of a test of no effect."""

    name: str
    value: float | None  # None where it is not defined, as for a spread of one event
    p: float | None  # two-sided; None without a value
    freedom: int | None = None  # degrees of freedom of Student's t; None for the normal


@dataclass(frozen=True)
class Sample:
    """Hold what the tests of one window need, a row an event with known CAR and sigma."""

    cars: Floats  # cumulative abnormal returns, shape (N,)
    sigmas: Floats  # standard deviation of a session's abnormal return, (N,)
    errors: Floats  # standard deviation of the CAR with the error of prediction, (N,)
    freedom: Floats  # degrees of freedom of the estimates, (N,); L1 − 2 for the market model
    length: int  # sessions of the window, L2
    correlation: float  # mean correlation of two events' CARs

    @property
    def scars(self) -> Floats:
        """Return the standardised CARs, shape (N,)."""
        return self.cars / self.errors

    @property
    def inflation(self) -> float:
        """Return how many times the variance of a mean is that of independent events."""
        return 1 + (len(self.cars) - 1) * self.correlation


def t_plain(sample: Sample) -> float | None:
    """Return `CAAR ÷ √(Σ s² L2 ÷ N²)`: the estimates count as exact (MacKinlay 1997)."""
    return _over(np.sum(sample.cars), sqrt(np.sum(sample.sigmas**2) * sample.length))


def t_with_prediction_error(sample: Sample) -> float | None:
    """Return `CAAR ÷ √(Σ Var CAR ÷ N²)` (MacKinlay 1997)."""
    return _over(np.sum(sample.cars), sqrt(np.sum(sample.errors**2)))


def cross_section_t(cars: Floats, correlation: float = 0.0) -> float | None:
    """Return `√N mean(CAR) ÷ sd(CAR)`, Student's t with N − 1 degrees of freedom.

    A mean correlation r of the CARs multiplies it by `√((1 − r) ÷ (1 + (N − 1) r))` (Kolari &
    Pynnönen 2010). None for fewer than two CARs.
    """
    if len(cars) < 2:  # noqa: PLR2004 - no deviation of one
        return None
    t = _over(sqrt(len(cars)) * float(np.mean(cars)), float(np.std(cars, ddof=1)))
    return _times(t, 1 - correlation, 1 + (len(cars) - 1) * correlation)


def across_events(cars: Floats, signs: Ints, days: Ints, length: int) -> Statistic:
    """Run the t test across events of CAR × sign, in windows of `length` sessions."""
    shared = max(0.0, mean_correlation(signs, days, length))  # opposite ones count as apart
    return statistic("cross_section", cross_section_t(signs * cars, shared), len(cars) - 1)


def mean_correlation(signs: Ints, days: Ints, length: int) -> float:
    """Return the mean correlation of two CARs × sign: the share of sessions that windows share.

    It is 0 for a single event; `days` are their days 0, each once.
    """
    count = len(days)
    if count < 2:  # noqa: PLR2004 - no pair of one
        return 0.0
    reached = days[:, None] + np.arange(length)
    of_session = np.bincount(reached.ravel(), np.repeat(signs, length))
    return float(of_session @ of_session / length / count - 1) / (count - 1)


def patell(sample: Sample) -> float | None:
    """Return `ΣSCAR ÷ √Σ((L1 − 2) ÷ (L1 − 4))` (Patell 1976); L1 − 2 is the estimates' freedom."""
    variance = np.sum(sample.freedom / (sample.freedom - 2))
    return _over(np.sum(sample.scars), sqrt(variance))


def bmp(sample: Sample) -> float | None:
    """Return `√N mean(SCAR) ÷ sd(SCAR)` (Boehmer, Musumeci & Poulsen 1991): variance may move."""
    return cross_section_t(sample.scars)


def kp_patell(sample: Sample) -> float | None:
    """Return Patell's statistic × `1 ÷ √(1 + (N − 1) r)` (Kolari & Pynnönen 2010)."""
    return _times(patell(sample), 1.0, sample.inflation)


def kp_bmp(sample: Sample) -> float | None:
    """Return the BMP statistic × `√((1 − r) ÷ (1 + (N − 1) r))` (Kolari & Pynnönen 2010)."""
    return cross_section_t(sample.scars, sample.correlation)


def corrado(estimation: Sequence[Floats], event: Floats, window: slice) -> float | None:
    """Run the rank test of Corrado 1989 over a window as in Cowan 1992.

    Ranks are taken over an event's estimation and event days and divided by their number plus one,
    so that events of unequal length can be averaged (Corrado & Zivney 1992); for equal ones it is
    `mean(K − (M + 1)/2) ÷ S × √L2` with `S² = 1/M Σ_t mean_i(K_it − (M + 1)/2)²`. Estimation days,
    oldest first, are aligned at their ends; `event` has a row an event, shape (N, days), and
    `window` selects its columns.
    """
    longest = max(map(len, estimation))
    table = np.full((len(estimation), longest + event.shape[1]), np.nan)
    for row, days in zip(table, estimation, strict=True):
        row[longest - len(days) : longest] = days
    table[:, longest:] = event
    sums = _standard_ranks(table)
    counts = np.sum(~np.isnan(table), axis=0)
    daily = np.nansum(sums, axis=0)[counts > 0] / np.sqrt(counts[counts > 0])
    tested = np.sum(sums[:, longest:][:, window], axis=0) / sqrt(len(table))
    return _over(np.mean(tested) * sqrt(len(tested)), sqrt(np.mean(daily**2)))


def generalised_sign(cars: Floats, positive: Floats) -> float | None:
    """Return `(w − N p) ÷ √(N p (1 − p))` of w positive CARs (Cowan 1992); None without a CAR.

    p is the mean share of positive abnormal returns in the events' estimation days.
    """
    if len(cars) == 0:
        return None
    share, count = float(np.mean(positive)), len(cars)
    return _over(np.sum(cars > 0) - count * share, sqrt(count * share * (1 - share)))


def statistic(name: str, value: float | None, freedom: int | None = None) -> Statistic:
    """Compare a value with Student's t, or with the normal where there is no `freedom`."""
    from scipy.stats import t

    if value is None:
        return Statistic(name, None, None, freedom)
    p = erfc(abs(value) / sqrt(2)) if freedom is None else 2 * float(t.sf(abs(value), freedom))
    return Statistic(name, value, p, freedom)


def detectable_effect(error: float) -> float:
    """Return the effect that is found at `LEVEL`, two-sided, 80 times in 100 (MacKinlay 1997).

    `(z(1 − LEVEL/2) + z(0.8)) × error` of the mean; the far tail is negligible at such a power.
    """
    return (NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(_POWER)) * error


def _standard_ranks(table: Floats) -> Floats:
    """Return each row's ranks ÷ (known values + 1) − 1/2, NaN kept; equal values share a rank."""
    from scipy.stats import rankdata

    ranks = rankdata(table, axis=1, nan_policy="omit")
    counts = np.sum(~np.isnan(table), axis=1, keepdims=True)
    return np.asarray(ranks / (counts + 1) - 0.5, np.float64)


def _times(statistic: float | None, over: float, under: float) -> float | None:
    if statistic is None or under <= 0 or over < 0:
        return None
    return statistic * sqrt(over / under)


def _over(value: float, spread: float) -> float | None:
    ratio = value / spread if spread > 0 else nan
    return ratio if isfinite(ratio) else None


@dataclass(frozen=True)
class Permutation:
    """Compare the average CAR of the events with those of random days."""

    caar: float  # average CAR of the events, a fraction
    null: Floats  # average CARs of random days, shape (B,)
    p: MonteCarlo  # p-values of the events among them
    days: int  # number of days that could be drawn, all series together


def permutation_test(
    cars: Sequence[Floats], events: Sequence[Ints], *, length: int = 1, seed: int, draws: int
) -> Permutation | None:
    """Compare the average CAR of the events with that of random days.

    In each series `cars` has what an event on each day would have had, and `events` the true days;
    its random days are among all on which its CAR is known, its own events' days too. Windows of
    `length` sessions overlap as much as the true ones do: of the gaps between successive events,
    that from the last round to the first included, those shorter than a window stay as they are,
    the others are any that are not shorter, all orders and starts being equally likely. If the true
    days are random, the test is exact whatever the returns. None where no event's CAR is known.
    """
    rng = np.random.default_rng(seed)
    null, total, count, among = np.zeros(draws), 0.0, 0, 0
    for series, days in zip(cars, events, strict=True):
        known = np.flatnonzero(~np.isnan(series))
        positions = np.searchsorted(known, np.intersect1d(days, known))
        if len(positions):
            values = series[known]
            drawn = _random_positions(rng, positions, len(known), length, draws)
            null += values[drawn].sum(axis=1)
            total += float(values[positions].sum())
            count += len(positions)
            among += len(known)
    if count == 0:
        return None
    p = monte_carlo(total / count, null / count)
    return None if p is None else Permutation(total / count, null / count, p, among)


def _random_positions(
    rng: np.random.Generator, positions: Ints, among: int, length: int, draws: int
) -> Ints:
    """Draw positions on a circle of `among` days as close together as these, a row a draw."""
    gaps = np.diff(positions, append=positions[0] + among)
    short = gaps[gaps < length]
    free = len(gaps) - len(short)
    slack = int(among - short.sum() - free * length)
    long = length + shares_of(slack, rng, draws, free)
    drawn = rng.permuted(np.hstack([np.tile(short, (draws, 1)), long]), axis=1)
    starts = rng.integers(among, size=(draws, 1))
    return np.asarray((starts + np.cumsum(drawn, axis=1)) % among, np.int64)


@dataclass(frozen=True)
class Mean:
    """Hold a mean over events, or a difference of two, with its interval and p-value."""

    value: float | None  # the mean, a fraction; None of no event
    low: float | None  # lower bound at `1 − LEVEL`; None where there are too few seasons
    high: float | None  # upper bound, likewise
    p: float | None  # two-sided p-value of no effect, likewise
    detectable: float | None  # effect that would be found at `LEVEL` 80 times in 100, likewise
    events: int  # number of events
    seasons: int  # number of seasons that they fall into


NO_MEAN = Mean(None, None, None, None, None, 0, 0)


def at_positions(values: Floats, positions: Ints) -> Floats:
    """Return the values at positions on the last axis; NaN where there is no such position."""
    inside = (positions >= 0) & (positions < values.shape[-1])
    return np.where(inside, values[..., np.where(inside, positions, 0)], np.nan)


def abnormal_paths(abnormal: Floats, days: Ints, stocks: Ints, first: int, last: int) -> Floats:
    """Return the abnormal returns round each day 0, (events, last − first + 1); NaN outside."""
    reached = days[:, None] + np.arange(first, last + 1)
    inside = (reached >= 0) & (reached < len(abnormal))
    return np.where(inside, abnormal[np.where(inside, reached, 0), stocks[:, None]], np.nan)


def quantiles(values: Floats, count: int) -> Ints:
    """Return the quantile of each value, from 0 up to `count − 1`; -1 where it is unknown.

    Equal values are never parted: each takes the quantile of the middle of them, so that quantiles
    need not be equally large.
    """
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    below = np.searchsorted(ordered, values[known], side="left")
    until = np.searchsorted(ordered, values[known], side="right")
    middle = (below + until) / 2  # of n values the ranks from 0 to n
    groups = np.full(len(values), -1)
    if known.any():
        groups[known] = np.minimum((middle * count // known.sum()).astype(int), count - 1)
    return groups


def mean_by_season(values: Floats, seasons: Ints) -> Mean:
    """Average over events the sum of their returns, with errors clustered by season.

    `values` are the returns of each event, shape (events, days); an event with an unknown return
    does not count. `seasons` are that of its day 0 and that of each return, shape (events, 1 +
    days).
    """
    return _sum_of_means([(1, values, seasons)])


def difference_by_season(high: Floats, low: Floats, seasons: tuple[Ints, Ints]) -> Mean:
    """Subtract the mean of some events from that of others, with errors clustered by season."""
    return _sum_of_means([(1, high, seasons[0]), (-1, low, seasons[1])])


def _sum_of_means(parts: Sequence[tuple[int, Floats, Ints]]) -> Mean:
    """Add the means of parts with their signs, and measure how far each season moves the sum.

    Windows that reach into the next season meet what moves the events there. So a season is once
    that of the events and once that of the returns, and the larger error counts.
    """
    complete = [
        (sign, returns[known], seasons[known])
        for sign, returns, seasons in parts
        if (known := ~np.isnan(returns).any(axis=1)).any()
    ]
    if len(complete) < len(parts):
        return NO_MEAN
    every = np.unique(np.concatenate([seasons.ravel() for *_, seasons in complete]))
    value, weights = 0.0, []
    of_events, of_returns = np.zeros((2, len(every)))
    for sign, returns, seasons in complete:
        sums, numbers = returns.sum(axis=1), np.searchsorted(every, seasons)
        columns = zip((sums, *returns.T), numbers.T, strict=True)
        first, *others = (_moved(*column, len(every)) for column in columns)
        value += sign * float(sums.mean())
        of_events += sign * first
        of_returns += sign * np.sum(others, axis=0)
        weights.append(np.bincount(numbers[:, 0], minlength=len(every)) / len(returns))
    events = sum(len(returns) for _, returns, _ in complete)
    moved = max(of_events, of_returns, key=np.linalg.norm)
    return clustered_mean(value, moved, events, np.array(weights))


def _moved(values: Floats, numbers: Ints, clusters: int) -> Floats:
    """Return how far the mean falls where each cluster, numbered by `numbers`, is left out."""
    adds = np.bincount(numbers, values - values.mean(), clusters) / len(values)
    return leave_one_out(adds, np.bincount(numbers, minlength=clusters) / len(values))


def leave_one_out(adds: Floats, weights: Floats) -> Floats:
    """Return how far a mean falls without each cluster, from what it adds and its weight."""
    return np.asarray(adds / np.where(weights < 1, 1 - weights, 1.0), np.float64)


def clustered_mean(value: float, moved: Floats, events: int, weights: Floats) -> Mean:
    """Judge a mean of events by how far each cluster, left out, moves it: a jackknife.

    `weights` are the shares of the clusters, shape (means, clusters). Nothing but the value is
    known with fewer than `FEWEST_SEASONS` clusters, or where fewer than two equal ones would weigh
    as much in any of the means.
    """
    from scipy.special import stdtr

    clusters = int(np.count_nonzero(weights.any(axis=0)))
    error, freedom = 0.0, float(np.min(1 / np.sum(weights**2, axis=1))) - 1
    if clusters >= FEWEST_SEASONS and freedom >= 1:
        error = float(np.sqrt((clusters - 1) / clusters * np.sum(moved**2)))
    if error <= NO_RETURN:
        return Mean(value, None, None, None, None, events, clusters)
    p = 2 * float(stdtr(freedom, -abs(value) / error))
    reach = student(1 - LEVEL / 2, freedom) * error
    detectable = reach + student(_POWER, freedom) * error
    return Mean(value, value - reach, value + reach, p, detectable, events, clusters)
