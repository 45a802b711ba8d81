"""Every event is decided on once and in order, and what a strategy may answer."""

import gc
import warnings
from asyncio import CancelledError
from dataclasses import replace

import pytest

from backtest.data.borrow import BorrowRates
from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.schedule import Decision
from backtest.engine.timeline import decide
from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.experiments.runs.run import prepare_run, run
from backtest.strategy.base import Signal, Strategy
from tests import asking
from tests.asking import END_OF_DAY, ask
from tests.made_up import MINUTES_5, day, earnings, ids, news, report, request, stake

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


def test_events_of_one_moment_stand_in_order_of_kind_and_headline(prices):
    moment = "2025-06-04T16:05:00-04:00"
    events = [earnings(moment, headline=text) for text in "fbadce"]
    decisions, _ = ask(prices, [report(moment, headline="a"), *events])
    assert [d.event.headline for d in decisions] == [*"abcdef", "a"]
    assert decisions[-1].event.kind == "short_report"


@pytest.mark.parametrize("headline", ["zeta is good", "zeta is good!", "Zeta is good"])
def test_of_one_stamp_the_last_in_the_alphabet_acts_whatever_its_id(prices, headline):
    moment = "2025-06-04T16:05:00-04:00"
    events = [earnings(moment, headline=headline), earnings(moment, headline="Alpha is bad")]

    def answer(event, _):
        side = Signal.short if "bad" in event.headline else Signal.long
        return side(event, weight=0.5, hold=1)

    decisions, _ = ask(prices, events, answer)
    rates = {"ACME": BorrowRates("ACME")}
    for result in (
        replay({"ACME": prices}, rates, decisions, Rules()),
        replay_by_kernel({"ACME": prices}, rates, decisions, Rules()),
    ):
        assert [trade.direction for trade in result.trades] == ["long"]
        (old, new) = result.decisions
        assert (old.action, new.action) == ("superseded", "enter")
        assert "has the same time" in old.reason
        assert "published later" not in old.reason


def test_both_replays_list_trades_in_the_order_in_which_they_were_served(prices):
    events = [
        earnings("2025-06-04T16:05:00-04:00", symbol=symbol) for symbol in ("ACME", "BOLT", "COIL")
    ]
    known = {event.symbol: replace(prices, symbol=event.symbol) for event in events}

    def answer(event, _):
        priority = {"ACME": -1.0, "BOLT": 0.0, "COIL": 1.0}[event.symbol]
        return Signal.long(event, weight=0.4, priority=priority)

    decisions = decide(asking.Asked(answer=answer), events, known, known, MINUTES_5)
    rates = {symbol: BorrowRates(symbol) for symbol in known}
    for engine in (replay, replay_by_kernel):
        result = engine(known, rates, decisions, Rules(max_positions=2))
        listed = [(trade.trade_id, trade.symbol) for trade in result.trades]
        assert listed == [(1, "COIL"), (2, "BOLT")]
        assert [order.symbol for order in result.orders] == ["COIL", "BOLT"]
        assert [d.action for d in result.decisions] == ["no_room", "enter", "enter"]


def test_a_kind_is_heard_through_its_parent(prices):
    class Warned(Earnings):
        pass

    event = Warned(**earnings().model_dump())
    decisions, _ = ask(prices, [event])
    assert [d.event for d in decisions] == [event]


# Answers


ORIGIN = {
    "note": "closed 13 % lower",
    "source_url": "https://example.org/made-up-stock-jumps",
    "source_url_2": "https://example.org/and-again",
    "retrieved_at": "2026-01-02T12:00:00-05:00",
}


def test_what_was_written_of_an_event_later_is_hidden_from_strategies_and_kept_in_the_decision(
    prices,
):
    class Reads(Strategy):
        listens_to = (Earnings,)

        def on_event(self, event, market):
            shown = [event, *market.events(Earnings)]
            return repr([[getattr(one, name) for name in ORIGIN] for one in shown])

    events = [earnings(**ORIGIN), earnings("2025-06-03T16:05:00-04:00", **ORIGIN)]
    before, last = decide(Reads(), events, {"ACME": prices}, {"ACME": prices}, MINUTES_5)
    hidden = ["", None, None, None]
    assert (before.reason, last.reason) == (repr([hidden] * 2), repr([hidden] * 3))
    assert last.event == events[0]


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


