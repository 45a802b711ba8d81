"""A histogram as plain SVG, so that it stands also where no script runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _SIDE, _BOTTOM = 960, 8, 28
_ROOM = 24  # half a label: one at the very edge would be cut
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in pixels and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A bar in pixels; `beyond` tells whether it lies at the mark or above."""

    x: float
    y: float
    width: float
    height: float
    beyond: bool


@dataclass(frozen=True)
class Histogram:
    """Bars, a mark among them, and the axis below in pixels, for the template to draw."""

    bars: Sequence[Bar]
    mark: Tick
    mark_anchor: str
    x_ticks: Sequence[Tick]
    width: int = _WIDTH
    height: int = 200
    top: int = 24
    bottom: int = 200 - _BOTTOM


def histogram_chart(
    first: float, step: float, counts: Sequence[int], mark: float, label: str
) -> Histogram:
    """Lay out counts of fractions, shown in percent, with one value marked.

    Args:
        first: lower edge of the first bar, a fraction.
        step: width of each bar, likewise.
        counts: how many lie in each bar.
        mark: the value to mark, within the bars.
        label: what is written at the mark.

    """
    last, frame = first + step * len(counts), Histogram((), Tick(0, ""), "", ())
    width, height = _WIDTH - 2 * _SIDE, frame.bottom - frame.top

    def x(value: float) -> float:
        return _SIDE + width * (value - first) / (last - first)

    def bar(number: int, count: int) -> Bar:
        low, tall = first + number * step, height * count / max(counts)
        left, right = x(low), x(low + step)
        return Bar(left, frame.bottom - tall, right - left - 1, tall, low + step / 2 >= mark)

    ticks = [
        Tick(x(value / 100), f"{value:+.0f} %" if value else "0 %")
        for value in _round_values(100 * first, 100 * last)
    ]
    return Histogram(
        bars=[bar(number, count) for number, count in enumerate(counts)],
        mark=Tick(x(mark), label),
        mark_anchor="end" if mark > (first + last) / 2 else "start",
        x_ticks=[tick for tick in ticks if _ROOM < tick.place < _WIDTH - _ROOM],
    )


def _round_values(low: float, high: float) -> list[float]:
    """Four to eight round values within a range."""
    rough = max((high - low) / 8, 1e-9)
    size = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 1.0
    step = next(size * factor for factor in _STEPS if size * factor >= rough)
    first = int(low // step) + (low % step > 0)
    return [step * i for i in range(first, int(high // step) + 1)]
