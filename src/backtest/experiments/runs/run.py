"""A run: from a request to the folder with what the replay made and what that is worth."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from backtest.data.inputs import Inputs, read_inputs
from backtest.errors import DataError, UsageError
from backtest.experiments.runs.store import (
    Run,
    bars_around,
    complete_manifest,
    read_run,
    request_again,
    save_run,
)
from backtest.experiments.terms import Plan, folder_name, identity, installed_packages, run_id
from backtest.experiments.trials import record_run, trials_on_record
from backtest.stats import SEED
from backtest.strategy.base import BacktraderStrategy, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import configure, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

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

    strategy: str
    symbols: tuple[str, ...]  # in any order
    settings: Mapping[str, Any]  # parameters as `strategy.parameters.configure` takes them
    first: date | None  # the first session of the prices where None
    last: date | None  # likewise
    benchmark: str  # a symbol with closes; the stock's own symbol for the stock itself
    rules: Rules
    costs: Costs | None = None  # where the rules' costs come from; None for the defaults
    as_of: date | None = None  # the day at whose end the data are looked at; None as they are
    universe: str | None = None  # what is traded in place of symbols
    engine: Engine | None = None  # where None the kernel for many bars, else Backtrader


@dataclass(frozen=True)
class RunPlan(Plan[Run]):
    """A run whose inputs were read and checked."""

    request: RunRequest
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    inputs: Inputs
    versions: Mapping[str, int]
    engine: Engine

    def read(self) -> Run:
        """Read the run; errors as of `read_run`."""
        return read_run(self.path)


def make_rules(costs: Costs | None = None, **settings: Any) -> Rules:
    """The rules with some settings, which go before the costs; UsageError where one is wrong."""
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
    """Read and check everything that a run needs; without `file` the strategy is found by name.

    Raises UsageError where a strategy, symbol, parameter or span is wrong, and DataError where a
    data file is.
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
        strategy.trades_also,
    )
    request = replace(request, symbols=tuple(sorted(inputs.span)))
    engine = _engine(request, strategy, inputs)
    decides = identity(
        file,
        inputs.hashes(heard_kinds(strategy)),
        strategy=file.name,
        parameters=recorded(strategy),
        symbols=list(request.symbols),
        benchmark=request.benchmark,
        span={"first": inputs.first.isoformat(), "last": inputs.last.isoformat()},
        as_of=request.as_of and request.as_of.isoformat(),
        rules=request.rules.model_dump(),
        **({"engine": engine} if engine == "kernel" else {}),
    )
    traded = (request.universe,) if request.universe else request.symbols
    path = workspace.reports / folder_name(file.name, traded, run_id(decides))
    versions = inputs.versions(workspace.data)
    return RunPlan(decides, path, request, file, strategy, inputs, versions, engine)


def _engine(request: RunRequest, strategy: Strategy | BacktraderStrategy, inputs: Inputs) -> Engine:
    if isinstance(strategy, BacktraderStrategy):
        if request.engine == "kernel":
            raise _orders_itself(request.strategy, "--engine")
        return "backtrader"
    bars = sum(len(prices.table) for prices in inputs.replayed.values())
    return request.engine or ("kernel" if bars > MOST_BARS else "backtrader")


def _orders_itself(name: str, option: str) -> UsageError:
    return UsageError(
        f"{name} orders on Backtrader by itself, which the kernel cannot replay: "
        f"leave {option} out."
    )


def run(plan: RunPlan, *, force: bool = False) -> Run:
    """Replay a run and weigh its result."""
    return weigh(plan, replay_run(plan, force=force))


def weigh(plan: RunPlan, run: Run) -> Run:
    """Add its evidence, its attribution, what had no room and the trials so far to a replayed run.

    One that has them is left as it is; a run that was interrupted before is replayed for them.
    Raises UsageError where the reports folder cannot be written, and DataError where a record of
    trials is corrupt.
    """
    if "evidence" in run.manifest:
        return run
    from backtest.experiments.runs.evidence import evidence_of  # loads the kernel

    found = evidence_of(
        run.result or _replay(plan),
        plan.inputs,
        plan.request.rules,
        orders_itself=isinstance(plan.strategy, BacktraderStrategy),
    )
    manifest = {**run.manifest, **found}
    trials = trials_on_record(plan.path.parent, manifest)
    return complete_manifest(run, {**found, "trials": trials})


def replay_run(plan: RunPlan, *, force: bool = False) -> Run:
    """Replay a run and write its folder; one that exists whole is read, unless forced.

    Raises UsageError where the reports folder cannot be written, and AccountingError where the
    books do not balance, a fault of the program.
    """
    if not force and (made := plan.result):
        with suppress(UsageError):  # reports may be read-only
            request_again(made)
            record_run(plan.path.parent, made.manifest)
        return made
    started = datetime.now(UTC)
    costs = plan.request.costs
    result = _replay(plan)
    returns, summary = _measure(plan, result)
    manifest = {
        "run_id": plan.id,
        **plan.identity,
        "universe": plan.request.universe,
        "engine": plan.engine,
        "versions": dict(plan.versions),  # of the files; the hashes of their rows decide
        "costs": costs and {"name": costs.name, "sources": dict(costs.sources)},
        "packages": installed_packages(),
        "seed": SEED,  # of the evidence; the replay draws nothing at random
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "assumptions": [*plan.inputs.assumptions, *result.assumptions],
        "ruined_on": result.ruined_on and result.ruined_on.isoformat(),
        "summary": summary,
    }
    history = plan.inputs.history
    bars = {symbol: prices.table for symbol, prices in history.items()}
    if plan.request.universe:
        bars = bars_around(result.trades, history)
    made = save_run(plan.path, manifest, result, returns, bars)
    record_run(plan.path.parent, made.manifest)
    return made


