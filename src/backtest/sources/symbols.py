"""Symbols as files are named by them."""

from __future__ import annotations

import re

from backtest.errors import UsageError

_SYMBOL = re.compile(r"[A-Z][A-Z0-9.\-]*")


def is_symbol(text: str) -> bool:
    """Whether a text can be a symbol: capitals, digits, points and hyphens."""
    return _SYMBOL.fullmatch(text) is not None


def check_symbol(text: str) -> str:
    """The symbol.

    Raises:
        UsageError: it is none.

    """
    if not is_symbol(text):
        raise UsageError(
            f"{text!r} is no symbol. Write it in capitals, digits, points and hyphens, such as "
            f"CRWV or BRK-B."
        )
    return text
