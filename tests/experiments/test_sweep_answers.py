"""The answers of a sweep are those of asking for every set, and a false declaration is found."""

import itertools
import json
import re
from typing import Annotated

import pytest
from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    computed_field,
    field_validator,
    model_validator,
)

from backtest.errors import UsageError
from backtest.experiments.sweeps import answers as module
from backtest.strategy.base import Signal, Strategy
from tests.sweep_asking import EVENT, Made, by_asking, by_sweep, long

HOLDS, STOPS = [1, 2, 3, 4], [0.1, 0.2, 0.3]
GRID = {"hold": HOLDS, "stop": STOPS}


def made(on_event, terms=("hold", "stop")):
    """A strategy with this method."""
    space = {"__module__": __name__, "on_event": on_event, "signal_terms": terms}
    return type("Shown", (Made,), space)


# By name: what a strategy does with `hold` and `stop`, and nothing more than hand them on.
TRUE = {
    "handed on": lambda self, e, m: long(hold=self.hold, stop=self.stop),
    "short": lambda self, e, m: Signal.short(EVENT, hold=self.hold, stop=self.stop),
    "one of them": lambda self, e, m: long(hold=self.hold),
    "in a dict": lambda self, e, m: long(hold=self.hold, stop=self.stop),
    "all at once": lambda self, e, m: long(hold=json.loads(self.model_dump_json())["hold"]),
    "a changed signal": lambda self, e, m: long().model_copy(update={"stop": self.stop}),
    "changed back": lambda self, e, m: long(hold=self.hold).model_copy(update={"hold": 1}),
    "none of them": lambda self, e, m: long(hold=7),
    "no signal": lambda self, e, m: "never",
}


@pytest.mark.parametrize("on_event", TRUE.values(), ids=TRUE)
def test_sets_that_differ_in_terms_alone_share_an_answer(on_event):
    cls = made(on_event)
    signals, asked = by_sweep(cls, GRID)
    assert signals == by_asking(cls, GRID)
    assert asked == 3  # the first set, another hold, another stop


@pytest.mark.parametrize("on_event", TRUE.values(), ids=TRUE)
def test_without_a_declaration_every_set_is_asked_for(on_event):
    cls = made(on_event, ())
    signals, asked = by_sweep(cls, GRID)
    assert signals == by_asking(cls, GRID)
    assert asked == 12


@pytest.mark.parametrize("note", [["a"], ["a", "b"]])
def test_the_other_parameters_are_asked_for_set_by_set(note):
    def on_event(self, event, market):
        if self.level > 1:
            return f"not on level {self.level}"
        return long(hold=self.hold, stop=self.stop, weight=self.level, reason=self.note)

    axes = {"level": [0.25, 0.5, 2.0], "hold": HOLDS, "note": note, "stop": [None, 0.1]}
    cls = made(on_event)
    signals, asked = by_sweep(cls, axes)
    assert signals == by_asking(cls, axes)
    assert asked == 3 * len(note) * 3


def test_a_term_with_one_value_is_none_that_is_varied():
    cls = made(TRUE["handed on"])
    signals, asked = by_sweep(cls, {"hold": HOLDS, "stop": [0.2]})
    assert signals == by_asking(cls, {"hold": HOLDS, "stop": [0.2]})
    assert asked == 2


def wide_or_near(self, event, market):
    return long(stop=self.stop) if self.stop > 0.15 else "too near"


def cut(self, event, market):
    return long(hold=min(self.hold, 3), stop=self.stop)


def in_the_middle(self, event, market):
    return long(hold=self.hold, weight=0.25 if self.hold == 2 else 0.5)


# By name: what a strategy does more with a parameter, and which it is.
FALSE = {
    "compared": (lambda s, e, m: long(hold=s.hold) if s.hold > 2 else "too short", "hold"),
    "compared on one branch": (wide_or_near, "stop"),
    "cut": (cut, "hold"),
    "in the middle": (in_the_middle, "hold"),
    "calculated with": (lambda s, e, m: long(hold=s.hold, stop=s.stop / 2), "stop"),
    "in another term": (lambda s, e, m: long(hold=s.hold, stop=s.stop, target=s.stop), "stop"),
    "told": (lambda s, e, m: long(hold=s.hold, reason=f"held {s.hold}"), "hold"),
    "told as the reason why not": (lambda s, e, m: f"not with {s.stop:.0%}", "stop"),
    "the direction": (lambda s, e, m: (Signal.long if s.hold < 3 else Signal.short)(e), "hold"),
}


@pytest.mark.parametrize(("on_event", "name"), FALSE.values(), ids=FALSE)
def test_a_false_declaration_is_told_with_the_parameter(monkeypatch, on_event, name):
    monkeypatch.setattr(module, "_CHECKED", 100)  # of twelve: each of them is held against
    told = f"made names {name} in signal_terms, but its answer to {EVENT.id} does more with it"
    with pytest.raises(UsageError, match=re.escape(told)):
        by_sweep(made(on_event), GRID)


