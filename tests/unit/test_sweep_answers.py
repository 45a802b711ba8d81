"""The answers of a sweep are those of asking for every set, and it asks as seldom as can be."""

import copy
import functools
import json
import math
import operator
import pickle
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

import numpy as np
import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    computed_field,
    field_validator,
    model_validator,
)

from backtest.strategy.base import Signal, Strategy
from tests.sweep_asking import EVENT, Made, by_asking, by_tree, long, make

HOLDS, STOPS = [1, 2, 3, 4], [0.1, 0.2, 0.3]
GRID = {"hold": HOLDS, "stop": STOPS}


def made(on_event, base=Made, **space):
    """A strategy with this method."""
    return type("Shown", (base,), {"__module__": __name__, "on_event": on_event, **space})


def comparable(signals):
    """What the engines trade by; reasons are for the log."""
    return [signal and signal.model_copy(update={"reason": ""}) for signal in signals]


# By name: what a strategy does, and how often it is asked for the 12 sets of GRID.


def read_stop_on_one_branch(self, event, market):
    if self.hold > 2:
        return "too long"
    return long(hold=self.hold, stop=0.5 if self.stop > 0.15 else 0.25)


def two_signals_one_returned(self, event, market):
    wide, near = long(stop=0.9, hold=self.hold), long(stop=self.stop)
    return near if wide.stop > near.weight else wide


def signal_looked_at(self, event, market):
    answer = long(hold=self.hold, stop=self.stop)
    return answer if answer.hold > 2 else "too short"


def term_from_a_term(self, event, market):
    answer = long(hold=self.hold, stop=self.stop)
    return answer.model_copy(update={"weight": answer.stop / 2})


def matched(self, event, market):
    match self:
        case Made(hold=3):
            return long(stop=self.stop)
    return "not 3"


def tried(self, event, market):
    try:
        return long(hold=self.hold, weight=10**self.hold)
    except ValueError:
        return "too much"


