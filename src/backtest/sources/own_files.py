"""Anyone's files: daily prices, guessed where nothing is said, and events, as rows to take in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import (
    metadata_path,
    open_data_file,
    raise_problems,
    read_rows,
    stated,
)
from backtest.data.events import FIRST_COLUMNS, check_columns, prepared
from backtest.data.kinds import NEW_YORK, is_symbol
from backtest.data.prices import BAR_COLUMNS, place_for
from backtest.errors import BacktestError, DataError, UsageError, first_few, unknown
from backtest.sources.updates import (
    Incoming,
    PriceUpdate,
    check_symbol,
    other_mode,
    prepare_update,
)
from backtest.workspace.files import clear_unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest.data.kinds import Event

_DELIMITERS = ",;\t|"
_PARQUET = (".parquet", ".pq")
_FIELDS = ("date", "symbol", "open", "high", "low", "close", "volume")
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


@dataclass(frozen=True)
class PriceFile:
    """A file as it was understood.

    Its columns are by field, the notes say what else was understood. Each symbol's table has the
    columns `open high low close volume`, or `close`, and the index `session`.
    """

    path: Path
    columns: Mapping[str, str]
    notes: Sequence[str]
    tables: Mapping[str, pd.DataFrame]


def read_price_file(
    path: Path,
    columns: Mapping[str, str],
    *,
    symbols: Sequence[str] = (),
    decimal: str | None = None,
    date_form: str | None = None,
    closes: bool = False,
) -> PriceFile:
    """Read a CSV or Parquet file of one symbol or many, and guess what is not said.

    `columns` are the file's by field, as `{"close": "Last"}`; of many symbols some can be taken,
    and `closes` alone as for a benchmark. UsageError, which tells what to say, where the file is
    not to be understood; DataError where it has cells that are no days or numbers.
    """
    raw = _raw(path, columns, decimal)
    names = _guess_columns(list(raw.columns), columns)
    fields = _fields(names, closes=closes)
    days = _parse_days(raw[names["date"]], date_form)
    prices = [raw[names[field]] for field in fields if field != "volume"]
    sign = decimal or _guess_decimal(prices)
    table = pd.DataFrame(
        {field: _parse_numbers(raw[names[field]], sign).to_numpy() for field in fields},
        index=pd.DatetimeIndex(days.astype("M8[ns]"), name="session"),
    )
    _check_cells(path, raw, table, names)
    groups = table.groupby(_symbols(path, raw, names.get("symbol"), symbols), sort=True)
    tables = {name: _ordered(path, name, rows) for name, rows in groups}
    if missing := sorted(set(symbols) - set(tables)):
        raise UsageError(f"{path} has no row of {first_few(missing)}.")
    tables = {name: rows for name, rows in tables.items() if not symbols or name in symbols}
    used = {field: names[field] for field in ("symbol", "date", *fields) if field in names}
    left = [str(name) for name in raw.columns if name not in used.values()]
    first = str(raw[names["date"]].iloc[0])
    notes = [f"{first!r} is read as {days[0]}, and {sign!r} as the decimal sign."]
    notes += [f"Not taken: {', '.join(left)}."] * bool(left)
    notes += ["Closes alone, so it can be a benchmark but not be traded."] * (len(fields) == 1)
    return PriceFile(path, used, notes, tables)


def _raw(path: Path, said: Mapping[str, str], decimal: str | None) -> pd.DataFrame:
    """The cells of a file, of CSV texts where not all of them are plain numbers."""
    try:
        if path.suffix in _PARQUET:
            table = pd.read_parquet(path)
            if not isinstance(table.index, pd.RangeIndex):
                table = table.reset_index()
        else:
            table = _raw_csv(path, {column: field for field, column in said.items()}, decimal)
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:  # pandas and Arrow raise these, and kinds of them
        fault = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} cannot be read ({fault}).") from None
    if table.empty:
        raise DataError(f"{path} has no row.")
    table.columns = [str(name) for name in table.columns]
    return _without_second_header(table)


def _raw_csv(path: Path, said: Mapping[str, str], decimal: str | None) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    read = partial(
        pd.read_csv, path, sep=delimiter, encoding="utf-8-sig", na_filter=False, low_memory=False
    )
    if decimal != ",":
        names = read(nrows=0).columns
        fields = {name: said.get(name) or _FIELD_OF.get(_plain(name)) for name in names}
        table = read(dtype={n: str for n, field in fields.items() if field in ("date", "symbol")})
        numbers = [name for name, field in fields.items() if field in BAR_COLUMNS]
        if all(table[name].dtype.kind in "iuf" for name in numbers):
            return table
    return read(dtype=str)  # 1.000 may be a thousand beside 12,50


def _without_second_header(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `yfinance.download` has a second and a third line of header: tickers, dates."""
    first = table.columns[0]
    if table[first].head(2).tolist() != ["Ticker", "Date"]:
        return table
    return table.iloc[2:].reset_index(drop=True).rename(columns={first: "Date"})


