"""`backtest sweep` on the made-up checkout, as a user types it."""

import errno
import json
import os
import re
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from backtest.engine.rules import RULES_VERSION
from backtest.errors import UsageError
from backtest.experiments.sweeps import run as module
from backtest.experiments.sweeps.evaluate import Evaluator
from backtest.experiments.trials import trial_sharpes
from tests.commands import WRONG_USE, fails, too_wide, words
from tests.made_up import ACME, EARNINGS, day, do
from tests.sweeps import FIGURES

GRID = ("--grid", "weight=0.25,0.5", "--grid", "hold=1,3,5")
CHUNKS = ("--grid", "hold=1:20", "--grid", "weight=0.01:1:0.01")  # 2,000 sets, two chunks


@pytest.fixture
def sweep(command):
    """`backtest sweep` on ACME."""
    return lambda *arguments: command("sweep", *arguments, "--symbol", "ACME")


def place(checkout, name="sets.parquet", folder="reports"):
    (path,) = checkout.root.glob(f"{folder}/sweep-*/{name}")
    return path


def sets_of(checkout, folder="reports"):
    return pq.read_table(place(checkout, folder=folder))


def manifest_of(checkout, folder="reports"):
    return json.loads(place(checkout, "sweep.json", folder).read_text(encoding="utf-8"))


def trials(checkout, strategy="beats"):
    return len(trial_sharpes(checkout.root / "reports", strategy, ["ACME"]))


def assert_like_the_run(row, run):
    """A row of the sets has the figures of a run."""
    wanted = {name: run.manifest["summary"]["run"][name] for name in FIGURES}
    assert {n for n in FIGURES if row[n] is None} == {n for n in FIGURES if wanted[n] is None}
    assert [row[name] or 0 for name in FIGURES] == pytest.approx(
        [wanted[name] or 0 for name in FIGURES], rel=1e-9, abs=1e-9
    )


# What it does


def test_a_sweep_says_what_it_does_and_writes_a_folder(sweep, checkout):
    outcome = sweep("beats", *GRID)
    assert outcome.code == 0
    assert "6 sets (2 weight × 3 hold), under a second" in outcome.err
    assert "Traceback" not in outcome.err
    told = words(outcome.out)
    assert told.startswith("Tried 6 sets were tried")
    assert "On record for this strategy and these symbols: 6 sets." in told
    assert "The default returns +1.4 %, better than 67 % of the 6 sets." in told
    assert "Best of 6 +2.4 % with weight 0.5, hold 5 (set 5), the best of 6 sets tried." in told
    folder = place(checkout).parent
    assert re.fullmatch(r"sweep-beats-ACME-[0-9a-f]{10}", folder.name)
    assert f"Every set: {folder / 'sets.parquet'}\n" in outcome.out
    assert f"The page:  {folder / 'index.html'}\n" in outcome.out
    assert {p.name for p in folder.iterdir()} == {"index.html", "sets.parquet", "sweep.json"}
    assert {p.name for p in (checkout.root / "reports").iterdir()} == {
        "assets", "index.html", "trials.sqlite", folder.name,
    }  # fmt: skip
    assert "<title>" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_set_by_hand(sweep, checkout):
    sweep("beats", *GRID)
    row = sets_of(checkout).to_pylist()[4]
    # As the run's in test_run_command.py: 485 shares from the open of the 5th, 103, to that of
    # the 10th, 106; half a cent a share.
    final = 100_000 + 485 * (106 * 0.9995 - 103 * 1.0005) - 4.85
    assert (row["set"], row["weight"], row["hold"], row["trades"]) == (4, 0.5, 3, 1)
    assert (row["win_rate"], row["borrow"]) == (1.0, 0.0)
    assert row["commission"] == pytest.approx(4.85, rel=1e-12)
    assert row["final_equity"] == pytest.approx(final, rel=1e-12)
    assert row["total_return"] == pytest.approx(final / 100_000 - 1, rel=1e-9)


def test_every_set_has_the_figures_of_its_run_whatever_the_order_of_the_axes(sweep, checkout):
    sweep("beats", *GRID)
    table = sets_of(checkout)
    assert table.column_names == ["set", "weight", "hold", *FIGURES]
    rows = table.to_pylist()
    assert [row["set"] for row in rows] == list(range(6))
    assert [(row["weight"], row["hold"]) for row in rows] == list(product([0.25, 0.5], [1, 3, 5]))
    for row in rows:
        settings = {"weight": row["weight"], "hold": int(row["hold"])}
        assert_like_the_run(row, do(checkout, settings=settings))


