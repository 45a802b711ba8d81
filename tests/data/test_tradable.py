"""Which event can be traded when, and the start of a replay."""

from datetime import timedelta

import pytest

from backtest.data.calendar import trading_calendar
from backtest.data.market import tradable_session
from backtest.data.prices import read_prices
from backtest.data.universe import Universe
from backtest.engine.schedule import schedule
from backtest.engine.timeline import decide
from backtest.events import Earnings, ShortReport, Start
from backtest.strategy.base import Signal
from tests.asking import END_OF_DAY, Asked, ask
from tests.made_up import MINUTES_5, day, earnings, news, report, utc

# What cannot be traded


@pytest.mark.parametrize(
    ("event", "session", "obstacle"),
    [
        (earnings("2025-06-04T16:05:00-04:00"), "2025-06-05", ""),
        (
            report(f"2025-06-29{END_OF_DAY}", precision="week"),
            None,
            "known by the week alone, never traded",
        ),
        (
            report(f"2025-06-30{END_OF_DAY}", precision="month"),
            None,
            "known by the month alone, never traded",
        ),
        (report(f"2025-06-10{END_OF_DAY}", precision="date"), "2025-06-11", ""),
        (
            earnings("2025-06-01T23:59:59-04:00"),
            "2025-06-02",
            "public before the first price of ACME, 2025-06-02",
        ),
        (
            earnings("2025-05-01T08:00:00-04:00"),
            "2025-05-01",
            "public before the first price of ACME, 2025-06-02",
        ),
        (earnings("2025-06-02T00:00:01-04:00"), "2025-06-02", "before the first session of the"),
        (earnings("2025-06-05T16:05:00-04:00"), "2025-06-06", "before the first session of the"),
        (earnings("2025-06-06T16:05:00-04:00"), "2025-06-09", ""),
        (earnings("2025-07-09T16:05:00-04:00"), "2025-07-10", ""),
        (
            earnings("2025-07-10T09:25:00-04:00"),
            "2025-07-11",
            "after the last price of ACME in the",
        ),
        (
            earnings("2025-07-15T16:05:00-04:00"),
            "2025-07-16",
            "after the last price of ACME in the",
        ),
        (
            earnings("2026-01-02T16:05:00-05:00"),
            "2026-01-05",
            "after the last price of ACME in the",
        ),
    ],
)
def test_where_an_event_can_be_traded_in_a_span_from_june_9_to_july_10(
    prices, event, session, obstacle
):
    first = day("2025-06-05") if session == "2025-06-05" else day("2025-06-09")
    span = prices.span(first, day("2025-07-10"))
    found, why = tradable_session(event, prices, span, MINUTES_5)
    assert found == (session and day(session))
    assert why.startswith(obstacle)
    assert bool(why) == bool(obstacle)


def test_an_event_on_the_first_day_before_its_open_is_traded_there(prices):
    event = earnings("2025-06-02T00:00:01-04:00")
    assert tradable_session(event, prices, prices, MINUTES_5) == (day("2025-06-02"), "")


@pytest.mark.parametrize(("minutes", "session"), [(0, "2025-06-05"), (1440, "2025-06-06")])
def test_the_reaction_time_moves_the_session(prices, minutes, session):
    event = earnings("2025-06-04T16:05:00-04:00")
    found, _ = tradable_session(event, prices, prices, timedelta(minutes=minutes))
    assert found == day(session)


@pytest.mark.parametrize(
    ("event", "session"),
    [
        (earnings("2025-06-04T12:00:00-04:00", precision="minute"), "2025-06-04"),
        (earnings("2025-06-04T12:00:00-04:00", precision="session"), "2025-06-05"),
        (earnings("2025-06-04T09:00:00-04:00", precision="session"), "2025-06-04"),
        (earnings("2025-07-03T12:59:00-04:00", precision="session"), "2025-07-07"),
        (earnings("2025-07-03T13:00:00-04:00", precision="session"), "2025-07-07"),
    ],
)
def test_of_its_session_alone_it_is_not_traded_at_the_close_of_that(prices, event, session):
    found = tradable_session(event, prices, prices, MINUTES_5, at="close")
    assert found == (day(session), "")


