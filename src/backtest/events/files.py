"""Reading and checking event files: one CSV per kind, every malformed row reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backtest.datafiles import DataFile, header_of, raise_problems, read_data_file, read_rows
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from backtest.events.base import Event

_HINTS = {
    "missing": "is empty; a value is needed",
    "timezone_aware": "has no zone; write one, such as 2025-11-10T16:05:00-05:00",
    "string_pattern_mismatch": "does not fit the pattern {pattern}",
}


@dataclass(frozen=True)
class EventFile:
    """The events of one kind, in order of publication, and the file that they came from."""

    kind: type[Event]
    events: tuple[Event, ...]
    file: DataFile


def event_order(event: Event) -> tuple[Any, ...]:
    """Sort key: publication first, then symbol and id, so that file order never matters."""
    return (event.published_at, event.symbol, event.id)


def read_events(folder: Path, kind: type[Event]) -> EventFile:
    """Read the events of one kind from `folder/<kind in the plural>.csv`.

    Raises:
        DataError: the file does not agree with its metadata, or rows break the format;
            every such row is named with line, column, value and what is allowed.

    """
    command = f"backtest events seal {kind.kind}"
    file = read_data_file(folder / kind.file_name(), seal_command=command)
    return EventFile(kind, parse_events(file, kind), file)


def read_all_events(folder: Path, kinds: Iterable[type[Event]]) -> tuple[EventFile, ...]:
    """Read the files of several kinds; the problems of all files are reported together."""
    files: list[EventFile] = []
    faults: list[str] = []
    for kind in kinds:
        try:
            files.append(read_events(folder, kind))
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError("\n".join(faults))
    return tuple(files)


def parse_events(file: DataFile, kind: type[Event]) -> tuple[Event, ...]:
    """The events of a file's text, checked; see `read_events`."""
    required = tuple(n for n, f in kind.model_fields.items() if f.is_required())
    problems: list[str] = []
    rows = read_rows(file, required, problems)
    _check_columns(file, kind)
    events: dict[str, tuple[int, Event]] = {}
    for line, row in rows:
        try:
            event = kind.model_validate({name: cell for name, cell in row.items() if cell})
        except ValidationError as error:
            problems += [f"line {line}, {_describe(fault)}" for fault in error.errors()]
            continue
        if event.id in events:
            problems.append(
                f"line {line}: repeats line {events[event.id][0]} "
                f"(same symbol, time and headline); remove one"
            )
            continue
        events[event.id] = (line, event)
    raise_problems(file.path, problems)
    return tuple(sorted((event for _, event in events.values()), key=event_order))


def _check_columns(file: DataFile, kind: type[Event]) -> None:
    problems = []
    for name in header_of(file):
        if name not in kind.model_fields:
            near = get_close_matches(name, kind.model_fields, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kind.model_fields)}"
            )
            problems.append(f"line 1, column {name!r}: not a column of {kind.kind}; {hint}")
    raise_problems(file.path, problems)


def _describe(fault: Any) -> str:
    column = ".".join(str(part) for part in fault["loc"])
    message: str = _HINTS.get(fault["type"], fault["msg"]).format(**fault.get("ctx", {}))
    if fault["type"] == "missing":
        return f"column {column}: {message}"
    if not column:
        return message.removeprefix("Value error, ")
    return f"column {column}: {fault['input']!r}: {message}"
