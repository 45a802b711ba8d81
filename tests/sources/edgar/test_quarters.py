"""Which quarter an 8-K reports, what a company calls it, and which figures are of it."""

from datetime import date, datetime, timedelta
from functools import partial

import pytest

from backtest.data.kinds import NEW_YORK, Earnings
from backtest.sources.earnings import (
    Fact,
    Quarter,
    _by_quarter,
    _public_figures,
    fetch_earnings,
    fiscal_quarter,
    fiscal_quarters,
    nearest,
    reported_quarter,
    stands_in,
)
from backtest.sources.edgar import Company, Filing, Header, Listing
from backtest.sources.filings import Fetched
from backtest.sources.yahoo import AnalystEstimate
from tests.edgar_site import ACME

COMPANY = Company(ACME, "ACME CORP")


def filed(day, form="8-K", period=None, number=1):
    end = period and date.fromisoformat(period)
    accession = f"0000001111-25-{number:06}"
    return Filing(ACME, accession, form, date.fromisoformat(day), end, ("2.02",))


def quarter(name, end, day):
    return Quarter(name, date.fromisoformat(end), filed(day, "10-Q", end))


@pytest.mark.parametrize(
    ("years", "end", "name"),
    [
        (["2022-01-10"], "2022-01-10", (2021, 4)),  # ten days into January are the year before
        (["2022-01-11"], "2022-01-11", (2022, 4)),
        (["2025-01-11"], "2025-04-12", (2025, 1)),  # its year ends on 2026-01-10
        (["2025-01-11"], "2025-04-13", (2026, 1)),
        (["2023-06-30", "2024-12-31"], "2024-12-31", (2024, 4)),  # it has moved its year's end
        (["2023-06-30", "2024-12-31"], "2025-03-31", (2025, 1)),
    ],
)
def test_a_fiscal_year_has_the_year_of_its_end_but_for_ten_days(years, end, name):
    ends = [date.fromisoformat(one) for one in years]
    assert fiscal_quarter(date.fromisoformat(end), ends) == name


@pytest.mark.parametrize(
    ("year_end", "end", "name"),
    [
        ("0229", "2025-05-31", "2026Q1"),  # the end of February, whatever year it is
        ("0331", "2025-05-10", "2025Q4"),  # 43 days from March 28, 48 to the end of a quarter
        ("0331", "2025-05-13", "2026Q1"),  # 46 days and 45
    ],
)
def test_a_year_s_end_is_taken_as_its_28th_where_the_month_has_more_days(year_end, end, name):
    listing = Listing((), (filed("2025-06-10", "10-Q", end),), {}, year_end)
    assert [one.name for one in fiscal_quarters(listing, {})] == [name]


def test_a_year_is_named_as_most_of_the_filings_name_it():
    ends = {1: "2025-03-31", 2: "2025-06-30", 3: "2025-09-30"}
    filings = [filed("2025-10-30", "10-Q", end, number) for number, end in ends.items()]
    named = {filings[0].accession: 2025, filings[1].accession: 2024, filings[2].accession: 2024}
    quarters = fiscal_quarters(Listing((), tuple(filings), {}), named)
    assert [one.name for one in quarters] == ["2024Q1", "2024Q2", "2024Q3"]


BEFORE = quarter("2025Q1", "2025-03-31", "2025-05-15")
AFTER = quarter("2025Q2", "2025-06-30", "2025-12-01")


@pytest.mark.parametrize(
    ("day", "reported", "found"),
    [
        ("2025-05-25", [], BEFORE),  # ten days after its 10-Q
        ("2025-05-26", [], None),
        ("2025-05-25", [BEFORE], BEFORE),  # again, for want of another
        ("2025-07-05", [], None),  # five days after the end its books are not closed
        ("2025-07-06", [], AFTER),
        ("2025-10-28", [], AFTER),  # 120 days after the end
        ("2025-10-29", [], None),
        ("2025-12-01", [], None),  # on the day of its 10-Q it does not follow it yet
        ("2025-12-02", [], AFTER),
    ],
)
def test_a_report_is_of_the_quarter_of_a_10q_ten_days_before_or_of_the_next(day, reported, found):
    assert reported_quarter(filed(day), [BEFORE, AFTER], reported) == found


def test_an_amendment_is_of_the_last_quarter_that_was_reported():
    amended = filed("2025-12-02", "8-K/A")
    assert reported_quarter(amended, [BEFORE, AFTER], [AFTER, BEFORE]) == AFTER
    assert reported_quarter(amended, [BEFORE, AFTER], [BEFORE]) == BEFORE
    assert reported_quarter(amended, [BEFORE, AFTER], []) == AFTER


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2025-11-30", "it is no report of a quarter by its day"),
        ("2025-12-01", "it is no report of a quarter by its day"),
        ("2025-12-20", "no 10-Q or 10-K filed since tells its quarter yet"),
    ],
)
def test_a_report_of_no_quarter_says_whether_one_may_still_tell_it(day, why):
    report = filed(day)
    for since, told in ((None, True), (report.filed, True), (date(2025, 12, 31), False)):
        done = Fetched(None, "ACME", Earnings)
        assert _by_quarter([report], [BEFORE, AFTER], since, done) == {}
        assert [why in one for one in done.remarks] == [True] * told


# Figures


