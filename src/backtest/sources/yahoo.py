"""Asking Yahoo for prices, through yfinance: each option said, each of its failures told apart.

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
from typing import TYPE_CHECKING, Literal, get_args

from backtest.data.event import NEW_YORK
from backtest.errors import DataError, SourceError, UsageError
from backtest.sources.http import Pace
from backtest.sources.retries import PassingError, Patience, patiently
from backtest.workspace.files import cache_folder

if TYPE_CHECKING:
    import pandas as pd

Interval = Literal["1d", "1h", "5m", "1m"]
Adjust = Literal["splits", "all"]
INTERVALS, ADJUSTS = get_args(Interval), get_args(Adjust)
FIRST_DAY = date(1990, 1, 2)  # of the calendar
_DAYS = {"1h": 729, "5m": 59, "1m": 7}  # that Yahoo gives of finer bars, today included
_PATIENCE = Patience(tries=5, seconds=90.0, each=45.0, wait=2.0)
_PACE = Pace(2)
_TIMEOUT = 20.0  # seconds for each of the requests that yfinance makes for one answer


@dataclass(frozen=True)
class Answer:
    """What Yahoo answered.

    Attributes:
        table: as yfinance gives it.
        currency: of the prices.
        asked_at: when, UTC.

    """

    table: pd.DataFrame
    currency: str
    asked_at: datetime


def library() -> dict[str, str]:
    """The library that asks, for the metadata."""
    return {"library": "yfinance", "version": version("yfinance")}


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


def ask(symbol: str, interval: Interval, adjust: Adjust, first: date, now: datetime) -> Answer:
    """Ask for the bars of a symbol from a day up to now.

    Args:
        symbol: as Yahoo writes it.
        interval: of the bars.
        adjust: `splits`, or `all` for splits and dividends.
        first: the first day.
        now: the time, UTC.

    Raises:
        SourceError: Yahoo does not answer, or says that it has no such prices.
        DataError: the answer is of another form than yfinance reads.

    """
    what = f"Yahoo, {interval} bars of {symbol}"
    return patiently(lambda: _try(what, symbol, interval, adjust, first, now), what, _PATIENCE)


def _try(
    what: str, symbol: str, interval: Interval, adjust: Adjust, first: date, now: datetime
) -> Answer:
    """One try; what may pass is raised as such."""
    from yfinance import exceptions

    _PACE.wait()
    try:
        table, currency = _history(symbol, interval, adjust, first)
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
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{what}: the answer is of another form than yfinance {version('yfinance')} reads "
            f"({type(error).__name__}: {str(error)[:100]}). Nothing was changed. "
            f"See whether another yfinance reads it."
        ) from None
    if table.empty:
        raise PassingError("the answer is empty")
    return Answer(table, currency, now)


def _history(
    symbol: str, interval: Interval, adjust: Adjust, first: date
) -> tuple[pd.DataFrame, str]:
    """The one place that calls yfinance.

    `Ticker.history` and not `download`: that swallows what went wrong. Options of `download` alone
    (threads, ignore_tz, group_by) have no say here: one symbol, in its own zone.
    """
    import yfinance
    from yfinance.data import YfData

    for name in ("yfinance", "bs4"):  # what goes wrong is told here, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"yfinance\b")  # of pandas, to its authors
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    yfinance.set_tz_cache_location(str(cache_folder() / "yfinance"))
    YfData.cache_get.cache_clear()  # it keeps refusals as well
    ticker = yfinance.Ticker(symbol)
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
    return table, str(ticker.history_metadata.get("currency"))
