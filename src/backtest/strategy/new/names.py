"""Names of new signals: which are right, and what to suggest in place of one that is not."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_RIGHT = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IMPORTED = ("Event", "EventStrategy", "Field", "Literal", "Market", "Signal", "Start", "Strategy")


def checked_name(name: str, taken: Mapping[str, str]) -> str:
    """The name, where a signal can have it.

    Args:
        name: of the new signal.
        taken: names that are, and by what.

    Raises:
        UsageError: it is not in snake case, is a word of Python's, is lost in the name of its
            class, or is taken; the message suggests another.

    """
    if why := _why_not(name, taken):
        raise UsageError(
            f"A signal cannot be called {name!r}: the name {why}. Names are lower-case words "
            f"joined by _, such as {_instead(name, taken)}."
        )
    return name


def camel_case(name: str) -> str:
    """The name as one of a class: `InsiderSale`."""
    return "".join(word.capitalize() for word in name.split("_"))


def _snake_case(name: str) -> str:
    """The name of a class as that of its kind of event."""
    return _WORD_BEGINS.sub("_", name).lower()


def _why_not(name: str, taken: Mapping[str, str]) -> str:
    """What is wrong with a name; empty where nothing is."""
    camel = camel_case(name)
    if not _RIGHT.fullmatch(name):
        return "is not in snake case"
    if keyword.iskeyword(name) or keyword.iskeyword(camel):
        return "is a word of Python's"
    if camel in _IMPORTED:
        return "means something else here"
    if (again := _snake_case(camel)) != name:
        return f"would turn into {again} by its class, {camel}"
    return f"is taken by {taken[name]}" if name in taken else ""


def _instead(name: str, taken: Mapping[str, str]) -> str:
    """A name like it that can be had."""
    words = re.sub(r"[^a-z0-9]+", "_", _snake_case(name)).lstrip("0123456789_")
    found = _snake_case(camel_case(words)) or "insider_sale"
    while _why_not(found, taken):
        found += "_signal"
    return found
