"""Which event can be traded when, what a strategy sees of the past, and what it may answer."""

import gc
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from backtest.engine.timeline import Decision, decide, schedule, tradable_session
from backtest.errors import UsageError
from backtest.events import Earnings, Event, News, ShortReport, StakeDisclosure, Start
from backtest.market.calendar import trading_calendar
from backtest.market.prices import read_prices
from backtest.strategy import Signal, Strategy
from tests.made_up import MINUTES_5, day, earnings, ids, news, report, stake, utc

END_OF_DAY = "T23:59:59-04:00"


@pytest.fixture
def prices(checkout):
    return read_prices(checkout.root / "data/prices", "ACME", bars=True)


class Asked(Strategy):
    """Answers every event by `answer` and keeps the markets that it saw."""

    listens_to = (Earnings, StakeDisclosure, ShortReport)
    seen: list = []  # noqa: RUF012 - pydantic copies it for each strategy
    answer: object = None

    def on_event(self, event, market):
        self.seen.append((event, market))
        return self.answer(event, market) if callable(self.answer) else "noted"


def ask(prices, events, answer=None, first=None, last=None, strategy=Asked, reaction=MINUTES_5):
    """The decisions on events of ACME, and what the strategy saw."""
    made = strategy(answer=answer)
    span = prices.span(first and day(first), last and day(last))
    decisions = decide(made, events, {"ACME": prices}, {"ACME": span}, reaction)
    return decisions, made.seen


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
        (earnings("2025-07-10T09:25:00-04:00"), "2025-07-11", "after the last session of the"),
        (earnings("2025-07-15T16:05:00-04:00"), "2025-07-16", "after the last session of the"),
        (earnings("2026-01-02T16:05:00-05:00"), "2026-01-05", "after the last session of the"),
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


# Every event once, in order


def test_every_event_listened_to_is_accounted_for_once_and_no_other(prices):
    heard = [
        earnings("2025-06-27T08:00:00-04:00"),
        stake(f"2025-06-10{END_OF_DAY}", precision="date"),
        report(f"2025-06-29{END_OF_DAY}", precision="week"),
        earnings("2025-06-04T16:05:00-04:00"),
    ]
    other = [
        news("2025-06-05T16:05:00-04:00"),
        earnings("2025-06-05T16:05:00-04:00", symbol="OTHR"),
    ]
    decisions, _ = ask(prices, [*other, *heard])
    assert [d.event for d in decisions] == [heard[3], heard[1], heard[0], heard[2]]
    assert ids(d.event for d in decisions) == ids(
        d.event for d in ask(prices, [*reversed(heard), *other])[0]
    )


def test_events_of_one_moment_stand_in_order_of_symbol_and_id(prices):
    moment = "2025-06-04T16:05:00-04:00"
    events = [earnings(moment, headline=text) for text in "abcdef"]
    decisions, _ = ask(prices, events)
    assert ids(d.event for d in decisions) == sorted(ids(events))


def test_a_kind_is_heard_through_its_parent(prices):
    class Warned(Earnings):
        pass

    event = Warned(**earnings().model_dump())
    decisions, _ = ask(prices, [event])
    assert [d.event for d in decisions] == [event]


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


# Answers


def test_a_signal_lands_in_the_decision_with_its_reason(prices):
    decisions, _ = ask(prices, [earnings()], lambda e, _: Signal.short(e, hold=3, reason="why"))
    (decision,) = decisions
    assert (decision.action, decision.direction, decision.reason) == ("signal", "short", "why")
    assert decision.signal == Signal(
        symbol="ACME", event_id=earnings().id, direction="short", hold=3, reason="why"
    )
    assert decision.tradable_session == day("2025-06-05")


def test_a_text_is_the_reason_why_not(prices):
    (decision,), _ = ask(prices, [earnings()], lambda *_: "too small")
    assert (decision.action, decision.reason, decision.signal) == ("no_signal", "too small", None)


def test_what_became_of_a_decision_is_added_to_its_reason():
    decision = Decision(earnings(), day("2025-06-05"), "signal", "a beat")
    assert decision.became("renew", "set anew") == Decision(
        earnings(), day("2025-06-05"), "renew", "a beat; set anew"
    )
    assert decision.became("enter").reason == "a beat"


@pytest.mark.parametrize("answer", [None, True, 5, ["long"], Signal])
def test_any_other_answer_is_refused_with_what_is_allowed(prices, answer):
    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], lambda *_: answer)
    assert f"Asked answered {earnings().id} with {answer!r}." in str(caught.value)
    assert "answers with a Signal, or with a text that says why there is none" in str(caught.value)


@pytest.mark.parametrize(
    "other",
    [earnings("2025-06-03T16:05:00-04:00"), earnings(symbol="OTHR")],
    ids=["event", "symbol"],
)
def test_an_answer_for_another_event_is_refused(prices, other):
    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], lambda *_: Signal.long(other))
    told = f"answered {earnings().id} with a signal for {other.symbol} {other.id}"
    assert told in str(caught.value)
    assert "Make it with Signal.long(event, …)" in str(caught.value)


def test_a_strategy_that_fails_is_told_with_event_and_line(prices):
    def fail(*_):
        raise ZeroDivisionError("made up")

    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], fail)
    told = str(caught.value)
    assert f"Asked failed on {earnings().id}: ZeroDivisionError: made up" in told
    assert "test_timeline.py, line" in told
    assert 'raise ZeroDivisionError("made up")' in told
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "terms", [{"hold": 0}, {"stop": 1.0}, {"weight": 0}, {"weight": float("nan")}, {"size": 5}]
)
def test_a_signal_out_of_bounds_is_a_failure_at_the_line_of_the_strategy(prices, terms):
    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], lambda e, _: Signal.long(e, **terms))
    told = str(caught.value)
    assert f"Asked failed on {earnings().id}: ValidationError" in told
    assert next(iter(terms)) in told
    assert "test_timeline.py, line" in told
    assert "lambda e, _: Signal.long(e, **terms)" in told


