"""The data of an audit, and worlds: workspaces on disk with other data in them."""

from __future__ import annotations

import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backtest.data.datafile import metadata_path
from backtest.data.tables import DataTables, Tables

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace

World = Tables
"""What a world holds, by the names of the tables that are read."""


@dataclass(frozen=True)
class Source:
    """A workspace, and the tables of its data folder that the strategy's run reads."""

    workspace: Workspace
    data: DataTables

    def as_is(self) -> World:
        """The world as it is."""
        return self.data.tables

    def copy_to(self, root: Path) -> None:
        """Make a workspace of the strategies in an empty folder, for worlds to be written into.

        What else lies in the data folder and in the working folder, such as finer bars, reports
        or a cache, is linked to.
        """
        unseen = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(self.workspace.strategies, root / "strategies", ignore=unseen)
        for path in (root / "strategies").rglob("*"):  # a copy of what must not be written can be
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        read = {self.workspace.data / name for name in self.data.files}
        read |= {metadata_path(path) for path in read}
        _link_all(self.workspace.data, root / "data", read)
        for path in Path.cwd().iterdir():
            if path.name not in ("strategies", "data") and not path.name.startswith("."):
                _link(path, root / path.name)

    def write(self, root: Path, world: World) -> None:
        """Write the tables of a world, with metadata that fit, into a workspace made of this.

        Where its prices are other ones, files that would tell the true ones, such as finer bars
        or a cache, are not there.
        """
        true = self.data.tables.prices
        if any(table is not true[name] for name, table in world.prices.items()):
            for path in (*root.iterdir(), *(root / "data").rglob("*")):
                if path.is_symlink():
                    path.unlink()
        self.data.write(root / "data", world)


def _link_all(data: Path, copy: Path, read: set[Path]) -> None:
    """Link to all files of a data folder but those that are read and hidden ones."""
    copy.mkdir()
    for path in data.iterdir():
        if path.name.startswith(".") or path in read:
            continue
        if path.is_dir():
            _link_all(path, copy / path.name, read)
        else:
            _link(path, copy / path.name)


def _link(path: Path, link: Path) -> None:
    with suppress(OSError):  # not every system allows links
        link.symlink_to(path.absolute())
