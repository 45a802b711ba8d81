"""Quarterly reports, with Yahoo's figures beside them."""

from datetime import date

import pytest

from backtest.sources.edgar import Company
from backtest.sources.filings import fetch_earnings, quarter_name
from backtest.sources.yahoo import AnalystEstimate
from tests.edgar_site import ACME

COMPANY = Company(ACME, "ACME CORP")


def report(site, accepted="2025-05-14 16:05:07", items="2.02,9.01", **more):
    return site.file("8-K", accepted, ACME, period=accepted[:10], items=items, **more)


def quarter(site, accepted="2025-05-15 16:30:00", period="2025-03-31", form="10-Q"):
    return site.file(form, accepted, ACME, period=period)


def earnings(edgar, estimates=None, since=None):
    return fetch_earnings(edgar, COMPANY, "ACME", since, estimates)


def test_a_report_has_the_time_of_its_filing_and_the_quarter_of_the_next_10q(site, edgar):
    accession = report(site)
    quarter(site)
    (row,) = earnings(edgar).rows
    assert row["published_at"] == "2025-05-14T16:05:07-04:00"
    assert (row["precision"], row["period"], row["grade"]) == ("exact", "2025Q1", "C")
    assert row["headline"] == (
        f"8-K item 2.02: Results of Operations and Financial Condition, 2025Q1 ({accession})"
    )
    assert row["note"] == "Quarter ended 2025-03-31."
    assert (row["eps"], row["eps_consensus"], row["eps_basis"]) == ("", "", "")
    assert row["source_url"].endswith(f"/{accession}-index.htm")


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("2025-03-31", "2025Q1"),
        ("2025-06-28", "2025Q2"),
        ("2025-07-05", "2025Q2"),
        ("2025-01-26", "2024Q4"),
        ("2025-04-27", "2025Q1"),
        ("2024-12-31", "2024Q4"),
    ],
)
def test_a_quarter_is_named_after_the_calendar_quarter_of_its_middle(end, name):
    assert quarter_name(date.fromisoformat(end)) == name


def test_the_year_end_is_the_last_quarter(site, edgar):
    report(site, "2025-02-26 16:05:00")
    quarter(site, "2025-02-27 16:30:00", "2024-12-31", "10-K")
    assert earnings(edgar).rows[0]["period"] == "2024Q4"


def test_a_report_whose_quarter_nothing_tells_is_left_out(site, edgar):
    report(site)
    found = earnings(edgar)
    assert found.rows == []
    assert "left out: no 10-Q or 10-K filed since tells its quarter yet." in found.remarks[0]
    quarter(site, "2025-11-13 16:30:00", "2025-09-30")
    assert earnings(edgar).rows == []  # a quarter that had not ended by then
    quarter(site, "2025-05-20 16:30:00", "2024-12-31", "10-K")
    assert earnings(edgar).rows == []  # one that had ended long before


def test_other_filings_are_not_reports(site, edgar):
    report(site, items="7.01,9.01")
    report(site, items="")
    quarter(site)
    assert earnings(edgar).rows == []


def test_of_two_filings_on_a_quarter_the_later_counts(site, edgar):
    early = report(site, "2025-04-10 08:00:00")
    late = report(site, "2025-05-14 16:05:07")
    quarter(site)
    found = earnings(edgar)
    assert [row["source_url"].split("/")[-1] for row in found.rows] == [f"{late}-index.htm"]
    assert f"({early}) left out: a later 8-K tells the results of 2025Q1" in found.remarks[0]


def test_figures_of_yahoo_are_joined_by_the_day(site, edgar):
    report(site)
    quarter(site)
    known = [
        AnalystEstimate(date(2025, 2, 26), 9.9, 9.9),
        AnalystEstimate(date(2025, 5, 14), 0.3, 0.25),
        AnalystEstimate(date(2025, 8, 13), None, 0.4),
    ]
    found = earnings(edgar, known)
    (row,) = found.rows
    assert (row["eps"], row["eps_consensus"]) == ("0.3", "0.25")
    assert row["eps_basis"] == "basis not stated (Yahoo)"
    assert row["source_url_2"] == "https://finance.yahoo.com/calendar/earnings?symbol=ACME"
    assert found.remarks == []


def test_where_yahoo_has_another_day_both_are_told_and_the_filing_counts(site, edgar):
    report(site)
    quarter(site)
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 15), 0.3, 0.25)])
    told = "Yahoo dates the report 2025-05-15; the filing was accepted 2025-05-14, which counts."
    assert found.rows[0]["published_at"].startswith("2025-05-14")
    assert found.rows[0]["note"] == f"Quarter ended 2025-03-31. {told}"
    assert found.remarks == [f"2025Q1: {told}"]


def test_a_report_of_another_quarter_is_not_joined(site, edgar):
    report(site)
    quarter(site)
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 30), 0.3, 0.25)])
    assert found.rows[0]["eps"] == ""
    assert found.remarks == ["2025Q1: Yahoo knows of no report within 15 days of 2025-05-14."]
