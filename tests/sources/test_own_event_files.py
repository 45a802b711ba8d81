"""What a file of events lacks, what is meant by its columns, and how its cells are taken."""

from datetime import date

import pandas as pd
import pytest

from backtest.data.kinds import Earnings, News, ShortReport, StakeDisclosure
from backtest.errors import DataError, UsageError
from backtest.sources.own_events import MissingFieldsError, quarter, read_event_file

REPORT = "symbol,date,time,eps"


@pytest.fixture
def read(tmp_path):
    def read(text, kind=Earnings, **reading):
        path = tmp_path / "mine.csv"
        path.write_text(text)
        return read_event_file(path, kind, **{"source_url": "unknown", **reading})

    return read


def one(found, name):
    (row,) = found.rows
    return row.get(name, "")


@pytest.mark.parametrize(
    ("text", "year", "name"),
    [
        ("3", "2025", "2025Q3"), ("Q3", "2025", "2025Q3"), ("Q3", "", ""), ("3", "25", ""),
        ("Q3 2024", "2025", "2024Q3"), ("2024-Q3", "", "2024Q3"), ("q3 FY 2024", "", "2024Q3"),
        ("5", "2025", ""), ("Mar 2025", "2025", ""), ("2025", "2025", ""),
    ],
)  # fmt: skip
def test_a_quarter_is_named_by_its_year_or_the_one_beside(text, year, name):
    assert quarter(text, year) == name


def test_what_is_not_taken_is_told(read):
    text = f"{REPORT},Mood,,Rank\nBOLT,2025-05-08,amc,0.6,good,x,1\n"
    assert read(text).notes == ["Not taken: Mood, Rank."]
    assert read(f"{REPORT}\nBOLT,2025-05-08,amc,0.6\n").notes == []


def test_a_column_that_is_nearly_a_field_may_be_meant_for_it(read):
    row = "BOLT,2025-05-08,amc,0.6,2025Q1\n"
    with pytest.raises(DataError, match=r"column 'periodic': .* did you mean 'period'\?") as caught:
        read(f"{REPORT},periodic\n{row}")
    assert "--map period='periodic'" in str(caught.value)
    assert read(f"{REPORT},periodical\n{row}").notes == ["Not taken: periodical."]
    found = read(f"{REPORT},periodic\n{row}", columns={"period": "periodic"})
    assert one(found, "period") == "2025Q1"


def test_a_field_of_any_event_is_known_by_its_name(read):
    text = f"{REPORT},Precision,Headline\nBOLT,2025-05-08,,0.6,date,Our best\n"
    found = read(text)
    assert (one(found, "precision"), one(found, "headline")) == ("date", "Our best")


def test_what_a_file_lacks_is_named_with_how_to_say_it(read):
    text = "Date,Ticker,Author Type\n2025-05-08,BOLT,Short Seller\n"
    with pytest.raises(MissingFieldsError) as caught:
        read(text, ShortReport, source_url=None)
    assert caught.value.fields == ["precision", "headline", "author", "source_url"]
    assert "--set precision=… --set headline=… --set author=… --source-url unknown" in str(
        caught.value
    )
    constants = {"precision": "date", "headline": "A case", "author": "Bear"}
    with pytest.raises(MissingFieldsError) as caught:
        read(text, ShortReport, source_url=None, constants=constants)
    assert caught.value.fields == ["source_url"]
    constants["source_url"] = "https://example.org/{Ticker}"
    found = read(text, ShortReport, source_url=None, constants=constants)
    assert one(found, "author_type") == "short_seller"  # as the choices have it
    assert one(found, "source_url") == "https://example.org/BOLT"
    constants["author"] = "{Firm}"
    with pytest.raises(UsageError, match="no column of the file 'Firm'"):
        read(text, ShortReport, source_url=None, constants=constants)


def test_a_lacking_source_is_not_named_where_it_is_there(read):
    with pytest.raises(MissingFieldsError) as caught:
        read("Date,Ticker\n2025-05-08,BOLT\n", ShortReport)
    assert "--source-url" not in str(caught.value)


def test_every_row_that_is_wrong_is_told(read):
    rows = "BOLT,2025-05-08,lunch,0.6\nBOLT,2025-05-09,supper,0.6\nBOLT,2025-05-09,amc,cheap\n"
    with pytest.raises(DataError) as caught:
        read(f"{REPORT}\n{rows}")
    for line in ("line 2, column date: 'lunch'", "line 3, column date: 'supper'", "line 4, "):
        assert line in str(caught.value)


