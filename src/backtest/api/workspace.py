"""Read the arguments of calls, and define the calls about a workspace and what it holds."""

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
    imported_files,
    is_strategy,
    syntax,
    syntaxes,
)
from backtest.strategy.parameters import Text, plain, to_record
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
    """A strategy class in memory comes with the text of its cell or file."""

    text: str = ""

    def source_sha256(self) -> str:
        """Hash what the class's cell or file does, its neighbours, and what it uses elsewhere."""
        elsewhere, modules = _elsewhere(self.cls, self.text)
        texts = [self.text, *(f"import {name}" for name in modules)]
        files = {file for text in texts for file in imported_files(self.path, text)} - {self.path}
        tree, neighbours = syntax(self.text), syntaxes(files, self.path.parent)
        more = [part for part in (neighbours, elsewhere) if part]
        return sha256_of([tree, *more] if more else tree)


def strategy_of(strategy: object) -> StrategyClass:
    """Return a strategy class, or an instance whose values are the defaults, for `prepare_run`.

    Raise UsageError where it is no strategy, or its source cannot be read.
    """
    cls = strategy if isinstance(strategy, type) else type(strategy)
    if not is_strategy(cls):
        raise UsageError(
            f"{strategy!r} is no strategy. Give the name of one in the strategies folder, "
            f"or a subclass of Strategy or EventStrategy."
        )
    if not isinstance(strategy, type | Strategy):
        raise UsageError("Backtrader makes its strategies itself: give the class, not an instance.")
    defaults = to_record(strategy) if isinstance(strategy, Strategy) else {}
    text, path = _source(cls)
    loading.one_strategy(str(path), [cls])
    return StrategyClass(snake_case(cls.__name__), path, cls, defaults=defaults, text=text)


def _source(cls: type[Any]) -> tuple[str, Path]:
    """Return the text of the cell or file that defines a class, and its path.

    It is found through a method, because a cell is no module in which a class could be looked up.
    """
    functions = [inner for value in vars(cls).values() for inner in _functions(value)[-1:]]
    methods = [inner for inner in functions if inner.__module__ == cls.__module__]
    sources: list[FunctionType | type[Any]] = [*methods, cls]
    for source in sources:
        with suppress(OSError, TypeError):
            path = Path(inspect.getfile(source))  # for a cell it is no file
            return _text_of(source), path if path.is_file() else Path(path.name)
    raise UsageError(
        f"The source of {cls.__name__} cannot be read, so that its runs could not be told apart. "
        f"Write the class with its methods in a cell of a notebook, or in a file of the "
        f"strategies folder."
    )


_WRAPPERS = (FunctionType, type(cache(id)), staticmethod, classmethod, property, cached_property)


def _functions(value: object) -> list[FunctionType]:
    """Return a function, or that of a property or the like, and those it wraps, innermost last."""
    functions: list[FunctionType] = []
    while isinstance(value, _WRAPPERS):
        functions += [value] if inspect.isfunction(value) else []
        names = (name for name in ("__wrapped__", "fget", "func") if hasattr(value, name))
        value = getattr(value, next(names, ""), None)
    return functions


def _used(function: FunctionType) -> dict[str, Any]:
    """Return the globals and closure variables that a function and its inner functions use."""
    codes = [function.__code__]
    for code in codes:  # the list grows meanwhile
        codes += [const for const in code.co_consts if isinstance(const, CodeType)]
    steps = (step for code in codes for step in get_instructions(code))
    names = {step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    used = {name: value for name, value in function.__globals__.items() if name in names}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # an empty cell
            used[name] = cell.cell_contents
    return used


def _text_of(source: FunctionType | type[Any]) -> str:
    return "".join(inspect.findsource(source)[0])


def _place(code: CodeType, text: str) -> int:
    """Count the functions of the same name above one in its text: a class may be there twice."""
    return sum(n == code.co_name and at < code.co_firstlineno for n, at in _functions_in(text))


@lru_cache(maxsize=16)  # as each function of a text asks for it
def _functions_in(text: str) -> list[tuple[str, int]]:
    """List the functions that a text defines: name and line."""
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, _DEFINITIONS))
    return [(getattr(node, "name", "<lambda>"), node.lineno) for node in nodes]


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_IMMUTABLE = (str, Number, tuple, frozenset, range, date, time, timedelta, Enum)
_WITH_PARTS = (*_WRAPPERS, partial, partialmethod, tuple, type, ModuleType)
_PARTS = ("__wrapped__", "fget", "func", "args", "keywords", "__defaults__", "__kwdefaults__")


