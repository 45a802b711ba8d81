"""A study in plain sentences and as a page: a stock round events, beside random days."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from backtest.reports.pages import write_page
from backtest.stats import LEVEL
from backtest.stats.formats import UNKNOWN, counted, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Record = Mapping[str, Any]


_SMALL, _LEAST = 0.01, 0.0001  # p-values that need more digits, and those that need no more
MODELS = {
    "market": "market model",
    "market_adjusted": "market-adjusted",
    "mean_adjusted": "mean-adjusted",
}
TESTS = {
    "t": "t",
    "t_prediction": "t pred.",
    "cross_section": "t cross",
    "patell": "Patell",
    "bmp": "BMP",
    "kp_patell": "KP-Pat.",
    "kp_bmp": "KP-BMP",
    "corrado": "Corrado",
    "sign": "sign",
}


def title(record: Record) -> str:
    """The subject and the stock."""
    return f"{record['name']} · {record['symbol']}"


def probability(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return UNKNOWN
    if value < _LEAST:
        return f"<{_LEAST}"
    return f"{value:.4f}" if value < _SMALL else f"{value:.2f}"


def effect(value: float | None) -> str:
    """A size without a sign."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def observed(row: Mapping[str, Any], noun: str = "") -> str:
    """How many events, and on how many days where some share one: `12 events on 7 days`."""
    events = counted(row["events"], noun) if noun else f"{row['events']:,}"
    days = f" on {counted(row['known'], 'day')}" if row["known"] < row["events"] else ""
    return events + days


def sentences(record: Record) -> list[tuple[str, str]]:
    """How it was done and what was found: a heading and its sentences, in the order to be read."""
    plain, signed = finding(record), direction(record)
    leading = [("Found", plain), ("Direction", signed)]
    if record["of"] == "strategy":  # it is the direction that a strategy claims
        leading = [("Found", signed), ("As it was", plain)]
    found = [
        *leading,
        ("Others", others(record)),
        ("Studied", studied(record)),
        ("Day 0", day_zero(record)),
        ("Benchmark", f"{record['benchmark']}: {record['benchmark_reason']}."),
        ("Model", models(record)),
        ("Overlap", overlaps(record)),
    ]
    return [(heading, text) for heading, text in found if text]


def finding(record: Record) -> str:
    """What the leading window shows, and which effect would mostly be missed."""
    leading = record["windows"][0]
    if leading["caar"] is None:
        return f"No event's abnormal return over {leading['window']} is known."
    moved = f"did {percent(leading['caar'])} against what was to be expected"
    return (
        f"{observed(leading, 'event')}. Over {leading['window']} {record['symbol']} "
        f"{moved} on average. {_chance(leading, record)} {_seen(leading)}"
    )


def direction(record: Record) -> str:
    """The same with the expected signs; empty where no direction is expected."""
    if record["signed"] is None:
        return ""
    leading = record["signed"][0]
    if leading["caar"] is None:
        return (
            f"No event with an expected direction has an abnormal return over {leading['window']}."
        )
    return (
        f"In the expected direction {percent(leading['caar'])} over {leading['window']}, "
        f"{leading['right']} of {_known(leading)} as expected. {_chance(leading, record)} "
        f"{_seen(leading)}"
    )


def _known(row: Mapping[str, Any]) -> str:
    return str(row["known"]) if row["known"] == row["events"] else counted(row["known"], "day")


def _chance(row: Mapping[str, Any], record: Record) -> str:
    count = len(record["windows"])
    text = f"Random days do as much, up or down, {_often(row['p'])}"
    text += f" ({count} windows: corrected p = {probability(row['p_holm'])})." if count > 1 else "."
    if row["p_holm"] >= LEVEL:
        return f"{text} Not distinguishable from chance."
    if row["p_across"] is None or row["p_across"] >= LEVEL:
        across = probability(row["p_across"])
        return (
            f"{text} These days are unlike random ones, but a mean of zero is not excluded (t "
            f"across events: p = {across}): large moves both ways look like this too."
        )
    return f"{text} The spread across events agrees (t: p = {probability(row['p_across'])})."


def _often(p: float) -> str:
    return f"{100 * p:.0f} times in 100" if p >= _SMALL else f"{10_000 * p:.0f} times in 10,000"


