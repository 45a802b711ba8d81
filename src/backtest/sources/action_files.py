"""Read actions from files and vendors, and prepare the update of a symbol's file of actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from math import isclose, log10, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data.actions import (
    COLUMNS,
    Action,
    basis_of,
    is_within,
    parse_action,
    parse_actions,
    read_actions,
    repeat_problem,
)
from backtest.data.datafile import (
    DataFile,
    csv_text,
    metadata_of,
    open_data_file,
    raise_problems,
    read_rows,
    span_of,
)
from backtest.data.edits import Change
from backtest.data.prices import actions_folder
from backtest.data.versions import Version, clear_history, write_version
from backtest.errors import DataError, UsageError, first_few
from backtest.sources.own_tables import as_symbol
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from backtest.sources.own_prices import PriceFile

_MOVED = timedelta(days=10)  # the furthest that a correction moves the day of an action
_NEAR = 1e-4  # relative difference of amounts that two sources only round differently
_CERTAIN = 2.0  # a difference of so many times the rounding is a dividend
_MOST = 0.25  # no dividend is a larger part of the close before
_DIGITS, _SINGLE = 9, 6e-8  # decimals at most; half of the last bit of single precision


@dataclass(frozen=True)
class ActionUpdate:
    """An action update is a change of a symbol's file of actions that is not written yet."""

    symbol: str
    path: Path
    added: Sequence[Action]
    changes: Sequence[Change]  # differing cells of rows on file, which are replaced if accepted
    accepted: bool
    rows: Sequence[Action]  # all rows of the file after the update
    kept: DataFile | None  # the file before the update
    source: str

    def __bool__(self) -> bool:
        """Tell whether the file changes."""
        return bool(self.added or (self.changes and self.accepted))

    @property
    def content(self) -> str:
        """Return the text of the file after the update."""
        return csv_text(COLUMNS, map(action_cells, self.rows), self.kept)

    def make(self) -> Version | None:
        """Write the file as a new version and return it; return None if nothing changes."""
        if not self:
            return None
        old, days = self.kept, [row.day.isoformat() for row in self.rows]
        metadata = metadata_of(days, source=self.source)
        if old:
            metadata = {**old.metadata, **span_of(days)}
        reason = f"{len(self.added):,} added from {self.source.partition(',')[0]}"
        over = old.sha256 if old else None
        return write_version(self.path, self.content, metadata, reason=reason, over=over)


def prepare_actions(
    folder: Path,
    symbol: str,
    incoming: Iterable[Action],
    *,
    source: str,
    accept: bool,
    span: tuple[date, date] | None = None,
) -> ActionUpdate:
    """Prepare the update of a symbol's file of actions, which need not exist yet.

    `span` is the first and last day for which the incoming actions hold every dividend and split
    of their source: one on file from that source that is missing now was moved to another day or
    withdrawn. Raise DataError if two incoming actions of one kind and day differ, or if the file
    would break its format.
    """
    clear_history(folder / f"{symbol}.csv")
    kept = read_actions(folder, symbol)
    rows = {row.order: row for row in kept.rows}
    added, changes = [], []
    new: dict[tuple[date, int], Action] = {}
    for row in incoming:
        if _differences(other := new.setdefault(row.order, row), row):
            more = ", or add the two up" * (row.action == "dividend")
            raise DataError(
                f"{symbol}: two came of one day, {other} ({other.source}) and {row} "
                f"({row.source}). Take one of them out{more}."
            )
    first, last = span or (date.max, date.min)
    sources = {row.source for row in new.values()}
    gone = [
        row
        for row in kept.rows
        if row.action in ("dividend", "split") and row.source in sources
        if first <= row.day <= last and row.order not in new
    ]
    for row in new.values():
        old = rows.get(row.order) or next((other for other in gone if _is_moved(other, row)), None)
        if old is None:
            added.append(row)
            rows[row.order] = row
            continue
        if old in gone:
            gone.remove(old)
        changes += (differences := _differences(old, row))
        if differences and accept:
            del rows[old.order]
            rows[row.order] = row
    for row in gone:
        changes.append(
            Change(f"{row.day} {row.action}", "amount", action_cells(row)["amount"], "none")
        )
        if accept:
            del rows[row.order]
    ordered, path = [rows[key] for key in sorted(rows)], folder / f"{symbol}.csv"
    update = ActionUpdate(symbol, path, added, changes, accept, ordered, kept.file, source)
    parse_actions(DataFile(path, update.content, "", {}))
    return update


def _is_moved(old: Action, new: Action) -> bool:
    """Tell whether the new action is the old one on a corrected day."""
    alike = old.action == new.action and abs(old.day - new.day) <= _MOVED
    return alike and isclose(old.amount or 0.0, new.amount or 0.0, rel_tol=_NEAR)


