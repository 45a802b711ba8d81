"""The calls about several runs: replayed together, listed, drawn, and held against each other."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backtest.api.arguments import folders, reports_of, terms_of
from backtest.api.results import RunResult
from backtest.errors import DataError, UsageError, unknown
from backtest.experiments.runs import run as engine_runs
from backtest.experiments.runs import store
from backtest.experiments.runs.run import ENGINES, PreparedRun, RunRequest
from backtest.experiments.terms import read_day

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from backtest.api.arguments import Day, Folder, Folders
    from backtest.experiments.runs.store import Run
    from backtest.experiments.terms import Terms
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
    symbols: Sequence[str] | None = None,
    universe: str | None = None,
    first: Day = None,
    last: Day = None,
    as_of: Day = None,
    benchmark: str | None = None,
    cash: float | None = None,
    costs: str | os.PathLike[str] | None = None,
    rules: Mapping[str, Any] | None = None,
    engine: str | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> tuple[list[Replay], list[str]]:
    """Replay several strategies, or without names all that load, as `backtest run` does.

    Returns:
        The runs, and a message for each strategy that does not load or cannot be run.

    Raises:
        UsageError: a strategy that is named does not load, a setting is wrong, or no run can be
            made.
        DataError: a data file is wrong.

    """
    workspace = folders(strategies, data, reports)
    terms = terms_of(workspace.data, symbols, benchmark, cash, costs, rules, universe)
    request = run_request(terms, parameters, first, last, as_of, engine)
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
    terms: Terms,
    parameters: Mapping[str, object] | None,
    first: Day,
    last: Day,
    as_of: Day,
    engine: str | None,
) -> RunRequest:
    """What is run, but for the strategy."""
    if engine is not None and engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    return RunRequest(
        strategy="",
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
    import pandas as pd

    from backtest.experiments.trials import trials_on_record
    from backtest.reports.compare_page import benchmarks_of
    from backtest.reports.run_words import corrected, evidence_figures

    found = find_runs(*runs, reports=reports)
    rows: dict[str, dict[str, Any]] = {}
    for run, p_holm in zip(found, corrected(found), strict=True):
        trials = trials_on_record(run.path.parent, run.manifest)["count"]
        row = {**run.summary, **evidence_figures(run), "p_holm": p_holm, "trials": trials}
        strategy = run.manifest["strategy"]
        several = sum(other.manifest["strategy"] == strategy for other in found) > 1
        rows[f"{strategy} {run.run_id}" if several else strategy] = row
    for benchmark in benchmarks_of(found):
        symbol = benchmark.run.manifest["benchmark"]
        name = f"{symbol} of {benchmark.run.run_id}" if symbol in rows else symbol
        rows[name] = dict(benchmark.figures)
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.astype({"trades": "Int64", "trials": "Int64"})


def find_runs(
    *runs: RunResult | str, reports: Folder = None, tell: Callable[[str], None] = warnings.warn
) -> list[Run]:
    """The runs that `compare` compares; `tell` takes a sentence for each that is damaged.

    Raises:
        UsageError: there is no such run, or none at all.

    """
    if found := [
        store.read_run(one.path)
        if isinstance(one, RunResult)
        else store.find_run(reports_of(reports), one, tell)
        for one in runs
    ]:
        return found
    folder = reports_of(reports)
    if latest := store.latest_runs(folder, tell):
        return latest
    raise UsageError(f"There is no run in {folder} yet. Make one with `backtest run`.")


def draw_comparison(runs: Sequence[Run]) -> Path:
    """Draw the page that compares runs, keep it for the index, and return its path.

    Raises:
        DataError: a record of trials is corrupt.
        UsageError: a folder cannot be written.

    """
    from backtest.reports.compare_page import write_comparison
    from backtest.reports.index_page import write_index

    reports = runs[0].path.parent
    page = write_comparison(reports, runs, keep=True)
    write_index(reports)
    return page


def manifests(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The manifests of runs that are looked at together, with the trials as they stand now."""
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.run_words import corrected

    return [
        {
            **run.manifest,
            "trials": trials_on_record(run.path.parent, run.manifest),
            "placebo_p_holm": p,
            "path": str(run.path),
        }
        for run, p in zip(runs, corrected(runs), strict=True)
    ]


def list_runs(*, reports: Folder = None) -> pd.DataFrame:
    """The runs in the reports folder, newest first.

    Returns:
        A row for each, indexed by `run_id`: `strategy`, `symbols`, `first`, `last`, then the
        figures of `docs/figures.md` and the `path` of its folder. A run that is damaged is left
        out, with a warning.

    """
    import pandas as pd

    rows = [
        {
            "run_id": run.run_id,
            "strategy": run.manifest["strategy"],
            "symbols": run.manifest["symbols"],
            **run.manifest["span"],
            **run.summary,
            "path": run.path,
        }
        for run in store.list_runs(reports_of(reports), warnings.warn)
    ]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run_id"]).set_index("run_id")
