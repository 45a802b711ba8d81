"""Filings as events: quarterly reports, the items of 8-Ks, and sales by insiders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from backtest.data.kinds import Earnings, News, StakeDisclosure
from backtest.errors import SourceError, UsageError
from backtest.sources.edgar import filings_of, header_of_filing
from backtest.sources.forms import read_sale
from backtest.sources.yahoo import estimates_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backtest.data.kinds import Event
    from backtest.sources.edgar import Company, Edgar, Filing, Header
    from backtest.sources.yahoo import AnalystEstimate

    Report = tuple[Filing, Header]

_GONE = 404


@dataclass
class Fetched:
    """Rows of one kind of event, oldest first: texts by column, as event files take them.

    The remarks say what was left out and why, and what the reader has to know.
    """

    kind: type[Event]
    rows: list[dict[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def leave_out(self, filing: Filing, why: str) -> None:
        """Remark that a filing is left out."""
        name = f"{filing.form} of {filing.filed} ({filing.accession})"
        self.remarks.append(f"{name} left out: {why}.")

    def header(self, edgar: Edgar, filing: Filing) -> Header | None:
        """The header of a filing; None, with a remark, where EDGAR has no page of it."""
        try:
            return header_of_filing(edgar, filing)
        except SourceError as error:
            if error.status != _GONE:
                raise
        self.leave_out(filing, "EDGAR has no header page of it, so its time is unknown")
        return None


def row_of(
    symbol: str, filing: Filing, header: Header, headline: str, **cells: Any
) -> dict[str, str]:
    """The row of a filing, public at the time of its header.

    The cells are columns of the kind's own, and `note`; None is unknown.
    """
    moment, precision = header.public
    note = " ".join(text for text in (cells.pop("note", ""), header.remark) if text)
    known = {
        "symbol": symbol,
        "published_at": moment.isoformat(),
        "precision": precision,
        "headline": headline,
        **cells,
        "source_url": filing.index_url,
        "grade": "C",  # one source, though a primary one
        "note": note,
        "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {name: _text(value) for name, value in known.items()}


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

    Reports: the same quarter. Stakes: the same filing; or, where the one on file names
    no filing of the holder, the same holder, form and day. News: the same filing and category.
    """
    if known.symbol != fetched.symbol:
        return False
    if isinstance(known, Earnings) and isinstance(fetched, Earnings):
        return known.period is not None and known.period == fetched.period
    if isinstance(known, StakeDisclosure) and isinstance(fetched, StakeDisclosure):
        return known.holder == fetched.holder and _same_stake(known, fetched)
    if isinstance(known, News) and isinstance(fetched, News):
        return _is_within(known, fetched, steps=1) and known.category == fetched.category
    return False


def _same_stake(known: StakeDisclosure, fetched: StakeDisclosure) -> bool:
    if _is_within(known, fetched, steps=2):  # a filing of the same filer
        return _is_within(known, fetched, steps=1)
    what = (fetched.form, fetched.as_of)
    return known.as_of is not None and (known.form, known.as_of) == what


def _is_within(known: Event, fetched: Event, *, steps: int) -> bool:
    """Whether a source of an event is so many steps above the fetched one, or below that."""
    folder = (fetched.source_url or "").rsplit("/", steps)[0]
    urls = (known.source_url or "", known.source_url_2 or "")
    return any(url.startswith(f"{folder}/") for url in urls)


# Quarterly reports

_QUARTERLY = ("10-Q", "10-K")
_LONGEST = timedelta(days=120)  # from the end of a quarter to its report
_MIDDLE = timedelta(days=45)
_NEAR = timedelta(days=15)
BASIS = "basis not stated (Yahoo)"


def fetch_earnings(
    edgar: Edgar,
    company: Company,
    symbol: str,
    since: date | None,
    estimates: Sequence[AnalystEstimate] | None,
) -> Fetched:
    """The quarterly reports of a company since a day, or ever, as earnings of its symbol.

    Yahoo's `estimates` stand beside them; they are None where Yahoo was left out.
    """
    done = Fetched(Earnings)
    listed = filings_of(edgar, company.cik, ("8-K", *_QUARTERLY), since).filings
    quarterly = [one for one in listed if one.form in _QUARTERLY]
    reports: dict[date, list[Report]] = {}
    for filing in listed:
        if filing.form in _QUARTERLY or RESULTS not in filing.items:
            continue
        end = quarter_end(filing, quarterly)
        if end is None:
            why = (
                f"no 10-Q or 10-K filed since tells its quarter yet. Fetch again when it is filed, "
                f"or add the event by hand with `backtest events add {Earnings.kind}`"
            )
            done.leave_out(filing, why)
        elif header := done.header(edgar, filing):
            reports.setdefault(end, []).append((filing, header))
    for end, several in sorted(reports.items()):
        *earlier, report = sorted(several, key=lambda one: one[1].accepted)
        for filing, _ in earlier:
            why = f"a later 8-K tells the results of {quarter_name(end)} as well; preliminary?"
            done.leave_out(filing, why)
        done.rows.append(_row(symbol, end, *report, estimates, done.remarks))
    return done


