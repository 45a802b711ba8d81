"""Evaluating the sets of a sweep, chunk by chunk, from its specification alone."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.errors import BacktestError, UsageError
from backtest.experiments.sweeps.grid import SweepSpec
from backtest.experiments.sweeps.prepared import PreparedSweep
from backtest.experiments.trials import is_mixed
from backtest.stats.surface import FIGURES
from backtest.workspace.folders import workspace_of_worker
from backtest.workspace.processes import MOST_TRIES, completed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Sequence

    import pyarrow as pa
    from distributed import Client, Future

    from backtest.workspace.folders import Workspace

    Parts = Generator[tuple[int, bytes]]


def run_chunks(
    spec_json: str,
    todo: Sequence[int],
    on_part: Callable[[int, bytes], None],
    *,
    folders: Workspace,
    workers: int | None = None,
    cluster: str | None = None,
) -> None:
    """Evaluate chunks and hand over each part as its chunk ends, in whatever order.

    Few parts are in memory at a time. What stops this call, be it an error or Ctrl-C, also stops
    the chunks that run.

    Raises UsageError where the cluster cannot be reached, or a worker has another program or other
    data, and BacktestError where a chunk has ended its process again and again.

    Args:
        spec_json: the specification.
        todo: numbers of the chunks.
        on_part: takes a chunk's number and the bytes of its part.
        folders: where strategies and data are on this machine.
        workers: processes to use; this process alone where None.
        cluster: address of a Dask scheduler to use instead.

    """
    with closing(_parts(spec_json, todo, folders, workers, cluster)) as parts:
        for chunk, content in parts:
            on_part(chunk, content)


def _parts(
    spec_json: str,
    todo: Sequence[int],
    folders: Workspace,
    workers: int | None,
    cluster: str | None,
) -> Parts:
    if cluster:
        return on_cluster(spec_json, todo, cluster)
    if workers:
        return in_processes(partial(evaluate, spec_json, folders=folders), todo, workers)
    return ((chunk, evaluate(spec_json, chunk, folders)) for chunk in todo)


def in_processes(evaluate: Callable[[int], bytes], todo: Sequence[int], workers: int) -> Parts:
    """Evaluate chunks in processes of this machine; yields each with its part as it ends.

    Raises BacktestError where a chunk has failed, or has ended its process again and again.
    """
    with closing(completed(partial(attempt, evaluate), todo, workers)) as ended:
        for chunk, task in ended:
            try:
                part = task.result()
            except BrokenExecutor as error:
                raise BacktestError(
                    f"Chunk {chunk} has ended its process {MOST_TRIES} times (last with {error}). "
                    f"-9 often means that memory was short: try fewer --workers. The parts that "
                    f"had ended are kept, and the same command goes on from them."
                ) from None
            yield chunk, part


def attempt(evaluate: Callable[[int], bytes], chunk: int) -> bytes:
    """Evaluate a chunk where every failure has to travel.

    Raises BacktestError where whatever failed; a fault of the program is told with its traceback.
    """
    try:
        return evaluate(chunk)
    except BacktestError:
        raise
    except Exception:  # noqa: BLE001 - whatever a strategy does
        raise BacktestError(f"Chunk {chunk} failed.\n{traceback.format_exc()}") from None


_CONNECT = 20.0  # seconds for the scheduler to answer, and for its first worker to come
_PATIENCE = 60.0  # seconds without news after which it is asked whether workers are left
_AHEAD = 2  # chunks that are given out for each thread of the cluster


def on_cluster(spec_json: str, todo: Sequence[int], address: str) -> Generator[tuple[int, bytes]]:
    """Evaluate chunks on a cluster; yields each chunk's number and part as its scheduler has it.

    Raises UsageError where Dask is not installed, the scheduler cannot be reached or is lost, or a
    worker has another program or other data, and BacktestError where a chunk has failed.

    Args:
        spec_json: the specification.
        todo: numbers of the chunks.
        address: the scheduler's, such as `tcp://10.0.0.5:8786`.

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


