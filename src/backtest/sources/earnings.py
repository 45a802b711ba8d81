"""Quarterly reports: 8-Ks with item 2.02, the fiscal quarter of each, and its figures.

The quarter is that of a 10-Q or 10-K. EPS and revenue are those of EDGAR's company facts (XBRL), as
that very filing has them, never as a later one restates them; EPS beside a consensus is Yahoo's.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
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
from backtest.sources.filings import ITEMS, RESULTS, Fetched
from backtest.sources.http import AbsentError

if TYPE_CHECKING:
    from backtest.sources.yahoo import AnalystEstimate

_AMENDED = "8-K/A"
_ANNUAL = ("10-K", "10-KT", "10-KSB")
_PERIODIC = ("10-Q", "10-QT", "10-QSB", *_ANNUAL)  # SB: of small companies, up to 2009
_BEFORE = timedelta(days=400)  # so that an annual report before the first 8-K is there
_LONGEST = timedelta(days=120)  # from the end of a quarter to its 8-K
_AFTER = timedelta(days=10)  # from a 10-Q or 10-K to an 8-K that follows it
_QUARTER = timedelta(days=365.25 / 4)
_OVER = timedelta(days=10)  # that a year of 52 or 53 weeks may reach into January
_NEAR = timedelta(days=15)
_A_DAY = timedelta(days=1)  # by which Yahoo's may be later, as of a report after the close
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
    """The quarterly reports of a company since a day, or ever, as earnings of its symbol.

    Of several 8-Ks on a quarter the first that carries its results counts; an amendment is an event
    of its own, without figures. Yahoo's `estimates` stand beside them; None leaves Yahoo out. Those
    of before one of the `splits` are remarked on.
    """
    done = Fetched(edgar, symbol, Earnings)
    start = since and since - _BEFORE
    listing = filings_of(edgar, company.cik, ("8-K", _AMENDED, *_PERIODIC), start)
    facts = _company_facts(edgar, company.cik)
    named = {one.accession: one.fiscal_year for one in facts if one.fiscal_year}
    quarters = fiscal_quarters(listing, named)
    results = [one for one in listing.filings if RESULTS in one.items and one.form not in _PERIODIC]
    results.sort(key=lambda one: (one.filed, one.form))  # an amendment of the same day is later
    for quarter, filings in _by_quarter(results, quarters, since, done).items():
        if since and filings[-1].filed < since:
            continue
        reports = sorted(done.readable(filings, done.header), key=lambda one: one.public[0])
        own = [one for one in reports if one.filing.form != _AMENDED] or reports
        first = _first(done, own, estimates or ())
        for report in reports:
            if since and report.filing.filed < since:
                continue
            if report == first:
                figures = _public_figures(quarter, report, facts, done)
                done.rows.append(_row(quarter, report, estimates, figures, done))
            elif first and report.filing.form == _AMENDED:
                note = f"Quarter ended {quarter.end}. Amends the {first.filing}."
                done.rows.append(_reported(quarter, report, done, note=note))
            elif first:
                word = "later" if report.public < first.public else "earlier"
                why = f"the {word} {first.filing} has the results of {quarter.name}"
                done.leave_out(report.filing, why)
    of_yahoo = [row for row in done.rows if row.get("eps_basis") == BASIS]
    for on in splits:
        if names := [row["period"] for row in of_yahoo if row["published_at"][:10] < str(on)]:
            done.remarks.append(
                f"The split of {on} came after {first_few(names)}: Yahoo's EPS may be in the "
                f"shares of after it. Hold it against the release, or use --no-estimates."
            )
    done.begins_late(company, listing, since)
    done.nothing_listed(results, f"8-K with item {RESULTS}", company, listing)
    return done


# Which quarter an 8-K reports, and which 8-K of a quarter counts


@dataclass(frozen=True)
class Quarter:
    """A fiscal quarter, such as 2025Q3, and the 10-Q or 10-K that tells of it."""

    name: str
    end: date
    filing: Filing


def fiscal_quarters(listing: Listing, named: Mapping[str, int]) -> list[Quarter]:
    """The quarters of a company's 10-Qs and 10-Ks, in order of filing, as it counts them itself.

    They are counted from the end of a fiscal year. A year bears the name of the calendar year that
    it ends in, or the one before where most of the filings say so; `named` has theirs by accession.
    """
    first: dict[date, Filing] = {}  # of two on one quarter
    for one in listing.filings:
        if one.form in _PERIODIC and one.period:
            first.setdefault(one.period, one)
    years = sorted(end for end, one in first.items() if one.form in _ANNUAL)
    month, day = int(listing.year_end[:2]), min(int(listing.year_end[2:]), 28)
    counted = [
        (one, end, *fiscal_quarter(end, years or [date(end.year, month, day)]))
        for end, one in first.items()
    ]
    shifts = Counter(
        named[one.accession] - year for one, _, year, _ in counted if one.accession in named
    )
    shift = shifts.most_common(1)[0][0] if shifts else 0
    return [Quarter(f"{year + shift}Q{number}", end, one) for one, end, year, number in counted]


def fiscal_quarter(end: date, years: Sequence[date]) -> tuple[int, int]:
    """Fiscal year and quarter, from 1, of a quarter's end and the ends of fiscal years.

    The year is the calendar year in which it ends, but for a few days in January.
    """
    anchor = min(years, key=lambda one: (one > end, abs(one - end)))
    number = (round((end - anchor) / _QUARTER) - 1) % 4 + 1
    return (end + (4 - number) * _QUARTER - _OVER).year, number


def _by_quarter(
    results: Iterable[Filing], quarters: Sequence[Quarter], since: date | None, done: Fetched
) -> dict[Quarter, list[Filing]]:
    found: dict[Quarter, list[Filing]] = {}
    for filing in results:
        if quarter := reported_quarter(filing, quarters, found):
            found.setdefault(quarter, []).append(filing)
        elif since is None or filing.filed >= since:
            hint = f"add the event by hand with `backtest events add {Earnings.kind}`"
            why = f"it is no report of a quarter by its day; if it is one, {hint}"
            if not any(one.filing.filed >= filing.filed for one in quarters):
                why = (
                    f"no 10-Q or 10-K filed since tells its quarter yet. Fetch again when it is "
                    f"filed, or {hint}"
                )
            done.leave_out(filing, why)
    return found


def reported_quarter(
    report: Filing, quarters: Sequence[Quarter], reported: Collection[Quarter]
) -> Quarter | None:
    """The quarter that an 8-K reports, for its own date is the day of the event; None if unknown.

    It is that of a 10-Q or 10-K of up to ten days before, if no 8-K has reported it yet, or else of
    the next one, where its books can have been closed. An amendment is of the last one reported.
    """
    day = report.filed
    if report.form == _AMENDED and reported:
        return max(reported, key=lambda one: one.end)
    after = next((one for one in quarters if one.filing.filed >= day), None)
    before = next((one for one in reversed(quarters) if one.filing.filed < day), None)
    if before and day - before.filing.filed > _AFTER:
        before = None
    if before and before not in reported:
        return before
    if after and after.end + CLOSING_THE_BOOKS < day <= after.end + _LONGEST:
        return after
    return before


def _first(
    done: Fetched, reports: Sequence[Header], estimates: Iterable[AnalystEstimate]
) -> Header | None:
    """The first that carries results: one does not that calls them preliminary and is followed, or
    whose next is as near to the day of Yahoo's EPS, which it lacks itself.
    """
    for one, after in pairwise(reports):
        found = nearest(_day_of(one), estimates)
        is_early = found and abs(found.day - _day_of(after)) <= abs(found.day - _day_of(one))
        if found and is_early and not _has(done, one, found):
            continue
        if not _PRELIMINARY.search(_text_of(done, one, "8-K", "EX-99")):
            return one
    return reports[-1] if reports else None


def _day_of(report: Header) -> date:
    return (report.accepted or report.public[0]).date()


def _has(done: Fetched, report: Header, found: AnalystEstimate) -> bool:
    """Whether Yahoo's EPS stands in the release of a report."""
    return found.eps is not None and stands_in(found.eps, _release(done, report))


