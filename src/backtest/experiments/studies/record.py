"""Studies as they stand in their folders: what readers use of `study.json`, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from backtest.workspace.records import Day, Moment, damaged, read_record

if TYPE_CHECKING:
    from pathlib import Path


class StudySettings(TypedDict):
    """How it was studied."""

    estimation: int
    seed: int
    draws: int


class EventFields(TypedDict):
    event_id: str
    kind: str
    published_at: Moment
    precision: str
    headline: str


class StudiedRow(EventFields):
    """An event of a study; by window its CAR, its standard error, or why it is unknown."""

    day_0: Day
    direction: int
    model: str
    model_reason: str
    estimation_days: int
    beta: float | None
    cars: dict[str, float | None]
    errors: dict[str, float | None]
    unknown: dict[str, str]
    path: list[float | None]


class LeftOutRow(EventFields):
    """An event that could not be studied, and why."""

    reason: str


class Average(TypedDict):
    """The average CAR of events, and how random days do; `known` counts their days 0."""

    events: int
    known: int
    caar: float | None
    p: float | None
    p_holm: float | None
    p_across: float | None


class WindowRow(Average):
    """A window: all events, or those in the expected direction, which have no tests."""

    window: str
    detectable: float | None
    overlaps: NotRequired[int]
    right: NotRequired[int]
    tests: NotRequired[dict[str, dict[str, Any]]]


class GroupRow(Average):
    """A group of events in the leading window."""

    by: str
    name: str


class Curve(TypedDict):
    """The average path of events by day, and the band of random days."""

    by: str
    name: str
    places: list[int]
    signs: list[int]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


Windows = Annotated[list[WindowRow], Field(min_length=1)]


class StudyRecord(TypedDict):
    """What `study.json` holds."""

    study_id: str
    name: str
    of: Literal["kind", "strategy"]
    symbol: str
    benchmark: str
    benchmark_reason: str
    reaction_minutes: float
    settings: StudySettings
    also: str
    days: list[int]
    events: list[StudiedRow]
    windows: Windows
    signed: Windows | None
    groups: list[GroupRow]
    curves: list[Curve]
    left_out: list[LeftOutRow]
    finished_at: Moment


@dataclass(frozen=True)
class StudyResult:
    """A study as it stands in its folder; `record` is what `study.json` holds."""

    path: Path
    record: StudyRecord


def read_study(path: Path) -> StudyResult:
    """Read a study's folder.

    Raises:
        DataError: it holds no readable record, or its table is missing.

    """
    if not (path / "cars.csv").is_file():
        raise damaged(path / "cars.csv", "it is missing")
    return StudyResult(path, read_record(path / "study.json", StudyRecord))
