"""Reading and checking event files: one CSV per kind, every malformed row reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backtest.data.datafile import DataFile, header_of, raise_problems, read_data_file, read_rows
from backtest.data.stamps import stamped
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from backtest.data.datafile import Reader
    from backtest.data.event import Event

_HINTS = {
    "missing": "is empty; a value is needed",
    "timezone_aware": "has no zone; write one, such as 2025-11-10T16:05:00-05:00",
    "string_pattern_mismatch": "does not fit the pattern {pattern}",
    "datetime_from_date_parsing": "is no time; write {stamp}",
}
_EXAMPLES = {"symbol": "CRWV", "period": "2025Q3"}


@dataclass(frozen=True)
class EventLine:
    """An event with its line in the file, and the cells of that line."""

    line: int
    cells: Mapping[str, str]
    event: Event


@dataclass(frozen=True)
class EventFile:
    """The events of one kind, in order of publication, and the file that they came from."""

    kind: type[Event]
    events: tuple[Event, ...]
    file: DataFile


def event_order(event: Event) -> tuple[Any, ...]:
    """Sort key: publication first, then symbol and id, so that file order never matters."""
    return (event.published_at, event.symbol, event.id)


def read_events(folder: Path, kind: type[Event], read: Reader = read_data_file) -> EventFile:
    """Read the events of one kind from `folder/<kind in the plural>.csv`.

    Args:
        folder: the folder of event files.
        kind: the kind.
        read: reads a data file; it decides which version.

    Raises:
        DataError: the file does not agree with its metadata, or rows break the format;
            every such row is named with line, column, value and what is allowed.

    """
    command = f"backtest events seal {kind.kind}"
    file = read(folder / kind.file_name(), seal_command=command)
    return EventFile(kind, parse_events(file, kind), file)


def read_all_events(
    folder: Path, kinds: Iterable[type[Event]], read: Reader = read_data_file
) -> tuple[EventFile, ...]:
    """Read the files of several kinds; the problems of all files are reported together."""
    files: list[EventFile] = []
    faults: list[str] = []
    for kind in kinds:
        try:
            files.append(read_events(folder, kind, read))
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    return tuple(files)


def parse_events(file: DataFile, kind: type[Event]) -> tuple[Event, ...]:
    """The events of a file's text, checked; see `read_events`."""
    return tuple(sorted((one.event for one in parse_lines(file, kind)), key=event_order))


def parse_lines(file: DataFile, kind: type[Event]) -> list[EventLine]:
    """The events of a file's text with their lines, in the order of the file; see `read_events`."""
    required = tuple(n for n, f in kind.model_fields.items() if f.is_required())
    problems: list[str] = []
    rows = read_rows(file, required, problems)
    check_columns(file, kind)
    found: dict[str, EventLine] = {}
    for line, row in rows:
        event, faults = check_row(kind, row)
        problems += [f"line {line}, {fault}" for fault in faults]
        if event is None:
            continue
        if event.id in found:
            problems.append(
                f"line {line}: repeats line {found[event.id].line} "
                f"(same symbol, time and headline); remove one"
            )
            continue
        found[event.id] = EventLine(line, row, event)
    raise_problems(file.path, problems)
    return list(found.values())


def check_row(kind: type[Event], row: Mapping[str, str]) -> tuple[Event | None, list[str]]:
    """The event of a row, or what is wrong with it, each with its column.

    Args:
        kind: the kind.
        row: texts by column; an empty one is unknown.

    """
    try:
        return kind.model_validate({name: cell for name, cell in row.items() if cell}), []
    except ValidationError as error:
        return None, [_describe(fault) for fault in error.errors()]


def check_columns(file: DataFile, kind: type[Event]) -> None:
    """Refuse columns that the kind does not have.

    Raises:
        DataError: there is one.

    """
    problems = []
    for name in header_of(file):
        if name not in kind.model_fields:
            near = get_close_matches(name, kind.model_fields, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kind.model_fields)}"
            )
            problems.append(f"line 1, column {name!r}: not a column of {kind.kind}; {hint}")
    raise_problems(file.path, problems)


def _stamp(cell: Any) -> str:
    """How files write the time of a cell, or an example where nobody can tell which it is."""
    try:
        stamp, _ = stamped(str(cell), "")
    except ValueError:
        stamp = str(cell)
    return stamp if stamp != str(cell) else "one such as 2025-11-10T16:05:00-05:00"


def _describe(fault: Any) -> str:
    column = ".".join(str(part) for part in fault["loc"])
    terms = {**fault.get("ctx", {}), "stamp": _stamp(fault["input"])}
    message: str = _HINTS.get(fault["type"], fault["msg"]).format(**terms)
    if fault["type"] == "missing":
        return f"column {column}: {message}"
    if fault["type"] == "string_pattern_mismatch" and column in _EXAMPLES:
        message += f"; write it as in {_EXAMPLES[column]}"
    if not column:
        return message.removeprefix("Value error, ")
    return f"column {column}: {fault['input']!r}: {message}"