WAYS = {
    "handed on": (lambda self, e, m: long(hold=self.hold, stop=self.stop), 1),
    "handed on twice": (lambda self, e, m: long(stop=self.stop, target=self.stop), 1),
    "handed on to another type": (lambda self, e, m: long(weight=self.hold), 1),
    "handed on in a dict": (lambda self, e, m: long(**({"hold": self.hold} | {})), 1),
    "handed on by getattr": (lambda self, e, m: long(hold=getattr(self, "hold")), 1),  # noqa: B009
    "handed on by attrgetter": (lambda s, e, m: long(hold=operator.attrgetter("hold")(s)), 1),
    "short": (lambda self, e, m: Signal.short(EVENT, hold=self.hold), 1),
    "no parameter": (lambda self, e, m: long(hold=7), 1),
    "never": (lambda self, e, m: "never", 1),
    "made for nothing": (lambda self, e, m: long(hold=self.hold) and "never", 1),
    "compared": (lambda self, e, m: long(stop=self.stop) if self.hold > 2 else "no", 4),
    "chained": (lambda self, e, m: long(hold=self.hold) if 1 < self.hold < 4 else "no", 4),
    "both compared": (lambda self, e, m: long() if self.hold * self.stop > 0.5 else "no", 12),
    "read on one branch": (read_stop_on_one_branch, 8),
    "in": (lambda self, e, m: long(hold=self.hold) if self.hold in (2, 3) else "no", 4),
    "matched": (matched, 4),
    "min": (lambda self, e, m: long(hold=min(self.hold, 3)), 4),
    "calculated": (lambda self, e, m: long(stop=self.stop * 2), 3),
    "math": (lambda self, e, m: long(stop=math.sqrt(self.stop)), 3),
    "numpy": (lambda self, e, m: long(stop=float(np.sqrt(self.stop))), 3),
    "isinstance": (lambda s, e, m: long(hold=s.hold) if isinstance(s.hold, int) else "no", 1),
    "f-string": (lambda self, e, m: long(reason=f"held {self.hold}"), 4),
    "text of why not": (lambda self, e, m: f"not with {self.stop:.0%}", 3),
    "caught": (tried, 4),
    "two signals": (two_signals_one_returned, 1),
    "a term looked at": (signal_looked_at, 4),
    "a term of a term": (term_from_a_term, 3),
    "a changed signal": (lambda s, e, m: long().model_copy(update={"hold": s.hold}), 1),
    "changed back": (lambda s, e, m: long(hold=s.hold).model_copy(update={"hold": 1}), 1),
    "a signal once more": (lambda s, e, m: Signal(**dict(long(hold=s.hold, stop=s.stop))), 1),
    "a signal of a signal": (lambda s, e, m: Signal.model_validate(long(hold=s.hold)), 1),
    "not validated": (
        lambda s, e, m: Signal.model_construct(
            symbol=e.symbol, event_id=e.id, direction="long", hold=s.hold
        ),
        1,
    ),
    "model_dump": (lambda self, e, m: long(hold=self.model_dump()["hold"]), 12),
    "model_dump_json": (lambda s, e, m: long(hold=json.loads(s.model_dump_json())["hold"]), 12),
    "model_copy": (lambda s, e, m: long(hold=s.model_copy(update={"stop": 0.4}).hold), 12),
    "vars": (lambda self, e, m: long(hold=vars(self)["hold"]), 12),
    "__dict__": (lambda self, e, m: long(hold=self.__dict__["hold"]), 12),
    "dict": (lambda self, e, m: long(hold=dict(self)["hold"]), 12),
    "repr": (lambda self, e, m: long() if "hold=3" in repr(self) else "no", 12),
    "str": (lambda self, e, m: long() if "hold=3" in str(self) else "no", 12),
    "whole f-string": (lambda self, e, m: long() if "hold=3" in f"{self}" else "no", 12),
    "==": (lambda self, e, m: long() if self == make(type(self), {"hold": 3}) else "no", 12),
    "hash": (lambda s, e, m: long() if hash(s) == hash(make(type(s), {"hold": 3})) else "no", 12),
    "key": (lambda self, e, m: long(hold=kept(self)), 12),
    "made anew": (lambda self, e, m: long(hold=type(self)(hold=2).hold), 12),
    "made of its class": (lambda self, e, m: long(hold=self.__class__(hold=2).hold), 1),
    "copy": (lambda self, e, m: long(hold=copy.copy(self).hold), 12),
    "deepcopy": (lambda self, e, m: long(hold=copy.deepcopy(self).hold), 12),
    # What a stand-in cannot do is asked for each set.
    "json": (lambda self, e, m: long(reason=json.dumps({"hold": self.hold})), 12),
    "Decimal": (lambda self, e, m: long(stop=float(Decimal(self.stop) / 2)), 12),
    "timedelta": (lambda s, e, m: long(hold=(timedelta(days=s.hold)).days), 12),
    "a model": (lambda self, e, m: long(hold=Plan(sessions=self.hold).sessions), 4),
}


class Plan(BaseModel):
    sessions: int


@functools.cache
def kept(strategy):
    return strategy.hold


@pytest.mark.parametrize(("on_event", "calls"), WAYS.values(), ids=WAYS)
def test_a_strategy_gets_the_answers_of_every_set(on_event, calls):
    cls = made(on_event)
    signals, asked = by_tree(cls, GRID)
    assert comparable(signals) == comparable(by_asking(cls, GRID))
    assert asked == calls


class Cached(Made):
    @functools.cached_property
    def twice(self):
        return self.hold * 2

    def on_event(self, event, market):
        return long(hold=self.twice, stop=self.stop)


class Plain(Made):
    @property
    def own(self):
        return self.hold

    @computed_field
    def half(self) -> float:
        return self.stop / 2

    def on_event(self, event, market):
        return long(hold=self.own, stop=self.half)


class Heir(Cached):
    def on_event(self, event, market):
        return super().on_event(event, market) if self.stop > 0.1 else "no"


class Private(Made):
    _twice: int = PrivateAttr(0)

    def model_post_init(self, context):
        self._twice = self.hold * 2

    def on_event(self, event, market):
        return long(hold=self._twice)


