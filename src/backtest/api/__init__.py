"""The program as a library: what a notebook or a script calls, with DataFrames to work on.

Each call does what the command of its name does, on the same folders, and keeps its result there:
a run that was made here is in `backtest list runs` too. Every failure is a `BacktestError`.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import cache, wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from backtest.errors import UsageError

# By what an annotation names: what is taken for it, and how that is called.
_TAKEN: dict[Any, tuple[Any, str]] = {
    str: (str, "a text"),
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: ((Real, Decimal), "a number"),
    date: (date, "a day"),
    os.PathLike: (os.PathLike, "a path"),
    Literal: (str, "a text"),
    Sequence: (Iterable, "a list"),
    Mapping: (Mapping, "values by name, such as {'hold': 5}"),
    Callable: (Callable, "a function"),
    NoneType: (NoneType, "None"),
    Any: (object, "anything"),
}
_LONGEST = 60  # characters of a value in a message


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """A public call that refuses an argument of another type than it is annotated with."""

    @wraps(call)
    def refusing(*given: Any, **named: Any) -> Any:
        for name, value in _arguments(call, given, named):
            _check(name, value, _annotations(call).get(name, Any))
        return call(*given, **named)

    refusing.__module__ = "backtest"  # where another process finds it
    return refusing


def _arguments(
    call: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Every argument with its name; none where one is unknown or there are too many."""
    bound = signature(call)
    with suppress(TypeError):
        for name, value in bound.bind_partial(*given, **named).arguments.items():
            if bound.parameters[name].kind is Parameter.VAR_KEYWORD:
                yield from value.items()
            else:
                several = bound.parameters[name].kind is Parameter.VAR_POSITIONAL
                yield from ((name, one) for one in (value if several else [value]))


@cache
def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    """What arguments are annotated with; types that are not loaded yet may be anything."""
    names, found = _Names(vars(sys.modules[call.__module__])), dict[str, Any]()
    for name, one in signature(call).parameters.items():
        found[name] = eval(one.annotation, {}, names)  # noqa: S307 - our own
        if one.kind is Parameter.VAR_KEYWORD:
            found |= get_type_hints(*get_args(found[name]))
    return found


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Any)


def _check(name: str, value: Any, annotation: Any) -> None:
    if _fits(value, annotation):
        return
    text = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
    is_short = len(text) <= _LONGEST and text.isprintable()
    words = sorted(dict.fromkeys(_words(annotation)), key=lambda one: one == "None")
    allowed = f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]
    raise UsageError(
        f"{name} is {text if is_short else f'a {type(value).__name__}'}. Allowed: {allowed}."
    )


def _fits(value: Any, annotation: Any) -> bool:
    origin, parts = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in parts)
    if origin is Annotated:
        return _fits(value, parts[0])
    kind, _ = _TAKEN.get(origin, (origin, ""))
    plain = value.item() if getattr(value, "shape", None) == () else value  # of numpy
    if kind is str:
        return isinstance(value, str) and "\0" not in value  # which no file and no name can have
    if not isinstance(plain, kind) or (kind is Iterable and isinstance(plain, str | bytes)):
        return False
    if origin is Mapping and parts[1] in (str, object, Any):
        return all(_fits(name, str) and _fits(one, parts[1]) for name, one in value.items())
    is_of_texts = origin is Sequence and str in (*parts, *get_args(parts[0]))
    is_looked_at = is_of_texts and iter(value) is not value  # an iterator gives all once
    return not is_looked_at or all(_fits(one, parts[0]) for one in value)


def _words(annotation: Any) -> Iterator[str]:
    """What an annotation takes, in words."""
    origin, parts = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        for one in parts:
            yield from _words(one)
    elif origin is Annotated:
        yield parts[1]
    else:
        yield _TAKEN.get(origin, ("", f"a {getattr(origin, '__name__', origin)}"))[1]
