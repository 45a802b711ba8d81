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
        UsageError: it is not in snake case, is a word of Python's, or is taken; the message
            suggests another.

    """
    if not _RIGHT.fullmatch(name):
        snake = re.sub(r"[^a-z0-9]+", "_", _WORD_BEGINS.sub("_", name).lower()).strip("_")
        raise _wrong(name, "is not in snake case", _free(snake.lstrip("0123456789_"), taken))
    if keyword.iskeyword(name):
        raise _wrong(name, "is a word of Python's", _free(f"{name}_signal", taken))
    if camel_case(name) in _IMPORTED:
        raise _wrong(name, "means something else here", _free(f"{name}_signal", taken))
    if name in taken:
        raise _wrong(name, f"is taken by {taken[name]}", _free(name, taken))
    return name


def camel_case(name: str) -> str:
    """The name as one of a class: `InsiderSale`."""
    return "".join(word.capitalize() for word in name.split("_"))


def _wrong(name: str, why: str, instead: str) -> UsageError:
    return UsageError(
        f"A signal cannot be called {name!r}: the name {why}. Names are lower-case words joined "
        f"by _, such as {instead}."
    )


def _free(name: str, taken: Mapping[str, str]) -> str:
    """The name itself where it can be had, or else the next that can."""
    name = name if _RIGHT.fullmatch(name) and not keyword.iskeyword(name) else "insider_sale"
    number = 2
    found = name
    while found in taken or camel_case(found) in _IMPORTED:
        found, number = f"{name}_{number}", number + 1
    return found
