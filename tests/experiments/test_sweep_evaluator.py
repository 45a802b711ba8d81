"""A prepared sweep: what is declared in vain is told, what fails is told with its set."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from backtest.engine.kernel import SIGNAL
from backtest.engine.kernel.panel import set_terms
from backtest.engine.timeline import Question
from backtest.errors import BacktestError, UsageError
from backtest.experiments.sweeps import answers
from backtest.experiments.sweeps import evaluate as module
from backtest.experiments.sweeps.evaluate import Evaluator, Histories, evaluate
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
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
from backtest import Signal, Strategy, Wait
from backtest.blocks import sessions_since
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
    request = SweepRequest(name, (symbol,), {}, first, None, make_rules(), grid=parse_axes(grid))
    return Evaluator(prepare_sweep(workspace, request).spec, workspace)


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
    """What was asked."""
    questions = []
    ask = Question.ask
    monkeypatch.setattr(Question, "ask", lambda *of: questions.append(of) or ask(*of))
    return questions


def codes_of(sweep):
    places = np.unravel_index(np.arange(sweep.spec.sets), sweep.spec.shape)
    return dict(zip(sweep.spec.axes, places, strict=True))


def answers_of(sweep):
    """The answers after the one reaction."""
    (answers,) = sweep._answers.values()
    return answers


def signals_of(sweep):
    return answers_of(sweep).signals(sweep.spec.axes, codes_of(sweep))


def signals_by_asking(sweep):
    table = np.zeros((sweep.spec.sets, len(answers_of(sweep).questions)), SIGNAL)
    table["bar"] = sweep.bars
    table["symbol"] = [sweep.panel.columns[one.event.symbol] for one in answers_of(sweep).questions]
    for row, values in enumerate(product(*sweep.spec.axes.values())):
        strategy = sweep._make(dict(zip(sweep.spec.axes, values, strict=True)))
        for column, question in enumerate(answers_of(sweep).questions):
            decision = question.ask(strategy)
            if decision.signal is not None:
                set_terms(table[row, column], decision.signal)
                table[row, column]["bar"] = sweep.panel.bar_of(decision.tradable_session)
    return table


SOME = """
signal_terms = ("stop",)

def on_event(self, event, market):
    return Signal.long(event, stop=self.stop) if self.hold > 2 else "no"
"""


WAITS = """
signal_terms = ("stop",)

def on_event(self, event, market):
    wait = 4 * self.hold if event.eps > 0 else 0
    if sessions_since(event, market) < wait:
        return Wait(event, sessions=1, reason="not yet")
    return Signal.long(event, hold=2, stop=self.stop)
"""


def test_what_is_waited_for_is_traded_then_also_where_a_later_event_comes_first(sweep):
    """The beat of 2025-06-05 waits for 4, 8, 12 or 16 sessions; the miss of 06-27 does not wait.

    The 16th session after 06-05 is 06-30: its signal comes after that of 06-27, and renews it.
    """
    made = sweep(WAITS)
    found = made.histories(made.spec.axes, codes_of(made))
    days = made.panel.sessions.tolist()
    by_hold = found.entries[::3]  # the first of three stops for each
    assert [str(days[bar]) for bar in by_hold[:, 0]] == [
        "2025-06-11", "2025-06-17", "2025-06-24", "2025-06-02",
    ]  # fmt: skip
    assert not found.traded[9, 0]
    assert [str(days[bar]) for bar in by_hold[:, 1]] == ["2025-06-27"] * 4
    # renewed on the 30th, the position of the 27th is held for two sessions from then
    assert [str(days[bar]) for bar in found.exits[::3, 1]] == ["2025-07-01"] * 3 + ["2025-07-02"]


@pytest.mark.parametrize(
    "methods", [HOLD, SOME, WAITS], ids=["nothing declared", "a term", "one that waits"]
)
def test_the_signals_are_those_of_asking_for_each_set(sweep, methods):
    made = sweep(methods)
    for _ in range(2):
        assert signals_of(made).tobytes() == signals_by_asking(made).tobytes()


def test_what_was_answered_is_not_asked_again(sweep, asked):
    made = sweep(SOME)
    signals_of(made)
    before = len(asked)
    signals_of(made)
    assert before == 4 * 2 * 2 + checked_asks(made)  # holds, events, two stops
    assert len(asked) - before == checked_asks(made)


def checked_asks(sweep):
    """How often the strategy is asked to hold its answers against the sweep's."""
    drawn = np.random.default_rng(0).integers(sweep.spec.sets, size=10)
    return len(np.unique(drawn)) * len(answers_of(sweep).questions)


