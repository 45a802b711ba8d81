"""Replay a stock's history against dated public events, and say what the result is worth."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtest.api.calls import audit_strategy, check, null_worlds, simulate, study, sweep
    from backtest.api.events import (
        add_event,
        check_events,
        edit_event,
        fetch_earnings,
        fetch_filings,
        fetch_stakes,
        import_events,
        judge_claims,
        list_kinds,
        load_events,
        remove_event,
        seal_events,
        show_event,
        undo_events,
    )
    from backtest.api.pages import compare, find_page, list_runs, report_run
    from backtest.api.prices import (
        add_action,
        check_actions,
        check_prices,
        fetch_prices,
        import_prices,
        list_actions,
        list_prices,
        list_universes,
        load_prices,
        seal_actions,
        seal_prices,
        seal_universe,
        undo_actions,
        undo_prices,
    )
    from backtest.api.runs import run
    from backtest.api.workspace import init, list_settings, list_strategies, new_signal
    from backtest.data.market import Market
    from backtest.engine.replay.replay import EventStrategy
    from backtest.strategy.base import Signal, Strategy, Wait

# Python 3.12 warns of escapes in Backtrader's docstrings when it compiles them first.
warnings.filterwarnings("ignore", ".*invalid escape sequence", Warning, ".*backtrader")

__version__ = "0.1.0"
__all__ = [
    "EventStrategy", "Market", "Signal", "Strategy", "Wait", "__version__", "add_action",
    "add_event", "audit_strategy", "check", "check_actions", "check_events", "check_prices",
    "compare", "edit_event", "fetch_earnings", "fetch_filings", "fetch_prices", "fetch_stakes",
    "find_page", "import_events", "import_prices", "init", "judge_claims", "list_actions",
    "list_kinds", "list_prices", "list_runs", "list_settings", "list_strategies", "list_universes",
    "load_events", "load_prices", "new_signal", "null_worlds", "remove_event", "report_run",
    "run", "seal_actions", "seal_events", "seal_prices", "seal_universe", "show_event",
    "simulate", "study", "sweep", "undo_actions", "undo_events", "undo_prices",
]  # fmt: skip

_NAMES = {
    "api.calls": ("audit_strategy", "check", "null_worlds", "simulate", "study", "sweep"),
    "api.events": (
        "add_event", "check_events", "edit_event", "fetch_earnings", "fetch_filings",
        "fetch_stakes", "import_events", "judge_claims", "list_kinds", "load_events",
        "remove_event", "seal_events", "show_event", "undo_events",
    ),
    "api.pages": ("compare", "find_page", "list_runs", "report_run"),
    "api.prices": (
        "add_action", "check_actions", "check_prices", "fetch_prices", "import_prices",
        "list_actions", "list_prices", "list_universes", "load_prices", "seal_actions",
        "seal_prices", "seal_universe", "undo_actions", "undo_prices",
    ),
    "api.runs": ("run",),
    "api.workspace": ("init", "list_settings", "list_strategies", "new_signal"),
    "data.market": ("Market",),
    "engine.replay.replay": ("EventStrategy",),
    "strategy.base": ("Signal", "Strategy", "Wait"),
}  # fmt: skip
_MODULES = {name: f"backtest.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use, so that a command only pays for what it uses."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    if _MODULES[name].startswith("backtest.api."):
        value = import_module("backtest.api").checked(value)
    return globals().setdefault(name, value)


def __dir__() -> list[str]:
    """Return the public names, including those that are not loaded yet."""
    return __all__
