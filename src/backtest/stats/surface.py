"""Describe the surface of a sweep: its axes, its sets as a whole, and those round the default.

These are pure functions over the table of sets: one row a set in product order (the last axis
changes fastest), with the columns of `FIGURES`. A figure that a set does not have (the Sharpe ratio
of one that never traded) is NaN. Results are never averaged but counted and ranked, so that one
lucky set moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from backtest.stats import Floats, Ints


Value = bool | int | float | str | None


@dataclass(frozen=True)
class Axis:
    """Hold a parameter of the grid: rising numbers, then values that have no order."""

    name: str
    levels: tuple[Value, ...]
    numbers: int  # number of the levels that are numbers; they come first
    codes: Ints  # index in `levels` of each value of the grid, in the grid's order
    default: int | None  # index of the default in `levels`; None where the grid lacks it
    nearest: int | None  # index of the default, or else of the nearest number; None without one

    @property
    def steps(self) -> bool:
        """Tell whether the default, or the number nearest to it, has neighbours on this axis."""
        return self.nearest is not None and self.nearest < self.numbers and self.numbers > 1


@dataclass(frozen=True)
class SurfaceGrid:
    """Hold the axes of a sweep, and where its sets lie on them."""

    axes: tuple[Axis, ...]
    codes: Ints  # level of each set on each axis, shape (axes, sets)

    @property
    def varied(self) -> list[int]:
        """Return the numbers of the axes that have more than one value."""
        return [number for number, axis in enumerate(self.axes) if len(axis.levels) > 1]

    @property
    def default(self) -> int | None:
        """Return the number of the default set, None where it is not in the grid."""
        alike = [axis.default == codes for axis, codes in zip(self.axes, self.codes, strict=True)]
        numbers = np.flatnonzero(np.all(alike, axis=0))
        return int(numbers[0]) if len(numbers) else None


def make_grid(axes: Mapping[str, Sequence[Value]], base: Mapping[str, Value]) -> SurfaceGrid:
    """Locate each set of a sweep by the grid's values, and the default by its own in `base`."""
    made = tuple(_axis(name, values, base[name]) for name, values in axes.items())
    shape = [len(axis.levels) for axis in made]
    along = np.unravel_index(np.arange(math.prod(shape)), shape)
    codes = [axis.codes[index] for axis, index in zip(made, along, strict=True)]
    return SurfaceGrid(made, np.array(codes))


def _axis(name: str, values: Sequence[Value], default: Value) -> Axis:
    numbers = sorted((v, code) for code, v in enumerate(values) if _is_number(v))
    others = [(v, code) for code, v in enumerate(values) if not _is_number(v)]
    levels = tuple(value for value, _ in (*numbers, *others))
    codes = np.argsort([code for _, code in (*numbers, *others)])
    index = next((number for number, level in enumerate(levels) if _same(level, default)), None)
    nearest = index
    if index is None and numbers and _is_number(default):
        nearest = int(np.argmin(np.abs(np.array([v for v, _ in numbers], float) - default)))
    return Axis(name, levels, len(numbers), codes, index, nearest)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Value, other: Value) -> bool:
    if _is_number(one) and _is_number(other):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and one == other  # True is not 1