def _differences(old: Action, new: Action) -> list[Change]:
    before, after = action_cells(old), action_cells(new)
    same = isclose(old.amount or 0.0, new.amount or 0.0, rel_tol=_NEAR)
    return [
        Change(f"{old.day} {old.action}", name, before[name], after[name])
        for name in ("day", "amount", "until", "name")
        if before[name] != after[name] and not (name == "amount" and same)
    ]


def action_cells(row: Action) -> dict[str, str]:
    """Return the cells of an action as texts by column, as its file has them."""
    amount = "" if row.amount is None else np.format_float_positional(row.amount, trim="-")
    until = "" if row.until is None else row.until.isoformat()
    values = (row.day.isoformat(), row.action, amount, until, row.name, row.source)
    return dict(zip(COLUMNS, values, strict=True))


def paid_actions(
    splits: Mapping[date, float], dividends: Mapping[date, float], source: str
) -> list[Action]:
    """Return splits, and dividends a share of today, as actions with dividends a share of then."""
    actions = [Action(day, "split", ratio, source=source) for day, ratio in splits.items()]
    for day, amount in dividends.items():
        later = prod(ratio for split_day, ratio in splits.items() if split_day > day)
        paid = float(f"{amount * later:.6g}")
        actions.append(Action(day, "dividend", paid, source=source))
    return sorted(actions, key=lambda row: row.order)


def move_to_own_days(table: pd.DataFrame, by_column: Mapping[str, Any]) -> None:
    """Give dividends and splits of days without a row a row; yfinance adds them to that before."""
    rows = table.index
    for column, values in by_column.items():
        series = values[column] if isinstance(values, pd.DataFrame) else values
        for moment, value in () if series is None else series.items():
            day, before = moment.normalize(), rows[rows < moment.normalize()]
            if len(before) and day < rows[-1] and day not in rows:
                table.loc[before[-1], column] -= value
                table.loc[day, column] = value


def drop_foreign_dividends(table: pd.DataFrame, paid: Any, symbol: str) -> Iterator[str]:
    """Take dividends in other currencies, by `paid`, out of a yfinance table; yield notes."""
    if "currency" not in getattr(paid, "columns", ()):
        return
    for moment, amount, currency in paid[["Dividends", "currency"]].itertuples():
        if isinstance(currency, str) and currency not in ("USD", ""):  # NaN where there is none
            day = f"{moment:%Y-%m-%d}"
            table.loc[table.index.normalize() == moment.normalize(), "Dividends"] = 0.0
            yield (
                f"Left out the dividend of {amount:g} {currency} on {day}: only dollars are known "
                f"here. Add it in dollars with `backtest actions add {symbol} dividend {day} …`."
            )


def adjust_for_dividends(table: pd.DataFrame, symbol: str) -> None:
    """Adjust the prices of a yfinance table as it adjusts closes; raise DataError if it did not."""
    closes, adjusted = table["Close"], table["Adj Close"]
    if closes.equals(adjusted) and table["Dividends"].iloc[1:].any():
        raise DataError(
            f"{symbol}: dividends came, and no closes without them. Nothing was changed; try again "
            f"later, or with --adjust splits."
        )
    for name in ("Open", "High", "Low"):
        table[name] *= adjusted / closes
    table["Close"] = adjusted


def add_capital_gains(table: pd.DataFrame) -> Iterator[str]:
    """Add capital gains of a fund to smaller dividends of their day, and yield a note on each."""
    for moment, gains in table.get("Capital Gains", pd.Series(dtype=float)).items():
        if gains > 0:
            note = f"Capital gains of {gains:g} on {moment:%Y-%m-%d}"
            if table.loc[moment, "Dividends"] < gains:
                table.loc[moment, "Dividends"] += gains
                yield f"{note} are counted as a dividend."
            else:
                yield f"{note} are taken to be part of its dividend; if not, file the sum."


def read_action_file(path: Path, symbols: Sequence[str]) -> dict[str, list[Action]]:
    """Read a user's CSV file of actions, and return the actions of all its symbols by symbol.

    Its columns are those of a file of actions, of which `day` and `action` are required, and
    `symbol` unless `symbols` is a single one. Raise DataError, which names every wrong row, and
    UsageError if the file has no action of any of `symbols`.
    """
    file = open_data_file(path)
    problems: list[str] = []
    by_symbol: dict[str, dict[tuple[date, int], Action]] = {}
    for line, cells in read_rows(file, ("day", "action"), problems):
        row = dict.fromkeys(COLUMNS, "") | cells
        symbol = as_symbol(row.get("symbol") or (symbols[0] if len(symbols) == 1 else ""))
        days = {name: _iso_day(row[name]) for name in ("day", "until")}
        try:
            action = parse_action({**row, **days, "source": row["source"] or path.name})
        except ValueError as error:
            problems.append(f"line {line}, {error}")
            continue
        if not symbol:
            problems.append(f"line {line}: of which of {first_few(symbols)}? Add a column symbol")
            continue
        first = by_symbol.setdefault(symbol, {}).setdefault(action.order, action)
        if _differences(first, action):  # an exact duplicate counts once
            problems.append(f"line {line}: {repeat_problem(action, first)}")
    raise_problems(path, problems)
    if not {*by_symbol} & {*symbols}:
        raise UsageError(f"{path} has no action of {first_few(symbols)}.")
    return {symbol: list(rows.values()) for symbol, rows in by_symbol.items()}


