"""Line charts as plain SVG: no script, nothing to fetch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 960, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 8, 10, 28
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Line:
    """A named line: one value a session, and the class that colours it."""

    name: str
    values: Sequence[float]
    css: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in pixels and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Polylines and axes in pixels, for the template to draw."""

    lines: Sequence[tuple[Line, str]]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def line_chart(days: Sequence[str], lines: Sequence[Line]) -> Chart:
    """Lay out lines over days (ISO texts, one a value)."""
    low = min(min(line.values) for line in lines)
    high = max(max(line.values) for line in lines)
    span = (high - low) or 1.0
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(place: int) -> float:
        return _LEFT + width * place / max(len(days) - 1, 1)

    def y(value: float) -> float:
        return _TOP + height * (high - value) / span

    def path(line: Line) -> str:
        return " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(line.values))

    inner = range(1, len(days) - len(days) // 25)  # a label at the very edge would be cut
    quarters = [i for i in inner if _quarter(days[i]) != _quarter(days[i - 1])]
    return Chart(
        lines=[(line, path(line)) for line in lines],
        x_ticks=[Tick(x(i), days[i][:7]) for i in quarters],
        y_ticks=[Tick(y(value), f"{value:,.0f}") for value in _round_values(low, high)],
    )


def _quarter(day: str) -> tuple[str, int]:
    return day[:4], (int(day[5:7]) - 1) // 3


def _round_values(low: float, high: float) -> list[float]:
    """Four to eight round values within a range."""
    rough = max((high - low) / 8, 1e-9)
    size = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 1.0
    step = next(size * factor for factor in _STEPS if size * factor >= rough)
    first = int(low // step) + (low % step > 0)
    return [step * i for i in range(first, int(high // step) + 1)]