def bins(axis: Axis, most: int) -> tuple[range, ...]:
    """Group neighbouring levels of an axis into at most `most` (≥ 2) parts of nearly equal size.

    Numbers and values without order never share a group.
    """
    count, others = len(axis.levels), len(axis.levels) - axis.numbers
    if count <= most:
        return tuple(range(level, level + 1) for level in range(count))
    for_others = min(others, max(1, most * others // count)) if others else 0
    return (*_parts(0, axis.numbers, most - for_others), *_parts(axis.numbers, count, for_others))


def _parts(first: int, last: int, most: int) -> list[range]:
    edges = np.linspace(first, last, min(most, last - first) + 1).round().astype(int).tolist()
    return [range(begin, end) for begin, end in pairwise(edges)]


FIGURES = (
    "final_equity", "total_return", "sharpe", "max_drawdown", "trades", "win_rate", "commission",
    "borrow",
)  # fmt: skip
METRICS = ("total_return", "sharpe", "max_drawdown", "trades")
_RANKED = 5  # results at either end
_NARROWEST = 0.001  # width of a bin, a fraction: a tenth of a percent
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # round widths of a bin, times a power of ten


@dataclass(frozen=True)
class Spread:
    """Hold the quartiles of the known values of a figure."""

    count: int  # number of known values, at least one
    lowest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    highest: float


@dataclass(frozen=True)
class Rank:
    """Say where the default stands among the sets in a figure."""

    below: int  # sets with less of the figure than the default
    equal: int  # sets with exactly as much, the default itself where the grid holds it
    known: int  # sets that have the figure, likewise


@dataclass(frozen=True)
class Histogram:
    """Count values between round edges."""

    edges: Floats  # one more than counts; 0 lies inside no bin
    counts: Ints


@dataclass(frozen=True)
class Neighbours:
    """Describe some sets round the default."""

    count: int
    returns: Spread | None  # None where no return is known
    sharpes: Spread | None  # None where no Sharpe ratio is known


@dataclass(frozen=True)
class Neighbourhood:
    """Describe the sets one step of the grid away from the default."""

    beside: Neighbours  # sets that differ by one step in one parameter
    around: Neighbours  # sets that differ by at most one step in every parameter
    moved: Mapping[str, Value]  # nearest numbers that stand in for defaults outside the grid
    held: tuple[str, ...]  # parameters without steps, which stay as they are


@dataclass(frozen=True)
class Ranked:
    """Hold a distinct result at either end of a sweep."""

    number: int  # number of the first set that has it
    alike: int  # number of sets that have it
    settings: Mapping[str, Value]
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class SweepSummary:
    """Sum up in figures what a sweep found."""

    sets: int
    distinct: int  # results that differ by a cent of final equity or more
    above_zero: int  # sets with a return above 0
    never_traded: int
    ruined: int
    returns: Spread
    sharpes: Spread | None
    default: Mapping[str, float | None]  # figures of the default
    by_return: Rank
    by_sharpe: Rank | None
    neighbourhood: Neighbourhood | None  # None where a parameter is unplaced
    unplaced: tuple[str, ...]  # parameters whose default is near no number of the grid
    best: tuple[Ranked, ...]  # distinct results, the best first
    worst: tuple[Ranked, ...]  # distinct results, the worst first


def cells(
    sets: pd.DataFrame,
    grid: SurfaceGrid,
    along: Mapping[int, Sequence[range]],
    *,
    others_at_default: bool = False,
) -> dict[str, Floats] | None:
    """Return the median of each metric by cell: groups of levels (of `bins`) on one or two axes.

    With `others_at_default` only the sets whose other parameters are at their defaults count; None
    where the grid does not hold such a default. NaN where no set of a cell has the figure.
    """
    shape = tuple(map(len, along.values()))
    of_level = [np.repeat(np.arange(len(g)), [len(part) for part in g]) for g in along.values()]
    counts = np.ones(len(sets), bool)
    if others_at_default:
        for number in set(range(len(grid.axes))) - set(along):
            default = grid.axes[number].default
            if default is None:
                return None
            counts &= grid.codes[number] == default
    groups = [
        group[grid.codes[number, counts]] for group, number in zip(of_level, along, strict=True)
    ]
    cell = np.ravel_multi_index(tuple(groups), shape)
    medians = sets.loc[counts, list(METRICS)].groupby(cell).median()
    return {metric: medians[metric].to_numpy(float).reshape(shape) for metric in METRICS}


def spread(values: Floats) -> Spread | None:
    """Return the quartiles of the known values; None where none is known."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    low, lower, middle, upper, high = np.quantile(known, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return Spread(len(known), low, lower, middle, upper, high)


def rank(values: Floats, default: float | None) -> Rank | None:
    """Rank the default among the known values; None where it has no such figure."""
    if default is None:
        return None
    known = int(np.sum(~np.isnan(values)))
    return Rank(int(np.sum(values < default)), int(np.sum(values == default)), known)


def histogram(values: Floats, default: float | None, most: int = 40) -> Histogram | None:
    """Count known values in at most `most` + 1 bins, which reach the default; None without any."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    reached = known if default is None else np.append(known, default)
    low, high = float(reached.min()), float(reached.max())
    step = _round_step(max((high - low) / most, _NARROWEST))
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = step * np.arange(first, last + 1, dtype=float)
    numbers = np.clip(np.searchsorted(edges, known, "right") - 1, 0, last - first - 1)
    return Histogram(edges, np.bincount(numbers, minlength=last - first))


def _round_step(least: float) -> float:
    size = 10.0 ** math.floor(math.log10(least))
    return next(size * factor for factor in _STEPS if size * factor >= least * (1 - 1e-9))


def neighbourhood(sets: pd.DataFrame, grid: SurfaceGrid) -> Neighbourhood | None:
    """Describe the sets round the default; None if a default has no number of the grid near it."""
    away = np.zeros(len(sets), np.int64)
    within = np.ones(len(sets), bool)
    moved: dict[str, Value] = {}
    for axis, codes in zip(grid.axes, grid.codes, strict=True):
        if axis.nearest is None:
            return None
        if axis.default is None:
            moved[axis.name] = axis.levels[axis.nearest]
        distance = np.abs(codes - axis.nearest)
        if axis.steps:
            distance[codes >= axis.numbers] = len(axis.levels)  # no step leads to a category
        within &= distance <= (1 if axis.steps else 0)
        away += distance
    if not moved:  # else the set of the nearest numbers is a neighbour too
        within &= away > 0
    return Neighbourhood(
        _neighbours(sets, within & (away <= 1)),
        _neighbours(sets, within),
        moved,
        tuple(axis.name for axis in grid.axes if not axis.steps and len(axis.levels) > 1),
    )


def _neighbours(sets: pd.DataFrame, near: NDArray[np.bool_]) -> Neighbours:
    return Neighbours(
        int(near.sum()),
        spread(sets["total_return"].to_numpy()[near]),
        spread(sets["sharpe"].to_numpy()[near]),
    )


def summary(
    sets: pd.DataFrame,
    axes: Mapping[str, Sequence[Value]],
    base: Mapping[str, Value],
    base_figures: Mapping[str, Any],
) -> SweepSummary:
    """Summarise a sweep; `base_figures` are the default's, by the names of the sets' columns.

    Raises ValueError where no set, or not the default, has a total return.
    """
    grid = make_grid(axes, base)
    returns, sharpes = sets["total_return"].to_numpy(), sets["sharpe"].to_numpy(float)
    spread_of_returns = spread(returns)
    by_return = rank(returns, base_figures["total_return"])
    if spread_of_returns is None or by_return is None:
        raise ValueError("every set, and the default, needs a total return")
    # Each result once, rising: the first set that has it, and how many sets have it.
    cents = sets["final_equity"].to_numpy().round(2)
    _, *first_and_count = np.unique(cents, return_index=True, return_counts=True)
    results = np.column_stack(first_and_count)
    best = results[::-1][:_RANKED]
    worst = results[: min(_RANKED, len(results) - len(best))]
    return SweepSummary(
        sets=len(sets),
        distinct=len(results),
        above_zero=int(np.sum(returns > 0)),
        never_traded=int(np.sum(sets["trades"].to_numpy() == 0)),
        ruined=int(np.sum(sets["final_equity"].to_numpy() <= 0)),
        returns=spread_of_returns,
        sharpes=spread(sharpes),
        default=base_figures,
        by_return=by_return,
        by_sharpe=rank(sharpes, base_figures["sharpe"]),
        neighbourhood=neighbourhood(sets, grid),
        unplaced=tuple(axis.name for axis in grid.axes if axis.nearest is None),
        best=tuple(_ranked(sets, axes, *result) for result in best.tolist()),
        worst=tuple(_ranked(sets, axes, *result) for result in worst.tolist()),
    )


def _ranked(
    sets: pd.DataFrame, axes: Mapping[str, Sequence[Value]], number: int, alike: int
) -> Ranked:
    codes = map(int, np.unravel_index(number, [len(values) for values in axes.values()]))
    settings = {name: axis[code] for (name, axis), code in zip(axes.items(), codes, strict=True)}
    row = {name: float(sets[name].iloc[number]) for name in FIGURES}
    figures = {name: None if math.isnan(value) else value for name, value in row.items()}
    return Ranked(number, alike, settings, figures)
