"""Quarterly reports, with Yahoo's figures beside them."""

import json
from datetime import date

import pytest

from backtest.data.event_checks import FiledEvent, check_time
from backtest.data.kinds import Earnings
from backtest.errors import DataError
from backtest.sources.earnings import fetch_earnings, fiscal_quarter, stands_in
from backtest.sources.edgar import Company
from backtest.sources.filings import is_same_event
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


# The ends of quarters and the names that the companies give them in their own reports
CALENDAR = ["2023-12-31", "2024-12-31"]
COSTCO = ["2024-09-01", "2025-08-31"]
NVIDIA = ["2024-01-28", "2025-01-26"]
APPLE = ["2023-09-30", "2024-09-28"]
ADOBE = ["2023-12-01", "2024-11-29"]


@pytest.mark.parametrize(
    ("years", "end", "name"),
    [
        (CALENDAR, "2024-03-31", (2024, 1)),
        (CALENDAR, "2024-06-30", (2024, 2)),
        (CALENDAR, "2024-09-30", (2024, 3)),
        (CALENDAR, "2024-12-31", (2024, 4)),
        (CALENDAR, "2025-03-29", (2025, 1)),
        (CALENDAR, "2022-09-30", (2022, 3)),  # before the first annual report
        (["2021-01-02", "2022-01-01"], "2022-01-01", (2021, 4)),  # 52 weeks, into January
        (["2021-01-02", "2022-01-01"], "2022-04-02", (2022, 1)),
        (COSTCO, "2024-11-24", (2025, 1)),
        (COSTCO, "2025-02-16", (2025, 2)),
        (COSTCO, "2025-05-11", (2025, 3)),
        (COSTCO, "2025-08-31", (2025, 4)),
        (COSTCO[1:], "2025-02-16", (2025, 2)),  # the next year's end alone
        (COSTCO[1:], "2025-05-11", (2025, 3)),
        (NVIDIA, "2025-01-26", (2025, 4)),
        (NVIDIA, "2025-04-27", (2026, 1)),
        (APPLE, "2023-12-30", (2024, 1)),
        (APPLE, "2024-06-29", (2024, 3)),
        (ADOBE, "2024-03-01", (2024, 1)),
    ],
)
def test_a_quarter_is_counted_as_the_company_counts_it(years, end, name):
    ends = [date.fromisoformat(one) for one in years]
    assert fiscal_quarter(date.fromisoformat(end), ends) == name


def retailer(site):
    """A retailer's year of 12, 12, 12 and 16 weeks, reports a week before their 10-Qs."""
    days = [
        ("2024-12-12", "2024-12-19", "2024-11-24", "10-Q"),
        ("2025-03-06", "2025-03-13", "2025-02-16", "10-Q"),
        ("2025-05-29", "2025-06-05", "2025-05-11", "10-Q"),
        ("2025-09-25", "2025-10-08", "2025-08-31", "10-K"),
    ]
    for reported, filed, end, form in days:
        report(site, f"{reported} 16:15:00")
        quarter(site, f"{filed} 16:15:00", end, form)


RETAILER = [
    ("2025Q1", "2024-11-24", "2024-12-12T16:15:00-05:00"),
    ("2025Q2", "2025-02-16", "2025-03-06T16:15:00-05:00"),
    ("2025Q3", "2025-05-11", "2025-05-29T16:15:00-04:00"),
    ("2025Q4", "2025-08-31", "2025-09-25T16:15:00-04:00"),
]


def named(found):
    return [(row["period"], row["period_end"], row["published_at"]) for row in found.rows]


def test_two_quarters_never_have_one_name(site, edgar):
    retailer(site)
    assert named(earnings(edgar)) == RETAILER
    assert named(earnings(edgar, since=date(2025, 5, 1))) == RETAILER[2:]
    assert named(earnings(edgar, since=date(2025, 6, 1))) == RETAILER[3:]


def test_the_day_on_which_a_fiscal_year_ends_counts_where_no_annual_report_is_there(site, edgar):
    report(site, "2025-03-06 16:15:00")
    quarter(site, "2025-03-13 16:15:00", "2025-02-16")
    site.year_ends[ACME] = "0831"
    assert named(earnings(edgar)) == RETAILER[1:2]


