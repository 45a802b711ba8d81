"""Read event files, one CSV for each kind, and name every wrong row at once.

The module also turns rows as people write them into rows as the files have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backtest.data.datafile import (
    DataFile,
    Reader,
    csv_text,
    header_of,
    raise_problems,
    read_data_file,
    read_rows,
)
from backtest.data.kinds import COARSE, NEW_YORK, Event, end_of_day, latest
from backtest.data.scheduled import SCHEDULED_KINDS
from backtest.errors import DataError, unknown

Cells = Mapping[str, str]
E = TypeVar("E", bound=Event)
FORMS = (
    "2025-11-10 16:05 New York",
    "2025-11-10T16:05:00-05:00, or another zone",
    "2025-11-10 before open",
    "2025-11-10 after close",
    "2025-11-10, where no more is known: it counts from the end of the day",
)
_FORM = re.compile(
    r"(?i)(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:\s+(?P<half>before open|after close)|\s+(?P<clock>\d\d:\d\d(?::\d\d)?)\s+New York)?"
)
_BEFORE_OPEN = time(9)


def parse_time(text: str, precision: str) -> tuple[str, str]:
    """Return the ISO stamp of a time in one of `FORMS`, and its precision, which may be empty.

    A text of no such form is returned as it is, for the check of the event to judge. ValueError
    where the day or the time does not exist, or where form and precision do not go together.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        return text, precision
    try:
        day, clock = date.fromisoformat(form["day"]), time.fromisoformat(form["clock"] or "00:00")
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: {error}") from None
    if form["clock"]:
        return latest(day, clock, NEW_YORK).isoformat(), precision
    if form["half"]:
        if precision not in ("", "session"):
            raise ValueError(f"{text!r} is known by the session, not by precision {precision}")
        before = form["half"].casefold() == "before open"
        moment = datetime.combine(day, _BEFORE_OPEN, NEW_YORK) if before else end_of_day(day)
        return moment.isoformat(), "session"
    if precision not in COARSE:
        raise ValueError(_bare(text, precision))
    return end_of_day(day).isoformat(), precision


def is_bare_day(text: str) -> bool:
    """Tell whether a time is a day alone, so that its precision is `date`, `week` or `month`."""
    form = _FORM.fullmatch(text.strip())
    return form is not None and not form["half"] and not form["clock"]


def _bare(text: str, precision: str) -> str:
    if not precision:
        return f"{text!r} is a day alone; say with precision whether it is a date, week or month"
    if precision == "session":
        return f"{text!r} is a day alone; write '{text} before open' or '{text} after close'"
    return f"{text!r} is a day alone; precision {precision} needs a time, such as '{FORMS[0]}'"


UNKNOWN_SOURCE = "unknown"
FIRST_COLUMNS = ("symbol", "published_at", "precision", "headline")


def columns_of(kind: type[Event]) -> list[str]:
    """List the columns of a kind as its file orders them: its own ones stand before the sources."""
    specific = [name for name in kind.model_fields if name not in Event.model_fields]
    rest = [name for name in Event.model_fields if name not in FIRST_COLUMNS]
    return [*FIRST_COLUMNS, *specific, *rest]


