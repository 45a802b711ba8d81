"""Studies as they stand in their folders: what readers use of `study.json`, and how it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from backtest.experiments.records import MANY_STUDY, STUDY, ManyStudyRecord, StudyRecord
from backtest.workspace.files import write_text
from backtest.workspace.records import damaged, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


_CARS = "cars.csv"
T = TypeVar("T")


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
