"""Keep the versions of data files, so that every change can be undone.

For `prices/CRWV.csv`, the folder `prices/.history/CRWV/` holds a copy of each version and of its
metadata. A change is written in steps, each of which leaves a whole version in place: the metadata
of the coming version as `.CRWV.meta.json.next`, then the file, then its metadata. A process that is
killed in between leaves the old version or the new one; readers use the waiting metadata once the
file fits them, and the next change puts them in place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from backtest.data.datafile import (
    DataFile,
    known_metadata,
    metadata_of,
    metadata_path,
    open_data_file,
    read_metadata,
    waiting_path,
)
from backtest.errors import DataError, UsageError
from backtest.workspace.files import clear_unfinished, lock_file, write_bytes


@dataclass(frozen=True)
class Version:
    """A version of a data file has a number, its content's hash and place, and its metadata."""

    number: int
    recorded_at: datetime  # UTC; where not on record, the day on which the file was compiled
    sha256: str
    path: Path | None  # where its bytes are; None where the file was edited before they were kept
    reason: str  # what the version came from, in a few words
    metadata: Mapping[str, Any]


def write_version(
    path: Path,
    content: str | bytes,
    metadata: Mapping[str, Any],
    *,
    reason: str,
    over: str | None,
    restores: int | None = None,
) -> Version:
    """Put a new version of a data file in place, and keep the one before.

    `metadata` are those of `metadata_of`, or the former ones with changes; sha256, number, time,
    `reason` (a few words) and the number of the version that an undo `restores` are added. `over`
    is the sha256 of the file from which the change was made, None where there was none. UsageError
    where the folder cannot be written, another command is changing the file, or its hash differs.
    """
    content = content.encode() if isinstance(content, str) else content
    coming = {name: value for name, value in metadata.items() if name != "restores"} | {
        "sha256": sha256(content).hexdigest(),
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reason,
        **({} if restores is None else {"restores": restores}),
    }
    with _changing(path):
        old = path.read_bytes() if path.exists() else None
        present = None if old is None else sha256(old).hexdigest()
        if present != over:
            raise UsageError(
                f"{path} has changed since it was read, so nothing was written. "
                f"Look at what is there now and give the command again."
            )
        known = known_metadata(path, present) if present else {}
        coming["version"] = _next_number(path, known)
        _settle(path, over)
        if old is not None:
            _keep(path, old, known)
        _swap(path, content, coming)
        with suppress(UsageError):  # it is in place already, and the next change would keep it too
            _keep(path, content, coming)
    return _version(coming, path)


def versions(path: Path) -> list[Version]:
    """List the known versions of a data file, oldest first, the present one last.

    DataError where the file or its metadata are missing, or metadata in its history are damaged.
    """
    metadata = known_metadata(path, open_data_file(path).sha256)
    try:
        now = _version(metadata, path)
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{metadata_path(path)} is missing, or not metadata.") from None
    past = [one for one in _kept(path) if (one.number, one.sha256) != (now.number, now.sha256)]
    return [*past, now]


def version_as_of(path: Path, moment: datetime) -> tuple[Version, bool]:
    """Return the version that was in place at a moment, and whether it is a later stand-in.

    Where that version is not on record or lost, the next one stands in. DataError as in `versions`.
    """
    known = versions(path)
    earlier = [index for index, version in enumerate(known) if version.recorded_at <= moment]
    first = earlier[-1] if earlier else 0
    version = next(one for one in known[first:] if one.path is not None)
    return version, version.recorded_at > moment


def read_version(path: Path, version: Version) -> DataFile:
    """Read a version as the file at `path`; DataError where its content is lost or damaged."""
    if version.path is None:
        raise DataError(
            f"Version {version.number} of {path} is lost: the file was edited by hand before "
            f"its text was kept. If it is elsewhere, its sha256 is {version.sha256}."
        )
    file = open_data_file(version.path)
    if file.sha256 != version.sha256:
        raise DataError(
            f"{version.path} is damaged: it is no longer version {version.number} of {path.name} "
            f"(sha256 {file.sha256[:12]}…, recorded {version.sha256[:12]}…). Restore it."
        )
    return replace(file, path=path, metadata=dict(version.metadata))


def version_before(path: Path, to: int | None = None) -> Version:
    """Return the version that `undo` would put back: the one before, or the one numbered `to`.

    After an undo, that is the one before the version that it restored. UsageError where there is
    no such version.
    """
    known = versions(path)
    numbers = [version.number for version in known]
    if to in numbers:
        return known[numbers.index(to)]
    if to is not None:
        existing = ", ".join(map(str, numbers))
        raise UsageError(f"{path} has no version {to}. Its versions: {existing}.")
    number = known[-1].metadata.get("restores", numbers[-1])
    if number not in numbers[1:]:
        raise UsageError(f"{path} has no version before this one: there is nothing to undo.")
    return known[numbers.index(number) - 1]


