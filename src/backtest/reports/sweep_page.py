"""The sweep page: the surface of a sweep, where the default lies on it, and what it is worth."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.experiments.sweeps.folder import read_sweep
from backtest.reports import sweep_words as words
from backtest.reports.pages import write_page
from backtest.reports.sweep_words import evidence_sentences, label, walk_forward_rows
from backtest.stats.formats import UNKNOWN, costs_line, count, percent, ratio, share
from backtest.strategy.parameters import flat
from backtest.workspace.records import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from backtest.stats.surface import (
        Axis,
        Histogram,
        Neighbours,
        Spread,
        SurfaceGrid,
        SweepSummary,
        Value,
    )

    Groups = Mapping[int, Sequence[range]]
    Sweep = Mapping[str, Any]


_MOST_CELLS = 50_000  # of all heat maps together: about 300 kB
_MOST_ALONG = 100  # groups along an axis of a heat map: more could not be told apart
_MOST_POINTS = 400  # along a line


class _Metric(NamedTuple):
    """A figure as charts show it; `signed` where zero parts good from bad."""

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


def make_charts(grid: SurfaceGrid, sets: pd.DataFrame, found: SweepSummary) -> dict[str, Any]:
    """What the script of the page draws, ready for JSON; it does not grow with the sets."""
    from backtest.stats.surface import histogram

    groups = _groups(grid)
    returns, sharpes = _METRICS[:2]
    return {
        "sets": len(sets),
        "axes": {number: _axis(grid.axes[number], parts) for number, parts in groups.items()},
        "metrics": [metric._asdict() for metric in _METRICS],
        "default": {metric.key: _scaled(metric, found.default[metric.key]) for metric in _METRICS},
        "pairs": [_pair(grid, sets, groups, pair) for pair in combinations(groups, 2)],
        "line": _surface(grid, sets, groups) if len(groups) == 1 else None,
        "histograms": [
            _histogram(metric, histogram(sets[metric.key].to_numpy(float), own), spread)
            for metric, own, spread in (
                (returns, found.default["total_return"], found.returns),
                (sharpes, found.default["sharpe"], found.sharpes),
            )
        ],
    }


def notes(grid: SurfaceGrid) -> list[str]:
    """What a reader of the charts must know of the axes."""
    told = []
    groups = _groups(grid)
    for number, axis in enumerate(grid.axes):
        count = len(axis.levels)
        if number not in groups:
            told.append(f"{axis.name} has one value only, {label(axis.levels[0])}, and no chart.")
        elif len(groups[number]) < count:
            told.append(
                f"{axis.name} has {count:,} values, shown in {len(groups[number])} groups of "
                f"neighbours, each by the median of its sets."
            )
        if axis.default is None:
            told.append(f"The default's {axis.name} is not in the grid.")
    return told


def _groups(grid: SurfaceGrid) -> Groups:
    """The groups along each axis that has more than one value, by the number of the axis."""
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
    """Labels and sizes of the groups, the default's group, and where numbers lie on a line."""
    ends = [(label(axis.levels[part[0]]), label(axis.levels[part[-1]])) for part in parts]
    levels = [[axis.levels[place] for place in part] for part in parts]
    return {
        "name": axis.name,
        "labels": [first if first == last else f"{first} – {last}" for first, last in ends],
        "numbers": list(map(fmean, levels)) if axis.numbers == len(axis.levels) else None,  # type: ignore[arg-type]
        "sizes": [len(part) for part in parts],
        "default": next((at for at, part in enumerate(parts) if axis.default in part), None),
    }


def _pair(
    grid: SurfaceGrid, sets: pd.DataFrame, groups: Groups, pair: tuple[int, int]
) -> dict[str, Any]:
    x, y = sorted(pair, key=lambda number: -len(groups[number]))  # the longer lies across
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
    """The median of each metric in each cell, rows for the first axis; null where unknown."""
    import numpy as np

    from backtest.stats.surface import cells

    found = cells(sets, grid, along, others_at_default=others_at_default)
    if found is None:
        return None
    surface = {}
    for metric in _METRICS:
        values = (found[metric.key] * metric.scale).round(metric.digits) + 0.0  # no -0.0
        known = values.astype(object)
        known[np.isnan(values)] = None
        surface[metric.key] = known.tolist()
    return surface


def _scaled(metric: _Metric, value: float | None) -> float | None:
    return None if value is None else round(value * metric.scale, metric.digits)


def _histogram(
    metric: _Metric, found: Histogram | None, spread: Spread | None
) -> dict[str, Any] | None:
    if found is None or spread is None:
        return None
    return {
        "metric": metric.key,
        "edges": (found.edges * metric.scale).round(6).tolist(),
        "counts": found.counts.tolist(),
        "median": _scaled(metric, spread.median),
    }


