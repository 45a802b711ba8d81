"""Ask EDGAR by name, at its pace, and only for what has not been read before.

Filings never change, so their pages stay in the user's cache once they have been read. Lists
change, so every command fetches them anew. Whatever fetches raises SourceError if EDGAR does not
answer or refuses, and DataError, with the address, if a page is not as expected.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from backtest.data.kinds import NEW_YORK, Precision, end_of_day
from backtest.errors import DataError, SourceError, UsageError
from backtest.sources.http import AbsentError, HttpClient, Pace, Patience, RefusedError
from backtest.workspace.files import cached

T = TypeVar("T")
SITE = "https://www.sec.gov"
_LISTS = "https://data.sec.gov"
PER_SECOND = 8.0  # the SEC allows ten in all to the programs at one address
PATIENCE = Patience()
_MOVED = "EDGAR may have changed its format; nothing was changed here."
_IDENTITY = re.compile(r"\S.*\s<?[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+>?")
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


class Edgar:
    """`Edgar` fetches from `www.sec.gov` and `data.sec.gov`, which count requests together."""

    def __init__(
        self,
        identity: str | None,
        base_url: str | None = None,
        answered: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare the clients without connecting; `base_url` replaces both sites, as by a copy.

        `answered` is called with the path of every answer that came over the network. Raise
        UsageError if the identity is missing or malformed, or `base_url` is no address.
        """
        pace, user_agent = Pace(PER_SECOND), checked_identity(identity)
        self._site, self._lists = (
            HttpClient(base_url or site, identity=user_agent, pace=pace, patience=PATIENCE)
            for site in (SITE, _LISTS)
        )
        self._answered = answered or (lambda _: None)

    def page(self, path: str, read: Callable[[bytes], T]) -> T:
        """Fetch a page that changes, and return what `read` makes of it."""
        return _understood(self._site.address + path, self._ask(self._site, path), read)

    def listing(self, path: str, read: Callable[[bytes], T]) -> T:
        """Fetch a page of `data.sec.gov`, and return what `read` makes of it."""
        return _understood(self._lists.address + path, self._ask(self._lists, path), read)

    def document(self, path: str, read: Callable[[bytes], T]) -> T:
        """Return what `read` makes of a page that never changes; cache the page once it is read."""
        address = self._site.address + path

        def make() -> bytes:
            content = self._ask(self._site, path)
            _understood(address, content, read)  # an apology in place of the page is not kept
            return content

        key = f"edgar/{quote(urlsplit(address).netloc)}/{quote(path, safe='')}"
        content = cached(key, make)
        return _understood(address, content, read)

    def _ask(self, site: HttpClient, path: str) -> bytes:
        try:
            content = site.get(path)
        except RefusedError as error:
            raise SourceError(
                f"{error} The SEC refuses whoever does not say who asks, and for ten minutes "
                f"whoever asks more than ten times a second, in which all programs at one address "
                f"count. Check that --identity is your own name and e-mail address; then wait ten "
                f"minutes. Nothing was changed."
            ) from None
        self._answered(path)
        return content


def _understood(address: str, content: bytes, read: Callable[[bytes], T]) -> T:
    try:
        return read(content)
    except DataError as error:
        raise type(error)(f"{address}: {error} {_MOVED}") from None


def checked_identity(text: str | None) -> str:
    """Return the identity as it is sent; raise UsageError if it is no name and e-mail address."""
    identity = (text or "").strip()
    if _IDENTITY.fullmatch(identity) and identity.isascii() and identity.isprintable():
        return identity
    fault = "No identity is given"
    if identity:
        fault = f"{identity!r} is not a name and an e-mail address in plain letters"
    raise UsageError(
        f"{fault}. The SEC wants to know who asks EDGAR and refuses programs that do not say it. "
        f"Give --identity 'Jane Doe jane@example.org' with your own name and address, or set "
        f"BACKTEST_EDGAR_IDENTITY. It is sent to the SEC alone."
    )


def read_json(content: bytes) -> Any:
    """Parse a page as JSON; raise DataError if it is not."""
    try:
        return json.loads(content)
    except ValueError:
        begin = repr(content[:60].decode("utf-8", "replace").strip()) if content else "nothing"
        raise DataError(f"should be JSON, and begins with {begin}.") from None


