"""What a strategy answers to one event, whatever its parameters: asked as seldom as can be.

The answers form a tree. A node is the parameter that the strategy looks at next, a branch one of
its values, a leaf an answer. One call finds one leaf, and holds for every set that shares the
values which the call has looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from backtest.errors import UsageError
from backtest.strategy.tracing import StandIn, Trace, active, by_value
from backtest.strategy.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic.fields import FieldInfo

    from backtest.engine.timeline import Question
    from backtest.strategy.base import Signal, Strategy

    Rows = NDArray[np.intp]
    Make = Callable[[Mapping[str, Any]], Strategy]

M = TypeVar("M", bound=BaseModel)

# What looks at all fields at once; comparing, hashing, showing and copying go through these too.
_WHOLE = frozenset(dir(BaseModel))


@dataclass(frozen=True)
class Answer:
    """An answer that many sets share.

    Attributes:
        signal: the signal; None where the strategy does not trade.
        terms: terms of the signal by name that are a parameter's own value, with its name.

    """

    signal: Signal | None
    terms: Mapping[str, str]


@dataclass
class _Node:
    parameter: str = ""
    branches: dict[Any, _Node] = field(default_factory=dict)
    answer: Answer | None = None


class Escaped(Exception):  # noqa: N818 - nothing is wrong: it is asked for each set then
    """A strategy has looked at its parameters in another order than before."""


class Answers:
    """The answers of a strategy to one event."""

    def __init__(
        self, question: Question, make: Make, numbers: frozenset[str], *, every: bool = False
    ) -> None:
        """Begin with no answer.

        Args:
            question: the event.
            make: makes the strategy of the values of the varied parameters.
            numbers: the varied parameters that are numbers of one type in every set.
            every: ask for each set, whatever the strategy looks at.

        """
        self._question = question
        self._make = make
        self._numbers = numbers
        self._every = every
        self._root = _Node()
        self.asked = 0

    @property
    def event_id(self) -> str:
        """The event."""
        return self._question.event.id

    def of(
        self, axes: Mapping[str, Sequence[Any]], codes: Mapping[str, Rows]
    ) -> Iterator[tuple[Answer, Rows]]:
        """Every answer with the sets that get it.

        Args:
            axes: values by parameter.
            codes: by parameter the place of each set's value on its axis, shape (sets,).

        Raises:
            UsageError: the strategy fails, or the values do not go together.
            Escaped: it does not look at its parameters in the same order each time.

        """
        count = len(next(iter(codes.values())))
        waiting = [(self._root, np.arange(count))]
        while waiting:
            node, rows = waiting.pop()
            if node.answer is not None:
                yield node.answer, rows
            elif node.parameter:
                place = codes[node.parameter][rows]
                for number in np.unique(place):
                    branch = node.branches.setdefault(axes[node.parameter][number], _Node())
                    waiting.append((branch, rows[place == number]))
            else:
                self._ask({name: axes[name][code[rows[0]]] for name, code in codes.items()})
                if node.answer is None and not node.parameter:
                    raise Escaped
                waiting.append((node, rows))

    def _ask(self, values: Mapping[str, Any]) -> None:
        """Ask with some values, and grow the tree to the answer."""
        self.asked += 1
        reads, answer = self._answer(values)
        node = self._root
        for name in reads:
            if node.answer is not None or node.parameter not in ("", name):
                raise Escaped
            node.parameter = name
            node = node.branches.setdefault(values[name], _Node())
        if node.parameter:
            raise Escaped
        node.answer = answer

    def _answer(self, values: Mapping[str, Any]) -> tuple[list[str], Answer]:
        """The parameters that were looked at, in order, and the answer."""
        trace = Trace(frozenset(values), self._numbers)
        strategy = self._make(values)
        token = active.set(trace)
        try:
            if not self._every and not _derives(type(strategy)):
                signal = self._question.ask(_watch(strategy, "")).signal
                return list(trace.reads), _as_answer(signal, trace)
        except UsageError:  # a stand-in cannot do what only numbers can
            pass
        finally:
            active.reset(token)
        trace.read_all()
        return list(trace.reads), Answer(ask(self._question, strategy, values), {})


def ask(question: Question, strategy: Strategy, values: Mapping[str, Any]) -> Signal | None:
    """What a strategy that was made of some values answers.

    Raises:
        UsageError: it fails, or answers with something else.

    """
    try:
        return question.ask(strategy).signal
    except UsageError as error:
        told = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
        raise UsageError(f"{error}\n  in the set with {told}") from None


def _as_answer(signal: Signal | None, trace: Trace) -> Answer:
    """The signal by value, and which of its terms nobody has looked at."""
    if signal is None:
        return Answer(None, {})
    stand_ins = {term: value for term, value in signal if type(value) is StandIn}
    terms = {
        term: value.parameter
        for term, value in stand_ins.items()
        if value.parameter not in trace.reads
    }
    values = {term: by_value(value) for term, value in stand_ins.items()}
    return Answer(signal.model_copy(update=values), terms)


@cache
def _derives(model: type[BaseModel]) -> bool:
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
        or (isinstance(kind, type) and issubclass(kind, BaseModel) and _derives(kind))
    )


def _watch(model: M, prefix: str) -> M:
    """A copy whose fields tell the active trace when they are asked for."""
    copy = model.model_copy()
    for name, value in model:
        if isinstance(value, BaseModel):
            copy.__dict__[name] = _watch(value, f"{prefix}{name}.")
    object.__setattr__(copy, "__class__", _watching(type(model), prefix))
    return copy


@cache
def _watching(model: type[BaseModel], prefix: str) -> type[BaseModel]:
    fields = frozenset(model.model_fields)

    def get(self: BaseModel, name: str) -> Any:
        trace = active.get()
        if name == "__class__":
            return model
        value = model.__getattribute__(self, name)
        if trace is not None and name in fields:
            return trace.stand_in(prefix + name, value)
        if trace is not None and name in _WHOLE:
            trace.read_all()
        return value

    space = {"__module__": model.__module__, "__getattribute__": get}
    return type(model.__name__, (model,), space)
