"""Daily prices of a symbol, and the dated rates at which its stock was lent.

Prices are in `prices/ACME.csv`, or in `prices/parquet/ACME.parquet` among thousands: one file a
symbol in both, each with its metadata and its history, so that a symbol changes alone.
"""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data.actions import ENDS, Actions, read_actions
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import DataFile, day_of, raise_problems, read_data_file, read_rows
from backtest.errors import DataError, UsageError, unknown
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from backtest.data.actions import Action
    from backtest.data.datafile import Reader


BAR_COLUMNS = ("open", "high", "low", "close", "volume")
REGULAR = "regular"  # the column that tells which finer bars open within the hours of a session


@dataclass(frozen=True)
class PriceRows:
    """Rows of prices as they stand in a file or a frame, each a `line` or a `row`."""

    word: str
    numbers: Sequence[object] | NDArray[np.int64]
    days: NDArray[np.datetime64]  # or times, of finer bars; NaT where there is none
    cells: Mapping[str, Sequence[str] | NDArray[np.float64]]  # by column

    @property
    def of(self) -> str:
        return "session" if self.days.dtype == "M8[D]" else "bar"

    def at(self, place: int) -> str:
        return f"{self.word} {self.numbers[place]}"


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """A Parquet file of numbers; the index is named `session` or `time` (UTC, without a zone).

    Finer bars have the column `REGULAR` as well.
    """
    import pyarrow as pa
    from pyarrow import parquet

    key = str(table.index.name)
    days = table.index.to_numpy().astype("M8[D]" if key == "session" else "M8[us]")
    columns = {key: pa.array(days).cast(_key_type(key))}
    columns |= {name: pa.array(table[name].to_numpy(dtype=float)) for name in table.columns}
    if key == "time":
        columns[REGULAR] = pa.array(~np.isnat(trading_calendar().sessions_at(days)))
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def _key_type(key: str) -> pa.DataType:
    import pyarrow as pa

    return pa.date32() if key == "session" else pa.timestamp("us", "UTC")


