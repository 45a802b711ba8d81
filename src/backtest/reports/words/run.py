"""The evidence of runs in words and figures, in the terminal and on pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.experiments.runs.evidence import LEADING
from backtest.stats.formats import UNKNOWN, count, percent, ratio, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.experiments.runs.store import Run

_SESSIONS_A_YEAR = 252
_TENTH = 0.1
_PLACEBOS = (("random_timing", "Random timing"), ("random_direction", "Random direction"))
_STATISTICS = (
    (LEADING, "mean trade"),
    ("total_return", "total return"),
    ("sharpe", "Sharpe ratio"),
)


def p_value(p: float | None) -> str:
    """A p-value with two figures that count."""
    if p is None:
        return UNKNOWN
    return f"{p:.2f}" if p >= _TENTH else f"{p:.2g}"


def plain_sentence(found: Mapping[str, Any], trials: Mapping[str, Any]) -> str:
    """The sentence of a run, which says so where it speaks for one of many variants."""
    text, timing = str(found["sentence"]), found["random_timing"]
    good = timing and timing[LEADING]["p"] is not None and timing[LEADING]["p"] <= found["level"]
    if good and trials["count"] > 1:
        text += f" {trials['count']:,} variants were tried; the p-value counts one."
    return text


def evidence_rows(found: Mapping[str, Any], trials: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the evidence of a run says, a label and a text each."""
    rows = [] if found["no_placebo"] else _placebo_rows(found)
    if found["trades"]:
        rows.append(("Mean trade", _interval(found["mean_trade_return"], percent)))
    return [*rows, *_sharpe_rows(found["sharpe"]), ("Trials", _trials(trials))]


def _placebo_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        (
            label,
            ", ".join(f"{told} p {p_value(found[name][key]['p'])}" for key, told in _STATISTICS),
        )
        for name, label in (
            ("random_timing", "Random timing"),
            ("random_direction", "Random direction"),
        )
    ]
    if found["detectable"] is not None:
        edge = f"{share(found['detectable'])} a trade, found {share(found['power'])} of the time"
        rows.append(("Detectable edge", edge))
    return rows


def _sharpe_rows(sharpe: Mapping[str, Any]) -> list[tuple[str, str]]:
    if sharpe["estimate"] is None:
        return [("Sharpe ratio", f"unknown: {sharpe['unknown']}")]
    years, needed = _years(sharpe["per_session"]["observations"]), sharpe["min_track_record"]
    if sharpe["unknown"]:
        worth = f"{ratio(sharpe['estimate'])}; interval and PSR unknown ({sharpe['unknown']})"
        told = "how many would show it is unknown"
    else:
        worth = f"{_interval(sharpe, ratio)}; above 0 by PSR: {share(sharpe['psr'])}"
        told = f"{_years(needed)} years to show it" if needed else "no length shows a ratio above 0"
    return [("Sharpe ratio", worth), ("Track record", f"{years} years; {told} (MinTRL)")]


def _years(sessions: float) -> str:
    return f"{sessions / _SESSIONS_A_YEAR:,.1f}"


def _interval(interval: Mapping[str, Any], form: Any) -> str:
    estimate = form(interval["estimate"])
    if interval["low"] is None:
        return f"{estimate}; interval unknown ({interval['unknown']})"
    low, high = form(interval["low"]), form(interval["high"])
    return f"{estimate}, {share(interval['confidence'])} interval {low} to {high}"


def _trials(trials: Mapping[str, Any]) -> str:
    number = trials["count"]
    told = "1 variant" if number == 1 else f"{number:,} variants"
    if trials["deflated_sharpe"] is None:
        return f"{told} on record"
    return (
        f"{told} on record; above the best that so many would show by luck: "
        f"{share(trials['deflated_sharpe'])} (DSR)"
    )


def leading_p(run: Run) -> float | None:
    """The p-value that the sentence of a run is about; None where there is none."""
    timing = run.manifest.get("evidence", {}).get("random_timing")
    p: float | None = timing and timing[LEADING]["p"]
    return p


def corrected(runs: Sequence[Run]) -> list[float | None]:
    """The p-values of runs that are looked at together, corrected for their number (Holm)."""
    p_values = [leading_p(run) for run in runs]
    known = [p for p in p_values if p is not None]
    if len(known) < 2:  # noqa: PLR2004 - one needs no correction
        return p_values
    from backtest.stats.multiple_testing import holm

    found = iter(holm(known).tolist())
    return [None if p is None else next(found) for p in p_values]


def comparison_rows(
    runs: Sequence[Run], trials: Sequence[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """The rows of a comparison that tell the evidence, a cell a run."""
    evidence = [run.manifest.get("evidence") for run in runs]
    means = [found["mean_trade_return"] if found else {} for found in evidence]
    rows = [("Placebo p", [p_value(leading_p(run)) for run in runs])]
    if len(runs) > 1:
        rows.append(("Holm p", [p_value(p) for p in corrected(runs)]))
    return [
        *rows,
        ("Mean trade", [percent(mean.get("estimate")) for mean in means]),
        ("95 % from", [percent(mean.get("low")) for mean in means]),
        ("95 % to", [percent(mean.get("high")) for mean in means]),
        ("Detectable edge", [share(found and found["detectable"]) for found in evidence]),
        ("Trials", [count(tried["count"]) for tried in trials]),
    ]


def comparison_notes(runs: Sequence[Run]) -> list[str]:
    """What the rows of `comparison_rows` mean, and which runs have none yet."""
    known = sum(leading_p(run) is not None for run in runs)
    notes = ["Placebo p: how often random timing does as well, by the mean return of a trade."]
    if known > 1:
        notes.append(f"Holm p: the same, corrected for the {known} runs that are compared.")
    if missing := [run.run_id for run in runs if "evidence" not in run.manifest]:
        notes.append(f"Without evidence yet: {', '.join(missing)}; `backtest run` adds it.")
    return notes


def holm_line(runs: Sequence[Run]) -> str:
    """What the p-values of several runs are once their number counts; empty for one."""
    known = [(run, p) for run, p in zip(runs, corrected(runs), strict=True) if p is not None]
    if len(known) < 2:  # noqa: PLR2004
        return ""
    told = ", ".join(f"{run.manifest['strategy']} {p_value(p)}" for run, p in known)
    return f"p of random timing, corrected for {len(known)} strategies (Holm): {told}."
