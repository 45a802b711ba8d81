"""Change event files, by hand or by what was fetched: show what a change would do, then make it.

UsageError where the change is wrong, DataError where the file is, or would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backtest.data.datafile import DataFile, csv_text, header_of, metadata_of, span_of
from backtest.data.events import (
    Cells,
    EventLine,
    check_cells,
    check_row,
    columns_of,
    event_of,
    open_events,
    parse_lines,
    prepare_row,
)
from backtest.data.kinds import Event, new_york_day
from backtest.data.listing import ListedEvent, find_event, with_sessions
from backtest.data.versions import Version, clear, read_version, undo, version_before, write_version
from backtest.errors import DataError, UsageError

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace

    Rows = Mapping[str, Cells]  # by key

_REACTION = 5.0  # minutes, for the tradable session shown beside an event
_BY_HAND = "Added by hand; each row names its own source."
# neither what a person wrote nor the ticker of that time is ever replaced by what is fetched
_WRITTEN = frozenset(
    {"headline", "note", "source_url", "source_url_2", "grade", "retrieved_at", "first_filing"}
    | {"symbol"}
)
_OF_ONE_BASIS = frozenset({"eps", "eps_consensus", "eps_basis"})


class Change(NamedTuple):
    """A change is a cell that differs: the key of its row, its column, and both texts."""

    key: str
    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Diff:
    """A diff tells how two tables differ: whole rows by key, and cells of rows that both have."""

    added: Rows
    removed: Rows
    changed: Sequence[Change]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff_rows(old: Rows, new: Rows) -> Diff:
    """Compare rows by key, whatever their order; a missing column counts as empty."""
    return Diff(
        added={key: row for key, row in new.items() if key not in old},
        removed={key: row for key, row in old.items() if key not in new},
        changed=[
            Change(key, column, before.get(column, ""), row.get(column, ""))
            for key, row in new.items()
            if (before := old.get(key)) is not None
            for column in dict.fromkeys([*before, *row])
            if before.get(column, "") != row.get(column, "")
        ],
    )


@dataclass(frozen=True)
class Edit:
    """An edit is a change of an event file that `make` carries out."""

    path: Path
    diff: Diff  # by the id that each event has now
    events: Sequence[ListedEvent]  # the events that are added or changed
    make: Callable[[], Version]


class _EventFile:
    """`_EventFile` holds the lines of a kind to be edited; `file` is None where there is none."""

    def __init__(self, workspace: Workspace, kind: type[Event]) -> None:
        self.workspace, self.kind = workspace, kind
        self.path = workspace.data / "events" / kind.file_name()
        clear(self.path)
        self.file = open_events(self.path.parent, kind) if self.path.exists() else None
        self.lines = parse_lines(self.file, kind) if self.file else []

    @property
    def rows(self) -> dict[str, Cells]:
        """Return the cells of each line by the id of its event."""
        return {one.event.id: one.cells for one in self.lines}

    def edit(self, rows: Rows, reason: str) -> Edit:
        """Prepare the change to these rows, each by the id that its event has now or will have."""
        file, path, content = self.file, self.path, self._text(list(rows.values()))
        lines = parse_lines(DataFile(path, content, "", {}), self.kind)  # refuses doubles
        days = [new_york_day(one.event.published_at).isoformat() for one in lines]
        known = {**file.metadata, **span_of(days)} if file else metadata_of(days, source=_BY_HAND)
        over = file.sha256 if file else None
        return self.edit_by(
            rows, lambda: write_version(path, content, known, reason=reason, over=over)
        )

    def edit_by(self, rows: Rows, make: Callable[[], Version]) -> Edit:
        """Prepare the change to these rows, which `make` carries out."""
        old = {one.event.id: one.event for one in self.lines}
        new = {name: event_of(self.kind, row) for name, row in rows.items()}
        changed = [event for name, event in new.items() if old.get(name) != event]
        events = with_sessions(self.workspace, changed, _REACTION)
        return Edit(self.path, diff_rows(self.rows, rows), events, make)

    def _text(self, rows: Sequence[Cells]) -> str:
        known = columns_of(self.kind)
        header = header_of(self.file) if self.file else known
        more = [n for n in known if n not in header and any(row.get(n) for row in rows)]
        return csv_text([*header, *more], rows, self.file)  # all other columns are empty


def event_lines(workspace: Workspace, kind: type[Event]) -> list[EventLine]:
    """Read the lines of a kind's file; there are none where there is no file."""
    return _EventFile(workspace, kind).lines


