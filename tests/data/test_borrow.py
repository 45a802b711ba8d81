"""Borrow rates by date, and each fault of their file."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from backtest.data.borrow import (
    BorrowRate,
    BorrowRates,
    borrow_assumptions,
    check_borrow,
    parse_borrow_rates,
    read_borrow_rates,
)
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile
from backtest.data.prices import Prices
from backtest.errors import DataError

HEADER = "symbol,date,annual_rate,provider,source_url,note"


def parse(*rows: str, header: str = HEADER) -> BorrowRates:
    text = "\n".join([header, *rows]) + "\n"
    return parse_borrow_rates(DataFile(Path("made/ACME.csv"), text, "", {}))


def fault(*rows: str, header: str = HEADER) -> list[str]:
    with pytest.raises(DataError) as caught:
        parse(*rows, header=header)
    return [line.strip() for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("night", "rate"),
    [
        ("2025-06-01", None),
        ("2025-06-02", 0.10),
        ("2025-06-22", 0.10),
        ("2025-06-23", 0.36),
        ("2030-01-01", 0.36),
    ],
)
def test_the_rate_is_the_one_dated_on_or_before_the_night(checkout, night, rate):
    found = read_borrow_rates(checkout.root / "data/borrow", "ACME").on(date.fromisoformat(night))
    assert (found and found.annual_rate) == rate


def test_rows_in_any_order_give_the_same_rates():
    late, early = "ACME,2025-06-23,0.2,Lender,,", "ACME,2025-06-02,0.1,Lender,,"
    assert parse(late, early).rates == parse(early, late).rates
    assert [rate.annual_rate for rate in parse(late, early).rates] == [0.1, 0.2]


def test_a_rate_that_nobody_quoted_is_known_by_its_provider():
    rows = [
        "ACME,2025-06-02,0.1,Made Up Lenders,,",
        "ACME,2025-06-03,0.2,assumption,,",
        "ACME,2025-06-04,0.003,implied by option parity (computed),,",
    ]
    rates = parse(*rows).rates
    assert [rate.is_quote for rate in rates] == [True, False, False]
    assert [rate.origin for rate in rates[1:]] == [
        "is an assumption",
        "is implied by option parity (computed)",
    ]


def test_a_symbol_without_a_file_has_no_rates(checkout):
    rates = read_borrow_rates(checkout.root / "data/borrow", "INDX")
    assert (rates.rates, rates.file) == ((), None)
    assert rates.on(date(2025, 6, 2)) is None


def test_a_changed_file_names_the_command_that_seals_it(checkout):
    checkout.edit("data/borrow/ACME.csv", "0.36", "0.37", sealed=False)
    with pytest.raises(DataError, match=r"changed since .*`backtest prices seal ACME --borrow`"):
        read_borrow_rates(checkout.root / "data/borrow", "ACME")


@pytest.mark.parametrize("cell", ["", "cheap", "-0.1", "100.1", "nan", "inf", "30%"])
def test_a_rate_is_a_fraction_from_0_to_100(cell):
    allowed = "is not a fraction from 0 to 100 (0.3 is 30 % a year)"
    assert fault(f"ACME,2025-06-02,{cell},Lender,,") == [
        "made/ACME.csv: 1 problem",
        f"line 2, column annual_rate: {cell!r} {allowed}",
    ]


@pytest.mark.parametrize("cell", ["0", "100", "1.5"])
def test_a_rate_at_its_bounds_is_good(cell):
    assert parse(f"ACME,2025-06-02,{cell},Lender,,").rates[0].annual_rate == float(cell)


def test_every_fault_is_told_at_once():
    text = fault(
        "OTHR,2025-06-02,0.1,Lender,,",
        "ACME,June 3,0.1,Lender,,",
        "ACME,2025-06-04,0.1,,,",
        "ACME,2025-06-05,0.1,Lender,,",
        "ACME,2025-06-05,0.2,Lender,,",
    )
    assert text == [
        "made/ACME.csv: 4 problems",
        "line 2, column symbol: 'OTHR' in the file of ACME",
        "line 3, column date: 'June 3' is not a day such as 2025-03-28",
        "line 4, column provider: is empty; name who quoted it, or 'assumption'",
        "line 6, column date: 2025-06-05 is there twice",
    ]


def test_a_missing_column_is_named():
    text = fault("ACME,2025-06-02,0.1,Lender,", header=HEADER.replace(",note", ""))
    needed = "Needed: symbol, date, annual_rate, provider, source_url, note."
    assert text == [f"made/ACME.csv, line 1: no column 'note'. {needed}"]


# What a run and a check say of the rates


def rate(on, annual_rate=0.1, provider="Lender", note=""):
    return BorrowRate(date.fromisoformat(on), annual_rate, provider, note)


def charged(*used):
    """Of pairs of a symbol and a rate, charged last for 2025-06-20."""
    return borrow_assumptions(dict.fromkeys(used, date(2025, 6, 20)), 0.03)


@pytest.mark.parametrize(("on", "told"), [("2025-06-13", 0), ("2025-06-12", 1)])
def test_a_quote_is_fresh_for_seven_days(on, told):
    found = charged(("ACME", rate(on)))
    assert len(found) == told
    assert all("was carried on to 2025-06-20: no later quote was found" in text for text in found)


def test_a_rate_that_nobody_quoted_is_told_with_its_note():
    guess = rate("2025-06-19", 0.36, "assumption", "As of others.")
    assert charged(("ACME", guess)) == [
        "The borrow rate of ACME from 2025-06-19 on, 36.0% a year, is an assumption. As of others."
    ]
    (told,) = charged(("ACME", rate("2025-06-19", 0.36, "implied (computed)")))
    assert told.endswith("36.0% a year, is implied (computed).")


@pytest.mark.parametrize("stocks", [3, 4])
def test_up_to_three_stocks_without_a_rate_have_a_sentence_each(stocks):
    found = charged(*((f"S{n}", None) for n in range(stocks)))
    rest = "3.0% a year was charged."
    assert found == (
        [f"No borrow rate is known for some nights short S{n}; {rest}" for n in range(3)]
        if stocks == 3
        else [f"No borrow rate is known for some nights short S0, S1, S2 and 1 more stock; {rest}"]
    )


def test_sentences_are_in_order_of_the_symbols():
    found = charged(("BETA", None), ("ACME", rate("2025-06-01")), ("ACME", None))
    assert [("BETA" in text, "quoted" in text) for text in found] == [
        (False, True), (False, False), (True, False),
    ]  # fmt: skip


def test_the_hash_of_rates_is_of_what_a_run_says_of_them():
    quoted = BorrowRates("ACME", (rate("2025-06-02"),))
    assert quoted.sha256() == BorrowRates("ACME", (rate("2025-06-02", provider="Other"),)).sha256()
    others = (
        rate("2025-06-03"), rate("2025-06-02", 0.2), rate("2025-06-02", note="x"),
        rate("2025-06-02", provider="assumption"), rate("2025-06-02", provider="a (computed)"),
        rate("2025-06-02", provider="b (computed)"),
    )  # fmt: skip
    assert len({BorrowRates("ACME", (one,)).sha256() for one in (*quoted.rates, *others)}) == 7


def noted(*rates, sessions=24):
    days = trading_calendar().between(date(2025, 6, 2), date(2025, 7, 7))[:sessions]
    table = pd.DataFrame({"close": 1.0}, pd.DatetimeIndex(days.astype("M8[ns]"), name="session"))
    prices = Prices("ACME", table, DataFile(Path("made/ACME.csv"), "", "", {}))
    return [one.what for one in check_borrow(BorrowRates("ACME", rates), prices, "made")]


@pytest.mark.parametrize(
    ("rates", "whats"),
    [
        ((), ["No borrow rates: 23 nights at the default rate of the rules"]),
        ((rate("2025-06-02"), rate("2025-06-06")), []),
        ((rate("2025-06-03"), rate("2025-06-06")),
         ["No borrow rate before 2025-06-03: 1 night at the default rate of the rules"]),
        ((rate("2025-06-02", 0.36, "assumption"), rate("2025-06-09")),
         ["36 % a year from 2025-06-02 to 2025-06-06 is an assumption: 5 nights"]),
        ((rate("2025-06-02"), rate("2025-07-05", 0.36, "assumption")),  # no night any more
         ["36 % a year from 2025-07-05 is an assumption: 0 nights"]),
        ((rate("2025-06-02"),),
         ["The last quote, of 2025-06-02, is carried on to 2025-07-03: 23 nights"]),
    ],
)  # fmt: skip
def test_nights_that_nobody_quoted_are_noted(rates, whats):
    assert noted(*rates) == whats


@pytest.mark.parametrize(("sessions", "told"), [(21, 0), (22, 1)])
def test_a_last_quote_may_be_carried_on_for_twenty_nights(sessions, told):
    assert len(noted(rate("2025-06-02"), sessions=sessions)) == told


def test_an_earlier_quote_is_not_the_last():
    assert noted(rate("2025-06-02"), rate("2025-07-03")) == []


@pytest.mark.parametrize(("annual", "is_told"), [(4.99, False), (5.0, True), (30.0, True)])
def test_a_rate_that_may_be_meant_in_percent_is_asked_about(annual, is_told):
    found = noted(rate("2025-06-02", annual), rate("2025-06-09"))
    told = f"{100 * annual:g} % a year from 2025-06-02 on: is {annual:g} meant in percent?"
    assert found == [told] * is_told


def test_rates_in_percent_are_asked_about_once():
    """A file of many days has one mistake, not thousands."""
    found = noted(rate("2025-06-02", 7.5), rate("2025-06-03", 8.0), rate("2025-06-09"))
    known = "750 % a year from 2025-06-02 on: is 7.5 meant in percent? 2 rates are so high."
    assert found == [known]
