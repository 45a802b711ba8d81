"""Compare commands on many stocks, in CPU seconds from a cold start, with reading their files.

`python benchmarks/universes.py` measures only these, in some minutes.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from startup import PROGRAM, ROOT
from turns import in_turn, row, tell
from world import make_world, one_file

READ = """
import sys, numba, pandas
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.*"):
    if path.suffix in (".csv", ".parquet"):
        getattr(pandas, f"read_{path.suffix[1:]}")(path)
"""
SPLIT = """
import sys, pandas
for symbol, rows in pandas.read_csv(sys.argv[1]).groupby("symbol"):
    rows.to_parquet(f"{sys.argv[2]}/{symbol}.parquet")
"""
RUN = ("run", "earnings_surprise", "--no-tearsheet", "--universe")
MANY = ("walks", "--set=weight=0.02")  # 50 positions at once, thousands of trades
MIB = 2**10 if sys.platform == "linux" else 2**20  # `ru_maxrss` counts kilobytes, or bytes


def rows(rounds: int = 5) -> Iterator[dict[str, Any]]:
    """Time a run on `us_large` until its table, a whole run on 500 walks, and their imports.

    See `turns.row`; `peak_mib` is the most memory that our command held in any round.
    """
    with tempfile.TemporaryDirectory() as place:
        root, us_large = Path(place), ROOT / "data" / "universes" / "us_large"
        walks = make_world(root, 500, 20_000)
        prices, events = one_file(walks, root / "prices.csv"), walks / "events" / "earnings.csv"

        def run(*words: str, data: Path, until: str = "") -> tuple[float, float]:
            with tempfile.TemporaryDirectory() as out:
                return used(PROGRAM, *RUN, *words, "--data", data, "--out", out, until=until)

        def taken_in(*words: str | Path) -> tuple[float, float]:
            with tempfile.TemporaryDirectory() as new:
                return used(PROGRAM, *words, "--yes", "--data", new)

        def python(script: str, *words: Path) -> Callable[[], float]:
            return lambda: used(sys.executable, "-c", script, *words)[0]

        for work, against, mine, theirs, reach in (
            (
                "`run earnings_surprise --universe us_large` until its table, CPU",
                "pandas reads its 144 Parquet files and its events, numba is loaded",
                lambda: run("us_large", data=ROOT / "data", until="Final equity"),
                python(READ, us_large),
                2,
            ),
            (
                "`run` on 500 stocks × 2,520 sessions, 20,000 reports, evidence and page, CPU",
                "pandas reads its 500 CSV files and its events, numba is loaded",
                lambda: run(*MANY, data=root / "data"),
                python(READ, walks),
                8,
            ),
            (
                "`prices import` of the 500 stocks from one CSV file, CPU",
                "pandas reads it and writes a Parquet file a stock",
                lambda: taken_in("prices", "import", prices, "--source", "walks"),
                python(SPLIT, prices, root),
                2,
            ),
            (
                "`events import` of the 20,000 reports, CPU",
                "pandas reads them",
                lambda: taken_in(
                    "events", "import", events, "--kind=earnings", "--source-url=unknown"
                ),
                python(READ, events.parent),
                5,
            ),
        ):
            yield _row(work, against, mine, theirs, reach, rounds)


def _row(
    work: str,
    against: str,
    mine: Callable[[], tuple[float, float]],
    theirs: Callable[[], float],
    reach: float,
    rounds: int,
) -> dict[str, Any]:
    peaks = []

    def seconds() -> float:
        cpu, peak = mine()
        peaks.append(peak)
        return cpu

    found = row(work, against, in_turn(seconds, theirs, rounds), reach)
    return {**found, "peak_mib": max(peaks)}


def used(*command: str | Path, until: str = "") -> tuple[float, float]:
    """Return the CPU seconds of a command and the most memory that it held, in MiB.

    With `until` the command is stopped at the first line that begins with it.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with Popen(
        command, cwd=ROOT, env=environment, stdout=PIPE, stderr=DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        is_there = any(until and line.startswith(until) for line in process.stdout)
        if is_there:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
    if is_there != bool(until) or (status and not until):
        sys.exit(f"{command} failed, or did not print {until!r}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MIB


if __name__ == "__main__":
    measured = rows()
    tell(measured)
    for one in measured:
        print(f"{one['work']}: at most {one['peak_mib']:,.0f} MiB")
