"""Define the calls for sweeps, studies, audits, checks and simulations, as of their commands.

The arguments that several calls share are explained in `backtest.run`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from backtest.api import results
from backtest.api.frames import EventFrames, MarketFrame, PriceFrames, read_frames, workspace_of
from backtest.api.workspace import (
    Day,
    File,
    Folder,
    Folders,
    Name,
    NamedCosts,
    Names,
    Reaction,
    axis,
    check_bars,
    data_of,
    folder_lock,
    ignore,
    request_of,
    window,
)
from backtest.errors import UsageError, unknown
from backtest.experiments.terms import (
    MissingBars,
    check_one_of,
    read_count,
    read_reaction,
    read_terms,
)
from backtest.workspace.folders import read_config

if TYPE_CHECKING:
    from backtest.experiments.simulation import Simulation
    from backtest.experiments.studies.null_worlds import NullWorlds

_FEWEST_DRAWS = 99
ParquetFile = Annotated[File, "a Parquet file; `to_parquet` of a frame makes one"]
Windows = Annotated[
    Sequence[Sequence[int] | str] | None, "the first and last session of each, as in [(-1, 1)]"
]


def sweep(
    strategy: Name,
    grid: Mapping[str, object],
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: Names = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    cash: float | None = None,
    costs: NamedCosts = None,
    rules: Mapping[str, Any] | None = None,
    bars: str | None = None,
    missing_bars: MissingBars = "daily",
    workers: int | None = None,
    cluster: str | None = None,
    accept_jumps: bool = False,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
    before: Callable[[Any], None] = ignore,
    on_sets: Callable[[int, int], None] = ignore,
    tell: Callable[[str], None] = ignore,
) -> results.SweepResult:
    """Evaluate every combination of some parameters' values, as `backtest sweep` does.

    Args:
        strategy: name of a strategy. A class will not do: workers load it from its file.
        grid: values by parameter: a collection, a range, or a text such as `0.02:0.30:0.01`. The
            key `reaction` takes minutes, or times such as `2h`, though it is no parameter.
        parameters: values by name of the parameters that all sets share.
        workers: number of processes; by default only the calling one.
        cluster: address of a Dask scheduler to use instead.
        before: function that is called with the plan before sets are evaluated, and may raise; it
            is not called for a sweep that exists.
        on_sets: function that is called with the number of sets done, and of all sets.
        tell: function that is called with a sentence for each part on disk that is corrupt and
            evaluated again.

    Returns:
        The sweep: every set with its figures, the default, and what the best is worth.

    Raises:
        UsageError: an argument is wrong, or cannot be combined with another.
        DataError: a data file or a DataFrame is wrong.

    Examples:
        >>> found = sweep("earnings_surprise", {"hold": range(1, 41), "stop": [0.1, 0.2, None]})
        >>> found.sets.groupby("stop", dropna=False)["total_return"].median().round(3)
        stop
        0.1   -0.212
        0.2   -0.338
        NaN   -0.805
        Name: total_return, dtype: float64
        >>> round(found.default["total_return"], 3)
        -0.121

    """
    from backtest.experiments.sweeps.run import SweepRequest, known_sweep, prepare_sweep, run_sweep

    if workers is not None:
        read_count("workers", workers)
    if workers and cluster:
        raise UsageError("--workers and --cluster exclude each other; choose one.")
    check_bars(bars, missing_bars)
    frames = read_frames(prices, events, symbols, universe=universe)
    with workspace_of(frames, strategies, data, reports) as workspace:
        request = request_of(
            SweepRequest, workspace.data, strategy=strategy, accept_jumps=accept_jumps,
            grid={name: axis(name, values) for name, values in grid.items()},
            parameters=parameters, symbols=frames.symbols, universe=universe, first=first,
            last=last, cash=cash, costs=costs, rules=rules, bars=bars, missing_bars=missing_bars,
        )  # fmt: skip
        plan = prepare_sweep(workspace, request)
        if not force and (existing := known_sweep(plan)):
            return results.SweepResult.of(existing, known=True)
        before(plan)
        done = run_sweep(plan, workers=workers, cluster=cluster, on_sets=on_sets, tell=tell)
        return results.SweepResult.of(done, known=False)


def study(
    name: Name,
    *,
    symbols: Names = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    universe: str | None = None,
    by: str | None = None,
    quantiles: int = 5,
    as_strategy: bool = False,
    windows: Windows = None,
    benchmark: MarketFrame = None,
    model: Literal["market", "market_adjusted", "mean_adjusted"] = "market",
    reaction: Reaction = 5.0,
    bars: str | None = None,
    seed: int = 1,
    draws: int = 10_000,
    accept_jumps: bool = False,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> results.StudyResult | results.StocksStudyResult:
    """Study abnormal returns around events, as `backtest study` does.

    Several symbols, or a universe, are studied together: each stock and day 0 is one observation,
    and the intervals allow for reports that cluster in seasons. A study that exists is read.

    Args:
        name: kind of event, or a strategy for the events that it would trade.
        by: field of the kind to sort the events of many stocks by, or the end of its name, such as
            `surprise`.
        quantiles: number of groups of that field, equally large.
        as_strategy: whether `name` is the strategy where a kind of event has the same name.
        windows: first and last session of each window, counted from day 0; the first window is the
            leading one. The default is -1 to 1, 0 to 1, 0 to 5, 0 to 20 and -10 to 10; for many
            stocks 0 to 10, 1 to 10, -1, 0 and 0 to 1. For a strategy the windows that begin before
            it decides come last.
        benchmark: fund to compare the stock with, or a DataFrame of its closes. The default is SPY
            or QQQ, whichever fits better; for several stocks SPY, else QQQ, else their mean; for a
            universe the mean of its members.
        model: model of the normal returns of one stock.
        reaction: minutes from publication to the earliest open, or a time such as `2h`.
        bars: length of finer bars, such as `5m`, by which events within a session are studied too.
        seed: seed of the random days that one stock is compared with.
        draws: number of these random days, at least 99.

    Returns:
        The study: its windows and events, or for many stocks its rows and curves. `print` shows it
        in sentences.

    Raises:
        UsageError: an argument is wrong, or cannot be combined with another.
        DataError: a data file or a DataFrame is wrong.

    Examples:
        >>> found = study("earnings", windows=[(-1, 1), (0, 1)])
        >>> found.windows[["known", "caar", "p", "p_across"]].round(4)
                 known    caar       p  p_across
        window
        [-1,+1]      6 -0.1104  0.0232    0.2994
        [0,+1]       6 -0.1139  0.0050    0.2494

    """
    from backtest.experiments.studies import many, run
    from backtest.experiments.studies.subject import StudyRequest
    from backtest.stats.event_study import MODELS

    if model not in MODELS:
        raise unknown("model", model, MODELS)
    seed, draws = read_count("seed", seed), read_count("draws", draws)
    if draws < _FEWEST_DRAWS:
        raise UsageError(f"draws = {draws}: at least {_FEWEST_DRAWS} are needed for a p of 0.01.")
    frames = read_frames(prices, events, symbols, benchmark, universe)
    check_one_of(universe, frames.symbols)
    pairs = () if windows is None else windows
    config = read_config({"symbol": frames.symbols, "benchmark": frames.benchmark})
    stocks = () if universe else tuple(sorted(config.value("symbol")))
    is_of_one = len(stocks) == 1
    request = StudyRequest(
        name, stocks, universe, as_strategy=as_strategy, bars=bars,
        reaction=read_reaction(reaction),
        benchmark=config.chosen("benchmark") if is_of_one else frames.benchmark,
        windows=run.parse_windows([window(ends) for ends in pairs]), model=model,
        seed=seed, draws=draws, by=by, quantiles=quantiles, accept_jumps=accept_jumps,
    )  # fmt: skip
    if is_of_one and by is not None:
        raise UsageError("by sorts the events of many stocks: name a universe, or symbols.")
    with workspace_of(frames, strategies, data, reports) as workspace:
        if is_of_one:
            plan = run.prepare_study(workspace, request)
            with folder_lock(plan.path):
                known = plan.exists and not force
                return results.StudyResult.of(run.run_study(plan, force=force), known=known)
        many_plan = many.prepare_many_study(workspace, request)
        with folder_lock(many_plan.path):
            known = many_plan.exists and not force
            done = many.run_many_study(many_plan, force=force)
            return results.StocksStudyResult.of(done, known=known)


def audit_strategy(
    strategy: Name,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: Names = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    cash: float | None = None,
    costs: NamedCosts = None,
    rules: Mapping[str, Any] | None = None,
    worlds: int | None = None,
    seed: int = 1,
    bars: str | None = None,
    missing_bars: MissingBars = "daily",
    workers: int | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
    before: Callable[[Any], None] = ignore,
    on_worlds: Callable[[int, int], None] = ignore,
) -> results.AuditResult:
    """Audit whether a strategy looks ahead, as `backtest audit` does.

    Args:
        strategy: name of a strategy. A class will not do: processes load it from its file.
        worlds: number of null worlds; 200 by default, fewer of very many stocks, and none for a
            strategy of Backtrader's.
        seed: seed of all that is random.
        workers: number of processes; one for each core by default.
        before: function that is called with the plan before anything is observed; it is not called
            for an audit that exists.
        on_worlds: function that is called with the number of worlds done, and of all worlds.

    Returns:
        The audit: its outcome, checks and findings. `print` shows the outcome.

    Raises:
        UsageError: an argument is wrong, or the strategy fails on the full data.
        DataError: a data file is wrong.

    """
    from backtest.audit.jobs import in_processes
    from backtest.audit.observe import AuditRequest
    from backtest.audit.run import audit, prepare

    seed = read_count("seed", seed)
    worlds = None if worlds is None else read_count("worlds", worlds)
    workers = None if workers is None else read_count("workers", workers)
    check_bars(bars, missing_bars)
    frames = read_frames(prices, events, symbols, universe=universe)
    with workspace_of(frames, strategies, data, reports) as workspace:
        request = request_of(
            AuditRequest, workspace.data, strategy=strategy, worlds=worlds, seed=seed,
            bars=bars, missing_bars=missing_bars,
            parameters=parameters, symbols=frames.symbols, universe=universe, first=first,
            last=last, cash=cash, costs=costs, rules=rules,
        )  # fmt: skip
        observer = partial(in_processes, workers=workers) if workers else None
        plan = prepare(workspace, request)
        if not (known := plan.exists and not force):
            before(plan)
        done = audit(plan, force=force, observer=observer, progress=on_worlds)
        return results.AuditResult.of(done, known=known)


def check(
    strategy: Name,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: Names = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    strategies: Folders = None,
    data: Folder = None,
) -> results.CheckResult:
    """Check that a strategy keeps the contract of strategies, as `backtest check` does.

    Args:
        strategy: name of a strategy.
        symbols: stocks that it is asked about; CRWV by default, or every symbol of `prices` that
            has bars.
        universe: universe whose members it is asked about, in place of symbols.

    Returns:
        The checks, and their outcome in a sentence.

    Raises:
        UsageError: an argument is wrong, or the strategy does not load.
        DataError: a data file is wrong.

    """
    from backtest.audit.contract import check as check_contract

    frames = read_frames(prices, events, symbols, universe=universe)
    check_one_of(universe, frames.symbols)
    stocks = () if universe else read_config({"symbol": frames.symbols}).value("symbol")
    with workspace_of(frames, strategies, data, "reports") as workspace:
        report = check_contract(
            workspace, strategy, symbols=stocks, universe=universe, settings=parameters or {}
        )
    return results.CheckResult.of(report)


def null_worlds(worlds: int | None = None, *, seed: int = 1) -> NullWorlds:
    """Test the verdicts in worlds without an edge, as `backtest study --null-world` does.

    Args:
        worlds: number of random worlds of each kind, from 1; 400 by default.
        seed: seed of all that is random.

    Returns:
        The verdicts for each kind of world, in `kinds`; `frame()` has a row for each.

    """
    from backtest.experiments.studies.null_worlds import null_worlds as judge

    count = read_count("worlds", 400 if worlds is None else worlds, least=1)
    return judge(count, seed=read_count("seed", seed))


def simulate(
    prices: ParquetFile,
    signals: ParquetFile,
    *,
    cash: float | None = None,
    costs: NamedCosts = None,
    rules: Mapping[str, Any] | None = None,
    curves: bool = True,
    data: Folder = None,
) -> Simulation:
    """Trade signals from a file on prices from files, as `backtest simulate` does.

    Args:
        prices: Parquet file or folder of bars: symbol, time or session, open, high, low, close.
        signals: Parquet file: symbol, published_at, direction, and optionally event_id, weight,
            hold, stop, target, trailing_stop, priority, limit, enter, leave, levels, resize.
        curves: whether `equity()` is kept.

    Returns:
        The account: `figures()`, `counts()`, and `trades()` and `equity()` as pyarrow tables.

    Raises:
        UsageError: a file does not exist, or a setting is wrong.
        DataError: a file is corrupt, or holds a value that is not allowed.

    """
    from backtest.experiments.simulation import simulate_files

    folder = data_of(data)
    named_costs = os.fspath(costs) if costs else None
    terms = read_terms(folder, {"cash": cash, "costs": named_costs}, rules)
    if terms.rules.hours != "regular":
        raise UsageError("simulate trades within the hours alone: leave the rule hours out.")
    return simulate_files(
        Path(prices), Path(signals), terms.rules, folder / "borrow", curves=curves
    )
