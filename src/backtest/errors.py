"""The exceptions that a user can cause. This module imports nothing of the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

_REFUSED = 3  # symbols that an error names


class BacktestError(Exception):
    """A failure told in one message: what, where, what is allowed, how to mend it."""

    exit_code = 1


class AccountingError(BacktestError):
    """The books do not balance, or two engines differ: a fault of the program, not of its input."""


class UsageError(BacktestError):
    """Wrong use or configuration: an option, a parameter, a strategy file, a folder."""

    exit_code = 2


class MissingDataError(UsageError):
    """There is none of what one strategy needs: prices of another symbol, or a kind of event."""


class DataError(BacktestError):
    """Bad data: a file of prices, events or borrow rates that breaks its format."""

    exit_code = 3


class SourceError(BacktestError):
    """A source on the network did not answer, or refused; what was there is untouched."""

    exit_code = 5


def told(error: BaseException, message: str | None = None) -> str:
    """An exception in a line: its class, and what it says where it says anything."""
    kind, text = type(error).__name__, str(error) if message is None else message
    if isinstance(error, SystemExit):
        return "it ends the program" + (f" ({text})" if text else "")
    return f"{kind}: {text}" if text else kind


def first_few(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def unknown(what: str, name: str, allowed: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that does."""
    names = sorted(allowed)
    folded = {known.casefold(): known for known in names}
    near = [folded[n] for n in get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.5)]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = first_few(names, 25) or "none"
    return UsageError(f"There is no {what} {name!r}.{hint} Known: {known}.")


def raise_refused(refused: Mapping[str, BacktestError], total: int, done: str) -> None:
    """Report what went wrong with some of so many symbols in one error, or return.

    The others were `done`, such as fetched. The error is of the kind of the first.
    """
    if not refused:
        return
    first, *_ = errors = list(refused.values())
    if total == 1:
        raise first
    texts = {symbol: str(error).removeprefix(f"{symbol}: ") for symbol, error in refused.items()}
    lines = [f"\n  {symbol}: {text}" for symbol, text in texts.items()]
    more = f"\n  … and {len(errors) - _REFUSED:,} more" if len(errors) > _REFUSED else ""
    named = "".join(lines[:_REFUSED])
    raise type(first)(f"{len(errors):,} of {total:,} symbols could not be {done}.{named}{more}")
