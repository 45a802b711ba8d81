"""Read users' tables as cells: CSV of any encoding, separator and layout, and Parquet."""

from __future__ import annotations

import ast
import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.kinds import is_symbol
from backtest.errors import DataError, UsageError, unknown

FieldOf = Callable[[str], "str | None"]  # the field that a column of a name holds

_SEPARATORS = ",;\t|"
_SAMPLE = 60  # the header is among so many first lines
_PACKED = {b"PK": "a workbook of Excel or an archive", b"\x1f\x8b": "compressed",
           b"\xd0\xcf": "a workbook of Excel", b"BZ": "compressed",
           **dict.fromkeys((b"[{", b'{"', b"[\n", b"{\n"), "JSON")}  # fmt: skip
_MARKS = {BOM_UTF8: "utf-8-sig", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}
_LEVELS = ("ticker", "tickers", "symbol", "symbols")  # first cells of a header line of symbols
TICKER = "Ticker"
_CURRENCIES = ("currency", "ccy", "wahrung", "devise", "divisa", "moneda")  # names of columns
_DOLLARS = r"(?i)US[D$]|\$|(?:US )?dollars?|[-.]*|n/?a|null|none"  # the last are no currency
_SUFFIX = re.compile(r"\.US$| US EQUITY$| US$", re.IGNORECASE)
_EXCHANGE = re.compile(r"^(NASDAQ|NYSE ?(ARCA)?|AMEX|BATS|CBOE|ARCA|XNYS|XNAS):\s*", re.IGNORECASE)


@dataclass(frozen=True)
class RawTable:
    """`RawTable` holds the rows of a file as texts, or those of Parquet by their own types."""

    path: Path
    cells: pd.DataFrame
    lines: NDArray[np.int64]  # the number of each row in the file
    word: str  # what they number: `line` or `row`
    separator: str = ","
    has_header: bool = True
    guessed_encoding: bool = False
    before: str = ""  # the text before the header
    notes: Sequence[str] = field(default_factory=tuple)

    def at(self, row: int) -> str:
        """Return the position of a row in the file, such as `line 7`."""
        return f"{self.word} {self.lines[row]}"

    def only(self, rows: NDArray[np.bool_]) -> RawTable:
        """Return the table with some of its rows, by a mask."""
        cells = self.cells[rows].reset_index(drop=True)
        return replace(self, cells=cells, lines=self.lines[rows])

    def stacked(self, tickers: Sequence[str], names: Sequence[str]) -> RawTable:
        """Stack the columns of each ticker; those with an empty ticker are shared by all."""
        parts = []
        for ticker in dict.fromkeys(filter(None, tickers)):
            columns = [n for n, owner in enumerate(tickers) if owner in ("", ticker)]
            part = self.cells.iloc[:, columns].set_axis([names[n] for n in columns], axis=1)
            parts.append(part.assign(**{TICKER: ticker}))
        cells = pd.concat(parts, ignore_index=True)
        if self.word == "line":  # a ticker may lack a column that another has
            cells = cells.fillna("")
        return replace(self, cells=cells, lines=np.tile(self.lines, len(parts)))


def plain(name: str) -> str:
    """Return a column's name in lower-case letters and digits: `Close/Last` is closelast."""
    bare = "".join(c for c in normalize("NFKD", name.casefold()) if c.isascii())
    return re.sub(r"^\d+|[^a-z0-9]", "", re.sub(r"^\d+\.?\s*(?=[a-z])", "", bare))


