"""Write files whole or not at all, lock them between processes, and hash, cache and read them.

A record is the JSON object of a folder in reports. Each kind is a `TypedDict` of the fields that
readers use; a record may hold more. Types are exact: no text stands in for a number.
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
_TURN = 2.0  # seconds; whoever holds a folder longer runs a command under its lock, as by flock(1)
_NO_FILE = "it is a folder, a device or a pipe, and a file is needed"
# It ends with a letter, so that a file somebody has put aside as .bashrc.20250101 is not ours.
_UNFINISHED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{7}[a-f](?P<old>\.old)?")


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, with the guarantees of `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its path and rename it, so that it is never half written.

    What was written survives a power cut. Raise UsageError where it cannot be written.
    """
    try:
        put_file(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Write a folder of texts by file name, as `write_bytes` writes a file; replace an old one."""
    try:
        with temporary_path(path, Path.mkdir) as temporary:
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8", newline="")
                flush(temporary / name)
            put_folder(temporary, path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}. "
            f"Choose another folder with --out."
        ) from None


def put_folder(temporary: Path, path: Path) -> None:
    """Rename a finished folder to its place, and remove the folder that it replaces.

    Raise OSError where that fails; the old folder is then still in its place.
    """
    flush(temporary)
    old = path.with_name(f"{_temporary(path).name}.old")
    turn = _lock(path.parent, _TURN)  # or another process's folder could come in between
    lock = _lock(path)
    try:
        if path.exists():
            path.rename(old)
        try:
            os.replace(temporary, path)  # noqa: PTH105 - the same call on every system
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
def temporary_path(path: Path, make: Callable[[Path], None] = Path.touch) -> Iterator[Path]:
    """Make a hidden file or folder beside a path, to be renamed to that path once it is complete.

    It is locked, so that `clear_unfinished` of another process leaves it, and removed afterwards.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    make(temporary)
    lock = _lock(temporary)
    try:
        yield temporary
    finally:
        _release(lock)
        _remove(temporary)


def _temporary(path: Path) -> Path:
    """Return an unused hidden name beside a path, which `_UNFINISHED` matches."""
    return path.with_name(f".{path.name}.{uuid4().hex[:7]}d")


def clear_unfinished(folder: Path, of: str | None = None) -> None:
    """Remove what killed processes left unfinished in a folder, and put back what they replaced.

    `of` limits this to the file of that name. What a living process works on stays, and so does
    what cannot be removed.
    """
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - thousands of names, one of them matters
            match = _UNFINISHED.fullmatch(name)
            if not match or of not in (None, match["name"]):
                continue
            if (lock := _lock(folder / name)) is not None:
                if match["old"] and not (folder / match["name"]).exists():
                    (folder / name).rename(folder / match["name"])
                else:
                    _remove(folder / name)
                _release(lock)


def put_file(path: Path, content: bytes) -> None:
    """Write a file as `write_bytes` does, but raise OSError where it cannot be written.

    Where the path is a link, write the file that it points to.
    """
    if _is_no_file(path):
        raise OSError(_NO_FILE)
    if path.is_symlink():
        path = Path(os.path.realpath(path))
        clear_unfinished(path.parent, path.name)
    with temporary_path(path) as temporary:
        temporary.write_bytes(content)
        flush(temporary)
        os.replace(temporary, path)  # noqa: PTH105 - replaces on every system
        flush(path.parent)


def check_place(path: Path) -> None:
    """Raise UsageError where a folder, a device or a pipe is in the place of a file."""
    if _is_no_file(path):
        raise UsageError(f"{path} cannot be written: {_NO_FILE}.")


def _is_no_file(path: Path) -> bool:
    return path.exists() and not path.is_file()


def flush(path: Path) -> None:
    """Flush a file to disk, or the names in a folder where the system can."""
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


def is_abandoned(path: Path) -> bool:
    """Tell whether no living process works on an unfinished file or folder."""
    lock = _lock(path)
    _release(lock)
    return lock is not None


def _lock(path: Path, seconds: float = 0.0) -> int | None:
    """Lock a file or folder, at most until the process ends; None where another has the lock."""
    if fcntl is None:
        return None
    deadline = monotonic() + seconds
    with suppress(OSError), ExitStack() as opened:
        descriptor = os.open(path, os.O_RDONLY)
        opened.callback(os.close, descriptor)
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                opened.pop_all()
                return descriptor
            if monotonic() >= deadline:
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
def lock_file(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file until the block ends, or the process does in whatever way.

    Raise UsageError with the message `busy` where another process has it; `{holder}` in the
    message becomes that process.
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
    """Return the SHA-256 of a file's bytes, in hex; raise OSError where it cannot be read."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def sha256_of(content: Any) -> str:
    """Return the SHA-256 of JSON values, in hex; the order of names in an object does not count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def cache_folder() -> Path:
    """Return the user's cache folder, which need not exist or be writable.

    The variable `BACKTEST_CACHE` names it, or else the platform's convention.
    """
    if folder := os.environ.get("BACKTEST_CACHE"):
        return Path(os.path.expanduser(folder)).absolute()  # noqa: PTH111 - any text will do
    if sys.platform == "win32":
        return _folder_of("LOCALAPPDATA", "AppData/Local") / "backtest" / "Cache"
    if sys.platform == "darwin":
        return _folder_of("", "Library/Caches") / "backtest"
    return _folder_of("XDG_CACHE_HOME", ".cache") / "backtest"


def cached(name: str, make: Callable[[], bytes]) -> bytes:
    """Return what `make` returns, cached under a name that must hold all that decides it.

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


def _folder_of(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable, ""))
    try:
        return folder if folder.is_absolute() else Path.home() / default
    except RuntimeError:  # a user without a home
        return Path(os.devnull)  # nothing can be made below it


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
    """A span holds the first and the last day of a replay."""

    first: IsoDay
    last: IsoDay


class CostsName(TypedDict):
    """`CostsName` says where costs come from: their name, and the source of each field."""

    name: str
    sources: dict[str, str]


def record_text(record: Mapping[str, Any], in_one_line: Collection[str] = ()) -> str:
    """Return the text of a file for `read_record`: indented JSON, but for the fields named."""
    plain = json.loads(json.dumps(record, allow_nan=False))
    parts = []
    for name, value in {**plain, _SEAL: sha256_of(plain)}.items():
        text = json.dumps(value, indent=None if name in in_one_line else 2, ensure_ascii=False)
        parts.append(f"  {json.dumps(name)}: " + text.replace("\n", "\n  "))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_record(path: Path, kind: type[T]) -> T:
    """Read the record in a file, such as `run.json`, and check the files beside it that it names.

    Raise DataError where a field is missing or of another type than in the `TypedDict`, or where
    the record or one of the files has another sha256 than the record names.
    """
    try:
        record: Any = from_json(path.read_bytes().removeprefix(BOM_UTF8))
        _adapter(kind).validate_python(record, strict=True)
        seal = record.pop(_SEAL, None)
        if seal is not None and seal != sha256_of(record):
            raise damaged_error(path, "its content has not the sha256 that it names")
    except ValidationError as error:
        raise damaged_error(path, _first_fault(error)) from None
    except (OSError, ValueError) as error:
        raise damaged_error(path, error) from None
    for name, expected in record.get("files", {}).items():
        _check_file(path.parent / name, expected, path.name)
    return record  # type: ignore[no-any-return]


def _check_file(path: Path, expected: str, record: str) -> None:
    try:
        actual = file_sha256(path)
    except (OSError, ValueError) as error:
        raise damaged_error(path, error) from None
    if actual != expected:
        raise damaged_error(path, f"its sha256 is not the one in {record}")


def damaged_error(path: Path, fault: str | Exception) -> DataError:
    """Return the error for a file in reports that is locked, or not as the program wrote it."""
    reason = getattr(fault, "strerror", None) or fault
    if isinstance(fault, PermissionError):
        return DataError(f"{path} cannot be read: {reason}.")
    return DataError(
        f"{path} is damaged ({reason}). "
        f"The command that made it makes it anew; otherwise remove the folder."
    )


def read_each(
    folders: Iterable[Path], read: Callable[[Path], T], tell: Callable[[str], object]
) -> Iterator[T]:
    """Read each folder in turn; `tell` takes a sentence for each that is damaged and left out."""
    for folder in folders:
        try:
            yield read(folder)
        except DataError as error:
            tell(f"Left out: {error}")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"it lacks {field}"
    return f"{field}: {fault['msg']}" if field else fault["msg"]
