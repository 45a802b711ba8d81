"""What the columns of anyone's file of prices hold: whose prices, and numbers."""

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

# The names of columns by field; of those that are there, one before the bar counts before others.
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
FOREIGN = {  # of files in which 12.645 may be thousands
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
CLOCKS = {"time": "time clock timeofday uhrzeit zeit hora heure ora"}  # beside the days of bars
PRICES = BAR_COLUMNS[:-1]
_ADJUSTED = re.compile(r"adj", re.IGNORECASE)
_SAID = re.compile(r'(?i:symbol|ticker)\s*[:=,;\t|]\s*"?(?P<symbol>[A-Z][A-Z0-9.\-]{0,9})\b')
_NO_TICKERS = ("ADJ", "ADJUSTED", "PREV", "PREVIOUS", "RAW", "TRADE", "PX", "DAY")
_ALSO_TICKERS = {"C", "DAY", "DT", "H", "L", "LOW", "MAX", "MIN", "O", "OPEN", "SYM", "V"}
_UNNAMED = ("", "index", "unnamed0", "level0")  # of an index that was written without its name
_NOTHING = r"(?:|-+|–|—|\.|n/?a|#n/?a.*|nan|null|none|nil)"
_UNITS = {"K": "e3", "M": "e6", "B": "e9"}
_SURE = 0.98  # of the rows without a header have the third column highest, the fourth lowest


def by_ticker(raw: RawTable, symbols: Sequence[str] = (), *, closes: bool) -> RawTable:
    """A table of which each column is of a ticker, such as `AAPL.Close`, as one of rows of each.

    Columns that are named by tickers alone hold their `closes`, where that was said. The `symbols`
    that are wanted tell a column C of closes from the one of a stock C.
    """
    names = [str(name) for name in raw.cells]
    if closes and (alone := _tickers(names, symbols)):
        named = ["Close" if name in alone else name for name in names]
        return raw.stacked([name if name in alone else "" for name in names], named)
    if any(_FIELD_OF.get(plain(name)) == "close" for name in names):
        return raw
    parts = [_parts(name) for name in names]
    found = {ticker for ticker, what in filter(None, parts) if what == "close"}
    tickers = sorted(found, key=lambda ticker: (-len(ticker), ticker))
    own = [next((one for one in tickers if name != _without(name, one)), "") for name in names]
    if tickers:
        return raw.stacked(own, [_without(n, of) for n, of in zip(names, own, strict=True)])
    return raw


def _tickers(names: Sequence[str], symbols: Sequence[str]) -> list[str]:
    """The columns beside the day where all of them, two or more, are named by tickers alone."""
    days = [name for name in names if not name or _FIELD_OF.get(plain(name)) == "date"]
    others = [n for n in names if n not in days or (n in _ALSO_TICKERS and n != days[0])]
    fields = {name: what for name in others if (what := _FIELD_OF.get(plain(name)))}
    held = {*fields.values()}
    wanted = [one.rpartition("=")[2] for one in symbols]
    is_of_another = len(wanted) == 1 and wanted[0] not in others
    is_bar = ({*PRICES} <= held or is_of_another) and 2 * len(fields) > len(others)  # Date,O,H,L,C
    is_close = {"close", "volume"} <= held and len(fields) == len(others) and len(wanted) < 2  # noqa: PLR2004
    if len(others) < 2 or is_bar or is_close or not {*fields} <= _ALSO_TICKERS:  # noqa: PLR2004
        return []
    return others if all(is_symbol(n) and not _parts(n) for n in others) else []


def _parts(name: str) -> tuple[str, str] | None:
    """The ticker and the field of a name such as `AAPL.Close` or `Close_AAPL`."""
    for cut in re.finditer(r"[\s._:|/\-]+", name):
        halves = name[: cut.start()], name[cut.end() :]
        for ticker, what in (halves, halves[::-1]):
            known = _FIELD_OF.get(plain(what))
            if known in BAR_COLUMNS and is_symbol(ticker) and ticker not in _NO_TICKERS:
                return ticker, known
    return None


def _without(name: str, ticker: str) -> str:
    """A name without the ticker at its one end."""
    if not ticker:
        return name
    return re.sub(rf"^{re.escape(ticker)}[\s._:|/\-]+|[\s._:|/\-]+{re.escape(ticker)}$", "", name)


def without_header(raw: RawTable, notes: list[str]) -> RawTable:
    """Give columns without names those of the bar that they certainly are; else ask."""
    cells = raw.cells
    days = [
        n for n in cells if cells[n].str.match(r"\d{1,4}[-/.]\d\d?[-/.]\d{2,4}|\d{8}(?: |$)").all()
    ]
    clocks = [n for n in cells if cells[n].str.match(r"\d\d?:\d\d").all()]
    texts = [n for n in cells if cells[n].str.match(r"[A-Za-z]").all()]
    left = [n for n in cells if n not in (*days[:1], *clocks, *texts)]
    if days and len(texts) < 2 and len(left) >= len(PRICES):  # noqa: PLR2004
        bars = cells[left[:4]].apply(pd.to_numeric, errors="coerce")
        first, high, low, last = (bars[name] for name in left[:4])
        fits = (high >= bars.max(axis=1)) & (low <= bars.min(axis=1)) & first.notna() & last.notna()
        if fits.mean() > _SURE and (fits & (high > low)).any():
            found = dict(zip([days[0], *left], ["Date", *BAR_COLUMNS], strict=False))
            found |= dict.fromkeys(texts, "Symbol") | dict.fromkeys(clocks, "Time")
            notes.append("It has no header: the columns are taken by what they hold.")
            return replace(raw, cells=cells.rename(columns=found))
    raise UsageError(
        f"{raw.path} has no header, and its columns do not tell themselves. Name them by their "
        f"numbers, such as --map date=1 --map open=2 --map high=3 --map low=4 --map close=5 "
        f"--map volume=6."
    )


def named_columns(
    raw: RawTable,
    said: Mapping[str, str],
    known: Mapping[str, str],
    symbols: Sequence[str] = (),
) -> dict[str, str]:
    """The columns by field, as they were said or by the names that are `known`; else ask."""
    names = [str(name) for name in raw.cells]
    tickers = [] if {*BAR_COLUMNS} & {*said} else _tickers(names, symbols)
    found = columns_of([name for name in names if name not in tickers], dict(said), known)
    if "date" not in found and (bare := [n for n in names if plain(n) in _UNNAMED]):
        found["date"] = bare[0]
    for what in ("date", "close"):
        if what not in found:
            more = ""
            if tickers and what == "close":
                more = f" Or are {first_few(tickers)} symbols? --closes takes the closes of each."
            raise UsageError(
                f"No column of the file looks like the {what}. Name it with "
                f"--map {what}=COLUMN; it has {', '.join(map(repr, names))}.{more}"
            )
    return found


def fields_of(
    columns: Mapping[str, str], constants: Mapping[str, str], *, closes: bool
) -> tuple[str, ...]:
    """The fields that prices take from the columns: those of bars, or the close alone; else ask."""
    for what, value in constants.items():
        if what != "volume" or not re.fullmatch(r"\d+(\.\d+)?", value):
            raise UsageError(
                f"--set {what}={value}: of prices the volume alone can be set, to a number, where "
                f"the file has none. Whose they are is said by --symbol."
            )
    missing = [one for one in BAR_COLUMNS if one not in columns and one not in constants]
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
    """By symbol the places of its rows, or why it cannot be taken in."""
    renamed = {old: check_symbol(new) for new, _, old in (one.partition("=") for one in symbols)
               if old}  # fmt: skip
    wanted = [check_symbol(one.partition("=")[0]) for one in symbols]
    texts = _texts(raw, names, notes)
    if texts is None:
        return {_only(raw, wanted): np.flatnonzero(are_prices)}
    found: dict[str, NDArray[np.intp] | BacktestError] = {}
    places = np.flatnonzero(are_prices)
    for text, own in pd.Series(places).groupby(texts.to_numpy()[places]).indices.items():
        symbol = renamed.get(text) or renamed.get(as_symbol(text)) or as_symbol(text)
        if not symbol:
            at = f"{raw.path}, {raw.at(places[own[0]])}, column {names['symbol']}"
            found["no symbol"] = DataError(f"{at}: empty. Write whose prices they are, as in CRWV.")
            continue
        if not is_symbol(symbol):
            found[text] = UsageError(
                f"{text!r} is no symbol: capitals, digits, points and hyphens. "
                f"--symbol NEW='{text}' takes it under a name that is one."
            )
            continue
        before = found.get(symbol)
        rows = places[own]
        found[symbol] = np.union1d(before, rows) if isinstance(before, np.ndarray) else rows
    if missing := sorted({*wanted} - {*found}):
        there = first_few(sorted(found), 10)
        same = f"--symbol {missing[0]}='{next(iter(found))}'" if len(found) == 1 else ""
        raise UsageError(
            f"{raw.path} has no row of {first_few(missing)}: it says that its prices are of "
            f"{there}.{f' If both are the same stock: {same}.' if same else ''}"
        )
    return {one: found[one] for one in sorted(found) if not wanted or one in wanted}


def _texts(raw: RawTable, names: dict[str, str], notes: list[str]) -> pd.Series | None:
    """What the file says of each row's symbol; None where it says nothing."""
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
        del names["symbol"]
    said = _SAID.search(raw.before)
    return pd.Series([said["symbol"]] * len(raw.cells)) if said else None


def _only(raw: RawTable, wanted: Sequence[str]) -> str:
    """The symbol of a file that says nothing of it: the one that is wanted, or its own name."""
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
    """The decimal sign of texts, where it is certain; UsageError where it is not.

    In a `continental` table, of semicolons or days such as 01.09.2020, 12.645 may be thousands.
    """
    texts = [one for one in columns if continental or _plain_numbers(one) is None]
    if not texts:
        return "."
    cells = pd.concat([_bare(column[~nothing(column)]) for column in texts])
    having = {sign: cells[cells.str.contains(sign, regex=False)] for sign in ",."}
    there = [sign for sign in having if len(having[sign])]
    grouped = {
        sign: having[sign].str.match(rf"\d{{1,3}}(?:\{sign}\d{{3}})+$").all() for sign in there
    }
    if len(there) == 2:  # noqa: PLR2004
        mixed = next((one for one in having[","] if "." in one), None)
        if mixed is not None:
            return "," if mixed.rfind(",") > mixed.rfind(".") else "."
        if grouped[","] != grouped["."]:
            return "." if grouped[","] else ","
    elif not there or not grouped[there[0]]:
        return there[0] if there else "."
    elif having[there[0]].str.count(re.escape(there[0])).gt(1).any():  # 1.234.567
        return "." if there == [","] else ","
    elif there == ["."] and not continental:
        return "."
    example = " and ".join(repr(having[sign].iloc[0]) for sign in there)
    raise UsageError(
        f"Numbers such as {example} can be read in two ways. Say which sign is the decimal one: "
        f"--decimal . or --decimal ,"
    )


def parse_numbers(column: pd.Series, decimal: str) -> pd.Series:
    """Cells as numbers, NaN for those that are none; `$`, thousands, 1.5M, (2) are understood."""
    numbers = _plain_numbers(column) if decimal == "." else None
    if numbers is not None:
        return numbers
    cells = _bare(column)
    cells = cells.str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace("−", "-")
    units = cells.str[-1:].str.upper().map(_UNITS)
    cells = cells.where(units.isna(), cells.str[:-1] + units)
    group = "," if decimal == "." else "."
    whole, exponent = rf"(?:\d+|\d{{1,3}}(?:\{group}\d{{3}})+)?", r"(?:[eE][-+]?\d+)?"
    is_number = cells.str.fullmatch(rf"[-+]?{whole}(?:\{decimal}\d*)?{exponent}")
    cells = cells.str.replace(group, "").str.replace(decimal, ".")
    return pd.to_numeric(cells.where(is_number, "nan"), errors="coerce").astype(float)


def _plain_numbers(column: pd.Series) -> pd.Series | None:
    """The numbers of a column that holds nothing else; None where it does."""
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


def nothing(column: pd.Series) -> pd.Series:
    """Which cells hold no more than a sign for what is unknown, such as `null` or `-`."""
    if column.dtype.kind in "iufM":
        return column.isna()
    return column.isna() | column.astype(str).str.strip().str.fullmatch(_NOTHING, case=False)


def _bare(column: pd.Series) -> pd.Series:
    return column.astype(str).str.replace("USD|US(?=[$])|[$\\s'\u2019\u00a0\u202f]", "", regex=True)
