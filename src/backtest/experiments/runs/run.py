"""The public calls: run strategies and read what came out. Each command is a thin skin of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from backtest.data.inputs import Inputs, read_inputs
from backtest.errors import DataError, UsageError
from backtest.experiments.runs.run_files import bars_around, bars_of
from backtest.experiments.runs.store import (
    Run,
    complete_manifest,
    folder_name,
    identity,
    installed_packages,
    read_run,
    request_again,
    run_id,
    save_run,
)
from backtest.experiments.trials import record_run, trials_on_record
from backtest.stats import SEED
from backtest.strategy.base import BacktraderStrategy, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import configure, recorded
from backtest.workspace.records import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import Result
    from backtest.engine.rules import Costs, Rules
    from backtest.strategy.base import Strategy
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace

Engine = Literal["backtrader", "kernel"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
MOST_BARS = 50_000  # that Backtrader replays where no engine is named


@dataclass(frozen=True)
class RunRequest:
    """What is run: one strategy, one parameter set, one span of data, one set of rules."""

    strategy: str  # name of a strategy file
    symbols: tuple[str, ...]  # stocks that are traded in one account, in any order
    settings: Mapping[str, Any]  # parameters as `strategy.parameters.configure` takes them
    first: date | None  # first day of the replay; the first session of the prices where None
    last: date | None  # last day of the replay; likewise
    benchmark: str  # a symbol with closes; the stock's own symbol for the stock itself
    rules: Rules  # the trading rules' settings
    # where the rules' costs come from, for the manifest; None for the defaults
    costs: Costs | None = None
    # the day at whose end the data are looked at; None for the data as they are
    as_of: date | None = None
    # the universe that is traded, in place of symbols; None for symbols
    universe: str | None = None
    # what replays; None for the kernel where bars are many, else Backtrader
    engine: Engine | None = None


@dataclass(frozen=True)
class RunPlan:
    """A request whose inputs were read and checked, and whose run id is therefore known."""

    request: RunRequest
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    inputs: Inputs
    identity: Mapping[str, Any]
    versions: Mapping[str, int]
    path: Path
    engine: Engine

    @property
    def exists(self) -> bool:
        """Whether its result is on disk already, and whole."""
        return known(self.path, read_run) is not None


def make_rules(costs: Costs | None = None, **settings: Any) -> Rules:
    """The trading rules with some settings changed.

    Raises UsageError where a setting is out of its bounds.

    Args:
        costs: figures that go before the defaults.
        settings: fields of `Rules`, which go before the costs; those that are None are left.

    """
    from pydantic import ValidationError

    from backtest.engine.rules import Rules

    chosen = dict(costs.figures) if costs else {}
    chosen |= {name: value for name, value in settings.items() if value is not None}
    try:
        return Rules(**chosen)
    except ValidationError as error:
        faults = [f"{f['loc'][0]} {f['input']!r}: {f['msg']}" for f in error.errors()]
        raise UsageError("; ".join(faults)) from None


def prepare_run(
    workspace: Workspace, request: RunRequest, file: StrategyFile | None = None
) -> RunPlan:
    """Read and check everything that a run needs.

    Raises UsageError where a strategy, symbol, parameter or span is wrong, and DataError where a
    data file is.

    Args:
        workspace: the folders.
        request: what is run.
        file: the strategy, where it is not to be loaded from the folder by its name.

    """
    file = file or find_strategy(workspace, request.strategy)
    request = replace(request, symbols=tuple(sorted({*request.symbols})))
    strategy = configure(file, request.settings)
    span = (request.first, request.last)
    inputs = read_inputs(
        workspace.data,
        request.symbols,
        request.benchmark,
        span,
        strategy.listens_to,
        request.as_of,
        strategy.looks_at,
        file.name,
        request.universe,
    )
    request = replace(request, symbols=tuple(sorted(inputs.span)))
    engine = _engine(request, strategy, inputs)
    hashes, terms = inputs.hashes(heard_kinds(strategy)), _terms(request, strategy, inputs)
    if engine == "kernel":
        terms["engine"] = engine
    decides = identity(file, hashes, strategy=file.name, **terms)
    traded = (request.universe,) if request.universe else request.symbols
    name = folder_name(file.name, traded, run_id(decides))
    path = workspace.reports / name
    versions = inputs.versions(workspace.data)
    return RunPlan(request, file, strategy, inputs, decides, versions, path, engine)


def _engine(request: RunRequest, strategy: Strategy | BacktraderStrategy, inputs: Inputs) -> Engine:
    """What replays a request."""
    if isinstance(strategy, BacktraderStrategy):
        if request.engine == "kernel":
            raise UsageError(
                f"{request.strategy} orders on Backtrader by itself, which the kernel cannot "
                f"replay: leave --engine out."
            )
        return "backtrader"
    bars = sum(len(prices.table) for prices in inputs.span.values())
    return request.engine or ("kernel" if bars > MOST_BARS else "backtrader")


def run(prepared: RunPlan, *, force: bool = False) -> Run:
    """Replay a prepared run and weigh its result; see `replay_run` and `weigh`."""
    return weigh(prepared, replay_run(prepared, force=force))


def weigh(prepared: RunPlan, run: Run) -> Run:
    """Add its evidence, its attribution, what had no room and the trials so far to a run.

    One that has them is left as it is; a run that was interrupted before is replayed for them.

    Raises UsageError where the reports folder cannot be written, and DataError where a record of
    trials is corrupt.

    Args:
        prepared: from `prepare_run`.
        run: from `replay_run`.

    """
    if "evidence" in run.manifest:
        return run
    from backtest.experiments.runs.evidence import evidence_of  # loads the kernel

    found = evidence_of(
        run.result or _replay(prepared),
        prepared.inputs,
        prepared.request.rules,
        orders_itself=isinstance(prepared.strategy, BacktraderStrategy),
    )
    manifest = {**run.manifest, **found}
    trials = trials_on_record(prepared.path.parent, manifest)
    return complete_manifest(run, {**found, "trials": trials})


def replay_run(prepared: RunPlan, *, force: bool = False) -> Run:
    """Replay a prepared run and write its folder; one that exists whole is read instead.

    Raises UsageError where the reports folder cannot be written, and AccountingError where the
    books do not balance, a fault of the program.

    Args:
        prepared: from `prepare_run`.
        force: replay also where the run exists.

    """
    if not force and (made := known(prepared.path, read_run)):
        request_again(made)
        record_run(prepared.path.parent, made.manifest)
        return made
    started = datetime.now(UTC)
    costs = prepared.request.costs
    result = _replay(prepared)
    returns, summary = _measure(prepared, result)
    manifest = {
        "run_id": run_id(prepared.identity),
        **prepared.identity,
        "universe": prepared.request.universe,
        "engine": prepared.engine,
        "versions": dict(prepared.versions),  # of the files; the hashes of their rows decide
        "costs": costs and {"name": costs.name, "sources": dict(costs.sources)},
        "packages": installed_packages(),
        "seed": SEED,  # of the evidence; the replay draws nothing at random
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "assumptions": [*prepared.inputs.assumptions, *result.assumptions],
        "ruined_on": result.ruined_on and result.ruined_on.isoformat(),
        "summary": summary,
    }
    history = prepared.inputs.history
    bars = bars_around(result.trades, history) if prepared.request.universe else bars_of(history)
    made = save_run(prepared.path, manifest, result, returns, bars)
    record_run(prepared.path.parent, made.manifest)
    return made


def verify(prepared: RunPlan, run: Run) -> int:
    """Replay a run with the other engine too, and hold both results against each other.

    The number of trades that agree. Raises UsageError where the strategy orders on Backtrader by
    itself, which no other engine replays, and AccountingError where the engines differ.

    Args:
        prepared: from `prepare_run`.
        run: from `replay_run`.

    """
    from backtest.engine.agreement import check_agreement

    if isinstance(prepared.strategy, BacktraderStrategy):
        raise UsageError(
            f"{prepared.request.strategy} orders on Backtrader by itself, which the kernel cannot "
            f"replay: leave --verify out."
        )
    other: Engine = "backtrader" if prepared.engine == "kernel" else "kernel"
    result = run.result or _replay(prepared)
    check_agreement(prepared.engine, result, other, _replay(replace(prepared, engine=other)))
    return len(result.trades)


def _terms(
    request: RunRequest, strategy: Strategy | BacktraderStrategy, inputs: Inputs
) -> dict[str, Any]:
    return {
        "parameters": recorded(strategy),
        "symbols": list(request.symbols),
        "benchmark": request.benchmark,
        "span": {
            "first": inputs.first.isoformat(),
            "last": inputs.last.isoformat(),
        },
        "as_of": request.as_of and request.as_of.isoformat(),
        "rules": request.rules.model_dump(),
    }


def _replay(prepared: RunPlan) -> Result:
    """Ask the strategy about each event and trade its answers; one of Backtrader's is but told."""
    from backtest.engine.timeline import decide, schedule

    inputs, rules, strategy = prepared.inputs, prepared.request.rules, prepared.strategy
    where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=rules.reaction_minutes))
    if isinstance(strategy, BacktraderStrategy):
        from backtest.engine.replay.event_strategy import replay_event_strategy

        decisions = schedule(strategy.listens_to, *where, inputs.universe)
        return replay_event_strategy(
            strategy.cls, strategy.parameters, inputs.span, inputs.rates, decisions, rules
        )
    decisions = decide(strategy, *where, inputs.universe)
    if prepared.engine == "kernel":
        from backtest.engine.kernel.replay import replay_by_kernel

        return replay_by_kernel(inputs.span, inputs.rates, decisions, rules)
    from backtest.engine.replay.replay import replay

    return replay(inputs.span, inputs.rates, decisions, rules)


