"""Find strategies in folders and installed packages, and load them: each file holds one."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation

from backtest.data.events import kinds_with_files
from backtest.data.kinds import FILED_KINDS, Event
from backtest.data.scheduled import SCHEDULED_KINDS
from backtest.errors import UsageError, describe_error, unknown
from backtest.strategy.base import (
    NUMBERS,
    Strategy,
    StrategyFile,
    imported_files,
    is_strategy,
    term_of,
)
from backtest.strategy.parameters import (
    check_defaults,
    default_of,
    json_values,
    parameters,
    to_text,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic.fields import FieldInfo

    from backtest.workspace.folders import Workspace

GROUP = "backtest.strategies"  # the group of entry points
_REQUIRED, _OF_OTHERS = "(must be set)", "(made of others)"
_LOADING = threading.RLock()  # because threads share the modules that Python has loaded
_DECLARED: dict[str, tuple[Any, str]] = {
    "listens_to": (tuple[type[Event], ...], "kinds of event, such as (Earnings,)"),
    "looks_at": (tuple[str, ...], 'symbols, such as ("SPY",)'),
    "trades_also": (tuple[str, ...], 'symbols, such as ("SPY",)'),
    "signal_terms": (
        tuple[str, ...], 'parameters that are handed on to the signal, such as ("hold", "stop")',
    ),
}  # fmt: skip


def strategy_names(folder: Path) -> list[str]:
    """List the names of the strategy files in a folder."""
    return sorted(path.stem for path in folder.glob("[!._]*.py"))


def load_strategy(folder: Path, name: str) -> StrategyFile:
    """Load the strategy of a file; raise UsageError where that fails, or it does not hold one."""
    if name not in strategy_names(folder):
        raise unknown("strategy", name, strategy_names(folder))
    path = folder / f"{name}.py"
    if "." in name:  # Python would look for a package
        new = name.strip(".").replace(".", "_")
        raise UsageError(
            f"{path} does not load: its name must not hold a dot. Rename it to {new}.py."
        )
    with _LOADING:
        module = _import(folder, path)
    return StrategyFile(name, path, one_strategy(str(path), defined_in(module)))


def one_strategy(where: str, classes: Sequence[type[Any]]) -> type[Any]:
    """Return the only strategy of a file, an entry point or a cell, with its declarations checked.

    Raise UsageError where there is none, there are several, or what it declares is wrong.
    """
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes) or "none"
        raise UsageError(
            f"{where} must define one subclass of Strategy or EventStrategy; it defines {names}."
        )
    (cls,) = classes
    for name in _DECLARED if issubclass(cls, Strategy) else ("listens_to",):
        (kind, what), value = _DECLARED[name], getattr(cls, name)
        try:
            TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError:
            raise UsageError(
                f"{where}: {name} must be a tuple of {what}; it is {value!r}."
            ) from None
    for model in (cls, *cls.listens_to):
        try:
            if issubclass(model, BaseModel):
                model.model_rebuild()
        except PydanticUndefinedAnnotation as error:
            raise UsageError(
                f"{where}: a field of {model.__name__} is annotated with {error.name}, which is "
                f"not there as the program runs. Import it outside of `if TYPE_CHECKING`."
            ) from None
    if issubclass(cls, Strategy):
        terms = [name for name in parameters(cls) if term_of(name) in NUMBERS]
        for name in cls.signal_terms:
            if name not in terms:
                raise unknown(f"parameter in signal_terms of {where} named as a term:", name, terms)
    return cls


def defined_in(module: ModuleType) -> list[type[Any]]:
    """Return the strategies that a module defines, without those that it imports."""
    classes = dict.fromkeys(value for value in vars(module).values() if is_strategy(value))
    return [cls for cls in classes if cls.__module__ == module.__name__]


def _import(folder: Path, path: Path) -> Any:
    """Import a file as part of a package made of its folder, so that its neighbours are found."""
    package = f"strategies_{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]}"
    spec = ModuleSpec(package, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[package] = importlib.util.module_from_spec(spec)
    # The file and its neighbours may have changed since they were loaded: load them again.
    loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
    before = {name: sys.modules.pop(name) for name in loaded}
    importlib.invalidate_caches()
    with _recording_ctrl_c() as pressed:
        try:
            neighbours = _neighbours(path)
            for name in neighbours:
                if _is_beside(path, sys.modules.get(name)):
                    del sys.modules[name]
            again = before.keys() & {f"{package}.{name}" for name in neighbours}
            for name in (f"{package}.{path.stem}", *sorted(again)):  # it may import some later
                importlib.import_module(name)
        except BaseException as error:
            if pressed:
                raise
            raise _load_failure(str(folder), str(path), error) from error
        finally:  # Backtrader looks up the modules of strategies that were loaded earlier
            for name, module in before.items():
                sys.modules.setdefault(name, module)
    return sys.modules[f"{package}.{path.stem}"]


def _neighbours(path: Path) -> set[str]:
    """Name the modules beside a strategy that it imports, and the packages that they are in."""
    files = imported_files(path, path.read_bytes())
    relative = [file.relative_to(path.parent) for file in files if file.is_relative_to(path.parent)]
    modules = {part.with_suffix("") for file in relative for part in (file, *file.parents[:-1])}
    return {".".join(module.parts).removesuffix(".__init__") for module in modules}


def _is_beside(path: Path, module: ModuleType | None) -> bool:
    """Tell whether a module is a file, or a package, in the folder of a strategy."""
    paths = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
    folder = os.path.realpath(path.parent) + os.sep
    return any(os.path.realpath(one).startswith(folder) for one in paths if one)


@contextmanager
def _recording_ctrl_c() -> Iterator[list[int]]:
    """Yield a list that is empty until Ctrl-C: a file may raise a KeyboardInterrupt of its own."""
    pressed: list[int] = []

    def record(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, record)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _load_failure(folder: str, where: str, error: BaseException) -> UsageError:
    """Return the error with the last line of its traceback that is in the folder."""
    message = f"{where} does not load: {describe_error(error)}"
    if isinstance(error, SyntaxError) and error.lineno:
        return UsageError(f"{message}\n  line {error.lineno}: {(error.text or '').strip()}")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if folder in frame.filename and "importlib" not in frame.filename:
            return UsageError(f"{message}\n  {frame.filename}, line {frame.lineno}: {frame.line}")
    return UsageError(message)


def _load_installed(entry: EntryPoint, where: str) -> StrategyFile:
    with _recording_ctrl_c() as pressed:
        try:
            target = entry.load()
        except BaseException as error:
            if pressed:
                raise
            raise _load_failure("", where, error) from error
    classes = defined_in(target) if isinstance(target, ModuleType) else [target]
    cls = one_strategy(where, [cls for cls in classes if is_strategy(cls)])
    path = Path(inspect.getfile(cls))
    top = sys.modules[cls.__module__.partition(".")[0]]
    package = Path(top.__file__ or path).parent if hasattr(top, "__path__") else path
    return StrategyFile(entry.name, path, cls, package)


@dataclass(frozen=True)
class Origin:
    """An origin is what a strategy is loaded from; `load` raises UsageError where that fails."""

    where: str  # the file, or the entry point and its installed package
    load: Callable[[], StrategyFile]


@dataclass(frozen=True)
class StrategyDescription:
    """A strategy's description is its row in the list of strategies; `error` says what is wrong."""

    name: str
    path: str  # the file, or the entry point of an installed package
    summary: str = ""
    events: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)  # as `--set` takes them
    error: str | None = None
    source_sha256: str = ""


