"""What callers give, as the program takes it; and the calls about a workspace and what it holds."""

from __future__ import annotations

import ast
import inspect
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, time, timedelta
from dis import get_instructions
from enum import Enum
from functools import cache, cached_property, lru_cache, partial, partialmethod
from numbers import Number
from pathlib import Path
from threading import RLock
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from backtest.data.kinds import snake_case
from backtest.errors import UsageError, unknown
from backtest.experiments.runs import finding
from backtest.experiments.terms import read_day, read_terms
from backtest.strategy import loading
from backtest.strategy.base import (
    Strategy,
    StrategyFile,
    imported,
    is_strategy,
    syntax,
    syntaxes,
)
from backtest.strategy.parameters import Text, plain, recorded
from backtest.workspace.files import sha256_of
from backtest.workspace.folders import (
    Workspace,
    find_data,
    find_reports,
    find_workspace,
    make_workspace,
    read_config,
)

if TYPE_CHECKING:
    import pandas as pd

    from backtest.experiments.terms import Request
    from backtest.strategy.new import NewSignal

AnyRequest = TypeVar("AnyRequest", bound="Request")


@dataclass(frozen=True)
class StrategyClass(StrategyFile):
    """A strategy class in memory, with the text that it was written in."""

    text: str = ""

    def source_sha256(self) -> str:
        """Hash of what the cell or file of the class does, its neighbours, and other cells."""
        elsewhere, modules = _elsewhere(self.cls, self.text)
        texts = [self.text, *(f"import {name}" for name in modules)]
        found = set[Path]().union(*(imported(self.path, one) for one in texts)) - {self.path}
        neighbours = syntaxes(found, self.path.parent) if found else []
        own, *more = [syntax(self.text), neighbours, elsewhere]
        parts = [own, *filter(None, more)]
        return sha256_of(parts if len(parts) > 1 else own)


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
    return StrategyClass(
        name, place, loading.one_strategy(str(place), [cls]), defaults=own, text=text
    )


def _source(cls: type[Any]) -> tuple[str, Path]:
    """The text of the cell or file in which a class stands, and its place.

    It is found through a method, for a cell is no module that a class could be looked up in.
    """
    methods = [found for value in vars(cls).values() for found in _functions(value)[-1:]]
    places: list[FunctionType | type[Any]] = [m for m in methods if m.__module__ == cls.__module__]
    for found in (*places, cls):
        with suppress(OSError, TypeError):
            place = Path(inspect.getfile(found))  # of a cell it names no file
            return _text_of(found), place if place.is_file() else Path(place.name)
    raise UsageError(
        f"The source of {cls.__name__} cannot be read, so that its runs could not be told apart. "
        f"Write the class with its methods in a cell of a notebook, or in a file of the "
        f"strategies folder."
    )


_DRESSED = (FunctionType, type(cache(id)), staticmethod, classmethod, property, cached_property)


def _functions(value: object) -> list[FunctionType]:
    """A function with what it decorates, or that of a property and its like; the innermost last."""
    found: list[FunctionType] = []
    while isinstance(value, _DRESSED):
        found += [value] if inspect.isfunction(value) else []
        names = (name for name in ("__wrapped__", "fget", "func") if hasattr(value, name))
        value = getattr(value, next(names, ""), None)
    return found


