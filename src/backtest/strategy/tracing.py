"""Which parameters an answer hangs on: stand-ins that tell whether their value was looked at.

A sweep asks a strategy once and learns from the trace which other parameter sets would get the
same answer. A parameter that is only handed on to the signal, such as `stop=self.stop`, was not
looked at: the answer is the same but for that term.
"""

from __future__ import annotations

import math
import operator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

M = TypeVar("M")

_COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
_ARITHMETIC = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
    "rshift",
)  # fmt: skip
_CONVERSIONS: dict[str, Callable[..., Any]] = {
    "bool": bool, "int": int, "float": float, "complex": complex, "index": operator.index,
    "hash": hash, "str": str, "repr": repr, "format": format, "abs": abs, "neg": operator.neg,
    "pos": operator.pos, "invert": operator.invert, "round": round, "divmod": divmod,
    "floor": math.floor, "ceil": math.ceil, "trunc": math.trunc,
}  # fmt: skip

active: ContextVar[Trace | None] = ContextVar("active", default=None)


@dataclass
class Trace:
    """What one answer has looked at.

    Attributes:
        traced: the parameters that are of interest, by dotted name.
        numbers: those of them that are numbers of one type in every set.
        reads: those whose value was looked at, in order.

    """

    traced: frozenset[str]
    numbers: frozenset[str]
    reads: dict[str, None] = field(default_factory=dict)

    def stand_in(self, name: str, value: Any) -> Any:
        """What a strategy gets when it asks for a parameter: a number by a stand-in."""
        if name not in self.traced:
            return value
        if name in self.numbers:
            return StandIn(value, name, self)
        self.reads[name] = None
        return value

    def read_all(self) -> None:
        """Somebody looked at every parameter at once."""
        self.reads |= dict.fromkeys(sorted(self.traced))

    def make(self, terms: Mapping[str, Any], make: Callable[[Any], M]) -> M:
        """Something made of terms, in which the stand-ins that were handed on stand again.

        Args:
            terms: by name.
            make: makes it of their values.

        """
        made = make({term: by_value(value) for term, value in terms.items()})
        for term, value in terms.items():
            if type(value) is StandIn:
                vars(made)[term] = StandIn(vars(made)[term], value.parameter, self)
        return made


class StandIn:
    """A number that notes when its value is looked at."""

    __slots__ = ("_trace", "_value", "parameter")

    def __init__(self, value: float, parameter: str, trace: Trace) -> None:
        self._value = value
        self.parameter = parameter
        self._trace = trace

    def __array_ufunc__(self, function: Any, method: str, *values: Any, **options: Any) -> Any:
        """Let numpy calculate with the number."""
        return getattr(function, method)(*map(_looked_at, values), **options)

    def __array__(self, *terms: Any, **options: Any) -> Any:
        """Let numpy make an array of the number."""
        import numpy as np

        return np.array(_looked_at(self), *terms, **options)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The number's own, which is the same in every set."""
        return type(self._value)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a number can do."""
        return getattr(_looked_at(self), name)

    def __reduce__(self) -> Any:
        """A copy is of the number."""
        return (type(self._value), (_looked_at(self),))


def by_value(value: Any) -> Any:
    """The number behind a stand-in, unnoticed; any other value as it is."""
    return value._value if type(value) is StandIn else value  # noqa: SLF001 - of this module


def _looked_at(value: Any) -> Any:
    if type(value) is StandIn:
        value._trace.reads[value.parameter] = None  # noqa: SLF001 - of this module
    return by_value(value)


def _operation(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: function(*map(_looked_at, values))


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda right, left: function(_looked_at(left), _looked_at(right))


for _name in _COMPARISONS + _ARITHMETIC:
    setattr(StandIn, f"__{_name}__", _operation(getattr(operator, f"__{_name}__")))
for _name in _ARITHMETIC:
    setattr(StandIn, f"__r{_name}__", _reflected(getattr(operator, f"__{_name}__")))
for _name, _function in _CONVERSIONS.items():
    setattr(StandIn, f"__{_name}__", _operation(_function))
setattr(StandIn, "__rdivmod__", _reflected(divmod))  # noqa: B010 - as those above
