"""Make one run by `run`, or several in stages, as the command does: replay, weigh, draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.api.frames import EventFrames, MarketFrame, PriceFrames, read_frames, workspace_of
from backtest.api.pages import is_read_only
from backtest.api.results import WIDE, Result
from backtest.api.workspace import (
    Day,
    Folder,
    Folders,
    NamedCosts,
    Names,
    check_bars,
    folder_lock,
    folders,
    request_of,
    strategy_of,
)
from backtest.errors import DataError, MissingDataError, UsageError, unknown
from backtest.experiments.runs import finding, store
from backtest.experiments.runs import run as engine_runs
from backtest.experiments.runs.figures import all_figures, holdings
from backtest.experiments.runs.run import ENGINES, Engine, RunPlan, RunRequest
from backtest.experiments.runs.store import Run, read_table
from backtest.experiments.terms import MissingBars, read_day
from backtest.experiments.trials import trials_on_record
from backtest.reports import compare_page, index_page, run_page, run_words
from backtest.stats.formats import few, percent
from backtest.strategy import loading
from backtest.strategy.parameters import Text
from backtest.strategy.parameters import parameters as parameters_of

if TYPE_CHECKING:
    from backtest.strategy.base import Strategy, StrategyFile
    from backtest.workspace.folders import Workspace


@dataclass(frozen=True, eq=False, repr=False)
class RunResult(Result):
    """A run shows what a strategy did with one set of parameters, and what that is worth.

    Attributes:
        run_id: hash of everything that decides the result.
        strategy: name of the strategy.
        parameters: values of its parameters, by name.
        summary: a row for each figure; columns for the run, for the stocks that it traded, held
            from first to last, and for the benchmark.
        trades: a row for each trade from flat to flat, indexed by `trade_id`.
        equity: a row for each session, indexed by it: `equity`, `cash`, `position_value`,
            `return`, `benchmark_return`, `holding_return` (of the stock itself).
        decisions: a row for each event that the strategy listens to, indexed by `event_id`: when it
            was public (UTC), the first session it could be traded in, what became of it and why.
        evidence: evidence for the result, as in `run.json`.

    """

    run_id: str
    strategy: str
    parameters: Mapping[str, Any]
    summary: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.DataFrame
    decisions: pd.DataFrame
    evidence: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run, *, known: bool) -> RunResult:
        """Make the result of a run that is in its folder."""
        record = run.manifest
        figures = {
            record["strategy"]: all_figures(run),
            **{f"{held.symbols} held": held.figures for held in holdings([run])},
            record["benchmark"]: record["summary"]["benchmark"],
        }
        return cls(
            record,
            run.path,
            known,
            run_id=run.run_id,
            strategy=record["strategy"],
            parameters=record["parameters"],
            summary=pd.DataFrame(figures, dtype=float),
            trades=read_table(run.path / "trades.csv", index="trade_id"),
            equity=run.equity,
            decisions=read_table(run.path / "decisions.csv", index="event_id"),
            evidence=record["evidence"],
        )

    def __str__(self) -> str:
        record = self.record
        traded = record.get("universe") or few(record["symbols"])
        (_, earned), *others = self.summary.loc["total_return"].items()
        comparisons = ", ".join(f"{name} {percent(value)}" for name, value in others)
        span = f"{record['span']['first']} to {record['span']['last']}"
        title = f"{self.strategy} · {traded} from {span}: {percent(earned)}"
        ((_, sentence),) = self._words()
        return f"{title}\n{fill(sentence, WIDE)}\n{comparisons}"

    def _words(self) -> list[tuple[str, str]]:
        trials = trials_on_record(self.path.parent, self.record)
        return [(self.strategy, run_words.plain_sentence(self.evidence, trials))]

    def page(self, *, tearsheet: bool = False) -> Path:
        """Write the run's page, the index and, with `tearsheet`, the tear sheet of quantstats."""
        from backtest.reports.tearsheet import draw_tearsheet

        if tearsheet:
            draw_tearsheet(self.path)
        return super().page()

    def markdown(self) -> str:
        """Return the run as Markdown: figures, trades, and what became of the events."""
        return run_words.run_markdown(store.read_run(self.path))

    def _draw(self) -> Path:
        return run_page.write_run_page(store.read_run(self.path))


