"""Who files and what, and when it became public: by the header's clock, which is New York's."""

import html
import json
from datetime import date

import pytest

from backtest.errors import DataError, UsageError
from backtest.sources.edgar import (
    Company,
    Filing,
    company_of_number,
    company_of_symbol,
    filings_of,
    find_holder,
    plain_name,
    read_header,
)
from backtest.sources.holdings import same_company
from tests.edgar_site import ACME, BIGCO, HEADER, SHOWN
from tests.made_up import utc

LIST = f"/submissions/CIK{ACME:010}.json"
FORMS = ("8-K",)
FACTS = {"accession": "0000001111-25-000001", "form": "8-K"}
FILING = Filing(ACME, "0000001111-25-000001", "8-K", date(2025, 6, 4), None, ())


def header(accepted, filed, more=""):
    facts = {**FACTS, "accepted": accepted, "filed": filed}
    page = HEADER.format(**facts, shown=html.escape(SHOWN.format(**facts) + more))
    return read_header(page.encode(), FILING)


@pytest.mark.parametrize(
    ("accepted", "filed", "moment"),
    [
        ("20250604160501", "20250604", "2025-06-04T20:05:01+00:00"),
        ("20250106160501", "20250106", "2025-01-06T21:05:01+00:00"),
        ("20250604213000", "20250604", "2025-06-05T01:30:00+00:00"),  # a form of insiders
    ],
    ids=["summer", "winter", "in the evening, with the same date"],
)
def test_the_time_is_the_acceptance_to_the_second_in_new_york(accepted, filed, moment):
    found = header(accepted, filed)
    assert found.public == (utc(moment), "exact")
    assert found.remark == ""


def test_what_is_accepted_after_half_past_five_is_shown_on_its_date_of_filing():
    # the government's holiday of 2025-11-11 is a session: the acceptance would trade it too early
    found = header("20251110174500", "20251112")
    assert found.public == (utc("2025-11-12T09:00:00-05:00"), "session")
    assert found.filed == date(2025, 11, 12)
    assert found.remark == (
        "Accepted 2025-11-10 17:45:00 New York with the filing date 2025-11-12, so shown by EDGAR "
        "from that morning."
    )


def test_a_clock_that_stands_at_midnight_tells_the_day_alone():
    """EDGAR is closed then; taken at its word, the day would be traded from its open on."""
    found = header("20250604000000", "20250604")
    assert found.public == (utc("2025-06-04T23:59:59-04:00"), "date")
    assert found.remark == "EDGAR has no time of acceptance, only the filing date 2025-06-04."


def test_without_a_time_of_acceptance_the_day_of_filing_counts():
    found = read_header(b"<FILING-DATE>19980213\n", FILING)
    assert found.public == (utc("1998-02-13T23:59:59-05:00"), "date")
    assert found.remark == "EDGAR has no time of acceptance, only the filing date 1998-02-13."


@pytest.mark.parametrize(
    "more",
    [
        "SUBJECT COMPANY:\t\n\n\tCOMPANY DATA:\n\t\tCENTRAL INDEX KEY:\t\t0000001111\nFILED BY:\n",
        "FILED BY:\n\tCENTRAL INDEX KEY:\t2222\nSUBJECT COMPANY:\n\tCENTRAL INDEX KEY:\t1111\n",
        "<FILED-BY>\n<CIK>2222\n</FILED-BY>\n<SUBJECT-COMPANY>\n<COMPANY-DATA>\n<CIK>0000001111\n",
        "<REPORTING-OWNER>\n<CIK>2222\n</REPORTING-OWNER>\n<ISSUER>\n<CIK>0000001111\n",
    ],
)
def test_a_header_says_whom_a_filing_is_about(more):
    assert header("20250604160501", "20250604", more).subject == ACME
    assert header("20250604160501", "20250604").subject is None


def test_of_an_hour_that_the_clocks_repeat_the_later_counts():
    moment = header("20251102013000", "20251102").public[0]
    assert moment.isoformat() == "2025-11-02T01:30:00-05:00"


