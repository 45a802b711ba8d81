"""Fetch quarterly reports: 8-Ks with item 2.02, the fiscal quarter of each, and its figures.

The quarter is that of a 10-Q or 10-K. EPS and revenue are those of EDGAR's company facts (XBRL), as
that very filing has them, never as a later one restates them; EPS beside a consensus is Yahoo's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import mode
from typing import TYPE_CHECKING, NamedTuple

from backtest.data.event_checks import CLOSING_THE_BOOKS
from backtest.data.kinds import Earnings
from backtest.errors import DataError, first_few
from backtest.sources.edgar import (
    Company,
    Edgar,
    Filing,
    Header,
    Listing,
    filings_of,
    need,
    read_json,
)
from backtest.sources.filings import ITEMS, RESULTS, Fetched, days_before
from backtest.sources.http import AbsentError

if TYPE_CHECKING:
    from backtest.sources.yahoo import AnalystEstimate

_AMENDED = "8-K/A"
_ANNUAL = ("10-K", "10-KT", "10-KSB")
_PERIODIC = ("10-Q", "10-QT", "10-QSB", *_ANNUAL)  # SB: filed by small companies, up to 2009
_BEFORE = timedelta(days=400)  # far enough back to have the annual report before the first 8-K
_LONGEST = timedelta(days=120)  # from the end of a quarter to its 8-K
_AFTER = timedelta(days=10)  # from a 10-Q or 10-K to an 8-K that follows it
_QUARTER = timedelta(days=365.25 / 4)
_OVER = timedelta(days=10)  # a year of 52 or 53 weeks may end so late in January
_NEAR = timedelta(days=15)  # from a filing to Yahoo's day of the same report
_A_DAY = timedelta(days=1)  # Yahoo may date a report after the close one day later
BASIS = "basis not stated (Yahoo)"
_PRELIMINARY = re.compile(
    r"(?i)\bpreliminary\b[^.;]{0,60}\b(?:results?|revenues?|sales|earnings|income|estimates?)\b"
)


def fetch_earnings(
    edgar: Edgar,
    company: Company,
    symbol: str,
    since: date | None,
    estimates: Sequence[AnalystEstimate] | None,
    splits: Iterable[date] = (),
) -> Fetched:
    """Fetch a company's quarterly reports since a day, or ever, as earnings events of its symbol.

    Of several 8-Ks on a quarter the first that carries its results counts; an amendment is an event
    of its own, without figures. Yahoo's `estimates` are added to them; None leaves Yahoo out. A
    remark names the reports before one of the `splits`, whose EPS Yahoo may have in new shares.
    """
    fetched = Fetched(edgar, symbol, Earnings)
    start = days_before(since, _BEFORE)
    listing = filings_of(edgar, company.cik, ("8-K", _AMENDED, *_PERIODIC), start)
    facts = _company_facts(edgar, company.cik)
    years = {fact.accession: fact.fiscal_year for fact in facts if fact.fiscal_year}
    quarters = fiscal_quarters(listing, years)
    current = (filing for filing in listing.filings if filing.form not in _PERIODIC)
    results = [filing for filing in current if RESULTS in filing.items]
    results.sort(key=lambda filing: (filing.filed, filing.form))  # of one day, amendments are last
    for quarter, filings in _by_quarter(results, quarters, since, fetched).items():
        if since and filings[-1].filed < since:
            continue
        reports = list(fetched.readable(filings, fetched.header))
        reports.sort(key=lambda report: report.public[0])
        originals = [report for report in reports if report.filing.form != _AMENDED] or reports
        first = _first_report(fetched, originals, estimates or ())
        for report in reports:
            if since and report.filing.filed < since:
                continue
            if report == first:
                figures = _public_figures(quarter, report, facts, fetched)
                fetched.rows.append(_row(quarter, report, estimates, figures, fetched))
            elif first and report.filing.form == _AMENDED:
                note = f"Quarter ended {quarter.end}. Amends the {first.filing}."
                fetched.rows.append(_reported(quarter, report, fetched, note=note))
            elif first:
                word = "later" if report.public < first.public else "earlier"
                why = f"the {word} {first.filing} has the results of {quarter.name}"
                fetched.leave_out(report.filing, why)
    of_yahoo = [row for row in fetched.rows if row.get("eps_basis") == BASIS]
    for day in splits:
        if names := [row["period"] for row in of_yahoo if row["published_at"][:10] < str(day)]:
            fetched.remarks.append(
                f"The split of {day} came after {first_few(names)}: Yahoo's EPS may be in the "
                f"shares of after it. Hold it against the release, or use --no-estimates."
            )
    fetched.remark_if_late(company, listing, since)
    fetched.remark_if_none(results, f"8-K with item {RESULTS}", company, listing)
    return fetched


# Which quarter an 8-K reports, and which 8-K of a quarter counts


@dataclass(frozen=True)
class Quarter:
    """A quarter is a fiscal one, such as 2025Q3, with the 10-Q or 10-K on it."""

    name: str
    end: date
    filing: Filing


def fiscal_quarters(listing: Listing, fiscal_years: Mapping[str, int]) -> list[Quarter]:
    """Return the quarters of a company's 10-Qs and 10-Ks, in order of filing, as it counts them.

    They are counted from the end of a fiscal year. A year bears the name of the calendar year in
    which it ends, shifted as most filings do: `fiscal_years` has the name in each, by accession.
    """
    filings: dict[date, Filing] = {}  # the first of each quarter, by its end
    for filing in listing.filings:
        if filing.form in _PERIODIC and filing.period:
            filings.setdefault(filing.period, filing)
    ends = sorted(end for end, filing in filings.items() if filing.form in _ANNUAL)
    month, day = int(listing.year_end[:2]), min(int(listing.year_end[2:]), 28)
    counted = [
        (filing, end, *fiscal_quarter(end, ends or [date(end.year, month, day)]))
        for end, filing in filings.items()
    ]
    shifts = [
        fiscal_years[filing.accession] - year
        for filing, _, year, _ in counted
        if filing.accession in fiscal_years
    ]
    shift = mode(shifts or [0])
    return [
        Quarter(f"{year + shift}Q{number}", end, filing) for filing, end, year, number in counted
    ]


def fiscal_quarter(end: date, years: Sequence[date]) -> tuple[int, int]:
    """Return fiscal year and quarter (1 to 4) of a quarter's end, from the ends of fiscal years.

    The year is the calendar year in which it ends, or the one before if that is in early January.
    """
    anchor = min(years, key=lambda year_end: (year_end > end, abs(year_end - end)))
    number = (round((end - anchor) / _QUARTER) - 1) % 4 + 1
    return (end + (4 - number) * _QUARTER - _OVER).year, number


def _by_quarter(
    results: Iterable[Filing], quarters: Sequence[Quarter], since: date | None, fetched: Fetched
) -> dict[Quarter, list[Filing]]:
    by_quarter: dict[Quarter, list[Filing]] = {}
    for filing in results:
        if quarter := reported_quarter(filing, quarters, by_quarter):
            by_quarter.setdefault(quarter, []).append(filing)
        elif since is None or filing.filed >= since:
            hint = f"add the event by hand with `backtest events add {Earnings.kind}`"
            why = f"it is no report of a quarter by its day; if it is one, {hint}"
            if not any(quarter.filing.filed >= filing.filed for quarter in quarters):
                why = (
                    f"no 10-Q or 10-K filed since tells its quarter yet. Fetch again when it is "
                    f"filed, or {hint}"
                )
            fetched.leave_out(filing, why)
    return by_quarter


def reported_quarter(
    report: Filing, quarters: Sequence[Quarter], reported: Collection[Quarter]
) -> Quarter | None:
    """Return the quarter that an 8-K reports, which its own date does not say, or None if unknown.

    It is that of a 10-Q or 10-K filed up to ten days before that no 8-K has reported yet; else that
    of the next one, if its books can be closed by then. An amendment is of the last one reported.
    """
    day = report.filed
    if report.form == _AMENDED and reported:
        return max(reported, key=lambda quarter: quarter.end)
    after = next((quarter for quarter in quarters if quarter.filing.filed >= day), None)
    earlier = [q for q in quarters if timedelta(0) < day - q.filing.filed <= _AFTER]
    before = earlier[-1] if earlier else None
    if before and before not in reported:
        return before
    if after and after.end + CLOSING_THE_BOOKS < day <= after.end + _LONGEST:
        return after
    return before


def _first_report(
    fetched: Fetched, reports: Sequence[Header], estimates: Iterable[AnalystEstimate]
) -> Header | None:
    """Return the first report that carries results, or None if there is no report.

    One that is followed by another does not if it calls its results preliminary, or if it lacks
    Yahoo's EPS while the next is at least as near to the day of that EPS.
    """
    for report, following in pairwise(reports):
        estimate = nearest(_day_of(report), estimates)
        if (
            estimate
            and abs(estimate.day - _day_of(following)) <= abs(estimate.day - _day_of(report))
            and not _release_has(fetched, report, estimate)
        ):
            continue
        if not _PRELIMINARY.search(_text_of(fetched, report, "8-K", "EX-99")):
            return report
    return reports[-1] if reports else None


def _day_of(report: Header) -> date:
    return (report.accepted or report.public[0]).date()


def _release_has(fetched: Fetched, report: Header, estimate: AnalystEstimate) -> bool:
    """Tell whether the release of a report has Yahoo's EPS."""
    return estimate.eps is not None and stands_in(estimate.eps, _release(fetched, report))


