"""The index of a reports folder: runs, comparisons, sweeps, studies, audits, newest first."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from backtest.audit.record import AuditRecord
from backtest.errors import DataError
from backtest.experiments.runs.record import RunRecord
from backtest.experiments.studies.record import StudyRecord
from backtest.experiments.sweeps.folder import SweepRecord
from backtest.reports.compare_page import ComparisonRecord
from backtest.reports.pages import write_page
from backtest.reports.words.audit import outcome
from backtest.reports.words.run import p_value
from backtest.reports.words.study import probability
from backtest.stats.formats import counted, percent, ratio, share
from backtest.workspace.records import Span, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MOST_ENTRIES = 1_000
MOST_CHARACTERS = 440_000  # of all rows, so that the page opens at once
_OF_A_ROW = 300  # characters of its tags
_SYMBOLS = 5  # that are shown in a row


class Entry(NamedTuple):
    """A row of the index.

    Attributes:
        what: `run`, `comparison`, `sweep`, `study` or `audit`.
        folder: its name.
        title: the strategy, or what it is about.
        subjects: names of strategies or kinds of event.
        symbols: stocks.
        span: first and last day, or empty.
        made: when it was finished, ISO and UTC.
        result: what came out, in a few words.
        value: the return that it sorts by; None where it has none.
        pages: which of `index.html` and `tearsheet.html` are there.

    """

    what: str
    folder: str
    title: str
    subjects: Sequence[str] = ()
    symbols: Sequence[str] = ()
    span: str = ""
    made: str = ""
    result: str = ""
    value: float | None = None
    pages: Sequence[str] = ()

    @property
    def address(self) -> str:
        """Of the folder, relative to the index."""
        return quote(self.folder)

    @property
    def stocks(self) -> str:
        """The symbols, of many the first."""
        rest = len(self.symbols) - _SYMBOLS
        shown = ", ".join(self.symbols[:_SYMBOLS])
        return f"{shown} and {rest} more" if rest > 0 else shown

    @property
    def identity(self) -> str:
        """The id, with which the names of folders end."""
        return self.folder.rpartition("-")[2]


def write_index(reports: Path) -> Path:
    """Write `index.html` of a reports folder; return its place.

    It rests on the records of the folders alone. One that cannot be read gets a row that says so.

    Raises:
        UsageError: the folder cannot be written.

    """
    records = sorted(_records(reports), reverse=True)
    entries = [_entry(path, changed) for changed, path in records[:MOST_ENTRIES]]
    shown = _light(sorted(entries, key=lambda entry: entry.made, reverse=True))
    return write_page(
        reports / "index.html",
        reports,
        "index.html",
        entries=shown,
        found=len(records),
        kinds=[what for what, *_ in _READERS.values()],
        subjects=sorted({name for entry in shown for name in entry.subjects}),
        symbols=sorted({symbol for entry in shown for symbol in entry.symbols}),
        compared=(reports / "compare.html").is_file(),
    )


def _records(reports: Path) -> list[tuple[float, Path]]:
    """When each record was changed, and its place; hidden folders are unfinished work."""
    paths = [path for name in _READERS for path in reports.glob(f"[!.]*/{name}")]
    return [(path.stat().st_mtime, path) for path in paths]


def _entry(path: Path, changed: float) -> Entry:
    what, kind, read = _READERS[path.name]
    try:
        record = read_record(path, kind)
    except DataError as error:
        return Entry(
            what,
            path.parent.name,
            path.parent.name,
            made=datetime.fromtimestamp(changed, UTC).isoformat(),
            result=str(error).removeprefix(f"{path.parent}{os.sep}"),
        )
    pages = [name for name in ("index.html", "tearsheet.html") if (path.parent / name).is_file()]
    made = datetime.fromisoformat(record["finished_at"]).astimezone(UTC).isoformat()
    return read(path, record)._replace(made=made, pages=pages)


def _run(path: Path, record: RunRecord) -> Entry:
    figures = record["summary"]["run"]
    total, p = figures["total_return"], record.get("evidence", {}).get("p")
    result = f"{percent(total)}, {counted(figures['trades'], 'trade')}"
    return Entry(
        "run",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record["span"]),
        result=result if p is None else f"{result}, p {p_value(p)}",
        value=total,
    )


def _comparison(path: Path, record: ComparisonRecord) -> Entry:
    return Entry(
        "comparison",
        path.parent.name,
        f"{counted(len(record['runs']), 'run')} side by side",
        sorted(set(record["strategies"])),
        record["symbols"],
        _span(record["span"]),
        result=", ".join(record["strategies"]),
    )


def _sweep(path: Path, record: SweepRecord) -> Entry:
    default, best = record["base_figures"]["total_return"], record["evidence"]["best"]
    best_told = f"the best Sharpe {ratio(best['sharpe'])} (DSR {share(best['dsr'])})"
    return Entry(
        "sweep",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record["span"]),
        result=f"{counted(record['sets'], 'set')}, the default {percent(default)}, {best_told}",
        value=default,
    )


def _study(path: Path, record: StudyRecord) -> Entry:
    signed = record["signed"] if record["of"] == "strategy" else None
    leading = (signed or record["windows"])[0]
    return Entry(
        "study",
        path.parent.name,
        record["name"],
        [record["name"]],
        [record["symbol"]],
        result=f"{counted(leading['known'], 'event')}, CAAR {leading['window']} "
        f"{percent(leading['caar'])}, p {probability(leading['p'])}",
    )


def _audit(path: Path, record: AuditRecord) -> Entry:
    return Entry(
        "audit",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record["span"]),
        result=outcome(record),
    )


_READERS: dict[str, tuple[str, type[Any], Callable[[Path, Any], Entry]]] = {
    "run.json": ("run", RunRecord, _run),
    "compare.json": ("comparison", ComparisonRecord, _comparison),
    "sweep.json": ("sweep", SweepRecord, _sweep),
    "study.json": ("study", StudyRecord, _study),
    "audit.json": ("audit", AuditRecord, _audit),
}


def _span(span: Span) -> str:
    return f"{span['first']} to {span['last']}"


def _light(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The newest entries that a light page holds."""
    size = 0
    for number, entry in enumerate(entries):
        size += _OF_A_ROW + len("".join(map(str, entry)))
        if size > MOST_CHARACTERS:
            return entries[:number]
    return entries
