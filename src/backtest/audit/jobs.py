"""Groups of jobs: worlds that one fresh process sees one after the other.

What a strategy has kept in the memory of its process must not tell it of the future. So a group
goes on from early sessions to later ones, the full data have groups of their own, and the process
that asks writes the worlds: a worker never holds data that are not in the world which it stands in.
The groups are the same for any number of processes, and so is the result.
"""

from __future__ import annotations

import shutil
import sys
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from backtest.audit.observe import Observation, environment, observe
from backtest.errors import UsageError
from backtest.workspace.processes import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.context import ForkServerContext, SpawnContext

    from backtest.audit.observe import Ask
    from backtest.audit.worlds import Source, World

    Seen = Iterator[tuple["Job", Observation]]
    Observer = Callable[[Source, Sequence["JobGroup"]], Seen]

_USUAL_SEED = 1
_PRELOADED = ["pandas", "backtest.audit.jobs"]


@dataclass(frozen=True, eq=False)
class Job:
    """A world, and what is asked in it; the world is made when its turn comes."""

    world: Callable[[], World]
    ask: Ask


@dataclass(frozen=True)
class JobGroup:
    """The jobs of one process, and the seed of its hashes, which decides the order of sets."""

    jobs: Sequence[Job]
    hash_seed: int = _USUAL_SEED


def in_processes(source: Source, groups: Sequence[JobGroup], workers: int) -> Seen:
    """Observe all worlds, in up to `workers` processes at once.

    BacktestError where a world cannot be read, or a process was killed.
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
    """A group under way: a process of its own with a folder that holds one world at a time."""

    def __init__(self, source: Source, group: JobGroup, root: Path) -> None:
        self.jobs = deque(group.jobs)
        self.job: Job
        self._source, self._root, self._hash_seed = source, root, group.hash_seed
        self._pool = WorkerPool(1, _context(group.hash_seed))
        source.copy_to(root)

    def submit(self) -> Future[Observation]:
        """Write the next world and have it observed."""
        self.job = self.jobs.popleft()
        self._source.write(self._root, self.job.world())
        with environment(PYTHONHASHSEED=str(self._hash_seed)):  # the first call starts the process
            return self._pool.submit(observe, self._root, self.job.ask)

    def stop(self) -> None:
        """End the process and clear its folder."""
        self._pool.shutdown(cancel_futures=True)
        shutil.rmtree(self._root, ignore_errors=True)


def _context(hash_seed: int) -> ForkServerContext | SpawnContext:
    """How a fresh process is started: forked from one that has loaded libraries and no data.

    The seed of hashes is that of the process forked from, so that another seed takes an interpreter
    of its own. So does every group where libraries of the system must not be forked.
    """
    if sys.platform != "linux" or hash_seed != _USUAL_SEED:
        return get_context("spawn")
    forked = get_context("forkserver")
    forked.set_forkserver_preload(_PRELOADED)
    return forked
