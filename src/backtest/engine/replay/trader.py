"""The trader: turns signals into orders, session by session, by the rules of the design.

Within a session: at the open ruin and margin call, then new signals, then time exits; resting
orders through the session; at the close trailing stops move and margin is checked. It knows no
engine: it gets opens, cash and closes, and answers with orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Literal

from backtest.engine import rules as rule
from backtest.engine.replay.books import ExitReason, Order, Quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.engine.rules import Rules
    from backtest.strategy.base import Signal

Outcome = Literal["enter", "renew", "reverse", "superseded", "no_room", "ruined"]


@dataclass
class _Position:
    """A position as the trader plans it, with the exit plan of its newest signal."""

    event_id: str
    direction: int  # +1 long, -1 short
    shares: int
    expires: int | None = None  # count of the symbol's sessions at which time is up
    stop: float | None = None
    target: float | None = None
    trailing: float | None = None
    best_close: float | None = None  # since entry

    @property
    def size(self) -> int:
        return self.direction * self.shares

    def plan(self, signal: Signal, price: float, clock: int) -> None:
        """Take over the exit plan of a signal, with levels set from `price`."""
        side = self.direction
        self.expires = None if signal.hold is None else clock + signal.hold
        self.stop = signal.stop and rule.stop_level(price, side, signal.stop)
        self.target = signal.target and rule.target_level(price, side, signal.target)
        self.trailing = signal.trailing_stop

    def nearest_stop(self) -> tuple[float, ExitReason] | None:
        """The stop that is touched first: the fixed one or the trailing one."""
        levels: list[tuple[float, ExitReason]] = []
        if self.stop is not None:
            levels.append((self.stop, "stop"))
        if self.trailing is not None and self.best_close is not None:
            level = rule.stop_level(self.best_close, self.direction, self.trailing)
            levels.append((level, "trailing_stop"))
        return max(levels, key=lambda level: self.direction * level[0], default=None)


@dataclass
class _Open:
    """The account at an open, as the orders of that open change it."""

    quotes: Mapping[str, Quote]
    equity: float
    cash: float
    orders: list[Order]


class Trader:
    """Plans the orders of one account."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._positions: dict[str, _Position] = {}
        self._clock: dict[str, int] = {}
        self._marks: dict[str, float] = {}
        self._margin_call = False
        self._ruin_due = False
        self.is_ruined = False
        self.outcomes: dict[str, Outcome] = {}
        self.notes: dict[str, str] = {}  # by event id, what bound an order

    def at_open(
        self, quotes: Mapping[str, Quote], cash: float, signals: Sequence[Signal]
    ) -> list[Order]:
        """The market orders of an open, in the order in which they are executed.

        Args:
            quotes: the quote of every symbol that trades in this session.
            cash: cash after borrow and interest, dollars.
            signals: the signals of this open, in order of publication, symbol, event id.

        """
        for symbol, quote in quotes.items():
            self._clock[symbol] = self._clock.get(symbol, -1) + 1
            self._marks[symbol] = quote.open
        equity = cash + sum(p.size * self._marks[s] for s, p in self._positions.items())
        opening = _Open(quotes, equity, cash, [])
        self._end_if_ruined(opening)
        self._answer_margin_call(opening)
        for signal in self._acting(signals):
            self._act(signal, opening)
        self._exit_on_time(opening)
        return opening.orders

    def resting(self, symbol: str) -> list[Order]:
        """The stop and the target that rest through the session, the stop first."""
        position = self._positions.get(symbol)
        if position is None:
            return []
        orders = []
        stop = position.nearest_stop()
        if stop is not None:
            level, reason = stop
            orders.append(self._exit_order(symbol, position, "stop", level, reason))
        if position.target is not None and position.target > 0:  # no price reaches zero
            orders.append(self._exit_order(symbol, position, "limit", position.target, "target"))
        return orders

    def left(self, symbol: str) -> None:
        """A resting order was filled: the position is gone."""
        del self._positions[symbol]

    def at_close(self, closes: Mapping[str, float], equity: float) -> None:
        """Mark the positions, move trailing stops, check margin and ruin for the next open."""
        self._marks.update(closes)
        for symbol, position in self._positions.items():
            if symbol in closes:
                best, close = position.best_close, closes[symbol]
                better = max if position.direction > 0 else min
                position.best_close = close if best is None else better(best, close)
        shorts = -sum(min(p.size, 0) * self._marks[s] for s, p in self._positions.items())
        self._margin_call = rule.is_margin_call(equity, shorts, self._rules)
        self._ruin_due = equity <= 0

    def _end_if_ruined(self, opening: _Open) -> None:
        if self._ruin_due or opening.equity <= 0:
            self.is_ruined = True
        if self.is_ruined:  # also later on: a halted stock is left when it opens again
            for symbol in list(self._positions):
                self._leave(symbol, "ruin", opening)

    def _answer_margin_call(self, opening: _Open) -> None:
        if self._margin_call:
            for symbol in [s for s, p in self._positions.items() if p.direction < 0]:
                self._leave(symbol, "margin_call", opening)

    def _acting(self, signals: Sequence[Signal]) -> list[Signal]:
        """Of several signals on one symbol the one published last, by priority; none after ruin."""
        last = {signal.symbol: signal for signal in signals}
        acting = []
        for signal in signals:
            if self.is_ruined:
                self.outcomes[signal.event_id] = "ruined"
            elif last[signal.symbol] is signal:
                acting.append(signal)
            else:
                self.outcomes[signal.event_id] = "superseded"
        return sorted(acting, key=lambda signal: -signal.priority)

    def _act(self, signal: Signal, opening: _Open) -> None:
        direction = 1 if signal.direction == "long" else -1
        position = self._positions.get(signal.symbol)
        if position is not None and position.direction == direction:
            open_price = opening.quotes[signal.symbol].open
            position.plan(signal, open_price, self._clock[signal.symbol])
            self.outcomes[signal.event_id] = "renew"
            return
        if position is not None:
            self._leave(signal.symbol, "reversal", opening)
        entered = self._enter(signal, direction, opening)
        done: Outcome = "enter" if position is None else "reverse"
        self.outcomes[signal.event_id] = done if entered else "no_room"

    def _enter(self, signal: Signal, direction: int, opening: _Open) -> bool:
        most = self._rules.max_positions
        if most is not None and len(self._positions) >= most:
            return False
        symbol = signal.symbol
        quote = opening.quotes[symbol]
        fill = rule.fill_price(quote.open, direction, quote.slip)
        shares = self._size(signal, direction, fill, opening)
        if not rule.is_sent(shares, fill, self._rules):
            return False
        position = _Position(signal.event_id, direction, shares)
        position.plan(signal, fill, self._clock[symbol])
        self._positions[symbol] = position
        self._marks[symbol] = fill  # a position of this open counts at its fill for the room left
        self._trade(Order(symbol, position.size, "market", fill, signal.event_id), opening)
        return True

    def _size(self, signal: Signal, direction: int, fill: float, opening: _Open) -> int:
        gross = sum(p.shares * self._marks[s] for s, p in self._positions.items())
        room = self._rules.max_gross * opening.equity - gross
        weight = rule.share_of_equity(nan if signal.weight is None else signal.weight, self._rules)
        shares = rule.shares_for(min(weight * opening.equity, room), fill)
        cap = opening.quotes[signal.symbol].most_shares
        if cap is not None and cap < shares:
            self.notes[signal.event_id] = f"cut to {cap:,} shares by participation"
            shares = cap
        affordable = rule.affordable_long if direction > 0 else rule.affordable_short
        return affordable(shares, fill, opening.cash, self._rules)

    def _exit_on_time(self, opening: _Open) -> None:
        for symbol, position in list(self._positions.items()):
            if symbol in opening.quotes and position.expires == self._clock[symbol]:
                self._leave(symbol, "time", opening)

    def _leave(self, symbol: str, reason: ExitReason, opening: _Open) -> None:
        if symbol not in opening.quotes:  # its prices have ended: it stays, marked
            return
        position = self._positions.pop(symbol)
        quote = opening.quotes[symbol]
        fill = rule.fill_price(quote.open, -position.direction, quote.slip)
        self._trade(self._exit_order(symbol, position, "market", fill, reason), opening)

    def _trade(self, order: Order, opening: _Open) -> None:
        cost = rule.commission(abs(order.size), order.price, self._rules)
        opening.cash -= order.size * order.price + cost
        opening.orders.append(order)

    @staticmethod
    def _exit_order(
        symbol: str,
        position: _Position,
        kind: Literal["market", "stop", "limit"],
        price: float,
        reason: ExitReason,
    ) -> Order:
        return Order(symbol, -position.size, kind, price, position.event_id, reason)
