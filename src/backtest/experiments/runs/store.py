"""This module reads and writes run folders: a record and tables, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import repeat
from math import isnan
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from backtest.experiments.records import RunRecord
from backtest.workspace.files import (
    damaged_error,
    read_record,
    record_text,
    write_folder,
    write_text,
)

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import ReplayResult, SentOrder, Trade

Cells = Mapping[str, Callable[[Any], Any]]  # by column, the function that takes it from a record

_REQUESTED = "requested_at"  # the file that says when a finished run was last requested
NOTES = ("label", "note")  # files that the user has put texts into
_IN_ONE_LINE = ("attribution",)  # fields of the record with a row for each event
LEADING = "sharpe"  # the statistic that the verdict is about: the account's Sharpe ratio

Returns: TypeAlias = "tuple[float, float, float | None]"
Columns: TypeAlias = "Mapping[str, Literal['text', 'int', 'float', 'day', 'moment']]"

# The columns of each table with their types; floats, texts and days may be missing.
TRADES: Columns = {
    "trade_id": "int", "event_id": "text", "symbol": "text", "direction": "text", "shares": "float",
    "entry_session": "day", "entry_price": "float", "exit_session": "day", "exit_price": "float",
    "exit_reason": "text", "gross_profit": "float", "commission": "float", "borrow": "float",
    "net_profit": "float", "return": "float", "mae": "float", "mfe": "float",
    "entered_at": "text", "left_at": "text", "hedge_profit": "float",
    "dividends": "float", "entry_bar": "moment", "exit_bar": "moment",
}  # fmt: skip
EQUITY: Columns = {
    "session": "day", "equity": "float", "cash": "float", "position_value": "float",
    "return": "float", "benchmark_return": "float", "holding_return": "float",
}  # fmt: skip
DECISIONS: Columns = {
    "event_id": "text", "symbol": "text", "kind": "text", "published_at": "moment",
    "precision": "text", "tradable_session": "day", "tradable_bar": "moment", "action": "text",
    "direction": "text", "reason": "text", "headline": "text", "grade": "text",
    "source_url": "text", "source_url_2": "text",
}  # fmt: skip
ORDERS: Columns = {
    "session": "day", "symbol": "text", "size": "float", "type": "text", "price": "float",
    "event_id": "text", "exit_reason": "text", "bar": "moment",
}  # fmt: skip
_PRICES: Columns = dict.fromkeys(("open", "high", "low", "close", "volume"), "float")
BARS: Columns = {"symbol": "text", "session": "day", **_PRICES}
FINER_BARS: Columns = {"symbol": "text", "time": "moment", "session": "day", **_PRICES}
_MOST_FINER = 20_000  # finer bars that are kept, but for the last session
_MARGIN = 5  # bars of a universe that are kept before a trade and after it
FILES: Mapping[str, Columns] = {
    "trades.csv": TRADES, "equity.csv": EQUITY, "decisions.csv": DECISIONS, "orders.csv": ORDERS,
    "bars.csv": BARS,
}  # fmt: skip
TABLES: Mapping[str, Columns] = {**FILES, "finer_bars.csv": FINER_BARS}


@dataclass(frozen=True)
class Run:
    """Hold the record of a run, and read its tables from the folder as they are needed."""

    path: Path
    manifest: RunRecord  # the content of `run.json`
    result: ReplayResult | None = field(default=None, compare=False, repr=False)

    @property
    def run_id(self) -> str:
        """Return the id: a hash of all that decides the result."""
        return self.manifest["run_id"]

    @property
    def name(self) -> str:
        """Return the strategy and what it traded, such as `earnings_surprise · CRWV`."""
        return f"{self.manifest['strategy']} · {self.traded}"

    @property
    def traded(self) -> str:
        """Return the universe, or else the symbols in a line."""
        return self.manifest.get("universe") or ", ".join(self.manifest["symbols"])

    @property
    def summary(self) -> Mapping[str, Any]:
        """Return the figures of the run by name; None where unknown."""
        return self.manifest["summary"]["run"]

    @property
    def benchmark(self) -> Mapping[str, Any]:
        """Return the figures of the benchmark by name; None where unknown."""
        return self.manifest["summary"]["benchmark"]

    @property
    def last_request(self) -> datetime:
        """Return when the run was last requested, or finished if that is not readable; UTC."""
        with suppress(OSError, ValueError, OverflowError):
            text = (self.path / _REQUESTED).read_text(encoding="utf-8")
            return datetime.fromisoformat(text).astimezone(UTC)
        return datetime.fromisoformat(self.manifest["finished_at"])

    @property
    def label(self) -> str:
        """Return the user's label of the run; empty without one."""
        return note_in(self.path, "label")

    @property
    def note(self) -> str:
        """Return the user's note on the run; empty without one."""
        return note_in(self.path, "note")

    @property
    def has_tearsheet(self) -> bool:
        """Tell whether the tear sheet has been drawn."""
        return (self.path / "tearsheet.html").exists()

    @cached_property
    def trades(self) -> list[dict[str, str]]:
        """Return the rows of trades.csv, as texts."""
        return read_rows(self.path / "trades.csv")

    @cached_property
    def decisions(self) -> list[dict[str, str]]:
        """Return the rows of decisions.csv, as texts."""
        return read_rows(self.path / "decisions.csv")

    @cached_property
    def orders(self) -> list[dict[str, str]]:
        """Return the rows of orders.csv, as texts; an order unchanged within a session once."""
        return read_rows(self.path / "orders.csv")

    @cached_property
    def bars(self) -> pd.DataFrame:
        """Return bars.csv: symbol, session (without a zone), open, high, low, close, volume."""
        return read_table(self.path / "bars.csv")

    @cached_property
    def finer_bars(self) -> pd.DataFrame:
        """Return finer_bars.csv, of the sessions of events and trades; empty in a run without."""
        path = self.path / "finer_bars.csv"
        if path.name in self.manifest["files"]:
            return read_table(path)
        import pandas as pd

        return pd.DataFrame(columns=list(FINER_BARS))

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Return equity.csv, indexed by session (dates without a zone)."""
        return read_table(self.path / "equity.csv", index="session")


def read_run(path: Path) -> Run:
    """Read a run folder; raise DataError where its record or another file is not as written."""
    manifest = read_record(path / "run.json", RunRecord)
    for name in FILES:
        if name not in manifest["files"]:
            raise damaged_error(path / "run.json", f"it lacks files.{name}")
    return Run(path, manifest)


def note_in(folder: Path, name: str) -> str:
    """Read one of `NOTES` of a run folder; empty where there is none."""
    with suppress(OSError, ValueError):
        return (folder / name).read_text(encoding="utf-8").strip()
    return ""


def write_notes(run: Run, notes: Mapping[str, str]) -> None:
    """Write some of `NOTES`, an empty text for none; raise UsageError where that fails."""
    for name, text in notes.items():
        write_text(run.path / name, text)


def request_again(run: Run) -> None:
    """Record that a finished run was requested now; UsageError where that cannot be written."""
    write_text(run.path / _REQUESTED, datetime.now(UTC).isoformat())


def save_run(
    path: Path,
    manifest: Mapping[str, Any],
    result: ReplayResult,
    returns: Iterable[Returns],
    bars: Mapping[str, pd.DataFrame],
    finer: RunBars | None = None,
) -> Run:
    """Write a run's files beside its path and rename the folder there when it is complete.

    `returns` are by session those of the run, of the benchmark and of holding the stock. Raise
    UsageError where the folder cannot be written.
    """
    texts = result_files(result, returns, bars)
    if finer:
        texts["finer_bars.csv"] = _csv(FINER_BARS, _finer_rows(result, finer))
    files = {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
    texts["run.json"] = record_text({**manifest, "files": files}, _IN_ONE_LINE)
    texts |= {name: text for name in NOTES if (text := note_in(path, name))}
    write_folder(path, texts)
    return replace(read_run(path), result=result)


def complete_manifest(run: Run, more: Mapping[str, Any]) -> Run:
    """Add fields to `run.json`, all or none; raise UsageError where it cannot be written."""
    write_text(run.path / "run.json", record_text({**run.manifest, **more}, _IN_ONE_LINE))
    return read_run(run.path)


def result_files(
    result: ReplayResult, returns: Iterable[Returns], bars: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """Return the texts of `FILES` by name; `returns` as in `save_run`."""
    of_event = ("symbol", "kind", "precision", "headline", "grade", "source_url", "source_url_2")
    decision: Cells = {
        **{name: attrgetter(f"event.{name}") for name in of_event},
        "event_id": attrgetter("event.id"),
        "published_at": attrgetter("event.published_at"),
        # An event that is not tradable may have a session all the same; the reason says why not.
        "tradable_session": lambda decision: (
            None if decision.action == "not_tradable" else decision.tradable_session
        ),
    }
    trade: Cells = {"shares": lambda row: _count(row.shares), "return": attrgetter("net_return")}
    order: Cells = {"size": lambda row: _count(row.size)}
    points = zip(result.curve, returns, strict=True)
    equity = ((p.session, p.equity, p.cash, p.position_value, *each) for p, each in points)
    return {
        "trades.csv": _csv(TRADES, _rows(TRADES, result.trades, trade)),
        "equity.csv": _csv(EQUITY, equity),
        "decisions.csv": _csv(DECISIONS, _rows(DECISIONS, result.decisions, decision)),
        "orders.csv": _csv(ORDERS, _rows(ORDERS, _once(result.orders), order)),
        "bars.csv": _csv(BARS, _bar_rows(bars)),
    }


def _rows(columns: Columns, records: Iterable[object], cells: Cells) -> Iterator[list[Any]]:
    """Return the cells of each record: by `cells`, or else its attribute of the column's name."""
    getters = [cells.get(name, attrgetter(name)) for name in columns]
    return ([getter(record) for getter in getters] for record in records)