def others(record: Record) -> str:
    """The windows behind the leading one that random days seldom match; empty without one."""
    rows = record["signed"] if record["of"] == "strategy" else record["windows"]
    told = [
        f"{row['window']} ({percent(row['caar'])}, corrected p = {probability(row['p_holm'])}, t "
        f"across events p = {probability(row['p_across'])})"
        for row in rows[1:]
        if row["p_holm"] is not None and row["p_holm"] < LEVEL
    ]
    return f"Unlike random days as well: {', '.join(told)}." if told else ""


def _seen(row: Mapping[str, Any]) -> str:
    if row["detectable"] is None:
        return "Which effect would mostly be missed is not known: too few estimation days."
    return (
        f"An average effect under {effect(row['detectable'])} would have been missed more than "
        f"once in five times."
    )


def studied(record: Record) -> str:
    """How many events, and how many are left out."""
    many, out = len(record["events"]), len(record["left_out"])
    text = counted(many, "event")
    text += f"; {out} left out, listed below with the reason." if out else ", none left out."
    if len({event["day_0"] for event in record["events"]}) < many:
        text += " Several events of one day 0 are one observation."
    return f"{text} {record['also']}" if record["also"] else text


def day_zero(record: Record) -> str:
    """What day 0 is."""
    return (
        f"The tradable session: the first whose open comes later than "
        f"{record['reaction_minutes']:g} minutes after publication. Returns run from close to "
        f"close, so day 0 holds the gap before its open, which nobody could trade."
    )


def models(record: Record) -> str:
    """The models of normal returns, and why not all are the one that was asked for."""
    reasons: dict[str, list[str]] = {}
    for event in record["events"]:
        reasons.setdefault(event["model"], []).append(event["model_reason"])
    told = ", ".join(
        f"{MODELS[model]} for {counted(len(given), 'event')}{_in_brackets(given)}"
        for model, given in sorted(reasons.items(), key=lambda item: -len(item[1]))
    )
    most = record["settings"]["estimation"]
    return f"{told}; up to {most} estimation days before the first day of any window."


def _in_brackets(reasons: Sequence[str]) -> str:
    known = "; ".join(dict.fromkeys(filter(None, reasons)))
    return f" ({known})" if known else ""


def overlaps(record: Record) -> str:
    """How many pairs of windows overlap."""
    told = [f"{row['overlaps']} at {row['window']}" for row in record["windows"] if row["overlaps"]]
    if not told:
        return "No two events' windows share a session."
    return (
        f"Pairs of events whose windows share a session: {', '.join(told)}. Random days keep the "
        f"spacing of the true ones, so they overlap as often."
    )


def tests_note(record: Record) -> str:
    """What leads, and what is indicative."""
    return (
        f"The permutation test leads: {record['settings']['draws']:,} sets of random days of the "
        f"same stock, seed {record['settings']['seed']}, two-sided. It asks whether these days are "
        f"unlike others, and wilder days are: only together with the t test across events does it "
        f"speak of a mean. The other tests rest on many independent firms: indicative here."
    )


def groups_note(record: Record) -> str:
    """What is corrected for among groups."""
    count = sum(row["p"] is not None for row in record["groups"])
    return (
        f"At {record['windows'][0]['window']}. Corrected p-values are Holm's for "
        f"{counted(count, 'group')}: of so many, one is small by luck."
    )


_DIGITS = 5  # of a fraction in the chart: a thousandth of a per cent


def write_study_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of a study from its record; return its place.

    Raises:
        UsageError: a folder cannot be written.

    """
    return write_page(
        folder / "index.html",
        reports,
        "study.html",
        data=_chart(record),
        record=record,
        words=sys.modules[__name__],  # the template calls what stands above
    )


def _chart(record: Record) -> dict[str, Any]:
    """What the script of the page draws: every event's line, and each group's mean and band."""
    curves = [
        {
            "name": curve["name"] if not curve["by"] else f"{curve['by']}: {curve['name']}",
            "places": curve["places"],
            "signs": curve["signs"],
            **{line: rounded(curve[line]) for line in ("mean", "low", "high")},
        }
        for curve in record["curves"]
    ]
    events = [
        {"day": event["day_0"], "text": event["headline"], "path": rounded(event["path"])}
        for event in record["events"]
    ]
    return {"days": record["days"], "events": events, "curves": curves}


def rounded(values: list[float | None]) -> list[float | None]:
    """Fractions as charts hold them."""
    return [None if value is None else round(value, _DIGITS) + 0.0 for value in values]
