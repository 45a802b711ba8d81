"""Replay a stock's history against dated public events, and say what the result is worth."""

from backtest.market.view import Market
from backtest.strategy import Signal, Strategy

__version__ = "0.1.0"
__all__ = ["Market", "Signal", "Strategy", "__version__"]
