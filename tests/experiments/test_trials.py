"""Trials: what was tried is counted once, whoever tried it."""

import subprocess
import sys

import pyarrow as pa
import pytest

from backtest.errors import DataError, UsageError
from backtest.experiments.trials import (
    count_trials,
    read_trials,
    record_run,
    record_sweep,
    trials_folder,
)

PARAMETERS = {"hold": 3, "stop": 0.1, "inner": {"level": 0.0, "names": ["b", "a"]}, "target": None}
NAMES = ["hold", "stop", "inner.level", "inner.names", "target"]


def run(identity="r1", sharpe=0.5, at="2026-01-01T00:00:00.5+00:00", **changed):
    return {
        "run_id": identity,
        "strategy": "beats",
        "symbols": ["ACME"],
        "parameters": {**PARAMETERS, **changed},
        "summary": {"run": {"sharpe": sharpe}},
        "finished_at": at,
    }


def sweep(identity="s1", at="2026-01-02T00:00:00+00:00", axes=("hold",), **changed):
    return {
        "sweep_id": identity,
        "strategy": "beats",
        "symbols": ["ACME"],
        "parameters": {**PARAMETERS, **changed},
        "axes": {name: [] for name in axes},
        "finished_at": at,
    }


def sets(sharpe=0.25, **axes):
    rows = len(next(iter(axes.values())))
    return pa.table({**axes, "trades": [0] * rows, "sharpe": pa.array([sharpe] * rows)})


@pytest.fixture
def count(tmp_path):
    """How many trials of the strategy on ACME there are, by both ways of reading them."""

    def both():
        counted = count_trials(tmp_path, "beats", ["ACME"])
        assert len(read_trials(tmp_path, "beats", ["ACME"])) == counted
        return counted

    return both


def test_nothing_tried(tmp_path, count):
    assert count() == 0
    assert list(read_trials(tmp_path, "beats", ["ACME"]).columns) == ["sharpe"]


def test_a_run_is_one_trial_and_so_is_its_repetition(tmp_path, count):
    record_run(tmp_path, run("r1"))
    record_run(tmp_path, run("r2"))  # other dates or costs, the same parameters
    assert count() == 1
    record_run(tmp_path, run("r3", hold=4))
    assert count() == 2


def test_a_run_on_record_is_left_alone(tmp_path):
    record_run(tmp_path, run())
    (path,) = (tmp_path / "trials/beats-ACME").iterdir()
    before = path.stat().st_mtime_ns
    record_run(tmp_path, run(at="2027-01-01T00:00:00+00:00"))
    assert path.stat().st_mtime_ns == before


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
    trials = read_trials(tmp_path, "beats", ["ACME"])
    assert list(trials.columns) == [*NAMES, "sharpe"]
    by_hold = trials.set_index(trials["hold"].astype(str))["sharpe"]
    assert by_hold["1"] == by_hold["3"] == 0.25
    assert by_hold.isna()["2"]
    first = trials.iloc[0][NAMES[1:]].to_dict()
    assert first == {
        "stop": "0.1",
        "inner.level": "0",
        "inner.names": '["b", "a"]',
        "target": "null",
    }


def test_a_parameter_that_came_later_makes_another_set(tmp_path, count):
    record_run(tmp_path, run("old"))
    record_run(tmp_path, run("new", side="both"))
    record_sweep(tmp_path, sweep(side="both"), [sets(hold=[3, 4])])
    assert count() == 3


def test_a_strategy_without_parameters_has_one_set(tmp_path, count):
    for number in range(2):
        record_run(tmp_path, {**run(str(number)), "parameters": {}})
    assert count() == 1


def test_a_sweep_that_goes_on_is_recorded_in_place_of_its_beginning(tmp_path, count):
    record_sweep(tmp_path, sweep(), [])
    assert count() == 0
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2])])
    assert count() == 2
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2]), sets(hold=[3, 4]), sets(hold=[5])])
    assert count() == 5
    assert [path.name for path in (tmp_path / "trials/beats-ACME").iterdir()] == [
        "sweep-s1.parquet"
    ]


def test_a_hundred_thousand_sets_are_a_small_file(tmp_path, count):
    tables = [sets(hold=list(range(n, n + 10_000))) for n in range(0, 100_000, 10_000)]
    record_sweep(tmp_path, sweep(), tables)
    record_sweep(tmp_path, sweep("s2"), tables)
    assert count() == 100_000
    assert (tmp_path / "trials/beats-ACME/sweep-s1.parquet").stat().st_size < 1_000_000


def test_strategies_and_symbols_are_counted_apart(tmp_path, count):
    record_run(tmp_path, run("r1"))
    record_run(tmp_path, {**run("r2"), "symbols": ["OTHR"]})
    record_run(tmp_path, {**run("r3"), "strategy": "misses"})
    assert count() == 1


def test_the_order_of_symbols_does_not_matter(tmp_path):
    some, many = ["BBB", "AAA"], [f"S{n}" for n in range(50)]
    place = trials_folder(tmp_path, "beats", some)
    assert place == trials_folder(tmp_path, "beats", some[::-1])
    assert place.name == "beats-AAA+BBB"
    place = trials_folder(tmp_path, "beats", many)
    assert place == trials_folder(tmp_path, "beats", many[::-1])
    assert place != trials_folder(tmp_path, "beats", [*many[1:], "OTHR"])
    assert place.name.startswith("beats-50-symbols-")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"parameters": 1}'])
def test_a_corrupt_record_of_a_run_is_named_with_the_way_out(tmp_path, count, text):
    record_run(tmp_path, run())
    (path,) = (tmp_path / "trials/beats-ACME").iterdir()
    path.write_text(text)
    with pytest.raises(DataError, match=r"not a readable record of trials.*Remove it") as caught:
        count()
    assert str(path) in str(caught.value)
    path.unlink()
    record_run(tmp_path, run())
    assert count() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b"",
        lambda b: b[:-9],
        lambda b: b[:40] + b[60:],
        lambda b: b.replace(b"0.1", b"0.2"),
    ],
    ids=["empty", "cut", "gap", "flipped"],
)
def test_a_corrupt_record_of_a_sweep_is_named_with_the_way_out(tmp_path, count, spoil):
    record_sweep(tmp_path, sweep(), [sets(hold=[1, 2, 3])])
    path = tmp_path / "trials/beats-ACME/sweep-s1.parquet"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"not a readable record of trials.*Remove it") as caught:
        count()
    assert str(path) in str(caught.value)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "trials").write_text("a file")
    for record in (
        lambda: record_run(tmp_path, run()),
        lambda: record_sweep(tmp_path, sweep(), [sets(hold=[1])]),
    ):
        with pytest.raises(UsageError, match=r"trials/beats-ACME/.* cannot be written"):
            record()


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
    assert count_trials(tmp_path, "beats", ["ACME"]) == 1
