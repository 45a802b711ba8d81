"""Frames of prices and of events as the data folder of a call, checked as files are."""

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

from backtest.api.workspace import Folder, Folders, Names, folders, several
from backtest.data.actions import read_actions
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import (
    csv_text,
    metadata_of,
    metadata_path,
    raise_problems,
    stated,
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
    """The data of a call that come as frames."""

    prices: Mapping[str, pd.DataFrame]  # checked tables by symbol, indexed by session
    events: EventFrames  # as the caller has them; None for those of the workspace
    symbols: Sequence[str] | None  # what is traded; None where the settings say
    benchmark: str | None  # likewise

    @property
    def any(self) -> bool:
        """Whether something comes as a frame."""
        return bool(self.prices) or self.events is not None


def read_frames(
    prices: PriceFrames,
    events: EventFrames,
    symbols: Names,
    benchmark: MarketFrame = None,
    universe: str | None = None,
) -> Frames:
    """Check frames of prices; without `symbols` each with bars is traded, but for the benchmark."""
    if universe and not (prices is events is None and isinstance(benchmark, str | None)):
        raise UsageError(
            f"The members of the universe {universe} have files of prices and events, and frames "
            f"cannot stand beside them: leave one of the two out."
        )
    symbols = several(symbols)
    tables = {symbol: price_table(name, one) for symbol, name, one in _by_symbol(prices, symbols)}
    if isinstance(benchmark, pd.DataFrame):
        (own,) = _of_one("benchmark", benchmark).values()
        tables[BENCHMARK] = price_table("benchmark", own)
    named = BENCHMARK if isinstance(benchmark, pd.DataFrame) else benchmark
    if symbols is None and prices is not None:
        held_against = named or read_config({}).value("benchmark")
        bars = [one for one, table in tables.items() if "open" in table and one != held_against]
        symbols = bars or None
    return Frames(tables, events, symbols, named)


def _by_symbol(
    prices: PriceFrames, symbols: Sequence[str] | None
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each frame with its symbol, and its name in messages."""
    if prices is None:
        return
    if isinstance(prices, pd.DataFrame):
        prices = _parts(prices, symbols)
    elif not prices:
        raise UsageError("prices: it is empty. Give a DataFrame, or DataFrames by symbol.")
    for symbol, frame in prices.items():
        name = f"prices[{symbol!r}]"
        if not isinstance(frame, pd.DataFrame):
            raise UsageError(f"{name} is a {type(frame).__name__}: give a DataFrame of prices.")
        if not isinstance(symbol, str) or not is_symbol(symbol):
            raise UsageError(f"prices: {symbol!r} is no symbol; write it in capitals, as in CRWV.")
        ((ticker, own),) = _of_one(name, frame).items()
        if ticker not in (None, symbol):
            raise UsageError(f"{name}: its columns are of {ticker}; name the stock that it is of.")
        yield symbol, name, own


def _parts(prices: pd.DataFrame, symbols: Sequence[str] | None) -> dict[Any, pd.DataFrame]:
    """One frame by symbol."""
    if prices.columns.nlevels == _LEVELS:
        return _by_ticker("prices", prices)
    for level in prices.index.names:
        if str(level).lower() == "symbol" and level not in prices:
            prices = prices.reset_index(level)
    named = [one for one in prices.columns if str(one).lower() == "symbol"]
    _refuse_doubled("prices", named)
    for column in named:
        if prices[column].isna().any():
            row = int(np.flatnonzero(prices[column].isna())[0])
            raise DataError(f"prices: row {row}, column symbol: empty; write it as in CRWV")
        groups = prices.groupby(column, sort=True, observed=True)
        # Of one with closes alone the other columns are empty beside bars.
        return {s: part.drop(columns=column).dropna(axis=1, how="all") for s, part in groups}
    if symbols and len(symbols) == 1:
        return {symbols[0]: prices}
    raise UsageError(
        "prices: whose they are is not told. Name one symbol in `symbols`, "
        "have a column symbol, or give DataFrames by symbol."
    )


def _of_one(name: str, prices: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """A frame of one stock by its ticker, None where its columns tell none."""
    if prices.columns.nlevels != _LEVELS:
        return {None: prices}
    parts = _by_ticker(name, prices)
    if len(parts) > 1:
        raise UsageError(f"{name}: its columns are of {len(parts)} symbols; give one's.")
    return parts


def _by_ticker(name: str, prices: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """The parts of a frame with two levels of columns, as yfinance has it; one may be tickers.

    A ticker has no row in sessions in which all its cells are empty: others are older.
    """
    for figures in range(_LEVELS):
        tickers = prices.columns.get_level_values(1 - figures)
        if "close" in (str(one).lower() for one in prices.columns.get_level_values(figures)):
            parts = {one: prices.xs(one, axis=1, level=1 - figures) for one in tickers.unique()}
            return {one: part.dropna(how="all") for one, part in parts.items()}
    raise UsageError(
        f"{name}: of its two levels of columns one has to be figures, close among them, and the "
        f"other symbols."
    )


def price_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of prices as a table indexed by session, checked as a price file is.

    It has an index or a column `session` or `date`, and the columns of bars or `close` alone, in
    any case; other columns are left out.
    """
    columns = [str(one).strip().lower() for one in frame.columns]
    _refuse_doubled(name, [one for one in columns if one in (*BAR_COLUMNS, *_SESSIONS)])
    wanted = bar_columns(name, columns, len(frame))
    key = next((columns.index(one) for one in _SESSIONS if one in columns), None)
    cells = frame.index if key is None else frame.iloc[:, key]
    problems: list[str] = []
    days = _days(cells, problems)
    if key is None and problems and np.isnat(days).all():
        raise DataError(
            f"{name}: its index tells no day; it begins with {cells[0]}. "
            f"Give sessions such as 2025-03-28 as index, or in a column date."
        )
    figures = {one: _cells(frame.iloc[:, columns.index(one)]) for one in wanted}
    sessions = trading_calendar().sessions  # gaps are looked at once it is known what halts are
    rows = PriceRows("row", np.arange(len(frame)), days, figures)
    table = checked_table(rows, problems, sessions.tolist())
    raise_problems(Path(name), problems)
    return table


def _cells(column: pd.Series) -> list[str] | NDArray[np.float64]:
    """A column of numbers as such; one in which texts stand as a file's."""
    if pd.api.types.is_any_real_numeric_dtype(column):
        numbers: NDArray[np.float64] = column.to_numpy(dtype="f8", na_value=np.nan)
        return numbers
    return [_text(cell) for cell in column]


def _days(cells: Iterable[object], problems: list[str]) -> NDArray[np.datetime64]:
    """Sessions as days; a time of day or a bare number is no session."""
    found = []
    for row, cell in enumerate(cells):
        found.append(_day(cell))
        if np.isnat(found[-1]):
            text = repr(cell) if isinstance(cell, str) else str(cell)
            problems.append(f"row {row}, column date: {text} is not a day such as 2025-03-28")
    return np.array(found, dtype="M8[D]")


def _day(cell: Any) -> np.datetime64:
    """A cell as a day, NaT where it is none."""
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
    """A cell as a CSV file writes it; empty where it is unknown."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return ""
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell)).lower()
    if isinstance(cell, float | np.floating):  # whole numbers are floats beside unknown ones
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
    """The folders of a call; with frames, those of a copy of the data folder that holds them.

    Frames of prices go before the files of their symbols, and events before all files of events;
    `kinds` may come beside those that ship and those of strategy files. The copy is of links and
    goes away afterwards. Without a workspace, results go to `reports` in the working folder.
    """
    if not frames.any:
        yield folders(strategies, data, reports)
        return
    with TemporaryDirectory(prefix="backtest-") as temporary:
        spare = Path(temporary)
        found = folders(
            _or_else("strategies", strategies, spare),
            _or_else("data", data, spare),
            _or_else("reports", reports, Path.cwd()),
        )
        folder = spare.resolve() / "frames"
        shutil.copytree(found.data.resolve(), folder, copy_function=os.symlink)
        for symbol, table in frames.prices.items():
            _write_prices(folder / "prices", symbol, table)
        _write_events(folder / "events", frames.events, {**event_kinds(found), **_named(kinds)})
        yield replace(found, data=folder)


def _or_else(name: str, folder: Any, spare: Path) -> Any:
    """A folder of the workspace, or one in a spare place where there is no workspace."""
    if folder is not None or read_config({}).value(f"folders.{name}") is not None:
        return folder
    (spare / name).mkdir(exist_ok=True)
    return spare / name


def _named(kinds: Iterable[type[Event]]) -> dict[str, type[Event]]:
    return {kind.kind: kind for kind in kinds if kind not in (Event, Start)}


def _write_prices(folder: Path, symbol: str, table: pd.DataFrame) -> None:
    """Write a frame in place of the file of its symbol, whose basis and holes are its own."""
    path, known = folder / DATASET / f"{symbol}.parquet", dict[str, Any]()
    for old in (folder / f"{symbol}.csv", path):
        known |= stated(metadata_path(old))
        old.unlink(missing_ok=True)
        metadata_path(old).unlink(missing_ok=True)
    holes = holes_of(known) | read_actions(actions_folder(path), symbol).halts
    problems: list[str] = []
    cells = {name: column.to_numpy() for name, column in table.items()}
    days = table.index.to_numpy().astype("M8[D]")
    checked_table(PriceRows("row", np.arange(len(table)), days, cells), problems, holes)
    raise_problems(Path(f"prices[{symbol!r}]"), problems)
    kept = {one: known[one] for one in ("adjust", "holes") if one in known}
    _write(path, parquet_bytes(table), [day.date().isoformat() for day in table.index], **kept)


def _write_events(folder: Path, events: EventFrames, kinds: Mapping[str, type[Event]]) -> None:
    """Write the events, and files without a row for the kinds that none is of."""
    if events is not None and folder.exists():
        shutil.rmtree(folder)
    rows = event_rows(events, kinds)
    for kind in {**_named(FILED_KINDS), **kinds}.values():
        path = folder / kind.file_name()
        if path.exists():
            continue
        text = csv_text(columns_of(kind), rows.get(kind.kind, []))
        days = [row["published_at"][:10] for row in rows.get(kind.kind, [])]
        _write(path, text.encode(), days)


def _write(path: Path, content: bytes, days: Sequence[str], **more: Any) -> None:
    metadata = {**metadata_of(days, source=SOURCE), "version": 1, **more}
    write_data_file(path, content, metadata)


def event_rows(
    events: EventFrames, kinds: Mapping[str, type[Event]]
) -> dict[str, list[dict[str, str]]]:
    """The rows of events by kind, as files take them, checked as files are."""
    found: dict[str, list[dict[str, str]]] = {}
    for kind, name, rows in _of_kinds(events):
        if kind not in kinds:
            raise unknown("kind of event", kind, kinds)
        columns = columns_of(kinds[kind])
        for column in (column for _, row in rows for column in row):
            if column not in columns:
                raise DataError(f"{name}: {unknown(f'column of {kind}', column, columns)}")
        problems: list[str] = []
        checked = check_rows(kinds[kind], rows, "row", problems)
        raise_problems(Path(name), problems)
        found[kind] = [dict(one.cells) for one in checked]
    return found


def _of_kinds(events: EventFrames) -> Iterator[tuple[str, str, list[tuple[int, dict[str, str]]]]]:
    """Each kind by name, what its frame is called, and its rows with their numbers."""
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
        rows = _texts("events", events)
        # What other kinds have as columns is empty here.
        rows = [{name: cell for name, cell in row.items() if cell} for row in rows]
    else:
        rows = [_row_of(n, event) for n, event in enumerate(() if events is None else events)]
    by_kind: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(rows):
        by_kind.setdefault(row.pop("kind", ""), []).append((number, row))
    for kind, numbered in by_kind.items():
        yield kind, "events", numbered


def _row_of(number: int, event: object) -> dict[str, str]:
    """An event as a row; DataError where a field is read back from it as something else."""
    if not isinstance(event, Event):
        raise UsageError(f"events: {event!r} is no event. Give a DataFrame, or a list of Event.")
    cells = _fields_of(event)
    row = {name: _text(cell) for name, cell in cells.items()}
    back, _ = check_row(type(event), row)  # what is wrong with a row is told of all together
    for name, cell in _fields_of(back or event).items():
        if cell != cells[name] or isinstance(cell, list | dict):
            raise DataError(
                f"events: row {number}, column {name}: {cells[name]!r} does not fit into a cell. "
                f"A field is one value, and an empty cell its default ({cell!r})."
            )
    return {"kind": event.kind, **row}


def _fields_of(event: Event) -> dict[str, Any]:
    """The fields of an event as JSON has them."""
    values = {name: getattr(event, name) for name in type(event).model_fields}
    fields: dict[str, Any] = to_jsonable_python(values)
    return fields


def _texts(name: str, frame: pd.DataFrame) -> list[dict[str, str]]:
    columns = [str(one).strip() for one in frame.columns]
    _refuse_doubled(name, columns)
    rows: list[dict[str, str]] = frame.set_axis(columns, axis=1).map(_text).to_dict("records")
    return rows


def _refuse_doubled(name: str, columns: Sequence[str]) -> None:
    if doubled := sorted({one for one in columns if columns.count(one) > 1}):
        raise DataError(f"{name}: column {doubled[0]!r} twice.")
