"""Parquet files of bars that are refused, and what is told of them."""

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.errors import DataError, UsageError
from backtest.experiments import panel_files as bar_files
from backtest.experiments.panel_files import read_panel
from tests.parquet_bars import DAILY, FIELDS, MINUTES, MONDAY, NEW_YORK, at, bar, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.parquet"


def refused(path: Path, *told: str, volume: bool = False, error: type = DataError) -> str:
    with pytest.raises(error) as caught:
        read_panel(path, volume=volume)
    for text in (str(path), *told):
        assert text in str(caught.value)
    return str(caught.value)


class TestFiles:
    def test_nothing_there(self, path) -> None:
        refused(path, "There is no file", error=UsageError)

    def test_a_folder_without_files(self, tmp_path) -> None:
        refused(tmp_path, "no file *.parquet", error=UsageError)

    def test_no_rows(self, path) -> None:
        write(path, DAILY)
        parquet.write_table(parquet.read_table(path)[:0], path)
        refused(path, "has no row")

    @pytest.mark.parametrize("content", [b"", b"symbol,session,open\n", b"PAR1" + bytes(99)])
    def test_not_parquet(self, path, content) -> None:
        path.write_bytes(content)
        refused(path, "is not readable Parquet", "Write it anew")

    def test_cut_short(self, path) -> None:
        content = write(path, DAILY).read_bytes()
        path.write_bytes(content[:-20])
        refused(path, "is not readable Parquet")

    def test_pages_overwritten(self, path) -> None:
        content = bytearray(write(path, DAILY).read_bytes())
        content[4:400] = b"\xff" * 396
        path.write_bytes(content)
        refused(path, "is not readable Parquet")

    def test_texts_that_are_no_texts(self, path) -> None:
        content = write(path, DAILY).read_bytes()
        assert b"ACME" in content
        path.write_bytes(content.replace(b"ACME", b"\xffCME"))
        refused(path, "is not readable Parquet")

    @pytest.mark.parametrize("name", ["open", "close"])
    def test_no_price(self, path, name) -> None:
        write(path, DAILY, **{name: None})
        refused(path, f"no column {name!r}", "Needed: symbol, session, open, high, low, close")

    def test_no_time(self, path) -> None:
        write(path, DAILY, session=None)
        refused(path, "'time', the open of each bar", "'session', a date", "it has symbol, open")

    def test_no_volume(self, path) -> None:
        refused(write(path, DAILY), "no column 'volume'", volume=True)

    def test_a_column_twice(self, path) -> None:
        table = parquet.read_table(write(path, DAILY))
        parquet.write_table(table.append_column("open", table["close"]), path)
        refused(path, "column 'open' twice")

    def test_files_of_different_kinds(self, tmp_path) -> None:
        write(tmp_path / "a.parquet", DAILY)
        write(tmp_path / "b.parquet", MINUTES)
        refused(tmp_path, "b.parquet: no column 'session'")

    @pytest.mark.parametrize(
        ("name", "kind", "told"),
        [
            ("time", pa.timestamp("us"), "timestamp[us]. It must hold timestamps with a zone"),
            ("time", pa.int64(), "int64. It must hold timestamps with a zone"),
            ("open", pa.string(), "string. It must hold numbers"),
            ("close", pa.bool_(), "bool. It must hold numbers"),
            ("symbol", pa.int64(), "int64. It must hold texts"),
        ],
    )
    def test_the_wrong_type(self, path, name, kind, told) -> None:
        table = parquet.read_table(write(path, MINUTES))
        values = pa.nulls(3, kind)
        table = table.set_column(table.schema.get_field_index(name), name, values)
        parquet.write_table(table, path)
        refused(path, f"column {name!r}: {told}")

    def test_sessions_with_a_time(self, path) -> None:
        rows = [{**row, "when": at("02 00:00")} for row in DAILY[:1]]
        write(path, rows, time=pa.timestamp("us"))
        table = parquet.read_table(path).rename_columns({"time": "session"})
        parquet.write_table(table, path)
        refused(path, "timestamp[us]. It must hold dates without a time", ".dt.date")


