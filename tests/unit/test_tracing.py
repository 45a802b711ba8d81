"""Stand-ins behave as the numbers they stand for, and tell when their value is looked at."""

import copy
import math
import operator
import pickle
from fractions import Fraction
from numbers import Integral, Real

import numpy as np
import pandas as pd
import pytest

from backtest.strategy.base import Signal
from backtest.strategy.tracing import StandIn, Trace, active, by_value
from tests.made_up import earnings

ANY, INT = (5, 2.5), (5,)
OF_INTS = (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift)
BINARY = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge,
)  # fmt: skip


def matched(x):
    match x:
        case int(number) if number > 3:
            return f"whole {number}"
        case float(number):
            return f"double {number}"
    return None


def signal(x):
    return Signal.long(earnings(), weight=x)


def before(function, other):
    return lambda x: function(x, other)


def after(function, other):
    return lambda x: function(other, x)


LOOKS = {
    **{f"x {f.__name__} 2": (ANY, before(f, 2)) for f in BINARY},
    **{f"2 {f.__name__} x": (ANY, after(f, 2)) for f in BINARY},
    **{f"2.5 {f.__name__} x": (ANY, after(f, 2.5)) for f in BINARY},
    **{f"x {f.__name__} 2": (INT, before(f, 2)) for f in OF_INTS},
    **{f"2 {f.__name__} x": (INT, after(f, 2)) for f in OF_INTS},
    "x < x": (ANY, lambda x: operator.lt(x, x)),
    "1 < x < 9": (ANY, lambda x: 1 < x < 9),
    "x += 1": (ANY, lambda x: operator.iadd(x, 1)),
    "divmod(x, 2)": (ANY, lambda x: divmod(x, 2)),
    "divmod(9, x)": (ANY, lambda x: divmod(9, x)),
    "-x": (ANY, operator.neg),
    "+x": (ANY, operator.pos),
    "~x": (INT, operator.invert),
    "abs": (ANY, abs),
    "bool": (ANY, bool),
    "not x": (ANY, operator.not_),
    "x or 7": (ANY, lambda x: x or 7),
    "int": (ANY, int),
    "float": (ANY, float),
    "complex": (ANY, complex),
    "str": (ANY, str),
    "repr": (ANY, repr),
    "hash": (ANY, hash),
    "index": (INT, operator.index),
    "round": (ANY, round),
    "round to a tenth": (ANY, lambda x: round(x, 1)),
    "f-string": (ANY, lambda x: f"{x} {x:+.1%} {x!r}"),
    "str.format": (ANY, "{:>6}".format),
    "percent": (ANY, lambda x: operator.mod("%s %d %.2f", (x, x, x))),
    "Fraction": (ANY, Fraction),
    "real": (ANY, lambda x: x.real),
    "is_integer": ((2.5,), lambda x: x.is_integer()),
    "bit_length": (INT, lambda x: x.bit_length()),
    "in a tuple": (ANY, lambda x: x in (1, 5)),
    "in a set": (ANY, lambda x: x in {1, 5}),
    "in a range": (ANY, lambda x: x in range(9)),
    "key": (ANY, lambda x: {5: "int", 2.5: "float"}[x]),
    "a key of its own": (ANY, lambda x: {x: 1}[x]),
    "sum": (ANY, lambda x: sum([x, 1, x])),
    "sum of one": (ANY, lambda x: sum([x])),
    "min": (ANY, lambda x: min(x, 3)),
    "max": (ANY, lambda x: max([3, x])),
    "sorted": (ANY, lambda x: sorted([3, x, 1])[1]),
    "range": (INT, lambda x: list(range(x))),
    "item": (INT, lambda x: "abcdefg"[x]),
    "slice": (INT, lambda x: "abcdefg"[-x:]),
    "so many times": (INT, lambda x: "ab" * x),
    "match": (ANY, matched),
    **{
        f"math.{name}": (ANY, getattr(math, name))
        for name in ("floor", "ceil", "trunc", "sqrt", "exp", "log", "isnan", "fabs", "isfinite")
    },
    "math.isclose": (ANY, lambda x: math.isclose(x, 5)),
    "math.pow": (ANY, lambda x: math.pow(x, 2)),
    "math.fsum": (ANY, lambda x: math.fsum([x, 0.1])),
    "math.prod": (ANY, lambda x: math.prod([x, 2])),
    "math.gcd": (INT, lambda x: math.gcd(x, 10)),
    "math.hypot": (ANY, lambda x: math.hypot(x, 1)),
    "copy": (ANY, copy.copy),
    "deepcopy": (ANY, lambda x: copy.deepcopy([x])[0]),
    "pickle": (ANY, lambda x: pickle.loads(pickle.dumps(x))),
    "np.sqrt": (ANY, np.sqrt),
    "np.maximum": (ANY, lambda x: np.maximum(x, 3)),
    "np.clip": (ANY, lambda x: np.clip(x, 1, 3)),
    "np.isnan": (ANY, np.isnan),
    "np.float64": (ANY, np.float64),
    "np.asarray": (ANY, np.asarray),
    "np.array of some": (ANY, lambda x: np.array([x, 1])),
    "np.full": (ANY, lambda x: np.full(2, x)),
    "np.arange": (INT, np.arange),
    "array > x": (ANY, lambda x: np.array([1.0, 9.0]) > x),
    "x < array": (ANY, lambda x: x < np.array([1.0, 9.0])),
    "array * x": (ANY, lambda x: np.array([1, 9], np.float32) * x),
    "x ** array": (ANY, lambda x: x ** np.array([1, 2])),
    "array[x]": (INT, lambda x: np.arange(9)[x]),
    "np.float64 - x": (ANY, lambda x: np.float64(9) - x),
    "x / np.float64": (ANY, lambda x: x / np.float64(9)),
    "np.where": (ANY, lambda x: np.where(np.array([True, False]), x, 1.0)),
    "Series > x": (ANY, lambda x: (pd.Series([1.0, 9.0]) > x).tolist()),
    "Series * x": (ANY, lambda x: (pd.Series([1.0, 9.0]) * x).tolist()),
    "Series.tail": (INT, lambda x: pd.Series(range(9)).tail(x).tolist()),
    "Series.iloc": (INT, lambda x: pd.Series(range(9)).iloc[-x:].tolist()),
    "vars of a signal": (ANY, lambda x: repr(signal(x))),
    "term of a signal": (ANY, lambda x: signal(x).weight * 2),
    "equal signals": (ANY, lambda x: signal(x) == signal(3)),
    "hash of a signal": (ANY, lambda x: hash(signal(x))),
    "copy of a signal": (ANY, lambda x: signal(x).model_copy(deep=True)),
}
LOOKS_NOT = {
    "isinstance": (ANY, lambda x: (isinstance(x, int), isinstance(x, float), isinstance(x, bool))),
    "numbers": (ANY, lambda x: (isinstance(x, Real), isinstance(x, Integral))),
    "__class__": (ANY, lambda x: x.__class__),
    "is None": (ANY, lambda x: x is None),
    "and 7": (ANY, lambda x: 7),
    "in a list": (ANY, lambda x: len([x, x])),
    "a signal": (ANY, lambda x: signal(x).symbol),
    "a changed signal": (ANY, lambda x: signal(x).model_copy(update={"weight": 7}).weight),
    "callable": (ANY, callable),
}


