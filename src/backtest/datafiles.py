"""Data files and the metadata beside them: `CRWV.csv` has `CRWV.meta.json`.

The metadata say where the figures come from and hold the file's sha256. A file that no longer
has it was changed by somebody: it is refused until the change is acknowledged by `seal`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from backtest.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST_PROBLEMS = 50
METADATA_FIELDS = ("source", "first", "last", "rows", "adjust", "compiled_on", "sha256")


@dataclass(frozen=True)
class DataFile:
    """A file that was read and held against its metadata."""

    path: Path
    text: str
    sha256: str
    metadata: dict[str, Any]


def metadata_path(path: Path) -> Path:
    """The metadata file of a data file."""
    return path.with_suffix(".meta.json")


def open_data_file(path: Path) -> DataFile:
    """Read a data file as it is, its metadata unread.

    Raises:
        DataError: the file is missing, empty or not UTF-8.

    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if not content.strip():
        raise DataError(f"{path} is empty. It needs a header line and one line a row.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: not UTF-8. Save the file as UTF-8.") from None
    return DataFile(path, text, hashlib.sha256(content).hexdigest(), {})


def read_data_file(path: Path, *, seal_command: str) -> DataFile:
    """Read a data file and hold it against its metadata.

    Args:
        path: the CSV file.
        seal_command: the command that acknowledges a change, for the message.

    Raises:
        DataError: the file is unreadable, or its metadata is missing or does not agree.

    """
    file = open_data_file(path)
    metadata = read_metadata(path, seal_command)
    if metadata["sha256"] != file.sha256:
        raise DataError(
            f"{path} changed since its metadata were written (sha256 {file.sha256[:12]}…, "
            f"recorded {str(metadata['sha256'])[:12]}…). If the change is meant, "
            f"acknowledge it with `{seal_command}`; else restore the file."
        )
    return replace(file, metadata=metadata)


def read_metadata(path: Path, seal_command: str) -> dict[str, Any]:
    """The metadata beside a data file, as they stand; see `read_data_file`."""
    place = metadata_path(path)
    try:
        metadata = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path} has no metadata file {place.name}, so nobody can tell where its figures "
            f"come from. Write it with `{seal_command} --source '…'`."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{place} is not readable JSON: {error}. "
            f"Write it anew with `{seal_command} --source '…'`."
        ) from None
    if not isinstance(metadata, dict):
        raise DataError(
            f"{place} holds no JSON object. Write it anew with `{seal_command} --source '…'`."
        )
    missing = [name for name in METADATA_FIELDS if name not in metadata]
    if missing:
        raise DataError(
            f"{place} lacks {', '.join(missing)}. Write it anew with `{seal_command} --source '…'`."
        )
    return dict(metadata)


def seal(
    file: DataFile, days: Sequence[str | None], *, source: str | None, adjust: str | None
) -> Path:
    """Write the metadata of a file that was read and found good; return their place.

    Args:
        file: the file as it is now.
        days: the ISO day of each row, for the span; None where a row is of no day.
        source: where the figures come from; the recorded source is kept where None.
        adjust: adjust mode of prices; the recorded one is kept where None.

    Raises:
        UsageError: no source is given and none is on record.

    """
    place = metadata_path(file.path)
    known = _known_metadata(place)
    source = source or known.get("source")
    if not source:
        raise UsageError(f"{file.path} has no source on record. Name one with --source '…'.")
    dated = [day for day in days if day is not None]
    metadata = {
        "source": source,
        "first": min(dated, default=None),
        "last": max(dated, default=None),
        "rows": len(days),
        "adjust": adjust or known.get("adjust"),
        "compiled_on": datetime.now(UTC).date().isoformat(),
        "sha256": file.sha256,
    }
    write_text(place, json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")
    return place


def _known_metadata(place: Path) -> dict[str, Any]:
    """What is on record; nothing where the file is missing or corrupt, for it is written anew."""
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def header_of(file: DataFile) -> list[str]:
    """The columns of a CSV file."""
    return [name.strip() for name in next(csv.reader(io.StringIO(file.text)))]


def read_rows(
    file: DataFile, required: tuple[str, ...], problems: list[str]
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers, cells stripped.

    Args:
        file: the file.
        required: columns that must be there.
        problems: takes a text for each row that cannot be read; the others are returned.

    Raises:
        DataError: a required column is missing, or a column is named twice.

    """
    reader = csv.reader(io.StringIO(file.text))
    header = header_of(file)
    next(reader)
    doubled = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in required if name not in header]
    if doubled or missing:
        fault = f"column {doubled[0]!r} twice" if doubled else f"no column {missing[0]!r}"
        raise DataError(f"{file.path}, line 1: {fault}. Needed: {', '.join(required)}.")
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                problems.append(
                    f"line {reader.line_num}: {len(cells)} cells where the header has {len(header)}"
                )
                continue
            named = zip(header, (cell.strip() for cell in cells), strict=True)
            rows.append((reader.line_num, dict(named)))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}; is a quote opened and not closed?")
    return rows


def raise_problems(path: Path, problems: list[str]) -> None:
    """Report every problem of a file in one error, or return when there is none."""
    if not problems:
        return
    shown = problems[:_MOST_PROBLEMS]
    if len(problems) > len(shown):
        shown.append(f"… and {len(problems) - len(shown)} more")
    noun = "problem" if len(problems) == 1 else "problems"
    raise DataError(f"{path}: {len(problems)} {noun}\n  " + "\n  ".join(shown))


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and rename it there, so that it is never half written.

    Raises:
        UsageError: the folder cannot be written.

    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8", newline="")
        os.replace(beside, path)  # noqa: PTH105 - replaces on every system
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
