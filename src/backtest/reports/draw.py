"""Tear sheets of several runs, drawn on all processors."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from backtest.experiments.runs.store import Run, read_run
from backtest.workspace.processes import completed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def draw_tearsheets(runs: Sequence[Run]) -> Iterator[Run]:
    """Draw the tear sheets of runs on all processors; yields each run when its sheet is there."""
    if len(runs) == 1:  # a process of its own would cost more than it saves
        draw_tearsheet(runs[0].path)
        yield runs[0]
        return
    by_path = {run.path: run for run in runs}
    for path, task in completed(draw_tearsheet, by_path, os.cpu_count() or 1):
        task.result()
        yield by_path[path]


def draw_tearsheet(path: Path) -> None:
    """Draw the tear sheet of a run folder."""
    from backtest.reports.tearsheet import write_tearsheet

    write_tearsheet(read_run(path))
