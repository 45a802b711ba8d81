"""What the texts in anyone's columns stand for: numbers, days, times of day and zones."""

from datetime import UTC, date, datetime, time, timedelta
from math import inf, isnan

import numpy as np
import pandas as pd
import pytest

from backtest.errors import UsageError
from backtest.sources.own_cells import (
    _as_days,
    _clocks,
    _parts,
    clock_part,
    day_part,
    epochs,
    parse_days,
    parse_times,
    time_of_day,
    zone_of,
)
from backtest.sources.own_columns import guess_decimal, parse_numbers
from backtest.sources.own_times import PublicTimes, days_by_text

MONDAY = datetime(2025, 6, 2, 13, 30, tzinfo=UTC)

# Numbers


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("65.99M", ".", 65_990_000),
        ("1.5M", ".", 1_500_000), ("2K", ".", 2_000), ("3b", ".", 3_000_000_000),
        ("1,234.5", ".", 1234.5), ("$12.25", ".", 12.25), ("US$ 7", ".", 7), ("(2)", ".", -2),
        ("−3", ".", -3), ("+4", ".", 4), (".5", ".", 0.5), ("5.", ".", 5), ("1.2e3", ".", 1200),
        ("1'000", ".", 1000), ("1.234,5", ",", 1234.5), ("1,5M", ",", 1_500_000),
        ("1.234", ",", 1234), ("1.234", ".", 1.234), ("1,234", ".", 1234),
    ],
)  # fmt: skip
def test_a_number_has_signs_thousands_and_units(text, decimal, number):
    assert parse_numbers(pd.Series([text, "x"]), decimal)[0] == number


def test_a_number_of_more_digits_than_doubles_have_is_too_large_and_no_fault():
    assert parse_numbers(pd.Series(["9" * 400, "1"], dtype=object), ".").tolist() == [inf, 1.0]


@pytest.mark.parametrize(
    "text", ["", "x", "n/a", "12,34", "1,2345", "1.2.3", "K", "--3", "3 to 4", "-", ".", "+."]
)
def test_what_is_no_number_is_unknown(text):
    assert isnan(parse_numbers(pd.Series([text, "x"]), ".")[0])


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["5"], "."), (["1,5"], ","), (["1.5"], "."), (["1,234.5"], "."), (["1.234,5"], ","),
        (["1.234.567"], ","), (["1,234,567"], "."), (["1,234", "1.5"], "."),
        (["1,5", "1.234"], ","), (["n/a", "1,5"], ","), (["1.234"], "."),
        (["12,345.6", "1,5"], "."),
    ],
)  # fmt: skip
def test_the_decimal_sign_of_texts(cells, sign):
    assert guess_decimal([pd.Series([*cells, "x"])], continental=False) == sign


@pytest.mark.parametrize(
    ("cells", "continental"), [(["1,234"], False), (["1.234"], True), (["1,234", "1.234"], False)]
)
def test_three_digits_behind_the_only_sign_can_be_read_in_two_ways(cells, continental):
    with pytest.raises(UsageError, match="can be read in two ways"):
        guess_decimal([pd.Series(cells)], continental=continental)


def test_plain_numbers_tell_nothing_of_the_sign_of_others():
    with pytest.raises(UsageError, match="'1,234' can be read in two ways"):
        guess_decimal([pd.Series(["1.5"]), pd.Series(["1,234"])], continental=False)


# Days


@pytest.mark.parametrize(
    ("scale", "digits"), [(1, 10), (1_000, 13), (1_000_000, 16), (1_000_000_000, 19)]
)
def test_digits_since_1970_tell_their_unit(scale, digits):
    text = str(int(MONDAY.timestamp()) * scale)
    assert len(text) == digits
    found = epochs(pd.Series([text, "total"]))
    assert (found[0], found[1] is pd.NaT) == (MONDAY, True)


@pytest.mark.parametrize("days", [["20250102", "20250103", "20250106"], ["45810", "45811"]])
def test_one_negative_cell_among_days_of_digits_makes_no_seconds_of_them(days):
    assert epochs(pd.Series([*days, "-1"])) is None


def test_few_seconds_among_negative_ones_are_seconds():
    assert epochs(pd.Series(["-86400", "-172800", "20250102"]))[0].year == 1969
    assert epochs(pd.Series(["-86400", "999999999", "0"]))[2].year == 1970


def test_nine_digits_are_seconds_before_september_2001():
    assert epochs(pd.Series(["999999999"]))[0] == datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)


def test_five_digits_are_days_of_a_spreadsheet_where_all_are_sessions():
    """45658 is 2025-01-01; June 2 is 152 days later, the day before it a Sunday."""
    found = epochs(pd.Series(["45810", "45811"]))
    assert found.astype(str).tolist() == ["2025-06-02", "2025-06-03"]
    assert epochs(pd.Series(["45809", "45810"])) is None


