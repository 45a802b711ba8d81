"""Strategies drawn at random: a sweep answers as each set would, and asks for what is looked at."""

from typing import Any

from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from backtest.strategy.base import Signal
from tests.sweep_asking import EVENT, Made, all_sets, by_asking, by_tree

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


def follow(program, values, looked_at):
    """What the program answers; `looked_at` takes each parameter whose value was looked at."""
    while isinstance(program, tuple):
        (test, name), yes, no = program
        value = values(name)
        if test == "gt":
            looked_at(name)
            holds = value > 1
        elif test == "none":
            holds = value is None
        else:
            holds = True
        program = yes if holds else no
    if program == "no":
        return "no"
    terms = {}
    for term, (source, name) in {t: s for t, s in program.items() if s}.items():
        value = values(name)
        if source == "half" and value is not None and term != "hold":
            looked_at(name)
            value = value / 2
        terms[term] = 0.5 if source == "fixed" and term != "hold" else value
    return Signal.long(EVENT, **terms)


class Drawn(Made):
    program: Any = "no"

    def on_event(self, event, market):
        return follow(self.program, lambda name: getattr(self, name), lambda name: None)


@run_settings(max_examples=300)
@given(programs(), st.fixed_dictionaries({}, optional=AXES).filter(bool))
def test_the_tree_equals_asking_and_asks_once_for_what_is_looked_at(program, axes):
    cls = type("Program", (Drawn,), {"__annotations__": {"program": Any}, "program": program})
    signals, asked = by_tree(cls, axes)
    assert signals == by_asking(cls, axes)
    seen = set()
    for values in all_sets(axes):
        looked_at = set()

        def value(name, values=values, looked_at=looked_at):
            kinds = {type(value) for value in axes.get(name, ())}
            if kinds not in ({int}, {float}):  # what is no number counts when it is asked for
                looked_at.add(name)
            return values.get(name, getattr(Made(), name))

        follow(program, value, looked_at.add)
        seen.add(frozenset((name, values[name]) for name in looked_at & values.keys()))
    assert asked == len(seen)