def test_the_outcome_of_a_decision_is_added_to_its_reason():
    decision = Decision(earnings(), day("2025-06-05"), "signal", "a beat")
    assert decision.settled("renew", "set anew") == Decision(
        earnings(), day("2025-06-05"), "renew", "a beat; set anew"
    )
    assert decision.settled("enter").reason == "a beat"


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


class Asked(asking.Asked):
    """Its code is in this file, for a failure is told with a line of the strategy's file."""

    def on_event(self, event, market):
        return super().on_event(event, market)


def test_a_strategy_that_fails_is_told_with_event_and_line(prices):
    def fail(*_):
        raise ZeroDivisionError("made up")

    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], fail, strategy=Asked)
    told = str(caught.value)
    assert f"Asked failed on {earnings().id}: ZeroDivisionError: made up" in told
    assert "test_decisions.py, line" in told
    assert 'raise ZeroDivisionError("made up")' in told
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "terms", [{"hold": -1}, {"stop": 1.0}, {"weight": 0}, {"weight": float("nan")}, {"size": 5}]
)
def test_a_signal_out_of_bounds_is_a_failure_at_the_line_of_the_strategy(prices, terms):
    with pytest.raises(UsageError) as caught:
        ask(prices, [earnings()], lambda e, _: Signal.long(e, **terms), strategy=Asked)
    told = str(caught.value)
    assert f"Asked failed on {earnings().id}: ValidationError" in told
    assert next(iter(terms)) in told
    assert "test_decisions.py, line" in told
    assert "lambda e, _: Signal.long(e, **terms)" in told


def test_a_strategy_without_on_event_is_told(prices):
    class Silent(Strategy):
        listens_to = (Earnings,)

    with pytest.raises(UsageError, match=r"Silent failed on earnings-.*NotImplementedError"):
        decide(Silent(), [earnings()], {"ACME": prices}, {"ACME": prices}, MINUTES_5)


def test_a_coroutine_is_no_answer_and_is_closed(prices):
    async def answer(*_):
        return "later"

    told = r"Asked answered earnings-.* with <coroutine object"
    with warnings.catch_warnings(record=True) as heard:
        with pytest.raises(UsageError, match=told):
            ask(prices, [earnings()], answer, strategy=Asked)
        gc.collect()
    assert heard == []


def test_an_interrupt_is_let_through(prices):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(prices, [earnings()], stop)


@pytest.mark.parametrize(
    ("code", "told"), [((), ""), ((0,), r" \(0\)"), (("no data",), r" \(no data\)")]
)
def test_to_end_the_program_is_a_failure(prices, code, told):
    def leave(*_):
        raise SystemExit(*code)

    with pytest.raises(
        UsageError, match=rf"Asked failed on earnings-.*: it ends the program{told}\n"
    ):
        ask(prices, [earnings()], leave, strategy=Asked)


@pytest.mark.parametrize("kind", [GeneratorExit, CancelledError, BaseException])
def test_what_is_no_exception_of_python_s_own_is_a_failure(prices, kind):
    """As libraries raise it: a cancelled task, a panic of one that is written in Rust."""

    def stop(*_):
        raise kind

    with pytest.raises(UsageError, match=rf"Asked failed on earnings-.*: {kind.__name__}\n"):
        ask(prices, [earnings()], stop, strategy=Asked)


def test_a_fault_of_a_whole_model_is_told_too(checkout):
    made = (
        "StakeDisclosure(symbol='ACME', published_at='2025-06-04T16:05:00-04:00', "
        "precision='exact', headline='x', holder='BIGCO', form='8-K', as_of='2026-01-01')"
    )
    checkout.strategy("late", f"return {made}")
    with pytest.raises(UsageError, match=r"failed on earnings-.*later than the publication"):
        run(prepare_run(checkout.workspace, request("late")))


def test_a_leg_in_a_symbol_that_is_not_named_is_refused(prices):
    def hedge(event, _):
        return Signal.long(event, weight=0.5, hold=1).hedged("SPY", by=1.0)

    with pytest.raises(
        UsageError,
        match=r"Asked answered .* with a leg in SPY, which is not in its trades_also: name it",
    ):
        ask(prices, [earnings("2025-06-04T16:05:00-04:00")], hedge)
