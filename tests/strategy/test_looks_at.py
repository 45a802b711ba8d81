"""Symbols that a strategy looks at and does not trade: shown alike wherever it is asked.

ACME, its events and the index INDX, which has closes alone, are made up: see tests/made_up.py.
"""

import pytest

from backtest.audit.observe import Ask, AuditRequest, observe
from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run
from backtest.experiments.studies.run import prepare_study
from backtest.experiments.studies.subject import StudyRequest
from backtest.experiments.sweeps.evaluate import Evaluator
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
from tests.made_up import do, request

BODY = """\
seen = market.bars("INDX")
        reason = f"{len(seen)} closes, {seen.index[-1]:%d %B}"
        return Signal.long(event, hold=self.hold, reason=reason)"""
MORE = '    looks_at = ("INDX",)\n    hold: int = Field(3, ge=1)\n'
# INDX has a close on 2025-05-30 and then one each session: the report of 06-04 is traded on the
# 5th, that of 06-27, before the open, on the same day.
TOLD = ["4 closes, 04 June", "19 closes, 26 June"]


@pytest.fixture
def looking(checkout, monkeypatch):
    """A checkout with a strategy that tells what it sees of INDX."""
    checkout.strategy("looking", BODY, more=MORE)
    monkeypatch.setenv("BACKTEST_STRATEGIES", str(checkout.root / "strategies"))
    monkeypatch.setenv("BACKTEST_DATA", str(checkout.root / "data"))
    return checkout


def test_a_run_shows_the_closes_before_the_session(looking):
    run = do(looking, "looking", benchmark="ACME")
    assert [decision["reason"] for decision in run.decisions] == TOLD


def test_the_closes_decide_on_the_run_id(looking):
    def path():
        return prepare_run(looking.workspace, request("looking", benchmark="ACME")).path

    before = path()
    looking.edit("data/prices/INDX.csv", "2025-05-30,50.00", "2025-05-30,50.50")
    assert path() != before


def test_an_audit_shows_the_same(looking):
    seen = observe(
        looking.root, Ask(AuditRequest("looking", ("ACME",), {}, None, None, make_rules()))
    )
    assert (seen.error, [answer["reason"] for answer in seen.passes[0]]) == ("", TOLD)


def test_a_sweep_shows_the_same(looking):
    asked = SweepRequest(
        "looking", ("ACME",), {}, None, None, make_rules(), grid=parse_axes(["hold=1:3"])
    )
    spec = prepare_sweep(looking.workspace, asked).spec
    assert "prices/INDX" in spec.inputs
    sweep = Evaluator(spec, looking.workspace)
    strategy = sweep._make({"hold": 2})
    assert [one.ask(strategy).reason for one in sweep._answers[5.0].questions] == TOLD


def test_a_study_of_the_strategy_shows_the_same(looking):
    asked = StudyRequest("looking", ("ACME",), benchmark="INDX")
    assert [one.why for one in prepare_study(looking.workspace, asked).events] == TOLD


def test_what_is_not_named_is_not_shown(looking):
    looking.edit("strategies/looking.py", '    looks_at = ("INDX",)\n', "")
    with pytest.raises(UsageError, match="the prices of INDX are not shown, those of ACME are"):
        do(looking, "looking", benchmark="INDX")  # what it is compared with decides nothing


def test_a_symbol_that_has_no_prices_is_wrong_use(looking):
    looking.edit("strategies/looking.py", '("INDX",)', '("INDEX",)')
    with pytest.raises(UsageError, match=r"INDEX.*Did you mean .INDX.*looking looks at INDEX"):
        do(looking, "looking")


def test_one_symbol_without_its_comma_is_told(looking):
    looking.edit("strategies/looking.py", '("INDX",)', '("INDX")')
    told = r"looks_at must be a tuple of symbols, such as \(\"SPY\",\); it is 'INDX'"
    with pytest.raises(UsageError, match=told):
        prepare_run(looking.workspace, request("looking"))


def test_a_traded_symbol_may_be_named_too(looking):
    looking.edit("strategies/looking.py", '("INDX",)', '("INDX", "ACME")')
    assert [decision["reason"] for decision in do(looking, "looking").decisions] == TOLD
