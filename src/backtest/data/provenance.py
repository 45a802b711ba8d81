"""Where an event came from: its sources, its line in its file, and the versions that brought it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.data.datafile import read_data_file
from backtest.data.events import parse_lines
from backtest.data.versions import read_version, versions
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest.data.kinds import Event
    from backtest.data.versions import Version
    from backtest.workspace.folders import Workspace


def provenance(workspace: Workspace, event: Event) -> dict[str, Any]:
    """All that is known of where an event came from, by name.

    Args:
        workspace: the folders.
        event: one of those in its file.

    Raises:
        DataError: the file is wrong, or does not hold the event.

    """
    kind = type(event)
    path = workspace.data / "events" / kind.file_name()
    file = read_data_file(path, seal_command=f"backtest events seal {kind.kind}")
    lines = {one.event.id: one for one in parse_lines(file, kind)}
    if event.id not in lines:
        raise DataError(f"{path} does not hold {event.id}.")
    return {
        "sources": [url for url in (event.source_url, event.source_url_2) if url],
        "retrieved_at": event.retrieved_at,
        "file": path.relative_to(workspace.data).as_posix(),
        "line": lines[event.id].line,
        "sha256": file.sha256,
        "compiled_on": file.metadata["compiled_on"],
        "compiled_from": file.metadata["source"],
        **_history(path, event),
    }


def _history(path: Path, event: Event) -> dict[str, Any]:
    """The versions in which the event came in and in which its row changed last."""
    came_in = changed = "unknown"
    row: Mapping[str, str] | None = None
    lost = False
    try:
        for version in versions(path):
            if version.path is None:
                lost = True
                continue
            before, row = row, _row(path, version, event)
            if row != before:
                changed = _told(version, lost=lost)
                came_in = came_in if before else changed
            lost = False
    except DataError as error:
        return {"history": str(error)}
    return {"came_in_with": came_in, "changed_last_with": changed}


def _row(path: Path, version: Version, event: Event) -> dict[str, str] | None:
    """The cells of the event in a version, empty ones left out; None where it is not there."""
    lines = parse_lines(read_version(path, version), type(event))
    cells = next((one.cells for one in lines if one.event.id == event.id), None)
    return None if cells is None else {name: cell for name, cell in cells.items() if cell}


def _told(version: Version, *, lost: bool) -> str:
    told = f"version {version.number} of {version.recorded_at:%Y-%m-%d %H:%M} UTC, {version.reason}"
    return told + " (or the version before, whose text was not kept)" * lost