def read_table(path: Path, field_of: FieldOf, encoding: str | None = None) -> RawTable:
    """Read a CSV or Parquet file, whose header is the line with the most names of fields.

    Raise UsageError if there is no file or it is no table, DataError if it is damaged or empty.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path}.") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    if packed := _PACKED.get(content[:2]):
        raise UsageError(f"{path} is {packed}: save its table as CSV, or unpack it, and take that.")
    if content[:4] == b"PAR1" or path.suffix in (".parquet", ".pq"):
        table = _parquet(path, field_of)
    else:
        table = _csv(path, *_decoded(path, content, encoding), field_of)
    if table.cells.empty:
        line = ", ".join(map(str, table.cells.columns))[:80]  # it may be a vendor's refusal
        raise DataError(f"{path} has no row below {line!r}.")
    return table


def _unreadable(path: Path, fault: str) -> DataError:
    first = fault.strip().partition("\n")[0]
    return DataError(f"{path} cannot be read ({first}).")


def _decoded(path: Path, content: bytes, encoding: str | None) -> tuple[str, bool]:
    """Return the text of a file, and whether its encoding is a guess."""
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if b"\0" in content[:2] and marked is None:
        marked = "utf-16-be" if content[0] == 0 else "utf-16-le"
    name = encoding or marked or "utf-8"
    try:
        return content.decode(name), False
    except UnicodeDecodeError as error:
        if encoding or marked:
            raise _unreadable(path, f"it is not {name}: {error.reason}") from None
    except (LookupError, ValueError):  # ValueError: `undefined` is an encoding that always fails
        raise UsageError(
            f"--encoding {encoding!r} is unknown. Such as utf-8, cp1252, latin-1, utf-16."
        ) from None
    try:
        return content.decode("cp1252"), True
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not UTF-8. Say in which encoding it is, with --encoding latin-1 or another."
        ) from None


# CSV: the header is the line with the most names of fields, and the body follows


def _csv(path: Path, text: str, guessed: bool, field_of: FieldOf) -> RawTable:  # noqa: FBT001
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", _SAMPLE)[:_SAMPLE]
    declared = re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE)
    if not text.strip():
        raise _unreadable(path, "it is empty")
    separator, header = _layout(lines, field_of, declared[1] if declared else _SEPARATORS)
    rows = [_split(line, separator) for line in lines]
    if header is None:
        start = next(n for n, row in enumerate(rows) if len(row) > 1)
        names, tickers = [str(n + 1) for n in range(len(rows[start]))], None
    else:
        names, tickers, start = _head(rows, header, field_of)
    before = header or 0
    cells, numbers, kept = _body(path, text, separator, start, names)
    names = [names[n] for n in kept]
    doubled = [name for name in dict.fromkeys(names) if names.count(name) > 1 and field_of(name)]
    if doubled and tickers is None:
        raise DataError(
            f"{path}, line {before + 1}: two columns are called {doubled[0]!r}, and nothing tells "
            f"them apart. Give each its own name."
        )
    notes = ["It is not UTF-8 and is read as cp1252; --encoding says another."] * guessed
    table = RawTable(
        path, cells, numbers, "line", separator, header is not None, guessed,
        "\n".join(lines[:before]), notes,
    )  # fmt: skip
    return table if tickers is None else table.stacked([tickers[n] for n in kept], names)


def _layout(lines: Sequence[str], field_of: FieldOf, separators: str) -> tuple[str, int | None]:
    """Return the separator, and the line of the header, or None if the first line is a row."""
    best = (1, "", 0)
    for separator in separators:
        for number, line in enumerate(lines):
            score = len({field_of(text) for text in _split(line, separator)} - {None})
            if score > best[0]:
                best = (score, separator, number)
    if best[1]:
        return best[1], _named_header(lines, best[1], best[2], field_of)
    first = next((line for line in lines if any(sign in line for sign in separators)), lines[0])
    separator = max(separators, key=first.count)
    cells = [text for text in _split(first, separator) if text]
    is_row = sum(bool(re.match(r"[-+$]?\d", text)) for text in cells) > len(cells) / 2
    return separator, None if is_row and len(cells) > 1 else lines.index(first)


def _named_header(lines: Sequence[str], separator: str, header: int, field_of: FieldOf) -> int:
    """Return the line of the header, which may be next to one of tickers such as O, C, V, LOW."""
    cells = _split(lines[header], separator)
    if cells[0].casefold() in _LEVELS:
        for number in (header + 1, header - 1):
            beside = _split(lines[number], separator) if 0 <= number < len(lines) else []
            if _is_level(cells, beside) and all(map(field_of, beside[1:])):
                return number
    return header


def _split(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:  # a cell of more than 131,072 characters, which no header has
        return [line.strip()]


def _head(
    rows: Sequence[list[str]], header: int, field_of: FieldOf
) -> tuple[list[str], list[str] | None, int]:
    """Return the names of the columns, their tickers if a line has them, and the first row."""
    names, start = list(rows[header]), header + 1
    tickers = None
    if start < len(rows) and _is_level(rows[start], names):
        tickers, start = list(rows[start]), start + 1
    elif header and _is_level(rows[header - 1], names):
        tickers = list(rows[header - 1])
    if tickers is not None:
        tickers[0], names[0] = "", "Date"
    if start < len(rows) and len(rows[start]) == len(names) > 1:  # a line may name the index alone
        index, *others = rows[start]
        if field_of(index) == "date" and not any(others):
            names[0], start = index, start + 1
    return names, tickers, start


def _is_level(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Tell whether a line next to the header holds the symbol of each column."""
    if len(cells) != len(names) or len(cells) < 2 or not all(cells[1:]):  # noqa: PLR2004
        return False
    if cells[0].casefold() in _LEVELS:
        return True
    return not cells[0] and not any(re.match(r"[-+$]?[\d.]", cell) for cell in cells[1:])


