"""What was to be expected: models of normal returns, estimated before an event (MacKinlay 1997)."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Model = Literal["market", "market_adjusted", "mean_adjusted"]
FEWEST_DAYS = 30  # estimation days of a model with parameters
FEWEST_FOR_SIGMA = 10  # estimation days for a standard deviation
_PARAMETERS: dict[Model, int] = {"market": 2, "market_adjusted": 0, "mean_adjusted": 1}
MODELS = tuple(_PARAMETERS)


@dataclass(frozen=True)
class Fit:
    """A model of normal returns as estimated before one event.

    Attributes:
        model: the model; `market` is `R = alpha + beta Rm`, `market_adjusted` `R = Rm`,
            `mean_adjusted` `R = alpha`.
        reason: why it is not the model wanted; empty where it is.
        alpha: a session, fraction.
        beta: slope on the market.
        sigma: standard deviation of a session's abnormal return, `√(ΣAR² ÷ (L1 − parameters))`;
            NaN for fewer than 10 estimation days, or where it would be 0.
        days: the estimation days, positions in the series, shape (L1,).
        residuals: abnormal returns on those days, shape (L1,).
        market_mean: mean return of the market on those days; 0 where it has no part.
        market_squares: Σ (Rm − mean)² on those days; infinite where it has no part.

    """

    model: Model
    reason: str
    alpha: float
    beta: float
    sigma: float
    days: Ints
    residuals: Floats
    market_mean: float = 0.0
    market_squares: float = np.inf

    @property
    def degrees_of_freedom(self) -> int:
        """Estimation days less parameters, `L1 − 2` for the market model."""
        return len(self.days) - _PARAMETERS[self.model]

    def abnormal(self, returns: Floats, market: Floats | None) -> Floats:
        """`R − alpha − beta Rm`, in the shape of `returns`."""
        expected = self.alpha if market is None else self.alpha + self.beta * market
        return np.asarray(returns - expected, np.float64)

    def window_error(self, market: Floats | None, length: int) -> float:
        """Standard deviation of a CAR, the error of the estimated parameters included.

        `s √(L2 + L2² ÷ L1 + (ΣRm − L2 R̄m)² ÷ Sxx)`; the second term falls away without an
        intercept, the third without a slope.

        Args:
            market: returns of the market in the window, shape (L2,).
            length: L2.

        """
        variance = float(length)
        if _PARAMETERS[self.model]:
            variance += length**2 / len(self.days)
        if self.model == "market" and market is not None:
            away = float(np.sum(market)) - length * self.market_mean
            variance += away**2 / self.market_squares
        return self.sigma * sqrt(variance)


def fit(returns: Floats, market: Floats | None, days: Ints, wanted: Model) -> Fit:
    """Estimate a model on some days.

    Where a model with parameters has fewer than 30 days, or the market does not move on them,
    returns are taken less the market's instead, which needs no estimate; without a market the
    mean stays the only way.

    Args:
        returns: of the stock, shape (T,).
        market: of the market in the same sessions; None where there is none.
        days: positions of estimation days on which both are known, shape (L1,).
        wanted: the model, where the days suffice for it.

    Raises:
        ValueError: a model with the market is wanted without one.

    """
    if market is None:
        if wanted != "mean_adjusted":
            raise ValueError(f"the model {wanted} needs returns of a market")
        return _fitted("mean_adjusted", "", returns, None, days)
    model, reason = wanted, ""
    if _PARAMETERS[wanted] and len(days) < FEWEST_DAYS:
        model = "market_adjusted"
        reason = f"{len(days)} estimation days: {wanted} needs {FEWEST_DAYS}"
    elif wanted == "market" and np.ptp(market[days]) == 0:
        model, reason = "market_adjusted", "the market does not move on the estimation days"
    return _fitted(model, reason, returns, market, days)


def _fitted(model: Model, reason: str, returns: Floats, market: Floats | None, days: Ints) -> Fit:
    own = returns[days]
    alpha, beta, mean, squares = 0.0, 0.0, 0.0, np.inf
    if model == "mean_adjusted":
        alpha = float(np.mean(own)) if len(own) else nan
    elif model == "market_adjusted":
        beta = 1.0
    elif market is not None:
        mean = float(np.mean(market[days]))
        squares = float(np.sum((market[days] - mean) ** 2))
        beta = float(np.sum((market[days] - mean) * own) / squares)
        alpha = float(np.mean(own)) - beta * mean
    expected = alpha if market is None else alpha + beta * market[days]
    residuals = own - expected
    freedom = len(days) - _PARAMETERS[model]
    known = len(days) >= FEWEST_FOR_SIGMA and np.any(residuals)
    sigma = sqrt(float(np.sum(residuals**2)) / freedom) if known else nan
    return Fit(model, reason, alpha, beta, sigma, days, residuals, mean, squares)