@pytest.mark.parametrize(
    "texts", [["1748871000", "1748871000000"], ["12345678"], ["x"], ["1748871000", "1 June"]]
)
def test_other_digits_are_no_times_since_1970(texts):
    assert epochs(pd.Series(texts)) is None


@pytest.mark.parametrize(
    ("texts", "days", "form"),
    [
        (["2025-06-02", "2025-06-03"], ["2025-06-02", "2025-06-03"], "%Y-%m-%d"),
        (["2025-06-02 16:00", "x"], ["2025-06-02", "NaT"], "%Y-%m-%d"),
        (["06/02/2025", "06/13/2025"], ["2025-06-02", "2025-06-13"], "%m/%d/%Y"),
        (["2025-06-02T00:00:00-04:00"], ["2025-06-02"], ""),
        (["2025-06-03T00:00:00Z", "2025-06-03T01:00:00Z"], ["2025-06-02"] * 2, ""),
        (["1748871000"], ["2025-06-02"], ""),
        (["2301-01-02", "2025-06-02", "1699-01-02"], ["NaT", "2025-06-02", "NaT"], "%Y-%m-%d"),
    ],
)
def test_days_are_read_in_new_york_and_as_they_are_written(texts, days, form):
    found, written = parse_days(pd.Series(texts), None)
    assert (found.astype(str).tolist(), written) == (days, form)


def test_a_form_that_is_said_is_taken_and_two_that_fit_are_refused():
    texts = pd.Series(["03/06/2025", "04/06/2025", "05/06/2025"])  # June by day, or three months
    assert parse_days(texts, None)[1] == "%d/%m/%Y"
    assert parse_days(texts, "%m/%d/%Y")[0].astype(str).tolist()[0] == "2025-03-06"
    with pytest.raises(UsageError, match=r"can be read as %m/%d/%Y or %d/%m/%Y"):
        days_by_text(["04/06/2025"], None)
    assert days_by_text(["soon"], None) == {}
    with pytest.raises(UsageError, match="cannot be read as a day"):
        parse_days(pd.Series(["soon"]), None)


def test_days_of_texts_are_written_alike_beside_iso_days():
    found = days_by_text(["2025-06-03", "04/06/2025", "13/06/2025", "soon", "2025-13-01x"], None)
    assert found == {
        "2025-06-03": date(2025, 6, 3),
        "04/06/2025": date(2025, 6, 4),
        "13/06/2025": date(2025, 6, 13),
    }


# Times


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9:30 AM", time(9, 30)), ("12:05 AM", time(0, 5)), ("12:05 pm", time(12, 5)),
        ("4:05 p.m.", time(16, 5)), ("16:05:07", time(16, 5, 7)), ("16:05:07.9", time(16, 5, 7)),
        ("25:00", None), ("9:61", None), ("nine", None), ("930", None),
    ],
)  # fmt: skip
def test_a_time_of_day(text, found):
    assert time_of_day(text) == found


def test_a_day_and_what_is_behind_it():
    assert day_part("Jun 4, 2025 4:05 PM ET") == "Jun 4, 2025"
    assert clock_part("Jun 4, 2025 4:05 PM ET") == ("4:05 PM", "ET")
    assert (day_part("2025-06-04"), clock_part("2025-06-04")) == ("2025-06-04", ("", ""))


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("ET", -4), ("est", -4), ("New York", -4), ("GMT", 0), ("+02:00", 2), ("-0330", -3.5),
     ("Europe/Berlin", 2), ("America/New York", -4)],
)  # fmt: skip
def test_a_zone_by_its_name(zone, hours):
    assert datetime(2025, 6, 4, tzinfo=zone_of(zone)).utcoffset() == timedelta(hours=hours)


def test_a_zone_that_is_none():
    with pytest.raises(UsageError, match="'Nowhere' is unknown"):
        zone_of("Nowhere")


def public(text, clock=None, *, precision="", zone=None):
    return PublicTimes([text], None if clock is None else [clock], None, zone).of(0, precision)


