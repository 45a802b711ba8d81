"""Runs in stages, as `backtest run` makes several: replayed, weighed, and drawn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backtest.api.arguments import folders, terms_of
from backtest.errors import DataError, UsageError, unknown
from backtest.experiments.runs import run as engine_runs
from backtest.experiments.runs import store
from backtest.experiments.runs.run import ENGINES, PreparedRun, RunRequest
from backtest.experiments.terms import read_day

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from backtest.api.arguments import Day, Folder, Folders
    from backtest.experiments.runs.store import Run
    from backtest.strategy.parameters import Text
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace


@dataclass(frozen=True)
class Replay:
    """A run that was replayed and is not weighed yet, so that its figures can be read first."""

    plan: PreparedRun
    run: Run
    known: bool

    @classmethod
    def of(cls, plan: PreparedRun, *, force: bool) -> Replay:
        """Replay what was prepared; a run that exists is read instead."""
        known = plan.exists and not force
        return cls(plan, engine_runs.replay_run(plan, force=force), known)

    def verify(self) -> int:
        """Replay with the other engine too; return the number of trades that agree."""
        return engine_runs.verify(self.plan, self.run)

    def weigh(self) -> Run:
        """The run with its evidence."""
        return engine_runs.weigh(self.plan, self.run)


def replay_all(
    names: Sequence[str],
    *,
    parameters: Mapping[str, Text],
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
    **terms: Any,
) -> tuple[list[Replay], list[str]]:
    """Replay several strategies, or without names all that load, as `backtest run` does.

    The `terms` are those of `run_request`.

    Returns:
        The runs, and a message for each strategy that does not load or cannot be run.

    Raises:
        UsageError: a strategy that is named does not load, a setting is wrong, or no run can be
            made.
        DataError: a data file is wrong.

    """
    workspace = folders(strategies, data, reports)
    request = run_request(workspace, parameters=parameters, **terms)
    files, left_out = _strategies_to_run(workspace, names, parameters)
    plans = [
        engine_runs.prepare_run(workspace, replace(request, strategy=file.name), file)
        for file in files
    ]
    made: list[Replay] = []
    faults: list[str] = []
    for plan in plans:
        try:
            made.append(Replay.of(plan, force=force))
        except UsageError as error:  # of one strategy: the others are replayed all the same
            faults.append(str(error))
    if not made:
        raise UsageError("\n".join([*faults, *left_out]))
    return made, [*faults, *left_out]


def run_request(
    workspace: Workspace,
    *,
    strategy: str = "",
    parameters: Mapping[str, object] | None,
    symbols: str | Sequence[str] | None,
    universe: str | None,
    first: Day,
    last: Day,
    as_of: Day,
    benchmark: str | None,
    cash: float | None,
    costs: str | os.PathLike[str] | None,
    rules: Mapping[str, Any] | None,
    engine: str | None,
) -> RunRequest:
    """What is run; arguments as of `run`."""
    if engine is not None and engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    terms = terms_of(workspace.data, symbols, benchmark, cash, costs, rules, universe)
    return RunRequest(
        strategy=strategy,
        symbols=terms.symbols,
        settings=parameters or {},
        first=read_day("first", first),
        last=read_day("last", last),
        benchmark=terms.benchmark,
        rules=terms.rules,
        costs=terms.costs,
        as_of=read_day("as_of", as_of),
        universe=terms.universe,
        engine=engine,
    )


def _strategies_to_run(
    workspace: Workspace, names: Sequence[str], parameters: Mapping[str, Text]
) -> tuple[list[StrategyFile], list[str]]:
    """The strategies that are named, or all; and a message for each of all that does not load."""
    from backtest.strategy.loading import find_strategy, strategy_origins

    files: list[StrategyFile] = []
    left_out: list[str] = []
    for name in dict.fromkeys(names or strategy_origins(workspace)):
        try:
            files.append(find_strategy(workspace, name))
        except UsageError as error:
            if names:
                raise
            left_out.append(f"{name} was left out: {error}")
    if not files:
        raise UsageError(
            "\n".join(left_out)
            or f"There is no strategy in {workspace.strategies}. "
            f"Point --strategies or BACKTEST_STRATEGIES to a folder of strategy files."
        )
    if len(files) > 1:
        _check_parameters(files, parameters)
    return files, left_out


def _check_parameters(files: Sequence[StrategyFile], wanted: Mapping[str, Text]) -> None:
    """Hold what is set in several strategies against the parameters of each."""
    from backtest.strategy.parameters import parameters

    for name, value in wanted.items():
        having = [file.name for file in files if name in parameters(file.cls)]
        if len(having) < len(files):
            known = f"{', '.join(having)} alone" if having else "none of them"
            raise UsageError(
                f"--set {name}={value.text} is for each of the {len(files)} strategies that are "
                f"run, but the parameter {name} is known to {known}. Name the one that is meant: "
                f"`backtest run {having[0] if having else 'NAME'} --set {name}={value.text}`; "
                f"`backtest list strategies` shows the parameters of each."
            )


def draw_runs(
    runs: Sequence[Run],
    *,
    tearsheet: bool,
    on_sheet: Callable[[int, int], None],
    tell: Callable[[str], None] = warnings.warn,
) -> Path | None:
    """Draw the pages of runs, that of the latest of each strategy side by side, and the index.

    Args:
        runs: of one reports folder, with their evidence.
        tearsheet: draw also the tear sheets that are missing, on all processors.
        on_sheet: takes how many of these are drawn, of how many.
        tell: takes a sentence for what is damaged and left out.

    Returns:
        The page of the comparison; None where a record of trials cannot be read.

    """
    from backtest.reports.compare_page import write_comparison
    from backtest.reports.draw import draw_tearsheets
    from backtest.reports.index_page import write_index
    from backtest.reports.run_page import write_run_page

    missing = [run for run in runs if tearsheet and not run.has_tearsheet]
    for done, _ in enumerate(draw_tearsheets(missing) if missing else (), start=1):
        on_sheet(done, len(missing))
    for run in runs:
        write_run_page(run)
    page, reports = None, runs[0].path.parent
    try:
        page = write_comparison(reports, store.latest_runs(reports, tell))
    except DataError as error:
        tell(f"The page of the comparison was not written. {error}")
    write_index(reports)
    return page
