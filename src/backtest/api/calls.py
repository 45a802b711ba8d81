"""The calls, each of which does what the command of its name does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from backtest.api import arguments, results
from backtest.api.arguments import strategy_of
from backtest.api.frames import read_frames, workspace_of
from backtest.errors import UsageError, unknown
from backtest.experiments.runs.run import ENGINES, RunRequest, prepare_run
from backtest.experiments.runs.run import run as run_prepared
from backtest.experiments.terms import check_one_of, read_day
from backtest.workspace.folders import read_config

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from backtest.api.arguments import Day, Folder, Folders
    from backtest.api.frames import EventFrames, PriceFrames
    from backtest.api.results import (
        AuditResult,
        CheckResult,
        RunResult,
        StocksStudyResult,
        StudyResult,
        SweepResult,
    )
    from backtest.experiments.runs.run import Engine
    from backtest.experiments.simulation.account import Simulation
    from backtest.strategy.base import Strategy

_FEWEST_DRAWS = 99


def run(
    strategy: str | type[Any] | Strategy,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: str | Sequence[str] | None = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    as_of: Day = None,
    benchmark: str | pd.DataFrame | None = None,
    cash: float | None = None,
    costs: str | os.PathLike[str] | None = None,
    rules: Mapping[str, Any] | None = None,
    engine: Engine | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> RunResult:
    """Replay a strategy against the events and weigh the result, as `backtest run` does.

    What is not given is taken from the environment or `backtest.toml`, as by commands, or else is
    the default below. A run that exists is read, not made again. A class that stands in a notebook
    is always replayed: what it uses from other cells may have changed.

    Args:
        strategy: the name of a strategy, or a subclass (or instance) of `Strategy`, or a subclass
            of `EventStrategy`.
        parameters: by name; the strategy's defaults for the others. Those of a strategy within
            another are nested or dotted: `{"earnings.hold": 5}`.
        symbols: one stock, or several in one account; CRWV by default, or
            every symbol of `prices` that has bars.
        universe: trade every member of a universe, such as `us_large`, in place of symbols.
        prices: DataFrames by symbol, or one with a column `symbol`. They go before the price files
            of their symbols; without them the workspace's are read.
        events: a DataFrame with a column `kind`, DataFrames by kind, or a list of `Event`, instead
            of all event files; without them the workspace's are read.
        first: first day of the replay, a date or ISO text; the first session of the prices by
            default.
        last: last day, likewise.
        as_of: the day at whose end the data are looked at; as they are by default.
        benchmark: any symbol with closes, or a DataFrame of them; SPY by default, of a
            universe the mean of its members.
        cash: dollars at the start; 100,000 by default.
        costs: `retail`, `institutional`, `frictionless`, or a TOML file; retail by default.
        rules: other settings of the trading rules by name, such as `{"slippage_bps": 10}`.
        engine: `backtrader` or `kernel`; the kernel by default where bars are many.
        force: replay also what was run before.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices, events and borrow rates, likewise.
        reports: folder that the run is written to, likewise.

    Returns:
        The run: its figures, tables and evidence. `print` tells it in a few lines.

    Raises:
        UsageError: a strategy, parameter, symbol, span, rule or folder is wrong.
        DataError: a data file is.

    Examples:
        >>> found = run("earnings_surprise", parameters={"hold": 5})
        >>> found.trades[["direction", "shares", "exit_reason"]]
                 direction  shares exit_reason
        trade_id
        1            short    1380        stop
        2            short     612        time
        3             long    1096        stop
        4            short    1073        time
        5            short     858        time
        6             long     999        time
        >>> print(found)
        earnings_surprise · CRWV from 2025-03-28 to 2026-10-02: -0.1 %
        6 trades on 6 occasions. Not distinguishable from luck: at other times the same signals earn
        as much for their risk 38 times in 100, in other directions 66 times in 100. An edge of 21 %
        a trade would be missed more than once in five times.

    """
    frames = read_frames(prices, events, symbols, benchmark, universe)
    if engine is not None and engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if frames.any and as_of is not None:
        raise UsageError("as_of looks at versions of files, and frames have none: cut the frames.")
    file = None if isinstance(strategy, str) else strategy_of(strategy)
    kinds = file.cls.listens_to if file else ()
    with workspace_of(frames, strategies, data, reports, kinds) as workspace:
        terms = arguments.terms(
            workspace.data, frames.symbols, frames.benchmark, cash, costs, rules, universe
        )
        request = RunRequest(
            strategy=file.name if file else str(strategy),
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
        prepared = prepare_run(workspace, request, file)
        return results.run_result(run_prepared(prepared, force=force or file is not None))


def sweep(
    strategy: str,
    grid: Mapping[str, object],
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: str | Sequence[str] | None = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    cash: float | None = None,
    costs: str | os.PathLike[str] | None = None,
    rules: Mapping[str, Any] | None = None,
    workers: int | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> SweepResult:
    """Evaluate every combination of some parameters' values, as `backtest sweep` does.

    Args:
        strategy: the name of a strategy. A class will not do: workers load it from its file.
        grid: values by parameter: a collection, a range, or a text such as `0.02:0.30:0.01`.
        parameters: those that all sets share, by name.
        symbols: as of `run`.
        universe: likewise.
        prices: likewise.
        events: likewise.
        first: first day, a date or ISO text; the first session of the prices by default.
        last: last day, likewise.
        cash: dollars at the start; 100,000 by default.
        costs: as of `run`.
        rules: likewise.
        workers: processes to use; this one alone by default.
        force: evaluate also what was evaluated before.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices, events and borrow rates, likewise.
        reports: folder that the sweep is written to, likewise.

    Returns:
        The sweep: every set with its figures, the default, and what the best is worth.

    Raises:
        UsageError: the strategy, the grid, a symbol, the span or a folder is wrong.
        DataError: a data file is.

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

    arguments.check_name(strategy, "A sweep takes the name of a strategy")
    frames = read_frames(prices, events, symbols, universe=universe)
    with workspace_of(frames, strategies, data, reports) as workspace:
        terms = arguments.terms(workspace.data, frames.symbols, None, cash, costs, rules, universe)
        request = SweepRequest(
            strategy=strategy,
            symbols=terms.symbols,
            settings=parameters or {},
            grid={name: arguments.axis(name, values) for name, values in grid.items()},
            first=read_day("first", first),
            last=read_day("last", last),
            rules=terms.rules,
            costs=terms.costs,
            universe=terms.universe,
        )
        plan = prepare_sweep(workspace, request)
        if not force and (known := known_sweep(plan)):
            return results.sweep_result(known)
        done = run_sweep(plan, workers=workers, on_sets=lambda _: None, tell=lambda _: None)
        return results.sweep_result(done)


