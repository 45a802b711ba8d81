"""Evaluate the sets of a sweep from its specification alone: here, in processes, on a cluster."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from threading import Lock
from time import perf_counter
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backtest.data.borrow import BorrowRate, borrow_assumptions
from backtest.data.events import event_order
from backtest.engine.kernel import ACCOUNT, Tables
from backtest.engine.kernel.panel import panel_of
from backtest.engine.kernel.replay import used_rates
from backtest.engine.kernel.simulate import profits, simulate
from backtest.engine.rules import RULES_VERSION, Rules, above_cash
from backtest.engine.timeline import Question, questions
from backtest.errors import BacktestError, UsageError
from backtest.experiments.runs.figures import benchmark_returns, holding_returns
from backtest.experiments.sweeps.answers import Answers, Rows, derives, does_act
from backtest.experiments.sweeps.grid import REACTION, SweepSpec, base_of, sweepable
from backtest.experiments.terms import Request, deciding_packages
from backtest.experiments.trials import is_mixed
from backtest.stats.figures import figures_of_totals, max_drawdown, session_returns
from backtest.stats.surface import FIGURES
from backtest.strategy.base import Strategy, StrategyFile, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import ParameterReader, parameters, read_values, variant
from backtest.workspace.folders import Workspace, workspace_of_worker
from backtest.workspace.processes import MOST_TRIES, completed, on_cluster

Axes = Mapping[str, Sequence[Any]]  # values of each parameter
Codes = Mapping[str, Rows]  # index of each set's value on the axis of each parameter, (sets,)

_CELLS = 1_000_000  # sets × events that are in memory at once; some 400 bytes each
_BARS_A_CELL = 25  # bars of a curve, with what is made of it, that take as much room
_FEWEST, _ENOUGH = 100, 0.2  # least sets, and seconds, by which the time a set takes is measured
_LOADING = Lock()


def evaluate(spec_json: str, chunk: int, folders: Workspace | None = None) -> bytes:
    """Evaluate a chunk: return its sets with their figures as the bytes of a Parquet file.

    Without `folders` the workspace is found around the working folder. Errors are those of
    `evaluator` and of `Answers.signals`.
    """
    sweep = evaluator(spec_json, folders)
    spec = sweep.spec
    numbers = np.array(spec.numbers(chunk))
    codes = spec.codes(numbers)
    figures = sweep.figures(spec.axes, codes)
    columns = {"set": pa.array(numbers)}
    for name, code in codes.items():
        columns[name] = _column(spec.axes[name]).take(pa.array(code))
    for name in FIGURES:
        columns[name] = pa.array(figures[name], from_pandas=True)
    table = pa.table(columns).replace_schema_metadata({"sweep_id": spec.sweep_id})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _column(values: Sequence[Any]) -> pa.Array:
    """Make a column of an axis's values, of JSON texts where they are of several types."""
    if is_mixed(values):
        values = [None if value is None else json.dumps(value) for value in values]
    return pa.array(values, pa.string() if all(value is None for value in values) else None)


def evaluator(spec_json: str, folders: Workspace | None = None) -> Evaluator:
    """Return the evaluator of a sweep, made once a process.

    Raises UsageError where program, strategy or data are not those of the specification.
    """
    with _LOADING:  # threads of a process load a strategy one after the other
        return _evaluator(spec_json, folders)


@lru_cache(maxsize=2)
def _evaluator(spec_json: str, folders: Workspace | None) -> Evaluator:
    return Evaluator(SweepSpec.from_json(spec_json), folders or workspace_of_worker())


def run_chunks(
    spec_json: str,
    todo: Sequence[int],
    on_part: Callable[[int, bytes], None],
    *,
    folders: Workspace,
    workers: int | None = None,
    cluster: str | None = None,
) -> None:
    """Evaluate chunks and hand over each part as its chunk ends, in whatever order.

    Without `workers` (processes) and `cluster` (address of a Dask scheduler) this process does it
    alone. Few parts are in memory at a time. What stops this call, be it an error or Ctrl-C, also
    stops the chunks that run. Raises UsageError where the cluster cannot be reached or is lost, or
    a worker has another program or other data, and BacktestError where a chunk has failed, or has
    ended its process again and again.
    """
    if cluster:
        parts = on_cluster(partial(attempt, evaluate), evaluator, spec_json, todo, cluster)
    elif workers:
        here = partial(attempt, partial(evaluate, folders=folders), spec_json)
        parts = _in_processes(here, todo, workers)
    else:
        parts = ((chunk, evaluate(spec_json, chunk, folders)) for chunk in todo)
    with closing(parts):
        for chunk, content in parts:
            on_part(chunk, content)


