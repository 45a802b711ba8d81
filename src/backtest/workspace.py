"""Where things are: strategies, data and reports upwards from the working folder; the cache."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from backtest.config import FILE, Config, Defaults, read_config
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DIGEST = sha256().digest_size


@dataclass(frozen=True)
class Workspace:
    """The folders that a command works with.

    Attributes:
        strategies: the folder of strategy files; new ones go there.
        data: prices, events and borrow rates.
        reports: what is written.
        more: further folders of strategy files.
        defaults: parameters of strategies that `backtest.toml` sets.

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
    """Take the folders that are given and find the others: see `backtest.config`.

    Args:
        strategies: folders of strategy files, where they are not the workspace's.
        data: folder of prices, events and borrow rates, likewise.
        reports: folder that runs are written to, likewise.
        start: where the search upwards begins; the working folder by default.

    Raises:
        UsageError: a folder that was given is not there, none was found, or `backtest.toml` is
            wrong.

    """
    given = {
        "folders.strategies": strategies,
        "folders.data": data,
        "folders.reports": reports,
    }
    config = read_config(given, start)
    first, *more = (_existing(config, "strategies", one) for one in _named(config, "strategies"))
    return Workspace(
        strategies=first,
        data=_existing(config, "data", _named(config, "data")),
        reports=_named(config, "reports"),
        more=tuple(more),
        defaults=config.defaults,
    )


def workspace_of_worker() -> Workspace:
    """The folders of a process that is given work: nothing is written, so reports may be nowhere.

    What it is given says all that decides the result, so that no defaults of a file count.

    Raises:
        UsageError: a folder is not there, or none was found.

    """
    return replace(find_workspace(reports=Path("reports")), defaults=Defaults())


def find_reports(reports: Path | None = None, start: Path | None = None) -> Path:
    """The reports folder that is given, or that of the workspace around `start`.

    Raises:
        UsageError: none is given and there is no workspace.

    """
    found: Path = _named(read_config({"folders.reports": reports}, start), "reports")
    return found


def find_data(data: Path | None = None) -> Path:
    """The data folder that is given, or that of the workspace around the working folder.

    Raises:
        UsageError: it is not there, or none is given and there is no workspace.

    """
    config = read_config({"folders.data": data})
    return _existing(config, "data", _named(config, "data"))


def cache_folder() -> Path:
    """The user's folder of what can be computed again; it need not be there, nor be writable.

    `BACKTEST_CACHE` names it, or else the custom of the platform does.
    """
    if chosen := os.environ.get("BACKTEST_CACHE"):
        return Path(os.path.expanduser(chosen)).absolute()  # noqa: PTH111 - any text will do
    if sys.platform == "win32":
        return _folder_of("LOCALAPPDATA", "AppData/Local") / "backtest" / "Cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "backtest"
    return _folder_of("XDG_CACHE_HOME", ".cache") / "backtest"


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, kept in the cache folder for the processes to come.

    Args:
        name: of the file; it tells all that decides the content.
        make: asked where the file is missing or damaged. A folder that cannot be written is
            left alone.

    """
    path = cache_folder() / name
    with suppress(OSError):
        stored = path.read_bytes()
        digest, content = stored[:_DIGEST], stored[_DIGEST:]
        if sha256(content).digest() == digest:
            return content
    content = make()
    with suppress(OSError):
        write_whole(path, sha256(content).digest() + content)
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it there, so that it is never half written.

    Raises:
        OSError: it cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)  # noqa: PTH105 - replaces on every system
    finally:
        beside.unlink(missing_ok=True)


def _folder_of(variable: str, custom: str) -> Path:
    given = Path(os.environ.get(variable, ""))
    return given if given.is_absolute() else _home() / custom


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without one
        return Path(os.devnull)  # nothing is there, and nothing can be made below it


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
