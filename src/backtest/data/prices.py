"""Read the daily prices of a symbol, apply actions to them, and find jumps that look like splits.

Prices are in `prices/SYMBOL.csv` or, among thousands, in `prices/parquet/SYMBOL.parquet`: one file
for each symbol, with its metadata and its history, so that a symbol changes alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.actions import ENDS, Action, Actions, basis_of, is_within, read_actions
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, Reader, raise_problems, read_data_file
from backtest.data.price_rows import BAR_COLUMNS, checked_table, price_rows
from backtest.errors import DataError, UsageError, first_few, unknown

DATASET = "parquet"
MOST_CSV = 20  # where more new symbols come at once, they go into the Parquet dataset


def price_symbols(folder: Path) -> list[str]:
    """List the symbols that have a price file in the folder."""
    files = (*folder.glob("*.csv"), *(folder / DATASET).glob("*.parquet"))
    return sorted({path.stem for path in files if not path.name.startswith(".")})


def price_path(folder: Path, symbol: str) -> Path | None:
    """Return the path of a symbol's price file, None where it has none; DataError if it has two."""
    paths = [path for path in _paths(folder, symbol) if path.is_file()]
    # On file systems that ignore case, acme must not be read from ACME's file.
    if not paths or (symbol != symbol.upper() and symbol not in price_symbols(folder)):
        return None
    if len(paths) > 1:
        raise DataError(
            f"{paths[0]} and {paths[1]} both hold {symbol}. Remove the one that is not meant, "
            f"with its metadata."
        )
    return paths[0]


def path_for(folder: Path, symbol: str, *, among: int = 1) -> Path:
    """Return the path of a symbol's price file, or of its new file if `among` so many new ones."""
    return price_path(folder, symbol) or _paths(folder, symbol)[among > MOST_CSV]


def _paths(folder: Path, symbol: str) -> tuple[Path, Path]:
    return folder / f"{symbol}.csv", folder / DATASET / f"{symbol}.parquet"


