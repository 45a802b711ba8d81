"""What callers give, as the program takes it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from backtest.data.kinds import snake_case
from backtest.errors import UsageError, unknown
from backtest.experiments.terms import read_day, read_terms
from backtest.strategy.base import Strategy, StrategyFile, is_strategy, syntax
from backtest.strategy.loading import one_strategy
from backtest.strategy.parameters import Text, recorded
from backtest.workspace.files import sha256_of
from backtest.workspace.folders import Workspace, find_data, find_reports, find_workspace

if TYPE_CHECKING:
    from backtest.audit.observe import AuditRequest
    from backtest.experiments.runs.run import RunRequest
    from backtest.experiments.sweeps.run import SweepRequest

Request = TypeVar("Request", "RunRequest", "SweepRequest", "AuditRequest")


@dataclass(frozen=True)
class StrategyClass(StrategyFile):
    """A strategy class in memory, with the text that it was written in."""

    text: str = ""

    def source_sha256(self) -> str:
        """Hash of what the cell, or the file, in which the class was written does."""
        return sha256_of(syntax(self.text))


def strategy_of(strategy: object) -> StrategyClass:
    """A strategy class or instance as `prepare_run` takes it; its own values are defaults."""
    cls = strategy if isinstance(strategy, type) else type(strategy)
    if not is_strategy(cls):
        raise UsageError(
            f"{strategy!r} is no strategy. Give the name of one in the strategies folder, "
            f"or a subclass of Strategy or EventStrategy."
        )
    if not isinstance(strategy, type | Strategy):
        raise UsageError("Backtrader makes its strategies itself: give the class, not an instance.")
    own = recorded(strategy) if isinstance(strategy, Strategy) else {}
    name = snake_case(cls.__name__)
    text, place = _source(cls)
    return StrategyClass(name, place, one_strategy(str(place), [cls]), defaults=own, text=text)


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


Folder = str | os.PathLike[str] | None
Folders = Folder | list[str] | list[Path]
Day = str | date | None


def ignore(*_: object) -> None:
    """A callback of whoever wants none."""


def folders(strategies: Folders, data: Folder, reports: Folder = "reports") -> Workspace:
    """The folders that are named; the others as commands find them.

    Without `reports` nothing is written there, so that no such folder is needed.
    """
    several_folders = strategies if isinstance(strategies, list) else [strategies]
    return find_workspace(
        [Path(one) for one in several_folders if one] or None,
        Path(data) if data else None,
        Path(reports) if reports else None,
    )


def data_of(data: Folder) -> Path:
    """The data folder that is named, or that of the workspace."""
    return find_data(Path(data) if data else None)


def reports_of(reports: Folder) -> Path:
    """The reports folder, likewise."""
    return find_reports(Path(reports) if reports else None)


def several(names: str | Sequence[str] | None) -> list[str] | None:
    """Names that come as one text or as several."""
    return [names] if isinstance(names, str) else list(names or ()) or None


def request_of(
    request: type[Request],
    data: Path,
    *,
    parameters: Mapping[str, object] | None,
    symbols: str | Sequence[str] | None,
    universe: str | None,
    first: Day,
    last: Day,
    cash: float | None,
    costs: str | os.PathLike[str] | None,
    rules: Mapping[str, Any] | None,
    benchmark: str | None = None,
    **own: Any,
) -> Request:
    """A request of the terms that a call names, as of `run`, and of its own fields."""
    named = {
        "symbol": several(symbols),
        "benchmark": benchmark,
        "cash": cash,
        "costs": costs and os.fspath(costs),
    }
    terms = {
        **vars(read_terms(data, named, rules, universe)),
        "settings": parameters or {},
        "first": read_day("first", first),
        "last": read_day("last", last),
    }
    shared = {one.name: terms[one.name] for one in fields(request) if one.name in terms}
    return request(**shared, **own)


def check_bars(bars: str | None, missing_bars: str) -> None:
    """Refuse a length of finer bars, or what trades where there are none, that is not known."""
    from backtest.data.bars import LENGTHS  # loads pandas, as the next does the replay
    from backtest.experiments.runs.run import MISSING_BARS

    if bars is not None and bars not in LENGTHS:
        raise unknown("length of bars", bars, list(LENGTHS))
    if missing_bars not in MISSING_BARS:
        raise unknown("missing_bars", missing_bars, MISSING_BARS)


def check_name(name: object, rule: str) -> None:
    """Refuse what is no name, such as a class, in a message that begins with the rule."""
    if not isinstance(name, str):
        raise UsageError(
            f"{rule}, not {name!r}. Save a class in the strategies folder, and give its name."
        )


def window(ends: object) -> str:
    """The first and the last session of a window as `--window` takes them."""
    return ",".join(map(str, ends)) if isinstance(ends, list | tuple) else str(ends)


def axis(name: str, values: object) -> Text | list[Any]:
    """The values of a parameter in a grid; a text such as `1:40` is read as that of `--grid`."""
    if isinstance(values, Text):
        return values
    if isinstance(values, str):
        return Text(values)
    try:
        return list(values)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise UsageError(
            f"grid {name}: {values!r} is no collection of values. Give a list, a range, "
            f"or a text such as '0.02:0.30:0.01'."
        ) from None
