"""Yahoo through yfinance: prices and analysts' estimates, with every failure by its name.

Yahoo's own prices are adjusted for splits, up to the day they are asked for, and never as they were
traded; with `all` they are adjusted for dividends as well. All that asks raises SourceError where
Yahoo does not answer, and DataError where the answer is of another form than yfinance reads.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from json import JSONDecodeError
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from backtest.data.actions import DIVIDENDS
from backtest.data.bars import LENGTHS, bars_path, minutes_of
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import metadata_path, stated
from backtest.data.kinds import NEW_YORK
from backtest.data.price_rows import BAR_COLUMNS
from backtest.data.prices import place_for
from backtest.errors import DataError, SourceError, UsageError, first_few
from backtest.sources.action_files import as_paid
from backtest.sources.http import Pace, PassingError, Patience, patiently
from backtest.sources.own_bars import written
from backtest.sources.price_files import open_kept, rounded
from backtest.sources.updates import Incoming, PriceUpdate, other_mode, prepare_update
from backtest.workspace.files import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from backtest.data.actions import Action

T = TypeVar("T")

Adjust = Literal["splits", "all"]
FIRST_DAY = date(1962, 1, 2)  # that Yahoo has of any stock
# days that Yahoo gives of finer bars, today included
_DAYS = {"1h": 729, "30m": 59, "15m": 59, "5m": 59, "1m": 7}
_PATIENCE = Patience(tries=5, seconds=90.0, each=45.0, wait=2.0)
_PACE = Pace(2)
_TIMEOUT = 20.0  # seconds for each of the requests that yfinance makes for one answer
_MOST_REPORTS = 100  # that Yahoo gives at once: 25 years
_ESTIMATES = ("EPS Estimate", "Reported EPS")
_GO_ON = ", or go on without it: --no-estimates"
_SOURCE = "Yahoo Finance by yfinance, for personal use, without any guarantee."
_SETTLED = timedelta(minutes=30)  # after its end: Yahoo lags by 15, and corrects the close
_ACTIONS = ("Dividends", "Stock Splits")
_SMALLEST_SPLIT = 1.45  # whose ratio stands out from a move of the market
_LARGEST_JUMP = 30.0  # from the usual close to a price
_AROUND = 11  # rows, whose median close is the usual one


@dataclass(frozen=True)
class History:
    """Yahoo's prices: yfinance's table, their currency, and when they were asked for, UTC."""

    table: pd.DataFrame
    currency: str
    asked_at: datetime


@dataclass(frozen=True)
class AnalystEstimate:
    """One report by Yahoo: its day in New York, and dollars a share; None is unknown."""

    day: date
    eps: float | None
    consensus: float | None


def first_day(bars: str | None, wanted: date | None, now: datetime) -> date:
    """The day that is wanted, or the first that Yahoo has; UsageError where it lies before that."""
    if bars is None:
        return max(wanted or FIRST_DAY, FIRST_DAY)
    minutes_of(bars)
    earliest = now.astimezone(NEW_YORK).date() - timedelta(days=_DAYS[bars] - 1)
    if wanted and wanted < earliest:
        raise UsageError(
            f"Yahoo gives bars of {bars} for the last {_DAYS[bars]} days alone: "
            f"--from can be {earliest} at the earliest."
        )
    return wanted or earliest


def ask_history(
    symbol: str, bars: str | None, adjust: Adjust, first: date, now: datetime
) -> History:
    """The bars of a symbol, as Yahoo writes it, from a day up to now, UTC."""

    def history() -> History:
        ticker = _ticker(symbol)
        # Not `download`, which swallows what went wrong.
        table = ticker.history(
            period=None,
            interval=bars or "1d",
            start=first.isoformat(),
            auto_adjust=adjust == "all",
            timeout=_TIMEOUT,
        )
        currency = str(ticker.history_metadata.get("currency"))
        if table.empty:
            raise PassingError("the answer is empty")
        return History(table, currency, now)

    return _asked(f"Yahoo, {bars or '1d'} bars of {symbol}", history)


def estimates_page(symbol: str) -> str:
    """The page at which anyone can read the estimates."""
    return f"https://finance.yahoo.com/calendar/earnings?symbol={symbol}"


def ask_estimates(symbol: str) -> list[AnalystEstimate]:
    """The reports of a symbol that Yahoo knows of, oldest first; SourceError where it has none."""
    what = f"Yahoo, earnings of {symbol}"

    def reports() -> pd.DataFrame:
        table = earnings_table(symbol)
        if table is None or table.empty:
            raise PassingError("the answer is empty; --no-estimates goes on without it")
        return table

    table = _asked(what, reports, _GO_ON)
    missing = [name for name in _ESTIMATES if name not in table.columns]
    if missing or getattr(table.index, "tz", None) is None:
        fault = f"no column {missing[0]!r}" if missing else "times without a zone"
        raise _of_another_form(what, fault, _GO_ON)
    try:
        found = [
            AnalystEstimate(moment.tz_convert(NEW_YORK).date(), _figure(eps), _figure(expected))
            for moment, expected, eps in table[list(_ESTIMATES)].itertuples(name=None)
        ]
    except (TypeError, ValueError) as error:
        raise _of_another_form(what, str(error), _GO_ON) from None
    return sorted(found, key=lambda one: one.day)


def earnings_table(symbol: str) -> pd.DataFrame | None:
    """Reports by their time, with the columns of Yahoo's page."""
    table: pd.DataFrame | None = _ticker(symbol).get_earnings_dates(limit=_MOST_REPORTS)
    return table


