"""How far prices went against a trade, and for it, while it was open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Trade

_AT_THE_OPEN = ("time", "reversal", "margin_call", "ruin")


def set_excursions(trades: Sequence[Trade], prices: Mapping[str, Prices]) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from the entry session to the one before the exit. Of the exit session only
    what surely came before the exit counts: its open and the exit itself.
    """
    bars = {symbol: _Bars(prices[symbol].table) for symbol in {t.symbol for t in trades}}
    for trade in trades:
        low, high = bars[trade.symbol].seen_by(trade)
        worst, best = (low, high) if trade.sign > 0 else (high, low)
        trade.mae = min(trade.sign * (worst / trade.entry_price - 1), 0.0)
        trade.mfe = max(trade.sign * (best / trade.entry_price - 1), 0.0)


class _Bars:
    """The prices of a symbol as arrays."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._days = table.index.to_numpy("M8[D]")
        self._opens, self._highs, self._lows = (
            table[n].to_numpy() for n in ("open", "high", "low")
        )

    def seen_by(self, trade: Trade) -> tuple[float, float]:
        """The lowest and the highest price while the trade was open."""
        held = np.array([trade.entry_session, trade.exit_session], "M8[D]")
        first, last = np.searchsorted(self._days, held).tolist()
        if trade.exit_reason == "open":
            whole, seen = slice(first, last + 1), []
        else:
            whole, seen = slice(first, last), [trade.exit_price]
        if trade.exit_reason in _AT_THE_OPEN or last > first:
            seen.append(float(self._opens[last]))
        return min([*self._lows[whole].tolist(), *seen]), max([*self._highs[whole].tolist(), *seen])
