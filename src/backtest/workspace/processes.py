"""Work in processes of this machine; where one is killed, another takes its work."""

from __future__ import annotations

import os
import signal
import traceback
from collections import Counter, deque
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import TYPE_CHECKING

from backtest.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    Evaluate = Callable[[int], bytes]
    Parts = Generator[tuple[int, bytes]]

_MOST_TRIES = 3


def in_processes(evaluate: Evaluate, chunks: Sequence[int], workers: int) -> Parts:
    """Evaluate chunks, by number, in at most so many processes; each comes as it ends.

    Raises:
        BacktestError: a chunk has failed, or has ended its process again and again.

    """
    pool = _Pool(evaluate, chunks, workers)
    try:
        pool.hand_out()
        while pool.busy:
            yield from pool.collect()
    finally:
        pool.stop()


class _Pool:
    def __init__(self, evaluate: Evaluate, chunks: Sequence[int], workers: int) -> None:
        self.busy: dict[Connection, tuple[_Worker, int]] = {}
        self._evaluate = evaluate
        self._waiting = deque(chunks)
        self._most = workers
        self._started: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._killed: Counter[int] = Counter()

    def hand_out(self) -> None:
        """Give a chunk to everyone who has none, as long as there are any."""
        while self._waiting and len(self.busy) < self._most:
            if not self._idle:
                self._idle.append(_Worker(self._evaluate))
                self._started.append(self._idle[-1])
            worker, chunk = self._idle.pop(), self._waiting.popleft()
            worker.begin(chunk)
            self.busy[worker.pipe] = (worker, chunk)

    def collect(self) -> Iterator[tuple[int, bytes]]:
        """Wait for an answer, and give the parts that have ended by then."""
        fault: BacktestError | None = None
        ready = wait(list(self.busy))
        for pipe in [pipe for pipe in self.busy if pipe in ready]:
            worker, chunk = self.busy.pop(pipe)
            answer = worker.answer()
            if answer is None:
                answer = self._try_again(worker, chunk)
            else:
                self._idle.append(worker)
            if isinstance(answer, BacktestError):
                fault = answer  # the others that are ready come first
                continue
            self.hand_out()  # before the part is written, so that nobody waits for it
            if answer is not None:
                yield chunk, answer
        if fault:
            raise fault

    def _try_again(self, worker: _Worker, chunk: int) -> BacktestError | None:
        self._waiting.appendleft(chunk)
        self._killed[chunk] += 1
        if self._killed[chunk] < _MOST_TRIES:
            return None
        return BacktestError(
            f"Chunk {chunk} has ended its process {_MOST_TRIES} times (last with exit code "
            f"{worker.stop()}). -9 often means that memory was short: try fewer --workers. The "
            f"parts that had ended are kept, and the same command goes on from them."
        )

    def stop(self) -> None:
        """End all processes, whatever they do."""
        for worker in self._started:
            worker.stop()


class _Worker:
    """A process that evaluates one chunk after the other."""

    def __init__(self, evaluate: Evaluate) -> None:
        spawn = get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, evaluate), daemon=True)
        with without_ctrl_c():
            self._process.start()
        theirs.close()

    def begin(self, chunk: int) -> None:
        """Send it a chunk."""
        with suppress(OSError):  # it was killed: its answer tells
            self.pipe.send(chunk)

    def answer(self) -> bytes | BacktestError | None:
        """The part of its chunk, or what failed; None where it was killed."""
        try:
            answer: bytes | BacktestError = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return answer

    def stop(self) -> int | None:
        """End the process and give its exit code."""
        self._process.kill()
        self._process.join()
        self.pipe.close()
        return self._process.exitcode


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to this one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, evaluate: Evaluate) -> None:
    """What a worker does until its pipe is closed, or its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            chunk = pipe.recv()
            try:
                pipe.send(attempt(evaluate, chunk))
            except BacktestError as error:
                pipe.send(error)


def end_with_parent() -> None:
    """End this process when the one that started it is gone; runs in a thread."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of a chunk, for nobody takes it any more


def attempt(evaluate: Evaluate, chunk: int) -> bytes:
    """Evaluate a chunk where every failure has to travel.

    Raises:
        BacktestError: whatever failed; a fault of the program has its traceback.

    """
    try:
        return evaluate(chunk)
    except BacktestError:
        raise
    except Exception:  # noqa: BLE001 - whatever a strategy does
        raise BacktestError(f"Chunk {chunk} failed.\n{traceback.format_exc()}") from None