def _release(done: Fetched, report: Header) -> str:
    """The text of a release; of the filing itself where it has none."""
    return _text_of(done, report, "EX-99") or _text_of(done, report, "8-K")


def _text_of(done: Fetched, report: Header, *kinds: str) -> str:
    """The text of a filing's documents whose type begins so; empty where there is none to read."""
    texts: list[bytes] = []
    for kind, name in report.documents:
        if kind.startswith(kinds):
            with suppress(AbsentError):
                texts.append(done.edgar.document(f"{report.filing.folder}/{name}", bytes))
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
    """A figure that a 10-Q or 10-K has of a span of days, and the fiscal year that it names."""

    tag: str
    start: date
    end: date
    value: float
    accession: str
    fiscal_year: int | None

    def stands_in(self, text: str) -> bool:
        """Whether a text has the figure, as releases round it."""
        return stands_in(self.value, text, is_revenue=self.tag in _REVENUE)


def stands_in(value: float, text: str, *, is_revenue: bool = False) -> bool:
    """Whether a text has EPS, or a revenue, as releases round it."""
    size = abs(value)
    written = [f"{size:,.2f}", f"{size:.2f}".removeprefix("0")]
    if is_revenue:
        units = (unit for unit in (1, 1e3, 1e6, 1e9) if size >= unit)
        written = [f"{size / unit:,.{n}f}" for unit in units for n in range(4)]
    words = "|".join(re.escape(one) for one in written if sum(map(str.isdigit, one)) > 1)
    return re.search(rf"(?<![\d.,])(?:{words})(?![\d,]*\d)", text) is not None


