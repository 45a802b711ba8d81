"""This package runs the trading rules compiled: thousands of replays a second.

The module itself names the fields of the records that the kernel reads and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtest.engine.rules import Rules


def _codes(names: Sequence[str]) -> Iterable[int]:
    # Numbers of numpy, because numba compiles a function anew for each literal of Python.
    return (np.int64(code) for code in range(len(names)))  # type: ignore[misc]


OUTCOMES = (
    "pending", "enter", "renew", "reverse", "superseded", "no_room", "ruined", "resize", "leave",
    "not_filled", "nothing_held",
)  # fmt: skip
(
    PENDING, ENTER, RENEW, REVERSE, SUPERSEDED, NO_ROOM, RUINED, RESIZE, LEAVE, NOT_FILLED,
    NOTHING_HELD,
) = _codes(OUTCOMES)  # fmt: skip
CAPPED = 16  # added to the outcome of an entry that the participation cap has cut
REASONS = (
    "time", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open", "signal",
    "split", "delisted", "merger",
)  # fmt: skip
(
    TIME, STOP, TARGET, TRAILING, REVERSAL, MARGIN_CALL, RUIN, OPEN, SIGNALLED, SPLIT, DELISTED,
    MERGER,
) = _codes(REASONS)  # fmt: skip
DIVIDEND = np.int64(len(REASONS))  # the one action that is no reason to leave
FILL_TIMES = ("open", "session", "close")
AT_OPEN, IN_SESSION, AT_CLOSE = _codes(FILL_TIMES)
# The flags of a signal, each a bit of `terms`.
ENTERS_AT_CLOSE, LEAVES_AT_CLOSE, LOOKS_AT_CLOSES, RESIZES, IS_FLAT, IS_LEG, WAITS, HOLDS_BARS = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip

# The prices of a bar stand side by side, so that one read of memory fetches them.
PRICES = np.dtype([("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8")])
# A signal. NaN means no stop, target, trailing stop or limit; as the weight an equal part of the
# room. A `hold` of -1 is no time exit; `leave_at` is a minute of the day, or 0. A leg has its own
# side and weight, the rest is its leader's. One record fills one line of the memory's cache.
SIGNAL = np.dtype(
    [
        ("bar", "i4"), ("symbol", "i4"), ("side", "i1"), ("terms", "u1"), ("leave_at", "u2"),
        ("hold", "i4"), ("weight", "f8"), ("stop", "f8"), ("target", "f8"),
        ("trailing_stop", "f8"), ("priority", "f8"), ("limit", "f8"),
    ]
)  # fmt: skip
# A trade. `shares` are all that were entered, at the average `entry_price`; the sizes of the first
# and the last fill are signed; `terms` are those of its last plan. A signal that resized has its
# own fill as the first, and no shares; a leg has nothing but its two fills.
TRADE = np.dtype(
    [
        ("entry_bar", "i8"), ("exit_bar", "i8"), ("reason", "i2"), ("entered_at", "i2"),
        ("left_at", "i2"), ("terms", "i2"), ("shares", "f8"), ("entry_price", "f8"),
        ("exit_price", "f8"), ("commission", "f8"), ("borrow", "f8"), ("first_size", "f8"),
        ("first_price", "f8"), ("last_size", "f8"), ("last_price", "f8"), ("hedge_profit", "f8"),
        ("dividends", "f8"),
    ]
)  # fmt: skip
# A position. What every bar reads comes first, and fills one line of the memory's cache. `passed`
# is the reason of a level that the last close has passed, plus 1. `entered` counts all shares that
# were entered, `exit_price` is the average of those that have left. `sessions` counts the sessions
# held, or bars where the plan counts those; `planned` is the bar of the plan.
POSITION = np.dtype(
    [
        ("side", "i1"), ("terms", "u1"), ("passed", "i1"), ("waits", "b1"), ("last_bar", "i4"),
        ("hold", "i4"), ("sessions", "i4"), ("shares", "f8"), ("mark", "f8"), ("stop", "f8"),
        ("target", "f8"), ("trailing_stop", "f8"), ("best_close", "f8"), ("entry_price", "f8"),
        ("commission", "f8"), ("borrow", "f8"), ("symbol", "i4"), ("entry_bar", "i4"),
        ("signal", "i8"), ("entered_at", "i2"), ("legs", "i2"), ("short_legs", "i2"),
        ("leave_at", "u2"), ("entered", "f8"), ("exit_price", "f8"), ("dividends", "f8"),
        ("planned", "i8"),
    ]
)  # fmt: skip
# An action on a symbol: `what` is `SPLIT` or `DIVIDEND`, before the open of a bar, or an end, at
# its close; `value` is new shares for an old one, or dollars a share.
ACTION = np.dtype([("symbol", "i8"), ("what", "i8"), ("value", "f8")])
# A leg that is held: signed shares, what they were entered at and have cost, its `row` among the
# signals and that of its `leader`. `pending` are signed shares that wait to be netted, `paid` what
# they count as until then, `net` its net profit, `leader_net` its leader's once that has left.
LEG = np.dtype(
    [
        ("symbol", "i8"), ("row", "i8"), ("leader", "i8"), ("size", "f8"), ("price", "f8"),
        ("costs", "f8"), ("pending", "f8"), ("paid", "f8"), ("net", "f8"), ("leader_net", "f8"),
        ("is_left_behind", "b1"),
    ],
    align=True,
)  # fmt: skip
# The totals of one account. `profit` and `entered` add up net profit and entry value of trades;
# `peak`, `deepest` and `lowest` follow its equity; `returns` counts the sessions that were seen,
# and the last four are figures of their returns above cash. `is_ranked` and `lacks_weight` are
# about signals; so are `uses_close`, whether any trades at a close, and `gives_up`, whether any is
# flat or resizes. `is_passed` says whether a position has passed a level, `waiting` counts entries
# at a limit.
ACCOUNT = np.dtype(
    [
        ("cash", "f8"), ("equity", "f8"), ("gross", "f8"), ("shorts", "f8"), ("free_cash", "f8"),
        ("is_ruined", "b1"), ("ruin_due", "b1"), ("margin_call", "b1"),
        ("is_ranked", "b1"), ("lacks_weight", "b1"), ("uses_close", "b1"), ("gives_up", "b1"),
        ("is_passed", "b1"), ("positions", "i8"), ("legs", "i8"), ("waiting", "i8"),
        ("trades", "i8"), ("wins", "i8"), ("profit", "f8"), ("entered", "f8"), ("commission", "f8"),
        ("borrow", "f8"), ("dividends", "f8"), ("interest", "f8"), ("peak", "f8"),
        ("deepest", "f8"), ("lowest", "f8"), ("session_equity", "f8"), ("returns", "i8"),
        ("total", "f8"), ("squares", "f8"), ("least", "f8"), ("most", "f8"),
    ],
    align=True,
)  # fmt: skip


_CACHE_LINE = 64  # bytes


def blank(shape: int | tuple[int, ...], records: np.dtype[Any]) -> NDArray[Any]:
    """Make an array of zeros in which no short record crosses a line of the memory's cache."""
    size = int(np.prod(shape)) * records.itemsize
    memory = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(records).reshape(shape)


