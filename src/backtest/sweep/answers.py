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
from backtest.tracing import Trace, active, by_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.engine.timeline import Question
    from backtest.strategy import Signal, Strategy

    Rows = NDArray[np.intp]

M = TypeVar("M", bound=BaseModel)

_WHOLE = frozenset(dir(BaseModel)) - {"__class__"}  # what looks at all fields at once


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


class Answers:
    """The answers of a strategy to one event."""

    def __init__(
        self,
        question: Question,
        strategy: Strategy,
        numbers: Collection[str],
        *,
        every: bool = False,
    ) -> None:
        """Begin with no answer.

        Args:
            question: the event.
            strategy: the strategy, whose parameters are varied.
            numbers: the varied parameters that are numbers in every set.
            every: ask for each set, whatever the strategy looks at.

        """
        self._question = question
        self._strategy = strategy
        self._numbers = frozenset(numbers)
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
            UsageError: the strategy fails, or a term of a signal is out of its bounds.

        """
        count = len(next(iter(codes.values())))
        waiting = [(self._root, np.arange(count))]
        while waiting:
            node, rows = waiting.pop()
            if node.answer is None and not node.parameter:
                first = {name: axes[name][code[rows[0]]] for name, code in codes.items()}
                self._ask(first)
                if node.answer is None and not node.parameter:
                    raise self._impure()
                waiting.append((node, rows))
            elif node.answer is not None:
                yield node.answer, rows
            else:
                place = codes[node.parameter][rows]
                for number in np.unique(place):
                    branch = node.branches.setdefault(axes[node.parameter][number], _Node())
                    waiting.append((branch, rows[place == number]))

    def _ask(self, values: Mapping[str, Any]) -> None:
        """Ask with some values, and grow the tree to the answer."""
        self.asked += 1
        trace = Trace(frozenset(values), self._numbers)
        strategy = with_values(self._strategy, values)
        if self._every or _derives(type(strategy)):  # what it derives was looked at already
            trace.read_all()
        token = active.set(trace)
        try:
            decision = self._question.ask(_watch(strategy, ""))
        finally:
            active.reset(token)
        signal = decision.signal
        if signal is not None:
            signal = signal.model_copy(
                update={name: by_value(value) for name, value in signal if value is not None}
            )
        terms = {
            term: name
            for term, name in trace.terms.items()
            if name not in trace.reads and getattr(signal, term, None) == values[name]
        }
        changed = set(trace.terms.values()) - set(terms.values())
        node = self._root
        for name in (*trace.reads, *sorted(changed - set(trace.reads))):
            if node.parameter not in ("", name):
                raise self._impure()
            node.parameter = name
            node = node.branches.setdefault(values[name], _Node())
        if node.parameter:
            raise self._impure()
        node.answer = Answer(signal, terms)

    def _impure(self) -> UsageError:
        return UsageError(
            f"{type(self._strategy).__name__} does not answer {self._question.event.id} the same "
            f"way twice. on_event may look at its event, its parameters and the market alone."
        )


def with_values(strategy: Strategy, values: Mapping[str, Any]) -> Strategy:
    """The strategy with some parameters changed, by dotted name.

    Raises:
        ValidationError: the values do not go together.

    """
    content = strategy.model_dump()
    for name, value in values.items():
        *parents, leaf = name.split(".")
        inner = content
        for parent in parents:
            inner = inner[parent]
        inner[leaf] = value
    return type(strategy).model_validate(content)


def _derives(model: type[BaseModel]) -> bool:
    """Whether a strategy computes something of its parameters when it is made."""
    own = model.__pydantic_decorators__
    inner = [definition.annotation for definition in model.model_fields.values()]
    return bool(
        own.model_validators
        or own.field_validators
        or model.__private_attributes__
        or model.__pydantic_post_init__
        or any(isinstance(kind, type) and issubclass(kind, BaseModel) and _derives(kind)
               for kind in inner)
    )  # fmt: skip


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
        value = model.__getattribute__(self, name)
        if trace is not None and name in fields:
            return trace.stand_in(prefix + name, value)
        if trace is not None and name in _WHOLE:
            trace.read_all()
        return value

    def of_all(name: str) -> Callable[..., Any]:
        method = getattr(model, name)

        def call(self: BaseModel, *rest: Any) -> Any:
            if trace := active.get():
                trace.read_all()
            return method(self, *rest)

        return call

    methods = {name: of_all(name) for name in ("__eq__", "__hash__", "__repr__", "__iter__")}
    space = {"__module__": model.__module__, "__getattribute__": get, **methods}
    return type(model.__name__, (model,), space)