class AfterInit(Made):
    bars: int = 0

    def model_post_init(self, context):
        self.__dict__["bars"] = self.hold + 1

    def on_event(self, event, market):
        return long(hold=self.bars)


class Validated(Made):
    bars: int = 0

    @model_validator(mode="before")
    @classmethod
    def _bars(cls, values):
        return {**values, "bars": values["hold"] + 1}

    def on_event(self, event, market):
        return long(hold=self.bars)


class Checked(Made):
    bars: int = Field(0, validate_default=True)

    @field_validator("bars")
    @classmethod
    def _bars(cls, value, info):
        return info.data["hold"] + value

    def on_event(self, event, market):
        return long(hold=self.bars)


def later(value, info):
    return info.data["hold"] + value


class Annotation(Made):
    bars: Annotated[int, AfterValidator(later)] = Field(0, validate_default=True)

    def on_event(self, event, market):
        return long(hold=self.bars)


class Factory(Made):
    bars: int = Field(default_factory=lambda data: data["hold"] + 1)

    def on_event(self, event, market):
        return long(hold=self.bars)


class Initial(Made):
    bars: int = 0

    def __init__(self, **values):
        super().__init__(**{**values, "bars": values.get("hold", 3) + 1})

    def on_event(self, event, market):
        return long(hold=self.bars)


class Pickled(Made):
    def on_event(self, event, market):
        return long(hold=pickle.loads(pickle.dumps(self)).hold)


DERIVING = [(Plain, 3), (Heir, 1 + 2 * 4)]
DERIVING += [
    (cls, 12)
    for cls in (
        Cached,
        Private,
        AfterInit,
        Validated,
        Checked,
        Annotation,
        Factory,
        Initial,
        Pickled,
    )
]


@pytest.mark.parametrize(("cls", "calls"), DERIVING)
def test_what_a_strategy_derives_of_its_parameters_is_followed(cls, calls):
    signals, asked = by_tree(cls, GRID)
    assert comparable(signals) == comparable(by_asking(cls, GRID))
    assert asked == calls


def test_texts_truths_and_axes_with_none_count_where_they_are_asked_for():
    def on_event(self, event, market):
        if self.flag:
            return long(hold=self.hold, stop=self.stop)
        return self.note

    axes = {"flag": [True, False], "note": ["a", "b"], "stop": [None, 0.1, 0.2], "hold": HOLDS}
    cls = made(on_event)
    signals, asked = by_tree(cls, axes)
    assert signals == by_asking(cls, axes)
    assert asked == 3 + 2


class Outer(Strategy):
    """Strategies within a strategy, as in all_events."""

    one: Made = Made()
    other: Plain = Plain()
    level: float = 0.5

    def on_event(self, event, market):
        if self.level > 1:
            return long() if self.one == Made() else "no"
        if self.one.hold > 2:
            return self.other.on_event(event, market)
        return long(hold=self.one.hold, stop=self.one.stop)


def test_strategies_within_a_strategy():
    axes = {"one.hold": HOLDS, "one.stop": STOPS, "other.hold": [5, 6], "level": [0.5, 2.0]}
    signals, asked = by_tree(Outer, axes)
    assert signals == by_asking(Outer, axes)
    # The level is looked at, and then all that is left or the one's hold.
    assert asked == 4 * 3 * 2 + 4


def test_what_a_strategy_within_a_strategy_derives_is_followed():
    class Holder(Strategy):
        inner: Factory = Factory(hold=7)

        def on_event(self, event, market):
            return self.inner.on_event(event, market)

    axes = {"inner.hold": HOLDS, "inner.stop": STOPS}
    signals, asked = by_tree(Holder, axes)
    assert signals == by_asking(Holder, axes)
    assert asked == 12


def test_one_value_is_one_call():
    signals, asked = by_tree(made(WAYS["both compared"][0]), {"hold": [3], "stop": [0.2]})
    assert signals == [long()]
    assert asked == 1
