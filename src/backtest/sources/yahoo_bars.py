"""From Yahoo's table to bars: its form is checked, and what is no finished bar is left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.event import NEW_YORK
from backtest.data.price_rows import BAR_COLUMNS
from backtest.errors import DataError, UsageError
from backtest.sources.price_encoding import rounded

if TYPE_CHECKING:
    from datetime import date

    from backtest.sources.yahoo import Answer, Interval

_SETTLED = timedelta(minutes=30)  # after its end: Yahoo lags by 15, and corrects the close
_BAR = {"1h": timedelta(hours=1), "5m": timedelta(minutes=5), "1m": timedelta(minutes=1)}
_ACTIONS = ("Dividends", "Stock Splits")


@dataclass(frozen=True)
class Bars:
    """Finished bars.

    Attributes:
        table: columns `open high low close volume`; the index is `session`, or `time`, the open of
            each bar, UTC without a zone.
        splits: by ISO day how many new shares came for one, up to now.
        notes: what was left out and what is missing, in sentences.

    """

    table: pd.DataFrame
    splits: dict[str, float]
    notes: list[str]


def finished_bars(answer: Answer, symbol: str, interval: Interval, last: date | None) -> Bars:
    """Check an answer and take what is finished.

    Args:
        answer: what came.
        symbol: for messages.
        interval: of the bars.
        last: the last day that is wanted.

    Raises:
        DataError: it is of another form, or has cells that are no numbers.
        UsageError: it is not in dollars and New York time, or nothing of it is wanted.

    """
    raw = _flat(answer.table, symbol)
    local = _in_new_york(raw, answer, symbol)
    table = raw[[name.capitalize() for name in BAR_COLUMNS]].set_axis(list(BAR_COLUMNS), axis=1)
    if interval == "1d":
        table.index = pd.DatetimeIndex(local.tz_localize(None).normalize(), name="session")
    else:
        table.index = pd.DatetimeIndex(local.tz_convert(UTC).tz_localize(None), name="time")
    splits = raw["Stock Splits"].to_numpy()
    told = {str(local[place].date()): float(splits[place]) for place in np.flatnonzero(splits)}
    table = _with_prices(table, symbol)
    if last is not None:
        table = table.loc[: pd.Timestamp(last) + pd.Timedelta(days=1, microseconds=-1)]
    notes: list[str] = []
    table = _finished(table, interval, np.datetime64(answer.asked_at.replace(tzinfo=None)), notes)
    if table.empty:
        raise UsageError(f"Yahoo has no finished bar of {interval} of {symbol} in that span.")
    _tell_missing(table, notes)
    for name in BAR_COLUMNS[:-1]:
        table[name] = rounded(table[name].to_numpy())
    return Bars(table, told, notes)


def _flat(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The table with plain names of columns, which are all there and hold numbers.

    Raises:
        DataError: it is of another form.

    """
    columns = table.columns
    if isinstance(columns, pd.MultiIndex):
        levels = [n for n in range(columns.nlevels) if "Close" in columns.get_level_values(n)]
        columns = columns.get_level_values(levels[0] if levels else 0)
    table = table.set_axis(columns, axis=1)
    needed = [*(name.capitalize() for name in BAR_COLUMNS), *_ACTIONS]
    faults = [f"no column {name!r}" for name in needed if name not in columns]
    faults += [f"column {name!r} twice" for name in needed if list(columns).count(name) > 1]
    faults = faults or [
        f"column {name!r} holds {table[name].dtype}, no numbers"
        for name in needed
        if not pd.api.types.is_numeric_dtype(table[name])
    ]
    if not isinstance(table.index, pd.DatetimeIndex) or table.index.tz is None:
        faults.append("its rows are not told by times with a zone")
    if faults:
        raise DataError(
            f"{symbol}: the table that came is of another form: {'; '.join(faults)}. "
            f"Nothing was changed. See whether another yfinance reads it."
        )
    return table


def _in_new_york(table: pd.DataFrame, answer: Answer, symbol: str) -> pd.DatetimeIndex:
    """The times of the rows in New York, where the stock has to be traded.

    Raises:
        UsageError: it is traded elsewhere, or not in dollars.
        DataError: two rows are of the same time.

    """
    local = pd.DatetimeIndex(table.index.tz_convert(NEW_YORK))
    elsewhere = local.tz_localize(None) != table.index.tz_localize(None)
    if elsewhere.any() or answer.currency != "USD":
        raise UsageError(
            f"{symbol} is traded in {answer.currency} and the time zone {table.index.tz}. "
            f"Only dollars and sessions of {EXCHANGE} are known here."
        )
    if not local.is_unique:
        again = local[local.duplicated()][0]
        raise DataError(f"{symbol}: two rows came for {again:%Y-%m-%d %H:%M}. Nothing was changed.")
    return local


def _with_prices(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The rows that have prices, oldest first; Yahoo has empty ones.

    Raises:
        DataError: a row has some of its cells alone.

    """
    prices = list(BAR_COLUMNS[:-1])
    table = table[table[prices].notna().any(axis=1)].sort_index()
    broken = table[table.isna().any(axis=1)]
    if len(broken):
        raise DataError(
            f"{symbol}: {len(broken)} rows came with empty cells, the first for "
            f"{broken.index[0]:%Y-%m-%d %H:%M}. Nothing was changed; try again later."
        )
    return table.astype(float)


def _finished(
    table: pd.DataFrame, interval: Interval, now: np.datetime64, notes: list[str]
) -> pd.DataFrame:
    """The bars that lie in sessions and have ended; what is left out is told."""
    calendar = trading_calendar()
    times = table.index.to_numpy().astype("M8[us]")
    days = times.astype("M8[D]") if interval == "1d" else calendar.sessions_at(times)
    ends = calendar.closes_of(days)
    if interval != "1d":
        ends = np.minimum(times + np.timedelta64(_BAR[interval]), ends)
    outside = np.isnat(ends)
    if outside.any():
        of = f"{outside.sum():,} {'row' if outside.sum() == 1 else 'rows'}"
        notes.append(f"Left out {of} outside of the sessions of {EXCHANGE}.")
    unfinished = ends + np.timedelta64(_SETTLED) > now
    notes += [
        f"Left out the bar of {_told(times[place], interval)}, which is not finished."
        for place in np.flatnonzero(unfinished)
    ]
    return table[~outside & ~unfinished]


def _tell_missing(table: pd.DataFrame, notes: list[str]) -> None:
    """Tell of sessions between the first row and the last of which there is none."""
    days = np.unique(table.index.to_numpy().astype("M8[D]"))
    sessions = trading_calendar().between(days[0].item(), days[-1].item())
    missing = [str(day) for day in sessions[~np.isin(sessions, days)]]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""  # noqa: PLR2004
        notes.append(f"Yahoo has nothing of the sessions {', '.join(missing[:3])}{more}.")


def _told(time: np.datetime64, interval: Interval) -> str:
    moment = pd.Timestamp(time)
    if interval == "1d":
        return str(moment.date())
    return f"{moment.tz_localize(UTC).tz_convert(NEW_YORK):%Y-%m-%d %H:%M} New York"
