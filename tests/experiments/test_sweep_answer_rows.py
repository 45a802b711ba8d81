"""The records of a sweep's answers: what a term moves in them, and how often they are checked."""

from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from backtest.engine.kernel import ENTERS_AT_CLOSE, IS_FLAT, IS_LEG, SIGNAL, WAITS
from backtest.errors import UsageError
from backtest.experiments.sweeps import answers as module
from backtest.experiments.sweeps.answers import Answers, is_handed_on, same_answer, term_fault
from backtest.strategy.base import Leg, Signal
from tests.sweep_asking import EVENT, PANEL, QUESTION, Made, by_asking, by_sweep, long, make

TWO = SimpleNamespace(**{**vars(PANEL), "columns": {EVENT.symbol: 0, "BOLT": 1}})


def signals(cls, axes, questions=1, legs=0, panel=PANEL):
    """The records by set of a strategy whose terms are only handed on, and how it answered."""
    answers = Answers(
        "made", [QUESTION] * questions, panel, legs, lambda v: make(cls, v), cls.signal_terms
    )
    places = np.array(list(product(*(range(len(values)) for values in axes.values())))).T
    return answers.signals(axes, dict(zip(axes, places, strict=True))), answers


class Hedged(Made):
    signal_terms = ("hold", "stop")
    trades_also = ("BOLT",)

    def on_event(self, event, market):
        return long(hold=self.hold, stop=self.stop, legs=(Leg("BOLT", 0.5),))


def test_a_leg_has_no_hold_and_no_stop_of_its_own():
    """Two events with room for two legs each, of which one is used."""
    table, _ = signals(Hedged, {"hold": [1, 2, 3], "stop": [0.1, 0.2]}, 2, 2, TWO)
    assert table.shape == (6, 6)
    for row, (hold, stop) in zip(table, product([1, 2, 3], [0.1, 0.2]), strict=True):
        assert row["side"].tolist() == [1, -1, 0] * 2
        assert row["symbol"].tolist() == [0, 1, 0] * 2
        assert row["hold"].tolist() == [hold, 0, 0] * 2
        assert row["stop"].tolist() == [stop, 0, 0] * 2


class Limited(Made):
    signal_terms = ("limit",)
    limit: float | None = None

    def on_event(self, event, market):
        return long(limit=self.limit)


@pytest.mark.parametrize("limits", [[None, 0.05, 0.1], [0.05, None], [0.05, 0.1, None]])
def test_an_entry_waits_where_it_has_a_limit(limits):
    assert by_sweep(Limited, {"limit": limits})[0] == by_asking(Limited, {"limit": limits})


def test_a_leg_beside_entries_at_limits_waits_for_none():
    class Either(Limited):
        trades_also = ("BOLT",)

        def on_event(self, event, market):
            if self.flag:
                return long(legs=(Leg("BOLT", 0.5),))
            return long(limit=self.limit)

    table, _ = signals(Either, {"limit": [0.0, 0.1], "flag": [True, False]}, 1, 1, TWO)
    assert table["terms"].tolist() == [[0, IS_LEG], [WAITS, 0]] * 2


@pytest.mark.parametrize("holds", [[None, 1, 2], [1, None, 2], [1, 2, None]])
def test_without_a_hold_the_clock_leaves_in_the_session_of_the_entry(holds):
    class Clocked(Made):
        signal_terms = ("hold",)
        hold: int | None = None

        def on_event(self, event, market):
            return long(hold=self.hold, leave_at="15:55")

    table, _ = signals(Clocked, {"hold": holds})
    assert table["hold"].tolist() == [[hold or 0] for hold in holds]


