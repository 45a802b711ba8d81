"""Who files, and what: companies by symbol or name, a filer's filings, and their headers.

The list of filings also has a time of acceptance, always with a Z; but of some filers it is the
clock of New York all the same, and nothing tells which. The header is New York time throughout,
which is why it alone is used.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from backtest.data.kinds import NEW_YORK
from backtest.errors import DataError, SourceError, UsageError
from backtest.sources.edgar import MOVED, SITE, need, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backtest.data.kinds import Precision
    from backtest.sources.edgar import Edgar

_TICKERS = "/files/company_tickers.json"
_COLUMNS = ("accessionNumber", "filingDate", "reportDate", "form", "items")
_ACCESSION = re.compile(r"\d{10}-\d\d-\d{6}")
_MOST_CANDIDATES = 10
_NOTHING = 404
_ACCEPTED = re.compile(r"<ACCEPTANCE-DATETIME>\s*(\d{14})\b")
_FILED = re.compile(r"(?:<FILING-DATE>|FILED AS OF DATE:)\s*(\d{8})\b")
_DOCUMENT = re.compile(r"<TYPE>([^\r\n<]+)(?:(?!</?DOCUMENT>).)*?<FILENAME>([^\r\n<]+)", re.DOTALL)
_BEFORE_OPEN = time(9)
_LEGAL_FORMS = frozenset(
    {"inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "plc", "llc"}
    | {"lp", "llp", "sa", "nv", "ag", "se", "the", "new", "del", "com"}
)


@dataclass(frozen=True)
class Company:
    """Who files: its number at EDGAR and its name there."""

    cik: int
    name: str


@dataclass(frozen=True)
class Filing:
    """One line of a filer's list; the accession is EDGAR's number of the filing.

    The period is the end of the quarter of a 10-Q, 10-K or 13F-HR, and the day of the event of an
    8-K, whose items are such as 2.02.
    """

    cik: int
    accession: str
    form: str
    filed: date
    period: date | None
    items: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The path of its folder."""
        return f"/Archives/edgar/data/{self.cik}/{self.accession.replace('-', '')}"

    @property
    def index_url(self) -> str:
        """Where anyone can read it."""
        return f"{SITE}{self.folder}/{self.accession}-index.htm"


@dataclass(frozen=True)
class Listing:
    """The names that a filer has or had, and its filings, oldest first."""

    names: tuple[str, ...]
    filings: tuple[Filing, ...]


def company_of_symbol(edgar: Edgar, symbol: str) -> Company:
    """The company of a symbol that is listed today; UsageError where there is none."""
    found = edgar.page(_TICKERS, _read_tickers).get(symbol.replace(".", "-"))
    if found is None:
        raise UsageError(
            f"EDGAR's list of today's symbols has no {symbol!r}. For a stock that is no longer "
            f"listed give the number of its company with --cik; {SITE}/edgar/search finds it."
        )
    return found


def company_of_number(edgar: Edgar, cik: int) -> Company:
    """The company of a number at EDGAR; UsageError where there is none."""
    return Company(cik, filings_of(edgar, cik, (), date.max).names[0])


def find_holder(edgar: Edgar, text: str) -> Company:
    """A holder by number, or by name: first among listed companies, then among all filers.

    UsageError where nobody has the name, or several have it, who are named then.
    """
    if text.isdecimal():
        return company_of_number(edgar, int(text))
    listed = edgar.page(_TICKERS, _read_tickers)
    wanted = plain_name(text)
    found = {one for one in listed.values() if plain_name(one.name) == wanted}
    if not found:
        found = {company_of_number(edgar, cik) for cik in _searched(edgar, text)}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise UsageError(
            f"EDGAR knows no filer whose name begins with {text!r}. Give another spelling, or the "
            f"number (CIK) of the holder; {SITE}/edgar/search finds it."
        )
    exact = {one for one in found if plain_name(one.name) == wanted}
    if len(exact) == 1:
        return exact.pop()
    ordered = sorted(found, key=lambda one: (one.name, one.cik))
    lines = "".join(f"\n  --holder {one.cik}  {one.name}" for one in ordered)
    raise UsageError(f"Several filers are called {text!r}. Give the number of one:{lines}")


def filings_of(edgar: Edgar, cik: int, forms: Iterable[str], since: date | None) -> Listing:
    """The filings of some forms, such as 8-K, that a filer has filed since a day, or ever."""
    wanted = frozenset(forms)
    try:
        main, address = edgar.listing(
            f"CIK{cik:010}.json", lambda *page: (read_json(*page), page[1])
        )
    except SourceError as error:
        if error.status != _NOTHING:
            raise
        raise UsageError(f"EDGAR knows no filer with the number (CIK) {cik}.") from None
    found = _rows(need(main, "filings.recent", dict, address), cik, address)
    for older in need(main, "filings.files", list, address):
        if since is None or need(older, "filingTo", str, address) >= since.isoformat():
            found += edgar.listing(
                need(older, "name", str, address),
                lambda content, source: _rows(read_json(content, source), cik, source),
            )
    former = [need(one, "name", str, address) for one in main.get("formerNames") or []]
    filings = {
        one.accession: one
        for one in found
        if one.form in wanted and (since is None or one.filed >= since)
    }
    ordered = sorted(filings.values(), key=lambda one: (one.filed, one.accession))
    return Listing((need(main, "name", str, address), *former), tuple(ordered))


