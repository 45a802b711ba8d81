"""Waits: the same event is put to the strategy again, with the market of then.

ACME's report of 4 June, after the close, can be traded on 5 June. From there the sessions are
6, 9, 10, 11, 12, 13, 16, 17, 18, 20 (Juneteenth is none), 23 … 27 June; the last is 15 July.
"""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from backtest import Wait
from backtest.data.actions import Action, Actions
from backtest.data.universe import Universe
from backtest.engine.timeline import decide
from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.strategy.base import Signal, Strategy
from tests.asking import ask
from tests.made_up import MINUTES_5, day, earnings, report, utc

REPORT = earnings("2025-06-04T16:05:00-04:00")


def until(last, **terms):
    """Waits for a session, and is long then."""

    def answer(event, market):
        left = market.sessions_until(day(last))
        if left > 0:
            return Wait(event, sessions=left, reason="not yet", **terms)
        return Signal.long(event, hold=2, reason="now")

    return answer


def daily(event, market):
    """Looks again in each session, for a close above 110: that of 11 June is 108, of 13th 110."""
    if market.bars()["close"].iloc[-1] > 110:
        return Signal.long(event)
    return Wait(event, sessions=1, reason="too low", at_most=20)


def test_it_is_put_again_with_the_market_of_then(prices):
    (decision,), seen = ask(prices, [REPORT], until("2025-06-20"))
    assert [market.session for _, market in seen] == [day("2025-06-05"), day("2025-06-20")]
    assert [len(market.bars()) for _, market in seen] == [3, 13]
    assert seen[1][1].now == utc("2025-06-20T09:30:00-04:00")
    assert (decision.action, decision.tradable_session) == ("signal", day("2025-06-20"))
    assert decision.signal.reason == "now"
    assert decision.reason == "now; waited since 2025-06-05: not yet"
    (step,) = decision.waited
    assert (step.session, step.sessions, step.reason) == (day("2025-06-05"), 10, "not yet")


def test_a_condition_is_looked_at_again_each_session(prices):
    (decision,), seen = ask(prices, [REPORT], daily)
    # the close of 16 June is 111, so that the open of the 17th is the first that knows it
    assert decision.tradable_session == day("2025-06-17")
    assert len(seen) == 9
    assert [step.session for step in decision.waited] == [m.session for _, m in seen[:-1]]
    assert decision.reason == "waited since 2025-06-05 in 8 steps: too low"


def test_what_was_shown_while_it_waited_has_not_changed(prices):
    _, seen = ask(prices, [REPORT], daily)
    assert [len(market.bars()) for _, market in seen] == list(range(3, 12))


@pytest.mark.parametrize(("most", "action"), [(10, "signal"), (9, "no_signal")])
def test_a_bound_is_counted_from_the_first_time(prices, most, action):
    def answer(event, market):
        left = market.sessions_until(day("2025-06-20"))
        if left <= 0:
            return Signal.long(event)
        return Wait(event, sessions=min(left, 5), reason="not yet", at_most=most)

    (decision,), _ = ask(prices, [REPORT], answer)
    assert decision.action == action
    if action == "no_signal":
        assert decision.tradable_session == day("2025-06-12")  # in the fifth session it would be
        assert decision.reason == (
            "waits, not yet; that is more than 9 sessions after 2025-06-05; "
            "waited since 2025-06-05: not yet"
        )
        assert [pause.session for pause in decision.waited] == [
            day("2025-06-05"),
            day("2025-06-12"),
        ]


def test_a_wait_beyond_the_replay_is_no_signal(prices):
    (decision,), _ = ask(prices, [REPORT], until("2025-07-16"))
    assert (decision.action, decision.tradable_session) == ("no_signal", day("2025-06-05"))
    assert decision.reason == (
        "waits, not yet; in 2025-07-16: after the last price of ACME in the replay, 2025-07-15"
    )
    assert decision.waits_in_vain


def test_a_wait_may_end_at_the_last_bar_and_on_a_half_day(prices):
    for last in ("2025-07-15", "2025-07-03"):
        (decision,), seen = ask(prices, [REPORT], until(last))
        assert decision.tradable_session == day(last)
        assert seen[-1][1].now == utc(f"{last}T09:30:00-04:00")


def test_a_wait_beyond_the_calendar_is_no_signal(prices):
    (decision,), _ = ask(prices, [REPORT], lambda e, _: Wait(e, sessions=90_000, reason="long"))
    assert decision.action == "no_signal"
    assert "90000 sessions from 2025-06-05 is outside of the calendar" in decision.reason


def test_a_wait_ends_where_the_stock_is_no_member_any_more(prices):
    spans = {"ACME": [(day("2025-06-01"), day("2025-06-19"))]}
    universe = Universe("made_up", spans, prices.file)
    both = {"ACME": prices}
    strategy = Waits(answer=until("2025-06-20"))
    (decision,) = decide(strategy, [REPORT], both, both, MINUTES_5, universe)
    assert decision.action == "no_signal"
    assert "in 2025-06-20: the stock was no member of made_up then" in decision.reason


def test_a_wait_ends_with_the_last_bar_of_a_stock_that_is_delisted(prices):
    ended = prices.span(None, day("2025-06-18"))
    others = {"BOLT": replace(prices, symbol="BOLT")}  # go on until 15 July
    for last, action in (("2025-06-18", "signal"), ("2025-06-20", "no_signal")):
        strategy = Waits(answer=until(last))
        both = {"ACME": ended} | others
        (decision,) = decide(strategy, [REPORT], both, both, MINUTES_5)
        assert decision.action == action
    assert (
        "in 2025-06-20: after the last price of ACME in the replay, 2025-06-18" in decision.reason
    )