def _fields(columns: Mapping[str, str], *, closes: bool) -> tuple[str, ...]:
    missing = [field for field in BAR_COLUMNS if field not in columns]
    if closes or _ADJUSTED.search(columns["close"]) or len(missing) == len(BAR_COLUMNS) - 1:
        return ("close",)
    if missing:
        raise UsageError(
            f"No column of the file looks like the {missing[0]}. Name it with "
            f"--map {missing[0]}=COLUMN, or take closes alone with --closes."
        )
    return BAR_COLUMNS


def _symbols(
    path: Path, raw: pd.DataFrame, column: str | None, symbols: Sequence[str]
) -> np.ndarray:
    if column is None:
        if len(symbols) > 1:
            raise UsageError(
                f"{path} has no column of symbols, so its rows are of one stock, not of "
                f"{first_few(symbols)}. Name one, or the column with --map symbol=COLUMN."
            )
        name = symbols[0] if symbols else path.stem
        if not symbols and (not is_symbol(name) or name[0].isdigit()):  # 2025-06-02.csv
            raise UsageError(f"Whose prices are in {path}? Say it with --symbol.")
        return np.full(len(raw), check_symbol(name), dtype=object)
    if pd.api.types.is_numeric_dtype(raw[column]):  # 7 may have been 007
        raise DataError(f"{path}, column {column}: not texts. Write symbols as texts, as in CRWV.")
    names = raw[column].astype(str).str.strip()
    for name in names.unique():
        check_symbol(name)
    return np.asarray(names, dtype=object)


def _check_cells(
    path: Path, raw: pd.DataFrame, table: pd.DataFrame, columns: Mapping[str, str]
) -> None:
    word, first = ("row", 0) if path.suffix in _PARQUET else ("line", 2)
    bad = {"date": np.isnat(table.index.to_numpy())}
    bad |= {field: np.isnan(table[field].to_numpy()) for field in table.columns}
    problems = [
        f"{word} {row + first}, column {columns[field]}: "
        f"{str(raw[columns[field]].iloc[row])!r} is no {'day' if field == 'date' else 'number'}"
        for field, is_bad in bad.items()
        for row in np.flatnonzero(is_bad).tolist()
    ]
    raise_problems(path, problems)


def _ordered(path: Path, symbol: str, table: pd.DataFrame) -> pd.DataFrame:
    if not table.index.is_unique:
        again = table.index[table.index.duplicated()][0]
        raise DataError(
            f"{path}: {symbol} has two rows of {again.date()}. One row a session is needed; bars "
            f"finer than that are read by `backtest simulate` from Parquet."
        )
    return table.sort_index()


def import_prices(
    data: Path,
    file: PriceFile,
    refused: dict[str, BacktestError],
    *,
    source: str | None,
    adjust: str | None,
    accept: bool,
) -> Iterator[PriceUpdate]:
    """What a file would change in the data folder, symbol by symbol; see `prepare_update`.

    The source and the adjust mode are those on record where None. `refused` takes the errors of
    symbols that cannot be taken in; the others can be without them.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    clear_unfinished(data / "prices")
    for symbol, table in file.tables.items():
        path = place_for(data / "prices", symbol, among=len(file.tables))
        known = stated(metadata_path(path))
        origin, recorded = source or known.get("source"), known.get("adjust")
        if not origin:
            raise UsageError("Say where the figures come from, with --source '…', or 'unknown'.")
        retrieval = {"source": origin, "library": None, "version": None, "fetched_at": now}
        retrieval["file"] = file.path.name
        incoming = Incoming(symbol, table, adjust or recorded, origin, retrieval)
        try:
            if adjust and recorded and adjust != recorded:
                raise other_mode(path, recorded)
            update = prepare_update(path, incoming, accept=accept)
        except BacktestError as error:
            refused[symbol] = error
        else:
            yield update


def read_event_file(path: Path, kind: type[Event], source_url: str | None) -> list[dict[str, str]]:
    """The rows of a CSV file of events, `prepared`; DataError, which names every wrong row."""
    file = open_data_file(path)
    check_columns(file, kind)
    problems: list[str] = []
    found = []
    for line, row in read_rows(file, FIRST_COLUMNS, problems):
        try:
            found.append(prepared(kind, row, source_url))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    raise_problems(path, problems)
    return found


# Guesses of columns, days and numbers


def _guess_columns(names: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
    """A file's columns by field: those that were said, and the others by their names."""
    for field, name in said.items():
        if field not in _FIELDS:
            raise unknown("field of prices", field, _FIELDS)
        if name not in names:
            raise unknown("column of the file", name, names)
    found = dict(said)
    for name in names:
        guessed = _FIELD_OF.get(_plain(name))
        if guessed is None or guessed in said or name in said.values():
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


def _parse_days(cells: pd.Series, form: str | None) -> NDArray[np.datetime64]:
    """The days of cells, which are texts, dates or times; NaT for those that are none."""
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
        raise UsageError(
            f"The date {texts.iloc[0]!r} cannot be read as {form or 'a day'}. "
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


def _guess_decimal(columns: Sequence[pd.Series]) -> str:
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


def _parse_numbers(column: pd.Series, decimal: str) -> pd.Series:
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
