"""Borrow rates by date, and each fault of their file."""

from datetime import date
from pathlib import Path

import pytest

from backtest.data.borrow import BorrowRates, parse_borrow_rates, read_borrow_rates
from backtest.data.datafile import DataFile
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
