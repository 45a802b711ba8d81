"""A study of many stocks in plain sentences and as a page, by quantile of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.reports.pages import write_page
from backtest.reports.study_page import effect, probability, rounded
from backtest.stats import LEVEL
from backtest.stats.formats import UNKNOWN, counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Record = Mapping[str, Any]

_ERRORS = (
    "Clustered by calendar quarter, since reports come in seasons whose windows overlap; "
    "Student's t. Where there is nothing to find, 5 of 100 such studies find something."
)
_PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}


def title(record: Record) -> str:
    """The subject and the stocks."""
    return f"{record['name']} · {record['universe'] or ', '.join(record['symbols'])}"


def fine(value: float | None) -> str:
    """A mean return, to a hundredth of a per cent."""
    return UNKNOWN if value is None else f"{100 * value:+z.2f} %"


def interval(mean: Mapping[str, Any]) -> str:
    """The interval of a mean."""
    if mean["low"] is None:
        return UNKNOWN
    return f"{100 * mean['low']:+z.2f} to {fine(mean['high'])}"


def group_name(record: Record, place: int) -> str:
    """What a group is called, such as `fifth 1`, with the values that it holds."""
    name = record["groups"][place]
    if record["by"] is None:
        return str(name)
    return f"{_part(record)} {place + 1}"


def spread_name(record: Record) -> str:
    """What the highest group less the lowest is called, or all of them where there is none."""
    if not record["groups"]:
        return "all"
    if record["by"] is None:
        return f"{record['groups'][-1]} less {record['groups'][0]}"
    return f"{_part(record)} {record['quantiles']} less {_part(record)} 1"


def _part(record: Record) -> str:
    return _PARTS.get(record["quantiles"], "group")


def sentences(record: Record) -> list[tuple[str, str]]:
    """What was found and how: a heading and its sentences, in the order to be read."""
    leading, *others = record["rows"]
    found = [
        ("Found", " ".join(filter(None, (_leading(record, leading), _judged(record, leading))))),
        *((row["window"], _judged(record, row)) for row in others),
        ("Studied", _studied(record)),
        ("Day 0", _day_zero(record)),
        ("Against", f"Abnormal is the return less {record['against']}."),
        ("Errors", _ERRORS),
        ("Left out", _left_out(record)),
        ("Data", " ".join(record["assumptions"])),
    ]
    return [(heading, text) for heading, text in found if text]


def _leading(record: Record, row: Mapping[str, Any]) -> str:
    """The means of the groups in the leading window, lowest first."""
    known = sum(group["events"] for group in row["groups"]) or row["all"]["events"]
    text = f"{counted(known, 'observation')} of {counted(record['stocks'], 'stock')}"
    text += f" on {record['dates']:,} dates in {record['seasons']} quarters."
    means = [fine(group["value"]) for group in row["groups"]]
    if not means:
        mean = fine(row["all"]["value"])
        return f"{text} The mean cumulative abnormal return over {row['window']} is {mean}."
    which = f"the lowest {record['by']}" if record["by"] else record["groups"][0]
    last = "the highest" if record["by"] else record["groups"][-1]
    through = f" through {', '.join(means[1:-1])}" if means[1:-1] else ""
    return (
        f"{text} Over {row['window']} the mean cumulative abnormal return goes from {means[0]} "
        f"({which}){through} to {means[-1]} ({last})."
    )


def _judged(record: Record, row: Mapping[str, Any]) -> str:
    """What the spread of a window, or its mean, is worth."""
    mean = row["spread"] or row["all"]
    what = spread_name(record) if row["spread"] else "All"
    what = f"{what[0].upper()}{what[1:]} over {row['window']}: {fine(mean['value'])}"
    if mean["p"] is None:
        return (
            f"{what}; {counted(mean['seasons'], 'quarter')} are too few to tell what it is worth."
        )
    text = f"{what} (interval {interval(mean)}, {_p(row, record)})."
    if row["p_holm"] < LEVEL:
        return f"{text} That is more than chance."
    return (
        f"{text} It cannot be told from nothing; an effect under {effect(mean['detectable'])} "
        f"would have been missed more than once in five times."
    )


def _p(row: Mapping[str, Any], record: Record) -> str:
    own, count = (row["spread"] or row["all"])["p"], len(record["rows"])
    more = f", corrected for {count} windows {probability(row['p_holm'])}" if count > 1 else ""
    return f"p {probability(own)}{more}"


def _studied(record: Record) -> str:
    text = f"{counted(record['told'], 'event')}, one observation a stock and day 0."
    if record["told"] > record["observations"]:
        more = record["told"] - record["observations"]
        text += f" {counted(more, 'further event')} of the same day count no more."
    if record["without_value"]:
        what = record["by"] or "an expected direction"
        text += f" {record['without_value']:,} without {what} are in no group."
    return text


def _day_zero(record: Record) -> str:
    return (
        f"The tradable session: the first whose open comes later than "
        f"{record['reaction_minutes']:g} minutes after publication. Returns run from close to "
        f"close, so day 0 holds the gap before its open, which nobody could trade; a window from "
        f"+1 on is what could be."
    )


def _left_out(record: Record) -> str:
    told = [f"{count:,} {reason}" for reason, count in record["left_out"].items()]
    return f"{'; '.join(told)}." if told else ""


def write_many_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study of many stocks; arguments as of `write_study_page`."""
    lines = [
        {"name": curve["name"], **{of: rounded(curve[of]) for of in ("mean", "low", "high")}}
        for curve in record["curves"]
    ]
    words = {
        "fine": fine, "interval": interval, "group_name": group_name, "title": title,
        "spread_name": spread_name, "probability": probability, "effect": effect,
    }  # fmt: skip
    return write_page(
        folder / "index.html",
        reports,
        "study_many.html",
        data={"days": record["days"], "curves": lines, "by": record["by"] or ""},
        record=record,
        told=sentences(record),
        **words,
    )
