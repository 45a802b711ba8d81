"""Trials: every parameter set ever evaluated for a strategy on its symbols.

The more sets were tried, the better the best of them looks by chance alone. So each evaluation is
recorded in `reports/trials/`, apart from the folders of runs and sweeps, and outlives them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from backtest.errors import DataError, UsageError
from backtest.strategy.values import leaves, plain
from backtest.workspace.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_NAMED = 3
_EXACT = 2**53  # up to here a double tells every whole number from the next
_FIGURES = ["sharpe", "evaluated_at"]


def trials_folder(reports: Path, strategy: str, symbols: Sequence[str]) -> Path:
    """Where the trials of a strategy on some symbols are, in whatever order they are named."""
    names = "+".join(sorted(symbols))
    if len(symbols) > _MOST_NAMED:
        digest = hashlib.sha256(names.encode()).hexdigest()[:10]
        names = f"{len(symbols)}-symbols-{digest}"
    return reports / "trials" / f"{strategy}-{names}"


def record_run(reports: Path, manifest: Mapping[str, Any]) -> None:
    """Record the trial of a run, where it is not on record.

    Args:
        reports: the reports folder.
        manifest: the run's.

    Raises:
        UsageError: the record cannot be written.

    """
    _record_set(reports, manifest, manifest["run_id"], manifest["summary"]["run"]["sharpe"])


def record_base(reports: Path, manifest: Mapping[str, Any], sharpe: float | None) -> None:
    """Record the base set of a sweep, which is evaluated also where the grid does not hold it.

    Args:
        reports: the reports folder.
        manifest: as for `record_sweep`.
        sharpe: annual; None where undefined.

    Raises:
        UsageError: the record cannot be written.

    """
    _record_set(reports, manifest, manifest["sweep_id"], sharpe)


def _record_set(
    reports: Path, manifest: Mapping[str, Any], name: str, sharpe: float | None
) -> None:
    folder = trials_folder(reports, manifest["strategy"], manifest["symbols"])
    path = folder / f"run-{name}.json"
    if path.exists():
        return
    trial = {
        "parameters": _by_name(manifest["parameters"]),
        "sharpe": sharpe,
        "evaluated_at": manifest["finished_at"],
    }
    write_text(path, json.dumps(trial, indent=2, ensure_ascii=False) + "\n")


def record_sweep(reports: Path, manifest: Mapping[str, Any], tables: Iterable[pa.Table]) -> None:
    """Record the sets of a sweep in place of what is on record of it.

    Args:
        reports: the reports folder.
        manifest: the sweep's `strategy, symbols, sweep_id, parameters, axes, finished_at`.
        tables: its sets, in one table or several; columns are the axes and `sharpe`.

    Raises:
        UsageError: the record cannot be written.

    """
    import pyarrow.parquet as pq

    fixed, at = _by_name(manifest["parameters"]), datetime.fromisoformat(manifest["finished_at"])
    trials = (_sweep_trials(table, fixed, manifest["axes"], at) for table in tables)
    first = next(trials, None)
    if first is None:
        return
    folder = trials_folder(reports, manifest["strategy"], manifest["symbols"])
    path = folder / f"sweep-{manifest['sweep_id']}.parquet"
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        options = {"compression": "zstd", "write_page_checksum": True}
        with pq.ParquetWriter(beside, first.schema, **options) as writer:
            writer.write_table(first)
            for table in trials:
                writer.write_table(table)
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def has_sweep(reports: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the sets of a sweep are on record; the manifest as for `record_sweep`."""
    folder = trials_folder(reports, manifest["strategy"], manifest["symbols"])
    return (folder / f"sweep-{manifest['sweep_id']}.parquet").exists()


def count_trials(reports: Path, strategy: str, symbols: Sequence[str]) -> int:
    """How many distinct parameter sets were ever evaluated for a strategy on some symbols.

    Raises:
        DataError: a record is corrupt.

    """
    import numpy as np

    keys = [_keys(table) for table in _tables(trials_folder(reports, strategy, symbols))]
    return len(np.unique(np.concatenate(keys))) if keys else 0


def trial_sharpes(reports: Path, strategy: str, symbols: Sequence[str]) -> list[float | None]:
    """The annual Sharpe ratio of every distinct parameter set on record; None where undefined.

    Raises:
        DataError: a record is corrupt.

    """
    folder = trials_folder(reports, strategy, symbols)
    if any(folder.glob("sweep-*.parquet")):
        found = read_trials(reports, strategy, symbols)["sharpe"].tolist()
        return [None if isnan(ratio) else ratio for ratio in found]
    runs = [_read_run(path) for path in sorted(folder.glob("run-*.json"))]  # needs no pandas
    latest = {
        json.dumps(run["parameters"], sort_keys=True): run["sharpe"]
        for run in sorted(runs, key=lambda run: run["evaluated_at"])
    }
    return list(latest.values())


def read_trials(reports: Path, strategy: str, symbols: Sequence[str]) -> pd.DataFrame:
    """Every distinct parameter set that was ever evaluated for a strategy on some symbols.

    Returns:
        One row a set: its parameters as texts of JSON by dotted name, and `sharpe` of the latest
        evaluation, NaN where it is undefined. A parameter that the strategy had not yet when the
        set was evaluated is NaN.

    Raises:
        DataError: a record is corrupt.

    """
    import pandas as pd
    import pyarrow as pa

    tables = list(_tables(trials_folder(reports, strategy, symbols)))
    if not tables:
        return pd.DataFrame({"sharpe": pd.Series(dtype="float64")})
    table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    trials = table.append_column("key", [_keys(table)]).to_pandas()
    latest = trials.sort_values("evaluated_at", kind="stable").drop_duplicates("key", keep="last")
    found: pd.DataFrame = latest[[*_parameters(table), "sharpe"]].reset_index(drop=True)
    return found


