"""This module plans positions and their orders, and follows the account at an open or a close."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from backtest.engine import rules as rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.data.kinds import When
    from backtest.engine.replay.books import ExitReason
    from backtest.engine.rules import Rules
    from backtest.strategy.base import Signal


OrderType = Literal["market", "stop", "limit", "close"]


@dataclass(frozen=True)
class Quote:
    """A quote is what is known of a symbol at an open."""

    open: float  # dollars
    slip: float  # slippage of this bar, a fraction of the price
    most_shares: int | None = None  # the participation cap of an entry; None where there is none
    last_close: float | None = None  # dollars; None in its first bar
    begins: bool = True  # whether the bar is the stock's first of its session
    ends: bool = True  # whether the bar is the last of its session
    ends_day: bool = True  # whether it is the last of its session on its day, see `StockBars`
    clock: int = 0  # when the bar opens, as in `days_and_clock`
    is_extended: bool = False  # whether the bar is outside the trading hours


class Lot(NamedTuple):
    """A lot is one event's part of an order of legs: signed shares, and why they leave."""

    event_id: str
    size: float
    exit_reason: ExitReason | None


@dataclass(frozen=True)
class Order:
    """Describe an order for one bar."""

    symbol: str
    size: float  # signed shares, positive to buy
    type: OrderType  # `market` fills at the open, `close` at the close, the others rest between
    price: float  # the level of a resting order, dollars; otherwise the expected fill
    event_id: str  # the event behind an entry, or that of the trade that an exit leaves
    exit_reason: ExitReason | None = None  # why the position is left; None for an entry
    lots: tuple[Lot, ...] = ()  # of legs that it nets; they add up to its size, which may be 0


@dataclass(frozen=True)
class BarCount:
    """Number the current session and bar of a stock, each from 0."""

    sessions: int = -1
    bars: int = -1

    def after(self, quote: Quote) -> BarCount:
        """Return the count with one bar more."""
        return BarCount(self.sessions + quote.begins, self.bars + 1)


@dataclass
class Position:
    """A position is what is held, with the exit plan of its newest signal."""

    event_id: str
    direction: int  # +1 long, -1 short
    shares: int
    expires: int | None = None  # the symbol's session, or bar, at which time is up, by number
    counts_bars: bool = False  # whether the plan counts bars, not sessions
    planned: int = 0  # the symbol's bar in which the plan was made, by number
    leave_minute: int = 0  # of the day, in New York; 0 without one
    leave: When = "open"
    stop: float | None = None
    target: float | None = None
    trailing: float | None = None
    looks_at_closes: bool = False  # whether closes pass its levels, which otherwise rest as orders
    best_close: float | None = None  # since entry
    passed: ExitReason | None = None  # the level that its last close has passed

    @property
    def size(self) -> int:
        """Return the signed shares."""
        return self.direction * self.shares

    def plan(self, signal: Signal, price: float, count: BarCount) -> None:
        """Adopt the exit plan of a signal, with levels set from `price`."""
        side = self.direction
        self.counts_bars = signal.hold_bars is not None
        self.expires = None if signal.held is None else signal.held + self._count(count)
        self.planned, self.leave_minute = count.bars, signal.leave_minute
        self.leave = "close" if signal.hold == 0 else signal.leave
        self.stop = signal.stop and rule.stop_level(price, side, signal.stop)
        self.target = signal.target and rule.target_level(price, side, signal.target)
        self.trailing = signal.trailing_stop
        self.looks_at_closes = signal.levels == "close"

    def is_due(self, count: BarCount, quote: Quote, at: When) -> bool:
        """Tell whether its time is up at the open or the close of a bar."""
        if self.expires != self._count(count):
            return False
        if quote.is_extended and not self.counts_bars:
            return False
        if self.leave_minute and at == "open":
            return quote.clock >= self.leave_minute and count.bars > self.planned
        is_then = self.leave == at or self.leave_minute > 0
        return is_then and (at == "open" or self.counts_bars or quote.ends)

    def _count(self, count: BarCount) -> int:
        return count.bars if self.counts_bars else count.sessions

    def nearest_stop(self) -> tuple[float, ExitReason] | None:
        """Return the stop that is touched first, the fixed or the trailing one, and its reason."""
        levels: list[tuple[float, ExitReason]] = []
        if self.stop is not None:
            levels.append((self.stop, "stop"))
        if self.trailing is not None and self.best_close is not None:
            level = rule.stop_level(self.best_close, self.direction, self.trailing)
            levels.append((level, "trailing_stop"))
        return max(levels, key=lambda level: self.direction * level[0], default=None)

    def exits(self, symbol: str, *, has_target: bool) -> list[Order]:
        """Return the orders that rest through a bar: the stop, then the target."""
        if self.looks_at_closes:
            return []
        stop, orders, size = self.nearest_stop(), [], -self.size
        if stop is not None:
            orders.append(Order(symbol, size, "stop", stop[0], self.event_id, stop[1]))
        if has_target and self.target is not None and self.target > 0:  # no price reaches zero
            orders.append(Order(symbol, size, "limit", self.target, self.event_id, "target"))
        return orders

    def split(self, ratio: float, settled: float) -> None:
        """Adjust to a split, of which `settled` signed shares were paid in cash."""
        self.shares = round(self.shares * ratio - abs(settled))
        self.stop = self.stop and rule.level(self.stop / ratio)
        self.target = self.target and rule.level(self.target / ratio)
        self.best_close = self.best_close and self.best_close / ratio

    def see_close(self, close: float, *, has_entered: bool) -> None:
        """Note a level that a close has passed, then move the best close.

        A position that `has_entered` at this very close is not checked against its levels.
        """
        if self.looks_at_closes and not has_entered:
            stop, side = self.nearest_stop(), self.direction
            if stop is not None and side * close <= side * stop[0]:
                self.passed = stop[1]
            elif self.target is not None and side * close >= side * self.target:
                self.passed = "target"
        better = max if self.direction > 0 else min
        self.best_close = close if self.best_close is None else better(self.best_close, close)


