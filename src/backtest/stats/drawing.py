"""Random draws that several tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distinct(rng: np.random.Generator, draws: int, count: int, among: int) -> NDArray[np.int64]:
    """`count` different numbers below `among` in random order, one row a draw (Floyd)."""
    chosen = np.empty((draws, count), np.int64)
    for place in range(count):
        last = among - count + place
        drawn = rng.integers(last + 1, size=draws)
        taken = (chosen[:, :place] == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, last, drawn)
    return rng.permuted(chosen, axis=1)
