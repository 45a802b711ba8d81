"""The index of a reports folder: runs, comparisons, sweeps, studies, audits, newest first."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from backtest.experiments.runs.store import Run
from backtest.reports.pages import write_page
from backtest.reports.words.audit import outcome
from backtest.reports.words.run import leading_p, p_value
from backtest.reports.words.study import probability
from backtest.stats.formats import counted, percent, ratio, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Record = Mapping[str, Any]

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
        kinds=[what for what, _ in _READERS.values()],
        subjects=sorted({name for entry in shown for name in entry.subjects}),
        symbols=sorted({symbol for entry in shown for symbol in entry.symbols}),
        compared=(reports / "compare.html").is_file(),
    )


def _records(reports: Path) -> list[tuple[float, Path]]:
    """When each record was changed, and its place; hidden folders are unfinished work."""
    paths = [path for name in _READERS for path in reports.glob(f"[!.]*/{name}")]
    return [(path.stat().st_mtime, path) for path in paths]


def _entry(path: Path, changed: float) -> Entry:
    what, read = _READERS[path.name]
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        pages = [
            name for name in ("index.html", "tearsheet.html") if (path.parent / name).is_file()
        ]
        made = datetime.fromisoformat(record["finished_at"]).astimezone(UTC).isoformat()
        entry = read(path, record)
        _check_texts(entry.title, *entry.subjects, *entry.symbols)
        return entry._replace(made=made, pages=pages)
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        return Entry(
            what,
            path.parent.name,
            path.parent.name,
            made=datetime.fromtimestamp(changed, UTC).isoformat(),
            result=f"{path.name} cannot be read: {_why(error)}.",
        )


def _check_texts(*names: object) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} stands where a name belongs")


def _why(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _run(path: Path, record: Record) -> Entry:
    figures = record["summary"]["run"]
    total, p = figures["total_return"], leading_p(Run(path.parent, record))
    result = f"{percent(total)}, {counted(figures['trades'], 'trade')}"
    return Entry(
        "run",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record),
        result=result if p is None else f"{result}, p {p_value(p)}",
        value=total,
    )


def _comparison(path: Path, record: Record) -> Entry:
    return Entry(
        "comparison",
        path.parent.name,
        f"{counted(len(record['runs']), 'run')} side by side",
        sorted(set(record["strategies"])),
        record["symbols"],
        _span(record),
        result=", ".join(record["strategies"]),
    )


def _sweep(path: Path, record: Record) -> Entry:
    default, best = record["base_figures"]["total_return"], record["evidence"]["best"]
    best_told = f"the best Sharpe {ratio(best['sharpe'])} (DSR {share(best['dsr'])})"
    return Entry(
        "sweep",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record),
        result=f"{counted(record['sets'], 'set')}, the default {percent(default)}, {best_told}",
        value=default,
    )


def _study(path: Path, record: Record) -> Entry:
    by_sign = record["of"] == "strategy" and record["signed"]
    leading = (record["signed"] if by_sign else record["windows"])[0]
    return Entry(
        "study",
        path.parent.name,
        record["name"],
        [record["name"]],
        [record["symbol"]],
        result=f"{counted(leading['known'], 'event')}, CAAR {leading['window']} "
        f"{percent(leading['caar'])}, p {probability(leading['p'])}",
    )


def _audit(path: Path, record: Record) -> Entry:
    return Entry(
        "audit",
        path.parent.name,
        record["strategy"],
        [record["strategy"]],
        record["symbols"],
        _span(record),
        result=outcome(record),
    )


_READERS: dict[str, tuple[str, Callable[[Path, Record], Entry]]] = {
    "run.json": ("run", _run),
    "compare.json": ("comparison", _comparison),
    "sweep.json": ("sweep", _sweep),
    "study.json": ("study", _study),
    "audit.json": ("audit", _audit),
}


def _span(record: Record) -> str:
    return f"{record['span']['first']} to {record['span']['last']}"


def _light(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The newest entries that a light page holds."""
    size = 0
    for number, entry in enumerate(entries):
        size += _OF_A_ROW + len("".join(map(str, entry)))
        if size > MOST_CHARACTERS:
            return entries[:number]
    return entries
