"""This module defines the exceptions that a user can cause; it imports nothing of the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

_MOST_REFUSED = 3  # symbols that an error names


class BacktestError(Exception):
    """A failure is told in one message: what is wrong, where, what is allowed, how to mend it."""

    exit_code = 1


class AccountingError(BacktestError):
    """The books do not balance or two engines differ, which is a fault of the program itself."""


class UsageError(BacktestError):
    """An option, a parameter, a strategy file or a folder is wrong."""

    exit_code = 2


class MissingDataError(UsageError):
    """There is no data of some kind that a strategy needs: prices of a symbol, or its events."""


class DataError(BacktestError):
    """A data file, such as one of prices, events or borrow rates, breaks its format."""

    exit_code = 3


class SourceError(BacktestError):
    """A source on the network did not answer, or refused; the data on disk are untouched."""

    exit_code = 5


def describe_error(error: BaseException, message: str | None = None) -> str:
    """Return an exception as a line: its class, with its message (or `message`) if it has one."""
    kind, text = type(error).__name__, str(error) if message is None else message
    if isinstance(error, SystemExit):
        return "it ends the program" + (f" ({text})" if text else "")
    return f"{kind}: {text}" if text else kind


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Join the first `most` names, and say how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def unknown(what: str, name: str, allowed: Iterable[str]) -> UsageError:
    """Return the error for a name that does not exist, which suggests the nearest that does."""
    names = sorted(allowed)
    folded = {known.casefold(): known for known in names}
    near = [folded[n] for n in get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.5)]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = first_few(names, 25) or "none"
    return UsageError(f"There is no {what} {name!r}.{hint} Known: {listed}.")


def raise_refused(refused: Mapping[str, BacktestError], total: int, done: str) -> None:
    """Raise one error for all of the `total` symbols that were refused, of the class of the first.

    `done` is a participle for the message, such as "fetched". Return where none was refused.
    """
    if not refused:
        return
    first, count = next(iter(refused.values())), len(refused)
    if total == 1:
        raise first
    lines = [
        f"\n  {name}: {str(error).removeprefix(f'{name}: ')}" for name, error in refused.items()
    ]
    if count > _MOST_REFUSED:
        lines[_MOST_REFUSED:] = [f"\n  … and {count - _MOST_REFUSED:,} more"]
    raise type(first)(f"{count:,} of {total:,} symbols could not be {done}.{''.join(lines)}")
