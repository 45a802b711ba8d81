"""The data folder as rows of text, and worlds: workspaces on disk with other data in it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from backtest.data.borrow import parse_borrow_rates
from backtest.data.datafile import metadata_path, open_data_file, read_rows
from backtest.data.event import NEW_YORK
from backtest.data.prices import parse_prices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.workspace.folders import Workspace

Cells = dict[str, str]

_MOMENT = TypeAdapter(AwareDatetime)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A row of a file: its cells by column, and when it holds.

    Attributes:
        cells: texts by column.
        day: the session, or the New York day of the publication; ISO.
        published_at: of an event; None in other files.

    """

    cells: Cells
    day: str
    published_at: datetime | None = None

    @cached_property
    def line(self) -> str:
        """The row as it stands in a CSV file."""
        return _line(self.cells.values())


@dataclass(frozen=True)
class Table:
    """A CSV file of the data folder.

    Attributes:
        place: its path in the data folder, such as `prices/CRWV.csv`.
        columns: the names.
        rows: oldest first as in the file.
        metadata: what stands beside it; None where nothing does.
        sha256: of the file.

    """

    place: str
    columns: Sequence[str]
    rows: Sequence[Row]
    metadata: Mapping[str, Any] | None
    sha256: str

    @property
    def folder(self) -> str:
        """`prices`, `events` or `borrow`."""
        return self.place.split("/", 1)[0]


World = dict[str, "Sequence[Row]"]
"""By place in the data folder, the rows of each table."""


@dataclass(frozen=True)
class Source:
    """The data of a workspace."""

    workspace: Workspace
    tables: Sequence[Table]

    def of(self, folder: str) -> list[Table]:
        """The tables of `prices`, `events` or `borrow`."""
        return [table for table in self.tables if table.folder == folder]

    def as_is(self) -> World:
        """The world as it is."""
        return {table.place: table.rows for table in self.tables}

    def copy_to(self, root: Path) -> None:
        """Make a workspace of the strategies and the data in an empty folder.

        What else lies in the working folder, such as reports or a cache, is linked to.
        """
        unseen = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(self.workspace.strategies, root / "strategies", ignore=unseen)
        shutil.copytree(self.workspace.data, root / "data", ignore=unseen)
        for path in root.rglob("*"):  # of what must not be written, the copy must be
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        for path in Path.cwd().iterdir():
            if path.name not in ("strategies", "data") and not path.name.startswith("."):
                with suppress(OSError):  # not every system allows links
                    (root / path.name).symlink_to(path)

    def write(self, root: Path, world: World) -> None:
        """Write the tables of a world, with metadata that fit, into a workspace made of this.

        Where its prices are other ones, files that would tell the true ones, such as finer bars
        or a cache, are not there.
        """
        if any(world[table.place] is not table.rows for table in self.of("prices")):
            self._clear(root)
        for table in self.tables:
            rows = world[table.place]
            path = root / "data" / table.place
            content = (_line(table.columns) + "".join(row.line for row in rows)).encode()
            path.write_bytes(content)
            if table.metadata is not None:
                days = [row.day for row in rows]
                metadata = {
                    **table.metadata,
                    "first": min(days, default=None),
                    "last": max(days, default=None),
                    "rows": len(days),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                metadata_path(path).write_text(json.dumps(metadata), encoding="utf-8")

    def _clear(self, root: Path) -> None:
        """Take away data that are no table of this, and what was linked to."""
        data = root / "data"
        tables = {data / table.place for table in self.tables}
        kept = tables | {metadata_path(path) for path in tables}
        links = [path for path in root.iterdir() if path.is_symlink()]
        others = [path for path in data.rglob("*") if path.is_file() and path not in kept]
        for path in links + others:
            path.unlink()


def read_source(workspace: Workspace) -> Source:
    """Read every file of prices, events and borrow rates in the data folder.

    Raises:
        DataError: one cannot be read; all of them become part of each world.

    """
    for path in (workspace.data / "prices").glob("*.csv"):
        parse_prices(open_data_file(path))
    for path in (workspace.data / "borrow").glob("*.csv"):
        parse_borrow_rates(open_data_file(path))
    tables = [
        _read(workspace.data, path, "published_at" if folder == "events" else "date")
        for folder in ("prices", "events", "borrow")
        for path in sorted((workspace.data / folder).glob("*.csv"))
    ]
    return Source(workspace, tables)


def _read(data: Path, path: Path, stamp: str) -> Table:
    file = open_data_file(path)
    rows = [_row(cells, stamp) for _, cells in read_rows(file, (stamp,), [])]
    columns = list(rows[0].cells) if rows else file.text.splitlines()[0].split(",")
    try:
        metadata = json.loads(metadata_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        metadata = None
    return Table(path.relative_to(data).as_posix(), columns, rows, metadata, file.sha256)


def _row(cells: Cells, stamp: str) -> Row:
    if stamp == "date":
        return Row(cells, date.fromisoformat(cells[stamp]).isoformat())
    return event_row(cells)


def event_row(cells: Cells) -> Row:
    """The row of an event, from its cells; one without a readable stamp is never public."""
    try:
        published_at = _MOMENT.validate_python(cells["published_at"])
    except ValidationError:
        return Row(cells, cells["published_at"], NEVER)
    return Row(cells, published_at.astimezone(NEW_YORK).date().isoformat(), published_at)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
