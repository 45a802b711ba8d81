"""Trials: every parameter set ever evaluated for a strategy on its symbols.

The more sets were tried, the better the best of them looks by chance alone. So each evaluation is
recorded in `reports/trials.sqlite`, apart from the folders of runs and sweeps, and outlives them.
All functions raise DataError where that file is damaged, and UsageError where it cannot be written.
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

_Part = tuple[int, int, bytes, bytes]  # first, size, keys and sharpes, as in the table
_FILE = "trials.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS trials (
    subject TEXT,       -- the strategy and its symbols, or its universe
    source TEXT,        -- the run or sweep
    first INTEGER,      -- number of the first set in the sweep
    size INTEGER,       -- how many sets there are
    evaluated_at REAL,  -- Unix time
    keys BLOB,          -- of each the step from the one before, which a grid repeats; uint64, zlib
    sharpes BLOB,       -- of each, annual, NaN where undefined; float64, zlib
    PRIMARY KEY (subject, source, first, size))"""
# With the primary key it holds all but what zlib guards a second time, which tells any damage.
_INDEX = "CREATE INDEX IF NOT EXISTS newest ON trials (subject, evaluated_at)"
_NEWEST_FIRST = """SELECT keys, sharpes FROM trials WHERE subject = ?
    ORDER BY evaluated_at DESC, rowid DESC"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_SECONDS = 60.0  # to wait for another process that writes
_REACTION = "--reaction"  # as no parameter is named
_USUAL_REACTION = Rules().reaction_minutes
_EXACT = 2**53  # up to here a double tells every whole number from the next


def record_run(reports: Path, manifest: Mapping[str, Any]) -> None:
    """Record the trial of a run, where it is not on record."""
    sharpe = manifest["summary"]["run"]["sharpe"]
    _record_set(reports, manifest, f"run {manifest['run_id']}", sharpe)


def record_base(reports: Path, manifest: Mapping[str, Any], sharpe: float | None) -> None:
    """Record the base set of a sweep, which is evaluated also where the grid does not hold it."""
    _record_set(reports, manifest, f"base {manifest['sweep_id']}", sharpe)


def record_sweep(reports: Path, manifest: Mapping[str, Any], tables: Iterable[pa.Table]) -> None:
    """Record sets of a sweep, all or none, in place of the same sets on record.

    Of the manifest `strategy, symbols, universe, sweep_id, parameters, axes, rules, finished_at`
    are read; columns of the tables are `set`, the axes and `sharpe`.
    """
    fixed = _settings(manifest)
    parts = (_part(table, fixed, manifest["axes"]) for table in tables)
    _record(reports, manifest, f"sweep {manifest['sweep_id']}", parts)


def has_sweep(reports: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether all sets of a sweep are on record."""
    sets: int = manifest["sets"]  # more are there where a part stands in another as well
    return _sets_on_record(reports, manifest, f"sweep {manifest['sweep_id']}") >= sets


def traded(manifest: Mapping[str, Any]) -> list[str]:
    """What trials are of: the symbols, or a universe, whose members hang on the span."""
    universe, symbols = manifest.get("universe"), manifest["symbols"]
    return [universe] if universe else [*symbols]


def trial_sharpes(reports: Path, strategy: str, traded: Sequence[str]) -> list[float | None]:
    """The annual Sharpe ratio of every distinct set, evaluated last; None where undefined."""
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
    """How many parameter sets were tried, and the deflated Sharpe ratio where more than one was.

    None where the run has no evidence, or its Sharpe ratio or what that is worth is unknown.
    """
    from backtest.stats.multiple_testing import SharpeEstimate

    sharpes = trial_sharpes(reports, manifest["strategy"], traded(manifest))
    own = (manifest.get("evidence") or {}).get("sharpe", {})
    is_known = own.get("psr") is not None
    found = deflated(SharpeEstimate(**own["per_session"]), sharpes) if is_known else None
    return {"count": len(sharpes), "deflated_sharpe": found}


def is_mixed(values: Iterable[Any]) -> bool:
    """Whether no column of a table holds the values of an axis as they are, but texts of JSON do.

    They have several types, or are whole numbers that 64 bits, or doubles, do not tell.
    """
    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    most = _EXACT if float in kinds else 2**63 - 1
    is_too_large = any(isinstance(value, int) and abs(value) > most for value in known)
    return is_too_large or (len(kinds) > 1 and bool(kinds - {int, float}))


def deflated(estimate: SharpeEstimate, sharpes: Sequence[float | None]) -> float | None:
    """What a Sharpe ratio is worth after all trials on record; None where one is known at most."""
    import numpy as np

    from backtest.stats import SESSIONS_A_YEAR
    from backtest.stats.multiple_testing import deflated_sharpe_ratio

    known = [ratio for ratio in sharpes if ratio is not None]
    if len(known) < 2:  # noqa: PLR2004
        return None
    variance = float(np.var(known, ddof=1)) / SESSIONS_A_YEAR
    return deflated_sharpe_ratio(estimate, variance, len(sharpes))


@contextmanager
def _opened(reports: Path) -> Iterator[sqlite3.Connection]:
    """The database, in one transaction."""
    path = reports / _FILE
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_SECONDS)) as trials, trials:
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


def _record(
    reports: Path, manifest: Mapping[str, Any], source: str, parts: Iterable[_Part]
) -> None:
    subject = _subject(manifest["strategy"], traded(manifest))
    at = datetime.fromisoformat(manifest["finished_at"]).timestamp()
    with _opened(reports) as trials:
        for first, size, keys, sharpes in parts:
            figures = (zlib.compress(keys, 1), zlib.compress(sharpes, 1))
            row = (subject, source, first, size, at, *figures)
            trials.execute("INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _record_set(
    reports: Path, manifest: Mapping[str, Any], source: str, sharpe: float | None
) -> None:
    if _sets_on_record(reports, manifest, source):
        return
    key = sum(_hash(name, value) for name, value in _settings(manifest).items())
    figures = struct.pack("<Q", key % 2**64), struct.pack("<d", nan if sharpe is None else sharpe)
    _record(reports, manifest, source, [(0, 1, *figures)])


def _subject(strategy: str, traded: Sequence[str]) -> str:
    return json.dumps([strategy, *sorted(traded)])


def _part(table: pa.Table, fixed: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> _Part:
    """The sets of a table as they are recorded.

    The key of a set is the sum of a hash for each parameter with its value, so that sets of runs
    and sweeps compare; of ten million sets two share it by chance in one case of 300,000.
    """
    import numpy as np

    named = {_REACTION if name == "reaction" else name: name for name in axes}
    same = sum(_hash(name, fixed[name]) for name in fixed.keys() - named.keys())
    keys = np.full(table.num_rows, same % 2**64, "<u8")
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
        return 0
    text = f"{name}={json.dumps(value, sort_keys=True, ensure_ascii=False)}"
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def _settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values of the parameters and the reaction by name, the same for values that are equal.

    Trials that react as usual count by their parameters alone.
    """
    reaction = manifest["rules"]["reaction_minutes"]
    return leaves(_whole(plain({**manifest["parameters"], _REACTION: reaction})))


def _whole(value: Any) -> Any:
    """The value, with doubles that are whole numbers written as such: 10.0 is 10."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    whole = isinstance(value, float) and abs(value) < _EXACT and value.is_integer()
    return int(value) if whole else value
