"""`events fetch`: what is new is added, what differs is shown, and nothing is half written."""

import csv
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

import backtest
from backtest.data.datafile import metadata_of
from backtest.data.versions import write_version
from backtest.sources import yahoo
from backtest.sources.yahoo import AnalystEstimate
from tests.commands import BAD_DATA, WRONG_USE, words
from tests.edgar_site import ACME, BIGCO, WHO, form_4, made_up_edgar, quarterly, schedule_d
from tests.local_server import Answer
from tests.made_up import EARNINGS, STAKES

NO_ANSWER = 5
LIST = f"/submissions/CIK{ACME:010}.json"
REPORTS = "data/events/earnings.csv"
HELD = "data/events/stake_disclosures.csv"


@pytest.fixture
def site(monkeypatch, tmp_path_factory):
    with made_up_edgar(monkeypatch, tmp_path_factory.mktemp("cache")) as site:
        monkeypatch.setenv("BACKTEST_EDGAR_URL", site.server.url)
        monkeypatch.setenv("BACKTEST_EDGAR_IDENTITY", WHO)
        yield site


@pytest.fixture
def fetch(site, command):
    def fetch(*words):
        return command("events", "fetch", *words)

    return fetch


@pytest.fixture
def estimates(monkeypatch):
    """What Yahoo knows."""
    known = [AnalystEstimate(date(2025, 6, 27), -0.31, -0.2)]
    monkeypatch.setattr("backtest.sources.yahoo.ask_estimates", lambda symbol: known)
    return known


@pytest.fixture
def report(site):
    """A report of a quarter that is on file."""

    def report():
        site.file("8-K", "2025-06-27 08:00:07", ACME, items="2.02,9.01")
        site.file("10-Q", "2025-06-30 16:30:00", ACME, period="2025-03-31")

    return report


def text(checkout, name):
    return (checkout.root / name).read_text()


def metadata(checkout, name):
    return json.loads((checkout.root / name).with_suffix(".meta.json").read_text())


# What is new


