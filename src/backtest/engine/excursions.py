"""How far prices went against a trade, and for it, while it was open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.engine.ledger import Trade
    from backtest.market.prices import Prices

_AT_THE_OPEN = ("time", "reversal", "margin_call", "ruin")


def set_excursions(trades: Sequence[Trade], prices: Mapping[str, Prices]) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from the entry session to the one before the exit. Of the exit session only
    what surely came before the exit counts: its open and the exit itself.
    """
    for trade in trades:
        low, high = _range(trade, prices[trade.symbol].table)
        worst, best = (low, high) if trade.sign > 0 else (high, low)
        trade.mae = min(trade.sign * (worst / trade.entry_price - 1), 0.0)
        trade.mfe = max(trade.sign * (best / trade.entry_price - 1), 0.0)


def _range(trade: Trade, table: pd.DataFrame) -> tuple[float, float]:
    held = table.loc[pd.Timestamp(trade.entry_session) : pd.Timestamp(trade.exit_session)]
    if trade.exit_reason == "open":
        return float(held["low"].min()), float(held["high"].max())
    whole = held.iloc[:-1]
    seen = [trade.exit_price]
    if trade.exit_reason in _AT_THE_OPEN or len(held) > 1:
        seen.append(float(held["open"].iloc[-1]))
    lows = [*whole["low"].tolist(), *seen]
    highs = [*whole["high"].tolist(), *seen]
    return min(lows), max(highs)
