"""This room finds strategies that look ahead: it asks them again where the future is different.

Nothing here changes a strategy, its data or its runs; worlds are copies in folders of their own.
The module itself reads audits from their folders, lists them and finds the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from backtest.workspace.files import IsoDay, IsoTime, Span, read_each, read_record

EXIT_CODE = 4  # where a command has found bias


class Answer(TypedDict):
    """An answer is what a strategy did: a line of text, and fields of its decision or order."""

    text: str


class FindingRow(TypedDict):
    """A row holds what was done on the full data and in the world; None is nothing."""

    date: IsoDay | None
    event_id: str
    what: str
    full: Answer | None
    world: Answer | None


class Sizes(TypedDict):
    """Count the worlds and dates that a check tried, and the answers it compared."""

    worlds: int
    dates: int
    compared: int


class CheckRow(TypedDict):
    """A row holds a check's first findings and their count, or why it was not tried."""

    name: str
    title: str
    what: str
    tried: Sizes
    findings: list[FindingRow]
    count: int
    not_tried: str


class Peek(TypedDict):
    """`Peek` says in how many of the worlds a planted peek was caught."""

    what: str
    caught: int
    worlds: int


DelayedEvent = TypedDict(
    "DelayedEvent",
    {"event_id": str, "headline": str, "from": IsoDay, "to": IsoDay | None, "moved": bool},
)


class DelayRecord(TypedDict):
    """A record says how many of the orders that were tried moved with their delayed events."""

    what: str
    moved: int
    tried: int
    events: list[DelayedEvent]


class Sensitivity(TypedDict):
    """`Sensitivity` shows that a peek would have been seen; `delay` is None without an order."""

    peek: Peek
    delay: DelayRecord | None


class Untested(TypedDict):
    """`Untested` says why nothing could be tested in null worlds."""

    bias: bool
    why: str


class NullWorldsRecord(TypedDict):
    """A record says how many null worlds looked significant, with the interval of their share."""

    bias: bool
    level: float
    what: str
    tested: int
    significant: int
    share: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]


class DataFinding(TypedDict):
    """Describe what is wrong with the data, where, why it matters, and how to mend it."""

    severity: Literal["error", "warning", "note"]
    where: str
    what: str
    why: str
    mend: str


class AuditRecord(TypedDict):
    """A record is what `audit.json` holds; `inputs` maps paths in the data folder to the sha256."""

    audit_id: str
    strategy: str
    orders_itself: bool
    symbols: list[str]
    parameters: dict[str, Any]
    strategy_sha256: str
    rules_version: int
    packages: dict[str, str]
    inputs: dict[str, str]
    span: Span
    settings: dict[str, Any]
    seed: int
    checks: list[CheckRow]
    sensitivity: Sensitivity
    null: Untested | NullWorldsRecord
    data: list[DataFinding]
    outcome: Literal["clean", "bias", "not deterministic"]
    sentence: str
    finished_at: IsoTime


@dataclass(frozen=True)
class Audit:
    """An audit is a folder with its record, which is what `audit.json` holds."""

    path: Path
    record: AuditRecord


def read_audit(path: Path) -> Audit:
    """Read the folder of an audit; raise DataError where it holds no readable record."""
    return Audit(path, read_record(path / "audit.json", AuditRecord))


def list_audits(reports: Path, tell: Callable[[str], object]) -> list[Audit]:
    """List the audits of a folder, newest first; `tell` gets a sentence for each damaged one."""
    folders = [record.parent for record in reports.glob("audit-*/audit.json")]
    audits = read_each(folders, read_audit, tell)
    return sorted(audits, key=lambda audit: audit.record["finished_at"], reverse=True)


def find_audit(reports: Path, strategy: str, source_sha256: str) -> Audit | None:
    """Find the newest audit of a strategy with this source; None where none is readable."""
    source = (strategy, source_sha256)
    for audit in list_audits(reports, tell=lambda _: None):
        if (audit.record["strategy"], audit.record["strategy_sha256"]) == source:
            return audit
    return None
