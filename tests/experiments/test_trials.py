"""Trials: what was tried is counted once, whoever tried it."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from time import monotonic
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from backtest.errors import DataError, UsageError
from backtest.experiments import trials
from backtest.experiments.trials import (
    has_sweep,
    record_base,
    record_run,
    record_sweep,
    trial_sharpes,
    trials_on_record,
)
from backtest.stats.multiple_testing import SharpeEstimate

ACME = ("beats", ["ACME"])
PARAMETERS = {"hold": 3, "stop": 0.1, "inner": {"level": 0.0, "names": ["b", "a"]}, "target": None}


def run(identity="r1", sharpe=0.5, at="2026-01-01T00:00:00.5+00:00", reaction=5.0, **changed):
    return {
        "run_id": identity,
        "strategy": "beats",
        "symbols": ["ACME"],
        "parameters": {**PARAMETERS, **changed},
        "rules": {"reaction_minutes": reaction},
        "summary": {"run": {"sharpe": sharpe}},
        "finished_at": at,
    }


def sweep(identity="s1", at="2026-01-02T00:00:00+00:00", axes=("hold",), **changed):
    return {
        "sweep_id": identity,
        "strategy": "beats",
        "symbols": ["ACME"],
        "parameters": {**PARAMETERS, **changed},
        "rules": {"reaction_minutes": 5.0},
        "axes": {name: [] for name in axes},
        "sets": 5,
        "finished_at": at,
    }


def sets(sharpe=0.25, first=0, **axes):
    rows = len(next(iter(axes.values())))
    return pa.table({"set": range(first, first + rows), **axes, "sharpe": [sharpe] * rows})


@pytest.fixture
def count(tmp_path):
    """How many trials of the strategy on ACME there are."""
    return lambda: len(trial_sharpes(tmp_path, *ACME))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "trials.sqlite"


def test_nothing_tried(tmp_path, count, file):
    assert count() == 0
    assert trial_sharpes(tmp_path, *ACME) == []
    assert not file.exists()


def test_a_run_is_one_trial_and_so_is_its_repetition(tmp_path, count):
    record_run(tmp_path, run("r1"))
    record_run(tmp_path, run("r2"))  # other dates or costs, the same parameters
    assert count() == 1
    record_run(tmp_path, run("r3", hold=4))
    assert count() == 2


def test_a_run_on_record_is_left_alone(tmp_path, file):
    record_run(tmp_path, run())
    before = file.read_bytes()
    record_run(tmp_path, run(at="2027-01-01T00:00:00+00:00"))
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (10, 10.0, True),
        (10, "10", False),
        (0.1, "0.1", False),
        (0.0, -0.0, True),
        (None, "none", False),
        ({2, 10}, [2, 10], True),
        ([1.0, 2.5], [1, 2.5], True),
        (0.1, 0.1 + 1e-16, False),
        (1, True, False),
        (2**53, 2**53 + 1, False),
        (2.0**53 - 1, 2**53 - 1, True),
        (2.0**53, 2**53, False),  # 2⁵³ + 1 is the same double
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], True),
    ],
)
def test_values_that_are_equal_are_one(tmp_path, count, one, other, same):
    record_run(tmp_path, run("r1", hold=one))
    record_run(tmp_path, run("r2", hold=other))
    assert count() == (1 if same else 2)


def test_a_set_of_a_run_and_the_same_of_a_sweep_are_one(tmp_path, count):
    record_run(tmp_path, run(hold=3))
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2, 3])])
    assert count() == 3
    record_sweep(tmp_path, sweep("s2", hold=2.0, axes=["stop"]), [sets(stop=[0.1, 0.2])])
    assert count() == 4


@pytest.mark.parametrize(
    "values", [[1.5, 2.0], [True, False], ["eps", "all"], [None, 0.5], [2**60, 3]]
)
def test_axes_of_every_type(tmp_path, count, values):
    record_sweep(tmp_path, sweep(axes=["stop"]), [sets(stop=values)])
    assert count() == 2
    for number, value in enumerate(values):
        record_run(tmp_path, run(str(number), stop=value))
    assert count() == 2


def test_a_nested_parameter_is_an_axis_by_its_dotted_name(tmp_path, count):
    record_sweep(tmp_path, sweep(axes=["inner.level"]), [sets(**{"inner.level": [0.0, 0.5]})])
    record_run(tmp_path, run(inner={"level": 0.5, "names": ["b", "a"]}))
    record_run(tmp_path, run("r2"))
    assert count() == 2


def test_each_set_has_the_sharpe_of_its_latest_evaluation(tmp_path):
    record_sweep(tmp_path, sweep(at="2026-01-02T00:00:00+00:00"), [sets(0.25, hold=[1, 2, 3])])
    record_run(tmp_path, run("early", 0.1, "2026-01-01T23:59:59.9+00:00", hold=1))
    record_run(tmp_path, run("late", None, "2026-01-02T00:00:00.1+00:00", hold=2))
    record_run(tmp_path, run("later", 0.75, "2026-01-02T00:00:00.2+00:00", hold=3))
    found = trial_sharpes(tmp_path, *ACME)
    assert sorted(found, key=str) == [0.25, 0.75, None]


def test_the_base_of_a_sweep_is_one_more_where_the_grid_lacks_it(tmp_path, count):
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2])])
    record_base(tmp_path, sweep(), 0.5)
    assert count() == 3
    record_sweep(tmp_path, sweep("s2"), [sets(hold=[2, 3])])
    record_base(tmp_path, sweep("s2"), 0.5)
    assert count() == 3


def test_a_parameter_that_came_later_makes_another_set(tmp_path, count):
    record_run(tmp_path, run("old"))
    record_run(tmp_path, run("new", side="both"))
    record_sweep(tmp_path, sweep(side="both"), [sets(hold=[3, 4])])
    assert count() == 3


def test_a_strategy_without_parameters_has_one_set(tmp_path, count):
    for number in range(2):
        record_run(tmp_path, {**run(str(number)), "parameters": {}})
    assert count() == 1


def test_a_sweep_that_goes_on_is_recorded_in_place_of_its_beginning(tmp_path, count, file):
    record_sweep(tmp_path, sweep(), [])
    assert count() == 0
    assert not has_sweep(tmp_path, sweep())
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2])])
    assert count() == 2
    assert not has_sweep(tmp_path, sweep())
    parts = [sets(hold=[1, 2]), sets(first=2, hold=[3, 4]), sets(first=4, hold=[5])]
    record_sweep(tmp_path, sweep(), parts)
    assert count() == 5
    assert has_sweep(tmp_path, sweep())
    assert rows(file) == 3
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2, 3, 4, 5])])  # as of one that is shown
    assert (count(), has_sweep(tmp_path, sweep())) == (5, True)


def test_a_sweep_that_is_stopped_when_done_again_loses_nothing(tmp_path, count, file):
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2]), sets(first=2, hold=[3, 4])])
    record_sweep(tmp_path, sweep(at="2026-01-03T00:00:00+00:00"), [sets(0.5, 2, hold=[3, 4])])
    assert count() == 4
    assert sorted(trial_sharpes(tmp_path, *ACME)) == [0.25, 0.25, 0.5, 0.5]
    assert rows(file) == 2


def test_a_hundred_thousand_sets_are_a_small_file(tmp_path, count, file):
    ratios = np.random.default_rng(1).normal(size=100_000)
    table = pa.table({"set": range(100_000), "hold": range(100_000), "sharpe": ratios})
    tables = [table.slice(first, 10_000) for first in range(0, 100_000, 10_000)]
    record_sweep(tmp_path, sweep(), tables)
    record_run(tmp_path, run(hold=99_999))  # one of them, evaluated earlier
    assert count() == 100_000
    assert sorted(trial_sharpes(tmp_path, *ACME)) == sorted(ratios)
    assert file.stat().st_size < 2_000_000


def test_strategies_and_symbols_are_counted_apart(tmp_path, count):
    record_run(tmp_path, run("r1"))
    record_run(tmp_path, {**run("r2"), "symbols": ["OTHR"]})
    record_run(tmp_path, {**run("r3"), "strategy": "misses"})
    assert count() == 1


def test_a_universe_is_one_whichever_of_its_members_are_there_in_the_span(tmp_path):
    record_run(tmp_path, {**run("r1"), "universe": "three", "symbols": ["AAA", "BBB"]})
    later = {**run("r2", hold=4), "universe": "three", "symbols": ["AAA"]}
    record_run(tmp_path, later)
    assert trials_on_record(tmp_path, later)["count"] == 2
    alone = {**later, "universe": None}
    assert trials_on_record(tmp_path, alone)["count"] == 0


def test_the_order_of_symbols_does_not_matter(tmp_path):
    record_run(tmp_path, {**run(), "symbols": ["BBB", "AAA"]})
    assert len(trial_sharpes(tmp_path, "beats", ["AAA", "BBB"])) == 1
    assert len(trial_sharpes(tmp_path, "beats", ["AAA"])) == 0


# Processes and faults


def rows(file):
    with closing(sqlite3.connect(file)) as found, found:
        return found.execute("SELECT count(*) FROM trials").fetchone()[0]


def started(reports, code):
    program = f"""