def attempt(evaluate: Callable[[str, int], bytes], spec_json: str, chunk: int) -> bytes:
    """Evaluate a chunk where every failure has to travel: a fault comes with its traceback."""
    try:
        return evaluate(spec_json, chunk)
    except BacktestError:
        raise
    except Exception:  # noqa: BLE001 - whatever a strategy does
        raise BacktestError(f"Chunk {chunk} failed.\n{traceback.format_exc()}") from None


def _in_processes(
    evaluate: Callable[[int], bytes], todo: Sequence[int], workers: int
) -> Generator[tuple[int, bytes]]:
    with closing(completed(evaluate, todo, workers)) as ended:
        for chunk, task in ended:
            try:
                part = task.result()
            except BrokenExecutor as error:
                raise UsageError(
                    f"Chunk {chunk} has ended its process {MOST_TRIES} times (last with {error}). "
                    f"-9 often means that memory was short: try fewer --workers. The parts that "
                    f"had ended are kept, and the same command goes on from them."
                ) from None
            yield chunk, part


@dataclass(frozen=True)
class Histories:
    """Hold the returns and trades by which some sets came to their figures."""

    returns: NDArray[np.float64]  # returns above cash, shape (sessions, sets)
    earned: NDArray[np.float64]  # return of each set's trade on each event, (sets, events), or NaN
    entries: NDArray[np.int32]  # bar in which that trade was entered; 0 where there is none
    exits: NDArray[np.int32]  # bar in which it was left, or marked last where it stays open
    session_numbers: NDArray[np.int64]  # session of each bar, from 0

    @property
    def traded(self) -> NDArray[np.bool]:
        """Tell whether each set has a trade on each event, shape (sets, events)."""
        return ~np.isnan(self.earned)

    def held(self) -> NDArray[np.bool]:
        """Tell whether each set has a position in each session, shape (sessions, sets)."""
        changes = np.zeros((len(self.returns) + 1, len(self.earned)), np.int64)
        sets, events = np.nonzero(self.traded)
        first, last = (
            self.session_numbers[bars[sets, events]] for bars in (self.entries, self.exits)
        )
        np.add.at(changes, (first, sets), 1)
        np.add.at(changes, (last + 1, sets), -1)
        return np.asarray(changes[:-1].cumsum(axis=0) > 0, np.bool)


def _count(codes: Codes) -> int:
    return len(next(iter(codes.values())))


