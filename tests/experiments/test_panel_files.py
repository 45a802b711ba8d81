"""Panels from Parquet files: what is read, what is refused, and how much memory it takes."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from backtest.experiments import panel_files as bar_files
from backtest.experiments.panel_files import read_panel
from tests.parquet_bars import (
    DAILY,
    FIELDS,
    MINUTES,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    at,
    bar,
    utc,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.parquet"


def cells(panel) -> dict:
    """The bars of a panel by symbol and session or time."""
    whens = panel.sessions if len(set(panel.sessions.tolist())) == len(panel.times) else panel.times
    return {
        (symbol, whens[row].item()): tuple(panel.prices[row, column].tolist())
        for column, symbol in enumerate(panel.symbols)
        for row in range(len(whens))
        if not np.isnan(panel.prices[row, column]["open"])
    }


class TestRead:
    def test_sessions(self, path) -> None:
        panel = read_panel(write(path, DAILY))
        assert panel.symbols == ("ACME", "BOLT")
        assert panel.sessions.tolist() == [MONDAY, TUESDAY, WEDNESDAY]
        assert panel.times.tolist() == [utc(at(f"0{day} 09:30")) for day in (2, 3, 4)]
        assert panel.prices.shape == (3, 2)
        assert panel.volume.shape == (0, 0)
        assert cells(panel) == {
            (row["symbol"], row["when"]): tuple(row[name] for name in FIELDS) for row in DAILY
        }

    def test_a_symbol_without_a_bar_has_none(self, path) -> None:
        panel = read_panel(write(path, DAILY))
        assert np.isnan(panel.prices[1, 1].tolist()).all()

    def test_finer_bars(self, path) -> None:
        panel = read_panel(write(path, MINUTES))
        assert panel.times.tolist() == [utc(row["when"]) for row in MINUTES]
        assert panel.sessions.tolist() == [MONDAY, MONDAY, TUESDAY]
        assert panel.session_numbers.tolist() == [0, 0, 1]
        assert panel.prices["open"][:, 0].tolist() == [100, 101, 102]

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", "+09:00"])
    def test_times_of_any_unit_and_zone(self, path, unit, zone) -> None:
        panel = read_panel(write(path, MINUTES, time=pa.timestamp(unit, zone)))
        assert panel.times.tolist() == [utc(row["when"]) for row in MINUTES]

    @pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
    def test_sessions_of_any_date(self, path, kind) -> None:
        panel = read_panel(write(path, DAILY, session=kind))
        assert panel.sessions.tolist() == [MONDAY, TUESDAY, WEDNESDAY]

    @pytest.mark.parametrize(
        "kind", [pa.int32(), pa.uint64(), pa.float32(), pa.decimal128(9, 2), pa.decimal256(40, 2)]
    )
    def test_prices_of_any_number(self, path, kind) -> None:
        whole = Decimal if "decimal" in str(kind) else int
        rows = [bar("ACME", MONDAY, *map(whole, (10, 12, 9, 11)))]
        panel = read_panel(write(path, rows, **dict.fromkeys(FIELDS, kind)))
        assert cells(panel) == {("ACME", MONDAY): (10, 12, 9, 11)}

    @pytest.mark.parametrize(
        "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
    )
    def test_symbols_of_any_text(self, path, kind) -> None:
        assert read_panel(write(path, DAILY, symbol=kind)).symbols == ("ACME", "BOLT")

    def test_a_category_without_rows_is_no_symbol(self, path) -> None:
        names = pa.DictionaryArray.from_arrays([1], ["GONE", "ACME"])
        columns = {name: [10.0] for name in FIELDS}
        parquet.write_table(pa.table({"symbol": names, "session": [MONDAY], **columns}), path)
        assert read_panel(path).symbols == ("ACME",)

    def test_volume_where_it_is_wanted(self, path) -> None:
        write(path, [{**row, "volume": number} for number, row in enumerate(DAILY)])
        panel = read_panel(path, volume=True)
        assert panel.volume.shape == (3, 2)
        assert panel.volume[2].tolist() == [4, 3]
        assert np.isnan(panel.volume[1, 1])
        assert read_panel(path).volume.shape == (0, 0)

    def test_other_columns_do_not_matter(self, path) -> None:
        rows = [{**row, "vwap": 1.0, "session": MONDAY} for row in MINUTES]
        assert len(read_panel(write(path, rows)).times) == 3

    @given(st.data())
    def test_any_bars_in_any_order_batch_by_batch(self, tmp_path_factory, data) -> None:
        keys = st.tuples(st.sampled_from("ABCDE"), st.sampled_from([2, 3, 4, 5, 6, 9]))
        chosen = data.draw(st.lists(keys, min_size=1, unique=True))
        rows = [
            bar(symbol, date(2025, 6, day), 10.0 + number, 99, 1, 20.0 + number)
            for number, (symbol, day) in enumerate(chosen)
        ]
        path = write(tmp_path_factory.mktemp("bars") / "any.parquet", rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bar_files, "_BATCH", data.draw(st.integers(1, 7)))
            panel = read_panel(path)
        assert cells(panel) == {
            (row["symbol"], row["when"]): tuple(row[name] for name in FIELDS) for row in rows
        }
        assert panel.sessions.tolist() == sorted({row["when"] for row in rows})


class TestWhoseBars:
    def test_the_file_is_named_after_its_symbol(self, tmp_path) -> None:
        path = write(tmp_path / "BRK.B.parquet", DAILY[1:3], symbol=None)
        assert read_panel(path).symbols == ("BRK.B",)

    def test_a_folder_of_a_file_for_each_symbol(self, tmp_path) -> None:
        write(tmp_path / "ACME.parquet", DAILY[1:3], symbol=None)
        write(tmp_path / "BOLT.parquet", DAILY[3:4], symbol=None)
        panel = read_panel(tmp_path)
        assert panel.symbols == ("ACME", "BOLT")
        assert panel.sessions.tolist() == [MONDAY, TUESDAY, WEDNESDAY]

    def test_a_folder_partitioned_by_symbol(self, tmp_path) -> None:
        write(tmp_path / "symbol=BRK%2FB" / "part-0.parquet", DAILY[1:2], symbol=None)
        write(tmp_path / "symbol=BRK%2FB" / "part-1.parquet", DAILY[2:3], symbol=None)
        write(tmp_path / "symbol=BOLT" / "part-0.parquet", DAILY[3:4], symbol=None)
        panel = read_panel(tmp_path)
        assert panel.symbols == ("BOLT", "BRK/B")
        assert np.count_nonzero(~np.isnan(panel.prices["open"])) == 3

    def test_a_folder_of_parts_with_any_symbols(self, tmp_path) -> None:
        write(tmp_path / "a" / "1.parquet", DAILY[:2])
        write(tmp_path / "b" / "2.parquet", DAILY[2:])
        write(tmp_path / "_old" / "3.parquet", MINUTES)
        (tmp_path / "_SUCCESS").touch()
        assert len(cells(read_panel(tmp_path))) == 5

    def test_an_empty_part_does_no_harm(self, tmp_path) -> None:
        write(tmp_path / "1.parquet", DAILY)
        parquet.write_table(parquet.read_table(tmp_path / "1.parquet")[:0], tmp_path / "2.parquet")
        assert len(cells(read_panel(tmp_path))) == 5


MEASURE = """
import sys, tracemalloc
from pathlib import Path
import pyarrow as pa
from backtest.experiments.panel_files import read_panel