def _ticker(symbol: str) -> Any:
    import yfinance
    from yfinance.data import YfData

    for name in ("yfinance", "bs4"):  # what goes wrong is raised here, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"yfinance\b")  # of pandas, to its authors
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    yfinance.set_tz_cache_location(str(cache_folder() / "yfinance"))
    YfData.cache_get.cache_clear()  # it keeps refusals as well
    return yfinance.Ticker(symbol)


def _asked(what: str, call: Callable[[], T], or_else: str = "") -> T:
    return patiently(lambda: _try(what, call, or_else), what, _PATIENCE)


def _try(what: str, call: Callable[[], T], or_else: str) -> T:
    from yfinance import exceptions

    _PACE.wait()
    try:
        return call()
    except exceptions.YFRateLimitError:
        raise PassingError("it has had too many requests (429)") from None
    except exceptions.YFPricesMissingError as error:
        if reason := getattr(error, "yahoo_reason", None):
            raise SourceError(f"{what}: it says {reason!r}. Is the symbol right?") from None
        raise PassingError("the answer is empty; is the symbol right?") from None
    except exceptions.YFTzMissingError:
        raise PassingError("it tells no time zone; is the symbol right?") from None
    except exceptions.YFException as error:
        raise PassingError(f"{error}") from None
    except JSONDecodeError:
        raise PassingError(
            "the answer is no JSON: it broke off, or Yahoo refuses or is down"
        ) from None
    except OSError as error:
        raise PassingError(f"no connection ({type(error).__name__})") from None
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__}: {str(error)[:100]}"
        raise _of_another_form(what, fault, or_else) from None


def _of_another_form(what: str, fault: str, or_else: str = "") -> DataError:
    return DataError(
        f"{what}: the answer is of another form than yfinance {version('yfinance')} reads "
        f"({fault}). Nothing was changed. See whether another yfinance reads it{or_else}."
    )


def _figure(value: Any) -> float | None:
    figure = float(value)
    return figure if isfinite(figure) else None


# Prices: Yahoo's table is checked, what is no finished bar left out, the file updated


def fetch_prices(
    data: Path,
    symbol: str,
    *,
    bars: str | None = None,
    first: date | None = None,
    last: date | None = None,
    adjust: Adjust | None = None,
    accept: bool = False,
    skip_bad: bool = False,
    among: int = 1,
) -> PriceUpdate:
    """What Yahoo's prices would change in the file of a symbol, written as Yahoo writes it.

    `bars` are of a length of `LENGTHS`; daily where None.
    The first day and the adjust mode are those of the file where None; of a new one the first that
    Yahoo has, and for splits alone. `skip_bad` is as of `prepare_update`. `among` is how
    many symbols are fetched at once. UsageError where the span or the adjust mode is wrong, or the
    symbol is not for this program.
    """
    now = _now()
    folder, is_daily = data / "prices", bars is None
    path = bars_path(folder, symbol, bars) if bars else place_for(folder, symbol, among=among)
    mode = _adjust_mode(path, adjust, is_daily=is_daily)
    begins = open_kept(path).table.index[0].date() if path.exists() else None
    wanted = first or (begins if is_daily else None)
    if wanted and wanted > (last or now.astimezone(NEW_YORK).date()):
        raise UsageError(f"--from {wanted} is after --to {last or 'today'}.")
    answer = ask_history(symbol, bars, mode, first_day(bars, wanted, now), now)
    table, splits, notes = finished_bars(answer, symbol, bars, last, skip_bad=skip_bad)
    if skip_bad:
        wrong = _of_another_scale(table)
        notes += [f"Left out {day:%Y-%m-%d}, of another scale." for day in table.index[wrong]]
        table = table[~wrong]
    adjusted = _in_words(mode, splits, now)
    if begins and begins < table.index[0].date():  # splits of before are not known
        adjusted = _recorded_mode(path)
    if mode == "all" and not path.exists():  # such prices were never traded
        table = table[["close"]]
    if bars and not path.exists():
        notes.append(f"Yahoo has bars of {bars} for {_DAYS[bars]} days alone; a file keeps them.")
    notes += [f"{ratio:g} shares came for one on {day}." for day, ratio in splits.items()]
    retrieval = {
        "source": "Yahoo Finance",
        "library": "yfinance",
        "version": version("yfinance"),
        "fetched_at": now.isoformat(timespec="seconds"),
        **({"bars": bars} if bars else {}),
    }
    actions = told_actions(answer, symbol) if is_daily else ()
    incoming = Incoming(symbol, table, adjusted, _SOURCE, retrieval, splits, notes, actions=actions)
    update = prepare_update(path, incoming, accept=accept, skip_bad=skip_bad)
    _refuse_another_scale(update)
    return update


