"""The permutation test: would random days of the same stock have done as much?

For few events of one firm no limit theorem helps; random days of its own history do (in the
spirit of Nguyen & Wolf 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats.drawing import distinct
from backtest.stats.multiple_testing import monte_carlo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest.stats.multiple_testing import MonteCarlo

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Permutation:
    """The average CAR of the events, beside those of random days.

    Attributes:
        caar: of the events, a fraction.
        null: of random days, shape (B,).
        p: where the events stand among them.
        days: how many days could be drawn, all series together.

    """

    caar: float
    null: Floats
    p: MonteCarlo
    days: int


def permutation_test(
    cars: Sequence[Floats],
    events: Sequence[Ints],
    *,
    length: int = 1,
    seed: int,
    draws: int,
) -> Permutation | None:
    """Hold the average CAR of the events against that of random days.

    Each series' random days are among all on which its CAR is known, its own events' days too.
    Windows overlap as much as the true ones do: of the gaps between successive events, that from
    the last round to the first included, those shorter than a window stay as they are, the others
    are any that are not shorter, all orders and starts being equally likely. If the true days are
    random, the test is exact whatever the returns.

    Args:
        cars: of each series, the CAR that an event on each day would have had, shape (T,); NaN
            where unknown.
        events: of each series, the days of its events; those whose CAR is unknown are left out.
        length: sessions of the window that the CAR is over.
        seed: of the draws.
        draws: how many.

    Returns:
        None where no event's CAR is known.

    """
    rng = np.random.default_rng(seed)
    null, total, count, among = np.zeros(draws), 0.0, 0, 0
    for series, own in zip(cars, events, strict=True):
        known = np.flatnonzero(~np.isnan(series))
        places = np.searchsorted(known, np.sort(own[np.isin(own, known)]))
        if len(places):
            values = series[known]
            null += values[_random_places(rng, places, len(known), length, draws)].sum(axis=1)
            total += float(values[places].sum())
            count += len(places)
            among += len(known)
    if count == 0:
        return None
    p = monte_carlo(total / count, null / count)
    return None if p is None else Permutation(total / count, null / count, p, among)


def _random_places(
    rng: np.random.Generator, places: Ints, among: int, length: int, draws: int
) -> Ints:
    """Places on a circle of `among` days, as close together as `places`, shape (draws, places)."""
    gaps = np.diff(places, append=places[0] + among)
    short = gaps[gaps < length]
    free = len(gaps) - len(short)
    slack = int(among - short.sum() - free * length)
    long = length + _parts(rng, draws, free, slack)
    drawn = rng.permuted(np.hstack([np.tile(short, (draws, 1)), long]), axis=1)
    starts = rng.integers(among, size=(draws, 1))
    return np.asarray((starts + np.cumsum(drawn, axis=1)) % among, np.int64)


def _parts(rng: np.random.Generator, draws: int, count: int, total: int) -> Ints:
    """`count` whole numbers from 0 up that make `total`, all such rows equally likely."""
    if count == 0:
        return np.empty((draws, 0), np.int64)
    bars = np.sort(distinct(rng, draws, count - 1, total + count - 1), axis=1)
    ends = np.full((draws, 1), total + count - 1)
    return np.diff(np.hstack([np.full((draws, 1), -1), bars, ends]), axis=1) - 1
