"""Changing event files, by hand or by what was fetched: what a change would do, then doing it.

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
    check_row,
    checked,
    columns_of,
    event_of,
    open_events,
    parse_lines,
    prepared,
)
from backtest.data.kinds import Event, new_york_day
from backtest.data.listing import ListedEvent, find_event, with_sessions
from backtest.data.versions import Version, clear, put, read_version, undo, version_before
from backtest.errors import DataError, UsageError

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace

    Rows = Mapping[str, Cells]  # by key

_REACTION = 5.0  # minutes, for the session beside an event
_BY_HAND = "Added by hand; each row names its own source."
# what a person writes is never replaced by what is fetched, nor the ticker of that time
_WRITTEN = frozenset(
    {"headline", "note", "source_url", "source_url_2", "grade", "retrieved_at", "first_filing"}
    | {"symbol"}
)
_OF_ONE_BASIS = frozenset({"eps", "eps_consensus", "eps_basis"})


class Change(NamedTuple):
    """A cell that differs: the key of its row, its column, and both texts."""

    key: str
    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Diff:
    """How two tables differ: whole rows by key, and cells of rows that both have."""

    added: Rows
    removed: Rows
    changed: Sequence[Change]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff_rows(old: Rows, new: Rows) -> Diff:
    """How rows differ, whatever their order; a column that is missing counts as empty."""
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
    """A change of an event file; `make` makes it."""

    path: Path
    diff: Diff  # by the id of the event as it is now
    events: Sequence[ListedEvent]  # those that are added or changed
    make: Callable[[], Version]


class _EventFile:
    """The file of a kind and its lines, to be edited; `file` is None where there is none yet."""

    def __init__(self, workspace: Workspace, kind: type[Event]) -> None:
        self.workspace, self.kind = workspace, kind
        self.path = workspace.data / "events" / kind.file_name()
        clear(self.path)
        self.file = open_events(self.path.parent, kind) if self.path.exists() else None
        self.lines = parse_lines(self.file, kind) if self.file else []

    @property
    def rows(self) -> dict[str, Cells]:
        """The cells of each line by the id of its event."""
        return {one.event.id: one.cells for one in self.lines}

    def edit(self, rows: Rows, reason: str) -> Edit:
        """The change to rows by the id that each event has now, or will have."""
        file, path, content = self.file, self.path, self._text(list(rows.values()))
        lines = parse_lines(DataFile(path, content, "", {}), self.kind)  # refuses doubles
        days = [new_york_day(one.event.published_at).isoformat() for one in lines]
        known = {**file.metadata, **span_of(days)} if file else metadata_of(days, source=_BY_HAND)
        over = file.sha256 if file else None
        return self.becoming(rows, lambda: put(path, content, known, reason=reason, over=over))

    def becoming(self, rows: Rows, make: Callable[[], Version]) -> Edit:
        """A change to rows that `make` makes."""
        old = {one.event.id: one.event for one in self.lines}
        new = {name: event_of(self.kind, row) for name, row in rows.items()}
        touched = [event for name, event in new.items() if old.get(name) != event]
        events = with_sessions(self.workspace, touched, _REACTION)
        return Edit(self.path, diff_rows(self.rows, rows), events, make)

    def _text(self, rows: Sequence[Cells]) -> str:
        known = columns_of(self.kind)
        header = header_of(self.file) if self.file else known
        more = [n for n in known if n not in header and any(row.get(n) for row in rows)]
        return csv_text([*header, *more], rows, self.file)  # other columns are empty in every row


def event_lines(workspace: Workspace, kind: type[Event]) -> list[EventLine]:
    """The lines of a kind's file; none where there is no file."""
    return _EventFile(workspace, kind).lines


def add_event(workspace: Workspace, kind: type[Event], row: Cells) -> Edit:
    """Append an event, from texts by field as `prepared` takes them."""
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
    """Append rows, which are as of `prepared`.

    With `replace` rows of events that are there change what differs in them: what a row does not
    name stays as it is, and so does `retrieved_at` where nothing else differs.
    """
    held = _EventFile(workspace, kind)
    known = held.rows
    added: dict[str, Cells] = {}
    for row in rows:
        name = event_of(kind, row).id
        if there := known.get(name) or added.get(name):
            _check_same(name, event_of(kind, there), event_of(kind, row))
        if name in known and not replace:
            raise UsageError(
                f"{name} is there already. Change it with `backtest events edit {name} --field …`."
            )
        if name in added:
            raise UsageError(f"{name} comes twice: same symbol, time and headline.")
        old = known.get(name, {})
        if any(old.get(n, "") != cell for n, cell in row.items() if n != "retrieved_at"):
            (known if old else added)[name] = {**old, **row}
    return held.edit({**known, **added}, reason)


