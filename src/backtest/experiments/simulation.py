"""This module trades signals from a file on prices from files, in one account, by the kernel."""

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
from backtest.engine.kernel import (
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
from backtest.engine.kernel.panel import SIDES, Panel
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
# The words of each column of texts, with the bit of a signal's terms that each sets.
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
    """Hold the signals that can be traded, in order of bar, publication, symbol and event id."""

    rows: NDArray[Any]  # records of `SIGNAL`, as the kernel takes them, shape (signals,)
    event_ids: NDArray[np.object_]  # the event of each signal, shape (signals,)
    left_out: Mapping[str, int]  # the number of signals that cannot be traded, by reason


def read_signals(path: Path, panel: Panel, reaction: timedelta) -> SignalTable:
    """Read signals from a Parquet file and find the bar at which each can first be traded.

    The columns are `symbol`, `published_at` (a timestamp with a zone, the late bound), `direction`
    (`long`, `short` or `flat`) and, if wanted, `event_id` (by default a row's number) and the terms
    of `Signal` but for legs, with its bounds and words; null is the default.

    Each signal gets the first bar of its own symbol that opens later than its publication plus the
    reaction time. Signals without such a bar, or that were public on a day (in New York) before the
    symbol's first session, are only counted.

    Raise UsageError where there is no such file, and DataError where it is corrupt, or its columns
    or rows are wrong.
    """
    schema = files.schema_of(path)
    allowed = {**_NEEDED, **_OPTIONAL}
    wrong = [n for n in schema.names if n not in allowed and not n.startswith("__index_level_")]
    if wrong:  # a stop whose name is mistyped would not be set
        raise DataError(
            f"{path} has columns that no signal has: {', '.join(wrong)}. "
            f"Allowed: {', '.join(allowed)}. Rename them or take them out."
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
    """Return each row as a record of `SIGNAL` without its bar."""
    rows = np.zeros(len(table["symbol"]), SIGNAL)
    rows["symbol"] = _coded(
        table, "symbol", panel.columns, "A signal's symbol is one that has bars;", faults
    )
    rows["side"] = _coded(table, "direction", SIDES, "A direction is long, short or flat;", faults)
    for term in NUMBERS:
        rows[term] = _term(table, term, faults)
    is_flat, has_limit = rows["side"] == 0, ~np.isnan(rows["limit"])
    terms: NDArray[np.int64] = IS_FLAT * is_flat + WAITS * has_limit
    for name, words in _WORDS.items():
        if name in table:
            rule = f"{name} is {' or '.join(words)};"
            terms |= _coded(table, name, {**words, "": 0}, rule, faults)  # null is the default
    if "resize" in table:
        terms[np.array(table["resize"].to_pylist(), bool)] |= RESIZES  # null is false
    enters_at_close = ~is_flat & (terms & ENTERS_AT_CLOSE != 0)
    terms[is_flat] &= ~ENTERS_AT_CLOSE
    terms[is_flat & (terms & LEAVES_AT_CLOSE != 0)] |= ENTERS_AT_CLOSE  # it acts where it leaves
    rows["terms"] = terms
    leaves_at_once = enters_at_close & (rows["hold"] == 0)
    for rule, bad in (
        ("What enters at the close cannot leave at it: hold is above 0;", leaves_at_once),
        ("A limit is for an entry at the open;", enters_at_close & has_limit),
        ("A limit is for an entry without resize;", has_limit & (terms & RESIZES != 0)),
    ):
        faults.note(rule, bad, "row {}".format)
    return rows


def _coded(
    table: Mapping[str, pa.Array],
    name: str,
    codes: Mapping[str, int],
    rule: str,
    faults: files.Faults,
) -> NDArray[np.int64]:
    """Return the code of each row's text, and 0 for a text without one, which is a fault."""
    words, places = files.texts(table[name])
    is_coded = np.array([word in codes for word in words])
    faults.note(
        rule, ~is_coded[places], lambda row: f"row {row}: {name} {words[places[row]] or 'missing'}"
    )
    return np.array([codes.get(word, 0) for word in words])[places]


def _term(table: Mapping[str, pa.Array], term: str, faults: files.Faults) -> NDArray[np.float64]:
    """Return the values of a term by row; one out of the bounds of `Signal` is a fault."""
    default = _DEFAULTS[term]
    if term not in table:
        return np.full(len(table["symbol"]), default)
    values = files.numbers(table[term])
    is_stated = table[term].is_valid().to_numpy(zero_copy_only=False)
    schema = field_schema(Signal, term)
    allowed, kind, bounds = np.isfinite(values), "a number", []
    if schema["type"] == "integer":
        allowed &= values == np.floor(values)
        kind = "a whole number"
    for name, (holds, word) in _CHECKS.items():
        if name in schema:
            allowed &= holds(values, schema[name])
            bounds.append(f"{word} {schema[name]}")
    faults.note(
        f"A {term} is {kind} {' and '.join(bounds)}".rstrip() + ", or null;",
        is_stated & ~allowed,
        lambda row: f"row {row}: {term} {values[row]:g}",
    )
    return np.where(is_stated & allowed, values, default)


def _event_ids(
    table: Mapping[str, pa.Array], faults: files.Faults
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return the event id of each signal, and the rank of that id among all."""
    if "event_id" not in table:
        numbers = np.arange(len(table["symbol"]))
        return numbers.astype(str).astype(object), numbers
    column = table["event_id"].cast("string")
    ids = column.to_numpy(zero_copy_only=False)
    faults.note(
        "A signal names its event, where there is a column event_id;",
        np.array([not event_id for event_id in ids]),
        "row {}".format,
    )
    return ids, compute.rank(column).to_numpy()


def _tradable_bars(
    rows: NDArray[Any], published: Times, panel: Panel, reaction: timedelta
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each signal's first tradable bar, and whether it comes before its symbol's prices.

    A signal for the close gets the last bar of that session; one that is too late for any bar gets
    the number of bars. It comes before the prices if public on a day before their first session.
    """
    columns, at_close = rows["symbol"], rows["terms"] & ENTERS_AT_CLOSE != 0
    ready = published + np.timedelta64(reaction)
    bars = np.full(len(columns), len(panel.times))
    early = np.zeros(len(columns), np.bool_)
    by_symbol = np.argsort(columns)
    bounds = np.searchsorted(columns[by_symbol], range(len(panel.symbols) + 1))
    for column in np.flatnonzero(np.diff(bounds)).tolist():
        signals = by_symbol[bounds[column] : bounds[column + 1]]
        open_bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, column]))
        first = np.searchsorted(panel.times[open_bars], ready[signals], side="right")
        sessions = panel.session_numbers[open_bars]
        last = np.searchsorted(sessions, sessions, side="right") - 1  # of each bar's session
        first = np.where(at_close[signals], np.append(last, len(open_bars))[first], first)
        bars[signals] = np.append(open_bars, len(panel.times))[first]
        early[signals] = published[signals] < _midnight(panel.sessions[open_bars[0]].item())
    return bars, early