def _body(
    path: Path, text: str, separator: str, start: int, names: Sequence[str]
) -> tuple[pd.DataFrame, NDArray[np.int64], list[int]]:
    """Return the cells below the header, the line of each row, and the numbers of used columns."""
    cells = _regular_body(text, separator, start, len(names))
    if cells is None:
        cells = _irregular_body(path, text, separator, start, len(names))
    cells = cells.apply(lambda column: column.str.strip())
    lines = np.arange(start + 1, start + 1 + len(cells))
    filled = (cells != "").to_numpy()
    long = filled[:, len(names) :].any(axis=1)
    if not (long & filled[:, 0])[long].all() or cells[0][long].str.match(r"\d").any():
        row = int(np.flatnonzero(long)[0])
        raise _unreadable(
            path,
            f"line {lines[row]} has {np.flatnonzero(filled[row])[-1] + 1} cells where the header "
            f"has {len(names)}",
        )
    rows = filled.any(axis=1)
    kept = [n for n, name in enumerate(names) if name or filled[:, n].any()]
    body = cells.iloc[:, kept].set_axis(_distinct_names([names[n] for n in kept]), axis=1)
    return body[rows].reset_index(drop=True), lines[rows], kept


def _regular_body(text: str, separator: str, start: int, width: int) -> pd.DataFrame | None:
    """Read unquoted rows as wide as the header by Arrow, ten times as fast; else return None."""
    from pyarrow import csv, large_string, py_buffer

    names = [str(n) for n in range(width)]
    if width == 1 or '"' in text:
        return None
    try:
        table = csv.read_csv(
            py_buffer(text.encode()),
            csv.ReadOptions(column_names=names, skip_rows=start, use_threads=False),
            csv.ParseOptions(delimiter=separator, quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=dict.fromkeys(names, large_string())),
        )
    except ValueError:  # also of what is no UTF-8, and of separators beyond ASCII
        return None
    return table.to_pandas().set_axis(range(width), axis=1) if len(table) else None


def _irregular_body(path: Path, text: str, separator: str, start: int, width: int) -> pd.DataFrame:
    """Read the cells of any file, in which a row may be longer than the header."""
    longest = max(width, 1 + max(line.count(separator) for line in io.StringIO(text)))
    try:
        return pd.read_csv(
            io.StringIO(text), sep=separator, header=None, names=range(longest), dtype=str,
            skiprows=start, index_col=False, na_filter=False, skip_blank_lines=False,
            skipinitialspace=True,
        ).fillna("")  # fmt: skip
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} has no row below its header.") from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None


def _distinct_names(names: Sequence[str]) -> list[str]:
    """Return names of which no two are the same: the second `x` is `x (2)`."""
    counts: dict[str, int] = {}
    distinct = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        distinct.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return distinct


# Parquet, in which columns may have two levels