def parquet_table(path: Path, content: bytes, key: str) -> dict[str, NDArray[Any]]:
    """The columns of a Parquet file that `parquet_bytes` wrote, by `session` or `time`."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
        found = {key: table.column(key).cast(_key_type(key)).to_numpy()}
        names = [name for name in BAR_COLUMNS if name in table.column_names]
        return found | {name: table.column(name).cast(pa.float64()).to_numpy() for name in names}
    except KeyError:
        raise DataError(f"{path}: no column {key!r}. Needed: {key}, close.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        fault = str(error).strip().partition("\n")[0]
        raise DataError(f"{path} is not a Parquet file of prices ({fault}). Restore it.") from None


def _parquet_rows(file: DataFile, problems: list[str]) -> PriceRows:
    table = parquet_table(file.path, file.content, "session")
    days = table.pop("session").astype("M8[D]")
    names = bar_columns(str(file.path), table, len(days))
    problems += [f"row {row}, column session: empty" for row in np.flatnonzero(np.isnat(days))]
    return PriceRows("row", np.arange(len(days)), days, {name: table[name] for name in names})


def _regular_rows(file: DataFile) -> PriceRows | None:
    """The rows of a CSV file without any fault, read in one pass; None of every other file."""
    text = file.text.rstrip()
    header, rows = text.partition("\n")[0].strip().split(","), text.count("\n")
    if header not in (["date", *BAR_COLUMNS], ["date", "close"]) or not rows or '"' in text:
        return None
    if text.count(",") != (rows + 1) * (len(header) - 1):
        return None
    types = {"date": object} | dict.fromkeys(header[1:], float)
    try:
        table = pd.read_csv(io.StringIO(text), dtype=types, na_filter=False)
    except ValueError:
        return None
    days = table.pop("date").tolist()
    texts, numbers = _session_texts()
    begin = numbers.get(days[0], 0)
    if days != texts[begin : begin + rows]:
        return None
    cells = {name: column.to_numpy() for name, column in table.items()}
    if not all(is_allowed(name, column).all() for name, column in cells.items()):
        return None
    sessions = trading_calendar().sessions[begin : begin + rows]
    return PriceRows("line", np.arange(2, rows + 2), sessions, cells)


@cache
def _session_texts() -> tuple[list[str], dict[str, int]]:
    """The sessions of the exchange as files write them, and the number of each."""
    texts = trading_calendar().sessions.astype(str).tolist()
    return texts, {text: number for number, text in enumerate(texts)}


def _csv_rows(file: DataFile, problems: list[str]) -> PriceRows:
    if regular := _regular_rows(file):
        return regular
    found = read_rows(file, ("date", "close"), problems)
    if not found:
        raise_problems(file.path, problems)
    names = bar_columns(f"{file.path}, line 1", found[0][1] if found else (), len(found))
    days = np.full(len(found), np.datetime64("NaT", "D"))
    for place, (line, row) in enumerate(found):
        try:
            days[place] = np.datetime64(day_of(row, "date"))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    cells = {name: [row[name] for _, row in found] for name in names}
    return PriceRows("line", np.array([line for line, _ in found]), days, cells)


def bar_columns(place: str, there: Collection[str], rows: int) -> tuple[str, ...]:
    """The columns of bars, or of closes where there is no open; DataError where one is missing."""
    if not rows:
        raise DataError(f"{place.partition(', line')[0]} has no row.")
    names = BAR_COLUMNS if "open" in there else ("close",)
    if missing := [name for name in names if name not in there]:
        raise DataError(
            f"{place}: no column {missing[0]!r}. "
            f"Needed: date, {', '.join(BAR_COLUMNS)}; or date, close for a benchmark."
        )
    return names


def is_allowed(column: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether numbers may stand in a column of bars: a price is above 0, a volume from 0 up."""
    above = values >= 0 if column == "volume" else values > 0
    return above & (values < np.inf)


