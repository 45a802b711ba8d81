"""Actions that come from somewhere, and what they would change in the file of a symbol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isclose, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data.actions import (
    COLUMNS,
    Action,
    a_second,
    basis_of,
    is_within,
    parse_action,
    parse_actions,
    read_actions,
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
from backtest.data.versions import Version, clear_history, put
from backtest.errors import DataError, UsageError, first_few
from backtest.sources.own_tables import as_symbol
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from backtest.sources.own_prices import PriceFile

_MOVED = timedelta(days=10)  # at most, of a day that is corrected
_NEAR = 1e-4  # of an amount: as two sources round it
_CERTAIN = 2.0  # times the rounding: more is a dividend
_MOST = 0.25  # of the close before: more is no dividend
_DIGITS, _SINGLE = 9, 6e-8  # decimals at most; half of the last bit of single precision


@dataclass(frozen=True)
class ActionUpdate:
    """A change of the actions of a symbol that has not been made yet."""

    symbol: str
    path: Path
    added: Sequence[Action]
    changes: Sequence[Change]  # of rows on file that came otherwise, replaced where accepted
    accepted: bool
    rows: Sequence[Action]  # all that the file would hold
    kept: DataFile | None  # the file as it is
    source: str

    def __bool__(self) -> bool:
        """Whether the file changes."""
        return bool(self.added or (self.changes and self.accepted))

    @property
    def content(self) -> str:
        """The file as it would be."""
        return csv_text(COLUMNS, map(cells_of, self.rows), self.kept)

    def make(self) -> Version | None:
        """Write the file as a new version; None where nothing changes."""
        if not self:
            return None
        old, days = self.kept, [row.day.isoformat() for row in self.rows]
        known = {**old.metadata, **span_of(days)} if old else metadata_of(days, source=self.source)
        reason = f"{len(self.added):,} added from {self.source.partition(',')[0]}"
        over = old.sha256 if old else None
        return put(self.path, self.content, known, reason=reason, over=over)


def prepare_actions(
    folder: Path,
    symbol: str,
    incoming: Iterable[Action],
    *,
    source: str,
    accept: bool,
    span: tuple[date, date] | None = None,
) -> ActionUpdate:
    """What actions would change in the file of a symbol, which need not be there yet.

    They are all that their source has of dividends and splits in a `span`: what it told before and
    tells no more was moved to another day, or taken back. DataError where the file would break its
    format, or two that came are of one kind and day.
    """
    clear_history(folder / f"{symbol}.csv")
    kept = read_actions(folder, symbol)
    rows = {row.order: row for row in kept.rows}
    added, changes = [], []
    came: dict[tuple[date, int], Action] = {}
    for row in incoming:
        if _differences(other := came.setdefault(row.order, row), row):
            more = ", or add the two up" * (row.action == "dividend")
            raise DataError(
                f"{symbol}: two came of one day, {other} ({other.source}) and {row} "
                f"({row.source}). Take one of them out{more}."
            )
    first, last = span or (date.max, date.min)
    sources = {row.source for row in came.values()}
    gone = [
        row
        for row in kept.rows
        if row.action in ("dividend", "split") and row.source in sources
        if first <= row.day <= last and row.order not in came
    ]
    for row in came.values():
        old = rows.get(row.order) or next((one for one in gone if _is_moved(one, row)), None)
        if old is None:
            added.append(row)
            rows[row.order] = row
            continue
        if old in gone:
            gone.remove(old)
        changes += (found := _differences(old, row))
        if found and accept:
            del rows[old.order]
            rows[row.order] = row
    for row in gone:
        changes.append(Change(f"{row.day} {row.action}", "amount", cells_of(row)["amount"], "none"))
        if accept:
            del rows[row.order]
    ordered, path = [rows[key] for key in sorted(rows)], folder / f"{symbol}.csv"
    update = ActionUpdate(symbol, path, added, changes, accept, ordered, kept.file, source)
    parse_actions(DataFile(path, update.content, "", {}))
    return update


def _is_moved(old: Action, new: Action) -> bool:
    """Whether an action is another, on a day that was corrected."""
    alike = old.action == new.action and abs(old.day - new.day) <= _MOVED
    return alike and isclose(old.amount or 0.0, new.amount or 0.0, rel_tol=_NEAR)


def _differences(old: Action, new: Action) -> list[Change]:
    before, after = cells_of(old), cells_of(new)
    same = isclose(old.amount or 0.0, new.amount or 0.0, rel_tol=_NEAR)
    return [
        Change(f"{old.day} {old.action}", name, before[name], after[name])
        for name in ("day", "amount", "until", "name")
        if before[name] != after[name] and not (name == "amount" and same)
    ]


def cells_of(row: Action) -> dict[str, str]:
    """An action as its file has it."""
    amount = "" if row.amount is None else np.format_float_positional(row.amount, trim="-")
    until = "" if row.until is None else row.until.isoformat()
    values = (row.day.isoformat(), row.action, amount, until, row.name, row.source)
    return dict(zip(COLUMNS, values, strict=True))


def as_paid(
    splits: Mapping[date, float], dividends: Mapping[date, float], source: str
) -> list[Action]:
    """Actions of dividends that are told in the shares of today, as the shares of their day."""
    found = [Action(day, "split", ratio, source=source) for day, ratio in splits.items()]
    for day, amount in dividends.items():
        later = float(np.prod([ratio for on, ratio in splits.items() if on > day]))
        paid = float(f"{amount * later:.6g}")
        found.append(Action(day, "dividend", paid, source=source))
    return sorted(found, key=lambda row: row.order)


def on_their_days(table: pd.DataFrame, told: Mapping[str, Any]) -> None:
    """Give what yfinance told of a day without a row one of its own: it stands in that before."""
    rows = table.index
    for column, found in told.items():
        series = found[column] if isinstance(found, pd.DataFrame) else found
        for moment, value in () if series is None else series.items():
            day, before = moment.normalize(), rows[rows < moment.normalize()]
            if len(before) and day < rows[-1] and day not in rows:
                table.loc[before[-1], column] -= value
                table.loc[day, column] = value


def only_dollars(table: pd.DataFrame, paid: Any, symbol: str) -> Iterator[str]:
    """Take dividends in other currencies out of a table of yfinance, which does not tell them."""
    if "currency" not in getattr(paid, "columns", ()):
        return
    for moment, amount, currency in paid[["Dividends", "currency"]].itertuples():
        if isinstance(currency, str) and currency not in ("USD", ""):  # not every one has any
            day = f"{moment:%Y-%m-%d}"
            table.loc[table.index.normalize() == moment.normalize(), "Dividends"] = 0.0
            yield (
                f"Left out the dividend of {amount:g} {currency} on {day}: only dollars are known "
                f"here. Add it in dollars with `backtest actions add {symbol} dividend {day} …`."
            )


def take_out_dividends(table: pd.DataFrame, symbol: str) -> None:
    """Adjust the prices of a table of yfinance as it adjusts closes; DataError where it did not."""
    closes, adjusted = table["Close"], table["Adj Close"]
    if closes.equals(adjusted) and table["Dividends"].iloc[1:].any():
        raise DataError(
            f"{symbol}: dividends came, and no closes without them. Nothing was changed; try again "
            f"later, or with --adjust splits."
        )
    for name in ("Open", "High", "Low"):
        table[name] *= adjusted / closes
    table["Close"] = adjusted


def with_gains(table: pd.DataFrame) -> Iterator[str]:
    """Add the capital gains of a fund to its dividends, which hold some of them already."""
    for moment, gains in table.get("Capital Gains", pd.Series(dtype=float)).items():
        if gains > 0:
            told = f"Capital gains of {gains:g} on {moment:%Y-%m-%d}"
            if table.loc[moment, "Dividends"] < gains:
                table.loc[moment, "Dividends"] += gains
                yield f"{told} are counted as a dividend."
            else:
                yield f"{told} are taken to be part of its dividend; if not, file the sum."


def read_action_file(path: Path, symbols: Sequence[str]) -> dict[str, list[Action]]:
    """Anyone's CSV file of actions, by symbol; DataError, which names every wrong row.

    It has the columns of a file of actions, of which `day` and `action` are needed, and a column
    `symbol` where there are several; its other symbols come as well. UsageError where it has none
    of `symbols`.
    """
    file = open_data_file(path)
    problems: list[str] = []
    found: dict[str, dict[tuple[date, int], Action]] = {}
    for line, cells in read_rows(file, ("day", "action"), problems):
        row = dict.fromkeys(COLUMNS, "") | cells
        symbol = as_symbol(row.get("symbol") or (symbols[0] if len(symbols) == 1 else ""))
        try:
            action = parse_action(row | {"source": row["source"] or path.name})
        except ValueError as error:
            problems.append(f"line {line}, {error}")
            continue
        if not symbol:
            problems.append(f"line {line}: of which of {first_few(symbols)}? Add a column symbol")
            continue
        first = found.setdefault(symbol, {}).setdefault(action.order, action)
        if _differences(first, action):  # a row that is there twice is one
            problems.append(f"line {line}: {a_second(action, first)}")
    raise_problems(path, problems)
    if not {*found} & {*symbols}:
        raise UsageError(f"{path} has no action of {first_few(symbols)}.")
    return {symbol: list(rows.values()) for symbol, rows in found.items()}


def actions_of(
    file: PriceFile, symbol: str, path: Path, mode: str | None, notes: list[str]
) -> list[Action]:
    """What a file of actions has of a symbol, and the dividends that its prices tell."""
    found = [*file.actions.get(symbol, ())]
    known = [*found, *read_actions(actions_folder(path), symbol).rows]
    last = str(file.tables[symbol].index[-1].date())
    basis = basis_of({"adjust": mode, "last": last})
    splits = {row.day: row.amount or 1.0 for row in known if row.action == "split"}
    needs_basis = symbol in file.without or any(r.action in ("split", "dividend") for r in found)
    if basis.word == "unknown" and needs_basis:
        raise UsageError(
            f"{symbol}: say with --adjust whether the prices are as traded (none) or adjusted for "
            f"splits or for splits and dividends, so that nothing is counted twice."
        )
    if symbol in file.without:
        within = {row.day for row in known if row.action == "split" and is_within(row, basis)}
        columns = (file.tables[symbol]["close"], file.without[symbol]["close"])
        others = {day: ratio for day, ratio in splits.items() if day not in within}
        exact = basis.word == "as traded"
        dividends, off = dividends_of(*columns, others, file.name, exact=exact)
        paid = {row.day: row.amount or 0.0 for row in dividends}
        told = as_paid({day: splits[day] for day in within}, paid, file.name)
        found += [row for row in told if row.action == "dividend"]
        number = counted(len(paid), "dividend")
        notes.append(f"{number} derived from the adjusted closes, to within {off:.1g} dollars.")
    return found


def dividends_of(
    closes: pd.Series[float],
    without: pd.Series[float],
    splits: Mapping[date, float],
    source: str,
    *,
    exact: bool,
) -> tuple[list[Action], float]:
    """The dividends by which closes differ from those `without` them, and how far off they may be.

    Both are indexed by session; `splits` are those that the closes are not adjusted for. Amounts
    are dollars a share of its day. Off by is what the rounding of both columns, or of closes that
    are `exact` the other one, makes at most, and less than twice that is none. UsageError where a
    difference is no dividend.
    """
    both = pd.concat({"close": closes, "without": without}, axis=1).dropna()
    rounded = both[["without"]] if exact else both
    errors = (rounded.apply(_rounding) / rounded).sum(axis=1).tolist()
    shares, prices = (both["without"] / both["close"]).tolist(), both["close"].tolist()
    found, worst = [], 0.0
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
        found.append(Action(day, "dividend", amount, source=source))
    return found, worst


def _rounding(column: pd.Series[float]) -> pd.Series[float]:
    """Half of the last digit that the numbers of a column have, in its unit."""
    values = column.to_numpy()
    digits = next(
        (n for n in range(2, _DIGITS) if np.allclose(values.round(n), values, 0, 1e-12)), _DIGITS
    )
    return pd.Series(np.maximum(0.5 * 10.0**-digits, _SINGLE * values), column.index)