@pytest.mark.parametrize(
    ("text", "clock", "told", "precision"),
    [
        ("2025-06-04 16:05 ET", None, "2025-06-04T16:05:00-04:00", "minute"),
        ("2025-06-04 16:05:07 ET", None, "2025-06-04T16:05:07-04:00", "exact"),
        ("2025-06-04 16:05:00 ET", None, "2025-06-04T16:05:00-04:00", "minute"),
        ("2025-06-04T16:05:00Z", None, "2025-06-04T16:05:00Z", ""),
        ("2025-06-04 00:00", None, "2025-06-04", ""),
        ("2025-06-04", "BMO", "2025-06-04 before open", ""),
        ("2025-06-04", "After the close", "2025-06-04 after close", ""),
        ("2025-06-04 (pre-market)", None, "2025-06-04 before open", ""),
        ("2025-06-04", "time-not-supplied", "2025-06-04", "date"),
        ("2025-06-04", "", "2025-06-04", ""),
        ("2025-06-04", "4:05 pm ET", "2025-06-04T16:05:00-04:00", "minute"),
        ("2025-11-02 01:30 ET", None, "2025-11-02T01:30:00-05:00", "minute"),  # of two the later
        ("2022-03-22 00:30 Asia/Tehran", None, "2022-03-22T00:30:00+03:30", "minute"),  # skipped
    ],
)
def test_when_an_event_was_public(text, clock, told, precision):
    assert public(text, clock) == (told, precision)


def test_the_precision_of_the_file_counts_and_of_a_week_no_time_of_day():
    assert public("2025-06-04 16:05 ET", precision="exact")[1] == "exact"
    assert public("2025-06-04 16:05 ET", precision="week") == ("2025-06-04", "week")
    assert public("2025-06-04T16:05:07Z", precision=None)[1] == "exact"
    assert public("soon", precision="date") == ("soon", "date")


def test_a_time_without_a_zone_and_one_that_is_none_are_refused():
    assert public("2025-06-04 16:05", zone="UTC")[0] == "2025-06-04T16:05:00+00:00"
    with pytest.raises(ValueError, match="has no zone"):
        public("2025-06-04 16:05")
    with pytest.raises(ValueError, match="'25:00 ET' is no time of day"):
        public("2025-06-04", "25:00 ET")


@pytest.mark.parametrize(
    ("texts", "clocks", "bare"),
    [
        (["2025-06-04"], None, True), (["2025-06-04"], [""], False),
        (["2025-06-04 16:05 ET"], None, False), (["2025-06-04T16:05Z"], None, False),
        (["2025-06-04T16:05Z", "2025-06-05"], None, True),
    ],
)  # fmt: skip
def test_days_alone_are_bare(texts, clocks, bare):
    assert PublicTimes(texts, clocks, None, None).bare is bare


def test_the_days_of_a_frame_are_of_its_zone_where_all_are_midnights():
    """Four in the morning of UTC is midnight in New York, and 03:00 the evening before."""
    for hours, days in (
        ((4, 28), ["2025-06-02", "2025-06-03"]),
        ((3, 27), ["2025-06-01", "2025-06-02"]),
    ):
        moments = [datetime(2025, 6, 2, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]
        cells = pd.Series(moments).dt.tz_convert("America/New_York")
        found, form = parse_days(cells, None)
        assert (found.astype(str).tolist(), form) == (days, "")
        assert found.dtype == np.dtype("M8[D]")


# Where what is read ends

SUNDAY = datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)  # after 999,999,999 seconds


@pytest.mark.parametrize(
    ("digits", "moment"),
    [(9, SUNDAY), (12, SUNDAY), (15, SUNDAY), (18, SUNDAY), (10, MONDAY), (13, MONDAY),
     (16, MONDAY), (19, MONDAY), (8, None), (11, None), (14, None), (17, None), (20, None)],
)  # fmt: skip
def test_a_time_since_1970_has_the_digits_of_its_unit(digits, moment):
    """Seconds have 9 digits before that Sunday and 10 since, and each thousandth three more."""
    seconds = MONDAY if moment is None else moment
    text = str(int(seconds.timestamp())).ljust(digits, "0")[:digits]
    found = epochs(pd.Series([text]))
    assert (found if found is None else found[0]) == moment


def test_a_fraction_of_a_second_is_left_away():
    assert epochs(pd.Series(["1748871000.75"]))[0] == MONDAY


def test_days_between_1700_and_2300_are_days():
    cells = np.array(["1700-01-01", "1700-01-02", "2299-12-31", "2300-01-01"], dtype="M8[s]")
    found = _as_days(pd.Series(cells)).astype(str).tolist()
    assert found == ["NaT", "1700-01-02", "2299-12-31", "NaT"]


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["2025-03-07T00:00:00-05:00", "2025-03-10T00:00:00-04:00"], ["2025-03-07", "2025-03-10"]),
        (["2025-06-03T00:00:00Z", "2025-06-04T00:00Z", "total"],
         ["2025-06-03", "2025-06-04", "NaT"]),
        (["2025-06-03T21:00:00-04:00", "2025-06-04T03:00+02:00", "total"],
         ["2025-06-03", "2025-06-03", "NaT"]),
    ],
)  # fmt: skip
def test_days_with_zones_may_be_written_in_several_ways(texts, days):
    found, form = parse_days(pd.Series(texts), None)
    assert (found.astype(str).tolist(), form) == (days, "")


