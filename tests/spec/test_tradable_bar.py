"""The bar at which an event can be traded, by hand: by the oracle and by the program.

Stamps are those of New York. ACME's and BOLT's bars are of five minutes.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import NEW_YORK, News
from backtest.engine.schedule import schedule
from tests import oracle
from tests.engines import made_up_bars, made_up_stocks
from tests.oracle_bars import last_of_session, sequence
from tests.spec.case import Case, moment

DAILY = {
    # A session by the day; for BOLT's bars of Friday and of Tuesday all are by the day then.
    "ACME": "2025-06-02 100 100 100 100",
    "BOLT": """
        2025-06-02 100 100 100 100
        2025-06-06 100 100 100 100
        2025-06-10 100 100 100 100
    """,
}
FINER = {
    "ACME": """
        2025-06-03 09:30 100 100 100 100
        2025-06-03 09:35 100 100 100 100
        2025-06-03 09:40 100 100 100 100
        2025-06-03 15:50 100 100 100 100  # after a halt
        2025-06-03 15:55 100 100 100 100
        2025-06-05 09:35 100 100 100 100  # nothing is traded on Wednesday, nor before 09:35
        2025-06-05 15:30 100 100 100 100  # and nothing after this
        2025-06-06 09:30 100 100 100 100
        2025-06-09 09:30 100 100 100 100
        2025-06-09 15:55 100 100 100 100
        2025-06-11 09:30 100 100 100 100  # nothing is traded on Tuesday
    """,
    "BOLT": """
        2025-06-03 09:30 100 100 100 100
        2025-06-04 09:30 100 100 100 100
        2025-06-05 09:30 100 100 100 100
        2025-06-09 09:30 100 100 100 100
        2025-06-11 09:30 100 100 100 100
    """,
}
HALF_DAY = {
    "ACME": """
        2025-11-26 15:55 100 100 100 100
        2025-11-28 09:30 100 100 100 100  # closes at 13:00
        2025-11-28 12:55 100 100 100 100
        2025-12-01 09:30 100 100 100 100
    """
}
CLOCKS_CHANGE = {
    "ACME": """
        2025-03-07 15:55 100 100 100 100  # 20:55 UTC
        2025-03-10 09:30 100 100 100 100  # 13:30 UTC
        2025-03-10 09:35 100 100 100 100
        2025-10-31 15:55 100 100 100 100  # 19:55 UTC
        2025-11-03 09:30 100 100 100 100  # 14:30 UTC
        2025-11-03 09:35 100 100 100 100
    """
}
# From a bar at 04:00 on Friday to one after the last session.
EVENING = {
    "ACME": """
        2025-06-05 18:00 100 100 100 100  # of a day before the run
        2025-06-06 04:00 100 100 100 100
        2025-06-06 09:30 100 100 100 100
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:05 100 100 100 100
        2025-06-06 16:10 100 100 100 100
        2025-06-06 19:55 100 100 100 100
        2025-06-06 20:30 100 100 100 100  # too late
        2025-06-07 12:00 100 100 100 100  # on a Saturday
        2025-06-09 03:55 100 100 100 100  # too early
        2025-06-09 08:00 100 100 100 100
        2025-06-09 09:30 100 100 100 100
        2025-06-09 09:35 100 100 100 100
        2025-06-09 16:05 100 100 100 100  # of a session that the run does not have
    """
}
# Monday is by the day, on Wednesday ACME is not traded.
SOME_EVENINGS = {
    "ACME": """
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:05 100 100 100 100
        2025-06-09 08:00 100 100 100 100
        2025-06-09 16:05 100 100 100 100
        2025-06-10 09:30 100 100 100 100
        2025-06-10 16:05 100 100 100 100
        2025-06-11 08:00 100 100 100 100
        2025-06-11 16:05 100 100 100 100
        2025-06-12 09:30 100 100 100 100
    """,
    "BOLT": """
        2025-06-06 09:30 100 100 100 100
        2025-06-10 09:30 100 100 100 100
        2025-06-11 09:30 100 100 100 100
        2025-06-12 09:30 100 100 100 100
    """,
}
MONDAY = {
    "ACME": "2025-06-09 100 100 100 100",
    "BOLT": "2025-06-09 100 100 100 100",
}
HALF_DAYS_EVENING = {
    "ACME": """
        2025-11-28 12:55 100 100 100 100
        2025-11-28 13:00 100 100 100 100
        2025-11-28 14:00 100 100 100 100
        2025-12-01 09:30 100 100 100 100
    """
}
EVENINGS_OF_CHANGES = {
    "ACME": """
        2025-03-07 15:55 100 100 100 100
        2025-03-07 19:55 100 100 100 100  # 00:55 UTC
        2025-03-10 03:55 100 100 100 100  # too early
        2025-03-10 04:00 100 100 100 100  # 08:00 UTC
        2025-03-10 09:30 100 100 100 100
        2025-10-31 15:55 100 100 100 100
        2025-10-31 19:55 100 100 100 100  # 23:55 UTC
        2025-11-03 03:55 100 100 100 100
        2025-11-03 04:00 100 100 100 100  # 09:00 UTC
        2025-11-03 09:30 100 100 100 100
    """
}


class Row(NamedTuple):
    """When something was published, and the bar at which it can be traded; None: never."""

    name: str
    published: str
    bar: str | None
    reaction: int = 0  # minutes
    precision: str = "exact"
    decides: str = "open"
    missing_bars: str = "daily"
    finer: dict[str, str] = FINER
    daily: dict[str, str] = DAILY
    extended: bool = False


def close(name: str, published: str, bar: str | None, **terms: Any) -> Row:
    return Row(name, published, bar, decides="close", **terms)


def by_session(name: str, published: str, bar: str | None, **terms: Any) -> Row:
    return Row(name, published, bar, precision="session", **terms)


def alone(name: str, published: str, bar: str | None, finer: dict[str, str], **terms: Any) -> Row:
    return Row(name, published, bar, finer=finer, daily={}, **terms)


def outside(
    name: str,
    published: str,
    bar: str | None,
    finer: dict[str, str] = EVENING,
    daily: dict[str, str] | None = None,
    **terms: Any,
) -> Row:
    return Row(name, published, bar, finer=finer, daily=daily or {}, extended=True, **terms)


ROWS = [
    Row("before_the_open", "2025-06-03 08:00", "2025-06-03 09:30"),
    Row("a_second_before_the_open", "2025-06-03 09:29:59", "2025-06-03 09:30"),
    Row("at_the_open_the_bar_is_past", "2025-06-03 09:30", "2025-06-03 09:35"),
    Row("within_a_bar", "2025-06-03 09:31", "2025-06-03 09:35"),
    Row("with_a_reaction", "2025-06-03 09:31", "2025-06-03 09:40", reaction=5),
    Row("a_reaction_that_ends_at_an_open", "2025-06-03 09:30", "2025-06-03 09:40", reaction=5),
    Row("a_reaction_that_ends_before_an_open", "2025-06-03 09:29:59", "2025-06-03 09:35",
        reaction=5),
    Row("in_a_halt", "2025-06-03 12:00", "2025-06-03 15:50"),
    Row("before_the_last_bar", "2025-06-03 15:54", "2025-06-03 15:55"),
    Row("in_the_last_bar", "2025-06-03 15:57", "2025-06-05 09:35"),
    Row("after_the_close", "2025-06-03 18:00", "2025-06-05 09:35"),
    Row("in_a_halt_of_a_session", "2025-06-04 12:00", "2025-06-05 09:35"),
    Row("before_the_first_bar_of_a_session", "2025-06-05 09:32", "2025-06-05 09:35"),
    Row("a_reaction_of_a_night", "2025-06-03 15:57", "2025-06-05 15:30", reaction=42 * 60),
    Row("before_a_session_by_the_day", "2025-06-05 18:00", "2025-06-06 09:30"),
    Row("in_a_session_by_the_day", "2025-06-06 09:31", "2025-06-09 09:30"),
    Row("over_a_weekend", "2025-06-07 12:00", "2025-06-09 09:30"),
    Row("in_the_last_bar_of_all", "2025-06-11 09:31", None),
    Row("before_the_first_price", "2025-06-01 12:00", None),
    Row("before_the_first_open", "2025-06-02 08:00", "2025-06-02 09:30"),
    Row("in_the_first_session_by_the_day", "2025-06-02 12:00", "2025-06-03 09:30"),
    # Without finer bars not at all:
    Row("bars_are_missing", "2025-06-05 18:00", None, missing_bars="none"),
    Row("bars_are_missing_at_the_open", "2025-06-06 09:30", None, missing_bars="none"),
    Row("bars_are_missing_at_that_time", "2025-06-06 12:00", None, missing_bars="none"),
    Row("bars_are_missing_until_the_close", "2025-06-06 16:00", "2025-06-09 09:30",
        missing_bars="none"),
    Row("a_reaction_into_a_session_by_the_day", "2025-06-05 18:00", None, reaction=18 * 60,
        missing_bars="none"),
    Row("a_reaction_beyond_a_session_by_the_day", "2025-06-06 15:56", "2025-06-09 09:30",
        reaction=5, missing_bars="none"),
    Row("in_a_halt_while_bars_of_others_are_missing", "2025-06-10 12:00", None,
        missing_bars="none"),
    Row("before_a_halt_while_bars_of_others_are_missing", "2025-06-10 09:29", "2025-06-11 09:30",
        missing_bars="none"),
    Row("no_bars_are_missing", "2025-06-03 09:31", "2025-06-03 09:35", missing_bars="none"),
    # Known by the session alone:
    by_session("known_before_the_open", "2025-06-03 09:00", "2025-06-03 09:30"),
    by_session("known_within_the_session", "2025-06-03 09:31", "2025-06-05 09:35"),
    by_session("known_at_the_open", "2025-06-03 09:30", "2025-06-05 09:35"),
    by_session("known_after_the_close", "2025-06-03 23:59:59", "2025-06-05 09:35"),
    by_session("known_within_a_session_by_the_day", "2025-06-06 12:00", "2025-06-09 09:30"),
    by_session("a_reaction_before_the_open_counts", "2025-06-03 09:00", "2025-06-03 09:35",
               reaction=30),
    # Until 10:00 on Thursday, which is after the close of Tuesday.
    by_session("a_reaction_beyond_the_session_counts", "2025-06-03 10:00", "2025-06-05 15:30",
               reaction=48 * 60),
    by_session("known_within_the_session_for_the_close", "2025-06-03 12:00", "2025-06-05 15:30",
               decides="close"),
    # Before the close it is the last bar of the session:
    close("before_the_close", "2025-06-03 09:31", "2025-06-03 15:55"),
    close("in_the_last_bar_before_the_close", "2025-06-03 15:57", "2025-06-03 15:55"),
    close("at_the_close", "2025-06-03 16:00", "2025-06-05 15:30"),
    close("a_reaction_that_ends_at_the_close", "2025-06-03 15:55", "2025-06-05 15:30", reaction=5),
    # The last bar of Thursday ends at 15:35, its price is not of later.
    close("in_a_halt_before_the_close", "2025-06-05 15:34", "2025-06-05 15:30"),
    close("in_a_halt_over_the_close", "2025-06-05 15:35", "2025-06-06 09:30"),
    close("before_the_close_of_a_session_by_the_day", "2025-06-06 15:59", "2025-06-06 09:30"),
    close("bars_are_missing_before_the_close", "2025-06-05 18:00", None, missing_bars="none"),
    # Half days, and the nights in which the clocks change:
    alone("on_a_half_day", "2025-11-28 10:00", "2025-11-28 12:55", HALF_DAY),
    alone("after_a_half_day", "2025-11-28 12:56", "2025-12-01 09:30", HALF_DAY),
    alone("known_within_a_half_day", "2025-11-28 10:00", "2025-12-01 09:30", HALF_DAY,
          precision="session"),
    alone("after_the_close_of_a_half_day", "2025-11-28 13:00", "2025-12-01 09:30", HALF_DAY,
          precision="session"),
    alone("before_the_close_of_a_half_day", "2025-11-28 12:59", "2025-11-28 12:55", HALF_DAY,
          decides="close"),
    alone("after_it_before_the_close", "2025-11-28 13:00", "2025-12-01 09:30", HALF_DAY,
          decides="close"),
    alone("on_thanksgiving", "2025-11-27 12:00", "2025-11-28 09:30", HALF_DAY),
    alone("the_night_in_spring", "2025-03-09 23:00", "2025-03-10 09:30", CLOCKS_CHANGE),
    alone("the_morning_after_it", "2025-03-10 09:29", "2025-03-10 09:30", CLOCKS_CHANGE),
    alone("the_open_after_it", "2025-03-10 09:30", "2025-03-10 09:35", CLOCKS_CHANGE),
    # 40 hours from Saturday, 16:30, are at 09:30 of the new clock, though it is 41 hours later.
    alone("a_reaction_over_the_night_in_spring", "2025-03-08 16:30", "2025-03-10 09:35",
          CLOCKS_CHANGE, reaction=40 * 60),
    alone("the_night_in_autumn", "2025-11-02 23:00", "2025-11-03 09:30", CLOCKS_CHANGE),
    alone("the_morning_after_that", "2025-11-03 09:29", "2025-11-03 09:30", CLOCKS_CHANGE),
    alone("the_open_after_that", "2025-11-03 09:30", "2025-11-03 09:35", CLOCKS_CHANGE),
    # 42 hours from Saturday, 16:30, are at 09:30 of the new clock.
    alone("a_reaction_over_the_night_in_autumn", "2025-11-01 16:30", "2025-11-03 09:35",
          CLOCKS_CHANGE, reaction=42 * 60),
    # Before the open and after the close:
    outside("in_the_last_regular_bar", "2025-06-06 15:57", "2025-06-06 16:05"),
    outside("at_the_regular_close", "2025-06-06 16:00", "2025-06-06 16:05"),
    outside("a_second_before_a_bar_after_hours", "2025-06-06 16:04:59", "2025-06-06 16:05"),
    outside("at_the_open_of_a_bar_after_hours", "2025-06-06 16:05", "2025-06-06 16:10"),
    outside("to_the_minute_after_hours", "2025-06-06 16:05", "2025-06-06 16:10",
            precision="minute"),
    outside("a_reaction_that_ends_at_an_open_after_hours", "2025-06-06 16:05", "2025-06-06 19:55",
            reaction=5),
    outside("a_reaction_that_ends_after_hours", "2025-06-06 15:59", "2025-06-06 16:05",
            reaction=5),
    outside("a_reaction_that_ends_at_the_regular_open", "2025-06-09 09:25", "2025-06-09 09:35",
            reaction=5),
    outside("in_the_last_bar_after_hours", "2025-06-06 19:56", "2025-06-09 08:00"),
    outside("after_the_last_bar_after_hours", "2025-06-06 20:30", "2025-06-09 08:00"),
    outside("on_a_saturday", "2025-06-07 11:00", "2025-06-09 08:00"),
    outside("before_the_first_bar_before_the_open", "2025-06-09 03:50", "2025-06-09 08:00"),
    outside("in_a_bar_before_the_open", "2025-06-09 08:00", "2025-06-09 09:30"),
    outside("after_the_last_session", "2025-06-09 16:00", None),
    outside("before_the_first_day_after_hours", "2025-06-05 17:00", None),
    outside("before_the_open_of_the_first_day", "2025-06-06 03:00", "2025-06-06 04:00"),
    outside("in_regular_hours_alone", "2025-06-06 16:04", "2025-06-09 09:30",
            precision="session"),
    outside("within_the_session_in_regular_hours_alone", "2025-06-06 12:00", "2025-06-09 09:30",
            precision="session"),
    outside("before_the_open_in_regular_hours_alone", "2025-06-09 07:00", "2025-06-09 09:30",
            precision="session"),
    outside("by_the_day_in_regular_hours_alone", "2025-06-06 23:59:59", "2025-06-09 09:30",
            precision="date"),
    outside("after_hours_for_the_close", "2025-06-06 16:04", "2025-06-09 09:35", decides="close"),
    outside("before_the_open_for_the_close", "2025-06-09 08:00", "2025-06-09 09:35",
            decides="close"),
    outside("before_the_regular_close", "2025-06-06 15:59", "2025-06-06 15:55", decides="close"),
    outside("at_the_regular_close_for_the_close", "2025-06-06 16:00", "2025-06-09 09:35",
            decides="close"),
    # That of Monday is not traded outside of hours, but for its own evening.
    outside("before_a_session_by_the_day", "2025-06-06 16:01", "2025-06-09 09:30", SOME_EVENINGS,
            MONDAY),
    outside("before_a_session_whose_bars_are_missing", "2025-06-06 16:01", None, SOME_EVENINGS,
            MONDAY, missing_bars="none"),
    outside("after_a_session_by_the_day", "2025-06-09 16:01", "2025-06-09 16:05", SOME_EVENINGS,
            MONDAY),
    outside("after_a_session_whose_bars_are_missing", "2025-06-09 16:01", "2025-06-09 16:05",
            SOME_EVENINGS, MONDAY, missing_bars="none"),
    outside("before_a_halt_of_a_session", "2025-06-10 16:01", "2025-06-11 16:05", SOME_EVENINGS,
            MONDAY),
    outside("after_the_early_close", "2025-11-28 12:59", "2025-11-28 13:00", HALF_DAYS_EVENING),
    outside("at_the_early_close", "2025-11-28 13:00", "2025-11-28 14:00", HALF_DAYS_EVENING),
    outside("at_the_early_close_for_the_close", "2025-11-28 13:00", "2025-12-01 09:30",
            HALF_DAYS_EVENING, decides="close"),
    outside("late_in_the_evening_before_spring", "2025-03-07 19:50", "2025-03-07 19:55",
            EVENINGS_OF_CHANGES),
    outside("early_in_the_morning_of_spring", "2025-03-10 03:50", "2025-03-10 04:00",
            EVENINGS_OF_CHANGES),
    outside("late_in_the_evening_before_autumn", "2025-10-31 19:50", "2025-10-31 19:55",
            EVENINGS_OF_CHANGES),
    outside("early_in_the_morning_of_autumn", "2025-11-03 03:50", "2025-11-03 04:00",
            EVENINGS_OF_CHANGES),
]  # fmt: skip


def stamp(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def case_of(row: Row) -> Case:
    return Case(row.name, "", row.daily, [], [], [], finer=row.finer)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_oracle_finds_the_bar(row: Row) -> None:
    case = case_of(row)
    found = oracle.tradable_bar(
        "ACME",
        stamp(row.published).astimezone(UTC).replace(tzinfo=None),
        row.precision,
        timedelta(minutes=row.reaction),
        sequence(case.rows(), case.finer_rows(), extended=row.extended),
        timedelta(minutes=5),
        decides=row.decides,
        missing_bars=row.missing_bars,
    )
    assert found == (row.bar and moment(row.bar))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_program_finds_the_bar(row: Row) -> None:
    case = case_of(row)
    bars, finer = case.rows(), case.finer_rows()
    event = News(
        symbol="ACME",
        published_at=stamp(row.published),
        precision=row.precision,
        headline=row.name,
        category="contract",
    )
    reaction = timedelta(minutes=row.reaction)
    found = program_bar(
        bars, finer, event, reaction, row.decides, row.missing_bars, extended=row.extended
    )
    assert found == (row.bar and moment(row.bar))


def program_bar(
    bars: dict[str, Any],
    finer: dict[str, Any],
    event: News,
    reaction: timedelta,
    decides: str,
    missing_bars: str,
    hedged: tuple[oracle.Signal, ...] = (),
    *,
    extended: bool = False,
) -> datetime | None:
    """The open of the bar that the program finds; None where the event cannot be traded."""
    stocks = made_up_stocks(bars, {})
    run = made_up_bars(stocks, finer, hedged, "extended" if extended else "regular")
    assert run is not None
    run = replace(run, is_needed=missing_bars == "none")
    (decision,) = schedule((News,), [event], stocks, stocks, reaction, at=decides, bars=run)
    if decision.action == "not_tradable":
        return None
    session = decision.tradable_session
    assert session is not None
    if decides == "close":
        hedges = sorted({symbol for signal in hedged for symbol, _ in signal.legs})
        own = sequence(bars, finer, hedges, extended=extended)[event.symbol]
        return last_of_session(own, session).session
    if decision.tradable_bar is None:
        return trading_calendar().time_of(session, "open").replace(tzinfo=None)
    return decision.tradable_bar.replace(tzinfo=None)
