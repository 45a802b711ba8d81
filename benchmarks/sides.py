"""Time two sides of a comparison in turn, each in a process of its own (see `worker.py`)."""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from worker import Arrays

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
PAGE = os.sysconf("SC_PAGE_SIZE")


class Side:
    """A `Side` is a script that works on a case whenever it is told to."""

    def __init__(self, python: str | Path, script: Path, case: Path, *options: str) -> None:
        self._results = case.with_name(f"{script.stem}-{case.name}")
        self._results.unlink(missing_ok=True)
        folders = os.pathsep.join((str(HERE), str(script.parent)))
        self._process = subprocess.Popen(
            [python, script, case, self._results, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": folders},
        )
        self._answer()

    def run(self) -> float:
        """Work once, and return the seconds that it took."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def memory(self) -> float:
        """Work once, and return the most memory that it added, in MiB. Meant for the first time."""
        before = highest = self._resident()
        done = threading.Event()
        watched = threading.Thread(target=lambda: (self.run(), done.set()))
        watched.start()
        while not done.is_set():
            highest = max(highest, self._resident())
            time.sleep(0.0005)
        watched.join()
        return max(highest, self._resident()) - before

    def results(self) -> Arrays:
        """Return the results of the work."""
        with np.load(self._results) as arrays:
            return dict(arrays)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _resident(self) -> float:
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * PAGE / 2**20

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self._process.args[1]} failed, see above")
        return json.loads(line)


def ours(script: str, case: Path, *options: str) -> Side:
    """Start a side in the program's own environment."""
    return Side(sys.executable, HERE / script, case, *options)


def peer(script: str, case: Path) -> Side:
    """Start a side in the peers' environment."""
    return Side(PEERS, HERE / "peers" / script, case)


@contextmanager
def closing(*sides: Side) -> Iterator[tuple[Side, ...]]:
    """End the processes in any case."""
    try:
        yield sides
    finally:
        for side in sides:
            side.close()


def compare(
    mine: Side, other: Side, rounds: int, *, warm: bool = True
) -> tuple[list[tuple[float, float]], dict[str, float]]:
    """Time both in turn; our work is short, so the median of five runs counts.

    Args:
        mine: our side.
        other: the other side.
        rounds: number of pairs.
        warm: whether the other side works once before, untimed, while its memory is watched.

    Returns:
        The seconds of both by round, and the memory that each added: `ours_mib` and `theirs_mib`.

    """
    memory = {"ours_mib": mine.memory()}
    if warm:
        memory["theirs_mib"] = other.memory()
    pairs = [(statistics.median(mine.run() for _ in range(5)), other.run()) for _ in range(rounds)]
    return pairs, memory


def hold_equal(what: str, mine: Arrays, other: Arrays) -> None:
    """End the run if the results differ by more than rounding."""
    for name, theirs in other.items():
        apart = np.abs(mine[name] - theirs)
        if mine[name].shape != theirs.shape or (apart > 1e-9 * (1 + np.abs(theirs))).any():
            sys.exit(f"{what}: {name} differs by up to {apart.max()}")
