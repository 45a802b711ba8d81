"""Records as JSON knows them: their hash, and those of a folder in reports, such as `run.json`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def sha256_of(content: Any) -> str:
    """The hash of content as JSON knows it; the order of names in an object does not count."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_record(path: Path, needed: Iterable[str], again: str) -> dict[str, Any]:
    """Read a record.

    Args:
        path: its file.
        needed: the names that it must hold.
        again: what makes it anew, such as "run the strategy again".

    Raises:
        DataError: it cannot be read, or lacks a name.

    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fault = str(error)
    else:
        missing = [name for name in needed if not isinstance(record, dict) or name not in record]
        if not missing:
            return record  # type: ignore[no-any-return]
        fault = f"it lacks {', '.join(missing)}"
    raise DataError(f"{path} is not a readable record ({fault}). Remove the folder and {again}.")
