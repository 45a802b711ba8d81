"""Filings as events: what all kinds share, the items of 8-Ks, and sales by insiders."""

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
_SAME_END = timedelta(days=30)  # some sources have the end of the month
_QUARTERLY = timedelta(days=100)  # in which whoever files does so at least once
_NAMED = 5  # forms that a remark names
_FILING, _FILER = re.compile(r"(?<!\d)\d{18}(?!\d)"), re.compile(r"/data/0*(\d+)/")


@dataclass
class Fetched:
    """What is fetched of one kind of event for a symbol, as it grows.

    The rows are oldest first, texts by column as event files take them. The remarks say what was
    left out and why, and what the reader has to know.
    """

    edgar: Edgar
    symbol: str
    kind: type[Event]
    rows: list[dict[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, filing: Filing, why: str) -> None:
        """Remark that a filing is left out."""
        self.remarks.append(f"{filing} left out: {why.removesuffix('.')}.")

    def readable(self, filings: Iterable[Filing], read: Callable[[Filing], T]) -> Iterator[T]:
        """What `read` makes of filings: one that raises DataError is left out, and not all."""
        for filing in filings:
            try:
                found = read(filing)
            except BrokenOffError:
                raise
            except DataError as error:
                self.leave_out(filing, str(error))
            else:
                yield found

    def header(self, filing: Filing) -> Header:
        """The header of a filing; DataError where there is none to read."""
        missing = "header page of it, so its time is unknown"
        name, read = f"{filing.accession}-index-headers.html", partial(read_header, filing=filing)
        return self.document(filing, name, read, missing)

    def document(
        self, filing: Filing, name: str, read: Callable[[bytes], T], missing: str = ""
    ) -> T:
        """What `read` makes of a document of a filing; DataError where it cannot."""
        try:
            return self.edgar.document(f"{filing.folder}/{name}", read)
        except AbsentError:
            raise DataError(f"EDGAR has no {missing or f'document {name} of it'}") from None

    def nothing_listed(
        self, found: Collection[Filing], what: str, company: Company, listing: Listing
    ) -> None:
        """Remark that a company has filed nothing of what is read, and what it has filed."""
        if found:
            return
        forms = sorted(listing.others.items(), key=lambda one: (-one[1], one[0]))
        others = ", ".join(f"{form} ({count:,})" for form, count in forms[:_NAMED])
        has = f"Its forms are {others}." if others else "It has filed nothing else either."
        self.remarks.append(f"EDGAR lists no {what} of {company.name} in that span. {has}")

    def begins_late(
        self, company: Company, listing: Listing, since: date | None, option: str = "--cik"
    ) -> None:
        """Remark that a list begins long after the day since which it was asked for."""
        if since and str(since + _QUARTERLY) < listing.first:
            self.remarks.append(
                f"EDGAR's list of {company.name} begins on {listing.first}: what was filed before "
                f"under another number is not in it. Give that number with {option}."
            )

    def row(self, header: Header, headline: str, note: str = "", **cells: object) -> dict[str, str]:
        """The row of a filing, public at the time of its header; its accession ends the headline.

        The cells are columns of the kind's own; None is unknown.
        """
        moment, precision = header.public
        known = {
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
        return {name: _text(known[name]) for name in columns_of(self.kind) if name in known}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def same(known: Event, fetched: Event) -> bool:
    """Whether an event on file and a fetched one tell of the same fact.

    Reports: the same filing, or the same quarter by its end; where the end is not on file, the same
    name within two months, or the same days. An amendment is the same filing alone. Stakes: the
    same filing; or, where the one on file names no filing of the holder, the same holder, form and
    day. News: the same filing and category.
    """
    if known.symbol != fetched.symbol:
        return False
    if isinstance(known, Earnings) and isinstance(fetched, Earnings):
        return _names(_FILING, known, fetched) or _same_report(known, fetched)
    if isinstance(known, StakeDisclosure) and isinstance(fetched, StakeDisclosure):
        return known.holder == fetched.holder and _same_stake(known, fetched)
    if isinstance(known, News) and isinstance(fetched, News):
        return _names(_FILING, known, fetched) and known.category == fetched.category
    return False


def _same_report(known: Earnings, fetched: Earnings) -> bool:
    if "8-K/A" in (known.headline[:5], fetched.headline[:5]):
        return False
    if known.period_end and fetched.period_end:
        return abs(known.period_end - fetched.period_end) <= _SAME_END
    gap = abs(known.published_at - fetched.published_at)
    is_named_so = known.period is not None and known.period == fetched.period
    return gap <= (_SAME_QUARTER if is_named_so else _SAME_REPORT)


def _same_stake(known: StakeDisclosure, fetched: StakeDisclosure) -> bool:
    if (is_filing := _names(_FILING, known, fetched)) or _names(_FILER, known, fetched):
        return is_filing
    what = (fetched.form, fetched.as_of)
    return known.as_of is not None and (known.form, known.as_of) == what


def _names(pattern: re.Pattern[str], known: Event, fetched: Event) -> bool:
    """Whether a source of an event, however its address is written, names what the fetched does."""
    number = _numbers(pattern, fetched.source_url)[-1:]
    urls = (known.source_url, known.source_url_2)
    return any(one in number for url in urls for one in _numbers(pattern, url))


@cache  # every event on file is held against every one that is fetched
def _numbers(pattern: re.Pattern[str], url: str | None) -> list[str]:
    found: list[str] = pattern.findall((url or "").replace("-", ""))
    return found


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
# no category: an event of a kind of its own, or no news
ITEMS: dict[str, tuple[str, str]] = {
    number: (category.strip("-"), title)
    for number, category, title in (line.split(maxsplit=2) for line in _TABLE.split("\n") if line)
}


def fetch_filings(
    edgar: Edgar, company: Company, symbol: str, form: str, since: date | None
) -> Fetched:
    """The filings of a company of one of `FORMS` since a day, or ever, as news of its symbol."""
    if form not in FORMS:
        raise UsageError(f"--form {form!r} is not read. Read are {' and '.join(FORMS)}.")
    done = Fetched(edgar, symbol, News)
    listing = filings_of(edgar, company.cik, (form, f"{form}/A"), since)
    read = partial(_items, done=done)
    if form == "4":
        read = partial(_sale, done=done, company=company)
    for rows in done.readable(listing.filings, read):
        done.rows += rows
    done.begins_late(company, listing, since)
    done.nothing_listed(listing.filings, f"filing on Form {form}", company, listing)
    if any(RESULTS in filing for filing in done.remarks):
        done.remarks.append(f"`events fetch earnings` takes the filings with item {RESULTS}.")
    return done


def by_category(items: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """The items of a filing by category, and those that are not on the form as it is today."""
    found: dict[str, list[str]] = {}
    for item in items:
        category = ITEMS.get(item, ("", ""))[0]
        if category:
            found.setdefault(category, []).append(item)
    return found, [item for item in items if item not in ITEMS]


def _items(filing: Filing, done: Fetched) -> list[dict[str, str]]:
    found, strange = by_category(filing.items)
    if RESULTS in filing.items:
        done.remarks.append(f"{filing.accession}: item {RESULTS} is an earnings event, not news.")
    if not filing.items:
        raise DataError("EDGAR names no items")
    if strange:
        why = f"item {', '.join(strange)} is not on the form of today"
        if not found:
            raise DataError(why)
        done.remarks.append(f"{filing.accession}: {why}.")
    if not found:
        return []
    rows, header = [], done.header(filing)
    for category, items in found.items():
        titles = "; ".join(ITEMS[item][1] for item in items)
        word = "item" if len(items) == 1 else "items"
        headline = f"{filing.form} {word} {', '.join(items)}: {titles}"
        rows.append(done.row(header, headline, category=category))
    return rows


def _sale(filing: Filing, done: Fetched, company: Company) -> list[dict[str, str]]:
    """A sale of the company's own stock: its list has the forms too in which it is the owner."""
    if filing.form.endswith("/A"):
        raise DataError("an amendment; see what it corrects and edit that")
    header = done.header(filing)
    names = (name for kind, name in header.documents if kind == "4" and name.endswith(".xml"))
    if (name := next(names, None)) is None:
        raise DataError("it holds no XML")
    sale = done.document(filing, name, read_sale)
    if sale is None:
        return []
    if sale.issuer not in (None, company.cik):
        raise DataError(f"a sale of {sale.issuer_name or 'another company'} ({sale.issuer})")
    headline = f"Form 4: sale by {sale.owner}, {sale.relationship or 'relationship not given'}"
    cells = {"category": "insider_sale", "figures": sale.figures}
    return [done.row(header, headline, **cells)]
