"""A prepared sweep: what escapes the trace is caught, what fails is told with its set."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from backtest.engine.timeline import Question
from backtest.errors import UsageError
from backtest.experiments.runs.run import make_rules
from backtest.experiments.sweeps import prepared as module
from backtest.experiments.sweeps.evaluate import evaluate
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.prepared import PreparedSweep, _record
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.workspace.folders import Workspace
from tests.golden.goldens import ROOT
from tests.made_up import day

HOLD = """
def on_event(self, event, market):
    return Signal.long(event, hold=self.hold)
"""
FITTING = """
@model_validator(mode="after")
def _fits(self):
    if self.stop > 0.2 and self.hold > 3:
        raise ValueError("a wide stop needs a short hold")
    return self

def on_event(self, event, market):
    return "no"
"""
HEAD = """\
import itertools
import random
import threading
from pydantic import BaseModel, Field, model_validator
from backtest import Signal, Strategy
from backtest.events import Earnings

SEEN = {}
CALLS = itertools.count()


class Made(Strategy):
    listens_to = (Earnings,)
    hold: int = 3
    stop: float = 0.1

"""
GRID = ("hold=1:4", "stop=0.1,0.2,0.3")


def sweep_of(workspace, name, *grid, symbol="ACME", first=None):
    request = SweepRequest(name, (symbol,), {}, parse_axes(grid), first, None, make_rules())
    return PreparedSweep(prepare_sweep(workspace, request).spec, workspace)


@pytest.fixture
def sweep(checkout):
    """A sweep of a strategy whose methods are given."""

    def make(methods, *grid):
        body = "".join(f"    {line}\n" for line in methods.strip().splitlines())
        checkout.write("strategies/shown.py", HEAD + body)
        return sweep_of(checkout.workspace, "shown", *(grid or GRID))

    return make


@pytest.fixture
def asked(monkeypatch):
    """What was asked, with or without stand-ins."""
    questions = []
    ask = Question.ask
    monkeypatch.setattr(Question, "ask", lambda *of: questions.append(of) or ask(*of))
    return questions


def codes_of(sweep):
    places = np.unravel_index(np.arange(sweep.spec.sets), sweep.spec.grid.shape)
    return dict(zip(sweep.spec.axes, places, strict=True))


def signals_of(sweep):
    return sweep._signals(sweep.spec.axes, codes_of(sweep))


def signals_by_asking(sweep):
    table = np.zeros((sweep.spec.sets, len(sweep._questions)), module.SIGNAL)
    table["bar"], table["symbol"] = sweep._bars, sweep._columns
    for row, values in enumerate(product(*sweep.spec.axes.values())):
        strategy = sweep._make(dict(zip(sweep.spec.axes, values, strict=True)))
        for column, question in enumerate(sweep._questions):
            signal = question.ask(strategy).signal
            if signal is not None:
                table[row, column] = _record(signal, table[row, column])
    return table


ESCAPES = {
    "the type of a number": """
def on_event(self, event, market):
    return Signal.long(event, hold=self.hold if type(self.hold) is int else 9)
""",
    "the type of the strategy": """
def on_event(self, event, market):
    return Signal.long(event, hold=self.hold if type(self) is Made else 9)
""",
    "past the strategy's own access": """
def on_event(self, event, market):
    return Signal.long(event, hold=object.__getattribute__(self, "hold"))
""",
    "in a thread of its own": """
def on_event(self, event, market):
    found = []
    thread = threading.Thread(target=lambda: found.append(self.hold))
    thread.start()
    thread.join()
    return Signal.long(event, hold=found[0])
""",
    "in another order each time": """
def on_event(self, event, market):
    looks = [lambda: self.hold > 2, lambda: self.stop > 0.1]
    if next(CALLS) % 2:
        looks.reverse()
    return Signal.long(event, weight=0.25 + 0.25 * sum(look() for look in looks))
