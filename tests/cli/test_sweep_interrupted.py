"""Sweeps that are stopped in the middle: the same command goes on, to the same bytes."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.experiments.trials import trial_sharpes
from tests.commands import INTERRUPTED, WRONG_USE
from tests.sweep_parts import GRID, SECONDS, WAITING, until

SWEEP = ("sweep", "waiting", *GRID)


@pytest.fixture
def sets(checkout, command):
    """The sets that a sweep without interruption writes."""
    checkout.write("strategies/waiting.py", WAITING)
    assert command(*SWEEP, "--out", "alone").code == 0
    (path,) = checkout.root.glob("alone/sweep-*/sets.parquet")
    return path.read_bytes()


@pytest.fixture
def at_part(command, sets, monkeypatch):
    """A sweep in this process, to which something happens when it writes a part; its outcome."""

    def sweep(number, happens):
        synced = []

        def fsync(file):
            if Path(f"/proc/self/fd/{file}").readlink().parent.name != "parts":
                return  # of other files, and of folders
            if len(synced) == number:
                happens()
            synced.append(number)

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fsync)
            return command(*SWEEP)

    return sweep


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def stopped(checkout, sets, tmp_path_factory):
    """A sweep that has done one chunk of four and is stopped by a signal; gives how it ended."""
    marks = tmp_path_factory.mktemp("marks")

    def stop(number):
        program = "from backtest.cli.main import main; main()"
        running = subprocess.Popen(
            [sys.executable, "-c", program, *SWEEP, "--workers", "2"],
            cwd=checkout.root, env={**os.environ, "MARKS": str(marks)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            until(lambda: len(list(marks.iterdir())) == 2 and len(parts(checkout)) == 1, running)
            (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
            out, err = running.communicate(timeout=SECONDS)  # workers have ended too: all closed
        finally:
            running.kill()
            running.wait()
        return running.returncode, out, err

    return stop


def parts(checkout):
    return sorted(checkout.root.glob("reports/.sweep-*/parts/*.parquet"))


def written(checkout):
    (path,) = checkout.root.glob("reports/sweep-*/sets.parquet")
    return path.read_bytes()


def trials(checkout):
    return len(trial_sharpes(checkout.root / "reports", "waiting", ["ACME"]))


def test_an_interrupted_sweep_keeps_what_had_ended(at_part, checkout, command, sets):
    outcome = at_part(1, interrupt)
    assert (outcome.code, outcome.out) == (INTERRUPTED, "")
    assert outcome.err.count("interrupted: ") == 1
    assert trials(checkout) == 1000
    assert len(parts(checkout)) == 1
    assert command(*SWEEP).code == 0
    assert written(checkout) == sets
    assert trials(checkout) == 4000


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_keeps_what_had_ended(stopped, checkout, command, sets):
    code, out, err = stopped(signal.SIGINT)
    assert (code, out) == (INTERRUPTED, "")
    assert err.count("interrupted: ") == 1
    assert "Traceback" not in err
    assert trials(checkout) == 1000
    assert len(parts(checkout)) == 1
    assert command(*SWEEP).code == 0
    assert written(checkout) == sets
    assert trials(checkout) == 4000


@pytest.mark.slow
def test_a_killed_program_loses_no_part_and_leaves_no_process(stopped, checkout, command, sets):
    code, _, _ = stopped(signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert len(parts(checkout)) == 1
    assert command(*SWEEP, "--workers", "2").code == 0
    assert written(checkout) == sets
    assert trials(checkout) == 4000


def test_a_corrupt_part_is_told_and_evaluated_again(at_part, checkout, command, sets):
    at_part(1, interrupt)
    (part,) = parts(checkout)
    part.write_bytes(part.read_bytes()[:-100])
    outcome = command(*SWEEP)
    assert outcome.code == 0
    assert f"{part} is corrupt" in outcome.err
    assert "its sets are evaluated again" in outcome.err
    assert written(checkout) == sets


def test_a_full_disk_keeps_what_had_ended(at_part, checkout, command, sets):
    def fill():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    outcome = at_part(2, fill)
    assert outcome.code == WRONG_USE
    assert outcome.err.count("error: ") == 1
    assert "No space left on device. 2 of 4 parts are on disk and kept" in outcome.err
    assert trials(checkout) == 2000
    assert command(*SWEEP).code == 0
    assert written(checkout) == sets


def test_the_same_sweep_twice_at_once_is_refused(at_part, checkout, command):
    outcomes = []

    def again():
        outcomes.append(command(*SWEEP))
        interrupt()

    at_part(1, again)
    assert outcomes[0].code == WRONG_USE
    assert "This sweep is being run by process" in outcomes[0].err
    assert len(parts(checkout)) == 1
