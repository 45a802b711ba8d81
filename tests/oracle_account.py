"""The account of the oracle: what it holds and owes, and the orders that change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import floor

from tests.oracle_parts import Costs, Leg, LimitEntry, Position, session_of
from tests.oracle_terms import Action, Bar, Point, Settings, Signal

ENDS = {"delisted": "delisted", "cash_merger": "merger"}  # why a trade ended, by kind of action


def sign_of(signal: Signal) -> int:
    """+1 long, -1 short; 0 for one that is flat."""
    return {"long": 1, "short": -1, "flat": 0}[signal.direction]


def of_last_share(
    actions: Sequence[Action], last: date, end: date, amount: float | None
) -> float | None:
    """What a share of the last session gets at an end, with what it was split to and paid."""
    between = [one for one in actions if last < one[0] < end and amount is not None]
    for _, action, value in sorted(between, key=lambda one: (one[0], one[1] != "split"))[::-1]:
        assert amount is not None
        if action == "dividend":
            amount += value or 0.0
        elif action == "split":
            amount *= value or 1.0
    return amount


@dataclass
class Account:
    """Cash, positions and legs, at the open or the close of one session."""

    bars: Mapping[str, Sequence[Bar]]
    signals: Sequence[Signal]
    rules: Settings
    borrow: Mapping[str, Sequence[tuple[date, float]]]
    actions: Mapping[str, Sequence[Action]]
    cash: float = 0.0
    ended: bool = False  # ruined: nothing is traded any more
    ruin_due: bool = False
    call_due: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    orphans: list[Position] = field(default_factory=list)  # their legs are still to leave
    limits: list[LimitEntry] = field(default_factory=list)
    leg_orders: list[tuple[Leg, float, float]] = field(default_factory=list)  # size, cash believed
    all_positions: list[Position] = field(default_factory=list)
    last_close: dict[str, float] = field(default_factory=dict)
    equity: list[Point] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    shorts: float = 0.0  # market value at the last close
    capped: set[str] = field(default_factory=set)
    interest: float = 0.0
    # Of the present session, and of its open or its close:
    session: date = date.min
    today: dict[str, Bar] = field(default_factory=dict)
    slip: dict[str, float] = field(default_factory=dict)
    at: str = "open"
    worth: float = 0.0  # equity that sizes are shares of
    price: dict[str, float] = field(default_factory=dict)  # what positions count at in the room

    def __post_init__(self) -> None:
        self.costs = Costs(self.bars, self.rules, self.actions)

    def begin(self, at: str) -> None:
        """Take equity and marks once, before any order; what is sized is a share of them.

        At the close too they are of this open, as nobody knows the close that he trades at.
        """
        self.at = at
        self.price = self.last_close | {symbol: bar.open for symbol, bar in self.today.items()}
        self.worth = self.cash + self.value(self.price)

    def held(self) -> list[tuple[str, Position]]:
        """The positions by symbol; a copy, so that they can be closed on the way."""
        return sorted(self.positions.items())

    def legs(self, symbol: str) -> list[Leg]:
        """The lots of a symbol that are legs."""
        owners = [*self.positions.values(), *self.orphans]
        return [leg for p in owners for leg in p.legs if leg.symbol == symbol]

    def leg_symbols(self) -> list[str]:
        owners = [*self.positions.values(), *self.orphans]
        return sorted({leg.symbol for p in owners for leg in p.legs})

    def net(self, symbol: str) -> float:
        return sum(leg.shares for leg in self.legs(symbol))

    def value(self, price: Mapping[str, float]) -> float:
        """Of all positions and legs."""
        leaders = sum(p.sign * p.shares * price[s] for s, p in self.held())
        return leaders + sum(self.net(s) * price[s] for s in self.leg_symbols())

    def slipped(self, symbol: str, price: float, side: int) -> float:
        """The price after slippage for a buyer (+1) or a seller (-1)."""
        return price * (1 + side * self.slip[symbol])

    def known(self, symbol: str, side: int) -> float:
        """The price that an order is sized at: the open with slippage, at the close too."""
        return self.slipped(symbol, self.today[symbol].open, side)

    def raw(self, symbol: str, side: int) -> float:
        """The price that an order is filled at: the open or the close with slippage."""
        return self.slipped(symbol, getattr(self.today[symbol], self.at), side)

    def buy(self, position: Position, shares: int, price: float) -> None:
        """Enter, or add to, a position at this price, which already bears its slippage."""
        fee = self.costs.commission(shares, price)
        self.cash -= position.sign * shares * price + fee
        position.commission += fee
        position.shares += shares
        position.entries.append((shares, price))

    def sell(self, position: Position, shares: int, price: float) -> None:
        """Sell of a long, or cover of a short, so many shares."""
        fee = self.costs.commission(shares, price)
        self.cash += position.sign * shares * price - fee
        position.commission += fee
        position.shares -= shares
        position.exits.append((shares, price))

    def enter(self, signal: Signal, shares: int, fill: float) -> Position:
        """Open a position; its levels are set from the fill."""
        number = len(self.all_positions)
        new = Position(signal.event_id, signal.symbol, sign_of(signal), self.session, number)
        self.buy(new, shares, fill)
        new.plan(signal, fill, self.costs.index(signal.symbol, self.session))
        self.positions[signal.symbol] = new
        self.all_positions.append(new)
        return new

    def leave(self, position: Position, reason: str) -> None:
        """A market order at the open or the close; the legs leave with it."""
        self.close(position, self.raw(position.symbol, -position.sign), reason)
        self.orphans.remove(position)
        self.leave_legs(position)

    def close(self, position: Position, price: float, reason: str) -> None:
        """Sell all at this price, which already bears its slippage; its legs wait for the close."""
        self.sell(position, position.shares, price)
        self.end(position, reason)

    def end(self, position: Position, reason: str) -> None:
        position.exit_session, position.reason = self.session, reason
        del self.positions[position.symbol]
        self.orphans.append(position)

    # actions --------------------------------------------------------------------------------

    def take_actions(self) -> None:
        """Before the open: the dividends and splits since each symbol's last bar."""
        for symbol in self.today:
            for _, action, amount in self.costs.due(symbol, self.costs.index(symbol, self.session)):
                assert amount is not None
                if action == "dividend":
                    self.pay_dividend(symbol, amount)
                else:
                    self.split(symbol, amount)

    def pay_dividend(self, symbol: str, amount: float) -> None:
        """A long is paid, a short pays."""
        held = self.positions.get(symbol)
        if held is not None:
            self.cash += held.sign * held.shares * amount
            held.dividends += held.sign * held.shares * amount
        for leg in self.legs(symbol):
            self.cash += leg.shares * amount
            leg.dividends += leg.shares * amount

    def split(self, symbol: str, ratio: float) -> None:
        """Whole shares stay, a fraction is paid for at the last close; of legs it stays."""
        self.last_close[symbol] /= ratio
        held = self.positions.get(symbol)
        if held is not None:
            rest, price = held.split(ratio), self.last_close[symbol]
            self.cash += held.sign * rest * price
            held.exits.append((rest, price))
            if held.shares == 0:
                self.end(held, "split")
        for leg in self.legs(symbol):
            leg.shares *= ratio

    def settle_ends(self) -> None:
        """What is held of a stock that has ended is paid out, without an order and its costs."""
        for symbol, position in self.held():
            close = self.bars[symbol][-1].close
            ends = [one for one in self.actions.get(symbol, ()) if one[1] in ENDS]
            if ends and self.session == self.settles_at(symbol, ends[0][0]):
                end, action, amount = ends[0]
                last = session_of(self.bars[symbol][-1])
                price = of_last_share(self.actions[symbol], last, end, amount)
                self.settle(position, close if price is None else price, ENDS[action])
            elif not ends and self.is_given_up(symbol):
                self.settle(position, close, "delisted")

    def settles_at(self, symbol: str, end: date) -> date:
        """The last bar of the last session before an end: the symbol's own, if it has one."""
        bars = [bar for rows in self.bars.values() for bar in rows if session_of(bar) < end]
        last = max(session_of(bar) for bar in bars)
        own = [bar.session for bar in self.bars[symbol] if session_of(bar) == last]
        return max(own or [bar.session for bar in bars if session_of(bar) == last])

    def settle(self, position: Position, price: float, reason: str) -> None:
        self.cash += position.sign * position.shares * price
        position.exits.append((position.shares, price))
        position.shares = 0
        self.end(position, reason)

    def is_given_up(self, symbol: str) -> bool:
        """Whether this bar is the last of the fifth session after a symbol's last bar or halt."""
        halts = [one[0] for one in self.actions.get(symbol, ()) if one[1] == "halted"]
        last = max([session_of(self.bars[symbol][-1]), *halts])
        moments = {bar.session: session_of(bar) for bars in self.bars.values() for bar in bars}
        closes = {moments[moment]: moment for moment in sorted(moments)}
        later = [session for session in sorted(closes) if session > last]
        return len(later) >= 5 and self.session == closes[later[4]]

    # legs -----------------------------------------------------------------------------------

    def legs_of(self, signal: Signal, shares: int, fill: float) -> list[Leg] | None:
        """The legs of so many shares, sized at the raw open; None where one is too small."""
        legs = []
        for symbol, by in signal.legs:
            number = floor(abs(by) * shares * fill / self.today[symbol].open + 0.5 + 1e-9)
            if number == 0:
                return None
            side = -sign_of(signal) if by > 0 else sign_of(signal)
            legs.append(Leg(symbol, side * number))
        return legs

    def can_pay(self, shares: int, fill: float, sign: int, legs: list[Leg]) -> bool:
        """Whether cash stays above zero through the leader's order and those of the legs."""
        cash = self.cash - sign * shares * fill - self.costs.commission(shares, fill)
        for leg in legs:
            cash += self.flow(leg.symbol, leg.shares)
            if cash < -1e-9:
                return False
        return True

    def flow(self, symbol: str, size: float) -> float:
        """What an order of a leg brings in as an order of its own."""
        price = self.raw(symbol, 1 if size > 0 else -1)
        return -size * price - self.costs.commission(abs(size), price)

    def order_leg(self, leg: Leg, size: float) -> None:
        """Order; until this open or close ends, cash believes it to be an order of its own."""
        believed = self.flow(leg.symbol, size)
        self.cash += believed
        self.leg_orders.append((leg, size, believed))

    def leave_legs(self, position: Position) -> None:
        for leg in position.legs:
            self.order_leg(leg, -leg.shares)
            leg.shares = 0

    def leave_orphans(self) -> None:
        """First of all at an open or a close: the legs whose leader has gone without them."""
        for position in self.orphans:
            self.leave_legs(position)
        self.orphans = []

    def settle_legs(self) -> None:
        """All orders of one symbol are one, of what is left when they are netted."""
        for symbol in sorted({leg.symbol for leg, _, _ in self.leg_orders}):
            orders = [order for order in self.leg_orders if order[0].symbol == symbol]
            net = sum(size for _, size, _ in orders)
            price, fee = getattr(self.today[symbol], self.at), 0.0
            if abs(net) >= 1e-9:  # fractions of a split may not add up to the last bit
                price = self.raw(symbol, 1 if net > 0 else -1)
                fee = self.costs.commission(abs(net), price)
            traded = sum(abs(size) for _, size, _ in orders)
            for leg, size, believed in orders:
                share = fee * abs(size) / traded
                leg.gross -= size * price
                leg.commission += share
                self.cash -= believed + size * price + share
        self.leg_orders = []
