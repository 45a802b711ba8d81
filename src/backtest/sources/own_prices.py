"""Read and import users' files of prices, and ask about whatever in them is not certain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.bars import bars_path
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import metadata_path, raise_problems, read_metadata
from backtest.data.prices import DATASET, path_for
from backtest.errors import BacktestError, DataError, UsageError, first_few, unknown
from backtest.sources.action_files import actions_of, read_action_file
from backtest.sources.own_cells import clock_text, parse_days, parse_times
from backtest.sources.own_columns import (
    CLOCKS,
    FOREIGN,
    NAMES,
    PRICES,
    are_blank,
    by_symbol,
    by_ticker,
    fields_of,
    guess_decimal,
    named_columns,
    parse_numbers,
    without_header,
)
from backtest.sources.own_tables import RawTable, plain, read_named_table
from backtest.sources.own_times import Stamps, check_length, opens_of, stamp_of
from backtest.sources.updates import SKIP_ADVICE, Incoming, PriceUpdate, other_mode, prepare_update
from backtest.stats.formats import counted
from backtest.workspace.files import clear_unfinished

if TYPE_CHECKING:
    from backtest.data.actions import Action

_ADJUSTED_CLOSE = re.compile(r"(?i)adj.*clos|clos.*adj")
_MOST_NOTES = 10  # notes on the files after the first


@dataclass(frozen=True)
class PriceFile:
    """`PriceFile` holds the prices of a file, or of several, and how they were understood.

    Its columns are by field. Each symbol's table has the columns `open high low close volume`, or
    `close`, and the index `session`, or `time`, the open of each bar, UTC; `lines` has the number
    of each row in the file, counted in `word`s. `refused` has the errors of other symbols.
    """

    path: Path
    columns: Mapping[str, str]
    notes: Sequence[str]
    tables: Mapping[str, pd.DataFrame]
    lines: Mapping[str, NDArray[np.int64]]
    word: str
    adjusted: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # closes without dividends
    actions: Mapping[str, Sequence[Action]] = field(default_factory=dict)  # from a separate file
    refused: Mapping[str, BacktestError] = field(default_factory=dict)
    bars: str | None = None  # the length of bars finer than sessions
    name: str = ""  # the name of the file, or of several


def read_price_file(
    path: Path,
    columns: Mapping[str, str],
    *,
    symbols: Sequence[str] = (),
    decimal: str | None = None,
    date_form: str | None = None,
    encoding: str | None = None,
    constants: Mapping[str, str] | None = None,
    closes: bool = False,
    skip_bad: bool = False,
    stamps: Stamps | None = None,
) -> PriceFile:
    """Read a CSV or Parquet file of one symbol or many, of sessions or with `stamps` of finer bars.

    `columns` are the file's by field, as `{"close": "Last"}`, `constants` what no column has, and
    `symbols` those to take, renamed by `NEW=OLD`; `closes` takes closes alone, as for a benchmark.
    With `skip_bad` unreadable cells are NaN. Raise UsageError, which names the option to give, if
    the file cannot be understood, and DataError if cells are no days or numbers, or a symbol has
    two rows of a day.
    """
    words = {**NAMES, **(CLOCKS if stamps else {})}
    for what in columns:
        if what not in words:
            raise unknown("field of prices", what, words)
    raw = read_named_table(path, columns, NAMES, encoding)
    raw, notes = by_ticker(raw, symbols, closes=closes and "close" not in columns), [*raw.notes]
    raw = raw if raw.has_header or columns else without_header(raw, notes)
    names = named_columns(raw, columns, words, symbols)
    raw = raw.only((raw.cells[names["date"]].astype(str) != names["date"]).to_numpy())
    fields = fields_of(names, constants or {}, closes=closes)
    if stamps and len(fields) == 1:
        raise UsageError(f"{path}: bars need open, high, low and close, not closes alone.")
    keys, form = _keys(raw, names, date_form, stamps)
    prices = [raw.cells[names[name]] for name in fields if name in PRICES]
    foreign = any(plain(names.get(what, "")) in text.split() for what, text in FOREIGN.items())
    continental = foreign or raw.separator == ";" or re.match(r"%d[./-]%m", form) is not None
    sign = decimal or guess_decimal(prices, continental=continental)
    rows = _Rows(raw, names, fields, keys, sign, constants or {}, stamps, skip_bad=skip_bad)
    groups = by_symbol(raw, names, symbols, rows.are_prices, notes)
    tables, lines = {}, {}
    refused: dict[str, BacktestError] = {}
    for symbol, group in groups.items():
        try:
            if isinstance(group, BacktestError):
                raise group
            tables[symbol], lines[symbol] = rows.of(symbol, group)
        except BacktestError as error:
            if len(groups) == 1:
                raise
            refused[symbol] = error
    used = {name: names[name] for name in ("symbol", "date", "time", *fields) if name in names}
    first = int(np.flatnonzero(~np.isnat(keys))[0])
    unused = [str(name) for name in raw.cells if name and name not in used.values()]
    texts = [str(raw.cells[used[name]].iloc[first]) for name in ("date", "time") if name in used]
    key = rows.key_text(rows.table.index[first])
    notes.insert(0, f"{' '.join(texts)!r} is read as {key}, and {sign!r} as the decimal sign.")
    notes += [*rows.notes, *([f"Not taken: {', '.join(unused)}."] if unused else [])]
    adjusted = filter(_ADJUSTED_CLOSE.search, unused)
    notes += [f"--dividends '{name}' derives dividends from it." for name in adjusted]
    notes += ["Closes alone, so it can be a benchmark but not be traded."] * (len(fields) == 1)
    bars = stamps.bars if stamps else None
    return PriceFile(
        path, used, notes, tables, lines, raw.word, refused=refused, bars=bars, name=path.name
    )


def read_prices_and_actions(
    paths: Sequence[Path],
    columns: Mapping[str, str],
    *,
    actions: Path | None,
    dividends: str | None,
    closes: bool = False,
    **terms: Any,
) -> PriceFile:
    """Read several files of prices, each by itself, as if they were one.

    `actions` is a file of actions, `dividends` the column of adjusted closes from which to derive
    dividends; the other terms are those of `read_price_file`, whose errors are raised.
    """
    if terms.get("stamps") and (actions is not None or dividends is not None):
        raise UsageError("--actions and --dividends come with daily prices, without --bars.")
    prices = _joined([read_price_file(path, columns, closes=closes, **terms) for path in paths])
    if actions is not None:
        named = read_action_file(actions, list(prices.tables))
        others = first_few(sorted({*named} - {*prices.tables}))
        notes = [f"{actions.name}: actions of {others} are not taken: no prices of theirs came."]
        prices = replace(prices, actions=named, notes=[*prices.notes, *notes * bool(others)])
    if dividends is None:
        return prices
    columns = {**columns, "close": dividends}
    adjusted = _joined([read_price_file(path, columns, closes=True, **terms) for path in paths])
    adjusted_tables = {
        symbol: table for symbol, table in adjusted.tables.items() if table["close"].notna().any()
    }
    tables, refused = {}, {**prices.refused}
    for symbol, table in prices.tables.items():
        if symbol in adjusted_tables:
            tables[symbol] = table
        else:
            why = adjusted.refused.get(symbol, "It has no number of it.")
            fault = f"{symbol}: column {dividends!r} does not tell its dividends. {why}"
            refused[symbol] = DataError(fault)
    return replace(prices, tables=tables, adjusted=adjusted_tables, refused=refused)


def _joined(files: Sequence[PriceFile]) -> PriceFile:
    """Join files into one without numbers of lines; refuse symbols on which they differ."""
    first, *others = files
    if not others:
        return first
    tables: dict[str, pd.DataFrame] = {}
    refused = {symbol: error for file in files for symbol, error in file.refused.items()}
    for symbol in sorted({symbol for file in files for symbol in file.tables}):
        parts = [file.tables[symbol] for file in files if symbol in file.tables]
        table = pd.concat(parts).sort_index(kind="stable")
        table = table[~table.reset_index().duplicated().to_numpy()]
        twice = table.index[table.index.duplicated()]
        if len(twice) or any(list(part) != list(parts[0]) for part in parts):
            what = f"prices of {twice[0]:%Y-%m-%d %H:%M}" if len(twice) else "columns"
            refused[symbol] = DataError(f"{symbol}: two of the files have other {what}.")
        else:
            tables[symbol] = table
    notes = [f"{file.path.name}: {note}" for file in others for note in file.notes[1:]]
    return replace(
        first, name=first_few([file.path.name for file in files]), tables=tables, lines={},
        refused=refused, notes=[*first.notes, f"{len(others):,} more files.", *notes[:_MOST_NOTES]],
    )  # fmt: skip


class _Rows:
    """`_Rows` holds the rows of a file with their days and numbers, and finds their faults."""

    def __init__(
        self,
        raw: RawTable,
        names: Mapping[str, str],
        fields: Sequence[str],
        keys: NDArray[np.datetime64],  # days, or times
        sign: str,
        constants: Mapping[str, str],
        stamps: Stamps | None,
        *,
        skip_bad: bool,
    ) -> None:
        self.raw, self.names, self.keys, self.skip_bad = raw, names, keys, skip_bad
        self.notes: list[str] = []
        cells = {name: raw.cells[names[name]] for name in fields if name in names}
        columns = {name: parse_numbers(column, sign).to_numpy() for name, column in cells.items()}
        priced = [name for name in cells if name != "volume"]
        self.empty = np.all([are_blank(cells[name]) for name in priced], axis=0)
        no_price = np.all([np.isnan(columns[name]) for name in priced], axis=0)
        calendar = trading_calendar()
        off = np.isnat(calendar.sessions_at(keys)) if stamps else ~np.isin(keys, calendar.sessions)
        self.are_prices = ~((np.isnat(keys) & no_price) | (self.empty & off))
        if no_price.any():  # Yahoo's page has dividends and splits between the rows
            texts = raw.cells[no_price].astype(str).fillna("").agg(" ".join, axis=1)
            are_actions = texts.str.contains(r"\b(?:dividend|split)", case=False).to_numpy()
            self.are_prices[np.flatnonzero(no_price)[are_actions]] = False
        self._note_others(~self.are_prices)
        if "volume" in cells:
            columns["volume"] = self._volumes(cells["volume"], columns["volume"])
        elif "volume" in fields:
            columns["volume"] = np.full(len(keys), float(constants["volume"]))
        name, unit = ("time", "us") if stamps else ("session", "ns")
        index = pd.DatetimeIndex(keys.astype(f"M8[{unit}]"), name=name)
        self.table = pd.DataFrame({field: columns[field] for field in fields}, index=index)
        self.bad = np.isnat(keys) | self.table.isna().any(axis=1).to_numpy()
        self.stamps = stamps and replace(
            stamps, stamped=stamp_of(keys[self.are_prices], stamps.stamped)
        )

    def _note_others(self, others: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(others).tolist()
        if rows:
            texts = [f"{self.raw.at(n)} ({self.raw.cells.iloc[n, 0]!r})" for n in rows[:3]]
            more = f" and {len(rows) - 3:,} more" if len(rows) > 3 else ""  # noqa: PLR2004
            self.notes.append(f"Not rows of prices: {', '.join(texts)}{more}.")

    def _volumes(self, cells: pd.Series, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the volumes, with 0 for one that the file does not know."""
        are_unknown = are_blank(cells).to_numpy() & ~self.empty & self.are_prices
        if count := int(are_unknown.sum()):
            self.notes.append(f"Volumes that are not known count as 0: {count:,}.")
        return np.where(are_unknown, 0.0, numbers)

    def of(self, symbol: str, rows: NDArray[np.intp]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """Return a symbol's table and its line numbers; raise DataError if rows are wrong."""
        filled = np.flatnonzero(~self.empty[rows])
        if len(filled):  # empty rows before the first and after the last price are no faults
            rows = rows[filled[0] : filled[-1] + 1]
        faulty = rows[self.bad[rows]].tolist()
        problems = [text for row in faulty for text in self._faults(row)]
        if problems and not self.skip_bad:
            advice = f"\n{SKIP_ADVICE}" * (len(faulty) < len(rows))
            raise_problems(self.raw.path, problems, advice)
        dayless = np.isnat(self.keys[rows])
        if dayless.any():
            out = first_few([self.raw.at(row) for row in rows[dayless].tolist()], 10)
            self.notes.append(f"Left out, without a day: {out}.")
        rows = rows[~dayless]
        if len(rows) == 0:
            raise DataError(f"{self.raw.path}: {symbol} has no row with a day.")
        rows = rows[np.argsort(self.keys[rows], kind="stable")]
        table = self.table.iloc[rows]
        if self.stamps is not None:
            table = self._as_bars(symbol, table, self.stamps)
        duplicated = table.reset_index().duplicated().to_numpy()
        table, rows = table[~duplicated], rows[~duplicated]
        if not table.index.is_unique and not self.skip_bad:
            key = table.index[table.index.duplicated()][0]
            both = " and ".join([self.raw.at(n) for n in rows[table.index == key].tolist()][:2])
            more = "session is needed; --bars 5m takes bars that are finer."
            raise DataError(
                f"{self.raw.path}: {symbol} has two rows of {self.key_text(key)}, {both}. "
                f"One row a {'bar is needed.' if self.stamps else more}"
            )
        return table, self.raw.lines[rows]

    def _as_bars(self, symbol: str, table: pd.DataFrame, stamps: Stamps) -> pd.DataFrame:
        """Return a table by when bars open; raise UsageError if they are of another length."""
        times = table.index.to_numpy()
        if stamps.stamped == "end":
            times = opens_of(times, stamps.length)
        check_length(symbol, times, stamps.bars)
        outside = int(np.isnat(trading_calendar().sessions_at(times)).sum())
        if outside:
            self.notes.append(
                f"{symbol} has {counted(outside, 'bar')} outside of the hours of sessions: kept, "
                f"marked, and traded by runs with --hours extended alone."
            )
        return table.set_axis(pd.DatetimeIndex(times, name="time"), axis=0)

    def key_text(self, key: pd.Timestamp) -> str:
        """Write a day, or a time and whether it is the open or the end of its bar."""
        if self.stamps is None:
            return str(key.date())
        return f"the {self.stamps.stamped} of a bar, {clock_text(key)}"

    def _faults(self, row: int) -> Iterator[str]:
        """Yield what cannot be read in a row."""
        keyless, at = bool(np.isnat(self.keys[row])), self.raw.at(row)
        if self.empty[row] and not keyless and "open" in self.table:
            yield f"{at}: {self.table.index[row].date()} has no prices"
            return
        wrong = [(name, "number") for name in self.table if np.isnan(self.table[name].iloc[row])]
        key = ("date", "time" if self.stamps else "day")
        for name, what in [key] * keyless + wrong:
            column = self.names.get(name, name)
            cell = self.raw.cells[column].iloc[row] if name in self.names else ""
            yield f"{at}, column {column}: {str(cell)!r} is no {what}"


def _keys(
    raw: RawTable, names: Mapping[str, str], form: str | None, stamps: Stamps | None
) -> tuple[NDArray[np.datetime64], str]:
    """Return the days of rows, or the times of bars, and the format of days."""
    cells = raw.cells[names["date"]]
    if stamps is None:
        return parse_days(cells, form)
    clocks = raw.cells[names["time"]] if "time" in names else None
    zone_in_name = "UTC" if plain(names["date"]) in ("gmttime", "utctime") else None
    return parse_times(cells, clocks, form, stamps.zone or zone_in_name)


def import_prices(
    data: Path,
    file: PriceFile,
    refused: dict[str, BacktestError],
    *,
    source: str | None,
    adjust: str | None,
    accept: bool,
    skip_bad: bool = False,
) -> Iterator[PriceUpdate]:
    """Yield what a file would change in the data folder, symbol by symbol, as `prepare_update`.

    `source` and `adjust` are those on record if None. `refused` takes the errors of symbols, which
    do not keep the others out. Raise UsageError if a symbol has no source.
    """
    refused |= file.refused
    now = datetime.now(UTC).isoformat(timespec="seconds")
    folder = data / "prices"
    for changed in (folder, folder / (file.bars or DATASET), data / "actions"):
        clear_unfinished(changed)
    for symbol, table in file.tables.items():
        path = (
            bars_path(folder, symbol, file.bars)
            if file.bars
            else path_for(folder, symbol, among=len(file.tables))
        )
        metadata = read_metadata(metadata_path(path))
        origin_source, recorded = source or metadata.get("source"), metadata.get("adjust")
        if not origin_source:
            raise UsageError("Say where the figures come from, with --source '…', or 'unknown'.")
        retrieval = {"source": origin_source, "library": None, "version": None, "fetched_at": now}
        retrieval |= {"file": file.name} | ({"bars": file.bars} if file.bars else {})
        try:
            if adjust and recorded and adjust != recorded:
                raise other_mode(path, recorded)
            mode, notes = adjust or recorded, list[str]()
            actions = () if file.bars else actions_of(file, symbol, path, mode, notes)
            incoming = Incoming(
                symbol, table, mode, origin_source, retrieval, notes=notes,
                lines=file.lines.get(symbol), word=file.word, actions=actions,
            )  # fmt: skip
            update = prepare_update(path, incoming, accept=accept, skip_bad=skip_bad)
        except BacktestError as error:
            refused[symbol] = error
        else:
            yield update
