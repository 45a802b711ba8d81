"""Records: the JSON objects that folders in reports hold, one typed kind each, and their reader.

A kind is a `TypedDict` of what readers use; a record may hold more. Values are of those types
exactly: no text stands in for a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from backtest.errors import DataError
from backtest.workspace.files import file_sha256, sha256_of

T = TypeVar("T")
_SEAL = "record_sha256"  # of all else in the record, so that no figure changes unnoticed


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return text


Day = Annotated[str, AfterValidator(_day)]  # 2025-05-16
Moment = Annotated[str, AfterValidator(_moment)]  # ISO, with its offset from UTC


class Span(TypedDict):
    """The first and the last day of a replay."""

    first: Day
    last: Day


class CostsName(TypedDict):
    """Where costs come from: their name, and by field the source of its figure."""

    name: str
    sources: dict[str, str]


def record_text(record: Mapping[str, Any], in_one_line: Collection[str] = ()) -> str:
    """The text of a file that `read_record` reads: JSON in lines, but for the parts named."""
    plain = json.loads(json.dumps(record, allow_nan=False))
    parts = []
    for name, value in {**plain, _SEAL: sha256_of(plain)}.items():
        text = json.dumps(value, indent=None if name in in_one_line else 2, ensure_ascii=False)
        parts.append(f"  {json.dumps(name)}: " + text.replace("\n", "\n  "))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_record(path: Path, kind: type[T]) -> T:
    """The record in a file, such as `run.json`.

    DataError where it is not of the `TypedDict`, or it or a file beside it has not the sha256 that
    the record names.
    """
    try:
        record: Any = from_json(path.read_bytes())
        _adapter(kind).validate_python(record, strict=True)  # type: ignore[arg-type]
        seal = record.pop(_SEAL, None)
        if seal is not None and seal != sha256_of(record):
            raise damaged(path, "its content has not the sha256 that it names")
    except ValidationError as error:
        raise damaged(path, _first(error)) from None
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from None
    for name, written in record.get("files", {}).items():
        _check_file(path.parent / name, written, path.name)
    return record  # type: ignore[no-any-return]


def _check_file(path: Path, written: str, record: str) -> None:
    try:
        found = file_sha256(path)
    except (OSError, ValueError) as error:
        raise damaged(path, getattr(error, "strerror", None) or str(error)) from None
    if found != written:
        raise damaged(path, f"its sha256 is not the one in {record}")


def damaged(path: Path, fault: str) -> DataError:
    """The error for a file of a folder in reports that is not what was written there."""
    return DataError(
        f"{path} is damaged ({fault}). "
        f"The command that made it makes it anew; otherwise remove the folder."
    )


def readable(
    folders: Iterable[Path], read: Callable[[Path], T], tell: Callable[[str], object]
) -> Iterator[T]:
    """What stands in folders; `tell` takes a sentence for each that is damaged and left out."""
    for folder in folders:
        try:
            yield read(folder)
        except DataError as error:
            tell(f"Left out: {error}")


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"it lacks {field}"
    return f"{field}: {fault['msg']}" if field else fault["msg"]