def _once(orders: Iterable[SentOrder]) -> Iterator[SentOrder]:
    """Yield orders, but one that rests unchanged through bars of a session only at the first."""
    seen = set()
    for order in orders:
        level = replace(order, bar=None)
        if order.bar is None or order.type not in {"stop", "limit"} or level not in seen:
            yield order
        seen.add(level)


def _finer_rows(result: ReplayResult, bars: RunBars) -> Iterator[list[Any]]:
    """Return the finer bars of the sessions of events, entries and exits, sorted.

    Of many the newest, as many as a page shows; all are in the files of prices.
    """
    days = {(decision.tradable_session, decision.event.symbol) for decision in result.decisions}
    for trade in result.trades:
        days |= {(trade.entry_session, trade.symbol), (trade.exit_session, trade.symbol)}
    with_bars = sorted((day, symbol) for day, symbol in days if day and symbol in bars.of)
    rows: list[list[Any]] = []
    for session, symbol in reversed(with_bars):
        stock = bars.of[symbol]
        first, end = (stock.place(day) for day in (session, session + timedelta(days=1)))
        prices = zip(range(first, end), stock.table[first:end].tolist(), strict=True)
        rows += [[symbol, stock.time_of(n), session, *row] for n, row in prices if stock.kinds[n]]
        if len(rows) > _MOST_FINER:
            break
    return iter(sorted(rows))