@pytest.mark.parametrize(("on_event", "name"), FALSE.values(), ids=FALSE)
def test_what_is_not_declared_may_be_looked_at(on_event, name):
    others = tuple({"hold", "stop"} - {name})
    cls = made(on_event, others)
    assert by_sweep(cls, GRID)[0] == by_asking(cls, GRID)


CALLS = itertools.count()


def in_turns(self, event, market):
    return long(hold=self.hold, stop=self.stop, weight=1 / (2 + next(CALLS)))


@pytest.mark.parametrize("terms", [(), ("hold",), ("hold", "stop")])
def test_a_strategy_that_is_not_pure_is_told_so_whatever_it_declares(terms):
    with pytest.raises(UsageError, match=r"^made does not answer the same event the same way tw"):
        by_sweep(made(in_turns, terms), GRID)


@pytest.mark.parametrize(
    ("on_event", "axes", "told"),
    [
        (TRUE["handed on"], {"stop": [0.5, 0.9]}, None),
        (lambda s, e, m: long(target=s.target), {"target": [0.5, -1.0, 2.0]}, "target cannot be"),
        (lambda s, e, m: long(weight=s.weight), {"weight": [0.5, 0.0, 1.0]}, "weight cannot be"),
        (lambda s, e, m: long(weight=s.weight), {"weight": [0.5, None, 1.0]}, None),
    ],
)
def test_a_value_that_no_signal_can_have_is_told(on_event, axes, told):
    class More(Made):
        signal_terms = ("stop", "target", "weight")
        target: float = 0.5
        weight: float | None = 0.5

    More.on_event = on_event
    if told is None:
        assert by_sweep(More, axes)[0] == by_asking(More, axes)
    else:
        with pytest.raises(UsageError, match=told):
            by_sweep(More, axes)


def later(value, info):
    return info.data["hold"] + value


class Plain(Made):
    signal_terms = ("hold",)

    @property
    def own(self):
        return self.hold

    @computed_field
    def half(self) -> float:
        return self.stop / 2

    def on_event(self, event, market):
        return long(hold=self.own, stop=self.half)


class Private(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    _twice: int = PrivateAttr(0)

    def model_post_init(self, context):
        self._twice = self.hold * 2

    def on_event(self, event, market):
        return long(hold=self._twice)


class AfterInit(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: int = 0

    def model_post_init(self, context):
        self.__dict__["bars"] = self.hold + 1

    def on_event(self, event, market):
        return long(hold=self.bars)


class Validated(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: int = 0

    @model_validator(mode="before")
    @classmethod
    def _bars(cls, values):
        return {**values, "bars": values["hold"] + 1}

    def on_event(self, event, market):
        return long(hold=self.bars)


class Checked(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: int = Field(0, validate_default=True)

    @field_validator("bars")
    @classmethod
    def _bars(cls, value, info):
        return info.data["hold"] + value

    def on_event(self, event, market):
        return long(hold=self.bars)


class Annotation(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: Annotated[int, AfterValidator(later)] = Field(0, validate_default=True)

    def on_event(self, event, market):
        return long(hold=self.bars)


class Factory(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: int = Field(default_factory=lambda data: data["hold"] + 1)

    def on_event(self, event, market):
        return long(hold=self.bars)


class Initial(Made):
    signal_terms = ("hold", "stop")  # not true, and not relied on
    bars: int = 0

    def __init__(self, **values):
        super().__init__(**{**values, "bars": values.get("hold", 3) + 1})

    def on_event(self, event, market):
        return long(hold=self.bars)


DERIVING = (Private, AfterInit, Validated, Checked, Annotation, Factory, Initial)


@pytest.mark.parametrize("cls", DERIVING)
def test_a_strategy_that_computes_of_its_parameters_when_made_is_asked_for_every_set(cls):
    signals, asked = by_sweep(cls, GRID)
    assert signals == by_asking(cls, GRID)
    assert asked == 12


def test_properties_are_no_computing_when_made():
    signals, asked = by_sweep(Plain, GRID)
    assert signals == by_asking(Plain, GRID)
    assert asked == 3 * 2


class Outer(Strategy):
    """Strategies within a strategy, as in all_events: only one of them acts."""

    signal_terms = ("one.hold", "one.stop", "other.hold")
    one: Made = Made()
    other: Made = Made()
    level: float = 0.5

    def on_event(self, event, market):
        if self.level > 1:
            return long(hold=self.other.hold)
        return long(hold=self.one.hold, stop=self.one.stop)


def test_strategies_within_a_strategy():
    axes = {"one.hold": HOLDS, "one.stop": STOPS, "other.hold": HOLDS, "level": [0.5, 2.0]}
    signals, asked = by_sweep(Outer, axes)
    assert signals == by_asking(Outer, axes)
    assert asked == 2 * 4


def test_what_a_strategy_within_a_strategy_computes_is_followed():
    class Holder(Strategy):
        signal_terms = ("inner.hold",)
        inner: Factory = Factory(hold=7)

        def on_event(self, event, market):
            return self.inner.on_event(event, market)

    axes = {"inner.hold": HOLDS, "inner.stop": STOPS}
    signals, asked = by_sweep(Holder, axes)
    assert signals == by_asking(Holder, axes)
    assert asked == 12
