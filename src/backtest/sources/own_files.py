"""Anyone's file of daily prices, CSV or Parquet, as tables by symbol."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data.datafile import metadata_path, raise_problems
from backtest.data.price_rows import BAR_COLUMNS
from backtest.data.price_store import place_for
from backtest.errors import DataError, UsageError
from backtest.sources.price_guess import (
    guess_columns,
    guess_decimal,
    is_adjusted,
    parse_days,
    parse_numbers,
)
from backtest.sources.symbols import check_symbol, is_symbol
from backtest.sources.updates import Incoming, Update, prepare_update
from backtest.workspace.files import json_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_DELIMITERS = ",;\t|"
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Reading:
    """How a file is to be read, where that is not guessed.

    Attributes:
        columns: the file's columns by field, as `{"close": "Last"}`.
        symbol: whose prices they are.
        decimal: the decimal sign.
        date_form: how days are written, as `%d/%m/%Y`.
        closes: whether closes alone are taken, as for a benchmark.

    """

    columns: Mapping[str, str]
    symbol: str | None = None
    decimal: str | None = None
    date_form: str | None = None
    closes: bool = False


@dataclass(frozen=True)
class PriceFile:
    """A file as it was understood.

    Attributes:
        path: the file.
        columns: its columns by field.
        notes: what else was understood, in sentences.
        tables: by symbol columns `open high low close volume`, or `close`; indexed by `session`.

    """

    path: Path
    columns: Mapping[str, str]
    notes: Sequence[str]
    tables: Mapping[str, pd.DataFrame]


def read_price_file(path: Path, reading: Reading) -> PriceFile:
    """Read a file and guess what was not said.

    Args:
        path: a CSV or Parquet file.
        reading: what was said.

    Raises:
        UsageError: it is not to be understood; the message tells what to say.
        DataError: it is damaged, or has cells that are no days or numbers.

    """
    raw = _raw(path)
    columns = guess_columns(list(raw.columns), reading.columns)
    fields = _fields(columns, closes=reading.closes)
    days = parse_days(raw[columns["date"]], reading.date_form)
    prices = [raw[columns[field]] for field in fields if field != "volume"]
    decimal = reading.decimal or guess_decimal(prices)
    table = pd.DataFrame(
        {field: parse_numbers(raw[columns[field]], decimal).to_numpy() for field in fields},
        index=pd.DatetimeIndex(days.astype("M8[ns]"), name="session"),
    )
    _check_cells(path, raw, table, columns)
    names = _symbols(path, raw, columns, reading)
    groups = table.groupby(names, sort=True)
    tables = {symbol: _ordered(path, symbol, rows) for symbol, rows in groups}
    if reading.symbol is not None:
        tables = {symbol: rows for symbol, rows in tables.items() if symbol == reading.symbol}
    if not tables:
        raise UsageError(f"{path} has no row of {reading.symbol}.")
    used = ("symbol", "date", *fields) if "symbol" in columns else ("date", *fields)
    left = [name for name in raw.columns if name not in {columns[field] for field in used}]
    first = raw[columns["date"]].iloc[0]
    notes = [f"{str(first)!r} is read as {days[0]}, and {decimal!r} as the decimal sign."]
    notes += [f"Not taken: {', '.join(map(str, left))}."] * bool(left)
    notes += ["Closes alone, so it can be a benchmark but not be traded."] * (len(fields) == 1)
    return PriceFile(path, {field: columns[field] for field in used}, notes, tables)


def _raw(path: Path) -> pd.DataFrame:
    """The cells of a file, texts where it is CSV.

    Raises:
        UsageError: there is no such file.
        DataError: it is damaged, or has no row.

    """
    try:
        if path.suffix in _PARQUET:
            table = pd.read_parquet(path)
            if not isinstance(table.index, pd.RangeIndex):
                table = table.reset_index()
        else:
            with path.open(encoding="utf-8-sig") as file:
                header = file.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            table = pd.read_csv(
                path, sep=delimiter, dtype=str, encoding="utf-8-sig", keep_default_na=False
            )
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:  # pandas and Arrow raise these, and kinds of them
        told = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} cannot be read ({told}).") from None
    if table.empty:
        raise DataError(f"{path} has no row.")
    table.columns = [str(name) for name in table.columns]
    return _without_second_header(table)


def _without_second_header(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `yfinance.download` has a second and a third line of header: tickers, dates."""
    first = table.columns[0]
    if table[first].head(2).tolist() != ["Ticker", "Date"]:
        return table
    return table.iloc[2:].reset_index(drop=True).rename(columns={first: "Date"})


