"""Fixtures that every test may use: a made-up checkout and the command line in it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main
from hypothesis import settings

from backtest.cli.main import main
from backtest.data.prices import Prices, read_prices
from tests.made_up import Checkout, Outcome, do, make_checkout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backtest.audit.jobs import JobGroup, Observations, Source

os.environ["YF_DISABLE_CURL_CFFI"] = "1"  # pytest-socket would not hold back curl's sockets
# A shell that starts the suite in the background has it ignore Ctrl-C, and its processes as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No deadline: the calendar takes a second to load.
settings.register_profile("short", deadline=None, max_examples=30)
settings.register_profile("long", deadline=None, max_examples=300)
settings.load_profile("short")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say at the very end where the tests of pages were skipped."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if any(report.nodeid.startswith("tests/browser/") for report in skipped):
        told = "The pages were not tested: no Chromium was found; install Debian's chromium"
        reporter.write_line(told, yellow=True, bold=True)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("BACKTEST_") or name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up checkout that is only copied."""
    return make_checkout(tmp_path_factory.mktemp("pattern")).root


@pytest.fixture
def checkout(_pattern: Path, tmp_path: Path) -> Checkout:
    """A made-up checkout, to be changed at will."""
    return Checkout(shutil.copytree(_pattern, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def prices(checkout: Checkout) -> Prices:
    """The prices of ACME."""
    return read_prices(checkout.root / "data/prices", "ACME", bars=True)


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The kernel is compiled before the first command, which would say so."""
    from backtest.engine.kernel.formulas import is_cached

    if not is_cached():
        do(make_checkout(tmp_path_factory.mktemp("compiled")))


@pytest.fixture(scope="session")
def _known() -> Iterator[None]:
    """typer reads the functions of the commands once; it takes longer than most commands do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def command(
    _compiled: None,
    _known: None,
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Outcome]:
    """The command line, run in this process and in the made-up checkout."""
    monkeypatch.chdir(checkout.root)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["backtest", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audits and checks see their worlds in this process, which takes less than fresh ones do."""
    from tests.audits import in_this_process

    def here(source: Source, groups: Sequence[JobGroup], workers: int) -> Observations:
        return in_this_process(source, groups)

    for module in ("jobs", "run", "contract"):
        monkeypatch.setattr(f"backtest.audit.{module}.in_processes", here)


@pytest.fixture
def run_made_up(command: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """`backtest run` on ACME against INDX without tear sheets."""

    def run(*arguments: str) -> Outcome:
        made_up = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
        return command("run", *arguments, *made_up)

    return run
