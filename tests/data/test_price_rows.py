"""The rows of price files: the quick way and the careful one, Parquet, and how they are written."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.data.datafile import DataFile
from backtest.data.price_rows import (
    PriceRows,
    _csv_rows,
    _regular_rows,
    bar_columns,
    checked_table,
    decimal_text,
    is_allowed,
    parquet_bytes,
    parquet_table,
    price_file_bytes,
    price_rows,
    sound_rows,
)
from backtest.errors import DataError

HEAD = "date,open,high,low,close,volume\n"
GOOD = ["2025-06-02,10,12,9,11,100\n", "2025-06-03,11,13,10,12.5,0\n"]
NAMES = ["open", "high", "low", "close", "volume"]
PATH = Path("made/UP.csv")


def csv(*rows, header=HEAD):
    return DataFile(PATH, header + "".join(rows), "", {})


def frame(rows, days=("2025-06-02", "2025-06-03"), key="session", columns=NAMES):
    index = pd.DatetimeIndex(list(days), name=key)
    return pd.DataFrame(np.array(rows, float).reshape(len(index), -1), index, list(columns))


# The quick way


@pytest.mark.parametrize(
    "file",
    [
        csv(*GOOD),
        csv(*GOOD, "\n\n"),
        csv("2025-06-02,1\n", "2025-06-03,2\n", header="date,close\n"),
    ],
)
def test_a_file_without_any_fault_is_read_in_one_pass(file):
    rows = _regular_rows(file)
    assert (rows.word, rows.numbers.tolist()) == ("line", [2, 3])
    assert rows.days.astype(str).tolist() == ["2025-06-02", "2025-06-03"]
    problems = []
    table = checked_table(rows, problems)
    assert problems == []
    assert table.index.name == "session"
    assert list(table.columns) == file.text.partition("\n")[0].split(",")[1:]


@pytest.mark.parametrize(
    "file",
    [
        csv(),
        csv(*GOOD, header="date,open,high,low,close\n"),
        csv("2025-06-02,1,2\n", "2025-06-03,1\n", header="date,close\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,12.5\n"),
        csv(GOOD[0], '"2025-06-03",11,13,10,12.5,0\n'),
        csv(GOOD[0], "2025-06-04,11,13,10,12.5,0\n"),  # a session is missing
        csv("2025-06-01,10,12,9,11,100\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,x,0\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,,0\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,0,0\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,12.5,-1\n"),
        csv(GOOD[0], "2025-06-03,11,13,10,inf,0\n"),
    ],
)
def test_every_other_file_is_read_with_care(file):
    assert _regular_rows(file) is None


def test_a_file_that_is_read_with_care_has_its_lines_days_and_cells():
    problems = []
    rows = _csv_rows(csv(GOOD[0], "\n", "June 3,11,13,10,12.5,0\n"), problems)
    assert rows.numbers.tolist() == [2, 4]
    assert rows.days.astype(str).tolist() == ["2025-06-02", "NaT"]
    assert rows.cells["close"] == ["11", "12.5"]
    assert problems == ["line 4, column date: 'June 3' is not a day such as 2025-03-28"]
    assert price_rows(csv(*GOOD), []).days.astype(str).tolist() == ["2025-06-02", "2025-06-03"]


# Rules of rows


@pytest.mark.parametrize(
    ("column", "value", "is_so"),
    [
        ("close", 0.0, False), ("close", 1e-9, True), ("close", np.inf, False),
        ("close", np.nan, False), ("volume", 0.0, True), ("volume", -1e-9, False),
        ("volume", np.inf, False), ("volume", 0.5, True), ("close", 0.5, True),
    ],
)  # fmt: skip
def test_a_price_is_above_zero_and_a_volume_from_zero_up(column, value, is_so):
    assert is_allowed(column, np.array([value])).tolist() == [is_so]


FLAT = [10, 10, 10, 10, 100]


@pytest.mark.parametrize(
    ("row", "is_sound"),
    [
        (FLAT, True),
        ([10, 12, 9, 11, 0], True),
        ([13, 12, 9, 11, 0], False),
        ([10, 12, 9, 12.1, 0], False),
        ([8, 12, 9, 11, 0], False),
        ([10, 12, 9, 8.9, 0], False),
        ([10, 9, 9.5, 9, 0], False),
        ([10, 12, 9, 0, 0], False),
        ([10, 12, 9, 11, -1], False),
    ],
)
def test_a_row_is_sound_where_high_and_low_hold_it(row, is_sound):
    assert sound_rows(frame([row, FLAT])).tolist() == [is_sound, True]
    times = ("2025-06-02T13:30", "2025-06-03T13:30")
    assert sound_rows(frame([row, FLAT], times, "time")).tolist() == [is_sound, True]


def test_a_row_is_sound_on_a_session_or_at_a_time():
    days = ("2025-06-01", "2025-06-02")
    assert sound_rows(frame([FLAT, FLAT], days)).tolist() == [False, True]
    assert sound_rows(frame([FLAT, FLAT], days, "time")).tolist() == [True, True]
    assert sound_rows(frame([FLAT, FLAT], ("NaT", "2025-06-02"), "time")).tolist() == [False, True]
    assert sound_rows(frame([1, 2], columns=["close"])).tolist() == [True, True]


def test_a_number_that_is_missing_is_not_sound():
    table = frame([FLAT, FLAT]).astype(object)
    table.iloc[0, 3] = None
    assert sound_rows(table).tolist() == [False, True]


def rows_of(days, cells=None):
    days = np.array(days, "M8[D]")
    return PriceRows("row", np.arange(len(days)), days, {"close": cells or ["1"] * len(days)})


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (["2025-06-03", "2025-06-02"], ["row 1, column date: 2025-06-02 comes before row 0; one"]),
        (["2025-06-02", "2025-06-02"], ["row 1, column date: 2025-06-02 repeats row 0; one row a"]),
        (["2025-06-02", "2025-06-03", "2025-06-07"],
         ["row 2, column date: 2025-06-07 is not a session of XNYS",
          "no row for the session 2025-06-04", "no row for the session 2025-06-05",
          "no row for the session 2025-06-06"]),
        (["1926-01-02", "1926-01-04"], ["row 0, column date: 1926-01-02 lies before 1926-01-04"]),
        (["1926-01-04", "1926-01-05"], []),
        (["2025-06-02", "2025-06-04"], []),  # the 3rd is a halt
    ],
)  # fmt: skip
def test_sessions_stand_in_order_and_without_a_gap(days, told):
    problems = []
    checked_table(rows_of(days), problems, {date(2025, 6, 3)})
    assert len(problems) == len(told)
    assert all(one.startswith(text) for one, text in zip(problems, told, strict=True))


def test_the_first_day_of_the_calendar_is_not_before_it():
    problems = []
    checked_table(rows_of(["1926-01-04", "1926-01-09", "1926-01-11"]), problems)
    assert problems[0] == "row 1, column date: 1926-01-09 is not a session of XNYS"


def test_finer_bars_need_a_time_and_an_order():
    times = np.array(["2025-06-02T13:35", "2025-06-02T13:30", "NaT"], "M8[us]")
    rows = PriceRows("row", np.arange(3), times, {name: np.ones(3) for name in NAMES})
    problems = []
    table = checked_table(rows, problems)
    assert problems[0] == "row 2, column time: empty"
    assert problems[1].startswith("row 1, column time: 2025-06-02T13:30:00.000000 comes before")
    assert problems[1].endswith("one row a bar, oldest first")
    assert len(problems) == 2
    assert (table.index.name, list(table.columns)) == ("time", NAMES)


def test_a_number_that_is_wrong_is_told_as_it_stands():
    problems = []
    checked_table(rows_of(["2025-06-02", "2025-06-03"], ["x", "1"]), problems)
    assert problems == ["row 0, column close: 'x' is not a number above 0"]
    cells = {"close": np.array([0.5, -2.0]), "volume": np.array([-1.0, 0.0])}
    problems.clear()
    days = np.array(["2025-06-02", "2025-06-03"], "M8[D]")
    checked_table(PriceRows("row", [7, 8], days, cells), problems)
    assert problems == [
        "row 8, column close: -2 is not a number above 0",
        "row 7, column volume: -1 is not a number from 0 up",
    ]


def test_columns_are_bars_where_there_is_an_open():
    assert bar_columns("made", [*NAMES, "note"], 1) == tuple(NAMES)
    assert bar_columns("made", ["close", "high"], 1) == ("close",)
    with pytest.raises(DataError, match=r"^made has no row\.$"):
        bar_columns("made, line 1", NAMES, 0)
    with pytest.raises(DataError, match="no column 'volume'"):
        bar_columns("made", NAMES[:-1], 1)


# Parquet


def test_a_parquet_file_has_dates_and_numbers():
    table = frame([[10, 12, 9, 11, 5], FLAT]).astype({"volume": int})
    read = parquet.read_table(pa.BufferReader(parquet_bytes(table)))
    assert read.schema.field("session").type == pa.date32()
    assert read.schema.field("volume").type == pa.float64()
    assert read.column_names == ["session", *NAMES]
    found = parquet_table(PATH, parquet_bytes(table), "session")
    assert found["session"].astype("M8[D]").astype(str).tolist() == ["2025-06-02", "2025-06-03"]
    assert found["close"].tolist() == [11.0, 10.0]


def test_finer_bars_have_their_time_and_whether_it_is_within_hours():
    times = ("2025-06-02T13:25", "2025-06-02T13:30")
    read = parquet.read_table(pa.BufferReader(parquet_bytes(frame([FLAT, FLAT], times, "time"))))
    assert read.schema.field("time").type == pa.timestamp("us", "UTC")
    assert read.column("regular").to_pylist() == [False, True]


def test_a_parquet_file_is_packed_and_holds_no_dictionaries():
    content = parquet_bytes(frame([FLAT, FLAT]))
    column = parquet.ParquetFile(pa.BufferReader(content)).metadata.row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert not column.has_dictionary_page


def test_what_is_no_parquet_file_of_prices_is_told():
    with pytest.raises(
        DataError, match=r"is not a Parquet file of prices \(\w.*\)\. Restore it"
    ) as caught:
        parquet_table(PATH, b"date,close", "session")
    assert "\n" not in str(caught.value)
    content = parquet_bytes(frame([FLAT, FLAT]))
    with pytest.raises(DataError, match=r"no column 'time'\. Needed: time, close"):
        parquet_table(PATH, content, "time")


def sessions(*days):
    """A Parquet file of days as numbers since 1970."""
    columns = {"session": pa.array(days, pa.int32()).cast(pa.date32()), "close": [1.0] * len(days)}
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return DataFile(Path("made/UP.parquet"), "", "", {}, sink.getvalue().to_pybytes())


def test_days_of_parquet_lie_in_the_years_that_can_be_told():
    first, last = -719162, 2932896  # 0001-01-01 and 9999-12-31
    problems = []
    rows = price_rows(sessions(first - 1, first, last, last + 1), problems)
    assert problems == ["row 0, column session: no day", "row 3, column session: no day"]
    assert rows.days.astype(str).tolist() == ["NaT", "0001-01-01", "9999-12-31", "NaT"]
    assert (rows.of, rows.at(1)) == ("session", "row 1")


# Written


def test_rows_that_are_new_are_written_and_the_others_stay_as_they_were():
    old = csv("2025-06-02,10.50,12,9,11,100,mine\r\n", "2025-06-03,11,13,10,12,7,\r\n",
              header=HEAD.strip() + ",note\r\n")  # fmt: skip
    table = frame([[10.5, 12, 9, 11, 100], [11, 13, 10, 12.25, 8], [12, 13, 11, 12, 1e6]],
                  ("2025-06-02", "2025-06-03", "2025-06-04"))  # fmt: skip
    text = price_file_bytes(PATH, table, old, {"2025-06-03", "2025-06-04"}).decode()
    assert text == (
        "date,open,high,low,close,volume,note\r\n2025-06-02,10.50,12,9,11,100,mine\r\n"
        "2025-06-03,11,13,10,12.25,8,\r\n2025-06-04,12,13,11,12,1000000,\r\n"
    )


@pytest.mark.parametrize("day", ["20250602", "2025-W23-1", "2025W231"])
def test_a_day_in_another_form_is_refused_since_its_row_would_be_lost_when_more_are_written(day):
    problems = []
    price_rows(csv(GOOD[0].replace("2025-06-02", day)), problems)
    assert problems == [f"line 2, column date: {day!r} is not a day such as 2025-03-28"]


def test_a_new_file_is_text_or_parquet_by_its_name():
    table = frame([FLAT, FLAT])
    days = {"2025-06-02", "2025-06-03"}
    assert price_file_bytes(PATH, table, None, days).decode() == (
        HEAD + "2025-06-02,10,10,10,10,100\n2025-06-03,10,10,10,10,100\n"
    )
    content = price_file_bytes(Path("made/UP.parquet"), table, None, ())
    assert content == parquet_bytes(table)
    assert parquet_table(PATH, content, "session")["close"].tolist() == [10.0, 10.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(10.0, "10"), (10.5, "10.5"), (1e16, "10000000000000000"), (1e-7, "0.0000001")],
)
def test_numbers_are_written_without_an_exponent(value, text):
    assert decimal_text(value) == text
