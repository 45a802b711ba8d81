"""The first session in which a fact can be traded; expectations are written by hand."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.data.calendar import trading_calendar
from backtest.errors import DataError, UsageError

CASES = {
    # name: (published_at, reaction minutes, tradable session)
    "well before the open": ("2025-11-11T08:00:00-05:00", 5, "2025-11-11"),
    "the last second that makes the open": ("2025-11-11T09:24:59-05:00", 5, "2025-11-11"),
    "09:24 makes the 09:30 open": ("2025-11-11T09:24:00-05:00", 5, "2025-11-11"),
    "09:25 does not, the open comes strictly after": ("2025-11-11T09:25:00-05:00", 5, "2025-11-12"),
    "09:26 does not": ("2025-11-11T09:26:00-05:00", 5, "2025-11-12"),
    "during the session": ("2025-11-11T12:00:00-05:00", 5, "2025-11-12"),
    "after the close": ("2025-11-10T20:38:00-05:00", 5, "2025-11-11"),
    "zero reaction, a second before the open": ("2025-11-11T09:29:59-05:00", 0, "2025-11-11"),
    "zero reaction, at the open": ("2025-11-11T09:30:00-05:00", 0, "2025-11-12"),
    "a microsecond before the open": ("2025-11-11T09:29:59.999999-05:00", 0, "2025-11-11"),
    "reaction of a minute and a half, in time": ("2025-11-11T09:28:29-05:00", 1.5, "2025-11-11"),
    "reaction of a minute and a half, late": ("2025-11-11T09:28:30-05:00", 1.5, "2025-11-12"),
    "reaction of a day": ("2025-11-11T08:00:00-05:00", 1440, "2025-11-12"),
    "reaction of a day, late": ("2025-11-11T10:00:00-05:00", 1440, "2025-11-13"),
    "reaction of a week, over a weekend": ("2025-11-12T08:00:00-05:00", 10_080, "2025-11-19"),
    "Friday after the close": ("2025-11-14T16:05:00-05:00", 5, "2025-11-17"),
    "Saturday": ("2025-11-15T12:00:00-05:00", 5, "2025-11-17"),
    "Sunday": ("2025-11-16T23:59:59-05:00", 5, "2025-11-17"),
    "Monday before the open": ("2025-11-17T09:00:00-05:00", 5, "2025-11-17"),
    "a day alone, stamped at its end": ("2025-06-10T23:59:59-04:00", 5, "2025-06-11"),
    "a day alone before a holiday": ("2025-06-18T23:59:59-04:00", 5, "2025-06-20"),
    "a holiday morning": ("2025-06-19T08:00:00-04:00", 5, "2025-06-20"),
    "Good Friday and the weekend": ("2025-04-17T16:30:00-04:00", 5, "2025-04-21"),
    "the morning of Good Friday": ("2025-04-18T08:00:00-04:00", 5, "2025-04-21"),
    "the morning of a half day": ("2025-07-03T09:00:00-04:00", 5, "2025-07-03"),
    "a half day after its close at 13:00": ("2025-07-03T13:30:00-04:00", 5, "2025-07-07"),
    "the eve of a half day": ("2025-07-02T16:05:00-04:00", 5, "2025-07-03"),
    # Clocks go forward on Sunday 2026-03-08: Friday opens at 14:30 UTC, Monday at 13:30 UTC.
    "the last open in winter, in time": ("2026-03-06T14:24:00+00:00", 5, "2026-03-06"),
    "the last open in winter, late": ("2026-03-06T14:25:00+00:00", 5, "2026-03-09"),
    "the first open in summer, in time": ("2026-03-09T13:24:00+00:00", 5, "2026-03-09"),
    "the first open in summer, late": ("2026-03-09T13:25:00+00:00", 5, "2026-03-10"),
    # Clocks go back on Sunday 2025-11-02: Friday opens at 13:30 UTC, Monday at 14:30 UTC.
    "the last open in summer, late": ("2025-10-31T13:25:00+00:00", 5, "2025-11-03"),
    "the first open in winter, in time": ("2025-11-03T14:24:00+00:00", 5, "2025-11-03"),
    "the first open in winter, late": ("2025-11-03T14:25:00+00:00", 5, "2025-11-04"),
    "the hour that comes twice, first": ("2025-11-02T01:30:00-04:00", 5, "2025-11-03"),
    "the hour that comes twice, second": ("2025-11-02T01:30:00-05:00", 5, "2025-11-03"),
    "stated in UTC": ("2025-11-11T14:24:00Z", 5, "2025-11-11"),
    "stated in Berlin": ("2025-11-11T15:24:00+01:00", 5, "2025-11-11"),
    "stated in Berlin, late": ("2025-11-11T15:25:00+01:00", 5, "2025-11-12"),
    "stated in Tokyo, the next day there": ("2025-11-12T05:05:00+09:00", 5, "2025-11-12"),
    "stated in Tokyo, the same session": ("2025-11-11T23:24:00+09:00", 5, "2025-11-11"),
    "stated in Kolkata": ("2025-11-11T19:54:00+05:30", 5, "2025-11-11"),
}


@pytest.mark.parametrize(("at", "minutes", "session"), CASES.values(), ids=CASES)
def test_an_event_trades_in_the_first_session_that_opens_after_the_reaction(at, minutes, session):
    found = trading_calendar().tradable_session(
        datetime.fromisoformat(at), timedelta(minutes=minutes)
    )
    assert found == date.fromisoformat(session)


@pytest.mark.parametrize("day", [(2025, 10, 31), (2025, 11, 3), (2026, 3, 6), (2026, 3, 9)])
def test_a_named_zone_is_read_with_its_daylight_saving(day):
    early, late = (datetime(*day, 9, m, tzinfo=ZoneInfo("America/New_York")) for m in (24, 25))
    find = trading_calendar().tradable_session
    assert find(early, timedelta(minutes=5)) == date(*day)
    assert find(late, timedelta(minutes=5)) > date(*day)


@pytest.mark.parametrize(
    ("session", "open_utc", "close_before_utc"),
    [
        ("2025-03-28", "2025-03-28T13:30", "2025-03-27T20:00"),
        ("2025-07-07", "2025-07-07T13:30", "2025-07-03T17:00"),  # a half day before
        ("2025-11-03", "2025-11-03T14:30", "2025-10-31T20:00"),  # clocks went back between
        ("2025-12-26", "2025-12-26T14:30", "2025-12-24T18:00"),  # a half day, Christmas between
        ("2026-03-09", "2026-03-09T13:30", "2026-03-06T21:00"),  # clocks went forward between
    ],
)
def test_opens_and_the_close_before_are_given_in_utc(session, open_utc, close_before_utc):
    calendar = trading_calendar()
    day = date.fromisoformat(session)
    assert calendar.time_of(day, "open") == datetime.fromisoformat(open_utc).replace(tzinfo=UTC)
    assert calendar.previous_close(day) == datetime.fromisoformat(close_before_utc).replace(
        tzinfo=UTC
    )
    assert calendar.time_of(day, "open").utcoffset() == timedelta(0)


@pytest.mark.parametrize("day", ["2025-04-18", "2025-06-19", "2025-07-04", "2025-11-15"])
def test_a_day_without_a_session_has_no_open(day):
    with pytest.raises(DataError, match=f"{day} is not a session of XNYS"):
        trading_calendar().time_of(date.fromisoformat(day), "open")


def test_sessions_between_two_days_leave_out_holidays_and_include_both_ends():
    found = trading_calendar().between(date(2025, 7, 1), date(2025, 7, 8))
    assert [str(day) for day in found] == [
        "2025-07-01", "2025-07-02", "2025-07-03", "2025-07-07", "2025-07-08",
    ]  # fmt: skip
    over_a_weekend = trading_calendar().between(date(2025, 7, 4), date(2025, 7, 6))
    assert over_a_weekend.tolist() == []


def test_a_date_past_the_calendar_is_refused_with_its_end():
    with pytest.raises(DataError, match=r"2036-01-02 is past the calendar.*ends on 2035-12-31"):
        trading_calendar().tradable_session(datetime(2036, 1, 2, tzinfo=UTC), timedelta(0))


# Every session from 2025-10-20 to 2025-11-28 by hand, and the UTC hour of its open: clocks go
# back on 2025-11-02, Thanksgiving is 2025-11-27, the day after closes early and opens as ever.
SUMMER = [f"2025-10-{day}" for day in (20, 21, 22, 23, 24, 27, 28, 29, 30, 31)]
WINTER = [
    f"2025-11-{day:02}"
    for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 24, 25, 26, 28)
]
OPENS = [(day, f"{day}T13:30:00+00:00") for day in SUMMER] + [
    (day, f"{day}T14:30:00+00:00") for day in WINTER
]


def naive_session(published_at: datetime, reaction: timedelta) -> date:
    for day, opens in OPENS:
        if datetime.fromisoformat(opens) > published_at + reaction:
            return date.fromisoformat(day)
    raise AssertionError("beyond the list")


AROUND_OPENS = st.builds(
    lambda opens, seconds: datetime.fromisoformat(opens[1]) + timedelta(seconds=seconds),
    st.sampled_from(OPENS[:-1]),
    st.integers(-600, 600),
)
ANY_SECOND = st.builds(
    lambda seconds: datetime(2025, 10, 18, tzinfo=UTC) + timedelta(seconds=seconds),
    st.integers(0, 40 * 86_400),
)


@given(
    at=st.one_of(ANY_SECOND, AROUND_OPENS),
    offset=st.integers(-12 * 60, 14 * 60),
    reaction=st.sampled_from([0, 1, 5, 5.5, 60]),
)
def test_the_session_is_that_of_a_plain_loop_over_a_list_made_by_hand(at, offset, reaction):
    moment = at.astimezone(timezone(timedelta(minutes=offset)))
    wait = timedelta(minutes=reaction)
    assert trading_calendar().tradable_session(moment, wait) == naive_session(moment, wait)


IN_A_PROCESS = """
import sys
from backtest.data.calendar import trading_calendar
print(trading_calendar().opens[-1], "exchange_calendars" in sys.modules)
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of one's own, and a process that has not asked for the calendar yet."""
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path))
    trading_calendar.cache_clear()
    yield tmp_path
    trading_calendar.cache_clear()