""",
    "remembered": """
def on_event(self, event, market):
    if (event.id, self.hold) not in SEEN:
        SEEN[event.id, self.hold] = self.hold > 2
    return Signal.long(event) if SEEN[event.id, self.hold] else "no"
""",
}


@pytest.mark.parametrize("methods", ESCAPES.values(), ids=ESCAPES)
def test_what_escapes_the_trace_is_asked_for_each_set(sweep, methods):
    made = sweep(methods)
    for _ in range(2):
        assert signals_of(made).tobytes() == signals_by_asking(made).tobytes()


def test_what_does_not_escape_is_not_asked_again(sweep):
    made = sweep(
        "def on_event(self, event, market):\n"
        "    return Signal.long(event) if self.hold > 2 else 'no'"
    )
    for _ in range(2):
        assert signals_of(made).tobytes() == signals_by_asking(made).tobytes()
    (answers,) = made._answers.values()
    assert [one.asked for one in answers] == [4, 4]


@pytest.mark.parametrize(
    "answer",
    [
        "hold=random.randint(1, 1000)",
        "weight=1 / (2 + next(CALLS))",
    ],
)
def test_a_strategy_that_is_not_pure_is_told(sweep, answer):
    made = sweep(f"def on_event(self, event, market):\n    return Signal.long(event, {answer})")
    with pytest.raises(UsageError, match=r"^shown does not answer the same event the same way"):
        signals_of(made)


def test_a_strategy_that_fails_is_told_with_its_set_and_its_line(sweep):
    made = sweep(
        "def on_event(self, event, market):\n"
        "    return Signal.long(event, hold=10 // (self.hold - 3))"
    )
    with pytest.raises(UsageError) as caught:
        signals_of(made)
    told = str(caught.value)
    assert "Made failed on earnings-" in told
    assert re.search(r"shown\.py, line \d+: return Signal\.long\(event, hold=10 //", told)
    assert told.endswith("  in the set with hold 1, stop 0.1")


@pytest.mark.parametrize(
    ("methods", "grid", "told"),
    [
        (
            "def on_event(self, event, market):\n    return Signal.long(event, stop=self.stop)",
            ("stop=0.5,1.5",),
            "the stop of a signal cannot be 1.5: Input should be less than 1.",
        ),
        (
            "def on_event(self, event, market):\n    return Signal.long(event, hold=self.stop)",
            ("stop=1,2.5",),
            "the hold of a signal cannot be 2.5: Input should be a valid integer",
        ),
        (
            "def on_event(self, event, market):\n    return Signal.long(event, stop=2 * self.stop)",
            ("stop=0.25,0.75",),
            "stop: Input should be less than 1",
        ),
        (
            FITTING,
            GRID,
            "a wide stop needs a short hold",
        ),
    ],
    ids=["a bound", "a type", "calculated", "values that do not go together"],
)
def test_a_set_that_cannot_be_is_told(sweep, methods, grid, told):
    made = sweep(methods, *grid)
    with pytest.raises(UsageError, match=re.escape(told)):
        signals_of(made)


def test_answers_that_would_fill_the_memory_are_forgotten(sweep, monkeypatch):
    made = sweep(ESCAPES["remembered"])
    before = signals_of(made).tobytes()
    assert made._answers
    monkeypatch.setattr(module, "_KEPT", 3)
    assert signals_of(made).tobytes() == before
    assert not made._answers


def test_sets_are_evaluated_in_blocks_where_there_are_many_events(sweep, monkeypatch):
    made = sweep(HOLD)
    axes, codes = made.spec.axes, codes_of(made)
    whole = made.figures(axes, codes)
    monkeypatch.setattr(module, "_CELLS", 3 * 5)  # five sets of two events
    blocks = made.figures(axes, codes)
    for name, values in whole.items():
        assert blocks[name].tobytes() == values.tobytes()


def test_a_span_without_events_has_sets_that_never_trade(checkout):
    made = sweep_of(checkout.workspace, "beats", "hold=1:3", first=day("2025-06-11"))
    figures = made.figures(made.spec.axes, codes_of(made))
    assert figures["trades"].tolist() == [0, 0, 0]
    assert figures["final_equity"].tolist() == [100_000.0] * 3
    assert np.isnan(figures["sharpe"]).all()
    assert np.isnan(figures["win_rate"]).all()


def test_earnings_surprise_is_asked_once_for_each_report_and_threshold(asked):
    workspace = Workspace(ROOT / "strategies", ROOT / "data", ROOT / "nowhere")
    grid = ("hold=1:40", "stop=0.02:0.30:0.01", "threshold=0,0.05,0.1")
    made = sweep_of(workspace, "earnings_surprise", *grid, symbol="CRWV")
    assert made.figures(made.spec.axes, codes_of(made))["trades"].shape == (3480,)
    (answers,) = made._answers.values()
    assert [one.asked for one in answers] == [3] * 6
    assert len(asked) == 3 * 6 + 10 * 6  # the latter without stand-ins, to see whether it agrees


def test_a_set_takes_some_time(sweep):
    made = sweep(HOLD)
    assert 0 < made.seconds_a_set() < 1


def test_the_time_of_a_set_counts_a_slow_on_event_and_is_soon_known(sweep, asked):
    made = sweep(
        "def on_event(self, event, market):\n"
        "    import time\n"
        "    time.sleep(0.002)\n"
        "    return Signal.long(event) if self.hold > 2 else 'no'",
        "hold=1:100000",
    )
    assert 0.002 * 2 < made.seconds_a_set() < 1
    assert len(asked) < 100 * 2 + 100


def test_the_grid_is_evaluated_in_threads_without_a_mistake(sweep):
    made = sweep(
        "def on_event(self, event, market):\n"
        "    return Signal.long(event, weight=1 / self.hold) if self.stop > 0.1 else 'no'",
        "hold=1:50",
        "stop=0.1,0.2,0.3",
    )
    wanted = signals_by_asking(made).tobytes()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: signals_of(made).tobytes(), range(8)))
    assert found == [wanted] * 8


OTHER = {
    "inputs": ({"prices/ACME": "00"}, "data/prices/ACME."),
    "strategy_sha256": ("00", "the strategy beats."),
    "rules_version": (0, "the version of the program's rules."),
    "packages": ({"numpy": "1.0"}, " instead of 1.0."),
}


@pytest.mark.parametrize(("field", "value", "told"), [(n, *v) for n, v in OTHER.items()])
def test_what_differs_from_the_specification_is_refused(checkout, field, value, told):
    request = SweepRequest(
        "beats", ("ACME",), {}, parse_axes(["hold=1:3"]), None, None, make_rules()
    )
    spec = prepare_sweep(checkout.workspace, request).spec
    assert len(evaluate(spec.to_json(), 0, checkout.workspace)) > 1000
    content = json.loads(spec.to_json())
    changed = content[field] | value if isinstance(value, dict) else value
    with pytest.raises(UsageError, match=r"^What is here differs from what the sweep") as caught:
        evaluate(json.dumps({**content, field: changed}), 0, checkout.workspace)
    assert told in str(caught.value)
    assert "need the same program, strategies and data" in str(caught.value)


def test_all_differences_are_told_at_once(checkout):
    request = SweepRequest(
        "beats", ("ACME",), {}, parse_axes(["hold=1:3"]), None, None, make_rules()
    )
    text = prepare_sweep(checkout.workspace, request).spec.to_json()
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "0.31,0.20")
    checkout.edit("strategies/beats.py", "not a beat", "no beat")
    with pytest.raises(UsageError, match=r"data/events/earnings/ACME, the strategy beats\. All"):
        evaluate(text, 0, checkout.workspace)
