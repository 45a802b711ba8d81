"""Reports with Yahoo's figures beside them, items of 8-Ks and sales by insiders as events."""

from datetime import date

import pandas as pd
import pytest

from backtest.errors import DataError, SourceError, UsageError
from backtest.sources import estimates as yahoo
from backtest.sources.edgar.client import Edgar
from backtest.sources.edgar.earnings import fetch_earnings, quarter_name
from backtest.sources.edgar.filers import Company
from backtest.sources.edgar.filings import fetch_filings
from backtest.sources.estimates import Estimate, ask_estimates
from backtest.sources.retries import Patience
from tests.edgar_site import ACME, WHO, form_4, made_up_edgar

COMPANY = Company(ACME, "ACME CORP")


@pytest.fixture
def site(monkeypatch, tmp_path):
    with made_up_edgar(monkeypatch, tmp_path / "cache") as site:
        yield site


@pytest.fixture
def edgar(site):
    return Edgar(WHO, site.server.url)


def report(site, accepted="2025-05-14 16:05:07", items="2.02,9.01", **more):
    return site.file("8-K", accepted, ACME, period=accepted[:10], items=items, **more)


def quarter(site, accepted="2025-05-15 16:30:00", period="2025-03-31", form="10-Q"):
    return site.file(form, accepted, ACME, period=period)


def earnings(edgar, estimates=None, since=None):
    return fetch_earnings(edgar, COMPANY, "ACME", since, estimates)


# Quarterly reports


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
        Estimate(date(2025, 2, 26), 9.9, 9.9),
        Estimate(date(2025, 5, 14), 0.3, 0.25),
        Estimate(date(2025, 8, 13), None, 0.4),
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
    found = earnings(edgar, [Estimate(date(2025, 5, 15), 0.3, 0.25)])
    told = "Yahoo dates the report 2025-05-15; the filing was accepted 2025-05-14, which counts."
    assert found.rows[0]["published_at"].startswith("2025-05-14")
    assert found.rows[0]["note"] == f"Quarter ended 2025-03-31. {told}"
    assert found.remarks == [f"2025Q1: {told}"]


def test_a_report_of_another_quarter_is_not_joined(site, edgar):
    report(site)
    quarter(site)
    found = earnings(edgar, [Estimate(date(2025, 5, 30), 0.3, 0.25)])
    assert found.rows[0]["eps"] == ""
    assert found.remarks == ["2025Q1: Yahoo knows of no report within 15 days of 2025-05-14."]


# Yahoo


def yahoo_table(*rows, zone="America/New_York", columns=("EPS Estimate", "Reported EPS")):
    times = pd.DatetimeIndex([pd.Timestamp(time) for time, *_ in rows])
    index = times.tz_localize(zone) if zone else times
    table = pd.DataFrame([row[1:] for row in rows], index=index, columns=list(columns))
    table["Surprise(%)"] = 1.0
    return table


@pytest.fixture
def answers(monkeypatch):
    """What yfinance gives, one after another."""
    coming = []

    def give(symbol):
        answer = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(yahoo, "earnings_table", give)
    monkeypatch.setattr(yahoo, "PATIENCE", Patience(tries=2, seconds=5, each=5, wait=0.001))
    return coming


GOOD = (("2025-05-14 16:00", 0.25, 0.3), ("2025-02-26 16:00", 0.2, float("nan")))


def test_estimates_are_read_with_their_day_in_new_york(answers):
    answers.append(yahoo_table(*GOOD))
    assert ask_estimates("ACME") == [
        Estimate(date(2025, 2, 26), None, 0.2),
        Estimate(date(2025, 5, 14), 0.3, 0.25),
    ]
    answers[:] = [yahoo_table(("2025-05-15 01:00", 0.25, 0.3), zone="UTC")]
    assert ask_estimates("ACME")[0].day == date(2025, 5, 14)


def test_yahoo_is_asked_again(answers):
    from yfinance.exceptions import YFRateLimitError

    answers += [YFRateLimitError(), yahoo_table(*GOOD)]
    assert len(ask_estimates("ACME")) == 2


