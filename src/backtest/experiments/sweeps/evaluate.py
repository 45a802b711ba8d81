"""Evaluating the sets of a sweep, chunk by chunk, from its specification alone."""

from __future__ import annotations

import json
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.experiments.sweeps.prepared import PreparedSweep
from backtest.experiments.sweeps.spec import SweepSpec
from backtest.experiments.trials import is_mixed
from backtest.stats.surface import FIGURES
from backtest.workspace.folders import workspace_of_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from backtest.workspace.folders import Workspace


_LOADING = Lock()


def evaluate(spec_json: str, chunk: int, folders: Workspace | None = None) -> bytes:
    """The part of a chunk: its sets with their figures, as the bytes of a Parquet file.

    Args:
        spec_json: the specification.
        chunk: number of the chunk.
        folders: strategies and data; found around the working folder where None.

    Raises:
        UsageError: the program, the strategy or the data are not those of the specification.

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

    Raises:
        UsageError: the program, the strategy or the data are not those of the specification.

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

    Raises:
        UsageError: the program, the strategy or the data are not those of the specification.

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