class TestRows:
    def test_everything_that_is_wrong_is_told_at_once(self, path) -> None:
        rows = [
            *DAILY,
            bar("ACME", date(2025, 6, 5), 10, 9, 8, 9),
            bar("ACME", date(2025, 6, 6), 10, 11, 10.5, 10.5),
            bar("BOLT", date(2025, 6, 5), 0, 1, 0, 1),
            bar("BOLT", date(2025, 6, 6), 1, float("inf"), 1, 1),
            bar("BOLT", date(2025, 6, 9), 1, None, 1, 1),
        ]
        refused(
            write(path, rows),
            "rows that are wrong (they are counted from 0).",
            "A price is a number above 0, and a bar without is left out; 3 rows break this:",
            "bars.parquet, row 7: BOLT 2025-06-05, open 0, high 1, low 0, close 1",
            "row 8: BOLT 2025-06-06, open 1, high inf",
            "row 9: BOLT 2025-06-09, open 1, high nan",
            "The high is the highest price of its bar; 1 row breaks this:",
            "row 5: ACME 2025-06-05, open 10, high 9, low 8, close 9",
            "The low is the lowest price of its bar; 1 row breaks this:",
            "row 6: ACME 2025-06-06, open 10, high 11, low 10.5, close 10.5",
        )

    def test_many_are_counted_and_the_first_shown(self, path, monkeypatch) -> None:
        monkeypatch.setattr(bar_files, "_BATCH", 2)
        rows = [bar(f"S{number}", MONDAY, -1) for number in range(9)]
        told = refused(write(path, rows), "9 rows break this:", "row 0: S0", "row 2: S2", "…")
        assert "S3" not in told

    @pytest.mark.parametrize("place", [4, 1])
    def test_a_bar_that_is_there_twice(self, path, monkeypatch, place) -> None:
        monkeypatch.setattr(bar_files, "_BATCH", 4)
        rows = [*DAILY, {**DAILY[place], "open": DAILY[place]["open"] + 0.25}]
        when = DAILY[place]["when"]
        told = refused(
            write(path, rows),
            "A symbol has one row for a session; 1 row breaks this:",
            f"row 5: ACME {when}",
        )
        assert "row 1:" not in told

    def test_a_bar_that_is_in_two_files(self, tmp_path) -> None:
        write(tmp_path / "a" / "part-0.parquet", DAILY)
        write(tmp_path / "b" / "part-0.parquet", DAILY[:1])
        refused(tmp_path, "b/part-0.parquet, row 0: BOLT 2025-06-02")

    @pytest.mark.parametrize("symbol", [None, ""])
    def test_a_row_without_a_symbol(self, path, symbol) -> None:
        rows = [*DAILY, bar(symbol, MONDAY, 10)]
        refused(
            write(path, rows), "Each row names its symbol; 1 row breaks this:",
            "row 5: no symbol 2025-06-02",
        )  # fmt: skip

    def test_a_folder_without_a_symbol(self, tmp_path) -> None:
        write(tmp_path / "symbol=" / "part-0.parquet", DAILY[1:3], symbol=None)
        refused(tmp_path, "Each row names its symbol; 2 rows break this:", "no symbol 2025-06-02")

    def test_a_row_without_a_time(self, path) -> None:
        rows = [*DAILY, bar("ACME", None, 10)]
        table = {name: [row[name] for row in rows] for name in ("symbol", *FIELDS)}
        table["session"] = pa.array([row["when"] for row in rows], pa.date32())
        parquet.write_table(pa.table(table), path)
        refused(path, "Each row has a session; 1 row breaks this:", "row 5: ACME without a time")

    def test_days_that_are_no_sessions(self, path) -> None:
        holiday, sunday = date(2025, 6, 19), date(2025, 6, 8)
        rows = [*DAILY, bar("ACME", holiday, 1), bar("BOLT", holiday, 1), bar("ACME", sunday, 1)]
        refused(
            write(path, rows),
            "A session is a trading day of XNYS; take other days out. 3 rows break this:",
            "row 5: ACME 2025-06-19",
            "row 6: BOLT 2025-06-19",
            "row 7: ACME 2025-06-08",
        )

    @pytest.mark.parametrize("day", [date(1925, 12, 31), date(2036, 1, 2), date(9999, 1, 4)])
    def test_days_beyond_the_calendar(self, path, day) -> None:
        refused(write(path, [*DAILY, bar("ACME", day, 1)]), f"row 5: ACME {day}")
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=NEW_YORK)
        refused(write(path, [*MINUTES, bar("ACME", noon, 1)]), f"row 3: ACME {day}")

    def test_bars_outside_the_hours(self, path) -> None:
        early_close = datetime(2025, 7, 3, 13, 0, tzinfo=NEW_YORK)  # that day closes at 13:00
        outside = [at("02 09:29"), at("02 16:00"), at("07 10:00"), early_close]
        told = refused(
            write(path, [*MINUTES, *(bar("ACME", when, 1) for when in outside)]),
            "hours of a session of XNYS",
            "4 rows break this:",
            "row 3: ACME 2025-06-02 13:29:00 UTC",
            "row 4: ACME 2025-06-02 20:00:00 UTC",
        )
        assert "row 0" not in told

    def test_midnights_are_told_what_daily_bars_look_like(self, path) -> None:
        rows = [bar("ACME", at("02 00:00"), 1)]
        refused(write(path, rows), "give daily bars a column 'session'")

    def test_times_that_are_no_times(self, path) -> None:
        rows = [bar("ACME", at("02 10:00"), 1)]
        table = parquet.read_table(write(path, rows))
        never = pa.array([2**62], pa.timestamp("ms", "UTC"))
        parquet.write_table(table.set_column(1, "time", never), path)
        refused(path, "out of bounds")

    def test_a_volume_below_zero(self, path) -> None:
        rows = [{**row, "volume": number - 1.0} for number, row in enumerate(DAILY)]
        refused(
            write(path, rows), "A volume is a number from 0 up; 1 row breaks this:", "row 0",
            volume=True,
        )  # fmt: skip


def test_more_than_the_machine_holds_is_told(path, monkeypatch) -> None:
    def blank_prices(shape):
        raise MemoryError

    monkeypatch.setattr("backtest.experiments.panel_files.blank_prices", blank_prices)
    refused(write(path, DAILY), "3 times × 2 symbols take 0.0 GB", error=UsageError)
