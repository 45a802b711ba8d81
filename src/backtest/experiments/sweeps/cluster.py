"""The chunks of a sweep on a Dask cluster: its workers are checked, and watched."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backtest.errors import BacktestError, UsageError

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT = 20.0  # seconds for the scheduler to answer, and for its first worker to come
_PATIENCE = 60.0  # seconds without news after which it is asked whether workers are left
_AHEAD = 2  # chunks that are given out for each thread of the cluster


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
        running: dict[Future[bytes], int] = {}
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
    await asyncio.to_thread(prepare, spec_json)


@contextmanager
def _connect(address: str) -> Iterator[Client]:
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
    client: Client, address: str, running: Collection[Future[bytes]]
) -> Collection[Future[bytes]]:
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


def _part(task: Future[bytes], chunk: int) -> bytes | None:
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
