"""This module records trials: every parameter set ever evaluated for a strategy on its symbols.

The more sets were tried, the better the best of them looks by chance alone. So each evaluation is
recorded in `reports/trials.sqlite`, apart from the folders of runs and sweeps, and outlives them.
What uses the file raises DataError where it is damaged, and UsageError where it is not writable.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from hashlib import sha256
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.engine.rules import Rules
from backtest.errors import DataError, UsageError
from backtest.strategy.parameters import leaves, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from backtest.stats.multiple_testing import SharpeEstimate

_Row = tuple[int, int, bytes, bytes]  # first, size, keys and sharpes, before they are compressed
_FILE = "trials.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS trials (
    subject TEXT,       -- the strategy and its symbols, or its universe
    source TEXT,        -- the run or sweep
    first INTEGER,      -- number of the first set in the sweep
    size INTEGER,       -- how many sets there are
    evaluated_at REAL,  -- Unix time
    keys BLOB,          -- each set's key less the one before, which repeats; uint64, zlib
    sharpes BLOB,       -- each set's annual Sharpe ratio, NaN where undefined; float64, zlib
    PRIMARY KEY (subject, source, first, size))"""
# With the primary key it repeats all columns but the blobs, which zlib guards: damage is noticed.
_INDEX = "CREATE INDEX IF NOT EXISTS newest ON trials (subject, evaluated_at)"
_NEWEST_FIRST = """SELECT keys, sharpes FROM trials WHERE subject = ?
    ORDER BY evaluated_at DESC, rowid DESC"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_TIMEOUT = 60.0  # seconds to wait for another process that writes
_REACTION = "--reaction"  # a name that no parameter can have
_USUAL_REACTION = Rules().reaction_minutes
_EXACT = 2**53  # up to here a double holds every whole number exactly


def record_run(reports: Path, manifest: Mapping[str, Any]) -> None:
    """Record the trial of a run, unless it is on record."""
    sharpe = manifest["summary"]["run"]["sharpe"]
    _record_set(reports, manifest, f"run {manifest['run_id']}", sharpe)


def record_base(reports: Path, manifest: Mapping[str, Any], sharpe: float | None) -> None:
    """Record the base set of a sweep, which is evaluated even where the grid does not hold it."""
    _record_set(reports, manifest, f"base {manifest['sweep_id']}", sharpe)


def record_sweep(reports: Path, manifest: Mapping[str, Any], tables: Iterable[pa.Table]) -> None:
    """Record sets of a sweep, all or none, in place of the same sets on record.

    Of the manifest `strategy`, `symbols`, `universe`, `sweep_id`, `parameters`, `axes`, `rules` and
    `finished_at` are read; the columns of the tables are `set`, the axes and `sharpe`.
    """
    base = _settings(manifest)
    rows = (_row_of(table, base, manifest["axes"]) for table in tables)
    _record(reports, manifest, f"sweep {manifest['sweep_id']}", rows)


def has_sweep(reports: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether all sets of a sweep are on record."""
    sets: int = manifest["sets"]  # more are on record where parts of it overlap
    return _sets_on_record(reports, manifest, f"sweep {manifest['sweep_id']}") >= sets


def traded(manifest: Mapping[str, Any]) -> list[str]:
    """Return the symbols that trials are of, or the universe, whose members depend on the span."""
    universe, symbols = manifest.get("universe"), manifest["symbols"]
    return [universe] if universe else [*symbols]


def trial_sharpes(reports: Path, strategy: str, traded: Sequence[str]) -> list[float | None]:
    """Return the newest annual Sharpe ratio of every distinct set; None where undefined."""
    import numpy as np

    if not (reports / _FILE).exists():
        return []
    keys, sharpes = [], []
    with _opened(reports) as trials:
        for steps, ratios in trials.execute(_NEWEST_FIRST, (_subject(strategy, traded),)):
            keys.append(np.cumsum(np.frombuffer(zlib.decompress(steps), "<u8")))
            sharpes.append(np.frombuffer(zlib.decompress(ratios), "<f8"))
    if not keys:
        return []
    _, latest = np.unique(np.concatenate(keys), return_index=True)
    return [None if isnan(ratio) else ratio for ratio in np.concatenate(sharpes)[latest].tolist()]


