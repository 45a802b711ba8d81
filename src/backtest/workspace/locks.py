"""Locks between processes: one at a time may change what a lock file stands for."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file; it is gone afterwards, or when the process has ended in whatever way.

    Args:
        path: the lock file.
        busy: the message where another process holds it; `{holder}` stands for that process.

    Raises:
        UsageError: another process holds it.
        OSError: the file cannot be made.

    """
    file = path.open("a+", encoding="utf-8")
    with file:
        if not (_lock(file) and _is_still(path, file)):
            file.seek(0)
            raise UsageError(busy.replace("{holder}", file.read() or "another process"))
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def _lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(path: Path, file: IO[str]) -> bool:
    """Whether the file that was locked is the one in place: its last holder took it away."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False
