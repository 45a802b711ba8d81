"""Compare with other engines, row by row: first the results must be equal, then time counts."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cases
import numpy as np
from sides import closing, compare, hold_equal, ours, peer
from turns import row
from worker import Arrays

from backtest.engine.rules import Rules

SETS = 10_000
WIDE_CASH = 1e8  # dollars: whole shares in more than a thousand positions at once
SWEEP = f"sweep of {SETS:,} sets on CRWV, all figures"
MINUTES = "1,000,000 minute bars, 2,500 trades"
WIDE = "5,000 symbols × 2,520 sessions, 300,000 signals, one account"


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Measure, row by row; see `turns.row`.

    Args:
        folder: folder in which the cases are written.

    """
    yield _sweep(folder)
    yield _sampled(
        folder,
        Rules(),
        "backtrader_optstrategy.py",
        "Backtrader, `optstrategy`, all cores",
        10_000,
    )
    yield _sampled(
        folder,
        Rules(slippage_bps=0, borrow_mode="none"),
        "backtesting_optimize.py",
        "backtesting.py, `optimize`, all cores",
        5_000,
    )
    yield _retimings(folder)
    yield from _minutes(folder)
    yield from _wide(folder)


def save(path: Path, case: Arrays) -> Path:
    """Write a case for the sides to read."""
    np.savez(path, **case)
    return path


def _sweep(folder: Path) -> dict[str, Any]:
    path = save(folder / "sweep.npz", cases.crwv(cases.GRID, Rules()))
    with closing(ours("ours.py", path, "1"), peer("vectorbt_sweep.py", path)) as (mine, other):
        pairs, memory = compare(mine, other, 9)
        hold_equal("sweep, vectorbt", mine.results(), other.results())
    against = "vectorbt, order functions, one core"
    return row(f"{SWEEP}, one core", against, pairs, 150, faster=True) | memory


def _sampled(folder: Path, rules: Rules, script: str, name: str, reach: int) -> dict[str, Any]:
    """Give all sets to us, and a sample of them to a peer that would take minutes."""
    full, sample = cases.crwv(cases.GRID, rules), cases.crwv(cases.SAMPLE, rules)
    chosen = np.all([np.isin(full[axis], sample[f"{axis}_axis"]) for axis in cases.SAMPLE], axis=0)
    paths = save(folder / "full.npz", full), save(folder / "sample.npz", sample)
    with closing(ours("ours.py", paths[0], "2"), peer(script, paths[1])) as (mine, other):
        pairs, _ = compare(mine, other, 5)
        found = {figure: values[chosen] for figure, values in mine.results().items()}
        hold_equal(script, found, other.results())
    pairs = [(our, their * SETS / chosen.sum()) for our, their in pairs]
    against = f"{name} (a sample of {chosen.sum():,})"
    return row(f"{SWEEP}, all cores", against, pairs, reach, faster=True)


def _retimings(folder: Path) -> dict[str, Any]:
    path = save(folder / "retimings.npz", cases.crwv(cases.GRID, Rules()))
    with closing(ours("retimings.py", path)) as (mine,):
        seconds = statistics.median(mine.run() for _ in range(21))
    work = "10,000 random re-timings of a strategy's signals"
    return {"work": work, "against": "–", "ours": seconds, "reach": "< 0.1 s"}


def _minutes(folder: Path) -> Iterator[dict[str, Any]]:
    path = save(folder / "minutes.npz", cases.minutes(1_000_000, 2_500, Rules()))
    with closing(ours("ours.py", path, "1"), peer("backtrader_once.py", path)) as (mine, other):
        pairs, _ = compare(mine, other, 3, warm=False)  # a minute each, and nothing to compile
        hold_equal("minutes, Backtrader", mine.results(), other.results())
    yield row(MINUTES, "Backtrader, its feed loaded", pairs, 5_000, faster=True)
    with closing(ours("ours.py", path, "1"), peer("vectorbt_sweep.py", path)) as (mine, other):
        pairs, memory = compare(mine, other, 9)
        hold_equal("minutes, vectorbt", mine.results(), other.results())
    yield row(MINUTES, "vectorbt, order functions", pairs, 20, faster=True) | memory


def _wide(folder: Path) -> Iterator[dict[str, Any]]:
    rules = Rules(cash=WIDE_CASH)
    path = save(folder / "wide.npz", cases.wide(5_000, 2_520, 300_000, rules))
    with closing(ours("ours.py", path, "1"), ours("bare_pass.py", path)) as (mine, bare):
        pairs, _ = compare(mine, bare, 21)
    yield row(WIDE, "a bare pass in numba over the same prices", pairs, 5)
    with closing(ours("ours.py", path, "1"), peer("vectorbt_wide.py", path)) as (mine, other):
        pairs, memory = compare(mine, other, 7)
        hold_equal("wide, vectorbt", mine.results(), other.results())
    yield row(WIDE, "vectorbt, order functions, cash shared", pairs, 15, faster=True) | memory