@dataclass(frozen=True)
class Prices:
    """`Prices` holds those of one symbol, in dollars, adjusted as its file's metadata say.

    The table is indexed by session (dates without a zone) and has the columns `open high low close
    volume`, or `close` alone. Finer bars are indexed by when they open, UTC.
    """

    symbol: str
    table: pd.DataFrame
    file: DataFile
    actions: Actions = field(default_factory=lambda: Actions(""))
    former: tuple[Prices, ...] = ()  # those of former tickers, whose rows are in the table too
    whole_has_volume: bool = False  # whether these are a span of prices with volume

    @property
    def has_bars(self) -> bool:
        """Tell whether the table has more than closes, so that the symbol can be traded."""
        return "open" in self.table

    @cached_property
    def traded(self) -> pd.DataFrame:
        """Return the rows of the sessions in which it traded, without halts and before its end."""
        rows = self.table
        if ends := [row.day for row in self.actions.rows if row.action in ENDS]:
            rows = rows.loc[rows.index < pd.Timestamp(ends[0])]
        if self.halted:
            rows = rows.loc[~rows.index.isin(pd.DatetimeIndex(sorted(self.halted)))]
        return rows

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """Return the sessions in which it traded."""
        days: NDArray[np.datetime64] = self.traded.index.to_numpy().astype("M8[D]")
        return days

    @cached_property
    def bars(self) -> NDArray[np.float64]:
        """Return open, high, low, close and volume of the `days`, shape (days, 5)."""
        bars: NDArray[np.float64] = self.traded[[*BAR_COLUMNS]].to_numpy(np.float64)
        return bars

    @cached_property
    def applied(self) -> tuple[Action, ...]:
        """Return the actions that change a position in these prices; see `Actions.applied`."""
        return self.actions.applied(self)

    def shares_since(self, day: date, session: date) -> float:
        """Count the shares of a session that one share of an earlier day has become.

        Splits that are in the prices already do not count.
        """
        basis = basis_of(self.file.metadata)
        return prod(
            row.amount or 1.0
            for row in self.actions.rows
            if row.action == "split" and day < row.day <= session
            if basis.word != "unknown" and not is_within(row, basis)
        )

    def trades_from(self, session: date) -> date:
        """Return the first session from `session` on in which it traded, else `session` itself."""
        row = int(np.searchsorted(self.days, np.datetime64(session)))
        day: date = self.days[row].item() if row < len(self.days) else session
        return day

    @cached_property
    def first(self) -> date:
        """Return the first session."""
        day: date = self.table.index[0].date()
        return day

    @cached_property
    def last(self) -> date:
        """Return the last session."""
        day: date = self.table.index[-1].date()
        return day

    @property
    def last_known(self) -> date:
        """Return the last session with a row, or with a halt on file if that is later."""
        return max({self.last} | self.actions.halts)

    @cached_property
    def has_volume(self) -> bool:
        """Tell whether any bar has volume, also outside of the span."""
        return self.whole_has_volume or (self.has_bars and bool(self.table["volume"].any()))

    @cached_property
    def halted(self) -> frozenset[date]:
        """Return the sessions between the first and the last in which nothing trades.

        They are the halts on file, the sessions without a row and, where other bars have volume,
        those without volume whose high is their low.
        """
        days = self.table.index.to_numpy().astype("M8[D]")
        sessions = trading_calendar().between(self.first, self.last)
        silent = [] if np.array_equal(sessions, days) else np.setdiff1d(sessions, days).tolist()
        if self.has_volume:
            table = self.table
            idle = (table["volume"] == 0) & (table["high"] == table["low"])
            silent += days[idle.to_numpy()].tolist()
        return frozenset(silent) | {
            day for day in self.actions.halts if self.first <= day <= self.last
        }

    @cached_property
    def holes(self) -> frozenset[date]:
        """Return the sessions that are known to have no row; nothing is traded in them."""
        within = {day for day in holes_of(self.file.metadata) if self.first < day < self.last}
        return frozenset(within.difference(self.table.index.date))

    @cached_property
    def paid_at_end(self) -> float | None:
        """Return the dollars that its end pays for a share held at the last trade.

        Dividends and splits between the two are counted in. None where it has no end, or where the
        amount is unknown, so that the last close takes its place.
        """
        end = next((row for row in self.applied if row.action in ENDS), None)
        if end is None or end.amount is None or not self.days.size:
            return None
        shares, paid = 1.0, 0.0
        for row in self.applied:
            if row.amount and self.days[-1].item() < row.day < end.day:
                shares *= row.amount if row.action == "split" else 1.0
                paid += shares * row.amount if row.action == "dividend" else 0.0
        return paid + shares * end.amount

    @cached_property
    def growth(self) -> pd.Series[float]:
        """Compute what a dollar invested at the first close is worth at each close.

        Dividends are reinvested. An action in a halt counts at the first close after it. A share
        that has ended counts at what was paid for it, or at its last close where that is unknown.
        """
        closes = self.traded["close"].to_numpy()
        before, worth = np.append(closes[:1], closes[:-1]), closes.copy()
        shares, cash = np.ones(len(closes)), np.zeros(len(closes))  # of one share of the row before
        for action in self.applied:
            if action.amount is None:
                continue
            row = int(np.searchsorted(self.days, np.datetime64(action.day)))
            if action.action == "split" and 0 < row < len(closes):
                shares[row] *= action.amount
            elif action.action == "dividend" and 0 < row < len(closes):
                cash[row] += shares[row] * action.amount
        if self.paid_at_end is not None:
            worth[-1] = self.paid_at_end
        grown = pd.Series((shares * worth + cash) / before, self.traded.index).cumprod()
        return grown.reindex(self.table.index, method="ffill").fillna(1.0)

    @property
    def returns(self) -> pd.Series[float]:
        """Compute the return of each session, close to close, with dividends.

        It is a fraction, and NaN up to the session of the first trade.
        """
        changes = self.growth.pct_change(fill_method=None).fillna(0.0)  # 0/0 once worth nothing
        return changes.where(self.table.index > self.traded.index.min())

    def sha256(self) -> str:
        """Return the hash of the rows, whichever file holds them."""
        days = self.table.index.to_numpy().astype("M8[D]").astype("i8")
        digest = hashlib.sha256(" ".join(self.table.columns).encode())
        digest.update(days.tobytes())
        digest.update(self.table.to_numpy(dtype="f8").tobytes())
        return digest.hexdigest()

    def span(self, first: date | None, last: date | None) -> Prices:
        """Return the prices from `first` to `last`, both included; UsageError if there are none."""
        if first is not None and last is not None and first > last:
            raise UsageError(f"--from {first} lies after --to {last}: give the earlier day first.")
        days = self.table.index.to_numpy("M8[D]")  # comparable to any day, as nanoseconds are not
        start = 0 if first is None else int(np.searchsorted(days, np.datetime64(first)))
        end = len(days) if last is None else np.searchsorted(days, np.datetime64(last), "right")
        table = self.table.iloc[start : int(end)]
        if table.empty:
            raise UsageError(
                f"{self.symbol} has no session from {first or self.first} to {last or self.last}. "
                f"Its prices run from {self.first} to {self.last}; choose --from and --to within."
            )
        return replace(self, table=table, whole_has_volume=self.has_volume)


