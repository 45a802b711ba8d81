"""Filings of interest: items of 8-Ks and sales by insiders, as news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.data.kinds import News
from backtest.errors import SourceError, UsageError
from backtest.sources.edgar.insiders import read_sale
from backtest.sources.edgar.items import ITEMS, RESULTS, by_category
from backtest.sources.edgar.lists import Filing, filings_of, header_of_filing
from backtest.sources.edgar.results import Fetched, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.headers import Header
    from backtest.sources.edgar.lists import Company

FORMS = ("8-K", "4")
_GONE = 404


def fetch_filings(
    edgar: Edgar, company: Company, symbol: str, form: str, since: date | None
) -> Fetched:
    """The filings of a company of one form.

    Args:
        edgar: EDGAR.
        company: the company.
        symbol: its stock.
        form: one of `FORMS`.
        since: first date of filing; None for all.

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


def header_or_remark(edgar: Edgar, filing: Filing, remarks: list[str]) -> Header | None:
    """The header of a filing; None, with a remark, where EDGAR has no page of it."""
    try:
        return header_of_filing(edgar, filing)
    except SourceError as error:
        if error.status != _GONE:
            raise
    remarks.append(left_out(filing, "EDGAR has no header page of it, so its time is unknown"))
    return None


def left_out(filing: Filing, why: str) -> str:
    """A remark that a filing was left out."""
    return f"{filing.form} of {filing.filed} ({filing.accession}) left out: {why}."


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
    name = next(_xml_names(header), None)
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


def _xml_names(header: Header) -> Iterator[str]:
    return (name for kind, name in header.documents if kind == "4" and name.endswith(".xml"))