def _iso_day(text: str) -> str:
    """Write a day in another ISO form, such as 20250328, as files of data have it."""
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat()
    return text


def actions_of(
    file: PriceFile, symbol: str, path: Path, mode: str | None, notes: list[str]
) -> list[Action]:
    """Return the actions that a file has of a symbol, and the dividends derived from its closes.

    Raise UsageError if the adjust mode of the prices at `path` is unknown but matters to them.
    """
    actions = [*file.actions.get(symbol, ())]
    last = str(file.tables[symbol].index[-1].date())
    basis = basis_of({"adjust": mode, "last": last})
    on_file = read_actions(actions_folder(path), symbol).rows
    splits = {row.day: row for row in (*actions, *on_file) if row.action == "split"}
    needs_basis = symbol in file.adjusted or {"split", "dividend"} & {row.action for row in actions}
    if basis.word == "unknown" and needs_basis:
        raise UsageError(
            f"{symbol}: say with --adjust whether the prices are as traded (none) or adjusted for "
            f"splits or for splits and dividends, so that nothing is counted twice."
        )
    if symbol in file.adjusted:
        ratios = {day: row.amount or 1.0 for day, row in splits.items()}
        within = {day: ratios[day] for day, row in splits.items() if is_within(row, basis)}
        others = {day: ratio for day, ratio in ratios.items() if day not in within}
        columns = (file.tables[symbol]["close"], file.adjusted[symbol]["close"])
        exact = basis.word == "as traded"
        dividends, off = dividends_of(*columns, others, file.name, exact=exact)
        amounts = {row.day: row.amount or 0.0 for row in dividends}
        paid = paid_actions(within, amounts, file.name)
        actions += [row for row in paid if row.action == "dividend"]
        number = counted(len(amounts), "dividend")
        notes.append(f"{number} derived from the adjusted closes, to within {off:.1g} dollars.")
    return actions


def dividends_of(
    closes: pd.Series[float],
    adjusted: pd.Series[float],
    splits: Mapping[date, float],
    source: str,
    *,
    exact: bool,
) -> tuple[list[Action], float]:
    """Derive dividends from closes and closes adjusted for them; return their error as well.

    Both series are indexed by session; `splits` are those that the closes are not adjusted for.
    Amounts are dollars a share of their day. The error, in dollars, is the most that rounding of
    both columns can make (of `adjusted` alone if closes are `exact`); a difference of less than
    twice that is no dividend. Raise UsageError if a difference cannot be a dividend.
    """
    both = pd.concat({"close": closes, "adjusted": adjusted}, axis=1).dropna()
    rounded = both[["adjusted"]] if exact else both
    errors = (rounded.apply(_rounding) / rounded).sum(axis=1).tolist()
    shares, prices = (both["adjusted"] / both["close"]).tolist(), both["close"].tolist()
    dividends, worst = [], 0.0
    for row in range(1, len(both)):
        day = both.index[row].date()
        ratio, close = splits.get(day, 1.0), prices[row - 1]
        kept = ratio * shares[row - 1] / shares[row]
        off = close * kept / ratio * (errors[row - 1] + errors[row])
        amount = close * (1 - kept) / ratio
        if abs(amount) < _CERTAIN * off:
            continue
        if not 0 < 1 - kept < _MOST:
            raise UsageError(
                f"The adjusted closes fall by {1 - kept:.1%} against the closes on {day}: more "
                f"than a dividend. If it is a split, name it with --actions; else give no "
                f"--dividends."
            )
        worst = max(worst, off)
        amount = round(amount, max(2, int(-log10(off))))
        dividends.append(Action(day, "dividend", amount, source=source))
    return dividends, worst


def _rounding(column: pd.Series[float]) -> pd.Series[float]:
    """Return half a unit of the last decimal that a column is rounded to, for each of its rows."""
    values = column.to_numpy()
    digits = next(
        (n for n in range(2, _DIGITS) if np.allclose(values.round(n), values, 0, 1e-12)), _DIGITS
    )
    return pd.Series(np.maximum(0.5 * 10.0**-digits, _SINGLE * values), column.index)