def test_a_false_declaration_is_told_with_the_parameter(sweep):
    made = sweep(SOME.replace('("stop",)', '("hold", "stop")'))
    with pytest.raises(UsageError, match=r"^shown names hold in signal_terms, but its answer to e"):
        signals_of(made)


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
            "stop: Input should be less than 1",
        ),
        (
            "def on_event(self, event, market):\n    return Signal.long(event, hold=self.stop)",
            ("stop=1,2.5",),
            "hold: Input should be a valid integer",
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
    made = sweep(SOME)
    before = signals_of(made).tobytes()
    assert len(answers_of(made)._kept) == 4
    answers_of(made)._kept.clear()
    monkeypatch.setattr(answers, "_KEPT", 5)  # answers of two sets to two events
    assert signals_of(made).tobytes() == before
    assert len(answers_of(made)._kept) == 2


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


def test_earnings_surprise_is_asked_three_times_for_each_report_and_threshold(asked):
    workspace = Workspace(ROOT / "strategies", ROOT / "data", ROOT / "nowhere")
    grid = ("hold=1:40", "stop=0.02:0.30:0.01", "threshold=0,0.05,0.1")
    made = sweep_of(workspace, "earnings_surprise", *grid, symbol="CRWV")
    assert made.figures(made.spec.axes, codes_of(made))["trades"].shape == (3480,)
    # For each threshold the first set, another hold and another stop.
    assert len(asked) == 3 * 3 * 6 + 10 * 6  # the latter to see whether it agrees


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
        "beats", ("ACME",), {}, None, None, make_rules(), grid=parse_axes(["hold=1:3"])
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
        "beats", ("ACME",), {}, None, None, make_rules(), grid=parse_axes(["hold=1:3"])
    )
    text = prepare_sweep(checkout.workspace, request).spec.to_json()
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "0.31,0.20")
    checkout.edit("strategies/beats.py", "not a beat", "no beat")
    with pytest.raises(UsageError, match=r"data/events/earnings/ACME, the strategy beats\. All"):
        evaluate(text, 0, checkout.workspace)


def test_a_set_holds_in_every_session_from_an_entry_to_its_exit():
    none = float("nan")
    found = Histories(
        returns=np.zeros((5, 2)),
        earned=np.array([[0.1, -0.1], [none, 0.0]]),
        entries=np.array([[0, 2], [0, 4]], np.int32),
        exits=np.array([[1, 2], [0, 4]], np.int32),
        session_numbers=np.arange(5),
    )
    assert found.held().T.tolist() == [
        [True, True, True, False, False],
        [False, False, False, False, True],
    ]


def blocks_of(sweep, **how):
    axes, codes = sweep.spec.axes, codes_of(sweep)
    return [rows.tolist() for rows, *_ in sweep._blocks(axes, codes, **how)]


@pytest.mark.parametrize(
    ("curves", "cells", "sizes"),
    [
        (False, 15, [5, 5, 2]),  # a set takes its two events and one more
        (True, 15, [3, 3, 3, 3]),  # and with curves as much for 25 of its 30 bars
        (False, 14, [4, 4, 4]),
        (False, 2, [1] * 12),
        (False, 36, [12]),
    ],
)
def test_a_block_holds_as_many_sets_as_memory(sweep, monkeypatch, curves, cells, sizes):
    monkeypatch.setattr(module, "_CELLS", cells)
    blocks = blocks_of(sweep(HOLD), curves=curves)
    assert [len(rows) for rows in blocks] == sizes
    assert [row for rows in blocks for row in rows] == list(range(12))


