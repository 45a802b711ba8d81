"""Files: written whole or not at all, locked between processes, and the cache of the user."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_DIGEST = sha256().digest_size


def write_text(path: Path, text: str) -> None:
    """Write a text as `write_bytes` does, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its path and rename it, so that it is never half written."""
    try:
        _write(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)  # noqa: PTH105 - replaces on every system
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


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


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where the file is missing or corrupt."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
        _write(path, sha256(content).digest() + content)
    return content


def _folder_of(variable: str, custom: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    try:
        return named if named.is_absolute() else Path.home() / custom
    except RuntimeError:  # a user without a home
        return Path(os.devnull)  # nothing is there, and nothing can be made below it