def trials_on_record(reports: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Count the parameter sets that were tried, and deflate the run's Sharpe ratio for them.

    `deflated_sharpe` is None where fewer than two ratios are known, or the run has no evidence or
    no probabilistic Sharpe ratio.
    """
    from backtest.stats.multiple_testing import SharpeEstimate

    sharpes = trial_sharpes(reports, manifest["strategy"], traded(manifest))
    ratio = (manifest.get("evidence") or {}).get("sharpe", {})
    is_known = ratio.get("psr") is not None
    deflated_ratio = deflated(SharpeEstimate(**ratio["per_session"]), sharpes) if is_known else None
    return {"count": len(sharpes), "deflated_sharpe": deflated_ratio}


def is_mixed(values: Iterable[Any]) -> bool:
    """Tell whether a table's column must hold the values of an axis as texts of JSON.

    It must if types other than int and float differ, or a whole number exceeds 64 bits or, beside
    floats, 2**53.
    """
    values = [value for value in values if value is not None]
    kinds = {type(value) for value in values}
    most = _EXACT if float in kinds else 2**63 - 1
    is_too_large = any(isinstance(value, int) and abs(value) > most for value in values)
    return is_too_large or (len(kinds) > 1 and bool(kinds - {int, float}))


def deflated(estimate: SharpeEstimate, sharpes: Sequence[float | None]) -> float | None:
    """Deflate a Sharpe ratio by the annual ones of all trials; None if fewer than two are known."""
    import numpy as np

    from backtest.stats import SESSIONS_A_YEAR
    from backtest.stats.multiple_testing import deflated_sharpe_ratio

    ratios = [ratio for ratio in sharpes if ratio is not None]
    if len(ratios) < 2:  # noqa: PLR2004
        return None
    variance = float(np.var(ratios, ddof=1)) / SESSIONS_A_YEAR
    return deflated_sharpe_ratio(estimate, variance, len(sharpes))


@contextmanager
def _opened(reports: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for one transaction."""
    path = reports / _FILE
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_TIMEOUT)) as trials, trials:
            trials.execute(_TABLE)
            trials.execute(_INDEX)
            (fault,) = trials.execute("PRAGMA integrity_check(1)").fetchone()
            if fault != "ok":
                raise sqlite3.DatabaseError(fault.splitlines()[-1])
            yield trials
    except OSError as error:
        raise UsageError(f"{reports} cannot be made: {error.strerror or error}.") from None
    except (sqlite3.Error, zlib.error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code & 0xFF not in _DAMAGED:
            raise UsageError(f"{path} cannot be written: {error}.") from None
        raise DataError(
            f"{path} is not a readable record of trials ({error}). Remove it, and give the "
            f"commands of your runs and sweeps again: what they tried is recorded anew."
        ) from None


def _sets_on_record(reports: Path, manifest: Mapping[str, Any], source: str) -> int:
    row = (_subject(manifest["strategy"], traded(manifest)), source)
    query = "SELECT coalesce(sum(size), 0) FROM trials WHERE subject = ? AND source = ?"
    with _opened(reports) as trials:
        return int(trials.execute(query, row).fetchone()[0])


def _record(reports: Path, manifest: Mapping[str, Any], source: str, rows: Iterable[_Row]) -> None:
    subject = _subject(manifest["strategy"], traded(manifest))
    at = datetime.fromisoformat(manifest["finished_at"]).timestamp()
    with _opened(reports) as trials:
        for first, size, *blobs in rows:
            row = (subject, source, first, size, at, *(zlib.compress(blob, 1) for blob in blobs))
            trials.execute("INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _record_set(
    reports: Path, manifest: Mapping[str, Any], source: str, sharpe: float | None
) -> None:
    if _sets_on_record(reports, manifest, source):
        return
    key = sum(_hash(name, value) for name, value in _settings(manifest).items())
    ratio = nan if sharpe is None else sharpe
    row = (0, 1, struct.pack("<Q", key % 2**64), struct.pack("<d", ratio))
    _record(reports, manifest, source, [row])


def _subject(strategy: str, traded: Sequence[str]) -> str:
    return json.dumps([strategy, *sorted(traded)])


def _row_of(table: pa.Table, base: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> _Row:
    """Return the sets of a table as a row of the database.

    The key of a set is the sum of a hash for each parameter with its value, so that sets of runs
    and sweeps compare; of ten million sets two share it by chance in one case of 300,000.
    """
    import numpy as np

    named = {_REACTION if name == "reaction" else name: name for name in axes}
    key = sum(_hash(name, base[name]) for name in base.keys() - named.keys())
    keys = np.full(table.num_rows, key % 2**64, "<u8")
    for name, axis in named.items():
        column = table.column(axis).combine_chunks().dictionary_encode(null_encoding="encode")
        distinct = column.dictionary.to_pylist()
        if is_mixed(axes[axis]):
            distinct = [value and json.loads(value) for value in distinct]
        hashes = np.array([_hash(name, _whole(value)) for value in distinct], "<u8")
        keys += hashes[column.indices.to_numpy()]
    steps, sharpes = np.diff(keys, prepend=np.uint64(0)), table.column("sharpe").to_numpy()
    return table.column("set")[0].as_py(), len(keys), steps.tobytes(), sharpes.tobytes()


def _hash(name: str, value: Any) -> int:
    if (name, value) == (_REACTION, _USUAL_REACTION):
        return 0  # so that the default reaction leaves the key of a set unchanged
    text = f"{name}={json.dumps(value, sort_keys=True, ensure_ascii=False)}"
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def _settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters and the reaction by dotted name, equal values as equal JSON."""
    reaction = manifest["rules"]["reaction_minutes"]
    return leaves(_whole(plain({**manifest["parameters"], _REACTION: reaction})))


def _whole(value: Any) -> Any:
    """Return a value with its floats that are whole numbers as integers: 10.0 becomes 10."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    is_whole = isinstance(value, float) and abs(value) < _EXACT and value.is_integer()
    return int(value) if is_whole else value
