"""Run folders: the id of a run, its manifest, and its tables, written whole or not at all."""

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
from backtest.workspace.files import damaged, read_record, record_text, write_folder, write_text

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import ReplayResult, SentOrder, Trade

Cells = Mapping[str, Callable[[Any], Any]]  # by column what reads its cell of a record

_REQUESTED = "requested_at"  # a file of a run folder: when a finished run was last requested
NOTES = ("label", "note")  # files of a run folder: what somebody calls it, and says of it
_IN_ONE_LINE = ("attribution",)  # of the record: it has a row for each event
LEADING = "sharpe"  # the statistic that the verdict is about: the account's Sharpe ratio


Returns: TypeAlias = "tuple[float, float, float | None]"
Columns: TypeAlias = "Mapping[str, Literal['text', 'int', 'float', 'day', 'moment']]"

# Each table's columns with what they hold; a float may be unknown, and so may a text or a day.
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
    "direction": "text",
    "reason": "text", "headline": "text", "grade": "text", "source_url": "text",
    "source_url_2": "text",
}  # fmt: skip
ORDERS: Columns = {
    "session": "day", "symbol": "text", "size": "float", "type": "text", "price": "float",
    "event_id": "text", "exit_reason": "text", "bar": "moment",
}  # fmt: skip
BARS: Columns = {
    "symbol": "text", "session": "day", "open": "float", "high": "float", "low": "float",
    "close": "float", "volume": "float",
}  # fmt: skip
FINER_BARS: Columns = {
    "symbol": "text", "time": "moment", "session": "day", "open": "float", "high": "float",
    "low": "float", "close": "float", "volume": "float",
}  # fmt: skip
MOST_FINER = 20_000  # bars within sessions
_MARGIN = 5  # bars of a universe that are kept before a trade and after it
FILES: Mapping[str, Columns] = {
    "trades.csv": TRADES, "equity.csv": EQUITY, "decisions.csv": DECISIONS, "orders.csv": ORDERS,
    "bars.csv": BARS,
}  # fmt: skip
TABLES: Mapping[str, Columns] = {**FILES, "finer_bars.csv": FINER_BARS}


@dataclass(frozen=True)
class Run:
    """A run as it stands in its folder."""

    path: Path
    manifest: RunRecord  # what `run.json` holds
    result: ReplayResult | None = field(default=None, compare=False, repr=False)

    @property
    def run_id(self) -> str:
        """The id: a hash of everything that decides the result."""
        return self.manifest["run_id"]

    @property
    def name(self) -> str:
        """The strategy and what it traded, such as `earnings_surprise · CRWV`."""
        return f"{self.manifest['strategy']} · {self.traded}"

    @property
    def traded(self) -> str:
        """The universe, or else the symbols."""
        return self.manifest.get("universe") or ", ".join(self.manifest["symbols"])

    @property
    def summary(self) -> Mapping[str, Any]:
        """The figures of the run."""
        return self.manifest["summary"]["run"]

    @property
    def benchmark(self) -> Mapping[str, Any]:
        """The figures of its benchmark."""
        return self.manifest["summary"]["benchmark"]

    @property
    def last_request(self) -> datetime:
        """When it was last requested; a run that was not repeated, or not readably, has its own."""
        with suppress(OSError, ValueError, OverflowError):
            text = (self.path / _REQUESTED).read_text(encoding="utf-8")
            return datetime.fromisoformat(text).astimezone(UTC)
        return datetime.fromisoformat(self.manifest["finished_at"])

    @property
    def label(self) -> str:
        """What somebody calls the run; empty where nobody does."""
        return note_in(self.path, "label")

    @property
    def note(self) -> str:
        """What somebody says of the run; empty where nobody does."""
        return note_in(self.path, "note")

    @property
    def has_tearsheet(self) -> bool:
        """Whether its tear sheet has been drawn."""
        return (self.path / "tearsheet.html").exists()

    @cached_property
    def trades(self) -> list[dict[str, str]]:
        """The rows of trades.csv, as texts."""
        return read_rows(self.path / "trades.csv")

    @cached_property
    def decisions(self) -> list[dict[str, str]]:
        """The rows of decisions.csv, as texts."""
        return read_rows(self.path / "decisions.csv")

    @cached_property
    def orders(self) -> list[dict[str, str]]:
        """The rows of orders.csv, as texts: by session, in bars within it what changed."""
        return read_rows(self.path / "orders.csv")

    @cached_property
    def bars(self) -> pd.DataFrame:
        """bars.csv: symbol, session (dates without a zone), open, high, low, close, volume."""
        return read_table(self.path / "bars.csv")

    @cached_property
    def finer_bars(self) -> pd.DataFrame:
        """finer_bars.csv: those of the sessions of events and trades; empty in a run without."""
        path = self.path / "finer_bars.csv"
        if path.name in self.manifest["files"]:
            return read_table(path)
        import pandas as pd

        return pd.DataFrame(columns=list(FINER_BARS))

    @cached_property
    def equity(self) -> pd.DataFrame:
        """equity.csv, indexed by session (dates without a zone)."""
        return read_table(self.path / "equity.csv", index="session")


