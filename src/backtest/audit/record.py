"""Audits as they stand in their folders: what readers use of `audit.json`, read and found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from backtest.workspace.files import IsoDay, IsoTime, Span, read_record, readable

EXIT_CODE = 4  # of a command that has found bias


class Answer(TypedDict):
    """What a strategy did: in a line, beside fields of its decision or order."""

    text: str


class FindingRow(TypedDict):
    """What differs: on the full data and in the world, None where the strategy did nothing."""

    date: IsoDay | None
    event_id: str
    what: str
    full: Answer | None
    world: Answer | None


class Sizes(TypedDict):
    worlds: int
    dates: int
    compared: int


class CheckRow(TypedDict):
    """A check: its first findings and how many there were, or why it was not tried."""

    name: str
    title: str
    what: str
    tried: Sizes
    findings: list[FindingRow]
    count: int
    not_tried: str


class Peek(TypedDict):
    """How often a planted peek was caught, of how many worlds."""

    what: str
    caught: int
    worlds: int


DelayedEvent = TypedDict(
    "DelayedEvent",
    {"event_id": str, "headline": str, "from": IsoDay, "to": IsoDay | None, "moved": bool},
)


class DelayRecord(TypedDict):
    """How many orders moved with their events, of how many that were tried."""

    what: str
    moved: int
    tried: int
    events: list[DelayedEvent]


class Sensitivity(TypedDict):
    """What shows that the audit would have seen a peek; no delay where no event was acted on."""

    peek: Peek
    delay: DelayRecord | None


class Untested(TypedDict):
    """Why nothing could be tested in null worlds."""

    bias: bool
    why: str


class NullWorldsRecord(TypedDict):
    """How many null worlds looked significant, with the interval of their share."""

    bias: bool
    level: float
    what: str
    tested: int
    significant: int
    share: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]


class DataFinding(TypedDict):
    severity: Literal["error", "warning", "note"]
    where: str
    what: str
    why: str
    mend: str


class AuditRecord(TypedDict):
    """What `audit.json` holds; `inputs` are, by their path in the data folder, the sha256."""

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
    """An audit as it stands in its folder; `record` is what `audit.json` holds."""

    path: Path
    record: AuditRecord


def read_audit(path: Path) -> Audit:
    """Read the folder of an audit; DataError where it holds no readable record."""
    return Audit(path, read_record(path / "audit.json", AuditRecord))


def list_audits(reports: Path, tell: Callable[[str], object]) -> list[Audit]:
    """The audits in a folder, newest first; `tell` takes a sentence for each that is damaged."""
    folders = [record.parent for record in reports.glob("audit-*/audit.json")]
    found = readable(folders, read_audit, tell)
    return sorted(found, key=lambda audit: audit.record["finished_at"], reverse=True)


def find_audit(reports: Path, strategy: str, source_sha256: str) -> Audit | None:
    """The newest audit of a strategy as its source is now; None where none is readable."""
    source = (strategy, source_sha256)
    for audit in list_audits(reports, tell=lambda _: None):
        if (audit.record["strategy"], audit.record["strategy_sha256"]) == source:
            return audit
    return None
