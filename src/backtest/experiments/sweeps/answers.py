"""Ask a strategy about events once for all the sets that differ in terms of its signal alone.

A parameter in `signal_terms` is handed on to the signal: the answer is the same for all its values,
but for that term. Whether it is handed on for an event is found by asking with two of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from backtest.data.calendar import as_utc64
from backtest.engine.kernel import ENTERS_AT_CLOSE, IS_FLAT, SIGNAL, WAITS
from backtest.engine.kernel.panel import Panel, set_legs, set_terms
from backtest.errors import UsageError
from backtest.experiments.sweeps.grid import parameter_value
from backtest.strategy.base import Signal, Strategy, term_of
from backtest.strategy.parameters import to_text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from backtest.engine.schedule import Decision
    from backtest.engine.timeline import Question

Rows = NDArray[np.intp]
# The signals of all events as the kernel takes them, and for each term whether it was handed on.
_Answers = tuple[NDArray[Any], NDArray[np.bool]]
_Ends = Mapping[str, tuple[Any, Any]]  # first and last value of each varied term

_CHECKED, _EVENTS_CHECKED = 10, 50  # sets, and events of each, that are asked directly as well
_KEPT = 1_000_000  # answers that are remembered from one chunk to the next


def ask(question: Question, strategy: Strategy, values: Mapping[str, Any]) -> Decision:
    """Ask a strategy that was made of some values; an error names them."""
    try:
        return question.ask(strategy)
    except UsageError as error:
        varied = ", ".join(f"{name} {to_text(value)}" for name, value in values.items())
        raise UsageError(f"{error}\n  in the set with {varied or 'no parameter varied'}") from None


def same_answer(one: Decision, other: Decision) -> bool:
    """Tell whether two answers are the same signal, or the same reason why there is none."""
    return (one.signal, one.reason, one.tradable_session) == (
        other.signal, other.reason, other.tradable_session
    )  # fmt: skip


def is_handed_on(before: Decision, after: Decision, term: str, value: Any) -> bool | None:
    """Tell whether a parameter is handed on as a signal's term, by the answers with two values.

    True where the term moved to the second value and nothing else changed, False where nothing did;
    None where anything else changed.
    """
    if same_answer(before, after):
        return False
    if before.signal is None or after.signal is None or getattr(after.signal, term) != value:
        return None
    if before.tradable_session != after.tradable_session:
        return None
    moved = before.signal.model_copy(update={term: getattr(after.signal, term)})
    return True if moved == after.signal else None


def does_act(signals: NDArray[Any]) -> NDArray[np.bool]:
    """Mark the records that hold a signal or one of its legs; a flat signal has no side."""
    return np.asarray((signals["side"] != 0) | (signals["terms"] & IS_FLAT != 0), np.bool)


class Answers:
    """Ask a strategy about some events, and keep its answers by its parameters.

    Attributes:
        questions: the events, by bar, then by publication, symbol and event id, as the kernel
            takes them.
        bars: the bar of each question, shape (events,).
        ranks: the rank of each question by publication, symbol and event id, shape (events,).
    """

    def __init__(
        self,
        name: str,
        questions: Sequence[Question],
        panel: Panel,
        legs: int,
        make: Callable[[Mapping[str, Any]], Strategy],
        terms: Sequence[str],
    ) -> None:
        """Begin with no answer.

        `questions` are in order of publication; `legs` is how many a signal may have. `make` makes
        the strategy of the values of the varied parameters; `terms` are those that it only hands on
        to its signal.
        """
        bars = np.array([_bar_of(one, panel) for one in questions], np.intp)
        self.ranks = np.argsort(bars, kind="stable")
        self.questions, self.bars = [questions[rank] for rank in self.ranks], bars[self.ranks]
        self._name, self._panel, self._width = name, panel, 1 + legs
        # A record for each event, and after it one for each leg that its signal may have.
        self._empty = np.zeros(len(questions) * self._width, SIGNAL)
        self._empty["bar"] = np.repeat(self.bars, self._width)
        symbols = [panel.columns[one.event.symbol] for one in self.questions]
        self._empty["symbol"] = np.repeat(symbols, self._width)
        self._make, self._terms = make, terms
        self._kept: dict[tuple[str, ...], _Answers] = {}
        self._asking = Lock()  # the questions share one past, which goes forwards and back

    def signals(self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]) -> NDArray[Any]:
        """Return the signals of each set, shape (sets, records), of the type `SIGNAL`.

        Those without a side do not act. `codes` has for each parameter, also for some that are no
        axis, the index of each set's value on its axis, shape (sets,). Raises UsageError where the
        strategy fails, a signal is out of bounds, a parameter in `signal_terms` is no term, or the
        same question gets another answer each time.
        """
        ends = {n: (axes[n][0], axes[n][-1]) for n in self._terms if len(axes.get(n, ())) > 1}
        others = [name for name in axes if name not in ends]
        shape = [len(axes[name]) for name in others]
        count = len(next(iter(codes.values())))
        alike = np.zeros(count, np.intp)
        if others:
            alike = np.ravel_multi_index([codes[name] for name in others], shape)
        _, firsts, group = np.unique(alike, return_index=True, return_inverse=True)
        groups = [{name: axes[name][codes[name][row]] for name in others} for row in firsts]
        with self._asking:
            answers = self._answers_of(groups, ends)
            table = np.stack([records for records, _ in answers])[group]
            for number, name in enumerate(ends):
                handed_on = np.stack([handed[number] for _, handed in answers])[group]
                if handed_on.any():
                    term = term_of(name)
                    used, index = np.unique(codes[name], return_inverse=True)
                    values = _column_of(self._name, term, [axes[name][code] for code in used])
                    every = np.broadcast_to(values[index, None], table.shape)
                    table[term][handed_on] = every[handed_on]
                    self._agree(table, term)
            self._check(table, axes, codes, ends)
        return table

    def _agree(self, table: NDArray[Any], term: str) -> None:
        """Keep what else the records say of a term that was handed on in step with it."""
        if term == "limit":
            waits = ~np.isnan(table["limit"]) & does_act(table)
            bare = table["terms"] & ~np.uint8(WAITS)
            table["terms"] = bare | np.where(waits, WAITS, 0).astype(np.uint8)
        if term == "hold":  # without one the clock leaves in the session of the entry
            table["hold"][(table["hold"] < 0) & (table["leave_at"] > 0)] = 0
        at_close = table["terms"] & (ENTERS_AT_CLOSE | IS_FLAT) == ENTERS_AT_CLOSE
        if term == "hold" and (at_close & (table["hold"] == 0)).any():
            raise UsageError(
                f"{self._name} enters at the close, which cannot be left at hold 0: begin the grid "
                f"of hold with 1."
            )

    def _answers_of(self, groups: Sequence[Mapping[str, Any]], ends: _Ends) -> list[_Answers]:
        """Return the answers to all events for groups of sets that differ in signal terms alone."""
        keys = [(*ends, repr(group)) for group in groups]
        missing = {k: v for k, v in zip(keys, groups, strict=True) if k not in self._kept}
        new = self._ask(list(missing.values()), ends)
        known = self._kept | dict(zip(missing, new, strict=True))
        if ends:
            most = max(1, _KEPT // (len(self.questions) or 1))
            self._kept = dict(list(known.items())[-most:])
        return [known[key] for key in keys]

    def _ask(self, groups: Sequence[Mapping[str, Any]], ends: _Ends) -> list[_Answers]:
        """Ask for all groups event by event, so that time runs forwards once."""
        sets = [{**group, **{name: first for name, (first, _) in ends.items()}} for group in groups]
        strategies = [self._make(values) for values in sets]
        changes = [[{**values, name: ends[name][1]} for name in ends] for values in sets]
        others = [[(varied, self._make(varied)) for varied in some] for some in changes]
        handed_on = np.zeros((len(sets), len(ends), len(self._empty)), np.bool)
        answers = [(self._empty.copy(), handed) for handed in handed_on]
        for column, question in enumerate(self.questions):
            for (records, handed), values, strategy, some in zip(
                answers, sets, strategies, others, strict=True
            ):
                before = ask(question, strategy, values)
                self._write(records, column, before)
                for number, (name, (varied, other)) in enumerate(zip(ends, some, strict=True)):
                    after = ask(question, other, varied)
                    is_term = is_handed_on(
                        before, after, term_of(name), parameter_value(other, name)
                    )
                    if is_term is None:
                        raise self._not_a_term(question, values, name)
                    handed[number, column * self._width] = is_term
        return answers

    def _records_of(self, column: int) -> slice:
        """Return the slice of an event's records."""
        return slice(column * self._width, (column + 1) * self._width)

    def _write(self, records: NDArray[Any], column: int, decision: Decision) -> None:
        """Write the signal of a decision, if it has one, into the records of its event."""
        signal = decision.signal
        if signal is None:
            return
        of_event = records[self._records_of(column)]
        set_terms(of_event[0], signal)
        set_legs(of_event[: 1 + len(signal.legs)], signal)
        for row, leg in zip(of_event[1:], signal.legs, strict=False):
            row["symbol"] = self._panel.columns[leg.symbol]
        of_event["bar"] = self._panel.bar_for(decision)

    def _check(
        self,
        table: NDArray[Any],
        axes: Mapping[str, Sequence[Any]],
        codes: Mapping[str, Rows],
        ends: _Ends,
    ) -> None:
        """Compare some answers, drawn at random, with those of the strategy of their set."""
        rng = np.random.default_rng(0)
        sets, events = len(table), len(self.questions)
        for row in np.unique(rng.integers(sets, size=_CHECKED)):
            values = {name: axis[codes[name][row]] for name, axis in axes.items()}
            strategy = self._make(values)
            for column in np.sort(rng.permutation(events)[:_EVENTS_CHECKED]):
                question, actual = self.questions[column], table[row, self._records_of(column)]
                every = self._empty.copy()
                self._write(every, column, ask(question, strategy, values))
                wanted = every[self._records_of(column)]
                acts = does_act(wanted).any() or does_act(actual).any()
                if acts and wanted.tobytes() != actual.tobytes():
                    terms = map(term_of, ends)
                    moved = [term for term in terms if wanted[0][term] != actual[0][term]]
                    name = self._false_term(question, values, ends) or ", ".join(moved)
                    raise self._not_a_term(question, values, name)

    def _false_term(self, question: Question, values: Mapping[str, Any], ends: _Ends) -> str:
        """Return the first parameter that changes more of the answer than its term, or nothing."""
        before = ask(question, self._make(values), values)
        for name, both in ends.items():
            for value in both:
                varied = {**values, name: value}
                other = self._make(varied)
                after = ask(question, other, varied)
                if is_handed_on(before, after, term_of(name), parameter_value(other, name)) is None:
                    return name
        return ""

    def _not_a_term(self, question: Question, values: Mapping[str, Any], name: str) -> UsageError:
        """Make the error for a parameter that is no term, or for a strategy that is not pure."""
        again = [ask(question, self._make(values), values) for _ in range(2)]
        if not name or not same_answer(*again):
            return UsageError(
                f"{self._name} does not answer the same event the same way twice. "
                f"on_event may look at its event, its parameters and the market alone."
            )
        return UsageError(
            f"{self._name} names {name} in signal_terms, but its answer to "
            f"{question.event.id} does more with it than hand it on to the signal as its "
            f"{term_of(name)}. Take {name} out of signal_terms; `backtest check "
            f"{self._name}` shows the event."
        )


