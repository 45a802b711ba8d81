"""Parquet files of bars at the bounds of what is read: nanoseconds, huge numbers, damaged pages."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.errors import DataError
from backtest.experiments.panel_files import Faults, days, moments, numbers, read_panel, texts
from tests.parquet_bars import MONDAY, TUESDAY, WEDNESDAY, bar, write


def test_of_nanoseconds_the_whole_microseconds_are_kept():
    stamps = pa.array([1_748_871_000_000_001_999, None], pa.timestamp("ns", "UTC"))
    found = moments(stamps)
    assert found[0] == np.datetime64("2025-06-02T13:30:00.000001")
    assert np.isnat(found[1])
    with pytest.raises(pa.ArrowInvalid, match="out of bounds"):
        moments(pa.array([2**62], pa.timestamp("ms", "UTC")))


def test_a_date_of_milliseconds_is_its_day():
    late = pa.array([86_400_000 * 20_000 + 3_600_000], pa.int64()).view(pa.date64())
    assert days(late).tolist() == [date(2024, 10, 4)]


def test_whole_numbers_that_no_double_tells_are_the_nearest():
    assert numbers(pa.array([2**53 + 1, None], pa.int64()))[0] == 2.0**53
    assert np.isnan(numbers(pa.array([None], pa.int64()))[0])


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int8(), pa.string())])
def test_a_missing_text_is_the_empty_one(kind):
    names, codes = texts(pa.array(["B", None, "A", "B"]).cast(kind))
    assert [names[code] for code in codes] == ["B", "", "A", "B"]


def test_a_page_whose_checksum_fails_is_not_read(tmp_path):
    path = write(tmp_path / "bars.parquet", [bar("ACME", MONDAY, 100.0)])
    plain = dict.fromkeys(("use_dictionary", "write_statistics"), False)
    table = parquet.read_table(path)
    parquet.write_table(table, path, compression="none", write_page_checksum=True, **plain)
    assert len(read_panel(path).times) == 1
    content = path.read_bytes()
    price = np.float64(100.0).tobytes()
    path.write_bytes(content.replace(price, np.float64(101.0).tobytes(), 1))
    with pytest.raises(DataError, match="not readable Parquet"):
        read_panel(path)


def test_a_row_that_is_there_twice_is_found_also_where_most_cells_are_empty(tmp_path):
    days = (MONDAY, TUESDAY, WEDNESDAY)
    rows = [bar(symbol, day, 10) for symbol, day in zip("ABC", days, strict=True)]
    path = write(tmp_path / "bars.parquet", [*rows, rows[1]])
    with pytest.raises(DataError, match=r"one row for a session; 1 row breaks this:\n.*row 3: B"):
        read_panel(path)


@pytest.mark.parametrize(("count", "shown", "more"), [(1, 1, False), (3, 3, False), (4, 3, True)])
def test_three_rows_of_a_kind_are_shown_and_the_others_counted(count, shown, more):
    faults = Faults(Path("x.parquet"))
    faults.note("A rule;", np.arange(9) < count, "row {}".format)
    faults.note("Another;", np.zeros(9, np.bool_), "row {}".format)
    with pytest.raises(DataError) as caught:
        faults.check()
    lines = str(caught.value).splitlines()
    breaks = "row breaks" if count == 1 else "rows break"
    assert lines[1] == f"  A rule; {count} {breaks} this:"
    assert lines[2:] == [f"    row {n}" for n in range(shown)] + ["    …"] * more
