"""Lanes: worlds that one fresh process sees one after the other.

What a strategy has kept in the memory of its process must not tell it of the future. So a lane goes
on from early sessions to later ones, the full data have lanes of their own, and the process that
asks writes the worlds: a worker never holds data that are not in the world which it stands in. The
lanes are the same for any number of processes, and so is the result.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from backtest.audit.observe import Ask, Observation, observe
from backtest.errors import BacktestError
from backtest.workspace.processes import end_with_parent, without_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerContext, SpawnContext

    from backtest.audit.source import Source, World

    Seen = Iterator[tuple["Job", Observation]]
    Crew = Callable[[Source, Sequence["Lane"]], Seen]

_HASH_SEED = "PYTHONHASHSEED"
_USUAL_SEED = 1
_PRELOADED = ["pandas", "backtest.audit.lanes"]


@dataclass(frozen=True, eq=False)
class Job:
    """A world, and what is asked in it; the world is made when its turn comes."""

    world: Callable[[], World]
    ask: Ask


@dataclass(frozen=True)
class Lane:
    """The jobs of one process, and the seed of its hashes, which decides the order of sets."""

    jobs: Sequence[Job]
    hash_seed: int = _USUAL_SEED


def in_this_process(source: Source, lanes: Sequence[Lane]) -> Seen:
    """Observe all worlds here: for few and small ones, of a strategy that is trusted."""
    with _folder() as folder:
        for number, lane in enumerate(lanes):
            root = folder / str(number)
            source.copy_to(root)
            for job in lane.jobs:
                source.write(root, job.world())
                yield job, observe(root, job.ask)


def in_processes(source: Source, lanes: Sequence[Lane], workers: int) -> Seen:
    """Observe all worlds, in up to `workers` processes at once.

    Raises:
        BacktestError: a world cannot be read, or a process was killed.

    """
    waiting, busy = deque(lanes), dict[Connection, _Worker]()
    with _folder() as folder:
        try:
            while waiting or busy:
                while waiting and len(busy) < workers:
                    root = folder / str(len(waiting))
                    worker = _Worker(source, waiting.popleft(), root)
                    busy[worker.pipe] = worker
                for pipe in wait(list(busy)):
                    worker = busy[pipe]  # type: ignore[index]  # those that were asked for
                    yield worker.collect()
                    if not worker.begin():
                        del busy[worker.pipe]
                        worker.stop()
        finally:
            for worker in busy.values():
                worker.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="backtest-audit-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


class _Worker:
    """A process with a folder, in which it sees one world after the other."""

    def __init__(self, source: Source, lane: Lane, root: Path) -> None:
        self._source, self._root, self._jobs = source, root, deque(lane.jobs)
        self._job: Job | None = None
        source.copy_to(root)
        context = _context(lane.hash_seed)
        self.pipe, theirs = context.Pipe()
        with without_ctrl_c(), _hash_seed(lane.hash_seed):
            terms = (theirs, root, dict(os.environ))
            self._process = context.Process(target=_serve, args=terms, daemon=True)
            self._process.start()
        theirs.close()
        self.begin()

    def begin(self) -> bool:
        """Write the next world and ask; whether there was one."""
        self._job = self._jobs.popleft() if self._jobs else None
        if self._job is not None:
            self._source.write(self._root, self._job.world())
            with suppress(OSError):  # it was killed: its answer tells
                self.pipe.send(self._job.ask)
        return self._job is not None

    def collect(self) -> tuple[Job, Observation]:
        """The job that has ended, and what was seen."""
        try:
            seen: Observation | BacktestError = self.pipe.recv()
        except (EOFError, OSError):
            code = self.stop()
            raise BacktestError(
                f"A process of the audit was ended (exit code {code}). -9 often means that memory "
                f"was short: try fewer --workers."
            ) from None
        if isinstance(seen, BacktestError):
            raise seen
        assert self._job is not None  # noqa: S101 - it was asked
        return self._job, seen

    def stop(self) -> int | None:
        """End the process, clear its folder and give its exit code."""
        self._process.kill()
        self._process.join()
        self.pipe.close()
        shutil.rmtree(self._root, ignore_errors=True)
        return self._process.exitcode


def _context(hash_seed: int) -> ForkServerContext | SpawnContext:
    """How a fresh process is started: forked from one that has loaded libraries and no data.

    The seed of hashes is that of the process forked from, so that another seed takes an interpreter
    of its own. So does every lane where libraries of the system must not be forked.
    """
    if sys.platform != "linux" or hash_seed != _USUAL_SEED:
        return get_context("spawn")
    forked = get_context("forkserver")
    forked.set_forkserver_preload(_PRELOADED)
    return forked


@contextmanager
def _hash_seed(seed: int) -> Iterator[None]:
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_HASH_SEED]
        else:
            os.environ[_HASH_SEED] = before


def _serve(pipe: Connection, root: Path, environment: Mapping[str, str]) -> None:
    """What a worker does until its pipe is closed, or the process that asked is gone."""
    os.environ.clear()  # the one forked from keeps that in which it was started
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            ask = pipe.recv()
            try:
                pipe.send(observe(root, ask))
            except BacktestError as error:
                pipe.send(error)
            except Exception:  # noqa: BLE001 - told by the process that asked
                pipe.send(BacktestError(f"The audit has failed:\n{traceback.format_exc()}"))
