"""Where things are: strategies, data and reports upwards from the working folder; the cache."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError
from backtest.workspace.settings import FILE, Config, Defaults, read_config

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Workspace:
    """The folders that a command works with; new strategies go to `strategies`, not to `more`.

    The defaults are the parameters of strategies that `backtest.toml` sets.
    """

    strategies: Path
    data: Path
    reports: Path
    more: tuple[Path, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)


def find_workspace(
    strategies: Path | Sequence[Path] | None = None,
    data: Path | None = None,
    reports: Path | None = None,
    start: Path | None = None,
) -> Workspace:
    """Take the folders that are named and find the others: see `backtest.workspace.settings`.

    The search upwards begins at `start`, by default the working folder.

    Raises:
        UsageError: a folder that is named is not there, none was found, or `backtest.toml` is
            wrong.

    """
    options = {"strategies": strategies, "data": data, "reports": reports}
    config = read_config({f"folders.{name}": one for name, one in options.items()}, start)
    first, *more = (_existing(config, "strategies", one) for one in _named(config, "strategies"))
    return Workspace(
        strategies=first,
        data=_existing(config, "data", _named(config, "data")),
        reports=_named(config, "reports"),
        more=tuple(more),
        defaults=config.defaults,
    )


def workspace_of_worker() -> Workspace:
    """The folders of a worker: it writes nothing, so reports may be nowhere.

    Its work says all that decides the result, so that no defaults of a file count.
    """
    return replace(find_workspace(reports=Path("reports")), defaults=Defaults())


def find_reports(reports: Path | None = None, start: Path | None = None) -> Path:
    """The reports folder that is named, or else of the workspace, as of `find_workspace`."""
    found: Path = _named(read_config({"folders.reports": reports}, start), "reports")
    return found


def find_data(data: Path | None = None) -> Path:
    """The data folder that is named, or else of the workspace, as of `find_workspace`."""
    config = read_config({"folders.data": data})
    return _existing(config, "data", _named(config, "data"))


def _existing(config: Config, name: str, folder: Path) -> Path:
    if not folder.is_dir():
        setting = config.settings[f"folders.{name}"]
        named = f" It is named in {setting.where}." if setting.source == "file" else ""
        raise UsageError(
            f"The {name} folder {folder} is not there.{named} Point --{name} or "
            f"BACKTEST_{name.upper()} to a folder that exists."
        )
    return folder


def _named(config: Config, name: str) -> Any:
    """The path of a folder, of strategies several."""
    found = config.value(f"folders.{name}")
    if found is None:
        raise UsageError(
            f"No folder with strategies/ and data/ was found from {Path.cwd()} upwards, nor a "
            f"{FILE}. Make a workspace with `backtest init FOLDER`, work inside one, or give "
            f"{'--out' if name == 'reports' else f'--{name}'} (or set BACKTEST_{name.upper()})."
        )
    return found
