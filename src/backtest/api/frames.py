"""Check DataFrames of prices and events as files are checked, and make a data folder of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic_core import to_jsonable_python

from backtest.api.workspace import Folder, Folders, Names, as_list, folders
from backtest.data.actions import read_actions
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import (
    csv_text,
    metadata_of,
    metadata_path,
    raise_problems,
    read_metadata,
    write_data_file,
)
from backtest.data.events import check_row, check_rows, columns_of
from backtest.data.kinds import FILED_KINDS, Event, Start, is_symbol
from backtest.data.price_rows import (
    BAR_COLUMNS,
    PriceRows,
    bar_columns,
    checked_table,
    parquet_bytes,
)
from backtest.data.prices import DATASET, actions_folder, holes_of
from backtest.errors import DataError, UsageError, unknown
from backtest.strategy.loading import event_kinds
from backtest.workspace.folders import Workspace, read_config

PriceFrames: TypeAlias = Annotated[
    pd.DataFrame | Mapping[str, pd.DataFrame] | None, "a DataFrame, or DataFrames by symbol"
]
EventFrames: TypeAlias = Annotated[
    pd.DataFrame | Mapping[str, pd.DataFrame] | Sequence[Event] | None,
    "a DataFrame, DataFrames by kind, or Events in a list",
]
MarketFrame: TypeAlias = Annotated[str | pd.DataFrame | None, "a symbol, or a DataFrame of prices"]

SOURCE = "a DataFrame"
BENCHMARK = "BENCHMARK"  # the symbol of a benchmark that comes as a frame
_SESSIONS = ("session", "date")
_LEVELS = 2  # of columns: figures and tickers


@dataclass(frozen=True)
class Frames:
    """`Frames` holds the data of a call that come as DataFrames."""

    prices: Mapping[str, pd.DataFrame]  # checked tables by symbol, indexed by session
    events: EventFrames  # as the caller passed them; None reads the workspace's files
    symbols: Sequence[str] | None  # the symbols to trade; None takes those of the settings
    benchmark: str | None  # None takes that of the settings

    @property
    def any(self) -> bool:
        """Tell whether prices or events come as DataFrames."""
        return bool(self.prices) or self.events is not None


def read_frames(
    prices: PriceFrames,
    events: EventFrames,
    symbols: Names,
    benchmark: MarketFrame = None,
    universe: str | None = None,
) -> Frames:
    """Check the DataFrames of a call; raise UsageError or DataError where one is wrong.

    Without `symbols`, every symbol with bars is traded, but for the benchmark.
    """
    if universe and not (prices is events is None and isinstance(benchmark, str | None)):
        raise UsageError(
            f"The members of the universe {universe} have files of prices and events, and frames "
            f"cannot stand beside them: leave one of the two out."
        )
    symbols = as_list(symbols)
    frames = _by_symbol(prices, symbols)
    tables = {symbol: _price_table(name, frame) for symbol, name, frame in frames}
    if isinstance(benchmark, pd.DataFrame):
        (frame,) = _of_one("benchmark", benchmark).values()
        tables[BENCHMARK] = _price_table("benchmark", frame)
        benchmark = BENCHMARK
    if symbols is None and prices is not None:
        reference = benchmark or read_config({}).value("benchmark")
        symbols = [one for one, table in tables.items() if "open" in table and one != reference]
    return Frames(tables, events, symbols or None, benchmark)


def _by_symbol(
    prices: PriceFrames, symbols: Sequence[str] | None
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each symbol, the name of its frame in messages, and the frame."""
    if prices is None:
        return
    if isinstance(prices, pd.DataFrame):
        prices = _split(prices, symbols)
    elif not prices:
        raise UsageError("prices: it is empty. Give a DataFrame, or DataFrames by symbol.")
    for symbol, frame in prices.items():
        name = f"prices[{symbol!r}]"
        if not isinstance(frame, pd.DataFrame):
            raise UsageError(f"{name} is a {type(frame).__name__}: give a DataFrame of prices.")
        if not isinstance(symbol, str) or not is_symbol(symbol):
            raise UsageError(f"prices: {symbol!r} is no symbol; write it in capitals, as in CRWV.")
        ((ticker, columns),) = _of_one(name, frame).items()
        if ticker not in (None, symbol):
            raise UsageError(f"{name}: its columns are of {ticker}; name the stock that it is of.")
        yield symbol, name, columns


