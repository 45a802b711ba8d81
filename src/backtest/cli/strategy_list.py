"""The list of strategies: what each is, whether it loads, and how it last ran and was audited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.audit.record import list_audits
from backtest.experiments.runs.store import list_runs
from backtest.strategy.places import StrategyDescription, describe_strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backtest.audit.record import Audit
    from backtest.experiments.runs.store import Run
    from backtest.workspace.folders import Workspace


@dataclass(frozen=True)
class ListedStrategy:
    """A strategy as `backtest list strategies` shows it.

    Attributes:
        description: of the strategy.
        last_run: run_id, finished_at, total_return, and whether the source is `unchanged` since;
            None where it was never run.
        last_audit: audit_id, finished_at, outcome and `unchanged`; None likewise.

    """

    description: StrategyDescription
    last_run: Mapping[str, Any] | None
    last_audit: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """All of it in one table, with the state in a word."""
        told = vars(self.description)
        state = "ok" if self.description.error is None else "not usable"
        return {**told, "state": state, "last_run": self.last_run, "last_audit": self.last_audit}


def list_strategies(workspace: Workspace, tell: Callable[[str], object]) -> list[ListedStrategy]:
    """Every strategy, by name.

    Args:
        workspace: the folders.
        tell: takes a sentence for each run or audit that is damaged and left out.

    Raises:
        UsageError: `backtest.toml` sets parameters of a strategy that is not there.

    """
    runs, audits = list_runs(workspace.reports, tell), list_audits(workspace.reports, tell)
    latest_runs = {run.manifest["strategy"]: run for run in reversed(runs)}
    newest_audits = {audit.record["strategy"]: audit for audit in reversed(audits)}
    return [
        ListedStrategy(
            one,
            _last_run(latest_runs.get(one.name), one.source_sha256),
            _last_audit(newest_audits.get(one.name), one.source_sha256),
        )
        for one in describe_strategies(workspace)
    ]


def _last_run(run: Run | None, source_sha256: str) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "finished_at": run.manifest["finished_at"],
        "total_return": run.summary["total_return"],
        "unchanged": run.manifest.get("strategy_sha256") == source_sha256,
    }


def _last_audit(audit: Audit | None, source_sha256: str) -> dict[str, Any] | None:
    if audit is None:
        return None
    return {
        "audit_id": audit.record["audit_id"],
        "finished_at": audit.record["finished_at"],
        "outcome": audit.record["outcome"],
        "unchanged": audit.record["strategy_sha256"] == source_sha256,
    }
