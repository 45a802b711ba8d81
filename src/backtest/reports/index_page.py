"""Write the index of a reports folder: every run, comparison, sweep, study and audit in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from backtest.audit import AuditRecord
from backtest.errors import DataError
from backtest.experiments.records import MANY_STUDY, ManyStudyRecord, RunRecord, StudyRecord
from backtest.experiments.runs.finding import variant
from backtest.experiments.runs.store import note_in
from backtest.experiments.sweeps.folder import SweepRecord
from backtest.reports.audit_page import outcome
from backtest.reports.compare_page import ComparisonRecord, traded
from backtest.reports.pages import fill, write_page
from backtest.reports.study_page import spread_name
from backtest.stats.formats import counted
from backtest.workspace.files import clear_unfinished, read_record

MOST_ENTRIES = 1_000
MOST_CHARACTERS = 440_000  # of all rows, so that the page opens at once
_OF_A_ROW = 300  # characters of its tags
_WORDS = {"outcome": outcome, "spread_name": spread_name}  # of audits and studies
_RECORDS: dict[str, tuple[str, type[Any]]] = {
    "run.json": ("run", RunRecord),
    "compare.json": ("comparison", ComparisonRecord),
    "sweep.json": ("sweep", SweepRecord),
    "study.json": ("study", StudyRecord),
    MANY_STUDY: ("study", ManyStudyRecord),
    "audit.json": ("audit", AuditRecord),
}


class Entry(NamedTuple):
    """An entry is a row of the index: a run, comparison, sweep, study or audit in its folder."""

    what: str
    folder: str
    title: str
    made: str  # ISO, in UTC
    result: str
    subjects: Sequence[str] = ()  # strategies or kinds of event
    symbols: Sequence[str] = ()
    span: str = ""
    value: float | None = None  # the return, by which results are sorted
    pages: Sequence[str] = ()  # which of `index.html` and `tearsheet.html` there are
    runs: Sequence[str] = ()  # the id of a run, or those of the runs compared
    about: str = ""  # how a run differs from the defaults; the finer bars of other reports


def write_index(reports: Path) -> Path:
    """Write `index.html` of a reports folder from the records in it; return the page's path.

    The newest report comes first. A record that cannot be read gets a row that says so.
    """
    clear_unfinished(reports)
    # Hidden folders are unfinished work.
    paths = [path for name in _RECORDS for path in reports.glob(f"[!.]*/{name}")]
    records = sorted(((path.stat().st_mtime, path) for path in paths), reverse=True)
    for _, path in records:
        clear_unfinished(path.parent)
    all_entries = [_entry(path, changed) for changed, path in records[:MOST_ENTRIES]]
    entries = _light(sorted(all_entries, key=lambda entry: entry.made, reverse=True))
    return write_page(
        reports / "index.html",
        reports,
        "index.html",
        entries=entries,
        total=len(records),
        kinds=list(dict.fromkeys(what for what, _ in _RECORDS.values())),
        subjects=sorted({name for entry in entries for name in entry.subjects}),
        symbols=sorted({symbol for entry in entries for symbol in entry.symbols}),
        compared=(reports / "compare.html").is_file(),
    )


def _entry(path: Path, changed: float) -> Entry:
    what, kind = _RECORDS[path.name]
    folder = path.parent
    try:
        record = read_record(path, kind)
    except DataError as error:
        made = datetime.fromtimestamp(changed, UTC).isoformat()
        fault = str(error).removeprefix(f"{folder}{os.sep}")
        return Entry(what, folder.name, folder.name, made, fault)
    names = record.get("strategies") or [record.get("strategy") or record["name"]]
    several = f"{counted(len(names), 'run')} side by side"
    figures = record.get("base_figures") or record.get("summary", {}).get("run", {})
    span, stock = record.get("span"), record.get("summary", {}).get("stock") or {}
    bars = record.get("bars")
    about = (
        (note_in(folder, "label"), *variant(record)) if what == "run" else (bars and f"by {bars}",)
    )
    return Entry(
        what,
        folder.name,
        several if what == "comparison" else names[0],
        datetime.fromisoformat(record["finished_at"]).astimezone(UTC).isoformat(),
        fill(
            "index_result.txt", what=what, record=record, held=stock.get("total_return"), **_WORDS
        ).strip(),
        sorted(set(names)),
        [record["symbol"]] if "symbol" in record else traded(record),
        f"{span['first']} to {span['last']}" if span else "",
        figures.get("total_return"),
        [name for name in ("index.html", "tearsheet.html") if (folder / name).is_file()],
        record.get("runs") or ([record["run_id"]] if what == "run" else ()),
        " · ".join(filter(None, about)),
    )


def _light(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the newest entries that a light page holds."""
    size = 0
    for number, entry in enumerate(entries):
        size += _OF_A_ROW + len("".join(map(str, entry)))
        if size > MOST_CHARACTERS:
            return entries[:number]
    return entries
