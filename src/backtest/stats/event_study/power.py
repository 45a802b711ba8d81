"""What an event study could have found: power of the two-sided z test (MacKinlay 1997)."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NORMAL = NormalDist()


def power(effect: float, sigma: float, events: int, level: float = 0.05) -> float:
    """The chance that an effect is found significant.

    `Φ(d − z) + Φ(−d − z)` with `d = effect × √N ÷ sigma`.

    Args:
        effect: true mean abnormal return of an event, fraction.
        sigma: standard deviation of one event's abnormal return, fraction.
        events: N, independent.
        level: two-sided.

    """
    z, d = _NORMAL.inv_cdf(1 - level / 2), effect * sqrt(events) / sigma
    return _NORMAL.cdf(d - z) + _NORMAL.cdf(-d - z)


def detectable_effect(error: float, level: float = 0.05, power: float = 0.8) -> float:
    """The effect that is found significant with a given power.

    `(z(1 − level/2) + z(power)) × error`; the far tail is nothing at a power of 80 %.

    Args:
        error: standard deviation of the mean: sigma ÷ √N of independent events.
        level: two-sided.
        power: chance to find it.

    """
    return (_NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)) * error


def power_table(
    effects: Sequence[float], sigma: float, events: Sequence[int], level: float = 0.05
) -> NDArray[np.float64]:
    """The power by number of events (rows) and effect (columns); arguments as for `power`."""
    return np.array([[power(e, sigma, n, level) for e in effects] for n in events])
