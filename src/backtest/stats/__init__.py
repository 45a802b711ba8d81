"""Compute figures, intervals, tests and event studies: pure functions of numbers.

Each formula names its paper. Nothing here reads a file or knows of strategies, events or accounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SESSIONS_A_YEAR = 252
NO_RETURN = 1e-12  # what rounding leaves of a return of nothing
LEVEL = 0.05  # of significance
SEED = 1  # of what evidence draws; it stands in every record