def strategy_origins(workspace: Workspace) -> dict[str, list[Origin]]:
    """Find every origin of every strategy, by name, without loading any.

    Raise UsageError where `backtest.toml` sets parameters of a strategy that does not exist.
    """
    origins: dict[str, list[Origin]] = {}
    for folder in (workspace.strategies, *workspace.more):
        for name in strategy_names(folder):
            origin = Origin(str(folder / f"{name}.py"), partial(load_strategy, folder, name))
            origins.setdefault(name, []).append(origin)
    for name, origin in _installed(tuple(sys.path)):
        origins.setdefault(name, []).append(origin)
    for name in workspace.defaults.tables:
        if workspace.defaults.strict and name not in origins:
            raise unknown(f"strategy (set in {workspace.defaults.path}):", name, origins)
    return dict(sorted(origins.items()))


def find_strategy(workspace: Workspace, name: str) -> StrategyFile:
    """Load a strategy by name, with the defaults that `backtest.toml` sets.

    Raise UsageError where none or several have the name, or it does not load.
    """
    origins = strategy_origins(workspace)
    if name not in origins:
        raise unknown("strategy", name, origins)
    return _load(workspace, name, origins[name])


def _load(workspace: Workspace, name: str, origins: Sequence[Origin]) -> StrategyFile:
    if len(origins) > 1:
        sources = ", ".join(origin.where for origin in origins)
        raise UsageError(
            f"There are {len(origins)} strategies {name!r}: {sources}. Rename all but one of them."
        )
    defaults = workspace.defaults
    table = defaults.tables.get(name, {})
    return replace(origins[0].load(), defaults=table, defaults_in=defaults.path)


