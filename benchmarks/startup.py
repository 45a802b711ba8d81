"""Compare commands from a cold start with what a Python process pays for the same packages."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from turns import in_turn, row, tell

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("backtest")
SCRIPT = Path(__file__).parent / "peers" / "minimal_script.py"


def rows(rounds: int = 21) -> Iterator[dict[str, Any]]:
    """Time help, a run until its table and until its evidence, and a run with its tear sheet.

    See `turns.row`.

    Each time is that of a new process that writes its run into its own folder. What the first
    processes leave for the others (bytecode, the exchange's sessions) is there, as for users.
    """
    with tempfile.TemporaryDirectory() as place:
        folders = (f"{place}/{number}" for number in count())

        def run(*options: str) -> float:
            return _seconds(PROGRAM, "run", "earnings_surprise", "--out", next(folders), *options)

        def until_the_table() -> float:
            return _seconds_until(
                "Final equity", PROGRAM, "run", "earnings_surprise", "--out", next(folders)
            )

        def python(*words: str | Path) -> float:
            return _seconds(sys.executable, *words)

        def script() -> float:
            return python(SCRIPT, ROOT / "data", Path(place) / "sheet.html")

        for work, against, mine, theirs, reach in (
            (
                "`backtest --help`, cold",
                '`python -c "import typer"`',
                lambda: _seconds(PROGRAM, "--help"),
                lambda: python("-c", "import typer"),
                1.4,
            ),
            (
                "`backtest run earnings_surprise`, cold, until its table is there",
                '`python -c "import pandas, backtrader"`',
                until_the_table,
                lambda: python("-c", "import pandas, backtrader"),
                1.6,
            ),
            (
                "`backtest run earnings_surprise --no-tearsheet`, cold, with its evidence",
                '`python -c "import pandas, backtrader"`',
                lambda: run("--no-tearsheet"),
                lambda: python("-c", "import pandas, backtrader"),
                2,
            ),
            (
                "`backtest run earnings_surprise` with its tear sheet, cold",
                "a script by hand with Backtrader and quantstats, the same trades",
                run,
                script,
                0.75,
            ),
        ):
            yield row(work, against, in_turn(mine, theirs, rounds), reach)


def _seconds(*command: str | Path) -> float:
    begin = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, check=True)
    return time.perf_counter() - begin


def _environment() -> dict[str, str]:
    """Return this process's environment, with bytecode kept, as users have it."""
    return {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}


def _seconds_until(words: str, *command: str | Path) -> float:
    """Return the seconds until a command prints a line that begins with some words."""
    begin = time.perf_counter()
    environment = {**_environment(), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--no-tearsheet"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = any(line.startswith(words) for line in process.stdout)
        seconds = time.perf_counter() - begin
        process.stdout.read()
    if not found or process.returncode:
        sys.exit(f"{command} did not print {words!r}")
    return seconds


if __name__ == "__main__":
    tell(rows())
