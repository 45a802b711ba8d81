"""Items of 8-Ks and sales by insiders as news."""

from datetime import datetime

import pytest

from backtest.data.kinds import News
from backtest.errors import DataError, UsageError
from backtest.sources.edgar import Company, Listing
from backtest.sources.filings import ITEMS, Fetched, _text, by_category, fetch_filings
from tests.edgar_site import ACME, BIGCO, form_4

COMPANY = Company(ACME, "ACME CORP")


def report(site, accepted="2025-05-14 16:05:07", items="2.02,9.01", **more):
    return site.file("8-K", accepted, ACME, period=accepted[:10], items=items, **more)


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


def test_the_issuer_of_a_form_says_whose_shares_were_sold(site, edgar):
    # a company that owns more than 10 % of another files in its own name too
    accession = insider(site, form_4(("2025-06-03", "S", "100", "50.00"), issuer=BIGCO))
    found = news(edgar, "4")
    assert found.rows == []
    assert found.remarks == [f"4 of 2025-06-05 ({accession}) left out: a sale of No. 2222 (2222)."]


def test_one_form_that_cannot_be_read_does_not_end_the_fetch(site, edgar):
    gone = insider(site, form_4(("2025-06-03", "S", "100", "50.00")))
    del site.pages[site.path(gone, "form4.xml", ACME)]
    wrong = insider(site, form_4(("June 3", "S", "100", "50.00")))
    insider(site, form_4(("2025-06-03", "S", "100", "50.00")))
    found = news(edgar, "4")
    assert len(found.rows) == 1
    assert f"({gone}) left out: EDGAR has no document form4.xml of it." in found.remarks[0]
    assert f"{site.server.url}{site.path(wrong, 'form4.xml', ACME)}: " in found.remarks[1]
    assert "transactionDate is 'June 3'; a day is expected there." in found.remarks[1]


def test_a_form_that_breaks_off_ends_the_fetch(site, edgar):
    insider(site, form_4(("2025-06-03", "S", "100", "50.00"))[:-20])
    with pytest.raises(DataError, match="may have broken off on the way: try again"):
        news(edgar, "4")


def test_what_a_company_files_instead_is_told(site, edgar):
    for _ in range(3):
        site.file("6-K", "2025-05-16 16:00:00", ACME)
    (remark,) = news(edgar).remarks
    assert remark == (
        "EDGAR lists no filing on Form 8-K of ACME CORP in that span. Its forms are 6-K (3)."
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


# Items of 8-K


def test_items_become_categories():
    found, strange = by_category(("1.01", "2.03", "3.02", "5.02", "9.01", "12"))
    assert found == {"agreement": ["1.01"], "financing": ["2.03", "3.02"], "officers": ["5.02"]}
    assert strange == ["12"]


def test_every_item_of_the_form_is_there_with_its_title():
    counts = {part: sum(item.startswith(part) for item in ITEMS) for part in "123456789"}
    assert counts == {"1": 5, "2": 6, "3": 3, "4": 2, "5": 8, "6": 5, "7": 1, "8": 1, "9": 1}
    assert [item for item, (category, _) in ITEMS.items() if not category] == ["2.02", "9.01"]
    assert ITEMS["8.01"] == ("other", "Other Events")


# What all kinds share


def test_an_item_that_is_not_on_the_form_is_told_beside_those_that_are(site, edgar):
    accession = report(site, items="5.02,12,99")
    found = news(edgar)
    assert [row["category"] for row in found.rows] == ["officers"]
    assert found.remarks == [f"{accession}: item 12, 99 is not on the form of today."]


def test_the_time_of_retrieval_is_to_the_second(site, edgar):
    report(site, items="5.02")
    (row,) = news(edgar).rows
    assert datetime.fromisoformat(row["retrieved_at"]).microsecond == 0


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({}, "It has filed nothing else either."),
        (
            {"A": 1, "B": 2, "F": 2, "C": 2000, "D": 2, "E": 2},  # the commonest five
            "Its forms are C (2,000), B (2), D (2), E (2), F (2).",
        ),
    ],
)
def test_what_a_company_files_instead_is_named_by_its_commonest_forms(others, told):
    done = Fetched(None, "ACME", News)
    done.remark_if_none([], "8-K", COMPANY, Listing((), (), others))
    assert done.remarks == [f"EDGAR lists no 8-K of ACME CORP in that span. {told}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (2.0, "2"),
        (0.25, "0.25"),
        (3, "3"),
        ("x", "x"),
    ],
)
def test_a_cell_is_written_as_event_files_take_it(value, text):
    assert _text(value) == text


def test_a_form_of_nobody_s_stock_in_particular_is_of_the_company(site, edgar):
    text = form_4(("2025-06-03", "S", "100", "50.00")).replace(f"{ACME:010}", "")
    insider(site, text)
    assert len(news(edgar, "4").rows) == 1
    text = form_4(("2025-06-03", "S", "100", "50.00"), issuer=7).replace("No. 7", "")
    insider(site, text)
    assert "a sale of another company (7)" in news(edgar, "4").remarks[0]
