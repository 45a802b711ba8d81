"""Parameters are values: what is set is what runs, and what stands on record reads back."""

import json
import linecache
import sys
from datetime import date
from types import ModuleType

import numpy as np
import pytest

import backtest
from backtest.audit.observe import AuditRequest
from backtest.audit.run import prepare
from backtest.engine.rules import Rules
from backtest.errors import UsageError
from backtest.experiments.trials import trial_sharpes
from backtest.strategy.loading import find_strategy, load_strategy
from backtest.strategy.parameters import Text, configure, json_values, to_record, to_text
from backtest.workspace.folders import find_workspace

TEXT = '''\
"""Made up for tests: parameters of every kind."""

import enum
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, computed_field, field_validator

from backtest import Signal, Strategy
from backtest.events import Earnings


class Side(enum.Enum):
    UP = "up"
    ONE = 1


class Kinds(Strategy):
    """Has parameters of every kind."""

    listens_to = (Earnings,)
    hold: int = Field(3, ge=1)
    stop: float | None = Field(0.1, gt=0, lt=1)
    flag: bool = False
    word: str = "x"
    name: str | None = "x"
    free: int | str = 0
    mode: Literal["none", "all"] | None = "all"
    names: list[str] = ["a"]
    pairs: tuple[tuple[int, int], ...] = ((1, 2),)
    words: frozenset[str] = frozenset({"a"})
    weights: dict[str, float] = {"a": 1.0}
    days: dict[date, int] = {}
    side: Side = Side.UP
    since: date | None = None
    after: timedelta = timedelta(days=1)
    exact: Decimal = Decimal("0.1")

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.hold

    def on_event(self, event, market):
        return Signal.long(event, hold=self.hold, reason=f"{self.names!r} {self.name!r}")
'''
# By name: parameter, value, what stands on record, and a text of `--set` that means the same.
VALUES = {
    "a list with commas": ("names", ["A, Inc.", "B"], ["A, Inc.", "B"], '["A, Inc.", "B"]'),
    "an empty list": ("names", [], [], "[]"),
    "an empty text in a list": ("names", [""], [""], '[""]'),
    "a list of a bracket": ("names", ["[a]"], ["[a]"], '["[a]"]'),
    "the text none": ("name", "none", "none", '"none"'),
    "no value": ("name", None, None, "none"),
    "spaces": ("word", " padded ", " padded ", '" padded "'),
    "an empty text": ("word", "", "", ""),
    "none where it must be text": ("word", "none", "none", "none"),
    "none where it is a choice": ("mode", "none", "none", '"none"'),
    "no choice": ("mode", None, None, "none"),
    "no stop": ("stop", None, None, "none"),
    "a number": ("free", 1, 1, None),
    "a number as text": ("free", "1", "1", "1"),
    "a text of digits": ("word", "007", "007", "007"),
    "true": ("flag", True, True, "true"),
    "nested tuples": ("pairs", ((3, 4), (5, 6)), [[3, 4], [5, 6]], "[[3, 4], [5, 6]]"),
    "a set": ("words", {"c", "b"}, ["b", "c"], "c,b"),
    "a dict": ("weights", {"Acme, Inc.": 0.5}, {"Acme, Inc.": 0.5}, '{"Acme, Inc.": 0.5}'),
    "an empty dict": ("weights", {}, {}, "{}"),
    "days as keys": ("days", {date(2025, 6, 2): 1}, {"2025-06-02": 1}, '{"2025-06-02": 1}'),
    "an enum": ("side", "up", "up", "up"),
    "an enum of numbers": ("side", 1, 1, "1"),
    "a day": ("since", date(2025, 6, 2), "2025-06-02", "2025-06-02"),
    "a day as text": ("since", "2025-06-02", "2025-06-02", "2025-06-02"),
    "a span of time": ("after", "P2D", "P2D", "P2D"),
    "a decimal": ("exact", "0.25", "0.25", "0.25"),
    "a number of numpy": ("hold", np.int64(5), 5, "5"),
    "an array": ("names", np.array(["a", "b"]), ["a", "b"], "a,b"),
    "a whole number for a double": ("stop", 0.5, 0.5, "0.5"),
}  # fmt: skip
EACH = pytest.mark.parametrize(
    ("name", "value", "record", "text"), VALUES.values(), ids=list(VALUES)
)


