"""Stakes in the order in which they became public, and what follows from what was known before."""

from datetime import date

import pytest

from backtest.sources.edgar import Company, Edgar
from backtest.sources.stakes import close_before, fetch_stakes
from tests.edgar_site import (
    ACME,
    BIGCO,
    WHO,
    quarterly,
    schedule_d,
    schedule_g,
)
from tests.made_up import stake

Q1, Q2, Q3 = "2025-03-31", "2025-06-30", "2025-09-30"
OTHER = ("OTHER INC", 1, 1, {"cusip": "111111111"})


def acme(shares, value=1):
    return ("ACME CORP", value, shares)


@pytest.fixture
def fetch(site):
    def fetch(known=(), close=lambda day: None, cusip=None, since=None):
        return fetch_stakes(
            Edgar(WHO, site.server.url),
            Company(ACME, "ACME CORP"),
            "ACME",
            Company(BIGCO, "BIGCO INC"),
            cusip=cusip,
            since=since,
            known=known,
            close=close,
        )

    return fetch


def cells(fetched, *names):
    return [tuple(row[name] for name in names) for row in fetched.rows]


COUNTS = ("form", "as_of", "shares", "previous_shares", "first_filing")


def test_quarterly_reports_follow_each_other(site, fetch):
    quarterly(site, "2025-02-14 16:00:00", "2024-12-31", [OTHER])
    quarterly(site, "2025-05-15 16:00:01", Q1, [OTHER, acme(100), acme(50)])
    quarterly(site, "2025-08-14 16:00:02", Q2, [acme(200)])
    quarterly(site, "2025-11-14 16:00:03", Q3, [OTHER])
    fetched = fetch()
    assert cells(fetched, *COUNTS) == [
        ("13F-HR", Q1, "150", "", "true"),
        ("13F-HR", Q2, "200", "150", "false"),
        ("13F-HR", Q3, "0", "200", "false"),
    ]
    assert fetched.rows[0]["published_at"] == "2025-05-15T16:00:01-04:00"
    assert fetched.rows[0]["precision"] == "exact"
    assert fetched.rows[0]["grade"] == "C"
    assert fetched.rows[0]["headline"] == (
        "13F-HR of BIGCO INC: 150 shares as of 2025-03-31 (0000002222-25-000002)"
    )
    assert fetched.rows[0]["source_url"] == (
        "https://www.sec.gov/Archives/edgar/data/2222/000000222225000002/"
        "0000002222-25-000002-index.htm"
    )
    assert fetched.rows[2]["note"] == "No line of the stock; the report before had one."
    assert fetched.remarks[0] == "CUSIP 00000A100: 3 lines in 4 reports (ACME CORP, COM CL A)."


def test_a_restatement_replaces_and_new_holdings_add(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100, 1000)])
    quarterly(site, "2025-05-20 16:00:00", Q1, [acme(90, 900)], "RESTATEMENT")
    quarterly(site, "2025-05-25 16:00:00", Q1, [acme(60, 600), OTHER], "NEW HOLDINGS")
    quarterly(site, "2025-05-26 16:00:00", Q1, [OTHER], "NEW HOLDINGS")
    quarterly(site, "2025-05-27 16:00:00", Q1, [acme(5)], "SOMETHING ELSE")
    fetched = fetch()
    assert cells(fetched, *COUNTS, "value") == [
        ("13F-HR", Q1, "100", "", "true", "1000"),
        ("13F-HR/A", Q1, "90", "100", "false", "900"),
        ("13F-HR/A", Q1, "150", "90", "false", "1500"),
    ]
    assert "left out: it does not say whether it restates or adds" in fetched.remarks[0]


