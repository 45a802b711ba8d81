"""The CSV files of a run: what the replay made, and the bars and events that it was made of."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from itertools import repeat
from math import isnan
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    import pandas as pd

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Result, Trade
    from backtest.engine.timeline import Decision

Columns: TypeAlias = "Mapping[str, Literal['text', 'int', 'float', 'day', 'moment']]"

# Each table's columns with what they hold; a float may be unknown, and so may a text or a day.
TRADES: Columns = {
    "trade_id": "int", "event_id": "text", "symbol": "text", "direction": "text", "shares": "int",
    "entry_session": "day", "entry_price": "float", "exit_session": "day", "exit_price": "float",
    "exit_reason": "text", "gross_profit": "float", "commission": "float", "borrow": "float",
    "net_profit": "float", "return": "float", "mae": "float", "mfe": "float",
}  # fmt: skip
EQUITY: Columns = {
    "session": "day", "equity": "float", "cash": "float", "position_value": "float",
    "return": "float", "benchmark_return": "float",
}  # fmt: skip
DECISIONS: Columns = {
    "event_id": "text", "symbol": "text", "kind": "text", "published_at": "moment",
    "precision": "text", "tradable_session": "day", "action": "text", "direction": "text",
    "reason": "text", "headline": "text", "grade": "text", "source_url": "text",
    "source_url_2": "text",
}  # fmt: skip
ORDERS: Columns = {
    "session": "day", "symbol": "text", "size": "float", "type": "text", "price": "float",
    "event_id": "text", "exit_reason": "text",
}  # fmt: skip
BARS: Columns = {
    "symbol": "text", "session": "day", "open": "float", "high": "float", "low": "float",
    "close": "float", "volume": "float",
}  # fmt: skip
_PRICES = ("open", "high", "low", "close")
_MARGIN = 5  # bars of a universe that are kept before a trade and after it
FILES: Mapping[str, Columns] = {
    "trades.csv": TRADES, "equity.csv": EQUITY, "decisions.csv": DECISIONS, "orders.csv": ORDERS,
    "bars.csv": BARS,
}  # fmt: skip


def result_files(
    result: Result, returns: Iterable[tuple[float, float]], bars: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """The texts of `FILES` by name.

    Args:
        result: the replay's result.
        returns: return of the run and of the benchmark for each session.
        bars: by symbol, as in `bars_of`.

    """
    return {
        "trades.csv": _trades_csv(result),
        "equity.csv": _equity_csv(result, returns),
        "decisions.csv": _decisions_csv(result),
        "orders.csv": _orders_csv(result),
        "bars.csv": _bars_csv(bars),
    }


def bars_of(history: Mapping[str, Prices]) -> dict[str, pd.DataFrame]:
    """All bars by symbol, also those outside of the span."""
    return {symbol: prices.table for symbol, prices in history.items()}


def bars_around(trades: Iterable[Trade], history: Mapping[str, Prices]) -> dict[str, pd.DataFrame]:
    """By traded symbol the bars from 5 before an entry to 5 after its exit."""
    import numpy as np

    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for t in trades:
        spans[t.symbol].append((t.entry_session, t.exit_session or history[t.symbol].last))
    found = {}
    for symbol in sorted(spans):
        table = history[symbol].table
        days = table.index.to_numpy("M8[D]")
        is_near = np.zeros(len(days), np.bool_)
        for first, last in np.searchsorted(days, np.array(spans[symbol], "M8[D]")).tolist():
            is_near[max(0, first - _MARGIN) : last + _MARGIN + 1] = True
        found[symbol] = table[is_near]
    return found


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_table(path: Path, index: str | None = None) -> pd.DataFrame:
    """One of `FILES` with the types of its columns; an empty cell alone is unknown.

    A text is what it says, also where it says `NA` or `1e5`. Days have no zone, moments are UTC.
    """
    import pandas as pd

    columns = FILES[path.name]
    types = {"text": "str", "int": "int64", "float": "float64", "day": "str", "moment": "str"}
    table = pd.read_csv(
        path,
        dtype={name: types[kind] for name, kind in columns.items()},
        keep_default_na=False,
        na_values={
            name: ["", "nan"] if kind == "float" else [""] for name, kind in columns.items()
        },
    )
    for name, kind in columns.items():
        if kind in ("day", "moment"):
            table[name] = pd.to_datetime(table[name], utc=kind == "moment", format="ISO8601")
    return table if index is None else table.set_index(index)


def _trades_csv(result: Result) -> str:
    return _csv(
        TRADES,
        (
            (
                t.trade_id, t.event_id, t.symbol, t.direction, _count(t.shares), t.entry_session,
                t.entry_price, t.exit_session, t.exit_price, t.exit_reason, t.gross_profit,
                t.commission, t.borrow, t.net_profit, t.net_return, t.mae, t.mfe,
            )
            for t in result.trades
        ),
    )  # fmt: skip


def _equity_csv(result: Result, returns: Iterable[tuple[float, float]]) -> str:
    points = zip(result.curve, returns, strict=True)
    return _csv(
        EQUITY,
        ((p.session, p.equity, p.cash, p.position_value, *pair) for p, pair in points),
    )


def _decisions_csv(result: Result) -> str:
    return _csv(
        DECISIONS,
        (
            (
                d.event.id, d.event.symbol, d.event.kind, d.event.published_at.isoformat(),
                d.event.precision, _traded_in(d), d.action, d.direction or "",
                d.reason, d.event.headline, d.event.grade or "", d.event.source_url or "",
                d.event.source_url_2 or "",
            )
            for d in result.decisions
        ),
    )  # fmt: skip


def _traded_in(decision: Decision) -> date | str:
    """The tradable session; none of an event that is not tradable, whose reason says why."""
    found = decision.tradable_session
    return "" if found is None or decision.action == "not_tradable" else found


def _orders_csv(result: Result) -> str:
    return _csv(
        ORDERS,
        (
            (
                o.session, o.symbol, _count(o.size), o.type, o.price, o.event_id,
                o.exit_reason or "",
            )
            for o in result.orders
        ),
    )  # fmt: skip


def _bars_csv(bars: Mapping[str, pd.DataFrame]) -> str:
    import numpy as np

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BARS)
    for symbol, table in bars.items():
        days = np.datetime_as_string(table.index.to_numpy("M8[D]")).tolist()
        prices = [table[name].tolist() for name in _PRICES]  # floats are written with every digit
        volume = map(_count, table["volume"].tolist())
        writer.writerows(zip(repeat(symbol), days, *prices, volume, strict=False))
    return text.getvalue()


def _count(shares: float) -> float | int:
    return int(shares) if float(shares).is_integer() else shares


def _csv(columns: Columns, rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_full(cell) for cell in row] for row in rows)
    return text.getvalue()


def _full(cell: Any) -> Any:
    """Floats with every digit, also numpy's; NaN is unknown."""
    if not isinstance(cell, float):
        return cell
    return "" if isnan(cell) else repr(float(cell))
