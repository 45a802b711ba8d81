"""Correct for many tests, and judge whether the best of many is more than the best accident.

p-values: Holm 1979 as in Harvey & Liu 2014; Monte Carlo, Davison & Hinkley 1997; shares, Wilson
1927. PBO by combinatorially symmetric cross-validation: Bailey, Borwein, López de Prado & Zhu 2017.
Superior predictive ability: Hansen 2005, on the stationary bootstrap of Politis & Romano 1994.
Walk-forward: variants are chosen by what earlier events earned, and traded on the next.

Sharpe ratios: Bailey & López de Prado 2012 (PSR, MinTRL) and 2014 (DSR). Everything is per period,
not per year; `kurtosis` is raw: 3 for the normal distribution. The standard error is that of the
papers, taken at the estimated Sharpe ratio. López de Prado, Lipton & Zoonekynd 2025 take it at the
null instead, which gives other figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import e, log, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.stats import NO_RETURN
from backtest.stats.figures import varies

if TYPE_CHECKING:
    from backtest.stats import Floats, Ints


RISK = 1e-3  # of a p-value on the wrong side, where draws end early
_EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()
_ROUNDING = 1e-12  # a draw that repeats what happened counts as equal, whatever the order of sums
_NOISE = 1e-12  # of the mean square; a spread below it is rounding
_COLUMNS = 1_000  # variants that are drawn at once


def draw_distinct(rng: np.random.Generator, draws: int, count: int, among: int) -> Ints:
    """Draw `count` different numbers below `among` in random order, one row a draw (Floyd)."""
    numbers = np.empty((draws, count), np.int64)
    for column in range(count):
        last = among - count + column
        drawn = rng.integers(last + 1, size=draws)
        is_taken = (numbers[:, :column] == drawn[:, None]).any(axis=1)
        numbers[:, column] = np.where(is_taken, last, drawn)
    return rng.permuted(numbers, axis=1)


def shares_of(total: int, rng: np.random.Generator, draws: int, count: int) -> Ints:
    """Draw `count` whole numbers from 0 up that sum to `total`, all such rows equally likely."""
    if count == 0:
        return np.empty((draws, 0), np.int64)
    bars = np.sort(draw_distinct(rng, draws, count - 1, total + count - 1), axis=1)
    ends = np.full((draws, 1), total + count - 1)
    return np.diff(np.hstack([np.full((draws, 1), -1), bars, ends]), axis=1) - 1


def holm(p_values: Sequence[float]) -> Floats:
    """Correct p-values by Holm's step-down, `max over j ≤ i of (N − j + 1) p_(j)`, in their order.

    It bounds the chance of any false discovery, and is never less powerful than Bonferroni's `N p`.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def holm_of_known(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct the known p-values for their number by `holm`; None where one is unknown."""
    corrected = iter(holm([p for p in p_values if p is not None]).tolist())
    return [None if p is None else next(corrected) for p in p_values]


@dataclass(frozen=True)
class MonteCarlo:
    """Hold the p-values of an outcome among draws of the null."""

    upper: float  # chance of an outcome at least as high
    lower: float  # chance of one at least as low

    @property
    def two_sided(self) -> float:
        """Return twice the smaller tail, at most 1: the null need not be symmetric."""
        return min(1.0, 2 * min(self.upper, self.lower))


def monte_carlo(observed: float, null: Floats, *, is_complete: bool = False) -> MonteCarlo | None:
    """Compute p-values `(1 + #{draws as extreme}) ÷ (1 + B)`, never 0, in both tails.

    A draw that is NaN counts as more extreme in both tails, so that what is not known never speaks
    for an effect. If `is_complete`, the draws are all that there can be, the outcome among them,
    and the p-values are shares of them. None where the outcome itself is NaN, or there is no draw.
    """
    if np.isnan(observed) or len(null) == 0:
        return None
    upper, lower = _as_extreme(observed, null)
    itself = 0 if is_complete else 1  # the outcome counts as a draw
    total = itself + len(null)
    return MonteCarlo((itself + upper) / total, (itself + lower) / total)


