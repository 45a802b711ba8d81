"""Against an event instead of with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.strategy.base import Signal


def faded(answer: Signal | str) -> Signal | str:
    """The signal turned round: short for long, long for short; a reason why not stays one.

    Weight, hold, stop, target and trailing stop stay: they are fractions and counts, which mean
    the same on either side.
    """
    if isinstance(answer, str):
        return answer
    direction = "short" if answer.direction == "long" else "long"
    reason = f"faded: {answer.reason}" if answer.reason else "faded"
    return answer.model_copy(update={"direction": direction, "reason": reason})
