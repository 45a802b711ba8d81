"""This room is the command line: each command reads options, makes one call and prints the result.

Nothing is decided here: a caller from Python gets the same from the same call.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtest.cli import show, show_data, show_evidence, show_runs

__all__ = ["show", "show_data", "show_evidence", "show_runs"]


def __getattr__(name: str) -> Any:
    """Load a module that prints at its first use, since help must not wait for rich."""
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