def is_certain(observed: float, null: Floats, level: float, looks: int) -> bool:
    """Tell whether more draws would hardly bring either p-value to the other side of a level.

    If the true p-value were `level`, so few or so many draws as extreme would come up with a chance
    of at most `RISK` ÷ `looks`. Over all looks, a p-value lies on another side than that of endless
    draws with a chance of at most `RISK` (Bonferroni; Gandy 2009 bounds the same chance).
    """
    from scipy.special import bdtr, bdtrc

    if np.isnan(observed):
        return True
    counts, draws = np.array(_as_extreme(observed, null)), len(null)
    chance = np.minimum(bdtr(counts, draws, level), bdtrc(counts - 1, draws, level))
    return bool((chance <= RISK / looks).all())


def _as_extreme(observed: float, null: Floats) -> tuple[int, int]:
    near = _ROUNDING * abs(observed)
    upper = np.count_nonzero(~(null < observed - near))
    return int(upper), int(np.count_nonzero(~(null > observed + near)))


def wilson_interval(successes: int, tries: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a share (Wilson 1927), which stays within 0 and 1."""
    from scipy.stats import binomtest

    interval = binomtest(successes, tries).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


# The best of many variants


@dataclass(frozen=True)
class Overfitting:
    """Compare the in-sample best with what it did out of sample.

    `pbo` is the probability of overfitting, the share of splits in which it ended in the lower
    half. Without any skill that is 0.5 on average, and one sample scatters round it by about 0.15.
    """

    pbo: float
    loss_share: float  # share of splits in which the in-sample best lost out of sample


def probability_of_overfitting(returns: Floats, blocks: int) -> Overfitting:
    """Compute PBO by CSCV: cut the rows into blocks and take every half of them as a sample once.

    A best that ranks r-th of N variants out of sample is in the lower half where `r ÷ (N + 1)` is
    at most a half, so that its logit is not above 0; equal ones share a rank. Variants compete by
    mean ÷ standard deviation per period; it is 0 for one that does not vary. Returns have one row a
    period and one column a variant, never demeaned before; the oldest `T mod blocks` are left out.
    Raises ValueError where blocks are odd or more than the rows, or there are fewer than two
    variants.
    """
    rows, variants = returns.shape
    if blocks % 2 or not 0 < blocks <= rows:
        raise ValueError(f"{blocks} blocks of {rows} rows: an even number from 2 up to the rows")
    if variants < 2:  # noqa: PLR2004
        raise ValueError("one variant: there is nothing to choose from")
    length = rows // blocks
    cut = returns[rows - length * blocks :].reshape(blocks, length, variants)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    half = length * blocks // 2

    def ratios(sample: list[int]) -> Floats:
        mean, mean_square = (part[sample].sum(axis=0) / half for part in (sums, squares))
        variance = mean_square - mean**2
        moves = variance > _NOISE * mean_square
        return np.where(moves, mean / np.sqrt(np.where(moves, variance, 1.0)), 0.0)

    lower_half = losses = splits = 0
    for with_first in combinations(range(1, blocks), blocks // 2 - 1):  # each pair of halves once
        one = ratios([0, *with_first])
        other = ratios([block for block in range(1, blocks) if block not in with_first])
        for inside, outside in ((one, other), (other, one)):
            best = int(np.argmax(inside))
            lower_half += 2 * _rank(outside, best) <= variants + 1
            losses += bool(outside[best] < 0)
            splits += 1
    return Overfitting(lower_half / splits, losses / splits)


def _rank(values: Floats, variant: int) -> float:
    """Return the rank of a variant from 1 up; equal values share the mean of their ranks."""
    equal = np.count_nonzero(values == values[variant])
    return float(np.count_nonzero(values < values[variant]) + (equal + 1) / 2)


@dataclass(frozen=True)
class SuperiorAbility:
    """Hold p-values of the best variant, corrected for the choice among all."""

    p: float  # the p-value to read; poor variants are left out of the null as data grow
    lower: float  # its lower bound: every variant worse than the benchmark is left out
    upper: float  # its upper bound: no variant is left out (White's reality check)


def superior_ability(
    returns: Floats, benchmark: Floats, *, seed: int, draws: int = 1000
) -> SuperiorAbility | None:
    """Run Hansen's test of superior predictive ability (2005) by the stationary bootstrap.

    The null: no variant's mean return exceeds the benchmark's. The statistic is the highest mean
    difference ÷ standard deviation; the mean block is √T periods; p is `(1 + #) ÷ (1 + draws)`. A
    standard error by blocks in its place is too rough for a maximum over many: of 200 variants
    without skill it rejects 45 times in 100 at the 10 % level, where this rejects 9 times. Repeated
    blocks vary less than the mean does, which would find too much in short records: means are
    shrunk by as much before they are compared. `arch.bootstrap.SPA` gives the same where it gets
    the differences so divided, of such means, with `nested=True`: its own maximum is not
    studentised. `returns` have shape (T, variants), `benchmark` (T,). None where no variant differs
    from it.
    """
    excess = np.unique(returns - benchmark[:, None], axis=1)  # equal ones do not move a maximum
    excess = excess[:, np.ptp(excess, axis=0) > NO_RETURN]
    rows, variants = excess.shape
    if variants == 0:
        return None
    weights = _resampling_weights(rows, seed, draws) - 1 / rows
    spread = sqrt(rows * float(np.sum(weights**2)) / draws)  # of a mean of noise; 1 if it were true
    bound = -sqrt(2 * log(log(max(rows, 3))))
    best, highest = -np.inf, np.full((3, draws), -np.inf)
    for first in range(0, variants, _COLUMNS):
        part = excess[:, first : first + _COLUMNS]
        scaled = part / part.std(axis=0)
        mean = spread * scaled.mean(axis=0)
        drawn = mean + weights @ scaled
        relevant = mean >= bound * drawn.std(axis=0)
        best = max(best, float(np.max(mean)))
        centres = (np.where(relevant, mean, 0.0), np.maximum(mean, 0.0), mean)
        for row, centre in zip(highest, centres, strict=True):
            np.maximum(row, np.max(drawn - centre, axis=1), out=row)
    p, lower, upper = ((1 + int(np.count_nonzero(row >= best))) / (1 + draws) for row in highest)
    return SuperiorAbility(p, lower, upper)


def _resampling_weights(rows: int, seed: int, draws: int) -> Floats:
    """Return how much each row weighs in the mean of each draw, shape (draws, rows)."""
    rng, length = np.random.default_rng(seed), int(sqrt(rows))
    drawn = (_stationary_positions(rng, rows, length) for _ in range(draws))
    return np.array([np.bincount(positions, minlength=rows) for positions in drawn]) / rows


def _stationary_positions(rng: np.random.Generator, rows: int, length: int) -> Ints:
    """Draw the rows of one stationary bootstrap sample, in blocks of `length` on average.

    A block begins anywhere, and ends after each row with chance `1 ÷ length`; after the last row
    comes the first. The draws are those of `arch.bootstrap.StationaryBootstrap`.
    """
    anywhere, numbers = rng.integers(rows, size=rows), np.arange(rows)
    begins = rng.random(rows) <= 1 / length
    start = np.maximum.accumulate(np.where(begins, numbers, 0))  # of each block; the first is at 0
    return np.asarray((anywhere[start] + numbers - start) % rows, np.int64)


@dataclass(frozen=True)
class WalkForward:
    """Hold what choosing sets as events came would have earned."""

    events: NDArray[np.intp]  # columns of the events that any set trades, in order of time
    known: NDArray[np.bool]  # whether a trade on an earlier event was over by then
    picked: NDArray[np.intp]  # the set for each event; the default as long as nothing was known
    returns: Floats  # net returns of its trades, fractions of the entry value; 0 without a trade
    default: Floats  # net returns of the default's trades
    hindsight: Floats  # net returns of the trades of the set that is best over all events


def walk_forward(
    returns: Floats, exits: NDArray[np.int32], bars: Ints, default: int
) -> WalkForward:
    """Choose for each event the set whose trades that were over by then had earned most.

    Returns and exit bars are of each set's trade on each event, shape (sets, events); a return is
    NaN where there is no trade. `bars` rise: when each event can be traded. The set `default`
    trades until a choice can be made.
    """
    is_traded = ~np.isnan(returns)
    earned = np.where(is_traded, returns, 0.0)
    events = np.flatnonzero(is_traded.any(axis=0))
    picked = np.full(len(events), default, dtype=np.intp)
    known = np.zeros(len(events), dtype=np.bool)
    sets, columns = np.nonzero(is_traded)
    by_exit = np.argsort(exits[sets, columns], kind="stable")
    sets, columns = sets[by_exit], columns[by_exit]
    over = np.searchsorted(exits[sets, columns], bars[events])  # trades, rising with the events
    total, begin = np.zeros(len(returns)), 0
    for number, end in enumerate(over.tolist()):
        new = slice(begin, end)
        total += np.bincount(sets[new], earned[sets[new], columns[new]], len(total))
        begin, known[number] = end, end > 0
        if total[default] < total.max():  # of equal ones the default stays
            picked[number] = int(np.argmax(total))
    best = int(np.argmax(earned.sum(axis=1)))
    return WalkForward(
        events=events,
        known=known,
        picked=picked,
        returns=earned[picked, events],
        default=earned[default, events],
        hindsight=earned[best, events],
    )


# How likely a Sharpe ratio is real


@dataclass(frozen=True)
class SharpeEstimate:
    """Hold a Sharpe ratio per period with what its standard error depends on."""

    ratio: float  # mean ÷ standard deviation (n − 1) of returns, per period
    observations: int  # number of returns
    skewness: float = 0.0  # third standardised moment
    kurtosis: float = 3.0  # fourth standardised moment, raw: 3 for the normal distribution

    @property
    def variance(self) -> float:
        """Return the variance of √(n − 1) × the ratio: `1 − g3 SR + (g4 − 1) ÷ 4 SR²`."""
        return 1 - self.skewness * self.ratio + (self.kurtosis - 1) / 4 * self.ratio**2


def sharpe_estimate(returns: Floats) -> SharpeEstimate | None:
    """Estimate the Sharpe ratio of simple returns, one a period, with population moments.

    None where nothing varies, and for fewer than two returns.
    """
    if len(returns) < 2 or not varies(returns):  # noqa: PLR2004 - no deviation of one
        return None
    away = returns - np.mean(returns)
    scaled = away / np.std(returns)
    return SharpeEstimate(
        ratio=float(np.mean(returns) / np.std(returns, ddof=1)),
        observations=len(returns),
        skewness=float(np.mean(scaled**3)),
        kurtosis=float(np.mean(scaled**4)),
    )


def expected_maximum(trials: int) -> float:
    """Return the expected best of `trials` independent standard normal draws; 0 for one.

    `(1 − g) Φ⁻¹(1 − 1/N) + g Φ⁻¹(1 − 1/(N e))` with Euler's constant g (Bailey & López de Prado
    2014).
    """
    if trials == 1:
        return 0.0
    best = _NORMAL.inv_cdf(1 - 1 / trials)
    return (1 - _EULER_GAMMA) * best + _EULER_GAMMA * _NORMAL.inv_cdf(1 - 1 / (trials * e))


def probabilistic_sharpe_ratio(estimate: SharpeEstimate, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio exceeds `benchmark`, both per period.

    `Φ((SR − SR*) √(T − 1) ÷ √(1 − g3 SR + (g4 − 1) ÷ 4 SR²))` (Bailey & López de Prado 2012). None
    for fewer than two observations, and where the moments leave no variance.
    """
    if estimate.observations < 2 or estimate.variance <= 0:  # noqa: PLR2004
        return None
    distance = (estimate.ratio - benchmark) * sqrt(estimate.observations - 1)
    return _NORMAL.cdf(distance / sqrt(estimate.variance))


def deflated_sharpe_ratio(
    estimate: SharpeEstimate, trials_variance: float, trials: int
) -> float | None:
    """Return the PSR against the best ratio that so many trials without skill should show.

    `PSR(√V × E[max])` with the variance of all trials' ratios, per period as the estimate's (Bailey
    & López de Prado 2014). None as for the PSR.
    """
    best = sqrt(trials_variance) * expected_maximum(trials)
    return probabilistic_sharpe_ratio(estimate, best)


def minimum_track_record_length(
    estimate: SharpeEstimate, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """Return how many periods it takes to show that the true Sharpe ratio exceeds `benchmark`.

    `1 + (1 − g3 SR + (g4 − 1) ÷ 4 SR²) (z ÷ (SR − SR*))²` (Bailey & López de Prado 2012). None
    where the estimate does not exceed the benchmark: no length would show it.
    """
    if estimate.ratio <= benchmark:
        return None
    needed = _NORMAL.inv_cdf(confidence) / (estimate.ratio - benchmark)
    return 1 + estimate.variance * needed**2
