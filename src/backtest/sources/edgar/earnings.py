"""Quarterly reports: when the 8-K with the results was accepted, and Yahoo's figures beside it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from backtest.data.kinds import Earnings
from backtest.sources.edgar.filers import filings_of
from backtest.sources.edgar.filings import ITEMS, RESULTS
from backtest.sources.edgar.results import Fetched, header_or_remark, left_out, row_of
from backtest.sources.yahoo import estimates_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.filers import Company, Filing, Header
    from backtest.sources.yahoo import Estimate

    Report = tuple[Filing, Header]

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
    estimates: Sequence[Estimate] | None,
) -> Fetched:
    """The quarterly reports of a company since a day, or ever, as earnings of its symbol.

    Yahoo's `estimates` stand beside them; they are None where Yahoo was not asked.

    Raises:
        SourceError: EDGAR does not answer.
        DataError: a page is not as expected.

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
            done.remarks.append(left_out(filing, why))
        elif header := header_or_remark(edgar, filing, done.remarks):
            reports.setdefault(end, []).append((filing, header))
    for end, several in sorted(reports.items()):
        *earlier, report = sorted(several, key=lambda one: one[1].accepted)
        for filing, _ in earlier:
            why = f"a later 8-K tells the results of {quarter_name(end)} as well; preliminary?"
            done.remarks.append(left_out(filing, why))
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
    estimates: Sequence[Estimate] | None,
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


def nearest(day: date, estimates: Iterable[Estimate]) -> Estimate | None:
    """The estimate whose day is next to a day, within two weeks or so."""
    found = min(estimates, key=lambda one: abs(one.day - day), default=None)
    return found if found and abs(found.day - day) <= _NEAR else None
