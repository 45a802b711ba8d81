"""Price files: what is read, and each fault with its place and what is allowed."""

from datetime import date
from pathlib import Path

import pytest

from backtest.data.datafile import DataFile
from backtest.data.prices import Prices, parse_prices, price_symbols, read_prices
from backtest.errors import DataError, UsageError
from tests.made_up import day

HEADER = "date,open,high,low,close,volume"
GOOD = "2025-06-02,10,12,9,11,100"


def parse(*rows: str, header: str = HEADER) -> Prices:
    text = "\n".join([header, *rows]) + "\n"
    return parse_prices(DataFile(Path("made/UP.csv"), text, "", {}))


def fault(*rows: str, header: str = HEADER) -> list[str]:
    with pytest.raises(DataError) as caught:
        parse(*rows, header=header)
    return [line.strip() for line in str(caught.value).splitlines()]


def test_the_made_up_prices_are_read(checkout):
    prices = read_prices(checkout.root / "data/prices", "ACME", bars=True)
    assert (prices.symbol, len(prices.table)) == ("ACME", 30)
    assert (prices.first, prices.last) == (day("2025-06-02"), day("2025-07-15"))
    assert list(prices.table.columns) == ["open", "high", "low", "close", "volume"]
    assert prices.table.loc["2025-06-20"].tolist() == [113.0, 115.0, 111.0, 114.0, 1013.0]
    assert prices.table.index.tz is None
    assert prices.has_bars
    assert prices.file.metadata["source"] == "made up for tests"


def test_closes_alone_make_a_benchmark(checkout):
    folder = checkout.root / "data/prices"
    prices = read_prices(folder, "INDX")
    assert list(prices.table.columns) == ["close"]
    assert not prices.has_bars
    with pytest.raises(UsageError, match=r"INDX has closes alone.*needs the columns date, open, "):
        read_prices(folder, "INDX", bars=True)


def test_symbols_are_those_of_the_files(checkout):
    folder = checkout.root / "data/prices"
    assert price_symbols(folder) == ["ACME", "INDX"]
    with pytest.raises(UsageError, match=r"symbol 'ACMEE'\. Did you mean 'ACME'\? Known: ACME, IN"):
        read_prices(folder, "ACMEE")


def test_columns_may_stand_in_any_order_with_others_between():
    prices = parse("5,x,2025-06-02,11,9,12,10", header="volume,note,date,close,low,high,open")
    assert prices.table.iloc[0].to_dict() == {
        "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 5.0,
    }  # fmt: skip


def test_a_session_without_volume_and_one_without_movement_are_good():
    prices = parse("2025-06-02,10,10,10,10,0", "2025-06-03,1e1,10.5,9.999,10,1")
    assert prices.table["low"].tolist() == [10.0, 9.999]


@pytest.mark.parametrize(
    "number", ["11", "11.3", "11.123456789012345678", "1.1e1", " 11.5 ", "+11.1", "011.25", "11."]
)
def test_a_number_is_the_same_whether_a_file_is_read_at_once_or_cell_by_cell(number):
    row = f"2025-06-03,10,12,9,{number},100"
    at_once, by_cell = parse(GOOD, row), parse(GOOD, row.replace("2025-06-03", '"2025-06-03"'))
    assert at_once.table.equals(by_cell.table)
    assert at_once.sha256() == by_cell.sha256()


def test_a_cell_too_many_in_one_row_does_not_make_up_for_one_too_few_in_another():
    text = fault(GOOD, "2025-06-03,10,12,9,11,100,7", "2025-06-04,10,12,9,11")
    assert text[1:3] == [
        "line 3: 7 cells where the header has 6",
        "line 4: 5 cells where the header has 6",
    ]


@pytest.mark.parametrize(
    "cell", ["", "cheap", "nan", "NaN", "inf", "-inf", "-1", "0", "1,5", "0x1"]
)
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_is_a_number_above_zero(column, cell):
    cells = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | {column: f'"{cell}"'}
    text = fault(",".join(cells.values()), "2025-06-03,10,12,9,11,100")
    assert text[1] == f"line 2, column {column}: {cell!r} is not a number above 0"
    assert all("line 2" in line for line in text[1:])


@pytest.mark.parametrize("cell", ["", "many", "-1", "nan", "inf"])
def test_a_volume_is_a_number_from_zero_up(cell):
    text = fault(f"2025-06-02,10,12,9,11,{cell}")
    assert text[1:] == [f"line 2, column volume: {cell!r} is not a number from 0 up"]


@pytest.mark.parametrize("cell", ["", "02/06/2025", "2025-06-31", "2025-6-2", "2025-06-02T00:00"])
def test_a_date_is_an_iso_day(cell):
    text = fault(f"{cell},10,12,9,11,100", "2025-06-03,10,12,9,11,100")
    assert text[1:] == [f"line 2, column date: {cell!r} is not a day such as 2025-03-28"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("10,8,9,8.5,1", "line 2: high 8 is below low 9; the high is the session's highest price"),
        ("13,12,9,11,1", "line 2: high 12 is below open 13"),
        ("10,12,9,12.5,1", "line 2: high 12 is below close 12.5"),
        ("8,12,9,11,1", "line 2: low 9 is above open 8; the low is the session's lowest price"),
        ("10,12,9,8,1", "line 2: low 9 is above close 8"),
    ],
)
def test_high_and_low_hold_the_session(row, told):
    assert any(line.startswith(told) for line in fault(f"2025-06-02,{row}"))


