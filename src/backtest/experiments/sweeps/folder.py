"""Write and read sweep folders: parts while a sweep runs, one file of all sets at its end.

An unfinished sweep is kept in a hidden folder beside its final one. Each part is written whole as
its chunk ends, so that whatever stops the sweep, the same command goes on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from typing_extensions import TypedDict

from backtest.errors import DataError, UsageError
from backtest.experiments.records import Replayed
from backtest.experiments.terms import folder_name
from backtest.workspace.files import (
    damaged_error,
    file_sha256,
    flush,
    lock_file,
    put_file,
    put_folder,
    read_record,
    record_text,
    temporary_path,
    write_text,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from backtest.experiments.sweeps.grid import SweepSpec

_SETS = "sets.parquet"


class SetFigures(TypedDict):
    """Hold the figures of one set: amounts in dollars, returns and shares as fractions."""

    final_equity: float | None
    total_return: float | None
    sharpe: float | None
    max_drawdown: float | None
    trades: float | None
    win_rate: float | None
    commission: float | None
    borrow: float | None


class Best(TypedDict):
    """Name the set of the highest return; `dsr` deflates its Sharpe ratio by all trials."""

    set: int
    trials: int
    sharpe: float | None
    dsr: float | None


class OverfittingRecord(TypedDict):
    """Hold the probability of backtest overfitting, from so many blocks."""

    pbo: float
    loss_share: float
    blocks: int


class SuperiorAbilityRecord(TypedDict):
    """Hold the p-value of the test for superior predictive ability, with bounds."""

    p: float
    lower: float
    upper: float


class TooFewTrades(TypedDict):
    """Say why the trades of the best set, and of all, are too few; empty where they are not."""

    best: str
    all: str


WalkedEvent = TypedDict(
    "WalkedEvent",
    {
        "event_id": str,
        "headline": NotRequired[str],
        "known": bool,
        "set": int | None,
        "return": float,
        "default": float,
    },
)


class WalkForwardRecord(TypedDict):
    """Hold the set that earlier events chose for each event, and the sums of returns."""

    events: list[WalkedEvent]
    total: float
    default: float
    hindsight: float


class SweepEvidence(TypedDict):
    """Hold what the sets of a sweep can prove together."""

    compared: int
    distinct: int
    best: Best
    overfitting: OverfittingRecord | None
    thin: TooFewTrades
    superior: SuperiorAbilityRecord | None
    walk_forward: WalkForwardRecord
    holding: NotRequired[float]  # return of the stocks held throughout, or of the universe
    universe: NotRequired[str | None]


class SweepRecord(Replayed):
    """Declare the fields of `sweep.json` that readers use."""

    sweep_id: str
    bars: NotRequired[str]
    missing_bars: NotRequired[str]  # only with bars
    assumptions: NotRequired[list[str]]
    axes: dict[str, list[Any]]
    base: dict[str, Any]
    base_figures: SetFigures
    sets: int
    trials: int
    evidence: SweepEvidence
    files: NotRequired[dict[str, str]]


@dataclass(frozen=True)
class Sweep:
    """Hold the record of a finished sweep and read its sets from the folder."""

    path: Path
    manifest: SweepRecord

    @cached_property
    def sets(self) -> pa.Table:
        """Read every set: number, value on each axis, figures; DataError if the file is corrupt."""
        path = self.path / _SETS
        try:
            table = _read_table(path.read_bytes(), self.manifest["sweep_id"])
            if table.num_rows != self.manifest["sets"]:
                raise ValueError(f"{table.num_rows} sets of {self.manifest['sets']}")  # noqa: TRY301
        except (OSError, ValueError) as error:
            raise damaged_error(path, error) from None
        return table


class SweepFolder:
    """Write one sweep: to the folder `work` while it is unfinished, then to `path`."""

    def __init__(self, reports: Path, spec: SweepSpec) -> None:
        """Name the folders; nothing is written yet."""
        traded = (spec.universe,) if spec.universe else spec.symbols
        name = folder_name(f"sweep-{spec.strategy}", traded, spec.sweep_id)
        self.path = reports / name
        self.work = reports / f".{name}"
        self._parts = self.work / "parts"
        self._spec = spec

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the unfinished folder against other processes; it is made where it is missing.

        Raises UsageError where it cannot be written, another process holds it, or it has another
        specification.
        """
        lock = self.work.with_name(f"{self.work.name}.lock")
        busy = (
            f"This sweep is being run by {{holder}} already ({lock} is locked). "
            f"Wait for it, or end it: then this command goes on."
        )
        with ExitStack() as stack:
            try:
                self._parts.mkdir(parents=True, exist_ok=True)
                stack.enter_context(lock_file(lock, busy))
            except OSError as error:
                raise self._not_written(error) from None
            self._write_spec()
            for left in self._parts.glob(".*"):  # by a process that was killed
                left.unlink()
            yield

    def finished_parts(self, tell: Callable[[str], None]) -> list[int]:
        """List the chunks whose parts are present and whole, in order.

        `tell` takes one sentence for each part that is corrupt; it is set aside as `*.corrupt`.
        """
        chunks = []
        for path in sorted(self._parts.glob("*.parquet")):
            try:
                chunks.append(self._chunk_of(path))
            except (OSError, ValueError, KeyError) as error:
                aside = path.with_name(f"{path.name}.corrupt")
                path.replace(aside)
                tell(
                    f"{path} is corrupt ({error}): it is kept as {aside.name}, "
                    f"and its sets are evaluated again."
                )
        return chunks

    def write_part(self, chunk: int, content: bytes) -> None:
        """Write the part of a chunk whole or not at all; UsageError where that is not possible."""
        try:
            put_file(self._part(chunk), content)
        except OSError as error:
            raise self._not_written(error) from None

    def tables(self, chunks: Iterable[int]) -> Iterator[pa.Table]:
        """Read the parts of chunks one by one; DataError where one is missing or corrupt."""
        for chunk in chunks:
            path = self._part(chunk)
            try:
                yield _read_table(path.read_bytes(), self._spec.sweep_id)
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{path} cannot be read any more ({error}). "
                    f"The same command evaluates it again."
                ) from None

    def finish(self, manifest: Mapping[str, Any]) -> Sweep:
        """Join all parts to `sets.parquet`, and write the manifest to `sweep.json`.

        Raises UsageError where the disk is full, or the folder cannot be written, and DataError
        where a part is missing or corrupt.
        """
        try:
            self._join()
            files = {_SETS: file_sha256(self.work / _SETS)}
            write_text(self.work / "sweep.json", record_text({**manifest, "files": files}))
            put_folder(self.work, self.path)
        except OSError as error:
            raise self._not_written(error) from None
        shutil.rmtree(self.path / "parts", ignore_errors=True)
        (self.path / "spec.json").unlink(missing_ok=True)
        return read_sweep(self.path)

    def _join(self) -> None:
        """Write one row group a part: the bytes depend on the parts alone, few are in memory."""
        import pyarrow.parquet as pq

        tables = self.tables(range(self._spec.chunks))
        first = next(tables)
        options = {"compression": "zstd", "write_page_checksum": True}
        with temporary_path(self.work / _SETS) as beside:
            with pq.ParquetWriter(beside, first.schema, **options) as writer:
                for table in chain([first], tables):
                    writer.write_table(table)
            flush(beside)
            beside.replace(self.work / _SETS)

    def _write_spec(self) -> None:
        path, text = self.work / "spec.json", self._spec.to_json()
        if not path.exists():
            write_text(path, text)
        elif path.read_bytes() != text.encode():
            raise UsageError(
                f"{path} is not the specification of this sweep, so its parts may be of another. "
                f"Remove the folder {self.work} and run the command again."
            )

    def _chunk_of(self, path: Path) -> int:
        """Return the number of a part; raises ValueError where it is not whole."""
        chunk = int(path.stem)
        if not 0 <= chunk < self._spec.chunks:
            raise ValueError(f"the sweep has {self._spec.chunks} parts")
        table = _read_table(path.read_bytes(), self._spec.sweep_id)
        due = self._spec.numbers(chunk)
        if table.column("set").to_pylist() != list(due):
            raise ValueError(f"it does not hold the sets {due[0]} to {due[-1]}")
        return chunk

    def _part(self, chunk: int) -> Path:
        return self._parts / f"{chunk:05}.parquet"

    def _not_written(self, error: OSError) -> UsageError:
        parts = len(list(self._parts.glob("[!.]*.parquet")))
        return UsageError(
            f"{self.work} cannot be written: {error.strerror or error}. {parts} of "
            f"{self._spec.chunks} parts are on disk and kept: make room there and the same "
            f"command goes on from them, or choose another reports folder with --out."
        )


def read_sweep(path: Path) -> Sweep:
    """Read the folder of a finished sweep; raises DataError where it holds no readable record."""
    return Sweep(path, read_record(path / "sweep.json", SweepRecord))


def _read_table(content: bytes, sweep_id: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"no readable Parquet: {str(error).splitlines()[0]}") from None
    if (table.schema.metadata or {}).get(b"sweep_id") != sweep_id.encode():
        raise ValueError("it is of another sweep")
    return table
