"""The axes of a sweep: their values in the order that a reader expects, and where each set lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Axis:
    """A parameter of the grid: numbers rising, and after them what has no order, as given.

    `places` says of each value of the grid, in the order of the grid, which of `levels` it is.
    `default` is its place in `levels`, None where the grid does not hold it; `nearest` is the
    place of the default or else of the nearest number, None where there is none.
    """

    name: str
    levels: tuple[Value, ...]
    numbers: int
    places: Ints
    default: int | None
    nearest: int | None

    @property
    def steps(self) -> bool:
        """Whether the default, or the number nearest to it, has neighbours along this axis."""
        return self.nearest is not None and self.nearest < self.numbers and self.numbers > 1


@dataclass(frozen=True)
class Grid:
    """The axes, and for each set its place along each of them (axes × sets)."""

    axes: tuple[Axis, ...]
    places: Ints

    @property
    def varied(self) -> list[int]:
        """The numbers of the axes that have more than one value."""
        return [number for number, axis in enumerate(self.axes) if len(axis.levels) > 1]

    @property
    def default(self) -> int | None:
        """The number of the set that is the default, None where it is not in the grid."""
        at = [np.flatnonzero(axis.places == axis.default).tolist() for axis in self.axes]
        if not all(at):
            return None
        shape = [len(axis.levels) for axis in self.axes]
        return int(np.ravel_multi_index([found[0] for found in at], shape))


def make_grid(axes: Mapping[str, Sequence[Value]], base: Mapping[str, Value]) -> Grid:
    """Where each set of a sweep lies.

    Args:
        axes: the values of each parameter, in the order of the grid.
        base: the default's value of each parameter.

    """
    made = tuple(_axis(name, values, base[name]) for name, values in axes.items())
    shape = [len(axis.levels) for axis in made]
    along = np.unravel_index(np.arange(math.prod(shape)), shape)
    return Grid(made, np.array([axis.places[at] for axis, at in zip(made, along, strict=True)]))


def _axis(name: str, given: Sequence[Value], default: Value) -> Axis:
    numbers = sorted((v, at) for at, v in enumerate(given) if _is_number(v))
    others = [(v, at) for at, v in enumerate(given) if not _is_number(v)]
    levels = tuple(value for value, _ in (*numbers, *others))
    places = np.empty(len(given), np.int64)
    places[[at for _, at in (*numbers, *others)]] = np.arange(len(given))
    place = next((at for at, level in enumerate(levels) if _same(level, default)), None)
    nearest = place
    if place is None and numbers and _is_number(default):
        nearest = int(np.argmin(np.abs(np.array([v for v, _ in numbers], float) - default)))
    return Axis(name, levels, len(numbers), places, place, nearest)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one: Value, other: Value) -> bool:
    if _is_number(one) and _is_number(other):
        return math.isclose(one, other, rel_tol=1e-9)
    return type(one) is type(other) and one == other  # True is not 1


def bins(axis: Axis, most: int) -> tuple[range, ...]:
    """The places of an axis in at most `most` (≥ 2) groups of neighbours, each nearly as large.

    Numbers and values without order never share a group.
    """
    count, others = len(axis.levels), len(axis.levels) - axis.numbers
    if count <= most:
        return tuple(range(place, place + 1) for place in range(count))
    for_others = min(others, max(1, most * others // count)) if others else 0
    parts = [
        *_parts(0, axis.numbers, most - for_others),
        *_parts(axis.numbers, count, for_others),
    ]
    return tuple(range(first, last) for first, last in parts if last > first)


def _parts(first: int, last: int, most: int) -> list[tuple[int, int]]:
    edges = np.linspace(first, last, min(most, last - first) + 1).round().astype(int).tolist()
    return list(pairwise(edges))