def quarter_end(report: Filing, quarterly: Iterable[Filing]) -> date | None:
    """The end of the quarter that an 8-K reports; None where nothing tells it.

    It is that of the first 10-Q or 10-K filed on its day or later: the date of the 8-K itself is
    the day of the event.
    """
    later = (one for one in quarterly if one.filed >= report.filed and one.period)
    first = min(later, key=lambda one: one.filed, default=None)
    if first is None or first.period is None:
        return None
    return first.period if first.period <= report.filed <= first.period + _LONGEST else None


def quarter_name(end: date) -> str:
    """The calendar quarter in which a fiscal quarter has its middle, such as 2025Q3."""
    middle = end - _MIDDLE
    return f"{middle.year}Q{(middle.month + 2) // 3}"


def _row(
    symbol: str,
    end: date,
    filing: Filing,
    header: Header,
    estimates: Sequence[AnalystEstimate] | None,
    remarks: list[str],
) -> dict[str, str]:
    name, day = quarter_name(end), header.accepted.date()
    found = nearest(day, estimates or ())
    note = f"Quarter ended {end}."
    if estimates is not None and found is None:
        remarks.append(f"{name}: Yahoo knows of no report within {_NEAR.days} days of {day}.")
    if found and found.day != day:
        fact = f"Yahoo dates the report {found.day}; the filing was accepted {day}, which counts."
        remarks.append(f"{name}: {fact}")
        note += f" {fact}"
    return row_of(
        symbol,
        filing,
        header,
        f"{filing.form} item {RESULTS}: {ITEMS[RESULTS][1]}, {name} ({filing.accession})",
        period=name,
        eps=found.eps if found else None,
        eps_consensus=found.consensus if found else None,
        eps_basis=BASIS if found else None,
        source_url_2=estimates_page(symbol) if found else None,
        note=note,
    )


def nearest(day: date, estimates: Iterable[AnalystEstimate]) -> AnalystEstimate | None:
    """The estimate whose day is next to a day, within two weeks or so."""
    found = min(estimates, key=lambda one: abs(one.day - day), default=None)
    return found if found and abs(found.day - day) <= _NEAR else None


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
    done = Fetched(News)
    for filing in filings_of(edgar, company.cik, (form, f"{form}/A"), since).filings:
        if form == "8-K":
            _current_report(edgar, symbol, filing, done)
        else:
            _insider(edgar, symbol, filing, done)
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


def _current_report(edgar: Edgar, symbol: str, filing: Filing, done: Fetched) -> None:
    found, strange = by_category(filing.items)
    if strange:
        why = f"item {', '.join(strange)} is not on the form of today"
        if found:
            done.remarks.append(f"{filing.accession}: {why}.")
        else:
            done.leave_out(filing, why)
    if RESULTS in filing.items:
        done.remarks.append(f"{filing.accession}: item {RESULTS} is an earnings event, not news.")
    if not filing.items:
        done.leave_out(filing, "EDGAR names no items")
    header = done.header(edgar, filing) if found else None
    if header is None:
        return
    for category, items in found.items():
        titles = "; ".join(ITEMS[item][1] for item in items)
        word = "item" if len(items) == 1 else "items"
        headline = f"{filing.form} {word} {', '.join(items)}: {titles} ({filing.accession})"
        done.rows.append(row_of(symbol, filing, header, headline, category=category))


def _insider(edgar: Edgar, symbol: str, filing: Filing, done: Fetched) -> None:
    if filing.form.endswith("/A"):
        done.leave_out(filing, "an amendment; see what it corrects and edit that")
        return
    header = done.header(edgar, filing)
    if header is None:
        return
    documents = header.documents
    name = next((name for kind, name in documents if kind == "4" and name.endswith(".xml")), None)
    if name is None:
        done.leave_out(filing, "it holds no XML")
        return
    sale = edgar.document(f"{filing.folder}/{name}", read_sale)
    if sale is None:
        return
    headline = f"Form 4: sale by {sale.owner}, {sale.relationship or 'relationship not given'}"
    done.rows.append(
        row_of(
            symbol,
            filing,
            header,
            f"{headline} ({filing.accession})",
            category="insider_sale",
            figures=sale.figures,
        )
    )
