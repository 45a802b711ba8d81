"""This module makes a run: from a request to a folder with the result and its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from backtest.errors import UsageError
from backtest.experiments.runs.figures import (
    benchmark_returns,
    figures_of_holding,
    holding_returns,
)
from backtest.experiments.runs.store import (
    Returns,
    Run,
    bars_around,
    complete_manifest,
    read_run,
    request_again,
    save_run,
    write_notes,
)
from backtest.experiments.terms import (
    Plan,
    Request,
    folder_name,
    identity,
    installed_packages,
    make_rules,
    run_id,
)
from backtest.experiments.trials import record_run, trials_on_record
from backtest.stats import SEED
from backtest.stats.formats import counted
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import configure, non_defaults, to_record

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import ReplayResult, Trade
    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Decision
    from backtest.workspace.folders import Workspace

Engine = Literal["backtrader", "kernel"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
MOST_BARS = 50_000  # bars that Backtrader replays where no engine is named
_REACTIONS = (0.0, 1.0, 5.0, 30.0, 60.0)  # minutes, of the speed curve


@dataclass(frozen=True, kw_only=True)
class RunRequest(Request):
    """A run request names what is run, its benchmark and its engine."""

    benchmark: str  # a symbol with closes; the stock's own symbol for the stock itself
    as_of: date | None = None  # the day at whose end the data are read; None for as they are now
    engine: Engine | None = None  # None for the kernel with many bars, else for Backtrader
    notes: Mapping[str, str] = field(default_factory=dict)  # text by name of `NOTES`
    from_class: bool = False  # whether the strategy is a class of a script or a notebook


@dataclass(frozen=True)
class RunPlan(Plan[Run]):
    """A run plan holds the inputs of a run, read and checked."""

    request: RunRequest
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    inputs: Inputs
    versions: Mapping[str, int]
    engine: Engine

    @cached_property
    def bars(self) -> RunBars | None:
        """Return the bars to replay where some are finer than sessions, else None."""
        return self.request.run_bars(self.inputs)

    def read(self) -> Run:
        """Read the run; raise as `read_run`."""
        return read_run(self.path)


def prepare_run(
    workspace: Workspace, request: RunRequest, file: StrategyFile | None = None
) -> RunPlan:
    """Read and check everything that a run needs; without `file` find the strategy by name.

    Raise UsageError where a strategy, symbol, parameter or span is wrong, and DataError where a
    data file is.
    """
    file = file or find_strategy(workspace, request.strategy)
    strategy = configure(file, request.settings)
    inputs = request.inputs(workspace.data, strategy, request.benchmark, request.as_of)
    request = replace(request, symbols=tuple(sorted(inputs.span)))
    engine = _engine(request, strategy, inputs)
    decides = identity(
        file,
        inputs.hashes(heard_kinds(strategy)),
        strategy=file.name,
        parameters=to_record(strategy),
        symbols=list(request.symbols),
        benchmark=request.benchmark,
        span={"first": inputs.first.isoformat(), "last": inputs.last.isoformat()},
        as_of=request.as_of and request.as_of.isoformat(),
        rules=request.rules.model_dump(),
        **({"engine": engine} if engine == "kernel" else {}),
        **({"bars": request.bars, "missing_bars": request.missing_bars} if request.bars else {}),
    )
    traded = (request.universe,) if request.universe else request.symbols
    path = workspace.reports / folder_name(file.name, traded, run_id(decides))
    versions = inputs.versions(workspace.data)
    return RunPlan(decides, path, request, file, strategy, inputs, versions, engine)


def _engine(request: RunRequest, strategy: Strategy | BacktraderStrategy, inputs: Inputs) -> Engine:
    if isinstance(strategy, BacktraderStrategy):
        if request.engine == "kernel":
            raise _orders_itself(request.strategy, "--engine")
        if request.bars:
            raise goes_by_sessions(request.strategy)
        return "backtrader"
    bars = sum(len(prices.table) for prices in inputs.replayed.values())
    bars += sum(len(finer.times) for finer in inputs.finer.values())
    return request.engine or ("kernel" if bars > MOST_BARS else "backtrader")


def goes_by_sessions(name: str) -> UsageError:
    """Return the error for a strategy that cannot run by finer bars."""
    return UsageError(
        f"{name} orders on Backtrader by itself, session by session: leave --bars out, or write it "
        f"as a Strategy."
    )


def _orders_itself(name: str, option: str) -> UsageError:
    return UsageError(
        f"{name} orders on Backtrader by itself, which the kernel cannot replay: "
        f"leave {option} out."
    )


def run(plan: RunPlan, *, force: bool = False) -> Run:
    """Replay a run and weigh its result; raise as `replay_run` and `weigh`."""
    return weigh(plan, replay_run(plan, force=force))


def weigh(plan: RunPlan, run: Run) -> Run:
    """Add to a run its evidence, its attribution, the signals without room and the trials so far.

    A run that has evidence is returned unchanged; one that was read without it, since it had been
    interrupted, is replayed for it. Raise UsageError where the reports folder cannot be written,
    and DataError where the record of trials is corrupt.
    """
    if "evidence" in run.manifest:
        return run
    from backtest.experiments.runs.evidence import evidence_of  # loads the kernel

    result, strategy = run.result or _replay(plan), plan.strategy
    inputs, rules, bars = plan.inputs, plan.request.rules, plan.bars
    orders_itself = isinstance(strategy, BacktraderStrategy)
    added = evidence_of(result, inputs, rules, bars, orders_itself=orders_itself)
    if bars and not isinstance(strategy, BacktraderStrategy):
        added["speed"] = _speed_curve(strategy, inputs, rules, bars, result.trades)
    added["trials"] = trials_on_record(plan.path.parent, {**run.manifest, **added})
    return complete_manifest(run, added)


def replay_run(plan: RunPlan, *, force: bool = False) -> Run:
    """Replay a run and write its folder; read a run that exists undamaged, unless forced.

    Raise UsageError where the reports folder cannot be written, and AccountingError where the
    books do not balance, which is a fault of the program.
    """
    request, reports = plan.request, plan.path.parent
    if not force and (run := plan.result):
        write_notes(run, request.notes)  # these raise where they cannot be written
        with suppress(UsageError):  # reports may be read-only
            request_again(run)
            record_run(reports, run.manifest)
        return run
    started = datetime.now(UTC)
    costs = request.costs
    result = _replay(plan)
    returns, summary = _measure(plan, result)
    manifest = {
        "run_id": plan.id,
        **plan.identity,
        "universe": request.universe,
        "engine": plan.engine,
        **({"from_class": True} if request.from_class else {}),
        "versions": dict(plan.versions),  # of the files; the hashes of their rows decide
        "costs": costs and {"name": costs.name, "sources": dict(costs.sources)},
        "packages": installed_packages(),
        "differs": _differs(plan),
        "seed": SEED,  # of the evidence; the replay draws nothing at random
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "assumptions": [
            *plan.inputs.assumptions,
            *bars_assumption(plan.bars, len(result.curve)),
            *result.assumptions,
        ],
        "ruined_on": result.ruined_on and result.ruined_on.isoformat(),
        "summary": summary,
    }
    history = plan.inputs.history
    bars = {symbol: prices.table for symbol, prices in history.items()}
    if request.universe:
        bars = bars_around(result.trades, history)
    run = save_run(plan.path, manifest, result, returns, bars, plan.bars)
    write_notes(run, request.notes)
    record_run(reports, run.manifest)
    return run


def bars_assumption(bars: RunBars | None, sessions: int) -> list[str]:
    """Say in a sentence how many sessions had finer bars; empty where all had, or none should."""
    if bars is None or not bars.by_the_day:
        return []
    replayed = counted(sessions - len(bars.by_the_day), "session")
    length = f"bars of {counted(bars.length, 'minute')}"
    return [f"{replayed} of {sessions:,} were replayed by {length}, the others by daily ones."]


def _differs(plan: RunPlan) -> dict[str, Any]:
    """Return what differs from the defaults of the strategy, the costs and the prices."""
    request, rules = plan.request, plan.request.rules.model_dump()
    usual = make_rules(request.costs, cash=request.rules.cash).model_dump()
    return {
        "parameters": non_defaults(plan.file, plan.identity["parameters"]),
        "rules": {name: value for name, value in rules.items() if value != usual[name]},
        "first": request.first and request.first.isoformat(),
        "last": request.last and request.last.isoformat(),
        "engine": request.engine,
        **({"bars": request.bars, "missing_bars": request.missing_bars} if request.bars else {}),
    }


def verify(plan: RunPlan, run: Run) -> int:
    """Replay a run with the other engine too, and return the number of trades, which agree.

    Raise UsageError where the strategy sends its own orders, or answers differently when it is
    asked again, and AccountingError where the engines differ.
    """
    from backtest.engine.kernel.replay import check_agreement

    if isinstance(plan.strategy, BacktraderStrategy):
        raise _orders_itself(plan.request.strategy, "--verify")
    other: Engine = "backtrader" if plan.engine == "kernel" else "kernel"
    result, again = run.result or _replay(plan), _replay(replace(plan, engine=other))
    for first, second in zip(result.decisions, again.decisions, strict=True):
        # A signal holds the strategy's reason; that of the decision may be the engine's.
        answers = [(each.signal or each.reason, each.waited) for each in (first, second)]
        if answers[0] != answers[1]:
            raise UsageError(
                f"{plan.request.strategy} answered {first.event.id} otherwise when it was asked "
                f"again, so that engines cannot be compared. The same event and the same past give "
                f"the same answer: see `backtest check {plan.request.strategy}`."
            )
    check_agreement(plan.engine, result, other, again)
    return len(result.trades)


def _replay(plan: RunPlan) -> ReplayResult:
    """Ask the strategy about each event and trade its answers; one with orders just hears it."""
    from backtest.engine.schedule import schedule
    from backtest.engine.timeline import decide

    inputs, rules, strategy = plan.inputs, plan.request.rules, plan.strategy
    where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=rules.reaction_minutes))
    if isinstance(strategy, BacktraderStrategy):
        from backtest.engine.replay.replay import replay_event_strategy

        decisions = schedule(strategy.listens_to, *where, inputs.universe)
        return replay_event_strategy(
            strategy.cls, strategy.parameters, _trading(inputs.span), inputs.rates, decisions, rules
        )
    decisions = decide(strategy, *where, inputs.universe, plan.bars)
    if plan.engine == "kernel":
        from backtest.engine.kernel.replay import replay_by_kernel

        return replay_by_kernel(inputs.replayed, inputs.rates, decisions, rules, plan.bars)
    from backtest.engine.replay.replay import replay

    return replay(_trading(inputs.replayed), inputs.rates, decisions, rules, plan.bars)


def _trading(prices: Mapping[str, Prices]) -> dict[str, Prices]:
    """Return the prices with a bar in the span: Backtrader takes no feed without one."""
    return {symbol: each for symbol, each in prices.items() if each.days.size}


def _measure(plan: RunPlan, result: ReplayResult) -> tuple[list[Returns], dict[str, Any]]:
    """Return the returns of run, benchmark and stock by session, and the summary of each.

    The stock's are None in a universe, whose mean is the benchmark, and where it is the benchmark.
    """
    import numpy as np

    from backtest.engine.kernel.panel import nights_before
    from backtest.engine.rules import above_cash
    from backtest.stats import figures

    rules, start = plan.request.rules, plan.request.rules.cash
    sessions = [point.session for point in result.curve]
    equity = np.array([point.equity for point in result.curve])
    returns = figures.session_returns(equity, start)
    benchmark = benchmark_returns(plan.inputs.benchmark, sessions)
    nights = nights_before(np.array(sessions, "M8[D]"))
    spans = [(t.entry_session, t.exit_session) for t in result.trades]
    of_run = {
        **figures.curve_figures(equity, start, above_cash(returns, nights, rules)),
        "trades": len(result.trades),
        "win_rate": figures.win_rate([trade.net_profit for trade in result.trades]),
        "exposure": figures.exposure(spans, sessions),
        **asdict(result.totals),
    }
    stocks = plan.inputs.span.keys()
    held: list[float | None] = [None] * len(sessions)
    of_stock = None
    if not plan.request.universe and stocks != {plan.inputs.benchmark.symbol}:
        history = plan.inputs.history
        holding = holding_returns([history[name] for name in stocks], sessions)
        held, of_stock = holding.tolist(), figures_of_holding(holding, nights, rules)
    rows = list(zip(returns.tolist(), benchmark.tolist(), held, strict=True))
    of_benchmark = figures_of_holding(benchmark, nights, rules)
    return rows, {"run": of_run, "benchmark": of_benchmark, "stock": of_stock}


def _speed_curve(
    strategy: Strategy, inputs: Inputs, rules: Rules, bars: RunBars, run_trades: Sequence[Trade]
) -> list[dict[str, Any]]:
    """Return the result by reaction time in minutes; that of the run is of `run_trades`.

    For each reaction the strategy is asked anew, for it sees what is known by then, and trades an
    account of its own. The last row, of reaction None, trades at the next open by daily bars alone,
    with the rules' reaction. It is missing where a signal's hold counts bars, not sessions.
    """
    from backtest.engine.bars import sessions_alone
    from backtest.engine.kernel.replay import replay_by_kernel
    from backtest.engine.timeline import decide

    def decided(minutes: float, bars: RunBars | None) -> list[Decision]:
        where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=minutes))
        return decide(strategy, *where, inputs.universe, bars)

    def trades(decisions: list[Decision], bars: RunBars | None) -> Sequence[Trade]:
        return replay_by_kernel(inputs.replayed, inputs.rates, decisions, rules, bars).trades

    as_run = rules.reaction_minutes
    rows = [
        _figures(minutes, run_trades if minutes == as_run else trades(decided(minutes, bars), bars))
        for minutes in sorted({*_REACTIONS, as_run})
    ]
    late = decided(as_run, sessions_alone(inputs.replayed, inputs.finer))
    if any(decision.signal and decision.signal.hold_bars is not None for decision in late):
        return rows
    return [*rows, _figures(None, trades(late, None))]


def _figures(minutes: float | None, trades: Sequence[Trade]) -> dict[str, Any]:
    entered = sum(trade.shares * trade.entry_price for trade in trades)
    profit = sum(trade.net_profit for trade in trades)
    return {
        "reaction": minutes,
        "trades": len(trades),
        "profit": profit,
        "mean_trade_return": profit / entered if entered else None,
    }
