"""Fetch prices and analysts' estimates from Yahoo through yfinance, and name every failure.

Yahoo's prices are adjusted for splits up to the day of the request, and never as traded; with `all`
they are adjusted for dividends as well. Whatever fetches raises SourceError if Yahoo does not
answer, and DataError if the answer is of another form than yfinance reads.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd

from backtest.data.actions import DIVIDENDS
from backtest.data.bars import LENGTHS, bars_path, read_kept_prices
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import metadata_path, read_metadata
from backtest.data.kinds import NEW_YORK
from backtest.data.price_rows import BAR_COLUMNS
from backtest.data.prices import path_for
from backtest.errors import DataError, SourceError, UsageError, first_few
from backtest.sources.action_files import (
    add_capital_gains,
    adjust_for_dividends,
    drop_foreign_dividends,
    move_to_own_days,
    paid_actions,
)
from backtest.sources.http import Pace, PassingError, Patience, patiently
from backtest.sources.own_cells import clock_text
from backtest.sources.updates import Incoming, PriceUpdate, other_mode, prepare_update
from backtest.stats.formats import counted
from backtest.workspace.files import cache_folder

T = TypeVar("T")
Adjust = Literal["splits", "all"]
FIRST_DAY = date(1962, 1, 2)  # the first day that Yahoo has of any stock
_MODES: dict[str, Adjust] = {DIVIDENDS: "all", "splits": "splits", "none": "splits"}
_DAYS = {"1h": 729, "30m": 59, "15m": 59, "5m": 59, "1m": 7}  # that Yahoo keeps
_PATIENCE = Patience(seconds=90.0, each=45.0, wait=2.0)
_PACE = Pace(2)
_TIMEOUT = 20.0  # seconds for each of the requests that yfinance makes for one answer
_ESTIMATES = ["EPS Estimate", "Reported EPS"]
_SOURCE = "Yahoo Finance by yfinance, for personal use, without any guarantee."
_SETTLED = timedelta(minutes=30)  # after its end: Yahoo lags by 15, and corrects the close
_PRICES = list(BAR_COLUMNS[:-1])
_SMALLEST_SPLIT = 1.45  # smaller ratios do not stand out from moves of the market
_LARGEST_JUMP = 30.0  # the largest ratio of a price to the usual close
_AROUND = 11  # the usual close is the median of so many rows
_DIGITS = 7  # prices are sent in single precision, which holds so many


@dataclass(frozen=True)
class History:
    """A history is what Yahoo has of a symbol, with splits and dividends by session."""

    symbol: str
    bars: str | None  # their length; None is daily
    table: pd.DataFrame  # as in `Incoming`, but cells may be empty and sessions unfinished
    splits: Mapping[date, float]  # new shares for one
    dividends: Mapping[date, float]  # dollars for a share of today
    notes: Sequence[str] = ()  # dividends that were left out or changed


@dataclass(frozen=True)
class AnalystEstimate:
    """An estimate is of one report: New York day, EPS and its mean estimate; None is unknown."""

    day: date
    eps: float | None
    consensus: float | None


def ask_history(symbol: str, bars: str | None, adjust: Adjust, first: date) -> History:
    """Fetch what Yahoo has of a symbol from a day up to now, daily if `bars` is None."""

    def history() -> History:
        ticker = _ticker(symbol)
        table = ticker.history(  # not `download`, which swallows errors
            period=None, interval=bars or "1d", start=first.isoformat(), auto_adjust=False,
            timeout=_TIMEOUT,
        )  # fmt: skip
        if table.empty:
            raise PassingError("the answer is empty")
        if adjust == "all":
            adjust_for_dividends(table, symbol)
        notes: list[str] = []
        if bars is None:
            internal = getattr(ticker, "_price_history", None)
            paid, splits = (getattr(internal, name, None) for name in ("_dividends", "_splits"))
            move_to_own_days(table, {"Dividends": paid, "Stock Splits": splits})
            notes += [*drop_foreign_dividends(table, paid, symbol), *add_capital_gains(table)]
        currency = ticker.history_metadata.get("currency")
        return replace(read_history(table, currency, symbol, bars), notes=notes)

    return _retried(f"Yahoo, {bars or '1d'} bars of {symbol}", history)


def ask_estimates(symbol: str) -> list[AnalystEstimate]:
    """Fetch the reports of a symbol at Yahoo, oldest first; raise SourceError if it has none."""

    def estimates() -> list[AnalystEstimate]:
        table = _ticker(symbol).get_earnings_dates(limit=100)  # 25 years
        if table is None or table.empty:
            raise PassingError("the answer is empty")
        figures = table.tz_convert(NEW_YORK)[_ESTIMATES].astype(float).dropna(how="all")
        rows = figures.astype(object).where(figures.notna(), None).itertuples()
        reports = [AnalystEstimate(moment.date(), eps, mean) for moment, mean, eps in rows]
        return sorted(reports, key=lambda report: report.day)

    try:
        return _retried(f"Yahoo, earnings of {symbol}", estimates)
    except (DataError, SourceError) as error:
        raise type(error)(f"{error} Or go on without it: --no-estimates.") from None


def _ticker(symbol: str) -> Any:
    import yfinance
    from yfinance.data import YfData

    for name in ("yfinance", "bs4"):  # errors are raised here, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"yfinance\b")  # pandas' warnings to its authors
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    yfinance.set_tz_cache_location(str(cache_folder() / "yfinance"))
    YfData.cache_get.cache_clear()  # it keeps refusals as well
    ticker = yfinance.Ticker(symbol.replace(".", "-"))  # a point would name another exchange
    ticker._tz = str(NEW_YORK)  # noqa: SLF001 - looking it up would hide why a symbol fails
    return ticker


def _retried(what: str, call: Callable[[], T]) -> T:
    return patiently(lambda: _try(what, call), what, _PATIENCE)


def _try(what: str, call: Callable[[], T]) -> T:
    from yfinance import exceptions

    _PACE.wait()
    try:
        return call()
    except exceptions.YFRateLimitError:
        raise PassingError("it has had too many requests (429)") from None
    except exceptions.YFTickerMissingError as error:
        reason = getattr(error, "yahoo_reason", None)
        if reason and "data" in reason.casefold():  # other reasons: it refuses, or is down
            raise SourceError(f"{what}: it says {reason!r}. Is the symbol right?") from None
        fault = f"it says {reason!r}" if reason else "the answer is empty (is the symbol right?)"
        raise PassingError(fault) from None
    except exceptions.YFException as error:
        raise PassingError(f"{error}") from None
    except JSONDecodeError:
        fault = "the answer is no JSON: it broke off, or Yahoo refuses or is down"
        raise PassingError(fault) from None
    except OSError as error:
        raise PassingError(f"no connection ({type(error).__name__})") from None
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{what}: the answer is of another form than yfinance {version('yfinance')} reads "
            f"({type(error).__name__}: {str(error)[:100]}). Nothing was changed. See whether "
            f"another yfinance reads it."
        ) from None


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
    """Fetch Yahoo's prices, and prepare the update of the file of a symbol.

    `bars` is a length of `LENGTHS`, daily if None. By default `first` is the first day of the file,
    or Yahoo's of a new file or finer bars, and `adjust` is the file's mode, or splits. `skip_bad`
    is as in `prepare_update`, `among` the number of symbols fetched. Raise UsageError if the span,
    the mode or the symbol is wrong, and the errors of `finished_bars` and `prepare_update`.
    """
    now = _now()
    folder = data / "prices"
    path = bars_path(folder, symbol, bars) if bars else path_for(folder, symbol, among=among)
    mode = _adjust_mode(path, adjust, is_daily=not bars)
    first_on_file = read_kept_prices(path).table.index[0].date() if path.exists() else None
    today = now.astimezone(NEW_YORK).date()
    earliest = today - timedelta(days=_DAYS[bars] - 1) if bars else FIRST_DAY
    wanted = first or (first_on_file if first_on_file and not bars else earliest)
    if wanted > (last or today):
        option = f"--from {first}" if first else f"{wanted}, which counts without --from,"
        raise UsageError(f"{option} is after --to {last or 'today'}.")
    if bars and wanted < earliest:
        raise UsageError(
            f"Yahoo gives bars of {bars} for the last {_DAYS[bars]} days alone: "
            f"--from can be {earliest} at the earliest."
        )
    history = ask_history(symbol, bars, mode, max(wanted, earliest))
    table, notes = finished_bars(history, now, last, skip_bad=skip_bad)
    splits = {str(day): ratio for day, ratio in history.splits.items()}
    if skip_bad:
        wrong = _of_another_scale(table)
        notes += [f"Left out {day:%Y-%m-%d}, of another scale." for day in table.index[wrong]]
        table = table[~wrong]
    adjusted = _in_words(mode, splits, today)
    # Yahoo forgets splits that are in its prices, and splits before the span are not known.
    is_silent = mode == "splits" and not splits
    if first_on_file and (is_silent or first_on_file < table.index[0].date()):
        adjusted = _recorded_mode(path)
    if mode == "all" and not path.exists():  # nobody ever traded at such prices
        table = table[["close"]]
    if bars and not path.exists():
        notes.append(f"Yahoo has bars of {bars} for {_DAYS[bars]} days alone; a file keeps them.")
    notes += [f"{ratio:g} shares came for one on {day}." for day, ratio in splits.items()]
    retrieval = {"source": "Yahoo Finance", "library": "yfinance", "version": version("yfinance")}
    fetched_at = now.isoformat(timespec="seconds")
    retrieval |= {"fetched_at": fetched_at} | ({"bars": bars} if bars else {})
    actions = paid_actions(history.splits, history.dividends, "Yahoo Finance") if not bars else ()
    incoming = Incoming(
        symbol, table, adjusted, _SOURCE, retrieval, splits, notes, actions=actions, complete=True
    )
    update = prepare_update(path, incoming, accept=accept, skip_bad=skip_bad)
    _refuse_another_scale(update)
    return update


def _of_another_scale(table: pd.DataFrame) -> pd.Series:
    """Return a mask of rows with a price out of all proportion to the closes around it."""
    prices = table[table.columns.intersection(_PRICES)]
    usual = table["close"].rolling(_AROUND, center=True, min_periods=1).median()
    with np.errstate(divide="ignore", invalid="ignore"):  # for a price of 0
        factors = np.log(prices.div(usual, axis=0)).abs()
    return (factors > np.log(_LARGEST_JUMP)).any(axis=1)


def _refuse_another_scale(update: PriceUpdate) -> None:
    """Raise DataError if a new price is of another scale than those around it, or on file."""
    table, new = update.table, update.incoming.table.index
    for moment in table.index[_of_another_scale(table) & table.index.isin(new)][:1]:
        raise DataError(
            f"{update.symbol}: a price of {moment:%Y-%m-%d} is more than {_LARGEST_JUMP:g} times "
            f"the closes around it, or less than a {_LARGEST_JUMP:g}th of them. Nothing was "
            f"written; try again later, or leave such sessions out with --skip-bad."
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _in_words(mode: Adjust, splits: Mapping[str, float], today: date) -> str:
    """Return the adjust mode in the words of the metadata, which `_adjust_mode` reads again."""
    if mode == "all":
        return f"{DIVIDENDS}, as of {today}"
    if splits:
        return f"splits, as of {today}; not dividends"
    return "none: as traded, no split in the span"


def _adjust_mode(path: Path, wanted: Adjust | None, *, is_daily: bool) -> Adjust:
    """Return the adjust mode of a file, or of a new one; raise UsageError if another is wanted."""
    if wanted == "all" and not is_daily:
        raise UsageError("Yahoo adjusts bars finer than sessions for splits alone.")
    if not path.exists():
        return wanted or "splits"
    recorded = _recorded_mode(path)
    on_file = next((mode for word, mode in _MODES.items() if recorded.startswith(word)), None)
    if wanted not in (None, on_file):
        raise other_mode(path, recorded or "unknown")
    if on_file is None:
        raise UsageError(
            f"How {path} is adjusted is not on record. Say it with `backtest prices seal "
            f"{path.stem}{'' if is_daily else f' --bars {path.parent.name}'} --adjust 'none'` or "
            f"--adjust 'splits and dividends'."
        )
    return on_file


def _recorded_mode(path: Path) -> str:
    return str(read_metadata(metadata_path(path)).get("adjust") or "")


def read_history(raw: pd.DataFrame, currency: str | None, symbol: str, bars: str | None) -> History:
    """Read a table of yfinance; raise UsageError if it is not in dollars and New York time.

    Raise DataError if two rows have one time, and KeyError, TypeError or ValueError if a column of
    numbers is missing or times have no zone.
    """
    figures, moments = raw.select_dtypes("number"), pd.DatetimeIndex(raw.index)
    local = moments.tz_convert(NEW_YORK)
    elsewhere = local.tz_localize(None) != moments.tz_localize(None)
    if elsewhere.any() or currency != "USD":
        raise UsageError(
            f"{symbol} is traded in {currency} and the time zone {moments.tz}. "
            f"Only dollars and sessions of {EXCHANGE} are known here."
        )
    if not local.is_unique:
        twice = local[local.duplicated()][0]
        raise DataError(f"{symbol}: two rows came for {twice:%Y-%m-%d %H:%M}. Nothing was changed.")
    columns = [name.capitalize() for name in BAR_COLUMNS]
    table = figures[columns].set_axis(list(BAR_COLUMNS), axis=1)
    if bars is None:
        table.index = pd.DatetimeIndex(local.tz_localize(None).normalize(), name="session")
    else:
        table.index = pd.DatetimeIndex(local.tz_convert(UTC).tz_localize(None), name="time")
    sessions = trading_calendar().sessions
    days = sessions[np.searchsorted(sessions, local.tz_localize(None).to_numpy().astype("M8[D]"))]
    paid = figures["Dividends"].groupby(days.tolist()).sum()
    ratios = figures["Stock Splits"].replace(0.0, 1.0).groupby(days.tolist()).prod()
    return History(symbol, bars, table, ratios[ratios != 1].to_dict(), paid[paid != 0].to_dict())


def finished_bars(
    history: History, now: datetime, last: date | None, *, skip_bad: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Return the finished bars up to the day `last`, and notes on what is left out or missing.

    Raise UsageError if there are none, DataError if a cell is empty or a split not in the prices.
    """
    table = history.table
    table = table[table[_PRICES].notna().any(axis=1)].sort_index()  # Yahoo sends empty rows
    broken = table[table.isna().any(axis=1)]
    if len(broken) and not skip_bad:
        raise DataError(
            f"{history.symbol}: {counted(len(broken), 'row')} came with empty cells, the first for "
            f"{broken.index[0]:%Y-%m-%d %H:%M}. Nothing was changed; try again later, or leave "
            f"such sessions out with --skip-bad."
        )
    table = table.dropna().astype(float)
    _refuse_unadjusted(table, history)
    if last is not None:
        table = table.loc[: pd.Timestamp(last) + pd.Timedelta(days=1, microseconds=-1)]
    table, notes = _finished(table, history.bars, np.datetime64(now.replace(tzinfo=None)))
    if table.empty:
        what = f"{history.bars or '1d'} of {history.symbol}"
        raise UsageError(f"Yahoo has no finished bar of {what} in that span.")
    notes = [*history.notes, *notes]
    days = table.index.to_numpy().astype("M8[D]")
    sessions = trading_calendar().between(days[0].item(), days[-1].item())
    if missing := np.setdiff1d(sessions, days).astype(str).tolist():
        notes.append(f"Yahoo has nothing of the sessions {first_few(missing)}.")
    for name in _PRICES:
        table[name] = rounded(table[name].to_numpy())
    return table, notes


