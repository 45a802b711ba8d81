"""The words of the oracle: what goes into a simulation and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple


class Bar(NamedTuple):
    """One session of one symbol, or a finer bar, which has the moment of its open."""

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float = 1_000_000
    whole: bool = False  # a daily bar among finer ones, at the moment of its session's open
    belongs: date | None = None  # outside of regular hours, the session it belongs to


# Day, kind and amount: dollars a share of a ``dividend``, new shares for one of a ``split``, and
# dollars a share where a stock is ``delisted`` or ends in a ``cash_merger`` (None: its last close).
# On a day that is ``halted`` it has no bar.
Action = tuple[date, str, float | None]


@dataclass(frozen=True)
class Settings:
    """What the account starts with and what trading costs."""

    cash: float = 100_000.0
    commission_fixed: float = 0.0  # dollars an order
    commission_per_share: float = 0.005
    commission_bps: float = 0.0
    commission_min: float = 1.0
    commission_max: float = 0.01  # fraction of the order's value
    slippage_bps: float = 5.0
    slippage_range: float = 0.0  # share of the range of the session before
    extended_slippage_bps: float = 25.0  # outside of regular hours
    max_participation: float | None = None  # share of the median volume
    max_gross: float = 1.0
    max_positions: int | None = None  # held at a time
    min_order: float = 0.0  # dollars of an entry
    maintenance_margin: float = 0.30
    borrow_mode: str = "table"  # or 'flat' or 'none'
    borrow_default: float = 0.03
    borrow_collateral: float = 1.02
    borrow_day_count: int = 360
    cash_rate: float = 0.0  # a year
    hours: str = "regular"  # or 'extended': finer bars before the open and after the close trade


@dataclass(frozen=True)
class Signal:
    """What is wanted at the open of ``session``; ``published_at`` is anything that sorts."""

    session: date
    symbol: str
    direction: str  # 'long', 'short' or 'flat'
    weight: float | None = 0.95  # None: max_gross over max_positions
    hold: int | None = None
    hold_bars: int | None = None  # bars of the symbol
    leave_at: str | None = None  # a New York clock, such as '15:55', in the last session
    stop: float | None = None
    target: float | None = None
    trailing_stop: float | None = None
    published_at: Any = None
    event_id: str = ""
    priority: float = 0.0  # the higher, the sooner
    limit: float | None = None  # fraction better than the last close
    enter: str = "open"  # or 'close'
    leave: str = "open"  # or 'close': of a time exit and of a flat signal
    levels: str = "session"  # or 'close': when stop, target and trailing stop are looked at
    resize: bool = False
    legs: tuple[tuple[str, float], ...] = ()  # symbol, dollars of it for one of the stock


@dataclass(frozen=True)
class Trade:
    """One position from flat to flat, to a reversal, or to the end of the data.

    Its shares are all that were ever entered, its prices the means of all entries and all exits;
    both as of its last day, after all splits.
    """

    event_id: str
    symbol: str
    direction: str
    shares: float
    entry_session: date
    entry_price: float
    exit_session: date
    exit_price: float
    exit_reason: str
    gross_profit: float
    commission: float
    borrow: float
    net_profit: float
    hedge_profit: float = 0.0  # of its legs, after their costs; in the net profit
    dividends: float = 0.0  # below zero where a short has paid them; in the net profit
    entry_bar: datetime | None = None  # when its bar opened, in a session by bars
    exit_bar: datetime | None = None


class Point(NamedTuple):
    """The account at the close of one session."""

    session: date
    equity: float
    cash: float
    position_value: float


@dataclass(frozen=True)
class Outcome:
    """All that a simulation says: trades by entry, equity by session, the fate of each event."""

    trades: list[Trade]
    equity: list[Point]
    outcomes: dict[str, str]
    capped: set[str] = field(default_factory=set)  # events whose shares the volume has cut
    interest: float = 0.0
    # Of the whole account, its legs included.
    commission: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0