def test_every_bad_cell_is_told_at_once():
    text = fault(
        "2025-06-02,x,12,9,11,100",
        "2025-06-03,10,12,9,11,-1",
        "June 4,10,12,9,11,100",
        "2025-06-05,10,8,9,11,100",
    )
    for told in (
        "line 2, column open: 'x' is not a number above 0",
        "line 3, column volume: '-1' is not a number from 0 up",
        "line 4, column date: 'June 4' is not a day such as 2025-03-28",
        "line 5: high 8 is below low 9; the high is the session's highest price",
    ):
        assert told in text


def test_a_session_stands_once():
    text = fault(GOOD, GOOD, "2025-06-03,10,12,9,11,100")
    assert text == [
        "made/UP.csv: 1 problem",
        "line 3, column date: 2025-06-02 repeats line 2; one row a session, oldest first",
    ]


def test_sessions_stand_oldest_first():
    text = fault("2025-06-03,10,12,9,11,100", GOOD)
    assert text[1:] == [
        "line 3, column date: 2025-06-02 comes before line 2; one row a session, oldest first"
    ]


def test_a_gap_is_named_by_its_sessions():
    text = fault("2025-06-17,10,12,9,11,100", "2025-06-23,10,12,9,11,100")
    # The 19th was a holiday, the 21st and 22nd a weekend.
    assert text == [
        "made/UP.csv: 2 problems",
        "no row for the session 2025-06-18: a gap against the calendar XNYS",
        "no row for the session 2025-06-20: a gap against the calendar XNYS",
    ]


@pytest.mark.parametrize("session", ["2025-06-19", "2025-06-21"])
def test_a_day_without_a_session_is_refused(session):
    rows = [f"{d},10,12,9,11,100" for d in sorted(["2025-06-18", "2025-06-20", session])]
    if session > "2025-06-20":
        rows.append("2025-06-23,10,12,9,11,100")
    line = 2 + [row[:10] for row in rows].index(session)
    assert fault(*rows)[1:] == [f"line {line}, column date: {session} is not a session of XNYS"]


def test_holidays_and_weekends_are_no_gap():
    rows = ["2025-07-03,10,12,9,11,100", "2025-07-07,10,12,9,11,100"]
    assert len(parse(*rows).table) == 2


@pytest.mark.parametrize("name", ["date", "close"])
def test_a_missing_column_is_named(name):
    text = fault(GOOD, header=HEADER.replace(name, "other"))
    assert text == [f"made/UP.csv, line 1: no column {name!r}. Needed: date, close."]


@pytest.mark.parametrize("name", ["high", "low", "volume"])
def test_bars_need_all_their_columns(name):
    text = fault(GOOD, header=HEADER.replace(name, "other"))
    needed = "Needed: date, open, high, low, close, volume; or date, close for a benchmark."
    assert text == [f"made/UP.csv, line 1: no column {name!r}. {needed}"]


def test_a_header_alone_is_told():
    assert fault() == ["made/UP.csv has no row."]


def test_ragged_rows_are_told():
    assert fault("2025-06-02,10,12,9,11") == [
        "made/UP.csv: 1 problem",
        "line 2: 5 cells where the header has 6",
    ]


# Spans


def made_up_span(checkout, first: str | None, last: str | None) -> Prices:
    prices = read_prices(checkout.root / "data/prices", "ACME")
    return prices.span(first and day(first), last and day(last))


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, ("2025-06-02", "2025-07-15", 30)),
        ("2025-06-18", "2025-06-23", ("2025-06-18", "2025-06-23", 3)),
        ("2025-06-19", "2025-06-22", ("2025-06-20", "2025-06-20", 1)),
        ("2020-01-01", "2025-06-02", ("2025-06-02", "2025-06-02", 1)),
        ("2025-07-15", "2030-01-01", ("2025-07-15", "2025-07-15", 1)),
    ],
)
def test_a_span_holds_both_its_ends(checkout, first, last, found):
    span = made_up_span(checkout, first, last)
    assert (str(span.first), str(span.last), len(span.table)) == found
    assert isinstance(span.first, date)


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2025-06-21", "2025-06-22", "no session from 2025-06-21 to 2025-06-22"),
        ("2025-07-16", None, "no session from 2025-07-16 to 2025-07-15"),
        (None, "2025-06-01", "no session from 2025-06-02 to 2025-06-01"),
    ],
)
def test_a_span_without_a_session_is_refused_with_what_there_is(checkout, first, last, told):
    with pytest.raises(UsageError) as caught:
        made_up_span(checkout, first, last)
    assert f"ACME has {told}. Its prices run from 2025-06-02 to 2025-07-15" in str(caught.value)