def _release(fetched: Fetched, report: Header) -> str:
    """Return the text of a release, or of the filing itself if it has none."""
    return _text_of(fetched, report, "EX-99") or _text_of(fetched, report, "8-K")


def _text_of(fetched: Fetched, report: Header, *kinds: str) -> str:
    """Return the text of a filing's documents whose types begin with `kinds`; empty if none."""
    texts: list[bytes] = []
    for kind, name in report.documents:
        if kind.startswith(kinds):
            with suppress(AbsentError):
                texts.append(fetched.edgar.document(f"{report.filing.folder}/{name}", bytes))
    text = re.sub(r"<[^>]*>", " ", b"\n".join(texts).decode("utf-8", "replace"))
    return html.unescape(text)


# The figures of a quarter, as its 10-Q or 10-K has them

_EPS = {
    "EarningsPerShareDiluted": "GAAP diluted",
    "EarningsPerShareBasicAndDiluted": "GAAP basic and diluted",
}
_REVENUE = (
    "Revenues",
    "RevenueFromContractWithCustomerExcludingAssessedTax",
    "RevenueFromContractWithCustomerIncludingAssessedTax",
    "SalesRevenueNet",
    "RevenuesNetOfInterestExpense",
)
_UNITS = {**dict.fromkeys(_EPS, "USD/shares"), **dict.fromkeys(_REVENUE, "USD")}
_LENGTHS = (timedelta(days=75), timedelta(days=125))  # of a quarter: 12 to 17 weeks
_OFF = timedelta(days=7)  # between the end of a quarter in a list and in its facts


