"""Read and add every price that the kernel trades on, in a bare pass in numba."""

from collections.abc import Callable

import numba
import numpy as np
from ours import panel_of
from worker import Arrays, serve


@numba.njit
def total(prices: np.ndarray) -> float:
    """Return the sum of all prices."""
    found = 0.0
    for bar in range(prices.shape[0]):
        for symbol in range(prices.shape[1]):
            record = prices[bar, symbol]
            found += record.open + record.high + record.low + record.close
    return found


def prepare(case: Arrays) -> Callable[[], Arrays]:
    prices = panel_of(case).prices
    total(prices[:1])  # compiles
    return lambda: {"sum": np.array(total(prices))}


if __name__ == "__main__":
    serve(prepare)
