"""What strategies that know a date beforehand answer, session by session.

The market is before the open of 2025-06-05, a Thursday; the sessions that follow are 6, 9, 10, 11,
12, 13, 16, 17, 18 and 20 June, and 19 June is a holiday.
"""

from datetime import timedelta

import pandas as pd
import pytest

from backtest import Signal, Wait
from backtest.data.market import Market, Tape
from backtest.data.scheduled import LockupEnd, ReportDate
from backtest.strategy.loading import load_strategy
from backtest.strategy.parameters import configure
from tests.golden.goldens import ROOT
from tests.made_up import day, utc

BARS = pd.DataFrame({"close": [100.0]}, index=pd.DatetimeIndex(["2025-06-04"], name="session"))


def market():
    now = utc("2025-06-05T09:30:00-04:00")
    tape = Tape({"ACME": BARS}, [], timedelta(0), lambda _: ("ACME",))
    tape.play(day("2025-06-05"), now)
    return Market(day("2025-06-05"), now, "ACME", tape.past)


def answer(name, event, **settings):
    found = configure(load_strategy(ROOT / "strategies", name), settings).on_event(event, market())
    if isinstance(found, Wait):
        assert found.gives_way
        return f"wait {found.sessions}"
    if isinstance(found, Signal):
        assert (found.enter, found.leave) == ("open", "close")
        return f"{found.direction} {found.hold}"
    return found


def report(on, session):
    texts = {"symbol": "ACME", "headline": "A report", "precision": "exact", "session": session}
    return ReportDate(published_at=utc("2025-06-04T16:05:00-04:00"), report_on=day(on), **texts)


@pytest.mark.parametrize(
    ("on", "session", "expected"),
    [
        ("2025-06-05", "after close", "long 0"),  # at the open, and out at the same close
        ("2025-06-05", "before open", "no close is left before the report of 2025-06-05"),
        ("2025-06-05", "unknown", "no close is left before the report of 2025-06-05"),
        ("2025-06-06", "before open", "long 0"),
        ("2025-06-11", "after close", "long 4"),  # five sessions: 5, 6, 9, 10 and 11 June
        ("2025-06-12", "after close", "wait 1"),
        ("2025-06-12", "unknown", "long 4"),
        ("2025-06-20", "after close", "wait 6"),
        ("2025-06-20", "before open", "wait 5"),
        ("2025-06-19", "after close", "wait 5"),  # no session: its last close is that of the 18th
        ("2025-06-14", "after close", "wait 2"),  # a Saturday: out on Friday the 13th
    ],
)
def test_a_run_up_ends_at_the_last_close_before_the_report(on, session, expected):
    assert answer("report_runup", report(on, session)) == expected


def test_the_run_up_is_as_long_as_its_parameter():
    made = report("2025-06-20", "after close")
    assert answer("report_runup", made, sessions=11) == "long 10"
    assert answer("report_runup", made, sessions=1) == "wait 10"


@pytest.mark.parametrize(
    ("ends", "settings", "expected"),
    [
        ("2025-06-05", {}, "short 1"),
        ("2025-06-06", {}, "short 2"),
        ("2025-06-09", {}, "wait 1"),
        ("2025-06-20", {"before": 10, "after": 0}, "short 10"),
        ("2025-06-20", {"before": 9}, "wait 1"),
        ("2025-06-06", {"side": "long"}, "long 2"),
    ],
)
def test_a_lock_up_is_traded_about_the_day_of_its_end(ends, settings, expected):
    texts = {"symbol": "ACME", "headline": "A lock-up", "precision": "exact"}
    made = LockupEnd(published_at=utc("2025-06-04T16:05:00-04:00"), ends_on=day(ends), **texts)
    assert answer("lockup_day", made, **settings) == expected


def test_a_lock_up_that_has_ended_is_left_alone():
    texts = {"symbol": "ACME", "headline": "A lock-up", "precision": "exact"}
    made = LockupEnd(
        published_at=utc("2025-06-03T16:05:00-04:00"), ends_on=day("2025-06-04"), **texts
    )
    assert answer("lockup_day", made) == "the lock-up has ended on 2025-06-04"
