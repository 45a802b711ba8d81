"""Replay a stock's history against dated public events, and say what the result is worth."""

from typing import TYPE_CHECKING, Any

from backtest.market.view import Market
from backtest.strategy import Signal, Strategy

if TYPE_CHECKING:
    from backtest.engine.event_strategy import EventStrategy

__version__ = "0.1.0"
__all__ = ["EventStrategy", "Market", "Signal", "Strategy", "__version__"]


def __getattr__(name: str) -> Any:
    """`EventStrategy` is loaded when it is asked for: it brings Backtrader along."""
    if name == "EventStrategy":
        from backtest.engine.event_strategy import EventStrategy

        return EventStrategy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
