"""Stakes in the order in which they became public, and what follows from what was known before."""

from datetime import date

import pytest

from tests.edgar_site import (
    ACME,
    BIGCO,
    cover,
    quarterly,
    schedule_d,
    schedule_g,
    table,
)
from tests.made_up import stake

Q1, Q2, Q3 = "2025-03-31", "2025-06-30", "2025-09-30"
OTHER = ("OTHER INC", 1, 1, {"cusip": "111111111"})


def acme(shares, value=1):
    return ("ACME CORP", value, shares)


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


def test_what_is_added_in_dollars_joins_what_was_told_in_thousands(site, fetch):
    quarterly(site, "2022-11-14 16:00:00", "2022-09-30", [acme(100, 7)])
    quarterly(site, "2023-02-01 16:00:00", "2022-09-30", [acme(60, 4_200)], "NEW HOLDINGS")
    quarterly(site, "2023-02-02 16:00:00", "2022-09-30", [acme(10, 700)], "NEW HOLDINGS")
    assert cells(fetch(since=date(2022, 1, 1)), "shares", "value") == [
        ("100", "7000"),
        ("160", "11200"),
        ("170", "11900"),
    ]


def test_a_restatement_can_take_the_stock_away(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-05-20 16:00:00", Q1, [OTHER], "RESTATEMENT")
    assert cells(fetch(), "shares", "previous_shares") == [("100", ""), ("0", "100")]


def test_the_order_is_that_of_acceptance_and_not_of_quarters(site, fetch):
    quarterly(site, "2025-08-20 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    assert cells(fetch(), "as_of", "previous_shares") == [(Q2, ""), (Q1, "200")]


def test_a_report_is_held_against_the_newest_count_that_was_public(site, fetch):
    """A purchase of January is in the first report after it, which adds nothing to what was known.

    The report for the year end is public in between, and older than the purchase.
    """
    quarterly(site, "2026-02-17 16:00:00", "2025-12-31", [acme(100)])
    quarterly(site, "2026-05-15 16:00:00", "2026-03-31", [acme(180)])
    bought = stake(
        "2026-01-26T09:00:00-05:00", holder="BIGCO", form="8-K", as_of="2026-01-23", shares=180
    )
    assert cells(fetch([bought]), "shares", "previous_shares") == [("100", "180"), ("180", "180")]


def test_a_late_restatement_of_an_older_quarter_tells_nothing_of_what_came_after(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    quarterly(site, "2025-09-01 16:00:00", Q1, [acme(90)], "RESTATEMENT")
    quarterly(site, "2025-11-14 16:00:00", Q3, [acme(200)])
    assert cells(fetch(), "as_of", "shares", "previous_shares")[2:] == [
        (Q1, "90", "200"),
        (Q3, "200", "200"),
    ]


@pytest.mark.parametrize(
    ("in_second", "restated", "told"),
    [
        ([acme(200)], [OTHER], [(Q2, "200"), (Q3, "0")]),
        ([OTHER], [acme(100)], [(Q2, "0"), (Q1, "100")]),
    ],
)
def test_what_is_sold_follows_from_the_quarter_before_and_not_from_a_late_report(
    site, fetch, in_second, restated, told
):
    first = [OTHER] if restated == [OTHER] else [acme(100)]
    quarterly(site, "2025-05-15 16:00:00", Q1, first)
    quarterly(site, "2025-08-14 16:00:00", Q2, in_second)
    quarterly(site, "2025-09-01 16:00:00", Q1, restated, "RESTATEMENT")
    quarterly(site, "2025-11-14 16:00:00", Q3, [OTHER])
    assert cells(fetch(), "as_of", "shares")[-2:] == told


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
    fetched = fetch(close=lambda day: 50.0 if day == date(2025, 3, 31) else None)
    assert cells(fetched, "value") == [("5000",)]
    assert "taken times 1000" in fetched.rows[0]["note"]
    assert any("taken times 1000" in remark for remark in fetched.remarks)


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


OLD_SCHEDULE = """FEBRUARY 10, 1998 (Date of Event)
NAME OF REPORTING PERSON: BIGCO INC
AGGREGATE AMOUNT BENEFICIALLY OWNED BY EACH REPORTING PERSON 120,000
PERCENT OF CLASS REPRESENTED BY AMOUNT IN ROW 9: 6.0%
"""


def test_a_filing_without_a_time_does_not_end_the_fetch(site, fetch):
    old = site.file("SC 13G", "1998-02-13", BIGCO, ACME)
    site.pages[site.path(old, f"{old}.txt", BIGCO)] = OLD_SCHEDULE.encode()
    gone = site.file("SC 13G/A", "1999-02-12", BIGCO, ACME)
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    fetched = fetch()
    assert cells(fetched, *COUNTS) == [
        ("SC 13G", "1998-02-10", "120000", "", "false"),
        ("13F-HR", Q1, "100", "120000", "true"),
    ]
    row = fetched.rows[0]
    assert (row["published_at"], row["precision"]) == ("1998-02-13T23:59:59-05:00", "date")
    assert row["note"] == "EDGAR has no time of acceptance, only the filing date 1998-02-13."
    assert f"({gone}) left out: EDGAR has no document {gone}.txt of it." in fetched.remarks[-1]


def test_a_text_about_the_holder_itself_is_no_stake_of_the_holder(site, fetch):
    own = site.file("SC 13G", "2020-02-13 16:00:00", BIGCO, ACME, about=ACME)
    other = site.file("SC 13G", "2020-02-14 16:00:00", BIGCO, ACME, about=BIGCO)
    for one in (own, other):
        site.pages[site.path(one, f"{one}.txt", BIGCO)] = OLD_SCHEDULE.encode()
    fetched = fetch()
    assert cells(fetched, "shares") == [("120000",)]
    assert f"({other}) left out: it is about the company 2222." in fetched.remarks[0]


def test_where_no_name_fits_the_nearest_are_named(site, fetch):
    near = [("ACMEE HOLDINGS", 1, 1, {"cusip": f"00000B{n}00"}) for n in (1, 2, 3, 4)]
    quarterly(site, "2025-05-15 16:00:00", Q1, [OTHER, *near])
    (remark, _) = fetch().remarks
    assert remark == (
        "1 report on Form 13F, and no line of ACME CORP. If one should be there, name the paper "
        "with --cusip. The nearest names:"
        "\n  --cusip 00000B100  ACMEE HOLDINGS, COM CL A"
        "\n  --cusip 00000B200  ACMEE HOLDINGS, COM CL A"
        "\n  --cusip 00000B300  ACMEE HOLDINGS, COM CL A"
    )


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


@pytest.mark.parametrize(("filed", "previous"), [("2025-02-13", "100"), ("2025-02-12", "")])
def test_what_was_filed_up_to_200_days_before_the_first_day_is_known(site, fetch, filed, previous):
    quarterly(site, f"{filed} 16:00:00", "2024-12-31", [acme(100)])
    quarterly(site, "2025-09-01 16:00:00", Q2, [acme(200)])
    assert cells(fetch(since=date(2025, 9, 1)), "previous_shares") == [(previous,)]


def test_what_became_public_at_the_same_moment_was_not_known_before(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    for second, previous in ((0, ""), (-1, "70")):
        at = "2025-05-15T16:00:00-04:00" if second == 0 else "2025-05-15T15:59:59-04:00"
        known = stake(at, holder="BIGCO", form="press", shares=70)
        assert cells(fetch([known]), "previous_shares") == [(previous,)]


def test_of_one_day_the_order_is_that_of_acceptance(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    late, early = "0000002222-25-000011", "0000002222-25-000012"
    quarterly(site, "2025-05-20 16:00:00", Q1, [acme(90)], "RESTATEMENT", number=late)
    quarterly(site, "2025-05-20 10:00:00", Q1, [acme(60)], "NEW HOLDINGS", number=early)
    assert cells(fetch(), "shares") == [("100",), ("160",), ("90",)]


def test_a_report_that_tells_nothing_does_not_end_the_list(site, fetch):
    quarterly(site, "2025-02-14 16:00:00", "", [acme(5)])
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    quarterly(site, "2025-05-26 16:00:00", Q1, [OTHER], "NEW HOLDINGS")
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    assert cells(fetch(), "shares") == [("100",), ("200",)]


def test_the_cover_of_an_amendment_is_known_by_its_type(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100)])
    lines = table(acme(60))
    documents = [
        ("13F-HR/A", "front.xml", cover("NEW HOLDINGS")),
        ("INFORMATION TABLE", "lines.xml", lines),
    ]
    site.file("13F-HR/A", "2025-05-20 16:00:00", BIGCO, period=Q1, documents=documents)
    assert cells(fetch(), "shares") == [("100",), ("160",)]
    text = [("INFORMATION TABLE", "lines.txt", lines)]
    site.file("13F-HR", "2025-08-14 16:00:00", BIGCO, period=Q2, documents=text)
    assert any("it holds no table in XML" in remark for remark in fetch().remarks)


@pytest.mark.parametrize(
    ("event", "as_of", "told"),
    [
        ("06/12/2025", "2025-06-12", "500 shares as of 2025-06-12"),  # the day of the filing
        ("06/13/2025", "", "500 shares"),
    ],
)
def test_a_headline_has_the_shares_and_their_day(site, fetch, event, as_of, told):
    text = schedule_g(("BIGCO INC", 500, 6.0), event=event)
    document = [("SCHEDULE 13G", "primary_doc.xml", text)]
    accession = site.file("SCHEDULE 13G", "2025-06-12 16:00:00", BIGCO, ACME, documents=document)
    (row,) = fetch().rows
    assert row["as_of"] == as_of
    assert row["headline"] == f"SCHEDULE 13G of BIGCO INC: {told} ({accession})"


def test_shares_that_are_not_told_are_unknown_in_the_headline(site, fetch):
    old = site.file("SC 13G", "1998-02-13", BIGCO, ACME)
    text = OLD_SCHEDULE.replace("120,000", "See Item 4")
    site.pages[site.path(old, f"{old}.txt", BIGCO)] = text.encode()
    (row,) = fetch().rows
    assert row["headline"] == f"SC 13G of BIGCO INC: shares unknown as of 1998-02-10 ({old})"
    assert row["shares"] == ""


def test_a_fetch_from_a_day_on_has_the_filings_of_that_day(site, fetch):
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200)])
    assert cells(fetch(since=date(2025, 8, 14)), "shares") == [("200",)]
    assert cells(fetch(since=date(2025, 8, 15)), "shares") == []