def _bar_of(question: Question, panel: Panel) -> int:
    """Return the number of the bar in which a question is asked."""
    session, time = question.market.session, question.tradable_bar
    if time is not None:
        return int(np.searchsorted(panel.times, as_utc64(time)))
    if panel.kinds is None:
        return panel.bar_of(session)
    return panel.last_bar(session, question.event.symbol)  # before the close, or of a daily bar


def _column_of(name: str, term: str, values: Sequence[Any]) -> NDArray[Any]:
    """Convert the values of a parameter to a term of signals; UsageError where one is no term."""
    for value in values:
        if fault := term_fault(term, value):
            raise UsageError(
                f"{name} hands on its {term} to a signal, whose {term} cannot "
                f"be {to_text(value)}: {fault}. Bound the parameter, or the grid."
            )
    none = -1 if term == "hold" else np.nan
    return np.array([none if value is None else value for value in values], SIGNAL[term])


@cache
def term_fault(term: str, value: float) -> str:
    """Return what keeps a value from being a term of a signal; empty where nothing does."""
    try:
        Signal(symbol="", event_id="", direction="long", **{term: value})
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


@cache
def derives(model: type[BaseModel]) -> bool:
    """Tell whether a strategy may compute something of its parameters when it is made."""
    decorators = model.__pydantic_decorators__
    return bool(
        decorators.model_validators
        or decorators.root_validators
        or decorators.field_validators
        or decorators.validators
        or model.__pydantic_post_init__
        or model.__init__ is not BaseModel.__init__
        or any(map(_is_derived, model.model_fields.values()))
    )


def _is_derived(definition: FieldInfo) -> bool:
    kind = definition.annotation
    return bool(
        definition.default_factory_takes_validated_data
        or any(hasattr(part, "func") for part in definition.metadata)  # a validator
        or (isinstance(kind, type) and issubclass(kind, BaseModel) and derives(kind))
    )