def _refuse_unadjusted(table: pd.DataFrame, history: History) -> None:
    """Raise DataError if Yahoo reports a split, but prices before it are not adjusted for it."""
    days, closes = table.index.to_numpy().astype("M8[D]"), table["close"].to_numpy()
    for day, ratio in history.splits.items():
        row = int(np.searchsorted(days, np.datetime64(day)))
        if row == 0 or abs(np.log(ratio)) < np.log(_SMALLEST_SPLIT):
            continue
        after = closes[row] if row < len(closes) else np.nan
        gap = np.log(closes[row - 1] / after)
        if not abs(gap - np.log(ratio)) > abs(gap):
            since = "no price since" if np.isnan(after) else f"{after:g} that of the day"
            raise DataError(
                f"{history.symbol}: {ratio:g} shares came for one on {day} by Yahoo, but its "
                f"prices of before are not adjusted yet, as far as can be seen: "
                f"{closes[row - 1]:g} is the close before, {since}. Nothing was written; try "
                f"again in a day or two."
            )


def _finished(
    table: pd.DataFrame, bars: str | None, now: np.datetime64
) -> tuple[pd.DataFrame, list[str]]:
    """Return the bars that lie in sessions and have ended, and notes on those left out."""
    calendar = trading_calendar()
    times = table.index.to_numpy().astype("M8[us]")
    days = calendar.sessions_at(times) if bars else times.astype("M8[D]")
    ends = calendar.times_of(days, "close")
    if bars:
        ends = np.minimum(times + np.timedelta64(LENGTHS[bars], "m"), ends)
    outside = np.isnat(ends)
    unfinished = ends + np.timedelta64(_SETTLED) > now
    names = [clock_text(time) if bars else str(time.astype("M8[D]")) for time in times[unfinished]]
    rows = counted(int(outside.sum()), "row")
    return table[~outside & ~unfinished], [
        *[f"Left out {rows} outside of the sessions of {EXCHANGE}."] * bool(outside.any()),
        *(f"Left out the bar of {name}, which is not finished." for name in names),
    ]


def rounded(values: np.ndarray) -> np.ndarray:
    """Round prices to the digits that single precision holds: 41.939998626708984 is 41.94."""
    return np.array([float(f"{value:.{_DIGITS}g}") for value in values])
