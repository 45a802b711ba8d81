"""Read users' files of events: columns by their names, days and times as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from backtest.data.datafile import raise_problems
from backtest.data.events import field_schema, meaning_of, prepare_row
from backtest.data.kinds import Earnings, Event
from backtest.errors import UsageError, unknown
from backtest.sources.own_columns import are_blank, guess_decimal, parse_numbers
from backtest.sources.own_tables import RawTable, as_symbol, columns_of, plain, read_named_table
from backtest.sources.own_times import PublicTimes, days_by_text, days_of_midnights

_CLOCK = "time of day"  # a column beside the day
YEAR = "year"  # a column beside the number of the quarter
_COMMON = {
    "symbol": "symbol ticker tickers sym actsymbol stocksymbol | stock code",
    "published_at": """publishedat | published datereported reporteddate earningsdate announced
        announcementdate releasedate publicationdate publishdate publishedutc pubdate filingdate
        filedat acceptancedatetime campaigndate | reportdate datetime timestamp | date day datum
        | time""",
    _CLOCK: """reporttime releasetime timeofday timing calltime earningstime when session hour time
        uhrzeit""",
    "headline": "headline title reporttitle subject | description summary",
    "source_url": "sourceurl url articleurl reporturl reportlink link href",
}
# By field of the kinds that ship; fields of other kinds are recognised by their own names.
_OWN = {
    "eps": """eps reportedeps epsactual actualeps earningspershare epsreported | reported actual""",
    "eps_consensus": """epsconsensus estimatedeps epsestimate epsestimated consensusepsforecast
        epsforecast epsest consensuseps consensusestimate | estimate consensus expected forecast""",
    "revenue": "revenue reportedrevenue revenueactual actualrevenue | sales salesactual",
    "revenue_consensus": """revenueconsensus estimatedrevenue revenueestimate revenueestimated
        revenueforecast revenueest | salesestimate""",
    "period": "period fiscalquarter quarter",
    "period_end": "periodend fiscaldateending",
    "author": "author shortseller firm researcher researchfirm campaignby publisher analyst",
    "target_price": "targetprice pricetarget target pt",
    "claim": "claim allegation allegations thesis",
    "holder": "holder investor fund filer filername manager institution holdername | owner",
    "form": "form formtype filingtype",
    "as_of": "asof periodofreport periodofreportdate quarterend reportdate sourcedate",
    "shares": "shares sharesheld sharesowned position",
    "previous_shares": "previousshares sharesprevious previousposition",
    "percent_of_class": "percentofclass percentofshares ownershippercent pctofclass",
    "value": "value marketvalue valueusd",
    "category": "category eventtype | type topic",
}
_INSIDER = {"filingdate", "tradetype", "insidername"}  # columns of openinsider's tables
_QUARTER = re.compile(r"(?P<a>\d{4})?[ -]?Q(?P<q>[1-4])[ -]?(?:FY ?)?(?P<b>\d{4})?", re.IGNORECASE)
_NEAR = 0.85  # the likeness from which a column's name is a misspelt field


class MissingFieldsError(UsageError):
    """`MissingFieldsError` says that a file has no column for `fields` that each event needs."""

    def __init__(
        self, path: Path, kind: type[Event], fields: Sequence[str], columns: Sequence[str]
    ) -> None:
        """Name the missing fields with their meanings, and the options that supply them."""
        lines = [f"\n  {name}: {meaning_of(kind, name)}" for name in fields]
        ready = [f"--set {name}=…" for name in fields if name != "source_url"]
        ready += ["--source-url unknown"] * ("source_url" in fields)
        super().__init__(
            f"{path} has no column for what each {kind.kind} needs.{''.join(lines)}\n"
            f"Name a column with --map FIELD=COLUMN, or say to `events import` what holds in every "
            f"row: {' '.join(ready)}. Its columns: {', '.join(columns)}."
        )
        self.fields = fields


@dataclass(frozen=True)
class OwnEvents:
    """`OwnEvents` holds the prepared rows of a file, its columns by field, and notes on it."""

    path: Path
    columns: Mapping[str, str]
    notes: Sequence[str]
    rows: Sequence[dict[str, str]]


def read_event_file(
    path: Path,
    kind: type[Event],
    *,
    source_url: str | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    date_form: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    zone: str | None = None,
) -> OwnEvents:
    """Read a CSV or Parquet file of events of one kind.

    `columns` are the file's by field; `constants` are the same in every row, but for `{Name}`,
    which is replaced by the cell of a column. `zone` is that of times without one. Raise
    MissingFieldsError if a required field is missing, UsageError if the file cannot be understood,
    and DataError, which names every wrong row.
    """
    words = _words(kind)
    mapping, constants = dict(columns or {}), dict(constants or {})
    fields = [name for name in words if name in kind.model_fields]
    for name in (*mapping, *constants):
        if name not in words:
            raise unknown(f"field of {kind.kind}", name, fields)
    raw = read_named_table(path, mapping, words, encoding)
    _check_encoding(raw)
    raw = _with_insiders(raw, kind)
    free = {what: text for what, text in words.items() if what not in constants}
    names = columns_of([str(name) for name in raw.cells], mapping, free)
    reading = _Reading(raw, kind, names, constants, date_form, decimal)
    published = reading.texts("published_at") or []
    clocks = reading.texts(_CLOCK) if published else None
    times = PublicTimes(published, clocks, date_form, zone)
    reading.check(times, source_url)
    problems: list[str] = []
    rows = []
    for at, row in reading.rows(times, problems):
        try:
            rows.append(prepare_row(kind, row, source_url))
        except ValueError as error:
            problems.append(f"{at}, {error}")
    raise_problems(path, problems)
    unused = [str(name) for name in raw.cells if name and name not in names.values()]
    notes = [*raw.notes, *([f"Not taken: {', '.join(unused)}."] if unused else [])]
    return OwnEvents(path, names, notes, rows)


def _check_encoding(raw: RawTable) -> None:
    """Raise UsageError if the encoding is a guess on which some text depends."""
    if not raw.guessed_encoding:
        return
    for row, cells in enumerate(raw.cells.itertuples(index=False)):
        if text := next((cell for cell in cells if not cell.isascii()), None):
            raise UsageError(
                f"{raw.path}, {raw.at(row)}: is this right, {text!r}? The file is not UTF-8. If "
                f"it is, --encoding cp1252; else name another."
            )


def _words(kind: type[Event]) -> dict[str, str]:
    """Return the names of columns by field; a kind's own fields come first and choose first."""
    own_fields = [name for name in kind.model_fields if name not in Event.model_fields]
    words = {name: f"{plain(name)} | {_OWN.get(name, '')}" for name in own_fields}
    if "period" in words:
        words[YEAR] = "year fiscalyear periodyear"
    words |= _COMMON
    return words | {name: plain(name) for name in kind.model_fields if name not in words}