def test_each_reaction_has_its_blocks_and_its_answers(sweep):
    made = sweep(HOLD, "hold=1:2", "reaction=5,1440")
    axes, codes = made.spec.axes, codes_of(made)
    found = list(made._blocks(axes, codes, curves=False))
    assert [rows.tolist() for rows, *_ in found] == [[0, 2], [1, 3]]
    assert [asked for _, asked, _ in found] == [made._answers[5.0], made._answers[1440.0]]
    assert found[1][2]["hold"].tolist() == [0, 1]


def test_the_reaction_of_the_rules_is_asked_for_as_well_for_the_base(sweep):
    assert list(sweep(HOLD, "hold=1:2", "reaction=30,60")._answers) == [5.0, 30.0, 60.0]


def test_two_sweeps_are_kept_read_and_no_third(checkout):
    texts = [
        prepare_sweep(
            checkout.workspace,
            SweepRequest("beats", ("ACME",), {}, None, None, make_rules(), grid=parse_axes([grid])),
        ).spec.to_json()
        for grid in ("hold=1:2", "hold=1:3", "hold=1:4")
    ]
    first, second = (module.evaluator(text, checkout.workspace) for text in texts[:2])
    assert module.evaluator(texts[0], checkout.workspace) is first
    assert module.evaluator(texts[1], checkout.workspace) is second
    module.evaluator(texts[2], checkout.workspace)
    assert module.evaluator(texts[0], checkout.workspace) is not first


def test_a_column_of_several_types_is_written_as_json():
    assert module._column([1, "1", None, True]).to_pylist() == ["1", '"1"', None, "true"]
    assert module._column([1, 2, None]).to_pylist() == [1, 2, None]
    assert str(module._column([None, None]).type) == "string"


def test_a_cluster_is_handed_what_its_workers_need(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "on_cluster", lambda *of: asked.append(of) or iter_parts())
    closed = []

    def iter_parts():
        try:
            yield 4, b"four"
            yield 2, b"two"
        finally:
            closed.append(True)

    parts = {}
    todo = [2, 4]
    module.run_chunks("{}", todo, parts.__setitem__, folders=None, workers=3, cluster="tcp://x:1")
    assert parts == {4: b"four", 2: b"two"}
    assert closed == [True]
    ((attempted, prepare, *terms),) = asked
    assert (attempted.func, attempted.args) == (module.attempt, (evaluate,))
    assert (prepare, terms) == (module.evaluator, ["{}", todo, "tcp://x:1"])


def test_a_fault_of_a_chunk_travels_with_its_traceback_and_wrong_use_as_it_is():
    def fail(spec_json, chunk):
        raise LookupError("a fault")

    def refuse(spec_json, chunk):
        raise UsageError("made up")

    assert module.attempt(lambda spec_json, chunk: f"{spec_json} {chunk}", "{}", 3) == "{} 3"
    with pytest.raises(BacktestError, match=r"(?s)^Chunk 3 failed\.\nTraceback.*LookupError: a fa"):
        module.attempt(fail, "{}", 3)
    with pytest.raises(UsageError, match=r"^made up$"):
        module.attempt(refuse, "{}", 3)


def test_the_time_of_a_set_is_taken_of_four_times_as_many_until_it_is_long_enough(
    sweep, monkeypatch
):
    made = sweep(HOLD, "hold=1:1000", "stop=0.1,0.2,0.3,0.4")
    sizes = []

    def slow(numbers):
        sizes.append(len(numbers))
        assert max(numbers) < made.spec.sets
        return len(numbers) * pace

    monkeypatch.setattr(made, "_seconds", slow)
    pace = 1 / 2_000  # 400 take 0.2 seconds, which is not yet more than that
    assert made.seconds_a_set() == pace
    assert sizes == [1, 100, 400, 1_600]
    pace = 1 / 1_000
    sizes.clear()
    assert made.seconds_a_set() == pace
    assert sizes == [1, 100, 400]
    pace = 0.0  # a chunk has 1,000 sets: more than all of them are not asked for
    sizes.clear()
    assert made.seconds_a_set() == 0.0
    assert sizes == [1, 100, 400, 1_600]
