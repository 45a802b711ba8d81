"""A sweep of a universe: its sets are single runs, and it is held against the mean of members."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest

from backtest.experiments.runs.run import RunRequest, prepare_run, replay_run
from backtest.experiments.sweeps import evaluate as module
from backtest.experiments.sweeps.evaluate import Evaluator
from backtest.experiments.sweeps.folder import SweepFolder
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
from backtest.stats.surface import FIGURES
from tests.commands import fails
from tests.made_up import EARNINGS, SESSIONS
from tests.made_up_universe import CORP, write_members

HEAD = "date,open,high,low,close,volume\n"
# BOLT alternates between 50 and 55, CORP stays at 20; ACME closes at 101, 102, 103, …
BOLT = HEAD + "".join(
    f"{day},50.00,56.00,49.00,{(50, 55)[n % 2]}.00,900\n" for n, day in enumerate(SESSIONS)
)
MORE = """\
BOLT,2025-06-04T16:05:00-04:00,exact,A beat of the same evening,2024Q4,0.30,0.25,,A,made up
CORP,2025-06-10T08:00:00-04:00,minute,A small beat,2024Q4,0.21,0.20,,A,made up
BOLT,2025-06-25T16:05:00-04:00,exact,A beat of one that has left,2025Q1,0.40,0.20,,A,made up
CORP,2025-07-02T16:05:00-04:00,exact,A large beat,2025Q1,0.90,0.20,,A,made up
"""
MEMBERS = """\
symbol,first,last
ACME,2025-06-01,2025-12-31
BOLT,2025-06-01,2025-06-20
CORP,2025-06-01,2025-12-31
"""
GRID = ("hold=1:4", "weight=0.2,0.4")


@pytest.fixture
def universe(checkout):
    """The checkout with a universe of three stocks, one of which leaves."""
    checkout.write("data/prices/BOLT.csv", BOLT)
    checkout.write("data/prices/CORP.csv", CORP)
    rows = (EARNINGS + MORE).splitlines(keepends=True)
    checkout.write(
        "data/events/earnings.csv",
        rows[0] + "".join(sorted(rows[1:], key=lambda row: row.split(",")[1])),
    )
    write_members(checkout, MEMBERS)
    return checkout


def plan_of(checkout, *grid, strategy="beats"):
    request = SweepRequest(
        strategy, (), {}, None, None, make_rules(), grid=parse_axes(grid or GRID), universe="three"
    )
    return prepare_sweep(checkout.workspace, request)


def sweep_of(checkout, *grid, strategy="beats"):
    return Evaluator(plan_of(checkout, *grid, strategy=strategy).spec, checkout.workspace)


def codes_of(sweep):
    places = np.unravel_index(np.arange(sweep.spec.sets), sweep.spec.shape)
    return dict(zip(sweep.spec.axes, places, strict=True))


def test_each_set_has_the_figures_of_a_run(universe):
    sweep = sweep_of(universe)
    codes = codes_of(sweep)
    figures = sweep.figures(sweep.spec.axes, codes)
    assert figures["trades"].tolist() == [4] * 8  # not the miss, nor the stock that has left
    for row in range(8):
        values = {name: axis[codes[name][row]] for name, axis in sweep.spec.axes.items()}
        request = RunRequest(
            "beats", (), values, None, None, make_rules(), benchmark="three", universe="three"
        )
        run = replay_run(prepare_run(universe.workspace, request))
        for name in FIGURES:
            wanted = run.manifest["summary"]["run"][name]
            assert figures[name][row] == pytest.approx(wanted, rel=1e-9, abs=1e-9), name


def test_it_is_held_against_the_mean_of_the_members(universe):
    held = sweep_of(universe).held_throughout()
    assert held[0] == 0.0  # no close before
    # ACME 101 to 102, BOLT 50 to 55, CORP unmoved
    assert held[1] == pytest.approx((1 / 101 + 0.1 + 0) / 3)
    left = SESSIONS.index("2025-06-23")  # BOLT has gone: ACME from 114 to 115, CORP
    assert held[left] == pytest.approx((1 / (100 + left)) / 2)


def test_the_members_are_part_of_what_it_is(universe):
    before = plan_of(universe)
    assert before.spec.symbols == ("ACME", "BOLT", "CORP")
    folder = SweepFolder(universe.workspace.reports, before.spec).path.name
    assert folder == f"sweep-beats-three-{before.spec.sweep_id}"
    write_members(universe, MEMBERS.replace("06-20", "06-30"))
    after = plan_of(universe)
    assert after.spec.sweep_id != before.spec.sweep_id
    assert Evaluator(after.spec, universe.workspace).figures(
        {"hold": [1], "weight": [0.2]}, {"hold": np.array([0]), "weight": np.array([0])}
    )["trades"].tolist() == [5]


def test_histories_in_blocks_are_those_of_all_at_once(universe, monkeypatch):
    sweep = sweep_of(universe)
    whole = sweep.histories(sweep.spec.axes, codes_of(sweep))
    monkeypatch.setattr(module, "_CELLS", 18)  # three sets at a time
    blocks = sweep.histories(sweep.spec.axes, codes_of(sweep))
    for one in fields(whole):
        assert getattr(blocks, one.name).tobytes() == getattr(whole, one.name).tobytes()


def test_threads_that_ask_at_once_see_each_their_own_past(universe):
    body = (
        "past = market.bars()\n"
        "        if len(past) % 7 > self.least or past.index.max() >= market.now.replace("
        "tzinfo=None).replace(hour=0, minute=0):\n"
        "            return 'not now'\n"
        "        return Signal.long(event, weight=0.1 + len(market.events(Earnings)) / 20)"
    )
    universe.strategy("looks_back", body, more="    least: int = 3\n")
    sweep = sweep_of(universe, "least=0:40", strategy="looks_back")
    codes = codes_of(sweep)
    wanted = sweep.figures(sweep.spec.axes, codes)["final_equity"]

    def part(first):
        some = {name: code[first::8] for name, code in codes.items()}
        return sweep.figures(sweep.spec.axes, some)["final_equity"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(part, range(8)))
    for first, figures in enumerate(found):
        assert figures.tolist() == wanted[first::8].tolist()
    assert len(set(wanted.tolist())) > 2


def test_the_command_names_the_universe(universe, command):
    arguments = ("sweep", "beats", "--universe", "three", "--grid", "hold=1:3")
    out = command(*arguments).out
    assert "the mean of the members of three" in " ".join(out.split())
    record = json.loads(command(*arguments, "--json").out)
    assert (record["universe"], record["symbols"]) == ("three", ["ACME", "BOLT", "CORP"])
    assert "beats · three" in (universe.root / record["path"] / "index.html").read_text()
    later = command(*arguments[:-1], "hold=4:5", "--from", "2025-06-23", "--json")
    record = json.loads(later.out)
    assert (record["symbols"], record["trials"]) == (["ACME", "CORP"], 5)  # of the universe


def test_a_universe_and_a_symbol_exclude_each_other(universe, command):
    arguments = ("--universe", "three", "--symbol", "ACME", "--grid", "hold=1:3")
    outcome = command("sweep", "beats", *arguments)
    told = ["The universe three says which stocks are traded, so ACME cannot be named beside it"]
    fails(outcome, 2, told, universe, universe.snapshot())