def beyond(
    bound: str, bars: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """By name of each price in which rows it lies beyond its bar's `bound`, `high` or `low`."""
    if bound == "high":
        yield from ((name, bars[name] > bars["high"]) for name in ("low", "open", "close"))
    else:
        yield from ((name, bars[name] < bars["low"]) for name in ("open", "close"))


def sound_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows of a table, of sessions or of finer bars, break no rule by themselves."""
    bars = {name: column.to_numpy(dtype=float) for name, column in table.items()}
    keys, sessions = table.index.to_numpy(), trading_calendar().sessions
    is_daily = table.index.name == "session"
    sound = np.isin(keys.astype("M8[D]"), sessions) if is_daily else ~np.isnat(keys)
    for name, column in bars.items():
        sound &= is_allowed(name, column)
    if "open" in bars:
        for bound in ("high", "low"):
            for _, wrong in beyond(bound, bars):
                sound &= ~wrong
    return sound


def checked_table(
    rows: PriceRows, problems: list[str], halts: Collection[date] = ()
) -> pd.DataFrame:
    """Rows as numbers, indexed by session; `problems` takes a text for each rule that is broken.

    A session of `halts` needs no row.
    """
    bars = {name: _numbers(name, rows, problems) for name in rows.cells}
    if not problems:
        _check_order(rows, problems)
        _check_sessions(rows, problems, halts)
    if "open" in bars:
        _check_ranges(bars, rows, problems)
    return pd.DataFrame(bars, index=pd.DatetimeIndex(rows.days.astype("M8[ns]"), name="session"))


def check_bars(rows: PriceRows, problems: list[str]) -> None:
    """The rules of `checked_table` that hold of bars finer than sessions, `rows.days` their opens.

    They may have gaps, where nothing was traded.
    """
    bars = {name: _numbers(name, rows, problems) for name in rows.cells}
    timeless = np.flatnonzero(np.isnat(rows.days)).tolist()
    problems += [f"{rows.at(row)}, column time: empty" for row in timeless]
    _check_order(rows, problems)
    _check_ranges(bars, rows, problems)


def _numbers(name: str, rows: PriceRows, problems: list[str]) -> NDArray[np.float64]:
    cells = rows.cells[name]
    if isinstance(cells, np.ndarray):
        numbers = cells
    else:
        texts = pd.Series(cells, dtype=object)
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float)
    allowed = "a number from 0 up" if name == "volume" else "a number above 0"
    problems += [
        f"{rows.at(row)}, column {name}: {_cell_text(cells[row])} is not {allowed}"
        for row in np.flatnonzero(~is_allowed(name, numbers)).tolist()
    ]
    return numbers


def _cell_text(cell: str | np.float64) -> str:
    return repr(cell) if isinstance(cell, str) else f"{cell:g}"


def _check_order(rows: PriceRows, problems: list[str]) -> None:
    days = rows.days
    column = "date" if rows.of == "session" else "time"
    for place in (np.flatnonzero(days[1:] <= days[:-1]) + 1).tolist():
        fault = "repeats" if days[place] == days[place - 1] else "comes before"
        problems.append(
            f"{rows.at(place)}, column {column}: {days[place]} {fault} {rows.at(place - 1)}; "
            f"one row a {rows.of}, oldest first"
        )


def _check_sessions(rows: PriceRows, problems: list[str], halts: Collection[date]) -> None:
    days = rows.days
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    if np.array_equal(days, sessions):
        return
    begin = trading_calendar().sessions[0]
    problems += [
        f"{rows.at(place)}, column date: {days[place]} "
        + (
            f"is not a session of {EXCHANGE}"
            if days[place] >= begin
            else f"lies before {begin}, with which the calendar of {EXCHANGE} begins"
        )
        for place in np.flatnonzero(~np.isin(days, sessions)).tolist()
    ]
    problems += [
        f"no row for the session {session}: a gap against the calendar {EXCHANGE}"
        for session in sessions[~np.isin(sessions, days)].tolist()
        if session not in halts
    ]


def _check_ranges(
    bars: Mapping[str, NDArray[np.float64]], rows: PriceRows, problems: list[str]
) -> None:
    for bound, word in (("high", "below"), ("low", "above")):
        for name, wrong in beyond(bound, bars):
            problems += [
                f"{rows.at(row)}: {bound} {bars[bound][row]:g} is {word} {name} "
                f"{bars[name][row]:g}; the {bound} is the {rows.of}'s {bound}est price"
                for row in np.flatnonzero(wrong).tolist()
            ]


DATASET = "parquet"
MOST_CSV = 20  # symbols that come at once; of more, new ones go into the Parquet dataset


def price_symbols(folder: Path) -> list[str]:
    """The symbols that have a price file in the folder."""
    files = (*folder.glob("*.csv"), *(folder / DATASET).glob("*.parquet"))
    return sorted({path.stem for path in files if not path.name.startswith(".")})


def price_path(folder: Path, symbol: str) -> Path | None:
    """The file that holds a symbol; None where there is none. DataError where two do."""
    found = [path for path in _paths(folder, symbol) if path.is_file()]
    # Where capitals and small letters name the same file, acme.csv must not pass for ACME's.
    if not found or (symbol != symbol.upper() and symbol not in price_symbols(folder)):
        return None
    if len(found) > 1:
        raise DataError(
            f"{found[0]} and {found[1]} both hold {symbol}. Remove the one that is not meant, "
            f"with its metadata."
        )
    return found[0]


def place_for(folder: Path, symbol: str, *, among: int = 1) -> Path:
    """The file that holds a symbol, or the one that will where so many come at once."""
    return price_path(folder, symbol) or _paths(folder, symbol)[among > MOST_CSV]


def _paths(folder: Path, symbol: str) -> tuple[Path, Path]:
    return folder / f"{symbol}.csv", folder / DATASET / f"{symbol}.parquet"


@dataclass(frozen=True)
class Prices:
    """Prices of one symbol, in dollars as the file's adjust mode says.

    The table is indexed by session (dates without a zone) and has the columns `open high low close
    volume`, or `close` alone. Of bars finer than sessions the index is their open, UTC.
    """

    symbol: str
    table: pd.DataFrame
    file: DataFile
    actions: Actions = field(default_factory=lambda: Actions(""))
    former: tuple[Prices, ...] = ()  # under other tickers, whose rows are in the table as well

    @property
    def has_bars(self) -> bool:
        """Whether opens, highs and lows are there, so that the symbol can be traded."""
        return "open" in self.table

    @cached_property
    def traded(self) -> pd.DataFrame:
        """The rows of the sessions in which it traded: no halt, and nothing after its end."""
        rows = self.table
        if ends := [row.day for row in self.actions.rows if row.action in ENDS]:
            rows = rows.loc[rows.index < pd.Timestamp(ends[0])]
        if self.halted:
            rows = rows.loc[~rows.index.isin(pd.DatetimeIndex(sorted(self.halted)))]
        return rows

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """The sessions in which it traded."""
        days: NDArray[np.datetime64] = self.traded.index.to_numpy().astype("M8[D]")
        return days

    @cached_property
    def applied(self) -> tuple[Action, ...]:
        """The actions that change a position in these prices; see `Actions.applied`."""
        return self.actions.applied(self)

    def trades_from(self, session: date) -> date:
        """The first session from one on in which it traded; that session itself after the last."""
        row = int(np.searchsorted(self.days, np.datetime64(session)))
        found: date = self.days[row].item() if row < len(self.days) else session
        return found

    @cached_property
    def first(self) -> date:
        """The first session."""
        day: date = self.table.index[0].date()
        return day

    @cached_property
    def last(self) -> date:
        """The last session."""
        day: date = self.table.index[-1].date()
        return day

    @cached_property
    def halted(self) -> frozenset[date]:
        """The sessions between the first and the last in which nothing trades.

        They are those of halts on file, those without a row, and, where other bars have volume,
        bars without any and of one price.
        """
        days = self.table.index.to_numpy().astype("M8[D]")
        sessions = trading_calendar().between(self.first, self.last)
        silent = np.setdiff1d(sessions, days).tolist()
        if self.has_bars and self.table["volume"].any():
            bars = self.table
            idle = (bars["volume"] == 0) & (bars["high"] == bars["low"])
            silent += days[idle.to_numpy()].tolist()
        return frozenset(silent) | {
            day for day in self.actions.halts if self.first <= day <= self.last
        }

    @cached_property
    def holes(self) -> frozenset[date]:
        """Sessions of the span that are known to have no row: nothing is traded in them."""
        within = {day for day in holes_of(self.file.metadata) if self.first < day < self.last}
        return frozenset(within.difference(self.table.index.date))

    @cached_property
    def growth(self) -> pd.Series[float]:
        """What a dollar of its first close has grown to at each close, dividends reinvested.

        A share that has ended counts at what was paid for it.
        """
        closes = self.table["close"]
        steps = closes.div(closes.shift()).fillna(1.0)
        for action in self.applied:
            row = int(closes.index.searchsorted(pd.Timestamp(action.day)))
            if action.action == "split" and 0 < row < len(steps):
                steps.iloc[row] *= action.amount
            elif action.action == "dividend" and 0 < row < len(steps):
                steps.iloc[row] += (action.amount or 0.0) / closes.iloc[row] * steps.iloc[row]
            elif action.action in ENDS and row > 0 and action.amount is not None:
                steps.iloc[row - 1] *= action.amount / closes.iloc[row - 1]
                steps.iloc[row:] = 1.0
        return steps.cumprod()

    @property
    def returns(self) -> pd.Series[float]:
        """The return of each session, close to close, with dividends; NaN of the first."""
        return self.growth.pct_change(fill_method=None)

    def sha256(self) -> str:
        """Hash of the rows, whichever file holds them."""
        days = self.table.index.to_numpy().astype("M8[D]").astype("i8")
        digest = hashlib.sha256(" ".join(self.table.columns).encode())
        digest.update(days.tobytes())
        digest.update(self.table.to_numpy(dtype="f8").tobytes())
        return digest.hexdigest()

    def span(self, first: date | None, last: date | None) -> Prices:
        """The rows from `first` to `last`, both included; UsageError where there is none."""
        if first is not None and last is not None and first > last:
            raise UsageError(f"--from {first} lies after --to {last}: give the earlier day first.")
        days = self.table.index.to_numpy("M8[D]")  # hold any day, as nanoseconds do not
        start = 0 if first is None else int(np.searchsorted(days, np.datetime64(first)))
        end = len(days) if last is None else np.searchsorted(days, np.datetime64(last), "right")
        table = self.table.iloc[start : int(end)]
        if table.empty:
            raise UsageError(
                f"{self.symbol} has no session from {first or self.first} to {last or self.last}. "
                f"Its prices run from {self.first} to {self.last}; choose --from and --to within."
            )
        return replace(self, table=table)


def read_prices(
    folder: Path, symbol: str, *, bars: bool = False, read: Reader = read_data_file
) -> Prices:
    """Read the prices of a symbol, of which `bars` are needed to trade it, and its actions.

    Of a stock that was renamed, the prices under the former ticker that end before its own come
    first. UsageError where there are none; DataError where a file breaks its format or does not
    agree with its metadata.
    """
    path = price_path(folder, symbol)
    if path is None:
        raise unknown(f"price file in {folder} for symbol", symbol, price_symbols(folder))
    actions = read_actions(folder.parent / "actions", symbol, read)
    prices = parse_prices(read(path, f"backtest prices seal {symbol}"), actions)
    for rename in reversed(actions.renames):
        if (before := price_path(folder, rename.name)) is not None:
            former = parse_prices(read(before, f"backtest prices seal {rename.name}"), actions)
            prices = _continued(former, prices, rename.day)
    if bars and not prices.has_bars:
        raise UsageError(
            f"{symbol} has closes alone, so it can be a benchmark but not be traded: "
            f"{prices.file.path} needs the columns date, {', '.join(BAR_COLUMNS)}."
        )
    return prices


def actions_folder(path: Path) -> Path:
    """Where the actions are of whatever has a price file there."""
    folder = path.parent.parent if path.parent.name == DATASET else path.parent
    return folder.parent / "actions"


def parse_prices(file: DataFile, actions: Actions | None = None) -> Prices:
    """Check the content of a price file and its actions, those beside it by default."""
    problems: list[str] = []
    actions = actions or read_actions(actions_folder(file.path), file.path.stem)
    rows = _parquet_rows(file, problems) if file.content else _csv_rows(file, problems)
    table = checked_table(rows, problems, actions.halts | holes_of(file.metadata))
    raise_problems(file.path, problems)
    return Prices(file.path.stem, table, file, actions)


def _continued(former: Prices, prices: Prices, renamed_on: date) -> Prices:
    """The prices with the rows under a former ticker before them, where it ends before."""
    end = min(renamed_on, prices.first)
    table = former.table.loc[: pd.Timestamp(end) - pd.Timedelta(days=1)]
    if table.empty or former.last >= end:
        return prices
    one, other = former.file.metadata["adjust"], prices.file.metadata["adjust"]
    if one != other or list(table.columns) != list(prices.table.columns):
        raise DataError(
            f"{prices.symbol} was {former.symbol} until {renamed_on}, whose prices are of another "
            f"kind: adjusted {one!r} and {other!r}, or of other columns. Mend {former.file.path}, "
            f"or move it away."
        )
    table = pd.concat([table, prices.table])
    return replace(prices, table=table, former=(former, *prices.former))


def holes_of(metadata: Mapping[str, Any]) -> frozenset[date]:
    """The sessions that metadata list as holes: without a row, since the source had a wrong one."""
    return frozenset(date.fromisoformat(day) for day in metadata.get("holes", ()))


# What borrowing the stock costs, to sell it short: `borrow/ACME.csv`

ASSUMPTION = "assumption"
COMPUTED = "(computed)"  # ends the provider of a rate that follows from other prices
_COLUMNS = ("symbol", "date", "annual_rate", "provider", "source_url", "note")


@dataclass(frozen=True)
class BorrowRate:
    """An annual rate (1.5 is 150 %) from a day on, and who quoted it."""

    day: date
    annual_rate: float
    provider: str
    note: str = ""

    @property
    def is_quote(self) -> bool:
        """Whether somebody quoted the rate; else it is assumed, or computed from other prices."""
        return self.provider != ASSUMPTION and not self.provider.endswith(COMPUTED)

    @property
    def origin(self) -> str:
        """What the rate is, to go on after its figure."""
        return "is an assumption" if self.provider == ASSUMPTION else f"is {self.provider}"


@dataclass(frozen=True)
class BorrowRates:
    """The rates of one symbol, oldest first; empty where none is known."""

    symbol: str
    rates: tuple[BorrowRate, ...] = ()
    file: DataFile | None = None

    def sha256(self) -> str:
        """Hash of the rates and of what a run says of them."""
        return sha256_of(
            [[r.day.isoformat(), r.annual_rate, r.is_quote or r.origin, r.note] for r in self.rates]
        )

    def on(self, night: date) -> BorrowRate | None:
        """The rate dated on or before the night that begins on `night`; None before the first."""
        place = bisect_right(self.rates, night, key=lambda rate: rate.day)
        return self.rates[place - 1] if place else None


def read_borrow_rates(folder: Path, symbol: str, read: Reader = read_data_file) -> BorrowRates:
    """Read `folder/<symbol>.csv`; a symbol without a file has no rates."""
    path = folder / f"{symbol}.csv"
    if not path.exists():
        return BorrowRates(symbol)
    command = f"backtest prices seal {symbol} --borrow"
    return parse_borrow_rates(read(path, command))


def parse_borrow_rates(file: DataFile) -> BorrowRates:
    """Check the text of a file of borrow rates; see `read_borrow_rates`."""
    symbol = file.path.stem
    rates: dict[date, BorrowRate] = {}
    problems: list[str] = []
    for line, row in read_rows(file, _COLUMNS, problems):
        try:
            rate = _parse_rate(symbol, row)
        except ValueError as error:
            problems.append(f"line {line}, {error}")
            continue
        if rate.day in rates:
            problems.append(f"line {line}, column date: {rate.day} is there twice")
        rates[rate.day] = rate
    raise_problems(file.path, problems)
    return BorrowRates(symbol, tuple(rates[day] for day in sorted(rates)), file)


def _parse_rate(symbol: str, row: dict[str, str]) -> BorrowRate:
    if row["symbol"] != symbol:
        raise ValueError(f"column symbol: {row['symbol']!r} in the file of {symbol}")
    day = day_of(row, "date")
    try:
        annual_rate = float(row["annual_rate"])
    except ValueError:
        annual_rate = -1.0
    if not 0 <= annual_rate <= 100:  # noqa: PLR2004 - 10,000 % a year; also refuses NaN
        raise ValueError(
            f"column annual_rate: {row['annual_rate']!r} is not a fraction from 0 to 100 "
            f"(0.3 is 30 % a year)"
        )
    if not row["provider"]:
        raise ValueError(f"column provider: is empty; name who quoted it, or {ASSUMPTION!r}")
    return BorrowRate(day, annual_rate, row["provider"], row["note"])