def _parts(value: Any) -> dict[str, Any]:
    """Return by name what a function, a class, or a wrapper of one, consists of and uses."""
    if isinstance(value, tuple):
        return {str(index): item for index, item in enumerate(value)}
    if isinstance(value, type):
        members = vars(value).items()
        parts = {n: item for n, item in members if n[:2] != "__" or inspect.isfunction(item)}
        return {**parts, "bases": value.__bases__}
    parts = {name: getattr(value, name, None) for name in _PARTS}
    parts = {n: (*item.items(),) if isinstance(item, dict) else item for n, item in parts.items()}
    return {**parts, **_used(value)} if inspect.isfunction(value) else parts


def _elsewhere(cls: type[Any], text: str) -> tuple[dict[str, Any], set[str]]:
    """Return what a class uses that is not in its text, by name, and the modules that it uses.

    That is functions and classes of other cells, and immutable values of cells, of classes and of
    enclosing functions. A mutable value, such as a list, may be its log, and does not count.
    """
    values: dict[str, Any] = {}
    modules: set[str] = set()
    waiting: list[tuple[str, Any]] = [("", cls)]
    for path, value in waiting:  # the list grows meanwhile
        name = getattr(value, "__qualname__", path)
        module = getattr(value, "__name__" if inspect.ismodule(value) else "__module__", "")
        if module != cls.__module__ and isinstance(value, FunctionType | type | ModuleType):
            modules.add(module)
            continue
        with suppress(OSError):
            if inspect.isfunction(value):
                if (source := _text_of(value)) != text:
                    values[sha256_of(syntax(source))] = ""
                if place := _place(value.__code__, source):
                    values[f"{name} place"] = place
        for part, item in _parts(value).items():
            if isinstance(item, _IMMUTABLE):
                with suppress(ValueError, TypeError):  # JSON has no such value
                    values[f"{name} {part}"] = plain(item)
                    continue
            is_queued = any(item is other for _, other in waiting)
            has_parts = isinstance(item, _WITH_PARTS)
            if has_parts and not (is_queued and isinstance(item, FunctionType | type)):
                waiting.append((f"{name} {part}", item))
    return values, modules


File = str | os.PathLike[str]
Folder = File | None
Folders = Folder | Sequence[File]
Day = Annotated[str | date | None, "a day, such as 2025-03-28"]
Reaction = Annotated[float | str, "minutes from 0 to 10,080, such as 5 or '2h'"]
Names = Annotated[str | Sequence[str] | None, "a text, or several in a list"]
Name = Annotated[str, "a name; save a class in the strategies folder, and give its name"]
NamedCosts = Annotated[File | None, "the name of some, or a TOML file; figures are `rules`"]


_LOCKS: dict[Path, RLock] = {}


def folder_lock(folder: Path) -> RLock:
    """Return the lock of a folder, with which threads that make the same result take turns."""
    return _LOCKS.setdefault(folder, RLock())  # atomic, as a defaultdict would not be


def ignore(*_: object) -> None:
    """Do nothing, as the default of callbacks."""


def folders(strategies: Folders, data: Folder, reports: Folder = "reports") -> Workspace:
    """Return the workspace of the folders that are named; others are found as for commands.

    The default of `reports` is for calls that write nothing there: no such folder is needed.
    """
    paths = [strategies] if isinstance(strategies, str | os.PathLike | None) else strategies
    return find_workspace(
        [Path(path) for path in paths if path] or None,
        Path(data) if data else None,
        Path(reports) if reports else None,
    )


def data_of(data: Folder) -> Path:
    """Return the data folder that is named, or the workspace's."""
    return find_data(Path(data) if data else None)


def reports_of(reports: Folder) -> Path:
    """Return the reports folder that is named, or the workspace's."""
    return find_reports(Path(reports) if reports else None)