def test_a_number_keeps_all_its_digits_where_it_is_written_plainly(read):
    digits = "0.12345678901234"
    assert one(read(f"{REPORT}\nBOLT,2025-05-08,amc,{digits}\n"), "eps") == digits
    assert one(read(f"{REPORT}\nBOLT,2025-05-08,amc,$0.50\n"), "eps") == "0.5"
    assert one(read(f"{REPORT}\nBOLT,2025-05-08,amc,-\n"), "eps") == ""


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ('"1,234,567,890,123.5"', "1234567890123.5"), ('"1,234,567,890,123"', "1234567890123"),
        ('"1,234,567,890,123,456"', "1234567890123456"), ("2.3M", "2300000"), ("$0.10", "0.1"),
        ("1.2T", "1.2T"), ("(1.5K)", "-1500"),
    ],
)  # fmt: skip
def test_thousands_and_units_keep_all_digits(read, text, digits):
    text = f"{REPORT},revenue\nBOLT,2025-05-08,amc,0.6,{text}\n"
    if digits.endswith("T"):
        with pytest.raises(DataError, match=r"line 2, column revenue: '1\.2T'"):
            read(text)
    else:
        assert one(read(text), "revenue") == digits


def test_a_count_of_shares_keeps_all_digits(read):
    text = "symbol,date,time,holder,form,headline,shares\n"
    text += 'BOLT,2025-05-08,amc,BIG,13F,Much,"1,234,567,890,123"\n'
    assert one(read(text, StakeDisclosure), "shares") == "1234567890123"


def test_a_constant_takes_nothing_of_a_cell_that_is_empty(tmp_path):
    """A frame writes what is unknown as null, a CSV file as nothing."""
    path = tmp_path / "mine.parquet"
    table = {"symbol": "BOLT", "date": "2025-05-08", "time": "amc", "firm": ["Bear", None]}
    pd.DataFrame(table | {"price": [1.5, None]}).to_parquet(path)
    constants = {"headline": "by {firm} at {price}", "category": "rumour"}
    found = read_event_file(path, News, source_url="unknown", constants=constants)
    assert [row["headline"] for row in found.rows] == ["by Bear at 1.5", "by  at"]


def test_three_digits_behind_a_point_are_asked_about_where_columns_are_told_by_semicolons(read):
    text = f"{REPORT}\nBOLT,2025-05-08,amc,1.234\n"
    assert one(read(text), "eps") == "1.234"
    with pytest.raises(UsageError, match="can be read in two ways"):
        read(text.replace(",", ";"))
    assert one(read(text.replace(",", ";"), decimal=","), "eps") == "1234"
    assert one(read(text.replace(",", ";"), decimal="."), "eps") == "1.234"


@pytest.mark.parametrize(
    ("trade", "category"),
    [("S - Sale", "insider_sale"), ("S - Sale+OE", "insider_sale"), ("P - Purchase",
     "insider_purchase"), ("M - OptEx / Grant", "insider_optex_grant")],
)  # fmt: skip
def test_trades_of_insiders_are_told_by_their_code_or_their_words(read, trade, category):
    text = f"Filing Date,Insider Name,Trade Type\n2025-05-08 21:35:07,Doe Jane,{trade}\n"
    found = read(text, News, constants={"symbol": "BOLT"})
    assert one(found, "category") == category
    assert one(found, "headline") == f"Form 4: {trade} by Doe Jane"
    assert one(found, "published_at") == "2025-05-08T21:35:07-04:00"
    day = text.replace(" 21:35:07", "")
    found = read(day, News, constants={"symbol": "BOLT", "precision": "date"})
    assert one(found, "published_at") == "2025-05-08T23:59:59-04:00"


@pytest.mark.parametrize(
    ("times", "published_at"),
    [
        (pd.to_datetime(["2025-05-08 21:35:07"]), "2025-05-08T21:35:07-04:00"),
        (pd.to_datetime(["2025-05-08 21:35:07"], utc=True), "2025-05-08T21:35:07+00:00"),
        (pd.to_datetime(["2025-03-09 02:30:07"]), "2025-03-09T02:30:07-05:00"),
        (pd.to_datetime(["2025-11-02 01:30:07"]), "2025-11-02T01:30:07-05:00"),
        ([date(2025, 5, 8)], "2025-05-08T23:59:59-04:00"),
    ],
)
def test_trades_of_insiders_may_have_their_times_as_parquet_has_them(tmp_path, times, published_at):
    """Times that are no texts have no colon to look for: the reader broke with a traceback."""
    path = tmp_path / "mine.parquet"
    cells = {"Filing Date": times, "Insider Name": "Doe Jane", "Trade Type": "S - Sale"}
    pd.DataFrame(cells).to_parquet(path)
    constants = {"symbol": "BOLT", "precision": "date" if "23:59" in published_at else "exact"}
    found = read_event_file(path, News, source_url="unknown", constants=constants)
    assert one(found, "published_at") == published_at
