"""What ends a command from outside, what another machine left, and a clock that is set back."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.hardening.conftest import QUICK, unfinished
from tests.universes import write_universe

pytestmark = pytest.mark.slow
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
PROGRAM = "from backtest.cli.main import main; main()"
# Also where the tests themselves run under `nohup`, which what they start would take over.
HEEDS_HANGUPS = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); {PROGRAM}"
# It says in a file who asks it, and then waits as long as a file is there.
WAITS = """\
import os, pathlib, time
        root = pathlib.Path({root!r})
        with (root / "asked").open("a") as file:
            file.write(str(os.getpid()) + "\\n")
        while (root / "wait").exists():
            time.sleep(0.01)
        return Signal.long(event, weight=0.5, hold=self.hold)"""
COMMANDS = {
    "run": ("run", "waits", *QUICK),
    "run of a universe": ("run", "waits", "--universe", "quartet", "--no-tearsheet"),
    "sweep": ("sweep", "waits", "--symbol", "ACME", "--grid", "hold=1:40", "--workers", "2"),
    "sweep of a universe": ("sweep", "waits", "--universe", "quartet", "--grid", "hold=1:9"),
}


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123 - a name of the system
        return file.read().rpartition(")")[2].split()[0] != "Z"


def results(root) -> dict[str, bytes]:
    """The tables of runs and sweeps by their place."""
    tables = [*root.glob("reports/[!.]*/*.csv"), *root.glob("reports/[!.]*/*.parquet")]
    return {str(path.relative_to(root)): path.read_bytes() for path in tables}


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are looked up there")  # noqa: PTH112
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_ended_leaves_no_process_and_is_gone_on_with(
    checkout, command, tried, name, number
):
    root, words = write_universe(checkout).root, COMMANDS[name]
    hold = "    hold: int = Field(3, ge=1, le=40)\n"
    checkout.strategy("waits", WAITS.format(root=str(root)), more=hold)
    assert tried(*words).code == 0
    whole = results(root)
    assert whole
    for path in [*root.glob("reports/*")]:
        path.rename(root / f"earlier-{path.name}")
    (root / "asked").unlink()
    (root / "wait").touch()
    with subprocess.Popen(
        [sys.executable, "-c", HEEDS_HANGUPS, *words], cwd=root, stdout=-3, stderr=-3
    ) as running:
        until = time.monotonic() + 60
        while not (root / "asked").exists() and time.monotonic() < until:
            time.sleep(0.01)
        running.send_signal(number)
        assert running.wait(timeout=30) == -number
    asked = {*map(int, (root / "asked").read_text().split())}
    until = time.monotonic() + 10
    while any(map(is_alive, asked)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_alive, asked))
    assert results(root) == {}
    (root / "wait").unlink()
    assert tried("list", "runs").code == 0
    assert tried(*words).code == 0
    assert results(root) == whole
    tried("compare")
    assert unfinished(checkout) == []


def test_few_addresses_are_told_beforehand(checkout):
    """Compilers and Arrow end the process where none is left, and nothing can be said any more."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))

    words = [sys.executable, "-c", PROGRAM, "config"]
    terms = {"cwd": checkout.root, "capture_output": True, "text": True}
    done = subprocess.run(words, preexec_fn=limit, check=True, **terms)
    assert "leaves this command 2.0 GB of addresses" in done.stderr
    assert "exit code 134" in done.stderr
    assert subprocess.run(words, check=True, **terms).stderr == ""


# What another machine left

ELSEWHERE = "process 1 on another-machine"


def test_a_lock_of_a_process_that_is_gone_is_none(checkout, tried):
    """Also of another machine: what locks is the system, and the file only says for whom."""
    sweep = ("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:3")
    assert tried(*sweep).code == 0
    (made,) = checkout.root.glob("reports/sweep-*")
    made.rename(checkout.root / "earlier")
    locks = [
        checkout.root / "data/prices/.ACME.lock",
        checkout.root / "data/events/.earnings.lock",
        made.with_name(f".{made.name}.lock"),
    ]
    for lock in locks:
        lock.write_text(ELSEWHERE)
    for words in (
        ("prices", "seal", "ACME", "--source", "x"),
        ("events", "seal", "earnings", "--source", "x"),
        sweep,
    ):
        assert tried(*words).code == 0, words
    assert not [lock for lock in locks if lock.exists()]


def test_what_another_machine_left_unfinished_is_cleared(checkout, tried):
    reports = checkout.root / "reports"
    folder = reports / ".beats-ACME-0123456789.0a1b2c3d"
    folder.mkdir()
    (folder / "run.json").write_text("{")
    (checkout.root / "data/prices/.ACME.csv.0a1b2c3d").write_text("half")
    waiting = checkout.root / "data/prices/.ACME.meta.json.next"
    waiting.write_text(json.dumps({"sha256": "0" * 64}))
    assert tried("prices", "seal", "ACME", "--source", "x").code == 0
    assert tried("run", "beats", *QUICK).code == 0
    assert unfinished(checkout) == []
    assert not waiting.exists()


@pytest.mark.parametrize("fault", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_nothing_can_be_locked_nothing_is_changed(checkout, tried, monkeypatch, fault):
    """As on some network disks: then two commands at once could spoil a file."""
    before = checkout.snapshot("data")

    def refuse(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(fcntl, "flock", refuse)
    outcome = tried("prices", "seal", "ACME", "--source", "x")
    assert outcome.code == 2
    assert "data/prices/ACME.csv cannot be changed: " in outcome.err
    after = checkout.snapshot("data")
    assert after.pop("data/prices/.ACME.lock") == b""  # which holds nobody up
    assert after == before


# A clock that is set back


def test_a_clock_that_is_set_back_loses_nothing(checkout, tried, tmp_path):
    """Versions are numbered on, the last result counts, and what is there is shown."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sweep = ("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:3")
    study = ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--draws", "99")
    with time_machine.travel(now, tick=True) as clock:
        for hour in range(1, 4):
            clock.move_to(now - timedelta(hours=hour))
            for words in (
                ("prices", "seal", "ACME", "--source", f"of hour {hour}"),
                ("run", "beats", *QUICK, "--force"),
                ("run", "beats", *QUICK),
                (*sweep, "--force"),
                (*study, "--force"),
                ("compare",),
                ("list", "runs"),
                ("prices", "list"),
                ("report", "beats", "--format", "md"),
            ):
                outcome = tried(*words)
                assert (outcome.code, outcome.err.count("Left out")) == (0, 0), words
        metadata = json.loads((checkout.root / "data/prices/ACME.meta.json").read_text())
        assert (metadata["source"], metadata["version"]) == ("of hour 3", 4)
        assert tried("prices", "undo", "ACME").code == 0
    metadata = json.loads((checkout.root / "data/prices/ACME.meta.json").read_text())
    assert (metadata["source"], metadata["version"]) == ("of hour 2", 5)


def test_a_clock_that_is_set_back_in_the_middle_of_a_run(checkout, tried):
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=True) as clock:
        sys.modules["set_back"] = clock  # what the strategy imports
        checkout.strategy(
            "late", "import set_back; set_back.shift(-7200); return Signal.long(event, weight=0.5)"
        )
        for words in (("run", "late", *QUICK), ("list", "runs"), ("compare",)):
            assert tried(*words).code == 0
        del sys.modules["set_back"]
    (record,) = checkout.root.glob("reports/late-*/run.json")
    found = json.loads(record.read_text())
    assert found["finished_at"] < found["started_at"]  # as the clock had it