def test_a_wait_into_a_halt_that_lasts_to_the_end_is_no_signal(prices):
    halt = Action(day("2025-06-13"), "halted", until=day("2025-07-31"))
    halted = replace(prices, actions=Actions("ACME", (halt,)))
    (decision,), _ = ask(halted, [REPORT], until("2025-06-20"))
    assert decision.action == "no_signal"
    assert "in 2025-06-20: no trade of ACME from 2025-06-20 to the end" in decision.reason


@pytest.mark.parametrize(("most", "action"), [(6, "signal"), (5, "no_signal")])
def test_the_sessions_of_a_halt_count_for_the_bound(prices, most, action):
    # Halted from the 6th to the 12th, so that it is asked again on the 13th, six sessions later.
    halt = Action(day("2025-06-06"), "halted", until=day("2025-06-12"))
    halted = replace(prices, actions=Actions("ACME", (halt,)))

    def answer(event, market):
        if market.session == day("2025-06-05"):
            return Wait(event, sessions=1, reason="look again", at_most=most)
        return Signal.long(event)

    (decision,), seen = ask(halted, [REPORT], answer)
    assert decision.action == action
    if action == "signal":
        assert decision.tradable_session == day("2025-06-13")
    else:
        assert "that is more than 5 sessions after 2025-06-05" in decision.reason
        assert len(seen) == 1


class Waits(Strategy):
    """Answers by `answer`."""

    listens_to = (Earnings,)
    answer: object

    def on_event(self, event, market):
        return self.answer(event, market)


MOVED = earnings("2025-06-16T16:05:00-04:00", headline="moved")


@pytest.mark.parametrize(
    ("newer", "way", "action"),
    [
        (MOVED, True, "no_signal"),
        (MOVED, False, "signal"),
        (report("2025-06-16T16:05:00-04:00"), True, "signal"),  # another kind
        (earnings("2025-06-16T16:05:00-04:00", symbol="OTHR"), True, "signal"),
        (earnings("2025-06-20T09:25:00-04:00"), True, "signal"),  # not public by then
        (earnings("2025-06-20T09:24:00-04:00"), True, "no_signal"),
    ],
)
def test_a_newer_event_of_the_symbol_and_kind_may_end_a_wait(prices, newer, way, action):
    both = {"ACME": prices, "OTHR": prices}
    strategy = Waits(answer=until("2025-06-20", gives_way=way))
    found = decide(strategy, [REPORT, newer], both, {"ACME": prices}, MINUTES_5)
    first = next(one for one in found if one.event == REPORT)
    assert (first.action, first.tradable_session) == (action, day("2025-06-20"))
    if action == "no_signal":
        assert first.reason.startswith(f"gives way to {newer.id}")


def test_waits_that_cross_are_answered_in_order_of_publication(prices):
    second = earnings("2025-06-05T16:05:00-04:00", headline="second")

    def answer(event, market):
        last = "2025-06-13" if event.id == REPORT.id else "2025-06-10"
        return until(last)(event, market)

    found, seen = ask(prices, [second, REPORT], answer)
    assert [one.event for one in found] == [REPORT, second]
    assert [one.tradable_session for one in found] == [day("2025-06-13"), day("2025-06-10")]
    sessions = [market.session for _, market in seen]
    assert sessions == sorted(sessions)  # time runs forwards once


def test_a_wait_of_another_event_is_refused(prices):
    with pytest.raises(UsageError, match=f"a wait for ACME {MOVED.id}"):
        ask(prices, [REPORT], lambda *_: Wait(MOVED, sessions=1, reason="not yet"))


def test_a_wait_of_no_session_is_refused(prices):
    for terms in ({"sessions": 0}, {"sessions": 1, "at_most": 0}, {"sessions": 1, "reason": " "}):
        with pytest.raises(ValidationError):
            Wait(REPORT, **{"reason": "not yet", **terms})
    with pytest.raises(UsageError, match=r"Asked failed on earnings-.*greater than or equal to 1"):
        ask(prices, [REPORT], lambda e, _: Wait(e, sessions=0, reason="not yet"))


@pytest.mark.parametrize(
    ("date", "sessions"),
    [
        ("2025-06-20", 0),
        ("2025-06-19", 0),  # a holiday counts as the next session
        ("2025-06-18", -1),
        ("2025-06-21", 1),  # a Saturday as Monday
        ("2025-06-23", 1),
        ("2025-07-03", 9),  # a half day; 24 … 27 June, 30 June, 1 and 2 July before it
        ("2025-07-04", 10),
        ("2025-07-07", 10),
        ("2025-06-02", -13),
    ],
)
def test_sessions_until_a_day(prices, date, sessions):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")])
    assert market.session == day("2025-06-20")
    assert market.sessions_until(day(date)) == sessions
    if sessions not in (0, 1, 10):
        assert market.session_after(sessions) == day(date)


def test_a_day_beyond_the_calendar_is_told(prices):
    _, ((_, market),) = ask(prices, [REPORT])
    with pytest.raises(UsageError, match="2040-01-02 is outside of the calendar"):
        market.sessions_until(day("2040-01-02"))
    with pytest.raises(UsageError, match="99999 sessions from 2025-06-05"):
        market.session_after(99_999)
