"""Guessing what somebody's file of prices holds: its columns, its days and its numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.event import NEW_YORK
from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FIELDS = ("date", "symbol", "open", "high", "low", "close", "volume")
_NAMES = {
    "date": "date day timestamp datetime time session tradedate tradingday tradingdate index dt",
    "symbol": "symbol ticker sym code instrument",
    "open": "open o openprice opening",
    "high": "high h highprice max",
    "low": "low l lowprice min",
    "close": "close c closelast closeprice closing last price settle",
    "volume": "volume v vol sharestraded totalvolume",
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names.split()}
_ADJUSTED = re.compile(r"adj", re.IGNORECASE)
_DAY_FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
_AMBIGUOUS = re.compile(r"^\d{1,3},\d{3}$")
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}


def guess_columns(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Which of a file's columns is which: `{"date": "Date", "close": "Close/Last"}`.

    Args:
        names: the columns of the file.
        chosen: what was said, in the same form; the rest is guessed by name.

    Raises:
        UsageError: a field or a column is unknown, or two columns come into question.

    """
    for field, name in chosen.items():
        if field not in FIELDS:
            raise unknown("field of prices", field, FIELDS)
        if name not in names:
            raise unknown("column of the file", name, names)
    found = dict(chosen)
    for name in names:
        guessed = _FIELD_OF.get(_plain(name))
        if guessed is None or guessed in chosen or name in chosen.values():
            continue
        if guessed in found:
            raise UsageError(
                f"Both {found[guessed]!r} and {name!r} may be the {guessed}. "
                f"Say which, with --map {guessed}='{found[guessed]}'."
            )
        found[guessed] = name
    for field in ("date", "close"):
        if field not in found:
            raise UsageError(
                f"No column of the file looks like the {field}. Name it with "
                f"--map {field}=COLUMN; it has {', '.join(map(repr, names))}."
            )
    return found


def is_adjusted(name: str) -> bool:
    """Whether a column's name says that dividends are taken out of it, as `Adj Close`."""
    return _ADJUSTED.search(name) is not None


def parse_days(cells: pd.Series, form: str | None) -> NDArray[np.datetime64]:
    """The days of cells, which are texts, dates or times.

    Args:
        cells: as the file has them.
        form: how they are written, as `%d/%m/%Y`; guessed where None.

    Returns:
        Days, NaT for cells that are none.

    Raises:
        UsageError: they can be read in two ways, or in none.

    """
    if not (isinstance(cells.dtype, pd.DatetimeTZDtype) or cells.dtype.kind == "M"):
        texts = cells.astype(str).str.strip()
        if form is not None or not texts.str.contains(r"\d[T ]\d+:", regex=True).any():
            return _parse_texts(texts, form)
        cells = _moments(texts)
    if cells.dt.tz is None:
        return _as_days(cells)
    written = cells.dt.tz_localize(None)
    if not (written == written.dt.normalize()).all():  # a midnight is a day as it is written
        written = cells.dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    return _as_days(written)


def _score(days: NDArray[np.datetime64]) -> tuple[int, int]:
    """How well days fit the calendar: how many are sessions, and how few lie between them."""
    known = days[~np.isnat(days)]
    sessions = trading_calendar().between(known.min().item(), known.max().item())
    return int(np.isin(known, sessions).sum()), -len(sessions)


def _as_days(cells: pd.Series) -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = cells.to_numpy().astype("M8[D]")
    return days


def _moments(texts: pd.Series) -> pd.Series:
    try:
        return pd.to_datetime(texts)
    except ValueError:  # zones of summer and winter, as New York has
        moments = pd.to_datetime(texts, utc=True, errors="coerce")
        return moments.dt.tz_convert(NEW_YORK)


def _parse_texts(texts: pd.Series, form: str | None) -> NDArray[np.datetime64]:
    distinct = texts.drop_duplicates()
    read: dict[str, NDArray[np.datetime64]] = {}
    for one in (form,) if form else _DAY_FORMS:
        days = pd.to_datetime(distinct, format=one, errors="coerce")
        if days.notna().any():
            read[one] = days.to_numpy().astype("M8[D]")
    if not read:
        told = f"as {form}" if form else "as a day"
        raise UsageError(
            f"The date {texts.iloc[0]!r} cannot be read {told}. "
            f"Say how days are written with --date-format, such as '%d/%m/%Y'."
        )
    scores = {one: _score(days) for one, days in read.items()}
    best = [one for one, score in scores.items() if score == max(scores.values())]
    if any((read[one] != read[best[0]]).any() for one in best[1:]):
        raise UsageError(
            f"Days such as {texts.iloc[0]!r} can be read as {' or '.join(best)}. "
            f"Say which, with --date-format '{best[0]}'."
        )
    by_text = pd.Series(read[best[0]].astype("M8[s]"), index=distinct.to_numpy())
    return _as_days(texts.map(by_text))


def guess_decimal(columns: Sequence[pd.Series]) -> str:
    """The decimal sign of columns of prices.

    Raises:
        UsageError: it can be either.

    """
    texts = [column for column in columns if _plain_numbers(column) is None]
    if not texts:
        return "."
    cells = pd.concat([_bare(column) for column in texts])
    comma, point = (cells.str.contains(sign, regex=False) for sign in ",.")
    if (comma & point).any():
        last = cells[comma & point].iloc[0]
        return "," if last.rfind(",") > last.rfind(".") else "."
    if point.any() or not comma.any():
        return "."
    if cells[comma].str.match(_AMBIGUOUS).all():
        raise UsageError(
            f"A price such as {cells[comma].iloc[0]!r} can be read in two ways. "
            f"Say which sign is the decimal one, with --decimal."
        )
    return ","


def parse_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Cells as numbers, NaN for those that are none; `$`, thousands and 1.5M are understood."""
    numbers = _plain_numbers(column) if decimal == "." else None
    if numbers is not None:
        return numbers
    cells = _bare(column)
    units = cells.str[-1:].str.upper().map(_UNITS).fillna(1.0)
    cells = cells.where(units == 1.0, cells.str[:-1])
    thousands = "," if decimal == "." else "."
    cells = cells.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
    return pd.to_numeric(cells, errors="coerce") * units


def _plain_numbers(column: pd.Series) -> pd.Series | None:
    """The numbers of a column that holds nothing else; None where it does."""
    try:
        return pd.to_numeric(column).astype(float)
    except (ValueError, TypeError):
        return None


def _bare(column: pd.Series) -> pd.Series:
    return column.astype(str).str.replace(r"[$€\s']", "", regex=True)


def _plain(name: str) -> str:
    """`1. open` is open, `Close/Last` closelast."""
    return re.sub(r"^\d+|[^a-z0-9]", "", re.sub(r"^\d+\.?\s*", "", name.casefold()))
