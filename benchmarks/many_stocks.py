"""Compare a run on `us_large` with other programs that make the same orders, from a cold start.

`python benchmarks/many_stocks.py` measures only this, in some minutes. Each peer's orders and final
equity must equal ours before anything is timed.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sides import PEERS
from startup import PROGRAM, ROOT
from turns import in_turn, row, tell
from universes import used

UNIVERSE = ROOT / "data" / "universes" / "us_large"
SCRIPTS = ROOT / "benchmarks" / "peers"
RUN = (
    PROGRAM, "run", "earnings_surprise", "--universe=us_large", "--set=weight=0.05",
    "--set=stop=none", "--costs", SCRIPTS / "no_borrow.toml", "--no-tearsheet", "--data",
    ROOT / "data", "--out",
)  # fmt: skip
PROGRAMS = {"bt": "many_bt.py", "vectorbt": "many_vectorbt.py", "Backtrader": "many_backtrader.py"}
Orders = list[tuple[str, str, float]]


def rows(rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Time our run until its table against each peer's script, in CPU seconds.

    See `turns.row`; `peak_mib` and `their_peak_mib` are the most memory used in any round.
    """
    with tempfile.TemporaryDirectory() as place:
        wanted = _ours(Path(place))
        for name, script in PROGRAMS.items():
            theirs = (PEERS, SCRIPTS / script, UNIVERSE, Path(place) / f"{name}.csv")
            if _theirs(theirs) != wanted:
                sys.exit(f"{name} does not make the orders of `backtest run`")
            yield _row(name, theirs, rounds)


def _row(name: str, command: tuple[Path, ...], rounds: int) -> dict[str, Any]:
    peaks: tuple[list[float], list[float]] = ([], [])

    def seconds(side: int) -> float:
        with tempfile.TemporaryDirectory() as out:
            cpu, peak = used(*RUN, out, until="Final equity") if side == 0 else used(*command)
        peaks[side].append(peak)
        return cpu

    pairs = in_turn(lambda: seconds(0), lambda: seconds(1), rounds)
    work = "`run earnings_surprise --universe us_large`, 3,000 trades, until its table, CPU"
    made = row(work, f"{name}, the same orders", pairs, 1)
    return {**made, "peak_mib": max(peaks[0]), "their_peak_mib": max(peaks[1])}


def _ours(out: Path) -> tuple[float, Orders]:
    subprocess.run([*map(str, RUN), str(out)], check=True, capture_output=True, cwd=ROOT)
    (folder,) = out.glob("earnings_surprise-*")
    equity = json.loads((folder / "run.json").read_text())["summary"]["run"]["final_equity"]
    return round(equity, 2), _orders(folder / "orders.csv", "size")


def _theirs(command: tuple[Path, ...]) -> tuple[float, Orders]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return round(float(done.stdout), 2), _orders(command[-1], "shares")


def _orders(path: Path, shares: str) -> Orders:
    with path.open(newline="") as file:
        return sorted(
            (one["session"], one["symbol"], float(one[shares])) for one in csv.DictReader(file)
        )


if __name__ == "__main__":
    for one in rows():
        tell([one])
        peaks = f"{one['peak_mib']:,.0f} MiB, theirs {one['their_peak_mib']:,.0f} MiB"
        print(f"{one['against']}: at most {peaks}")