FOLDER = "https://www.sec.gov/Archives/edgar/data/1111/000000111125000001"


def made(at, headline="8-K item 2.02", url=FOLDER, **more):
    cells = {"symbol": "ACME", "published_at": at, "precision": "exact", "headline": headline}
    return Earnings.model_validate({**cells, "source_url": f"{url}/x.htm", **more})


FETCHED = made("2025-05-29T16:15:00-04:00", period="2025Q3", period_end="2025-05-11")


@pytest.mark.parametrize(
    ("at", "more", "is_same"),
    [
        ("2025-05-29T20:00:00-04:00", {"period": "2025Q3"}, True),
        ("2025-05-29T20:00:00-04:00", {"period": "2025Q1"}, True),  # by its calendar quarter
        ("2025-05-02T08:00:00-04:00", {"period": "2025Q3"}, True),  # preliminary, of that name
        ("2024-05-30T16:15:00-04:00", {"period": "2025Q3"}, False),  # another way to count years
        ("2025-03-06T16:15:00-05:00", {"period": "2025Q1"}, False),
        ("2025-05-29T16:15:00-04:00", {"period_end": "2025-02-16"}, False),
        ("2025-03-06T16:15:00-05:00", {"period_end": "2025-05-11"}, True),
        ("2025-05-29T23:59:59-04:00", {"period_end": "2025-05-10"}, True),  # a vendor's day
        ("2025-05-30T16:15:00-04:00", {"headline": "8-K/A item 2.02"}, False),
        ("2025-08-01T16:15:00-04:00", {"url": FOLDER}, True),
    ],
)
def test_what_is_on_file_is_the_same_report_by_its_quarter(at, more, is_same):
    other = {"url": "https://example.org", **more}
    assert is_same_event(made(at, **other), FETCHED) is is_same


def test_the_check_finds_nothing_in_what_was_fetched(site, edgar):
    retailer(site)
    for row in earnings(edgar).rows:
        event = Earnings.model_validate({name: cell for name, cell in row.items() if cell})
        assert list(check_time(FiledEvent("made/up.csv", row["published_at"], event))) == []


def test_the_check_goes_by_the_end_of_the_quarter(site, edgar):
    def problems(**more):
        cells = {"symbol": "ACME", "precision": "exact", "headline": "Made up", "period": "2025Q1"}
        event = Earnings.model_validate({**cells, **more})
        row = FiledEvent("made/up.csv", event.published_at.isoformat(), event)
        return [one.severity for one in check_time(row)]

    early, late = "2024-12-12T16:15:00-05:00", "2024-11-22T16:15:00-05:00"
    assert problems(published_at=early) == ["error"]  # read as a calendar quarter
    assert problems(published_at=early, period_end="2024-11-24") == []
    assert problems(published_at=late, period_end="2024-11-24") == ["error"]
    assert problems(published_at="2024-11-27T16:15:00-05:00", period_end="2024-11-24") == [
        "warning"
    ]


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


def sources(found):
    return [row["source_url"].split("/")[-1].removesuffix("-index.htm") for row in found.rows]


def test_of_two_filings_on_a_quarter_the_first_counts(site, edgar):
    first = report(site, "2025-05-14 18:49:46")
    quarter(site, "2025-05-14 19:26:53", "2025-03-31")
    second = report(site, "2025-05-15 09:33:26", items="2.02,7.01,9.01")
    found = earnings(edgar)
    assert sources(found) == [first]
    assert found.rows[0]["published_at"] == "2025-05-14T18:49:46-04:00"
    (remark,) = found.remarks
    assert remark == (
        f"8-K of 2025-05-15 ({second}) left out: the earlier 8-K of 2025-05-14 ({first}) has the "
        f"results of 2025Q1."
    )
    assert sources(earnings(edgar, since=date(2025, 5, 15))) == []


def test_what_calls_itself_preliminary_does_not_carry_the_results(site, edgar):
    text = "<p>ACME today announced certain preliminary unaudited financial results.</p>"
    documents = [("8-K", "a.htm", "See the release."), ("EX-99.1", "b.htm", text)]
    early = report(site, "2025-04-10 08:00:00", documents=documents)
    late = report(site)
    quarter(site)
    found = earnings(edgar)
    assert sources(found) == [late]
    assert f"({early}) left out: the later 8-K of 2025-05-14 ({late}) has" in found.remarks[0]