def _split(prices: pd.DataFrame, symbols: Sequence[str] | None) -> dict[Any, pd.DataFrame]:
    """Split one DataFrame into frames by symbol; the symbol is in a column, an index or a level."""
    if prices.columns.nlevels == _LEVELS:
        return _by_ticker("prices", prices)
    for level in prices.index.names:
        if str(level).lower() == "symbol" and level not in prices:
            prices = prices.reset_index(level)
    columns = [column for column in prices.columns if str(column).lower() == "symbol"]
    _refuse_doubled("prices", columns)
    for column in columns:
        empty = np.flatnonzero(prices[column].isna())
        if empty.size:
            raise DataError(f"prices: row {empty[0]}, column symbol: empty; write it as in CRWV")
        groups = prices.groupby(column, sort=True, observed=True)
        # A symbol with closes alone has empty columns where others have bars.
        return {s: part.drop(columns=column).dropna(axis=1, how="all") for s, part in groups}
    if symbols and len(symbols) == 1:
        return {symbols[0]: prices}
    raise UsageError(
        "prices: whose they are is not told. Name one symbol in `symbols`, "
        "have a column symbol, or give DataFrames by symbol."
    )


def _of_one(name: str, prices: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """Return the frame of one stock by its ticker; None stands for a ticker that is not named."""
    if prices.columns.nlevels != _LEVELS:
        return {None: prices}
    parts = _by_ticker(name, prices)
    if len(parts) > 1:
        raise UsageError(f"{name}: its columns are of {len(parts)} symbols; give one's.")
    return parts


def _by_ticker(name: str, prices: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """Split a DataFrame with two levels of columns, as of yfinance, into frames by ticker.

    Rows in which all cells of a ticker are empty are dropped: other stocks are older.
    """
    for figures in range(_LEVELS):
        tickers = prices.columns.get_level_values(1 - figures).unique()
        if "close" in (str(one).lower() for one in prices.columns.get_level_values(figures)):
            parts = {ticker: prices.xs(ticker, axis=1, level=1 - figures) for ticker in tickers}
            return {ticker: part.dropna(how="all") for ticker, part in parts.items()}
    raise UsageError(
        f"{name}: of its two levels of columns one has to be figures, close among them, and the "
        f"other symbols."
    )


def _price_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a DataFrame of prices as a table indexed by session, checked as a price file is.

    Sessions are in the index or in a column `session` or `date`. The columns are those of bars, or
    `close` alone, in upper or lower case; others are left out. Raise DataError for wrong cells.
    """
    columns = [str(column).strip().lower() for column in frame.columns]
    _refuse_doubled(name, [one for one in columns if one in (*BAR_COLUMNS, *_SESSIONS)])
    names = bar_columns(name, columns, len(frame))
    figures = {one: _cells(frame.iloc[:, columns.index(one)]) for one in names}
    key = next((columns.index(one) for one in _SESSIONS if one in columns), None)
    cells = frame.index if key is None else frame.iloc[:, key]
    problems: list[str] = []
    days = _days(cells, problems)
    if key is None and problems and np.isnat(days).all():
        raise DataError(
            f"{name}: its index tells no day; it begins with {cells[0]}. "
            f"Give sessions such as 2025-03-28 as index, or in a column date."
        )
    sessions = trading_calendar().sessions  # gaps are checked later, when halts are known
    rows = PriceRows("row", np.arange(len(frame)), days, figures)
    table = checked_table(rows, problems, sessions.tolist())
    raise_problems(Path(name), problems)
    return table


def _cells(column: pd.Series) -> list[str] | NDArray[np.float64]:
    """Return a column of numbers as an array, and any other as the texts of a CSV file."""
    if pd.api.types.is_any_real_numeric_dtype(column):
        numbers: NDArray[np.float64] = column.to_numpy(dtype="f8", na_value=np.nan)
        return numbers
    return [_text(cell) for cell in column]


def _days(cells: Iterable[object], problems: list[str]) -> NDArray[np.datetime64]:
    """Read sessions as days, and add a problem for each cell that is no day."""
    days = []
    for row, cell in enumerate(cells):
        days.append(_day(cell))
        if np.isnat(days[-1]):
            text = repr(cell) if isinstance(cell, str) else str(cell)
            problems.append(f"row {row}, column date: {text} is not a day such as 2025-03-28")
    return np.array(days, dtype="M8[D]")


def _day(cell: Any) -> np.datetime64:
    """Read a cell as a day; NaT where it is none, such as a time of day or a bare number."""
    nothing = np.datetime64("NaT", "D")
    if isinstance(cell, int | float | np.number):  # pandas would read nanoseconds since 1970
        return nothing
    if isinstance(cell, pd.Period) and cell.freqstr == "D":
        cell = cell.start_time
    try:
        stamp = pd.Timestamp(date.fromisoformat(cell) if isinstance(cell, str) else cell)
        stamp = stamp.tz_localize(None)
    except (ValueError, TypeError):
        return nothing
    is_day = stamp is not pd.NaT and stamp == stamp.normalize()
    return stamp.to_datetime64().astype("M8[D]") if is_day else nothing


def _text(cell: Any) -> str:
    """Write a cell as in a CSV file; empty where it is unknown."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return ""
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell)).lower()
    if isinstance(cell, float | np.floating):  # pandas turns integers into floats beside NaN
        return str(int(cell)) if float(cell).is_integer() else repr(float(cell))
    return str(cell.isoformat()) if hasattr(cell, "isoformat") else str(cell)


