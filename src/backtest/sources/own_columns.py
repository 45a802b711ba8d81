"""Tell what the columns of a user's file of prices hold: which field, whose prices, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from backtest.data.kinds import check_symbol, is_symbol
from backtest.data.price_rows import BAR_COLUMNS
from backtest.errors import BacktestError, DataError, UsageError, first_few
from backtest.sources.own_tables import RawTable, as_symbol, columns_of, fields_by_name, plain

# The names of columns by field; a name before the bar takes precedence over those after it.
_ENGLISH = {
    "date": """date day session tradedate tradingday tradingdate businessdate exchangedate datadate
        dt | timestamp datetime time windowstart tsevent gmttime utctime""",
    "symbol": "symbol ticker tickers sym tic instrument actsymbol | code stock name",
    "open": "open o openprice opening openingprice priceopen tradeopen pxopen openprc prcod",
    "high": "high h highprice max pricehigh tradehigh pxhigh askhi prchd dayhigh",
    "low": "low l lowprice min pricelow tradelow pxlow bidlo prcld daylow",
    "close": """close c closelast closeprice closing closingprice last lastprice price settle
        priceclose tradeclose pxlast prccd prc""",
    "volume": """volume v vol sharestraded totalvolume totalshares shares pxvolume cshtrd
        tradevolume""",
}
FOREIGN = {  # names in files in which 12.645 may be thousands
    "date": "datum fecha data | zeit",
    "open": "eroffnung eroffnungskurs eroffn erster ouverture ouv apertura abertura",
    "high": "hoch hochst tageshoch haut plushaut maximo massimo maxima",
    "low": "tief tiefst tagestief bas plusbas minimo minima",
    "close": """schluss schlusskurs zuletzt letzter cloture dernier cierre chiusura ultimo
        fechamento slot""",
    "volume": "stuck stucke stuecke | volumen volumi volumes umsatz",
}
NAMES = {what: f"{text} | {FOREIGN.get(what, '')}" for what, text in _ENGLISH.items()}
_FIELD_OF = fields_by_name(NAMES)
CLOCKS = {"time": "time clock timeofday uhrzeit zeit hora heure ora"}  # a column beside the days
PRICES = BAR_COLUMNS[:-1]
_ADJUSTED = re.compile(r"adj", re.IGNORECASE)
_SYMBOL_LINE = re.compile(r'(?i:symbol|ticker)\s*[:=,;\t|]\s*"?(?P<symbol>[A-Z][A-Z0-9.\-]{0,9})\b')
_NO_TICKERS = ("ADJ", "ADJUSTED", "PREV", "PREVIOUS", "RAW", "TRADE", "PX", "DAY")
_ALSO_TICKERS = {"C", "DAY", "DT", "H", "L", "LOW", "MAX", "MIN", "O", "OPEN", "SYM", "V"}
_UNNAMED = ("", "index", "unnamed0", "level0")  # names of an index that was written without one
_NOTHING = r"(?:|-+|–|—|\.|n/?a|#n/?a.*|nan|null|none|nil)"
_UNITS = {"K": "e3", "M": "e6", "B": "e9"}
_SURE = 0.98  # the least part of rows in which high is highest and low lowest


def by_ticker(raw: RawTable, symbols: Sequence[str] = (), *, closes: bool) -> RawTable:
    """Stack a table whose columns are of a ticker each, such as `AAPL.Close`, by ticker.

    With `closes`, columns named by tickers alone hold their closes; the requested `symbols` tell a
    column C of closes from that of a stock C.
    """
    names = [str(name) for name in raw.cells]
    if closes and (alone := _tickers(names, symbols)):
        named = ["Close" if name in alone else name for name in names]
        return raw.stacked([name if name in alone else "" for name in names], named)
    if any(_FIELD_OF.get(plain(name)) == "close" for name in names):
        return raw
    tickers = {ticker for ticker, what in filter(None, map(_parts, names)) if what == "close"}
    if not tickers:
        return raw
    longest_first = sorted(tickers, key=lambda ticker: (-len(ticker), ticker))
    owners = [next((t for t in longest_first if name != _without(name, t)), "") for name in names]
    return raw.stacked(owners, [_without(n, of) for n, of in zip(names, owners, strict=True)])


def _tickers(names: Sequence[str], symbols: Sequence[str]) -> list[str]:
    """Return the columns beside the day if all of them, two or more, are named by tickers alone."""
    days = [name for name in names if not name or _FIELD_OF.get(plain(name)) == "date"]
    others = [n for n in names if n not in days or (n in _ALSO_TICKERS and n != days[0])]
    fields = {name: what for name in others if (what := _FIELD_OF.get(plain(name)))}
    kinds = {*fields.values()}
    wanted = [symbol.rpartition("=")[2] for symbol in symbols]
    is_of_another = len(wanted) == 1 and wanted[0] not in others
    is_bar = ({*PRICES} <= kinds or is_of_another) and 2 * len(fields) > len(others)  # Date,O,H,L,C
    is_close = {"close", "volume"} <= kinds and len(fields) == len(others) and len(wanted) < 2  # noqa: PLR2004
    if len(others) < 2 or is_bar or is_close or not {*fields} <= _ALSO_TICKERS:  # noqa: PLR2004
        return []
    return others if all(is_symbol(n) and not _parts(n) for n in others) else []


def _parts(name: str) -> tuple[str, str] | None:
    """Return the ticker and the field of a name such as `AAPL.Close` or `Close_AAPL`, or None."""
    for cut in re.finditer(r"[\s._:|/\-]+", name):
        halves = name[: cut.start()], name[cut.end() :]
        for ticker, rest in (halves, halves[::-1]):
            field = _FIELD_OF.get(plain(rest))
            if field in BAR_COLUMNS and is_symbol(ticker) and ticker not in _NO_TICKERS:
                return ticker, field
    return None


def _without(name: str, ticker: str) -> str:
    """Return a name without the ticker at one of its ends."""
    if not ticker:
        return name
    return re.sub(rf"^{re.escape(ticker)}[\s._:|/\-]+|[\s._:|/\-]+{re.escape(ticker)}$", "", name)


def without_header(raw: RawTable, notes: list[str]) -> RawTable:
    """Name columns by the fields of the bar that they hold; raise UsageError if that is unclear."""
    cells = raw.cells
    days = [
        n for n in cells if cells[n].str.match(r"\d{1,4}[-/.]\d\d?[-/.]\d{2,4}|\d{8}(?: |$)").all()
    ]
    clocks = [n for n in cells if cells[n].str.match(r"\d\d?:\d\d").all()]
    texts = [n for n in cells if cells[n].str.match(r"[A-Za-z]").all()]
    others = [n for n in cells if n not in (*days[:1], *clocks, *texts)]
    if days and len(texts) < 2 and len(others) >= len(PRICES):  # noqa: PLR2004
        bars = cells[others[:4]].apply(pd.to_numeric, errors="coerce")
        first, high, low, last = (bars[name] for name in others[:4])
        fits = (high >= bars.max(axis=1)) & (low <= bars.min(axis=1)) & first.notna() & last.notna()
        if fits.mean() > _SURE and (fits & (high > low)).any():
            renames = dict(zip([days[0], *others], ["Date", *BAR_COLUMNS], strict=False))
            renames |= dict.fromkeys(texts, "Symbol") | dict.fromkeys(clocks, "Time")
            notes.append("It has no header: the columns are taken by what they hold.")
            return replace(raw, cells=cells.rename(columns=renames))
    raise UsageError(
        f"{raw.path} has no header, and its columns do not tell themselves. Name them by their "
        f"numbers, such as --map date=1 --map open=2 --map high=3 --map low=4 --map close=5 "
        f"--map volume=6."
    )


def named_columns(
    raw: RawTable,
    mapping: Mapping[str, str],
    words: Mapping[str, str],
    symbols: Sequence[str] = (),
) -> dict[str, str]:
    """Return columns by field, from `mapping` or `words`; raise UsageError if one is missing."""
    names = [str(name) for name in raw.cells]
    tickers = [] if {*BAR_COLUMNS} & {*mapping} else _tickers(names, symbols)
    columns = columns_of([name for name in names if name not in tickers], dict(mapping), words)
    if "date" not in columns and (bare := [n for n in names if plain(n) in _UNNAMED]):
        columns["date"] = bare[0]
    for what in ("date", "close"):
        if what not in columns:
            more = ""
            if tickers and what == "close":
                more = f" Or are {first_few(tickers)} symbols? --closes takes the closes of each."
            raise UsageError(
                f"No column of the file looks like the {what}. Name it with "
                f"--map {what}=COLUMN; it has {', '.join(map(repr, names))}.{more}"
            )
    return columns


def fields_of(
    columns: Mapping[str, str], constants: Mapping[str, str], *, closes: bool
) -> tuple[str, ...]:
    """Return the fields that prices take from the columns: those of bars, or the close alone.

    Raise UsageError if one is missing that `constants` do not set; they can set the volume alone.
    """
    for what, value in constants.items():
        if what != "volume" or not re.fullmatch(r"\d+(\.\d+)?", value):
            raise UsageError(
                f"--set {what}={value}: of prices the volume alone can be set, to a number, where "
                f"the file has none. Whose they are is said by --symbol."
            )
    missing = [name for name in BAR_COLUMNS if name not in columns and name not in constants]
    if closes or _ADJUSTED.search(columns["close"]) or {*PRICES[:-1]} <= {*missing}:
        return ("close",)
    if missing:
        more = " Where there is none, --set volume=0." * (missing[0] == "volume")
        raise UsageError(
            f"No column of the file looks like the {missing[0]}. Name it with "
            f"--map {missing[0]}=COLUMN, or take closes alone with --closes.{more}"
        )
    return BAR_COLUMNS


# Whose prices they are: what a file says of it is believed


def by_symbol(
    raw: RawTable,
    names: dict[str, str],
    symbols: Sequence[str],
    are_prices: NDArray[np.bool_],
    notes: list[str],
) -> dict[str, NDArray[np.intp] | BacktestError]:
    """Return for each symbol of `symbols`, or for all, its rows or the error that keeps it out.

    `symbols` may rename one by `NEW=OLD`. Raise UsageError if one of them has no row.
    """
    pairs = [symbol.partition("=") for symbol in symbols]
    renamed = {old: check_symbol(new) for new, _, old in pairs if old}
    wanted = [check_symbol(new) for new, _, _ in pairs]
    texts = _texts(raw, names, notes)
    price_rows = np.flatnonzero(are_prices)
    if texts is None:
        return {_only(raw, wanted): price_rows}
    groups: dict[str, NDArray[np.intp] | BacktestError] = {}
    by_text = pd.Series(price_rows).groupby(texts.to_numpy()[price_rows]).indices
    for text, indices in by_text.items():
        rows = price_rows[indices]
        symbol = renamed.get(text) or renamed.get(as_symbol(text)) or as_symbol(text)
        if not symbol:
            at = f"{raw.path}, {raw.at(rows[0])}, column {names['symbol']}"
            fault = f"{at}: empty. Write whose prices they are, as in CRWV."
            groups["no symbol"] = DataError(fault)
        elif not is_symbol(symbol):
            groups[text] = UsageError(
                f"{text!r} is no symbol: capitals, digits, points and hyphens. "
                f"--symbol NEW='{text}' takes it under a name that is one."
            )
        else:
            before = groups.get(symbol)
            groups[symbol] = np.union1d(before, rows) if isinstance(before, np.ndarray) else rows
    if missing := sorted({*wanted} - {*groups}):
        names_in_file = first_few(sorted(groups), 10)
        same = f"--symbol {missing[0]}='{next(iter(groups))}'" if len(groups) == 1 else ""
        raise UsageError(
            f"{raw.path} has no row of {first_few(missing)}: it says that its prices are of "
            f"{names_in_file}.{f' If both are the same stock: {same}.' if same else ''}"
        )
    return {symbol: groups[symbol] for symbol in sorted(groups) if not wanted or symbol in wanted}


def _texts(raw: RawTable, names: dict[str, str], notes: list[str]) -> pd.Series | None:
    """Return the text of each row's symbol, or None; raise DataError if symbols are numbers."""
    if column := names.get("symbol"):
        cells = raw.cells[column]
        is_sure = plain(column) in NAMES["symbol"].partition("|")[0].split()
        if pd.api.types.is_numeric_dtype(cells) and is_sure:  # 7 may have been 007
            raise DataError(
                f"{raw.path}, column {column}: not texts. Write symbols as texts, as in CRWV."
            )
        texts = cells.astype(str).fillna("").str.strip()
        if is_sure or any(map(is_symbol, texts.unique())):
            return texts
        notes.append(f"Column {column} says {texts.iloc[0]!r}, which is no symbol.")
        del names["symbol"]  # the column counts as one that is not taken
    match = _SYMBOL_LINE.search(raw.before)
    return pd.Series([match["symbol"]] * len(raw.cells)) if match else None