def _measure(prepared: RunPlan, result: Result) -> tuple[list[tuple[float, float]], dict[str, Any]]:
    """Returns of run and benchmark by session, and the summary of both."""
    import numpy as np

    from backtest.engine.kernel.panel import nights_before
    from backtest.engine.rules import above_cash
    from backtest.stats import figures

    rules, start = prepared.request.rules, prepared.request.rules.cash
    sessions = [point.session for point in result.curve]
    equity = np.array([point.equity for point in result.curve], dtype=np.float64)
    returns = figures.session_returns(equity, start)
    benchmark = benchmark_returns(prepared.inputs.benchmark, sessions)
    nights = nights_before(np.array(sessions, "M8[D]"))
    spans = [(t.entry_session, t.exit_session or t.entry_session) for t in result.trades]
    own = {
        **figures.curve_figures(equity, start, above_cash(returns, nights, rules)),
        "trades": len(result.trades),
        "win_rate": figures.win_rate([trade.net_profit for trade in result.trades]),
        "exposure": figures.exposure(spans, sessions),
        "commission": sum(trade.commission for trade in result.trades),
        "borrow": sum(trade.borrow for trade in result.trades),
        "interest": result.interest,
    }
    growth = np.asarray(start * np.cumprod(1 + benchmark), dtype=np.float64)
    other = {
        **figures.curve_figures(growth, start, above_cash(benchmark, nights, rules)),
        "trades": None,
        "win_rate": None,
        "exposure": 1.0,
        "commission": 0.0,
        "borrow": 0.0,
        "interest": 0.0,
    }
    pairs = list(zip(returns.tolist(), benchmark.tolist(), strict=True))
    return pairs, {"run": own, "benchmark": other}


def benchmark_returns(prices: Prices, sessions: Sequence[date]) -> NDArray[np.float64]:
    """Return of the benchmark in each session, close to close.

    The first return needs the close before; where the prices begin with the first session it is
    taken from that session's open, and is 0 where there is no open either.

    Raises DataError where a session has no close.
    """
    import pandas as pd

    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    closes = prices.table["close"]
    missing = index.difference(closes.index)
    if len(missing):
        raise DataError(
            f"The benchmark {prices.symbol} has no close on {missing[0]:%Y-%m-%d} "
            f"({len(missing)} sessions are missing). Its prices run from {prices.first} to "
            f"{prices.last}: choose another --benchmark, or a span with --from and --to."
        )
    changes = closes.pct_change(fill_method=None).reindex(index)
    if pd.isna(changes.iloc[0]):
        first = prices.table.iloc[0]
        changes.iloc[0] = first["close"] / first["open"] - 1 if prices.has_bars else 0.0
    array: NDArray[np.float64] = changes.to_numpy(dtype=float)
    return array
