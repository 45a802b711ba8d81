"""A planted peek: the audit asks it beside the strategy, and must catch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.data.prices import read_prices
from backtest.strategy.base import Strategy
from backtest.workspace.folders import workspace_of_worker

if TYPE_CHECKING:
    from backtest.data.market import Market


class Peek(Strategy):
    """Reads in the price file how the session ends in which it could trade."""

    def on_event(self, event: Any, market: Market) -> str:  # noqa: ARG002 - any event will do
        """`rises`, `falls` or `stands still`: the session's own close against the one before."""
        table = read_prices(workspace_of_worker().data / "prices", market.symbol).table
        row = table.index.get_loc(str(market.session))
        before = table["close"].iloc[row - 1] if row else table["open"].iloc[0]
        change = table["close"].iloc[row] - before
        return "rises" if change > 0 else "falls" if change < 0 else "stands still"
