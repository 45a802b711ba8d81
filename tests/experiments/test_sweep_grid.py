"""Grids as they are typed: values, order and every message."""

import re

import pytest

from backtest.errors import UsageError
from backtest.experiments.sweeps.grid import parameter_value, parse_axes, read_grid, sweepable
from backtest.strategy.loading import load_strategy

FILE = """\
from typing import Literal, NewType
from datetime import date, time
from pydantic import BaseModel, Field, field_validator, model_validator
from backtest import Signal, Strategy


class Inner(Strategy):
    level: float = Field(0.5, gt=0)


Inner.__module__ = "elsewhere"  # a file holds one strategy


Days = NewType("Days", int)


class Shown(Strategy):
    hold: int = Field(3, ge=1)
    stop: float | None = Field(0.15, gt=0, lt=1)
    threshold: float = Field(0.0, ge=0)
    change: float = 0.0
    side: Literal["both", "long", "short"] = "both"
    first: bool = True
    free: int | str = "x"
    names: frozenset[str] = frozenset()
    pair: tuple[int, int] = (1, 2)
    since: date = date(2025, 1, 1)
    clock: time = time(10)
    note: str | None = None
    grade: Literal[1, 2, 3] = 1
    most: int | Literal["all"] = "all"
    days: Days | None = None
    percent: float = 15.0
    trades: int = 1
    inner: Inner = Inner()

    @field_validator("percent", mode="before")
    @classmethod
    def _fraction(cls, value):
        return float(value) / 100

    @model_validator(mode="after")
    def _fits(self):
        if self.hold > 5000:
            raise ValueError("such a long hold needs a reason")
        return self

    def on_event(self, event, market):
        return "no"
"""


@pytest.fixture
def shown(checkout):
    """A strategy with parameters of all kinds."""
    checkout.write("strategies/shown.py", FILE)
    return load_strategy(checkout.root / "strategies", "shown")


@pytest.fixture
def grid(shown):
    """The axes of some texts."""
    return lambda *texts, **settings: read_grid(shown, settings, parse_axes(texts))


def test_a_range_of_whole_numbers_has_both_ends(grid):
    assert grid("hold=1:5") == {"hold": [1, 2, 3, 4, 5]}
    assert grid("hold=5:5") == {"hold": [5]}
    assert all(type(value) is int for value in grid("hold=1:5")["hold"])


@pytest.mark.parametrize(
    ("text", "last", "right"),
    [
        ("threshold=0.1:1", "0.1", "threshold=0.1:1:0.1"),
        ("threshold=0.5:2.25", "1.5", "threshold=0.5:2.25:0.01"),
        ("threshold=0:1:0.3", "0.9", "threshold=0:0.9:0.3"),
        ("hold=1:10:4", "9", "hold=1:9:4"),
        ("hold=1:3:5", "1", "hold=1:3:1"),
    ],
)
def test_a_step_that_does_not_reach_the_end_is_told_with_one_that_does(grid, text, last, right):
    told = f"the last value is {last}. Both ends are values: write {right}."
    with pytest.raises(UsageError, match=re.escape(told)):
        grid(text)
    assert len(grid(right)[right.split("=")[0]]) > 1


def test_a_range_is_counted_in_decimals(grid):
    values = grid("stop=0.02:0.30:0.01")["stop"]
    assert len(values) == 29
    assert values == [number / 100 for number in range(2, 31)]
    assert (values[0], values[10], values[-1]) == (0.02, 0.12, 0.3)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hold=3,1,2", [3, 1, 2]),
        ("hold= 3 , 1 ", [3, 1]),
        ("hold=1:3:2", [1, 3]),
        (" hold = 1 : 3", [1, 2, 3]),
        ("hold=3", [3]),
        ("hold=3,", [3]),
        ("hold=1e3:3e3:1e3", [1000, 2000, 3000]),
        ("stop=none,0.1", [None, 0.1]),
        ("stop=None", [None]),
        ("stop=0.1,.2,3e-1", [0.1, 0.2, 0.3]),
        ("threshold=0:2e-7:1e-7", [0.0, 1e-7, 2e-7]),
        ("stop=1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("change=-1:1", [-1.0, 0.0, 1.0]),
        ("threshold=0,0.05", [0.0, 0.05]),
        ("side=both,long,short", ["both", "long", "short"]),
        ("first=true,false", [True, False]),
        ("first=0,1", [False, True]),
        ("free=a,1", ["a", "1"]),
        ("inner.level=0.5,1", [0.5, 1.0]),
        ("since=2025-03-28,2025-06-02", ["2025-03-28", "2025-06-02"]),
        ("clock=09:30,10:00", ["09:30:00", "10:00:00"]),
        ("clock=10:00", ["10:00:00"]),
        ("note=a:b,c,none", ["a:b", "c", None]),
        ("grade=1:3", [1, 2, 3]),
        ("most=1:3", [1, 2, 3]),
        ("days=1:3", [1, 2, 3]),
    ],
)
def test_values_have_the_type_of_the_field(grid, text, values):
    (found,) = grid(text).values()
    assert [(type(value), value) for value in found] == [(type(value), value) for value in values]


def test_axes_stand_in_the_order_in_which_they_are_given(grid):
    assert list(grid("stop=0.1", "hold=1:2", "inner.level=1")) == ["stop", "hold", "inner.level"]


def test_other_settings_hold_for_all_sets(grid):
    assert grid("hold=1:2", stop=0.2) == {"hold": [1, 2]}