def describe_strategies(workspace: Workspace) -> list[StrategyDescription]:
    """Describe every strategy with the parameters that it runs with, or why it does not load."""
    return [
        _describe(workspace, name, origin.where, origins)
        for name, origins in strategy_origins(workspace).items()
        for origin in origins
    ]


def _default(definition: FieldInfo) -> str:
    """Return a field's default as a list of strategies prints it."""
    if definition.default_factory_takes_validated_data:
        return _OF_OTHERS
    return _REQUIRED if definition.is_required() else to_text(default_of(definition))


def _describe(
    workspace: Workspace, name: str, path: str, origins: Sequence[Origin]
) -> StrategyDescription:
    try:
        file = _load(workspace, name, origins)
        check_defaults(file)
        built_in = {
            parameter: _default(definition)
            for parameter, definition in parameters(file.cls).items()
        }
    except UsageError as error:
        return StrategyDescription(name, path, error=str(error))
    return StrategyDescription(
        name,
        path,
        summary=inspect.cleandoc(file.cls.__doc__ or "").split("\n", 1)[0],
        events=tuple(kind.kind for kind in file.cls.listens_to),
        parameters={**built_in, **{n: to_text(v) for n, v in json_values(file, {}).items()}},
        source_sha256=file.source_sha256(),
    )


@lru_cache(maxsize=1)
def _installed(_path: tuple[str, ...]) -> list[tuple[str, Origin]]:
    """Find the names and origins of the strategies in packages on the path, once for each path."""
    from importlib.metadata import entry_points

    origins = []
    for entry in entry_points(group=GROUP):
        if entry.dist:
            where = f"{entry.value} of {entry.dist.name} {entry.dist.version}"
            origins.append((entry.name, Origin(where, partial(_load_installed, entry, where))))
    return origins


# Kinds of event


def event_kinds(workspace: Workspace) -> dict[str, type[Event]]:
    """Return the kinds of event by name: those that ship, and those of strategies that load."""
    kinds = {kind.kind: kind for kind in (*FILED_KINDS, *SCHEDULED_KINDS)}
    for name, origins in strategy_origins(workspace).items():
        try:
            listed = _load(workspace, name, origins).cls.listens_to
        except UsageError:  # `list strategies` reports it
            continue
        kinds |= {kind.kind: kind for kind in listed if not kind.__module__.startswith("backtest.")}
    return kinds


def kinds_named(workspace: Workspace, name: str | None) -> list[type[Event]]:
    """Return the kind of event of a name, or for None all but scheduled kinds without a file."""
    if name is not None:
        return [kind_of(workspace, name)]
    return kinds_with_files(workspace.data / "events", event_kinds(workspace).values())


def kind_of(workspace: Workspace, name: str) -> type[Event]:
    """Return the kind of event of a name; raise UsageError where there is none."""
    kinds = event_kinds(workspace)
    if name not in kinds:
        raise unknown("kind of event", name, kinds)
    return kinds[name]
