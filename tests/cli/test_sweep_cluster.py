"""A sweep on a Dask cluster: scheduler and workers are processes of their own on loopback."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import backtest
from backtest.errors import BacktestError, UsageError
from backtest.experiments.sweeps import evaluate
from backtest.experiments.sweeps.evaluate import run_chunks
from backtest.workspace import processes
from tests import sweep_parts
from tests.commands import WRONG_USE
from tests.made_up import make_checkout
from tests.sweep_parts import GRID, WAITING, Spec, until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATH = f"{ROOT / 'src'}{os.pathsep}{ROOT}"  # of workers, which import the tests too


class Dask:
    """A scheduler and its workers of one thread each, which find the checkout around them."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.folder = folder
        self.checkout = checkout
        self.processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def scheduler(self, **environment: str) -> None:
        place = self.folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--scheduler-file", str(place), **environment)
        until(lambda: place.exists() and place.read_text().endswith("}"), *self.processes)
        self.address = json.loads(place.read_text())["address"]

    def worker(self, *, checkout: Path | None = None, **environment: str) -> int:
        """Start a worker and wait until the scheduler has it; gives its process id."""
        here = str(self.folder / f"worker-{len(self.processes)}")
        options = ("--local-directory", here, "--no-nanny", "--nthreads", "1")
        log = self._start("worker", self.address, *options, checkout=checkout, **environment)
        until(lambda: "Registered to" in log.read_text(), *self.processes)
        return self.processes[-1].pid

    def _start(self, *command: str, checkout: Path | None = None, **environment: str) -> Path:
        log = self.folder / f"{len(self.processes)}.log"
        addresses = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command, *addresses],
                env={**os.environ, "PYTHONPATH": PATH, **environment},
                cwd=checkout or self.checkout, stdout=file, stderr=file,
            )  # fmt: skip
        self.processes.append(process)
        return log

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(60)


@pytest.fixture
def dask(checkout, tmp_path_factory):
    """Nothing yet; everything that is started ends with the test."""
    made = Dask(tmp_path_factory.mktemp("dask"), checkout.root)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def marks(tmp_path_factory):
    """The folder through which tests and workers speak."""
    return tmp_path_factory.mktemp("marks")


def sets_of(checkout, reports="reports"):
    (path,) = checkout.root.glob(f"{reports}/sweep-*/sets.parquet")
    return path.read_bytes()


# The command


def test_a_worker_killed_in_the_middle_does_not_change_a_byte(dask, command, checkout, marks):
    checkout.write("strategies/waiting.py", WAITING)
    dask.scheduler()
    workers = [dask.worker(MARKS=str(marks)) for _ in range(2)]
    ended = threading.Event()

    def kill_one():
        both = set(map(str, workers))
        until(lambda: {path.name for path in marks.iterdir()} == both or ended.is_set())
        os.kill(workers[1], signal.SIGKILL)
        (marks / "go-on").touch()

    killer = threading.Thread(target=kill_one)
    killer.start()
    outcome = command("sweep", "waiting", *GRID, "--cluster", dask.address)
    ended.set()
    killer.join()
    assert (outcome.code, "4,000 sets" in outcome.err) == (0, True)
    assert {path.name for path in marks.iterdir()} == {"go-on", *map(str, workers)}
    assert command("sweep", "waiting", *GRID, "--out", "alone").code == 0
    assert sets_of(checkout) == sets_of(checkout, "alone")


def test_workers_that_would_give_other_results_are_refused(dask, command, checkout):
    program, nothing = dask.folder / "program/backtest", dask.folder / "nothing/backtest"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(backtest.__file__).parent, program, ignore=without)
    with (program / "engine/rules.py").open("a") as file:
        file.write("RULES_VERSION += 1\n")
    nothing.mkdir(parents=True)
    (nothing / "__init__.py").touch()
    other = make_checkout(dask.folder)
    other.edit("data/events/earnings.csv", "0.30,0.20", "0.31,0.20")
    dask.scheduler()
    dask.worker()
    dask.worker(PYTHONPATH=str(program.parent))
    dask.worker(PYTHONPATH=str(nothing.parent))
    dask.worker(checkout=other.root)
    outcome = command("sweep", "beats", *GRID, "--cluster", dask.address)
    assert outcome.code == WRONG_USE
    assert f"3 of 4 workers of {dask.address} cannot evaluate this sweep" in outcome.err
    for told in ("version of the program's rules", "data/events/earnings", "ModuleNotFoundError"):
        assert outcome.err.count(told) == 1
    assert outcome.err.count("\n  tcp://127.0.0.1:") == 3
    assert list(checkout.root.glob("reports/.sweep-*/parts/*")) == []


