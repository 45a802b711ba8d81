"""Replay a stock's history against dated public events, and say what the result is worth."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtest.api import compare, load_events, run, study, sweep
    from backtest.data.market import Market
    from backtest.engine.replay.event_strategy import EventStrategy
    from backtest.strategy.base import Signal, Strategy

__version__ = "0.1.0"
__all__ = [
    "EventStrategy", "Market", "Signal", "Strategy", "__version__", "compare", "load_events", "run",
    "study", "sweep",
]  # fmt: skip

_PLACES = {
    "EventStrategy": "backtest.engine.replay.event_strategy",
    "Market": "backtest.data.market",
    "Signal": "backtest.strategy.base",
    "Strategy": "backtest.strategy.base",
    **dict.fromkeys(("compare", "load_events", "run", "study", "sweep"), "backtest.api"),
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for, so that a command pays for what it uses alone."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
