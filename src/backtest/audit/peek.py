"""A planted peek: the audit asks it beside the strategy, and must catch it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from backtest.strategy.base import Strategy
from backtest.workspace.folders import workspace_of_worker

if TYPE_CHECKING:
    from backtest.data.market import Market


class Peek(Strategy):
    """Reads in the price file how the session ends in which it could trade."""

    def on_event(self, event: Any, market: Market) -> str:  # noqa: ARG002 - any event will do
        """`rises`, `falls` or `stands still`: the session's own close against the one before."""
        path = workspace_of_worker().data / "prices" / f"{market.symbol}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        place = next(n for n, row in enumerate(rows) if row["date"] == str(market.session))
        row = rows[place]
        before = float(rows[place - 1]["close"] if place else row["open"])
        change = float(row["close"]) - before
        return "rises" if change > 0 else "falls" if change < 0 else "stands still"