FORMS = "--grid takes name=first:last, name=first:last:step or name=value,value,…."
WRONG = {
    "no axis": ([], f"A sweep needs at least one axis. {FORMS}"),
    "no values": (["hold"], f"--grid 'hold' has no name and values. {FORMS}"),
    "no name": (["=1:3"], f"--grid '=1:3' has no name and values. {FORMS}"),
    "an empty list": (["hold="], f"--grid hold has no value. {FORMS}"),
    "commas alone": (["hold=,,"], f"--grid hold has no value. {FORMS}"),
    "no parameter": (
        ["hodl=1:3"],
        (
            "There is no parameter of shown 'hodl'. Did you mean 'hold'? Known: change, clock, "
            "days, first, free, grade, hold, inner.level, most, names, note, pair, percent, side, "
            "since, stop, threshold, trades."
        ),
    ),
    "a model's name alone": (["inner=1:3"], "no parameter of shown 'inner'. Did you mean 'inner."),
    "a name that is taken": (
        ["trades=1:3"],
        "--grid trades: every sweep writes a column of this name. Rename the parameter.",
    ),
    "twice": (["hold=1", "hold=2"], "--grid hold is given twice; write all its values in one."),
    "a value twice": (["stop=0.1,0.2,0.10"], "--grid stop: 0.10 is there twice."),
    "reversed": (["hold=5:1"], "--grid hold=5:1 is empty: write the smaller end first."),
    "no step": (["hold=1:2:0"], "--grid hold=1:2:0: the step must be above 0."),
    "a step back": (["hold=5:1:-1"], "--grid hold=5:1:-1: the step must be above 0."),
    "four parts": (["hold=1:3:1:1"], f"--grid hold=1:3:1:1 has too many parts. {FORMS}"),
    "words": (["hold=a:b"], f"--grid hold=a:b is not a range of numbers. {FORMS}"),
    "half a range": (["hold=1:"], f"--grid hold=1: is not a range of numbers. {FORMS}"),
    "a list of ranges": (["hold=1:3,7"], "--grid hold=1:3,7 is not a range of numbers."),
    "without end": (["hold=1:inf"], "--grid hold=1:inf is not a range of numbers."),
    "no number": (["hold=1:nan"], "--grid hold=1:nan is not a range of numbers."),
    "too many values": (
        ["hold=0:1000000"],
        (
            "--grid hold=0:1000000 has 1,000,001 values; 1,000,000 are allowed on an axis. "
            "Take a wider step."
        ),
    ),
    "a million million": (["hold=1:1e12"], "has 1,000,000,000,000 values; 1,000,000 are"),
    "more than can be written": (["hold=1:1e5000"], "has 1e+5000 values"),
    "more than can be counted": (["hold=1:1e999999:1e-9"], "has Infinity values"),
    "a step of next to nothing": (["stop=0.1:0.2:1e-999999"], "has 1e+999998 values"),
    "out of bounds": (
        ["hold=0:3"],
        "shown: hold = 0: Input should be greater than or equal to 1",
    ),
    "out of bounds at the end": (["stop=0.5:1:0.5"], "shown: stop = 1.0: Input should be less"),
    "another type": (["hold=1.5"], "shown: hold = '1.5': Input should be a valid integer"),
    "another word": (["side=long,up"], "shown: side = 'up': Input should be 'both', 'long' or"),
    "no time": (["clock=10:00,25:00"], "shown: clock = '25:00': Input should be in a valid time"),
    "a word for a number": (["hold=none"], "shown: hold = 'none': Input should be a valid integer"),
    "an inner bound": (["inner.level=0"], "shown: inner.level = 0.0: Input should be greater"),
    "a set": (
        ["names=a,b"],
        (
            "--grid names: a stands for a value of the type frozenset. A grid varies numbers, "
            "texts, days, true and false, and none."
        ),
    ),
    "a value that does not stay": (
        ["percent=15,20"],
        (
            "--grid percent: 15 becomes 0.15, and that becomes another value in turn. A grid needs "
            "a parameter whose value, given again, stays as it is."
        ),
    ),
    "a value that does not fit": (["hold=5001"], "such a long hold needs a reason"),
    "more sets than numbers": (
        ["hold=1:50", "threshold=0:999999", "change=0:999999", "stop=0.000001:0.999:0.000001"],
        (
            "The grid has 49,950,000,000,000,000,000 sets, more than can be numbered. Take wider "
            "steps, or fewer parameters."
        ),
    ),
}


@pytest.mark.parametrize(("texts", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_grid_is_told(grid, texts, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        grid(*texts)


def test_a_parameter_is_set_or_varied(grid):
    with pytest.raises(UsageError, match="hold is given by --set and by --grid; choose one of"):
        grid("hold=1:3", hold=2)


def test_an_axis_may_have_very_many_values(grid):
    assert len(grid("threshold=0:0.1:0.00001")["threshold"]) == 10_001


def test_a_value_by_its_dotted_name(shown):
    strategy = sweepable(shown, {"inner.level": 0.7})
    assert (parameter_value(strategy, "inner.level"), parameter_value(strategy, "hold")) == (0.7, 3)


def test_a_backtrader_strategy_cannot_be_swept(checkout):
    checkout.write(
        "strategies/crossing.py",
        "from backtest import EventStrategy\n"
        "class Crossing(EventStrategy):\n    def notify_event(self, event): pass\n",
    )
    file = load_strategy(checkout.root / "strategies", "crossing")
    with pytest.raises(UsageError, match=r"^crossing is a Backtrader strategy.*needs .*on_event"):
        sweepable(file, {})
