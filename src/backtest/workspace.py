"""Where strategies, data and reports are: found upwards from the working folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backtest.errors import UsageError


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


def find_reports(reports: Path | None = None, start: Path | None = None) -> Path:
    """The reports folder that is given, or that of the checkout around `start`.

    Raises:
        UsageError: none is given and there is no checkout.

    """
    return _chosen("reports", reports, _checkout(start or Path.cwd()))


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