def header_of_filing(edgar: Edgar, filing: Filing) -> Header:
    """The header of a filing; see `read_header`."""
    return edgar.document(f"{filing.folder}/{filing.accession}-index-headers.html", read_header)


def _rows(table: Any, cik: int, address: str) -> list[Filing]:
    """A table of filings, which EDGAR writes column by column."""
    columns = {name: need(table, name, list, address) for name in _COLUMNS}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{address} has columns of different lengths: {lengths}. {MOVED}")
    try:
        return [
            Filing(
                cik,
                _accession(accession),
                str(form),
                date.fromisoformat(filed),
                date.fromisoformat(period) if period else None,
                tuple(item.strip() for item in str(items or "").split(",") if item.strip()),
            )
            for accession, filed, period, form, items in zip(*columns.values(), strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise DataError(f"{address} has a filing that cannot be read: {error}. {MOVED}") from None


def _accession(text: Any) -> str:
    if not isinstance(text, str) or not _ACCESSION.fullmatch(text):
        raise ValueError(f"accessionNumber is {text!r}, such as 0000000000-25-000001 is expected")
    return text


def _read_tickers(content: bytes, address: str) -> dict[str, Company]:
    table = read_json(content, address)
    if not isinstance(table, dict) or not table:
        raise DataError(f"{address} should be an object with one entry a symbol. {MOVED}")
    return {
        need(row, "ticker", str, address): Company(
            need(row, "cik_str", int, address), need(row, "title", str, address)
        )
        for row in table.values()
    }


def _searched(edgar: Edgar, name: str) -> list[int]:
    """The numbers of the first filers whose names begin so."""
    query = {"action": "getcompany", "company": name, "owner": "include", "count": "40"}
    path = f"/cgi-bin/browse-edgar?{urlencode({**query, 'output': 'atom'})}"
    return edgar.page(path, _read_numbers)[:_MOST_CANDIDATES]


def _read_numbers(content: bytes, address: str) -> list[int]:
    """The numbers in an answer of the search, which names nobody where there are several."""
    text = content.decode("utf-8", "replace")
    if "<company-info" not in text and "No matching" not in text:
        raise DataError(f"{address} has neither company-info nor 'No matching'. {MOVED}")
    return list(dict.fromkeys(int(cik) for cik in re.findall(r"<cik>\s*(\d{1,10})\s*</cik>", text)))


def plain_name(name: str) -> str:
    """A name without capitals, points and the form of the company: `NVIDIA CORP` is `nvidia`."""
    words = re.sub(r"[^a-z0-9 ]", " ", name.casefold().replace("&", " and ")).split()
    kept = [word for word in words if word not in _LEGAL_FORMS]
    return " ".join(kept or words)


@dataclass(frozen=True)
class Header:
    """What the header page of a filing says.

    That is the time at which EDGAR accepted it, New York; EDGAR's date of filing; and the type and
    the file name of each document.
    """

    accepted: datetime
    filed: date
    documents: tuple[tuple[str, str], ...]

    @property
    def public(self) -> tuple[datetime, Precision]:
        """The latest time by which it certainly was public, and how well that is known.

        What is accepted after 17:30 gets the next working day's date, and EDGAR shows it in that
        morning. That day need not be the next session: the government has other holidays.
        """
        if self.filed > self.accepted.date():
            return datetime.combine(self.filed, _BEFORE_OPEN, NEW_YORK), "session"
        return self.accepted, "exact"

    @property
    def remark(self) -> str:
        """What is to be said of that time; empty where it is the acceptance."""
        if self.public[0] == self.accepted:
            return ""
        return (
            f"Accepted {self.accepted:%Y-%m-%d %H:%M:%S} New York with the filing date "
            f"{self.filed}, so shown by EDGAR from that morning."
        )

    def document(self, *types: str) -> str | None:
        """The file name of the first document of one of the types; None where there is none."""
        wanted = (name for kind, name in self.documents if kind.upper() in types)
        return next(wanted, None)


def read_header(content: bytes, address: str) -> Header:
    """Read a header page, `…-index-headers.html`."""
    text = html.unescape(content.decode("utf-8", "replace"))
    accepted, filed = _ACCEPTED.search(text), _FILED.search(text)
    if accepted is None or filed is None:
        name = "FILED AS OF DATE" if accepted else "<ACCEPTANCE-DATETIME>"
        raise DataError(f"{address} has no {name}, so its time is unknown. {MOVED}")
    try:
        moment = datetime.strptime(accepted[1], "%Y%m%d%H%M%S").replace(tzinfo=NEW_YORK, fold=1)
        day = date.fromisoformat(filed[1])
    except ValueError as error:
        raise DataError(f"{address} has a time that is none: {error}.") from None
    documents = tuple((kind.strip(), name.strip()) for kind, name in _DOCUMENT.findall(text))
    return Header(moment, day, documents)
