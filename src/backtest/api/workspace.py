"""The calls about a workspace: begun, its settings, its universes, and its strategies on record."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.api.arguments import Folder, Folders, folders
from backtest.experiments.runs import finding
from backtest.strategy import loading
from backtest.workspace.folders import make_workspace, read_config

if TYPE_CHECKING:
    import os

    import pandas as pd

    from backtest.strategy.new import NewSignal


def init(folder: str | os.PathLike[str]) -> Path:
    """Make a workspace in a folder: strategies, data, reports and settings; return the folder.

    Raises:
        UsageError: one of these is there already, or the folder cannot be written.

    """
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

    Returns:
        The files that were written.

    Raises:
        UsageError: the name or the kind is wrong, or a file is there already.

    """
    from backtest.strategy.new import new_signal as write

    return write(folders(strategies, data), name, kind=kind, backtrader=backtrader)


def list_settings() -> pd.DataFrame:
    """Every setting by its key: its `value`, its `source`, and `where` that is.

    Raises:
        UsageError: `backtest.toml` is wrong.

    """
    import pandas as pd

    rows = [vars(one) for one in read_config().settings.values()]
    return pd.DataFrame(rows).set_index("key")


def list_universes(*, strategies: Folders = None, data: Folder = None) -> pd.DataFrame:
    """The universes of the data folder, as `backtest universes` lists them.

    Returns:
        A row for each, indexed by `name`: `symbols`, the span of prices `first` and `last`, the
        number of `events` by kind, the members `without_prices` and `without_events`, and `source`.

    """
    import pandas as pd

    from backtest.data import listing

    workspace = folders(strategies, data)
    rows = map(vars, listing.list_universes(workspace, loading.kinds_named(workspace, None)))
    columns = list(listing.UniverseRow.__annotations__)
    return pd.DataFrame(rows, columns=columns).set_index("name")


def seal_universe(
    name: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check a universe's table of members that was changed, and record its sha256 anew.

    The file of the metadata comes back.
    """
    from backtest.data import listing

    return listing.seal_universe(folders(strategies, data), name, source)


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

    rows = strategy_rows(strategies, data, reports)
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["name"]).set_index("name")


def strategy_rows(
    strategies: Folders, data: Folder, reports: Folder, tell: Callable[[str], None] = warnings.warn
) -> list[dict[str, Any]]:
    """The rows of `list_strategies`; `tell` takes a sentence for each run or audit left out."""
    from backtest.audit.record import list_audits

    workspace = folders(strategies, data, reports)
    runs, audits = finding.list_runs(workspace.reports, tell), list_audits(workspace.reports, tell)
    newest_runs = {
        run.manifest["strategy"]: {**run.manifest, **run.summary} for run in reversed(runs)
    }
    newest_audits = {audit.record["strategy"]: audit.record for audit in reversed(audits)}
    of_run = ("run_id", "finished_at", "total_return")
    of_audit = ("audit_id", "finished_at", "outcome")
    return [
        {
            **vars(one),
            "state": "ok" if one.error is None else "not usable",
            "last_run": _last(newest_runs.get(one.name), one.source_sha256, *of_run),
            "last_audit": _last(newest_audits.get(one.name), one.source_sha256, *of_audit),
        }
        for one in loading.describe_strategies(workspace)
    ]


def _last(
    record: Mapping[str, Any] | None, source_sha256: str, *names: str
) -> dict[str, Any] | None:
    """What is told of the last run or audit, and whether the strategy is still the same."""
    if record is None:
        return None
    unchanged = record.get("strategy_sha256") == source_sha256
    return {**{name: record[name] for name in names}, "unchanged": unchanged}
