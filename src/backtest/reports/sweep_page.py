"""Write the sweep page: a sweep's surface, the place of the default on it, and what it is worth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.experiments.sweeps.folder import read_sweep
from backtest.experiments.sweeps.grid import REACTION
from backtest.reports.pages import sentences, write_page
from backtest.stats import LEVEL
from backtest.stats.formats import costs_line, counted, percent
from backtest.strategy.parameters import flat, to_text
from backtest.workspace.files import damaged_error

if TYPE_CHECKING:
    import pandas as pd

    from backtest.stats.surface import (
        Axis,
        Histogram,
        Rank,
        Spread,
        SurfaceGrid,
        SweepSummary,
        Value,
    )

Groups = Mapping[int, Sequence[range]]
Record = Mapping[str, Any]

_MOST_CELLS = 50_000  # of all heat maps together: about 300 kB
_MOST_ALONG = 100  # groups along an axis of a heat map: more could not be distinguished
_MOST_POINTS = 400  # along a line
_FEW = 6  # values that are listed one by one
_MOST_EVENTS = 50  # of a walk-forward, listed one by one
_MOST_SETS = 20  # listed for a walk-forward over more events
_RETURNS = ("return", "default")


class _Metric(NamedTuple):
    """A metric is a figure as charts show it; it is `signed` where zero separates good from bad."""

    key: str
    label: str
    digits: int
    percent: bool
    signed: bool

    @property
    def scale(self) -> int:
        return 100 if self.percent else 1


_METRICS = (
    _Metric("total_return", "Total return", 1, percent=True, signed=True),
    _Metric("sharpe", "Sharpe ratio", 2, percent=False, signed=True),
    _Metric("max_drawdown", "Max drawdown", 1, percent=True, signed=False),
    _Metric("trades", "Trades", 1, percent=False, signed=False),
)


def make_charts(grid: SurfaceGrid, sets: pd.DataFrame, summary: SweepSummary) -> dict[str, Any]:
    """Return what the script of the page draws, ready for JSON, however many sets there are."""
    from backtest.stats.surface import histogram

    groups = _groups(grid)
    returns, sharpes = _METRICS[:2]
    return {
        "sets": len(sets),
        "axes": {number: _axis(grid.axes[number], parts) for number, parts in groups.items()},
        "metrics": [metric._asdict() for metric in _METRICS],
        "default": {m.key: _scaled(m, summary.default[m.key]) for m in _METRICS},
        "pairs": [_pair(grid, sets, groups, pair) for pair in combinations(groups, 2)],
        "line": _surface(grid, sets, groups) if len(groups) == 1 else None,
        "histograms": [
            _histogram(metric, histogram(sets[metric.key].to_numpy(float), own), spread)
            for metric, own, spread in (
                (returns, summary.default["total_return"], summary.returns),
                (sharpes, summary.default["sharpe"], summary.sharpes),
            )
        ],
    }


def _groups(grid: SurfaceGrid) -> Groups:
    """Return, by number, each axis with more than one value as groups of its levels."""
    from backtest.stats.surface import bins

    sizes = {n: len(axis.levels) for n, axis in enumerate(grid.axes) if len(axis.levels) > 1}
    most = _MOST_POINTS
    if len(sizes) > 1:
        maps = len(_METRICS) * (1 if len(sizes) == 2 else 2)  # noqa: PLR2004 - a pair

        def cells(most: int) -> int:
            pairs = combinations(sizes.values(), 2)
            return maps * sum(min(x, most) * min(y, most) for x, y in pairs)

        tries = range(_MOST_ALONG, 2, -1)
        most = next((most for most in tries if cells(most) <= _MOST_CELLS), 2)
    return {number: bins(grid.axes[number], most) for number in sizes}


def _axis(axis: Axis, parts: Sequence[range]) -> dict[str, Any]:
    """Return the groups of an axis: labels, sizes, the default's, and their means if numbers."""
    ends = [[label(axis.levels[end], axis.name) for end in (part[0], part[-1])] for part in parts]
    levels = [[axis.levels[number] for number in part] for part in parts]
    return {
        "name": axis.name,
        "labels": [first if first == last else f"{first} – {last}" for first, last in ends],
        "numbers": list(map(fmean, levels)) if axis.numbers == len(axis.levels) else None,  # type: ignore[arg-type]
        "sizes": [len(part) for part in parts],
        "values": [label(axis.levels[part[len(part) // 2]]) for part in parts],
        "default": next((n for n, part in enumerate(parts) if axis.default in part), None),
    }


def _pair(
    grid: SurfaceGrid, sets: pd.DataFrame, groups: Groups, pair: tuple[int, int]
) -> dict[str, Any]:
    x, y = sorted(pair, key=lambda number: -len(groups[number]))  # the longer axis lies across
    others = [grid.axes[number].name for number in groups if number not in pair]
    along = {y: groups[y], x: groups[x]}
    return {
        "x": x,
        "y": y,
        "others": others,
        "all": _surface(grid, sets, along),
        "fixed": _surface(grid, sets, along, others_at_default=True) if others else None,
    }


def _surface(
    grid: SurfaceGrid, sets: pd.DataFrame, along: Groups, *, others_at_default: bool = False
) -> dict[str, Any] | None:
    """Return each metric's median in each cell, rows for the first axis; None where unknown."""
    import numpy as np

    from backtest.stats.surface import cells

    medians = cells(sets, grid, along, others_at_default=others_at_default)
    if medians is None:
        return None
    surface = {}
    for metric in _METRICS:
        values = (medians[metric.key] * metric.scale).round(metric.digits) + 0.0  # no -0.0
        known = values.astype(object)
        known[np.isnan(values)] = None
        surface[metric.key] = known.tolist()
    return surface


def _scaled(metric: _Metric, value: float | None) -> float | None:
    """Scale a figure at which a line is drawn; it has more digits than its label."""
    return None if value is None else round(value * metric.scale, metric.digits + 3)


def _histogram(
    metric: _Metric, histogram: Histogram | None, spread: Spread | None
) -> dict[str, Any] | None:
    if histogram is None or spread is None:
        return None
    return {
        "metric": metric.key,
        "edges": (histogram.edges * metric.scale).round(6).tolist(),
        "counts": histogram.counts.tolist(),
        "median": _scaled(metric, spread.median),
    }


def write_sweep_page(folder: Path, reports: Path) -> Path:
    """Write `index.html` of a sweep; raise DataError where its files are broken, or disagree."""
    sweep = read_sweep(folder).manifest
    if set(sweep["base"]) != set(sweep["axes"]):
        raise damaged_error(folder / "sweep.json", "axes and base name different parameters")
    sets = _read_sets(folder / "sets.parquet", sweep)
    return write_page(folder / "index.html", reports, "sweep.html", **_content(sweep, sets))


def _read_sets(path: Path, sweep: Record) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from backtest.stats.surface import FIGURES

    try:
        columns = ["set", *FIGURES]
        sets = pd.read_parquet(path, columns=columns, page_checksum_verification=True)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise damaged_error(path, error) from None
    expected = int(np.prod([len(values) for values in sweep["axes"].values()]))
    if not np.array_equal(sets["set"], np.arange(expected)) or sweep["sets"] != expected:
        fault = (
            f"it holds {len(sets):,} sets, sweep.json names {sweep['sets']:,} and its axes make "
            f"{expected:,}, to be numbered from 0"
        )
        raise damaged_error(path, fault)
    return sets


def _content(sweep: Record, sets: pd.DataFrame) -> dict[str, Any]:
    """Return what the template and its script show; `sets` has one row a set in product order."""
    from backtest.stats import surface

    grid = surface.make_grid(sweep["axes"], sweep["base"])
    summary = surface.summary(sets, sweep["axes"], sweep["base"], sweep["base_figures"])
    holding = sweep["evidence"].get("holding")
    held = "The mean of the universe" if sweep.get("universe") else "Holding the stock"
    charts = make_charts(grid, sets, summary) | {
        "command": run_command(sweep),
        "base": {name: label(value) for name, value in sweep["base"].items()},
        "holding": _scaled(_METRICS[0], holding),
        "held": held,
    }
    return {
        "data": charts,
        "axes": charts["axes"],
        "sweep": sweep,
        "summary": summary,
        "holding": holding,
        "above_holding": int((sets["total_return"] > holding).sum()) if holding is not None else 0,
        "held": held,
        "said": dict(sweep_sentences(summary, sweep)),
        "words": sys.modules[__name__],
        "name": f"{sweep['strategy']} · {sweep.get('universe') or ', '.join(sweep['symbols'])}",
        "costs": costs_line(sweep),
        "fixed": {k: v for k, v in flat(sweep["parameters"]).items() if k not in sweep["axes"]},
        "grid": grid,
        "evidence": evidence_sentences(sweep["evidence"]),
        "base": {name: sweep["base"][name] for name in sweep["axes"]},
    }


def sweep_sentences(summary: SweepSummary, sweep: Record) -> list[tuple[str, str]]:
    """Say what a sweep found and what its best is worth: a heading and its sentences each."""
    words = sys.modules[__name__]  # the template calls the functions below
    said = sentences("sweep.txt", summary=summary, trials=sweep["trials"], words=words)
    return [*said, *evidence_sentences(sweep["evidence"])]


def evidence_sentences(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say what the best set is worth: a heading and its sentences for each figure."""
    terms = {"level": LEVEL, "most_events": _MOST_EVENTS}
    return sentences("sweep_evidence.txt", evidence=evidence, **terms)


def walk_forward_table(sweep: Record) -> tuple[Sequence[str], list[list[str]]]:
    """Return headings, and a row for each event; of many events, one for each set taken."""
    events, axes = sweep["evidence"]["walk_forward"]["events"], sweep["axes"]
    if len(events) <= _MOST_EVENTS:
        return ("Event", "Set chosen", "Its trade", "The default's"), [
            [
                row.get("headline") or row["event_id"],
                _choice(row, axes),
                percent(row["return"]),
                percent(row["default"]),
            ]
            for row in events
        ]
    by_set: dict[str, list[Mapping[str, Any]]] = {}
    for row in events:
        by_set.setdefault(_choice(row, axes), []).append(row)
    sets = sorted(by_set.items(), key=lambda pair: -len(pair[1]))
    if rest := sets[_MOST_SETS:]:
        rows = [row for _, some in rest for row in some]
        sets[_MOST_SETS:] = [(counted(len(rest), "other set"), rows)]
    headings = ("Set chosen", "Events", "Mean of its trades", "Of the default's")
    return headings, [
        [choice, f"{len(rows):,}", *(percent(fmean(row[k] for row in rows)) for k in _RETURNS)]
        for choice, rows in sets
    ]


def _choice(row: Mapping[str, Any], axes: Mapping[str, Sequence[Value]]) -> str:
    import numpy as np

    if not row["known"]:
        return "default: nothing to choose on"
    if row["set"] is None:
        return "default"
    numbers = np.unravel_index(row["set"], [len(values) for values in axes.values()])
    return settings(
        {name: values[n] for (name, values), n in zip(axes.items(), numbers, strict=True)}
    )


# Rules that an option of the command line sets beside the costs.
_OPTIONS = {
    "cash": "--cash", "commission_per_share": "--commission", "slippage_bps": "--slippage",
    "reaction_minutes": "--reaction", "max_positions": "--max-positions",
    "min_order": "--min-order", "hours": "--hours", "extended_slippage_bps": "--extended-slippage",
}  # fmt: skip


def run_command(sweep: Record) -> list[str]:
    """Return the command that runs a set of a sweep, without the parameters of the grid."""
    from backtest.engine.rules import COST_FIELDS, Rules

    universe, usual = sweep.get("universe"), Rules().model_dump()
    traded = [("--universe", universe)] if universe else [("--symbol", s) for s in sweep["symbols"]]
    costs = [("--costs", sweep["costs"]["name"])] if sweep["costs"] else []
    own = {**usual, **sweep["rules"]}
    if REACTION in sweep["axes"]:
        own["reaction_minutes"] = usual["reaction_minutes"]
    by_costs = COST_FIELDS if costs else ()  # an option may have set these back to the defaults
    rules = [
        (option, own[name] if name == "hours" else f"{own[name]:.15g}")
        for name, option in _OPTIONS.items()
        if own[name] is not None and (own[name] != usual[name] or name in by_costs)
    ]
    bars = [("--bars", sweep["bars"])] if sweep.get("bars") else []
    bars += [("--missing-bars", "none")] if sweep.get("missing_bars") == "none" else []
    span = [("--from", sweep["span"]["first"]), ("--to", sweep["span"]["last"])]
    fixed = [
        ("--set", f"{name}={value}")
        for name, value in flat(sweep["parameters"]).items()
        if name not in sweep["axes"]
    ]
    pairs = [*traded, *span, *costs, *rules, *bars, *fixed]
    return ["backtest", "run", sweep["strategy"], *(word for pair in pairs for word in pair)]


def settings(values: Mapping[str, Value]) -> str:
    """Describe parameters with their values, such as `hold 5, stop 0.1`."""
    return ", ".join(f"{name} {label(value, name)}" for name, value in values.items())


def span(values: Sequence[Value], name: str = "") -> str:
    """List the values of an axis; of many, the first three and the last."""
    texts = [label(value, name) for value in values]
    if len(texts) <= _FEW:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])} … {texts[-1]} ({len(texts):,} values)"


def label(value: Value, name: str = "") -> str:
    """Return a parameter's value as `--set` takes it; floats lose the noise of their last bits.

    A value of the axis `reaction` has its unit.
    """
    text = f"{value:.10g}" if isinstance(value, float) else to_text(value)
    return f"{text} min" if name == REACTION else text


def rank(among: Rank, which: str = "") -> str:
    """Say how many of which sets have less, such as `23 % of the 3,480 sets`."""
    same = f"; {among.equal:,} have exactly that" if among.equal > 1 else ""
    sets = f"{counted(among.known, 'set')}{which}"
    return f"{_share(among.below, among.known)} of the {sets}{same}"


def share_of(part: int, whole: int) -> str:
    """Say a part in numbers and percent, such as `12 of 48 (25 %)`."""
    return f"{part:,} of {whole:,} ({_share(part, whole)})"


def _share(part: int, whole: int) -> str:
    if part in (0, whole):
        return "none" if part == 0 else "all"
    percentage = 100 * part / whole
    if percentage < 1:
        return "under 1 %"
    return "over 99 %" if percentage > 99 else f"{percentage:.0f} %"  # noqa: PLR2004