def undo(path: Path, *, over: str, to: int | None = None) -> Version:
    """Put back the version before, or the one numbered `to`, as a new version.

    `over` is the sha256 of the present file. A file that has the content of `to` already stays as
    it is. UsageError where the file was edited by hand, so that no version keeps it, unless `to`
    is given; DataError where the version is lost or damaged.
    """
    clear(path)
    if to is None and known_metadata(path, over).get("sha256") != over:
        raise UsageError(
            f"{path} was edited by hand, and undone that would be lost. Make it a version first, "
            f"with seal, or name the version to go back to with --to."
        )
    before = version_before(path, to)
    if before.path == path and before.sha256 != over and _copy_path(path, before).exists():
        before = replace(before, path=_copy_path(path, before))  # as it was before the edit by hand
    read_version(path, before)  # refuses what is lost or damaged
    if to is not None and before.sha256 == over:
        return versions(path)[-1]
    number = int(before.metadata.get("restores", before.number))
    content = before.path.read_bytes() if before.path else b""
    reason = f"undone, back to version {number}"
    return write_version(path, content, before.metadata, reason=reason, over=over, restores=number)


def seal(
    path: Path,
    days: Sequence[str | None],
    *,
    source: str | None,
    adjust: str | None = None,
    text: str | None = None,
    over: str | None = None,
) -> Path:
    """Make a checked file a version as it is; return the path of its metadata.

    `days` are the ISO days of its rows; source and adjust mode are those on record where None.
    `text` replaces the content by one that means the same. `over` is the sha256 of the file that
    was checked; UsageError where the file no longer has it, or there is no source on record.
    """
    content = path.read_bytes()
    digest = over or sha256(content).hexdigest()
    known = known_metadata(path, digest)
    source = source or known.get("source")
    if not source:
        raise UsageError(f"{path} has no source on record. Name one with --source '…'.")
    metadata = {**known, **metadata_of(days, source=source, adjust=adjust or known.get("adjust"))}
    write_version(path, text or content, metadata, reason="edited by hand and sealed", over=digest)
    return metadata_path(path)


def _swap(path: Path, content: bytes, coming: Mapping[str, Any]) -> None:
    waiting = waiting_path(path)
    _write_json(waiting, coming)
    try:
        write_bytes(path, content)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    with suppress(OSError, UsageError):  # while they wait they count as well
        _place_metadata(path)


def _place_metadata(path: Path) -> None:
    """Put the waiting metadata in place; through a symlink, into the file that it points to."""
    waiting, target = waiting_path(path), metadata_path(path)
    if target.is_symlink():
        write_bytes(target, waiting.read_bytes())
        waiting.unlink()
    else:
        os.replace(waiting, target)  # noqa: PTH105 - replaces on every system


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    busy = f"{path} is being changed by {{holder}}. Wait for it, then give the command again."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock_file(path.with_name(f".{path.stem}.lock"), busy):
            yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be changed: {error.strerror or error}. It is as it was."
        ) from None


def clear(path: Path) -> None:
    """Remove what killed processes left beside a data file and in its history."""
    clear_unfinished(path.parent)
    clear_history(path)


def clear_history(path: Path) -> None:
    """Remove what killed processes left in the history of a data file."""
    clear_unfinished(_history(path))


def _settle(path: Path, sha256: str | None) -> None:
    """Finish what a killed process began to change, or clear it away."""
    waiting = waiting_path(path)
    if sha256 is None and not waiting.exists():
        return  # nothing was begun of a new file, and looking around takes time among thousands
    if sha256 and read_metadata(waiting).get("sha256") == sha256:
        _place_metadata(path)
    waiting.unlink(missing_ok=True)
    clear(path)


def _keep(path: Path, content: bytes, metadata: Mapping[str, Any]) -> None:
    """Copy a version into the history; of a file edited by hand, only its metadata are known."""
    if "sha256" not in metadata:
        return
    copy = _copy_path(path, _version(metadata, path))
    if sha256(content).hexdigest() == metadata["sha256"] and not copy.exists():
        write_bytes(copy, content)
    if not metadata_path(copy).exists():
        _write_json(metadata_path(copy), metadata)


def _history(path: Path) -> Path:
    return path.parent / ".history" / path.stem


def _copy_path(path: Path, version: Version) -> Path:
    return _history(path) / f"{version.number}-{version.sha256[:10]}{path.suffix}"


def _kept(path: Path) -> list[Version]:
    kept = []
    for file in _history(path).glob("[0-9]*.meta.json"):
        try:
            version = _version(read_metadata(file), file)
        except (KeyError, ValueError, TypeError):
            raise DataError(
                f"{file} is damaged: it is not the metadata of a version of {path.name}. "
                f"Restore it, or remove it if that version is not needed any more."
            ) from None
        copy = _copy_path(path, version)
        kept.append(replace(version, path=copy if copy.exists() else None))
    return sorted(kept, key=lambda version: (version.number, version.recorded_at))


def _version(metadata: Mapping[str, Any], path: Path) -> Version:
    stamp = metadata.get("recorded_at") or f"{metadata.get('compiled_on')}T00:00+00:00"
    return Version(
        number=int(metadata.get("version", 1)),
        recorded_at=datetime.fromisoformat(stamp),
        sha256=str(metadata["sha256"]),
        path=path,
        reason=str(metadata.get("reason", "compiled")),
        metadata=metadata,
    )


def _next_number(path: Path, present: Mapping[str, Any]) -> int:
    """Return one more than any number in use, be it that of a damaged version."""
    names = (file.name.partition("-")[0] for file in _history(path).glob("*"))
    numbers = [int(name) for name in names if name.isdecimal()]
    return max([*numbers, int(present.get("version", 1)) if present else 0]) + 1


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