class Fact(NamedTuple):
    """A fact is a figure of a span of days in a 10-Q or 10-K, and the fiscal year it names."""

    tag: str
    start: date
    end: date
    value: float  # dollars, or dollars a share
    accession: str
    fiscal_year: int | None


def stands_in(value: float, text: str, *, is_revenue: bool = False) -> bool:
    """Tell whether a text has an EPS, or a revenue in dollars, as releases round it."""
    size = abs(value)
    written = [f"{size:,.2f}", f"{size:.2f}".removeprefix("0")]
    if is_revenue:
        units = (unit for unit in (1, 1e3, 1e6, 1e9) if size >= unit)
        written = [f"{size / unit:,.{n}f}" for unit in units for n in range(4)]
    words = "|".join(re.escape(text) for text in written if sum(map(str.isdigit, text)) > 1)
    return re.search(rf"(?<![\d.,])(?:{words})(?![\d,]*\d)", text) is not None


def _company_facts(edgar: Edgar, cik: int) -> list[Fact]:
    """Fetch EPS and revenue of a company's 10-Qs and 10-Ks; none if EDGAR has no facts of it."""
    with suppress(AbsentError):
        return edgar.listing(f"/api/xbrl/companyfacts/CIK{cik:010}.json", read_facts)
    return []