def bars_around(trades: Iterable[Trade], history: Mapping[str, Prices]) -> dict[str, pd.DataFrame]:
    """Return by traded symbol the bars from 5 before an entry to 5 after its exit."""
    import numpy as np

    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for t in trades:
        spans[t.symbol].append((t.entry_session, t.exit_session))
    bars = {}
    for symbol in sorted(spans):
        table = history[symbol].table
        days = table.index.to_numpy("M8[D]")
        is_near = np.zeros(len(days), np.bool_)
        for first, last in np.searchsorted(days, np.array(spans[symbol], "M8[D]")).tolist():
            is_near[max(0, first - _MARGIN) : last + _MARGIN + 1] = True
        bars[symbol] = table[is_near]
    return bars


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file, as texts."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_table(path: Path, index: str | None = None) -> pd.DataFrame:
    """Read one of `TABLES` with the types of its columns; only an empty cell is missing.

    A text stays one, even `NA` or `1e5`. Days have no zone, moments are in UTC.
    """
    import pandas as pd

    columns = TABLES[path.name]
    types = {"text": "str", "int": "int64", "float": "float64", "day": "str", "moment": "str"}
    table = pd.read_csv(
        path,
        dtype={name: types[kind] for name, kind in columns.items()},
        keep_default_na=False,
        na_values={
            name: ["", "nan"] if kind == "float" else [""] for name, kind in columns.items()
        },
    )
    table = table.reindex(columns=list(columns))  # another version may have more, or fewer
    for name, kind in columns.items():
        if kind in ("day", "moment"):
            table[name] = pd.to_datetime(table[name], utc=kind == "moment", format="ISO8601")
    return table if index is None else table.set_index(index)


def _bar_rows(bars: Mapping[str, pd.DataFrame]) -> Iterator[Iterable[Any]]:
    for symbol, table in bars.items():
        prices = [table[name].tolist() for name in ("open", "high", "low", "close")]
        volume = map(_count, table["volume"].tolist())
        yield from zip(repeat(symbol), table.index.date, *prices, volume, strict=False)


def _count(shares: float) -> float | int:
    return int(shares) if float(shares).is_integer() else shares


def _csv(columns: Columns, rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_full(cell) for cell in row] for row in rows)
    return text.getvalue()


def _full(cell: Any) -> Any:
    """Return a float with every digit, or empty for NaN, and a moment in ISO form."""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if not isinstance(cell, float):
        return cell
    return "" if isnan(cell) else repr(float(cell))
