"""Asking EDGAR: by name, at its pace, and only for what has not been read before.

Filings never change, so that their pages are kept in the user's cache once they were understood.
Lists change, and are asked for by every command anew. All that asks raises SourceError where EDGAR
does not answer or refuses, and DataError, with the address, where a page is not as expected.
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
PER_SECOND = 8.0  # the SEC allows ten; some room for what others in the house ask
PATIENCE = Patience()
_MOVED = "EDGAR may have changed its format; nothing was changed here."
_IDENTITY = re.compile(r"\S.*\s<?[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+>?")
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


class Edgar:
    """EDGAR's two sites, `www.sec.gov` and `data.sec.gov`, which count requests together."""

    def __init__(
        self,
        identity: str | None,
        base_url: str | None = None,
        answered: Callable[[str], None] | None = None,
    ) -> None:
        """Connect to nothing yet; `base_url` stands for both sites, such as a copy of them.

        `answered` takes the path of every answer that came over the network. UsageError where the
        identity is missing or malformed, or the address is none.
        """
        pace, who = Pace(PER_SECOND), checked_identity(identity)
        self._site, self._lists = (
            HttpClient(base_url or site, identity=who, pace=pace, patience=PATIENCE)
            for site in (SITE, _LISTS)
        )
        self._answered = answered or (lambda _: None)

    def page(self, path: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of a page that changes, fetched anew."""
        return _understood(self._site.address + path, self._ask(self._site, path), read)

    def listing(self, path: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of a page of the site of lists, fetched anew."""
        return _understood(self._lists.address + path, self._ask(self._lists, path), read)

    def document(self, path: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of a page that never changes; kept where it was understood."""
        address = self._site.address + path

        def make() -> bytes:
            content = self._ask(self._site, path)
            _understood(address, content, read)  # an apology in place of the page is not kept
            return content

        host = quote(urlsplit(address).netloc)
        content = cached(f"edgar/{host}/{quote(path, safe='')}", make)
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
    """The identity, as it is sent; UsageError where it is not a name and an e-mail address."""
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
    """A page as JSON; DataError where it is none."""
    try:
        return json.loads(content)
    except ValueError:
        begin = repr(content[:60].decode("utf-8", "replace").strip()) if content else "nothing"
        raise DataError(f"should be JSON, and begins with {begin}.") from None


def need(value: Any, path: str, kind: type[T]) -> T:
    """The value at a path within a JSON object, such as `filings.recent`, of a kind."""
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DataError(f"has no {path}; {_KINDS[kind]} is expected there.")
        value = value[name]
    if not isinstance(value, kind):
        raise DataError(f"{path} is {value!r:.60}; {_KINDS[kind]} is expected there.")
    return value


# Who files, and what: companies by symbol or name, the filings of a filer, and their headers.
# The list of filings also has a time of acceptance, always with a Z; but of some filers it is the
# clock of New York all the same, and nothing tells which. The header is New York time throughout,
# which is why it alone is used.

_TICKERS = "/files/company_tickers.json"
_COLUMNS = ("accessionNumber", "filingDate", "reportDate", "form", "items")
_YEAR_END = re.compile(r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_ACCESSION = re.compile(r"\d{10}-\d\d-\d{6}")
_MOST_CANDIDATES = 10
_NO_CLOCK = "000000"  # midnight, at which EDGAR is closed
_CLOCK = "<ACCEPTANCE-DATETIME>"
_ACCEPTED = re.compile(_CLOCK + r"\s*(\d{14})\b")
_FILED = re.compile(r"(?:<FILING-DATE>|FILED AS OF DATE:)\s*(\d{8})\b")
_DOCUMENT = re.compile(r"<TYPE>([^\r\n<]+)(?:(?!</?DOCUMENT>).)*?<FILENAME>([^\r\n<]+)", re.DOTALL)
_SUBJECT = re.compile(  # the first number after the mark, in either of the two forms of a header
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
    """Who files, by its number at EDGAR and its name there."""

    cik: int
    name: str


@dataclass(frozen=True)
class Filing:
    """One line of a filer's list."""

    cik: int
    accession: str  # EDGAR's number of the filing
    form: str
    filed: date
    period: date | None  # end of the quarter of a 10-Q, 10-K or 13F-HR; day of the event of an 8-K
    items: tuple[str, ...]  # of an 8-K, such as 2.02

    def __str__(self) -> str:
        return f"{self.form} of {self.filed} ({self.accession})"

    @property
    def folder(self) -> str:
        return f"/Archives/edgar/data/{self.cik}/{self.accession.replace('-', '')}"

    @property
    def index_url(self) -> str:
        return f"{SITE}{self.folder}/{self.accession}-index.htm"


@dataclass(frozen=True)
class Listing:
    """The names that a filer has or had, and its filings, oldest first."""

    names: tuple[str, ...]
    filings: tuple[Filing, ...]  # of the forms that are wanted
    others: Mapping[str, int]  # how many there are of each other form
    year_end: str = "1231"  # month and day on which its fiscal year ends
    tickers: tuple[str, ...] = ()  # of today, one for each class that is listed
    first: str = ""  # the day on which the filer's list begins


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
    if not (wanted := plain_name(text)):
        raise UsageError(f"{text!r} is no name of a holder, nor a number (CIK).")
    listed = edgar.page(_TICKERS, _read_tickers).values()
    exact = found = {one for one in listed if plain_name(one.name) == wanted}
    if not found:
        query = {"action": "getcompany", "company": text, "owner": "include", "count": "40"}
        path = f"/cgi-bin/browse-edgar?{urlencode({**query, 'output': 'atom'})}"
        numbers = edgar.page(path, _read_numbers)[:_MOST_CANDIDATES]
        found = {company_of_number(edgar, cik) for cik in numbers}
        exact = {one for one in found if plain_name(one.name) == wanted}
    for only in (found, exact):
        if len(only) == 1:
            return only.pop()
    if not found:
        raise UsageError(
            f"EDGAR knows no filer whose name begins with {text!r}. Give another spelling, or the "
            f"number (CIK) of the holder; {SITE}/edgar/search finds it."
        )
    ordered = sorted(found, key=lambda one: (one.name, one.cik))
    lines = "".join(f"\n  --holder {one.cik}  {one.name}" for one in ordered)
    raise UsageError(f"Several filers are called {text!r}. Give the number of one:{lines}")


def filings_of(edgar: Edgar, cik: int, forms: Iterable[str], since: date | None) -> Listing:
    """The filings of some forms, such as 8-K, that a filer has filed since a day, or ever."""
    wanted, start = frozenset(forms), since or date.min

    def read_list(content: bytes) -> tuple[Listing, list[str], list[Filing]]:
        main = read_json(content)
        recent = _read_rows(need(main, "filings.recent", dict), cik)
        names = [need(one, "name", str) for one in (main, *(main.get("formerNames") or []))]
        pages = need(main, "filings.files", list)
        older = [
            need(one, "name", str)
            for one in pages
            if need(one, "filingTo", str) >= start.isoformat()
        ]
        days = [str(one.filed) for one in recent]
        days += [str(one.get("filingFrom") or "") for one in pages]
        year_end, tickers = str(main.get("fiscalYearEnd") or ""), main.get("tickers") or ()
        known = Listing(
            tuple(names), (), {},
            year_end if _YEAR_END.fullmatch(year_end) else Listing.year_end,
            tuple(map(str, tickers)), min(days, default=""),
        )  # fmt: skip
        return known, older, recent

    try:
        known, older, found = edgar.listing(f"/submissions/CIK{cik:010}.json", read_list)
    except AbsentError:
        raise UsageError(f"EDGAR knows no filer with the number (CIK) {cik}.") from None
    for name in older:
        found += edgar.listing(
            f"/submissions/{name}", lambda content: _read_rows(read_json(content), cik)
        )
    filings = {one.accession: one for one in found if one.filed >= start}
    ordered = sorted(filings.values(), key=lambda one: (one.filed, one.accession))
    return replace(
        known,
        filings=tuple(one for one in ordered if one.form in wanted),
        others=Counter(one.form for one in ordered if one.form not in wanted),
    )


def _read_rows(table: Any, cik: int) -> list[Filing]:
    """A table of filings, which EDGAR writes column by column."""
    columns = {name: need(table, name, list) for name in _COLUMNS}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"has columns of different lengths: {lengths}.")
    strange = (one for one in columns["accessionNumber"] if not _ACCESSION.fullmatch(str(one)))
    if (one := next(strange, None)) is not None:
        raise DataError(f"accessionNumber is {one!r}, such as 0000000000-25-000001 is expected.")
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
    """The numbers in an answer of the search, which names nobody where there are several."""
    text = content.decode("utf-8", "replace")
    if "<company-info" not in text and "No matching" not in text:
        raise DataError("has neither company-info nor 'No matching'.")
    return list(dict.fromkeys(int(cik) for cik in re.findall(r"<cik>\s*(\d{1,10})\s*</cik>", text)))


def plain_name(name: str) -> str:
    """A name without capitals, points and the form of the company: `NVIDIA CORP` is `nvidia`.

    `/DE/` and the like, where a company is at home, are no part of it.
    """
    words = name_words(name)
    return " ".join([word for word in words if word not in LEGAL_FORMS] or words)


def name_words(name: str) -> list[str]:
    """The words of a name in small letters, without where its company is at home."""
    text = _HOME.sub("", name.casefold().strip()).replace("'", "").replace("&", " and ")
    return re.sub(r"[^a-z0-9 ]", " ", text).split()


@dataclass(frozen=True)
class Header:
    """What the header page of a filing says."""

    filing: Filing
    accepted: datetime | None  # New York; None where it is not said, as in old ones
    filed: date
    documents: tuple[tuple[str, str], ...]  # the type and the file name of each
    subject: int | None = None  # number of the company that it is about, where it says so

    @property
    def public(self) -> tuple[datetime, Precision]:
        """The latest time by which it certainly was public, and how well that is known.

        What is accepted after 17:30 gets the next working day's date, and EDGAR shows it in that
        morning. That day need not be the next session: the government has other holidays.
        """
        if self.accepted is None:
            return end_of_day(self.filed), "date"
        if self.filed > self.accepted.date():
            return datetime.combine(self.filed, _BEFORE_OPEN, NEW_YORK), "session"
        return self.accepted, "exact"

    @property
    def remark(self) -> str:
        """What is to be said of that time; empty where it is the acceptance."""
        if self.accepted is None:
            return f"EDGAR has no time of acceptance, only the filing date {self.filed}."
        if self.public[0] == self.accepted:
            return ""
        return (
            f"Accepted {self.accepted:%Y-%m-%d %H:%M:%S} New York with the filing date "
            f"{self.filed}, so shown by EDGAR from that morning."
        )

    def document(self, *types: str) -> str | None:
        """The file name of the first document of one of the types; None where there is none."""
        return next((name for kind, name in self.documents if kind.upper() in types), None)


def read_header(content: bytes, filing: Filing) -> Header:
    """Read the header page of a filing, `…-index-headers.html`."""
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