def need(value: Any, path: str, kind: type[T]) -> T:
    """Return the value at a path such as `filings.recent`; raise DataError if it is no `kind`."""
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DataError(f"has no {path}; {_KINDS[kind]} is expected there.")
        value = value[name]
    if not isinstance(value, kind):
        raise DataError(f"{path} is {value!r:.60}; {_KINDS[kind]} is expected there.")
    return value


# Who files, and what: companies by symbol or name, the filings of a filer, and their headers.
# The list of filings also has a time of acceptance, always with a Z; but for some filers it is New
# York's all the same, and nothing tells which. The header is always New York's: it alone is used.

_TICKERS = "/files/company_tickers.json"
_COLUMNS = ("accessionNumber", "filingDate", "reportDate", "form", "items")
_YEAR_END = re.compile(r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_ACCESSION = re.compile(r"\d{10}-\d\d-\d{6}")
_MOST_CANDIDATES = 10
_NO_CLOCK = "000000"  # EDGAR is closed at midnight: the time is unknown
_CLOCK = "<ACCEPTANCE-DATETIME>"
_ACCEPTED = re.compile(_CLOCK + r"\s*(\d{14})\b")
_FILED = re.compile(r"(?:<FILING-DATE>|FILED AS OF DATE:)\s*(\d{8})\b")
_DOCUMENT = re.compile(r"<TYPE>([^\r\n<]+)(?:(?!</?DOCUMENT>).)*?<FILENAME>([^\r\n<]+)", re.DOTALL)
_SUBJECT = re.compile(  # the first number after the tag, in either of the two forms of a header
    r"(?:<(?:SUBJECT-COMPANY|ISSUER)>|^(?:SUBJECT COMPANY|ISSUER):)"
    r"(?:(?!<CIK>|CENTRAL INDEX KEY:).)*(?:<CIK>|CENTRAL INDEX KEY:)\s*(\d{1,10})\b",
    re.DOTALL | re.MULTILINE,
)
_HOME = re.compile(r"\s*[/\\]\s*[a-z .]{2,6}[/\\]?$")
_BEFORE_OPEN = time(9)
LEGAL_FORMS = frozenset(
    {"inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "plc", "llc"}
    | {"lp", "llp", "sa", "nv", "ag", "se", "the", "new", "del", "com"}
)


@dataclass(frozen=True)
class Company:
    """A company is a filer with its number (CIK) and its name at EDGAR."""

    cik: int
    name: str


@dataclass(frozen=True)
class Filing:
    """A filing is one line of a filer's list."""

    cik: int
    accession: str  # EDGAR's number of the filing
    form: str
    filed: date
    period: date | None  # end of the quarter of a 10-Q, 10-K or 13F-HR; day of the event of an 8-K
    items: tuple[str, ...]  # the items of an 8-K, such as 2.02

    def __str__(self) -> str:
        return f"{self.form} of {self.filed} ({self.accession})"

    @property
    def folder(self) -> str:
        """Return the path of the filing's folder on the site."""
        return f"/Archives/edgar/data/{self.cik}/{self.accession.replace('-', '')}"

    @property
    def index_url(self) -> str:
        """Return the address of the filing's index page."""
        return f"{SITE}{self.folder}/{self.accession}-index.htm"


@dataclass(frozen=True)
class Listing:
    """A listing holds a filer's present and former names, and its filings, oldest first."""

    names: tuple[str, ...]
    filings: tuple[Filing, ...]  # those on the requested forms
    others: Mapping[str, int]  # the number of filings on each other form
    year_end: str = "1231"  # month and day on which its fiscal year ends
    tickers: tuple[str, ...] = ()  # today's symbols, one for each listed class
    first: str = ""  # the ISO day on which the filer's list begins


def company_of_symbol(edgar: Edgar, symbol: str) -> Company:
    """Return the company of a symbol that is listed today; raise UsageError if there is none."""
    company = edgar.page(_TICKERS, _read_tickers).get(symbol.replace(".", "-"))
    if company is None:
        raise UsageError(
            f"EDGAR's list of today's symbols has no {symbol!r}. For a stock that is no longer "
            f"listed give the number of its company with --cik; {SITE}/edgar/search finds it."
        )
    return company


def company_of_number(edgar: Edgar, cik: int) -> Company:
    """Return the company of a number (CIK); raise UsageError if EDGAR knows none."""
    return Company(cik, filings_of(edgar, cik, (), date.max).names[0])


def find_holder(edgar: Edgar, text: str) -> Company:
    """Return a holder by number (CIK), or by name among listed companies, then among all filers.

    Raise UsageError if no filer has the name, or several have it, who are listed then.
    """
    if text.isdecimal():
        return company_of_number(edgar, int(text))
    if not (wanted := plain_name(text)):
        raise UsageError(f"{text!r} is no name of a holder, nor a number (CIK).")
    listed = edgar.page(_TICKERS, _read_tickers).values()
    candidates = {company for company in listed if plain_name(company.name) == wanted}
    if not candidates:
        query = {"action": "getcompany", "company": text, "owner": "include", "count": "40"}
        path = f"/cgi-bin/browse-edgar?{urlencode({**query, 'output': 'atom'})}"
        numbers = edgar.page(path, _read_numbers)[:_MOST_CANDIDATES]
        candidates = {company_of_number(edgar, cik) for cik in numbers}
    exact = {company for company in candidates if plain_name(company.name) == wanted}
    for companies in (candidates, exact):
        if len(companies) == 1:
            return companies.pop()
    if not candidates:
        raise UsageError(
            f"EDGAR knows no filer whose name begins with {text!r}. Give another spelling, or the "
            f"number (CIK) of the holder; {SITE}/edgar/search finds it."
        )
    ordered = sorted((company.name, company.cik) for company in candidates)
    lines = "".join(f"\n  --holder {cik}  {name}" for name, cik in ordered)
    raise UsageError(f"Several filers are called {text!r}. Give the number of one:{lines}")


def filings_of(edgar: Edgar, cik: int, forms: Iterable[str], since: date | None) -> Listing:
    """Return a filer's filings on some forms since a day, or ever; raise UsageError if unknown."""
    wanted, start = frozenset(forms), since or date.min

    def read_list(content: bytes) -> tuple[Listing, list[str], list[Filing]]:
        main = read_json(content)
        recent = _read_rows(need(main, "filings.recent", dict), cik)
        names = [need(name, "name", str) for name in (main, *(main.get("formerNames") or []))]
        pages = need(main, "filings.files", list)
        older = [
            need(page, "name", str) for page in pages if need(page, "filingTo", str) >= str(start)
        ]
        days = [str(filing.filed) for filing in recent]
        days += [str(page.get("filingFrom") or "") for page in pages]
        match = _YEAR_END.fullmatch(str(main.get("fiscalYearEnd") or ""))
        year_end = match[0] if match else Listing.year_end
        tickers = tuple(map(str, main.get("tickers") or ()))
        empty = Listing(tuple(names), (), {}, year_end, tickers, min(days, default=""))
        return empty, older, recent

    try:
        listing, older, filings = edgar.listing(f"/submissions/CIK{cik:010}.json", read_list)
    except AbsentError:
        raise UsageError(f"EDGAR knows no filer with the number (CIK) {cik}.") from None
    for name in older:
        filings += edgar.listing(
            f"/submissions/{name}", lambda content: _read_rows(read_json(content), cik)
        )
    distinct = {filing.accession: filing for filing in filings if filing.filed >= start}
    ordered = sorted(distinct.values(), key=lambda filing: (filing.filed, filing.accession))
    return replace(
        listing,
        filings=tuple(filing for filing in ordered if filing.form in wanted),
        others=Counter(filing.form for filing in ordered if filing.form not in wanted),
    )


def _read_rows(table: Any, cik: int) -> list[Filing]:
    """Read a table of filings, which EDGAR writes column by column."""
    columns = {name: need(table, name, list) for name in _COLUMNS}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"has columns of different lengths: {lengths}.")
    for accession in columns["accessionNumber"]:
        if not _ACCESSION.fullmatch(str(accession)):
            expected = "such as 0000000000-25-000001 is expected"
            raise DataError(f"accessionNumber is {accession!r}, {expected}.")
    try:
        return [
            Filing(
                cik,
                accession,
                str(form),
                date.fromisoformat(filed),
                date.fromisoformat(period) if period else None,
                tuple(item.strip() for item in str(items or "").split(",") if item.strip()),
            )
            for accession, filed, period, form, items in zip(*columns.values(), strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise DataError(f"has a filing that cannot be read: {error}.") from None


def _read_tickers(content: bytes) -> dict[str, Company]:
    table = read_json(content)
    if not isinstance(table, dict) or not table:
        raise DataError("should be an object with one entry a symbol.")
    return {
        need(row, "ticker", str): Company(need(row, "cik_str", int), need(row, "title", str))
        for row in table.values()
    }


def _read_numbers(content: bytes) -> list[int]:
    """Read the numbers (CIK) in an answer of the search; one of several filers has no names."""
    text = content.decode("utf-8", "replace")
    if "<company-info" not in text and "No matching" not in text:
        raise DataError("has neither company-info nor 'No matching'.")
    return list(dict.fromkeys(int(cik) for cik in re.findall(r"<cik>\s*(\d{1,10})\s*</cik>", text)))


def plain_name(name: str) -> str:
    """Return a name without capitals, points, legal form and state: `NVIDIA CORP /DE/`: nvidia."""
    words = name_words(name)
    return " ".join([word for word in words if word not in LEGAL_FORMS] or words)


def name_words(name: str) -> list[str]:
    """Return the words of a name in lower case, without the state of the company (`/DE/`)."""
    text = _HOME.sub("", name.casefold().strip()).replace("'", "").replace("&", " and ")
    return re.sub(r"[^a-z0-9 ]", " ", text).split()


@dataclass(frozen=True)
class Header:
    """A header holds what the header page of a filing says."""

    filing: Filing
    accepted: datetime | None  # New York time; None is unknown, as for old filings
    filed: date
    documents: tuple[tuple[str, str], ...]  # type and file name of each
    subject: int | None = None  # number (CIK) of the company that it is about; None is unknown

    @property
    def public(self) -> tuple[datetime, Precision]:
        """Return the latest time by which the filing certainly was public, and its precision.

        A filing accepted after 17:30 bears the date of the next working day, and EDGAR shows it on
        that morning. That day need not be a session: the government has other holidays.
        """
        if self.accepted is None:
            return end_of_day(self.filed), "date"
        if self.filed > self.accepted.date():
            return datetime.combine(self.filed, _BEFORE_OPEN, NEW_YORK), "session"
        return self.accepted, "exact"

    @property
    def remark(self) -> str:
        """Return a sentence on how `public` follows; empty if it is the time of acceptance."""
        if self.accepted is None:
            return f"EDGAR has no time of acceptance, only the filing date {self.filed}."
        if self.public[0] == self.accepted:
            return ""
        return (
            f"Accepted {self.accepted:%Y-%m-%d %H:%M:%S} New York with the filing date "
            f"{self.filed}, so shown by EDGAR from that morning."
        )

    def document(self, *types: str) -> str | None:
        """Return the file name of the first document of one of the types, or None."""
        return next((name for kind, name in self.documents if kind.upper() in types), None)


def read_header(content: bytes, filing: Filing) -> Header:
    """Read a filing's header page, `…-index-headers.html`; raise DataError if it has no time."""
    text = html.unescape(content.decode("utf-8", "replace"))
    accepted, filed = _ACCEPTED.search(text), _FILED.search(text)
    if filed is None or (accepted is None and _CLOCK in text):
        name = "FILED AS OF DATE" if accepted else _CLOCK
        raise DataError(f"has no {name}, so its time is unknown.")
    moment = None
    try:
        if accepted and not accepted[1].endswith(_NO_CLOCK):
            clock = datetime.strptime(accepted[1], "%Y%m%d%H%M%S")  # noqa: DTZ007 - see the next
            moment = clock.replace(tzinfo=NEW_YORK, fold=1)
        day = date.fromisoformat(filed[1])
    except ValueError as error:
        raise DataError(f"has a time that is none: {error}.") from None
    documents = tuple((kind.strip(), name.strip()) for kind, name in _DOCUMENT.findall(text))
    subject = _SUBJECT.search(text)
    return Header(filing, moment, day, documents, int(subject[1]) if subject else None)