def test_documents_are_found_by_their_type():
    one = "<DOCUMENT>\n<TYPE>13F-HR\n<SEQUENCE>1\n<FILENAME>primary_doc.xml\n</DOCUMENT>\n"
    two = "<DOCUMENT>\n<TYPE>INFORMATION TABLE\n<FILENAME>7.xml\n<DESCRIPTION>x\n</DOCUMENT>"
    bare = "<DOCUMENT>\n<TYPE>GRAPHIC\n</DOCUMENT>\n"
    found = header("20250604160501", "20250604", one + bare + two)
    assert found.documents == (("13F-HR", "primary_doc.xml"), ("INFORMATION TABLE", "7.xml"))
    assert found.document("INFORMATION TABLE") == "7.xml"
    assert found.document("4") is None


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b"<html>sorry</html>", "so its time is unknown"),
        (b"&lt;ACCEPTANCE-DATETIME&gt;20250604160501\n", "has no FILED AS OF DATE"),
        (b"<ACCEPTANCE-DATETIME>20250604\n<FILING-DATE>20250604", "no <ACCEPTANCE-DATETIME>"),
        (b"<ACCEPTANCE-DATETIME>20251304160501\n<FILING-DATE>20250604", "a time that is none"),
    ],
    ids=["another page", "no date", "no clock", "no time"],
)
def test_a_page_that_does_not_tell_the_time_is_refused(page, told):
    with pytest.raises(DataError) as caught:
        read_header(page, FILING)
    assert told in str(caught.value)


def listed(edgar, cik=ACME, since=None):
    return [one.accession for one in filings_of(edgar, cik, FORMS, since).filings]


# Who files, and what


def test_a_company_is_found_by_its_symbol(site, edgar):
    site.tickers["BRK-B"] = BIGCO
    assert company_of_symbol(edgar, "ACME") == Company(ACME, "ACME CORP")
    assert company_of_symbol(edgar, "BRK.B").cik == BIGCO
    with pytest.raises(UsageError, match="no 'GONE'"):
        company_of_symbol(edgar, "GONE")


@pytest.mark.parametrize("page", [b"{}", b"[]", b"[1]", b"3"])
def test_a_list_of_symbols_that_is_none_is_refused(site, edgar, page):
    site.pages["/files/company_tickers.json"] = page
    with pytest.raises(DataError, match="should be an object with one entry a symbol"):
        company_of_symbol(edgar, "ACME")


def test_a_company_is_found_by_its_number(edgar):
    assert company_of_number(edgar, ACME) == Company(ACME, "ACME CORP")
    with pytest.raises(UsageError, match=r"no filer with the number \(CIK\) 7."):
        company_of_number(edgar, 7)


@pytest.mark.parametrize("text", ["BIGCO", "bigco", "Bigco Inc.", "2222"])
def test_a_holder_that_is_listed_is_found_by_name_or_number(edgar, text):
    assert find_holder(edgar, text) == Company(BIGCO, "BIGCO INC")


def search(name):
    return (
        f"/cgi-bin/browse-edgar?action=getcompany&company={name}&owner=include&count=40&output=atom"
    )


def infos(*ciks):
    inner = "".join(f"<company-info><cik>{cik:010}</cik></company-info>" for cik in ciks)
    return f"<?xml version='1.0'?><feed>{inner}</feed>".encode()


def test_a_holder_that_is_not_listed_is_searched_for(site, edgar):
    site.names |= {3333: "OTHER FUND LP"}
    site.pages[search("other")] = infos(3333)
    assert find_holder(edgar, "other") == Company(3333, "OTHER FUND LP")


def test_several_holders_of_a_name_are_told_with_their_numbers(site, edgar):
    site.names |= {3333: "OTHER FUND LP", 4444: "OTHER MASTER FUND LTD"}
    site.pages[search("other")] = infos(3333, 4444)
    with pytest.raises(UsageError) as caught:
        find_holder(edgar, "other")
    assert "  --holder 3333  OTHER FUND LP\n  --holder 4444  OTHER MASTER" in str(caught.value)
    site.pages[search("Other+Fund")] = infos(3333, 4444)
    assert find_holder(edgar, "Other Fund").cik == 3333


def test_a_holder_whom_nobody_knows_is_told(site, edgar):
    site.pages[search("nobody")] = b"<html>No matching companies.</html>"
    with pytest.raises(UsageError, match="no filer whose name begins with 'nobody'"):
        find_holder(edgar, "nobody")
    site.pages[search("nobody")] = b"<html>A new search page</html>"
    with pytest.raises(DataError, match="neither company-info nor 'No matching'"):
        find_holder(edgar, "nobody")


def test_older_pages_of_a_list_are_read_where_they_are_needed(site, edgar):
    from datetime import date

    old = site.file("8-K", "2020-06-04 16:05:00", ACME, older=True)
    new = site.file("8-K", "2025-06-04 16:05:00", ACME)
    assert listed(edgar) == [old, new]
    assert listed(edgar, since=date(2020, 6, 4)) == [old, new]
    site.server.asked.clear()
    assert listed(edgar, since=date(2020, 6, 5)) == [new]
    assert site.server.asked == [LIST]


