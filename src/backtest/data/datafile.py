"""Read data files and the metadata beside them: `CRWV.csv` has `CRWV.meta.json`.

The metadata say where the figures come from and hold the file's sha256. A file with another sha256
was changed by somebody: it is refused until `versions.seal` acknowledges the change.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import TypedDict

from backtest.errors import DataError
from backtest.workspace.files import IsoDay, IsoTime, read_record

if TYPE_CHECKING:
    import _csv

T = TypeVar("T")
Reader = Callable[[Path, str], "DataFile"]  # `read_data_file`, or what takes its place
_MOST_PROBLEMS = 50
_METADATA_FIELDS = ("source", "first", "last", "rows", "adjust", "compiled_on", "sha256")


class Metadata(TypedDict, total=False):
    """`Metadata` names the fields of a metadata file that readers use; None is unknown."""

    source: str | None
    first: str | None
    last: str | None
    rows: int
    adjust: str | None
    compiled_on: IsoDay
    sha256: str
    recorded_at: IsoTime
    version: int
    reason: str
    restores: int
    retrievals: list[dict[str, Any]]


@dataclass(frozen=True)
class DataFile:
    """A data file is the content of a file with its metadata."""

    path: Path  # the place in the data folder, also of a former version
    text: str  # the content of a CSV file
    sha256: str
    metadata: dict[str, Any]
    content: bytes = b""  # the content of a Parquet file


def metadata_path(path: Path) -> Path:
    """Return the path of a data file's metadata."""
    return path.with_suffix(".meta.json")


def waiting_path(path: Path) -> Path:
    """Return the path where the metadata of a coming version wait until the file is in place."""
    return path.with_name(f".{path.stem}.meta.json.next")


def open_data_file(path: Path) -> DataFile:
    """Read a data file without its metadata; DataError where it is missing, empty or not UTF-8."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if not content.removeprefix(BOM_UTF8).strip():
        raise DataError(f"{path} is empty. It needs a header line and one line a row.")
    sha256 = hashlib.sha256(content).hexdigest()
    if path.suffix == ".parquet":
        return DataFile(path, "", sha256, {}, content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: not UTF-8. Save the file as UTF-8.") from None
    return DataFile(path, text, sha256, {})


def open_known_file(path: Path) -> DataFile:
    """Read a data file with whatever metadata it has; DataError as in `open_data_file`."""
    file = open_data_file(path)
    return replace(file, metadata=known_metadata(path, file.sha256))


def read_data_file(path: Path, seal_command: str) -> DataFile:
    """Read a data file and its metadata; DataError where they are missing or do not agree.

    `seal_command` is the command that acknowledges a change of the file, named in the error.
    """
    for _ in range(2):  # another process may be putting a new version in place right now
        file = open_data_file(path)
        metadata = _metadata(path, file.sha256, seal_command)
        if metadata["sha256"] == file.sha256:
            return replace(file, metadata=metadata)
    raise DataError(
        f"{path} changed since its metadata were written (sha256 {file.sha256[:12]}…, "
        f"recorded {str(metadata['sha256'])[:12]}…). If the change is meant, "
        f"acknowledge it with `{seal_command}`; else restore the file."
    )


def write_data_file(path: Path, content: bytes, metadata: Mapping[str, Any]) -> None:
    """Write a data file and its metadata, keeping no version; only where nobody else works."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    sealed = {**metadata, "sha256": hashlib.sha256(content).hexdigest()}
    metadata_path(path).write_text(json.dumps(sealed), encoding="utf-8")


