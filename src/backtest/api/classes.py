"""Strategies that are handed over as classes, such as those written in a notebook."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backtest.data.kinds import snake_case
from backtest.errors import UsageError
from backtest.strategy.base import Strategy, is_strategy
from backtest.strategy.loading import one_strategy
from backtest.strategy.parameters import recorded
from backtest.strategy.source import StrategyFile, syntax
from backtest.workspace.files import sha256_of


@dataclass(frozen=True)
class StrategyClass(StrategyFile):
    """A strategy class in memory, with the text that it was written in."""

    text: str = ""

    def source_sha256(self) -> str:
        """Hash of what the cell, or the file, in which the class was written does."""
        return sha256_of(syntax(self.text))


def strategy_of(strategy: object) -> StrategyClass:
    """A strategy class or instance as `prepare_run` takes one; an instance's values are defaults.

    Raises:
        UsageError: it is neither, or its source cannot be read.

    """
    cls = strategy if isinstance(strategy, type) else type(strategy)
    if not is_strategy(cls):
        raise UsageError(
            f"{strategy!r} is no strategy. Give the name of one in the strategies folder, "
            f"or a subclass of Strategy or EventStrategy."
        )
    own = {} if isinstance(strategy, type) else _values_of(strategy)
    name = snake_case(cls.__name__)
    text, place = _source(cls)
    return StrategyClass(name, place, one_strategy(str(place), [cls]), defaults=own, text=text)


def _values_of(strategy: object) -> dict[str, Any]:
    if isinstance(strategy, Strategy):
        return recorded(strategy)
    raise UsageError("Backtrader makes its strategies itself: give the class, not an instance.")


def _source(cls: type[Any]) -> tuple[str, Path]:
    """The text of the cell or file in which a class stands, and its place.

    It is found through a method, for a cell is no module that a class could be looked up in.
    """
    for method in vars(cls).values():
        if inspect.isfunction(method) and method.__module__ == cls.__module__:
            try:
                lines, _ = inspect.findsource(method)
            except OSError:
                break
            return "".join(lines), Path(method.__code__.co_filename)
    raise UsageError(
        f"The source of {cls.__name__} cannot be read, so that its runs could not be told apart. "
        f"Write the class with its methods in a cell of a notebook, or in a file of the "
        f"strategies folder."
    )