def _of_another_scale(table: pd.DataFrame) -> pd.Series:
    """Which rows have a price that is out of all proportion to the closes around it."""
    prices = table[table.columns.intersection(BAR_COLUMNS[:-1])]
    usual = table["close"].rolling(_AROUND, center=True, min_periods=1).median()
    factors = np.log(prices.div(usual, axis=0)).abs()
    return (factors > np.log(_LARGEST_JUMP)).any(axis=1)


def _refuse_another_scale(update: PriceUpdate) -> None:
    """DataError where a price that came is of another scale than those around it, or on file."""
    table, came = update.table, update.incoming.table.index
    for moment in table.index[_of_another_scale(table) & table.index.isin(came)][:1]:
        raise DataError(
            f"{update.symbol}: a price of {moment:%Y-%m-%d} is more than {_LARGEST_JUMP:g} times "
            f"the closes around it, or less than a {_LARGEST_JUMP:g}th of them. Nothing was "
            f"written; try again later, or leave such sessions out with --skip-bad."
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _in_words(mode: Adjust, splits: Mapping[str, float], now: datetime) -> str:
    """The adjust mode in the words of the metadata, which `_adjust_mode` reads again."""
    if mode == "all":
        return f"{DIVIDENDS}, as of {now:%Y-%m-%d}"
    if splits:
        return f"splits, as of {now:%Y-%m-%d}; not dividends"
    return "none: as traded, no split in the span"


def _adjust_mode(path: Path, wanted: Adjust | None, *, is_daily: bool) -> Adjust:
    known = _recorded_mode(path) if path.exists() else ""
    on_file: Adjust | None = "splits" if known.startswith(("none", "splits")) else None
    if known.startswith(DIVIDENDS):
        on_file = "all"
    if wanted == "all" and not is_daily:
        raise UsageError("Yahoo adjusts bars finer than sessions for splits alone.")
    if path.exists() and wanted not in (None, on_file):
        raise other_mode(path, known or "unknown")
    if path.exists() and on_file is None:
        raise UsageError(
            f"How {path} is adjusted is not on record. Say it with `backtest prices seal "
            f"{path.stem}{'' if is_daily else f' --bars {path.parent.name}'} --adjust 'none'` or "
            f"--adjust 'splits and dividends'."
        )
    return on_file or wanted or "splits"


def _recorded_mode(path: Path) -> str:
    return str(stated(metadata_path(path)).get("adjust") or "")


def finished_bars(
    answer: History,
    symbol: str,
    bars: str | None,
    last: date | None,
    *,
    skip_bad: bool = False,
) -> tuple[pd.DataFrame, dict[str, float], list[str]]:
    """Check an answer and take what is finished, up to the last day that is wanted.

    It is a table as in `Incoming`, the splits up to now, and what is left out. UsageError where the
    answer is not in dollars and New York time, or nothing of it is wanted.
    """
    raw = _flat(answer.table, symbol)
    local = _in_new_york(raw, answer, symbol)
    table = raw[[name.capitalize() for name in BAR_COLUMNS]].set_axis(list(BAR_COLUMNS), axis=1)
    if bars is None:
        table.index = pd.DatetimeIndex(local.tz_localize(None).normalize(), name="session")
    else:
        table.index = pd.DatetimeIndex(local.tz_convert(UTC).tz_localize(None), name="time")
    splits = raw["Stock Splits"].to_numpy()
    ratios = {str(local[row].date()): float(splits[row]) for row in np.flatnonzero(splits)}
    table = _with_prices(table, symbol, skip_bad=skip_bad)
    _refuse_unadjusted(table, ratios, symbol)
    if last is not None:
        table = table.loc[: pd.Timestamp(last) + pd.Timedelta(days=1, microseconds=-1)]
    notes: list[str] = []
    table = _finished(table, bars, np.datetime64(answer.asked_at.replace(tzinfo=None)), notes)
    if table.empty:
        raise UsageError(f"Yahoo has no finished bar of {bars or '1d'} of {symbol} in that span.")
    notes += _missing(table)
    for name in BAR_COLUMNS[:-1]:
        table[name] = rounded(table[name].to_numpy())
    return table, ratios, notes


def told_actions(answer: History, symbol: str) -> list[Action]:
    """The splits and dividends that came with prices: dollars as they were paid, in sessions."""
    raw = _flat(answer.table, symbol)
    local = _in_new_york(raw, answer, symbol).tz_localize(None)
    sessions = trading_calendar().sessions
    days = sessions[np.searchsorted(sessions, local.to_numpy().astype("M8[D]"))].tolist()
    splits, dividends = (
        {days[row]: float(told[row]) for row in np.flatnonzero(told)}
        for told in (np.nan_to_num(raw[name].to_numpy()) for name in ("Stock Splits", "Dividends"))
    )
    return as_paid(splits, dividends, "Yahoo Finance")


def _flat(table: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The table with plain names of columns, which are all there and hold numbers."""
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
        faults.append("its rows have no times with a zone")
    if faults:
        raise _of_another_form(symbol, "; ".join(faults))
    return table


def _in_new_york(table: pd.DataFrame, answer: History, symbol: str) -> pd.DatetimeIndex:
    """The times of the rows in New York, where the stock has to be traded."""
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


def _with_prices(table: pd.DataFrame, symbol: str, *, skip_bad: bool) -> pd.DataFrame:
    prices = list(BAR_COLUMNS[:-1])
    table = table[table[prices].notna().any(axis=1)].sort_index()  # Yahoo has empty ones
    broken = table[table.isna().any(axis=1)]
    if len(broken) and not skip_bad:
        raise DataError(
            f"{symbol}: {len(broken)} rows came with empty cells, the first for "
            f"{broken.index[0]:%Y-%m-%d %H:%M}. Nothing was changed; try again later, or leave "
            f"such sessions out with --skip-bad."
        )
    return table.dropna().astype(float)


def _refuse_unadjusted(table: pd.DataFrame, splits: Mapping[str, float], symbol: str) -> None:
    """DataError where Yahoo tells of a split, and prices of before are not adjusted for it yet."""
    days, closes = table.index.to_numpy().astype("M8[D]"), table["close"].to_numpy()
    for day, ratio in splits.items():
        row = int(np.searchsorted(days, np.datetime64(day)))
        if row == 0 or abs(np.log(ratio)) < np.log(_SMALLEST_SPLIT):
            continue
        after = closes[row] if row < len(closes) else np.nan
        gap = np.log(closes[row - 1] / after)
        if not abs(gap - np.log(ratio)) > abs(gap):
            since = "no price since" if np.isnan(after) else f"{after:g} that of the day"
            raise DataError(
                f"{symbol}: {ratio:g} shares came for one on {day} by Yahoo, but its prices of "
                f"before are not adjusted yet, as far as can be seen: {closes[row - 1]:g} is the "
                f"close before, {since}. Nothing was written; try again in a day or two."
            )


def _finished(
    table: pd.DataFrame, bars: str | None, now: np.datetime64, notes: list[str]
) -> pd.DataFrame:
    """The bars that lie in sessions and have ended; the notes name what is left out."""
    calendar = trading_calendar()
    times = table.index.to_numpy().astype("M8[us]")
    days = calendar.sessions_at(times) if bars else times.astype("M8[D]")
    ends = calendar.closes_of(days)
    if bars:
        ends = np.minimum(times + np.timedelta64(LENGTHS[bars], "m"), ends)
    outside = np.isnat(ends)
    if outside.any():
        of = f"{outside.sum():,} {'row' if outside.sum() == 1 else 'rows'}"
        notes.append(f"Left out {of} outside of the sessions of {EXCHANGE}.")
    unfinished = ends + np.timedelta64(_SETTLED) > now
    notes += [
        f"Left out the bar of {_written(time, bars)}, which is not finished."
        for time in times[unfinished]
    ]
    return table[~outside & ~unfinished]


def _missing(table: pd.DataFrame) -> list[str]:
    days = table.index.to_numpy().astype("M8[D]")
    sessions = trading_calendar().between(days[0].item(), days[-1].item())
    missing = np.setdiff1d(sessions, days).astype(str).tolist()
    return [f"Yahoo has nothing of the sessions {first_few(missing)}."] if missing else []


def _written(time: np.datetime64, bars: str | None) -> str:
    return written(time) if bars else str(time.astype("M8[D]"))
