"""A made-up sweep over `hold` and `stop`, evaluated without prices: processes import it by name."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from backtest.engine.rules import RULES_VERSION
from backtest.errors import UsageError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


SECONDS = 120  # of patience with a machine that has much else to do
GRID = ("--symbol", "ACME", "--grid", "hold=1:20", "--grid", "weight=0.005:1:0.005")  # 4 chunks
WAITING = '''\
"""Made up for tests: workers that have MARKS do the first of four chunks, then wait."""

import os
import sys
import time
from multiprocessing import parent_process
from pathlib import Path

from pydantic import Field

from backtest import Signal, Strategy
from backtest.events import Earnings


class Waiting(Strategy):
    """Long at every report."""

    listens_to = (Earnings,)
    hold: int = Field(3, ge=1, le=20)
    weight: float = Field(0.5, gt=0, le=1)

    def on_event(self, event, market):
        marks = Path(os.environ.get("MARKS", ""))
        worker = parent_process() or "distributed" in sys.modules
        while self.hold > 5 and worker and marks.name and not (marks / "go-on").exists():
            (marks / str(os.getpid())).touch()
            time.sleep(0.01)
        return Signal.long(event, weight=self.weight, hold=self.hold, reason="made up")
'''


@dataclass(frozen=True)
class Spec:
    """What the execution of a sweep reads of its specification."""

    sweep_id: str = "0123456789"
    strategy: str = "beats"
    symbols: tuple[str, ...] = ("ACME",)
    universe: str | None = None
    axes: dict[str, list[Any]] = field(
        default_factory=lambda: {"hold": list(range(1, 7)), "stop": [None, 0.1, 0.2, 0.3]}
    )
    sets: int = 24
    chunk: int = 5
    chunks: int = 5
    rules_version: int = RULES_VERSION
    marks: str = ""  # a folder through which tests and processes speak

    def numbers(self, chunk: int) -> range:
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, self.sets))

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def evaluate(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """The part of a chunk; a mark in the folder of marks tells that it was evaluated here."""
    spec = json.loads(spec_json)
    if spec["marks"]:
        (Path(spec["marks"]) / f"{chunk}-{os.getpid()}-{time.monotonic_ns()}").touch()
    numbers = range(chunk * spec["chunk"], min((chunk + 1) * spec["chunk"], spec["sets"]))
    hold, stop = spec["axes"]["hold"], spec["axes"]["stop"]
    table = pa.table(
        {
            "set": pa.array(numbers, pa.int64()),
            "hold": pa.array([hold[n // len(stop)] for n in numbers], pa.int64()),
            "stop": pa.array([stop[n % len(stop)] for n in numbers], pa.float64()),
            "sharpe": pa.array([n / 8 if n else None for n in numbers], pa.float64()),
        }
    ).replace_schema_metadata({"sweep_id": spec["sweep_id"]})
    content = io.BytesIO()
    pq.write_table(table, content, write_page_checksum=True)
    return content.getvalue()


def evaluate_slowly(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """Chunks but the first take until the test lets them go on."""
    part = evaluate(spec_json, chunk, folders)
    while chunk and not (Path(json.loads(spec_json)["marks"]) / "go-on").exists():
        time.sleep(0.01)
    return part


def kill_the_worker(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """Chunk 2 ends its process whenever it is tried."""
    if chunk == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(spec_json, chunk, folders)


def kill_the_worker_once(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """Chunk 2 ends its process when it is tried first."""
    part = evaluate(spec_json, chunk, folders)
    if chunk == 2 and len(list(Path(json.loads(spec_json)["marks"]).glob("2-*"))) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def refuse(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """Chunk 2 is wrong use."""
    if chunk == 2:
        raise UsageError("made up")
    return evaluate(spec_json, chunk, folders)


def fail(spec_json: str, chunk: int, folders: Any = None) -> bytes:
    """Chunk 2 meets a fault of the program."""
    if chunk == 2:
        raise LookupError("a fault")
    return evaluate(spec_json, chunk, folders)


def until(condition: Callable[[], bool], *needed: subprocess.Popen[Any]) -> None:
    """Wait for something that these processes bring about."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert all(process.poll() is None for process in needed), "a process has ended"
        time.sleep(0.01)


def prepare(spec_json: str, folders: Any = None) -> None:
    """Refuse a process that has another program."""
    if json.loads(spec_json)["rules_version"] != RULES_VERSION:
        raise UsageError("another version of the program")
