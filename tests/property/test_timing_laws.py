"""Laws of time that hold for any events: nothing before it was public, nothing after the end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.data.borrow import BorrowRates
from backtest.data.calendar import trading_calendar
from backtest.engine.replay.books import ReplayResult
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.timeline import decide
from backtest.events import News
from backtest.strategy.base import Signal, Strategy
from tests.engines import made_up_prices

FIRST, LAST = (
    date(2025, 10, 27),
    date(2025, 12, 5),
)  # daylight saving ends, Thanksgiving, a half day
SESSIONS = [day.item() for day in trading_calendar().between(FIRST, LAST)]
ROWS = [(day, 100 + n, 103 + n, 98 + n, 101 + n) for n, day in enumerate(SESSIONS)]
ACME = {"ACME": made_up_prices("ACME", ROWS)}
SECONDS = int((LAST - FIRST).total_seconds()) + 5 * 86_400


class Alternating(Strategy):
    """Long on even minutes, short on odd ones."""

    listens_to = (News,)

    def on_event(self, event: News, market) -> Signal:
        side = Signal.short if event.published_at.minute % 2 else Signal.long
        return side(event, weight=0.3, hold=2, stop=0.02)


@st.composite
def news(draw: st.DrawFn) -> News:
    """An event in the span or just outside of it, often near an open."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) - timedelta(days=2)
    anywhere = st.integers(0, SECONDS).map(lambda n: start + timedelta(seconds=n))
    opens = st.sampled_from(SESSIONS).map(lambda day: trading_calendar().time_of(day, "open"))
    near = st.builds(lambda at, n: at + timedelta(seconds=n), opens, st.integers(-600, 60))
    at = draw(anywhere | near)
    number = draw(st.integers(0, 99))
    return News(
        symbol="ACME",
        published_at=at,
        precision="exact",
        headline=f"made up {number}",
        category="made_up",
    )


def traded(events: list[News], reaction: timedelta) -> ReplayResult:
    rules = Rules(borrow_mode="none")
    decisions = decide(Alternating(), events, ACME, ACME, reaction)
    return replay(ACME, {"ACME": BorrowRates("ACME")}, decisions, rules)


reactions = st.sampled_from([0, 5, 60, 1_440]).map(lambda n: timedelta(minutes=n))
events_of_a_world = st.lists(news(), max_size=8, unique_by=lambda event: event.id)


@given(events_of_a_world, reactions)
def test_nothing_is_ordered_before_it_was_public(events: list[News], reaction: timedelta) -> None:
    published = {event.id: event.published_at for event in events}
    for order in traded(events, reaction).orders:
        opened = trading_calendar().time_of(order.session, "open")
        assert opened > published[order.event_id] + reaction


@given(events_of_a_world, reactions)
def test_a_tradable_session_is_the_first_that_is_late_enough(
    events: list[News], reaction: timedelta
) -> None:
    for decision in traded(events, reaction).decisions:
        if decision.tradable_session in SESSIONS[1:]:
            before = SESSIONS[SESSIONS.index(decision.tradable_session) - 1]
            opened = trading_calendar().time_of(before, "open")
            assert opened <= decision.event.published_at + reaction


@given(events_of_a_world, reactions, st.randoms(use_true_random=False))
def test_the_order_of_the_events_changes_nothing(events, reaction, random) -> None:
    shuffled = events[:]
    random.shuffle(shuffled)
    assert traded(shuffled, reaction) == traded(events, reaction)


@given(events_of_a_world, st.integers(1, 60))
def test_an_event_after_the_last_bar_changes_nothing(events: list[News], days: int) -> None:
    late = News(
        symbol="ACME",
        published_at=trading_calendar().time_of(LAST, "open") + timedelta(days=days),
        precision="exact",
        headline="made up, too late",
        category="made_up",
    )
    without = traded(events, timedelta(minutes=5))
    with_it = traded([*events, late], timedelta(minutes=5))
    assert (with_it.curve, with_it.trades) == (without.curve, without.trades)
    assert [d.action for d in with_it.decisions if d.event is late] == ["not_tradable"]


@pytest.mark.parametrize("seconds", [-301, -300, -299])
def test_the_open_itself_is_the_edge(seconds: int) -> None:
    opened = trading_calendar().time_of(SESSIONS[5], "open")
    event = News(
        symbol="ACME",
        published_at=opened + timedelta(seconds=seconds),
        precision="exact",
        headline="made up",
        category="made_up",
    )
    sessions = {
        decision.tradable_session for decision in traded([event], timedelta(minutes=5)).decisions
    }
    assert sessions == {SESSIONS[5] if seconds < -300 else SESSIONS[6]}
