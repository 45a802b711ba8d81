"""Worker processes of this machine, as an executor of `concurrent.futures`."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from backtest.errors import BacktestError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, SpawnContext

    Item = TypeVar("Item")
    Result = TypeVar("Result")
P = ParamSpec("P")
T = TypeVar("T")

MOST_TRIES = 3


class WorkerPool(ThreadPoolExecutor):
    """Processes that evaluate what is submitted; a thread for each waits for its answer.

    Where a process is killed, its future raises `BrokenExecutor` with the exit code, and the next
    call of `submit` starts another. `shutdown(cancel_futures=True)` kills what still runs.
    """

    def __init__(
        self, workers: int, context: ForkServerContext | SpawnContext | None = None
    ) -> None:
        super().__init__(workers)
        self._context = context or get_context("spawn")
        self._workers: list[_Worker] = []
        self._idle = SimpleQueue[_Worker]()

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a process call it; what travels must be found by import."""
        if len(self._workers) < self._max_workers:
            self._workers.append(_Worker(self._context))
            self._idle.put(self._workers[-1])
        return super().submit(self._run, call, args, kwargs)

    def _run(self, *job: Any) -> Any:
        worker = self._idle.get()
        try:
            answer = worker.call(job)
        except (EOFError, OSError):
            self._workers.remove(worker)
            raise BrokenExecutor(f"exit code {worker.stop()}") from None
        self._idle.put(worker)
        if isinstance(answer, BacktestError):
            raise answer
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """End the processes; after what was submitted, or at once where that is cancelled."""
        super().shutdown(wait=wait and not cancel_futures, cancel_futures=cancel_futures)
        for worker in list(self._workers):
            worker.kill()
        super().shutdown(wait=wait)
        for worker in self._workers:
            worker.stop()


def completed(
    call: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[tuple[Item, Future[Result]]]:
    """Call for each item in at most so many processes; yields items as they end, failures last.

    An item whose process is killed is tried again, three times in all. Only as many items are
    submitted as there are processes, so that few results are in memory at a time.
    """
    waiting, running = deque(items), dict["Future[Result]", "Item"]()
    killed = Counter[Any]()
    pool = WorkerPool(workers)

    def submit() -> None:
        while waiting and len(running) < workers:
            item = waiting.popleft()
            running[pool.submit(call, item)] = item

    try:
        submit()
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for task in sorted(done, key=lambda task: task.exception() is not None):
                item = running.pop(task)
                killed[item] += isinstance(task.exception(), BrokenExecutor)
                again = isinstance(task.exception(), BrokenExecutor) and killed[item] < MOST_TRIES
                if again:
                    waiting.appendleft(item)
                submit()  # before the result is used, so that no process waits for that
                if not again:
                    yield item, task
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker:
    """A process that makes one call after the other."""

    def __init__(self, context: ForkServerContext | SpawnContext) -> None:
        self._pipe, theirs = context.Pipe()
        terms = (theirs, dict(os.environ), gc.get_threshold())
        with _without_ctrl_c(), _without_main():
            self._process = context.Process(target=_serve, args=terms, daemon=True)
            self._process.start()
        theirs.close()

    def call(self, job: Any) -> Any:
        """The result, or what failed; EOFError or OSError where the process was killed."""
        self._pipe.send(job)
        return self._pipe.recv()

    def kill(self) -> None:
        """End the process; who waits for its answer is told."""
        self._process.kill()

    def stop(self) -> int | None:
        """End the process and give its exit code."""
        self._process.kill()
        self._process.join()
        self._pipe.close()
        return self._process.exitcode


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to this one."""
    if threading.current_thread() is not threading.main_thread():  # the others get no signals
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes do not import the script that calls: it needs no `if __name__ == "__main__"`."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _serve(
    pipe: Connection, environment: Mapping[str, str], thresholds: tuple[int, int, int]
) -> None:
    """What a worker does until its pipe is closed, or the process that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()  # one that is forked from a server has the environment of its start
    os.environ.update(environment)
    gc.set_threshold(*thresholds)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            call, args, kwargs = pipe.recv()
            try:
                pipe.send(call(*args, **kwargs))
            except BacktestError as error:
                pipe.send(error)
            except Exception:  # noqa: BLE001 - whatever a strategy does
                pipe.send(BacktestError(f"A worker process failed.\n{traceback.format_exc()}"))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone; runs in a thread."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of a call, for nobody takes its result any more