@pytest.mark.parametrize(
    ("moved", "terms", "hold", "refused"),
    [
        ("hold", ENTERS_AT_CLOSE, 0, True),
        ("hold", ENTERS_AT_CLOSE, 1, False),
        ("hold", 0, 0, False),  # from the open to the close
        ("hold", ENTERS_AT_CLOSE | IS_FLAT, 0, False),
        ("stop", ENTERS_AT_CLOSE, 0, False),  # as the strategy's own answer has it
    ],
)
def test_what_enters_at_the_close_cannot_leave_in_the_same_session(moved, terms, hold, refused):
    table = np.ones((2, 1), SIGNAL)
    table[1] = (0, 0, 1, terms, 0, hold, 0.5, *[np.nan] * 3, 0, np.nan)
    _, answers = signals(Limited, {"limit": [None]})
    told = "made enters at the close, which cannot be left at hold 0: begin the grid of hold with 1"
    with pytest.raises(UsageError, match=told) if refused else nullcontext():
        answers._agree(table, moved)


@pytest.fixture
def asked(monkeypatch):
    """The values with which each question was asked."""
    found, ask = [], module.ask
    monkeypatch.setattr(module, "ask", lambda *of: found.append(of[2]["level"]) or ask(*of))
    return found


class Level(Made):
    signal_terms = ()

    def on_event(self, event, market):
        return long(weight=self.level)


@pytest.mark.parametrize(("events", "checked"), [(3, 3), (50, 50), (60, 50)])
def test_of_a_set_that_is_drawn_fifty_events_are_asked_again(asked, events, checked):
    signals(Level, {"level": [0.5]}, events)
    assert len(asked) == events + checked


def test_ten_sets_at_most_are_asked_again(asked):
    levels = (np.arange(1, 1_001) / 1_000).tolist()
    signals(Level, {"level": levels})
    assert asked[:1_000] == levels
    assert 8 <= len(set(asked[1_000:])) == len(asked[1_000:]) <= 10


def test_some_answers_are_kept_however_many_events_there_are(monkeypatch):
    class Both(Level):
        signal_terms = ("stop",)

        def on_event(self, event, market):
            return long(weight=self.level, stop=self.stop)

    monkeypatch.setattr(module, "_KEPT", 5)
    axes = {"level": [0.1, 0.2, 0.3], "stop": [0.1, 0.2]}
    for events, kept in ((2, 2), (5, 1), (6, 1)):
        assert len(signals(Both, axes, events)[1]._kept) == kept
    _, answers = signals(Both, {"level": [0.1, 0.2]}, 2)
    assert not answers._kept  # no term is varied, so that no set shares an answer


def decided(signal, reason="", session=1):
    return SimpleNamespace(signal=signal, reason=reason, tradable_session=session)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (decided(long(hold=1)), False),
        (decided(long(hold=2)), True),
        (decided(long(hold=3)), None),  # not the value that was asked with
        (decided(long(hold=2, weight=0.5)), None),
        (decided(Signal.short(EVENT, hold=2)), None),
        (decided(long(hold=2), session=2), None),
        (decided(None, "no"), None),
    ],
)
def test_a_parameter_is_a_term_where_it_moves_that_alone(after, found):
    before = decided(long(hold=1))
    assert is_handed_on(before, after, "hold", 2) is found


def test_a_signal_after_none_is_no_term_that_moved():
    assert is_handed_on(decided(None, "no"), decided(long(hold=2)), "hold", 2) is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (decided(None, "no"), True),
        (decided(None, "never"), False),
        (decided(None, "no", 2), False),
        (decided(long(), "no"), False),
    ],
)
def test_answers_are_the_same_in_signal_reason_and_session(other, same):
    assert same_answer(decided(None, "no"), other) == same


def test_a_term_has_the_bounds_of_a_signal():
    assert (term_fault("stop", 0.5), term_fault("hold", 0)) == ("", "")
    assert term_fault("stop", 1.0) == "Input should be less than 1"
    assert "greater than" in term_fault("hold", -1)


def test_no_time_exit_is_minus_one_in_a_column_and_no_stop_is_nan():
    assert module._column_of("days", "hold", (None, 5)).tolist() == [-1, 5]
    assert np.isnan(module._column_of("width", "stop", (None, 0.1))).tolist() == [True, False]
