"""What analysts expected and what was reported, by Yahoo, through yfinance."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import version
from json import JSONDecodeError
from math import isfinite
from typing import TYPE_CHECKING, Any

from backtest.data.event import NEW_YORK
from backtest.errors import DataError
from backtest.sources.retries import PassingError, Patience, patiently
from backtest.workspace.files import cache_folder

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

PATIENCE = Patience(tries=4, seconds=60.0, each=30.0, wait=2.0)
_MOST = 100  # reports that Yahoo gives at once: 25 years
_COLUMNS = ("EPS Estimate", "Reported EPS")


@dataclass(frozen=True)
class Estimate:
    """One report by Yahoo: its day in New York, and dollars a share; None is unknown."""

    day: date
    eps: float | None
    consensus: float | None


def estimates_page(symbol: str) -> str:
    """Where anyone can read them."""
    return f"https://finance.yahoo.com/calendar/earnings?symbol={symbol}"


def ask_estimates(symbol: str) -> list[Estimate]:
    """The reports of a symbol that Yahoo knows of, oldest first.

    Raises:
        SourceError: Yahoo does not answer, or knows of none.
        DataError: the answer is of another form than is expected.

    """
    what = f"Yahoo, earnings of {symbol}"
    table = patiently(lambda: _try(symbol, what), what, PATIENCE)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing or getattr(table.index, "tz", None) is None:
        fault = f"no column {missing[0]!r}" if missing else "times without a zone"
        raise _moved(what, fault)
    try:
        found = [
            Estimate(moment.tz_convert(NEW_YORK).date(), _figure(eps), _figure(expected))
            for moment, expected, eps in table[list(_COLUMNS)].itertuples(name=None)
        ]
    except (TypeError, ValueError) as error:
        raise _moved(what, str(error)) from None
    return sorted(found, key=lambda one: one.day)


def earnings_table(symbol: str) -> pd.DataFrame | None:
    """The one place that asks yfinance: reports by their time, with the columns of Yahoo's page."""
    import yfinance
    from yfinance.data import YfData

    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # it is told here, once
    yfinance.config.debug.hide_exceptions = False
    yfinance.config.network.retries = 0
    yfinance.set_tz_cache_location(str(cache_folder() / "yfinance"))
    YfData.cache_get.cache_clear()  # it keeps refusals as well
    table: pd.DataFrame | None = yfinance.Ticker(symbol).get_earnings_dates(limit=_MOST)
    return table


def _try(symbol: str, what: str) -> pd.DataFrame:
    from yfinance import exceptions

    try:
        table = earnings_table(symbol)
    except exceptions.YFRateLimitError:
        raise PassingError("it has had too many requests (429)") from None
    except (exceptions.YFException, JSONDecodeError, OSError) as error:
        raise PassingError(f"{type(error).__name__}: {str(error)[:100]}") from None
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise _moved(what, f"{type(error).__name__}: {str(error)[:100]}") from None
    if table is None or table.empty:
        raise PassingError("the answer is empty; --no-estimates goes on without it")
    return table


def _figure(value: Any) -> float | None:
    figure = float(value)
    return figure if isfinite(figure) else None


def _moved(what: str, fault: str) -> DataError:
    return DataError(
        f"{what}: the answer is of another form than is expected ({fault}); yfinance "
        f"{version('yfinance')} read it. Nothing was changed. See whether another yfinance "
        f"reads it, or go on without it: --no-estimates."
    )