def _with_insiders(raw: RawTable, kind: type[Event]) -> RawTable:
    """Add to openinsider's table what News needs in each row; its times are New York's."""
    by_plain = {plain(str(name)): str(name) for name in raw.cells}
    if kind.kind != "news" or not by_plain.keys() >= _INSIDER:
        return raw
    cells = raw.cells.rename(columns={by_plain["title"]: "Position"} if "title" in by_plain else {})
    trade = cells[by_plain["tradetype"]]
    code, what = trade.str[:1], trade.str.partition(" - ")[2].str.lower()
    sold = code.map({"S": "sale", "P": "purchase"}).fillna(what)
    names = ("qty", "price", "value", "tradedate")
    amounts = [by_plain[name] for name in names if name in by_plain]
    figures = ["; ".join(f"{name} {row[name]}" for name in amounts) for _, row in cells.iterrows()]
    who = cells[by_plain["insidername"]] + (", " + cells["Position"] if "Position" in cells else "")
    cells = cells.assign(
        Category="insider_" + sold, Headline="Form 4: " + trade + " by " + who, Figures=figures
    )
    filed = by_plain["filingdate"]
    if not isinstance(cells[filed].dtype, pd.DatetimeTZDtype):
        texts = cells[filed].astype(str).fillna("")
        cells[filed] = texts.where(~texts.str.contains(":"), texts + " ET")
    return replace(raw, cells=cells)


