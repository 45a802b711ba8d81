"""What a strategy answers to events, asked once for the sets that differ in terms of its signal.

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
from backtest.engine.kernel.panel import Panel, set_legs, set_terms
from backtest.engine.kernel.records import ENTERS_AT_CLOSE, IS_FLAT, SIGNAL, WAITS
from backtest.errors import UsageError
from backtest.experiments.sweeps.grid import value_of
from backtest.strategy.base import Signal, Strategy, term_of
from backtest.strategy.parameters import shown

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from backtest.engine.schedule import Decision
    from backtest.engine.timeline import Question

Rows = NDArray[np.intp]
# Of all events: the signals as the kernel takes them, and by term whether it was handed on.
_Answers = tuple[NDArray[Any], NDArray[np.bool]]
_Ends = Mapping[str, tuple[Any, Any]]  # by varied term its first and its last value

_CHECKED, _EVENTS_CHECKED = 10, 50  # sets, and events of each, that are asked directly as well
_KEPT = 1_000_000  # answers that are remembered from one chunk to the next


def ask(question: Question, strategy: Strategy, values: Mapping[str, Any]) -> Decision:
    """What a strategy that was made of some values answers; an error names them."""
    try:
        return question.ask(strategy)
    except UsageError as error:
        own = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
        raise UsageError(f"{error}\n  in the set with {own or 'no parameter varied'}") from None


def same_answer(one: Decision, other: Decision) -> bool:
    """Whether two answers are the same signal, or the same reason why there is none."""
    return (one.signal, one.reason, one.tradable_session) == (
        other.signal, other.reason, other.tradable_session
    )  # fmt: skip


def is_handed_on(before: Decision, after: Decision, term: str, value: Any) -> bool | None:
    """Whether a parameter is the term of the signal, by the answers with one value and another.

    True where the term moved to the other value and nothing else changed, False where nothing did;
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
    """Which records hold a signal or a leg of one; a flat one has no side."""
    acts: NDArray[np.bool] = (signals["side"] != 0) | (signals["terms"] & IS_FLAT != 0)
    return acts


