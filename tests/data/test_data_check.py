"""The checks of the data: each finds the fault that is planted, and nothing in its clean twin."""

import hashlib

import pytest

from backtest.data.checks import check_data, check_events, check_prices
from backtest.errors import UsageError
from backtest.events import Earnings, News
from backtest.strategy.loading import kinds_named
from backtest.workspace.folders import Workspace
from tests.golden.goldens import ROOT
from tests.made_up import EARNINGS, NEWS, STAKES

EARNINGS_FILE, STAKES_FILE = "data/events/earnings.csv", "data/events/stake_disclosures.csv"
NEWS_FILE, PRICES_FILE, BORROW_FILE = (
    "data/events/news.csv",
    "data/prices/ACME.csv",
    "data/borrow/ACME.csv",
)


def told(findings, text):
    """The severities of the findings that tell the text."""
    return [one.severity for one in findings if text in one.what]


def earnings_row(at, precision="exact", period="2025Q1", note="made up"):
    return EARNINGS + f"ACME,{at},{precision},One more,{period},0.30,0.20,,A,{note}\n"


def stake_row(at, precision="exact", form="13F-HR", as_of="2025-03-31"):
    return STAKES + f"ACME,{at},{precision},One more,BIGCO,{form},{as_of},50,50,false,made up\n"


def news_row(at="2025-06-12T08:00:00-04:00", precision="minute", headline="More", note="made up"):
    return NEWS + f'ACME,{at},{precision},{headline},contract,"{note}"\n'


def test_the_made_up_data_hold_no_error_and_no_warning(checkout):
    assert {one.severity for one in check_data(checkout.workspace)} == {"note"}