def test_days_of_a_frame_without_a_zone_are_as_they_are():
    days = pd.Series(pd.to_datetime(["2025-06-02", "2025-06-03"]))
    found, form = parse_days(days, None)
    assert (found.astype(str).tolist(), form) == (["2025-06-02", "2025-06-03"], "")


def test_digits_are_a_day_by_the_form_that_is_said():
    assert days_by_text(["20250603"], "%Y%d%m") == {"20250603": date(2025, 3, 6)}
    with pytest.raises(UsageError, match="'2025-13-01' cannot be read as a day"):
        days_by_text(["2025-13-01", "2025-06-03"], None)


def read_times(*texts, zone="New York"):
    return parse_times(pd.Series(texts), None, None, zone)[0].astype(str).tolist()


def test_an_hour_that_the_clocks_repeat_or_skip_is_no_time_of_a_bar():
    assert read_times("2025-11-03 01:30", "2025-11-02 01:30", "2025-03-09 02:30") == [
        "2025-11-03T06:30:00.000000", "NaT", "NaT",
    ]  # fmt: skip


def test_times_have_their_own_zones_or_the_one_that_is_said():
    assert read_times("2025-06-03 09:30:15 ET", "2025-06-03 15:30:15 +02:00") == [
        "2025-06-03T13:30:15.000000", "2025-06-03T13:30:15.000000",
    ]  # fmt: skip
    assert read_times("2025-06-03 09:30", "total") == ["2025-06-03T13:30:00.000000", "NaT"]
    assert read_times("2025-06-03 09:30 ET", "total", zone=None)[1] == "NaT"
    with pytest.raises(UsageError, match="Times such as '2025-06-03 09:30:00' have no zone"):
        parse_times(pd.Series(pd.to_datetime(["2025-06-03 09:30", "2025-06-03 10:30"])),
                    None, None, None)  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "clocks"),
    [
        (["2025-11-3 09:30", "2025-11-03 9:30"], ["09:30", "9:30"]),  # as long, cut elsewhere
        (["2025-11-03 9:30", "2025-11-03 10:30"], ["9:30", "10:30"]),
        (["2025-11-03 09:30", "2025-11-04 10:30"], ["09:30", "10:30"]),
        (["total", "2025-11-04 10:30"], ["", "10:30"]),
        (["20251103 0930", "20251104 1030"], ["0930", "1030"]),
    ],
)
def test_the_parts_of_times_are_cut_row_by_row_where_they_differ(texts, clocks):
    assert _parts(pd.Series(texts))["clock"].tolist() == clocks


def test_one_of_the_first_sixty_rows_tells_how_times_are_written():
    for count in (59, 60):
        texts = pd.Series(["total"] * count + ["2025-11-03 09:30"])
        if count < 60:
            assert _parts(texts)["clock"].iloc[-1] == "09:30"
        else:
            with pytest.raises(UsageError, match="'total' has no time of day"):
                _parts(texts)


def test_a_time_of_day_counts_to_the_second():
    found = _clocks(pd.Series(["09:30:15", "093015", "0930", "930", "soon"]))
    seconds = (found / np.timedelta64(1, "s")).tolist()
    assert seconds[:4] == [34215, 34215, 34200, 34200]
    assert isnan(seconds[4])


def test_midnights_are_days_where_all_are():
    both = PublicTimes(["2025-06-04 00:00", "2025-06-04 16:05"], None, None, "UTC")
    assert both.of(0, "") == ("2025-06-04T00:00:00+00:00", "minute")
    days = PublicTimes(["2025-06-04 00:00", "2025-06-05 0:00:00.0"], None, None, "UTC")
    assert [days.of(n, "")[0] for n in (0, 1)] == ["2025-06-04", "2025-06-05"]


@pytest.mark.parametrize(
    ("text", "clock", "precision", "told"),
    [
        ("soon", None, None, ("soon", "")),
        ("2025-06-04", None, None, ("2025-06-04", "")),
        ("2025-06-04 before open", None, None, ("2025-06-04 before open", "")),
        ("2025-06-04T16:05:07Z", None, "date", ("2025-06-04T16:05:07Z", "date")),
        ("2025-06-04 16:05 ET", None, None, ("2025-06-04T16:05:00-04:00", "minute")),
        ("2025-06-04", "tas", "week", ("2025-06-04", "week")),
        ("2025-06-04", "tas", "exact", ("2025-06-04", "exact")),
        ("2025-06-04", "amc", "exact", ("2025-06-04 after close", "")),
        ("2025-06-04 16:05 ET", "amc", "", ("2025-06-04T16:05:00-04:00", "minute")),
    ],
)
def test_the_precision_of_a_time_is_the_file_s_or_that_of_how_it_is_written(
    text, clock, precision, told
):
    assert public(text, clock, precision=precision) == told