@contextmanager
def workspace_of(
    frames: Frames,
    strategies: Folders,
    data: Folder,
    reports: Folder,
    kinds: Iterable[type[Event]] = (),
) -> Iterator[Workspace]:
    """Yield the folders of a call; with DataFrames the data folder is a temporary copy with them.

    Prices replace the files of their symbols, and events replace all files of events; they may
    be of `kinds` beside those that ship and those of strategy files. The copy consists of links.
    Without a workspace, results go to `reports` in the working folder.
    """
    if not frames.any:
        yield folders(strategies, data, reports)
        return
    with TemporaryDirectory(prefix="backtest-") as temporary:
        scratch = Path(temporary)
        workspace = folders(
            _folder_or_new("strategies", strategies, scratch),
            _folder_or_new("data", data, scratch),
            _folder_or_new("reports", reports, Path.cwd()),
        )
        folder = scratch.resolve() / "frames"
        shutil.copytree(workspace.data.resolve(), folder, copy_function=os.symlink)
        for symbol, table in frames.prices.items():
            _write_prices(folder / "prices", symbol, table)
        all_kinds = {**event_kinds(workspace), **_kinds_by_name(kinds)}
        _write_events(folder / "events", frames.events, all_kinds)
        yield replace(workspace, data=folder)


def _folder_or_new(name: str, folder: Any, parent: Path) -> Any:
    """Return the folder as it is named, or make a new one where there is no workspace."""
    if folder is not None or read_config({}).value(f"folders.{name}") is not None:
        return folder
    (parent / name).mkdir(exist_ok=True)
    return parent / name


def _kinds_by_name(kinds: Iterable[type[Event]]) -> dict[str, type[Event]]:
    return {kind.kind: kind for kind in kinds if kind not in (Event, Start)}


def _write_prices(folder: Path, symbol: str, table: pd.DataFrame) -> None:
    """Write a table in place of its symbol's file, and keep that file's adjust mode and holes."""
    path, metadata = folder / DATASET / f"{symbol}.parquet", dict[str, Any]()
    for old in (folder / f"{symbol}.csv", path):
        metadata |= read_metadata(metadata_path(old))
        old.unlink(missing_ok=True)
        metadata_path(old).unlink(missing_ok=True)
    holes = holes_of(metadata) | read_actions(actions_folder(path), symbol).halts
    problems: list[str] = []
    cells = {name: column.to_numpy() for name, column in table.items()}
    days = table.index.to_numpy().astype("M8[D]")
    checked_table(PriceRows("row", np.arange(len(table)), days, cells), problems, holes)
    raise_problems(Path(f"prices[{symbol!r}]"), problems)
    kept = {name: metadata[name] for name in ("adjust", "holes") if name in metadata}
    _write(path, parquet_bytes(table), [day.date().isoformat() for day in table.index], **kept)


