"""The regime: whether a price stands above its average."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.data.inputs import Market


def above_average(market: Market, symbol: str | None = None, *, sessions: int = 50) -> bool | None:
    """Whether the last close stands above the mean of the last `sessions` closes, its own with it.

    The rule of Faber (2007), who took 10 months of an index.

    Args:
        market: what was known.
        symbol: the event's own stock by default; another, such as SPY, has to be named in the
            strategy's `looks_at`.
        sessions: closes in the mean.

    Returns:
        None where fewer closes are known.

    """
    closes = market.bars(symbol)["close"].tail(sessions)
    if len(closes) < sessions:
        return None
    return bool(closes.iloc[-1] > closes.mean())