def test_an_address_without_a_scheduler_is_told(dask, command, monkeypatch):
    monkeypatch.setattr(processes, "_CONNECT", 2.0)
    dask.scheduler()
    dask.worker()
    log = (dask.folder / "1.log").read_text()
    (worker,) = {line.split()[-1] for line in log.splitlines() if "Start worker at" in line}
    with socket.socket() as closed, socket.socket() as silent:
        for listener in (closed, silent):
            listener.bind(("127.0.0.1", 0))
        silent.listen()
        for address, told in (
            (f"tcp://127.0.0.1:{closed.getsockname()[1]}", "no answer in 2 s"),
            (f"tcp://127.0.0.1:{silent.getsockname()[1]}", "no answer in 2 s"),
            (worker, "a Worker answers there"),
            ("nonsense", "missing port number"),
            ("tls://127.0.0.1:1", "TLS"),
        ):
            outcome = command("sweep", "beats", *GRID, "--cluster", address)
            assert outcome.code == WRONG_USE
            assert f"No Dask scheduler at {address}: " in outcome.err
            assert told in outcome.err
            assert "`dask worker ADDRESS`" in outcome.err


def test_without_dask_the_extra_is_named(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = command("sweep", "beats", *GRID, "--cluster", "tcp://127.0.0.1:1")
    assert outcome.code == WRONG_USE
    assert "pip install 'backtest[cluster]'" in outcome.err


def test_a_scheduler_without_workers_is_told(dask, command, monkeypatch):
    monkeypatch.setattr(processes, "_CONNECT", 2.0)
    dask.scheduler()
    outcome = command("sweep", "beats", *GRID, "--cluster", dask.address)
    assert outcome.code == WRONG_USE
    assert f"The scheduler at {dask.address} has no worker" in outcome.err
    assert f"`dask worker {dask.address}`" in outcome.err


# Chunks that fail


@pytest.fixture
def run(dask, monkeypatch, marks):
    """Evaluate five chunks on the cluster by a function of the made-up sweep; gives the parts."""

    def go(name, on_part=None):
        monkeypatch.setattr(evaluate, "evaluate", getattr(sweep_parts, name))
        monkeypatch.setattr(evaluate, "evaluator", sweep_parts.prepare)
        parts = {}

        def take(chunk, part):
            parts[chunk] = part
            if on_part:
                on_part()

        try:
            spec = Spec(marks=str(marks)).to_json()
            run_chunks(spec, range(5), take, folders=None, cluster=dask.address)
        finally:
            go.parts = parts
        return parts

    return go


def test_what_fails_on_a_worker_names_it(dask, run):
    dask.scheduler()
    dask.worker()
    with pytest.raises(UsageError, match=r"Worker tcp://127\.0\.0\.1:\d+: made up$"):
        run("refuse")
    with pytest.raises(BacktestError, match=r"(?s)Worker tcp.*Chunk 2 failed.*LookupError: a fau"):
        run("fail")


def test_ctrl_c_leaves_a_cluster_that_can_be_used(dask, run, marks):
    def interrupt():
        raise KeyboardInterrupt

    dask.scheduler()
    dask.worker()
    with pytest.raises(KeyboardInterrupt):
        run("evaluate_slowly", interrupt)
    (marks / "go-on").touch()
    assert sorted(run("evaluate")) == list(range(5))


def test_a_chunk_that_kills_its_worker_is_named(dask, run, monkeypatch):
    monkeypatch.setattr(processes, "_PATIENCE", 1.0)  # parts may be lost with the worker
    dask.scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    dask.worker()
    with pytest.raises(BacktestError, match=r"Chunk \d was given up: 1 workers ended"):
        run("kill_the_worker")


def test_a_cluster_that_loses_its_last_worker_is_told(dask, run, monkeypatch):
    monkeypatch.setattr(processes, "_PATIENCE", 0.5)
    dask.scheduler()
    worker = dask.worker()
    with pytest.raises(UsageError, match=r"has no worker.*same command then goes on"):
        run("evaluate_slowly", lambda: os.kill(worker, signal.SIGKILL))
    assert list(run.parts) == [0]


def test_parts_that_are_lost_with_their_worker_are_evaluated_anew(dask, run, marks, monkeypatch):
    monkeypatch.setattr(processes, "_PATIENCE", 1.0)
    dask.scheduler()
    first = dask.worker()

    def replace():
        if dask.processes[-1].pid == first:
            until(lambda: any(marks.glob("1-*")))
            killed = dask.processes.pop()
            killed.kill()
            killed.wait(60)
            dask.worker()

    alone = {chunk: sweep_parts.evaluate(Spec().to_json(), chunk) for chunk in range(5)}
    assert run("evaluate", replace) == alone


def test_a_scheduler_that_is_lost_is_told(dask, run):
    dask.scheduler()
    dask.worker()
    with pytest.raises(UsageError, match=r"was lost.*the same command goes on"):
        run("evaluate_slowly", lambda: os.kill(dask.processes[0].pid, signal.SIGKILL))
    assert list(run.parts) == [0]
