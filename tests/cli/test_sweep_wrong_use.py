"""`backtest sweep` used wrongly: one clear message, and nothing is written."""

import io
import re

import pyarrow.parquet as pq
import pytest

from backtest.cli.evidence import _duration
from tests.commands import WRONG_USE, fails

GRID = ("--grid", "weight=0.25,0.5", "--grid", "hold=1,3,5")


@pytest.fixture
def sweep(command):
    """`backtest sweep` on ACME."""
    return lambda *arguments: command("sweep", *arguments, "--symbol", "ACME")


WRONG = {
    "no grid": ([], "A sweep needs at least one axis. --grid takes name=first:last"),
    "no such parameter": (["--grid", "hodl=1:3"], "parameter of beats 'hodl'. Did you mean 'hold'"),
    "an empty range": (["--grid", "hold="], "--grid hold has no value."),
    "a reversed range": (["--grid", "hold=5:1"], "hold=5:1 is empty: write the smaller end first"),
    "a name twice": (["--grid", "hold=1", "--grid", "hold=2"], "--grid hold is given twice"),
    "a range that does not end at its end": (
        ["--grid", "weight=0.1:1"],
        "the last value is 0.1. Both ends are values: write weight=0.1:1:0.1.",
    ),
    "set and varied": (
        ["--set", "hold=2", "--grid", "hold=1:3"],
        "hold is given by --set and by --grid",
    ),
    "out of bounds": (
        ["--grid", "hold=18:22"],
        "beats: hold = 21: Input should be less than or equal to 20",
    ),
    "a million million values": (
        ["--grid", "weight=1:1e12"],
        "has 1,000,000,000,000 values; 1,000,000 are allowed on an axis",
    ),
    "workers and cluster": (
        [*GRID, "--workers", "2", "--cluster", "tcp://127.0.0.1:1"],
        "--workers and --cluster exclude each other",
    ),
    "a wrong setting": ([*GRID[:2], "--set", "hold=0"], "hold = 0: Input should be greater"),
    "a day that is none": ([*GRID, "--from", "june"], "--from 'june' is not a day"),
    "cash of zero": ([*GRID, "--cash", "0"], "--cash is 0.0. Allowed: dollars greater than 0"),
    "unknown costs": ([*GRID, "--costs", "cheap"], "cheap"),
    "no such stock": ([*GRID, "--symbol", "ACMD"], "symbol 'ACMD'. Did you mean 'ACME'?"),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_clear_message_and_writes_nothing(sweep, checkout, arguments, told):
    fails(sweep("beats", *arguments), WRONG_USE, [told], checkout, {})


def test_an_unknown_strategy_is_answered_with_the_nearest(sweep, checkout):
    fails(sweep("beatz", *GRID), WRONG_USE, ["Did you mean 'beats'?"], checkout, {})


def test_a_backtrader_strategy_is_refused(sweep, checkout):
    checkout.write(
        "strategies/crossing.py",
        "from backtest import EventStrategy\n"
        "class Crossing(EventStrategy):\n    params = (('period', 20),)\n"
        "    def notify_event(self, event): pass\n",
    )
    outcome = sweep("crossing", "--grid", "period=1:3")
    fails(outcome, WRONG_USE, ["crossing is a Backtrader strategy", "on_event"], checkout, {})


@pytest.mark.parametrize("workers", ["0", "many"])
def test_a_wrong_number_of_workers_is_told_by_the_command_line(sweep, checkout, workers):
    outcome = sweep("beats", *GRID, "--workers", workers)
    assert (outcome.code, outcome.out, checkout.snapshot()) == (WRONG_USE, "", {})
    assert "--workers" in outcome.err


def test_a_strategy_that_is_not_pure_is_told(sweep, checkout):
    checkout.strategy("shown", "import random; return Signal.long(event, weight=random.random())")
    checkout.edit("strategies/shown.py", "    listens_to", "    hold: int = 1\n    listens_to")
    outcome = sweep("shown", "--grid", "hold=1:3")
    assert outcome.code == WRONG_USE
    assert "shown does not answer the same event the same way twice" in outcome.err
    assert "Traceback" not in outcome.err


MANY = ("a=0.001:1:0.001", "b=0.001:1:0.001", "c=0.001:1:0.001", "d=0.001:1:0.001")
QUESTION = r"1,000,000,000,000 sets \(1,000 a × 1,000 b × 1,000 c × 1,000 d\), about [\d,]+ \w+\n"


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_very_many_sets_are_told_and_asked_for(sweep, checkout, monkeypatch, answer):
    fields = "".join(f"    {name}: float = 0.5\n" for name in "abcd")
    checkout.strategy(
        "shown", "return Signal.long(event, weight=self.a, target=self.b)", more=fields
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    outcome = sweep("shown", *(word for axis in MANY for word in ("--grid", axis)))
    assert outcome.code == WRONG_USE
    assert re.search(QUESTION, outcome.err)
    assert "Evaluate them all? [y/N]" in outcome.err
    assert outcome.err.endswith(
        "error: Nothing was evaluated. Use wider steps or fewer parameters, or give --yes "
        "where nobody can be asked.\n"
    )
    assert outcome.out.strip() == ""
    assert checkout.snapshot() == {}


@pytest.mark.parametrize("how", ["by answer", "--yes"])
def test_very_many_sets_are_evaluated_where_it_is_meant(sweep, checkout, monkeypatch, how):
    monkeypatch.setattr("backtest.cli.evidence._MANY", 5)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" if how == "by answer" else ""))
    outcome = sweep("beats", *GRID, *(["--yes"] if how == "--yes" else []))
    assert outcome.code == 0
    assert ("Evaluate them all?" in outcome.err) == (how == "by answer")
    (sets,) = checkout.root.glob("reports/sweep-*/sets.parquet")
    assert pq.read_table(sets).num_rows == 6


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.02, "under a second"),
        (1.0, "about 1 s"),
        (119.4, "about 119 s"),
        (120.0, "about 2 min"),
        (3 * 3600, "about 3 hours"),
        (50 * 3600, "about 2 days"),
        (86_400 * 365 * 47.0, "about 47 years"),
    ],
)
def test_durations_are_told_in_a_unit_that_fits(seconds, told):
    assert _duration(seconds) == told
