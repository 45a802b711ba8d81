"""What a Sharpe ratio is worth: how likely it is real, and how long a record would show it.

Bailey & López de Prado 2012 (PSR, MinTRL) and 2014 (DSR). Everything is per period, not
per year, unless a name says so; `kurtosis` is raw: 3 for the normal distribution. The standard
error is that of the papers, taken at the estimated Sharpe ratio. López de Prado, Lipton &
Zoonekynd 2025 take it at the null instead, which gives other figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats.figures import FEWEST_SESSIONS
from backtest.stats.intervals import fewest_occasions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()


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


def sharpe_estimate(returns: NDArray[np.float64]) -> SharpeEstimate | None:
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