def is_mixed(values: Iterable[Any]) -> bool:
    """Whether the values of an axis have several types; a table holds them as texts of JSON."""
    kinds = {type(value) for value in values if value is not None}
    return len(kinds) > 1 and bool(kinds - {int, float})


def _by_name(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values by dotted name, the same for values that are equal."""
    return leaves(_whole(plain(dict(parameters))))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _whole(value: Any) -> Any:
    """The value, with doubles that are whole numbers written as such: 10.0 is 10."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    whole = isinstance(value, float) and abs(value) < _EXACT and value.is_integer()
    return int(value) if whole else value


def _sweep_trials(
    table: pa.Table, fixed: Mapping[str, Any], axes: Mapping[str, Sequence[Any]], at: datetime
) -> pa.Table:
    import pyarrow as pa

    rows = table.num_rows
    columns: dict[str, Any] = {
        name: pa.repeat(pa.scalar(_text(value)), rows).dictionary_encode()
        for name, value in fixed.items()
    }
    for name, values in axes.items():
        column = table.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        found = column.dictionary.to_pylist()
        if is_mixed(values):
            found = [value and json.loads(value) for value in found]
        texts = [_text(_whole(value)) for value in found]
        columns[name] = pa.DictionaryArray.from_arrays(column.indices, texts)
    columns["sharpe"] = table.column("sharpe")
    columns["evaluated_at"] = pa.repeat(pa.scalar(at, _moment()), rows)
    return pa.table(columns)


def _tables(folder: Path) -> Iterator[pa.Table]:
    """Everything on record, table by table."""
    if runs := [_read_run(path) for path in sorted(folder.glob("run-*.json"))]:
        yield _run_trials(runs)
    for path in sorted(folder.glob("sweep-*.parquet")):
        yield from _read_sweep(path)


def _parameters(table: pa.Table) -> list[str]:
    return [name for name in table.column_names if name not in _FIGURES]


def _keys(table: pa.Table) -> NDArray[np.uint64]:
    """A number for each row, the same for the same parameters, shape (rows,).

    It is the sum of a hash for each parameter with its value, so that rows of different tables
    compare; of ten million sets two share it by chance in one case of 300,000.
    """
    import numpy as np

    keys = np.zeros(table.num_rows, np.uint64)
    for name in _parameters(table):
        column = table.column(name).unify_dictionaries().combine_chunks()
        texts = column.dictionary.to_pylist()
        digests = [hashlib.sha256(f"{name}={text}".encode()).digest() for text in texts]
        hashes = [int.from_bytes(digest[:8], "big") for digest in digests]
        none = len(hashes)  # where the strategy had not this parameter
        codes = column.indices.fill_null(none).to_numpy(zero_copy_only=False)
        keys += np.array([*hashes, 0], np.uint64)[codes]
    return keys


def _run_trials(runs: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    names = dict.fromkeys(name for run in runs for name in run["parameters"])
    columns: dict[str, Any] = {
        name: pa.array(
            [_text(run["parameters"][name]) if name in run["parameters"] else None for run in runs],
            pa.string(),
        )
        for name in names
    }
    columns = {name: column.dictionary_encode() for name, column in columns.items()}
    columns["sharpe"] = pa.array([run["sharpe"] for run in runs], pa.float64())
    columns["evaluated_at"] = pa.array([run["evaluated_at"] for run in runs], _moment())
    return pa.table(columns)


def _read_run(path: Path) -> dict[str, Any]:
    try:
        trial = json.loads(path.read_text(encoding="utf-8"))
        return {
            "parameters": dict(trial["parameters"].items()),
            "sharpe": None if trial["sharpe"] is None else float(trial["sharpe"]),
            "evaluated_at": datetime.fromisoformat(trial["evaluated_at"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _corrupt(path, error) from None


def _read_sweep(path: Path) -> Iterator[pa.Table]:
    """The sets of a sweep, some thousands at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [name for name in _FIGURES if name not in file.schema_arrow.names]
            if missing:
                raise ValueError(f"it lacks {missing[0]}")  # noqa: TRY301
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _corrupt(path, error) from None


def _moment() -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")


def _corrupt(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is not a readable record of trials ({error}). Remove it, and give the command "
        f"that wrote it again with --force: what it tries is recorded anew."
    )


def trials_on_record(reports: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """How many parameter sets were tried, and the deflated Sharpe ratio where more than one was.

    Args:
        reports: the reports folder.
        manifest: of a run; without evidence, or where its Sharpe ratio or what that is worth is
            unknown, the latter is None.

    Raises:
        DataError: a record is corrupt.

    """
    sharpes = trial_sharpes(reports, manifest["strategy"], manifest["symbols"])
    return {
        "count": len(sharpes),
        "deflated_sharpe": _deflated(manifest.get("evidence"), sharpes),
    }


def _deflated(found: Mapping[str, Any] | None, sharpes: Sequence[float | None]) -> float | None:
    from statistics import variance

    known = [ratio for ratio in sharpes if ratio is not None]
    if found is None or found["sharpe"].get("psr") is None or len(known) < 2:  # noqa: PLR2004
        return None
    from backtest.stats import SESSIONS_A_YEAR
    from backtest.stats.sharpe_inference import SharpeEstimate, deflated_sharpe_ratio

    estimate = SharpeEstimate(**found["sharpe"]["per_session"])
    return deflated_sharpe_ratio(estimate, variance(known) / SESSIONS_A_YEAR, len(sharpes))
