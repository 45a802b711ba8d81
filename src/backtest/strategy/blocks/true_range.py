"""The average true range, and a stop as wide as the stock moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.data.inputs import Market


def average_true_range(market: Market, *, sessions: int = 14) -> float | None:
    """Wilder's average true range (1978) of the event's stock, a fraction of its last close.

    The true range is the span of the session's high, its low and the close before. The average
    begins as the mean of the first `sessions` of them; after that each new one counts
    `1 ÷ sessions` and the average before it the rest.

    Args:
        market: what was known.
        sessions: of the average; Wilder's own figure by default.

    Returns:
        None where fewer than `sessions + 1` bars are known: a true range needs the close before.

    """
    bars = market.bars()
    if len(bars) <= sessions:
        return None
    closes = bars["close"].tolist()
    rows = zip(bars["high"].tolist()[1:], bars["low"].tolist()[1:], closes[:-1], strict=True)
    ranges = [max(high, before) - min(low, before) for high, low, before in rows]
    average = sum(ranges[:sessions]) / sessions
    for each in ranges[sessions:]:
        average += (each - average) / sessions
    return float(average / closes[-1])


def atr_stop(
    market: Market, *, multiple: float = 3.0, sessions: int = 14, most: float = 0.5
) -> float | None:
    """A stop `multiple` average true ranges away, a fraction of the entry price, at most `most`.

    Three is Wilder's constant for his volatility system, for which he gives 2.8 to 3.1.

    Args:
        market: what was known.
        multiple: how many ranges away.
        sessions: as of `average_true_range`.
        most: the widest stop, a fraction of the entry price.

    Returns:
        None where the range is unknown, or 0 in a stock that stands still.

    """
    average = average_true_range(market, sessions=sessions)
    return min(multiple * average, most) if average else None
