"""Turn filings into events: what all kinds share, the items of 8-Ks, and sales by insiders."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import TypeVar

from backtest.data.events import columns_of
from backtest.data.kinds import Earnings, Event, News, StakeDisclosure
from backtest.errors import DataError, UsageError
from backtest.sources.edgar import Company, Edgar, Filing, Header, Listing, filings_of, read_header
from backtest.sources.forms import BrokenOffError, read_sale
from backtest.sources.http import AbsentError

T = TypeVar("T")
_SAME_REPORT = timedelta(days=3)  # between two stamps of one report
_SAME_QUARTER = timedelta(days=60)
_SAME_END = timedelta(days=30)  # some sources date a quarter by the end of its month
_QUARTERLY = timedelta(days=100)  # every company files at least once in so many days
_NAMED = 5  # forms that a remark names
_FILING, _FILER = re.compile(r"(?<!\d)\d{18}(?!\d)"), re.compile(r"/data/0*(\d+)/")


@dataclass
class Fetched:
    """`Fetched` collects the events of one kind that are fetched for a symbol.

    Its rows are oldest first, texts by column as event files take them. Its remarks say what was
    left out and why, and what the reader has to know.
    """

    edgar: Edgar
    symbol: str
    kind: type[Event]
    rows: list[dict[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, filing: Filing, why: str) -> None:
        """Add a remark that a filing is left out, and why."""
        self.remarks.append(f"{filing} left out: {why.removesuffix('.')}.")

    def readable(self, filings: Iterable[Filing], read: Callable[[Filing], T]) -> Iterator[T]:
        """Yield what `read` returns for each filing, except those for which it raises DataError."""
        for filing in filings:
            try:
                result = read(filing)
            except BrokenOffError:  # the document may come whole another time
                raise
            except DataError as error:
                self.leave_out(filing, str(error))
            else:
                yield result

    def header(self, filing: Filing) -> Header:
        """Return the header of a filing; raise DataError if it is missing or unreadable."""
        missing = "header page of it, so its time is unknown"
        name, read = f"{filing.accession}-index-headers.html", partial(read_header, filing=filing)
        return self.document(filing, name, read, missing)

    def document(
        self, filing: Filing, name: str, read: Callable[[bytes], T], missing: str = ""
    ) -> T:
        """Return what `read` makes of a filing's document; raise DataError if there is none."""
        try:
            return self.edgar.document(f"{filing.folder}/{name}", read)
        except AbsentError:
            raise DataError(f"EDGAR has no {missing or f'document {name} of it'}") from None

    def remark_if_none(
        self, filings: Collection[Filing], what: str, company: Company, listing: Listing
    ) -> None:
        """Add a remark that a company has filed nothing of the kind, with what it has filed."""
        if filings:
            return
        forms = sorted(listing.others.items(), key=lambda item: (-item[1], item[0]))
        others = ", ".join(f"{form} ({count:,})" for form, count in forms[:_NAMED])
        has = f"Its forms are {others}." if others else "It has filed nothing else either."
        self.remarks.append(f"EDGAR lists no {what} of {company.name} in that span. {has}")

    def remark_if_late(
        self, company: Company, listing: Listing, since: date | None, option: str = "--cik"
    ) -> None:
        """Add a remark if a company's list begins long after the first day that was requested."""
        latest = since and min(since, date.max - _QUARTERLY) + _QUARTERLY
        if latest and str(latest) < listing.first:
            self.remarks.append(
                f"EDGAR's list of {company.name} begins on {listing.first}: what was filed before "
                f"under another number is not in it. Give that number with {option}."
            )

    def row(self, header: Header, headline: str, note: str = "", **cells: object) -> dict[str, str]:
        """Return the row of a filing, public at the time of its header, as texts by column.

        The accession ends the headline. `cells` are columns of the kind's own; None is unknown.
        """
        moment, precision = header.public
        values = {
            "symbol": self.symbol,
            "published_at": moment.isoformat(),
            "precision": precision,
            "headline": f"{headline} ({header.filing.accession})",
            **cells,
            "source_url": header.filing.index_url,
            "grade": "C",  # one source, though a primary one
            "note": f"{note} {header.remark}".strip(),
            "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return {name: _text(values[name]) for name in columns_of(self.kind) if name in values}


def days_before(since: date | None, span: timedelta) -> date | None:
    """Return the day so long before a first day, or the first of the calendar; None is ever."""
    return since and max(since, date.min + span) - span


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_same_event(on_file: Event, fetched: Event) -> bool:
    """Tell whether an event on file and a fetched one are of the same fact.

    Reports are the same by their filing or by quarters that end within 30 days; if an end is not on
    file, by the name of the quarter within 60 days, or within 3 days of each other. An amendment is
    the same by its filing alone. Stakes of one holder are the same by their filing, or, if the one
    on file names none of the holder, by form and day; news by filing and category.
    """
    if on_file.symbol != fetched.symbol:
        return False
    if isinstance(on_file, Earnings) and isinstance(fetched, Earnings):
        return _names(_FILING, on_file, fetched) or _same_report(on_file, fetched)
    if isinstance(on_file, StakeDisclosure) and isinstance(fetched, StakeDisclosure):
        return on_file.holder == fetched.holder and _same_stake(on_file, fetched)
    if isinstance(on_file, News) and isinstance(fetched, News):
        return _names(_FILING, on_file, fetched) and on_file.category == fetched.category
    return False


def _same_report(on_file: Earnings, fetched: Earnings) -> bool:
    if "8-K/A" in (on_file.headline[:5], fetched.headline[:5]):
        return False
    if on_file.period_end and fetched.period_end:
        return abs(on_file.period_end - fetched.period_end) <= _SAME_END
    gap = abs(on_file.published_at - fetched.published_at)
    is_named_so = on_file.period is not None and on_file.period == fetched.period
    return gap <= (_SAME_QUARTER if is_named_so else _SAME_REPORT)


def _same_stake(on_file: StakeDisclosure, fetched: StakeDisclosure) -> bool:
    if (is_filing := _names(_FILING, on_file, fetched)) or _names(_FILER, on_file, fetched):
        return is_filing
    what = (fetched.form, fetched.as_of)
    return on_file.as_of is not None and (on_file.form, on_file.as_of) == what


def _names(pattern: re.Pattern[str], on_file: Event, fetched: Event) -> bool:
    """Tell whether a source of the event on file has the last number of the fetched one's."""
    last = _numbers(pattern, fetched.source_url)[-1:]
    urls = (on_file.source_url, on_file.source_url_2)
    return any(number in last for url in urls for number in _numbers(pattern, url))


@cache  # every event on file is compared with every fetched one
def _numbers(pattern: re.Pattern[str], url: str | None) -> list[str]:
    numbers: list[str] = pattern.findall((url or "").replace("-", ""))
    return numbers


# News

FORMS = ("8-K", "4")
RESULTS = "2.02"
_TABLE = """
1.01 agreement     Entry into a Material Definitive Agreement
1.02 agreement     Termination of a Material Definitive Agreement
1.03 bankruptcy    Bankruptcy or Receivership
1.04 other         Mine Safety - Reporting of Shutdowns and Patterns of Violations
1.05 cybersecurity Material Cybersecurity Incidents
2.01 acquisition   Completion of Acquisition or Disposition of Assets
2.02 -             Results of Operations and Financial Condition
2.03 financing     Creation of a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement of a Registrant
2.04 financing     Triggering Events That Accelerate or Increase a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement
2.05 restructuring Costs Associated with Exit or Disposal Activities
2.06 impairment    Material Impairments
3.01 listing       Notice of Delisting or Failure to Satisfy a Continued Listing Rule or Standard; Transfer of Listing
3.02 financing     Unregistered Sales of Equity Securities
3.03 governance    Material Modification to Rights of Security Holders
4.01 auditor       Changes in Registrant's Certifying Accountant
4.02 restatement   Non-Reliance on Previously Issued Financial Statements or a Related Audit Report or Completed Interim Review
5.01 control       Changes in Control of Registrant
5.02 officers      Departure of Directors or Certain Officers; Election of Directors; Appointment of Certain Officers; Compensatory Arrangements of Certain Officers
5.03 governance    Amendments to Articles of Incorporation or Bylaws; Change in Fiscal Year
5.04 governance    Temporary Suspension of Trading Under Registrant's Employee Benefit Plans
5.05 governance    Amendments to the Registrant's Code of Ethics, or Waiver of a Provision of the Code of Ethics
5.06 governance    Change in Shell Company Status
5.07 governance    Submission of Matters to a Vote of Security Holders
5.08 governance    Shareholder Director Nominations
6.01 other         ABS Informational and Computational Material
6.02 other         Change of Servicer or Trustee
6.03 other         Change in Credit Enhancement or Other External Support
6.04 other         Failure to Make a Required Distribution
6.05 other         Securities Act Updating Disclosure
7.01 other         Regulation FD Disclosure
8.01 other         Other Events
9.01 -             Financial Statements and Exhibits
"""  # noqa: E501 - one line an item
# An item without a category is an event of another kind, or no news.
ITEMS: dict[str, tuple[str, str]] = {
    number: (category.strip("-"), title)
    for number, category, title in (line.split(maxsplit=2) for line in _TABLE.split("\n") if line)
}


def fetch_filings(
    edgar: Edgar, company: Company, symbol: str, form: str, since: date | None
) -> Fetched:
    """Fetch a company's filings on one of `FORMS` since a day, or ever, as news of its symbol."""
    if form not in FORMS:
        raise UsageError(f"--form {form!r} is not read. Read are {' and '.join(FORMS)}.")
    fetched = Fetched(edgar, symbol, News)
    listing = filings_of(edgar, company.cik, (form, f"{form}/A"), since)
    read = partial(_items, fetched=fetched)
    if form == "4":
        read = partial(_sale, fetched=fetched, company=company)
    for rows in fetched.readable(listing.filings, read):
        fetched.rows += rows
    fetched.remark_if_late(company, listing, since)
    fetched.remark_if_none(listing.filings, f"filing on Form {form}", company, listing)
    if any(RESULTS in remark for remark in fetched.remarks):
        fetched.remarks.append(f"`events fetch earnings` takes the filings with item {RESULTS}.")
    return fetched


def by_category(items: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the items of a filing by category, and the items that today's form does not have."""
    categories: dict[str, list[str]] = {}
    for item in items:
        category = ITEMS.get(item, ("", ""))[0]
        if category:
            categories.setdefault(category, []).append(item)
    return categories, [item for item in items if item not in ITEMS]


def _items(filing: Filing, fetched: Fetched) -> list[dict[str, str]]:
    categories, strange = by_category(filing.items)
    if RESULTS in filing.items:
        remark = f"{filing.accession}: item {RESULTS} is an earnings event, not news."
        fetched.remarks.append(remark)
    if not filing.items:
        raise DataError("EDGAR names no items")
    if strange:
        why = f"item {', '.join(strange)} is not on the form of today"
        if not categories:
            raise DataError(why)
        fetched.remarks.append(f"{filing.accession}: {why}.")
    if not categories:
        return []
    rows, header = [], fetched.header(filing)
    for category, items in categories.items():
        titles = "; ".join(ITEMS[item][1] for item in items)
        word = "item" if len(items) == 1 else "items"
        headline = f"{filing.form} {word} {', '.join(items)}: {titles}"
        rows.append(fetched.row(header, headline, category=category))
    return rows


def _sale(filing: Filing, fetched: Fetched, company: Company) -> list[dict[str, str]]:
    """Return the row of a sale of the company's stock; its list also has forms as an owner."""
    if filing.form.endswith("/A"):
        raise DataError("an amendment; see what it corrects and edit that")
    header = fetched.header(filing)
    names = (name for kind, name in header.documents if kind == "4" and name.endswith(".xml"))
    if (name := next(names, None)) is None:
        raise DataError("it holds no XML")
    sale = fetched.document(filing, name, read_sale)
    if sale is None:
        return []
    if sale.issuer not in (None, company.cik):
        raise DataError(f"a sale of {sale.issuer_name or 'another company'} ({sale.issuer})")
    headline = f"Form 4: sale by {sale.owner}, {sale.relationship or 'relationship not given'}"
    cells = {"category": "insider_sale", "figures": sale.figures}
    return [fetched.row(header, headline, **cells)]