def _write_events(folder: Path, events: EventFrames, kinds: Mapping[str, type[Event]]) -> None:
    """Write a file for each kind of event, without rows where there are no events of it."""
    if events is not None and folder.exists():
        shutil.rmtree(folder)
    rows_by_kind = _checked_rows(events, kinds)
    for kind in {**_kinds_by_name(FILED_KINDS), **kinds}.values():
        path, rows = folder / kind.file_name(), rows_by_kind.get(kind.kind, [])
        if not path.exists():
            text = csv_text(columns_of(kind), rows)
            _write(path, text.encode(), [row["published_at"][:10] for row in rows])


def _write(path: Path, content: bytes, days: Sequence[str], **more: Any) -> None:
    metadata = {**metadata_of(days, source=SOURCE), "version": 1, **more}
    write_data_file(path, content, metadata)


def _checked_rows(
    events: EventFrames, kinds: Mapping[str, type[Event]]
) -> dict[str, list[dict[str, str]]]:
    """Return the rows of events by kind as in files, checked as files are.

    Raise UsageError where there is no such kind, DataError where a column or a cell is wrong.
    """
    rows_by_kind: dict[str, list[dict[str, str]]] = {}
    for kind, name, rows in _by_kind(events):
        if kind not in kinds:
            raise unknown("kind of event", kind, kinds)
        columns = columns_of(kinds[kind])
        for column in (column for _, row in rows for column in row):
            if column not in columns:
                raise DataError(f"{name}: {unknown(f'column of {kind}', column, columns)}")
        problems: list[str] = []
        checked = check_rows(kinds[kind], rows, "row", problems)
        raise_problems(Path(name), problems)
        rows_by_kind[kind] = [dict(row.cells) for row in checked]
    return rows_by_kind


def _by_kind(events: EventFrames) -> Iterator[tuple[str, str, list[tuple[int, dict[str, str]]]]]:
    """Yield each kind, the name of its frame in messages, and its rows with their numbers."""
    if isinstance(events, Mapping):
        for kind, frame in events.items():
            name = f"events[{kind!r}]"
            if not isinstance(frame, pd.DataFrame):
                raise UsageError(f"{name} is a {type(frame).__name__}: give a DataFrame.")
            yield kind, name, list(enumerate(_texts(name, frame)))
        return
    if isinstance(events, pd.DataFrame):
        if "kind" not in events.columns and len(events):
            raise UsageError(
                "events: no column 'kind'. Add it, or give DataFrames by kind, "
                "such as {'earnings': frame}."
            )
        texts = _texts("events", events)  # where the columns of other kinds are empty
        rows = [{name: cell for name, cell in row.items() if cell} for row in texts]
    else:
        rows = [_row_of(n, event) for n, event in enumerate(() if events is None else events)]
    numbered: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(rows):
        numbered.setdefault(row.pop("kind", ""), []).append((number, row))
    for kind, of_kind in numbered.items():
        yield kind, "events", of_kind


def _row_of(number: int, event: object) -> dict[str, str]:
    """Turn an event into a row; raise DataError where a field would read back as another value."""
    if not isinstance(event, Event):
        raise UsageError(f"events: {event!r} is no event. Give a DataFrame, or a list of Event.")
    cells = _fields_of(event)
    row = {name: _text(cell) for name, cell in cells.items()}
    restored, _ = check_row(type(event), row)  # wrong rows are reported later, all at once
    for name, cell in _fields_of(restored or event).items():
        if cell != cells[name] or isinstance(cell, list | dict):
            raise DataError(
                f"events: row {number}, column {name}: {cells[name]!r} does not fit into a cell. "
                f"A field is one value, and an empty cell its default ({cell!r})."
            )
    return {"kind": event.kind, **row}


def _fields_of(event: Event) -> dict[str, Any]:
    """Return the fields of an event as JSON values."""
    values = {name: getattr(event, name) for name in type(event).model_fields}
    fields: dict[str, Any] = to_jsonable_python(values)
    return fields


def _texts(name: str, frame: pd.DataFrame) -> list[dict[str, str]]:
    """Return the rows of a DataFrame as texts by column."""
    columns = [str(column).strip() for column in frame.columns]
    _refuse_doubled(name, columns)
    rows: list[dict[str, str]] = frame.set_axis(columns, axis=1).map(_text).to_dict("records")
    return rows


def _refuse_doubled(name: str, columns: Sequence[str]) -> None:
    """Raise DataError where a column occurs twice."""
    if doubled := sorted({column for column in columns if columns.count(column) > 1}):
        raise DataError(f"{name}: column {doubled[0]!r} twice.")