def test_a_new_report_is_added_with_its_source_and_session(site, fetch, estimates, checkout):
    accession = site.file("8-K", "2025-07-09 16:05:07", ACME, items="2.02,9.01")
    site.file("10-Q", "2025-07-10 16:30:00", ACME, period="2025-06-30")
    estimates.append(AnalystEstimate(date(2025, 7, 10), 0.5, 0.4))
    outcome = fetch("earnings", "ACME", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    told = words(outcome.out)
    assert "2025Q2: Yahoo dates the report 2025-07-10; the filing was accepted 2025-07-09" in told
    assert "period: 2025Q2 eps: 0.5 eps_consensus: 0.4 eps_basis: basis not stated" in told
    assert "New York, first tradable in the session of 2025-07-10" in told
    assert "version 2; `backtest events undo earnings` takes it back" in told
    row = text(checkout, REPORTS).splitlines()[-1]
    assert row.startswith('ACME,2025-07-09T16:05:07-04:00,exact,"8-K item 2.02: Results of')
    assert f"/{accession}-index.htm" in row
    assert metadata(checkout, REPORTS)["reason"] == "fetched from EDGAR"


def test_stakes_and_news_and_insiders_are_added(site, fetch, checkout):
    quarterly(site, "2025-07-01 16:00:01", "2025-06-30", [("ACME CORP", 13000, 100)])
    text_d = schedule_d("BIGCO INC", 180, 5.5, event="07/01/2025")
    document = [("SCHEDULE 13D", "primary_doc.xml", text_d)]
    site.file("SCHEDULE 13D", "2025-07-02 16:00:00", BIGCO, ACME, documents=document)
    assert fetch("stakes", "--symbol", "acme", "--holder", "bigco", "--yes").code == 0
    lines = text(checkout, HELD).splitlines()
    assert lines[:3] == [STAKES.splitlines()[0] + _MORE, *(f"{x},,,,," for x in _old(STAKES))]
    assert ",BIGCO,13F-HR,2025-06-30,100,100,false," in lines[3]
    assert ",BIGCO,SCHEDULE 13D,2025-07-01,180,50,false," in lines[4]

    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01,9.01")
    assert fetch("filings", "ACME", "--yes").code == 0
    document = [("4", "form4.xml", form_4(("2025-06-19", "S", "100", "50.00")))]
    site.file("4", "2025-06-20 19:30:00", ACME, documents=document)
    assert fetch("filings", "ACME", "--form", "4", "--yes").code == 0
    news = text(checkout, "data/events/news.csv")
    assert ",agreement," in news
    assert ",insider_sale," in news
    assert metadata(checkout, "data/events/news.csv")["version"] == 3


_MORE = ",percent_of_class,value,source_url,grade,retrieved_at"


def _old(text):
    return text.splitlines()[1:]


def test_nothing_is_written_twice(site, fetch, checkout):
    quarterly(site, "2025-07-02 16:00:01", "2025-06-30", [("ACME CORP", 13000, 100)])
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01,5.02")
    for words_ in (("stakes", "--symbol", "ACME", "--holder", "BIGCO"), ("filings", "ACME")):
        assert "version 2" in fetch(*words_, "--yes").out
        before = checkout.snapshot("data")
        outcome = fetch(*words_, "--yes")
        assert outcome.code == 0
        assert "has all of that already: nothing changes." in outcome.out
        assert checkout.snapshot("data") == before


@pytest.mark.parametrize("items", ["", "9.01"])
def test_a_file_does_not_have_what_was_not_fetched(site, fetch, checkout, items):
    site.file("6-K" if not items else "8-K", "2025-06-20 08:00:00", ACME, items=items)
    before = checkout.snapshot("data")
    for words_ in (("earnings", "ACME", "--no-estimates"), ("filings", "ACME")):
        outcome = fetch(*words_, "--yes")
        assert outcome.code == 0
        assert "Nothing was fetched: nothing changes in" in outcome.out
        assert "has all of that already" not in outcome.out
    assert checkout.snapshot("data") == before


def test_two_quarters_of_a_retailer_stay_two_reports(site, fetch, checkout):
    rows = [("2024-12-18", "2024-12-19", "2024-11-24"), ("2025-03-12", "2025-03-13", "2025-02-16")]
    rows += [("2025-06-04", "2025-06-05", "2025-05-11")]
    for reported, filed, end in rows:
        site.file("8-K", f"{reported} 16:15:00", ACME, items="2.02")
        site.file("10-Q", f"{filed} 16:15:00", ACME, period=end)
    site.file("10-K", "2025-10-08 16:15:00", ACME, period="2025-08-31")
    call = ("earnings", "RETAIL", "--cik", str(ACME), "--no-estimates", "--accept-revisions")
    assert fetch(*call, "--yes").code == 0
    made = text(checkout, REPORTS)
    for end in ("2025-02-16", "2025-05-11"):
        assert f",{end}" in made
    assert "has all of that already: nothing changes." in fetch(*call, "--yes").out
    assert text(checkout, REPORTS) == made


@pytest.mark.parametrize(("on", "is_told"), [("2025-07-10", True), ("2025-07-09", False)])
def test_figures_of_yahoo_from_before_a_split_are_to_be_seen(
    site, fetch, estimates, checkout, on, is_told
):
    """Yahoo tells of the past in shares of today; an event is in those of its day."""
    rows = f"day,action,amount,until,name,source\n{on},split,4,,,made up\n"
    known = metadata_of([on], source="made up")
    write_version(checkout.root / "data/actions/ACME.csv", rows, known, reason="made up", over=None)
    site.file("8-K", "2025-07-09 16:05:07", ACME, items="2.02,9.01")
    site.file("10-Q", "2025-07-10 16:30:00", ACME, period="2025-06-30")
    estimates.append(AnalystEstimate(date(2025, 7, 9), 0.5, 0.4))
    told = words(fetch("earnings", "ACME", "--yes").out)
    late = f"The split of {on} came after 2025Q2: Yahoo's EPS may be in the shares of after it."
    assert (late in told) is is_told


def test_a_quarter_that_another_source_ends_with_its_month_is_the_same(
    site, fetch, checkout, command
):
    """The quarter ended on the 11th of May; in the file of a vendor it is that of May."""
    file = checkout.root / "vendor.csv"
    file.write_text(
        "fiscalDateEnding,reportedDate,reportedEPS,estimatedEPS,reportTime\n"
        "2025-05-31,2025-07-09,0.30,0.20,post-market\n"
    )
    given = ("--kind", "earnings", "--set", "symbol=ACME", "--source-url", "unknown", "--yes")
    assert command("events", "import", str(file), *given).code == 0
    before = text(checkout, REPORTS)
    site.file("8-K", "2025-07-09 16:15:00", ACME, items="2.02")
    site.file("10-Q", "2025-07-10 16:15:00", ACME, period="2025-05-11")
    outcome = fetch("earnings", "ACME", "--no-estimates", "--yes")
    assert "differs in period_end: 2025-05-31 on file, 2025-05-11 fetched" in words(outcome.out)
    assert text(checkout, REPORTS) == before


def test_splits_and_cusips_on_file_count(site, fetch, checkout):
    rows = "2021-08-02,split,0.125,,,made up\n2021-08-02,cusip,,,00000B200,made up\n"
    actions = "day,action,amount,until,name,source\n" + rows
    known = metadata_of(["2021-08-02", "2021-08-02"], source="made up")
    write_version(
        checkout.root / "data/actions/OLDCO.csv", actions, known, reason="made up", over=None
    )
    quarterly(site, "2021-08-13 12:00:00", "2021-06-30", [("ACME CORP", 13460, 1_000_000)])
    new = ("ZENITH", 15456, 150_000, {"cusip": "00000B200"})
    quarterly(site, "2021-11-12 12:00:00", "2021-09-30", [new])
    call = ("stakes", "--symbol", "OLDCO", "--cik", str(ACME), "--holder", "BIGCO", "--yes")
    assert fetch(*call, "--cusip", "00000A100,00000B200").code == 0
    rows = list(csv.DictReader(text(checkout, HELD).splitlines()))[-2:]
    counts = [(row["shares"], row["previous_shares"], row["first_filing"]) for row in rows]
    assert counts == [("1000000", "", "true"), ("150000", "125000", "false")]


def test_events_under_a_former_ticker_are_on_file(report, site, fetch, checkout):
    """ACME is called NEWCO from the day after the disclosures on; before it was ACME."""
    rows = "day,action,amount,until,name,source\n2025-07-02,renamed,,,ACME,made up\n"
    known = metadata_of(["2025-07-02"], source="made up")
    write_version(
        checkout.root / "data/actions/NEWCO.csv", rows, known, reason="made up", over=None
    )
    report()
    outcome = fetch("earnings", "NEWCO", "--cik", str(ACME), "--no-estimates", "--yes")
    assert "differs in published_at: 2025-06-27T08:00:00-04:00 on file" in words(outcome.out)
    assert "differs in symbol" not in outcome.out
    assert "nothing changes" in outcome.out
    quarterly(site, "2025-08-14 16:00:01", "2025-06-30", [("ACME CORP", 13000, 100)])
    call = ("stakes", "--symbol", "NEWCO", "--cik", str(ACME), "--holder", "BIGCO", "--yes")
    assert fetch(*call).code == 0
    (*_, row) = csv.DictReader(text(checkout, HELD).splitlines())
    assert (row["symbol"], row["shares"], row["previous_shares"]) == ("NEWCO", "100", "50")


def test_a_report_on_file_by_its_calendar_quarter_is_the_same_report(site, fetch, checkout):
    # 2025Q1 on file is the report of 2025-06-27; the company counts that quarter as 2025Q4
    site.file("8-K", "2025-06-27 08:00:07", ACME, items="2.02,9.01")
    site.file("10-K", "2025-06-30 16:30:00", ACME, period="2025-03-31")
    outcome = fetch("earnings", "ACME", "--no-estimates", "--yes")
    told = words(outcome.out)
    assert "differs in period: 2025Q1 on file, 2025Q4 fetched" in told
    assert "nothing changes" in told


def test_two_amendments_of_one_quarter_are_two_events(site, fetch, checkout):
    for day, shares in (("2025-07-02", 100), ("2025-07-03", 90), ("2025-07-07", 80)):
        kind = "RESTATEMENT" if shares < 100 else ""
        lines = [("ACME CORP", shares * 130, shares)]
        quarterly(site, f"{day} 16:00:01", "2025-06-30", lines, kind)
    for _ in range(2):
        assert fetch("stakes", "--symbol", "ACME", "--holder", "BIGCO", "--yes").code == 0
    rows = list(csv.DictReader(text(checkout, HELD).splitlines()))[2:]
    counts = [(row["shares"], row["previous_shares"]) for row in rows]
    assert counts == [("100", "50"), ("90", "100"), ("80", "90")]


def test_a_session_before_the_prices_is_not_asked_for(site, fetch):
    site.file("8-K", "2025-05-30 08:00:00", ACME, items="1.01")
    assert "nothing changes" in fetch("filings", "ACME").out
    assert "+ news-20250530-" in fetch("filings", "ACME", "--from", "2025-05-30").out


def test_a_stock_without_prices_is_fetched_by_the_number_of_its_company(site, fetch):
    site.file("8-K", "2020-05-29 08:00:00", ACME, items="1.01")
    outcome = fetch("filings", "GONE", "--cik", str(ACME), "--yes")
    assert outcome.code == 0
    assert "no prices of GONE" in outcome.out


@pytest.mark.parametrize(("first", "is_told"), [("2025-06-09", True), ("2025-06-08", False)])
@pytest.mark.parametrize("call", [("filings", "ACME"), ("earnings", "ACME", "--no-estimates")])
def test_a_list_that_begins_late_is_told_as_that_of_a_successor(site, fetch, call, first, is_told):
    """A company that got another number has the filings of before under the one that it had."""
    site.file("10-Q", f"{first} 16:00:00", ACME, period="2025-03-31")
    told = fetch(*call, "--from", "2025-02-28", "--yes").out
    late = "EDGAR's list of ACME CORP begins on 2025-06-09: what was filed before under another "
    assert (late in words(told)) is is_told
    assert "begins on" not in fetch(*call, "--yes").out  # since the first price of ACME


@pytest.mark.parametrize("is_older", [True, False])
def test_whoever_files_once_a_year_has_no_late_list(site, fetch, is_older):
    """Pages of before the first day are not read; their span is in the list."""
    site.file("10-K", "2024-06-10 16:00:00", ACME, period="2024-03-31", older=is_older)
    site.file("8-K", "2025-06-10 16:00:00", ACME, items="1.01")
    told = fetch("filings", "ACME", "--from", "2025-01-02", "--yes").out
    assert "+ news-20250610-" in told
    assert "begins on" not in told


def test_stakes_tell_of_a_company_that_got_another_number_too(site, fetch):
    """What holders filed about the number of before is in neither list."""
    site.file("10-Q", "2025-06-09 16:00:00", ACME, period="2025-03-31")
    quarterly(site, "2025-02-14 16:00:01", "2024-12-31", [("ACME CORP", 13000, 100)])
    call = ("stakes", "--symbol", "ACME", "--holder", "BIGCO", "--yes", "--from", "2025-01-01")
    told = words(fetch(*call).out)
    assert "EDGAR's list of ACME CORP begins on 2025-06-09" in told
    assert "with --cik" in told


@pytest.mark.parametrize("first", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    "call",
    [
        ("filings", "ACME"),
        ("earnings", "ACME", "--no-estimates"),
        ("stakes", "--symbol", "ACME", "--holder", "BIGCO"),
    ],
)
def test_the_first_day_may_be_any_day(site, fetch, call, first):
    """What is read of before it, or is expected soon after it, may be no day of the calendar."""
    site.file("10-Q", "2025-06-09 16:00:00", ACME, period="2025-03-31")
    quarterly(site, "2025-02-14 16:00:01", "2024-12-31", [("BOLT INC", 13000, 100)])
    outcome = fetch(*call, "--from", first, "--yes")
    assert outcome.code == 0
    assert ("begins on" in words(outcome.out)) is (first == "0001-01-01")


def test_a_holder_that_got_another_number_is_told_too(site, fetch):
    quarterly(site, "2025-07-01 16:00:01", "2025-06-30", [("ACME CORP", 13000, 100)])
    call = ("stakes", "--symbol", "ACME", "--holder", "BIGCO", "--yes", "--from", "2025-01-01")
    told = words(fetch(*call).out)
    assert "EDGAR's list of BIGCO INC begins on 2025-07-01" in told
    assert "with --holder" in told


# What differs


def test_a_report_on_file_is_compared_field_by_field_and_stays(report, fetch, estimates, checkout):
    report()
    before = checkout.snapshot("data")
    outcome = fetch("earnings", "ACME", "--yes")
    assert outcome.code == 0
    told = words(outcome.out)
    assert "differs in published_at: 2025-06-27T08:00:00-04:00 on file, 2025-06-27T08:00:07" in told
    assert "differs in eps: -0.30 on file, -0.31 fetched" in told
    assert "differs in eps_basis: – on file, basis not stated (Yahoo) fetched" in told
    assert "differs in eps_consensus" not in told  # -0.20 and -0.2 are the same
    for kept in ("headline", "note", "grade", "source_url"):
        assert f"differs in {kept}" not in told
    assert "--accept-revisions takes what was fetched" in told
    assert "nothing changes" in told
    assert checkout.snapshot("data") == before


def test_accepted_revisions_keep_what_a_person_wrote(report, fetch, estimates, checkout):
    report()
    outcome = fetch("earnings", "ACME", "--accept-revisions", "--yes")
    assert outcome.code == 0
    assert "    eps: -0.30 → -0.31\n" in outcome.out
    row = text(checkout, REPORTS).splitlines()[2]
    assert row.startswith(
        "ACME,2025-06-27T08:00:07-04:00,exact,A made-up miss,2025Q1,-0.31,-0.20,"
        "https://www.sec.gov/Archives/edgar/data/1111/"
    )
    assert ",B,made up," in row
    assert "basis not stated (Yahoo)" in row
    assert text(checkout, REPORTS).splitlines()[1].startswith(EARNINGS.splitlines()[1])
    assert "nothing changes" in fetch("earnings", "ACME", "--accept-revisions").out
    assert metadata(checkout, REPORTS)["version"] == 2


def test_a_source_that_a_person_named_stays_first(report, fetch, estimates, checkout):
    report()
    own = "-0.20,https://example.org/mine,B"
    checkout.edit(REPORTS, "-0.20,,B", own)
    assert fetch("earnings", "ACME", "--accept-revisions", "--yes").code == 0
    header, _, row = csv.reader(text(checkout, REPORTS).splitlines())
    cells = dict(zip(header, row, strict=True))
    assert cells["source_url"] == "https://example.org/mine"
    assert "/Archives/edgar/data/1111/" in cells["source_url_2"]


def test_what_was_fetched_as_unknown_takes_nothing_away(report, fetch, checkout):
    report()
    outcome = fetch("earnings", "ACME", "--no-estimates", "--accept-revisions", "--yes")
    assert outcome.code == 0
    assert ",2025Q1,-0.30,-0.20," in text(checkout, REPORTS).splitlines()[2]


# What is asked and shown


def test_without_a_terminal_nothing_is_written_unless_it_is_confirmed(site, fetch, checkout):
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01")
    before = checkout.snapshot("data")
    outcome = fetch("filings", "ACME")
    assert outcome.code == WRONG_USE
    assert "+ news-20250620-" in outcome.out
    assert "Nothing was written: there is no terminal to ask at." in outcome.err
    assert checkout.snapshot("data") == before


def test_json_shows_all_and_writes_only_when_told(site, fetch, checkout):
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01,2.02")
    before = checkout.snapshot("data")
    outcome = fetch("filings", "ACME", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    shown = json.loads(outcome.out)
    assert (shown["version"], len(shown["added"]), shown["changed"]) == (None, 1, [])
    assert shown["events"][0]["tradable_session"] == "2025-06-20"
    assert len(shown["remarks"]) == 2
    assert checkout.snapshot("data") == before
    assert json.loads(fetch("filings", "ACME", "--json", "--yes").out)["version"] == 2


def test_where_a_row_came_from_can_be_asked(site, fetch, command):
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01")
    fetch("filings", "ACME", "--yes")
    (row,) = [
        one
        for one in json.loads(command("events", "list", "--kind", "news", "--json").out)
        if one["category"] == "agreement"
    ]
    origin = json.loads(command("events", "show", row["id"], "--json").out)["provenance"]
    assert origin["sources"] == [row["source_url"]]
    assert origin["retrieved_at"] == row["retrieved_at"] is not None
    assert "version 2 of " in origin["came_in_with"]
    assert "fetched from EDGAR" in origin["came_in_with"]


# How it fails


def test_an_identity_is_asked_for(monkeypatch, site, fetch, checkout):
    monkeypatch.delenv("BACKTEST_EDGAR_IDENTITY")
    outcome = fetch("filings", "ACME")
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert "No identity is given. The SEC wants to know who asks EDGAR" in outcome.err
    assert site.server.asked == []


CONTENT = b'{"name": "ACME CORP"}'
FAULTS = {
    "too many": (Answer(status=429), NO_ANSWER, "too many requests (429)"),
    "refused": (Answer(status=403), NO_ANSWER, "Check that --identity is your own name"),
    "down": (Answer(status=500), NO_ANSWER, "status 500"),
    "half a body": (Answer(CONTENT, sent=9), NO_ANSWER, "the answer broke off"),
    "a slow drip": (Answer(CONTENT, drip=0.05), NO_ANSWER, "no whole answer within 0.5 seconds"),
    "nothing": (b"", BAD_DATA, "should be JSON, and begins with nothing"),
    "another form": (CONTENT, BAD_DATA, "has no filings.recent; an object is expected there"),
    "gone": (Answer(status=404), WRONG_USE, "EDGAR knows no filer with the number (CIK) 1111."),
}


@pytest.mark.parametrize(("answer", "code", "told"), FAULTS.values(), ids=list(FAULTS))
def test_each_fault_is_one_message_and_the_data_are_as_they_were(
    site, fetch, checkout, answer, code, told
):
    site.breaks(LIST, answer)
    before = checkout.snapshot("data")
    outcome = fetch("filings", "ACME", "--yes")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("error: ") == 1
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert checkout.snapshot("data") == before


def test_a_fault_in_the_last_filing_leaves_nothing_of_the_others(site, fetch, checkout):
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01")
    last = site.file("8-K", "2025-06-23 08:00:00", ACME, items="1.01")
    site.breaks(site.path(last, f"{last}-index-headers.html", ACME), Answer(status=500))
    before = checkout.snapshot("data")
    assert fetch("filings", "ACME", "--yes").code == NO_ANSWER
    assert checkout.snapshot("data") == before


def test_a_yahoo_that_does_not_answer_can_be_left_out(monkeypatch, report, fetch):
    from backtest.sources.http import Patience

    report()
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=1, seconds=5, each=5, wait=0.001))
    nothing = SimpleNamespace(get_earnings_dates=lambda limit: None)
    monkeypatch.setattr(yahoo, "_ticker", lambda symbol: nothing)
    outcome = fetch("earnings", "ACME", "--yes")
    assert outcome.code == NO_ANSWER
    assert "Yahoo, earnings of ACME: the answer is empty" in outcome.err
    assert "Or go on without it: --no-estimates." in outcome.err
    assert fetch("earnings", "ACME", "--no-estimates", "--yes").code == 0


