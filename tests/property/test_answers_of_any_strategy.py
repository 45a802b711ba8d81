"""Strategies drawn at random: a sweep answers as each set would, or says which term is none."""

import math
import re
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from backtest.errors import UsageError
from backtest.experiments.sweeps import answers as module
from backtest.strategy.base import Signal
from tests.sweep_asking import EVENT, Made, by_asking, by_sweep

AXES = {
    "hold": st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True),
    "level": st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0]), min_size=1, unique=True),
    "stop": st.lists(st.sampled_from([None, 0.1, 0.2]), min_size=1, unique=True),
    "note": st.lists(st.sampled_from(["a", "b"]), min_size=1, unique=True),
    "flag": st.lists(st.booleans(), min_size=1, unique=True),
}
TERMS = {"hold": ("hold",), "weight": ("level", "hold"), "stop": ("stop",), "target": ("level",)}
NUMBERS = ("hold", "level")


def leaves():
    sources = {
        term: st.none() | st.tuples(st.sampled_from(["own", "half", "fixed"]), st.sampled_from(own))
        for term, own in TERMS.items()
    }
    return st.just("no") | st.fixed_dictionaries(sources)


def programs():
    tests = st.one_of(
        st.tuples(st.sampled_from(["gt", "none", "passed"]), st.sampled_from(NUMBERS)),
        st.tuples(st.sampled_from(["none", "passed"]), st.sampled_from(sorted(AXES))),
    )
    return st.recursive(leaves(), lambda more: st.tuples(tests, more, more), max_leaves=8)


def follow(program, value_of):
    """What the program answers."""
    while isinstance(program, tuple):
        (test, name), yes, no = program
        value = value_of(name)
        program = yes if {"gt": lambda v: v > 1, "none": lambda v: v is None}.get(
            test, lambda _: True
        )(value) else no  # fmt: skip
    if program == "no":
        return "no"
    terms = {}
    for term, (source, name) in {t: s for t, s in program.items() if s}.items():
        value = value_of(name)
        if source == "half" and value is not None and term != "hold":
            value = value / 2
        terms[term] = 0.5 if source == "fixed" and term != "hold" else value
    return Signal.long(EVENT, **terms)


def only_hands_on(program, name):
    """Whether the program does no more with a parameter than hand it on, as far as can be read."""
    if isinstance(program, tuple):
        (test, tested), yes, no = program
        looked = tested == name and test != "passed"
        return not looked and only_hands_on(yes, name) and only_hands_on(no, name)
    if program == "no":
        return True
    uses = [(term, *source) for term, source in program.items() if source and source[1] == name]
    return all(term == name and (source == "own" or term == "hold") for term, source, _ in uses)


class Drawn(Made):
    program: Any = "no"

    def on_event(self, event, market):
        return follow(self.program, lambda name: getattr(self, name))


def strategy_of(program, terms):
    space = {
        "__annotations__": {"program": Any},
        "program": program,
        "signal_terms": terms,
        "__module__": __name__,
    }
    return type("Program", (Drawn,), space)


AXES_DRAWN = st.fixed_dictionaries({}, optional=AXES).filter(bool)


@run_settings(max_examples=3 * run_settings().max_examples)
@given(programs(), AXES_DRAWN)
def test_a_true_declaration_gives_the_answers_of_asking(program, axes):
    terms = tuple(name for name in ("hold", "stop") if only_hands_on(program, name))
    cls = strategy_of(program, terms)
    signals, asked = by_sweep(cls, axes)
    assert signals == by_asking(cls, axes)
    varied = [name for name in terms if len(axes.get(name, ())) > 1]
    others = math.prod(len(values) for name, values in axes.items() if name not in varied)
    assert asked == others * (1 + len(varied))


@run_settings(max_examples=3 * run_settings().max_examples)
@given(programs(), AXES_DRAWN)
def test_any_other_gives_the_answers_or_is_refused(program, axes):
    cls = strategy_of(program, ("hold", "stop"))
    with mock.patch.object(module, "_CHECKED", 5_000):
        try:
            signals, _ = by_sweep(cls, axes)
        except UsageError as error:
            found = re.search(r"made names (\w+) in signal_terms", str(error))
            assert found is not None
            assert not only_hands_on(program, found[1])
        else:
            assert signals == by_asking(cls, axes)