def _fields(columns: Mapping[str, str], *, closes: bool) -> tuple[str, ...]:
    """The fields that are taken: bars, or closes.

    Raises:
        UsageError: some columns of bars are there and others are not.

    """
    missing = [field for field in BAR_COLUMNS if field not in columns]
    if closes or is_adjusted(columns["close"]) or len(missing) == len(BAR_COLUMNS) - 1:
        return ("close",)
    if missing:
        raise UsageError(
            f"No column of the file looks like the {missing[0]}. Name it with "
            f"--map {missing[0]}=COLUMN, or take closes alone with --closes."
        )
    return BAR_COLUMNS


def _symbols(
    path: Path, raw: pd.DataFrame, columns: Mapping[str, str], reading: Reading
) -> np.ndarray:
    """The symbol of each row.

    Raises:
        UsageError: one is none, or nobody says which it is.

    """
    if "symbol" not in columns:
        name = reading.symbol or path.stem
        if reading.symbol is None and not is_symbol(name):
            raise UsageError(f"Whose prices are in {path}? Say it with --symbol.")
        return np.full(len(raw), check_symbol(name), dtype=object)
    names = raw[columns["symbol"]].astype(str).str.strip()
    for name in names.unique():
        check_symbol(name)
    return np.asarray(names, dtype=object)


def _check_cells(
    path: Path, raw: pd.DataFrame, table: pd.DataFrame, columns: Mapping[str, str]
) -> None:
    """Refuse cells that are no day or no number.

    Raises:
        DataError: there are some; all are told.

    """
    word, first = ("row", 0) if path.suffix in _PARQUET else ("line", 2)
    bad = {"date": np.isnat(table.index.to_numpy())}
    bad |= {field: np.isnan(table[field].to_numpy()) for field in table.columns}
    problems = [
        f"{word} {place + first}, column {columns[field]}: "
        f"{str(raw[columns[field]].iloc[place])!r} is no {'day' if field == 'date' else 'number'}"
        for field, places in bad.items()
        for place in np.flatnonzero(places).tolist()
    ]
    raise_problems(path, problems)


def _ordered(path: Path, symbol: str, table: pd.DataFrame) -> pd.DataFrame:
    """The rows oldest first.

    Raises:
        DataError: there are two of one day.

    """
    if not table.index.is_unique:
        again = table.index[table.index.duplicated()][0]
        raise DataError(
            f"{path}: {symbol} has two rows of {again.date()}. One row a session is needed; bars "
            f"finer than that are read by `backtest simulate` from Parquet."
        )
    return table.sort_index()


def import_prices(
    data: Path, file: PriceFile, *, source: str | None, adjust: str | None, accept: bool
) -> Iterator[Update]:
    """What a file would change, symbol by symbol.

    Args:
        data: the data folder.
        file: what was read.
        source: where the figures come from; what is on record where None.
        adjust: adjust mode, likewise.
        accept: whether rows that differ are replaced.

    Raises:
        UsageError: no source is given and none is on record; or as of `prepare_update`.
        DataError: the file of a symbol is damaged, or would break its format.

    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for symbol, table in file.tables.items():
        path = place_for(data / "prices", symbol, among=len(file.tables))
        known = json_object(metadata_path(path))
        told = adjust or known.get("adjust")
        if not (source or known.get("source")):
            raise UsageError("Say where the figures come from, with --source '…', or 'unknown'.")
        recorded = known.get("adjust")
        if adjust and recorded and adjust != recorded:
            raise UsageError(
                f"{path} is adjusted so: {recorded}. Prices of two modes cannot stand in one file. "
                f"Leave --adjust away, or move the file away with its metadata."
            )
        days = np.datetime_as_string(table.index.to_numpy()[[0, -1]], unit="D").tolist()
        retrieval: dict[str, Any] = {
            "source": source or known["source"],
            "library": None,
            "version": None,
            "fetched_at": now,
            "file": file.path.name,
            "adjust": told,
            "first": days[0],
            "last": days[1],
            "rows": len(table),
        }
        incoming = Incoming(symbol, table, told, source or known["source"], retrieval)
        yield prepare_update(path, incoming, accept=accept)