@dataclass(frozen=True)
class HeldLeg:
    """A leg is held in another symbol against a position, and leaves with it."""

    event_id: str
    symbol: str
    size: float  # signed shares; a split may leave a fraction

    def split(self, symbol: str, ratio: float) -> HeldLeg:
        """Return the leg after a split of `symbol`, which may be another one."""
        return replace(self, size=self.size * ratio) if symbol == self.symbol else self


@dataclass(frozen=True)
class Waiting:
    """Hold an entry at a limit, which waits through the bars of its session on one day."""

    signal: Signal
    position: Position  # with the plan that it gets if it is filled in the current bar
    price: float
    is_reversal: bool
    fills_at_open: bool = False

    def cost(self, rules: Rules) -> float:
        """Return what it would cost, dollars, which is set aside; a short costs nothing."""
        shares = self.position.shares
        cost = shares * self.price + rule.commission(shares, self.price, rules)
        return cost if self.position.direction > 0 else 0.0

    def at_open(self, price: float, count: BarCount) -> Waiting:
        """Return the same entry in a bar that opens at a price, and plan its position."""
        side = self.position.direction
        fills_at_open = side * price <= side * self.price
        self.position.plan(self.signal, price if fills_at_open else self.price, count)
        return replace(self, fills_at_open=fills_at_open)


@dataclass
class Moment:
    """A moment is the account at an open or a close, as its orders change it."""

    at: When  # which of the two
    quotes: Mapping[str, Quote]  # of the symbols that have the bar
    prices: Mapping[str, float]  # what each trades at, before slippage: the opens, or the closes
    equity: float  # what weights are fractions of, dollars; known before the prices of a close
    cash: float  # dollars
    rules: Rules
    orders: list[Order] = field(default_factory=list)  # in the order in which they are executed
    lots: list[tuple[str, Lot]] = field(default_factory=list)  # of legs, to be netted by symbol

    @property
    def order_type(self) -> OrderType:
        """Return the type of its orders."""
        return "market" if self.at == "open" else "close"

    def fill(self, symbol: str, side: int) -> float:
        """Return the price that an order is filled at."""
        return rule.fill_price(self.prices[symbol], side, self.quotes[symbol].slip)

    def price_for_size(self, symbol: str, side: int) -> float:
        """Return the price that an order is sized by: the fill that it would have at the open."""
        quote = self.quotes[symbol]
        return rule.fill_price(quote.open, side, quote.slip)

    def trade(self, symbol: str, size: int, event_id: str, reason: ExitReason | None) -> None:
        """Order signed shares of a position; `reason` is None for an entry."""
        fill = self._pay(symbol, size)
        self.orders.append(Order(symbol, size, self.order_type, fill, event_id, reason))

    def trade_leg(self, leg: HeldLeg, reason: ExitReason | None) -> None:
        """Order a leg; until lots are netted it costs as much as an order of its own."""
        size = leg.size if reason is None else -leg.size
        self._pay(leg.symbol, size)
        self.lots.append((leg.symbol, Lot(leg.event_id, size, reason)))

    def _pay(self, symbol: str, size: float) -> float:
        """Take from cash what an order costs, and return the price that it is filled at."""
        fill = self.fill(symbol, 1 if size > 0 else -1)
        self.cash -= size * fill + rule.commission(abs(size), fill, self.rules)
        return fill

    def legs_of(self, signal: Signal, value: float) -> list[HeldLeg]:
        """Return the legs of an entry of a signed value, in shares counted at the opens."""
        return [
            HeldLeg(
                signal.event_id,
                leg.symbol,
                rule.hedge_shares(-value * leg.by, self.quotes[leg.symbol].open),
            )
            for leg in signal.legs
        ]

    def netted(self) -> list[Order]:
        """Return one order for the lots of each symbol, in order of symbols; its size may be 0."""
        orders = []
        for symbol in sorted({symbol for symbol, _ in self.lots}):
            lots = tuple(lot for of, lot in self.lots if of == symbol)
            size = sum(lot.size for lot in lots)
            size = 0.0 if rule.is_nothing(size) else size
            price = self.fill(symbol, 1 if size > 0 else -1) if size else self.prices[symbol]
            event_id = lots[0].event_id
            orders.append(Order(symbol, size, self.order_type, price, event_id, lots=lots))
        return orders