def known_metadata(path: Path, sha256: str) -> dict[str, Any]:
    """Read the metadata of a data file of that hash; an empty dict where missing or corrupt.

    Metadata that a killed process left waiting count where they have the hash.
    """
    waiting = read_metadata(waiting_path(path))
    return waiting if waiting.get("sha256") == sha256 else read_metadata(metadata_path(path))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read a metadata file; an empty dict where it is missing or corrupt."""
    with suppress(DataError):
        return dict(read_record(path, Metadata))
    return {}


def _metadata(path: Path, sha256: str, seal_command: str) -> dict[str, Any]:
    metadata = known_metadata(path, sha256)
    missing = [name for name in _METADATA_FIELDS if name not in metadata]
    if not missing:
        return metadata
    file = metadata_path(path)
    if not file.exists():
        raise DataError(
            f"{path} has no metadata file {file.name}, so nobody can tell where its figures "
            f"come from. Write it with `{seal_command} --source '…'`."
        )
    corrupt = "is not readable JSON with an object of its fields"
    fault = f"lacks {', '.join(missing)}" if metadata else corrupt
    raise DataError(f"{file} {fault}. Write it anew with `{seal_command} --source '…'`.")


def metadata_of(
    days: Sequence[str | None], *, source: str | None, adjust: str | None = None
) -> dict[str, Any]:
    """Make the metadata of a file compiled today, from the ISO days of its rows as in `span_of`."""
    return {
        "source": source,
        **span_of(days),
        "adjust": adjust,
        "compiled_on": datetime.now(UTC).date().isoformat(),
    }


def span_of(days: Sequence[str | None]) -> dict[str, Any]:
    """Make the fields `first`, `last` and `rows` from the ISO day of each row, None if undated."""
    dated = [day for day in days if day is not None]
    return {"first": min(dated, default=None), "last": max(dated, default=None), "rows": len(days)}


def header_of(file: DataFile) -> list[str]:
    """Return the columns of a CSV file; DataError where its first line cannot be read."""
    if file.content:
        raise DataError(f"{file.path} is a Parquet file, and CSV is needed: save its table as CSV.")
    try:
        return [name.strip() for name in next(_lines(file))]
    except csv.Error as error:
        raise DataError(f"{file.path}, line 1: {error}.") from None


def _lines(file: DataFile) -> _csv.Reader:
    return csv.reader(io.StringIO(file.text, newline=""))  # lines may end with \r too


def read_rows(
    file: DataFile, required: tuple[str, ...], problems: list[str]
) -> list[tuple[int, dict[str, str]]]:
    """Read the rows of a CSV file, each with its line number and with its cells stripped.

    A text is added to `problems` for each row that cannot be read. DataError where a required
    column is missing, or a column is named twice.
    """
    reader, header = _lines(file), header_of(file)
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
            rows.append((reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}; is a quote opened and not closed?")
    return rows


def parsed_rows(
    file: DataFile,
    required: tuple[str, ...],
    problems: list[str],
    parse: Callable[[dict[str, str]], T],
) -> Iterator[tuple[int, T]]:
    """Yield what `parse` makes of each row, with its line; a ValueError of it is a problem too."""
    for line, cells in read_rows(file, required, problems):
        try:
            parsed = parse(cells)
        except ValueError as error:
            problems.append(f"line {line}, {error}")
        else:
            yield line, parsed


def day_of(row: Mapping[str, str], column: str, nor: str = "") -> date:
    """Parse the day in a cell; ValueError where it is none, `nor` telling what else is allowed.

    Other ISO forms, such as 20250328, are refused: days are compared and looked up as texts too.
    """
    text = row[column]
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if day.isoformat() == text:
            return day
    raise ValueError(f"column {column}: {text!r} is not a day such as 2025-03-28{nor}")


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], like: DataFile | None = None
) -> str:
    """Write rows as CSV text, with the line ends of the file that it replaces; None is empty."""
    text = io.StringIO()
    line_end = "\r\n" if like and "\r\n" in like.text else "\n"
    writer = csv.DictWriter(text, columns, "", extrasaction="ignore", lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def raise_problems(path: Path, problems: list[str], advice: str = "") -> None:
    """Raise a DataError with every problem of a file; return if there is none."""
    if not problems:
        return
    lines = problems[:_MOST_PROBLEMS]
    if len(problems) > len(lines):
        lines.append(f"… and {len(problems) - len(lines)} more")
    noun = "problem" if len(problems) == 1 else "problems"
    raise DataError(f"{path}: {len(problems)} {noun}\n  " + "\n  ".join(lines) + advice)
