"""The calls about a workspace: begun, its settings, and its strategies and runs on record."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.api.arguments import folders
from backtest.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd

    from backtest.api.arguments import Folder, Folders
    from backtest.api.results import RunResult
    from backtest.audit.record import Audit
    from backtest.experiments.runs.store import Run
    from backtest.strategy.new import NewSignal
    from backtest.workspace.folders import Workspace


def _folder(reports: Folder) -> Path:
    from backtest.workspace.folders import find_reports

    return find_reports(Path(reports) if reports else None)


def init(folder: str | os.PathLike[str]) -> Path:
    """Make a workspace in a folder: strategies, data, reports and settings; return the folder.

    Raises:
        UsageError: one of these is there already, or the folder cannot be written.

    """
    from backtest.workspace.folders import make_workspace

    return make_workspace(Path(folder))


def new_signal(
    name: str,
    kind: str | None = None,
    *,
    backtrader: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> NewSignal:
    """Write a strategy that runs at once, its events with an example row, and its test.

    Args:
        name: of the strategy, in snake case.
        kind: the kind of event to start from; a new one by default.
        backtrader: write a strategy of Backtrader's.
        strategies: folder that it is written to; that of the workspace by default.
        data: folder of events and prices, likewise.

    Returns:
        The files that were written.

    Raises:
        UsageError: the name or the kind is wrong, or a file is there already.

    """
    from backtest.strategy.new import new_signal as write

    workspace = folders(strategies, data, "reports")
    return write(workspace, name, kind=kind, backtrader=backtrader)


def list_settings() -> pd.DataFrame:
    """Every setting by its key: its `value`, its `source`, and `where` that is.

    Raises:
        UsageError: `backtest.toml` is wrong.

    """
    import pandas as pd

    from backtest.workspace.folders import read_config

    rows = [vars(one) for one in read_config().settings.values()]
    return pd.DataFrame(rows).set_index("key")


def compare(*runs: RunResult | str, reports: Folder = None) -> pd.DataFrame:
    """The figures and the evidence of runs side by side, as `backtest compare` shows them.

    Args:
        *runs: results of `run`, or run ids, run folders or strategies by name; without any, the
            latest run of each strategy.
        reports: folder of the runs that are named; that of the workspace by default.

    Returns:
        A row for each run and, below, for each benchmark. Columns: the figures of
        `docs/figures.md`; `mean_trade` with its 95 % interval, `detectable` (the least edge a trade
        that is found four times in five), `p` of the verdict (the larger of random timing and
        random direction), `p_holm` corrected for the runs compared, and `trials` on record.
        Fractions, not percent; NaN where unknown.

    Raises:
        UsageError: there is no such run, or none at all.
        DataError: a run's folder is damaged.

    Examples:
        >>> found = compare(run("earnings_surprise"), run("buy_and_hold"))
        >>> found[["trades", "total_return", "p", "detectable"]].round(3)
                           trades  total_return      p  detectable
        earnings_surprise       6        -0.121  0.703       0.199
        buy_and_hold            1         1.296    NaN         NaN
        SPY                  <NA>         0.380    NaN         NaN

    """
    from backtest.api.results import RunResult, comparison
    from backtest.experiments.runs.store import find_run, latest_runs, read_run

    found = [
        read_run(one.path)
        if isinstance(one, RunResult)
        else find_run(_folder(reports), one, warnings.warn)
        for one in runs
    ]
    if not runs:
        found = latest_runs(_folder(reports), warnings.warn)
    if not found:
        raise UsageError("There is no run yet to compare. Make one with `run`.")
    return comparison(found)


def list_runs(*, reports: Folder = None) -> pd.DataFrame:
    """The runs in the reports folder, newest first.

    Returns:
        A row for each, indexed by `run_id`: `strategy`, `symbols`, `first`, `last`, then the
        figures of `docs/figures.md` and the `path` of its folder. A run that is damaged is left
        out, with a warning.

    """
    import pandas as pd

    from backtest.experiments.runs import store

    rows = [
        {
            "run_id": run.run_id,
            "strategy": run.manifest["strategy"],
            "symbols": run.manifest["symbols"],
            **run.manifest["span"],
            **run.summary,
            "path": run.path,
        }
        for run in store.list_runs(_folder(reports), warnings.warn)
    ]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run_id"]).set_index("run_id")


def list_strategies(
    *, strategies: Folders = None, data: Folder = None, reports: Folder = None
) -> pd.DataFrame:
    """The strategies that there are, also those that do not load.

    Returns:
        A row for each, indexed by `name`: what it acts on, its parameters, its `state` and the
        `error` where it does not load, its last run and its last audit.

    Raises:
        UsageError: `backtest.toml` sets parameters of a strategy that is not there.

    """
    import pandas as pd

    rows = strategy_rows(folders(strategies, data, reports), warnings.warn)
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["name"]).set_index("name")


def strategy_rows(workspace: Workspace, tell: Callable[[str], object]) -> list[dict[str, Any]]:
    """Every strategy by name, with how it last ran and was audited.

    `tell` takes a sentence for each run or audit that is damaged and left out.
    """
    from backtest.audit.record import list_audits
    from backtest.experiments.runs import store
    from backtest.strategy.loading import describe_strategies

    runs, audits = store.list_runs(workspace.reports, tell), list_audits(workspace.reports, tell)
    newest_runs = {run.manifest["strategy"]: run for run in reversed(runs)}
    newest_audits = {audit.record["strategy"]: audit for audit in reversed(audits)}
    return [
        {
            **vars(one),
            "state": "ok" if one.error is None else "not usable",
            "last_run": _last_run(newest_runs.get(one.name), one.source_sha256),
            "last_audit": _last_audit(newest_audits.get(one.name), one.source_sha256),
        }
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