def run(
    strategy: str | type[Any] | Strategy,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: Names = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    as_of: Day = None,
    benchmark: MarketFrame = None,
    cash: float | None = None,
    costs: NamedCosts = None,
    rules: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
    bars: str | None = None,
    missing_bars: MissingBars = "daily",
    accept_jumps: bool = False,
    label: str | None = None,
    note: str | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> RunResult:
    """Replay a strategy against the events and weigh the result, as `backtest run` does.

    An argument that is left out comes from the environment or `backtest.toml`, as for commands, or
    else is the default below. A run that exists is read, not made again. A class in memory is
    always replayed: what it uses from other cells may have changed. Functions, classes, numbers and
    texts from other cells count in the run's id, as do files that they import; lists, tables and
    objects do not.

    Args:
        strategy: name of a strategy, or a subclass (or instance) of `Strategy`, or a subclass of
            `EventStrategy`.
        parameters: values by parameter; the others have the strategy's defaults. Those of a
            strategy within another are nested or dotted: `{"earnings.hold": 5}`.
        symbols: one stock, or several in one account; CRWV by default, or every symbol of `prices`
            that has bars.
        universe: universe whose members are traded, such as `us_large`, in place of symbols.
        prices: DataFrames by symbol, or one with a column `symbol`, or one as yfinance downloads
            it. They replace the price files of their symbols; the other files are still read.
        events: DataFrame with a column `kind`, DataFrames by kind, or a list of `Event`. They
            replace all event files, which are read by default.
        first: first day of the replay, a date or ISO text; the first session of the prices by
            default.
        last: last day of the replay; the last session of the prices by default.
        as_of: day at whose end the data files are taken as they were; by default as they are now.
        benchmark: any symbol with closes, or a DataFrame of them; SPY by default, for a universe
            the mean of its members.
        cash: dollars at the start; 100,000 by default.
        costs: `retail`, `institutional`, `frictionless`, or a TOML file; `retail` by default.
        rules: other settings of the trading rules by name, such as `{"slippage_bps": 10}`.
        engine: `backtrader` or `kernel`; by default the kernel where there are many bars.
        bars: length of bars finer than sessions by which to trade, such as `5m`; None trades by
            sessions.
        missing_bars: what trades an event where finer bars are missing: `daily` bars, or `none`.
        accept_jumps: whether to accept prices that jump as after a split which is not on file;
            they raise a DataError otherwise.
        label: name of your own for the run, by which it can be found; None keeps the present one.
        note: line of text about the run; None keeps the present one.
        force: whether to replay a run that exists.
        strategies: folder of strategies, or several; the workspace's by default.
        data: folder of prices, events and borrow rates; the workspace's by default.
        reports: folder to which the run is written; the workspace's by default.

    Returns:
        The run: its figures, tables and evidence. `print` shows it in a few lines.

    Raises:
        UsageError: a strategy, parameter, symbol, span, rule or folder is wrong.
        DataError: a data file or a DataFrame is wrong.

    Examples:
        >>> found = run("earnings_surprise", parameters={"hold": 5})
        >>> found.trades[["direction", "shares", "exit_reason"]]
                 direction  shares exit_reason
        trade_id
        1            short  1380.0        stop
        2            short   612.0        time
        3             long  1096.0        stop
        4            short  1073.0        time
        5            short   858.0        time
        6             long   999.0        time
        >>> print(found)
        earnings_surprise · CRWV from 2025-03-28 to 2026-10-09: -0.1 %
        6 trades on 6 occasions. Not distinguishable from luck: at other times the same signals earn
        as much for their risk 39 times in 100, in other directions 66 times in 100. An edge of 21 %
        a trade would be missed more than once in five times.
        CRWV held +110.5 %, SPY +39.6 %

    """
    frames = read_frames(prices, events, symbols, benchmark, universe)
    if frames.any and as_of is not None:
        raise UsageError("as_of looks at versions of files, and frames have none: cut the frames.")
    file = None if isinstance(strategy, str) else strategy_of(strategy)
    kinds = file.cls.listens_to if file else ()
    with workspace_of(frames, strategies, data, reports, kinds) as workspace:
        request = run_request(
            workspace, strategy=file.name if file else str(strategy), parameters=parameters,
            symbols=frames.symbols, universe=universe, first=first, last=last, as_of=as_of,
            benchmark=frames.benchmark, cash=cash, costs=costs, rules=rules, engine=engine,
            bars=bars, missing_bars=missing_bars, accept_jumps=accept_jumps, label=label, note=note,
        )  # fmt: skip
        request = replace(request, from_class=file is not None)
        plan = engine_runs.prepare_run(workspace, request, file)
        with folder_lock(plan.path):
            replay = Replay.of(plan, force=force or file is not None)
            return RunResult.of(replay.weigh(), known=replay.known)


@dataclass(frozen=True)
class Replay:
    """A replay is a run that has no evidence yet, so that its figures can be read first."""

    plan: RunPlan
    run: Run
    known: bool

    @classmethod
    def of(cls, plan: RunPlan, *, force: bool) -> Replay:
        """Replay what the plan describes, or read the run that exists."""
        known = plan.exists and not force
        return cls(plan, engine_runs.replay_run(plan, force=force), known)

    def verify(self) -> int:
        """Replay with the other engine too; return the number of trades that agree."""
        return engine_runs.verify(self.plan, self.run)

    def weigh(self) -> Run:
        """Return the run with its evidence, computed where it is missing."""
        return engine_runs.weigh(self.plan, self.run)


def replay_all(
    names: Sequence[str],
    *,
    parameters: Mapping[str, Text],
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
    tell: Callable[[str], None],
    **terms: Any,
) -> tuple[list[Replay], list[str]]:
    """Replay the strategies that are named, or all; `terms` are those of `run_request`.

    Return the replays, and a message for each strategy that does not load or fails. Where all are
    run, `tell` takes a sentence for each that lacks data. Raise UsageError where a named strategy
    does not load or no run can be made, MissingDataError where a named one lacks data.
    """
    workspace = folders(strategies, data, reports)
    request = run_request(workspace, parameters=parameters, **terms)
    files, left_out = _strategies_to_run(workspace, names, parameters)
    plans: list[RunPlan] = []
    for file in files:
        of_file = replace(request, strategy=file.name)
        try:
            plans.append(engine_runs.prepare_run(workspace, of_file, file))
        except MissingDataError as error:
            if names or len(files) == 1:
                raise
            tell(f"{file.name} was not run. {error}")
    replays: list[Replay] = []
    faults: list[str] = []
    for plan in plans:
        try:
            replays.append(Replay.of(plan, force=force))
        except UsageError as error:  # one strategy fails, and the others are still replayed
            faults.append(str(error))
    faults += left_out
    if not replays:
        raise UsageError("\n".join(faults))
    return replays, faults


def run_request(
    workspace: Workspace,
    *,
    strategy: str = "",
    as_of: Day,
    engine: str | None,
    bars: str | None,
    missing_bars: str,
    label: str | None,
    note: str | None,
    **terms: Any,
) -> RunRequest:
    """Make the request for a run; the `terms`, and all others, are arguments of `run`."""
    texts = {"label": label, "note": note}
    notes = {name: str(text).strip() for name, text in texts.items() if text is not None}
    for name, text in notes.items():
        if not text.isprintable():
            raise UsageError(f"The {name} {text!r} is not one line of printable text.")
    if engine is not None and engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    check_bars(bars, missing_bars)
    return request_of(
        RunRequest, workspace.data, strategy=strategy, as_of=read_day("as_of", as_of),
        engine=engine, bars=bars, missing_bars=missing_bars, notes=notes, **terms,
    )  # fmt: skip


def _strategies_to_run(
    workspace: Workspace, names: Sequence[str], parameters: Mapping[str, Text]
) -> tuple[list[StrategyFile], list[str]]:
    """Load the strategies that are named, or all; return a message for each that does not load."""
    files: list[StrategyFile] = []
    left_out: list[str] = []
    if pairs := [name for name in names if "=" in name]:
        others = " ".join(name for name in names if name not in pairs)
        settings = " ".join(f"--set {pair}" for pair in pairs)
        raise UsageError(
            f"{pairs[0]!r} is no strategy. A parameter is set with --set: "
            f"`backtest run {others or 'NAME'} {settings}`."
        )
    for name in dict.fromkeys(names or loading.strategy_origins(workspace)):
        try:
            files.append(loading.find_strategy(workspace, name))
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


def _check_parameters(files: Sequence[StrategyFile], parameters: Mapping[str, Text]) -> None:
    """Raise UsageError where one of several strategies lacks a parameter that is set."""
    for name, value in parameters.items():
        owners = [file.name for file in files if name in parameters_of(file.cls)]
        if len(owners) < len(files):
            which = f"{', '.join(owners)} alone" if owners else "none of them"
            raise UsageError(
                f"--set {name}={value.text} is for each of the {len(files)} strategies that are "
                f"run, but the parameter {name} is known to {which}. Name the one that is meant: "
                f"`backtest run {owners[0] if owners else 'NAME'} --set {name}={value.text}`; "
                f"`backtest list strategies` shows the parameters of each."
            )


def draw_runs(
    runs: Sequence[Run],
    *,
    tearsheet: bool,
    on_sheet: Callable[[int, int], None],
    tell: Callable[[str], None],
) -> Path | None:
    """Write the pages of runs of one folder, the comparison of the latest runs, and the index.

    With `tearsheet` the missing tear sheets are drawn, on all processors. Return the page of the
    comparison; None where a record of trials cannot be read, or the folder is read-only.
    """
    from backtest.reports.tearsheet import draw_tearsheets

    page, reports = None, runs[0].path.parent
    if is_read_only(reports, tell):
        return None
    missing = [run for run in runs if tearsheet and not run.has_tearsheet]
    for done, _ in enumerate(draw_tearsheets(missing) if missing else (), start=1):
        on_sheet(done, len(missing))
    for run in runs:
        run_page.write_run_page(run)
    try:
        page = compare_page.write_comparison(reports, finding.latest_runs(reports, tell))
    except DataError as error:
        tell(f"The page of the comparison was not written. {error}")
    index_page.write_index(reports)
    return page
