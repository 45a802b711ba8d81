"""The command line: each command takes its options, makes one call and prints what comes back.

Nothing here decides anything that a caller from Python would not get as well.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backtest.cli import show, show_data, show_evidence, show_runs

__all__ = ["show", "show_data", "show_evidence", "show_runs"]


def __getattr__(name: str) -> Any:
    """Load what prints at its first use: rich and the words of results take longer than help."""
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
