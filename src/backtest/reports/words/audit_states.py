"""How the strategies of runs were last audited: the very sources that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.audit.record import find_audit
from backtest.errors import DataError
from backtest.reports.words.audit import verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.audit.record import Audit
    from backtest.experiments.runs.store import Run


def audit_of(run: Run) -> Audit | None:
    """The newest audit of the source that ran; None where there is none that can be read."""
    manifest = run.manifest
    source = manifest.get("strategy_sha256", "")
    try:
        return find_audit(run.path.parent, manifest["strategy"], source)
    except DataError:  # of another folder; its own command tells
        return None


def audited_on(run: Run, audit: Audit) -> str:
    """The day of an audit, and whether it was of other parameters than the run's."""
    others = audit.record["parameters"] != run.manifest["parameters"]
    return f"{audit.record['finished_at'][:10]}{' with other parameters' * others}"


def caution(run: Run, audit: Audit | None) -> str:
    """What an audit found against the strategy of a run; empty where it found nothing."""
    if audit is None or audit.record["outcome"] == "clean":
        return ""
    return f"The audit of {audited_on(run, audit)} {verdict(audit.record)}."


def audit_lines(runs: Sequence[Run]) -> list[tuple[str, bool]]:
    """What is known of the strategies of runs, in few lines, and whether each is a caution."""
    audits = [(run, audit_of(run)) for run in runs]
    bad = [
        f"{run.manifest['strategy']}: {told}" for run, one in audits if (told := caution(run, one))
    ]
    clean = [
        f"{run.manifest['strategy']} ({audited_on(run, one)})"
        for run, one in audits
        if one and not caution(run, one)
    ]
    unknown = [run.manifest["strategy"] for run, one in audits if one is None]
    lines = [(line, True) for line in bad]
    if clean:
        lines.append((f"Audited clean: {', '.join(clean)}.", False))
    if unknown:
        name = unknown[0] if len(unknown) == 1 else "NAME"
        told = f"Not audited: {', '.join(unknown)}. `backtest audit {name}` looks for look-ahead."
        lines.append((told, False))
    return lines
