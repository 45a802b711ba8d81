"""Replay a stock's history against dated public events, and say what the result is worth."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtest.api import (
        audit_strategy,
        check,
        compare,
        load_events,
        load_prices,
        run,
        study,
        sweep,
    )
    from backtest.data.inputs import Market
    from backtest.engine.replay.event_strategy import EventStrategy
    from backtest.strategy.base import Signal, Strategy

__version__ = "0.1.0"
_CALLS = (
    "audit_strategy", "check", "compare", "load_events", "load_prices", "run", "study", "sweep",
)  # fmt: skip
__all__ = [
    "EventStrategy", "Market", "Signal", "Strategy", "__version__", "audit_strategy", "check",
    "compare", "load_events", "load_prices", "run", "study", "sweep",
]  # fmt: skip

_MODULES = {
    "EventStrategy": "backtest.engine.replay.event_strategy",
    "Market": "backtest.data.inputs",
    "Signal": "backtest.strategy.base",
    "Strategy": "backtest.strategy.base",
    **dict.fromkeys(_CALLS, "backtest.api"),
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for, so that a command pays for what it uses alone."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """The names that are public, also those that are not loaded yet."""
    return __all__