def _only(raw: RawTable, wanted: Sequence[str]) -> str:
    """Return the symbol of a file that has none: the one that is wanted, or the file's name."""
    if len(wanted) > 1:
        raise UsageError(
            f"{raw.path} has no column of symbols, so its rows are of one stock, not of "
            f"{first_few(wanted)}. Name one, or the column with --map symbol=COLUMN."
        )
    stem = raw.path.stem
    name = wanted[0] if wanted else as_symbol(stem) if stem.lower().endswith(".us") else stem
    if not wanted and (not is_symbol(name) or name[0].isdigit()):  # 2025-06-02.csv
        raise UsageError(f"Whose prices are in {raw.path}? Say it with --symbol.")
    return name


# Numbers


def guess_decimal(columns: Sequence[pd.Series], *, continental: bool) -> str:
    """Return the decimal sign of texts; raise UsageError if it is not certain.

    In a `continental` table, with semicolons or days such as 01.09.2020, 12.645 may be thousands.
    """
    texts = [column for column in columns if continental or _plain_numbers(column) is None]
    if not texts:
        return "."
    cells = pd.concat([_bare(column[~are_blank(column)]) for column in texts])
    having = {sign: cells[cells.str.contains(sign, regex=False)] for sign in ",."}
    signs = [sign for sign in having if len(having[sign])]
    grouped = {
        sign: having[sign].str.match(rf"\d{{1,3}}(?:\{sign}\d{{3}})+$").all() for sign in signs
    }
    if len(signs) == 2:  # noqa: PLR2004
        mixed = next((cell for cell in having[","] if "." in cell), None)
        if mixed is not None:
            return "," if mixed.rfind(",") > mixed.rfind(".") else "."
        if grouped[","] != grouped["."]:
            return "." if grouped[","] else ","
    elif not signs or not grouped[signs[0]]:
        return signs[0] if signs else "."
    elif having[signs[0]].str.count(re.escape(signs[0])).gt(1).any():  # 1.234.567
        return "." if signs == [","] else ","
    elif signs == ["."] and not continental:
        return "."
    example = " and ".join(repr(having[sign].iloc[0]) for sign in signs)
    raise UsageError(
        f"Numbers such as {example} can be read in two ways. Say which sign is the decimal one: "
        f"--decimal . or --decimal ,"
    )


