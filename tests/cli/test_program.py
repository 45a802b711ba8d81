"""Version and help, and the program as a process of its own."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.commands import MADE_UP, too_wide

COMMANDS = (
    ("run",),
    ("compare",),
    ("list", "strategies"),
    ("list", "runs"),
    ("events", "list"),
    ("events", "show"),
    ("events", "seal"),
    ("prices", "list"),
    ("prices", "seal"),
)


def test_version(command):
    outcome = command("--version")
    assert (outcome.code, outcome.out) == (0, "backtest 0.1.0\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example(command, words):
    outcome = command(*words, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(rf"Examples?: `backtest {' '.join(words)}", outcome.out)
    assert too_wide(outcome.out, 80) == []


def test_help_says_where_to_begin(command):
    lines = [line.strip() for line in command("--help").out.splitlines()]
    place = lines.index("Begin with `backtest init FOLDER`, which makes a workspace, and go there.")
    assert lines[place + 1] == "In a workspace: `backtest run` replays every strategy."


@pytest.mark.parametrize(
    "words",
    ["", "events", "events fetch", "prices", "actions", "universes", "list", "new"],
)
def test_help_tells_each_command_in_a_whole_line(command, words):
    listed = command(*words.split(), "--help").out.split("Commands:\n")[1]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_help_imports_nothing_heavy():
    heavy = ("pandas", "numpy", "backtrader", "quantstats", "exchange_calendars", "matplotlib")
    asks = [["--help"], *([*words, "--help"] for words in COMMANDS)]
    code = f"""
import sys
from backtest.cli.main import main
for words in {asks!r}:
    sys.argv = ["backtest", *words]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, words
    found = [name for name in {heavy!r} if name in sys.modules]
    assert not found, (words, found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def process(checkout, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "from backtest.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=checkout.root / "data",  # found from inside the checkout
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_program_as_a_process(checkout):
    done = process(checkout, "run", "beats", *MADE_UP, NO_COLOR="1", PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "A made-up beat (a beat)" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(list(checkout.root.glob("reports/beats-ACME-*/run.json"))) == 1
    failed = process(checkout, "run", "beatz", *MADE_UP)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == (
        "error: There is no strategy 'beatz'. Did you mean 'beats'? Known: beats, owner.\n"
    )


def test_what_a_bar_of_progress_writes_is_for_the_terminal_as_it_is(checkout):
    """Control characters are printed as text, but not those that rich draws with."""
    leader, follower = pty.openpty()
    program = "from backtest.cli.main import main; main()"
    words = ("prices", "import", "data/prices/ACME.csv", "--symbol", "NEWS", "--source", "made up",
             "--adjust", "none", "--yes")  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=checkout.root, env={**os.environ, "TERM": "xterm"}, stdout=follower, stderr=follower,
    ):  # fmt: skip
        os.close(follower)
        printed = b""
        with suppress(OSError):  # which tells that nobody writes any more
            while part := os.read(leader, 4096):
                printed += part
    os.close(leader)
    assert b"Checking" in printed
    assert b"\x1b[" in printed
    assert b"u001b" not in printed


def test_a_reader_that_goes_away_is_no_error(checkout):
    program = "from backtest.cli.main import main; main()"
    shell = f"'{sys.executable}' -c '{program}' events list --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell],
        cwd=checkout.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[", "")


def test_a_reader_that_goes_away_is_no_fault(checkout):
    script = f"{sys.executable} -c 'from backtest.cli.main import main; main()' run"
    folders = f"--symbol ACME --benchmark INDX --no-tearsheet --data {checkout.root}/data"
    where = f"--strategies {checkout.root}/strategies --out {checkout.root}/reports"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script} {folders} {where} | head -1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ACME from 2025-06-02")


# What strategies print


def talk(checkout):
    body = "if event.eps_surprise <= 0:"
    checkout.edit("strategies/beats.py", "class Beats", 'print("loaded")\n\n\nclass Beats')
    checkout.edit("strategies/beats.py", body, f'print("asked")\n        {body}')


@pytest.mark.parametrize(
    "words",
    [
        ("run", "beats", "--no-tearsheet", "--benchmark", "INDX", "--symbol", "ACME"),
        ("run", "talks", "--no-tearsheet", "--benchmark", "INDX", "--symbol", "ACME"),
        ("study", "beats", "--benchmark", "INDX", "--symbol", "ACME"),
        ("sweep", "beats", "--grid", "hold=1,2", "--symbol", "ACME"),
        ("check", "beats", "--symbol", "ACME"),
        ("list", "strategies"),
        ("events", "list"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("in_one_process")
def test_json_is_one_document_whatever_a_strategy_prints(command, checkout, words):
    talk(checkout)
    checkout.write(
        "strategies/talks.py",
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n"
        "class Talks(EventStrategy):\n    listens_to = (Earnings,)\n"
        "    def notify_event(self, event):\n        print('asked')\n",
    )
    outcome = command(*words, "--json")
    json.loads(outcome.out)
    asks = {"run", "study", "sweep"} & {*words}
    assert ("asked" if asks else "loaded") in outcome.err


def test_what_a_strategy_prints_when_it_is_made_is_no_part_of_json(command, checkout):
    checkout.strategy(
        "made", 'return "no"',
        more="    def model_post_init(self, _):\n        print('made')\n",
    )  # fmt: skip
    words = ("run", "made", "--no-tearsheet", "--benchmark", "INDX", "--symbol", "ACME")
    outcome = command(*words, "--json")
    json.loads(outcome.out)
    assert "made" in outcome.err
    assert "made" in command(*words, "--force").out


@pytest.mark.slow
def test_what_a_strategy_prints_in_another_process_is_no_part_of_json(checkout):
    talk(checkout)
    words = (
        "sweep",
        "beats",
        "--symbol",
        "ACME",
        "--grid",
        "hold=1:20",
        "--workers",
        "2",
        "--json",
    )
    program = "from backtest.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=checkout.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    json.loads(done.stdout)
    assert done.stderr.count("loaded") > 1