import os, signal
from pathlib import Path
import pyarrow as pa
from backtest.experiments.trials import record_run, record_sweep
reports, run, sweep = Path({str(reports)!r}), {run()!r}, {sweep()!r}
{code}
"""
    return subprocess.Popen([sys.executable, "-c", program])


def test_what_two_processes_try_at_once_is_counted_for_both(tmp_path, count):
    code = """
for number in range(OFFSET, OFFSET + 20):
    record_run(reports, {**run, "run_id": str(number), "parameters": {"hold": number}})
"""
    both = [started(tmp_path, code.replace("OFFSET", text)) for text in ("0", "15")]
    assert [process.wait() for process in both] == [0, 0]
    assert count() == 35


def test_a_process_that_is_killed_leaves_what_was(tmp_path, count):
    record_run(tmp_path, run())
    code = """
def tables():
    ratios = [os.urandom(6).hex() for _ in range(400_000)]
    ratios = pa.array(int(text, 16) / 7 for text in ratios)  # more than is held in memory
    yield pa.table({"set": range(400_000), "hold": range(400_000), "sharpe": ratios})
    os.kill(os.getpid(), signal.SIGKILL)
record_sweep(reports, sweep, tables())
"""
    assert started(tmp_path, code).wait() == -signal.SIGKILL
    assert (tmp_path / "trials.sqlite-journal").exists()
    assert count() == 1
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2])])
    assert count() == 3


def test_sets_that_cannot_be_read_leave_what_was(tmp_path, count):
    def tables():
        yield sets(hold=[1, 2])
        raise DataError("a part is gone")

    with pytest.raises(DataError, match="a part is gone"):
        record_sweep(tmp_path, sweep(), tables())
    assert count() == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b"parameters",
        lambda b: b[:-9],
        lambda b: b[:4100] + b[4200:],
        lambda b: b[:50_000] + bytes([b[50_000] ^ 1]) + b[50_001:],
    ],
    ids=["another", "cut", "gap", "changed"],
)
def test_a_damaged_file_is_named_with_the_way_out(tmp_path, count, file, spoil):
    record_sweep(tmp_path, sweep(), [sets(hold=range(100_000))])
    whole = file.read_bytes()
    assert spoil(whole) != whole
    file.write_bytes(spoil(whole))
    with pytest.raises(DataError, match=r"not a readable record of trials.*Remove it") as caught:
        count()
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 3
    file.unlink()
    record_run(tmp_path, run())
    assert count() == 1


def test_a_database_of_something_else_is_not_taken_for_it(tmp_path, count, file):
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE trials (name TEXT)")
    for use in (count, lambda: record_run(tmp_path, run())):
        with pytest.raises(DataError, match="not a readable record of trials"):
            use()


def test_a_record_that_cannot_be_written_is_told(tmp_path, file):
    file.mkdir()
    for record in (
        lambda: record_run(tmp_path, run()),
        lambda: record_sweep(tmp_path, sweep(), [sets(hold=[1])]),
    ):
        with pytest.raises(UsageError, match=r"trials.sqlite cannot be written: unable to open"):
            record()
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(UsageError, match="reports cannot be made"):
        record_run(tmp_path / "reports", run())


def test_what_another_process_holds_for_too_long_is_told(tmp_path, file, monkeypatch):
    record_run(tmp_path, run())
    monkeypatch.setattr(trials, "_TIMEOUT", 0.05)
    began = monotonic()
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            UsageError, match=r"trials\.sqlite cannot be written: database is locked"
        ):
            record_run(tmp_path, run("r2"))
    assert monotonic() - began < 4  # sqlite waits for five seconds by itself
    record_run(tmp_path, run("r2"))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_CORRUPT_INDEX, DataError),
        (sqlite3.SQLITE_CORRUPT, DataError),
        (sqlite3.SQLITE_NOTADB, DataError),
        (sqlite3.SQLITE_IOERR_WRITE, UsageError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, UsageError),
        (None, DataError),  # raised without a code: what it holds cannot be read
    ],
)
def test_damage_is_told_from_what_cannot_be_written_by_its_kind(tmp_path, monkeypatch, code, error):
    """Kinds of errors have finer codes, of which the last eight bits are the kind."""

    def fail(*_, **__):
        fault = sqlite3.DatabaseError("no good")
        if code is not None:
            fault.sqlite_errorcode = code
        raise fault

    broken = SimpleNamespace(**{**vars(sqlite3), "connect": fail})  # what counts lines uses its own
    monkeypatch.setattr(trials, "sqlite3", broken)
    with pytest.raises(error, match="no good"):
        record_run(tmp_path, run())


@pytest.mark.parametrize(
    ("values", "mixed"),
    [
        ([1, 2.5], False), ([None, 1], False), (["a", "b"], False), ([1, "1"], True),
        ([True, 1], True), ([None, "a", 2.0], True), ([], False),
        ([1, 2**63 - 1], False), ([1, 2**63], True),
        ([2**53, 0.5], False), ([2**53 + 1, 0.5], True),
    ],
)  # fmt: skip
def test_an_axis_is_mixed_where_its_values_are_not_alike_or_numbers_of_one_column(values, mixed):
    assert trials.is_mixed(values) == mixed


def test_a_mixed_axis_of_a_sweep_holds_the_same_sets(tmp_path, count):
    asked = sweep(axes=["stop"])
    asked["axes"]["stop"] = [1, "1", None]
    record_sweep(tmp_path, asked, [sets(stop=["1", '"1"', None])])
    for number, value in enumerate([1, "1", None]):
        record_run(tmp_path, run(str(number), stop=value))
    assert count() == 3


def test_a_run_is_recorded_as_one_set_that_an_index_holds_as_well(tmp_path, file):
    record_run(tmp_path, run())
    with closing(sqlite3.connect(file)) as found:
        assert found.execute("SELECT first, size FROM trials").fetchall() == [(0, 1)]
        indexed = found.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    assert ("newest",) in indexed


def test_a_usual_reaction_adds_nothing_to_the_key_of_a_set():
    """So trials count as before that were recorded when there was one reaction alone."""
    assert trials._hash("--reaction", 5) == trials._hash("--reaction", 5.0) == 0
    assert trials._hash("--reaction", 6) != 0
    assert trials._hash("hold", 5) != 0


def test_one_ratio_that_is_known_is_not_deflated():
    estimate = SharpeEstimate(0.1, 250, 0.0, 3.0)
    assert trials.deflated(estimate, [1.0, None, None]) is None
    assert trials.deflated(estimate, [1.0, 2.0]) is not None


def test_reactions_are_trials_apart_but_for_the_usual_one(tmp_path, count):
    record_run(tmp_path, run("r1", reaction=5))
    record_run(tmp_path, run("r2", reaction=5.0))
    assert count() == 1
    record_run(tmp_path, run("r3", reaction=30.0))
    assert count() == 2
    asked = sweep(axes=["reaction"])
    record_sweep(tmp_path, asked, [sets(reaction=[5.0, 30.0, 60.0])])
    assert count() == 3


def test_recording_a_run_loads_nothing_heavy(tmp_path):
    code = f"""
import sys
from pathlib import Path
from backtest.experiments.trials import record_run
record_run(Path({str(tmp_path)!r}), {run()!r})
found = [name for name in ("pandas", "pyarrow", "numpy") if name in sys.modules]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(trial_sharpes(tmp_path, *ACME)) == 1


def test_trials_are_recorded_where_no_folder_is_yet(tmp_path):
    reports = tmp_path / "none" / "yet"
    record_run(reports, run())
    assert trial_sharpes(reports, *ACME) == [0.5]