def _used(function: FunctionType) -> dict[str, Any]:
    """By name what a function, with those that it defines itself, uses of what is about it."""
    codes = [function.__code__]
    for code in codes:  # which grows
        codes += [one for one in code.co_consts if isinstance(one, CodeType)]
    steps = (step for code in codes for step in get_instructions(code))
    names = {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    used = {name: value for name, value in function.__globals__.items() if name in names}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # nothing is in it yet
            used[name] = cell.cell_contents
    return used


def _text_of(found: FunctionType | type[Any]) -> str:
    return "".join(inspect.findsource(found)[0])


def _place(code: CodeType, text: str) -> int:
    """How many of its name stand before it in its text: a class may be written there twice."""
    return sum(n == code.co_name and at < code.co_firstlineno for n, at in _functions_in(text))


@lru_cache(maxsize=16)  # each of its functions asks
def _functions_in(text: str) -> list[tuple[str, int]]:
    """The functions that are written in a text: name and line."""
    written = (node for node in ast.walk(ast.parse(text)) if isinstance(node, _WRITTEN))
    return [(getattr(node, "name", "<lambda>"), node.lineno) for node in written]


_WRITTEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_FIXED = (str, Number, tuple, frozenset, range, date, time, timedelta, Enum)
_MADE = (*_DRESSED, partial, partialmethod, tuple, type, ModuleType)  # whose parts are looked at
_PARTS = ("__wrapped__", "fget", "func", "args", "keywords", "__defaults__", "__kwdefaults__")


def _parts(value: Any) -> dict[str, Any]:
    """By name what a function, a class, or what holds or dresses one, is made of and uses."""
    if isinstance(value, tuple):
        return {str(place): one for place, one in enumerate(value)}
    if isinstance(value, type):
        own = vars(value).items()
        found = {n: one for n, one in own if n[:2] != "__" or inspect.isfunction(one)}
        return {**found, "bases": value.__bases__}
    held = {name: getattr(value, name, None) for name in _PARTS}
    found = {name: (*one.items(),) if isinstance(one, dict) else one for name, one in held.items()}
    return {**found, **_used(value)} if inspect.isfunction(value) else found


def _elsewhere(cls: type[Any], text: str) -> tuple[dict[str, Any], set[str]]:
    """What a class uses that does not stand in its text, by name; and the modules that it uses.

    That are functions and classes of other cells, and values that cannot be changed in place, of
    cells, of classes and of a function about it. A list may be its log.
    """
    found: dict[str, Any] = {}
    modules: set[str] = set()
    waiting: list[tuple[str, Any]] = [("", cls)]
    for path, value in waiting:  # which grows
        name = getattr(value, "__qualname__", path)
        module = getattr(value, "__name__" if inspect.ismodule(value) else "__module__", "")
        if module != cls.__module__ and isinstance(value, FunctionType | type | ModuleType):
            modules.add(module)
            continue
        with suppress(OSError):
            if inspect.isfunction(value):
                if (own := _text_of(value)) != text:
                    found[sha256_of(syntax(own))] = ""
                if place := _place(value.__code__, own):
                    found[f"{name} place"] = place
        for part, one in _parts(value).items():
            if isinstance(one, _FIXED):
                with suppress(ValueError, TypeError):  # JSON knows nothing of the kind
                    found[f"{name} {part}"] = plain(one)
                    continue
            is_known = any(one is known for _, known in waiting)
            if isinstance(one, _MADE) and not (is_known and isinstance(one, FunctionType | type)):
                waiting.append((f"{name} {part}", one))
    return found, modules


File = str | os.PathLike[str]
Folder = File | None
Folders = Folder | Sequence[File]
Day = Annotated[str | date | None, "a day, such as 2025-03-28"]
Reaction = Annotated[float | str, "minutes from 0 to 10,080, such as 5 or '2h'"]
Names = Annotated[str | Sequence[str] | None, "a text, or several in a list"]
Name = Annotated[str, "a name; save a class in the strategies folder, and give its name"]
NamedCosts = Annotated[File | None, "the name of some, or a TOML file; figures are `rules`"]


_TURNS: dict[Path, RLock] = {}


def alone(folder: Path) -> RLock:
    """The lock of a folder: threads that make the same take turns."""
    return _TURNS.setdefault(folder, RLock())  # in one step, as a defaultdict would not


def ignore(*_: object) -> None:
    """A callback of whoever wants none."""


def folders(strategies: Folders, data: Folder, reports: Folder = "reports") -> Workspace:
    """The folders that are named; the others as commands find them.

    Without `reports` nothing is written there, so that no such folder is needed.
    """
    some = [strategies] if isinstance(strategies, str | os.PathLike | None) else strategies
    return find_workspace(
        [Path(one) for one in some if one] or None,
        Path(data) if data else None,
        Path(reports) if reports else None,
    )


def data_of(data: Folder) -> Path:
    """The data folder that is named, or that of the workspace."""
    return find_data(Path(data) if data else None)


def reports_of(reports: Folder) -> Path:
    """The reports folder, likewise."""
    return find_reports(Path(reports) if reports else None)


def several(names: Names) -> list[str] | None:
    """Names that come as one text or as several; UsageError where there is none in a list."""
    if names is None or isinstance(names, str):
        return names if names is None else [names]
    found = list(names)
    if not found:
        raise UsageError("An empty list names nothing. Leave it out for those of the settings.")
    return found


def request_of(
    request: type[AnyRequest],
    data: Path,
    *,
    parameters: Mapping[str, object] | None,
    symbols: Names,
    universe: str | None,
    first: Day,
    last: Day,
    cash: float | None,
    costs: NamedCosts,
    rules: Mapping[str, Any] | None,
    benchmark: str | None = None,
    **own: Any,
) -> AnyRequest:
    """A request of the terms that a call names, as of `run`, and of its own fields."""
    named = {
        "symbol": several(symbols),
        "benchmark": benchmark,
        "cash": cash,
        "costs": os.fspath(costs) if costs else None,
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
    from backtest.experiments.terms import MISSING_BARS

    if bars is not None and bars not in LENGTHS:
        raise unknown("length of bars", bars, list(LENGTHS))
    if missing_bars not in MISSING_BARS:
        raise unknown("missing_bars", missing_bars, MISSING_BARS)


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


def init(folder: File) -> Path:
    """Make a workspace in a folder: strategies, data, reports and settings; return the folder.

    Raises:
        UsageError: one of these is there already, or the folder cannot be written.

    """
    return make_workspace(Path(folder))


def new_signal(
    name: str,
    kind: str | None = None,
    *,
    backtrader: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> NewSignal:
    """Write a strategy that runs at once, its events with an example row, and its test.

    Args:
        name: of the strategy, in snake case.
        kind: the kind of event to start from; a new one by default.
        backtrader: write a strategy of Backtrader's.

    Returns:
        The files that were written.

    Raises:
        UsageError: the name or the kind is wrong, or a file is there already.

    """
    from backtest.strategy.new import new_signal as write

    return write(folders(strategies, data), name, kind=kind, backtrader=backtrader)


def list_settings() -> pd.DataFrame:
    """Every setting by its key: its `value`, its `source`, and `where` that is.

    Raises:
        UsageError: `backtest.toml` is wrong.

    """
    import pandas as pd

    rows = [vars(one) for one in read_config().settings.values()]
    return pd.DataFrame(rows).set_index("key")


def list_strategies(
    *, strategies: Folders = None, data: Folder = None, reports: Folder = None
) -> pd.DataFrame:
    """The strategies that there are, also those that do not load.

    Returns:
        A row for each, indexed by `name`: what it acts on, its parameters, its `state` and the
        `error` where it does not load, its last run and its last audit.

    Raises:
        UsageError: `backtest.toml` sets parameters of a strategy that is not there.

    """
    import pandas as pd

    rows = strategy_rows(strategies, data, reports)
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["name"]).set_index("name")


def strategy_rows(
    strategies: Folders, data: Folder, reports: Folder, tell: Callable[[str], None] = warnings.warn
) -> list[dict[str, Any]]:
    """The rows of `list_strategies`; `tell` takes a sentence for each run or audit left out."""
    from backtest.audit.record import list_audits

    workspace = folders(strategies, data, reports)
    runs, audits = finding.list_runs(workspace.reports, tell), list_audits(workspace.reports, tell)
    newest_runs = {
        run.manifest["strategy"]: {**run.manifest, **run.summary} for run in reversed(runs)
    }
    newest_audits = {audit.record["strategy"]: audit.record for audit in reversed(audits)}
    of_run = ("run_id", "finished_at", "total_return")
    of_audit = ("audit_id", "finished_at", "outcome")
    return [
        {
            **vars(one),
            "state": "ok" if one.error is None else "not usable",
            "last_run": _last(newest_runs.get(one.name), one.source_sha256, *of_run),
            "last_audit": _last(newest_audits.get(one.name), one.source_sha256, *of_audit),
        }
        for one in loading.describe_strategies(workspace)
    ]


def _last(
    record: Mapping[str, Any] | None, source_sha256: str, *names: str
) -> dict[str, Any] | None:
    """What is told of the last run or audit, and whether the strategy is still the same."""
    if record is None:
        return None
    unchanged = record.get("strategy_sha256") == source_sha256
    return {**{name: record[name] for name in names}, "unchanged": unchanged}