def test_a_preliminary_report_counts_where_it_is_the_only_one(site, edgar):
    text = "Preliminary results"
    only = report(site, "2025-04-10 08:00:00", documents=[("EX-99.1", "b.htm", text)])
    quarter(site)
    assert sources(earnings(edgar)) == [only]


def test_what_comes_before_books_can_be_closed_is_no_report_of_the_quarter(site, edgar):
    early = report(site, "2025-04-02 09:00:00")  # such as a count of deliveries
    first = report(site, "2025-04-22 16:05:00")
    quarter(site, "2025-04-23 06:00:00")
    found = earnings(edgar)
    assert sources(found) == [first]
    assert f"({early}) left out: it is no report of a quarter by its day" in found.remarks[0]


def test_an_amendment_is_an_event_of_its_own_without_figures(site, edgar):
    first = report(site)
    quarter(site)
    amended = site.file("8-K/A", "2025-06-20 16:05:07", ACME, items="2.02,9.01")
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 14), 0.3, 0.25)])
    assert sources(found) == [first, amended]
    row = found.rows[1]
    assert row["published_at"] == "2025-06-20T16:05:07-04:00"
    assert row["headline"] == (
        f"8-K/A item 2.02: Results of Operations and Financial Condition, 2025Q1 ({amended})"
    )
    assert (row["period"], row.get("eps", ""), row.get("eps_consensus", "")) == ("2025Q1", "", "")
    assert row["note"] == f"Quarter ended 2025-03-31. Amends the 8-K of 2025-05-14 ({first})."


@pytest.mark.parametrize("filed", ["2025-05-15", "2025-05-16", "2025-05-19"])
def test_a_report_that_follows_its_10q_is_not_lost(site, edgar, filed):
    report(site, "2025-02-12 16:05:00")
    quarter(site, "2025-02-13 16:05:00", "2024-12-31", "10-K")
    quarter(site, "2025-05-14 16:05:00", "2025-03-31")
    report(site, f"{filed} 08:00:00")
    quarter(site, "2025-08-14 16:05:00", "2025-06-30")
    found = earnings(edgar)
    assert [row["period"] for row in found.rows] == ["2024Q4", "2025Q1"]
    assert found.rows[1]["published_at"] == f"{filed}T08:00:00-04:00"
    assert found.remarks == []


def test_a_late_annual_report_has_its_8k_and_the_next_quarter_its_own(site, edgar):
    quarter(site, "2025-04-14 16:05:00", "2024-12-31", "10-K")
    report(site, "2025-04-15 08:00:00")
    report(site, "2025-04-22 08:00:00")
    quarter(site, "2025-05-14 16:05:00", "2025-03-31")
    assert [row["period"] for row in earnings(edgar).rows] == ["2024Q4", "2025Q1"]


def test_a_company_without_such_filings_is_told_by_its_forms(site, edgar):
    for day in ("2025-02-03", "2025-05-05"):
        site.file("6-K", f"{day} 08:00:00", ACME)
    site.file("20-F", "2025-03-03 08:00:00", ACME)
    found = earnings(edgar)
    assert found.rows == []
    (remark,) = found.remarks
    assert remark == (
        "EDGAR lists no 8-K with item 2.02 of ACME CORP in that span. Its forms are 6-K (2), "
        "20-F (1)."
    )


# Figures of EDGAR's company facts


FACTS = f"/api/xbrl/companyfacts/CIK{ACME:010}.json"


def fact(value, accession, start="2025-01-01", end="2025-03-31", form="10-Q", year=2025):
    return {
        "start": start, "end": end, "val": value, "accn": accession, "fy": year, "fp": "Q1",
        "form": form, "filed": "2025-05-15",
    }  # fmt: skip


def facts(site, eps=(), revenue=()):
    tags = {
        "EarningsPerShareDiluted": {"units": {"USD/shares": list(eps)}},
        "Revenues": {"units": {"USD": list(revenue)}},
    }
    site.pages[FACTS] = json.dumps({"cik": ACME, "facts": {"us-gaap": tags}}).encode()


