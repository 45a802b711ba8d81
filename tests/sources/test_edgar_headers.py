"""When a filing became public: the header's clock is New York's, and the list's is not trusted."""

import html
from datetime import date

import pytest

from backtest.errors import DataError
from backtest.sources.edgar.filers import read_header
from tests.edgar_site import HEADER, SHOWN
from tests.made_up import utc

FACTS = {"accession": "0000001111-25-000001", "form": "8-K"}


def header(accepted, filed, more=""):
    facts = {**FACTS, "accepted": accepted, "filed": filed}
    page = HEADER.format(**facts, shown=html.escape(SHOWN.format(**facts) + more))
    return read_header(page.encode(), "http://made.up/x")


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
        (b"<html>sorry</html>", "has no <ACCEPTANCE-DATETIME>, so its time is unknown"),
        (b"&lt;ACCEPTANCE-DATETIME&gt;20250604160501\n", "has no FILED AS OF DATE"),
        (b"<ACCEPTANCE-DATETIME>20250604\n<FILING-DATE>20250604", "no <ACCEPTANCE-DATETIME>"),
        (b"<ACCEPTANCE-DATETIME>20251304160501\n<FILING-DATE>20250604", "a time that is none"),
    ],
    ids=["another page", "no date", "no clock", "no time"],
)
def test_a_page_that_does_not_tell_the_time_is_refused(page, told):
    with pytest.raises(DataError) as caught:
        read_header(page, "http://made.up/x")
    assert told in str(caught.value)
    assert "http://made.up/x" in str(caught.value)
