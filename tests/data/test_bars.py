"""Bars finer than sessions: which are read, of what they are refused, what decides."""

import numpy as np
import pandas as pd
import pytest

from backtest.data.bars import LENGTHS, read_bars
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import open_data_file
from backtest.data.inputs import read_inputs
from backtest.data.price_rows import parquet_bytes
from backtest.data.versions import write_version
from backtest.errors import DataError, UsageError
from tests.commands import words

COLUMNS = ("open", "high", "low", "close", "volume")


def write(checkout, rows, symbol="ACME", length="5m"):
    """Rows of a UTC time and five figures, as a file of bars that fits its metadata."""
    table = pd.DataFrame([row[1:] for row in rows], columns=list(COLUMNS))
    table.index = pd.DatetimeIndex([row[0] for row in rows], name="time")
    path = checkout.root / f"data/prices/{length}/{symbol}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"source": "made up", "first": rows[0][0][:10], "last": rows[-1][0][:10],
             "rows": len(rows), "adjust": None, "compiled_on": "2025-07-20"}  # fmt: skip
    over = open_data_file(path).sha256 if path.exists() else None
    write_version(path, parquet_bytes(table), facts, reason="made up", over=over)
    return checkout.root / "data/prices"


def inputs(checkout, *, bars="5m", span=(None, None), **terms):
    return read_inputs(checkout.root / "data", ["ACME"], "INDX", span, [], bars=bars, **terms)


# 2025-07-03 ends at 17:00 UTC, the others at 20:00; they begin at 13:30.
ROWS = [
    ("2025-07-02T13:25", 119.0, 121.0, 118.0, 120.0, 5.0),
    ("2025-07-02T13:30", 120.0, 122.0, 119.0, 121.0, 10.0),
    ("2025-07-02T19:55", 121.0, 122.0, 120.0, 121.0, 20.0),
    ("2025-07-02T20:00", 121.0, 121.0, 121.0, 121.0, 1.0),
    ("2025-07-03T16:55", 122.0, 124.0, 120.0, 123.0, 30.0),
    ("2025-07-03T17:00", 123.0, 123.0, 123.0, 123.0, 2.0),
    ("2025-07-04T14:00", 123.0, 123.0, 123.0, 123.0, 2.0),
    ("2025-07-07T13:30", 123.0, 125.0, 121.0, 124.0, 40.0),
]


def test_bars_within_the_hours_of_sessions_are_read(checkout):
    bars = read_bars(write(checkout, ROWS), "ACME", "5m")
    assert (bars.symbol, bars.length) == ("ACME", 5)
    assert bars.times.astype("M8[m]").astype(str).tolist() == [
        "2025-07-02T13:30", "2025-07-02T19:55", "2025-07-03T16:55", "2025-07-07T13:30",
    ]  # fmt: skip
    assert bars.sessions.astype(str).tolist() == ["2025-07-02"] * 2 + ["2025-07-03", "2025-07-07"]
    assert bars.table[1].tolist() == [121.0, 122.0, 120.0, 121.0, 20.0]


def test_of_extended_hours_those_before_and_after_are_read(checkout):
    bars = read_bars(write(checkout, ROWS), "ACME", "5m", hours="extended")
    outside = bars.times[bars.is_extended]
    assert outside[0] == np.datetime64("2025-07-02T13:25")
    regular = read_bars(checkout.root / "data/prices", "ACME", "5m")
    assert bars.times[~bars.is_extended].tolist() == regular.times.tolist()
    pd.testing.assert_frame_equal(bars.by_session, regular.by_session)


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-06-06 03:59", None),
        ("2025-06-06 04:00", "2025-06-06"),
        ("2025-06-06 09:29", "2025-06-06"),
        ("2025-06-06 09:30", None),
        ("2025-06-06 15:59", None),
        ("2025-06-06 16:00", "2025-06-09"),  # a Friday, and the Monday after it
        ("2025-06-06 19:59", "2025-06-09"),
        ("2025-06-06 20:00", None),
        ("2025-06-07 10:00", None),
        ("2025-07-03 12:59", None),
        ("2025-07-03 13:00", "2025-07-07"),  # a half day before a holiday
        ("2025-07-04 10:00", None),
        ("2025-03-10 04:00", "2025-03-10"),  # the first day of summer time
        ("2025-11-03 04:00", "2025-11-03"),
        ("2025-11-03 19:59", "2025-11-04"),
    ],
)
def test_what_trades_outside_of_hours_belongs_to_the_session_that_opens_next(moment, session):
    time = pd.Timestamp(moment, tz="America/New_York").tz_convert("UTC").tz_localize(None)
    found = trading_calendar().extended_sessions_at(np.array([time.to_datetime64()], "M8[us]"))
    assert found.astype(str).tolist() == [session or "NaT"]


