"""The study page: what a stock did round events, beside what random days do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.reports.pages import write_page
from backtest.reports.words import many
from backtest.reports.words import study as words
from backtest.stats.formats import UNKNOWN, counted, new_york_day, percent, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Record = Mapping[str, Any]

_DIGITS = 5  # of a fraction in the chart: a thousandth of a per cent


def write_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study; return its place.

    Args:
        folder: the study's folder.
        record: what `study.json` holds.
        reports: the reports folder, in whose `assets` the script of the chart is kept.

    Raises:
        UsageError: a folder cannot be written.

    """
    return write_page(
        folder / "index.html",
        reports,
        "study.html",
        data=_chart(record),
        record=record,
        words=words,
        percent=percent,
        ratio=ratio,
        day=new_york_day,
        unknown=UNKNOWN,
    )


def write_many_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study of many stocks; arguments as of `write_study_page`."""
    lines = [
        {"name": curve["name"], **{of: _rounded(curve[of]) for of in ("mean", "low", "high")}}
        for curve in record["curves"]
    ]
    return write_page(
        folder / "index.html",
        reports,
        "study_many.html",
        data={"days": record["days"], "curves": lines, "by": record["by"] or ""},
        record=record,
        words=many,
        probability=words.probability,
        effect=words.effect,
        counted=counted,
        told=many.sentences(record),
    )


def _chart(record: Record) -> dict[str, Any]:
    """What the script of the page draws: every event's line, and each group's mean and band."""
    curves = [
        {
            "name": curve["name"] if not curve["by"] else f"{curve['by']}: {curve['name']}",
            "places": curve["places"],
            "signs": curve["signs"],
            **{line: _rounded(curve[line]) for line in ("mean", "low", "high")},
        }
        for curve in record["curves"]
    ]
    events = [
        {"day": event["day_0"], "text": event["headline"], "path": _rounded(event["path"])}
        for event in record["events"]
    ]
    return {"days": record["days"], "events": events, "curves": curves}


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, _DIGITS) + 0.0 for value in values]