def add_event(workspace: Workspace, kind: type[Event], row: Cells) -> Edit:
    """Append an event, given as texts by field as `prepare_row` takes them."""
    try:
        cells = prepare_row(kind, row)
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
    """Append rows that `prepare_row` has returned.

    With `replace`, a row of an event on file changes the cells that it names and leaves the others
    as they are, and `retrieved_at` too where nothing else differs. UsageError where an event is on
    file already (without `replace`) or comes twice.
    """
    file = _EventFile(workspace, kind)
    known = file.rows
    added: dict[str, Cells] = {}
    for row in rows:
        name = event_of(kind, row).id
        if earlier := known.get(name) or added.get(name):
            _check_same(name, event_of(kind, earlier), event_of(kind, row))
        if name in known and not replace:
            raise UsageError(
                f"{name} is there already. Change it with `backtest events edit {name} --field …`."
            )
        if name in added:
            raise UsageError(f"{name} comes twice: same symbol, time and headline.")
        old = known.get(name, {})
        if any(old.get(n, "") != cell for n, cell in row.items() if n != "retrieved_at"):
            (known if old else added)[name] = {**old, **row}
    return file.edit({**known, **added}, reason)


def _check_same(name: str, *events: Event) -> None:
    """Refuse two events of a day whose ids, of six digits, are the same by chance."""
    if len({(one.symbol, one.published_at, one.headline) for one in events}) > 1:
        headlines = " and ".join(repr(one.headline) for one in events)
        raise UsageError(
            f"{name} would be the id of two events, {headlines}. Change a word of one headline."
        )


def edit_event(
    workspace: Workspace, kinds: Iterable[type[Event]], event_id: str, settings: Cells
) -> Edit:
    """Change fields of an event, given as texts; an empty text makes a field unknown."""
    kind = type(find_event(workspace, kinds, event_id, _REACTION).event)
    file = _EventFile(workspace, kind)
    rows = file.rows
    try:
        rows[event_id] = check_cells(kind, {**rows[event_id], **settings})
    except ValueError as error:
        raise UsageError(f"{event_id}: {error}") from None
    return file.edit(rows, f"edited {event_id}")


def remove_event(workspace: Workspace, kinds: Iterable[type[Event]], event_id: str) -> Edit:
    """Remove an event from its file."""
    file = _EventFile(workspace, type(find_event(workspace, kinds, event_id, _REACTION).event))
    rows = {name: row for name, row in file.rows.items() if name != event_id}
    return file.edit(rows, f"removed {event_id}")


def undo_events(workspace: Workspace, kind: type[Event], to: int | None = None) -> Edit:
    """Put back the version of an event file before this one, or the one numbered `to`."""
    current = _EventFile(workspace, kind)
    if (file := current.file) is None:
        raise UsageError(f"There is no file of {kind.kind}, so there is nothing to undo.")
    before = parse_lines(read_version(file.path, version_before(file.path, to)), kind)
    rows = {one.event.id: one.cells for one in before}
    return current.edit_by(rows, lambda: undo(file.path, over=file.sha256, to=to))


def update(
    workspace: Workspace,
    kind: type[Event],
    fetched: Iterable[Cells],
    same: Callable[[Event, Event], bool],
    *,
    reason: str,
    accept: bool,
) -> tuple[Edit, list[Change]]:
    """Merge fetched rows into the file of their kind; return the edit and the cells that differ.

    A fetched event is one on file if both have the same id, or if `same` holds of both. Its cells
    that differ are replaced only with `accept`, and never what a person wrote. DataError where a
    fetched row or the file breaks the format.
    """
    file = _EventFile(workspace, kind)
    rows, known = file.rows, {one.event.id: one for one in file.lines}
    differences: list[Change] = []
    for row in fetched:
        event, problems = check_row(kind, row)
        if event is None:
            raise DataError(
                f"What was fetched from {row.get('source_url') or 'the source'} is no "
                f"{kind.kind}: {'; '.join(problems)}. Nothing was changed."
            )
        if line := known.get(event.id):
            _check_same(event.id, line.event, event)
        else:
            line = next((one for one in file.lines if same(one.event, event)), None)
        if line is None:
            rows[event.id] = row
            continue
        changes = _differences(line, event, row)
        differences += changes
        if changes and accept:
            rows[line.event.id] = _revised(line.cells, row, changes)
    return file.edit(rows, reason), differences


def _differences(line: EventLine, event: Event, row: Cells) -> list[Change]:
    """List the cells that differ in what they say, not in how it is written.

    EPS of another basis is left out where the file has a figure of the old basis that was not
    fetched, since figures of two bases would then stand in one row.
    """
    old = line.cells
    would_mix = old.get("eps_basis") != row.get("eps_basis") and any(
        old.get(name) and not row.get(name) for name in _OF_ONE_BASIS
    )
    kept = _WRITTEN | (_OF_ONE_BASIS if would_mix else frozenset())
    return [
        Change(line.event.id, name, old.get(name, ""), cell)
        for name, cell in row.items()
        if cell and name not in kept and getattr(line.event, name) != getattr(event, name)
    ]


def _revised(cells: Cells, row: Cells, changes: Iterable[Change]) -> dict[str, str]:
    """Apply changes to a row, and name their source where one of its two is empty."""
    revised = {**cells, **{change.column: change.new for change in changes}}
    url = row["source_url"]
    free = (name for name in ("source_url", "source_url_2") if cells.get(name, "") in ("", url))
    if column := next(free, None):
        revised[column] = url
    return {**revised, "retrieved_at": row["retrieved_at"]}