def _parquet(path: Path, field_of: FieldOf) -> RawTable:
    from pyarrow import parquet

    try:
        stored = parquet.read_table(path, page_checksum_verification=True)
        stored.validate(full=True)  # that texts are UTF-8
        cells = stored.to_pandas()
    except (OSError, ValueError, NotImplementedError) as error:  # the bases of Arrow's errors
        raise _unreadable(path, str(error)) from None
    if not isinstance(cells.index, pd.RangeIndex):
        cells = cells.reset_index(allow_duplicates=True)
    labels = [_label(name) for name in cells.columns]
    cells.columns = _distinct_names(list(map(" ".join, labels)))
    table = RawTable(path, cells, np.arange(len(cells)), "row")
    paired = [label for label in labels if len(label) > 1]
    if not paired:
        return table
    level = _level_of_fields(paired, field_of)
    names = [label[level] if len(label) > 1 else "".join(label) for label in labels]
    tickers = [label[0 if level else 1] if len(label) > 1 else "" for label in labels]
    return table.stacked(tickers, names)


def _level_of_fields(labels: Sequence[tuple[str, ...]], field_of: FieldOf) -> int:
    """Return the level of labels that names fields; tickers such as O, V and LOW may seem to."""

    def rank(parts: Sequence[str]) -> tuple[bool, int]:
        count = sum(field_of(part) is not None for part in parts)
        return count > 0 and not all(map(is_symbol, parts)), count

    levels = [rank(parts) for parts in zip(*labels, strict=False)]
    return levels.index(max(levels))


def _label(name: Any) -> tuple[str, ...]:
    """Return the non-empty parts of a column's name, also of two levels written as one text."""
    if isinstance(name, str) and re.fullmatch(r"\('.*', '.*'\)", name):
        name = ast.literal_eval(name)
    parts = name if isinstance(name, tuple) else (name,)
    return tuple(str(part) for part in parts if part != "")


def read_named_table(
    path: Path, mapping: Mapping[str, str], words: Mapping[str, str], encoding: str | None
) -> RawTable:
    """Read a file as `read_table` does, with columns that `mapping` names by field, or `words`.

    Raise UsageError if a column of `mapping` is missing, or amounts are not in dollars.
    """
    by_column = {name: field for field, name in mapping.items()}
    by_name = fields_by_name(words)
    raw = read_table(path, lambda name: by_column.get(name) or by_name.get(plain(name)), encoding)
    for name in by_column:
        if name not in raw.cells:
            raise unknown("column of the file", name, raw.cells.columns)
    for name in [name for name in raw.cells if plain(str(name)) in _CURRENCIES]:
        texts = raw.cells[name].dropna().astype(str).str.strip()
        others = texts[~texts.str.fullmatch(_DOLLARS)]
        if len(others):
            raise UsageError(
                f"{path} has amounts in {others.iloc[0]!r}, column {name}: only dollars are known "
                f"here. Turn them into dollars, or take those rows out."
            )
    return raw


def fields_by_name(words: Mapping[str, str]) -> dict[str, str]:
    """Return the field of each plain name, from the names of each field."""
    return {name: field for field, text in words.items() for name in text.split() if name != "|"}


def columns_of(
    names: Collection[str], mapping: Mapping[str, str], words: Mapping[str, str]
) -> dict[str, str]:
    """Return a table's columns by field: those of `mapping`, and others by their plain names.

    The `words` for a field that come before a bar (`|`) take precedence over those after it. Raise
    UsageError if two columns fit a field equally well.
    """
    columns = dict(mapping)
    free = {name: plain(name) for name in names if name not in mapping.values()}
    for what, text in words.items():
        for group in text.split("|") if what not in columns else ():
            fitting = [name for name, bare in free.items() if bare in group.split()]
            if len(fitting) > 1:
                raise UsageError(
                    f"Both {fitting[0]!r} and {fitting[1]!r} may be the {what}. "
                    f"Say which, with --map {what}='{fitting[0]}'."
                )
            if fitting:
                columns[what] = fitting[0]
                del free[fitting[0]]
                break
    return columns


def as_symbol(text: str) -> str:
    """Return a symbol as it is written here: `aapl.us` and `NASDAQ:AAPL` are AAPL."""
    bare = _EXCHANGE.sub("", _SUFFIX.sub("", text.strip()))
    return bare.upper() if bare.islower() else bare
