"""Filings as news: the items of 8-Ks, and sales by insiders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.data.kinds import News
from backtest.errors import UsageError
from backtest.sources.edgar.filers import filings_of
from backtest.sources.edgar.forms import read_sale
from backtest.sources.edgar.results import Fetched, header_or_remark, left_out, row_of

if TYPE_CHECKING:
    from datetime import date

    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.filers import Company, Filing

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
    """The filings of a company of one of `FORMS` since a day, or ever, as news of its symbol.

    Raises:
        UsageError: no news is made of such a form.
        SourceError: EDGAR does not answer.
        DataError: a page is not as expected.

    """
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
    """One row for each category of its items."""
    found, strange = by_category(filing.items)
    if strange:
        why = f"item {', '.join(strange)} is not on the form of today"
        done.remarks.append(left_out(filing, why) if not found else f"{filing.accession}: {why}.")
    if RESULTS in filing.items:
        done.remarks.append(f"{filing.accession}: item {RESULTS} is an earnings event, not news.")
    if not filing.items:
        done.remarks.append(left_out(filing, "EDGAR names no items"))
    header = header_or_remark(edgar, filing, done.remarks) if found else None
    if header is None:
        return
    for category, items in found.items():
        titles = "; ".join(ITEMS[item][1] for item in items)
        word = "item" if len(items) == 1 else "items"
        headline = f"{filing.form} {word} {', '.join(items)}: {titles} ({filing.accession})"
        done.rows.append(row_of(symbol, filing, header, headline, category=category))


def _insider(edgar: Edgar, symbol: str, filing: Filing, done: Fetched) -> None:
    """One row for all open market sales in a form."""
    if filing.form.endswith("/A"):
        done.remarks.append(left_out(filing, "an amendment; see what it corrects and edit that"))
        return
    header = header_or_remark(edgar, filing, done.remarks)
    if header is None:
        return
    documents = header.documents
    name = next((name for kind, name in documents if kind == "4" and name.endswith(".xml")), None)
    if name is None:
        done.remarks.append(left_out(filing, "it holds no XML"))
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
