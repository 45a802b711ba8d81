"""The wheel in an empty environment: `init` in an empty folder, and everything works there.

The wheel is installed into an environment of its own, which borrows nothing but the dependencies:
of this Python from the environment of the tests, of another from `.venv-3.12` and the like, which
`make pythons` makes for every Python that is supported and at hand.
"""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.golden.goldens import ROOT

pytestmark = pytest.mark.slow
VERSIONS = ("3.11", "3.12", "3.13")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


class Installed(NamedTuple):
    """An environment with the wheel, and a workspace that it made."""

    program: Path
    workspace: Path

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [self.program, *words],
            cwd=self.workspace if self.workspace.is_dir() else self.workspace.parent,
            env=clean_environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def told(self, *words: str):
        return json.loads(self(*words, "--json"))


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*words: object) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request, wheel, tmp_path_factory) -> Installed:
    python = Path(sys.executable)
    if request.param != HERE:
        python = ROOT / f".venv-{request.param}" / "bin" / "python"
        if not python.exists():
            pytest.skip(f"Python {request.param} is not at hand, or `make pythons` was not called")
    place = tmp_path_factory.mktemp(f"python-{request.param}")
    run(python, "-m", "venv", "--without-pip", place / "venv")
    own = place / "venv" / "bin" / "python"
    # The dependencies come after, so that pip sees no other backtest than this one.
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", own)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    Path(run(own, "-c", ask), "dependencies.pth").write_text(run(python, "-c", ask))
    program = Installed(own.with_name("backtest"), place / "signals")
    assert "is a workspace" in program("init", "signals")
    return program


def test_the_program_is_the_one_of_the_wheel(installed):
    ask = "import backtest, sys; print(backtest.__file__, sys.version)"
    told = run(installed.program.with_name("python"), "-c", ask)
    assert told.startswith(str(installed.program.parents[1]))


def test_a_strategy_runs_and_is_compared(installed):
    (told,) = installed.told("run", "earnings_surprise", "--no-tearsheet")
    trades = json.loads((ROOT / "tests/golden/earnings_surprise.json").read_text())["trades"]
    assert told["summary"]["run"]["trades"] == len(trades)
    assert Path(told["path"]).parent == installed.workspace / "reports"
    assert "earnings" in installed("compare")
    assert "earnings_surprise" in {one["strategy"] for one in installed.told("list", "runs")}


def test_strategies_and_events_are_listed(installed):
    rows = installed.told("list", "strategies")
    assert {row["name"] for row in rows} == {path.stem for path in ROOT.glob("strategies/[!_]*.py")}
    assert {row["state"] for row in rows} == {"ok"}
    assert len(installed.told("events", "list")) > 50
    assert {row["symbol"] for row in installed.told("prices", "list")} >= {"CRWV", "SPY"}


def test_settings_are_those_of_the_workspace(installed):
    told = installed.told("config")
    assert told["file"] == str(installed.workspace / "backtest.toml")
    (data,) = [row for row in told["settings"] if row["key"] == "folders.data"]
    assert (data["value"], data["source"]) == (str(installed.workspace / "data"), "file")


def test_data_are_changed_and_sealed_there(installed):
    installed("events", "seal", "news")
    assert "nothing was written" in installed("init", ".", code=2)


def test_a_new_signal_keeps_the_contract_and_runs(installed):
    installed("new", "signal", "insider_sale", "--from", "news")
    strategy = installed.workspace / "strategies" / "insider_sale.py"
    test = installed.workspace / "tests" / "test_insider_sale.py"
    try:
        assert "The contract is kept." in installed("check", "insider_sale")
        (told,) = installed.told("run", "insider_sale", "--no-tearsheet")
        assert told["strategy"] == "insider_sale"
        assert told["summary"]["run"]["trades"] > 0
    finally:
        strategy.unlink()
        test.unlink()


def test_the_wheel_has_what_git_has_and_no_more(wheel):
    listed = run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", "data", "strategies"
    )
    prefix = "backtest/embedded/"
    names = {
        name.removeprefix(prefix) for name in zipfile.ZipFile(wheel).namelist() if prefix in name
    }
    assert names - {"backtest.toml"} == set(listed.splitlines())
    assert wheel.stat().st_size < 15e6


def test_the_source_distribution_has_what_git_has(tmp_path):
    """So that `make` and pip do in it what the README says."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path)
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert names >= set(run("git", "ls-files").splitlines())


def test_git_changes_no_byte_of_what_is_held_against_its_sha256():
    """As it would on Windows, where lines end with CR LF in a checkout."""
    files = run("git", "ls-files", "data", "src/backtest/reports/plotly/*.js").splitlines()
    told = run("git", "check-attr", "text", "--", *files).splitlines()
    assert [line for line in told if not line.endswith(": text: unset")] == []