class Evaluator:
    """Hold a sweep's strategy and data, and evaluate sets of its parameters."""

    def __init__(self, spec: SweepSpec, folders: Workspace) -> None:
        """Read what the specification names; UsageError where it is not as specified."""
        self.spec = spec
        file = find_strategy(folders, spec.strategy)
        strategy = sweepable(file, spec.settings)
        self._rules = Rules(**spec.rules)
        request = Request(
            file.name, spec.symbols, spec.settings, *spec.days, self._rules,
            universe=spec.universe, bars=spec.bars, missing_bars=spec.missing_bars,
            accept_jumps=True,  # whoever prepared the sweep has looked
        )  # fmt: skip
        inputs = request.inputs(folders.data, strategy)
        _compare(spec, file, inputs.hashes(heard_kinds(strategy)))
        base = base_of(strategy, spec.rules, spec.axes)
        axes = {name: [value] for name, value in base.items()}
        self.base: tuple[Axes, Codes] = axes, dict.fromkeys(axes, np.zeros(1, np.intp))
        self._fixed = read_values(file, spec.settings)
        known = parameters(file.cls)
        self._readers = {n: ParameterReader(known[n]) for n in spec.axes if n != REACTION}
        self._file, self._strategy = file, strategy
        self._inputs = inputs
        self.run_bars = request.run_bars(inputs)
        self.panel = panel_of(inputs.replayed, self.run_bars)
        sessions = np.arange(1, self.panel.count + 1)
        self._closes = np.searchsorted(self.panel.session_numbers, sessions) - 1
        self._width = 1 + len(strategy.trades_also)  # records of an event
        reactions = dict.fromkeys((self._rules.reaction_minutes, *spec.axes.get(REACTION, ())))
        self._answers = {minutes: self._answers_after(minutes) for minutes in reactions}
        # Events that can be traded after any reaction, by the first bar in which one is.
        bars: dict[str, int] = {}
        every = []
        for answers in self._answers.values():
            for question, bar in zip(answers.questions, answers.bars.tolist(), strict=True):
                event = question.event
                bars[event.id] = min(bar, bars.get(event.id, bar))
                every.append(event)
        events = {event.id: event for event in sorted(every, key=event_order)}
        self.events = sorted(events.values(), key=lambda event: bars[event.id])
        self.bars = [bars[event.id] for event in self.events]
        self._columns = {event.id: column for column, event in enumerate(self.events)}

    def _answers_after(self, minutes: float) -> Answers:
        """Return the answers for a reaction time."""
        strategy, inputs, legs = self._strategy, self._inputs, self._width - 1
        where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=minutes))
        terms = (inputs.universe, strategy.decides, self.run_bars)
        outcomes = questions(strategy.listens_to, *where, *terms)
        tradable = [each for each in outcomes if isinstance(each, Question)]
        # What a validator computes or forbids is found by making each set.
        handed_on = () if derives(type(strategy)) else strategy.signal_terms
        return Answers(self._file.name, tradable, self.panel, legs, self._make, handed_on)

    def figures(self, axes: Axes, codes: Codes) -> dict[str, NDArray[Any]]:
        """Compute the figures of sets, each of shape (sets,); errors as of `Answers.signals`."""
        totals, cash = np.zeros(_count(codes), ACCOUNT), self._rules.cash
        by_bars = self.run_bars is not None
        for rows, answers, block in self._blocks(axes, codes, curves=by_bars):
            *_, tables = self._trade(answers, axes, block, histories=by_bars)
            totals[rows] = tables.totals
            if by_bars:  # the kernel follows equity bar by bar, a run by session
                curves = tables.equity[:, self._closes]
                totals["deepest"][rows] = [max_drawdown(equity, cash) for equity in curves]
                totals["lowest"][rows] = curves.min(axis=1)
        return figures_of_totals(totals, cash, self.panel.count)

    def base_figures(self) -> dict[str, float | None]:
        """Compute the figures of the set without values from the grid; None where undefined."""
        figures = self.figures(*self.base)
        values = {name: figures[name][0].item() for name in FIGURES}
        return {name: None if np.isnan(value) else value for name, value in values.items()}

    def histories(self, axes: Axes, codes: Codes) -> Histories:
        """Trace how some sets came to their figures; errors as of `Answers.signals`."""
        shape = _count(codes), len(self.events)
        returns, earned = np.empty((self.panel.count, shape[0])), np.full(shape, np.nan)
        entries, exits = np.zeros((2, *shape), np.int32)
        for rows, answers, block in self._blocks(axes, codes, curves=True):
            signals, (sets, columns), tables = self._trade(answers, axes, block, histories=True)
            is_traded = tables.trades["shares"] > 0
            trades = tables.trades[is_traded]
            _, net = profits(signals[is_traded], trades)
            events = np.array([self._columns[one.event.id] for one in answers.questions], np.intp)
            traded = rows[sets[is_traded]], events[columns[is_traded] // self._width]
            earned[traded] = net / (trades["shares"] * trades["entry_price"])
            entries[traded], exits[traded] = trades["entry_bar"], trades["exit_bar"]
            for row, equity in zip(rows, tables.equity[:, self._closes], strict=True):
                returns[:, row] = self.above_cash(session_returns(equity, self._rules.cash))
        return Histories(returns, earned, entries, exits, self.panel.session_numbers)

    def assumptions(self, numbers: Rows) -> list[str]:
        """Return what the borrow of the default and of some sets, by number, rests on."""
        used: dict[tuple[str, BorrowRate | None], date] = {}
        market = (self.panel, self._inputs.rates, self._rules)
        for axes, codes in (self.base, (self.spec.axes, self.spec.codes(numbers))):
            for _, answers, block in self._blocks(axes, codes, curves=True):
                signals, (sets, _), tables = self._trade(answers, axes, block, histories=True)
                for of_set in (sets == number for number in np.unique(sets)):
                    rates = used_rates(tables.trades[of_set], signals[of_set], *market)
                    for rate, night in rates.items():
                        used[rate] = max(night, used.get(rate, night))
        return borrow_assumptions(used, self._rules.borrow_default)

    def above_cash(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Subtract from returns by session what cash earned."""
        return above_cash(returns, self.panel.nights, self._rules)

    def held_throughout(self) -> NDArray[np.float64]:
        """Return by session the returns of the symbols bought once, or the universe's mean."""
        inputs, sessions = self._inputs, self.panel.session_days.tolist()
        if self.spec.universe:
            return benchmark_returns(inputs.benchmark, sessions)
        return holding_returns([inputs.history[name] for name in inputs.span], sessions)

    def _blocks(
        self, axes: Axes, codes: Codes, *, curves: bool
    ) -> Iterator[tuple[Rows, Answers, Codes]]:
        """Cut the sets into blocks of one reaction that memory holds, with `curves` or without."""
        more = len(self.panel.times) // _BARS_A_CELL if curves else 0
        reactions = axes.get(REACTION, [self._rules.reaction_minutes])
        of_sets = codes.get(REACTION, np.zeros(_count(codes), np.intp))
        for code in np.unique(of_sets):
            answers, rows = self._answers[reactions[code]], np.flatnonzero(of_sets == code)
            most = max(1, _CELLS // (len(answers.questions) + more + 1))
            for first in range(0, len(rows), most):
                block = rows[first : first + most]
                yield block, answers, {name: code[block] for name, code in codes.items()}

    def _trade(
        self, answers: Answers, axes: Axes, codes: Codes, *, histories: bool
    ) -> tuple[NDArray[Any], tuple[Rows, Rows], Tables]:
        """Trade some sets: their signals, the set and column of each, and the kernel's tables."""
        varied = {name: values for name, values in axes.items() if name != REACTION}
        table = answers.signals(varied, codes)
        sets, columns = np.nonzero(does_act(table))
        signals = table[sets, columns]
        if (table["bar"] != np.repeat(answers.bars, self._width)).any():  # some act later
            order = np.lexsort((answers.ranks[columns // self._width], signals["bar"], sets))
            signals, columns = signals[order], columns[order]
        starts = np.searchsorted(sets, np.arange(len(table) + 1))
        work = (self.panel, signals, starts, self._rules, self._inputs.rates)
        return signals, (sets, columns), simulate(*work, trades=histories, curves=histories)

    def _make(self, values: Mapping[str, Any]) -> Strategy:
        """Make the strategy of a set, as that of a run with these settings is made."""
        read = {name: self._readers[name].read(value) for name, value in values.items()}
        # `sweepable` has made sure that it is no Backtrader strategy.
        return cast("Strategy", variant(self._file, self._fixed | read))

    def seconds_a_set(self) -> float:
        """Measure how long a set takes, on a sample of the grid that is as large as time allows."""
        rng, size = np.random.default_rng(0), _FEWEST
        self._seconds(rng.integers(self.spec.sets, size=1))  # compiles
        while True:
            seconds = self._seconds(rng.integers(self.spec.sets, size=size))
            if seconds > _ENOUGH or size >= self.spec.chunk:
                return seconds / size
            size *= 4

    def _seconds(self, numbers: Rows) -> float:
        started = perf_counter()
        self.figures(self.spec.axes, self.spec.codes(numbers))
        return perf_counter() - started


def _compare(spec: SweepSpec, file: StrategyFile, inputs: Mapping[str, str]) -> None:
    versions = deciding_packages()
    faults = [f"data/{name}" for name in spec.inputs if inputs.get(name) != spec.inputs[name]]
    if file.source_sha256() != spec.strategy_sha256:
        faults.append(f"the strategy {file.name}")
    if spec.rules_version != RULES_VERSION:
        faults.append("the version of the program's rules")
    faults += [
        f"{name} {versions.get(name)} instead of {wanted}"
        for name, wanted in spec.packages.items()
        if versions.get(name) != wanted
    ]
    if faults:
        raise UsageError(
            f"What is here differs from what the sweep was begun with: {', '.join(faults)}. "
            f"All that take part need the same program, strategies and data."
        )
