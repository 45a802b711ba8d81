"""Call the program as a library from notebooks and scripts, with DataFrames.

Each call does what the command of its name does, on the same folders, and keeps its result there:
a run that was made here is in `backtest list runs` too. Every failure is a `BacktestError`.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import defaultdict
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

# By the type of an annotation: what is accepted for it, and what messages call it.
_ACCEPTED: dict[Any, tuple[Any, str]] = {
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
    """Make a public call raise UsageError for an argument that its annotation does not allow."""

    @wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        annotations = _annotations(call)
        for name, value in _arguments(call, args, kwargs):
            if name not in annotations:
                raise TypeError(f"{call.__name__}() got an unexpected keyword argument {name!r}")
            _check(name, value, annotations[name])
        return call(*args, **kwargs)

    wrapper.__module__ = "backtest"  # where another process finds it
    return wrapper


def _arguments(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield each argument with its name; none where one is unknown or there are too many."""
    with suppress(TypeError):
        bound = signature(call).bind_partial(*args, **kwargs)
        for name, value in bound.arguments.items():
            kind = bound.signature.parameters[name].kind
            if kind is Parameter.VAR_KEYWORD:
                yield from value.items()
            elif kind is Parameter.VAR_POSITIONAL:
                yield from ((name, item) for item in value)
            else:
                yield name, value


@cache
def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of arguments; types that are not loaded yet allow anything."""
    module = sys.modules[call.__module__]
    names = defaultdict(lambda: Any, {**vars(builtins), **vars(module)})
    annotations: dict[str, Any] = {}
    for name, parameter in signature(call).parameters.items():
        annotation = eval(parameter.annotation, {}, names)  # noqa: S307 - our own text
        if parameter.kind is Parameter.VAR_KEYWORD:
            annotations |= get_type_hints(*get_args(annotation))
        else:
            annotations[name] = annotation
    return annotations


def _check(name: str, value: Any, annotation: Any) -> None:
    if _fits(value, annotation):
        return
    text = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
    is_short = len(text) <= _LONGEST and text.isprintable()
    words = sorted(dict.fromkeys(_words(annotation)), key=lambda word: word == "None")
    allowed = f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]
    raise UsageError(
        f"{name} is {text if is_short else f'a {type(value).__name__}'}. Allowed: {allowed}."
    )


def _fits(value: Any, annotation: Any) -> bool:
    """Tell whether an annotation allows a value, and the items of a list or a mapping of texts."""
    origin, parts = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Annotated:
        return _fits(value, parts[0])
    kind, _ = _ACCEPTED.get(origin, (origin, ""))
    scalar = value.item() if getattr(value, "shape", None) == () else value  # a scalar of numpy
    if kind is str:
        return isinstance(value, str) and "\0" not in value  # no file and no name can hold it
    if not isinstance(scalar, kind) or (kind is Iterable and isinstance(scalar, str | bytes)):
        return False
    if origin is Mapping and parts[1] in (str, object, Any):
        return all(_fits(name, str) and _fits(item, parts[1]) for name, item in value.items())
    is_of_texts = origin is Sequence and str in (*parts, *get_args(parts[0]))
    has_items = is_of_texts and iter(value) is not value  # an iterator yields its items only once
    return not has_items or all(_fits(item, parts[0]) for item in value)


def _words(annotation: Any) -> Iterator[str]:
    """Yield what an annotation allows, in words."""
    origin, parts = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        for part in parts:
            yield from _words(part)
    elif origin is Annotated:
        yield parts[1]
    else:
        yield _ACCEPTED.get(origin, ("", f"a {getattr(origin, '__name__', origin)}"))[1]
