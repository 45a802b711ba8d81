"""One account traded by the kernel on prices and signals from files, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from backtest.data.borrow import BorrowRates, borrow_assumptions, read_borrow_rates
from backtest.data.events import field_schema
from backtest.data.kinds import NEW_YORK
from backtest.engine.kernel.panel import SIDES, Panel
from backtest.engine.kernel.records import (
    CAPPED,
    ENTERS_AT_CLOSE,
    IS_FLAT,
    LEAVES_AT_CLOSE,
    LOOKS_AT_CLOSES,
    OUTCOMES,
    REASONS,
    RESIZES,
    SIGNAL,
    WAITS,
    Tables,
)
from backtest.engine.kernel.replay import used_rates
from backtest.engine.kernel.simulate import by_entry, profits, simulate
from backtest.engine.replay.books import check_identity
from backtest.errors import DataError, UsageError
from backtest.experiments import panel_files as files
from backtest.stats.figures import figures_of_totals, session_returns
from backtest.stats.formats import count, counted, few, percent
from backtest.strategy.base import NUMBERS, Signal

if TYPE_CHECKING:
    from backtest.engine.rules import Rules
    from backtest.experiments.panel_files import Times

_NEEDED = {"symbol": files.TEXT, "published_at": files.MOMENT, "direction": files.TEXT}
# What a column of texts may say, with its bit of a signal's terms.
_WORDS = {
    "enter": {"open": 0, "close": ENTERS_AT_CLOSE},
    "leave": {"open": 0, "close": LEAVES_AT_CLOSE},
    "levels": {"session": 0, "close": LOOKS_AT_CLOSES},
}
_OPTIONAL = {
    "event_id": files.TEXT,
    **dict.fromkeys(NUMBERS, files.NUMBER),
    **dict.fromkeys(_WORDS, files.TEXT),
    "resize": files.FLAG,
}
_DEFAULTS = {
    **dict.fromkeys(NUMBERS, np.nan), "weight": Signal.model_fields["weight"].default, "hold": -1,
    "priority": 0.0,
}  # fmt: skip
_CHECKS = {
    "minimum": (np.greater_equal, "from"),
    "exclusiveMinimum": (np.greater, "above"),
    "maximum": (np.less_equal, "up to"),
    "exclusiveMaximum": (np.less, "below"),
}

TOO_EARLY = "public before the first price of its symbol"
TOO_LATE = "after the last bar of its symbol"


@dataclass(frozen=True)
class SignalTable:
    """Signals that can be traded, by bar, publication, symbol and event id."""

    rows: NDArray[Any]  # as the kernel takes them, records of `SIGNAL`, shape (signals,)
    event_ids: NDArray[np.object_]  # what each acts on, shape (signals,)
    left_out: Mapping[str, int]  # how many more there are that cannot be traded, by reason


def read_signals(path: Path, panel: Panel, reaction: timedelta) -> SignalTable:
    """Read signals and find the bar at which each can first be traded.

    The columns are `symbol`, `published_at` (a timestamp with a zone, the late bound), `direction`
    (`long`, `short` or `flat`) and, as wanted, `event_id` (else a row's number) and the terms of
    `Signal` in its bounds and words; null is the default. Legs are no terms of a row: it is of one
    symbol.

    Each signal is on the first bar of its own symbol that opens later than its publication and
    the reaction time. Those that have none, or were public on a day (in New York) before the
    symbol's first session, are counted. Raises UsageError where there is no such file, and
    DataError where it is corrupt, or its columns or rows are wrong.
    """
    schema = files.schema_of(path)
    known = {**_NEEDED, **_OPTIONAL}
    others = [n for n in schema.names if n not in known and not n.startswith("__index_level_")]
    if others:  # a stop whose name is mistyped would not be there
        raise DataError(
            f"{path} has columns that no signal has: {', '.join(others)}. "
            f"Allowed: {', '.join(known)}. Rename them or take them out."
        )
    optional = {name: kind for name, kind in _OPTIONAL.items() if name in schema.names}
    files.check_columns(path, schema, {**_NEEDED, **optional})
    with files.readable(path), files.parquet_file(path) as file:
        columns = file.read([*_NEEDED, *optional])
        table = {name: columns.column(name).combine_chunks() for name in columns.column_names}
    if not len(table["symbol"]):
        raise DataError(f"{path} has no row. It needs one for each signal.")
    faults = files.Faults(path)
    with files.readable(path):
        rows = _records(table, panel, faults)
        published = files.moments(table["published_at"])
        event_ids, rank = _event_ids(table, faults)
    faults.note("A signal says when it was published;", np.isnat(published), "row {}".format)
    faults.check()
    rows["bar"], early = _tradable_bars(rows, published, panel, reaction)
    late = ~early & (rows["bar"] == len(panel.times))
    order = np.lexsort((rank, rows["symbol"], published, rows["bar"]))
    order = order[~(early | late)[order]]
    counts = {TOO_EARLY: int(early.sum()), TOO_LATE: int(late.sum())}
    return SignalTable(
        rows=rows[order],
        event_ids=event_ids[order],
        left_out={reason: count for reason, count in counts.items() if count},
    )


def _records(table: Mapping[str, pa.Array], panel: Panel, faults: files.Faults) -> NDArray[Any]:
    """What the signals want, by row of the file; their bars are not found yet."""
    rows = np.zeros(len(table["symbol"]), SIGNAL)
    rows["symbol"] = _coded(
        table, "symbol", panel.columns, "A signal's symbol is one that has bars;", faults
    )
    rows["side"] = _coded(table, "direction", SIDES, "A direction is long, short or flat;", faults)
    for term in NUMBERS:
        rows[term] = _term(table, term, faults)
    for name, words in _WORDS.items():
        if name in table:
            rule = f"{name} is {' or '.join(words)};"
            known = {**words, "": 0}  # null is the default
            rows["terms"] |= _coded(table, name, known, rule, faults).astype(np.uint8)
    if "resize" in table:
        resizes = np.array(table["resize"].to_pylist(), bool)  # null does not
        rows["terms"] |= np.where(resizes, RESIZES, 0).astype(np.uint8)
    is_flat, at_close = rows["side"] == 0, rows["terms"] & LEAVES_AT_CLOSE != 0
    rows["terms"] |= np.where(~np.isnan(rows["limit"]), WAITS, 0).astype(np.uint8)
    rows["terms"][is_flat] &= ~np.uint8(ENTERS_AT_CLOSE)
    rows["terms"] |= np.where(is_flat, IS_FLAT + ENTERS_AT_CLOSE * at_close, 0).astype(np.uint8)
    enters_at_close = ~is_flat & (rows["terms"] & ENTERS_AT_CLOSE != 0)
    for fault, is_wrong in (
        ("What enters at the close cannot leave at it: hold is above 0;", rows["hold"] == 0),
        ("A limit is for an entry at the open;", ~np.isnan(rows["limit"])),
    ):
        faults.note(fault, enters_at_close & is_wrong, "row {}".format)
    waits_to_resize = (rows["terms"] & WAITS != 0) & (rows["terms"] & RESIZES != 0)
    faults.note("A limit is for an entry without resize;", waits_to_resize, "row {}".format)
    return rows


def _coded(
    table: Mapping[str, pa.Array],
    name: str,
    codes: Mapping[str, int],
    rule: str,
    faults: files.Faults,
) -> NDArray[np.int64]:
    """The codes of a column of texts by row; 0 of one that has none, which is a fault."""
    words, numbers = files.texts(table[name])
    known = np.array([word in codes for word in words])
    faults.note(
        rule, ~known[numbers], lambda row: f"row {row}: {name} {words[numbers[row]] or 'missing'}"
    )
    return np.array([codes.get(word, 0) for word in words])[numbers]


def _term(table: Mapping[str, pa.Array], term: str, faults: files.Faults) -> NDArray[np.float64]:
    """The values of a term by row, in the bounds that `Signal` sets."""
    default = _DEFAULTS[term]
    if term not in table:
        return np.full(len(table["symbol"]), default)
    values = files.numbers(table[term])
    known = table[term].is_valid().to_numpy(zero_copy_only=False)
    limits = field_schema(Signal, term)
    allowed = np.isfinite(values)
    for name, (holds, _) in _CHECKS.items():
        if name in limits:
            allowed &= holds(values, limits[name])
    if limits["type"] == "integer":
        allowed &= values == np.floor(values)
    bounds = " and ".join(f"{word} {limits[n]}" for n, (_, word) in _CHECKS.items() if n in limits)
    kind = "a whole number" if limits["type"] == "integer" else "a number"
    faults.note(
        f"A {term} is {kind} {bounds}".rstrip() + ", or null;",
        known & ~allowed,
        lambda row: f"row {row}: {term} {values[row]:g}",
    )
    return np.where(known & allowed, values, default)


def _event_ids(
    table: Mapping[str, pa.Array], faults: files.Faults
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
    return names, compute.rank(ids).to_numpy()


def _tradable_bars(
    rows: NDArray[Any], published: Times, panel: Panel, reaction: timedelta
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """By signal the first bar that comes late enough, or else the number of bars; and whether it
    was public on a day before its symbol's first session. What is for the close is of the last bar.
    """
    columns, at_close = rows["symbol"], rows["terms"] & ENTERS_AT_CLOSE != 0
    known = published + np.timedelta64(reaction)
    bars = np.full(len(columns), len(panel.times))
    early = np.zeros(len(columns), np.bool_)
    by_symbol = np.argsort(columns)
    bounds = np.searchsorted(columns[by_symbol], range(len(panel.symbols) + 1))
    for column in np.flatnonzero(np.diff(bounds)).tolist():
        mine = by_symbol[bounds[column] : bounds[column + 1]]
        own = np.flatnonzero(~np.isnan(panel.prices["open"][:, column]))
        later = np.searchsorted(panel.times[own], known[mine], side="right")
        sessions = panel.session_numbers[own]
        last = np.searchsorted(sessions, sessions, side="right") - 1  # of the session of each
        later = np.where(at_close[mine], np.append(last, len(own))[later], later)
        bars[mine] = np.append(own, len(panel.times))[later]
        early[mine] = published[mine] < _midnight(panel.sessions[own[0]].item())
    return bars, early


@cache
def _midnight(day: date) -> np.datetime64:
    """When a day begins in New York, UTC."""
    moment = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    return np.datetime64(moment.replace(tzinfo=None), "us")


# What became of signals, in the order of OUTCOMES after `pending`.
_OUTCOMES = (
    "entered", "renewed", "reversed", "superseded", "no_room", "ruined", "resized", "left",
    "not_filled", "nothing_held",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Simulation:
    """An account that was traded."""

    panel: Panel
    signals: SignalTable  # what could be traded
    rules: Rules
    rates: Mapping[str, BorrowRates]  # borrow rates of the symbols that have a file of them
    result: Tables  # of the kernel

    def __repr__(self) -> str:
        figures, sessions = self.figures(), self.panel.sessions
        signals, trades = self.counts()["signals"], int(self.result.totals[0]["trades"])
        return (
            f"{few(self.panel.symbols)} from {sessions[0]} to {sessions[-1]}: "
            f"{percent(figures['total_return'])}\n"
            f"{counted(signals, 'signal')}, {counted(trades, 'trade')}, "
            f"final equity {count(figures['final_equity'])} ${', ruined' * self.is_ruined}"
        )

    def figures(self) -> dict[str, float | None]:
        """The figures as in `run.json`, None where undefined; the drawdown is from bar to bar."""
        found = figures_of_totals(self.result.totals, self.rules.cash, self.panel.count)
        values = {name: array[0].item() for name, array in found.items()}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def counts(self) -> dict[str, int]:
        """How much there was, and how many signals came to what."""
        left_out = sum(self.signals.left_out.values())
        outcomes = self.result.outcomes
        counts = np.bincount(outcomes % CAPPED, minlength=len(OUTCOMES)).tolist()
        return {
            "symbols": len(self.panel.symbols),
            "sessions": self.panel.count,
            "bars": int(np.count_nonzero(~np.isnan(self.panel.prices["open"]))),
            "signals": len(self.signals.rows) + left_out,
            **dict(zip(_OUTCOMES, counts[1:], strict=True)),
            "not_tradable": left_out,
            "capped_by_volume": int(np.count_nonzero(outcomes >= CAPPED)),
        }

    @property
    def is_ruined(self) -> bool:
        """Whether equity fell to zero or below."""
        totals = self.result.totals[0]
        return bool(totals["is_ruined"] or totals["lowest"] <= 0)

    def trades(self) -> pa.Table:
        """Every trade in order of entry, as in `trades.csv`, but with its bars for excursions."""
        entered = by_entry(self.signals.rows, self.result.trades)
        trades, signals = self.result.trades[entered], self.signals.rows[entered]
        first, last, shares = trades["entry_bar"], trades["exit_bar"], trades["shares"]
        gross, net = profits(signals, trades)
        symbols, sessions = np.array(self.panel.symbols), self.panel.sessions
        opens = pa.array(self.panel.times).cast(pa.timestamp("us", "UTC"))
        return pa.table(
            {
                "trade_id": np.arange(1, len(trades) + 1),
                "event_id": pa.array(self.signals.event_ids[entered], pa.string()),
                "symbol": symbols[signals["symbol"]],
                "direction": np.where(signals["side"] > 0, "long", "short"),
                "shares": shares.astype(np.int64),
                "entry_session": sessions[first],
                "entry_price": trades["entry_price"],
                "exit_session": sessions[last],
                "exit_price": trades["exit_price"],
                "exit_reason": np.array(REASONS)[trades["reason"]],
                "gross_profit": gross,
                "commission": trades["commission"],
                "borrow": trades["borrow"],
                "net_profit": net,
                "return": net / (shares * trades["entry_price"]),
                "entry_bar": opens.take(pa.array(first)),
                "exit_bar": opens.take(pa.array(last)),
            }
        )

    def equity(self) -> pa.Table:
        """The account at the close of each session's last bar; UsageError without the curves."""
        if not len(self.result.equity):
            raise UsageError("There is no curve of the account. Simulate with curves=True.")
        numbers = self.panel.session_numbers
        closes = np.flatnonzero(np.append(numbers[1:] != numbers[:-1], True))
        equity, cash = self.result.equity[0][closes], self.result.cash[0][closes]
        return pa.table(
            {
                "session": self.panel.sessions[closes],
                "equity": equity,
                "cash": cash,
                "position_value": equity - cash,
                "return": session_returns(equity, self.rules.cash),
            }
        )

    def assumptions(self) -> list[str]:
        """What the result rests on that nobody quoted, in sentences."""
        made = (self.result.trades, self.signals.rows, self.panel, self.rates, self.rules)
        return borrow_assumptions(used_rates(*made), self.rules.borrow_default)

    def check_identity(self) -> None:
        """Raise AccountingError where the profits do not make the final equity, to the cent."""
        totals = self.result.totals[0]
        _, net = profits(self.signals.rows, self.result.trades)
        expected = self.rules.cash + totals["interest"] + net.sum()
        check_identity(expected, totals["equity"], resolved=1e-12)  # of sums of many doubles


def simulate_files(
    prices: Path, signals: Path, rules: Rules, borrow: Path, *, curves: bool = False
) -> Simulation:
    """Trade the signals of a file on the bars of a file or folder, in one account.

    `borrow` is a folder of borrow rates, with a file for each symbol that has them; `curves` says
    whether equity and cash are wanted. Errors are those of `read_panel` and `read_signals`, and
    AccountingError where the books do not balance, a fault of the program.
    """
    panel = files.read_panel(prices, volume=rules.max_participation is not None)
    table = read_signals(signals, panel, timedelta(minutes=rules.reaction_minutes))
    known = {path.stem for path in borrow.glob("*.csv")} & set(panel.symbols)
    rates = {symbol: read_borrow_rates(borrow, symbol) for symbol in sorted(known)}
    starts = np.array([0, len(table.rows)])
    result = simulate(panel, table.rows, starts, rules, rates, trades=True, curves=curves)
    account = Simulation(panel, table, rules, rates, result)
    account.check_identity()
    return account
