"""Evaluating the chunks of a sweep: in this process, in processes beside it, or on a cluster.

What travels is the specification and the number of a chunk; what comes back are the bytes of its
part. So the result does not hang on where and in which order the chunks are evaluated.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backtest.workspace.folders import Workspace
    from backtest.workspace.processes import Parts


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
    from backtest.experiments.sweeps.evaluate import evaluate

    if cluster:
        from backtest.experiments.sweeps.cluster import on_cluster

        return on_cluster(spec_json, todo, cluster)
    if workers:
        from backtest.workspace.processes import in_processes

        return in_processes(partial(evaluate, spec_json, folders=folders), todo, workers)
    return ((chunk, evaluate(spec_json, chunk, folders)) for chunk in todo)
