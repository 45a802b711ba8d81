"""Asking again: so many tries in so much time, with growing waits, and an end to what hangs.

Tenacity would bring the loop of `patiently` alone: what waits for Retry-After within a total, and
what ends a try that hangs, would still be here.
"""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, SimpleQueue
from random import uniform
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from backtest.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long an answer is waited for.

    Attributes:
        tries: at most so many.
        seconds: for all tries and the waits between them.
        each: seconds for one try, however much of an answer has come by then.
        wait: seconds after the first try; twice as long after each further one, and up to half
            as much again by chance, so that not all ask at once.

    """

    tries: int = 5
    seconds: float = 60.0
    each: float = 30.0
    wait: float = 1.0


class PassingError(Exception):
    """A try failed in a way that may pass."""

    def __init__(self, told: str, retry_after: float | None = None) -> None:
        """Tell what failed.

        Args:
            told: in words, without a full stop.
            retry_after: seconds that the source asks to wait, where it does.

        """
        super().__init__(told)
        self.retry_after = retry_after


def patiently(work: Callable[[], T], what: str, patience: Patience) -> T:
    """What `work` gives, asked again while it raises `PassingError` or hangs.

    Args:
        work: one try. Any other exception ends the tries and is passed on.
        what: what is asked for, such as an address, for the message.
        patience: how often and how long.

    Raises:
        SourceError: it did not answer.

    """
    start = monotonic()
    ends = start + patience.seconds
    for tried in range(1, patience.tries + 1):
        fault = PassingError("no tries are left")
        try:
            return _within(min(patience.each, ends - monotonic()), work)
        except PassingError as error:
            fault = error
        wait = fault.retry_after
        if wait is None:
            wait = patience.wait * 2 ** (tried - 1) * uniform(1, 1.5)  # noqa: S311 - no secret
        if tried == patience.tries or monotonic() + wait >= ends:
            break
        sleep(wait)
    asked = f", and it asks to wait {wait:,.0f} seconds" if fault.retry_after else ""
    tries = "once" if tried == 1 else f"{tried} times"
    raise SourceError(
        f"{what}: {fault}. Tried {tries} in {monotonic() - start:.0f} seconds{asked}. "
        f"Nothing was changed; try again later."
    )


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` gives or raises; one that hangs is left behind in its thread.

    A limit on each read would not do: an answer that drips byte by byte keeps within it for ever,
    and looking up a host's name knows none.
    """
    answers: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(([work()], None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            answers.put(([], error))

    Thread(target=run, daemon=True).start()
    try:
        values, error = answers.get(timeout=max(seconds, 0.0))
    except Empty:
        raise PassingError(f"no whole answer within {seconds:.3g} seconds") from None
    if error is not None:
        raise error
    return values[0]