class Bars(NamedTuple):
    """Hold bars by number and symbol.

    `prices` holds records of `PRICES`, NaN where a symbol has no bar, and `volume` shares.
    `session` numbers the session of each bar, `day` is its day as a count since 1970, and
    `day_number` numbers the days. `rates` holds annual borrow rates by row and number of the day,
    `rate_row` the row of each symbol. `clock` and `kinds` of each bar are those of `engine.bars`.
    `actions` holds records of `ACTION`; those of a bar are the rows from `first_action[bar]` up to
    the next bar's.
    """

    prices: NDArray[Any]
    volume: NDArray[np.float64]
    session: NDArray[np.int64]
    day: NDArray[np.int64]
    day_number: NDArray[np.int64]
    rate_row: NDArray[np.int64]
    rates: NDArray[np.float64]
    clock: NDArray[np.int64]
    kinds: NDArray[np.int8]
    actions: NDArray[Any]
    first_action: NDArray[np.int64]


class Tables(NamedTuple):
    """Take what the kernel writes: trades and curves where their tables have rows."""

    totals: NDArray[Any]
    outcomes: NDArray[np.int8]
    trades: NDArray[Any]
    equity: NDArray[np.float64]
    cash: NDArray[np.float64]


class Book(NamedTuple):
    """Hold the positions of an account side by side, and its legs.

    `opens` are the opens of the positions in the current bar, `slots` has each symbol's slot
    among them plus 1 (0 for none), `newest` the row of each symbol's newest signal. `net` are the
    signed shares of the legs by symbol; `shares` and `sizes` are room to add up in, by symbol.
    """

    positions: NDArray[Any]
    opens: NDArray[np.float64]
    slots: NDArray[np.int64]
    newest: NDArray[np.int64]
    legs: NDArray[Any]
    net: NDArray[np.float64]
    shares: NDArray[np.float64]
    sizes: NDArray[np.float64]


class RuleNumbers(NamedTuple):
    """Hold those `Rules` that the kernel trades by, as numbers; NaN for None."""

    cash: float
    commission_per_share: float
    commission_fixed: float
    commission_bps: float
    commission_min: float
    commission_max: float
    slippage_bps: float
    extended_slippage_bps: float
    slippage_range: float
    max_participation: float
    max_gross: float
    max_positions: float
    min_order: float
    maintenance_margin: float
    borrow_collateral: float
    borrow_day_count: float
    cash_rate: float


def numbers_of(rules: Rules) -> RuleNumbers:
    """Return the rules as numbers."""
    values = (getattr(rules, name) for name in RuleNumbers._fields)
    return RuleNumbers(*(np.nan if value is None else float(value) for value in values))
