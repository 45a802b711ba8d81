"""Signals from a Parquet file, each on the first bar of its symbol that it can be traded at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pyarrow import compute

from backtest.data.kinds import NEW_YORK
from backtest.engine.kernel.records import SIGNAL
from backtest.errors import DataError
from backtest.experiments.simulation.parquet import (
    MOMENT,
    NUMBER,
    TEXT,
    Faults,
    check_columns,
    moments,
    numbers,
    read_columns,
    readable,
    schema_of,
    texts,
)
from backtest.strategy.base import TERMS, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, timedelta
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from backtest.engine.kernel.panel import Panel

_NEEDED = {"symbol": TEXT, "published_at": MOMENT, "direction": TEXT}
_OPTIONAL = {"event_id": TEXT, **dict.fromkeys(TERMS, NUMBER)}
_DEFAULTS = {
    **dict.fromkeys(TERMS, np.nan), "weight": Signal.model_fields["weight"].default, "hold": -1,
    "priority": 0.0,
}  # fmt: skip
_SIDES = {"long": 1, "short": -1}
_CHECKS = {
    "minimum": (np.greater_equal, "from"),
    "exclusiveMinimum": (np.greater, "above"),
    "maximum": (np.less_equal, "up to"),
    "exclusiveMaximum": (np.less, "below"),
}
_MOST_SESSIONS = np.iinfo(np.int32).max  # to hold for more is to hold for ever

TOO_EARLY = "public before the first price of its symbol"
TOO_LATE = "after the last bar of its symbol"


@dataclass(frozen=True)
class SignalTable:
    """Signals that can be traded, by bar, publication, symbol and event id."""

    rows: NDArray[Any]  # as the kernel takes them, records of `SIGNAL`, shape (signals,)
    event_ids: NDArray[np.object_]  # what each acts on, shape (signals,)
    published_at: NDArray[np.datetime64]  # the late bound, UTC, shape (signals,)
    left_out: Mapping[str, int]  # how many more there are that cannot be traded, by reason


def read_signals(path: Path, panel: Panel, reaction: timedelta) -> SignalTable:
    """Read signals and find the bar at which each can first be traded.

    The columns are `symbol`, `published_at` (a timestamp with a zone, the late bound),
    `direction` (`long` or `short`) and, as far as they are wanted, `event_id` (a row's number
    where there is none), `weight`, `hold`, `stop`, `target`, `trailing_stop` and `priority` in the
    bounds of `Signal`; null is no such term, and for weight and priority the default.

    Each signal on the first bar of its own symbol that opens later than its publication and the
    reaction time. Those that have none, or were public on a day (in New York) before the symbol's
    first session, are counted. Raises UsageError where there is no such file, and DataError where
    it is corrupt, has no row, lacks a column, has one too many or of the wrong type, or rows are
    wrong.

    Args:
        path: the file.
        panel: the bars.
        reaction: time between publication and the earliest order.

    """
    schema = schema_of(path)
    _refuse_unknown(path, schema)
    optional = {name: kind for name, kind in _OPTIONAL.items() if name in schema.names}
    check_columns(path, schema, {**_NEEDED, **optional})
    table = read_columns(path, [*_NEEDED, *optional])
    if not len(table["symbol"]):
        raise DataError(f"{path} has no row. It needs one for each signal.")
    faults = Faults(path)
    with readable(path):
        rows = _records(table, panel, faults)
        published = moments(table["published_at"])
        event_ids, rank = _event_ids(table, faults)
    faults.note("A signal says when it was published;", np.isnat(published), "row {}".format)
    faults.tell()
    rows["bar"], early = _tradable_bars(rows["symbol"], published, panel, reaction)
    late = ~early & (rows["bar"] == len(panel.times))
    order = np.lexsort((rank, rows["symbol"], published, rows["bar"]))
    order = order[~(early | late)[order]]
    counts = {TOO_EARLY: int(early.sum()), TOO_LATE: int(late.sum())}
    return SignalTable(
        rows=rows[order],
        event_ids=event_ids[order],
        published_at=published[order],
        left_out={reason: count for reason, count in counts.items() if count},
    )


def _refuse_unknown(path: Path, schema: pa.Schema) -> None:
    known = {**_NEEDED, **_OPTIONAL}
    others = [n for n in schema.names if n not in known and not n.startswith("__index_level_")]
    if others:  # a stop whose name is mistyped would not be there
        raise DataError(
            f"{path} has columns that no signal has: {', '.join(others)}. "
            f"Allowed: {', '.join(known)}. Rename them or take them out."
        )


def _records(table: Mapping[str, pa.Array], panel: Panel, faults: Faults) -> NDArray[Any]:
    """What the signals want, by row of the file; their bars are not found yet."""
    rows = np.zeros(len(table["symbol"]), SIGNAL)
    for field, name, allowed, rule in (
        ("symbol", "symbol", panel.columns, "A signal's symbol is one that has bars;"),
        ("side", "direction", _SIDES, "A direction is long or short;"),
    ):
        names, codes = texts(table[name])
        known = np.array([word in allowed for word in names])
        rows[field] = np.array([allowed.get(word, 0) for word in names])[codes]
        faults.note(rule, ~known[codes], _teller(name, names, codes))
    for term in TERMS:
        rows[term] = _term(table, term, faults)
    return rows


def _teller(name: str, words: Sequence[str], codes: NDArray[np.int64]) -> Callable[[int], str]:
    return lambda row: f"row {row}: {name} {words[codes[row]] or 'missing'}"


def _term(table: Mapping[str, pa.Array], term: str, faults: Faults) -> NDArray[np.float64]:
    """The values of a term by row, in the bounds that `Signal` sets."""
    default = _DEFAULTS[term]
    if term not in table:
        return np.full(len(table["symbol"]), default)
    values, given = numbers(table[term]), table[term].is_valid().to_numpy(zero_copy_only=False)
    limits = _limits(term)
    allowed = np.isfinite(values)
    for name, (holds, _) in _CHECKS.items():
        if name in limits:
            allowed &= holds(values, limits[name])
    if limits["type"] == "integer":
        allowed &= values == np.floor(values)
        values = np.minimum(values, _MOST_SESSIONS)
    told = " and ".join(f"{word} {limits[n]}" for n, (_, word) in _CHECKS.items() if n in limits)
    kind = "a whole number" if limits["type"] == "integer" else "a number"
    faults.note(
        f"A {term} is {kind} {told}".rstrip() + ", or null;",
        given & ~allowed,
        lambda row: f"row {row}: {term} {values[row]:g}",
    )
    return np.where(given & allowed, values, default)


def _limits(term: str) -> dict[str, Any]:
    """The bounds of a term, in the words of JSON schema."""
    schema = Signal.model_json_schema()["properties"][term]
    limits: dict[str, Any] = next(
        kind for kind in schema.get("anyOf", [schema]) if kind["type"] != "null"
    )
    return limits


def _event_ids(
    table: Mapping[str, pa.Array], faults: Faults
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The event of each signal, and its place in the order of ids."""
    if "event_id" not in table:
        count = len(table["symbol"])
        return np.array([str(row) for row in range(count)], object), np.arange(count)
    ids = table["event_id"].cast("string")
    names = ids.to_numpy(zero_copy_only=False)
    faults.note(
        "A signal names its event, where there is a column event_id;",
        np.array([not name for name in names]),
        "row {}".format,
    )
    return names, compute.rank(ids, tiebreaker="dense").to_numpy()


def _tradable_bars(
    columns: NDArray[np.int64],
    published: NDArray[np.datetime64],
    panel: Panel,
    reaction: timedelta,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The first bar of each signal's symbol that comes late enough; the number of bars for none.

    Also tells which signals were public on a day before the symbol's first session.
    """
    known = published + np.timedelta64(reaction)
    bars = np.full(len(columns), len(panel.times))
    early = np.zeros(len(columns), np.bool_)
    by_symbol = np.argsort(columns, kind="stable")
    bounds = np.searchsorted(columns[by_symbol], range(len(panel.symbols) + 1))
    for column in np.flatnonzero(np.diff(bounds)).tolist():
        mine = by_symbol[bounds[column] : bounds[column + 1]]
        own = np.flatnonzero(~np.isnan(panel.prices["open"][:, column]))
        later = np.searchsorted(panel.times[own], known[mine], side="right")
        bars[mine] = np.append(own, len(panel.times))[later]
        early[mine] = published[mine] < _midnight(panel.sessions[own[0]].item())
    return bars, early


@cache
def _midnight(day: date) -> np.datetime64:
    """When a day begins in New York, UTC."""
    moment = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    return np.datetime64(moment.replace(tzinfo=None), "us")
