"""Locks between processes: one at a time may change what a lock file stands for."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file; the lock ends with the block, or with the process in whatever way.

    Args:
        path: the lock file.
        busy: the message where another process holds it; `{holder}` stands for that process.

    Raises:
        UsageError: another process holds it.
        OSError: the file cannot be made.

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
