"""How far a result could have come out otherwise, and how likely a Sharpe ratio is real.

Intervals are by occasion. What was held at the same time met the same days, so that an occasion,
not a trade, is one observation. The standard errors are those of a ratio of sums (Cochran 1977,
chapter 6) and of the delta method; the quantiles are Student's. Such an interval is widened to the
spread of random draws, for trades that all met the same stop show no spread of their own.

Sharpe ratios: Bailey & López de Prado 2012 (PSR, MinTRL) and 2014 (DSR). Everything is per period,
not per year, unless a name says so; `kurtosis` is raw: 3 for the normal distribution. The standard
error is that of the papers, taken at the estimated Sharpe ratio. López de Prado, Lipton &
Zoonekynd 2025 take it at the null instead, which gives other figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, e, log2, nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats import SESSIONS_A_YEAR
from backtest.stats.figures import FEWEST_SESSIONS

if TYPE_CHECKING:
    from backtest.stats import Floats, Ints

CONFIDENCE = 0.95
_EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; the bounds are None where they cannot be known."""

    estimate: float | None = None  # the figure itself
    low: float | None = None  # lower bound
    high: float | None = None  # upper bound
    confidence: float = CONFIDENCE  # chance that such an interval holds the truth
    unknown: str = ""  # why there are no bounds; empty where there are


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error from `count` independent observations."""

    value: float
    error: float
    count: int

    def interval(self, draws: Floats) -> Interval:
        """Student's interval, widened to the spread about their mean of draws without knowledge."""
        reach = student(0.5 + CONFIDENCE / 2, self.count - 1) * self.error
        low, high = self.value - reach, self.value + reach
        known = draws[~np.isnan(draws)]
        if len(known):
            tails = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
            below, above = (np.quantile(known, tails) - np.mean(known)).tolist()
            low, high = min(low, self.value - above), max(high, self.value - below)
        return Interval(self.value, low, high)

    def detectable(self, draws: Floats, level: float, power: float) -> float:
        """The least effect that is found at this level with this power, one-sided.

        `(t(1 − level) + t(power)) × error`, the error that of the draws where it is larger.
        """
        known = draws[~np.isnan(draws)]
        error = max(self.error, float(np.std(known)) if len(known) > 1 else 0.0)
        freedom = self.count - 1
        return (student(1 - level, freedom) + student(power, freedom)) * error


def fewest_occasions() -> int:
    """The fewest observations that can carry an interval.

    n observations of a symmetric distribution all lie on one side of its mean with chance
    `2 ÷ 2ⁿ`, and then no interval made of them holds it. Six for 95 %.
    """
    return ceil(log2(2 / (1 - CONFIDENCE)))


def student(probability: float, freedom: int) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit  # a tenth of the time that scipy.stats takes to load

    return float(stdtrit(freedom, probability))


def ratio_of_sums(numerators: Floats, denominators: Floats) -> Estimate:
    """The ratio of two sums over independent observations, such as profits and what was put in."""
    count, total = len(numerators), float(np.sum(denominators))
    ratio = float(np.sum(numerators)) / total
    away = numerators - ratio * denominators
    error = sqrt(count / (count - 1) * float(np.sum(away**2))) / total if count > 1 else nan
    return Estimate(ratio, error, count)


def sharpe_by_group(returns: Floats, groups: Ints) -> Estimate | None:
    """The annual Sharpe ratio with its error over independent groups of sessions.

    With R and Q the sums of a group's returns and of their squares, the ratio is a function of ΣR
    and ΣQ; each group moves it by `∂R (R − mean) + ∂Q (Q − mean)` (delta method). Groups are
    numbered from 0; -1 is none, where nothing is held. None where no return differs.
    """
    sessions, count = len(returns), int(groups.max(initial=-1)) + 1
    mean = float(np.mean(returns))
    variance = float(np.mean(returns**2)) - mean**2
    if np.ptp(returns) == 0 or variance <= 0:
        return None
    value = mean / sqrt(variance * sessions / (sessions - 1)) * sqrt(SESSIONS_A_YEAR)
    if count < 2:  # noqa: PLR2004 - one group has no spread
        return Estimate(value, nan, count)
    held = groups >= 0
    sums = np.bincount(groups[held], returns[held], count)
    squares = np.bincount(groups[held], returns[held] ** 2, count)
    by_sum = (1 / sqrt(variance) + mean**2 / variance**1.5) / sessions
    by_square = -mean / (2 * variance**1.5) / sessions
    moved = by_sum * (sums - np.mean(sums)) + by_square * (squares - np.mean(squares))
    error = sqrt(count / (count - 1) * float(np.sum(moved**2)) * SESSIONS_A_YEAR)
    return Estimate(value, error, count)