def write_sweep_page(folder: Path, reports: Path) -> Path:
    """Write `index.html` of a sweep from its `sweep.json` and `sets.parquet`; return its place.

    Raises:
        DataError: a file of the sweep is missing or broken, or the two disagree.
        UsageError: a folder cannot be written.

    """
    sweep = read_sweep(folder).manifest
    if set(sweep["base"]) != set(sweep["axes"]):
        raise damaged(folder / "sweep.json", "axes and base name different parameters")
    sets = _read_sets(folder / "sets.parquet", sweep)
    return write_page(folder / "index.html", reports, "sweep.html", **_content(sweep, sets))


def _read_sets(path: Path, sweep: Sweep) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from backtest.stats.surface import FIGURES

    try:
        sets = pd.read_parquet(path, columns=["set", *FIGURES])
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise damaged(path, str(error)) from None
    expected = int(np.prod([len(values) for values in sweep["axes"].values()]))
    if not np.array_equal(sets["set"], np.arange(expected)) or sweep["sets"] != expected:
        fault = (
            f"it holds {len(sets):,} sets, sweep.json names {sweep['sets']:,} and its axes make "
            f"{expected:,}, to be numbered from 0"
        )
        raise damaged(path, fault)
    return sets


def _content(sweep: Sweep, sets: pd.DataFrame) -> dict[str, Any]:
    """What the template names, and what its script draws, from one row a set in product order."""
    from backtest.stats.surface import make_grid, summary

    grid = make_grid(sweep["axes"], sweep["base"])
    found = summary(sets, sweep["axes"], sweep["base"], sweep["base_figures"])
    return {
        "data": make_charts(grid, sets, found),
        "sweep": sweep,
        "found": found,
        "words": words,
        "name": f"{sweep['strategy']} · {sweep.get('universe') or ', '.join(sweep['symbols'])}",
        "costs": costs_line(sweep),
        "fixed": {k: v for k, v in flat(sweep["parameters"]).items() if k not in sweep["axes"]},
        "grid": grid,
        "notes": notes(grid),
        "neighbours": _neighbour_rows(found),
        "evidence": evidence_sentences(sweep["evidence"]),
        "walked": walk_forward_rows(sweep["evidence"]),
        "ranked": _ranked_rows(sweep, found, grid.default),
    }


def _neighbour_rows(found: SweepSummary) -> list[list[str]]:
    """Where, sets, and the lowest, median and highest return and Sharpe ratio."""
    near = found.neighbourhood
    own = [percent(found.default["total_return"]), ratio(found.default["sharpe"])]
    rows = [["The default", "1", "", own[0], "", "", own[1], ""]]
    if near is not None:
        rows.append(["One step away in one parameter", *_spreads(near.beside)])
        rows.append(["Within one step in every parameter", *_spreads(near.around)])
    everything = [*_triple(found.returns, percent), *_triple(found.sharpes, ratio)]
    return [*rows, ["All sets", count(found.sets), *everything]]


def _spreads(near: Neighbours) -> list[str]:
    return [count(near.count), *_triple(near.returns, percent), *_triple(near.sharpes, ratio)]


def _triple(spread: Spread | None, form: Any) -> list[str]:
    if spread is None:
        return [UNKNOWN] * 3
    return [form(value) for value in (spread.lowest, spread.median, spread.highest)]


def _ranked_rows(
    sweep: Sweep, found: SweepSummary, place: int | None
) -> list[tuple[str, list[list[str]]]]:
    """Groups of rows: best, default (with its number, where it is in the grid), worst."""

    def row(number: str, settings: Iterable[Value], figures: Any, alike: int) -> list[str]:
        return [number, *map(label, settings), *_figures(figures), f"{alike:,}"]

    def rows(ranked: Sequence[Any]) -> list[list[str]]:
        return [
            row(f"{one.number:,}", one.settings.values(), one.figures, one.alike) for one in ranked
        ]

    number = UNKNOWN if place is None else f"{place:,}"
    own = [sweep["base"][name] for name in sweep["axes"]]
    tried = f"{found.sets:,} tried"
    groups = [
        (f"Best of {tried}", rows(found.best)),
        ("The default", [row(number, own, found.default, found.by_return.equal)]),
    ]
    if found.worst:
        groups.append((f"Worst of {tried}", rows(found.worst[::-1])))
    return groups


def _figures(figures: Mapping[str, float | None]) -> list[str]:
    forms = {
        "total_return": percent, "sharpe": ratio, "max_drawdown": percent, "trades": count,
        "win_rate": share, "commission": count, "borrow": count,
    }  # fmt: skip
    return [form(figures[name]) for name, form in forms.items()]
