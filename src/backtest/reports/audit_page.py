"""Describe an audit in plain words and as a page: what was tried, and where decisions differ."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.audit import Audit, find_audit
from backtest.reports.pages import sentences, write_page
from backtest.stats.formats import UNKNOWN, counted, few
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run

Record = Mapping[str, Any]


def audit_of(run: Run) -> Audit | None:
    """Find the newest audit of the source that ran; None where none can be read."""
    manifest = run.manifest
    return find_audit(run.path.parent, manifest["strategy"], manifest["strategy_sha256"])


def audited_on(run: Run, audit: Audit) -> str:
    """Say when it was audited, and with which stocks, parameters or bars where not the run's."""
    record, manifest = audit.record, run.manifest
    audited = _traded(record["settings"].get("universe"), record["symbols"])
    is_same = audited == _traded(manifest.get("universe"), manifest["symbols"])
    stocks = "" if is_same else f" on {few(audited)}"
    others = record["parameters"] != manifest["parameters"]
    bars = by_bars(record["settings"])
    by = "" if bars == by_bars(manifest) else bars or " by sessions"
    return f"{record['finished_at'][:10]}{stocks}{' with other parameters' * others}{by}"


def _traded(universe: str | None, symbols: Sequence[str]) -> list[str]:
    return [universe] if universe else sorted(symbols)


def by_bars(terms: Record) -> str:
    """Say by which finer bars it was run or audited, after a space; empty where by sessions."""
    if not terms.get("bars"):
        return ""
    alone = " alone" if terms["missing_bars"] == "none" else ""
    hours = ", extended hours" if terms["rules"].get("hours") == "extended" else ""
    return f" by bars of {terms['bars']}{alone}{hours}"


def caution(run: Run, audit: Audit | None) -> str:
    """Say what an audit found against the strategy of a run; empty where it found nothing."""
    if audit is None or audit.record["outcome"] == "clean":
        return ""
    return f"The audit of {audited_on(run, audit)} {verdict(audit.record)}."


def audit_lines(runs: Sequence[Run]) -> list[tuple[str, bool]]:
    """Return lines on the audits of the runs' strategies, and whether each is a caution."""
    lines: list[tuple[str, bool]] = []
    clean: list[str] = []
    unaudited: list[str] = []
    is_unsaved = False
    for run in runs:
        name, audit = run.manifest["strategy"], audit_of(run)
        if audit is None:
            unaudited.append(name)
            is_unsaved |= bool(run.manifest.get("from_class"))
        elif text := caution(run, audit):
            lines.append((f"{name}: {text}", True))
        else:
            clean.append(f"{name} ({audited_on(run, audit)})")
    if clean:
        lines.append((f"Audited clean: {', '.join(clean)}.", False))
    if unaudited:
        name = unaudited[0] if len(unaudited) == 1 else "NAME"
        text = f"Not audited: {', '.join(unaudited)}. `backtest audit {name}` looks for look-ahead"
        text += " in what is saved in the strategies folder." if is_unsaved else "."
        lines.append((text, False))
    return lines


OUTCOMES = {"clean": "Clean", "bias": "Bias found", "not deterministic": "Not deterministic"}


def title(record: Record) -> str:
    """Return the strategy and its universe or stocks, as in a title."""
    traded = record["settings"].get("universe") or " + ".join(record["symbols"])
    return f"{record['strategy']} · {traded}"


def compared_noun(record: Record) -> str:
    """Name what is compared: a `decision`, or an `order` of a strategy of Backtrader's."""
    return "order" if record["orders_itself"] else "decision"


def outcome(record: Record) -> str:
    """Say the outcome in a few words, with the bars where they are finer than sessions."""
    return OUTCOMES[record["outcome"]] + by_bars(record["settings"])


def verdict(record: Record) -> str:
    """Say what an audit found that is not clean; the text follows the audit's name."""
    failed = {check["name"] for check in record["checks"] if check["count"]}
    if failed - {"reads", "repeat"} or record["null"]["bias"]:
        return "found that it looks ahead"
    if "reads" in failed:
        return "found that it looks at more than it is handed"
    if record["outcome"] == "not deterministic":
        return "found that the same data do not always give the same answers"
    return "found errors in its data"


def findings_text(check: Record) -> str:
    """Say how much a check found, and on which day first, or why it was not tried."""
    if check["not_tried"]:
        return f"not tried: {check['not_tried']}"
    if not check["count"]:
        return "nothing"
    day, many = check["findings"][0]["date"], counted(check["count"], "finding")
    return f"{many}, the first on {day}" if day else many


def size_text(check: Record, noun: str) -> str:
    """Say how much a check tried: worlds, dates and compared answers, which `noun` names."""
    nouns = (("worlds", "world", ""), ("dates", "date", ""), ("compared", noun, " compared"))
    sizes = ((check["tried"].get(name), one, more) for name, one, more in nouns)
    return ", ".join(counted(size, one) + more for size, one, more in sizes if size) or UNKNOWN


def headings(check: Record) -> tuple[str, str]:
    """Return the headings of the two sides of a check's findings."""
    if check["name"] == "repeat":
        return "Asked first", "Asked again"
    return "On all data", "In the world"


def audit_sentences(record: Record) -> list[tuple[str, str]]:
    """Return a heading and a text each on planted peeks, null worlds and data."""
    return sentences("audit.txt", record=record)


def limits() -> list[tuple[str, str]]:
    """Return what an audit cannot prove: a heading and a text each."""
    return sentences("audit_limits.txt")


_DECIDES = ("seed", "settings", "strategy_sha256", "rules_version", "packages", "inputs")


def write_audit_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of an audit from its record; return the path of the page."""
    return write_page(
        folder / "index.html",
        reports,
        "audit.html",
        record=record,
        said=dict(audit_sentences(record)),
        limits=limits(),
        words=sys.modules[__name__],  # the template calls the functions above
        parameters=flat(record["parameters"]),
        manifest=flat({name: record[name] for name in _DECIDES}).items(),
    )
