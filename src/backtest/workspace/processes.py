"""Run work in other processes: on this machine as an executor, or on a Dask cluster."""

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
_PATIENCE = 60.0  # seconds without a result after which we ask whether any worker is left
_AHEAD = 2  # chunks that are submitted for each thread of the cluster


class WorkerPool(ThreadPoolExecutor):
    """A worker pool evaluates calls in processes; a thread for each waits for its result.

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
        """Have a process make the call; it must be importable and picklable."""
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
        """End the processes once all calls are done, or at once with `cancel_futures`."""
        super().shutdown(wait=wait and not cancel_futures, cancel_futures=cancel_futures)
        for worker in list(self._workers):
            worker.kill()
        super().shutdown(wait=wait)
        for worker in self._workers:
            worker.stop()


def completed(
    call: Callable[[Item], Output], items: Iterable[Item], workers: int
) -> Generator[tuple[Item, Future[Output]]]:
    """Call for each item in at most `workers` processes; yield items as they end, failures last.

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
    """A worker is a process that makes one call after another."""

    def __init__(self, context: ForkServerContext | SpawnContext) -> None:
        self._pipe, remote = context.Pipe()
        args = (remote, dict(os.environ), gc.get_threshold())
        with _without_ctrl_c(), _without_main():
            self._process = context.Process(target=_serve, args=args, daemon=True)
            self._process.start()
        remote.close()

    def call(self, job: Any) -> Any:
        """Return the result or the error; raise EOFError or OSError where the process is killed."""
        self._pipe.send(job)
        return self._pipe.recv()

    def kill(self) -> None:
        """End the process; a `call` that waits for its answer raises."""
        self._process.kill()

    def stop(self) -> int | None:
        """End the process and return its exit code."""
        self._process.kill()
        self._process.join()
        self._pipe.close()
        return self._process.exitcode


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Make processes started meanwhile ignore Ctrl-C, and handle it here once they have started."""
    if threading.current_thread() is not threading.main_thread():  # other threads get no signals
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
    """Keep processes from importing the calling script, which then needs no `__main__` guard."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _serve(
    pipe: Connection, environment: Mapping[str, str], thresholds: tuple[int, int, int]
) -> None:
    """Serve calls until the pipe is closed, or the process that started this one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr  # what a strategy prints here is no part of what the command prints
    os.environ.clear()  # a fork server still has the environment that it was started with
    os.environ.update(environment)
    gc.set_threshold(*thresholds)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            call, args, kwargs = pipe.recv()
            try:
                pipe.send(call(*args, **kwargs))
            except (BacktestError, KeyboardInterrupt) as error:  # a strategy may raise either
                pipe.send(error)
            except BaseException:  # noqa: BLE001 - a strategy may raise anything
                pipe.send(BacktestError(f"A worker process failed.\n{traceback.format_exc()}"))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone; runs in a thread."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # even in the middle of a call: nobody is left to take its result


def on_cluster(
    evaluate: Callable[[str, int], bytes],
    prepare: Callable[[str], object],
    spec_json: str,
    todo: Sequence[int],
    address: str,
) -> Generator[tuple[int, bytes]]:
    """Yield each chunk with its evaluated bytes as it ends; every worker calls `prepare` first.

    Raise UsageError where the cluster cannot be reached or is lost, or a worker cannot prepare,
    and BacktestError where a chunk has failed, or has ended too many workers.
    """
    with _connect(address) as client:
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
                for task in _wait_for_any(client, address, running):
                    content = _result(task, running[task])
                    if content is not None:
                        yield running.pop(task), content
        finally:
            client.cancel(list(running))


def on_worker(evaluate: Callable[[str, int], bytes], spec_json: str, chunk: int) -> bytes:
    """Evaluate a chunk with the worker's own folders; an error names the worker's address."""
    from distributed import get_worker

    try:
        return evaluate(spec_json, chunk)
    except BacktestError as error:
        raise type(error)(f"Worker {get_worker().address}: {error}") from None


async def prepare_worker(prepare: Callable[[str], object], spec_json: str) -> None:
    """Prepare in a thread, because a worker has to answer the scheduler while it reads."""
    import asyncio

    await asyncio.to_thread(prepare, spec_json)


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    """Connect to a scheduler; raise UsageError where none answers, or where it is lost later."""
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
        try:
            yield client
        except (OSError, CancelledError):
            raise UsageError(
                f"The scheduler at {address} was lost. The parts that had ended are kept: start it "
                f"and its workers again, and the same command goes on from them."
            ) from None


async def _kind(address: str) -> str:
    """Ask what runs at an address; a `Client` would wait for ever where nothing answers."""
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
    outcome = client.run(prepare_worker, prepare, spec_json, on_error="return")
    faults = [
        f"{worker}: {fault if isinstance(fault, BacktestError) else repr(fault)}"
        for worker, fault in sorted(outcome.items())
        if fault
    ]
    if faults:
        raise UsageError(
            f"{len(faults)} of {len(outcome)} workers of {address} cannot evaluate this sweep. "
            f"Give them the same program, strategies and data as here, or take them off the "
            f"cluster.\n  " + "\n  ".join(faults)
        )


def _wait_for_any(
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


def _result(task: Task[bytes], chunk: int) -> bytes | None:
    """Return a chunk's bytes; None where they were lost with a worker and are computed again."""
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
