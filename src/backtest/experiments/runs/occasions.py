"""Which signals belong together: chains, which random timing moves, and occasions, which count.

Both put all symbols of a session together. A chain goes by plans alone, so that nothing of what
came of them decides what is moved. An occasion goes by what was held: it is the unit of evidence,
for whatever is held together meets the same days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.records import MARGIN_CALL, OPEN, TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

_LONGEST = 2  # an occasion is cut when it has gone on for so many times the longest trade


@dataclass(frozen=True)
class Chains:
    """Signals that stand within one another's planned holding time.

    Attributes:
        of_signal: number of the chain of each signal, from 0, shape (n,).
        first: session in which each begins, shape (chains,).
        lengths: sessions from there up to and with its last planned exit, likewise.

    """

    of_signal: Numbers
    first: Numbers
    lengths: Numbers


def chains_of(signals: NDArray[Any], longest: int) -> Chains:
    """The chains of signals.

    A session joins a chain up to the last exit planned in it, for at that open a new signal still
    renews the trade or turns it round.

    Args:
        signals: fields as in `SIGNAL`, sorted by session.
        longest: sessions that a signal without a time exit counts for.

    """
    sessions = signals["bar"]
    ends = sessions + np.where(signals["hold"] < 0, longest, signals["hold"])
    last = np.maximum.accumulate(ends)
    begins = np.concatenate(([True], sessions[1:] > last[:-1]))
    number = np.cumsum(begins) - 1
    first = sessions[begins]
    final = last[np.append(np.flatnonzero(begins)[1:] - 1, len(signals) - 1)]
    return Chains(number, first, final - first + 1)


def occasions_of(signals: NDArray[Any], trades: NDArray[Any]) -> Numbers:
    """The number of each signal's occasion, from 0, shape (n,).

    At an open with signals a new occasion begins where all that the present one has entered has
    left by then, or where it has gone on for twice the longest trade. Signals that entered nothing
    (renewals, or no room) belong to the present one; one without any trade joins the one before.

    Args:
        signals: fields as in `SIGNAL`, sorted by session.
        trades: what became of each signal, fields as in `TRADE`; no shares where it did not enter.

    """
    entered = trades["shares"] > 0
    left_at_open = np.isin(trades["reason"], (TIME, MARGIN_CALL))
    free_from = np.where(left_at_open, trades["exit_bar"], trades["exit_bar"] + 1)
    limit = _LONGEST * longest_trade(trades)
    numbers = np.zeros(len(signals), np.int64)
    number, first, until, has_trade = -1, 0, 0, True
    for session in np.unique(signals["bar"]):
        rows = np.flatnonzero(signals["bar"] == session)
        is_over = session >= until or session - first >= limit
        if number < 0 or (is_over and has_trade):
            number, first, until, has_trade = number + 1, session, session, False
        numbers[rows] = number
        acted = rows[entered[rows]]
        if len(acted):
            has_trade = True
            until = max(until, int(free_from[acted].max()))
    if number > 0 and not has_trade:
        numbers[numbers == number] = number - 1
    return numbers


def longest_trade(trades: NDArray[Any]) -> int:
    """Sessions of the longest trade, at least 1; one still open counts up to the last session."""
    made = trades[trades["shares"] > 0]
    spans = made["exit_bar"] - made["entry_bar"] + (made["reason"] == OPEN)
    return int(max(spans.max(initial=1), 1))
