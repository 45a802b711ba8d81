"""What the oracle holds: positions with their fills and their legs, and the plans to leave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from math import floor

from tests.oracle_terms import Signal, Trade


def level(base: float, distance: float) -> float:
    """A level off ``base``, to nine decimals: ten percent over 100 are 110, whatever floats say.

    Half a billionth is rounded up.
    """
    return floor(base * (1 + distance) * 1e9 + 0.5) / 1e9


def day(moment: date) -> date:
    """The session of a bar."""
    return moment.date() if isinstance(moment, datetime) else moment


@dataclass
class Lot:
    """The part of an event in a symbol of legs."""

    symbol: str
    size: int  # signed shares
    price: float = 0.0  # of its entry
    costs: float = 0.0  # commissions and borrow
    profit: float | None = None  # once it is closed

    def finish(self, price: float) -> None:
        self.profit = self.size * (price - self.price) - self.costs


@dataclass
class Position:
    """An open trade."""

    event_id: str
    symbol: str
    sign: int  # +1 long, -1 short
    session: date
    number: int  # how many trades were entered before it
    fills: list[tuple[int, float]] = field(default_factory=list)  # signed shares and price
    legs: list[Lot] = field(default_factory=list)
    commission: float = 0.0
    borrow: float = 0.0
    best: float | None = None  # best close since the entry; None during the entry session
    counted_from: int = 0  # index of the bar of the entry or of the last renewal
    hold: int | None = None
    leave: str = "open"
    stop: float | None = None  # level
    target: float | None = None  # level
    trailing_stop: float | None = None  # fraction
    levels: str = "session"
    passed: str = ""  # the level that its last close was beyond
    is_inside: bool = False  # entered at a limit within this session
    at_close: bool = False  # entered at this very close

    @property
    def shares(self) -> int:
        return self.sign * sum(size for size, _ in self.fills)

    def plan(self, signal: Signal, base: float, index: int) -> None:
        """Take the whole exit plan of the newest signal; levels are set from ``base``."""
        self.counted_from = index
        self.hold = signal.hold
        self.leave = "close" if signal.hold == 0 else signal.leave
        self.levels = signal.levels
        self.trailing_stop = signal.trailing_stop
        self.stop = self.target = None
        if signal.stop is not None:
            self.stop = level(base, -self.sign * signal.stop)
        if signal.target is not None:
            self.target = level(base, self.sign * signal.target)

    def nearest(self) -> tuple[float | None, str]:
        """The live one of stop and trailing stop."""
        stop, reason = self.stop, "stop"
        if self.trailing_stop is not None and self.best is not None:
            trailing = level(self.best, -self.sign * self.trailing_stop)
            if stop is None or self.sign * trailing > self.sign * stop:
                stop, reason = trailing, "trailing_stop"
        return stop, reason

    def look(self, close: float) -> None:
        """Whether a close is beyond a level."""
        stop, reason = self.nearest()
        if stop is not None and self.sign * close <= self.sign * stop:
            self.passed = reason
        elif self.target is not None and self.sign * close >= self.sign * self.target:
            self.passed = "target"

    def trade(self, session: date, reason: str) -> Trade:
        """The trade, once all of it has left: averages of its entries and of its exits."""
        into = [(abs(size), price) for size, price in self.fills if size * self.sign > 0]
        out = [(abs(size), price) for size, price in self.fills if size * self.sign < 0]
        shares = sum(size for size, _ in into)
        entry = sum(size * price for size, price in into) / shares
        left = sum(size * price for size, price in out) / shares
        gross = self.sign * shares * (left - entry)
        hedge = sum(lot.profit or 0.0 for lot in self.legs)
        return Trade(
            event_id=self.event_id,
            symbol=self.symbol,
            direction="long" if self.sign > 0 else "short",
            shares=shares,
            entry_session=self.session,
            entry_price=entry,
            exit_session=session,
            exit_price=left,
            exit_reason=reason,
            gross_profit=gross,
            commission=self.commission,
            borrow=self.borrow,
            net_profit=gross - self.commission - self.borrow + hedge,
            hedge_profit=hedge,
        )