def told_by_a_process() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_library_is_asked_once(cache):
    assert told_by_a_process() == ["2035-12-31T14:30:00.000000", "True"]
    assert told_by_a_process() == ["2035-12-31T14:30:00.000000", "False"]


def test_the_cached_calendar_is_the_library_s(cache):
    library: Any = exchange_calendars.get_calendar("XNYS", start="1926-01-04", end="2035-12-31")
    for source in ("made", "read"):
        calendar = trading_calendar()
        trading_calendar.cache_clear()
        for name in ("sessions", "opens", "closes"):
            ours, theirs = getattr(calendar, name), pd.DatetimeIndex(getattr(library, name))
            moments = theirs.tz_convert(None) if theirs.tz else theirs
            assert np.array_equal(ours, moments.to_numpy()), (source, name)
        assert (calendar.sessions.dtype, calendar.opens.dtype) == ("M8[D]", "M8[us]")


def test_another_version_of_the_library_has_a_calendar_of_its_own(cache, monkeypatch):
    trading_calendar()
    trading_calendar.cache_clear()
    monkeypatch.setattr("backtest.data.calendar.version", lambda _: "99.0")
    trading_calendar()
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_calendar_is_made_anew(cache):
    good = trading_calendar().opens.copy()
    trading_calendar.cache_clear()
    (file,) = cache.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-8] + bytes(8))
    assert np.array_equal(trading_calendar().opens, good)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-07-03T13:29:59.999999", "NaT"),
        ("2025-07-03T13:30", "2025-07-03"),
        ("2025-07-03T16:59:59.999999", "2025-07-03"),
        ("2025-07-03T17:00", "NaT"),  # it closes at 13:00 in New York
        ("2025-07-04T15:00", "NaT"),
        ("2025-11-03T14:29", "NaT"),  # summer time has ended
        ("2025-11-03T20:59", "2025-11-03"),
        ("1926-01-02T15:00", "NaT"),
        ("1926-01-04T14:30", "1926-01-04"),
        ("2035-12-31T20:59", "2035-12-31"),
        ("2035-12-31T21:00", "NaT"),
        ("2036-01-02T15:00", "NaT"),
        ("NaT", "NaT"),
    ],
)
def test_the_session_in_whose_hours_a_moment_lies(moment, session):
    found = trading_calendar().sessions_at(np.array([moment, "2025-06-02T15:00"], "M8[us]"))
    assert found.astype(str).tolist() == [session, "2025-06-02"]
    assert found.dtype == "M8[D]"


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("1926-01-04", "1926-01-04T14:30:00.000000"),
        ("2025-06-19", "NaT"),
        ("2025-11-03", "2025-11-03T14:30:00.000000"),
        ("2035-12-31", "2035-12-31T14:30:00.000000"),
        ("1926-01-02", "NaT"),
        ("2036-01-02", "NaT"),
    ],
)
def test_the_opens_of_days(day, open_):
    found = trading_calendar().times_of(np.array([day, "2025-06-02"], "M8[D]"), "open")
    assert found.astype(str).tolist() == [open_, "2025-06-02T13:30:00.000000"]


