"""Evaluating the chunks of a sweep: in this process, in processes beside it, or on a cluster.

What travels is the specification and the number of a chunk; what comes back are the bytes of its
part. So the result does not hang on where and in which order the chunks are evaluated.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections import Counter, deque
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import TYPE_CHECKING

from backtest.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from backtest.workspace import Workspace

    Parts = Generator[tuple[int, bytes]]
    Evaluate = Callable[[str, int, Workspace | None], bytes]

_MOST_TRIES = 3


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

    Args:
        spec_json: the specification.
        todo: numbers of the chunks.
        on_part: takes a chunk's number and the bytes of its part.
        folders: where strategies and data are on this machine.
        workers: processes to use; this process alone where None.
        cluster: address of a Dask scheduler to use instead.

    Raises:
        UsageError: the cluster cannot be reached, or a worker has another program or other data.
        BacktestError: a chunk has ended its process again and again.

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
        from backtest.sweep.cluster import on_cluster

        return on_cluster(spec_json, todo, cluster)
    from backtest.sweep.evaluate import evaluate

    if workers:
        return _in_processes(evaluate, spec_json, todo, folders, workers)
    return ((chunk, evaluate(spec_json, chunk, folders)) for chunk in todo)


def _in_processes(
    evaluate: Evaluate, spec_json: str, todo: Sequence[int], folders: Workspace, workers: int
) -> Parts:
    """Each process has one chunk at a time; where one is killed, another takes its chunk."""
    waiting = deque(todo)
    killed: Counter[int] = Counter()
    started: list[_Worker] = []
    idle: list[_Worker] = []
    busy: dict[Connection, tuple[_Worker, int]] = {}
    ended: list[tuple[int, bytes]] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                if not idle:
                    idle.append(_Worker(evaluate, spec_json, folders))
                    started.append(idle[-1])
                worker, chunk = idle.pop(), waiting.popleft()
                worker.begin(chunk)
                busy[worker.pipe] = (worker, chunk)
            yield from ended  # while the next chunks run
            ended.clear()
            ready = wait(list(busy))
            for pipe in [pipe for pipe in busy if pipe in ready]:
                worker, chunk = busy.pop(pipe)
                part = worker.answer()
                if part is not None:
                    idle.append(worker)
                    ended.append((chunk, part))
                    continue
                killed[chunk] += 1
                if killed[chunk] == _MOST_TRIES:
                    raise BacktestError(_given_up(chunk, worker))
                waiting.appendleft(chunk)
        yield from ended
    finally:
        for worker in started:
            worker.stop()


def _given_up(chunk: int, worker: _Worker) -> str:
    worker.stop()
    return (
        f"Chunk {chunk} has ended its process {_MOST_TRIES} times "
        f"(last with exit code {worker.process.exitcode}). -9 often means that memory was short: "
        f"try fewer --workers. All other parts that had ended are kept, and the same command "
        f"goes on from them."
    )


class _Worker:
    """A process that evaluates one chunk after the other."""

    def __init__(self, evaluate: Evaluate, spec_json: str, folders: Workspace) -> None:
        spawn = get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        work = (theirs, evaluate, spec_json, folders)
        self.process = spawn.Process(target=_serve, args=work, daemon=True)
        with _without_ctrl_c():
            self.process.start()
        theirs.close()

    def begin(self, chunk: int) -> None:
        """Send it a chunk."""
        with suppress(OSError):  # it was killed: its answer tells
            self.pipe.send(chunk)

    def answer(self) -> bytes | None:
        """The part that it has ended; None where it was killed instead."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, BacktestError):
            raise answer
        part: bytes = answer
        return part

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to this one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, evaluate: Evaluate, spec_json: str, folders: Workspace) -> None:
    """What a worker does until its pipe is closed, or the process that asked is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the process that asked has gone
        while True:
            chunk = pipe.recv()
            try:
                pipe.send(attempt(evaluate, spec_json, chunk, folders))
            except BacktestError as error:
                pipe.send(error)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of a chunk, for nobody takes it any more


def attempt(evaluate: Evaluate, spec_json: str, chunk: int, folders: Workspace | None) -> bytes:
    """Evaluate a chunk where every failure has to travel.

    Raises:
        BacktestError: whatever failed; a fault of the program is told with its traceback.

    """
    try:
        return evaluate(spec_json, chunk, folders)
    except BacktestError:
        raise
    except Exception:  # noqa: BLE001 - whatever a strategy does
        raise BacktestError(f"Chunk {chunk} failed.\n{traceback.format_exc()}") from None