def test_figures_are_those_of_the_filing_that_made_them_public(site, edgar):
    report(site)
    own = quarter(site)
    later = "0000001111-26-000009"
    facts(
        site,
        [
            fact(0.11, later, year=2026),  # restated a year on
            fact(0.25, own),
            fact(0.2, own, start="2024-01-01", end="2024-03-31"),  # the year before, beside it
        ],
        [fact(1_500_000, own), fact(1_400_000, later, year=2026)],
    )
    (row,) = earnings(edgar).rows
    assert (row["eps"], row["eps_basis"], row["eps_consensus"]) == ("0.25", "GAAP diluted", "")
    assert (row["revenue"], row.get("revenue_consensus", "")) == ("1500000", "")
    assert row["source_url_2"].endswith(f"/{own}-index.htm")
    assert row["note"] == (
        f"Quarter ended 2025-03-31. EPS and revenue as first filed, in the 10-Q of 2025-05-15 "
        f"({own})."
    )


def test_a_quarter_is_not_the_year_to_date(site, edgar):
    report(site, "2025-08-06 16:05:00")
    own = quarter(site, "2025-08-07 16:30:00", "2025-06-30")
    half = {"start": "2025-01-01", "end": "2025-06-30"}
    facts(site, [fact(0.7, own, **half)], [fact(3e6, own, **half)])
    (row,) = earnings(edgar).rows
    assert (row["eps"], row["revenue"], row["source_url_2"]) == ("", "", "")


@pytest.mark.parametrize(
    ("text", "eps", "revenue"),
    [
        ("Net loss per share $(0.25); revenue $1.50 million", "-0.25", "1500000"),
        ("<td>(.25</td><td>)</td> and <td>1,500</td>", "-0.25", "1500000"),
        ("a loss of 0.251 or 10.25 a share on 11,500", "", ""),
        ("revenue of $1,500,000", "", "1500000"),
    ],
)
def test_a_figure_that_the_release_does_not_have_was_not_public(site, edgar, text, eps, revenue):
    report(site, documents=[("8-K", "a.htm", "0.25"), ("EX-99.1", "b.htm", text)])
    own = quarter(site)
    facts(site, [fact(-0.25, own)], [fact(1_500_000, own)])
    found = earnings(edgar)
    (row,) = found.rows
    assert (row["eps"], row["revenue"]) == (eps, revenue)
    assert len(found.remarks) == (not eps) + (not revenue)
    if not eps:
        assert found.remarks[0] == (
            "2025Q1: EarningsPerShareDiluted -0.25 of the 10-Q of 2025-05-15 does not stand in the "
            "release, and is left out."
        )


@pytest.mark.parametrize(("text", "eps"), [("earned 0.25 a share", "0.25"), ("held a call", "")])
def test_without_a_release_the_text_of_the_filing_counts(site, edgar, text, eps):
    report(site, documents=[("8-K", "a.htm", text)])
    own = quarter(site)
    facts(site, [fact(0.25, own)])
    (row,) = earnings(edgar).rows
    assert row["eps"] == eps


def test_small_companies_had_forms_of_their_own(site, edgar):
    report(site, "2008-05-14 16:05:07")
    quarter(site, "2008-05-15 16:30:00", "2008-03-31", "10-QSB")
    report(site, "2009-02-14 16:05:07")
    quarter(site, "2009-03-15 16:30:00", "2008-12-31", "10-KSB")
    assert [row["period"] for row in earnings(edgar).rows] == ["2008Q1", "2008Q4"]


def test_eps_beside_a_consensus_is_of_its_source(site, edgar):
    report(site)
    own = quarter(site)
    facts(site, [fact(-1.49, own)], [fact(981_600_000, own)])
    (row,) = earnings(edgar, [AnalystEstimate(date(2025, 5, 14), -0.61, -0.12)]).rows
    assert (row["eps"], row["eps_consensus"]) == ("-0.61", "-0.12")
    assert (row["eps_basis"], row["revenue"]) == ("basis not stated (Yahoo)", "981600000")