def parse_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Parse cells as numbers, also with `$`, thousands, 1.5M and (2); others are NaN."""
    numbers = _plain_numbers(column) if decimal == "." else None
    if numbers is not None:
        return numbers
    texts = _bare(column)
    texts = texts.str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace("−", "-")
    units = texts.str[-1:].str.upper().map(_UNITS)
    texts = texts.where(units.isna(), texts.str[:-1] + units)
    group = "," if decimal == "." else "."
    whole, exponent = rf"(?:\d+|\d{{1,3}}(?:\{group}\d{{3}})+)?", r"(?:[eE][-+]?\d+)?"
    is_number = texts.str.fullmatch(rf"[-+]?{whole}(?:\{decimal}\d*)?{exponent}")
    texts = texts.str.replace(group, "").str.replace(decimal, ".")
    return pd.to_numeric(texts.where(is_number, "nan"), errors="coerce").astype(float)


def _plain_numbers(column: pd.Series) -> pd.Series | None:
    """Return the numbers of a column that holds nothing else, or None if it does."""
    if isinstance(column.dtype, pd.StringDtype):  # Arrow takes a tenth of pandas' time
        with suppress(pa.ArrowInvalid):
            values = pa.array(column).cast("double").to_numpy(zero_copy_only=False) + 0.0
            numbers = pd.Series(values, column.index, name=column.name)
            if not numbers.isna().any():
                return numbers
    try:
        return pd.to_numeric(column).astype(float)
    except (ValueError, TypeError, OverflowError):
        return None


def are_blank(column: pd.Series) -> pd.Series:
    """Return a mask of the cells that are empty or stand for an unknown value, such as `null`."""
    if column.dtype.kind in "iufM":
        return column.isna()
    return column.isna() | column.astype(str).str.strip().str.fullmatch(_NOTHING, case=False)


def _bare(column: pd.Series) -> pd.Series:
    return column.astype(str).str.replace("USD|US(?=[$])|[$\\s'\u2019\u00a0\u202f]", "", regex=True)
