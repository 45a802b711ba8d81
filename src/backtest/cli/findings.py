"""What the terminal shows of checks: findings about the data, and verdicts about claims."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backtest.audit.claims import JUDGEMENTS, MEANING, with_unit
from backtest.cli.show import console, print_json
from backtest.data.event_checks import SEVERITIES, by_severity
from backtest.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from backtest.audit.claims import Verdict
    from backtest.data.event_checks import Finding, Severity

_COLORS = {
    "error": "red", "warning": "yellow", "note": "default",
    "false": "red", "imprecise": "yellow", "true": "green", "unknown": "default",
}  # fmt: skip


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings, errors first, and leave with the code of bad data where there is an error."""
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        print_findings(console(), findings)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(DataError.exit_code)


def print_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print findings by severity, and last their numbers."""
    grouped = by_severity(findings)
    for severity, group in grouped.items():
        if group:
            out.print(Text(f"{severity.capitalize()}s\n", style="bold"))
        for finding in group:
            _print_finding(out, finding, severity)
    out.print(", ".join(_counted(len(grouped[level]), level) for level in SEVERITIES) + ".")


def _print_finding(out: Console, finding: Finding, severity: Severity) -> None:
    out.print(Text(finding.what, style=_COLORS[severity]))
    for text in (finding.where, finding.why, finding.mend):
        out.print(Padding(Text(text, style="dim", overflow="fold"), (0, 0, 0, 4)))
    out.print()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_verdicts(out: Console, verdicts: Sequence[Verdict]) -> None:
    """Print each claim with its verdict and the evidence, and last what the verdicts mean."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in verdicts:
        claimed = f"Claimed {with_unit(one.claim.claimed, one.claim.unit)}"
        found = f", found {one.found}" if one.found else ""
        grid.add_row(Text(one.verdict, style=_COLORS[one.verdict]), Text(one.claim.statement))
        grid.add_row("", Text(f"{claimed}{found}. {one.evidence}\n", style="dim"))
    out.print(grid)
    counts = Counter(one.verdict for one in verdicts)
    told = ", ".join(f"{counts[judgement]} {judgement}" for judgement in JUDGEMENTS)
    out.print(Text(f"{_counted(len(verdicts), 'claim')}: {told}."))
    out.print(Text(MEANING, style="dim"))
