"""The calls, each of which does what the command of its name does.

Arguments that several take are explained in `backtest.run`.
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
    alone,
    axis,
    check_bars,
    data_of,
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
        strategy: the name of a strategy. A class will not do: workers load it from its file.
        grid: values by parameter: a collection, a range, or a text such as `0.02:0.30:0.01`; those
            of `reaction`, which is none, are minutes, or times such as `2h`.
        parameters: those that all sets share, by name.
        workers: processes to use; this one alone by default.
        cluster: address of a Dask scheduler to use instead.
        before: takes the plan before sets are evaluated, and may raise; not of a known sweep.
        on_sets: takes how many sets are done, of how many.
        tell: takes a sentence for each part on disk that is corrupt and evaluated again.

    Returns:
        The sweep: every set with its figures, the default, and what the best is worth.

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
        if not force and (known := known_sweep(plan)):
            return results.SweepResult.of(known, known=True)
        before(plan)
        made = run_sweep(plan, workers=workers, cluster=cluster, on_sets=on_sets, tell=tell)
        return results.SweepResult.of(made, known=False)


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
    """Study abnormal returns about some events, as `backtest study` does.

    Several symbols or a universe are studied together: one observation a stock and day 0, with
    intervals that bear reports which come in seasons.

    Args:
        name: a kind of event, or a strategy for the events that it would trade.
        by: of many stocks a field of the kind, or its end, to sort the events by, as `surprise`.
        quantiles: how many groups of it, equally large.
        as_strategy: the strategy, where a kind of event has the same name.
        windows: first and last session of each, counted from day 0; the first leads. By default
            -1 to 1, 0 to 1, 0 to 5, 0 to 20, -10 to 10; of many stocks 0 to 10, 1 to 10, -1, 0,
            0 to 1; of a strategy those last that begin before it decides.
        benchmark: fund to hold the stock against, or a DataFrame of its closes; SPY or QQQ by
            default, whichever fits; of several stocks SPY, else QQQ, else their mean; of a universe
            the mean of its members.
        model: of normal returns of one stock.
        reaction: minutes from publication to the earliest open, or a time such as `2h`.
        bars: length of finer bars, such as `5m`: events within a session are studied by the
            minute as well.
        seed: of the random days that one stock is held against.
        draws: of these random days, at least 99.

    Returns:
        The study: its windows and events, or of many stocks its rows and curves. `print` tells it
        in sentences.

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
    wanted = () if windows is None else windows
    config = read_config({"symbol": frames.symbols, "benchmark": frames.benchmark})
    stocks = () if universe else tuple(sorted(config.value("symbol")))
    is_of_one = len(stocks) == 1
    request = StudyRequest(
        name, stocks, universe, as_strategy=as_strategy, bars=bars,
        reaction=read_reaction(reaction),
        benchmark=config.chosen("benchmark") if is_of_one else frames.benchmark,
        windows=run.parse_windows([window(ends) for ends in wanted]), model=model,
        seed=seed, draws=draws, by=by, quantiles=quantiles, accept_jumps=accept_jumps,
    )  # fmt: skip
    if is_of_one and by is not None:
        raise UsageError("by sorts the events of many stocks: name a universe, or symbols.")
    with workspace_of(frames, strategies, data, reports) as workspace:
        if is_of_one:
            plan = run.prepare_study(workspace, request)
            with alone(plan.path):
                known = plan.exists and not force
                return results.StudyResult.of(run.run_study(plan, force=force), known=known)
        of_many = many.prepare_many_study(workspace, request)
        with alone(of_many.path):
            known = of_many.exists and not force
            studied = many.run_many_study(of_many, force=force)
            return results.StocksStudyResult.of(studied, known=known)


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
    """Ask whether a strategy looks ahead, as `backtest audit` does.

    Args:
        strategy: the name of a strategy. A class will not do: processes load it from its file.
        worlds: how many null worlds; 200 by default, none for a strategy of Backtrader's.
        seed: of all that is random.
        bars: as of `run`.
        missing_bars: as of `run`.
        workers: processes to use; one for each core by default.
        before: takes the plan before anything is observed; not of a known audit.
        on_worlds: takes how many worlds are done, of how many.

    Returns:
        The audit: its outcome, checks and findings. `print` tells the outcome.

    Raises:
        UsageError: as of `run`, or the strategy fails on the full data.

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
    """Hold a strategy against the contract of strategies, as `backtest check` does.

    Args:
        strategy: the name of a strategy.
        symbols: stocks that it is asked about; CRWV by default, or every symbol of `prices` that
            has bars.
        universe: ask it about every member of a universe, in place of symbols.

    Returns:
        The checks and their outcome in a sentence.

    """
    from backtest.audit.contract import check as check_contract

    frames = read_frames(prices, events, symbols, universe=universe)
    check_one_of(universe, frames.symbols)
    named = () if universe else read_config({"symbol": frames.symbols}).value("symbol")
    with workspace_of(frames, strategies, data, "reports") as workspace:
        found = check_contract(
            workspace,
            strategy,
            symbols=named,
            universe=universe,
            settings=parameters or {},
        )
    return results.CheckResult.of(found)


def null_worlds(worlds: int | None = None, *, seed: int = 1) -> NullWorlds:
    """Try the verdicts where there is nothing to find, as `backtest study --null-world` does.

    Args:
        worlds: how many of each kind are made up; 400 by default.
        seed: of all that is random.

    Returns:
        What was said of each kind of world, `kinds`; `frame()` has a row for each.

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
        prices: a Parquet file or folder of bars: symbol, time or session, open, high, low, close.
        signals: a Parquet file: symbol, published_at, direction, and as wanted event_id, weight,
            hold, stop, target, trailing_stop, priority, limit, enter, leave, levels, resize.

    Returns:
        The account: `figures()`, `counts()`, and `trades()` and `equity()` as tables of pyarrow.

    Raises:
        UsageError: a file is not there, or a setting is wrong.
        DataError: a file is corrupt or holds what it must not.

    """
    from backtest.experiments.simulation import simulate_files

    folder = data_of(data)
    named = {"cash": cash, "costs": os.fspath(costs) if costs else None}
    terms = read_terms(folder, named, rules)
    if terms.rules.hours != "regular":
        raise UsageError("simulate trades within the hours alone: leave the rule hours out.")
    return simulate_files(
        Path(prices), Path(signals), terms.rules, folder / "borrow", curves=curves
    )