class Answers:
    """The answers of a strategy to some events, whatever its parameters.

    Attributes:
        questions: the events, by bar, then by publication, symbol and event id, as the kernel
            takes them.
        bars: in which they are put.
        ranks: of each among all by publication, symbol and event id.

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

        `questions` stand by publication; `legs` is how many a signal may have. `make` makes the
        strategy of the values of the varied parameters; `terms` are those that it only hands on to
        its signal.
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
        """The signals by set and event, of the type `SIGNAL`; those without a side do not act.

        `codes` has by parameter, also of some that are no axis, the place of each set's value,
        shape (sets,). Raises UsageError where the strategy fails, a signal is out of bounds, a term
        is none, or the same question gets another answer each time.
        """
        ends = {n: (axes[n][0], axes[n][-1]) for n in self._terms if len(axes.get(n, ())) > 1}
        others = [name for name in axes if name not in ends]
        shape = [len(axes[name]) for name in others]
        own = [codes[name] for name in others]
        count = len(next(iter(codes.values())))
        alike = np.ravel_multi_index(own, shape) if others else np.zeros(count, np.intp)
        _, firsts, group = np.unique(alike, return_index=True, return_inverse=True)
        groups = [{name: axes[name][codes[name][row]] for name in others} for row in firsts]
        with self._asking:
            found = self._answers_of(groups, ends)
            table = np.stack([records for records, _ in found])[group]
            for number, name in enumerate(ends):
                handed_on = np.stack([handed[number] for _, handed in found])[group]
                if handed_on.any():
                    term = term_of(name)
                    used, at = np.unique(codes[name], return_inverse=True)
                    values = _column_of(self._name, term, [axes[name][place] for place in used])[at]
                    every = np.broadcast_to(values[:, None], table.shape)
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
        """The answers to all events for groups of sets that differ in terms of the signal alone."""
        keys = [(*ends, repr(group)) for group in groups]
        missing = {k: v for k, v in zip(keys, groups, strict=True) if k not in self._kept}
        new = self._ask(list(missing.values()), ends)
        known = {**self._kept, **dict(zip(missing, new, strict=True))}
        if ends:
            most = max(1, _KEPT // (len(self.questions) or 1))
            self._kept = dict(list(known.items())[-most:])
        return [known[key] for key in keys]

    def _ask(self, groups: Sequence[Mapping[str, Any]], ends: _Ends) -> list[_Answers]:
        """Ask all of them event by event, so that time runs forwards once."""
        sets = [{**group, **{name: first for name, (first, _) in ends.items()}} for group in groups]
        made = [self._make(values) for values in sets]
        changes = [[{**values, name: ends[name][1]} for name in ends] for values in sets]
        changed = [[(one, self._make(one)) for one in some] for some in changes]
        handed_on = np.zeros((len(sets), len(ends), len(self._empty)), np.bool)
        found = [(self._empty.copy(), handed) for handed in handed_on]
        for column, question in enumerate(self.questions):
            for (records, handed), values, strategy, others in zip(
                found, sets, made, changed, strict=True
            ):
                before = ask(question, strategy, values)
                self._write(records, column, before)
                for number, (name, (other, varied)) in enumerate(zip(ends, others, strict=True)):
                    after = ask(question, varied, other)
                    is_term = is_handed_on(before, after, term_of(name), value_of(varied, name))
                    if is_term is None:
                        raise self._not_a_term(question, values, name)
                    handed[number, column * self._width] = is_term
        return found

    def _of(self, column: int) -> slice:
        """The records of an event."""
        return slice(column * self._width, (column + 1) * self._width)

    def _write(self, records: NDArray[Any], column: int, decision: Decision) -> None:
        """Write the signal of a decision, if it has one, into the records of its event."""
        signal = decision.signal
        if signal is None:
            return
        own = records[self._of(column)]
        set_terms(own[0], signal)
        set_legs(own[: 1 + len(signal.legs)], signal)
        for row, leg in zip(own[1:], signal.legs, strict=False):
            row["symbol"] = self._panel.columns[leg.symbol]
        own["bar"] = self._panel.bar_for(decision)

    def _check(
        self,
        table: NDArray[Any],
        axes: Mapping[str, Sequence[Any]],
        codes: Mapping[str, Rows],
        ends: _Ends,
    ) -> None:
        """Hold some answers, drawn at random, against those of the strategy of their set."""
        drawn = np.random.default_rng(0)
        sets, events = len(table), len(self.questions)
        for row in np.unique(drawn.integers(sets, size=_CHECKED)):
            values = {name: own[codes[name][row]] for name, own in axes.items()}
            strategy = self._make(values)
            for column in np.sort(drawn.permutation(events)[:_EVENTS_CHECKED]):
                question, got = self.questions[column], table[row, self._of(column)]
                every = self._empty.copy()
                self._write(every, column, ask(question, strategy, values))
                wanted = every[self._of(column)]
                acts = does_act(wanted).any() or does_act(got).any()
                if acts and wanted.tobytes() != got.tobytes():
                    terms = map(term_of, ends)
                    moved = [term for term in terms if wanted[0][term] != got[0][term]]
                    name = self._false_term(question, values, ends) or ", ".join(moved)
                    raise self._not_a_term(question, values, name)

    def _false_term(self, question: Question, values: Mapping[str, Any], ends: _Ends) -> str:
        """The first parameter that changes more of the answer than its term; empty without one."""
        before = ask(question, self._make(values), values)
        for name, both in ends.items():
            for value in both:
                other = {**values, name: value}
                made = self._make(other)
                after = ask(question, made, other)
                if is_handed_on(before, after, term_of(name), value_of(made, name)) is None:
                    return name
        return ""

    def _not_a_term(self, question: Question, values: Mapping[str, Any], name: str) -> UsageError:
        """The error for a term that is none, or for a strategy that is not pure."""
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
    """The bar in which a question is put."""
    session, time = question.market.session, question.tradable_bar
    if time is not None:
        return int(np.searchsorted(panel.times, as_utc64(time)))
    if panel.kinds is None:
        return panel.bar_of(session)
    return panel.last_bar(session, question.event.symbol)  # before the close, or of a daily bar


def _column_of(name: str, term: str, values: Sequence[Any]) -> NDArray[Any]:
    """The values of a parameter as a term of signals."""
    for value in values:
        if fault := fault_of(term, value):
            raise UsageError(
                f"{name} hands on its {term} to a signal, whose {term} cannot "
                f"be {shown(value)}: {fault}. Bound the parameter, or the grid."
            )
    none = -1 if term == "hold" else np.nan
    return np.array([none if value is None else value for value in values], SIGNAL[term])


@cache
def fault_of(term: str, value: float) -> str:
    """What keeps a value from being a term of a signal; empty where nothing does."""
    try:
        Signal(symbol="", event_id="", direction="long", **{term: value})
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


@cache
def derives(model: type[BaseModel]) -> bool:
    """Whether a strategy may compute something of its parameters when it is made."""
    own = model.__pydantic_decorators__
    return bool(
        own.model_validators
        or own.root_validators
        or own.field_validators
        or own.validators
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