def test_names_are_held_together_without_the_form_of_the_company():
    assert plain_name("NVIDIA CORP") == plain_name("NVIDIA") == "nvidia"
    assert plain_name("A & B Co.") == "a and b"
    assert plain_name("The New Co") == "the new co"
    assert plain_name("COSTCO WHOLESALE CORP /NEW") == "costco wholesale"
    assert plain_name("WELLS FARGO & COMPANY/MN") == "wells fargo and"


@pytest.mark.parametrize(
    ("title", "issuer"),
    [
        ("GENERAL ELECTRIC CO", "GENERAL ELEC CO"),
        ("BANK OF AMERICA CORP /DE/", "BANK AMERICA CORP"),
        ("BANK OF AMERICA CORP /DE/", "BANK AMER CORP"),
        ("INTERNATIONAL BUSINESS MACHINES CORP", "INTERNATIONAL BUSINESS MACHS"),
        ("TAIWAN SEMICONDUCTOR MANUFACTURING CO LTD", "TAIWAN SEMICONDUCTOR MFG LTD"),
        ("ELI LILLY & CO", "LILLY ELI & CO"),
        ("ESTEE LAUDER COMPANIES INC", "LAUDER ESTEE COS INC"),
        ("JPMORGAN CHASE & CO", "JP MORGAN CHASE & CO"),
        ("Accenture plc", "ACCENTURE PLC IRELAND"),
        ("BOSTON PROPERTIES INC", "BOSTON PPTYS INC"),
        ("Automatic Data Processing, Inc.", "AUTOMATIC DATA PROCESSING IN"),
        ("MCDONALDS CORP", "MCDONALD'S CORP"),
        ("U S BANCORP", "US BANCORP DEL"),
        ("FEDERAL REALTY INVESTMENT TRUST", "FEDERAL RLTY INVT TR NEW"),
    ],
)
def test_names_are_one_through_abbreviations_and_states(title, issuer):
    assert same_company(title, issuer)
    assert same_company(issuer, title)


@pytest.mark.parametrize(
    ("title", "issuer"),
    [
        ("ITT INC", "INTUIT INC"),
        ("ABM INDUSTRIES INC", "ABIOMED INC"),
        ("COCA COLA CO", "COCA COLA CONS INC"),
        ("SOUTHERN CO", "SOUTHERN COPPER CORP"),
        ("GENERAL MILLS INC", "GENERAL MTRS CO"),
        ("AMERICAN AIRLINES GROUP", "AMERICAN INTL GROUP INC"),
        ("MORGAN STANLEY", "STANLEY BLACK & DECKER INC"),
        ("BLACKROCK INC", "BLACKSTONE INC"),
    ],
)
def test_names_of_two_companies_are_two(title, issuer):
    assert not same_company(title, issuer)


def test_former_names_follow_the_name_of_today(site, edgar):
    table = site.submissions(ACME, "ACME CORP")
    for former, names in (([{"name": "OLD ACME INC"}], ("ACME CORP", "OLD ACME INC")),
                          (None, ("ACME CORP",))):  # fmt: skip
        site.breaks(LIST, json.dumps({**table, "formerNames": former}).encode())
        assert filings_of(edgar, ACME, FORMS, None).names == names


@pytest.mark.parametrize(("text", "year_end"), [("0831", "0831"), ("1331", "1231"), (None, "1231")])
def test_a_year_ends_in_december_where_no_day_is_told(site, edgar, text, year_end):
    site.year_ends[ACME] = text
    assert filings_of(edgar, ACME, FORMS, None).year_end == year_end


def test_of_those_who_are_found_the_first_ten_are_looked_at(site, edgar):
    ciks = range(3001, 3012)
    site.names |= {cik: f"OTHER FUND {cik} LP" for cik in ciks}
    site.pages[search("other")] = infos(*ciks)
    with pytest.raises(UsageError) as caught:
        find_holder(edgar, "other")
    assert str(caught.value).count("--holder") == 10
    assert "OTHER FUND 3010 LP" in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "…"])
def test_a_holder_without_a_name_is_not_looked_for(site, edgar, text):
    with pytest.raises(UsageError, match="is no name of a holder"):
        find_holder(edgar, text)
    assert site.server.asked == []