@dataclass
class _Reading:
    """`_Reading` turns the columns of a file into texts by field."""

    raw: RawTable
    kind: type[Event]
    names: Mapping[str, str]
    constants: Mapping[str, str]
    date_form: str | None
    decimal: str | None

    def check(self, times: PublicTimes, source_url: str | None) -> None:
        """Raise MissingFieldsError if a field has no column, DataError if one is misspelt."""
        fields = self.kind.model_fields
        available = {*self.names, *self.constants} | ({"source_url"} if source_url else set())
        problems = []
        for name in map(str, self.raw.cells):
            missing = [field for field in fields if field not in available]
            near = get_close_matches(name.lower(), missing, n=1, cutoff=_NEAR)
            if near and name not in self.names.values():
                problems.append(
                    f"column {name!r}: not a column of {self.kind.kind}; did you mean "
                    f"{near[0]!r}? Then --map {near[0]}='{name}'"
                )
        raise_problems(self.raw.path, problems)
        needed = [name for name, field in fields.items() if field.is_required()]
        implied = {"precision"} if not times.bare else set()
        implied |= {"headline"} if self.kind is Earnings else set()
        lacking = [name for name in (*needed, "source_url") if name not in available | implied]
        if lacking:
            raise MissingFieldsError(self.raw.path, self.kind, lacking, [*map(str, self.raw.cells)])

    def texts(self, what: str) -> list[str] | None:
        """Return the cells of a field as texts, or None if it has neither column nor constant."""
        if what in self.constants:
            return [self.constants[what]] * len(self.raw.cells)
        if what not in self.names:
            return None
        cells = self.raw.cells[self.names[what]]
        if cells.dtype.kind == "M":
            return ["" if pd.isna(moment) else moment.isoformat() for moment in cells]
        return ["" if pd.isna(cell) else str(cell).strip() for cell in cells]

    def rows(self, times: PublicTimes, problems: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the position of each row and its cells by field; `problems` takes those untimed."""
        fields = [name for name in self.kind.model_fields if name in self.names]
        columns = {name: self._column(name) for name in fields if name != "published_at"}
        records = self.raw.cells.astype(str).fillna("").to_dict("records")
        for index, record in enumerate(records):
            row = {name: cells[index] for name, cells in columns.items()}
            row |= {name: _filled(value, record) for name, value in self.constants.items()}
            at = self.raw.at(index)
            try:
                stamp = times.of(index, row.get("precision"))
            except (ValueError, UsageError) as error:
                problems.append(f"{at}, column {self.names.get('published_at', '')}: {error}")
                continue
            row["published_at"], row["precision"] = stamp
            if self.kind is Earnings and not row.get("headline"):
                row["headline"] = f"Quarterly report {row.get('period', '')}".strip()
            yield at, row

    def _column(self, name: str) -> list[str]:
        """Return the cells of a column as its field takes them; one that does not fit is kept."""
        texts = self.texts(name) or []
        schema = field_schema(self.kind, name)
        if schema.get("type") in ("number", "integer"):
            cells = pd.Series(texts, dtype=object)
            rows = zip(texts, parse_numbers(cells, self._sign), are_blank(cells), strict=True)
            return ["" if is_none else _as_number(text, number) for text, number, is_none in rows]
        if schema.get("format") == "date":
            texts = days_of_midnights(texts)
            days = days_by_text(texts, self.date_form)
            return [str(days.get(text, text)) for text in texts]
        if "enum" in schema:
            words = {plain(word): word for word in schema["enum"]}
            return [words.get(plain(text), text) for text in texts]
        if name == "period":
            years = self.texts(YEAR) or [""] * len(texts)
            return [quarter(text, year) for text, year in zip(texts, years, strict=True)]
        if name == "category":
            return [re.sub(r"\W+", "_", text.lower()).strip("_") for text in texts]
        return [as_symbol(text) for text in texts] if name == "symbol" else texts

    @cached_property
    def _sign(self) -> str:
        columns = [
            self.raw.cells[column].astype(str)
            for name, column in self.names.items()
            if name in self.kind.model_fields
            and field_schema(self.kind, name).get("type") in ("number", "integer")
        ]
        return self.decimal or guess_decimal(columns, continental=self.raw.separator == ";")


def _as_number(text: str, number: float) -> str:
    """Return a text if it is the number as it stands, or none; else the number with all digits."""
    with suppress(ValueError):  # with a decimal comma the text 1.234 is another number
        if pd.isna(number) or float(text) == number:
            return text
    digits = max(len(text), 15)  # a float holds 15: 2.3M is 2300000, not 2299999.9999999995
    return np.format_float_positional(number, precision=digits, fractional=False, trim="-")


def quarter(text: str, year: str) -> str:
    """Return a quarter such as `Q3 2025`, or `3` beside its year, as 2025Q3; empty if none."""
    if re.fullmatch(r"Q?[1-4]", text) and re.fullmatch(r"\d{4}", year):
        return f"{year}Q{text[-1]}"
    match = _QUARTER.fullmatch(text)
    year = match["a"] or match["b"] or "" if match else ""
    return f"{year}Q{match['q']}" if match and year else ""


def _filled(value: str, record: Mapping[str, str]) -> str:
    """Return a constant with the cells of the columns that it names in braces."""

    def cell(name: re.Match[str]) -> str:
        if name[1] not in record:
            raise unknown("column of the file", name[1], record)
        return record[name[1]]

    return re.sub(r"\{([^{}]*)\}", cell, value)