def _check_same(name: str, there: Event, row: Event) -> None:
    """Refuse two events of a day whose ids, of six digits, are the same by chance."""
    if (there.symbol, there.published_at, there.headline) != (
        row.symbol, row.published_at, row.headline,
    ):  # fmt: skip
        raise UsageError(
            f"{name} would be the id of two events, {there.headline!r} and {row.headline!r}. "
            f"Change a word of one headline."
        )


def edit_event(
    workspace: Workspace, kinds: Iterable[type[Event]], event_id: str, settings: Cells
) -> Edit:
    """Change fields of an event; an empty text is unknown."""
    kind = type(find_event(workspace, kinds, event_id, _REACTION).event)
    held = _EventFile(workspace, kind)
    rows = held.rows
    try:
        rows[event_id] = checked(kind, {**rows[event_id], **settings})
    except ValueError as error:
        raise UsageError(f"{event_id}: {error}") from None
    return held.edit(rows, f"edited {event_id}")


def remove_event(workspace: Workspace, kinds: Iterable[type[Event]], event_id: str) -> Edit:
    """Take an event out of its file."""
    held = _EventFile(workspace, type(find_event(workspace, kinds, event_id, _REACTION).event))
    rows = {name: row for name, row in held.rows.items() if name != event_id}
    return held.edit(rows, f"removed {event_id}")


def undo_events(workspace: Workspace, kind: type[Event], to: int | None = None) -> Edit:
    """Put the version of a file of events before this one back, or the one numbered `to`."""
    held = _EventFile(workspace, kind)
    if (file := held.file) is None:
        raise UsageError(f"There is no file of {kind.kind}, so there is nothing to undo.")
    before = parse_lines(read_version(file.path, version_before(file.path, to)), kind)
    rows = {one.event.id: one.cells for one in before}
    return held.becoming(rows, lambda: undo(file.path, over=file.sha256, to=to))


def update(
    workspace: Workspace,
    kind: type[Event],
    fetched: Iterable[Cells],
    same: Callable[[Event, Event], bool],
    *,
    reason: str,
    accept: bool,
) -> tuple[Edit, list[Change]]:
    """Hold fetched rows against the file of their kind, in which `same` tells the same facts.

    The change comes with the cells on file that were fetched otherwise. They are replaced, but for
    what a person wrote, where `accept` says so. An event of the symbol, time and headline of one on
    file is that one. DataError where a fetched row or the file breaks the format.
    """
    held = _EventFile(workspace, kind)
    rows, known = held.rows, {one.event.id: one for one in held.lines}
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
            line = next((one for one in held.lines if same(one.event, event)), None)
        if line is None:
            rows[event.id] = row
            continue
        found = _differences(line, event, row)
        differences += found
        if found and accept:
            rows[line.event.id] = _revised(line.cells, row, found)
    return held.edit(rows, reason), differences


def _differences(line: EventLine, event: Event, row: Cells) -> list[Change]:
    """Cells that differ in what they say, not in how it is written.

    EPS of another basis is none where its consensus, or it, is known on file and not fetched: what
    came would stand beside what stays.
    """
    old = line.cells
    would_mix = old.get("eps_basis") != row.get("eps_basis") and any(
        old.get(name) and not row.get(name) for name in _OF_ONE_BASIS
    )
    left = _WRITTEN | (_OF_ONE_BASIS if would_mix else frozenset())
    return [
        Change(line.event.id, name, old.get(name, ""), cell)
        for name, cell in row.items()
        if cell and name not in left and getattr(line.event, name) != getattr(event, name)
    ]


def _revised(cells: Cells, row: Cells, changes: Iterable[Change]) -> dict[str, str]:
    """A row with its differences taken, and the source that they come from where there is room."""
    revised = {**cells, **{change.column: change.new for change in changes}}
    url = row["source_url"]
    free = (name for name in ("source_url", "source_url_2") if cells.get(name, "") in ("", url))
    if column := next(free, None):
        revised[column] = url
    return {**revised, "retrieved_at": row["retrieved_at"]}
