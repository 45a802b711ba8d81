"""The figures that the charts of a sweep page show: grouped, rounded, bounded in size."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.reports.words.sweep import label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from backtest.stats.axes import Axis, Grid
    from backtest.stats.surface import Histogram, Spread, SweepSummary

    Groups = Mapping[int, Sequence[range]]

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


def make_charts(grid: Grid, sets: pd.DataFrame, found: SweepSummary) -> dict[str, Any]:
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


def notes(grid: Grid) -> list[str]:
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


def _groups(grid: Grid) -> Groups:
    """The groups along each axis that has more than one value, by the number of the axis."""
    from backtest.stats.axes import bins

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


def _pair(grid: Grid, sets: pd.DataFrame, groups: Groups, pair: tuple[int, int]) -> dict[str, Any]:
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
    grid: Grid, sets: pd.DataFrame, along: Groups, *, others_at_default: bool = False
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