def as_list(names: Names) -> list[str] | None:
    """Return one name or several as a list; raise UsageError where a list is empty."""
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else list(names)
    if not listed:
        raise UsageError("An empty list names nothing. Leave it out for those of the settings.")
    return listed


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
    **more: Any,
) -> AnyRequest:
    """Make a request from arguments that are those of `run`, and from more fields of its own."""
    options = {
        "symbol": as_list(symbols),
        "benchmark": benchmark,
        "cash": cash,
        "costs": os.fspath(costs) if costs else None,
    }
    terms = {
        **vars(read_terms(data, options, rules, universe)),
        "settings": parameters or {},
        "first": read_day("first", first),
        "last": read_day("last", last),
    }
    names = {field.name for field in fields(request)}
    return request(**{name: terms[name] for name in terms if name in names}, **more)


def check_bars(bars: str | None, missing_bars: str) -> None:
    """Raise UsageError where a length of finer bars, or a way to trade without them, is unknown."""
    from backtest.data.bars import LENGTHS  # loads pandas, as the next loads the replay
    from backtest.experiments.terms import MISSING_BARS

    if bars is not None and bars not in LENGTHS:
        raise unknown("length of bars", bars, list(LENGTHS))
    if missing_bars not in MISSING_BARS:
        raise unknown("missing_bars", missing_bars, MISSING_BARS)


def window(ends: object) -> str:
    """Write the first and the last session of a window as `--window` takes them."""
    pair = getattr(ends, "tolist", lambda: ends)()  # an array or a Series as a list
    return ",".join(map(str, pair)) if isinstance(pair, list | tuple) else str(pair)


def axis(name: str, values: object) -> Text | list[Any]:
    """Return a parameter's values in a grid; a text such as `1:40` is read as for `--grid`."""
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
    """Make a workspace in a folder: strategies, data, reports and settings.

    Returns:
        The absolute path of the folder.

    Raises:
        UsageError: one of these parts exists already, or the folder cannot be written.

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
        name: name of the strategy, in snake case.
        kind: kind of event to start from; by default a new one with the name of the strategy.
        backtrader: whether to write a strategy of Backtrader's.

    Returns:
        The paths of the files that were written.

    Raises:
        UsageError: the name or the kind is wrong, or a file exists already.

    """
    from backtest.strategy.new import new_signal as write

    return write(folders(strategies, data), name, kind=kind, backtrader=backtrader)


def list_settings() -> pd.DataFrame:
    """List every setting by its key: its `value`, its `source`, and `where` that is.

    Raises:
        UsageError: `backtest.toml` is wrong.

    """
    import pandas as pd

    rows = [vars(setting) for setting in read_config().settings.values()]
    return pd.DataFrame(rows).set_index("key")


def list_strategies(
    *, strategies: Folders = None, data: Folder = None, reports: Folder = None
) -> pd.DataFrame:
    """List the strategies of the workspace and of installed packages, even those that do not load.

    Returns:
        A row for each strategy, indexed by `name`: the `events` that it listens to, its
        `parameters`, its `state` and the `error` where it does not load, its `last_run` and its
        `last_audit`.

    Raises:
        UsageError: `backtest.toml` sets parameters of a strategy that does not exist.

    """
    import pandas as pd

    rows = strategy_rows(strategies, data, reports)
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["name"]).set_index("name")


def strategy_rows(
    strategies: Folders, data: Folder, reports: Folder, tell: Callable[[str], None] = warnings.warn
) -> list[dict[str, Any]]:
    """Return the rows of `list_strategies`; `tell` takes a sentence for each damaged folder."""
    from backtest.audit import list_audits

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
            **vars(row),
            "state": "ok" if row.error is None else "not usable",
            "last_run": _last(newest_runs.get(row.name), row.source_sha256, *of_run),
            "last_audit": _last(newest_audits.get(row.name), row.source_sha256, *of_audit),
        }
        for row in loading.describe_strategies(workspace)
    ]


def _last(
    record: Mapping[str, Any] | None, source_sha256: str, *names: str
) -> dict[str, Any] | None:
    """Return the named fields of the last run or audit, and whether the strategy is unchanged."""
    if record is None:
        return None
    unchanged = record.get("strategy_sha256") == source_sha256
    return {**{name: record[name] for name in names}, "unchanged": unchanged}