read_panel(Path(sys.argv[1]))  # what is loaded once
tracemalloc.start()
panel = read_panel(Path(sys.argv[2]))
kept = panel.prices.nbytes + panel.times.nbytes + panel.sessions.nbytes
print(kept, tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory())
"""


def test_no_more_is_in_memory_than_the_panel_and_a_batch(tmp_path) -> None:
    """A million rows in one row group, which is how a file is easily written and hard to read."""
    from backtest.data.calendar import trading_calendar

    sessions = trading_calendar().sessions[6000:8000]
    prices = np.random.default_rng(7).uniform(10, 20, 1_000_000)
    columns = {"symbol": np.repeat([f"S{n:03}" for n in range(500)], 2000)}
    columns |= {"session": np.tile(sessions, 500), **dict.fromkeys(FIELDS, prices)}
    large, small = tmp_path / "large.parquet", write(tmp_path / "small.parquet", DAILY)
    parquet.write_table(pa.table(columns), large, row_group_size=len(prices), compression="none")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)],
        capture_output=True,
        text=True,
        check=True,
    )
    kept, numpy_peak, arrow_peak = map(int, done.stdout.split())
    assert kept > 32_000_000
    assert numpy_peak < kept + 16_000_000
    assert arrow_peak < 32_000_000
