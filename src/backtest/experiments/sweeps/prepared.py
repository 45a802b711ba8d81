"""A sweep whose strategy and data are read: it evaluates any sets of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backtest.data.inputs import read_inputs
from backtest.engine.kernel.panel import panel_of
from backtest.engine.kernel.records import SIGNAL
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import RULES_VERSION, Rules, above_cash
from backtest.engine.timeline import Question, questions
from backtest.errors import UsageError
from backtest.experiments.runs.run import benchmark_returns
from backtest.experiments.runs.store import deciding_packages
from backtest.experiments.sweeps.answers import Answers, derives
from backtest.experiments.sweeps.grid import sweepable, value_of
from backtest.stats.figures import figures_of_totals, session_returns
from backtest.strategy.base import heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import ParameterReader, parameters, plain, typed, variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.engine.kernel.records import Tables
    from backtest.experiments.sweeps.answers import Rows
    from backtest.experiments.sweeps.grid import SweepSpec
    from backtest.strategy.base import Strategy
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace

_CELLS = 1_000_000  # sets × events that are in memory at once; some 400 bytes each
_BY_SET = ("earned", "entries", "exits")
_FEWEST, _ENOUGH = 100, 0.2  # sets that tell how long one takes, and seconds spent on that


@dataclass(frozen=True)
class Histories:
    """How some sets came to their figures.

    Attributes:
        returns: above cash, by session and set, shape (sessions, sets).
        earned: net return of each set's trade on each event, a fraction of the entry value, shape
            (sets, events); NaN where there is none.
        entries: bar in which that trade was entered, likewise; 0 where there is none.
        exits: bar in which it was left, or marked last where it stays open.

    """

    returns: NDArray[np.float64]
    earned: NDArray[np.float64]
    entries: NDArray[np.int32]
    exits: NDArray[np.int32]

    @property
    def traded(self) -> NDArray[np.bool]:
        """Whether each set has a trade on each event, shape (sets, events)."""
        return ~np.isnan(self.earned)

    def held(self) -> NDArray[np.bool]:
        """Whether each set has a position in each session, shape (sessions, sets)."""
        changes = np.zeros((len(self.returns) + 1, len(self.earned)), np.int64)
        sets, events = np.nonzero(self.traded)
        np.add.at(changes, (self.entries[sets, events], sets), 1)
        np.add.at(changes, (self.exits[sets, events] + 1, sets), -1)
        found: NDArray[np.bool] = changes[:-1].cumsum(axis=0) > 0
        return found


class PreparedSweep:
    """A sweep whose strategy and data are read: it evaluates any sets of its parameters."""

    def __init__(self, spec: SweepSpec, folders: Workspace) -> None:
        """Read what the specification names, and hold it against it."""
        self.spec = spec
        file = find_strategy(folders, spec.strategy)
        strategy = sweepable(file, spec.settings)
        inputs = read_inputs(
            folders.data,
            spec.symbols,
            spec.universe or spec.symbols[0],
            spec.days,
            strategy.listens_to,
            looks_at=strategy.looks_at,
            universe=spec.universe,
        )
        _compare(spec, file, inputs.hashes(heard_kinds(strategy)))
        self.base = {name: plain(value_of(strategy, name)) for name in spec.axes}
        self._fixed = typed(file, spec.settings)
        self._readers = {name: ParameterReader(parameters(file.cls)[name]) for name in spec.axes}
        self._file = file
        self._rules = Rules(**spec.rules)
        self._rates = inputs.rates
        self._panel = panel_of(inputs.span)
        reaction = timedelta(minutes=self._rules.reaction_minutes)
        self._universe = inputs.benchmark if spec.universe else None
        where = (
            inputs.events,
            inputs.seen,
            inputs.span,
            reaction,
            inputs.universe,
            strategy.decides,
        )
        asked = questions(strategy.listens_to, *where)
        # As the kernel takes them: by session, then by publication, symbol and event id.
        self._questions = sorted(
            (one for one in asked if isinstance(one, Question)), key=lambda one: one.market.session
        )
        self._columns = [self._panel.columns[one.event.symbol] for one in self._questions]
        self._bars = [self._panel.bar_of(one.market.session) for one in self._questions]
        empty = np.zeros(len(self._questions), SIGNAL)
        empty["bar"], empty["symbol"] = self._bars, self._columns
        # What a validator computes or forbids is found by making each set.
        terms = () if derives(type(strategy)) else strategy.signal_terms
        self._answers = Answers(
            file.name, self._questions, empty, self._panel.bar_of, self._make, terms
        )

    def figures(
        self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]
    ) -> dict[str, NDArray[Any]]:
        """The figures of some sets, by name, each of shape (sets,).

        Args:
            axes: values by parameter.
            codes: by parameter the place of each set's value on its axis, shape (sets,).

        Raises:
            UsageError: the strategy fails, a signal is out of bounds, or the same question gets
                another answer each time.

        """
        parts = [self._trade(axes, block)[-1].totals for block in self._blocks(codes)]
        return figures_of_totals(np.concatenate(parts), self._rules.cash, self._panel.count)

    def histories(self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]) -> Histories:
        """How some sets came to their figures; arguments as of `figures`."""
        parts = [self._histories(axes, block) for block in self._blocks(codes)]
        return Histories(
            np.hstack([part.returns for part in parts]),
            *(np.vstack([getattr(part, name) for part in parts]) for name in _BY_SET),
        )

    def _histories(self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]) -> Histories:
        signals, (sets, events), done = self._trade(axes, codes, histories=True)
        is_traded = done.trades["shares"] > 0
        entered = sets[is_traded], events[is_traded]
        trades = done.trades[is_traded]
        value = trades["shares"] * trades["entry_price"]
        side = signals["side"][is_traded]
        gross = side * trades["shares"] * (trades["exit_price"] - trades["entry_price"])
        shape = len(done.totals), len(self._questions)
        earned = np.full(shape, np.nan)
        entries, exits = np.zeros((2, *shape), np.int32)
        earned[entered] = (gross - trades["commission"] - trades["borrow"]) / value
        entries[entered], exits[entered] = trades["entry_bar"], trades["exit_bar"]
        returns = [
            above_cash(session_returns(equity, self._rules.cash), self._panel.nights, self._rules)
            for equity in done.equity
        ]
        return Histories(np.array(returns).T, earned, entries, exits)

    @property
    def events(self) -> list[tuple[str, int]]:
        """The id of each event and the bar in which it can be traded, in order."""
        ids = [one.event.id for one in self._questions]
        return list(zip(ids, self._bars, strict=True))

    def held_throughout(self) -> NDArray[np.float64]:
        """Returns above cash of the symbols, equally, from the first open on, (sessions,).

        Of a universe they are those of the mean of its members.
        """
        if self._universe is not None:
            mean = benchmark_returns(self._universe, self._panel.sessions.tolist())
            return above_cash(mean, self._panel.nights, self._rules)
        close, first = self._panel.prices["close"], self._panel.prices["open"][:1]
        before = np.vstack([first, close[:-1]])
        changes = close / before - 1
        known = ~np.isnan(changes)
        total = np.where(known, changes, 0.0).sum(axis=1)
        held: NDArray[np.float64] = total / np.maximum(known.sum(axis=1), 1)
        return above_cash(held, self._panel.nights, self._rules)

    def _blocks(self, codes: Mapping[str, Rows]) -> Iterator[Mapping[str, Rows]]:
        """The sets in blocks that memory holds."""
        count = len(next(iter(codes.values())))
        most = max(1, _CELLS // (len(self._questions) + 1))
        for first in range(0, count, most):
            yield {name: code[first : first + most] for name, code in codes.items()}

    def _trade(
        self,
        axes: Mapping[str, Sequence[Any]],
        codes: Mapping[str, Rows],
        *,
        histories: bool = False,
    ) -> tuple[NDArray[Any], tuple[Rows, Rows], Tables]:
        """The signals of some sets, the set and event of each, and what the kernel made of it."""
        table = self._answers.signals(axes, codes)
        sets, events = np.nonzero(table["side"])
        signals = table[sets, events]
        if (np.diff(table["bar"]) < 0).any():  # the kernel takes them bar by bar
            order = np.lexsort((signals["bar"], sets))
            signals, events = signals[order], events[order]
        starts = np.searchsorted(sets, np.arange(len(table) + 1))
        work = (self._panel, signals, starts, self._rules, self._rates)
        return signals, (sets, events), simulate(*work, trades=histories, curves=histories)

    def _make(self, values: Mapping[str, Any]) -> Strategy:
        """The strategy of a set, made as that of a run with these settings is."""
        own = {name: self._readers[name].read(value) for name, value in values.items()}
        made = variant(self._file, {**self._fixed, **own})
        return cast("Strategy", made)  # as `sweepable` has found

    def seconds_a_set(self) -> float:
        """How long a set takes, by a sample of the grid that is as large as time allows."""
        drawn, size = np.random.default_rng(0), _FEWEST
        self._seconds(drawn.integers(self.spec.sets, size=1))  # compiles
        while True:
            seconds = self._seconds(drawn.integers(self.spec.sets, size=size))
            if seconds > _ENOUGH or size >= self.spec.chunk:
                return seconds / size
            size *= 4

    def _seconds(self, numbers: Rows) -> float:
        places = np.unravel_index(numbers, self.spec.grid.shape)
        begun = perf_counter()
        self.figures(self.spec.axes, dict(zip(self.spec.axes, places, strict=True)))
        return perf_counter() - begun


def _compare(spec: SweepSpec, file: StrategyFile, inputs: Mapping[str, str]) -> None:
    """Hold what is here against the specification.

    Raises:
        UsageError: something differs.

    """
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
