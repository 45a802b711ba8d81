"""A new workspace: strategies, data, reports and settings in a folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

from backtest.errors import UsageError

PARTS = ("strategies", "data", "reports", "backtest.toml")
_PACKAGE = Path(__file__).parents[1]
_UNSEEN = shutil.ignore_patterns("__pycache__", ".*.lock", ".*.next")


def make_workspace(folder: Path) -> Path:
    """Write the strategies and the data that ship, an empty reports folder and settings.

    The folder, of which the absolute path comes back, may hold anything but these four parts.

    Raises:
        UsageError: one of the parts is there already, or the folder cannot be written; nothing
            was changed.

    """
    folder = folder.expanduser().resolve()
    there = [part for part in PARTS if os.path.lexists(folder / part)]  # a dead link too
    if there:
        raise UsageError(
            f"{folder} has {', '.join(there)} already; nothing was written. Choose another folder."
        )
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder)
    except BaseException as error:
        if missing:
            shutil.rmtree(missing[-1], ignore_errors=True)
        if isinstance(error, OSError):
            raise UsageError(
                f"{folder} cannot be written: {error.strerror or error}. Choose another folder."
            ) from None
        raise
    return folder


def _write(folder: Path) -> None:
    """Write the parts to a folder beside and rename them from there, or leave none."""
    beside = folder / f".{uuid4().hex[:8]}"
    moved: list[Path] = []
    try:
        beside.mkdir()
        _fill(beside)
        for part in PARTS:
            (beside / part).rename(folder / part)
            moved.append(folder / part)  # what another has put there meanwhile is not ours
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _fill(folder: Path) -> None:
    embedded = _PACKAGE / "embedded"
    # what ships is in the wheel, or else in the checkout
    shipped = embedded if (embedded / "data").is_dir() else _PACKAGE.parents[1]
    for part in ("strategies", "data"):
        shutil.copytree(
            shipped / part, folder / part, ignore=_UNSEEN, copy_function=shutil.copyfile
        )
    (folder / "reports").mkdir()
    shutil.copyfile(embedded / "backtest.toml", folder / "backtest.toml")