def test_a_restatement_can_take_the_stock_away(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-05-20 16:00:00", Q1, [OTHER], "RESTATEMENT")
    assert cells(fetch(), "shares", "previous_shares") == [("100", ""), ("0", "100")]


def test_the_order_is_that_of_acceptance_and_not_of_quarters(site, fetch):
    quarterly(site, "2025-08-20 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    assert cells(fetch(), "as_of", "previous_shares") == [(Q2, ""), (Q1, "200")]


def test_what_is_on_file_is_known_whatever_form_it_came_from(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    known = [
        stake("2025-05-01T16:00:00-04:00", holder="BIGCO", form="press", shares=70),
        stake("2025-05-02T16:00:00-04:00", holder="BIGCO", form="press", shares=None),
        stake("2025-05-03T16:00:00-04:00", holder="ANOTHER", form="press", shares=80),
        stake("2025-05-16T16:00:00-04:00", holder="BIGCO", form="press", shares=90),
    ]
    fetched = fetch(known)
    assert cells(fetched, "holder", *COUNTS) == [("BIGCO", "13F-HR", Q1, "100", "70", "true")]


def test_a_filing_that_is_on_file_is_not_its_own_predecessor(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    early = stake("2025-05-14T23:59:59-04:00", form="13F-HR", as_of=Q1, shares=100)
    assert cells(fetch([early]), "previous_shares", "first_filing") == [("", "true")]
    older = stake("2025-02-14T16:00:00-05:00", form="13F-HR", as_of="2024-12-31", shares=60)
    assert cells(fetch([older]), "previous_shares", "first_filing") == [("60", "false")]


def test_filings_before_the_first_day_are_known_but_not_told_again(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    fetched = fetch(since=date(2025, 6, 1))
    assert cells(fetched, *COUNTS) == [("13F-HR", Q2, "200", "100", "false")]


def test_the_value_is_held_against_the_price(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100, 5)])
    closes = {date(2025, 3, 28): 50.0}
    fetched = fetch(close=lambda day: close_before(closes, day))
    assert cells(fetched, "value") == [("5000",)]
    assert "taken times 1000" in fetched.rows[0]["note"]
    assert any("taken times 1000" in remark for remark in fetched.remarks)


def test_a_close_of_more_than_a_week_before_does_not_count():
    closes = {date(2025, 3, 24): 50.0}
    assert close_before(closes, date(2025, 3, 30)) == 50.0
    assert close_before(closes, date(2025, 3, 31)) is None


def test_schedules_stand_between_quarterly_reports(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    text = schedule_d("BIGCO INC", 180, 5.5)
    document = [("SCHEDULE 13D", "primary_doc.xml", text)]
    site.file("SCHEDULE 13D", "2025-06-12 21:00:00", BIGCO, ACME, documents=document)
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(150)])
    fetched = fetch()
    assert cells(fetched, *COUNTS, "percent_of_class") == [
        ("13F-HR", Q1, "100", "", "true", ""),
        ("SCHEDULE 13D", "2025-06-10", "180", "100", "false", "5.5"),
        ("13F-HR", Q2, "150", "180", "false", ""),
    ]
    assert fetched.rows[1]["published_at"] == "2025-06-12T21:00:00-04:00"
    assert fetched.rows[1]["value"] == ""


def test_a_schedule_about_another_company_is_not_opened(site, fetch):
    document = [("SCHEDULE 13G", "primary_doc.xml", schedule_g(("BIGCO INC", 1, 6.0)))]
    site.file("SCHEDULE 13G", "2025-06-12 16:00:00", BIGCO, documents=document)
    fetched = fetch()
    assert fetched.rows == []
    assert not any("primary_doc" in path for path in site.server.asked)
    assert fetched.remarks == ["No filing of BIGCO INC that was read tells of ACME."]


def test_a_schedule_of_two_filers_about_a_third_is_left_out(site, fetch):
    text = schedule_g(("BIGCO INC", 1, 6.0), issuer=3333)
    document = [("SCHEDULE 13G", "primary_doc.xml", text)]
    site.file("SCHEDULE 13G", "2025-06-12 16:00:00", BIGCO, ACME, documents=document)
    assert "left out: it is about the company 3333." in fetch().remarks[0]


def test_an_event_after_its_filing_has_no_day(site, fetch):
    text = schedule_g(("BIGCO INC", 1, 6.0), event="06/10/2026")
    document = [("SCHEDULE 13G", "primary_doc.xml", text)]
    site.file("SCHEDULE 13G", "2025-06-12 16:00:00", BIGCO, ACME, documents=document)
    (row,) = fetch().rows
    assert row["as_of"] == ""
    assert row["note"] == "The day of the event, 2026-06-10, is later."


def test_what_cannot_be_read_is_left_out_with_the_reason(site, fetch):
    site.file("13F-HR", "2012-05-15 16:00:00", BIGCO, period="2012-03-31")
    quarterly(site, "2025-02-14 16:00:00", "2024-12-31", [])
    quarterly(site, "2025-05-15 16:00:00", "", [acme(100)])
    gone = quarterly(site, "2025-08-14 16:00:00", Q2, [acme(100)])
    del site.pages[site.path(gone, f"{gone}-index-headers.html", BIGCO)]
    fetched = fetch()
    assert fetched.rows == []
    whys = [remark.rpartition("left out: ")[2] for remark in fetched.remarks]
    assert whys[:3] == [
        "it holds no table in XML, as before the middle of 2013.",
        "its table has no shares, which tells nothing.",
        "EDGAR has no header page of it, so its time is unknown.",
    ]
    assert whys[4] == "EDGAR names no quarter."


def test_a_stock_that_no_table_has_is_told(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [OTHER])
    fetched = fetch()
    assert fetched.remarks[0] == (
        "None of 1 reports on Form 13F has a line of ACME CORP. If they should, name the paper "
        "with --cusip."
    )
    quarterly(site, "2025-08-14 16:00:00", Q2, [("ACM LTD", 1, 7)])
    assert cells(fetch(cusip="00000A100"), "shares") == [("7",)]
