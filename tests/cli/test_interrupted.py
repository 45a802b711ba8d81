"""Runs that cannot be written, fail or are interrupted: one message, nothing half written."""

import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from backtest.errors import UsageError
from tests.commands import INTERRUPTED, MADE_UP, WRONG_USE, fails

# Folders that cannot be written


@pytest.mark.parametrize("place", ["a-file", "a-file/below"])
def test_a_reports_folder_that_is_a_file_is_told(run_made_up, checkout, place):
    (checkout.root / "a-file").write_text("mine")
    outcome = run_made_up("beats", "--out", place)
    told = [f"{checkout.root / place}", "cannot be written", "--out"]
    fails(outcome, WRONG_USE, told, checkout, {})
    assert (checkout.root / "a-file").read_text() == "mine"


def test_an_unwritable_reports_folder_is_told(run_made_up, checkout):
    reports = checkout.root / "reports"
    reports.chmod(0o500)
    if os.access(reports, os.W_OK):
        pytest.skip("whoever runs this may write everywhere")
    outcome = run_made_up("beats")
    reports.chmod(0o700)
    fails(outcome, WRONG_USE, ["cannot be written", "--out"], checkout, {})


def test_a_full_disk_leaves_nothing_half_written(run_made_up, checkout, monkeypatch):
    from pathlib import Path

    write_text = Path.write_text

    def full(path, *args, **kwargs):
        if path.name == "equity.csv":
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    fails(run_made_up("beats"), WRONG_USE, ["No space left on device"], checkout, {})


def test_a_run_that_fails_leaves_older_runs_alone(run_made_up, checkout, monkeypatch):
    run_made_up()
    before = checkout.snapshot()

    def fail(*_: object) -> None:
        raise UsageError("made up")

    monkeypatch.setattr("backtest.engine.timeline.decide", fail)
    fails(run_made_up("--force", "beats"), WRONG_USE, ["made up"], checkout, before)


# Ctrl-C


def test_ctrl_c_in_the_middle_of_a_run_is_one_message_and_writes_nothing(run_made_up, checkout):
    checkout.edit("strategies/beats.py", 'return "not a beat"', "raise KeyboardInterrupt")
    outcome = run_made_up("beats")
    assert (outcome.code, outcome.out) == (INTERRUPTED, "")
    assert outcome.err.startswith("interrupted")
    assert len(outcome.err.splitlines()) == 1
    assert checkout.snapshot() == {}


def test_ctrl_c_while_a_run_is_replaced_keeps_the_older_one(run_made_up, checkout, monkeypatch):
    run_made_up("beats")
    before = checkout.snapshot()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backtest.experiments.runs.store.result_files", stop)
    outcome = run_made_up("beats", "--force")
    assert outcome.code == INTERRUPTED
    assert checkout.snapshot() == before


def test_ctrl_c_as_a_signal_to_the_process(checkout):
    asleep = 'print("asleep", flush=True) or __import__("time").sleep(60)'
    checkout.edit("strategies/beats.py", 'return "not a beat"', f"return {asleep}")
    program = "from backtest.cli.main import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", program, "run", "beats", *MADE_UP],
        cwd=checkout.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout.readline() == "asleep\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (INTERRUPTED, "")
    assert re.fullmatch(r"interrupted.*\n", err)
    assert checkout.snapshot() == {}


@pytest.mark.parametrize("wrapped", [RuntimeError("in __set_name__"), KeyboardInterrupt()])
def test_ctrl_c_outside_of_a_command_and_in_another_error_is_one_message(
    command, monkeypatch, wrapped
):
    def make() -> None:
        raise wrapped from KeyboardInterrupt()

    monkeypatch.setattr("backtest.cli.main.app", make)
    outcome = command()
    assert (outcome.code, outcome.out) == (INTERRUPTED, "")
    assert re.fullmatch(r"interrupted.*\n", outcome.err)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"),
            "['/tmp']. Set TMPDIR",
        ),
        (
            shutil.Error([("a", "b", "[Errno 13] Permission denied: 'a'")]),
            "Permission denied: 'a'.",
        ),
    ],
)
def test_what_the_machine_refuses_is_one_message(command, monkeypatch, error, told):
    """A container whose disk is read-only; a file beside the strategies that nobody may read."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("backtest.cli.main.app", fail)
    outcome = command()
    assert (outcome.code, outcome.err.count("\n")) == (WRONG_USE, 1)
    assert told in outcome.err


# A strategy that ends the program


@pytest.mark.parametrize("code", ["'no data'", "0", ""])
@pytest.mark.parametrize("word", ["run", "study", "sweep"])
def test_a_strategy_that_ends_the_program_fails(command, checkout, word, code):
    checkout.edit("strategies/beats.py", 'return "not a beat"', f"raise SystemExit({code})")
    more = ("--grid", "hold=1,2") if word == "sweep" else ("--benchmark", "INDX")
    outcome = command(word, "beats", "--symbol", "ACME", *more)
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert "error: Beats failed on earnings-20250627" in outcome.err
    assert "it ends the program" in outcome.err


def test_a_program_that_ends_with_a_text_prints_it(command, monkeypatch):
    monkeypatch.setattr("backtest.cli.main.app", lambda: sys.exit("no data"))
    assert command() == (1, "", "error: no data\n")
