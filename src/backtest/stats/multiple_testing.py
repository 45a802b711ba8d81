"""Many tests at once: p-values corrected for their number, and shares with their error.

Formulas as in Harvey & Liu 2014 (Holm 1979), Davison & Hinkley 1997 (Monte Carlo p-values) and
Wilson 1927; and the draws of numbers that several Monte Carlo tests share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RISK = 1e-3  # of a p-value on the wrong side, where draws end early
_ROUNDING = 1e-12  # a draw that repeats what happened counts as equal, whatever the order of sums


def distinct(rng: np.random.Generator, draws: int, count: int, among: int) -> NDArray[np.int64]:
    """`count` different numbers below `among` in random order, one row a draw (Floyd)."""
    chosen = np.empty((draws, count), np.int64)
    for place in range(count):
        last = among - count + place
        drawn = rng.integers(last + 1, size=draws)
        taken = (chosen[:, :place] == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, last, drawn)
    return rng.permuted(chosen, axis=1)


def shares_of(total: int, rng: np.random.Generator, draws: int, count: int) -> NDArray[np.int64]:
    """`count` whole numbers from 0 up that make `total`, all such rows equally likely."""
    if count == 0:
        return np.empty((draws, 0), np.int64)
    bars = np.sort(distinct(rng, draws, count - 1, total + count - 1), axis=1)
    ends = np.full((draws, 1), total + count - 1)
    return np.diff(np.hstack([np.full((draws, 1), -1), bars, ends]), axis=1) - 1


def holm(p_values: Sequence[float]) -> Floats:
    """Holm's step-down: `max over j ≤ i of (N − j + 1) p_(j)`, in the order given.

    Holds the chance of any false find, and never less powerful than Bonferroni's `N p`.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order])
    found = np.empty_like(p)
    found[order] = np.minimum(stepped, 1.0)
    return found


def holm_of_known(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values that are known, corrected for their number by `holm`; None where unknown."""
    corrected = iter(holm([p for p in p_values if p is not None]).tolist())
    return [None if p is None else next(corrected) for p in p_values]


@dataclass(frozen=True)
class MonteCarlo:
    """Where an outcome stands among draws of the null, as p-values."""

    upper: float  # chance of an outcome at least as high
    lower: float  # chance of one at least as low

    @property
    def two_sided(self) -> float:
        """Twice the smaller tail, at most 1: the null need not be symmetric."""
        return min(1.0, 2 * min(self.upper, self.lower))


def monte_carlo(observed: float, null: Floats, *, is_complete: bool = False) -> MonteCarlo | None:
    """p-values `(1 + #{draws as extreme}) ÷ (1 + B)`, never 0, in both tails.

    A draw that is NaN counts as more extreme in both, so that what is not known never speaks for an
    effect. Where the draws are all that there can be, the outcome among them, p-values are shares
    of them. None where the outcome itself is NaN, or there is no draw.
    """
    if np.isnan(observed) or len(null) == 0:
        return None
    upper, lower = _as_extreme(observed, null)
    one = 0 if is_complete else 1
    total = one + len(null)
    return MonteCarlo((one + upper) / total, (one + lower) / total)


def is_certain(observed: float, null: Floats, level: float, looks: int) -> bool:
    """Whether more draws would hardly bring either p-value to the other side of a level.

    If the true p-value were `level`, so few or so many draws as extreme would come up with a chance
    of at most `RISK` ÷ `looks`. Over all looks, a p-value lies on another side than that of endless
    draws with a chance of at most `RISK` (Bonferroni; Gandy 2009 bounds the same chance).
    """
    from scipy.special import bdtr, bdtrc

    if np.isnan(observed):
        return True
    counts, draws = np.array(_as_extreme(observed, null)), len(null)
    chance = np.minimum(bdtr(counts, draws, level), bdtrc(counts - 1, draws, level))
    return bool((chance <= RISK / looks).all())


def _as_extreme(observed: float, null: Floats) -> tuple[int, int]:
    near = _ROUNDING * abs(observed)
    upper = np.count_nonzero(~(null < observed - near))
    return int(upper), int(np.count_nonzero(~(null > observed + near)))


def wilson_interval(successes: int, tries: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a share by Wilson 1927, two-sided; it stays within 0 and 1."""
    from scipy.stats import binomtest

    found = binomtest(successes, tries).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)
