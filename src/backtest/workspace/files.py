"""Files: written whole or not at all, locked between processes, hashed, and the user's cache.

Records are the JSON objects that folders in reports hold, one typed kind each: a `TypedDict` of
what readers use. A record may hold more. Values are of those types exactly: no text stands in for a
number.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime
from functools import cache
from hashlib import file_digest, sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from backtest.errors import DataError, UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")
_SEAL = "record_sha256"  # of all else in the record, so that no figure changes unnoticed
_DIGEST = sha256().digest_size
_TURN = 2.0  # seconds; longer holds who runs a command under a lock of a folder, as by flock(1)
_NO_FILE = "it is a folder, a device or a pipe, and a file is needed"
# The last is a letter: what somebody has put aside as .bashrc.20250101 is not ours.
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{7}[a-f](?P<old>\.old)?")


def write_text(path: Path, text: str) -> None:
    """Write a text as `write_bytes` does, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its path and rename it, so that it is never half written.

    UsageError where that is not possible. What was written outlives a power cut.
    """
    try:
        put_file(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Write a folder of files as `write_bytes` does a file, in place of the one that is there."""
    try:
        with unfinished(path, Path.mkdir) as beside:
            for name, text in texts.items():
                (beside / name).write_text(text, encoding="utf-8", newline="")
                flush(beside / name)
            put_folder(beside, path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}. "
            f"Choose another folder with --out."
        ) from None


def put_folder(beside: Path, path: Path) -> None:
    """Rename a whole folder to its place; what stood there goes.

    OSError where that is not possible; what was there is there.
    """
    flush(beside)
    old = path.with_name(f"{_beside(path).name}.old")
    turn = _locked(path.parent, _TURN)  # or another's folder could come in between
    lock = _locked(path)
    try:
        if path.exists():
            path.rename(old)
        try:
            os.replace(beside, path)  # noqa: PTH105 - the same call on every system
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
        flush(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        _release(lock)
        _release(turn)


@contextmanager
def unfinished(path: Path, make: Callable[[Path], None] = Path.touch) -> Iterator[Path]:
    """A file or folder with a hidden name beside a path, for what is renamed there when whole.

    It is locked, so that `clear_unfinished` of another process leaves it, and gone afterwards.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    make(beside)
    lock = _locked(beside)
    try:
        yield beside
    finally:
        _release(lock)
        _remove(beside)


def _beside(path: Path) -> Path:
    """A name that nothing has, which `_UNFINISHED` knows."""
    return path.with_name(f".{path.name}.{uuid4().hex[:7]}d")


def clear_unfinished(folder: Path, of: str | None = None) -> None:
    """Remove what killed processes left unfinished in a folder, and put back what they replaced.

    Where `of` names a file, of that alone. What a living process works on is left, and so is what
    cannot be removed.
    """
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - thousands of names, one of them matters
            found = _UNFINISHED.fullmatch(name)
            if not found or of not in (None, found["name"]):
                continue
            if (lock := _locked(folder / name)) is not None:
                if found["old"] and not (folder / found["name"]).exists():
                    (folder / name).rename(folder / found["name"])
                else:
                    _remove(folder / name)
                _release(lock)


def put_file(path: Path, content: bytes) -> None:
    """Write a file as `write_bytes` does; OSError where that is not possible.

    Where the path is a link, what it points to is written.
    """
    if _is_no_file(path):
        raise OSError(_NO_FILE)
    if path.is_symlink():
        path = Path(os.path.realpath(path))
        clear_unfinished(path.parent, path.name)
    with unfinished(path) as beside:
        beside.write_bytes(content)
        flush(beside)
        os.replace(beside, path)  # noqa: PTH105 - replaces on every system
        flush(path.parent)


def check_place(path: Path) -> None:
    """Refuse a place that no file can be written to; UsageError where something else is there."""
    if _is_no_file(path):
        raise UsageError(f"{path} cannot be written: {_NO_FILE}.")


def _is_no_file(path: Path) -> bool:
    return path.exists() and not path.is_file()


def flush(path: Path) -> None:
    """Have the disk hold a file, or, where the system can, the names in a folder."""
    if not path.is_dir():
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        return
    with suppress(OSError):  # not on Windows
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_left(path: Path) -> bool:
    """Whether no living process works on what is unfinished."""
    lock = _locked(path)
    _release(lock)
    return lock is not None


def _locked(path: Path, seconds: float = 0.0) -> int | None:
    """A lock on a file or folder that ends with the process; None where another keeps it."""
    if fcntl is None:
        return None
    until = monotonic() + seconds
    with suppress(OSError), ExitStack() as opened:
        descriptor = os.open(path, os.O_RDONLY)
        opened.callback(os.close, descriptor)
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                opened.pop_all()
                return descriptor
            if monotonic() >= until:
                break
            sleep(0.01)
    return None


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file; the lock ends with the block, or with the process in whatever way.

    UsageError, with the message `busy`, where another process, its `{holder}`, has it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        holder = "another process"
        with suppress(OSError):  # it may just have gone
            holder = path.read_text(encoding="utf-8") or holder
        raise UsageError(busy.replace("{holder}", holder)) from None
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: afterwards it may be another process's
        lock.release()


def _sign(file: int) -> None:
    os.ftruncate(file, 0)
    os.write(file, f"process {os.getpid()} on {socket.gethostname()}".encode())


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes; OSError where it cannot be read."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def sha256_of(content: Any) -> str:
    """The hash of content as JSON knows it; the order of names in an object does not count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def cache_folder() -> Path:
    """The user's folder of what can be computed again; it need not be there, nor be writable.

    `BACKTEST_CACHE` names it, or else the custom of the platform does.
    """
    if named := os.environ.get("BACKTEST_CACHE"):
        return Path(os.path.expanduser(named)).absolute()  # noqa: PTH111 - any text will do
    if sys.platform == "win32":
        return _folder_of("LOCALAPPDATA", "AppData/Local") / "backtest" / "Cache"
    if sys.platform == "darwin":
        return _folder_of("", "Library/Caches") / "backtest"
    return _folder_of("XDG_CACHE_HOME", ".cache") / "backtest"


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, kept in the cache folder under a name that tells all that decides it.

    A file that is missing or damaged is made; a folder that cannot be written is left alone.
    """
    path = cache_folder() / name
    with suppress(OSError):
        stored = path.read_bytes()
        digest, content = stored[:_DIGEST], stored[_DIGEST:]
        if sha256(content).digest() == digest:
            return content
    content = make()
    with suppress(OSError):
        put_file(path, sha256(content).digest() + content)
    return content


def _folder_of(variable: str, custom: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    try:
        return named if named.is_absolute() else Path.home() / custom
    except RuntimeError:  # a user without a home
        return Path(os.devnull)  # nothing is there, and nothing can be made below it


# Records


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return text


IsoDay = Annotated[str, AfterValidator(_day)]  # 2025-05-16
IsoTime = Annotated[str, AfterValidator(_moment)]  # ISO, with its offset from UTC


class Span(TypedDict):
    """The first and the last day of a replay."""

    first: IsoDay
    last: IsoDay


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
        record: Any = from_json(path.read_bytes().removeprefix(BOM_UTF8))
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