# Steps. 2025-07-03 is a Thursday that closes at 13:00, the 4th a holiday, the 7th a Monday.


def to(text):
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "steps"),
    [
        ("2025-07-03", 0),
        ("2025-07-04", 1),  # no session: it counts as the next one
        ("2025-07-07", 1),
        ("2025-07-08", 2),
        ("2025-07-02", -1),
        ("2025-06-28", -3),  # a Saturday: as Monday
    ],
)
def test_how_many_sessions_a_day_is_away(day, steps):
    assert trading_calendar().steps(to("2025-07-03"), to(day)) == steps


@pytest.mark.parametrize(
    ("steps", "session"),
    [(0, "2025-07-03"), (1, "2025-07-07"), (2, "2025-07-08"), (-1, "2025-07-02")],
)
def test_the_session_so_many_after_one(steps, session):
    assert trading_calendar().after(to("2025-07-03"), steps) == to(session)


def test_steps_stay_within_the_calendar():
    calendar = trading_calendar()
    first, last = to("1926-01-04"), to("2035-12-31")
    assert calendar.steps(first, first) == calendar.steps(last, last) == 0
    assert calendar.after(last, calendar.steps(last, first)) == first
    for day in ("1926-01-03", "2036-01-01"):
        with pytest.raises(UsageError, match=f"{day} is outside of the calendar, 1926-01-04 to"):
            calendar.steps(last, to(day))
    with pytest.raises(UsageError, match="1 sessions from 2035-12-31 is outside of the calendar"):
        calendar.after(last, 1)
    with pytest.raises(UsageError, match="-1 sessions from 1926-01-04 is outside"):
        calendar.after(first, -1)