def _company_facts(edgar: Edgar, cik: int) -> list[Fact]:
    """EPS and revenue in the company's 10-Qs and 10-Ks; none where EDGAR has no facts of it."""
    with suppress(AbsentError):
        return edgar.listing(f"/api/xbrl/companyfacts/CIK{cik:010}.json", read_facts)
    return []


def read_facts(content: bytes) -> list[Fact]:
    """EPS and revenue among the facts of a company."""
    facts = need(read_json(content), "facts", dict).get("us-gaap") or {}
    try:
        return [
            Fact(
                tag,
                date.fromisoformat(one["start"]),
                date.fromisoformat(one["end"]),
                float(one["val"]),
                one["accn"],
                one.get("fy"),
            )
            for tag, unit in _UNITS.items()
            for one in facts.get(tag, {}).get("units", {}).get(unit, ())
            if one["form"] in _PERIODIC
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"has a fact that cannot be read: {error}.") from None


def _public_figures(
    quarter: Quarter, report: Header, facts: Sequence[Fact], done: Fetched
) -> dict[str, Fact]:
    """The figures of a quarter by tag, as its own 10-Q or 10-K has them, and its release too.

    One that the release does not have was not public yet; where no release can be read, all count.
    """
    shortest, longest = _LENGTHS
    found = {
        one.tag: one
        for one in facts
        if one.accession == quarter.filing.accession
        and abs(one.end - quarter.end) <= _OFF
        and shortest <= one.end - one.start <= longest
    }
    text = _release(done, report) if found else ""
    for one in list(found.values()):
        if text and not one.stands_in(text):
            del found[one.tag]
            done.remarks.append(
                f"{quarter.name}: {one.tag} {one.value:,.12g} of the {quarter.filing.form} of "
                f"{quarter.filing.filed} does not stand in the release, and is left out."
            )
    return found


# Rows


def _row(
    quarter: Quarter,
    report: Header,
    estimates: Sequence[AnalystEstimate] | None,
    facts: Mapping[str, Fact],
    done: Fetched,
) -> dict[str, str]:
    day = _day_of(report)
    found = nearest(day, estimates or ())
    if found and found.day - day > _A_DAY and not _has(done, report, found):
        done.remarks.append(
            f"{quarter.name}: Yahoo's EPS of {found.day} is left out: it does not stand in the "
            f"release of the filing, accepted {day}."
        )
        found = None
    elif estimates is not None and found is None:
        done.remarks.append(
            f"{quarter.name}: Yahoo knows of no report within {_NEAR.days} days of {day}."
        )
    eps = None if found else next((facts[tag] for tag in _EPS if tag in facts), None)
    revenue = next((facts[tag] for tag in _REVENUE if tag in facts), None)
    note = f"Quarter ended {quarter.end}."
    if found and found.day != day:
        fact = f"Yahoo dates the report {found.day}; the filing was accepted {day}, which counts."
        done.remarks.append(f"{quarter.name}: {fact}")
        note += f" {fact}"
    if names := ["EPS"] * bool(eps) + ["revenue"] * bool(revenue):
        note += f" {' and '.join(names)} as first filed, in the {quarter.filing}."
    second = quarter.filing.index_url if names else None
    if found:
        second = f"https://finance.yahoo.com/calendar/earnings?symbol={done.symbol}"
    return _reported(
        quarter,
        report,
        done,
        note=note,
        eps=found.eps if found else eps and eps.value,
        eps_consensus=found.consensus if found else None,
        eps_basis=BASIS if found else eps and _EPS[eps.tag],
        revenue=revenue and revenue.value,
        source_url_2=second,
    )


def _reported(
    quarter: Quarter, report: Header, done: Fetched, *, note: str, **cells: object
) -> dict[str, str]:
    headline = f"{report.filing.form} item {RESULTS}: {ITEMS[RESULTS][1]}, {quarter.name}"
    quarters = {"period": quarter.name, "period_end": quarter.end}
    return done.row(report, headline, note, **quarters, **cells)


def nearest(day: date, estimates: Iterable[AnalystEstimate]) -> AnalystEstimate | None:
    """The estimate whose day is next to a day, within two weeks or so."""
    found = min(estimates, key=lambda one: abs(one.day - day), default=None)
    return found if found and abs(found.day - day) <= _NEAR else None