def test_a_year_is_named_as_its_filings_name_it(site, edgar):
    report(site, "2025-03-04 06:30:00")  # a retailer whose year to 2025-02-01 is its 2024
    annual = quarter(site, "2025-03-12 16:05:00", "2025-02-01", "10-K")
    report(site, "2025-05-21 06:30:00")
    quarter(site, "2025-05-30 16:05:00", "2025-05-03")
    year = {"start": "2024-02-04", "end": "2025-02-01", "form": "10-K", "year": 2024}
    facts(site, [fact(8.86, annual, **year)])
    assert [row["period"] for row in earnings(edgar).rows] == ["2024Q4", "2025Q1"]


def test_facts_of_another_form_are_told(site, edgar):
    report(site)
    own = quarter(site)
    facts(site, [{**fact(0.25, own), "val": "much"}])
    with pytest.raises(DataError, match="has a fact that cannot be read"):
        earnings(edgar)


# Figures of Yahoo


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


@pytest.mark.parametrize(
    ("text", "day", "eps"),
    [
        ("earnings of $0.30 a share", 16, "0.3"),
        ("sales will exceed what was expected", 16, ""),
        ("sales will exceed what was expected", 15, "0.3"),  # of a report after the close
        (None, 16, ""),
    ],
)
def test_figures_of_a_later_day_have_to_stand_in_the_release(site, edgar, text, day, eps):
    report(site, documents=[("EX-99.1", "b.htm", text)] if text else ())
    quarter(site)
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, day), 0.3, 0.25)])
    (row,) = found.rows
    assert (row["eps"], row["eps_consensus"]) == (eps, eps and "0.25")
    if not eps:
        (remark,) = found.remarks
        assert "Yahoo's EPS of 2025-05-16 is left out: it does not stand in the release" in remark


@pytest.mark.parametrize(
    ("days", "text", "first"),
    [
        (("05-02", "05-14"), "sales of April", 1),
        (("05-14", "05-14"), "sales of April", 1),
        (("05-13", "05-14"), "sales of April", 1),
        (("05-13", "05-14"), "earnings of $0.30 a share", 0),
        (("05-13", "05-20"), "earnings of $0.25 a share", 0),  # on another basis
        (("05-10", "05-20"), "earnings of $0.25 a share", 0),  # where Yahoo has another day
    ],
)
def test_of_two_reports_the_one_near_the_day_of_the_results_carries_them(
    site, edgar, days, text, first
):
    reports = [
        report(site, f"2025-{day} {clock}:00:00", documents=[("EX-99.1", "b.htm", text)])
        for day, clock in zip(days, ("08", "17"), strict=True)
    ]
    quarter(site)
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 14), 0.3, 0.25)])
    assert sources(found) == [reports[first]]
    assert any(f"({reports[1 - first]}) left out: the " in remark for remark in found.remarks)


def test_a_report_of_another_quarter_is_not_joined(site, edgar):
    report(site)
    quarter(site)
    found = earnings(edgar, [AnalystEstimate(date(2025, 5, 30), 0.3, 0.25)])
    assert found.rows[0]["eps"] == ""
    assert found.remarks == ["2025Q1: Yahoo knows of no report within 15 days of 2025-05-14."]


@pytest.mark.parametrize(
    ("tag", "value", "text", "stands"),
    [
        ("Revenues", 1e6, "revenue of $1.0 million", True),
        ("Revenues", 1e6, "revenue of $1,000 thousand", True),
        ("Revenues", 1e9, "revenue of $1.00 billion", True),
        ("Revenues", 1e9, "revenue of $1 billion", False),  # a digit alone says too little
        ("Revenues", 981_632_000, "revenue of $981.6 million", True),
        ("Revenues", 981_632_000, "revenue of $0.98 billion", False),
        ("Revenues", 981_632_000, "revenue of $1,981.6 million", False),
        ("EarningsPerShareDiluted", -0.58, "a loss of $(0.58)", True),
        ("EarningsPerShareDiluted", 0.58, "earnings of $.58", True),
        ("EarningsPerShareDiluted", 8035.12, "earnings of $8,035.12", True),
        ("EarningsPerShareDiluted", 0.58, "earnings of $10.58", False),
        ("EarningsPerShareDiluted", 0.58, "earnings of $0.581", False),
    ],
)
def test_a_figure_stands_in_a_text_as_releases_round_it(tag, value, text, stands):
    assert stands_in(value, text, is_revenue=tag == "Revenues") is stands
