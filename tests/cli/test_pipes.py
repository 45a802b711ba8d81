"""A reader that leaves, and a disk that is full, change nothing of what a command does."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.commands import MADE_UP
from tests.made_up import ACME, NEWS
from tests.short_reports import PATH, REPORT

PROGRAM = (sys.executable, "-c", "from backtest.cli.main import main; main()")
ADD = [f"--field={name}={value}" for name, value in REPORT.items()]
BETTER = ("events", "edit", "{id}", "--field", "target_price=9", "--yes")
RUNS = "reports/beats-ACME-*"
# By name the commands that come before, the one that is tried, and a file that it writes.
WRITERS = {
    "init": ((), ("init", "new"), "new/backtest.toml"),
    "new signal": ((), ("new", "signal", "insider_sale"), "tests/test_insider_sale.py"),
    "prices import": (
        (),
        ("prices", "import", "mine.csv", "--symbol", "BBB", "--source", "x", "--adjust", "none",
         "--yes"),
        "data/prices/BBB.csv",
    ),
    "prices seal": ((), ("prices", "seal", "ACME", "--source", "x"), "data/prices/ACME.meta.json"),
    "events add": ((), ("events", "add", "short_report", *ADD, "--yes"), PATH),
    "events import": (
        (),
        ("events", "import", "news.csv", "--kind", "news", "--source-url", "unknown", "--yes"),
        "data/events/news.csv",
    ),
    "events edit": ((), BETTER, PATH),
    "events remove": ((), ("events", "remove", "{id}", "--yes"), PATH),
    "events undo": ((BETTER,), ("events", "undo", "short_report", "--yes"), PATH),
    "events seal": (
        (), ("events", "seal", "short_report", "--source", "x"), PATH.replace("csv", "meta.json")
    ),
    "run": ((), ("run", "beats", *MADE_UP), f"{RUNS}/index.html"),
    "compare": ((("run", "beats", *MADE_UP),), ("compare",), "reports/compare-*/index.html"),
    "report": (
        (("run", "beats", *MADE_UP),),
        ("report", "beats", "--output", "one.html"),
        "one.html",
    ),
}  # fmt: skip


def nobody():
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def full_disk():
    return os.open("/dev/full", os.O_WRONLY)


def call(checkout, arguments, out):
    words = [one.replace("{id}", checkout.first_report) for one in arguments]
    return subprocess.run(
        [*PROGRAM, *words], cwd=checkout.root, stdout=out, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip


def written(checkout, pattern):
    return [path.read_bytes() for path in checkout.root.glob(pattern)]


@pytest.fixture
def prepared(command, checkout, monkeypatch):
    """The checkout with files that can come in, and the id of a short report."""
    (checkout.root / "mine.csv").write_text(ACME)
    (checkout.root / "news.csv").write_text(NEWS.replace("A made-up contract", "Another one"))
    listed = command("events", "list", "--kind", "short_report", "--json").out
    object.__setattr__(checkout, "first_report", listed.split('"id": "')[1].split('"')[0])
    return checkout


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("stream", [nobody, full_disk])
def test_what_is_printed_does_not_decide_what_is_done(prepared, name, stream):
    before, tried, file = WRITERS[name]
    for arguments in before:
        assert call(prepared, arguments, subprocess.DEVNULL).returncode == 0
    old = written(prepared, file)
    out = stream()
    done = call(prepared, tried, out)
    os.close(out)
    if stream is nobody:
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 2
        assert done.stderr == (
            "error: What is printed cannot be written: No space left on device. "
            "All else that the command does was done.\n"
        )
    assert written(prepared, file) not in ([], old)
    if name == "run":
        assert (prepared.root / "reports/index.html").exists()


def test_streams_that_are_closed_change_nothing_of_what_is_done(prepared):
    """As a service may start it; what is asked at a terminal is not asked."""
    words = (*PROGRAM, "prices", "import", "mine.csv", "--symbol", "BBB", "--source", "x")
    closed = f"cd {prepared.root}; exec {shlex.join(words)} --yes <&- >&- 2>&-"
    assert subprocess.run(closed, shell=True, check=False).returncode == 0
    assert (prepared.root / "data/prices/BBB.csv").exists()
    asked = f"cd {prepared.root}; exec {shlex.join(words).replace('BBB', 'CCC')} <&-"
    done = subprocess.run(asked, shell=True, check=False, capture_output=True)
    assert done.returncode == 2
    assert b"there is no terminal to ask at" in done.stderr


def test_a_pipe_has_no_width_and_no_blanks_at_the_end_of_lines(prepared, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "A made-up beat that is told at such length that no terminal would show it in one line"
    prepared.edit("data/events/earnings.csv", "A made-up beat", long)
    for words in (
        ("run", "beats", *MADE_UP), ("run", *MADE_UP), ("list", "runs"), ("compare",),
        ("events", "list"), ("list", "strategies"), ("prices", "list"),
    ):  # fmt: skip
        done = subprocess.run(
            [*PROGRAM, *words], cwd=prepared.root, capture_output=True, text=True, check=True
        )
        assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []
        if words in (("run", "beats", *MADE_UP), ("events", "list")):
            assert long in done.stdout