def field_schema(kind: type[BaseModel], name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a field's values, leaving out that they may be unknown."""
    schema: Mapping[str, Any] = kind.model_json_schema()["properties"][name]
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return options[0] if options else {}


_NUMBERS = {"number": "A number", "integer": "A whole number"}
_TEXTS = {"date": "A day such as 2025-03-28.", "date-time": "A time with its zone."}


def in_words(schema: Mapping[str, Any]) -> str:
    """Say in a sentence which values a field may have; empty where any text will do."""
    if "enum" in schema:
        return f"One of {', '.join(map(str, schema['enum']))}."
    if schema.get("type") == "boolean":
        return "Either true or false."
    if number := _NUMBERS.get(schema.get("type", "")):
        low, high = schema.get("minimum"), schema.get("maximum")
        bounds = (
            f" {word} {end:g}" for word, end in (("from", low), ("to", high)) if end is not None
        )
        return f"{number}{''.join(bounds)}."
    if "pattern" in schema:
        return f"Text of the pattern {schema['pattern']}."
    return _TEXTS.get(schema.get("format", ""), "")


def meaning_of(kind: type[Event], name: str) -> str:
    """Say what a field means, and which values it may have."""
    meaning = " ".join((kind.model_fields[name].description or "").split())
    return f"{meaning} {in_words(field_schema(kind, name))}".strip()


def prepare_row(kind: type[Event], row: Cells, source_url: str | None = None) -> dict[str, str]:
    """Turn a row as people write it into one as the file has it.

    The time is stamped, `unknown` sources are emptied, and `retrieved_at` is now where the row has
    none. `source_url` counts where the row names no source. ValueError where neither names one, or
    the row has an unknown column or breaks the format.
    """
    source = row.get("source_url") or source_url or ""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    known = {**row, "source_url": source, "retrieved_at": row.get("retrieved_at") or now}
    cells = check_cells(kind, known)
    if not source:
        raise ValueError(f"column source_url: is empty; name the address, or {UNKNOWN_SOURCE!r}")
    return cells


def check_cells(kind: type[Event], row: Cells) -> dict[str, str]:
    """Apply `as_written` to a row; ValueError where it has other columns or breaks the format."""
    for name in row:
        if name not in kind.model_fields:
            raise ValueError(str(unknown(f"field of {kind.kind}", name, columns_of(kind))))
    cells = as_written(row)
    _, problems = check_row(kind, cells)
    if problems:
        raise ValueError("; ".join(problems))
    return cells


def field_fault(kind: type[Event], row: Cells, name: str) -> str:
    """Say what is wrong with one field of a row that need not be complete; empty if nothing is."""
    is_day = name == "published_at" and is_bare_day(row[name])
    try:  # of a day alone, the precision comes next
        cells = as_written({**row, "precision": "date"} if is_day else row)
    except ValueError as error:
        return str(error).removeprefix("column published_at: ")
    column = f"column {name}: "
    _, problems = check_row(kind, cells)
    return "; ".join(one.removeprefix(column) for one in problems if one.startswith(column))


def as_written(row: Cells) -> dict[str, str]:
    """Stamp the time of a row and empty its unknown sources; ValueError as in `parse_time`."""
    cells = {name: cell.strip() for name, cell in row.items()}
    for name in ("source_url", "source_url_2"):
        if cells.get(name, "").casefold() == UNKNOWN_SOURCE:
            cells[name] = ""
    try:
        stamp, precision = parse_time(cells.get("published_at", ""), cells.get("precision", ""))
    except ValueError as error:
        raise ValueError(f"column published_at: {error}") from None
    return {**cells, "published_at": stamp, "precision": precision}


def as_filed(file: DataFile) -> DataFile:
    """Apply `as_written` to a file's rows; return the file itself if none changes, or one fails."""
    problems: list[str] = []
    rows = [row for _, row in read_rows(file, (), problems)]
    try:
        cells = [as_written(row) for row in rows]
    except ValueError:  # the check of the rows says which, and why
        return file
    if problems or cells == rows:
        return file
    return replace(file, text=csv_text(header_of(file), cells, file))


_HINTS = {
    "missing": "is empty; a value is needed",
    "timezone_aware": "has no zone; write one, such as 2025-11-10T16:05:00-05:00",
    "string_pattern_mismatch": "does not fit the pattern {pattern}",
    "datetime_from_date_parsing": "is no time; write {stamp}",
}
_EXAMPLES = {"symbol": "CRWV", "period": "2025Q3"}


@dataclass(frozen=True)
class EventLine:
    """An event line is an event with its line in the file, and the cells of that line."""

    line: int
    cells: Mapping[str, str]
    event: Event


@dataclass(frozen=True)
class EventFile:
    """An event file holds the events of one kind, in order of publication, and their file."""

    kind: type[Event]
    events: tuple[Event, ...]
    file: DataFile


def event_order(event: Event) -> tuple[Any, ...]:
    """Return the sort key by which neither the order of files nor that of their rows matters."""
    return (event.published_at, event.symbol, event.kind, event.headline)


def read_events(folder: Path, kind: type[Event], read: Reader = read_data_file) -> EventFile:
    """Read the events of one kind from `folder/<kind in the plural>.csv`.

    DataError where the file does not agree with its metadata, or rows break the format.
    """
    file = open_events(folder, kind, read)
    return EventFile(kind, parse_events(file, kind), file)


def has_file(folder: Path, kind: type[Event]) -> bool:
    """Tell whether the folder of event files holds one of a kind."""
    return (folder / kind.file_name()).exists()


def kinds_with_files(folder: Path, kinds: Iterable[type[Event]]) -> list[type[Event]]:
    """Leave out the scheduled kinds that have no file; the other kinds must have one."""
    return [kind for kind in kinds if kind not in SCHEDULED_KINDS or has_file(folder, kind)]


def open_events(folder: Path, kind: type[Event], read: Reader = read_data_file) -> DataFile:
    """Read the file of a kind; DataError where it does not agree with its metadata."""
    return read(folder / kind.file_name(), f"backtest events seal {kind.kind}")


def read_all_events(
    folder: Path, kinds: Iterable[type[Event]], read: Reader = read_data_file
) -> tuple[EventFile, ...]:
    """Read the files of several kinds; one DataError reports the problems of all of them."""
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
    """Parse the events of a file, in order of publication; DataError where a row is wrong."""
    return tuple(sorted((one.event for one in parse_lines(file, kind)), key=event_order))


def parse_lines(file: DataFile, kind: type[Event]) -> list[EventLine]:
    """Parse the lines of a file, in its order; DataError where rows break the format."""
    problems: list[str] = []
    lines = read_lines(file, kind, problems)
    raise_problems(file.path, problems)
    return lines


def read_lines(file: DataFile, kind: type[Event], problems: list[str]) -> list[EventLine]:
    """Return the lines that can be read, and add to `problems` a text on each that cannot.

    DataError where the columns are wrong.
    """
    fields = kind.model_fields
    rows = read_rows(file, tuple(n for n, f in fields.items() if f.is_required()), problems)
    strange = []
    for name in header_of(file):
        if name not in fields:
            near = get_close_matches(name, fields)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}"
            strange.append(f"line 1, column {name!r}: not a column of {kind.kind}; {hint}")
    raise_problems(file.path, strange)
    return check_rows(kind, rows, "line", problems)