def test_what_decides_is_the_bars_and_their_length(checkout):
    bars = read_bars(write(checkout, ROWS), "ACME", "5m")
    same = read_bars(write(checkout, ROWS[1:]), "ACME", "5m")  # without one before the open
    assert bars.sha256() == same.sha256()
    assert bars.sha256() != read_bars(write(checkout, ROWS, length="15m"), "ACME", "15m").sha256()
    other = [(*row[:5], row[5] + 1) for row in ROWS]
    assert bars.sha256() != read_bars(write(checkout, other), "ACME", "5m").sha256()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([ROWS[1], ROWS[1]], "row 1, column time: 2025-07-02T13:30:00.000000 repeats row 0"),
        ([ROWS[2], ROWS[1]], "row 1, column time: 2025-07-02T13:30:00.000000 comes before row 0"),
        ([(ROWS[1][0], 1.0, 2.0, 1.5, 1.0, 1.0)], "row 0: low 1.5 is above open 1"),
        ([(ROWS[1][0], 1.0, 2.0, 1.0, np.nan, 1.0)], "row 0, column close: nan is not a number"),
        ([(ROWS[1][0], 1.0, 2.0, 1.0, 1.0, -1.0)], "row 0, column volume: -1 is not a number"),
    ],
)
def test_a_file_that_breaks_its_format_is_refused(checkout, rows, fault):
    with pytest.raises(DataError, match=fault):
        read_bars(write(checkout, rows), "ACME", "5m")


def test_a_file_that_somebody_changed_is_refused(checkout):
    folder = write(checkout, ROWS)
    path = folder / "5m/ACME.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"changed since.*`backtest prices seal ACME --bars 5m`"):
        read_bars(folder, "ACME", "5m")


def test_a_symbol_without_a_file_learns_how_to_get_one(checkout):
    folder = write(checkout, ROWS)
    with pytest.raises(UsageError) as caught:
        read_bars(folder, "ACNE", "5m")
    assert "There is no file of 5m bars in " in str(caught.value)
    assert "Did you mean 'ACME'?" in str(caught.value)
    assert "`backtest prices import FILE --bars 5m --symbol ACNE`" in str(caught.value)


def test_inputs_have_the_bars_of_what_is_replayed(checkout):
    assert inputs(checkout, bars=None).finer == {}
    write(checkout, ROWS)
    found = inputs(checkout)
    assert found.finer["ACME"].table[:, 4].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert found.hashes(())["bars/ACME"] == found.finer["ACME"].sha256()
    assert found.versions(checkout.root / "data")["prices/5m/ACME.parquet"] == 1
    day = np.datetime64("2025-07-03").item()
    one = inputs(
        checkout, span=(day, day)
    )  # what comes before it is seen, and what comes after not
    assert one.finer["ACME"].table[:, 4].tolist() == [10.0, 20.0, 30.0]
    assert one.hashes(())["bars/ACME"] != found.hashes(())["bars/ACME"]


def test_as_of_a_day_there_are_no_later_bars(checkout):
    write(checkout, ROWS)
    found = inputs(checkout, as_of=np.datetime64("2025-07-03").item())
    assert found.finer["ACME"].sessions.astype(str).tolist() == [
        "2025-07-02", "2025-07-02", "2025-07-03",
    ]  # fmt: skip


def test_in_a_halt_there_are_no_bars(checkout):
    write(checkout, ROWS)
    checkout.write(
        "data/actions/ACME.csv",
        "day,action,amount,until,name,source\n2025-07-03,halted,,2025-07-03,,made up\n",
    )
    assert inputs(checkout).finer["ACME"].table[:, 4].tolist() == [10.0, 20.0, 40.0]


def test_a_span_in_which_nothing_has_a_bar_is_refused(checkout):
    write(checkout, ROWS)
    day = np.datetime64("2025-07-09").item()
    with pytest.raises(UsageError, match="None of ACME has a bar of 5m from 2025-07-09 to"):
        inputs(checkout, span=(day, day))


def test_bars_under_a_former_ticker_come_first(checkout):
    folder = write(checkout, ROWS[4:])
    write(checkout, ROWS[:6], symbol="OLDC")
    checkout.write(
        "data/actions/ACME.csv",
        "day,action,amount,until,name,source\n2025-07-03,renamed,,,OLDC,made up\n",
    )
    from backtest.data.actions import read_actions

    renames = read_actions(folder.parent / "actions", "ACME").renames
    bars = read_bars(folder, "ACME", "5m", renames=renames)
    assert bars.table[:, 4].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert [file.path.stem for file in bars.former] == ["OLDC"]


def test_the_lengths_are_in_minutes():
    assert LENGTHS == {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}


def test_python_loads_the_bars_and_lists_them(checkout):
    import backtest

    write(checkout, ROWS)
    data = checkout.root / "data"
    frame = backtest.load_prices("ACME", "5m", data=data)["ACME"]
    assert str(frame.index[0]) == "2025-07-02 13:30:00+00:00"
    assert frame["volume"].tolist() == [10.0, 20.0, 30.0, 40.0]
    listed = backtest.list_prices(data=data).loc["ACME"]
    assert listed["bars"].tolist() == ["daily", "5m"]
    assert listed["sessions"].tolist() == [30, 3]


def test_the_list_has_a_line_for_each_length(command, checkout):
    write(checkout, ROWS)
    assert "ACME 5m 2025-07-02 to 2025-07-07 3 sessions" in words(command("prices", "list").out)
