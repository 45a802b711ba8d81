"""Where things are: strategies, data and reports upwards from the working folder; the cache."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGEST = sha256().digest_size


@dataclass(frozen=True)
class Workspace:
    """The three folders that a command works with."""

    strategies: Path
    data: Path
    reports: Path


def find_workspace(
    strategies: Path | None = None,
    data: Path | None = None,
    reports: Path | None = None,
    start: Path | None = None,
) -> Workspace:
    """Take the folders that are given and find the others in the checkout around `start`.

    Args:
        strategies: folder of strategy files, where it is not the checkout's.
        data: folder of prices, events and borrow rates, likewise.
        reports: folder that runs are written to, likewise.
        start: where the search upwards begins; the working folder by default.

    Raises:
        UsageError: a folder that was given is not there, or none was found.

    """
    root = _checkout(start or Path.cwd())
    return Workspace(
        strategies=_existing("strategies", strategies, root),
        data=_existing("data", data, root),
        reports=_chosen("reports", reports, root),
    )


def workspace_of_worker() -> Workspace:
    """The folders of a process that is given work: nothing is written, so reports may be nowhere.

    `BACKTEST_STRATEGIES` and `BACKTEST_DATA` name them, or else they are those of the checkout
    around the working folder.

    Raises:
        UsageError: a folder is not there, or none was found.

    """
    names = ("strategies", "data")
    given = {name: os.environ.get(f"BACKTEST_{name.upper()}") for name in names}
    folders = {name: Path(path) for name, path in given.items() if path}
    return find_workspace(**folders, reports=Path("reports"))


def find_reports(reports: Path | None = None, start: Path | None = None) -> Path:
    """The reports folder that is given, or that of the checkout around `start`.

    Raises:
        UsageError: none is given and there is no checkout.

    """
    return _chosen("reports", reports, _checkout(start or Path.cwd()))


def find_data(data: Path | None = None) -> Path:
    """The data folder that is given, or that of the checkout around the working folder.

    Raises:
        UsageError: it is not there, or none is given and there is no checkout.

    """
    return _existing("data", data, _checkout(Path.cwd()))


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


def _checkout(start: Path) -> Path | None:
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "strategies").is_dir() and (folder / "data").is_dir():
            return folder
    return None


def _existing(name: str, given: Path | None, root: Path | None) -> Path:
    folder = _chosen(name, given, root)
    if not folder.is_dir():
        raise UsageError(
            f"The {name} folder {folder} is not there. Point --{name} or BACKTEST_{name.upper()} "
            f"to a folder that exists."
        )
    return folder


def _chosen(name: str, given: Path | None, root: Path | None) -> Path:
    if given is not None:
        return given.expanduser().resolve()
    if root is None:
        raise UsageError(
            f"No folder with strategies/ and data/ was found from {Path.cwd()} upwards. "
            f"Work inside a checkout, or give {'--out' if name == 'reports' else f'--{name}'} "
            f"(or set BACKTEST_{name.upper()})."
        )
    return root / name