def check_rows(
    kind: type[Event], rows: Iterable[tuple[int, Cells]], word: str, problems: list[str]
) -> list[EventLine]:
    """Return the numbered rows that are events, and add to `problems` what is wrong with others.

    An event that comes twice is a problem. `word` is what a row is called: `line` or `row`.
    """
    lines: dict[str, EventLine] = {}
    for number, row in rows:
        event, faults = check_row(kind, row)
        problems += [f"{word} {number}, {fault}" for fault in faults]
        if event is None:
            continue
        if event.id in lines:
            problems.append(
                f"{word} {number}: repeats {word} {lines[event.id].line} "
                f"(same symbol, time and headline); remove one"
            )
            continue
        lines[event.id] = EventLine(number, row, event)
    return list(lines.values())


def check_row(kind: type[Event], row: Cells) -> tuple[Event | None, list[str]]:
    """Return the event of a row, or None and its faults, each with its column."""
    try:
        return event_of(kind, row), []
    except ValidationError as error:
        return None, [_describe(fault) for fault in error.errors()]


def event_of(kind: type[E], row: Cells) -> E:
    """Make the event of a row, in which an empty cell is unknown; pydantic's error where wrong."""
    return kind.model_validate({name: cell for name, cell in row.items() if cell})


def _stamp(cell: Any) -> str:
    try:
        stamp, _ = parse_time(str(cell), "")
    except ValueError:
        stamp = str(cell)
    return stamp if stamp != str(cell) else "one such as 2025-11-10T16:05:00-05:00"


def _describe(fault: Any) -> str:
    column = ".".join(map(str, fault["loc"]))
    message: str = fault["msg"]
    if hint := _HINTS.get(fault["type"]):
        message = hint.format(**fault.get("ctx", {}), stamp=_stamp(fault["input"]))
    if fault["type"] == "missing":
        return f"column {column}: {message}"
    if fault["type"] == "string_pattern_mismatch" and column in _EXAMPLES:
        message += f"; write it as in {_EXAMPLES[column]}"
    if not column:
        return message.removeprefix("Value error, ")
    return f"column {column}: {fault['input']!r}: {message}"
