"""The null world: made-up prices that nobody could predict, and events on random days.

Whatever the tests find there is luck. A test of level 5 % should find something in 5 of 100 worlds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.engine.kernel.records import SIGNAL
from backtest.engine.rules import Rules
from backtest.experiments.runs.placebo import random_timing
from backtest.stats.event_study.study import Series, study
from backtest.stats.multiple_testing import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.05
_SESSIONS, _EVENTS = 200, 6  # few, as those of a young stock
_FIRST_DAY = "2001-01-01"  # of the made-up sessions, every day one
_WINDOW = (0, 5)
_HOLD, _STOP, _WEIGHT = 10, 0.15, 0.95


@dataclass(frozen=True)
class Calibration:
    """How often a test found something where there was nothing.

    Attributes:
        test: its name.
        significant: worlds in which its p-value was at most 5 %.
        worlds: how many there were.

    """

    test: str
    significant: int
    worlds: int

    @property
    def share(self) -> float:
        """Share of the worlds."""
        return self.significant / self.worlds

    @property
    def interval(self) -> tuple[float, float]:
        """Its Wilson interval, 95 %."""
        return wilson_interval(self.significant, self.worlds)

    @property
    def is_calibrated(self) -> bool:
        """Whether the interval holds the level."""
        low, high = self.interval
        return low <= LEVEL <= high

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        told = {"share": self.share, "interval": list(self.interval), "level": LEVEL}
        return {**vars(self), **told, "is_calibrated": self.is_calibrated}


def null_world(worlds: int, *, seed: int, draws: int = 399) -> list[Calibration]:
    """Study and trade random events on made-up random walks, many times.

    Args:
        worlds: how many stocks are made up.
        seed: of all that is random.
        draws: of each permutation test and each placebo.

    """
    rng = np.random.default_rng(seed)
    found: dict[str, int] = {"permutation test of the CAAR": 0, "placebo of the total return": 0}
    for _ in range(worlds):
        p_values = _permutation(rng, draws), _placebo(rng, draws)
        for name, p in zip(found, p_values, strict=True):
            found[name] += p <= LEVEL
    return [Calibration(name, count, worlds) for name, count in found.items()]


def _permutation(rng: np.random.Generator, draws: int) -> float:
    """The two-sided p-value of a study of random days."""
    market, own = _returns(rng)
    days = np.sort(rng.choice(_SESSIONS, _EVENTS, replace=False))
    found = study([Series("made up", own, market, days)], [_WINDOW], seed=_seed(rng), draws=draws)
    permutation = found.windows[0].permutation
    return 1.0 if permutation is None else permutation.p.two_sided


def _placebo(rng: np.random.Generator, draws: int) -> float:
    """The chance that random timing does as well as signals at random times."""
    _, own = _returns(rng)
    panel = _panel(rng, own)
    signals = np.zeros(_EVENTS, SIGNAL)
    signals["bar"] = np.sort(rng.choice(_SESSIONS, _EVENTS, replace=False))
    signals["side"] = rng.choice([-1, 1], _EVENTS)
    signals["hold"], signals["weight"], signals["stop"] = _HOLD, _WEIGHT, _STOP
    signals["target"] = signals["trailing_stop"] = np.nan
    null = random_timing(panel, signals, Rules(), {}, seed=_seed(rng), draws=draws)
    standing = null.standing("total_return")
    return 1.0 if standing is None else standing.upper


def _returns(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Independent returns of a market and of a stock with fat tails, shape (T,) each."""
    market = rng.normal(0, 0.01, _SESSIONS)
    return market, 1.5 * market + 0.03 * rng.standard_t(4, _SESSIONS).clip(-8, 8)


def _panel(rng: np.random.Generator, returns: Floats) -> Panel:
    """Daily bars of the walk: opens between the closes, ranges round both."""
    closes = 100 * np.cumprod(1 + returns)
    before = np.concatenate(([100.0], closes[:-1]))
    opens = before + rng.uniform(0, 1, _SESSIONS) * (closes - before)
    reach = 1 + np.abs(rng.normal(0, 0.01, (2, _SESSIONS)))
    bars = blank_prices((_SESSIONS, 1))
    bars["open"][:, 0], bars["close"][:, 0] = opens, closes
    bars["high"][:, 0] = np.maximum(opens, closes) * reach[0]
    bars["low"][:, 0] = np.minimum(opens, closes) / reach[1]
    sessions = np.datetime64(_FIRST_DAY) + np.arange(_SESSIONS)
    return Panel(("MADE",), sessions.astype("M8[us]"), sessions, bars, np.empty((0, 0)))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))
