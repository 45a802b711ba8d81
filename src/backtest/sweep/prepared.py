"""A sweep whose strategy and data are read: it evaluates any sets of its parameters."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from backtest.discovery import load_strategy
from backtest.engine.kernel_types import SIGNAL
from backtest.engine.panel import panel_of
from backtest.engine.rules import Rules
from backtest.engine.simulate import simulate
from backtest.engine.timeline import Question, questions
from backtest.errors import UsageError
from backtest.inputs import read_inputs
from backtest.research.figures import figures_of_totals
from backtest.runs import program_sha256
from backtest.strategy import Signal
from backtest.sweep.answers import Answers, with_values
from backtest.sweep.grid import sweepable, value_of
from backtest.sweep.spec import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.discovery import StrategyFile
    from backtest.sweep.answers import Rows
    from backtest.sweep.spec import SweepSpec
    from backtest.workspace import Workspace

FIGURES = (
    "final_equity", "total_return", "sharpe", "max_drawdown", "trades", "win_rate", "commission",
    "borrow",
)  # fmt: skip

_CHECKED = 5  # sets whose answers are asked for directly as well
_SAMPLE = 500  # sets that tell how long one takes


class PreparedSweep:
    """A sweep whose strategy and data are read: it evaluates any sets of its parameters."""

    def __init__(self, spec: SweepSpec, folders: Workspace) -> None:
        """Read what the specification names, and hold it against it."""
        self.spec = spec
        file = load_strategy(folders.strategies, spec.strategy)
        strategy = sweepable(file, spec.settings)
        inputs = read_inputs(
            folders.data, spec.symbols, spec.symbols[0], spec.days, strategy.listens_to
        )
        _compare(spec, file, inputs.hashes(folders.data))
        self.base = {name: value_of(strategy, name) for name in spec.axes}
        self._strategy = strategy
        self._rules = Rules(**spec.rules)
        self._rates = inputs.rates
        self._panel = panel_of(inputs.span)
        reaction = timedelta(minutes=self._rules.reaction_minutes)
        asked = questions(strategy.listens_to, inputs.events, inputs.history, inputs.span, reaction)
        # As the kernel takes them: by session, then by publication, symbol and event id.
        self._questions = sorted(
            (one for one in asked if isinstance(one, Question)), key=lambda one: one.market.session
        )
        self._columns = [self._panel.columns[one.event.symbol] for one in self._questions]
        self._bars = [self._panel.bar_of(one.market.session) for one in self._questions]
        self._answers: dict[frozenset[str], list[Answers]] = {}

    @property
    def asked(self) -> int:
        """How often on_event was called."""
        return sum(one.asked for answers in self._answers.values() for one in answers)

    def figures(
        self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]
    ) -> dict[str, NDArray[Any]]:
        """The figures of some sets, by name, each of shape (sets,).

        Args:
            axes: values by parameter.
            codes: by parameter the place of each set's value on its axis, shape (sets,).

        """
        table = self._signals(axes, codes)
        if not self._agree(table, axes, codes):  # something escaped the trace: ask for each set
            self._answers[_numbers(axes)] = self._new_answers(axes, every=True)
            table = self._signals(axes, codes)
        acts = table["side"] != 0
        signals, starts = table[acts], np.concatenate(([0], np.cumsum(acts.sum(axis=1))))
        totals = simulate(self._panel, signals, starts, self._rules, self._rates).totals
        return figures_of_totals(totals, self._rules.cash, self._panel.count)

    def _new_answers(
        self, axes: Mapping[str, Sequence[Any]], *, every: bool = False
    ) -> list[Answers]:
        numbers = _numbers(axes)
        return [Answers(one, self._strategy, numbers, every=every) for one in self._questions]

    def _signals(
        self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]
    ) -> NDArray[Any]:
        """The signals by set and event, of the type `SIGNAL`; those without a side do not act."""
        sets = len(next(iter(codes.values())))
        table = np.zeros((sets, len(self._questions)), SIGNAL)
        table["bar"], table["symbol"] = self._bars, self._columns
        if _numbers(axes) not in self._answers:
            self._answers[_numbers(axes)] = self._new_answers(axes)
        for column, answers in enumerate(self._answers[_numbers(axes)]):
            for answer, rows in answers.of(axes, codes):
                if answer.signal is not None:
                    table[rows, column] = _record(answer.signal, table[0, column])
                for term, name in answer.terms.items():
                    code = codes[name][rows]
                    self._check(answers, term, [axes[name][place] for place in np.unique(code)])
                    table[term][rows, column] = np.array(axes[name], table[term].dtype)[code]
        return table

    def _check(self, answers: Answers, term: str, values: Sequence[float]) -> None:
        """Hold values that were handed on against the bounds of the signal's term.

        Raises:
            UsageError: a value is out of bounds.

        """
        for value in values:
            if fault := _fault(term, value):
                raise UsageError(
                    f"{self.spec.strategy} failed on {answers.event_id}: the {term} of a signal "
                    f"cannot be {value}: {fault}. Bound the parameter, or the grid."
                )

    def _agree(
        self, table: NDArray[Any], axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]
    ) -> bool:
        """Whether some sets' answers are the same where the strategy is asked directly."""
        for row in np.unique(np.linspace(0, len(table) - 1, _CHECKED).astype(int)):
            values = {name: axes[name][code[row]] for name, code in codes.items()}
            strategy = with_values(self._strategy, values)
            for column, question in enumerate(self._questions):
                signal, got = question.ask(strategy).signal, table[row, column]
                if (signal is None) != (got["side"] == 0):
                    return False
                if signal is not None and _record(signal, got).tobytes() != got.tobytes():
                    return False
        return True

    def seconds_a_set(self) -> float:
        """How long a set takes, by a sample of the grid."""
        numbers = np.unique(np.linspace(0, self.spec.sets - 1, _SAMPLE).astype(np.int64))
        places = np.unravel_index(numbers, self.spec.grid.shape)
        codes = dict(zip(self.spec.axes, places, strict=True))
        self.figures(self.spec.axes, codes)  # compiles, or loads what was compiled
        begun = perf_counter()
        self.figures(self.spec.axes, codes)
        return (perf_counter() - begun) / len(numbers)


