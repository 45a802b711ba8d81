"""Measure how time grows with bars, symbols, sets and workers, as medians of repeated runs."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cases
import numpy as np
from rows import WIDE_CASH, save
from sides import closing, ours
from worker import Arrays

from backtest.engine.rules import Rules

Table = list[tuple[int, float]]
PROGRAM = Path(sys.executable).with_name("backtest")
MILLION = ("--grid=hold=1:40", "--grid=stop=0.0001:0.25:0.0001", "--grid=threshold=0:0.45:0.05")


def tables(folder: Path) -> Iterator[tuple[str, Table]]:
    """Return the seconds by size, for each thing that grows."""
    rules, rich = Rules(), Rules(cash=WIDE_CASH)
    sizes = (100_000, 300_000, 1_000_000)
    minutes = ((size, cases.minutes(size, size // 400, rules)) for size in sizes)
    yield "minute bars, a trade in 400, one core", _kernel(folder, minutes)
    sizes = (500, 1_500, 5_000)
    wide = ((size, cases.wide(size, 2_520, 60 * size, rich)) for size in sizes)
    yield "symbols in one account, 2,520 sessions, 60 signals each, one core", _kernel(folder, wide)
    stops = {400 * count: np.linspace(0.02, 0.26, count) for count in (25, 250, 2_500)}
    grids = ((size, cases.crwv(cases.GRID | {"stop": axis}, rules)) for size, axis in stops.items())
    yield "sets of parameters, CRWV, one core", _kernel(folder, grids)
    commands = [(workers, _command(workers)) for workers in (1, 2, 4)]
    yield "workers, `backtest sweep` of 1,000,000 sets, whole command with its page", commands


def _kernel(folder: Path, sizes: Iterable[tuple[int, Arrays]]) -> Table:
    table = []
    for size, case in sizes:
        with closing(ours("ours.py", save(folder / "growth.npz", case), "1")) as (side,):
            side.run()
            table.append((size, statistics.median(side.run() for _ in range(9))))
    return table


def _command(workers: int) -> float:
    return statistics.median(_sweep(workers) for _ in range(3))


def _sweep(workers: int) -> float:
    with tempfile.TemporaryDirectory() as out:
        command = [PROGRAM, "sweep", "earnings_surprise", *MILLION, f"--workers={workers}"]
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, f"--out={out}"],
            cwd=cases.DATA.parent,
            check=False,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(done.stderr)
    return seconds
