"""One account traded by the kernel on bars and signals from files, and what came of it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from backtest.data.prices import read_borrow_rates
from backtest.engine.kernel.records import CAPPED, OUTCOMES, REASONS
from backtest.engine.kernel.simulate import by_entry, simulate
from backtest.engine.replay.books import CENT
from backtest.errors import AccountingError, UsageError
from backtest.experiments.simulation.bars import read_panel
from backtest.experiments.simulation.signals import read_signals
from backtest.stats.figures import figures_of_totals, session_returns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.data.prices import BorrowRates
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.kernel.records import Tables
    from backtest.engine.rules import Rules
    from backtest.experiments.simulation.signals import SignalTable

TABLE_FORMATS = (".parquet", ".csv")
# What became of signals, in the order of OUTCOMES after `pending`.
_BECAME = ("entered", "renewed", "reversed", "superseded", "no_room", "ruined")
_MOST_NAMES = 5


@dataclass(frozen=True)
class SimulatedAccount:
    """An account that was traded.

    Attributes:
        panel: the bars.
        signals: what could be traded.
        rules: the settings.
        rates: borrow rates of the symbols that have a file of them.
        result: what the kernel gave back.

    """

    panel: Panel
    signals: SignalTable
    rules: Rules
    rates: Mapping[str, BorrowRates]
    result: Tables

    def figures(self) -> dict[str, float | None]:
        """The figures by the names in `run.json`; None where undefined.

        Returns are those of sessions; the drawdown is taken from bar to bar.
        """
        found = figures_of_totals(self.result.totals, self.rules.cash, self.panel.count)
        values = {name: array[0].item() for name, array in found.items()}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def counts(self) -> dict[str, int]:
        """How much there was, and how many signals came to what."""
        left_out = sum(self.signals.left_out.values())
        outcomes = self.result.outcomes
        became = np.bincount(outcomes % CAPPED, minlength=len(OUTCOMES)).tolist()
        return {
            "symbols": len(self.panel.symbols),
            "sessions": self.panel.count,
            "bars": int(np.count_nonzero(~np.isnan(self.panel.prices["open"]))),
            "signals": len(self.signals.rows) + left_out,
            **dict(zip(_BECAME, became[1:], strict=True)),
            "not_tradable": left_out,
            "capped_by_volume": int(np.count_nonzero(outcomes >= CAPPED)),
        }

    @property
    def is_ruined(self) -> bool:
        """Whether equity fell to zero or below."""
        totals = self.result.totals[0]
        return bool(totals["is_ruined"] or totals["lowest"] <= 0)

    def trades(self) -> pa.Table:
        """Every trade in order of entry, columns as in a run's `trades.csv`.

        In place of excursions it has `entry_bar` and `exit_bar`: when the bars of the fills
        opened.
        """
        entered = by_entry(self.signals.rows, self.result.trades)
        trades, signals = self.result.trades[entered], self.signals.rows[entered]
        first, last, shares = trades["entry_bar"], trades["exit_bar"], trades["shares"]
        gross, net = self._profits()
        gross, net = gross[entered], net[entered]
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
        """The account at the close of each session's last bar; needs the curves."""
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
        if self.rules.borrow_mode != "table":
            return []
        trades = self.result.trades
        paid = np.flatnonzero(trades["borrow"] > 0)
        columns, entries = self.signals.rows["symbol"][paid], trades["entry_bar"][paid]
        unknown, assumed = [], []
        for column in np.unique(columns).tolist():
            symbol = self.panel.symbols[column]
            night = self.panel.sessions[entries[columns == column].min()].item()
            rates = self.rates.get(symbol)
            if rates is None or rates.on(night) is None:
                unknown.append(symbol)
            elif any(rate.is_assumption for rate in rates.rates):
                assumed.append(symbol)
        sentences = []
        if unknown:
            sentences.append(
                f"No borrow rate is known for some nights short {_listed(unknown)}; "
                f"{self.rules.borrow_default:.1%} a year was charged."
            )
        if assumed:
            sentences.append(f"Some borrow rates of {_listed(assumed)} are assumptions.")
        return sentences

    def check_identity(self) -> None:
        """Final equity = start cash + Σ gross profit − Σ commission − Σ borrow + interest.

        Raises:
            AccountingError: it does not hold to the cent.

        """
        totals = self.result.totals[0]
        expected = self.rules.cash + totals["interest"] + self._profits()[1].sum()
        final = totals["equity"]
        # Of fortunes it holds to what many sums of doubles can still resolve.
        if not abs(expected - final) < max(CENT, abs(final) * 1e-12):
            raise AccountingError(
                f"The accounting identity is broken: the trades make {expected:.4f} of final "
                f"equity {final:.4f}. This is a fault of the program; please report it."
            )

    def _profits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gross and net profit by signal, dollars; 0 of those that did not enter."""
        trades = self.result.trades
        moves = trades["exit_price"] - trades["entry_price"]
        gross = self.signals.rows["side"] * trades["shares"] * moves
        return gross, gross - trades["commission"] - trades["borrow"]


def _listed(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _MOST_NAMES:,} more" if len(symbols) > _MOST_NAMES else ""
    return ", ".join(symbols[:_MOST_NAMES]) + more


def simulate_files(
    bars: Path, signals: Path, rules: Rules, borrow: Path, *, curves: bool = False
) -> SimulatedAccount:
    """Trade the signals of a file on the bars of a file or folder, in one account.

    Args:
        bars: as `read_panel` takes them.
        signals: as `read_signals` takes them.
        rules: the trading rules' settings.
        borrow: folder of borrow rates, a file for each symbol that has them.
        curves: whether equity and cash are wanted.

    Raises:
        UsageError: a file is not there.
        DataError: a file is corrupt or holds what it must not.
        AccountingError: the books do not balance, a fault of the program.

    """
    panel = read_panel(bars, volume=rules.max_participation is not None)
    table = read_signals(signals, panel, timedelta(minutes=rules.reaction_minutes))
    known = {path.stem for path in borrow.glob("*.csv")} & set(panel.symbols)
    rates = {symbol: read_borrow_rates(borrow, symbol) for symbol in sorted(known)}
    starts = np.array([0, len(table.rows)])
    result = simulate(panel, table.rows, starts, rules, rates, trades=True, curves=curves)
    account = SimulatedAccount(panel, table, rules, rates, result)
    account.check_identity()
    return account


def check_table_path(path: Path, *taken: Path) -> None:
    """Refuse a place to which a table cannot be written, before the work is done.

    Args:
        path: the place.
        taken: files that must not be overwritten.

    Raises:
        UsageError: its ending is unknown, or it is one of those.

    """
    if path.suffix not in TABLE_FORMATS:
        raise UsageError(f"{path} must end in {' or '.join(TABLE_FORMATS)}.")
    if path.resolve() in {other.resolve() for other in taken}:
        raise UsageError(f"{path} would be overwritten. Choose another name.")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as its ending says, beside its place and renamed when it is complete.

    Raises:
        UsageError: the folder cannot be written.

    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            parquet.write_table(table, beside)
        else:
            _write_csv(table, beside)
        os.replace(beside, path)  # noqa: PTH105 - replaces on every system
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _write_csv(table: pa.Table, path: Path) -> None:
    with path.open("wb") as file:
        file.write(f"{','.join(table.column_names)}\n".encode())  # Arrow would put it in quotes
        options: Any = csv.WriteOptions(include_header=False)
        csv.write_csv(table, file, options)
