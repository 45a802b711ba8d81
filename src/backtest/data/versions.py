"""Versions of data files: every change keeps what was there, and can be taken back.

Beside `prices/CRWV.csv` stands `prices/.history/CRWV/` with a copy of each version and of its
metadata. A change is written in steps of which each leaves a whole version in place: the metadata
of the coming version as `.CRWV.meta.json.next`, then the file, then its metadata. A process that is
killed in between leaves the old version or the new one; whoever reads the file takes the waiting
metadata once the file fits them, and the next change puts them in place.
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
    stated,
    waiting_path,
)
from backtest.errors import DataError, UsageError
from backtest.workspace.files import clear_unfinished, held, write_bytes


@dataclass(frozen=True)
class Version:
    """One version of a data file, and the metadata that stood beside it."""

    number: int
    recorded_at: datetime  # UTC; of files that do not say so, the day that they were compiled on
    sha256: str
    path: Path | None  # where its bytes are; None where the file was edited before they were kept
    reason: str  # what it came from, in a few words
    metadata: Mapping[str, Any]


def put(
    path: Path,
    content: str | bytes,
    metadata: Mapping[str, Any],
    *,
    reason: str,
    over: str | None,
    restores: int | None = None,
) -> Version:
    """Put a new version of a data file in place; the one before is kept.

    To `metadata`, as of `metadata_of` or those of before with what has changed, are added sha256,
    number, time and reason, and the number of the version that an undo `restores`. `over` is the
    sha256 of what the change was made from, None where there was no file. UsageError where the
    folder cannot be written, another command is changing the file, or it is not that any more.
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
        with suppress(UsageError):  # it is in place; the next change would keep it as well
            _keep(path, content, coming)
    return _version(coming, path)


def versions(path: Path) -> list[Version]:
    """Every version that is known of a data file, oldest first, the present last.

    DataError where the file is missing, or metadata in its history are damaged.
    """
    metadata = known_metadata(path, open_data_file(path).sha256)
    try:
        now = _version(metadata, path)
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{metadata_path(path)} is missing, or not metadata.") from None
    past = [one for one in _kept(path) if (one.number, one.sha256) != (now.number, now.sha256)]
    return [*past, now]


def version_as_of(path: Path, moment: datetime) -> tuple[Version, bool]:
    """The version that was in place at a moment.

    Where nothing of that time is on record, the oldest stands in, and the second value is True.
    DataError as of `versions`.
    """
    known = versions(path)
    recorded = [place for place, version in enumerate(known) if version.recorded_at <= moment]
    first = recorded[-1] if recorded else 0
    found = next(version for version in known[first:] if version.path is not None)
    return found, found.recorded_at > moment


def read_version(path: Path, version: Version) -> DataFile:
    """The content of a version, as a file of its place; DataError where it is lost or damaged."""
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
    """The version that `undo` would put back, after an undo the one before; UsageError of none.

    `to` names one by its number, which may be the one in place.
    """
    known = versions(path)
    numbers = [version.number for version in known]
    if to in numbers:
        return known[numbers.index(to)]
    if to is not None:
        there = ", ".join(map(str, numbers))
        raise UsageError(f"{path} has no version {to}. Its versions: {there}.")
    number = known[-1].metadata.get("restores", numbers[-1])
    if number not in numbers[1:]:
        raise UsageError(f"{path} has no version before this one: there is nothing to undo.")
    return known[numbers.index(number) - 1]


def undo(path: Path, *, over: str, to: int | None = None) -> Version:
    """Put the version before back, or the one numbered `to`, as a new version.

    `over` is the sha256 of the one undone. Where that has the content of `to`, it stays. UsageError
    where that is an edit by hand, which no version keeps, and `to` is not named.
    """
    clear(path)
    if to is None and known_metadata(path, over).get("sha256") != over:
        raise UsageError(
            f"{path} was edited by hand, and undone that would be lost. Make it a version first, "
            f"with seal, or name the version to go back to with --to."
        )
    before = version_before(path, to)
    if before.path == path and before.sha256 != over and _place(path, before).exists():
        before = replace(before, path=_place(path, before))  # as it was before the edit by hand
    read_version(path, before)  # refuses what is lost or damaged
    if to is not None and before.sha256 == over:
        return versions(path)[-1]
    number = int(before.metadata.get("restores", before.number))
    content = before.path.read_bytes() if before.path else b""
    reason = f"undone, back to version {number}"
    return put(path, content, before.metadata, reason=reason, over=over, restores=number)