@pytest.mark.parametrize("answer", [None, yahoo_table(*GOOD).head(0), OSError("gone")])
def test_a_yahoo_that_does_not_answer_is_told(answers, answer):
    answers.append(answer)
    with pytest.raises(SourceError, match=r"Yahoo, earnings of ACME: .* Tried 2 times"):
        ask_estimates("ACME")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (yahoo_table(*GOOD, columns=("EPS", "Reported EPS")), "no column 'EPS Estimate'"),
        (yahoo_table(*GOOD, zone=None), "times without a zone"),
        (yahoo_table(("2025-05-14", "much", 0.3)), "could not convert string"),
        (KeyError("Earnings Date"), "KeyError"),
    ],
    ids=["another column", "no zone", "a word", "another page"],
)
def test_a_yahoo_of_another_form_is_told(answers, answer, told):
    answers.append(answer)
    with pytest.raises(DataError, match="of another form than is expected") as caught:
        ask_estimates("ACME")
    assert told in str(caught.value)
    assert "--no-estimates" in str(caught.value)


# Filings of interest


def news(edgar, form="8-K"):
    return fetch_filings(edgar, COMPANY, "ACME", form, None)


def test_each_category_of_a_filing_is_an_event(site, edgar):
    accession = report(site, items="1.01,2.03,3.02,9.01")
    found = news(edgar)
    assert [(row["category"], row["headline"]) for row in found.rows] == [
        ("agreement", f"8-K item 1.01: Entry into a Material Definitive Agreement ({accession})"),
        (
            "financing",
            (
                "8-K items 2.03, 3.02: Creation of a Direct Financial Obligation or an Obligation "
                "under an Off-Balance Sheet Arrangement of a Registrant; Unregistered Sales of "
                f"Equity Securities ({accession})"
            ),
        ),
    ]
    assert {row["published_at"] for row in found.rows} == {"2025-05-14T16:05:07-04:00"}


def test_amended_reports_are_told_as_such(site, edgar):
    site.file("8-K/A", "2025-05-16 16:00:00", ACME, items="5.02")
    assert news(edgar).rows[0]["headline"].startswith("8-K/A item 5.02: Departure of Directors")


def test_what_makes_no_news_is_told(site, edgar):
    results = report(site, items="2.02,9.01")
    old = report(site, items="12")
    bare = report(site, items="")
    found = news(edgar)
    assert found.rows == []
    assert found.remarks == [
        f"{results}: item 2.02 is an earnings event, not news.",
        f"8-K of 2025-05-14 ({old}) left out: item 12 is not on the form of today.",
        f"8-K of 2025-05-14 ({bare}) left out: EDGAR names no items.",
        "`events fetch earnings` takes the filings with item 2.02.",
    ]
    assert not any("headers" in path for path in site.server.asked)


def insider(site, text, form="4", name="form4.xml"):
    documents = [(form, name, text)]
    return site.file(form, "2025-06-05 19:30:00", ACME, documents=documents)


def test_a_sale_by_an_insider_is_news(site, edgar):
    accession = insider(site, form_4(("2025-06-03", "S", "100", "50.00")))
    (row,) = news(edgar, "4").rows
    assert row["category"] == "insider_sale"
    assert row["published_at"] == "2025-06-05T19:30:00-04:00"
    assert row["headline"] == (
        f"Form 4: sale by DOE JANE, director, officer (Chief Executive) ({accession})"
    )
    assert row["figures"] == (
        "100 shares at 50.00 dollars on average; 2025-06-03; under a 10b5-1 plan"
    )


def test_forms_without_a_sale_and_amendments_are_no_news(site, edgar):
    insider(site, form_4(("2025-06-03", "M", "100", "1")))
    insider(site, form_4(("2025-06-03", "S", "100", "1")), form="4/A")
    insider(site, "text", name="form4.txt")
    found = news(edgar, "4")
    assert found.rows == []
    assert [remark.rpartition("left out: ")[2] for remark in found.remarks] == [
        "an amendment; see what it corrects and edit that.",
        "it holds no XML.",
    ]


def test_other_forms_are_refused(edgar):
    with pytest.raises(UsageError, match=r"--form '10-K' is not read\. Read are 8-K and 4\."):
        news(edgar, "10-K")