# Each: the file, the fault, its clean twin, the severity, what is told.
TIMES = {
    "results on the last day of their quarter": (
        EARNINGS_FILE,
        earnings_row("2025-03-31T16:05:00-04:00"),
        earnings_row("2025-04-08T16:05:00-04:00"),
        "error",
        "Results of 2025Q1 are stamped 2025-03-31, and the quarter ends on 2025-03-31",
    ),
    "results at the end of their quarter, by the day": (
        EARNINGS_FILE,
        earnings_row("2024-12-31T23:59:59-05:00", "date", "2024Q4"),
        earnings_row("2025-01-20T23:59:59-05:00", "date", "2024Q4"),
        "error",
        "Results of 2024Q4 are stamped 2024-12-31",
    ),
    "results five days after their quarter": (
        EARNINGS_FILE,
        earnings_row("2025-04-05T16:05:00-04:00"),
        earnings_row("2025-04-06T16:05:00-04:00"),
        "warning",
        "5 days after the quarter's end",
    ),
    "a 13F on the day that it describes": (
        STAKES_FILE,
        stake_row("2025-03-31T16:05:00-04:00"),
        stake_row("2025-04-01T16:05:00-04:00"),
        "error",
        "A 13F as of 2025-03-31 is stamped 2025-03-31",
    ),
    "a 13F of no quarter": (
        STAKES_FILE,
        stake_row("2025-05-15T16:05:00-04:00", as_of="2025-03-30"),
        stake_row("2025-05-15T16:05:00-04:00", form="8-K", as_of="2025-03-30"),
        "warning",
        "no end of a quarter",
    ),
    "a filing while EDGAR is closed": (
        STAKES_FILE,
        stake_row("2025-05-15T03:00:00-04:00"),
        stake_row("2025-05-15T06:00:00-04:00"),
        "warning",
        "A filing accepted at 03:00",
    ),
    "midnight in New York": (
        NEWS_FILE,
        news_row("2025-06-12T00:00:00-04:00", "exact"),
        news_row("2025-06-12T00:00:01-04:00", "exact"),
        "error",
        "Stamped at midnight with precision exact",
    ),
    "midnight of UTC": (
        NEWS_FILE,
        news_row("2025-06-12T00:00Z", "session"),
        news_row("2025-06-11T20:00:00-04:00", "session"),  # the same moment, meant so
        "error",
        "Stamped at midnight with precision session: 2025-06-12T00:00Z",
    ),
    "midnight in another zone": (
        NEWS_FILE,
        news_row("2025-06-12T04:00:00Z", "minute"),
        news_row("2025-06-12T04:01:00Z", "minute"),
        "error",
        "Stamped at midnight in New York",
    ),
    "midnight of UTC, told in New York time": (
        NEWS_FILE,
        news_row("2025-06-11T20:00:00-04:00", "exact"),
        news_row("2025-06-11T20:00:01-04:00", "exact"),
        "warning",
        "Stamped at midnight in UTC",
    ),
    "session within the hours": (
        NEWS_FILE,
        news_row("2025-06-12T12:00:00-04:00", "session"),
        news_row("2025-06-12T16:00:00-04:00", "session"),
        "warning",
        "Precision session is before the open or after the close",
    ),
    "after the close of a day that ends early": (
        NEWS_FILE,
        news_row("2025-07-03T12:59:00-04:00", "session"),
        news_row("2025-07-03T13:00:00-04:00", "session"),
        "warning",
        "Precision session",
    ),
    "a weekend": (
        NEWS_FILE,
        news_row("2025-06-14T23:59:59-04:00", "date"),
        news_row("2025-06-15T23:59:59-04:00", "week"),
        "note",
        "Public on a Saturday, 2025-06-14",
    ),
    "after the close, stamped in the morning": (
        EARNINGS_FILE,
        earnings_row("2025-06-12T09:00:00-04:00", "session", note="Released after the close."),
        earnings_row("2025-06-12T18:00:00-04:00", "session", note="Released after the close."),
        "error",
        "Says 'Released after the close', but is stamped before the open",
    ),
    "after the close, stamped in the session of a day that ends early": (
        NEWS_FILE,
        news_row("2025-07-03T12:59:00-04:00", "minute", note="Released after the close."),
        news_row("2025-07-03T13:00:00-04:00", "minute", note="Released after the close."),
        "error",
        "Says 'Released after the close', but is stamped during the session",
    ),
    "after the close of another day": (
        EARNINGS_FILE,
        earnings_row("2025-06-12T09:00:00-04:00", "session", note="After hours; a surprise"),
        earnings_row("2025-06-12T09:00:00-04:00", "session", note="After the close of 2025-06-11"),
        "error",
        "Says 'After",
    ),
    "during the session, stamped in the morning": (
        NEWS_FILE,
        news_row("2025-06-12T09:00:00-04:00", note="During the session."),
        news_row("2025-06-12T23:59:59-04:00", "date", note="During the session."),
        "error",
        "Says 'During the session'",
    ),
    "before the open, stamped in the evening": (
        NEWS_FILE,
        news_row("2025-06-12T17:00:00-04:00", note="It was out before the open."),
        news_row("2025-06-12T23:59:59-04:00", "date", note="It was out before the open."),
        "warning",
        "Says 'out before the open', but is stamped after the close",
    ),
    "the future": (
        NEWS_FILE,
        news_row("2035-06-12T08:00:00-04:00"),
        news_row("2025-06-12T08:00:00-04:00"),
        "warning",
        "Public on 2035-06-12, after the file was compiled",
    ),
    "a fact twice": (
        NEWS_FILE,
        news_row("2025-06-12T17:00:00-04:00", headline="A made-up contract!"),
        news_row("2025-06-13T17:00:00-04:00", headline="A made-up contract!"),
        "warning",
        "Repeats news-20250612",
    ),
    "no source": (
        EARNINGS_FILE,
        EARNINGS.replace("https://example.org/1", ""),
        EARNINGS,
        "note",
        "No source: A made-up beat",
    ),
}


@pytest.mark.parametrize("case", TIMES.values(), ids=TIMES)
def test_a_wrong_knowledge_time_is_found_and_its_twin_is_not(checkout, case):
    name, fault, twin, severity, text = case
    checkout.write(name, fault)
    found = check_events(checkout.workspace)
    assert told(found, text) == [severity]
    assert [one for one in found if one.severity == "error"] == [
        one for one in found if text in one.what and severity == "error"
    ]
    checkout.write(name, twin)
    assert told(check_events(checkout.workspace), text) == []


# Files


@pytest.mark.parametrize(
    ("name", "old", "new", "seal"),
    [
        (PRICES_FILE, "2025-06-02,100.00", "2025-06-02,100.01", "backtest prices seal ACME"),
        (BORROW_FILE, "0.36", "0.37", "backtest prices seal ACME --borrow"),
        (EARNINGS_FILE, "made-up beat", "made-up win", "backtest events seal earnings"),
    ],
)
def test_a_changed_file_is_told_with_both_hashes_and_the_others_are_still_checked(
    checkout, name, old, new, seal
):
    path = checkout.root / name
    recorded = hashlib.sha256(path.read_bytes()).hexdigest()
    checkout.edit(name, old, new, sealed=False)
    checkout.write(NEWS_FILE, news_row("2025-06-12T00:00:00-04:00"))
    errors = [one for one in check_data(checkout.workspace) if one.severity == "error"]
    assert sorted(one.where.partition(",")[0] for one in errors) == sorted([name, NEWS_FILE])
    (changed,) = [one for one in errors if one.where == name]
    assert recorded[:12] in changed.what
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in changed.what
    assert f"`{seal}`" in changed.mend