def verify(plan: RunPlan, run: Run) -> int:
    """Replay a run with the other engine too; returns the number of trades that agree.

    Raises UsageError where the strategy orders on Backtrader by itself, and AccountingError where
    the engines differ.
    """
    from backtest.engine.agreement import check_agreement

    if isinstance(plan.strategy, BacktraderStrategy):
        raise _orders_itself(plan.request.strategy, "--verify")
    other: Engine = "backtrader" if plan.engine == "kernel" else "kernel"
    result = run.result or _replay(plan)
    check_agreement(plan.engine, result, other, _replay(replace(plan, engine=other)))
    return len(result.trades)


def _replay(plan: RunPlan) -> Result:
    """Ask the strategy about each event and trade its answers; Backtrader's own just hears it."""
    from backtest.engine.timeline import decide, schedule

    inputs, rules, strategy = plan.inputs, plan.request.rules, plan.strategy
    where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=rules.reaction_minutes))
    if isinstance(strategy, BacktraderStrategy):
        from backtest.engine.replay.event_strategy import replay_event_strategy

        decisions = schedule(strategy.listens_to, *where, inputs.universe)
        return replay_event_strategy(
            strategy.cls, strategy.parameters, inputs.span, inputs.rates, decisions, rules
        )
    decisions = decide(strategy, *where, inputs.universe)
    if plan.engine == "kernel":
        from backtest.engine.kernel.replay import replay_by_kernel

        return replay_by_kernel(inputs.replayed, inputs.rates, decisions, rules)
    from backtest.engine.replay.replay import replay

    return replay(inputs.replayed, inputs.rates, decisions, rules)


def _measure(plan: RunPlan, result: Result) -> tuple[list[tuple[float, float]], dict[str, Any]]:
    """Returns of run and benchmark by session, and the summary of both."""
    import numpy as np

    from backtest.engine.kernel.panel import nights_before
    from backtest.engine.rules import above_cash
    from backtest.stats import figures

    rules, start = plan.request.rules, plan.request.rules.cash
    sessions = [point.session for point in result.curve]
    equity = np.array([point.equity for point in result.curve], dtype=np.float64)
    returns = figures.session_returns(equity, start)
    benchmark = benchmark_returns(plan.inputs.benchmark, sessions)
    nights = nights_before(np.array(sessions, "M8[D]"))
    spans = [(t.entry_session, t.exit_session or t.entry_session) for t in result.trades]
    own = {
        **figures.curve_figures(equity, start, above_cash(returns, nights, rules)),
        "trades": len(result.trades),
        "win_rate": figures.win_rate([trade.net_profit for trade in result.trades]),
        "exposure": figures.exposure(spans, sessions),
        "commission": sum(trade.commission for trade in result.trades),
        "borrow": sum(trade.borrow for trade in result.trades),
        "dividends": sum(trade.dividends for trade in result.trades),
        "interest": result.interest,
    }
    growth = np.asarray(start * np.cumprod(1 + benchmark), dtype=np.float64)
    other = {
        **figures.curve_figures(growth, start, above_cash(benchmark, nights, rules)),
        "trades": None,
        "win_rate": None,
        "exposure": 1.0,
        **dict.fromkeys(("commission", "borrow", "dividends", "interest"), 0.0),
    }
    pairs = list(zip(returns.tolist(), benchmark.tolist(), strict=True))
    return pairs, {"run": own, "benchmark": other}


def benchmark_returns(prices: Prices, sessions: Sequence[date]) -> NDArray[np.float64]:
    """Return of the benchmark in each session, close to close, with dividends.

    The first return needs the close before; where the prices begin with the first session it is
    taken from that session's open, and is 0 where there is no open either.

    Raises DataError where a session has no close.
    """
    import pandas as pd

    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    growth = prices.growth
    missing = index.difference(growth.index)
    if len(missing):
        raise DataError(
            f"The benchmark {prices.symbol} has no close on {missing[0]:%Y-%m-%d} "
            f"({len(missing)} sessions are missing). Its prices run from {prices.first} to "
            f"{prices.last}: choose another --benchmark, or a span with --from and --to."
        )
    # Of what it has grown to: where the run has no session, the next one's return holds it.
    changes = growth.reindex(index).pct_change(fill_method=None)
    changes.iloc[0] = prices.returns[index[0]]
    if pd.isna(changes.iloc[0]):
        first = prices.table.iloc[0]
        changes.iloc[0] = first["close"] / first["open"] - 1 if prices.has_bars else 0.0
    array: NDArray[np.float64] = changes.to_numpy(dtype=float)
    return array