def read_prices(
    folder: Path, symbol: str, *, bars: bool = False, read: Reader = read_data_file
) -> Prices:
    """Read the prices of a symbol and its actions.

    The prices of a stock that was renamed begin with those under its former ticker, if these end
    before its own begin. UsageError where there are no prices, or closes alone but `bars` are
    needed; DataError where a file breaks its format or does not agree with its metadata.
    """
    path = price_path(folder, symbol)
    if path is None:
        raise unknown(f"price file in {folder} for symbol", symbol, price_symbols(folder))
    actions = read_actions(folder.parent / "actions", symbol, read)
    prices = parse_prices(read(path, f"backtest prices seal {symbol}"), actions)
    for rename in reversed(actions.renames):
        if (before := price_path(folder, rename.name)) is not None:
            former = parse_prices(read(before, f"backtest prices seal {rename.name}"), actions)
            prices = _continued(former, prices, rename.day)
    if bars and not prices.has_bars:
        raise UsageError(
            f"{symbol} has closes alone, so it can be a benchmark but not be traded: "
            f"{prices.file.path} needs the columns date, {', '.join(BAR_COLUMNS)}."
        )
    return prices


def actions_folder(path: Path) -> Path:
    """Return the folder of actions that belongs to the path of a price file."""
    folder = path.parent.parent if path.parent.name == DATASET else path.parent
    return folder.parent / "actions"


def parse_prices(file: DataFile, actions: Actions | None = None) -> Prices:
    """Parse and check a price file, and read the actions beside it unless they are given.

    DataError where a file breaks its format.
    """
    problems: list[str] = []
    actions = actions or read_actions(actions_folder(file.path), file.path.stem)
    rows = price_rows(file, problems)
    table = checked_table(rows, problems, actions.halts | holes_of(file.metadata))
    raise_problems(file.path, problems)
    return Prices(file.path.stem, table, file, actions)


def _continued(former: Prices, prices: Prices, renamed_on: date) -> Prices:
    """Put the rows under a former ticker before the prices, if they end before these begin."""
    end = min(renamed_on, prices.first)
    table = former.table.loc[: pd.Timestamp(end) - pd.Timedelta(days=1)]
    if table.empty or former.last >= end:
        return prices
    one, other = former.file.metadata["adjust"], prices.file.metadata["adjust"]
    if one != other or list(table.columns) != list(prices.table.columns):
        raise DataError(
            f"{prices.symbol} was {former.symbol} until {renamed_on}, whose prices are of another "
            f"kind: adjusted {one!r} and {other!r}, or of other columns. Mend {former.file.path}, "
            f"or move it away."
        )
    table = pd.concat([table, prices.table])
    return replace(prices, table=table, former=(former, *prices.former))


def holes_of(metadata: Mapping[str, Any]) -> frozenset[date]:
    """Return the sessions without a row that metadata list, since the source had a wrong one."""
    return frozenset(date.fromisoformat(day) for day in metadata.get("holes", ()))


# Jumps that look like a split