def test_a_changed_file_is_read_all_the_same(checkout):
    checkout.edit(EARNINGS_FILE, "08:00:00-04:00", "00:00:00-04:00", sealed=False)
    found = check_events(checkout.workspace)
    assert told(found, "changed since") == told(found, "Stamped at midnight") == ["error"]


def test_a_file_that_is_missing_or_without_metadata_is_told(checkout):
    (checkout.root / NEWS_FILE).unlink()
    (checkout.root / "data/prices/INDX.meta.json").unlink()
    found = check_data(checkout.workspace)
    errors = {one.where: one for one in found if one.severity == "error"}
    assert errors.keys() == {NEWS_FILE, "data/prices/INDX.csv"}
    assert "missing" in errors[NEWS_FILE].what
    assert "INDX.csv has no metadata file INDX.meta.json" in errors["data/prices/INDX.csv"].what
    assert "`backtest prices seal INDX --source" in errors["data/prices/INDX.csv"].mend


def test_rows_that_break_the_format_are_told_and_the_others_are_checked(checkout):
    checkout.write(NEWS_FILE, news_row("2025-06-12T00:00:00-04:00") + "ACME,soon,minute,x,y,z\n")
    found = check_events(checkout.workspace, [News])
    assert told(found, "column published_at") == ["error"]
    assert told(found, "Stamped at midnight") == ["error"]


def test_a_symbol_without_prices_is_told_once(checkout):
    rows = NEWS.replace("OTHR", "ACMO") + 'ACMO,2025-06-13T09:24:00-04:00,minute,More,contract,""\n'
    checkout.write(NEWS_FILE, rows)
    assert told(check_events(checkout.workspace), "ACMO has no prices; did you mean ACME?") == [
        "note"
    ]


def test_kinds_and_symbols_can_be_chosen(checkout):
    checkout.write(NEWS_FILE, news_row("2025-06-12T00:00:00-04:00"))
    assert told(check_events(checkout.workspace, [News]), "midnight") == ["error"]
    assert told(check_events(checkout.workspace, [Earnings]), "midnight") == []
    assert told(check_events(checkout.workspace, symbols=["OTHR"]), "midnight") == []
    assert {one.where for one in check_prices(checkout.workspace, ["INDX"])} == set()
    with pytest.raises(UsageError, match=r"kind of event 'new'\. Did you mean 'news'"):
        kinds_named(checkout.workspace, "new")
    with pytest.raises(UsageError, match=r"symbol 'ACM'\. Did you mean 'ACME'"):
        check_prices(checkout.workspace, ["ACM"])


# The data that ship

RACK = "First validated Nvidia Vera Rubin NVL72 rack"
PARITY = "is implied by option parity (computed)"


def test_the_data_that_ship_have_no_error_and_every_stated_move_is_that_of_the_prices():
    shipped = Workspace(ROOT / "strategies", ROOT / "data", ROOT / "reports")
    found = check_data(shipped)
    assert {one.severity for one in found} == {"note"}
    assert sorted(one.what for one in found) == [
        # The last price is of 2026-10-09. Sessions: 16 from 2026-07-10 on, 5 in August up to the
        # 7th, 16 after it, 21 in September and 6 in October up to the 8th.
        f"0.3 % a year from 2026-07-10 to 2026-08-07 {PARITY}: 21 nights",
        f"0.3 % a year from 2026-08-10 to 2026-10-08 {PARITY}: 43 nights",
        "10 % a year from 2025-03-28 to 2025-05-09 is an assumption: 30 nights",
        "10 % a year from 2025-08-15 to 2026-07-09 is an assumption: 225 nights",
        "No source: Bernstein: underperform",
        "No source: First production deliveries of Nvidia Vera Rubin NVL72 to Cognition and others",
        f"No source: {RACK}",
        "headline speaks of '2026-06-22', after the event was public",  # announced ahead
    ]