@dataclass(frozen=True)
class SharpeEstimate:
    """A Sharpe ratio per period, and what its standard error hangs on."""

    ratio: float  # mean ÷ standard deviation (n − 1) of returns, per period
    observations: int  # how many returns
    skewness: float = 0.0  # third standardised moment
    kurtosis: float = 3.0  # fourth standardised moment, raw: 3 for the normal distribution

    @property
    def variance(self) -> float:
        """Variance of √(n − 1) times the ratio: `1 − g3 SR + (g4 − 1) ÷ 4 SR²`."""
        return 1 - self.skewness * self.ratio + (self.kurtosis - 1) / 4 * self.ratio**2


def sharpe_estimate(returns: Floats) -> SharpeEstimate | None:
    """The Sharpe ratio of simple returns, one a period, with population moments.

    None where nothing varies, and for fewer than two returns.
    """
    if len(returns) < 2 or np.ptp(returns) == 0:  # noqa: PLR2004 - no deviation of one
        return None
    away = returns - np.mean(returns)
    scaled = away / np.std(returns)
    return SharpeEstimate(
        ratio=float(np.mean(returns) / np.std(returns, ddof=1)),
        observations=len(returns),
        skewness=float(np.mean(scaled**3)),
        kurtosis=float(np.mean(scaled**4)),
    )


def thin_record(trades: int, held: int, sessions: int, noun: str = "trade") -> str:
    """Why a record is too thin for what is told here; empty where it is not.

    All of it counts sessions, also those without a position, which tell nothing. An account that is
    in the market for most of them has its sessions for observations; one that is seldom in it has
    its trades, whose dates it chose, and needs as many as the interval of their mean.
    """
    if trades < fewest_occasions() and 2 * held < sessions:
        of = noun if trades == 1 else f"{noun}s"
        return f"{trades} {of}: at least {fewest_occasions()} are needed"
    if held < FEWEST_SESSIONS:
        of = "session" if held == 1 else "sessions"
        return f"{held} {of} with a position: at least {FEWEST_SESSIONS} are needed"
    return ""


def expected_maximum(trials: int) -> float:
    """The expected best of `trials` independent standard normal draws.

    `(1 − g) Φ⁻¹(1 − 1/N) + g Φ⁻¹(1 − 1/(N e))` with Euler's constant g, Bailey & López de Prado
    2014; 0 for one trial.
    """
    if trials == 1:
        return 0.0
    best = _NORMAL.inv_cdf(1 - 1 / trials)
    return (1 - _EULER_GAMMA) * best + _EULER_GAMMA * _NORMAL.inv_cdf(1 - 1 / (trials * e))


def probabilistic_sharpe_ratio(estimate: SharpeEstimate, benchmark: float = 0.0) -> float | None:
    """The probability that the true Sharpe ratio exceeds `benchmark`, both per period.

    `Φ((SR − SR*) √(T − 1) ÷ √(1 − g3 SR + (g4 − 1) ÷ 4 SR²))`, Bailey & López de Prado 2012.
    None for fewer than two observations, and where the moments leave no variance.
    """
    if estimate.observations < 2 or estimate.variance <= 0:  # noqa: PLR2004
        return None
    distance = (estimate.ratio - benchmark) * sqrt(estimate.observations - 1)
    return _NORMAL.cdf(distance / sqrt(estimate.variance))


def deflated_sharpe_ratio(
    estimate: SharpeEstimate, trials_variance: float, trials: int
) -> float | None:
    """PSR against the ratio that the best of so many trials without skill would be expected to
    show.

    `PSR(√V × E[max])` with the variance of all trials' ratios, per period as the estimate's (Bailey
    & López de Prado 2014).
    """
    best = sqrt(trials_variance) * expected_maximum(trials)
    return probabilistic_sharpe_ratio(estimate, best)


def minimum_track_record_length(
    estimate: SharpeEstimate, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """How many periods it takes to show that the true Sharpe ratio exceeds `benchmark`.

    `1 + (1 − g3 SR + (g4 − 1) ÷ 4 SR²) (z ÷ (SR − SR*))²`, Bailey & López de Prado 2012.
    None where the estimate does not exceed the benchmark: no length would show it.
    """
    if estimate.ratio <= benchmark:
        return None
    needed = _NORMAL.inv_cdf(confidence) / (estimate.ratio - benchmark)
    return 1 + estimate.variance * needed**2