def read_run(path: Path) -> Run:
    """Read a run folder; raises DataError where its record or another file is not as written."""
    manifest = read_record(path / "run.json", RunRecord)
    for name in FILES:
        if name not in manifest["files"]:
            raise damaged(path / "run.json", f"it lacks files.{name}")
    return Run(path, manifest)


def note_in(folder: Path, name: str) -> str:
    """One of `NOTES` of a run folder; empty where there is none."""
    with suppress(OSError, ValueError):
        return (folder / name).read_text(encoding="utf-8").strip()
    return ""


def write_notes(run: Run, notes: Mapping[str, str]) -> None:
    """Write some of `NOTES`; an empty text takes one away."""
    for name, text in notes.items():
        write_text(run.path / name, text)


def request_again(run: Run) -> None:
    """Note that a finished run was requested now; UsageError where that cannot be written."""
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

    `returns` are those of the run, of the benchmark and of holding the stock by session. Raises
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
    """Add to `run.json`, which is what it was, or whole; UsageError where it cannot be written."""
    write_text(run.path / "run.json", record_text({**run.manifest, **more}, _IN_ONE_LINE))
    return read_run(run.path)


def result_files(
    result: ReplayResult, returns: Iterable[Returns], bars: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """The texts of `FILES` by name; `returns` are as of `save_run`."""
    of_event = ("symbol", "kind", "precision", "headline", "grade", "source_url", "source_url_2")
    decision: Cells = {
        **{name: attrgetter(f"event.{name}") for name in of_event},
        "event_id": attrgetter("event.id"),
        "published_at": lambda one: one.event.published_at.isoformat(),
        # That of an event that is not tradable is none; the reason says why.
        "tradable_session": lambda one: (
            None if one.action == "not_tradable" else one.tradable_session
        ),
    }
    trade: Cells = {"shares": lambda one: _count(one.shares), "return": attrgetter("net_return")}
    order: Cells = {"size": lambda one: _count(one.size)}
    points = zip(result.curve, returns, strict=True)
    equity = ((p.session, p.equity, p.cash, p.position_value, *pair) for p, pair in points)
    return {
        "trades.csv": _csv(TRADES, _rows(TRADES, result.trades, trade)),
        "equity.csv": _csv(EQUITY, equity),
        "decisions.csv": _csv(DECISIONS, _rows(DECISIONS, result.decisions, decision)),
        "orders.csv": _csv(ORDERS, _rows(ORDERS, _once(result.orders), order)),
        "bars.csv": _bars_csv(bars),
    }


def _rows(columns: Columns, records: Iterable[object], cells: Cells) -> Iterator[list[Any]]:
    """The cells of each record: by `cells`, or else its attribute of the column's name."""
    read = [cells.get(name, attrgetter(name)) for name in columns]
    return ([cell(record) for cell in read] for record in records)


def _once(orders: Iterable[SentOrder]) -> Iterator[SentOrder]:
    """Orders, of one that rests unchanged through bars of a session the first bar alone."""
    seen = set()
    for order in orders:
        level = replace(order, bar=None)
        if order.bar is None or order.type not in {"stop", "limit"} or level not in seen:
            yield order
        seen.add(level)


def _finer_rows(result: ReplayResult, bars: RunBars) -> Iterator[list[Any]]:
    """The finer bars of the sessions in which events could be traded, or trades began or ended.

    Of many the newest, as many as a page shows; all are in the files of prices.
    """
    days = {(one.tradable_session, one.event.symbol) for one in result.decisions}
    for trade in result.trades:
        days |= {(trade.entry_session, trade.symbol), (trade.exit_session, trade.symbol)}
    known = sorted((day, symbol) for day, symbol in days if day and symbol in bars.of)
    found: list[list[Any]] = []
    for session, symbol in reversed(known):
        own = bars.of[symbol]
        first, end = (own.place(day) for day in (session, session + timedelta(days=1)))
        rows = zip(range(first, end), own.table[first:end].tolist(), strict=True)
        found += [[symbol, own.time_of(n), session, *row] for n, row in rows if own.kinds[n]]
        if len(found) > MOST_FINER:
            break
    return iter(sorted(found))


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
    """One of `TABLES` with the types of its columns; an empty cell alone is unknown.

    A text is what it says, also where it says `NA` or `1e5`. Days have no zone, moments are UTC.
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
    table = table.reindex(columns=list(columns))  # those of later versions are unknown
    for name, kind in columns.items():
        if kind in ("day", "moment"):
            table[name] = pd.to_datetime(table[name], utc=kind == "moment", format="ISO8601")
    return table if index is None else table.set_index(index)


def _bars_csv(bars: Mapping[str, pd.DataFrame]) -> str:
    import numpy as np

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BARS)
    for symbol, table in bars.items():
        days = np.datetime_as_string(table.index.to_numpy("M8[D]")).tolist()
        # Lists have floats, which are written with every digit.
        prices = [table[name].tolist() for name in ("open", "high", "low", "close")]
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
    """Floats with every digit, also numpy's, where NaN is unknown; moments as ISO has them."""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if not isinstance(cell, float):
        return cell
    return "" if isnan(cell) else repr(float(cell))