def test_a_strategy_is_not_asked_about_what_cannot_be_traded(prices):
    events = [
        report(f"2025-06-29{END_OF_DAY}", precision="week"),
        earnings("2025-05-01T08:00:00-04:00"),
        earnings("2025-08-01T08:00:00-04:00"),
        earnings("2025-06-04T16:05:00-04:00"),
    ]
    decisions, seen = ask(prices, events)
    assert [event for event, _ in seen] == [events[3]]
    assert [(d.action, d.tradable_session and str(d.tradable_session)) for d in decisions] == [
        ("not_tradable", "2025-05-01"),
        ("no_signal", "2025-06-05"),
        ("not_tradable", None),
        ("not_tradable", "2025-08-01"),
    ]
    assert all(d.signal is None and d.direction is None for d in decisions)


def test_the_schedule_holds_every_event_listened_to_and_what_can_be_traded(prices):
    events = [
        report(f"2025-06-29{END_OF_DAY}", precision="week"),
        earnings("2025-06-27T08:00:00-04:00"),
        earnings("2025-06-05T16:05:00-04:00", symbol="OTHR"),
        news("2025-06-05T16:05:00-04:00"),
    ]
    both = {"ACME": prices}
    found = schedule((Earnings, ShortReport), events, both, both, MINUTES_5)
    assert [(d.event, d.action, d.reason) for d in found] == [
        (events[1], "notified", ""),
        (events[0], "not_tradable", "known by the week alone, never traded"),
    ]
    assert [d.tradable_session for d in found] == [day("2025-06-27"), None]


# Start


class AskedAtStart(Asked):
    listens_to = (Start, Earnings)


def test_the_start_comes_before_the_first_session_of_the_span(prices):
    decisions, seen = ask(
        prices, [earnings()], lambda e, _: Signal.long(e), strategy=AskedAtStart, first="2025-06-20"
    )
    start, market = seen[-1]
    assert isinstance(start, Start)
    assert start.published_at == utc("2025-06-18T16:00:00-04:00")  # the close before
    assert (start.symbol, start.headline) == ("ACME", "The replay begins")
    assert market.session == day("2025-06-20")
    assert len(market.bars()) == 13
    assert [(d.event.kind, d.action) for d in decisions] == [
        ("earnings", "not_tradable"),
        ("start", "signal"),
    ]


def test_the_start_of_a_stock_is_before_its_first_price(prices):
    decisions, ((_, market),) = ask(prices, [], strategy=AskedAtStart)
    assert decisions[0].tradable_session == day("2025-06-02")
    assert decisions[0].event.published_at == utc("2025-05-30T16:00:00-04:00")
    assert market.bars().empty


def test_at_the_start_what_was_public_is_there(prices):
    public = earnings("2025-06-04T16:05:00-04:00")
    later = earnings("2025-06-27T08:00:00-04:00")
    _, seen = ask(prices, [public, later], strategy=AskedAtStart, first="2025-06-20")
    (market,) = [market for event, market in seen if isinstance(event, Start)]
    assert market.events(Earnings) == (public,)


def test_each_stock_has_its_start_and_strategies_that_do_not_listen_have_none(checkout, prices):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    both = {"BETA": read_prices(checkout.root / "data/prices", "BETA"), "ACME": prices}
    decisions = decide(AskedAtStart(), [], both, both, MINUTES_5)
    assert [d.event.symbol for d in decisions] == ["ACME", "BETA"]
    assert decide(Asked(), [], both, both, MINUTES_5) == []


def test_the_close_before_a_start_is_a_close_of_the_calendar(prices):
    decisions, _ = ask(prices, [], strategy=AskedAtStart, first="2025-07-07")
    assert decisions[0].event.published_at == utc("2025-07-03T13:00:00-04:00")  # a half day
    assert trading_calendar().time_of(day("2025-07-07"), "open") == utc("2025-07-07T09:30:00-04:00")


def test_the_start_of_a_member_comes_before_the_first_session_of_its_membership(prices):
    spans = {
        "ACME": [(day("2025-06-03"), day("2025-06-06")), (day("2025-06-21"), day("2025-07-15"))]
    }
    universe = Universe("made_up", spans, prices.file)
    for first, close, session in (
        ("2025-06-02", "2025-06-02", "2025-06-03"),
        ("2025-06-04", "2025-06-03", "2025-06-04"),
        ("2025-06-09", "2025-06-20", "2025-06-23"),  # 21 June is a Saturday
    ):
        span = {"ACME": prices.span(day(first), None)}
        (decision,) = decide(AskedAtStart(), [], {"ACME": prices}, span, MINUTES_5, universe)
        assert decision.event.published_at == utc(f"{close}T16:00:00-04:00")
        assert decision.tradable_session == day(session)