@pytest.fixture
def kinds(checkout, monkeypatch):
    """The strategy, in a workspace that is the working folder."""
    checkout.write("strategies/kinds.py", TEXT)
    monkeypatch.chdir(checkout.root)
    return load_strategy(checkout.root / "strategies", "kinds")


def on_acme(**terms):
    return backtest.run("kinds", symbols="ACME", benchmark="INDX", **terms)


@EACH
def test_a_value_stands_on_record_and_reads_back_as_the_same(kinds, name, value, record, text):
    made = configure(kinds, {name: value})
    told = to_record(made)
    assert (told[name], type(told[name])) == (record, type(record))
    assert "twice" not in told
    back = configure(kinds, json.loads(json.dumps(told)))
    assert back == made
    travelled = json.loads(json.dumps(json_values(kinds, {name: value})))
    assert configure(kinds, travelled) == made


@EACH
def test_a_text_means_the_same(kinds, name, value, record, text):
    if text is not None:
        assert configure(kinds, {name: Text(text)}) == configure(kinds, {name: value})


@EACH
def test_what_is_shown_can_be_set(kinds, name, value, record, text):
    made = configure(kinds, {name: value})
    if name != "free":  # a text of digits is shown as the number is
        assert configure(kinds, {name: Text(to_text(getattr(made, name)))}) == made


@EACH
def test_a_run_has_the_value(kinds, name, value, record, text):
    assert on_acme(parameters={name: value}).parameters[name] == record


def test_values_of_a_file_are_values(kinds, checkout):
    checkout.write(
        "backtest.toml",
        "[strategies.kinds]\n"
        'names = ["Acme, Inc.", "B"]\nname = "none"\nstop = "none"\nmode = "none"\n'
        "pairs = [[3, 4]]\nsince = 2025-06-02\nside = 1\nflag = true\n"
        'weights = {"Acme, Inc." = 0.5}\n',
    )
    told = on_acme().parameters
    assert told["names"] == ["Acme, Inc.", "B"]
    assert (told["name"], told["stop"], told["mode"]) == ("none", None, "none")
    assert (told["pairs"], told["since"], told["side"]) == ([[3, 4]], "2025-06-02", 1)
    assert (told["flag"], told["weights"]) == (True, {"Acme, Inc.": 0.5})
    values = {name: told[name] for name in ("names", "name", "stop", "mode", "pairs")}
    rest = {name: told[name] for name in ("since", "side", "flag", "weights")}
    by_file = on_acme().run_id
    checkout.write("backtest.toml", "")
    assert on_acme(parameters={**values, **rest}).run_id == by_file


def test_a_sweep_and_its_workers_have_the_values(kinds):
    names = {"names": ["Acme, Inc."], "name": "none", "weights": {"a.b": 2.0}}
    found = backtest.sweep(
        "kinds", {"hold": [1, np.int64(2)], "stop": [None, 0.1]}, parameters=names, symbols="ACME"
    )
    told = found.record["parameters"]
    assert {name: told[name] for name in names} == names
    assert found.record["axes"] == {"hold": [1, 2], "stop": [None, 0.1]}
    parallel = backtest.sweep(
        "kinds",
        {"hold": range(1, 3), "stop": "none,0.1"},
        parameters=names,
        symbols="ACME",
        workers=1,
        force=True,
    )
    assert parallel.sweep_id == found.sweep_id
    assert parallel.sets.equals(found.sets)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", ["none", None]),
        ("free", [1, "1"]),
        ("flag", [True, False]),
        ("mode", ["none", "all", None]),
        ("since", ["2025-06-02", None]),
        ("side", ["up", 1]),
    ],
)
def test_an_axis_of_values_is_what_runs_have(kinds, checkout, name, values):
    found = backtest.sweep("kinds", {name: values}, symbols="ACME")
    assert found.record["axes"] == {name: values}
    assert len(found.sets) == len(values)
    before = len(trial_sharpes(checkout.root / "reports", "kinds", ["ACME"]))
    for value in values:  # each of them is on record
        on_acme(parameters={name: value})
    assert len(trial_sharpes(checkout.root / "reports", "kinds", ["ACME"])) == before


def test_trials_keep_values_apart(kinds, checkout):
    for names in (["a,b"], ["a", "b"]):
        on_acme(parameters={"names": names})
    for name in (None, "none"):
        on_acme(parameters={"name": name})
    assert len(trial_sharpes(checkout.root / "reports", "kinds", ["ACME"])) == 4


