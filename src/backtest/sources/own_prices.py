"""Anyone's files of prices: understood where that is certain, asked about where it is not."""

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
from backtest.data.datafile import metadata_path, raise_problems, stated
from backtest.data.prices import DATASET, place_for
from backtest.errors import BacktestError, DataError, UsageError, first_few, unknown
from backtest.sources.action_files import actions_of, read_action_file
from backtest.sources.own_cells import parse_days, parse_times, written
from backtest.sources.own_columns import (
    CLOCKS,
    FOREIGN,
    NAMES,
    PRICES,
    by_symbol,
    by_ticker,
    fields_of,
    guess_decimal,
    named_columns,
    nothing,
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
_MOST_NOTES = 10  # of files that come with others


@dataclass(frozen=True)
class PriceFile:
    """A file as it was understood.

    Its columns are by field, the notes say what else was understood. Each symbol's table has the
    columns `open high low close volume`, or `close`, and the index `session`, or `time`, the open
    of each bar, UTC; `lines`, counted by `word`, has where each row stood. Symbols that cannot be
    taken in are `refused`.
    """

    path: Path
    columns: Mapping[str, str]
    notes: Sequence[str]
    tables: Mapping[str, pd.DataFrame]
    lines: Mapping[str, NDArray[np.int64]]
    word: str
    without: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # closes without dividends
    actions: Mapping[str, Sequence[Action]] = field(default_factory=dict)  # of a file of their own
    refused: Mapping[str, BacktestError] = field(default_factory=dict)
    bars: str | None = None  # the length of bars finer than sessions
    name: str = ""  # of the file, or of several


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

    `columns` are the file's by field, as `{"close": "Last"}`, and `constants` what no column has.
    Of many symbols some can be taken, one as another by `NEW=OLD`, and `closes` alone as for a
    benchmark. With `skip_bad` rows of which cells cannot be read stay in, as NaN. UsageError, which
    tells what to say, where the file is not to be understood; DataError where it has cells that are
    no days or numbers, or a symbol two rows of a day.
    """
    known = {**NAMES, **(CLOCKS if stamps else {})}
    for what in columns:
        if what not in known:
            raise unknown("field of prices", what, known)
    raw = read_named_table(path, columns, NAMES, encoding)
    raw, notes = by_ticker(raw, symbols, closes=closes and "close" not in columns), [*raw.notes]
    raw = raw if raw.has_header or columns else without_header(raw, notes)
    names = named_columns(raw, columns, known, symbols)
    raw = raw.only((raw.cells[names["date"]].astype(str) != names["date"]).to_numpy())
    fields = fields_of(names, constants or {}, closes=closes)
    if stamps and len(fields) == 1:
        raise UsageError(f"{path}: bars need open, high, low and close, not closes alone.")
    keys, form = _keys(raw, names, date_form, stamps)
    prices = [raw.cells[names[one]] for one in fields if one in PRICES]
    foreign = any(plain(names.get(what, "")) in text.split() for what, text in FOREIGN.items())
    continental = foreign or raw.separator == ";" or re.match(r"%d[./-]%m", form) is not None
    sign = decimal or guess_decimal(prices, continental=continental)
    rows = _Rows(raw, names, fields, keys, sign, constants or {}, stamps, skip_bad=skip_bad)
    groups = by_symbol(raw, names, symbols, rows.are_prices, notes)
    tables, lines = {}, {}
    refused: dict[str, BacktestError] = {}
    for symbol, own in groups.items():
        try:
            if isinstance(own, BacktestError):
                raise own
            tables[symbol], lines[symbol] = rows.of(symbol, own)
        except BacktestError as error:
            if len(groups) == 1:
                raise
            refused[symbol] = error
    used = {one: names[one] for one in ("symbol", "date", "time", *fields) if one in names}
    first = int(np.flatnonzero(~np.isnat(keys))[0])
    rest = [str(name) for name in raw.cells if name and name not in used.values()]
    text = " ".join(
        str(raw.cells[used[one]].iloc[first]) for one in ("date", "time") if one in used
    )
    key = rows.written(rows.table.index[first])
    notes.insert(0, f"{text!r} is read as {key}, and {sign!r} as the decimal sign.")
    notes += [*rows.notes, *([f"Not taken: {', '.join(rest)}."] if rest else [])]
    notes += [
        f"--dividends '{n}' derives dividends from it." for n in rest if _ADJUSTED_CLOSE.search(n)
    ]
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
    """The same of several files as if they were one, each of which is understood by itself.

    `actions` is a file of them, `dividends` the column from which to derive some.
    """
    if terms.get("stamps") and (actions is not None or dividends is not None):
        raise UsageError("--actions and --dividends come with daily prices, without --bars.")
    found = _joined([read_price_file(path, columns, closes=closes, **terms) for path in paths])
    if actions is not None:
        named = read_action_file(actions, list(found.tables))
        others = first_few(sorted({*named} - {*found.tables}))
        notes = [f"{actions.name}: actions of {others} are not taken: no prices of theirs came."]
        found = replace(found, actions=named, notes=[*found.notes, *notes * bool(others)])
    if dividends is None:
        return found
    columns = {**columns, "close": dividends}
    adjusted = _joined([read_price_file(path, columns, closes=True, **terms) for path in paths])
    told = {one: table for one, table in adjusted.tables.items() if table["close"].notna().any()}
    tables = {one: table for one, table in found.tables.items() if one in told}
    refused = {
        one: DataError(
            f"{one}: column {dividends!r} does not tell its dividends. "
            f"{adjusted.refused.get(one, 'It has no number of it.')}"
        )
        for one in found.tables
        if one not in told
    }
    return replace(found, tables=tables, without=told, refused={**found.refused, **refused})


def _joined(files: Sequence[PriceFile]) -> PriceFile:
    """Files as one, whose rows have no lines any more; symbols that contradict are refused."""
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
    notes = [f"{one.path.name}: {note}" for one in others for note in one.notes[1:]]
    return replace(
        first, name=first_few([file.path.name for file in files]), tables=tables, lines={},
        refused=refused, notes=[*first.notes, f"{len(others):,} more files.", *notes[:_MOST_NOTES]],
    )  # fmt: skip


class _Rows:
    """The rows of a file with their days and numbers, and what is wrong with them."""

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
        cells = {one: raw.cells[names[one]] for one in fields if one in names}
        columns = {one: parse_numbers(column, sign).to_numpy() for one, column in cells.items()}
        priced = [one for one in cells if one != "volume"]
        self.empty = np.all([nothing(cells[one]) for one in priced], axis=0)
        no_price = np.all([np.isnan(columns[one]) for one in priced], axis=0)
        calendar = trading_calendar()
        off = np.isnat(calendar.sessions_at(keys)) if stamps else ~np.isin(keys, calendar.sessions)
        self.are_prices = ~((np.isnat(keys) & no_price) | (self.empty & off))
        if no_price.any():  # Yahoo's page tells dividends and splits between the rows
            texts = raw.cells[no_price].astype(str).fillna("").agg(" ".join, axis=1)
            told = texts.str.contains(r"\b(?:dividend|split)", case=False)
            self.are_prices[np.flatnonzero(no_price)[told.to_numpy()]] = False
        self._note_others(~self.are_prices)
        if "volume" in cells:
            columns["volume"] = self._volumes(cells["volume"], columns["volume"])
        elif "volume" in fields:
            columns["volume"] = np.full(len(keys), float(constants["volume"]))
        name, unit = ("time", "us") if stamps else ("session", "ns")
        index = pd.DatetimeIndex(keys.astype(f"M8[{unit}]"), name=name)
        self.table = pd.DataFrame({one: columns[one] for one in fields}, index=index)
        self.bad = np.isnat(keys) | self.table.isna().any(axis=1).to_numpy()
        self.stamps = stamps and replace(
            stamps, stamped=stamp_of(keys[self.are_prices], stamps.stamped)
        )

    def _note_others(self, others: NDArray[np.bool_]) -> None:
        places = np.flatnonzero(others).tolist()
        if places:
            texts = [f"{self.raw.at(n)} ({self.raw.cells.iloc[n, 0]!r})" for n in places[:3]]
            more = f" and {len(places) - 3:,} more" if len(places) > 3 else ""  # noqa: PLR2004
            self.notes.append(f"Not rows of prices: {', '.join(texts)}{more}.")

    def _volumes(self, cells: pd.Series, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """The volumes, where one that the file does not know counts as none."""
        unknown_ones = nothing(cells).to_numpy() & ~self.empty & self.are_prices
        if count := int(unknown_ones.sum()):
            self.notes.append(f"Volumes that are not known count as 0: {count:,}.")
        return np.where(unknown_ones, 0.0, numbers)

    def of(self, symbol: str, places: NDArray[np.intp]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        """A symbol's table by session with where its rows stood; DataError where rows are wrong."""
        filled = np.flatnonzero(~self.empty[places])
        if len(filled):  # before its first and after its last price a symbol may have empty rows
            places = places[filled[0] : filled[-1] + 1]
        bad = places[self.bad[places]].tolist()
        problems = [text for place in bad for text in self._faults(place)]
        if problems and not self.skip_bad:
            advice = f"\n{SKIP_ADVICE}" * (len(bad) < len(places))
            raise_problems(self.raw.path, problems, advice)
        dayless = np.isnat(self.keys[places])
        if dayless.any():
            out = first_few([self.raw.at(place) for place in places[dayless].tolist()], 10)
            self.notes.append(f"Left out, without a day: {out}.")
        places = places[~dayless]
        if len(places) == 0:
            raise DataError(f"{self.raw.path}: {symbol} has no row with a day.")
        places = places[np.argsort(self.keys[places], kind="stable")]
        table = self.table.iloc[places]
        if self.stamps is not None:
            table = self._as_bars(symbol, table, self.stamps)
        again = table.reset_index().duplicated().to_numpy()
        table, places = table[~again], places[~again]
        if not table.index.is_unique and not self.skip_bad:
            key = table.index[table.index.duplicated()][0]
            two = " and ".join([self.raw.at(n) for n in places[table.index == key].tolist()][:2])
            raise DataError(
                f"{self.raw.path}: {symbol} has two rows of {self.written(key)}, {two}. "
                + (
                    "One row a bar is needed."
                    if self.stamps
                    else "One row a session is needed; --bars 5m takes bars that are finer."
                )
            )
        return table, self.raw.lines[places]

    def _as_bars(self, symbol: str, table: pd.DataFrame, stamps: Stamps) -> pd.DataFrame:
        """A table by when bars open; UsageError where they are of another length."""
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

    def written(self, key: pd.Timestamp) -> str:
        """A day, or a time with what it is of its bar."""
        if self.stamps is None:
            return str(key.date())
        return f"the {self.stamps.stamped} of a bar, {written(key)}"

    def _faults(self, place: int) -> Iterator[str]:
        """What cannot be read in a row."""
        keyless, at = bool(np.isnat(self.keys[place])), self.raw.at(place)
        if self.empty[place] and not keyless and "open" in self.table:
            yield f"{at}: {self.table.index[place].date()} has no prices"
            return
        wrong = [(one, "number") for one in self.table if np.isnan(self.table[one].iloc[place])]
        key = ("date", "time" if self.stamps else "day")
        for one, what in [key] * keyless + wrong:
            column = self.names.get(one, one)
            cell = self.raw.cells[column].iloc[place] if one in self.names else ""
            yield f"{at}, column {column}: {str(cell)!r} is no {what}"


def _keys(
    raw: RawTable, names: Mapping[str, str], form: str | None, stamps: Stamps | None
) -> tuple[NDArray[np.datetime64], str]:
    """The days of rows, or the times of bars, and how days are written."""
    cells = raw.cells[names["date"]]
    if stamps is None:
        return parse_days(cells, form)
    clocks = raw.cells[names["time"]] if "time" in names else None
    of_name = "UTC" if plain(names["date"]) in ("gmttime", "utctime") else None
    return parse_times(cells, clocks, form, stamps.zone or of_name)


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
    """What a file would change in the data folder, symbol by symbol; see `prepare_update`.

    The source and the adjust mode are those on record where None. `refused` takes the errors of
    symbols that cannot be taken in; the others can be without them.
    """
    refused |= file.refused
    now = datetime.now(UTC).isoformat(timespec="seconds")
    folder = data / "prices"
    for among in (folder, folder / (file.bars or DATASET), data / "actions"):
        clear_unfinished(among)
    for symbol, table in file.tables.items():
        path = (
            bars_path(folder, symbol, file.bars)
            if file.bars
            else place_for(folder, symbol, among=len(file.tables))
        )
        known = stated(metadata_path(path))
        origin, recorded = source or known.get("source"), known.get("adjust")
        if not origin:
            raise UsageError("Say where the figures come from, with --source '…', or 'unknown'.")
        retrieval = {"source": origin, "library": None, "version": None, "fetched_at": now}
        retrieval |= {"file": file.name} | ({"bars": file.bars} if file.bars else {})
        try:
            if adjust and recorded and adjust != recorded:
                raise other_mode(path, recorded)
            mode, notes = adjust or recorded, list[str]()
            actions = () if file.bars else actions_of(file, symbol, path, mode, notes)
            incoming = Incoming(
                symbol, table, mode, origin, retrieval, notes=notes,
                lines=file.lines.get(symbol), word=file.word, actions=actions,
            )  # fmt: skip
            update = prepare_update(path, incoming, accept=accept, skip_bad=skip_bad)
        except BacktestError as error:
            refused[symbol] = error
        else:
            yield update
