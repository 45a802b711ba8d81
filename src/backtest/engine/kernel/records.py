"""What the kernel reads and writes: arrays of records, whose fields are named here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OUTCOMES = ("pending", "enter", "renew", "reverse", "superseded", "no_room", "ruined")
ENTER, RENEW, REVERSE, SUPERSEDED, NO_ROOM, RUINED = range(1, len(OUTCOMES))
CAPPED = 8  # added to the outcome of an entry that the volume has cut
REASONS = ("time", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open")
TIME, STOP, TARGET, TRAILING, REVERSAL, MARGIN_CALL, RUIN, OPEN = range(len(REASONS))

# Side by side, for one bar is one place in memory.
PRICES = np.dtype([("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8")])
# What a signal wants; NaN is no stop, no target and no trailing stop, and of the weight an equal
# part of the room; -1 is no time exit. One record fills one line of the memory's cache.
SIGNAL = np.dtype(
    [
        ("bar", "i8"), ("symbol", "i8"), ("side", "i4"), ("hold", "i4"), ("weight", "f8"),
        ("stop", "f8"), ("target", "f8"), ("trailing_stop", "f8"), ("priority", "f8"),
    ]
)  # fmt: skip
TRADE = np.dtype(
    [
        ("entry_bar", "i8"), ("exit_bar", "i8"), ("reason", "i8"), ("shares", "f8"),
        ("entry_price", "f8"), ("exit_price", "f8"), ("commission", "f8"), ("borrow", "f8"),
    ]
)  # fmt: skip
# What every bar looks at comes first: it fills one line of the memory's cache.
POSITION = np.dtype(
    [
        ("side", "i4"), ("last_bar", "i4"), ("hold", "i4"), ("sessions", "i4"), ("shares", "f8"),
        ("mark", "f8"), ("stop", "f8"), ("target", "f8"), ("trailing_stop", "f8"),
        ("best_close", "f8"), ("entry_price", "f8"), ("commission", "f8"), ("borrow", "f8"),
        ("symbol", "i8"), ("signal", "i8"), ("entry_bar", "i8"), ("unused", "f8", 2),
    ]
)  # fmt: skip
# Totals of one account. `profit` and `entered` add up net profit and entry value of trades; `peak`,
# `deepest` and `lowest` follow its equity; `returns` counts the sessions that were looked at, and
# the last four tell of their returns above cash. `is_ranked` and `lacks_weight` tell of signals.
ACCOUNT = np.dtype(
    [
        ("cash", "f8"), ("equity", "f8"), ("gross", "f8"), ("shorts", "f8"), ("free_cash", "f8"),
        ("is_ruined", "b1"), ("ruin_due", "b1"), ("margin_call", "b1"),
        ("is_ranked", "b1"), ("lacks_weight", "b1"), ("positions", "i8"),
        ("trades", "i8"), ("wins", "i8"), ("profit", "f8"), ("entered", "f8"), ("commission", "f8"),
        ("borrow", "f8"), ("interest", "f8"), ("peak", "f8"), ("deepest", "f8"),
        ("lowest", "f8"), ("session_equity", "f8"), ("returns", "i8"), ("total", "f8"),
        ("squares", "f8"), ("least", "f8"), ("most", "f8"),
    ],
    align=True,
)  # fmt: skip


_CACHE_LINE = 64  # bytes


def blank(shape: int | tuple[int, ...], records: np.dtype[Any]) -> NDArray[Any]:
    """An array of zeros, laid out so that no short record crosses a line of the memory's cache."""
    size = int(np.prod(shape)) * records.itemsize
    memory = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(records).reshape(shape)


class Bars(NamedTuple):
    """Bars by number and symbol.

    `prices` holds records of the type `PRICES`, NaN where a symbol has no bar, and `volume`
    shares. `session` numbers the session of each bar, `day` counts its days since 1970, `rates`
    holds annual borrow rates by row and session, and `rate_row` the row of each symbol.
    """

    prices: NDArray[Any]
    volume: NDArray[np.float64]
    session: NDArray[np.int64]
    day: NDArray[np.int64]
    rate_row: NDArray[np.int64]
    rates: NDArray[np.float64]


class Tables(NamedTuple):
    """What the kernel writes. Trades and curves are written where their tables have rows."""

    totals: NDArray[Any]
    outcomes: NDArray[np.int8]
    trades: NDArray[Any]
    equity: NDArray[np.float64]
    cash: NDArray[np.float64]


class Book(NamedTuple):
    """The positions that are held, side by side.

    `opens` holds their opens in the current bar, `places` by symbol its place among them plus 1
    (0 for none), `newest` by symbol the row of its newest signal.
    """

    positions: NDArray[Any]
    opens: NDArray[np.float64]
    places: NDArray[np.int64]
    newest: NDArray[np.int64]
