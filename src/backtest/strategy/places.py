"""The places where strategies are: folders of files, and packages that are installed."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from backtest.errors import UsageError, unknown
from backtest.strategy.loading import (
    StrategyFile,
    check_defaults,
    defined_in,
    is_strategy,
    load_failure,
    load_strategy,
    one_strategy,
    parameters,
    stated,
    strategy_names,
)
from backtest.strategy.values import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.metadata import EntryPoint

    from backtest.workspace.folders import Workspace

GROUP = "backtest.strategies"  # of entry points
_REQUIRED = "(must be set)"


@dataclass(frozen=True)
class StrategyFolder:
    """A strategy in a folder of files."""

    name: str
    folder: Path

    def __str__(self) -> str:
        """The file."""
        return str(self.folder / f"{self.name}.py")

    def load(self) -> StrategyFile:
        """The strategy; UsageError where it does not load."""
        return load_strategy(self.folder, self.name)


@dataclass(frozen=True)
class InstalledStrategy:
    """A strategy that an installed package names by an entry point."""

    entry: EntryPoint
    package: str
    """Its name and version."""

    def __str__(self) -> str:
        """The entry point and its package."""
        return f"{self.entry.value} of {self.package}"

    def load(self) -> StrategyFile:
        """The strategy; UsageError where it does not load."""
        try:
            found = self.entry.load()
        except (Exception, SystemExit) as error:
            raise UsageError(load_failure("", str(self), error)) from error
        several = defined_in(found) if isinstance(found, ModuleType) else [found]
        cls = one_strategy(str(self), [one for one in several if is_strategy(one)])
        path = Path(inspect.getfile(cls))
        top = sys.modules[cls.__module__.partition(".")[0]]
        package = Path(top.__file__ or path).parent if hasattr(top, "__path__") else path
        return StrategyFile(self.entry.name, path, cls, package)


Place = StrategyFolder | InstalledStrategy


@dataclass(frozen=True)
class StrategyDescription:
    """A strategy as a list shows it.

    Attributes:
        name: what it is called by.
        path: its place: the file, or the entry point of an installed package.
        summary: first line of its description.
        events: the kinds of event that it hears of.
        parameters: what it runs with where nothing is set, as `--set` takes it.
        error: why it cannot be used, with the line; None where it can.
        source_sha256: of its source; empty where it cannot be used.

    """

    name: str
    path: str
    summary: str = ""
    events: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    source_sha256: str = ""


def strategy_places(workspace: Workspace) -> dict[str, list[Place]]:
    """Every place of every strategy, by name; nothing is loaded.

    Raises:
        UsageError: `backtest.toml` sets parameters of a strategy that is in none of them.

    """
    found: dict[str, list[Place]] = {}
    for folder in (workspace.strategies, *workspace.more):
        for name in strategy_names(folder):
            found.setdefault(name, []).append(StrategyFolder(name, folder))
    for place in _installed(tuple(sys.path)):
        found.setdefault(place.entry.name, []).append(place)
    for name in workspace.defaults.tables:
        if workspace.defaults.strict and name not in found:
            raise unknown(f"strategy (set in {workspace.defaults.path}):", name, found)
    return dict(sorted(found.items()))


def find_strategy(workspace: Workspace, name: str) -> StrategyFile:
    """Load the strategy of a name, with the defaults that `backtest.toml` sets.

    Raises:
        UsageError: there is none or there are two of that name, it fails to load, or its place
            does not hold one strategy.

    """
    places = strategy_places(workspace)
    if name not in places:
        raise unknown("strategy", name, places)
    return _load(workspace, name, places[name])


def describe_strategies(workspace: Workspace) -> list[StrategyDescription]:
    """Every strategy with the parameters that it runs with; those that do not load say why."""
    return [
        _describe(workspace, name, place, places)
        for name, places in strategy_places(workspace).items()
        for place in places
    ]


def _load(workspace: Workspace, name: str, places: Sequence[Place]) -> StrategyFile:
    if len(places) > 1:
        raise UsageError(
            f"There are {len(places)} strategies {name!r}: {', '.join(map(str, places))}. "
            f"Rename all but one of them."
        )
    defaults = workspace.defaults
    table = defaults.tables.get(name, {})
    return replace(places[0].load(), defaults=table, defaults_in=defaults.path)


def _describe(
    workspace: Workspace, name: str, place: Place, places: Sequence[Place]
) -> StrategyDescription:
    try:
        file = _load(workspace, name, places)
        check_defaults(file)
        built_in = {
            parameter: _REQUIRED
            if definition.is_required()
            else shown(definition.get_default(call_default_factory=True))
            for parameter, definition in parameters(file.cls).items()
        }
    except UsageError as error:
        return StrategyDescription(name, str(place), error=str(error))
    events = tuple(kind.kind for kind in file.cls.listens_to)
    summary = (inspect.getdoc(file.cls) or "").split("\n", 1)[0]
    settings = {**built_in, **{n: shown(v) for n, v in stated(file, {}).items()}}
    digest = file.source_sha256()
    return StrategyDescription(name, str(place), summary, events, settings, source_sha256=digest)


@lru_cache(maxsize=1)
def _installed(_path: tuple[str, ...]) -> list[InstalledStrategy]:
    """Those of the packages on the path, looked for once."""
    from importlib.metadata import entry_points

    return [
        InstalledStrategy(entry, f"{entry.dist.name} {entry.dist.version}")
        for entry in entry_points(group=GROUP)
        if entry.dist
    ]