@cache
def _midnight(day: date) -> np.datetime64:
    """Return the moment at which a day begins in New York, in UTC."""
    moment = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    return np.datetime64(moment.replace(tzinfo=None), "us")


# The outcomes of signals by their names in the counts, in the order of OUTCOMES after `pending`.
_OUTCOMES = (
    "entered", "renewed", "reversed", "superseded", "no_room", "ruined", "resized", "left",
    "not_filled", "nothing_held",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Simulation:
    """A simulation is one account that was traded, with its trades, its curve and its figures."""

    panel: Panel
    signals: SignalTable
    rules: Rules
    rates: Mapping[str, BorrowRates]  # borrow rates of the symbols that have a file of them
    result: Tables  # the kernel's tables

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
        """Return the figures as in `run.json`, or None; the drawdown is measured bar to bar."""
        figures = figures_of_totals(self.result.totals, self.rules.cash, self.panel.count)
        values = {name: array[0].item() for name, array in figures.items()}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def counts(self) -> dict[str, int]:
        """Count the symbols, sessions, bars and signals, and the signals by outcome."""
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
        """Tell whether equity fell to zero or below."""
        totals = self.result.totals[0]
        return bool(totals["is_ruined"] or totals["lowest"] <= 0)

    def trades(self) -> pa.Table:
        """Return the trades in order of entry, in those columns of `trades.csv` that are known."""
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
        """Return equity, cash and return at each session's close; UsageError without curves."""
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
        """Return the assumptions of the result that no source backs, as sentences."""
        rates = used_rates(
            self.result.trades, self.signals.rows, self.panel, self.rates, self.rules
        )
        return borrow_assumptions(rates, self.rules.borrow_default)

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

    `borrow` is a folder of borrow rates, with a file for each symbol that has them; `curves` tells
    whether equity and cash are wanted. Raise as `read_panel` and `read_signals`, and
    AccountingError where the books do not balance, which is a fault of the program.
    """
    panel = files.read_panel(prices, volume=rules.max_participation is not None)
    table = read_signals(signals, panel, timedelta(minutes=rules.reaction_minutes))
    quoted = {path.stem for path in borrow.glob("*.csv")} & set(panel.symbols)
    rates = {symbol: read_borrow_rates(borrow, symbol) for symbol in sorted(quoted)}
    starts = np.array([0, len(table.rows)])
    result = simulate(panel, table.rows, starts, rules, rates, trades=True, curves=curves)
    simulation = Simulation(panel, table, rules, rates, result)
    simulation.check_identity()
    return simulation
