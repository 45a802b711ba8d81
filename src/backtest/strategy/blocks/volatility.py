"""Volatility, and a weight that is small where the stock is wild."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt
from statistics import stdev
from typing import TYPE_CHECKING

from backtest.stats import SESSIONS_A_YEAR

if TYPE_CHECKING:
    from backtest.data.inputs import Market


def realised_volatility(market: Market, *, sessions: int = 20) -> float | None:
    """The volatility of the event's stock by the year, a fraction: 0.8 is 80 %.

    The standard deviation of the last `sessions` log returns, close to close, with n − 1, times
    √252.

    Args:
        market: what was known.
        sessions: returns that are taken, 2 or more.

    Returns:
        None where fewer than `sessions + 1` closes are known.

    """
    closes = market.bars()["close"].tail(sessions + 1).tolist()
    if len(closes) <= sessions:
        return None
    returns = [log(close / before) for before, close in pairwise(closes)]
    return stdev(returns) * sqrt(SESSIONS_A_YEAR)


def volatility_weight(
    market: Market, *, target: float = 0.4, sessions: int = 20, most: float = 0.95
) -> float | None:
    """The share of equity at which a position is as volatile as `target`, at most `most`.

    `min(target ÷ realised volatility, most)`. Moskowitz, Ooi & Pedersen (2012) scale each
    position to 40 % a year, about the volatility of a single stock.

    Args:
        market: what was known.
        target: volatility by the year, a fraction.
        sessions: as of `realised_volatility`.
        most: the largest share of equity.

    Returns:
        None where the volatility is unknown.

    """
    volatility = realised_volatility(market, sessions=sessions)
    if volatility is None:
        return None
    return min(target / volatility, most) if volatility else most
