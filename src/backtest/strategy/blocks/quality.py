"""How far a row is to be trusted, as a factor for the weight.

The factors are a convention, a quarter off for each step down, and not estimated from anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from backtest.data.kinds import Event, Grade, Precision

_GRADES: Final[dict[Grade | None, float]] = {"A": 1.0, "B": 0.75, "C": 0.5, None: 0.5}
_PRECISIONS: Final[dict[Precision, float]] = {
    "exact": 1.0,
    "minute": 1.0,
    "session": 1.0,
    "date": 0.75,
    "week": 0.5,
    "month": 0.25,
}


def grade_scale(event: Event) -> float:
    """1 for grade A (two sources, one primary), 0.75 for B, 0.5 for C and where it is unknown."""
    return _GRADES[event.grade]


def precision_scale(event: Event) -> float:
    """1 where the time is known to the session or better, 0.75 by its day, then 0.5 and 0.25.

    What is known by its day alone is traded in the session after that day, by when part of the
    move may be over. What is known by its week or month is never traded.
    """
    return _PRECISIONS[event.precision]
