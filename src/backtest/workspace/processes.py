"""Work in other processes: of this machine, as an executor, and of a Dask cluster."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from backtest.errors import BacktestError, UsageError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, SpawnContext

    from distributed import Client
    from distributed import Future as Task

    Item = TypeVar("Item")
    Output = TypeVar("Output")

P = ParamSpec("P")
T = TypeVar("T")

MOST_TRIES = 3
_CONNECT = 20.0  # seconds for the scheduler to answer, and for its first worker to come
_PATIENCE = 60.0  # seconds without news after which it is asked whether workers are left
_AHEAD = 2  # chunks that are given out for each thread of the cluster


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
        if isinstance(answer, BacktestError | KeyboardInterrupt):
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
    call: Callable[[Item], Output], items: Iterable[Item], workers: int
) -> Generator[tuple[Item, Future[Output]]]:
    """Call for each item in at most so many processes; yields items as they end, failures last.

    An item whose process is killed is tried again, three times in all. Only as many items are
    submitted as there are processes, so that few results are in memory at a time.
    """
    waiting, running = deque(items), dict["Future[Output]", "Item"]()
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
    """Processes that are started meanwhile leave Ctrl-C to this one, which heeds it at the end."""
    if threading.current_thread() is not threading.main_thread():  # the others get no signals
        yield
        return
    if sys.platform == "win32":  # it has no mask
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        return
    resource_tracker.ensure_running()  # it would lift the mask
    pressed: list[int] = []  # another thread may be handed the signal all the same
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is started inherits it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)


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
    sys.stdout = sys.stderr  # what a strategy prints here is no part of what the command prints
    os.environ.clear()  # one that is forked from a server has the environment of its start
    os.environ.update(environment)
    gc.set_threshold(*thresholds)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            call, args, kwargs = pipe.recv()
            try:
                pipe.send(call(*args, **kwargs))
            except (BacktestError, KeyboardInterrupt) as error:  # which a strategy has raised
                pipe.send(error)
            except BaseException:  # noqa: BLE001 - whatever a strategy does
                pipe.send(BacktestError(f"A worker process failed.\n{traceback.format_exc()}"))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone; runs in a thread."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of a call, for nobody takes its result any more


def on_cluster(
    evaluate: Callable[[str, int], bytes],
    prepare: Callable[[str], object],
    spec_json: str,
    todo: Sequence[int],
    address: str,
) -> Generator[tuple[int, bytes]]:
    """Each chunk with its part as it ends; every worker has to `prepare` first.

    Raises UsageError where the cluster cannot be reached or is lost, or a worker cannot prepare,
    and BacktestError where a chunk has failed, or has ended too many workers.
    """
    with _connect(address) as client, _lost(address):
        _check_workers(client, address, prepare, spec_json)
        waiting = deque(todo)
        running: dict[Task[bytes], int] = {}
        try:
            while waiting or running:
                threads = sum(client.nthreads().values())
                while waiting and len(running) < _AHEAD * max(1, threads):
                    chunk = waiting.popleft()
                    task = client.submit(on_worker, evaluate, spec_json, chunk, pure=False)
                    running[task] = chunk
                for task in _ended(client, address, running):
                    content = _part(task, running[task])
                    if content is not None:
                        yield running.pop(task), content
        finally:
            client.cancel(list(running))


def on_worker(evaluate: Callable[[str, int], bytes], spec_json: str, chunk: int) -> bytes:
    """Evaluate a chunk with the folders that the worker finds; a failure has its address."""
    from distributed import get_worker

    try:
        return evaluate(spec_json, chunk)
    except BacktestError as error:
        raise type(error)(f"Worker {get_worker().address}: {error}") from None


async def prepare_worker(prepare: Callable[[str], object], spec_json: str) -> None:
    """Prepare in a thread: a worker has to answer while it reads."""
    import asyncio

    await asyncio.to_thread(prepare, spec_json)


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    import asyncio
    import logging

    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--cluster needs Dask. Install it with: pip install 'backtest[cluster]'"
        ) from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # it raises as well
    try:
        kind = asyncio.run(asyncio.wait_for(_kind(address), _CONNECT))
        if kind != "Scheduler":
            raise ValueError(f"a {kind} answers there")  # noqa: TRY301
        client = Client(address, timeout=_CONNECT)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"No Dask scheduler at {address}: {str(error) or f'no answer in {_CONNECT:.0f} s'}. "
            f"--cluster takes the address that `dask scheduler` prints when it starts, such as "
            f"tcp://10.0.0.5:8786; `dask worker ADDRESS` on each machine gives it workers."
        ) from None
    with client:
        yield client


async def _kind(address: str) -> str:
    """What answers at an address. A client would wait for ever for one that is silent."""
    from distributed import Security
    from distributed.core import rpc

    async with rpc(address, connection_args=Security().get_connection_args("client")) as peer:
        identity = await peer.identity()
    return str(identity["type"])


def _check_workers(
    client: Client, address: str, prepare: Callable[[str], object], spec_json: str
) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT)
    except TimeoutError:
        raise UsageError(_no_worker(address)) from None
    found = client.run(prepare_worker, prepare, spec_json, on_error="return")
    wrong = [
        f"{worker}: {fault if isinstance(fault, BacktestError) else repr(fault)}"
        for worker, fault in sorted(found.items())
        if fault
    ]
    if wrong:
        raise UsageError(
            f"{len(wrong)} of {len(found)} workers of {address} cannot evaluate this sweep. Give "
            f"them the same program, strategies and data as here, or take them off the cluster.\n  "
            + "\n  ".join(wrong)
        )


def _ended(
    client: Client, address: str, running: Collection[Task[bytes]]
) -> Collection[Task[bytes]]:
    """Wait until some tasks have ended; those that failed come last."""
    from distributed import wait

    while True:
        try:
            answer = wait(list(running), timeout=_PATIENCE, return_when="FIRST_COMPLETED")
        except TimeoutError:
            if not client.nthreads():
                raise UsageError(_no_worker(address)) from None
        else:
            return sorted(answer.done, key=lambda task: task.status != "finished")


def _part(task: Task[bytes], chunk: int) -> bytes | None:
    """The part of a chunk; None where it was lost with its worker, and is evaluated anew."""
    from distributed import KilledWorker

    try:
        content: bytes = task.result(timeout=_PATIENCE)
    except TimeoutError:
        return None
    except KilledWorker as error:
        raise BacktestError(
            f"Chunk {chunk} was given up: {error.allowed_failures + 1} workers ended while they "
            f"evaluated it, the last at {error.last_worker.address}. Is memory short there? The "
            f"parts that had ended are kept, and the same command goes on from them."
        ) from None
    return content


def _no_worker(address: str) -> str:
    return (
        f"The scheduler at {address} has no worker. Start one with `dask worker {address}` where "
        f"this program, the strategies and the data are. The same command then goes on."
    )


@contextmanager
def _lost(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, CancelledError):
        raise UsageError(
            f"The scheduler at {address} was lost. The parts that had ended are kept: start it and "
            f"its workers again, and the same command goes on from them."
        ) from None