@pytest.mark.parametrize(
    ("days", "off", "counts"),
    [
        (75, 0, True), (74, 0, False), (125, 0, True), (126, 0, False),  # 12 to 17 weeks
        (90, 7, True), (90, -7, True), (90, 8, False), (90, -8, False),
    ],
)  # fmt: skip
def test_a_figure_is_of_a_quarter_by_its_length_and_its_end(days, off, counts):
    end = BEFORE.end + timedelta(days=off)
    one = Fact("Revenues", end - timedelta(days=days), end, 5.0, BEFORE.filing.accession, 2025)
    accepted = datetime(2025, 5, 14, 16, 5, tzinfo=NEW_YORK)
    report = Header(filed("2025-05-14"), accepted, date(2025, 5, 14), ())
    found = _public_figures(BEFORE, report, [one], Fetched(None, "ACME", Earnings))
    assert found == ({"Revenues": one} if counts else {})


def test_a_figure_stands_with_three_decimals_at_most():
    revenue = partial(stands_in, 981_632_100.0, is_revenue=True)
    assert revenue("revenue of $981.632 million")
    assert not revenue("revenue of $981.6321 million")


def test_an_estimate_is_of_a_report_up_to_fifteen_days_away():
    near, far = (AnalystEstimate(date(2025, 5, day), 0.3, 0.25) for day in (16, 29))
    assert nearest(date(2025, 5, 14), [far, near]) == near
    assert nearest(date(2025, 5, 14), [far]) == far
    assert nearest(date(2025, 5, 13), [far]) is None
    assert nearest(date(2025, 6, 14), [far]) is None
    assert nearest(date(2025, 5, 14), []) is None


# What is fetched


def earnings(edgar, estimates=None, since=None):
    return fetch_earnings(edgar, COMPANY, "ACME", since, estimates)


def file_report(site, accepted, form="8-K", **more):
    more = {"period": accepted[:10], "items": "2.02,9.01", **more}
    return site.file(form, accepted, ACME, **more)


def sources(found):
    return [row["source_url"].split("/")[-1].removesuffix("-index.htm") for row in found.rows]


@pytest.mark.parametrize(("filed", "name"), [("2024-07-28", "2026Q1"), ("2024-07-27", "2025Q3")])
def test_an_annual_report_of_400_days_before_the_first_day_tells_the_year(site, edgar, filed, name):
    site.file("10-K", f"{filed} 16:05:00", ACME, period="2024-06-30")
    file_report(site, "2025-10-20 16:05:00")
    site.file("10-Q", "2025-10-25 16:05:00", ACME, period="2025-09-30")
    (row,) = earnings(edgar, since=date(2025, 9, 1)).rows
    assert row["period"] == name


def test_an_amendment_of_the_same_day_follows_its_report(site, edgar):
    file_report(site, "2025-02-12 16:05:00")
    site.file("10-K", "2025-02-13 16:05:00", ACME, period="2024-12-31")
    amended = file_report(site, "2025-05-14 18:00:00", "8-K/A", number="0000001111-25-000010")
    report = file_report(site, "2025-05-14 16:05:00", number="0000001111-25-000099")
    site.file("10-Q", "2025-05-15 16:05:00", ACME, period="2025-03-31")
    found = earnings(edgar)
    assert sources(found)[1:] == [report, amended]
    assert [row["period"] for row in found.rows] == ["2024Q4", "2025Q1", "2025Q1"]


def test_a_report_of_the_first_day_counts(site, edgar):
    report = file_report(site, "2025-05-14 16:05:07")
    site.file("10-Q", "2025-05-15 16:30:00", ACME, period="2025-03-31")
    assert sources(earnings(edgar, since=date(2025, 5, 14))) == [report]
    assert sources(earnings(edgar, since=date(2025, 5, 15))) == []


def test_of_what_came_since_the_first_day_all_is_told(site, edgar):
    first = file_report(site, "2025-05-13 16:05:07")
    again = file_report(site, "2025-05-14 16:05:07")
    site.file("10-Q", "2025-05-15 16:30:00", ACME, period="2025-03-31")
    found = earnings(edgar, since=date(2025, 5, 14))
    assert found.rows == []
    (remark,) = found.remarks
    assert f"({again}) left out: the earlier 8-K of 2025-05-13 ({first})" in remark


def test_of_two_reports_of_one_second_neither_is_called_preliminary(site, edgar):
    file_report(site, "2025-05-14 16:05:07")
    again = file_report(site, "2025-05-14 16:05:07")
    site.file("10-Q", "2025-05-15 16:30:00", ACME, period="2025-03-31")
    (remark,) = earnings(edgar).remarks
    assert f"({again}) left out: the earlier 8-K" in remark


def test_of_three_reports_the_first_that_is_not_preliminary_counts(site, edgar):
    text = [("EX-99.1", "a.htm", "Preliminary results of the quarter")]
    file_report(site, "2025-04-10 08:00:00", documents=text)
    second = file_report(site, "2025-05-13 16:05:07")
    file_report(site, "2025-05-14 16:05:07")
    site.file("10-Q", "2025-05-15 16:30:00", ACME, period="2025-03-31")
    assert sources(earnings(edgar)) == [second]


@pytest.mark.parametrize(
    ("accepted", "filed"),
    [("2025-05-14", None), ("2025-05-14 18:00:00", "2025-05-15")],
    ids=["a day alone", "in the evening"],
)
def test_yahoo_s_day_is_held_against_the_acceptance_or_else_the_day_of_filing(
    site, edgar, accepted, filed
):
    file_report(site, accepted, filed=filed)
    site.file("10-Q", "2025-05-15 16:30:00", ACME, period="2025-03-31")
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 14), 0.3, 0.25)])
    assert [row["eps"] for row in found.rows] == ["0.3"]
    assert found.remarks == []