def test_a_strategy_without_on_event_is_told(prices):
    class Silent(Strategy):
        listens_to = (Earnings,)

    with pytest.raises(UsageError, match=r"Silent failed on earnings-.*NotImplementedError"):
        decide(Silent(), [earnings()], {"ACME": prices}, {"ACME": prices}, MINUTES_5)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_let_through(prices, kind):
    def stop(*_):
        raise kind

    with pytest.raises(kind):
        ask(prices, [earnings()], stop)


# The past, and nothing else


def test_bars_end_with_the_session_before(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")])
    assert (market.session, market.symbol) == (day("2025-06-20"), "ACME")  # over Juneteenth
    assert market.now == utc("2025-06-20T09:30:00-04:00")
    bars = market.bars()
    assert [str(stamp.date()) for stamp in bars.index[[0, -1]]] == ["2025-06-02", "2025-06-18"]
    assert bars.iloc[-1].tolist() == [112.0, 114.0, 110.0, 113.0, 1012.0]
    assert len(bars) == 13
    pd.testing.assert_frame_equal(bars, market.bars("ACME"))


def test_before_the_first_session_there_is_no_bar(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-02T08:00:00-04:00")])
    assert market.bars().empty
    assert list(market.bars().columns) == ["open", "high", "low", "close", "volume"]


def test_bars_reach_back_beyond_the_span(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")], first="2025-06-20")
    assert len(market.bars()) == 13


def test_changing_what_was_shown_changes_nothing(prices):
    before = prices.table.copy()

    def spoil(_, market):
        bars = market.bars()
        bars.loc[:, "close"] = 0.0
        return f"{market.bars()['close'].sum()}"

    events = [earnings("2025-06-04T16:05:00-04:00"), earnings("2025-06-18T23:59:59-04:00")]
    decisions, _ = ask(prices, events, spoil)
    pd.testing.assert_frame_equal(prices.table, before)
    assert [d.reason for d in decisions] == ["306.0", "1391.0"]  # 101 + 102 + 103; 13 closes


def reachable_arrays(root: object) -> list[np.ndarray]:
    """Every array that can be reached from an object, through attributes and bases."""
    found, waiting, known = [], [root], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in known or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        known.add(id(thing))
        if isinstance(thing, np.ndarray):
            found.append(thing)
            waiting.append(thing.base)
        if not callable(thing):
            waiting += gc.get_referents(thing)
    return found


def test_later_bars_are_not_there_at_all(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")])
    for shown in (market, market.bars()):
        arrays = reachable_arrays(shown)
        numbers = [a for a in arrays if a.dtype.kind == "f"]
        stamps = [a for a in arrays if a.dtype.kind == "M"]
        assert numbers
        assert stamps
        assert max(a.max() for a in numbers) == 1012.0  # the last volume known; later are larger
        assert max(a.max() for a in stamps) == np.datetime64("2025-06-18")
        assert all(a.size <= 13 * 5 for a in arrays)


def test_only_events_that_were_public_by_then_are_there(prices):
    known = [
        news("2025-05-30T08:00:00-04:00", headline="before the first price"),
        news("2025-06-05T09:24:59-04:00", headline="in time"),
        report(f"2025-06-01{END_OF_DAY}", precision="month"),
        earnings("2025-06-04T16:05:00-04:00"),
    ]
    later = [
        news("2025-06-05T09:25:00-04:00", headline="too late"),
        news("2025-06-05T09:29:59-04:00", headline="within the reaction time"),
        stake("2025-06-05T09:30:00-04:00"),
        earnings("2025-06-27T08:00:00-04:00"),
    ]
    other = news("2025-06-04T08:00:00-04:00", symbol="OTHR")
    _, seen = ask(prices, [*later, *known, other])
    (market,) = [market for event, market in seen if event == known[3]]
    assert market.events(Event) == tuple(sorted(known, key=lambda e: e.published_at))
    assert market.events(News) == (known[0], known[1])
    assert market.events(StakeDisclosure) == ()


def test_an_event_sees_itself_among_the_events_known(prices):
    _, ((event, market),) = ask(prices, [earnings()])
    assert market.events(Earnings) == (event,)


def test_stocks_of_the_run_see_each_other_and_no_others(checkout):
    text = (checkout.root / "data/prices/ACME.csv").read_text()
    checkout.write(
        "data/prices/BETA.csv",
        "".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[10:]),
    )
    folder = checkout.root / "data/prices"
    both = {name: read_prices(folder, name) for name in ("ACME", "BETA")}
    made = Asked()
    events = [
        earnings("2025-06-16T16:05:00-04:00"),
        news("2025-06-13T16:05:00-04:00", symbol="BETA"),
    ]
    decide(made, events, both, both, MINUTES_5)
    ((_, market),) = made.seen
    assert len(market.bars("ACME")) == 11
    assert len(market.bars("BETA")) == 2  # it begins on 2025-06-13
    assert ids(market.events(Event)) == ids([events[1], events[0]])
    with pytest.raises(KeyError):
        market.bars("INDX")


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
    assert trading_calendar().open_of(day("2025-07-07")) == utc("2025-07-07T09:30:00-04:00")
