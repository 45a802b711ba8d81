"""Walk-forward over events: parameters chosen on what earlier events taught, traded on the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WalkForward:
    """What choosing as one goes would have earned.

    Attributes:
        events: the events that any set trades, by their column, in order of time.
        known: whether a trade on an earlier event was over by then, to choose on; shape (events,).
        chosen: the set that was chosen for each; the default as long as nothing was known.
        returns: net return of its trade on the event, a fraction of the entry value; 0 without.
        default: likewise of the default.
        hindsight: likewise of the set that is best over all events.

    """

    events: NDArray[np.intp]
    known: NDArray[np.bool]
    chosen: NDArray[np.intp]
    returns: Floats
    default: Floats
    hindsight: Floats


def walk_forward(
    returns: Floats, exits: NDArray[np.int64], bars: NDArray[np.int64], default: int
) -> WalkForward:
    """Choose for each event the set whose trades that were over by then had earned most.

    Args:
        returns: net return of each set's trade on each event, shape (sets, events); NaN where a
            set does not trade an event.
        exits: bar in which the trade was left, likewise; the last bar for one that stays open.
        bars: bar in which each event can be traded, shape (events,), rising.
        default: the set that trades until a choice can be made.

    """
    traded = ~np.isnan(returns)
    earned = np.where(traded, returns, 0.0)
    events = np.flatnonzero(traded.any(axis=0))
    chosen = np.full(len(events), default, dtype=np.intp)
    known = np.zeros(len(events), dtype=np.bool)
    for place, event in enumerate(events):
        over = traded & (exits < bars[event])
        known[place] = over.any()
        if known[place]:
            total = np.where(over, earned, 0.0).sum(axis=1)
            if total[default] < total.max():  # of equal ones the default stays
                chosen[place] = int(np.argmax(total))
    best = int(np.argmax(earned.sum(axis=1)))
    return WalkForward(
        events=events,
        known=known,
        chosen=chosen,
        returns=earned[chosen, events],
        default=earned[default, events],
        hindsight=earned[best, events],
    )
