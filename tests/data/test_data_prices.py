"""The checks of prices and borrow rates: each finds what is planted, and nothing in its twin."""

import pytest

from backtest.data.checks import check_events, check_prices
from backtest.data.scheduled import Dividend
from tests.made_up import ACME, BORROW, SESSIONS

PRICES_FILE, BORROW_FILE = "data/prices/ACME.csv", "data/borrow/ACME.csv"


def told(findings, text):
    """The severities of the findings that tell the text."""
    return [one.severity for one in findings if text in one.what]


def closes(*values):
    rows = zip(SESSIONS, values, strict=False)
    return "date,close\n" + "".join(f"{session},{value}\n" for session, value in rows)


PRICE_FAULTS = {
    "a session missing": (
        ACME.replace("2025-06-04,102.00,104.00,100.00,103.00,1002\n", ""),
        ACME,
        "error",
        "no row for the session 2025-06-04",
    ),
    "no session": (
        ACME.replace("2025-06-20,", "2025-06-19,"),
        ACME,
        "error",
        "2025-06-19 is not a session",
    ),
    "high below low": (
        ACME.replace("100.00,102.00,98.00", "100.00,97.00,98.00"),
        ACME,
        "error",
        "high 97 is below low 98",
    ),
    "no volume": (
        ACME.replace("103.00,1002", "103.00,0"),
        ACME,
        "note",
        "No volume on 2025-06-04",
    ),
    "an absurd move": (
        closes(100, 161, 160),
        closes(100, 160, 160),
        "note",
        "2025-06-03 closes +61 %",
    ),
    "a split": (
        closes(100, 51, 51),
        closes(100, 55, 55),
        "warning",
        "2025-06-03 begins at 0.51 times the close before: a split?",
    ),
    "a reverse split": (
        closes(10, 10, 101),
        closes(10, 10, 10),
        "warning",
        "2025-06-04 begins at 10.1 times the close before: a split?",
    ),
}


@pytest.mark.parametrize("case", PRICE_FAULTS.values(), ids=PRICE_FAULTS)
def test_wrong_and_unlikely_prices_are_found_and_their_twins_are_not(checkout, case):
    fault, twin, severity, text = case
    checkout.write(PRICES_FILE, fault)
    assert told(check_prices(checkout.workspace), text) == [severity]
    checkout.write(PRICES_FILE, twin)
    assert told(check_prices(checkout.workspace), text) == []


def test_a_split_is_seen_at_the_open(checkout):
    fault = ACME.replace("2025-06-03,101.00,103.00,99.00", "2025-06-03,50.00,103.00,49.00")
    checkout.write(PRICES_FILE, fault)
    assert told(check_prices(checkout.workspace), "2025-06-03 begins at 0.495 times") == ["warning"]


def test_assumed_borrow_rates_are_told_with_their_nights(checkout):
    # 2025-06-23 is the 15th of 30 sessions, and no price follows the last: 15 nights
    text = "36 % a year from 2025-06-23 to 2025-07-14 is an assumption: 15 nights"
    assert told(check_prices(checkout.workspace), text) == ["note"]
    checkout.write(BORROW_FILE, BORROW.replace("assumption", "Made Up Lenders"))
    assert told(check_prices(checkout.workspace), "assumption") == []


def test_a_last_quote_that_is_carried_on_is_told(checkout):
    quotes = BORROW.replace("assumption", "Made Up Lenders")
    checkout.write(BORROW_FILE, quotes)
    assert told(check_prices(checkout.workspace), "carried on") == []
    checkout.write(BORROW_FILE, "".join(quotes.splitlines(keepends=True)[:2]))
    text = "The last quote, of 2025-06-02, is carried on to 2025-07-14: 29 nights"
    assert told(check_prices(checkout.workspace), text) == ["note"]


def test_nights_without_a_rate_are_told(checkout):
    checkout.write(BORROW_FILE, BORROW.replace("ACME,2025-06-02", "ACME,2025-06-04"))
    text = "No borrow rate before 2025-06-04: 2 nights at the default rate"
    assert told(check_prices(checkout.workspace), text) == ["note"]
    (checkout.root / BORROW_FILE).unlink()
    text = "No borrow rates: 29 nights at the default rate"
    assert told(check_prices(checkout.workspace), text) == ["note"]


def test_an_announced_dividend_that_no_run_applies_is_found(checkout):
    row = "ACME,2025-06-03T16:05:00-04:00,exact,A dividend,2025-06-11,0.25\n"
    header = "symbol,published_at,precision,headline,ex_on,amount\n"
    checkout.write("data/events/dividends.csv", header + row)
    text = "The dividend of 2025-06-11 is not among the actions as the event has it"

    def found():
        return [one for one in check_events(checkout.workspace, [Dividend]) if one.what == text]

    (finding,) = found()
    assert "`backtest actions add ACME dividend 2025-06-11 0.25" in finding.mend
    actions = "day,action,amount,until,name,source\n2025-06-11,dividend,{},,,x\n"
    checkout.write("data/actions/ACME.csv", actions.format(0.5))
    assert [one.severity for one in found()] == ["warning"]
    checkout.write("data/actions/ACME.csv", actions.format(0.25))
    assert found() == []
