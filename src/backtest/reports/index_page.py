"""The index of a reports folder: runs, comparisons, sweeps, studies, audits, newest first."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.audit.record import AuditRecord
from backtest.errors import DataError
from backtest.experiments.records import (
    MANY_STUDY,
    ManyStudyRecord,
    RunRecord,
    StudyRecord,
    SweepRecord,
)
from backtest.reports.audit_page import outcome
from backtest.reports.compare_page import ComparisonRecord, traded
from backtest.reports.pages import write_page
from backtest.reports.study_page import spread_name
from backtest.stats.formats import counted, fine, p_value, percent, probability, ratio, share
from backtest.workspace.records import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MOST_ENTRIES = 1_000
MOST_CHARACTERS = 440_000  # of all rows, so that the page opens at once
_OF_A_ROW = 300  # characters of its tags


class Entry(NamedTuple):
    """A row of the index: a run, comparison, sweep, study or audit in its folder.

    `subjects` are strategies or kinds of event, `made` is ISO and UTC, `value` the return that it
    sorts by, and `pages` those of `index.html` and `tearsheet.html` that are there.
    """

    what: str
    folder: str
    title: str
    made: str
    result: str
    subjects: Sequence[str] = ()
    symbols: Sequence[str] = ()
    span: str = ""
    value: float | None = None
    pages: Sequence[str] = ()


def write_index(reports: Path) -> Path:
    """Write `index.html` of a reports folder; return its place.

    It rests on the records of the folders alone. One that cannot be read gets a row that says so.

    Raises:
        UsageError: the folder cannot be written.

    """
    # Hidden folders are unfinished work.
    paths = [path for name in _READERS for path in reports.glob(f"[!.]*/{name}")]
    records = sorted(((path.stat().st_mtime, path) for path in paths), reverse=True)
    entries = [_entry(path, changed) for changed, path in records[:MOST_ENTRIES]]
    shown = _light(sorted(entries, key=lambda entry: entry.made, reverse=True))
    return write_page(
        reports / "index.html",
        reports,
        "index.html",
        entries=shown,
        found=len(records),
        kinds=list(dict.fromkeys(what for what, *_ in _READERS.values())),
        subjects=sorted({name for entry in shown for name in entry.subjects}),
        symbols=sorted({symbol for entry in shown for symbol in entry.symbols}),
        compared=(reports / "compare.html").is_file(),
    )


def _entry(path: Path, changed: float) -> Entry:
    what, kind, read = _READERS[path.name]
    folder = path.parent
    try:
        record = read_record(path, kind)
    except DataError as error:
        made = datetime.fromtimestamp(changed, UTC).isoformat()
        fault = str(error).removeprefix(f"{folder}{os.sep}")
        return Entry(what, folder.name, folder.name, made, fault)
    title, subjects, result, value = read(record)
    span = record.get("span")
    return Entry(
        what,
        folder.name,
        title,
        datetime.fromisoformat(record["finished_at"]).astimezone(UTC).isoformat(),
        result,
        subjects,
        [record["symbol"]] if "symbol" in record else traded(record),
        f"{span['first']} to {span['last']}" if span else "",
        value,
        [name for name in ("index.html", "tearsheet.html") if (folder / name).is_file()],
    )


_Told = tuple[str, list[str], str, float | None]  # title, subjects, result, value


def _run(record: RunRecord) -> _Told:
    figures, p = record["summary"]["run"], record.get("evidence", {}).get("p")
    result = f"{percent(figures['total_return'])}, {counted(figures['trades'], 'trade')}"
    told = result if p is None else f"{result}, p {p_value(p)}"
    return record["strategy"], [record["strategy"]], told, figures["total_return"]


def _comparison(record: ComparisonRecord) -> _Told:
    names = record["strategies"]
    title = f"{counted(len(record['runs']), 'run')} side by side"
    return title, sorted(set(names)), ", ".join(names), None


def _sweep(record: SweepRecord) -> _Told:
    default, best = record["base_figures"]["total_return"], record["evidence"]["best"]
    best_told = f"the best Sharpe {ratio(best['sharpe'])} (DSR {share(best['dsr'])})"
    result = f"{counted(record['sets'], 'set')}, the default {percent(default)}, {best_told}"
    return record["strategy"], [record["strategy"]], result, default


def _study(record: StudyRecord) -> _Told:
    signed = record["signed"] if record["of"] == "strategy" else None
    leading = (signed or record["windows"])[0]
    caar = f"CAAR {leading['window']} {percent(leading['caar'])}, p {probability(leading['p'])}"
    return record["name"], [record["name"]], f"{counted(leading['known'], 'event')}, {caar}", None


def _many_study(record: ManyStudyRecord) -> _Told:
    leading = record["rows"][0]
    mean = leading["spread"] or leading["all"]
    what = spread_name(record) if leading["spread"] else "CAAR"
    found = f"{what} {leading['window']} {fine(mean['value'])}, p {probability(mean['p'])}"
    events = counted(leading["all"]["events"], "observation")
    return record["name"], [record["name"]], f"{events}, {found}", None


def _audit(record: AuditRecord) -> _Told:
    return record["strategy"], [record["strategy"]], outcome(record), None


_READERS: dict[str, tuple[str, type[Any], Callable[[Any], _Told]]] = {
    "run.json": ("run", RunRecord, _run),
    "compare.json": ("comparison", ComparisonRecord, _comparison),
    "sweep.json": ("sweep", SweepRecord, _sweep),
    "study.json": ("study", StudyRecord, _study),
    MANY_STUDY: ("study", ManyStudyRecord, _many_study),
    "audit.json": ("audit", AuditRecord, _audit),
}


def _light(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The newest entries that a light page holds."""
    size = 0
    for number, entry in enumerate(entries):
        size += _OF_A_ROW + len("".join(map(str, entry)))
        if size > MOST_CHARACTERS:
            return entries[:number]
    return entries
