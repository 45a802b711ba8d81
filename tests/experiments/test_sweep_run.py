"""A sweep from its request to its folder: what is counted, gone on with and put on record."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.experiments.sweeps import evaluate, grid
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, known_sweep, prepare_sweep, run_sweep
from backtest.experiments.terms import make_rules
from backtest.experiments.trials import trial_sharpes
from tests.made_up import day


def planned(checkout, *axes, **rules):
    request = SweepRequest(
        "beats", ("ACME",), {}, None, None, make_rules(**rules), grid=parse_axes(axes)
    )
    return prepare_sweep(checkout.workspace, request)


def never(sentence):
    raise AssertionError(sentence)


def trials(checkout):
    return len(trial_sharpes(checkout.workspace.reports, "beats", ["ACME"]))


def test_a_sweep_that_was_stopped_has_tried_what_had_ended_and_goes_on_from_it(
    checkout, monkeypatch
):
    """Two chunks: of four sets and of one."""
    monkeypatch.setattr(grid, "_FEWEST", 4)
    plan, counts = planned(checkout, "hold=4:8"), []

    def stop(done, of):
        counts.append((done, of))
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, on_sets=stop, tell=never)
    assert counts == [(0, 5), (4, 5)]
    assert trials(checkout) == 4
    assert known_sweep(plan) is None
    counts.clear()
    made = run_sweep(plan, on_sets=lambda *of: counts.append(of), tell=never)
    assert counts == [(4, 5), (5, 5)]
    assert made.sets.num_rows == 5
    assert made.manifest["trials"] == trials(checkout) == 6  # the default is not in the grid


def test_a_finished_sweep_is_known_and_on_record_again_where_the_record_is_lost(checkout):
    plan = planned(checkout, "hold=4:6")
    made = run_sweep(plan, on_sets=lambda *of: None, tell=never)
    assert made.manifest["trials"] == 4
    assert (made.manifest["base"], made.manifest["sets"]) == ({"hold": 3}, 3)
    assert made.manifest["span"] == {"first": "2025-06-02", "last": "2025-07-15"}
    assert "." not in made.manifest["started_at"]  # whole seconds
    assert made.manifest["costs"] is None
    (checkout.workspace.reports / "trials.sqlite").unlink()
    assert known_sweep(plan).manifest == made.manifest
    assert trials(checkout) == 4


def test_rates_that_nobody_quoted_are_named_as_by_runs_also_where_the_default_borrows_nothing(
    checkout,
):
    more = "    hold: int = 1\n    is_short: bool = False\n"
    rule = "side = Signal.short if self.is_short else Signal.long\n"
    rule += "        return side(event, weight=0.5, hold=self.hold)"
    checkout.strategy("sides", rule, more=more)

    def told(*axes):
        terms = ("sides", ("ACME",), {}, None, None, make_rules())
        plan = prepare_sweep(checkout.workspace, SweepRequest(*terms, grid=parse_axes(axes)))
        return run_sweep(plan, on_sets=lambda *of: None, tell=never).manifest["assumptions"]

    (basis,) = told("hold=1,2")
    alone, sentence = told("hold=1,2", "is_short=true,false")
    assert alone == basis
    assert "borrow rate of ACME from 2025-06-23 on, 36.0% a year, is an assumption" in sentence


def test_a_quote_is_carried_on_to_the_last_night_of_any_set_that_is_named(checkout):
    columns = "symbol,date,annual_rate,provider,source_url,note\n"
    checkout.write("data/borrow/ACME.csv", columns + "ACME,2025-05-01,0.5,Made Up Lenders,,\n")
    rule = "return Signal.short(event, weight=0.5, hold=self.hold)"
    checkout.strategy("bear", rule, more="    hold: int = 3\n")
    terms = ("bear", ("ACME",), {}, None, day("2025-06-20"), make_rules())
    plan = prepare_sweep(checkout.workspace, SweepRequest(*terms, grid=parse_axes(["hold=1"])))
    made = run_sweep(plan, on_sets=lambda *of: None, tell=never)
    (sentence,) = made.manifest["assumptions"][1:]
    assert "quoted for 2025-05-01, 50.0% a year, was carried on to 2025-06-0" in sentence
    (alone,) = plan.evaluator.assumptions(np.array([], np.intp))  # of the default
    assert alone == sentence


def test_parameters_that_cannot_be_on_record_are_told_before_anything_is_evaluated(checkout):
    even = (
        "    hold: int = 5\n    stop: float = 0.1\n"
        "    from pydantic import field_validator\n"
        "    @field_validator('hold')\n    def even(cls, value): return value + value % 2\n"
    )
    checkout.strategy("made", "return 'no'", more=even)
    rules, axes = make_rules(), parse_axes(["stop=0.1,0.2"])
    request = SweepRequest("made", ("ACME",), {}, None, None, rules, grid=axes)
    with pytest.raises(UsageError, match="hold = 5 stands on record as 5, and that becomes 6"):
        prepare_sweep(checkout.workspace, request)
    fine = replace(request, settings={"hold": 4})
    assert prepare_sweep(checkout.workspace, fine).spec.axes == {"stop": [0.1, 0.2]}


def test_a_parameter_without_a_default_is_swept_beside_the_value_that_is_set(checkout):
    checkout.strategy("held", "return Signal.long(event, hold=self.hold)", more="    hold: int")
    request = SweepRequest(
        "held", ("ACME",), {}, None, None, make_rules(), grid=parse_axes(["hold=1,3"])
    )
    told = "held: hold has no default: set it, as with `--set hold=…`"
    with pytest.raises(UsageError, match=told):
        prepare_sweep(checkout.workspace, request)
    plan = prepare_sweep(checkout.workspace, replace(request, settings={"hold": 2}))
    assert (plan.spec.axes, plan.spec.settings) == ({"hold": [1, 3]}, {"hold": 2})
    assert plan.strategy.hold == 2


def test_the_reaction_is_given_once(checkout):
    with pytest.raises(UsageError, match="The reaction is given by --reaction and by --grid"):
        planned(checkout, "reaction=5,30", reaction_minutes=5.0)
    assert planned(checkout, "reaction=5,30").spec.axes == {"reaction": [5.0, 30.0]}


class StoppedError(Exception):
    """Reading would begin here."""


def test_a_sweep_reads_what_its_strategy_looks_at_and_trades_besides(checkout, monkeypatch):
    more = '    looks_at = ("SPY",)\n    trades_also = ("QQQ",)\n    hold: int = 3\n'
    checkout.strategy("seer", "return 'no'", more=more)
    spec = planned(checkout, "hold=4:6").spec
    read = []

    def stop(*of, **by):
        read.append((of, by))
        raise StoppedError

    monkeypatch.setattr("backtest.data.inputs.read_inputs", stop)
    changes = {"strategy": "seer", "universe": "three", "bars": "5m"}
    with pytest.raises(StoppedError):
        evaluate.Evaluator(replace(spec, **changes), checkout.workspace)
    days, rules = (day("2025-06-03"), day("2025-07-01")), make_rules(hours="extended")
    request = SweepRequest(
        "seer",
        ("BOLT", "ACME"),
        {},
        *days,
        rules,
        grid=parse_axes(["hold=4:6"]),
        universe="three",
        bars="5m",
        accept_jumps=True,
    )
    with pytest.raises(StoppedError):
        prepare_sweep(checkout.workspace, request)
    (evaluated, by), (prepared, also) = read
    data, kinds = checkout.workspace.data, (Earnings,)
    assert evaluated == (data, ("ACME",), "three", spec.days, kinds)
    assert prepared == (data, ("ACME", "BOLT"), "three", days, kinds)
    common = {
        "looks_at": ("SPY",), "trades_also": ("QQQ",), "universe": "three", "bars": "5m",
        "as_of": None, "wanted_by": "seer",
        "accept_jumps": True,  # of an evaluator: whoever prepared the sweep has looked
    }  # fmt: skip
    assert by == {**common, "hours": "regular"}
    assert also == {**common, "hours": "extended"}
