"""Whether an event on file and a fetched one tell of the same fact."""

import pytest

from backtest.data.kinds import Earnings, News, StakeDisclosure
from backtest.sources.filings import is_same_event

DATA = "https://www.sec.gov/Archives/edgar/data"
FILING, ANOTHER = f"{DATA}/1111/000000111125000001", f"{DATA}/1111/000000111125000009"


def made(kind, at, url, **more):
    cells = {"symbol": "ACME", "precision": "exact", "headline": "8-K item 2.02", **more}
    return kind.model_validate({**cells, "published_at": at, "source_url": f"{url}/x.htm"})


def report(at="2025-05-29T16:15:00-04:00", url="https://example.org", **more):
    return made(Earnings, at, url, **more)


def news(url, category="officers", **more):
    return made(News, "2025-05-29T16:15:00-04:00", url, category=category, **more)


def stake(url, form="13F-HR", as_of="2025-03-31", holder="BIGCO", **more):
    more = {"holder": holder, "form": form, "as_of": as_of, **more}
    return made(StakeDisclosure, "2025-05-15T16:00:00-04:00", url, **more)


@pytest.mark.parametrize(
    ("at", "more", "is_same"),
    [
        ("2025-05-26T16:15:00-04:00", {}, True),  # three days before
        ("2025-05-26T16:14:59-04:00", {}, False),
        ("2025-06-01T16:15:00-04:00", {}, True),
        ("2025-06-01T16:15:01-04:00", {}, False),
        ("2025-03-30T16:15:00-04:00", {"period": "2025Q3"}, True),  # sixty, of the same name
        ("2025-03-30T16:14:59-04:00", {"period": "2025Q3"}, False),
        ("2025-05-20T16:15:00-04:00", {"period": "2025Q2"}, False),  # nine, of another name
        ("2025-05-29T16:15:00-04:00", {"period_end": "2025-06-10"}, True),  # ends thirty days apart
        ("2025-05-29T16:15:00-04:00", {"period_end": "2025-06-11"}, False),
        ("2025-08-01T16:15:00-04:00", {"url": ANOTHER}, False),  # of the company, not the filing
        ("2025-08-01T16:15:00-04:00", {"source_url_2": f"{FILING}/y.htm"}, True),
        ("2025-05-29T16:15:00-04:00", {"symbol": "BOLT"}, False),
    ],
)
def test_reports_are_the_same_by_their_filing_their_quarter_or_their_days(at, more, is_same):
    fetched = report(url=FILING, period="2025Q3", period_end="2025-05-11")
    assert is_same_event(report(at, **more), fetched) is is_same


def test_an_amendment_is_the_same_as_nothing_but_its_own_filing():
    first, amended = report(), report(url=FILING, headline="8-K/A item 2.02")
    assert not is_same_event(first, amended)
    assert not is_same_event(amended, first)
    assert is_same_event(report(url=FILING), amended)


@pytest.mark.parametrize(
    ("known", "is_same"),
    [
        (news(FILING), True),
        (news(FILING, "financing"), False),
        (news(ANOTHER), False),
        (news("https://example.org"), False),
        (report(url=FILING), False),
        (stake(FILING), False),
    ],
)
def test_news_are_the_same_by_filing_and_category(known, is_same):
    assert is_same_event(known, news(FILING)) is is_same


@pytest.mark.parametrize(
    ("known", "is_same"),
    [
        (stake(FILING), True),
        (stake(FILING, as_of="2024-12-31"), True),  # whatever day it is said to tell of
        (stake(FILING, holder="ANOTHER"), False),
        (stake(ANOTHER), False),  # another filing of the holder, such as an amendment
        (stake("https://example.org"), True),
        (stake(f"{DATA}/2222/000000222225000001"), True),  # under the number of the company
        (stake("https://example.org", as_of="2024-12-31"), False),
        (stake("https://example.org", form="press"), False),
        (stake("https://example.org", as_of=None), False),
        (report(url=FILING), False),
    ],
)
def test_stakes_are_the_same_by_filing_or_else_by_holder_form_and_day(known, is_same):
    assert is_same_event(known, stake(FILING)) is is_same
    assert not is_same_event(stake("https://example.org", as_of=None), stake(FILING, as_of=None))


SITE = "https://www.sec.gov"


@pytest.mark.parametrize(
    "address",
    [
        f"{SITE}/ix?doc=/Archives/edgar/data/1111/000000111125000001/x.htm",
        f"{SITE}/Archives/edgar/data/1111/0000001111-25-000001.txt",
        f"{SITE}/Archives/edgar/data/0000001111/000000111125000001/x.htm",
        f"{SITE}/Archives/edgar/data/2222/000000111125000001/x.htm",  # who filed it as well
        f"{SITE}/cgi-bin/viewer?action=view&cik=1111&accession_number=0000001111-25-000001",
        f"{DATA.replace('https', 'http')}/1111/000000111125000001",
    ],
)
def test_a_filing_is_the_same_whatever_address_of_it_is_on_file(address):
    def cited(event):
        return event.model_copy(update={"source_url": address})

    assert is_same_event(cited(news(FILING)), news(FILING))
    assert not is_same_event(cited(news(FILING)), news(ANOTHER))
    assert is_same_event(cited(stake(FILING, as_of="2024-12-31")), stake(FILING))
    late = report("2025-09-01T16:15:00-04:00")
    assert is_same_event(cited(late), report(url=FILING))


def test_another_filing_of_the_holder_is_another_whatever_address_of_it_is_on_file():
    original = f"{SITE}/ix?doc=/Archives/edgar/data/1111/000000111125000009/x.htm"
    known = stake(FILING).model_copy(update={"source_url": original})
    assert not is_same_event(known, stake(FILING))
