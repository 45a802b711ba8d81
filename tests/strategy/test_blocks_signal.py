"""Factors for the weight, and a signal turned round. ACME is made up."""

import pytest

from backtest.blocks import faded, grade_scale, precision_scale
from backtest.strategy.base import Signal, Wait
from tests.made_up import earnings, news
from tests.sweep_asking import Made, by_asking, by_sweep, long

END_OF_DAY = "2025-06-04T23:59:59-04:00"


@pytest.mark.parametrize(("grade", "factor"), [("A", 1), ("B", 0.75), ("C", 0.5), (None, 0.5)])
def test_a_quarter_off_for_each_grade_down(grade, factor):
    assert grade_scale(news(grade=grade)) == factor


@pytest.mark.parametrize(
    ("precision", "factor"),
    [("exact", 1), ("minute", 1), ("session", 1), ("date", 0.75), ("week", 0.5), ("month", 0.25)],
)
def test_a_quarter_off_for_each_precision_down(precision, factor):
    assert precision_scale(news(END_OF_DAY, precision=precision)) == factor


EVENT = earnings()
LONG = Signal.long(
    EVENT, weight=0.3, hold=4, stop=0.1, target=0.2, trailing_stop=0.05, reason="a beat"
)


def test_a_faded_signal_differs_in_its_direction_and_says_so():
    changed = {"direction": "short", "reason": "faded: a beat"}
    assert faded(LONG).model_dump() == {**LONG.model_dump(), **changed}
    assert faded(Signal.short(EVENT)).direction == "long"
    assert faded(Signal.short(EVENT)).reason == "faded"
    assert LONG.direction == "long"


def test_a_reason_why_not_stays_one():
    assert faded("not a beat") == "not a beat"


def test_a_flat_signal_and_a_wait_stay_as_they_are():
    for answer in (Signal.flat(EVENT, reason="enough"), Wait(EVENT, sessions=1, reason="not yet")):
        assert faded(answer) is answer


class Fading(Made):
    """Turns its signal round where the flag says so."""

    signal_terms = ("hold", "stop")

    def on_event(self, event, market):
        signal = long(hold=self.hold, stop=self.stop)
        return faded(signal) if self.flag else signal


def test_a_sweep_need_not_ask_again_for_what_a_faded_signal_hands_on():
    axes = {"hold": [1, 2, 3], "stop": [0.1, 0.2], "flag": [True, False]}
    signals, asked = by_sweep(Fading, axes)
    assert signals == by_asking(Fading, axes)
    # Each way round: the first values, and another of each term.
    assert asked == 2 * 3