def on_worker(
    evaluate: Callable[[str, int, Workspace | None], bytes], spec_json: str, chunk: int
) -> bytes:
    """Evaluate a chunk with the folders that the worker finds.

    Raises BacktestError where whatever failed, with the worker's address.
    """
    from distributed import get_worker

    try:
        return attempt(lambda number: evaluate(spec_json, number, None), chunk)
    except BacktestError as error:
        raise type(error)(f"Worker {get_worker().address}: {error}") from None


async def check_worker(prepare: Callable[[str], None], spec_json: str) -> str:
    """What keeps a worker from evaluating the specification; empty where nothing does."""
    try:
        await asyncio.to_thread(prepare, spec_json)  # a worker has to answer while it reads
    except BacktestError as error:
        return str(error)
    return ""


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
    client: Client, address: str, prepare: Callable[[str], None], spec_json: str
) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT)
    except TimeoutError:
        raise UsageError(_no_worker(address)) from None
    found = client.run(check_worker, prepare, spec_json, on_error="return")
    wrong = [f"{worker}: {_fault(answer)}" for worker, answer in sorted(found.items()) if answer]
    if wrong:
        raise UsageError(
            f"{len(wrong)} of {len(found)} workers of {address} cannot evaluate this sweep. Give "
            f"them the same program, strategies and data as here, or take them off the cluster.\n  "
            + "\n  ".join(wrong)
        )


def _fault(answer: str | Exception) -> str:
    return answer if isinstance(answer, str) else f"{type(answer).__name__}: {answer}"


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


_LOADING = Lock()


def evaluate(spec_json: str, chunk: int, folders: Workspace | None = None) -> bytes:
    """The part of a chunk: its sets with their figures, as the bytes of a Parquet file.

    Raises UsageError where the program, the strategy or the data are not those of the
    specification.

    Args:
        spec_json: the specification.
        chunk: number of the chunk.
        folders: strategies and data; found around the working folder where None.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sweep = prepared(spec_json, folders)
    spec = sweep.spec
    numbers = np.arange(chunk * spec.chunk, min((chunk + 1) * spec.chunk, spec.sets))
    places = np.unravel_index(numbers, spec.grid.shape)
    codes = dict(zip(spec.axes, places, strict=True))
    figures = sweep.figures(spec.axes, codes)
    columns = {"set": pa.array(numbers)}
    for name, code in codes.items():
        columns[name] = _column(spec.axes[name]).take(pa.array(code))
    for name in FIGURES:
        columns[name] = pa.array(figures[name], from_pandas=True)
    table = pa.table(columns).replace_schema_metadata({"sweep_id": spec.sweep_id})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def prepare(spec_json: str) -> None:
    """Read what the chunks of a sweep need, where this process finds it.

    Raises UsageError where the program, the strategy or the data are not those of the
    specification.
    """
    prepared(spec_json)


def base_figures(spec_json: str, folders: Workspace | None = None) -> dict[str, float | None]:
    """The figures of the base set, which has no value from the grid."""
    sweep = prepared(spec_json, folders)
    one = np.zeros(1, np.intp)
    axes = {name: [value] for name, value in sweep.base.items()}
    figures = sweep.figures(axes, dict.fromkeys(axes, one))
    values = {name: figures[name][0].item() for name in FIGURES}
    return {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124 - NaN


def prepared(spec_json: str, folders: Workspace | None = None) -> PreparedSweep:
    """The sweep with its strategy and data, read once a process.

    Raises UsageError where the program, the strategy or the data are not those of the
    specification.
    """
    with _LOADING:  # threads of a process load a strategy one after the other
        return _prepared(spec_json, folders)


@lru_cache(maxsize=2)
def _prepared(spec_json: str, folders: Workspace | None) -> PreparedSweep:
    return PreparedSweep(SweepSpec.from_json(spec_json), folders or workspace_of_worker())


def _column(values: Sequence[Any]) -> pa.Array:
    """The values of an axis; as texts of JSON where they are of several types."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if is_mixed(values):
        values = [None if value is None else json.dumps(value) for value in values]
    return pa.array(values, None if kinds else pa.string())