@pytest.mark.parametrize(
    ("clock", "last_closed", "next_to_close", "is_open"),
    [
        ("09:29:59", "2025-07-02", "2025-07-03", False),
        ("09:30:00", "2025-07-02", "2025-07-03", True),
        ("12:59:59", "2025-07-02", "2025-07-03", True),
        ("13:00:00", "2025-07-03", "2025-07-07", False),
    ],
)
def test_a_session_runs_from_its_open_up_to_its_close(clock, last_closed, next_to_close, is_open):
    calendar, moment = trading_calendar(), datetime.fromisoformat(f"2025-07-03T{clock}-04:00")
    assert calendar.last_closed(moment) == to(last_closed)
    assert calendar.next_to_close(moment) == to(next_to_close)
    assert calendar.is_open(moment) is is_open


def test_a_fact_can_be_traded_at_the_first_close_that_comes_after_it():
    calendar, none = trading_calendar(), timedelta(0)
    before, at = (datetime.fromisoformat(f"2025-07-03T{t}-04:00") for t in ("12:59:59", "13:00"))
    assert calendar.tradable_session(before, none, "close") == to("2025-07-03")
    assert calendar.tradable_session(at, none, "close") == to("2025-07-07")
    assert calendar.tradable_session(at, none) == to("2025-07-07")
    assert calendar.time_of(to("2025-07-03"), "close") == at
    assert calendar.time_of(to("2025-07-03"), "close").tzinfo is UTC


def test_the_close_of_days():
    found = trading_calendar().times_of(np.array(["2025-07-03", "2025-07-04"], "M8[D]"), "close")
    assert found.astype(str).tolist() == ["2025-07-03T17:00:00.000000", "NaT"]


def test_sessions_between_hold_the_last_of_the_calendar_and_none_outside():
    calendar = trading_calendar()
    ends = calendar.between(to("2035-12-28"), to("2036-01-31"))
    assert ends.astype(str).tolist() == ["2035-12-28", "2035-12-31"]
    assert calendar.between(to("2036-01-02"), to("2036-01-31")).size == 0
    assert calendar.between(to("2035-12-31"), to("2035-12-31")).size == 1
    assert calendar.between(to("1925-12-01"), to("1926-01-04")).size == 1


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("1926-01-04T09:00", "1926-01-04"),  # 04:00 in New York, before the first open
        ("2035-12-31T09:00", "2035-12-31"),
        ("2036-01-02T14:00", "NaT"),
        ("2035-12-28T22:00", "2035-12-31"),
    ],
)
def test_hours_outside_of_sessions_at_the_ends_of_the_calendar(moment, session):
    found = trading_calendar().extended_sessions_at(np.array([moment], "M8[us]"))
    assert found.astype(str).tolist() == [session]