def _numbers(axes: Mapping[str, Sequence[Any]]) -> frozenset[str]:
    """The parameters that are numbers in every set."""
    return frozenset(
        name
        for name, values in axes.items()
        if all(type(value) in {int, float} for value in values)
    )


@cache
def _fault(term: str, value: float) -> str:
    """What keeps a value from being a term of a signal; empty where nothing does."""
    try:
        Signal(symbol="", event_id="", direction="long", **{term: value})
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


def _record(signal: Signal, place: Any) -> Any:
    """The signal as the kernel takes it, on the bar and symbol of its place."""
    record = place.copy()
    record["side"] = 1 if signal.direction == "long" else -1
    record["weight"] = signal.weight
    record["hold"] = -1 if signal.hold is None else signal.hold
    for name in ("stop", "target", "trailing_stop"):
        value = getattr(signal, name)
        record[name] = np.nan if value is None else value
    return record


def _compare(spec: SweepSpec, file: StrategyFile, inputs: Mapping[str, str]) -> None:
    """Hold what is here against the specification.

    Raises:
        UsageError: something differs.

    """
    versions = {name: version(name) for name in spec.packages}
    faults = [f"data/{name}" for name in spec.inputs if inputs.get(name) != spec.inputs[name]]
    if file.source_sha256() != spec.strategy_sha256:
        faults.append(f"the strategy {file.name}")
    if program_sha256(*PROGRAM) != spec.program_sha256:
        faults.append("the program")
    faults += [
        f"{name} {versions[name]} instead of {wanted}"
        for name, wanted in spec.packages.items()
        if versions[name] != wanted
    ]
    if faults:
        raise UsageError(
            f"What is here differs from what the sweep was begun with: {', '.join(faults)}. "
            f"All that take part need the same program, strategies and data."
        )
