"""When events were public, as vendors store it: midnights, nothing, clocks and zones."""

from datetime import UTC, datetime, time

import pandas as pd
import pytest

from backtest.data.kinds import News, StakeDisclosure
from backtest.errors import DataError, UsageError
from backtest.sources.own_cells import parse_times, time_of_day, zone_of
from backtest.sources.own_events import MissingFieldsError, read_event_file
from backtest.sources.own_times import PublicTimes

SAID = {"constants": {"symbol": "BOLT", "headline": "A case", "category": "contract"}}
DATED = {"constants": {**SAID["constants"], "precision": "date"}}


@pytest.fixture
def read(tmp_path):
    def read(table, kind=News, **reading):
        path = tmp_path / ("mine.csv" if isinstance(table, str) else "mine.parquet")
        path.write_text(table) if isinstance(table, str) else table.to_parquet(path)
        return read_event_file(path, kind, **{"source_url": "unknown", **SAID, **reading}).rows

    return read


def times(texts, clocks=None, zone=None):
    found = PublicTimes(texts, clocks, None, zone)
    return [found.of(place, None) for place in range(len(texts))]


# Midnights


@pytest.mark.parametrize(
    "clock",
    [" 00:00:00-04:00", "T00:00:00Z", " 00:00 New York", " 12:00 AM ET", "T00:00:00,000+02:00"],
)
def test_midnights_of_any_zone_are_the_days_that_are_written(read, clock):
    """Read as a time, such a day could be traded before anything was public."""
    table = f'published_at,note\n"2025-06-10{clock}",a\n"2025-06-11{clock}",b\n'
    with pytest.raises(MissingFieldsError, match="--set precision=…"):
        read(table)
    stamps = [row["published_at"] for row in read(table, **DATED)]
    assert stamps == ["2025-06-10T23:59:59-04:00", "2025-06-11T23:59:59-04:00"]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Tokyo"])
def test_midnights_of_a_frame_are_the_days_that_are_written(read, zone):
    table = pd.DataFrame({"published_at": pd.to_datetime(["2025-06-10"]).tz_localize(zone)})
    with pytest.raises(MissingFieldsError, match="--set precision=…"):
        read(table)
    assert read(table, **DATED)[0]["published_at"] == "2025-06-10T23:59:59-04:00"


def test_a_midnight_among_times_is_a_time_and_among_days_alone_a_day():
    assert times(["2025-06-10T00:00:00Z", "2025-06-11T20:05:00Z"])[0] == (
        "2025-06-10T00:00:00Z", "minute",
    )  # fmt: skip
    assert times(["2025-06-10T00:00:00Z", "2025-06-11 amc"])[0] == ("2025-06-10", "")
    assert times(["2025-06-10T00:00:00Z", "2025-06-11"]) == [("2025-06-10", ""), ("2025-06-11", "")]


def test_a_midnight_gives_way_to_the_time_of_day_beside_it():
    found = times(["2025-06-10T00:00:00Z", "2025-06-11T00:00:00Z"], ["amc", "bmo"])
    assert found == [("2025-06-10 after close", ""), ("2025-06-11 before open", "")]


@pytest.mark.parametrize("as_of", ["2025-03-31 00:00:00", "2025-03-31T00:00:00Z", "2025-03-31"])
def test_a_field_of_days_takes_midnights(read, as_of):
    stake = {"symbol": "BOLT", "headline": "13F", "precision": "date", "holder": "BIG", "form": "f"}
    table = f"published_at,as_of\n2025-05-14,{as_of}\n2025-05-15,\n"
    rows = read(table, StakeDisclosure, constants=stake)
    assert [row["as_of"] for row in rows] == ["2025-03-31", ""]
    frame = pd.DataFrame({"published_at": ["2025-05-14", "2025-05-15"],
                          "as_of": pd.to_datetime([as_of, None])})  # fmt: skip
    for form in (None, "%Y-%m-%d"):
        rows = read(frame, StakeDisclosure, constants=stake, date_form=form)
        assert [row["as_of"] for row in rows] == ["2025-03-31", ""]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000_000])
def test_times_since_1970_are_times_of_utc(unit):
    seconds = (1755029107, 1755115200)
    found = times([str(one * unit) for one in seconds])
    assert found == [
        ("2025-08-12T20:05:07+00:00", "exact"),
        ("2025-08-13T20:00:00+00:00", "minute"),
    ]
    assert times([str(1755043200 * unit)]) == [("2025-08-13", "")]  # midnight alone is a day


# Nothing in place of a time


