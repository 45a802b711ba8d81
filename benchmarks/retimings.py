"""Time ten thousand random re-timings of a strategy's signals, as a placebo test needs them."""

from collections.abc import Callable

import numpy as np
from ours import panel_of, rates_of
from worker import Arrays, serve

from backtest.engine.kernel import SIGNAL
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.stats.figures import figures_of_totals

DRAWS = 10_000


def prepare(case: Arrays) -> Callable[[], Arrays]:
    panel = panel_of(case)
    rules = Rules.model_validate_json(case["rules"].item())
    rates = rates_of(case, panel.symbols[0])
    count, bars = len(case["bar"]), len(case["time"])
    starts = np.arange(DRAWS + 1) * count

    def work() -> Arrays:
        rng = np.random.default_rng(1)
        rows = np.zeros((DRAWS, count), SIGNAL)
        rows["bar"] = np.sort(_distinct(rng, bars, (DRAWS, count)), axis=1)
        rows["side"] = rng.permuted(np.tile(case["side"], (DRAWS, 1)), axis=1)
        rows["weight"], rows["hold"], rows["stop"] = 0.95, 10, 0.15
        rows["target"] = rows["trailing_stop"] = np.nan
        done = simulate(panel, rows.ravel(), starts, rules, rates)
        return figures_of_totals(done.totals, rules.cash, bars)

    work()  # compiles
    return work


def _distinct(rng: np.random.Generator, bars: int, shape: tuple[int, int]) -> np.ndarray:
    """Draw rows of distinct bars; a row with a repetition is drawn again."""
    drawn = rng.integers(0, bars, shape)
    while True:
        ordered = np.sort(drawn, axis=1)
        again = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not again.any():
            return drawn
        drawn[again] = rng.integers(0, bars, (again.sum(), shape[1]))


if __name__ == "__main__":
    serve(prepare)