def test_an_audit_hands_on_the_values(kinds):
    values = {"names": ["Acme, Inc."], "name": "none", "weights": {"a": 2.0}}
    asked = AuditRequest("kinds", ("ACME",), values, None, None, Rules(), worlds=0)
    prepared = prepare(find_workspace(), asked)
    assert prepared.request.settings == values
    told = prepared.identity["parameters"]
    assert {name: told[name] for name in values} == values


def test_a_study_records_the_values(kinds, checkout):
    checkout.write("backtest.toml", '[strategies.kinds]\nnames = ["Acme, Inc."]\n')
    found = backtest.study("kinds", symbols="ACME", benchmark="INDX", draws=99)
    assert found.record["parameters"]["names"] == ["Acme, Inc."]


def test_an_instance_runs_as_it_is(kinds):
    cell = "<cell of values>"
    linecache.cache[cell] = (len(TEXT), None, TEXT.splitlines(keepends=True), cell)
    module = ModuleType("a_notebook_of_values")
    sys.modules[module.__name__] = module
    exec(compile(TEXT, cell, "exec"), vars(module))
    cls, side = module.Kinds, module.Side
    mine = cls(names=["Acme, Inc."], word=" padded ", name="none", side=side.ONE, free="1")
    found = backtest.run(mine, symbols="ACME", benchmark="INDX")
    assert found.parameters == to_record(mine)
    assert (found.parameters["side"], found.parameters["free"]) == (1, "1")
    other = backtest.run(mine, symbols="ACME", benchmark="INDX", parameters={"hold": 7})
    assert other.parameters == {**to_record(mine), "hold": 7}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("hold", "5", "kinds: hold = '5': Input should be a valid integer"),
        ("hold", True, "kinds: hold = True: Input should be a valid integer"),
        ("hold", 0, "kinds: hold = 0: Input should be greater than or equal to 1"),
        ("hold", None, "kinds: hold = None: Input should be a valid integer"),
        ("stop", True, "kinds: stop = True: Input should be a valid number"),
        ("flag", 1, "kinds: flag = 1: Input should be a valid boolean"),
        ("flag", "yes", "kinds: flag = 'yes': Input should be a valid boolean"),
        ("word", 5, "kinds: word = 5: Input should be a valid string"),
        ("names", "a,b", "kinds: names = 'a,b': Input should be a valid array"),
        ("since", 20250602, "kinds: since = 20250602: Input should be a valid date"),
        ("side", "sideways", "kinds: side = 'sideways': Input should be 'up' or 1"),
        ("weights", {"a": "much"}, "kinds: weights.a = 'much': Input should be a valid number"),
        ("pairs", [[1]], "kinds: pairs.0.1 = [1]: Field required"),
        ("word", object(), "kinds: word = <object object at"),
        ("hald", 5, "There is no parameter of kinds 'hald'. Did you mean 'hold'?"),
        ("hald", {}, "There is no parameter of kinds 'hald'. Did you mean 'hold'?"),
    ],
)
def test_a_wrong_value_is_told(kinds, name, value, told):
    with pytest.raises(UsageError) as caught:
        configure(kinds, {name: value})
    assert str(caught.value).startswith(told)
    assert caught.value.exit_code == 2


def test_a_value_that_does_not_read_back_is_refused(kinds, checkout):
    more = (
        '    percent: float = 15.0\n\n    @field_validator("percent")\n    @classmethod\n'
        "    def _fraction(cls, value):\n        return value / 100\n\n    @computed_field\n"
    )
    checkout.write("strategies/kinds.py", TEXT.replace("    @computed_field\n", more, 1))
    file = find_strategy(checkout.workspace, "kinds")
    with pytest.raises(UsageError, match=r"percent = 0\.2 stands on record as 0\.2, and that beco"):
        to_record(configure(file, {"percent": 20.0}))


@pytest.mark.parametrize("kind", ["RuntimeError", "GeneratorExit"])
def test_what_a_strategy_raises_while_it_is_made_is_told_with_its_line(checkout, kind):
    fault = f"raise {kind}('no four')"
    text = f"    def model_post_init(self, _):\n        if self.hold == 4:\n            {fault}\n"
    checkout.write("strategies/kinds.py", f"{TEXT}\n{text}")
    file = load_strategy(checkout.root / "strategies", "kinds")
    assert configure(file, {"hold": 5}).hold == 5
    told = rf"^Kinds failed while it was made: {kind}: no four\n  .*kinds.py, line \d+: raise "
    with pytest.raises(UsageError, match=told):
        configure(file, {"hold": 4})