def test_the_manifest_tells_what_was_swept(sweep, checkout):
    sweep("beats", *GRID, "--from", "2025-06-03", "--cash", "50000", "--slippage", "0")
    told, run = manifest_of(checkout), do(checkout, rules={"cash": 50_000, "slippage_bps": 0})
    assert told["sweep_id"] == place(checkout).parent.name[-10:]
    assert (told["strategy"], told["symbols"], told["sets"]) == ("beats", ["ACME"], 6)
    assert told["axes"] == {"weight": [0.25, 0.5], "hold": [1, 3, 5]}
    assert list(told["axes"]) == ["weight", "hold"]
    assert told["base"] == {"weight": 0.5, "hold": 3}
    assert told["parameters"] == {"hold": 3, "weight": 0.5}
    assert told["span"] == {"first": "2025-06-03", "last": "2025-07-15"}
    assert (told["rules"]["cash"], told["rules"]["slippage_bps"]) == (50_000, 0)
    assert told["inputs"].keys() == {
        "prices/ACME", "borrow/ACME", "events/earnings/ACME",
        "events/stake_disclosure/ACME", "events/short_report/ACME", "events/news/ACME",
    }  # fmt: skip
    assert told["inputs"]["prices/ACME"] == run.manifest["inputs"]["prices/ACME"]
    assert told["strategy_sha256"] == run.manifest["strategy_sha256"]
    assert told["rules_version"] == RULES_VERSION
    assert {"backtest", "numba", "numpy", "pyarrow"} <= told["packages"].keys()
    assert told["trials"] == 6
    assert told["started_at"] <= told["finished_at"]
    assert list(told["base_figures"]) == list(FIGURES)
    assert told["base_figures"]["final_equity"] == pytest.approx(
        run.manifest["summary"]["run"]["final_equity"], rel=1e-12
    )


def test_the_default_has_its_figures_also_where_the_grid_does_not_hold_it(sweep, checkout):
    sweep("beats", "--grid", "hold=7,9", "--set", "weight=0.4")
    told = manifest_of(checkout)
    assert (told["base"], told["parameters"]) == ({"hold": 3}, {"hold": 3, "weight": 0.4})
    assert_like_the_run(told["base_figures"], do(checkout, settings={"weight": 0.4}))


def test_sets_without_a_trade_have_no_ratios(sweep, checkout):
    sweep("beats", *GRID, "--from", "2025-06-11")
    table = sets_of(checkout)
    assert table["sharpe"].null_count == table["win_rate"].null_count == 6
    assert set(table["trades"].to_pylist()) == {0}
    assert manifest_of(checkout)["base_figures"]["sharpe"] is None


def test_a_trade_of_the_last_session_alone_has_the_figures_of_its_run(sweep, checkout):
    checkout.strategy(
        "shown",
        "return Signal.long(event, hold=self.hold) if event.shares == 50 else 'no'",
        listens_to="StakeDisclosure",
        more="    hold: int = 1\n",
    )
    sweep("shown", "--grid", "hold=1:2", "--to", "2025-07-02")
    run = do(checkout, "shown", last=day("2025-07-02"))
    assert run.manifest["summary"]["run"]["sharpe"] > 0
    assert_like_the_run(sets_of(checkout).to_pylist()[0], run)


def test_columns_have_the_types_of_the_parameters(sweep, checkout):
    checkout.strategy(
        "shown",
        "return Signal.long(event, stop=self.stop) if self.flag else self.note",
        more="    hold: int = 1\n    stop: float | None = 0.1\n    flag: bool = True\n"
        "    note: str = 'x'\n    late: float | None = None\n    mixed: float | bool = 0.5\n",
    )
    axes = (
        "hold=1:2",
        "stop=none,0.1",
        "flag=true,false",
        "note=a,b",
        "late=none",
        "mixed=true,0.5",
    )
    outcome = sweep("shown", *(word for axis in axes for word in ("--grid", axis)))
    assert outcome.code == 0
    table = sets_of(checkout)
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert kinds == {
        "set": "int64", "hold": "int64", "stop": "double", "flag": "bool", "note": "string",
        "late": "string", "mixed": "string", "final_equity": "double", "total_return": "double",
        "sharpe": "double", "max_drawdown": "double", "trades": "int64", "win_rate": "double",
        "commission": "double", "borrow": "double",
    }  # fmt: skip
    assert table["stop"].null_count == 16
    assert table["late"].null_count == 32
    assert table["mixed"].to_pylist()[:2] == ["true", "0.5"]
    assert trials(checkout, "shown") == 33  # the default, outside the grid, was evaluated too


