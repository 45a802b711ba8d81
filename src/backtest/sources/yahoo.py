"""Yahoo through yfinance: prices, and what analysts expected, with every failure by its name.

Yahoo's own prices are adjusted for splits, up to the day they are asked for, and never as they were
traded; with `all` they are adjusted for dividends as well.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from json import JSONDecodeError
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from backtest.data.kinds import NEW_YORK
from backtest.errors import DataError, SourceError, UsageError
from backtest.sources.http import Pace, PassingError, Patience, patiently
from backtest.workspace.files import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

T = TypeVar("T")

Interval = Literal["1d", "1h", "5m", "1m"]
Adjust = Literal["splits", "all"]
INTERVALS, ADJUSTS = get_args(Interval), get_args(Adjust)
FIRST_DAY = date(1990, 1, 2)  # of the calendar
_DAYS = {"1h": 729, "5m": 59, "1m": 7}  # that Yahoo gives of finer bars, today included
_PATIENCE = Patience(tries=5, seconds=90.0, each=45.0, wait=2.0)
_PACE = Pace(2)
_TIMEOUT = 20.0  # seconds for each of the requests that yfinance makes for one answer
_MOST_REPORTS = 100  # that Yahoo gives at once: 25 years
_ESTIMATES = ("EPS Estimate", "Reported EPS")
_GO_ON = ", or go on without it: --no-estimates"


@dataclass(frozen=True)
class History:
    """Yahoo's prices: yfinance's table, their currency, and when they were asked for, UTC."""

    table: pd.DataFrame
    currency: str
    asked_at: datetime


@dataclass(frozen=True)
class Estimate:
    """One report by Yahoo: its day in New York, and dollars a share; None is unknown."""

    day: date
    eps: float | None
    consensus: float | None


def first_day(interval: Interval, wanted: date | None, now: datetime) -> date:
    """The first day to ask for: the one that is wanted, or the first that Yahoo has.

    Raises:
        UsageError: Yahoo does not go back so far.

    """
    if interval not in _DAYS:
        return max(wanted or FIRST_DAY, FIRST_DAY)
    earliest = now.astimezone(NEW_YORK).date() - timedelta(days=_DAYS[interval] - 1)
    if wanted and wanted < earliest:
        raise UsageError(
            f"Yahoo gives bars of {interval} for the last {_DAYS[interval]} days alone: "
            f"--from can be {earliest} at the earliest."
        )
    return wanted or earliest


def ask(symbol: str, interval: Interval, adjust: Adjust, first: date, now: datetime) -> History:
    """Ask for the bars of a symbol, as Yahoo writes it, from a day up to now, UTC.

    Raises:
        SourceError: Yahoo does not answer, or says that it has no such prices.
        DataError: the answer is of another form than yfinance reads.

    """

    def history() -> History:
        ticker = _ticker(symbol)
        # Not `download`, which swallows what went wrong.
        table = ticker.history(
            period=None,
            interval=interval,
            start=first.isoformat(),
            end=None,
            prepost=False,
            actions=True,
            auto_adjust=adjust == "all",
            back_adjust=False,
            repair=False,
            keepna=False,
            rounding=False,
            timeout=_TIMEOUT,
            raise_errors=False,
        )
        currency = str(ticker.history_metadata.get("currency"))
        if table.empty:
            raise PassingError("the answer is empty")
        return History(table, currency, now)

    return _asked(f"Yahoo, {interval} bars of {symbol}", history)


def estimates_page(symbol: str) -> str:
    """The page at which anyone can read the estimates."""
    return f"https://finance.yahoo.com/calendar/earnings?symbol={symbol}"


def ask_estimates(symbol: str) -> list[Estimate]:
    """The reports of a symbol that Yahoo knows of, oldest first.

    Raises:
        SourceError: Yahoo does not answer, or knows of none.
        DataError: the answer is of another form than is expected.

    """
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
            Estimate(moment.tz_convert(NEW_YORK).date(), _figure(eps), _figure(expected))
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
    """The ticker of yfinance, which raises what goes wrong and leaves it here to ask again."""
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
    """What a call of yfinance gives, called again where its failure may pass."""
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


def _of_another_form(what: str, fault: str, or_else: str) -> DataError:
    return DataError(
        f"{what}: the answer is of another form than yfinance {version('yfinance')} reads "
        f"({fault}). Nothing was changed. See whether another yfinance reads it{or_else}."
    )


def _figure(value: Any) -> float | None:
    figure = float(value)
    return figure if isfinite(figure) else None
