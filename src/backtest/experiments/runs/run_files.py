"""The CSV files of a run: what the replay made, and the bars and events that it was made of."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Result

FILES = ("trades.csv", "equity.csv", "decisions.csv", "orders.csv", "bars.csv")
# Columns by name, and the attribute that each holds.
_TRADE = {
    **{name: name for name in ("trade_id", "event_id", "symbol", "direction", "shares")},
    **{name: name for name in ("entry_session", "entry_price", "exit_session", "exit_price")},
    **{name: name for name in ("exit_reason", "gross_profit", "commission", "borrow")},
    "net_profit": "net_profit",
    "return": "net_return",
    "mae": "mae",
    "mfe": "mfe",
}
_DECISION = {
    "event_id": "event.id",
    **{name: f"event.{name}" for name in ("symbol", "kind", "published_at", "precision")},
    **{name: name for name in ("tradable_session", "action", "direction", "reason")},
    **{name: f"event.{name}" for name in ("headline", "grade", "source_url", "source_url_2")},
}
_ORDER = {
    name: name for name in ("session", "symbol", "size", "type", "price", "event_id", "exit_reason")
}
_EQUITY = ("session", "equity", "cash", "position_value", "return", "benchmark_return")
_BAR = ("open", "high", "low", "close", "volume")
_COUNTS = ("shares", "size", "volume")  # whole numbers where they are whole


def result_files(
    result: Result, returns: Iterable[tuple[float, float]], history: Mapping[str, Prices]
) -> dict[str, str]:
    """The texts of `FILES` by name.

    Args:
        result: the replay's result.
        returns: return of the run and of the benchmark for each session.
        history: by symbol all prices, also those outside of the span.

    """
    days = zip(result.curve, returns, strict=True)
    bars = (
        (symbol, bar[0].date(), *bar[1:])
        for symbol, prices in history.items()
        for bar in prices.table[list(_BAR)].itertuples(name=None)
    )
    return {
        "trades.csv": _csv([*_TRADE], map(attrgetter(*_TRADE.values()), result.trades)),
        "equity.csv": _csv(_EQUITY, ((*attrgetter(*_EQUITY[:4])(p), *pair) for p, pair in days)),
        "decisions.csv": _csv([*_DECISION], map(attrgetter(*_DECISION.values()), result.decisions)),
        "orders.csv": _csv([*_ORDER], map(attrgetter(*_ORDER.values()), result.orders)),
        "bars.csv": _csv(("symbol", "session", *_BAR), bars),
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _csv(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    counts = [name in _COUNTS for name in columns]
    writer.writerows(map(_cell, row, counts) for row in rows)
    return text.getvalue()


def _cell(value: Any, is_count: bool) -> Any:  # noqa: FBT001 - of a column, by `map`
    """Floats with every digit, also numpy's; moments with their offset."""
    if is_count and float(value).is_integer():
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return repr(float(value)) if isinstance(value, float) else value
