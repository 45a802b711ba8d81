"""Tear sheets of several runs, drawn on all processors."""

from __future__ import annotations

import gc
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TYPE_CHECKING

from backtest.experiments.runs.store import Run, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def draw_tearsheets(runs: Sequence[Run]) -> Iterator[Run]:
    """Draw the tear sheets of runs on all processors; yields each run when its sheet is there."""
    if len(runs) == 1:  # a process of its own would cost more than it saves
        draw_tearsheet(runs[0].path)
        yield runs[0]
        return
    workers = min(len(runs), os.cpu_count() or 1)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=gc.get_threshold(),
    )
    try:
        # Workers are started by the first submit and inherit what becomes of Ctrl-C.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            pending = {pool.submit(draw_tearsheet, run.path): run for run in runs}
        finally:
            signal.signal(signal.SIGINT, before)
        for done in as_completed(pending):
            done.result()
            yield pending[done]
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(*thresholds: int) -> None:
    """Search for garbage as seldom as the parent does, and leave Ctrl-C to it."""
    gc.set_threshold(*thresholds)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def draw_tearsheet(path: Path) -> None:
    """Draw the tear sheet of a run folder."""
    from backtest.reports.tearsheet import write_tearsheet

    write_tearsheet(read_run(path))