def test_nothing_among_times_of_day_leaves_the_day_alone():
    assert times(["2025-06-05", "2025-06-06"], ["amc", ""])[1] == ("2025-06-06", "date")
    assert times(["2025-06-05", "2025-06-06"], ["16:05 ET", ""])[1] == ("2025-06-06", "date")
    assert times(["2025-06-05", "2025-06-06"], ["amc", "00:00:00"])[1] == ("2025-06-06", "date")
    for nothing in (["", ""], ["00:00", ""]):  # no row tells a time
        assert times(["2025-06-05", "2025-06-06"], nothing)[1] == ("2025-06-06", "")


def test_an_empty_time_is_told_by_its_line(read):
    with pytest.raises(DataError, match="line 3, column published_at: is empty"):
        read("published_at,note\n2025-06-04T20:05:00Z,a\n,b\n")
    empty = pd.DataFrame({"published_at": pd.to_datetime(["2025-06-04T20:05:00Z", None])})
    with pytest.raises(DataError, match="row 1, column published_at: is empty"):
        read(empty)


# Clocks and zones


@pytest.mark.parametrize(
    ("text", "found"),
    [("16:30 AM", None), ("13:00 am", None), ("16:30 PM", time(16, 30)), ("24:30 PM", None),
     ("12:59 AM", time(0, 59)), ("12:59 PM", time(12, 59))],
)  # fmt: skip
def test_an_hour_of_the_afternoon_is_not_of_the_morning(text, found):
    """16:30 AM may be a slip for 16:30 as well as for 4:30."""
    assert time_of_day(text) == found


@pytest.mark.parametrize(
    ("behind", "stamp"),
    [
        ("16:30 America/New_York", "2025-06-05T16:30:00-04:00"),
        ("4:30 PM America/New_York", "2025-06-05T16:30:00-04:00"),
        ("16:30 America/Argentina/Buenos_Aires", "2025-06-05T16:30:00-03:00"),
        ("16:30 +02:00", "2025-06-05T16:30:00+02:00"),
        ("16:30 Z", "2025-06-05T16:30:00+00:00"),
        ("16:30:00.000 GMT-0400", "2025-06-05T16:30:00-04:00"),
        ("16:30 UTC+05:30", "2025-06-05T16:30:00+05:30"),
    ],
)
def test_a_zone_behind_a_time(behind, stamp):
    for day in ("2025-06-05", "05.06.2025", "Jun 5, 2025"):
        found = PublicTimes([f"{day} {behind}"], None, "%d.%m.%Y" if "." in day else None, None)
        assert found.of(0, None) == (stamp, "minute")
        (bar,), _ = parse_times(pd.Series([f"{day} {behind}"]), None, None, None)
        assert bar.astype("M8[s]").item() == datetime.fromisoformat(stamp).astimezone(UTC).replace(
            tzinfo=None
        )


@pytest.mark.parametrize(
    ("behind", "summer", "winter"),
    [
        ("EST", "09:45:00-04:00", "08:45:00-05:00"),  # it may be meant, and is later
        ("EDT", "08:45:00-04:00", "08:45:00-05:00"),
        ("ET", "08:45:00-04:00", "08:45:00-05:00"),
        ("CET", "09:45:00+02:00", "08:45:00+01:00"),
    ],
)
def test_a_time_of_winter_that_is_written_in_summer_is_never_early(behind, summer, winter):
    bare = ["2025-06-05 08:45", "2025-12-05 08:45"]
    written = PublicTimes([f"{one} {behind}" for one in bare], *[None] * 3)
    for found in (written, PublicTimes(bare, None, None, behind)):  # or said of all rows
        assert found.of(0, None) == (f"2025-06-05T{summer}", "minute")
        assert found.of(1, None) == (f"2025-12-05T{winter}", "minute")


@pytest.mark.parametrize(
    ("clock", "stamp"), [("00:30", "01:30:00-04:00"), ("01:30", "01:30:00-05:00")]
)
def test_a_time_of_winter_is_one_also_in_the_night_in_which_it_begins(clock, stamp):
    found = PublicTimes([f"2025-11-02 {clock} EST"], *[None] * 3)
    assert found.of(0, None) == (f"2025-11-02T{stamp}", "minute")


@pytest.mark.parametrize("zone", ["America", "US", "+99:99", "+25:00", "x" * 300])
def test_a_zone_that_is_no_zone_is_unknown(read, zone):
    with pytest.raises(UsageError, match=r"The zone .* is unknown"):
        zone_of(zone)
    with pytest.raises(UsageError, match=r"The zone .* is unknown"):
        read("published_at\n2025-06-05T16:05:00Z\n", zone=zone)


def test_a_zone_of_a_cell_that_is_unknown_is_told_by_its_line(read):
    with pytest.raises(DataError, match=r"line 3, column published_at: The zone 'US' is unknown"):
        read("published_at\n2025-06-05 16:05 ET\n2025-06-06 16:05 US\n")