def seal(
    path: Path,
    days: Sequence[str | None],
    *,
    source: str | None,
    adjust: str | None = None,
    text: str | None = None,
    over: str | None = None,
) -> Path:
    """Make a file that was found good a version as it is; return the place of its metadata.

    `days` are the ISO days of its rows; source and adjust mode are those on record where None.
    `text` takes the place of what was written, which means the same. `over` is the sha256 of what
    was found good; UsageError where the file is not that any more.
    """
    content = path.read_bytes()
    digest = over or sha256(content).hexdigest()
    known = known_metadata(path, digest)
    source = source or known.get("source")
    if not source:
        raise UsageError(f"{path} has no source on record. Name one with --source '…'.")
    metadata = {**known, **metadata_of(days, source=source, adjust=adjust or known.get("adjust"))}
    put(path, text or content, metadata, reason="edited by hand and sealed", over=digest)
    return metadata_path(path)


def _swap(path: Path, content: bytes, coming: Mapping[str, Any]) -> None:
    waiting = waiting_path(path)
    _write_json(waiting, coming)
    try:
        write_bytes(path, content)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    with suppress(OSError, UsageError):  # where they wait they count as well
        _place_metadata(path)


def _place_metadata(path: Path) -> None:
    """Put the metadata that wait in place, where that is a link into what it points to."""
    waiting, place = waiting_path(path), metadata_path(path)
    if place.is_symlink():
        write_bytes(place, waiting.read_bytes())
        waiting.unlink()
    else:
        os.replace(waiting, place)  # noqa: PTH105 - replaces on every system


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    busy = f"{path} is being changed by {{holder}}. Wait for it, then give the command again."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_name(f".{path.stem}.lock"), busy):
            yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be changed: {error.strerror or error}. It is as it was."
        ) from None


def clear(path: Path) -> None:
    """Remove what killed processes left of a data file, its neighbours, and its history."""
    clear_unfinished(path.parent)
    clear_history(path)


def clear_history(path: Path) -> None:
    """The same of its history alone."""
    clear_unfinished(_history(path))


def _settle(path: Path, sha256: str | None) -> None:
    """Finish what a killed process began, or clear it away."""
    waiting = waiting_path(path)
    if sha256 is None and not waiting.exists():
        return  # of a new file nothing was begun; among thousands a look around takes time
    if sha256 and stated(waiting).get("sha256") == sha256:
        _place_metadata(path)
    waiting.unlink(missing_ok=True)
    clear(path)


def _keep(path: Path, content: bytes, metadata: Mapping[str, Any]) -> None:
    """Copy a version into the history; of an edited file, what is known of it: its metadata."""
    if "sha256" not in metadata:
        return
    place = _place(path, _version(metadata, path))
    beside = metadata_path(place)
    if sha256(content).hexdigest() == metadata["sha256"] and not place.exists():
        write_bytes(place, content)
    if not beside.exists():
        _write_json(beside, metadata)


def _history(path: Path) -> Path:
    return path.parent / ".history" / path.stem


def _place(path: Path, version: Version) -> Path:
    return _history(path) / f"{version.number}-{version.sha256[:10]}{path.suffix}"


def _kept(path: Path) -> list[Version]:
    found = []
    for place in _history(path).glob("[0-9]*.meta.json"):
        metadata = stated(place)
        try:
            version = _version(metadata, place)
        except (KeyError, ValueError, TypeError):
            raise DataError(
                f"{place} is damaged: it is not the metadata of a version of {path.name}. "
                f"Restore it, or remove it if that version is not needed any more."
            ) from None
        copy = _place(path, version)
        found.append(replace(version, path=copy if copy.exists() else None))
    return sorted(found, key=lambda version: (version.number, version.recorded_at))


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
    """One more than any number in use, also to what is damaged now."""
    names = (place.name.partition("-")[0] for place in _history(path).glob("*"))
    numbers = [int(name) for name in names if name.isdecimal()]
    return max([*numbers, int(present.get("version", 1)) if present else 0]) + 1


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