def cases(table):
    return [
        pytest.param(value, function, id=f"{name} with {value}")
        for name, (values, function) in table.items()
        for value in values
    ]


@pytest.fixture
def trace():
    """A trace of the number `x` and the other parameter `y`, in force."""
    made = Trace(frozenset({"x", "y"}), frozenset({"x"}))
    token = active.set(made)
    yield made
    active.reset(token)


@pytest.mark.parametrize(("value", "function"), cases(LOOKS))
def test_what_looks_at_a_number_is_noted_and_gets_the_same(trace, value, function):
    got, wanted = by_value(function(trace.stand_in("x", value))), function(value)
    assert list(trace.reads) == ["x"]
    assert type(got) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("value", "function"), cases(LOOKS_NOT))
def test_what_is_the_same_for_all_numbers_is_not_noted(trace, value, function):
    assert function(trace.stand_in("x", value)) == function(value)
    assert list(trace.reads) == []


@pytest.mark.parametrize("function", [operator.index, range, lambda x: [1][x], lambda x: x << 1])
def test_what_a_double_cannot_do_its_stand_in_cannot(trace, function):
    with pytest.raises(TypeError):
        function(trace.stand_in("x", 2.5))


def test_parameters_that_are_no_numbers_count_when_they_are_asked_for(trace):
    assert trace.stand_in("y", None) is None
    assert list(trace.reads) == ["y"]


def test_parameters_that_are_not_varied_are_given_as_they_are(trace):
    value = object()
    assert trace.stand_in("z", value) is value
    assert list(trace.reads) == []


def test_reads_stand_in_the_order_in_which_they_came(trace):
    trace.stand_in("y", "text")
    bool(trace.stand_in("x", 5))
    trace.stand_in("y", "text")
    assert list(trace.reads) == ["y", "x"]


def test_who_looks_at_all_looks_at_each(trace):
    trace.read_all()
    assert list(trace.reads) == ["x", "y"]


def test_terms_of_a_signal_are_checked_by_value_and_stand_in_it(trace):
    signal = Signal.long(earnings(), hold=trace.stand_in("x", 5), stop=0.1)
    assert type(signal.hold) is StandIn
    assert (by_value(signal.hold), by_value(signal.stop)) == (5, 0.1)
    assert list(trace.reads) == []
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Signal.long(earnings(), hold=trace.stand_in("x", 0))


def test_a_term_is_of_its_own_type_whatever_was_handed_on(trace):
    signal = Signal.long(earnings(), hold=trace.stand_in("x", 5.0), weight=trace.stand_in("x", 1))
    assert (isinstance(signal.hold, int), isinstance(signal.weight, float)) == (True, True)
    assert list(trace.reads) == []


def test_without_a_trace_a_signal_is_what_it_is_made_of():
    signal = Signal.short(earnings(), hold=5)
    assert type(signal.hold) is int
    assert Signal.model_validate(signal) is signal
