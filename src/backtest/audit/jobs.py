"""This module observes worlds in groups; one fresh process sees those of a group one by one.

What a strategy has kept in the memory of its process must not tell it of the future. So a group
goes on from early sessions to later ones, the full data have groups of their own, and the parent
process writes the worlds: a worker never holds data that are not in its current world. The groups
are the same for any number of processes, and so is the result.
"""

from __future__ import annotations

import shutil
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from backtest.audit.observe import Ask, Observation, environment, observe
from backtest.data.datafile import metadata_path
from backtest.errors import UsageError
from backtest.workspace.processes import WorkerPool

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

    from backtest.audit.worlds import World
    from backtest.data.kinds import When
    from backtest.data.tables import DataTables
    from backtest.engine.bars import RunBars
    from backtest.workspace.folders import Workspace

Observations = Iterator[tuple["Job", Observation]]
Observer = Callable[["Source", Sequence["JobGroup"]], Observations]

_USUAL_SEED = 1
_BARS = 50_000_000  # the most finer bars written for a kind of world, so that it takes minutes
_CALLS = 250_000  # the most calls of a strategy, likewise
_FEWEST = 20  # moments, or null worlds, however many tables and calls they take
_PRELOADED = ["pandas", "backtest.audit.jobs"]


@dataclass(frozen=True)
class Source:
    """A source is a workspace with the tables that a run reads, and when events are traded."""

    workspace: Workspace
    data: DataTables
    reaction: timedelta  # between publication and the earliest order
    at: When = "open"  # before which price of a session it is decided
    bars: RunBars | None = None  # what is replayed, where some bars are finer than sessions
    calls: int = 0  # of the strategy in a world

    def at_most(self, tables: int, worlds: int) -> int:
        """Return how many moments, of so many worlds each, can be tried within so many tables."""
        bars = sum(len(table) for table in self.data.tables.bars.values())
        limits = tables // len(self.data.files), _BARS // max(bars, 1), _CALLS // max(self.calls, 1)
        return max(_FEWEST, min(limits) // worlds)

    @property
    def unit(self) -> str:
        """Return what is traded first after a decision; worlds are made for each."""
        return "tradable bar" if self.bars else "session"

    @cached_property
    def by_bars_from(self) -> date:
        """Return the first session with finer bars; only for a run by bars."""
        assert self.bars is not None  # noqa: S101 - it is a run by bars
        of, finer = self.bars.of, self.bars.finer
        days = [np.intersect1d(finer[symbol].sessions, of[symbol].sessions) for symbol in of]
        first: date = np.concatenate(days).min().item()
        return first

    def as_is(self) -> World:
        """Return the world with the true data."""
        return self.data.tables

    def copy_to(self, root: Path) -> None:
        """Make a workspace of the strategies in an empty folder, for worlds to be written into.

        What else lies in the data folder and in the working folder, such as other bars, reports
        or a cache, is linked to.
        """
        shutil.copytree(
            self.workspace.strategies, root / "strategies",
            ignore=shutil.ignore_patterns("__pycache__", ".*"), ignore_dangling_symlinks=True,
        )  # fmt: skip
        for path in (root / "strategies").rglob("*"):  # copies of read-only files become writable
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        read = {self.workspace.data / name for name in self.data.files}
        read |= {metadata_path(path) for path in read}
        _link_all(self.workspace.data, root / "data", read)
        for path in Path.cwd().iterdir():
            if path.name not in ("strategies", "data") and not path.name.startswith("."):
                _link(path, root / path.name)

    def write(self, root: Path, world: World) -> None:
        """Write the tables of a world, with metadata that fit, into a folder of `copy_to`.

        Where its prices differ from the true ones, links to files that could tell these, such as
        other bars or a cache, are removed.
        """
        true = self.data.tables.frames
        if any(table is not true[name] for name, table in world.frames.items()):
            for path in (*root.iterdir(), *(root / "data").rglob("*")):
                if path.is_symlink():
                    path.unlink()
        self.data.write(root / "data", world)


def _link_all(data: Path, copy: Path, read: set[Path]) -> None:
    """Link to all files of a data folder but hidden ones and those that a run reads."""
    copy.mkdir()
    with suppress(PermissionError):  # a folder that nobody may list, such as lost+found
        for path in data.iterdir():
            if path.name.startswith(".") or path in read:
                continue
            if path.is_dir():
                _link_all(path, copy / path.name, read)
            else:
                _link(path, copy / path.name)


def _link(path: Path, link: Path) -> None:
    with suppress(OSError):  # not every system allows links
        link.symlink_to(path.absolute())


@dataclass(frozen=True, eq=False)
class Job:
    """A job is a world and what is asked in it; the world is made when its turn comes."""

    world: Callable[[], World]
    ask: Ask


@dataclass(frozen=True)
class JobGroup:
    """A group holds the jobs of one process, and its hash seed, which decides the order of sets."""

    jobs: Sequence[Job]
    hash_seed: int = _USUAL_SEED


def in_processes(source: Source, groups: Sequence[JobGroup], workers: int) -> Observations:
    """Observe all worlds, in up to `workers` processes at once; yield each job with what was seen.

    Raises BacktestError where a world cannot be read, and UsageError where a process was killed.
    """
    waiting, busy = deque(groups), dict["Future[Observation]", _Group]()
    with TemporaryDirectory(prefix="backtest-audit-", ignore_cleanup_errors=True) as root:
        folder = Path(root).resolve()
        try:
            while waiting or busy:
                while waiting and len(busy) < workers:
                    group = _Group(source, waiting.popleft(), folder / str(len(waiting)))
                    busy[group.submit()] = group
                for task in wait(busy, return_when=FIRST_COMPLETED).done:
                    yield busy[task].job, _observed(task)
                    group = busy.pop(task)
                    if group.jobs:
                        busy[group.submit()] = group
                    else:
                        group.stop()
        finally:
            for group in busy.values():
                group.stop()


def _observed(task: Future[Observation]) -> Observation:
    try:
        return task.result()
    except BrokenExecutor as error:
        raise UsageError(
            f"A process of the audit was ended ({error}). -9 often means that memory was short: "
            f"try fewer --workers."
        ) from None


class _Group:
    """`_Group` runs a job group in a process of its own; its folder holds one world at a time."""

    def __init__(self, source: Source, group: JobGroup, root: Path) -> None:
        self.jobs = deque(group.jobs)
        self.job: Job
        self._source, self._root, self._hash_seed = source, root, group.hash_seed
        self._pool = WorkerPool(1, _context(group.hash_seed))
        source.copy_to(root)

    def submit(self) -> Future[Observation]:
        """Write the next world, and have the process observe it."""
        self.job = self.jobs.popleft()
        self._source.write(self._root, self.job.world())
        with environment(PYTHONHASHSEED=str(self._hash_seed)):  # the first call starts the process
            return self._pool.submit(observe, self._root, self.job.ask)

    def stop(self) -> None:
        """End the process and remove its folder."""
        self._pool.shutdown(cancel_futures=True)
        shutil.rmtree(self._root, ignore_errors=True)


def _context(hash_seed: int) -> ForkServerContext | SpawnContext:
    """Return how to start a fresh process: forked from one that has loaded libraries and no data.

    A fork inherits its hash seed, so that another seed takes an interpreter of its own. So does
    every group where libraries of the system must not be forked.
    """
    if sys.platform != "linux" or hash_seed != _USUAL_SEED:
        return get_context("spawn")
    forked = get_context("forkserver")
    forked.set_forkserver_preload(_PRELOADED)
    return forked
