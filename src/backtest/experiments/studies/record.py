"""Studies as they stand in their folders: what readers use of `study.json`, and how it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from backtest.workspace.files import write_text
from backtest.workspace.records import Day, Moment, damaged, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


STUDY, MANY_STUDY, _CARS = "study.json", "many-study.json", "cars.csv"
T = TypeVar("T")


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


class CurveRecord(TypedDict):
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
    curves: list[CurveRecord]
    left_out: list[LeftOutRow]
    finished_at: Moment


class MeanRow(TypedDict):
    """A mean of observations with what it is worth; None where that is unknown."""

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    events: int
    seasons: int


class ManyWindowRow(TypedDict):
    """A window: all observations, each group, and the highest group less the lowest."""

    window: str
    all: MeanRow
    groups: list[MeanRow]
    spread: MeanRow | None
    p_holm: float | None


class ManyCurve(TypedDict):
    """The mean path of a group by day, with its interval."""

    name: str
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


class ManyStudyRecord(TypedDict):
    """What `many-study.json` holds."""

    study_id: str
    name: str
    of: Literal["kind", "strategy"]
    symbols: list[str]
    universe: str | None
    against: str
    by: str | None
    quantiles: int | None
    reaction_minutes: float
    told: int
    observations: int
    stocks: int
    dates: int
    seasons: int
    without_value: int
    groups: list[str]
    rows: Annotated[list[ManyWindowRow], Field(min_length=1)]
    days: list[int]
    curves: list[ManyCurve]
    left_out: dict[str, int]
    assumptions: list[str]
    finished_at: Moment


@dataclass(frozen=True)
class ManyStudyResult:
    """A study of many stocks as it stands in its folder."""

    path: Path
    record: ManyStudyRecord


@dataclass(frozen=True)
class StudyFolder:
    """A study as it stands in its folder; `record` is what `study.json` holds."""

    path: Path
    record: StudyRecord


def write_study(path: Path, name: str, record: Mapping[str, Any], cars: pd.DataFrame) -> None:
    """Write the folder of a study: the record by its name, last, and the table of CARs.

    Raises UsageError where it cannot be written.
    """
    write_text(path / _CARS, cars.to_csv(index=False, lineterminator="\n"))
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path / name, text + "\n")


def read_study(path: Path) -> StudyFolder:
    """Read a study's folder.

    Raises DataError where it holds no readable record, or its table is missing.
    """
    return StudyFolder(path, _read(path / STUDY, StudyRecord))


def read_many_study(path: Path) -> ManyStudyResult:
    """Read the folder of a study of many stocks; errors as of `read_study`."""
    return ManyStudyResult(path, _read(path / MANY_STUDY, ManyStudyRecord))


def _read(path: Path, kind: type[T]) -> T:
    cars = path.with_name(_CARS)
    if not cars.is_file():
        raise damaged(cars, "it is missing")
    return read_record(path, kind)