_FORWARD = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
_SHARES = (*_FORWARD, *(1 / one for one in _FORWARD))
_LEAST = 0.35  # smallest log of a jump, just below that of a 3:2 split
_LARGE = 4  # from this ratio on, no news moves a price so far
_NEAR, _NEARER = 0.05, 0.025  # how near to a ratio a jump is; nearer at 3:2, a move of news
_MEMORY, _HEAVY = 20, 2.5  # sessions before, and times their median volume, that speak of news
_WILD, _WILDER = 0.25, 3.0  # log range that speaks of news, and in medians of the ranges before


@dataclass(frozen=True)
class Jump:
    """A jump is a session that opens as after a split, although no action on file explains it."""

    symbol: str
    day: date
    times: float  # the open as a multiple of the close before, in the shares of the day
    shares: float  # the new shares for one old share that would explain it
    is_news: bool  # whether news may explain it, by the volume or the range of the session
    on_file: float | None  # the ratio of the split that is on file for the day

    def __str__(self) -> str:
        return f"{self.symbol} opens on {self.day} at {self.times:.3g} times the close before"


def jumps_of(prices: Prices) -> list[Jump]:
    """Find the jumps of prices that no action on file explains.

    Only ratios below 4 can come from news: the volume in shares and in dollars is then far above
    that of the sessions before, or the session's range is very wide.
    """
    table = prices.traded
    closes = table["close"].to_numpy()
    opens = (table["open"] if prices.has_bars else table["close"]).to_numpy(copy=True)
    rows = [(int(np.searchsorted(prices.days, np.datetime64(a.day))), a) for a in prices.applied]
    rows = [(row, action) for row, action in rows if 0 < row < len(opens)]
    for row, action in rows:
        if action.action == "dividend" and action.amount:
            opens[row] += action.amount
    times = np.append(1.0, opens[1:] / closes[:-1])
    for row, action in rows:
        if action.action == "split" and action.amount:
            times[row] *= action.amount
    on_file = {one.day: one.amount for one in prices.actions.rows if one.action == "split"}
    jumps = []
    for row in np.flatnonzero(np.abs(np.log(times)) > _LEAST).tolist():
        shares = min(_SHARES, key=lambda one: abs(times[row] * one - 1))
        if abs(times[row] * shares - 1) < (_NEARER if shares in (1.5, 1 / 1.5) else _NEAR):
            day = table.index[row].date()
            is_news = 1 / _LARGE < shares < _LARGE and _is_news(prices, row, times[row])
            jumps.append(Jump(prices.symbol, day, times[row], shares, is_news, on_file.get(day)))
    return jumps


def _is_news(prices: Prices, row: int, times: float) -> bool:
    if not prices.has_bars:
        return False
    table = prices.traded
    before, bar = table.iloc[max(0, row - _MEMORY) : row], table.iloc[row]
    usual = before["volume"].median()
    widths = np.log(before["high"] / before["low"]).median()
    return bool(
        bar["volume"] * min(1.0, times) > _HEAVY * usual > 0
        or np.log(bar["high"] / bar["low"]) > max(_WILD, _WILDER * widths)
    )


def refuse_jumps(traded: Iterable[Prices], *, accept: bool) -> list[str]:
    """Refuse jumps that no news explains (DataError); write a sentence on each where accepted."""
    jumps = [jump for prices in traded for jump in jumps_of(prices) if not jump.is_news]
    if not jumps or accept:
        return [f"{jump}, which is taken for a move of its price." for jump in jumps]
    first, *others = jumps
    rest = f" So do others: {first_few(list(map(str, others)))}." if others else ""
    text = f"{first}, a gain or a loss that nobody had.{rest}"
    if first.on_file is not None:
        raise DataError(
            f"{text} A split of {first.on_file:g} for 1 is on file for that day, and the prices do "
            f"not agree with it: say how they are adjusted with `backtest prices seal "
            f"{first.symbol} --adjust 'none'` or 'splits', or correct the split."
        )
    raise DataError(
        f"{text} It looks like a split of {first.shares:.4g} for 1. Record it with `backtest "
        f"actions add {first.symbol} split {first.day} {first.shares:.4g} --source '…'`, or, where "
        f"the price did move so, give --accept-jumps."
    )
