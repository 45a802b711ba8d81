"""Describe studies in plain words and as pages: of one stock, and of many by quantile."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backtest.reports.pages import sentences, write_page
from backtest.stats import LEVEL
from backtest.stats.formats import UNKNOWN, counted, fine

Record = Mapping[str, Any]
MODELS = {
    "market": "market model",
    "market_adjusted": "market-adjusted",
    "mean_adjusted": "mean-adjusted",
}
TESTS = {
    "t": "t", "t_prediction": "t pred.", "cross_section": "t cross", "patell": "Patell",
    "bmp": "BMP", "kp_patell": "KP-Pat.", "kp_bmp": "KP-BMP", "corrado": "Corrado", "sign": "sign",
}  # fmt: skip
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}
MINUTE_COLUMNS = ("Minute", "Events", "Mean CAR", "Interval", "Volume ÷ usual", "Range ÷ usual")
MINUTE_NOTE = (
    "Minutes run from the open of the bar in which the event became public. Abnormal is the move "
    "less the mean of the same minutes of the 20 sessions before with bars and no event. "
    "Intervals, 95 %, are clustered by session. Volume and range (high less low, over close: it "
    "widens with the spread) are medians of multiples of the usual."
)
_ENDS = {"close": "close", "next_open": "next open"}
_CLOSELY = 30  # minutes of which every bar is in the table
_DIGITS = 5  # of a fraction in the chart: a thousandth of a per cent


def title(record: Record) -> str:
    """Return the subject of a study and its stocks or universe, as in a title."""
    if "symbol" in record:
        return f"{record['name']} · {record['symbol']}"
    return f"{record['name']} · {record['universe'] or ', '.join(record['symbols'])}"


def events_text(row: Mapping[str, Any]) -> str:
    """Say how many events, and on how many days where some share one: `12 on 7 days`."""
    days = f" on {counted(row['known'], 'day')}" if row["known"] < row["events"] else ""
    return f"{row['events']:,}{days}"


def study_sentences(record: Record) -> list[tuple[str, str]]:
    """Say what a study of one stock found, and how: headings and sentences in their order."""
    by_model: dict[str, list[Any]] = {}
    for event in record["events"]:
        by_model.setdefault(MODELS[event["model"]], []).append(event)
    models = sorted(by_model.items(), key=lambda model: -len(model[1]))
    said = sentences("study.txt", record=record, models=models, level=LEVEL)
    return said + _minute_sentences(record)


def study_notes(record: Record) -> dict[str, str]:
    """Explain the tables of `tests` and of `groups`."""
    return dict(sentences("study_notes.txt", record=record))


def write_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study of one stock from its record; return the page's path."""
    curves = [
        {
            "name": curve["name"] if not curve["by"] else f"{curve['by']}: {curve['name']}",
            "places": curve["places"],
            "signs": curve["signs"],
            **_lines(curve),
        }
        for curve in record["curves"]
    ]
    events = [
        {"day": event["day_0"], "text": event["headline"], "path": _rounded(event["path"])}
        for event in record["events"]
    ]
    charts = {"events": events, "curves": curves}
    said, notes = study_sentences(record), study_notes(record)
    return _write(folder, reports, "study.html", record, charts, said=said, notes=notes)


def _write(
    folder: Path, reports: Path, template: str, record: Record, charts: Record, **content: Any
) -> Path:
    minutes = _minute_data(record)
    return write_page(
        folder / "index.html",
        reports,
        template,
        data={"days": record["days"], **charts, "minutes": minutes},
        minutes=minutes,
        record=record,
        words=sys.modules[__name__],  # the template calls functions of this module
        **content,
    )


def _lines(curve: Mapping[str, Any]) -> dict[str, Any]:
    return {line: _rounded(curve[line]) for line in ("mean", "low", "high")}


def _rounded(values: list[float | None]) -> list[float | None]:
    return [None if value is None else round(value, _DIGITS) + 0.0 for value in values]


# ---- minutes ----


def minute_lines(record: Record) -> list[tuple[str, ...]]:
    """Return the table by minute, with the columns of `MINUTE_COLUMNS`.

    It has every bar of the first 30 minutes, then each half hour, the close and the next open.
    """
    minutes = record["minutes"]
    lines = []
    for row in minutes["rows"]:
        if row["minute"] <= _CLOSELY or row["minute"] % _CLOSELY == 0:
            multiples = [
                UNKNOWN if row[n] is None else f"{row[n]:.1f}" for n in ("volume", "range")
            ]
            minute = f"{row['minute']:+d}" if row["minute"] else "0"
            lines.append((minute, *_mean_cells(row["car"]), *multiples))
    ends = [(name, *_mean_cells(minutes[key]), UNKNOWN, UNKNOWN) for key, name in _ENDS.items()]
    return [*lines, *ends]


def _mean_cells(mean: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{mean['events']:,}", fine(mean["value"]), interval(mean)


def _minute_sentences(record: Record) -> list[tuple[str, str]]:
    if not (minutes := record.get("minutes")):
        return []
    later = next(row for row in minutes["rows"] if row["minute"] >= _CLOSELY)
    terms = {"minutes": minutes, "later": later, "interval": interval}
    return sentences("study_minutes.txt", **terms)


def _minute_data(record: Record) -> dict[str, Any] | None:
    """Return what the chart by minute draws; None where no event is studied by the minute."""
    minutes = record.get("minutes")
    if not minutes or not minutes["events"]:
        return None
    rows = [{**row, **row["car"]} for row in minutes["rows"]]
    ends = [{"name": name, **minutes[key]} for key, name in _ENDS.items()]
    return {"rows": rows, "ends": ends}


# ---- many stocks ----


def interval(mean: Mapping[str, Any]) -> str:
    """Return the interval of a mean as text, in percent."""
    if mean["low"] is None:
        return UNKNOWN
    return f"{100 * mean['low']:+z,.2f} to {fine(mean['high'])}"


def group_name(record: Record, number: int) -> str:
    """Name a group by its number from 0 on, such as `fifth 1` for the first."""
    return f"{_part(record)} {number + 1}" if record["by"] else str(record["groups"][number])


def spread_name(record: Record) -> str:
    """Name the spread, the highest group less the lowest; `all` where there are no groups."""
    if not record["groups"]:
        return "all"
    if record["by"] is None:
        return f"{record['groups'][-1]} less {record['groups'][0]}"
    return f"{_part(record)} {record['quantiles']} less {_part(record)} 1"


def _part(record: Record) -> str:
    return _PARTS.get(record["quantiles"], "group")


def many_sentences(record: Record) -> list[tuple[str, str]]:
    """Say what a study of many stocks found, and how: headings and sentences in their order."""
    terms = {"spread": spread_name(record), "interval": interval, "level": LEVEL}
    return sentences("study_many.txt", record=record, **terms) + _minute_sentences(record)


def write_many_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study of many stocks, with the arguments of `write_study_page`."""
    curves = [{"name": curve["name"], **_lines(curve)} for curve in record["curves"]]
    said = many_sentences(record)
    return _write(folder, reports, "study_many.html", record, {"curves": curves}, said=said)