def read_facts(content: bytes) -> list[Fact]:
    """Read EPS and revenue from the facts of a company; raise DataError if they are malformed."""
    facts = need(read_json(content), "facts", dict).get("us-gaap") or {}
    try:
        return [
            Fact(
                tag,
                date.fromisoformat(fact["start"]),
                date.fromisoformat(fact["end"]),
                float(fact["val"]),
                fact["accn"],
                fact.get("fy"),
            )
            for tag, unit in _UNITS.items()
            for fact in facts.get(tag, {}).get("units", {}).get(unit, ())
            if fact["form"] in _PERIODIC
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"has a fact that cannot be read: {error}.") from None


def _public_figures(
    quarter: Quarter, report: Header, facts: Sequence[Fact], fetched: Fetched
) -> dict[str, Fact]:
    """Return the figures of a quarter by tag that both its 10-Q or 10-K and its release have.

    One that the release lacks was not public yet. If no release can be read, all count.
    """
    shortest, longest = _LENGTHS
    figures = {
        fact.tag: fact
        for fact in facts
        if fact.accession == quarter.filing.accession
        and abs(fact.end - quarter.end) <= _OFF
        and shortest <= fact.end - fact.start <= longest
    }
    text = _release(fetched, report) if figures else ""
    for tag, fact in list(figures.items()):
        if text and not stands_in(fact.value, text, is_revenue=tag in _REVENUE):
            del figures[tag]
            fetched.remarks.append(
                f"{quarter.name}: {tag} {fact.value:,.12g} of the {quarter.filing.form} of "
                f"{quarter.filing.filed} does not stand in the release, and is left out."
            )
    return figures


# Rows


def _row(
    quarter: Quarter,
    report: Header,
    estimates: Sequence[AnalystEstimate] | None,
    facts: Mapping[str, Fact],
    fetched: Fetched,
) -> dict[str, str]:
    day = _day_of(report)
    estimate = nearest(day, estimates or ())
    if estimate and estimate.day - day > _A_DAY and not _release_has(fetched, report, estimate):
        fetched.remarks.append(
            f"{quarter.name}: Yahoo's EPS of {estimate.day} is left out: it does not stand in the "
            f"release of the filing, accepted {day}."
        )
        estimate = None
    elif estimates is not None and estimate is None:
        fetched.remarks.append(
            f"{quarter.name}: Yahoo knows of no report within {_NEAR.days} days of {day}."
        )
    eps = None if estimate else next((facts[tag] for tag in _EPS if tag in facts), None)
    revenue = next((facts[tag] for tag in _REVENUE if tag in facts), None)
    note = f"Quarter ended {quarter.end}."
    if estimate and estimate.day != day:
        explanation = (
            f"Yahoo dates the report {estimate.day}; the filing was accepted {day}, which counts."
        )
        fetched.remarks.append(f"{quarter.name}: {explanation}")
        note += f" {explanation}"
    if names := ["EPS"] * bool(eps) + ["revenue"] * bool(revenue):
        note += f" {' and '.join(names)} as first filed, in the {quarter.filing}."
    second = quarter.filing.index_url if names else None
    if estimate:
        second = f"https://finance.yahoo.com/calendar/earnings?symbol={fetched.symbol}"
    return _reported(
        quarter,
        report,
        fetched,
        note=note,
        eps=estimate.eps if estimate else eps and eps.value,
        eps_consensus=estimate.consensus if estimate else None,
        eps_basis=BASIS if estimate else eps and _EPS[eps.tag],
        revenue=revenue and revenue.value,
        source_url_2=second,
    )


def _reported(
    quarter: Quarter, report: Header, fetched: Fetched, *, note: str, **cells: object
) -> dict[str, str]:
    headline = f"{report.filing.form} item {RESULTS}: {ITEMS[RESULTS][1]}, {quarter.name}"
    quarters = {"period": quarter.name, "period_end": quarter.end}
    return fetched.row(report, headline, note, **quarters, **cells)


def nearest(day: date, estimates: Iterable[AnalystEstimate]) -> AnalystEstimate | None:
    """Return the estimate whose day is nearest to `day`, or None if none is within 15 days."""
    estimate = min(estimates, key=lambda estimate: abs(estimate.day - day), default=None)
    return estimate if estimate and abs(estimate.day - day) <= _NEAR else None
