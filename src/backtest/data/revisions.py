"""Fetched events against those on file: what is new, what differs, and what may be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.data.datafile import read_data_file
from backtest.data.edits import Change, change_rows
from backtest.data.events import check_row, parse_lines
from backtest.data.versions import read_version, versions
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from backtest.data.edits import Edit
    from backtest.data.events import EventLine
    from backtest.data.kinds import Event
    from backtest.data.versions import Version
    from backtest.workspace.folders import Workspace

    Same = Callable[[Event, Event], bool]


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


# what a person writes is never replaced
_WRITTEN = frozenset(
    {"headline", "note", "source_url", "source_url_2", "grade", "retrieved_at", "first_filing"}
)


@dataclass(frozen=True)
class Update:
    """What fetched events would change in a file.

    Attributes:
        edit: the change; not made yet.
        differences: cells of events on file that were fetched otherwise, by the event's id. They
            are in the edit only where revisions are accepted.

    """

    edit: Edit
    differences: Sequence[Change]


def event_lines(workspace: Workspace, kind: type[Event]) -> list[EventLine]:
    """The events of a kind on file with their lines; none where there is no file.

    Raises:
        DataError: the file is wrong.

    """
    path = workspace.data / "events" / kind.file_name()
    if not path.exists():
        return []
    return parse_lines(read_data_file(path, seal_command=f"backtest events seal {kind.kind}"), kind)


def update(
    workspace: Workspace,
    kind: type[Event],
    fetched: Iterable[Mapping[str, str]],
    same: Same,
    *,
    reason: str,
    accept: bool,
) -> Update:
    """Hold fetched rows against the file of their kind.

    Args:
        workspace: the folders.
        kind: the kind.
        fetched: rows as the file takes them.
        same: whether an event on file and a fetched one are the same fact.
        reason: for the version, in a few words.
        accept: whether what differs is replaced. What a person wrote stays, and nothing known
            gives way to something unknown.

    Raises:
        DataError: a fetched row breaks the format, or the file is wrong.

    """
    lines = event_lines(workspace, kind)
    added: list[Mapping[str, str]] = []
    changed: dict[str, Mapping[str, str]] = {}
    differences: list[Change] = []
    for row in fetched:
        event = _checked(kind, row)
        line = next((one for one in lines if same(one.event, event)), None)
        if line is None:
            added.append(row)
            continue
        found = _differences(line, event, row)
        differences += found
        if found and accept:
            changed[line.event.id] = _revised(line.cells, row, found)
    edit = change_rows(workspace, kind, added, changed, reason=reason)
    return Update(edit, differences)


def _checked(kind: type[Event], row: Mapping[str, str]) -> Event:
    event, problems = check_row(kind, row)
    if event is None:
        raise DataError(
            f"What was fetched from {row.get('source_url') or 'the source'} is no {kind.kind}: "
            f"{'; '.join(problems)}. Nothing was changed."
        )
    return event


def _differences(line: EventLine, event: Event, row: Mapping[str, str]) -> list[Change]:
    """Cells that differ in what they say, not in how it is written."""
    return [
        Change(line.event.id, name, line.cells.get(name, ""), cell)
        for name, cell in row.items()
        if cell and name not in _WRITTEN and getattr(line.event, name) != getattr(event, name)
    ]


def _revised(
    cells: Mapping[str, str], row: Mapping[str, str], changes: Iterable[Change]
) -> dict[str, str]:
    """A row with its differences taken, and the source that they come from where there is room."""
    revised = {**cells, **{change.column: change.new for change in changes}}
    url = row["source_url"]
    places = (name for name in ("source_url", "source_url_2") if cells.get(name, "") in ("", url))
    if place := next(places, None):
        revised[place] = url
    return {**revised, "retrieved_at": row["retrieved_at"]}
