"""Form 13F, report by report: what each tells of one stock, amendments taken as they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.sources.edgar.filings import header_or_remark, left_out
from backtest.sources.edgar.results import Told
from backtest.sources.edgar.tables import (
    NEW_HOLDINGS,
    RESTATEMENT,
    Holding,
    in_dollars,
    learn_cusip,
    lines_of,
    read_amendment,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.headers import Header
    from backtest.sources.edgar.lists import Filing
    from backtest.sources.edgar.results import Close

    Report = tuple[Filing, Header, list[Holding], str]

QUARTERLY = ("13F-HR", "13F-HR/A")


def quarterly_reports(
    edgar: Edgar,
    filings: Sequence[Filing],
    names: Sequence[str],
    cusip: str | None,
    close: Close,
    remarks: list[str],
) -> Iterator[Told]:
    """What each report tells of a stock, in order of acceptance.

    A report without the stock tells something where the one before had it: nothing is left.

    Args:
        edgar: EDGAR.
        filings: of `QUARTERLY`.
        names: that the company of the stock has or had.
        cusip: of the stock; learned from the names where None.
        close: as of `fetch_stakes`.
        remarks: takes what was left out, and which lines were matched.

    Raises:
        UsageError: the CUSIP cannot be told.

    """
    reports = sorted(
        (one for filing in filings if (one := _report(edgar, filing, remarks))),
        key=lambda one: one[1].accepted,
    )
    found = cusip or learn_cusip((table for _, _, table, _ in reports), names)
    if found is None:
        if reports:
            remarks.append(
                f"None of {len(reports)} reports on Form 13F has a line of {names[0]}. If they "
                f"should, name the paper with --cusip."
            )
        return
    remarks.append(_matched(found, [table for _, _, table, _ in reports]))
    yield from _folded(reports, found, close, remarks)


def _folded(
    reports: Sequence[Report], cusip: str, close: Close, remarks: list[str]
) -> Iterator[Told]:
    """Each report with the lines that hold for its quarter after it."""
    held: dict[date, list[Holding]] = {}
    latest: list[Holding] = []  # of the quarter that was told last
    for filing, header, table, amendment in reports:
        quarter = filing.period
        if quarter is None:
            remarks.append(left_out(filing, "EDGAR names no quarter"))
            continue
        lines = lines_of(table, cusip)
        before = held.get(quarter, latest)
        if amendment == NEW_HOLDINGS:
            if not lines:
                continue
            lines = [*held.get(quarter, []), *lines]
        held[quarter] = latest = lines
        if not lines and not before:
            continue
        shares = sum(line.shares for line in lines)
        value, note = in_dollars(
            sum(line.value for line in lines), shares, filing.filed, close(quarter)
        )
        if amendment == NEW_HOLDINGS:
            note = f"Holdings added to what the report of {quarter} told. {note}".strip()
        if not lines:
            note = "No line of the stock; the report before had one."
        if note:
            remarks.append(f"{filing.form} for {quarter} ({filing.accession}): {note}")
        yield Told(filing, header, quarter, shares, value, None, note)


def _report(edgar: Edgar, filing: Filing, remarks: list[str]) -> Report | None:
    """A report with its table and kind of amendment; None, with a remark, where one is missing."""
    header = header_or_remark(edgar, filing, remarks)
    if header is None:
        return None
    name = header.document("INFORMATION TABLE")
    if name is None or not name.endswith(".xml"):
        remarks.append(left_out(filing, "it holds no table in XML, as before the middle of 2013"))
        return None
    table = edgar.document(f"{filing.folder}/{name}", read_table)
    if not table:
        remarks.append(left_out(filing, "its table has no shares, which tells nothing"))
        return None
    amendment = ""
    if filing.form.endswith("/A"):
        cover = header.document(*QUARTERLY) or "primary_doc.xml"
        amendment = edgar.document(f"{filing.folder}/{cover}", read_amendment)
        if amendment not in (RESTATEMENT, NEW_HOLDINGS):
            why = f"it does not say whether it restates or adds (amendmentType {amendment!r})"
            remarks.append(left_out(filing, why))
            return None
    return filing, header, table, amendment


def _matched(cusip: str, tables: Sequence[Sequence[Holding]]) -> str:
    """Which lines of the tables were taken."""
    lines = [line for table in tables for line in lines_of(table, cusip)]
    names = sorted({f"{line.issuer}, {line.title}" for line in lines})
    return f"CUSIP {cusip}: {len(lines)} lines in {len(tables)} reports ({'; '.join(names)})."
