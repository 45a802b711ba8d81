"""What a stock is held against: its own returns and those of the market, session by session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.prices import price_symbols, read_prices
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.data.prices import Prices

    Floats = NDArray[np.float64]

CANDIDATES = ("SPY", "QQQ")
_FEWEST = 20  # sessions of which a share of variance is told
_CORE = range(-1, 2)  # sessions round an event that the choice does not look at


@dataclass(frozen=True)
class Benchmark:
    """The market of a study.

    Attributes:
        symbol: the fund.
        reason: why this one.
        returns: in the stock's sessions, shape (T,); NaN where unknown.
        explained: by candidate, the share of the stock's variance that it explains in sessions
            away from the events.

    """

    symbol: str
    reason: str
    returns: Floats
    explained: Mapping[str, float]


def read_candidates(folder: Path, symbol: str, given: str | None) -> list[Prices]:
    """Prices of the fund that is given, or else of those that come into question.

    Raises:
        UsageError: none has prices.

    """
    if given is not None:
        return [read_prices(folder, given)]
    names = [name for name in CANDIDATES if name in price_symbols(folder) and name != symbol]
    if not names:
        raise UsageError(
            f"{folder} holds no prices of {' or '.join(CANDIDATES)} to hold {symbol} against. "
            f"Name another fund with --benchmark."
        )
    return [read_prices(folder, name) for name in names]


def choose(
    stock: Prices, candidates: Sequence[Prices], day_zeros: Sequence[int], *, given: bool
) -> Benchmark:
    """The candidate that explains most of the stock where no event is near.

    Args:
        stock: the stock.
        candidates: from `read_candidates`.
        day_zeros: positions of the events in the stock's sessions.
        given: whether the user has named the candidate.

    """
    own = session_returns(stock, stock)
    returns = {prices.symbol: session_returns(prices, stock) for prices in candidates}
    near = [day + away for day in day_zeros for away in _CORE]
    quiet = np.setdiff1d(np.arange(len(own)), near)
    explained = {name: _explained(own[quiet], other[quiet]) for name, other in returns.items()}
    best = max(explained, key=lambda name: explained[name])
    return Benchmark(best, _reason(stock.symbol, best, explained, given), returns[best], explained)


def session_returns(prices: Prices, stock: Prices) -> Floats:
    """Close to close in the stock's sessions, shape (T,); NaN where there is no close before."""
    changes = prices.table["close"].pct_change(fill_method=None)
    return np.asarray(changes.reindex(stock.table.index), np.float64)


def _explained(own: Floats, market: Floats) -> float:
    known = ~np.isnan(own) & ~np.isnan(market)
    if known.sum() < _FEWEST or np.ptp(own[known]) == 0 or np.ptp(market[known]) == 0:
        return 0.0
    return float(np.corrcoef(own[known], market[known])[0, 1] ** 2)


def _reason(symbol: str, best: str, explained: Mapping[str, float], given: bool) -> str:  # noqa: FBT001
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in explained.items())
    told = f"of the variance of {symbol} in sessions away from the events, {shares} is explained"
    if given:
        return f"named by --benchmark; {told}"
    return f"{told}; {best} explains most" if len(explained) > 1 else f"the one at hand; {told}"