def test_what_a_strategy_derives_of_a_parameter_is_as_in_its_run(sweep, checkout):
    checkout.strategy(
        "shown",
        "return Signal.long(event, hold=self.bars)",
        more="    hold: int = 1\n"
        "    bars: int = Field(default_factory=lambda data: data['hold'] + 1)\n",
    )
    sweep("shown", "--grid", "hold=1:4")
    for row in sets_of(checkout).to_pylist():
        run = do(checkout, "shown", settings={"hold": row["hold"]})
        assert run.manifest["parameters"]["bars"] == row["hold"] + 1
        assert_like_the_run(row, run)


def test_several_stocks_share_one_account(sweep, checkout):
    checkout.write("data/prices/BOLT.csv", ACME.replace(",1", ",2"))  # a hundred dollars dearer
    beat = "BOLT,2025-06-05T16:05:00-04:00,exact,A made-up beat,2025Q1,0.30,0.20,,A,made up\n"
    checkout.write("data/events/earnings.csv", EARNINGS + beat)
    grid = ("--grid", "weight=0.4,0.8", "--grid", "hold=1:3")
    assert sweep("beats", *grid, "--symbol", "BOLT").code == 0
    rows = sets_of(checkout).to_pylist()
    for row in rows:
        settings = {"weight": row["weight"], "hold": int(row["hold"])}
        run = do(checkout, symbols=("ACME", "BOLT"), settings=settings)
        assert_like_the_run(row, run)
    assert [row["trades"] for row in rows] == [2] * 6
    assert len({row["final_equity"] for row in rows}) == 6


def test_no_line_is_wider_than_the_terminal(sweep):
    lines = [line for line in sweep("beats", *GRID).out.splitlines() if "sets.parquet" not in line]
    assert too_wide("\n".join(lines), 80) == []


def test_a_sweep_as_json_is_json_alone(sweep, checkout):
    outcome = sweep("beats", *GRID, "--json")
    path = place(checkout).parent
    record = manifest_of(checkout)
    del record["record_sha256"]
    assert json.loads(outcome.out) == {**record, "path": str(path)}
    assert (path / "index.html").exists()
    assert json.loads(sweep("beats", *GRID, "--json").out) == json.loads(outcome.out)


# Again


def test_a_sweep_that_exists_is_shown_and_not_evaluated_again(sweep, checkout, monkeypatch):
    def kept():
        pages = {name: None for name in checkout.snapshot() if name.endswith(".html")}
        return {**checkout.snapshot(), **pages}  # pages are written anew

    first, before = sweep("beats", *GRID), kept()
    monkeypatch.setattr(module, "run_chunks", None)
    second = sweep("beats", *GRID)
    assert second.code == 0
    assert second.err == ""
    assert "It had been evaluated before with the same inputs; --force does it again." in second.out
    assert "evaluated before" not in first.out
    assert words(second.out).startswith(words(first.out.split("Every set:")[0]))
    assert kept() == before


def test_force_evaluates_again_to_the_same_bytes(sweep, checkout):
    sweep("beats", *GRID)
    sets, told = place(checkout).read_bytes(), manifest_of(checkout)
    forced = sweep("beats", *GRID, "--force")
    assert "6 sets" in forced.err
    assert "evaluated before" not in forced.out
    assert place(checkout).read_bytes() == sets
    assert manifest_of(checkout)["finished_at"] > told["finished_at"]
    assert trials(checkout) == 6


def test_a_sweep_that_is_shown_again_is_put_on_record_where_it_is_not(sweep, checkout):
    sweep("beats", "--grid", "hold=7:9")
    assert trials(checkout) == manifest_of(checkout)["trials"] == 4  # three, and the default
    (checkout.root / "reports" / "trials.sqlite").unlink()
    assert "evaluated before" in sweep("beats", "--grid", "hold=7:9").out
    assert trials(checkout) == 4


