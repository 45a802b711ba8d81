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
from datetime import date
from math import floor
from statistics import median
from typing import Any

from tests.oracle_book import Lot, Position, day, level
from tests.oracle_terms import Bar, Outcome, Point, Settings, Signal, Trade  # noqa: F401 - for those who use the oracle


@dataclass
class _Moment:
    """An open or a close: what it is sized on, and what was ordered of legs."""

    is_close: bool
    equity: float
    price: dict[str, float]  # what each position counts at for the room that is left
    lots: list[tuple[Lot, int, float]] = field(default_factory=list)  # with what each was to cost


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
    positions: dict[str, Position] = field(default_factory=dict)
    waiting: dict[str, tuple[Signal, Position, float, int]] = field(default_factory=dict)
    left_behind: list[Position] = field(default_factory=list)  # whose legs are still held
    last_close: dict[str, float] = field(default_factory=dict)
    trades: list[tuple[Position, date, str]] = field(default_factory=list)
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
        for session in sorted({known for table in rows.values() for known in table}):
            today = {s: rows[s][session] for s in sorted(rows) if session in rows[s]}
            self.slip = {symbol: self.slippage(symbol, session) for symbol in today}
            self.pay_borrow(today)  # (1) borrow for the nights since the last session,
            self.earn_interest(session)  # then interest for them
            late = self.at_the_open(session, today)  # (2) ruin, margin call, signals, time exits
            self.through_the_session(today)  # (3) resting orders, entries at limits
            self.before_the_close(late, session, today)  # (4) what is traded at the close
            self.at_the_close(session, today)  # (5) mark, levels of closes, trailing stop, margin
        for position in self.positions.values():  # last bar: open trades stay open
            last = self.bars[position.symbol][-1]
            for lot in position.legs:
                lot.finish(self.last_close[lot.symbol])
            position.fills.append((-position.sign * position.shares, last.close))
            self.trades.append((position, last.session, "open"))
        done = sorted(self.trades, key=lambda one: one[0].number)
        trades = [position.trade(session, reason) for position, session, reason in done]
        return Outcome(trades, self.equity, self.outcomes, self.capped, self.interest)

    # (1) ------------------------------------------------------------------------------------

    def pay_borrow(self, today: dict[str, Bar]) -> None:
        """Each short pays for its last night, even if it is closed at this open."""
        for symbol, bar in today.items():
            position = self.positions.get(symbol)
            if position is not None and position.sign < 0:
                fee = self.borrow_of(symbol, bar, position.shares)
                self.cash -= fee
                position.borrow += fee
            net = sum(lot.size for lot in self.lots() if lot.symbol == symbol)
            short = [lot for lot in self.lots() if lot.symbol == symbol and lot.size < 0]
            if net < 0:
                fee = self.borrow_of(symbol, bar, -net)
                self.cash -= fee
                for lot in short:
                    lot.costs += fee * lot.size / sum(one.size for one in short)

    def borrow_of(self, symbol: str, bar: Bar, shares: int) -> float:
        """What a short of so many shares costs since the last bar of its symbol."""
        last = self.bars[symbol][self.index(symbol, bar.session) - 1]
        night, morning = day(last.session), day(bar.session)
        if night == morning or self.rules.borrow_mode == "none":
            return 0.0
        dated = [pair for pair in self.borrow.get(symbol, ()) if pair[0] <= night]
        known = dated and self.rules.borrow_mode == "table"
        rate = max(dated)[1] if known else self.rules.borrow_default
        value = shares * last.close * self.rules.borrow_collateral
        return value * rate / self.rules.borrow_day_count * (morning - night).days

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

    def at_the_open(self, session: date, today: dict[str, Bar]) -> list[Signal]:
        """Trade the open; the acting signals of the close are left over."""
        arrived = [signal for signal in self.signals if signal.session == session]
        # Equity is taken once, before any order; a symbol without a bar counts at its last close.
        price = {s: bar.open for s, bar in today.items()}
        price |= {s: self.last_close[s] for s in self.positions if s not in today}
        now = _Moment(False, self.worth(price), price)
        if self.ruin_due or now.equity <= 0:
            self.ended = True
        if self.ended:
            self.close_all(today, now, lambda _: "ruin")
            self.net(now, today)
            for signal in arrived:
                self.outcomes[signal.event_id] = "ruined"
            return []
        if self.call_due:
            self.close_all(today, now, lambda p: "margin_call" if self.has_short(p) else "")
        self.close_all(today, now, lambda position: position.passed)
        acting = self.acting(arrived)
        late = [s for s in acting if (s.leave if s.direction == "flat" else s.enter) == "close"]
        early = [signal for signal in acting if signal not in late]
        for signal in early:
            if signal.direction == "flat" or signal.resize:
                self.give_up(signal, today, now)
        for signal in early:
            if signal.event_id not in self.outcomes:
                self.take(signal, today, now)
        self.leave_by_time(session, today, now, "open")
        self.net(now, today)
        return late

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
        self, today: dict[str, Bar], now: _Moment, reason_of: Callable[[Position], str]
    ) -> None:
        """Close those with a reason; one whose data has ended cannot be closed."""
        for symbol, position in self.held():
            if symbol in today and reason_of(position):
                self.leave(position, today, now, reason_of(position))

    def leave_by_time(self, session: date, today: dict[str, Bar], now: _Moment, at: str) -> None:
        for symbol, position in self.held():
            if symbol in today and position.hold is not None and position.leave == at:
                here = self.index(symbol, session)
                if self.sessions(symbol, position.counted_from, here) == position.hold:
                    self.leave(position, today, now, "time")

    def give_up(self, signal: Signal, today: dict[str, Bar], now: _Moment) -> None:
        """Leave, or sell what is above the new weight; other signals have no outcome yet."""
        held, bar = self.positions.get(signal.symbol), today[signal.symbol]
        if signal.direction == "flat":
            self.outcomes[signal.event_id] = "leave" if held else "nothing_held"
            if held is not None:
                self.leave(held, today, now, "signal")
            return
        sign = 1 if signal.direction == "long" else -1
        if held is None or held.sign != sign or not signal.resize or held.legs:
            return
        less = held.shares - self.wanted(signal, sign, self.slipped(bar, sign), now)
        if less < 0:
            return
        if less == held.shares:
            self.outcomes[signal.event_id] = "leave"
            self.leave(held, today, now, "signal")
            return
        self.renew(held, signal, bar, now)
        if less > 0 and less * self.slipped(bar, -sign) >= self.rules.min_order - 1e-9:
            self.pay(held, -sign * less, self.fill(bar, -sign, now))
            self.outcomes[signal.event_id] = "resize"

    def renew(self, held: Position, signal: Signal, bar: Bar, now: _Moment) -> None:
        """The plan is new, from the raw price of the moment."""
        base = bar.close if now.is_close else bar.open
        held.plan(signal, base, self.index(held.symbol, bar.session))
        self.outcomes[signal.event_id] = "renew"

    def take(
        self, signal: Signal, today: dict[str, Bar], now: _Moment, *, reversed_: bool = False
    ) -> None:
        """Enter, reverse, renew or add."""
        sign, bar = 1 if signal.direction == "long" else -1, today[signal.symbol]
        held = self.positions.get(signal.symbol)
        if held is not None and held.sign == sign:
            self.renew(held, signal, bar, now)
            if signal.resize and not held.legs:
                price = self.slipped(bar, sign)
                more = max(self.wanted(signal, sign, price, now) - held.shares, 0)
                more = self.had(signal, sign, more, price, self.fill(bar, sign, now), now)
                if more:
                    self.pay(held, sign * more, self.fill(bar, sign, now))
                    self.outcomes[signal.event_id] = "resize"
            return
        if held is not None:  # a reversal is two orders
            self.leave(held, today, now, "reversal")
            reversed_ = True
        self.outcomes[signal.event_id] = self.enter(signal, sign, today, now, reversed_=reversed_)

    def enter(
        self, signal: Signal, sign: int, today: dict[str, Bar], now: _Moment, *, reversed_: bool
    ) -> str:
        symbol, bar = signal.symbol, today[signal.symbol]
        index = self.index(symbol, bar.session)
        seats = len(self.positions) + len(self.waiting)
        if self.rules.max_positions is not None and self.rules.max_positions <= seats:
            return "no_room"  # all seats are taken; a reversal has just left its own
        price, fill = self.slipped(bar, sign), self.fill(bar, sign, now)
        if signal.limit is not None:
            if index == 0:
                return "not_filled"
            price = fill = level(self.bars[symbol][index - 1].close, -sign * signal.limit)
        shares = self.wanted(signal, sign, price, now)
        shares = self.had(signal, sign, shares, price, fill, now)
        if not shares:
            return "no_room"
        new = Position(signal.event_id, symbol, sign, bar.session, self.entered)
        if signal.limit is not None:
            self.waiting[symbol] = (signal, new, fill, shares if not reversed_ else -shares)
            if sign > 0:  # what it would cost is not there for others
                self.cash -= shares * fill + self.commission(shares, fill)
            return "not_filled"
        lots = self.hedge(signal, -sign * shares * price, today)
        if not self.can_pay(lots, sign * shares, fill, today, now):
            return "no_room"
        self.seat(new, sign * shares, fill, signal, index)
        new.at_close = now.is_close
        now.price[symbol] = price
        new.legs = lots
        for lot in lots:
            self.order(lot, lot.size, today, now)
        return "reverse" if reversed_ else "enter"

    def seat(self, new: Position, size: int, fill: float, signal: Signal, index: int) -> None:
        """Pay for an entry and hold it."""
        new.number = self.entered
        self.entered += 1
        self.pay(new, size, fill)
        new.plan(signal, fill, index)
        self.positions[new.symbol] = new

    def wanted(self, signal: Signal, sign: int, price: float, now: _Moment) -> int:
        """The shares of the weight, within the room beside all others."""
        others = sum(p.shares * now.price[s] for s, p in self.held() if s != signal.symbol)
        for _, position, limit, shares in self.waiting.values():
            if position.symbol != signal.symbol:
                others += abs(shares) * limit
        for symbol in {lot.symbol for lot in self.lots()}:
            net = sum(lot.size for lot in self.lots() if lot.symbol == symbol)
            others += abs(net) * now.price[symbol]
        room = (self.rules.max_gross * now.equity - others) / (
            1 + sum(abs(by) for _, by in signal.legs)
        )
        weight = signal.weight
        if weight is None:
            weight = self.rules.max_gross / self.rules.max_positions
        return max(0, floor(min(weight * now.equity, room) / price + 1e-9))  # 90.01 buy 9,001

    def had(
        self, signal: Signal, sign: int, shares: int, price: float, fill: float, now: _Moment
    ) -> int:
        """Of the shares wanted those that volume, the least order and the cash allow."""
        bar = next(bar for bar in self.bars[signal.symbol] if bar.session == signal.session)
        most = self.participation(signal.symbol, self.index(signal.symbol, bar.session))
        if most is not None and shares > most:
            shares = most
            self.capped.add(signal.event_id)
        if shares <= 0 or shares * price < self.rules.min_order - 1e-9:
            return 0
        if sign > 0:
            shares = self.affordable(shares, fill)
        elif self.cash + shares * fill - self.commission(shares, fill) < -1e-9:
            shares = 0
        too_small = shares * fill < self.rules.min_order - 1e-9
        return 0 if too_small and not now.is_close else shares

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

    # legs -----------------------------------------------------------------------------------

    def lots(self) -> list[Lot]:
        """All that are held of legs."""
        held = [*self.positions.values(), *self.left_behind]
        return [lot for position in held for lot in position.legs]

    def hedge(self, signal: Signal, value: float, today: dict[str, Bar]) -> list[Lot]:
        """The legs against so many signed dollars, to the nearest share of the open."""
        lots = []
        for symbol, by in signal.legs:
            dollars = value * by
            shares = floor(abs(dollars) / today[symbol].open + 0.5)
            lots.append(Lot(symbol, shares if dollars > 0 else -shares))
        return lots

    def can_pay(
        self, lots: list[Lot], size: int, fill: float, today: dict[str, Bar], now: _Moment
    ) -> bool:
        """Leader first, then each leg as an order of its own: the cash never falls below zero."""
        cash = self.cash - size * fill - self.commission(abs(size), fill)
        for lot in lots:
            if lot.size == 0:
                return False
            price = self.fill(today[lot.symbol], 1 if lot.size > 0 else -1, now)
            cash -= lot.size * price + self.commission(abs(lot.size), price)
            if cash < -1e-9:
                return False
        return True

    def order(self, lot: Lot, size: int, today: dict[str, Bar], now: _Moment) -> None:
        """Until all of the moment are netted it costs what an order of its own would."""
        price = self.fill(today[lot.symbol], 1 if size > 0 else -1, now)
        cost = size * price + self.commission(abs(size), price)
        self.cash -= cost
        now.lots.append((lot, size, cost))

    def net(self, now: _Moment, today: dict[str, Bar]) -> None:
        """One order for all lots of a symbol; they share its commission by their shares."""
        for symbol in {lot.symbol for lot, _, _ in now.lots}:
            mine = [one for one in now.lots if one[0].symbol == symbol]
            total, traded = sum(s for _, s, _ in mine), sum(abs(s) for _, s, _ in mine)
            bar = today[symbol]
            price = bar.close if now.is_close else bar.open
            fee = 0.0
            if total:
                price = self.fill(bar, 1 if total > 0 else -1, now)
                fee = self.commission(abs(total), price)
            for lot, size, cost in mine:
                self.cash += cost - size * price - fee * abs(size) / traded
                lot.costs += fee * abs(size) / traded
                if size == lot.size:
                    lot.price = price
                else:
                    lot.finish(price)

    def has_short(self, position: Position) -> bool:
        return position.sign < 0 or any(lot.size < 0 for lot in position.legs)

    # (3) ------------------------------------------------------------------------------------

    def through_the_session(self, today: dict[str, Bar]) -> None:
        """Entries at limits; then stop before target, at the levels set by now."""
        for symbol, (signal, new, limit, marked) in sorted(self.waiting.items()):
            bar, sign, was, shares = today[symbol], new.sign, marked < 0, abs(marked)
            if sign > 0:
                self.cash += shares * limit + self.commission(shares, limit)
            at_open = sign * bar.open <= sign * limit
            if at_open or (bar.low <= limit if sign > 0 else bar.high >= limit):
                fill = bar.open if at_open else limit
                self.seat(new, sign * shares, fill, signal, self.index(symbol, bar.session))
                new.is_inside = not at_open
                self.outcomes[signal.event_id] = "reverse" if was else "enter"
        self.waiting = {}
        for symbol, position in self.held():
            if symbol not in today or position.levels == "close":
                continue
            bar, sign = today[symbol], position.sign
            stop, reason = position.nearest()
            if stop is not None and (bar.low <= stop if sign > 0 else bar.high >= stop):
                raw = min(stop, bar.open) if sign > 0 else max(stop, bar.open)
                if position.is_inside:
                    raw = stop
                self.finish(position, bar.session, raw * (1 - sign * self.slip[symbol]), reason)
                continue
            target = position.target
            if position.is_inside or target is None:
                continue
            if bar.high >= target if sign > 0 else bar.low <= target:
                fill = max(target, bar.open) if sign > 0 else min(target, bar.open)
                self.finish(position, bar.session, fill, "target")

    def finish(self, position: Position, session: date, price: float, reason: str) -> None:
        """Leave within a session; legs are left at its close."""
        self.pay(position, -position.sign * position.shares, price)
        del self.positions[position.symbol]
        self.trades.append((position, session, reason))
        if position.legs:
            self.left_behind.append(position)

    # (4) ------------------------------------------------------------------------------------

    def before_the_close(self, late: list[Signal], session: date, today: dict[str, Bar]) -> None:
        """Sized on the opens, paid at the close: what leaves, then what enters."""
        price = {s: bar.open for s, bar in today.items()}
        price |= {s: self.last_close[s] for s in self.positions if s not in today}
        now = _Moment(True, self.worth(price), price)
        for position in self.left_behind:
            for lot in position.legs:
                self.order(lot, -lot.size, today, now)
        self.left_behind = []
        turned = set()
        for signal in late:
            self.give_up(signal, today, now)
            held = self.positions.get(signal.symbol)
            if signal.event_id in self.outcomes or held is None:
                continue
            sign = 1 if signal.direction == "long" else -1
            if held.sign != sign:
                self.leave(held, today, now, "reversal")
                turned.add(signal.event_id)
            elif not signal.resize or held.legs:
                self.renew(held, signal, today[signal.symbol], now)
        self.leave_by_time(session, today, now, "close")
        for signal in late:
            if signal.event_id not in self.outcomes:
                self.take(signal, today, now, reversed_=signal.event_id in turned)
        self.net(now, today)

    # (5) ------------------------------------------------------------------------------------

    def at_the_close(self, session: date, today: dict[str, Bar]) -> None:
        """Mark; look at levels; move the best close; see whether margin or ruin is due."""
        for symbol, bar in today.items():
            self.last_close[symbol] = bar.close
            position = self.positions.get(symbol)
            if position is not None:
                if position.levels == "close" and not position.at_close:
                    position.look(bar.close)
                position.at_close = position.is_inside = False
                best = bar.close if position.best is None else position.best
                position.best = max(best, bar.close) if position.sign > 0 else min(best, bar.close)
        equity = self.worth(self.last_close)
        self.shorts = sum(p.shares * self.last_close[s] for s, p in self.held() if p.sign < 0)
        for symbol in {lot.symbol for lot in self.lots()}:
            net = sum(lot.size for lot in self.lots() if lot.symbol == symbol)
            self.shorts += max(-net, 0) * self.last_close[symbol]
        self.equity.append(Point(session, equity, self.cash, equity - self.cash))
        needed = self.rules.maintenance_margin * self.shorts
        self.call_due = self.shorts > 0 and equity < needed
        self.ruin_due = equity <= 0

    # helpers --------------------------------------------------------------------------------

    def held(self) -> list[tuple[str, Position]]:
        """The positions by symbol; a copy, so that they can be closed on the way."""
        return sorted(self.positions.items())

    def worth(self, price: Mapping[str, float]) -> float:
        """The account, with everything at these prices."""
        own = sum(p.sign * p.shares * price[s] for s, p in self.held())
        return self.cash + own + sum(lot.size * price[lot.symbol] for lot in self.lots())

    def leave(self, position: Position, today: dict[str, Bar], now: _Moment, reason: str) -> None:
        """Leave at the open or the close, legs and all."""
        bar = today[position.symbol]
        fill = self.fill(bar, -position.sign, now)
        self.pay(position, -position.sign * position.shares, fill)
        del self.positions[position.symbol]
        self.trades.append((position, bar.session, reason))
        for lot in position.legs:
            self.order(lot, -lot.size, today, now)

    def pay(self, position: Position, size: int, price: float) -> None:
        """An order of signed shares at a price that already bears its slippage."""
        fee = self.commission(abs(size), price)
        self.cash -= size * price + fee
        position.commission += fee
        position.fills.append((size, price))

    def slipped(self, bar: Bar, side: int) -> float:
        """The open after slippage for a buyer (+1) or a seller (-1): what sizes are counted at."""
        return bar.open * (1 + side * self.slip[self.symbol_of(bar)])

    def fill(self, bar: Bar, side: int, now: _Moment) -> float:
        """What an order of the moment is filled at."""
        raw = bar.close if now.is_close else bar.open
        return raw * (1 + side * self.slip[self.symbol_of(bar)])

    def symbol_of(self, bar: Bar) -> str:
        return next(s for s, table in self.bars.items() if any(bar is one for one in table))

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


def simulate(
    bars: Mapping[str, Sequence[tuple[Any, ...]]],
    signals: Sequence[Signal],
    settings: Settings | None = None,
    borrow: Mapping[str, Sequence[tuple[date, float]]] | None = None,
) -> Outcome:
    """Trade the signals over the bars. ``borrow`` holds dated annual rates by symbol."""
    tables = {symbol: [Bar(*row) for row in rows] for symbol, rows in bars.items()}
    return _Simulation(tables, signals, settings or Settings(), borrow or {}).run()
