"""Events that were public shortly before, by the calendar. All are made up.

The decision is made before the open of Friday 2025-06-20; Thursday is Juneteenth, no session.
"""

from dataclasses import replace

import pytest

from backtest.blocks import events_near, sessions_since
from backtest.events import Earnings, Event, ShortReport
from tests.asking import ask
from tests.block_market import made_market
from tests.made_up import earnings, news, report, utc

DECIDED = news("2025-06-18T23:59:59-04:00")


@pytest.mark.parametrize(
    ("at", "sessions"),
    [
        ("2025-06-20T09:00:00-04:00", 0),  # the same morning
        ("2025-06-19T12:00:00-04:00", 0),  # on the holiday
        ("2025-06-18T09:30:00-04:00", 0),  # at the open before, too late for it
        ("2025-06-18T09:29:00-04:00", 1),
        ("2025-06-17T16:05:00-04:00", 1),
        ("2025-06-16T16:05:00-04:00", 2),
        ("2025-06-13T16:05:00-04:00", 3),  # over a weekend
        ("2024-06-20T09:00:00-04:00", 250),
    ],
)
def test_sessions_are_counted_by_the_calendar(at, sessions):
    assert sessions_since(earnings(at), made_market()) == sessions


def test_what_became_public_within_the_session_of_a_close_is_no_session_old():
    """Before a close an event of the same session is known, and none has opened since."""
    before_the_close = replace(made_market(), now=utc("2025-06-20T16:00:00-04:00"))
    assert sessions_since(earnings("2025-06-20T11:00:00-04:00"), before_the_close) == 0
    assert sessions_since(earnings("2025-06-18T11:00:00-04:00"), before_the_close) == 0
    assert sessions_since(earnings("2025-06-18T09:00:00-04:00"), before_the_close) == 1


def test_near_events_are_those_of_the_kinds_asked_for():
    near, far = earnings("2025-06-16T16:05:00-04:00"), earnings("2025-06-13T16:05:00-04:00")
    seller = report("2025-06-17T16:05:00-04:00")
    market = made_market(events=[far, near, seller, DECIDED])
    assert events_near(DECIDED, market, Earnings) == (near,)
    assert events_near(DECIDED, market, Earnings, sessions=3) == (far, near)
    assert events_near(DECIDED, market, Earnings, sessions=1) == ()
    assert events_near(DECIDED, market, Earnings, ShortReport) == (near, seller)
    assert events_near(DECIDED, market, Event) == (near, seller) == events_near(DECIDED, market)


def test_neither_the_event_itself_nor_another_stock_is_near():
    other = earnings("2025-06-17T16:05:00-04:00", symbol="OTHR")
    assert events_near(DECIDED, made_market(events=[other, DECIDED]), Event, sessions=99) == ()


def test_a_report_that_is_still_to_come_is_never_seen(prices):
    """The market of the timeline itself: the report of the next day is not in it."""
    asked = report("2025-06-17T16:05:00-04:00")
    coming = earnings("2025-06-18T16:05:00-04:00")
    before = earnings("2025-06-16T16:05:00-04:00")
    events = [before, asked, coming]
    decisions, _ = ask(
        prices, events, lambda event, market: f"{len(events_near(event, market, Earnings))} near"
    )
    told = {decision.event.id: decision.reason for decision in decisions}
    assert told[asked.id] == "1 near"
    assert told[coming.id] == "1 near"  # the one before it, not itself
