"""An independent simulation of the trading rules: naive, slow, standard library only.

It shares no code with the engine and takes the rules of ``design.md`` literally, one session
after the other, one symbol after the other. Where it and the engine differ, one of them is wrong.

    outcome = simulate(bars, signals, settings, borrow)

Rows of bars are ``(session, open, high, low, close)``, with the volume as a sixth if it matters.
Finer bars have the moment of their open in place of the session, and so have the signals on them:
each rule holds with *bar* for session, but nights, interest and ``hold`` go by the date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from math import floor
from statistics import median
from typing import Any

from tests.oracle_terms import Bar, Outcome, Point, Settings, Signal, Trade


def level(base: float, distance: float) -> float:
    """A level off ``base``, to nine decimals: ten percent over 100 are 110, whatever floats say.

    Half a billionth is rounded up.
    """
    return floor(base * (1 + distance) * 1e9 + 0.5) / 1e9


def day(moment: date) -> date:
    """The session of a bar."""
    return moment.date() if isinstance(moment, datetime) else moment


@dataclass
class _Position:
    """An open trade."""

    event_id: str
    symbol: str
    sign: int  # +1 long, -1 short
    shares: int
    entry_session: date
    entry_price: float
    number: int  # how many trades were entered before it
    commission: float
    borrow: float = 0.0
    best: float | None = None  # best close since the entry; None during the entry session
    counted_from: int = 0  # index of the bar of the entry or of the last renewal
    hold: int | None = None
    stop: float | None = None  # level
    target: float | None = None  # level
    trailing_stop: float | None = None  # fraction

    def plan(self, signal: Signal, base: float, index: int) -> None:
        """Take the whole exit plan of the newest signal; levels are set from ``base``."""
        self.counted_from = index
        self.hold = signal.hold
        self.trailing_stop = signal.trailing_stop
        self.stop = self.target = None
        if signal.stop is not None:
            self.stop = level(base, -self.sign * signal.stop)
        if signal.target is not None:
            self.target = level(base, self.sign * signal.target)


@dataclass
class _Simulation:
    bars: Mapping[str, Sequence[Bar]]
    signals: Sequence[Signal]
    rules: Settings
    borrow: Mapping[str, Sequence[tuple[date, float]]]
    cash: float = 0.0
    ended: bool = False  # ruined: nothing is traded any more
    ruin_due: bool = False
    call_due: bool = False
    positions: dict[str, _Position] = field(default_factory=dict)
    last_close: dict[str, float] = field(default_factory=dict)
    trades: list[tuple[int, Trade]] = field(default_factory=list)
    equity: list[Point] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    entered: int = 0
    slip: dict[str, float] = field(default_factory=dict)  # of this session
    shorts: float = 0.0  # market value at the last close
    capped: set[str] = field(default_factory=set)
    interest: float = 0.0

    def run(self) -> Outcome:
        """Walk through the sessions; within one, the order of the design."""
        self.cash = self.rules.cash
        rows = {symbol: {bar.session: bar for bar in table} for symbol, table in self.bars.items()}
        for session in sorted({day for table in rows.values() for day in table}):
            today = {s: rows[s][session] for s in sorted(rows) if session in rows[s]}
            self.slip = {symbol: self.slippage(symbol, session) for symbol in today}
            self.pay_borrow(today)  # (1) borrow for the nights since the last session,
            self.earn_interest(session)  # then interest for them
            self.at_the_open(session, today)  # (2) ruin, margin call, signals, time exits
            self.through_the_session(today)  # (3) resting orders
            self.at_the_close(session, today)  # (4) mark, trailing stop, margin
        for position in self.positions.values():  # last bar: open trades stay open
            last = self.bars[position.symbol][-1]
            self.record(position, last.session, last.close, "open")
        trades = [trade for _, trade in sorted(self.trades, key=lambda pair: pair[0])]
        return Outcome(trades, self.equity, self.outcomes, self.capped, self.interest)

    # (1) ------------------------------------------------------------------------------------

    def pay_borrow(self, today: dict[str, Bar]) -> None:
        """Each short pays for its last night, even if it is closed at this open."""
        for symbol, bar in today.items():
            position = self.positions.get(symbol)
            if position is None or position.sign > 0 or self.rules.borrow_mode == "none":
                continue
            last = self.bars[symbol][self.index(symbol, bar.session) - 1]
            night, morning = day(last.session), day(bar.session)
            if night == morning:
                continue
            dated = [pair for pair in self.borrow.get(symbol, ()) if pair[0] <= night]
            known = dated and self.rules.borrow_mode == "table"
            rate = max(dated)[1] if known else self.rules.borrow_default
            value = position.shares * last.close * self.rules.borrow_collateral
            fee = value * rate / self.rules.borrow_day_count * (morning - night).days
            self.cash -= fee
            position.borrow += fee

    def earn_interest(self, session: date) -> None:
        """On the cash of the last close that is not the proceeds of shorts; never after ruin."""
        if not self.equity or self.ended or self.ruin_due:
            return
        last = self.equity[-1]
        free, days = max(0.0, last.cash - self.shorts), (day(session) - day(last.session)).days
        earned = free * self.rules.cash_rate / self.rules.borrow_day_count * days
        self.cash += earned
        self.interest += earned

    # (2) ------------------------------------------------------------------------------------

    def at_the_open(self, session: date, today: dict[str, Bar]) -> None:
        arrived = [signal for signal in self.signals if signal.session == session]
        # Equity is taken once, before any order; a symbol without a bar counts at its last close.
        price = {s: today[s].open if s in today else self.last_close[s] for s in self.positions}
        equity = self.cash + sum(p.sign * p.shares * price[s] for s, p in self.held())
        if self.ruin_due or equity <= 0:
            self.ended = True
        if self.ended:
            self.close_all(today, "ruin", lambda position: True)
            for signal in arrived:
                self.outcomes[signal.event_id] = "ruined"
            return
        if self.call_due:
            self.close_all(today, "margin_call", lambda position: position.sign < 0)
        for signal in self.acting(arrived):
            self.outcomes[signal.event_id] = self.serve(signal, today, equity, price)
        for symbol, position in self.held():
            if symbol in today and position.hold is not None:
                now = self.index(symbol, session)
                if self.sessions(symbol, position.counted_from, now) == position.hold:
                    self.close_at_the_open(position, today[symbol], "time")

    def acting(self, arrived: list[Signal]) -> list[Signal]:
        """Of each symbol the signal published last, in the order in which they are served."""
        newest: dict[str, Signal] = {}
        for signal in sorted(arrived, key=lambda s: (s.published_at, s.event_id)):
            if signal.symbol in newest:
                self.outcomes[newest[signal.symbol].event_id] = "superseded"
            newest[signal.symbol] = signal
        served = sorted(newest.values(), key=lambda s: (s.published_at, s.symbol, s.event_id))
        served.sort(key=lambda s: s.priority, reverse=True)  # what is equal keeps its turn
        return served

    def close_all(
        self, today: dict[str, Bar], reason: str, chosen: Callable[[_Position], bool]
    ) -> None:
        """Close the chosen positions at this open; one whose data has ended cannot be closed."""
        for symbol, position in self.held():
            if symbol in today and chosen(position):
                self.close_at_the_open(position, today[symbol], reason)

    def serve(
        self, signal: Signal, today: dict[str, Bar], equity: float, price: dict[str, float]
    ) -> str:
        """Act on the newest signal of a symbol and tell what was done.

        ``price`` values the other positions: this open, or the fill of an entry at this open.
        """
        symbol, bar = signal.symbol, today[signal.symbol]
        sign = 1 if signal.direction == "long" else -1
        index = self.index(symbol, bar.session)
        held = self.positions.get(symbol)
        if held is not None and held.sign == sign:  # shares stay, the plan is new, from the open
            held.plan(signal, bar.open, index)
            return "renew"
        if held is not None:  # a reversal is two orders
            self.close_at_the_open(held, bar, "reversal")
        if self.rules.max_positions is not None and self.rules.max_positions <= len(self.positions):
            return "no_room"  # all seats are taken; a reversal has just left its own
        fill = self.slipped(symbol, bar.open, sign)
        others = sum(p.shares * price[s] for s, p in self.held() if s != symbol)
        weight = signal.weight
        if weight is None:
            weight = self.rules.max_gross / self.rules.max_positions
        shares = floor(weight * equity / fill + 1e-9)  # 90.01 buy 9,001 at 0.01
        shares = min(shares, floor((self.rules.max_gross * equity - others) / fill + 1e-9))
        most = self.participation(symbol, index)
        if most is not None and shares > most:
            shares = most
            self.capped.add(signal.event_id)
        if sign > 0:
            shares = self.affordable(shares, fill)
        elif self.cash + shares * fill - self.commission(shares, fill) < -1e-9:
            shares = 0
        too_small = shares * fill < self.rules.min_order - 1e-9
        if shares <= 0 or too_small:
            return "no_room"
        fee = self.commission(shares, fill)
        self.cash -= sign * shares * fill + fee
        new = _Position(signal.event_id, symbol, sign, shares, bar.session, fill, self.entered, fee)
        new.plan(signal, fill, index)
        self.positions[symbol] = new
        self.entered += 1
        price[symbol] = fill
        return "enter" if held is None else "reverse"

    def affordable(self, shares: int, fill: float) -> int:
        """The largest number up to ``shares`` whose value and commission the cash can pay."""
        enough, too_many = 0, max(shares, 0) + 1
        while too_many - enough > 1:  # value plus commission never falls with the number
            middle = (enough + too_many) // 2
            if middle * fill + self.commission(middle, fill) <= self.cash + 1e-9:
                enough = middle
            else:
                too_many = middle
        return enough

    # (3) ------------------------------------------------------------------------------------

    def through_the_session(self, today: dict[str, Bar]) -> None:
        """Stop before target, at the levels set by now."""
        for symbol, position in self.held():
            if symbol not in today:
                continue
            bar, sign = today[symbol], position.sign
            stop, reason = position.stop, "stop"
            if position.trailing_stop is not None and position.best is not None:
                trailing = level(position.best, -sign * position.trailing_stop)
                if stop is None or sign * trailing > sign * stop:  # the nearer one is live
                    stop, reason = trailing, "trailing_stop"
            if stop is not None and (bar.low <= stop if sign > 0 else bar.high >= stop):
                raw = min(stop, bar.open) if sign > 0 else max(stop, bar.open)
                self.close(position, bar.session, self.slipped(symbol, raw, -sign), reason)
                continue
            target = position.target
            if target is not None and (bar.high >= target if sign > 0 else bar.low <= target):
                fill = max(target, bar.open) if sign > 0 else min(target, bar.open)
                self.close(position, bar.session, fill, "target")

    # (4) ------------------------------------------------------------------------------------

    def at_the_close(self, session: date, today: dict[str, Bar]) -> None:
        """Mark; move the best close; see whether margin or ruin is due at the next open."""
        for symbol, bar in today.items():
            self.last_close[symbol] = bar.close
            position = self.positions.get(symbol)
            if position is not None:
                best = bar.close if position.best is None else position.best
                position.best = max(best, bar.close) if position.sign > 0 else min(best, bar.close)
        value = sum(p.sign * p.shares * self.last_close[s] for s, p in self.held())
        self.shorts = sum(p.shares * self.last_close[s] for s, p in self.held() if p.sign < 0)
        equity = self.cash + value
        self.equity.append(Point(session, equity, self.cash, value))
        needed = self.rules.maintenance_margin * self.shorts
        self.call_due = self.shorts > 0 and equity < needed
        self.ruin_due = equity <= 0

    # helpers --------------------------------------------------------------------------------

    def held(self) -> list[tuple[str, _Position]]:
        """The positions by symbol; a copy, so that they can be closed on the way."""
        return sorted(self.positions.items())

    def index(self, symbol: str, session: date) -> int:
        """Which of the symbol's own sessions this is."""
        return [bar.session for bar in self.bars[symbol]].index(session)

    def sessions(self, symbol: str, first: int, last: int) -> int:
        """How many of the symbol's sessions have begun after its bar ``first``, up to ``last``."""
        return len({day(bar.session) for bar in self.bars[symbol][first : last + 1]}) - 1

    def slippage(self, symbol: str, session: date) -> float:
        """A fraction: basis points, and a share of the range of the symbol's session before."""
        slip, index = self.rules.slippage_bps * 1e-4, self.index(symbol, session)
        if index > 0:
            last = self.bars[symbol][index - 1]
            slip += self.rules.slippage_range * (last.high - last.low) / last.close
        return min(slip, 0.99)

    def slipped(self, symbol: str, price: float, side: int) -> float:
        """The price after slippage for a buyer (+1) or a seller (-1)."""
        return price * (1 + side * self.slip[symbol])

    def participation(self, symbol: str, index: int) -> int | None:
        """The most shares that the volume of the twenty sessions before lets an entry take."""
        before = self.bars[symbol][max(index - 20, 0) : index]
        if self.rules.max_participation is None or not before:
            return None
        return floor(self.rules.max_participation * median(bar.volume for bar in before))

    def commission(self, shares: int, price: float) -> float:
        """Of one order. The minimum applies only where a commission is charged at all."""
        rules = self.rules
        charge = rules.commission_fixed + rules.commission_per_share * shares
        charge += rules.commission_bps * 1e-4 * shares * price
        if charge == 0:
            return 0.0
        return min(max(charge, rules.commission_min), rules.commission_max * shares * price)

    def close_at_the_open(self, position: _Position, bar: Bar, reason: str) -> None:
        """A market order at the open, with slippage."""
        fill = self.slipped(position.symbol, bar.open, -position.sign)
        self.close(position, bar.session, fill, reason)

    def close(self, position: _Position, session: date, price: float, reason: str) -> None:
        """Sell a long or cover a short at this price, which already bears its slippage."""
        fee = self.commission(position.shares, price)
        self.cash += position.sign * position.shares * price - fee
        position.commission += fee
        del self.positions[position.symbol]
        self.record(position, session, price, reason)

    def record(self, position: _Position, session: date, price: float, reason: str) -> None:
        """Write the trade down."""
        gross = position.sign * position.shares * (price - position.entry_price)
        trade = Trade(
            event_id=position.event_id,
            symbol=position.symbol,
            direction="long" if position.sign > 0 else "short",
            shares=position.shares,
            entry_session=position.entry_session,
            entry_price=position.entry_price,
            exit_session=session,
            exit_price=price,
            exit_reason=reason,
            gross_profit=gross,
            commission=position.commission,
            borrow=position.borrow,
            net_profit=gross - position.commission - position.borrow,
        )
        self.trades.append((position.number, trade))


def simulate(
    bars: Mapping[str, Sequence[tuple[Any, ...]]],
    signals: Sequence[Signal],
    settings: Settings | None = None,
    borrow: Mapping[str, Sequence[tuple[date, float]]] | None = None,
) -> Outcome:
    """Trade the signals over the bars. ``borrow`` holds dated annual rates by symbol."""
    tables = {symbol: [Bar(*row) for row in rows] for symbol, rows in bars.items()}
    return _Simulation(tables, signals, settings or Settings(), borrow or {}).run()
