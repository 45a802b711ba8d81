"""Chunks in this process and in processes beside it: the same parts, whatever happens to them."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.errors import BacktestError, UsageError
from backtest.experiments.sweeps import evaluate as real
from backtest.experiments.sweeps.evaluate import run_chunks
from tests import sweep_parts
from tests.sweep_parts import Spec

ALL = range(5)
PARTS = {chunk: sweep_parts.evaluate(Spec().to_json(), chunk) for chunk in ALL}


@pytest.fixture
def spec(tmp_path):
    """The made-up sweep, with marks."""
    return Spec(marks=str(tmp_path))


@pytest.fixture
def run(monkeypatch, spec, tmp_path):
    """Evaluate chunks by a function of the made-up sweep; gives the parts."""

    def go(name="evaluate", todo=ALL, **how):
        monkeypatch.setattr(real, "evaluate", getattr(sweep_parts, name))
        parts = {}
        try:
            run_chunks(spec.to_json(), todo, parts.__setitem__, folders=None, **how)
        finally:
            go.parts = parts
        return parts

    yield go
    assert multiprocessing.active_children() == []


def tried(spec, chunk):
    return len(list(Path(spec.marks).glob(f"{chunk}-*")))


def processes(spec):
    return {int(mark.name.split("-")[1]) for mark in Path(spec.marks).iterdir()}


def test_in_this_process_chunks_come_in_order(run, spec):
    parts = run()
    assert list(parts) == list(ALL)
    assert parts == PARTS
    assert processes(spec) == {os.getpid()}


@pytest.mark.parametrize("workers", [1, 3])
def test_the_bytes_are_the_same_whatever_the_number_of_workers(run, spec, workers):
    assert run(workers=workers) == PARTS
    assert os.getpid() not in processes(spec)
    assert all(tried(spec, chunk) == 1 for chunk in ALL)


@pytest.mark.parametrize("how", [{}, {"workers": 2}])
def test_only_what_is_to_do_is_evaluated(run, spec, how):
    assert run(todo=[1, 3], **how) == {1: PARTS[1], 3: PARTS[3]}
    assert run(todo=[], **how) == {}
    assert sum(tried(spec, chunk) for chunk in ALL) == 2


def test_there_are_no_more_processes_than_chunks(run, spec):
    run(todo=[4], workers=5)
    assert len(processes(spec)) == 1


def test_a_killed_worker_is_replaced_and_its_chunk_tried_again(run, spec):
    assert run("kill_the_worker_once", workers=2) == PARTS
    assert [tried(spec, chunk) for chunk in ALL] == [1, 1, 2, 1, 1]


def test_a_chunk_that_kills_every_worker_is_named(run):
    with pytest.raises(BacktestError, match=r"Chunk 2 has ended its process 3 times \(.*-9\)"):
        run("kill_the_worker", workers=1)
    assert run.parts == {0: PARTS[0], 1: PARTS[1]}


@pytest.mark.parametrize("how", [{}, {"workers": 1}])
def test_wrong_use_is_told_as_it_is(run, how):
    with pytest.raises(UsageError, match=r"^made up$"):
        run("refuse", **how)
    assert run.parts == {0: PARTS[0], 1: PARTS[1]}


def test_a_fault_in_a_worker_comes_with_its_traceback(run):
    with pytest.raises(BacktestError, match=r"(?s)Chunk 2 failed.*Traceback.*LookupError: a fault"):
        run("fail", workers=1)
    assert run.parts == {0: PARTS[0], 1: PARTS[1]}


def test_who_takes_the_parts_may_stop_the_sweep(monkeypatch, spec):
    monkeypatch.setattr(real, "evaluate", sweep_parts.evaluate_slowly)

    def full(*_):
        raise UsageError("a full disk")

    with pytest.raises(UsageError, match="a full disk"):
        run_chunks(spec.to_json(), ALL, full, folders=None, workers=2)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [None, 2])
def test_ctrl_c_ends_all_processes_at_once_and_keeps_what_had_ended(spec, workers):
    code = f"""
from pathlib import Path
from backtest.experiments.sweeps import evaluate
from backtest.experiments.sweeps.evaluate import run_chunks
from tests.sweep_parts import Spec, evaluate_slowly
evaluate.evaluate = evaluate_slowly
spec = Spec(marks={spec.marks!r})
def take(chunk, part):
    print("ended", chunk, flush=True)
try:
    run_chunks(spec.to_json(), range(5), take, folders=None, workers={workers})
except KeyboardInterrupt:
    print("interrupted")
"""
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout.readline() == "ended 0\n"
    os.killpg(running.pid, signal.SIGINT)  # as a terminal sends it: to workers as well
    assert running.communicate(timeout=60) == ("interrupted\n", "")
    for process in processes(spec):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