def test_what_decides_the_result_decides_the_folder(sweep, checkout):
    sweep("beats", *GRID)
    sweep("beats", *GRID[2:], *GRID[:2])  # the axes turned: the sets have other numbers
    sweep("beats", *GRID, "--cash", "50000")
    sweep("beats", *GRID, "--to", "2025-07-01")
    checkout.edit("strategies/beats.py", "not a beat", "no beat")
    sweep("beats", *GRID)
    assert len(list(checkout.root.glob("reports/sweep-*"))) == 5


def test_workers_do_not_change_a_byte(sweep, checkout):
    alone = sweep("beats", *CHUNKS, "--out", "alone")
    assert (alone.code, sets_of(checkout, "alone").num_rows) == (0, 2000)
    outcome = sweep("beats", *CHUNKS, "--workers", "2")
    assert outcome.code == 0
    assert place(checkout).read_bytes() == place(checkout, folder="alone").read_bytes()
    numbers = sets_of(checkout)["set"].to_numpy()
    np.testing.assert_array_equal(numbers, np.arange(2000))


# Trials


def test_a_single_set_is_one(sweep):
    outcome = sweep("beats", "--grid", "hold=5")
    assert outcome.err.startswith("1 set (1 hold), ")
    assert re.search(r"better than (none|all) of the 1 set\.", words(outcome.out))


def test_every_set_counts_once_whoever_tried_it(sweep, checkout):
    do(checkout)  # hold 3, weight 0.5
    do(checkout, settings={"hold": 7})
    assert trials(checkout) == 2
    assert "these symbols: 7 sets." in words(sweep("beats", *GRID).out)  # 6, the default among them
    assert "these symbols: 7 sets." in words(sweep("beats", *GRID, "--force").out)
    overlapping = sweep("beats", "--grid", "hold=3:6", "--set", "weight=0.50")
    assert "these symbols: 9 sets." in words(overlapping.out)  # 4 and 6 are new
    assert manifest_of_latest(checkout)["trials"] == trials(checkout) == 9
    sweep("beats", "--grid", "hold=3:6", "--cash", "5000")  # the same sets by other rules
    assert trials(checkout) == 9


def manifest_of_latest(checkout):
    told = [json.loads(path.read_text()) for path in checkout.root.glob("reports/*/sweep.json")]
    return max(told, key=lambda content: content["finished_at"])


FAILING = {
    "name": "shown",
    "body": "return Signal.long(event, weight=self.weight, hold=self.hold // (self.hold < 20))",
    "more": "    weight: float = 0.5\n    hold: int = 3\n",
}


def test_a_strategy_that_fails_is_told_before_anything_is_evaluated(sweep, checkout):
    checkout.strategy(**FAILING)
    outcome = sweep("shown", *CHUNKS)
    told = ["ZeroDivisionError", "shown.py, line", "in the set with hold 20, weight 0."]
    fails(outcome, WRONG_USE, told, checkout, {})


def test_what_had_ended_when_a_strategy_failed_is_kept_and_counted(sweep, checkout, monkeypatch):
    checkout.strategy(**FAILING)
    monkeypatch.setattr(Evaluator, "seconds_a_set", lambda _: 0.0)
    outcome = sweep("shown", *CHUNKS)
    assert outcome.code == WRONG_USE
    assert "in the set with hold 20, weight 0.01" in outcome.err
    assert [p.name for p in checkout.root.glob("reports/.sweep-*/parts/*")] == ["00000.parquet"]
    assert trials(checkout, "shown") == 1000


def test_on_a_full_disk_that_is_what_is_told(sweep, checkout, monkeypatch):
    def full(file):
        if Path(f"/proc/self/fd/{file}").readlink().parent.name == "parts":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def not_recorded(*_):
        raise UsageError("the trials cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        patched.setattr(module, "record_sweep", not_recorded)
        outcome = sweep("beats", *GRID)
    assert outcome.code == WRONG_USE
    assert "No space left on device. 0 of 1 parts are on disk" in outcome.err
    assert "trials" not in outcome.err
    assert sweep("beats", *GRID).code == 0
