"""How far a result could have come out otherwise: intervals by occasion.

What was held at the same time met the same days, so that an occasion, not a trade, is one
observation. The standard errors are those of a ratio of sums (Cochran 1977, chapter 6) and of the
delta method; the quantiles are Student's. Such an interval is widened to the spread of random
draws, for trades that all met the same stop show no spread of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats import SESSIONS_A_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CONFIDENCE = 0.95


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


def sharpe_by_group(returns: Floats, groups: NDArray[np.int64]) -> Estimate | None:
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
