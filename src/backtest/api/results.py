"""What the calls give back: frozen, with DataFrames, and a text that tells it in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

_WIDE = 92


class _Told:
    """A result that a notebook shows as its words, not as all that it holds."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, eq=False, repr=False)
class RunResult(_Told):
    """A run: what one strategy did with one set of parameters, and what that is worth.

    `print` tells it in a few lines. Money is in dollars, returns are fractions, sessions are dates
    without a zone (`datetime64`), and what is unknown is NaN, NaT or None.

    Attributes:
        run_id: a hash of everything that decides the result.
        strategy: its name.
        parameters: its parameters, by name.
        summary: the figures, a row each; a column for the run and one for its benchmark.
        trades: a row for each trade from flat to flat, indexed by `trade_id`.
        equity: a row for each session, indexed by it: `equity`, `cash`, `position_value`,
            `return`, `benchmark_return`.
        decisions: a row for each event that the strategy listens to, indexed by `event_id`: when it
            was public (UTC), the first session it could be traded in, what became of it and why.
        evidence: what the result is worth, as `run.json` has it.
        manifest: all that `run.json` holds.
        path: the folder of the run.

    """

    run_id: str
    strategy: str
    parameters: Mapping[str, Any]
    summary: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.DataFrame
    decisions: pd.DataFrame
    evidence: Mapping[str, Any]
    manifest: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        from textwrap import fill

        from backtest.experiments.trials import trials_on_record
        from backtest.reports.run_words import plain_sentence
        from backtest.stats.formats import percent

        told = self.manifest
        trials = trials_on_record(self.path.parent, told)
        total = percent(told["summary"]["run"]["total_return"])
        span = f"{told['span']['first']} to {told['span']['last']}"
        return (
            f"{self.strategy} · {', '.join(told['symbols'])} from {span}: {total}\n"
            f"{fill(plain_sentence(self.evidence, trials), _WIDE)}"
        )

    def page(self, *, tearsheet: bool = False) -> Path:
        """Draw the page of the run and return its place.

        Args:
            tearsheet: also draw the tear sheet with the figures of quantstats.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.experiments.runs.store import read_run
        from backtest.reports.draw import draw_tearsheet
        from backtest.reports.run_page import write_run_page

        if tearsheet:
            draw_tearsheet(self.path)
        write_run_page(read_run(self.path))
        return self.path / "index.html"


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult(_Told):
    """A sweep: every set of a grid of parameters, and what the whole of them says.

    Attributes:
        sweep_id: a hash of everything that decides the result.
        strategy: its name.
        sets: a row for each set, indexed by `set`: its parameters, then its figures.
        default: the set that the strategy's own parameters make, by name.
        evidence: what the best set is worth, as `sweep.json` has it.
        summary: what the sweep says, a sentence or more for each heading; `print` shows it.
        manifest: all that `sweep.json` holds.
        path: the folder of the sweep.

    """

    sweep_id: str
    strategy: str
    sets: pd.DataFrame
    default: Mapping[str, Any]
    evidence: Mapping[str, Any]
    summary: Mapping[str, str]
    manifest: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return _lines(self.summary)

    def page(self) -> Path:
        """Draw the page of the sweep and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.sweep_page import write_sweep_page

        return write_sweep_page(self.path, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(_Told):
    """An event study: what the stock did about some events, and whether random days do as much.

    Attributes:
        study_id: a hash of everything that decides the result.
        name: the kind of event, or the strategy.
        windows: a row for each window: `known` events, the average abnormal return `caar`, its
            p-value `p` among random days and corrected for the windows `p_holm`, that of the t test
            across events `p_across`, and the least effect that would have been seen, `detectable`.
        events: a row for each event, indexed by `event_id`: `day_0`, the direction that was
            expected (+1, -1 or 0), and its abnormal return in each window.
        left_out: events that were not studied, and why.
        summary: what the study says, a sentence or more for each heading; `print` shows it.
        record: all that `study.json` holds.
        path: the folder of the study.

    """

    study_id: str
    name: str
    windows: pd.DataFrame
    events: pd.DataFrame
    left_out: pd.DataFrame
    summary: Mapping[str, str]
    record: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return _lines(self.summary)

    def page(self) -> Path:
        """Draw the page of the study and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.study_page import write_study_page

        return write_study_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(_Told):
    """An audit: whether a strategy looks ahead, and where.

    Attributes:
        audit_id: a hash of everything that decides the result.
        strategy: its name.
        outcome: `clean`, `bias` or `not deterministic`.
        sentence: the outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `title`, `worlds`, `dates`, `compared`
            and the `count` of findings.
        findings: a row for each finding that is kept: `check`, `date`, `event_id`, `what`.
        record: all that `audit.json` holds.
        path: the folder of the audit.

    """

    audit_id: str
    strategy: str
    outcome: str
    sentence: str
    checks: pd.DataFrame
    findings: pd.DataFrame
    record: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        from textwrap import fill

        return fill(f"{self.strategy} · {self.outcome}. {self.sentence}", _WIDE)

    def page(self) -> Path:
        """Draw the page of the audit and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.audit_page import write_audit_page

        return write_audit_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult(_Told):
    """Whether a strategy keeps the contract.

    Attributes:
        strategy: its name.
        ok: whether no check failed.
        sentence: the outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `outcome`, `what`, `where`.

    """

    strategy: str
    ok: bool
    sentence: str
    checks: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.strategy}: {self.sentence}"


def _lines(summary: Mapping[str, str]) -> str:
    """Each heading with its sentences beside it."""
    from textwrap import fill

    wide = 2 + max(map(len, summary))
    return "\n".join(
        fill(text, _WIDE, initial_indent=heading.ljust(wide), subsequent_indent=" " * wide)
        for heading, text in summary.items()
    )