def study(
    name: str,
    *,
    symbols: str | Sequence[str] | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    universe: str | None = None,
    by: str | None = None,
    quantiles: int = 5,
    as_strategy: bool = False,
    windows: Sequence[tuple[int, int]] | None = None,
    benchmark: str | pd.DataFrame | None = None,
    model: Literal["market", "market_adjusted", "mean_adjusted"] = "market",
    reaction: float = 5.0,
    seed: int = 1,
    draws: int = 10_000,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> StudyResult | StocksStudyResult:
    """Study abnormal returns about some events, as `backtest study` does.

    Several symbols or a universe are studied together: one observation a stock and day 0, with
    intervals that bear reports which come in seasons.

    Args:
        name: a kind of event, or a strategy for the events that it would trade.
        symbols: the stock, or several; CRWV by default.
        prices: as of `run`.
        events: likewise.
        universe: study every member of a universe, such as `us_large`, in place of symbols.
        by: of many stocks a field of the kind, or its end, to sort the events by, as `surprise`.
        quantiles: how many groups of it, equally large.
        as_strategy: the strategy, where a kind of event has the same name.
        windows: first and last session of each, counted from day 0; the first leads. By default
            -1 to 1, 0 to 1, 0 to 5, 0 to 20, -10 to 10; of many stocks 0 to 10, 1 to 10, -1, 0,
            0 to 1.
        benchmark: fund to hold the stock against, or a DataFrame of its closes; SPY or QQQ by
            default, whichever fits; of many stocks their mean.
        model: of normal returns of one stock.
        reaction: minutes from publication to the earliest open.
        seed: of the random days that one stock is held against.
        draws: of these random days, at least 99.
        force: study also what was studied before.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices and events, likewise.
        reports: folder that the study is written to, likewise.

    Returns:
        The study: its windows and events, or of many stocks its rows and curves. `print` tells it
        in sentences.

    Raises:
        UsageError: the name, a window, the symbol or the benchmark is wrong, or no event can be
            studied.
        DataError: a data file is wrong.

    Examples:
        >>> found = study("earnings", windows=[(-1, 1), (0, 1)])
        >>> found.windows[["known", "caar", "p", "p_across"]].round(4)
                 known    caar       p  p_across
        window
        [-1,+1]      6 -0.1104  0.0234    0.2994
        [0,+1]       6 -0.1139  0.0028    0.2494

    """
    from backtest.experiments.studies.many import WINDOWS as MANY_WINDOWS
    from backtest.experiments.studies.many import (
        ManyStudyRequest,
        prepare_many_study,
        run_many_study,
    )
    from backtest.experiments.studies.run import (
        Settings,
        StudyRequest,
        parse_windows,
        prepare_study,
        run_study,
    )
    from backtest.stats.event_study import MODELS, WINDOWS

    arguments.check_name(name, "A study takes the name of a kind of event or of a strategy")
    if model not in MODELS:
        raise unknown("model", model, MODELS)
    if draws < _FEWEST_DRAWS:
        raise UsageError(f"draws = {draws}: at least {_FEWEST_DRAWS} are needed for a p of 0.01.")
    frames = read_frames(prices, events, symbols, benchmark, universe)
    check_one_of(universe, arguments.several(frames.symbols))
    config = read_config(
        {"symbol": arguments.several(frames.symbols), "benchmark": frames.benchmark}
    )
    chosen = parse_windows([arguments.window(ends) for ends in windows or ()])
    stocks = () if universe else tuple(sorted(config.value("symbol")))
    if universe or len(stocks) > 1:
        many = ManyStudyRequest(
            name, stocks, universe=universe, as_strategy=as_strategy, by=by, quantiles=quantiles,
            benchmark=frames.benchmark, reaction=reaction, windows=chosen or MANY_WINDOWS,
        )  # fmt: skip
        with workspace_of(frames, strategies, data, reports) as workspace:
            return results.stocks_study_result(
                run_many_study(prepare_many_study(workspace, many), force=force)
            )
    if by is not None:
        raise UsageError("by sorts the events of many stocks: name a universe, or symbols.")
    request = StudyRequest(
        name,
        stocks[0],
        as_strategy=as_strategy,
        benchmark=config.chosen("benchmark"),
        reaction=reaction,
        settings=Settings(windows=chosen or WINDOWS, model=model, seed=seed, draws=draws),
    )
    with workspace_of(frames, strategies, data, reports) as workspace:
        prepared = prepare_study(workspace, request)
        return results.study_result(run_study(prepared, force=force))


def audit_strategy(
    strategy: str,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: str | Sequence[str] | None = None,
    universe: str | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    first: Day = None,
    last: Day = None,
    cash: float | None = None,
    costs: str | os.PathLike[str] | None = None,
    rules: Mapping[str, Any] | None = None,
    worlds: int | None = None,
    seed: int = 1,
    workers: int | None = None,
    force: bool = False,
    strategies: Folders = None,
    data: Folder = None,
    reports: Folder = None,
) -> AuditResult:
    """Ask whether a strategy looks ahead, as `backtest audit` does.

    Args:
        strategy: the name of a strategy. A class will not do: processes load it from its file.
        parameters: by name; the strategy's defaults for the others.
        symbols: as of `run`.
        universe: likewise.
        prices: likewise.
        events: likewise.
        first: first day, a date or ISO text; the first session of the prices by default.
        last: last day, likewise.
        cash: dollars at the start; 100,000 by default.
        costs: as of `run`.
        rules: likewise.
        worlds: how many null worlds; 200 by default, 100 for a strategy of Backtrader's.
        seed: of all that is random.
        workers: processes to use; one for each core by default.
        force: audit also what was audited before.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices, events and borrow rates, likewise.
        reports: folder that the audit is written to, likewise.

    Returns:
        The audit: its outcome, checks and findings. `print` tells the outcome.

    Raises:
        UsageError: the strategy, a parameter, a symbol, the span or a folder is wrong, or the
            strategy fails on the full data.
        DataError: a data file or a frame is.

    """
    from functools import partial
    from os import cpu_count

    from backtest.audit.jobs import in_processes
    from backtest.audit.run import AuditRequest, audit, prepare

    arguments.check_name(strategy, "An audit takes the name of a strategy")
    frames = read_frames(prices, events, symbols, universe=universe)
    with workspace_of(frames, strategies, data, reports) as workspace:
        terms = arguments.terms(workspace.data, frames.symbols, None, cash, costs, rules, universe)
        request = AuditRequest(
            strategy=strategy,
            symbols=terms.symbols,
            universe=terms.universe,
            settings=parameters or {},
            first=read_day("first", first),
            last=read_day("last", last),
            rules=terms.rules,
            worlds=worlds,
            seed=seed,
        )
        observer = partial(in_processes, workers=workers or cpu_count() or 1)
        return results.audit_result(
            audit(prepare(workspace, request), force=force, observer=observer)
        )


def check(
    strategy: str,
    *,
    parameters: Mapping[str, object] | None = None,
    symbols: str | Sequence[str] | None = None,
    prices: PriceFrames = None,
    events: EventFrames = None,
    strategies: Folders = None,
    data: Folder = None,
) -> CheckResult:
    """Hold a strategy against the contract of strategies, as `backtest check` does.

    Args:
        strategy: the name of a strategy.
        parameters: by name; the strategy's defaults for the others.
        symbols: stocks that it is asked about; CRWV by default, or every symbol of `prices` that
            has bars.
        prices: as of `run`.
        events: likewise.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices and events, likewise.

    Returns:
        The checks and their outcome in a sentence.

    Raises:
        UsageError: there is no such strategy, symbol or parameter.
        DataError: a data file or a frame is wrong.

    """
    from backtest.audit.contract import check as check_contract

    arguments.check_name(strategy, "A check takes the name of a strategy")
    frames = read_frames(prices, events, symbols)
    named = read_config({"symbol": arguments.several(frames.symbols)}).value("symbol")
    with workspace_of(frames, strategies, data, "reports") as workspace:
        found = check_contract(workspace, strategy, symbols=named, settings=parameters or {})
    return results.check_result(found)


def simulate(
    bars: str | os.PathLike[str],
    signals: str | os.PathLike[str],
    *,
    cash: float | None = None,
    costs: str | os.PathLike[str] | None = None,
    rules: Mapping[str, Any] | None = None,
    data: Folder = None,
) -> Simulation:
    """Trade signals from a file on bars from files, as `backtest simulate` does.

    Args:
        bars: a Parquet file or folder: symbol, time or session, open, high, low, close.
        signals: a Parquet file: symbol, published_at, direction, and as wanted event_id, weight,
            hold, stop, target, trailing_stop.
        cash: dollars at the start; 100,000 by default.
        costs: as of `run`.
        rules: likewise.
        data: folder of costs and borrow rates; that of the workspace by default.

    Returns:
        The account: `figures()`, `counts()`, and `trades()` and `equity()` as tables of pyarrow.

    Raises:
        UsageError: a file is not there, or a setting is wrong.
        DataError: a file is corrupt or holds what it must not.

    """
    from pathlib import Path

    from backtest.experiments.simulation.account import simulate_files
    from backtest.workspace.folders import find_data

    folder = find_data(Path(data) if data else None)
    terms = arguments.terms(folder, None, None, cash, costs, rules)
    return simulate_files(Path(bars), Path(signals), terms.rules, folder / "borrow", curves=True)