KILLED = """
import os, sys
from backtest.cli.main import main

calls = []
replace = os.replace

def dies(source, target, **more):
    calls.append(str(target))
    if sum("news" in call and "history" not in call for call in calls) == int(sys.argv.pop()):
        os._exit(9)
    replace(source, target, **more)

steps = sys.argv[-1]
os.replace = lambda *a, **k: (sys.argv.append(steps), dies(*a, **k))
sys.argv = ["backtest", "events", "fetch", "filings", "ACME", "--yes"]
main()
"""


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_version(
    site, fetch, command, checkout, step
):
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01")
    old = text(checkout, "data/events/news.csv")
    source = Path(__file__).parents[2] / "src"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(step)],
        cwd=checkout.root,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == 9, killed.stderr.decode()
    now = text(checkout, "data/events/news.csv")
    assert (now == old) == (step < 3)
    assert command("events", "list", "--kind", "news").code == 0
    assert fetch("filings", "ACME", "--yes").code == 0
    assert text(checkout, "data/events/news.csv").count("agreement") == 1


def test_the_same_is_called_from_python(site, estimates, checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    site.file("8-K", "2025-07-09 16:05:07", ACME, items="2.02,9.01")
    site.file("10-Q", "2025-07-10 16:30:00", ACME, period="2025-06-30")
    estimates.append(AnalystEstimate(date(2025, 7, 10), 0.5, 0.4))
    before = text(checkout, REPORTS)
    planned = backtest.fetch_earnings("ACME", dry_run=True)
    assert text(checkout, REPORTS) == before
    (row,) = planned.edit.diff.added.values()
    assert (row["period"], row["eps"], row["eps_consensus"]) == ("2025Q2", "0.5", "0.4")
    backtest.fetch_earnings("acme")
    assert "ACME,2025-07-09T16:05:07-04:00,exact" in text(checkout, REPORTS).splitlines()[-1]
    site.file("8-K", "2025-06-20 08:00:00", ACME, items="1.01,9.01")
    assert [row["category"] for row in backtest.fetch_filings("ACME").edit.diff.added.values()] == [
        "agreement"
    ]
