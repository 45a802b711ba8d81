"""The CSV files of a run: what the replay made, and the bars and events that it was made of."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Result
    from backtest.engine.timeline import Decision

FILES = ("trades.csv", "equity.csv", "decisions.csv", "orders.csv", "bars.csv")
TRADE_COLUMNS = (
    "trade_id", "event_id", "symbol", "direction", "shares", "entry_session", "entry_price",
    "exit_session", "exit_price", "exit_reason", "gross_profit", "commission", "borrow",
    "net_profit", "return", "mae", "mfe",
)  # fmt: skip
EQUITY_COLUMNS = ("session", "equity", "cash", "position_value", "return", "benchmark_return")
DECISION_COLUMNS = (
    "event_id", "symbol", "kind", "published_at", "precision", "tradable_session", "action",
    "direction", "reason", "headline", "grade", "source_url", "source_url_2",
)  # fmt: skip
ORDER_COLUMNS = ("session", "symbol", "size", "type", "price", "event_id", "exit_reason")
BAR_COLUMNS = ("symbol", "session", "open", "high", "low", "close", "volume")


def result_files(
    result: Result, returns: Iterable[tuple[float, float]], history: Mapping[str, Prices]
) -> dict[str, str]:
    """The texts of `FILES` by name.

    Args:
        result: the replay's result.
        returns: return of the run and of the benchmark for each session.
        history: by symbol all prices, also those outside of the span.

    """
    return {
        "trades.csv": _trades_csv(result),
        "equity.csv": _equity_csv(result, returns),
        "decisions.csv": _decisions_csv(result),
        "orders.csv": _orders_csv(result),
        "bars.csv": _bars_csv(history),
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _trades_csv(result: Result) -> str:
    return _csv(
        TRADE_COLUMNS,
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
        EQUITY_COLUMNS,
        ((p.session, p.equity, p.cash, p.position_value, *pair) for p, pair in points),
    )


def _decisions_csv(result: Result) -> str:
    return _csv(
        DECISION_COLUMNS,
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
        ORDER_COLUMNS,
        (
            (
                o.session, o.symbol, _count(o.size), o.type, o.price, o.event_id,
                o.exit_reason or "",
            )
            for o in result.orders
        ),
    )  # fmt: skip


def _bars_csv(history: Mapping[str, Prices]) -> str:
    columns = list(BAR_COLUMNS[2:])
    return _csv(
        BAR_COLUMNS,
        (
            (symbol, bar[0].date(), *bar[1:-1], _count(bar[-1]))
            for symbol, prices in history.items()
            for bar in prices.table[columns].itertuples(name=None)
        ),
    )


def _count(shares: float) -> float | int:
    return int(shares) if float(shares).is_integer() else shares


def _csv(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_full(cell) for cell in row] for row in rows)
    return text.getvalue()


def _full(cell: Any) -> Any:
    """Floats with every digit, also numpy's."""
    return repr(float(cell)) if isinstance(cell, float) else cell
