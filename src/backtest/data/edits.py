"""Changing event files: how two tables differ, what a change would do, and then doing it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.data.datafile import DataFile, header_of, metadata_of, read_data_file, span_of
from backtest.data.events import as_written, check_row, columns_of, parse_lines, prepared
from backtest.data.kinds import NEW_YORK
from backtest.data.listing import EventRow, find_event, with_sessions
from backtest.data.versions import put, read_version, undo, version_before
from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from backtest.data.events import EventLine
    from backtest.data.kinds import Event
    from backtest.data.versions import Version
    from backtest.workspace.folders import Workspace

    Row = Mapping[str, str]
    Cells = Mapping[str, str]


class Change(NamedTuple):
    """A cell that differs: the key of its row, its column, and both texts."""

    key: str
    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Diff:
    """How two tables differ: whole rows by key, and cells of rows that both have."""

    added: Mapping[str, Row]
    removed: Mapping[str, Row]
    changed: Sequence[Change]

    def __bool__(self) -> bool:
        """Whether they differ at all."""
        return bool(self.added or self.removed or self.changed)


def diff_rows(old: Iterable[Row], new: Iterable[Row], key: Callable[[Row], str]) -> Diff:
    """How the rows of two tables differ, whatever their order.

    Args:
        old: rows as texts by column; a column that is missing counts as empty.
        new: likewise.
        key: tells which rows are the same one, such as `lambda row: row["date"]`.

    """
    before, after = {key(row): row for row in old}, {key(row): row for row in new}
    changed = [
        Change(name, column, before[name].get(column, ""), row.get(column, ""))
        for name, row in after.items()
        if name in before
        for column in dict.fromkeys([*before[name], *row])
        if before[name].get(column, "") != row.get(column, "")
    ]
    return Diff(
        added={name: row for name, row in after.items() if name not in before},
        removed={name: row for name, row in before.items() if name not in after},
        changed=changed,
    )


_REACTION = 5.0  # minutes, for the session that is shown
_BY_HAND = "Added by hand; each row names its own source."


@dataclass(frozen=True)
class Edit:
    """A change of an event file that has not been made yet.

    Attributes:
        path: the file.
        diff: what changes, by the id of the event as it is now.
        events: those that are added or changed, with the session each can first be traded in.
        make: makes the change.

    """

    path: Path
    diff: Diff
    events: Sequence[EventRow]
    make: Callable[[], Version]


def add_event(workspace: Workspace, kind: type[Event], row: Cells) -> Edit:
    """Append an event.

    Args:
        workspace: the folders.
        kind: the kind.
        row: texts by field, as for `prepared`.

    Raises:
        UsageError: the row is wrong, or is there already.
        DataError: the file is.

    """
    try:
        cells = prepared(kind, row)
    except ValueError as error:
        raise UsageError(f"{kind.kind}: {error}") from None
    return add_rows(workspace, kind, [cells], reason="added an event")


def add_rows(
    workspace: Workspace,
    kind: type[Event],
    rows: Iterable[Cells],
    *,
    reason: str,
    replace: bool = False,
) -> Edit:
    """Append rows; with `replace`, rows of events that are there change what differs in them.

    Args:
        workspace: the folders.
        kind: the kind.
        rows: as of `prepared`.
        reason: for the version, in a few words.
        replace: what a row does not name stays as it is, and so does `retrieved_at` where
            nothing else differs.

    Raises:
        UsageError: an event is given twice, or is there already and is not to be replaced.
        DataError: the file is wrong, or would be.

    """
    file, lines = _opened(workspace, kind)
    known = {one.event.id: dict(one.cells) for one in lines}
    added: dict[str, dict[str, str]] = {}
    for row in rows:
        name = _event(kind, row).id
        if name in known and not replace:
            raise UsageError(
                f"{name} is there already. Change it with `backtest events edit {name} --field …`."
            )
        if name in added:
            raise UsageError(f"{name} is given twice: same symbol, time and headline.")
        old = known.get(name, {})
        if any(old.get(n, "") != cell for n, cell in row.items() if n != "retrieved_at"):
            (known if old else added)[name] = {**old, **row}
    return _edit(workspace, kind, file, lines, {**known, **added}, reason)


def change_rows(
    workspace: Workspace,
    kind: type[Event],
    added: Iterable[Cells],
    changed: Mapping[str, Cells],
    *,
    reason: str,
) -> Edit:
    """Append rows and change others, as one change.

    Args:
        workspace: the folders.
        kind: the kind.
        added: as of `prepared`.
        changed: whole rows by the id that their event has now.
        reason: for the version, in a few words.

    Raises:
        UsageError: an event that is added is there already.
        DataError: the file is wrong, or would be.

    """
    file, lines = _opened(workspace, kind)
    rows = {one.event.id: changed.get(one.event.id, one.cells) for one in lines}
    for row in added:
        name = _event(kind, row).id
        if name in rows:
            raise UsageError(f"{name} is there already: same symbol, time and headline.")
        rows[name] = row
    return _edit(workspace, kind, file, lines, rows, reason)


def edit_event(
    workspace: Workspace, kinds: Iterable[type[Event]], event_id: str, settings: Cells
) -> Edit:
    """Change fields of an event.

    Args:
        workspace: the folders.
        kinds: the kinds of event.
        event_id: as `events list` shows it.
        settings: new texts by field; an empty one is unknown.

    Raises:
        UsageError: there is no such event or field, or a value breaks the format.
        DataError: the file is wrong.

    """
    kind = type(find_event(workspace, kinds, event_id, _REACTION).event)
    for name in settings:
        if name not in kind.model_fields:
            raise unknown(f"field of {kind.kind}", name, columns_of(kind))
    file, lines = _opened(workspace, kind)
    rows = {one.event.id: dict(one.cells) for one in lines}
    try:
        rows[event_id] = as_written({**rows[event_id], **settings})
    except ValueError as error:
        raise UsageError(f"{event_id}: {error}") from None
    _, problems = check_row(kind, rows[event_id])
    if problems:
        raise UsageError(f"{event_id}: {'; '.join(problems)}")
    return _edit(workspace, kind, file, lines, rows, f"edited {event_id}")


def remove_event(workspace: Workspace, kinds: Iterable[type[Event]], event_id: str) -> Edit:
    """Take an event out of its file.

    Raises:
        UsageError: there is no such event.
        DataError: the file is wrong.

    """
    kind = type(find_event(workspace, kinds, event_id, _REACTION).event)
    file, lines = _opened(workspace, kind)
    rows = {one.event.id: dict(one.cells) for one in lines if one.event.id != event_id}
    return _edit(workspace, kind, file, lines, rows, f"removed {event_id}")


def undo_events(workspace: Workspace, kind: type[Event]) -> Edit:
    """Put the version of a file of events before this one back.

    Raises:
        UsageError: there is none.
        DataError: it is lost or damaged.

    """
    file, lines = _opened(workspace, kind)
    if file is None:
        raise UsageError(f"There is no file of {kind.kind}, so there is nothing to undo.")
    before = read_version(file.path, version_before(file.path))
    rows = {one.event.id: dict(one.cells) for one in parse_lines(before, kind)}
    return Edit(
        file.path,
        _diff(lines, rows),
        _shown(workspace, kind, lines, rows),
        lambda: undo(file.path, over=file.sha256),
    )


def _opened(workspace: Workspace, kind: type[Event]) -> tuple[DataFile | None, list[EventLine]]:
    """The file of a kind and its rows; no file where there is none yet."""
    path = _path(workspace, kind)
    if not path.exists():
        return None, []
    file = read_data_file(path, seal_command=f"backtest events seal {kind.kind}")
    return file, parse_lines(file, kind)


def _edit(
    workspace: Workspace,
    kind: type[Event],
    file: DataFile | None,
    lines: Sequence[EventLine],
    rows: Mapping[str, Cells],
    reason: str,
) -> Edit:
    """The change of a file to rows by the id that each event has now, or will have."""
    path = _path(workspace, kind)
    content = _text(kind, file, list(rows.values()))
    parse_lines(DataFile(path, content, "", {}), kind)  # refuses an event that is there twice
    days = [_day(_event(kind, row)) for row in rows.values()]
    metadata: dict[str, Any] = (
        metadata_of(days, source=_BY_HAND) if file is None else {**file.metadata, **span_of(days)}
    )
    over = None if file is None else file.sha256
    return Edit(
        path,
        _diff(lines, rows),
        _shown(workspace, kind, lines, rows),
        lambda: put(path, content, metadata, reason=reason, over=over),
    )


def _diff(lines: Sequence[EventLine], rows: Mapping[str, Cells]) -> Diff:
    old = ({"id": one.event.id, **one.cells} for one in lines)
    new = ({"id": name, **row} for name, row in rows.items())
    return diff_rows(old, new, lambda row: row["id"])


def _shown(
    workspace: Workspace,
    kind: type[Event],
    lines: Sequence[EventLine],
    rows: Mapping[str, Cells],
) -> list[EventRow]:
    """The events that are added or changed."""
    old = {one.event.id: one.event for one in lines}
    events = {name: _event(kind, row) for name, row in rows.items()}
    touched = [event for name, event in events.items() if old.get(name) != event]
    return with_sessions(workspace, touched, timedelta(minutes=_REACTION))


def _text(kind: type[Event], file: DataFile | None, rows: Sequence[Cells]) -> str:
    """The file of some rows, in the columns and with the line ends that it has."""
    header = header_of(file) if file else columns_of(kind)
    more = [n for n in columns_of(kind) if n not in header and any(row.get(n) for row in rows)]
    text = io.StringIO()
    line_end = "\r\n" if file and "\r\n" in file.text else "\n"
    columns = [*header, *more]  # a cell of any other is empty in every row
    writer = csv.DictWriter(
        text, columns, restval="", extrasaction="ignore", lineterminator=line_end
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _event(kind: type[Event], row: Cells) -> Event:
    """The event of a row that was checked before."""
    return kind.model_validate({name: cell for name, cell in row.items() if cell})


def _day(event: Event) -> str:
    return event.published_at.astimezone(NEW_YORK).date().isoformat()


def _path(workspace: Workspace, kind: type[Event]) -> Path:
    return workspace.data / "events" / kind.file_name()
