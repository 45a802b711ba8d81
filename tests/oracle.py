"""An independent simulation of the trading rules: naive, slow, standard library only.

It shares no code with the engine and takes the rules of ``design.md`` literally, one session
after the other, one symbol after the other. Where it and the engine differ, one of them is wrong.

    outcome = simulate(bars, signals, settings, borrow, actions)

Rows of bars are ``(session, open, high, low, close)``, with the volume as a sixth if it matters.
Finer bars have the moment of their open in place of the session, and so have the signals on them:
each rule holds with *bar* for session, but nights, interest and ``hold`` go by the date. A run by
finer bars has both, session by session (`oracle_bars`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import floor
from typing import Any

from tests.oracle_account import Account, sign_of
from tests.oracle_bars import acting, by_session, sequence, tradable_bar
from tests.oracle_parts import LimitEntry, Position, day, level
from tests.oracle_terms import Action, Bar, Outcome, Point, Settings, Signal, Trade

__all__ = [
    "Action", "Bar", "Outcome", "Point", "Settings", "Signal", "Trade", "day", "level", "simulate",
    "tradable_bar",
]  # fmt: skip


class _Simulation(Account):
    def run(self) -> Outcome:
        """Walk through the sessions; within one, the order of the design."""
        self.cash = self.rules.cash
        rows = {symbol: {bar.session: bar for bar in table} for symbol, table in self.bars.items()}
        for session in sorted({bar.session for table in self.bars.values() for bar in table}):
            self.session = session
            self.today = {s: rows[s][session] for s in sorted(rows) if session in rows[s]}
            self.slip = {symbol: self.costs.slippage(symbol, session) for symbol in self.today}
            arrived = [signal for signal in self.signals if signal.session == session]
            self.pay_borrow()  # (1) borrow for the nights since the last session,
            self.earn_interest()  # then interest for them
            self.take_actions()  # then dividends and splits
            acting = self.at_the_open(arrived)  # (2) ruin, margin call, signals, time exits
            self.through_the_session()  # (3) resting orders
            self.at_the_close(acting)  # (4) orders at the close
            self.mark()  # (5) mark, trailing stop, margin
        self.leave_open()
        trades = [position.trade() for position in self.all_positions]
        return Outcome(
            trades, self.equity, self.outcomes, self.capped, self.interest,
            self.paid("commission"), self.paid("borrow"), self.paid("dividends"),
        )  # fmt: skip

    def paid(self, what: str) -> float:
        """What all positions and all their legs have paid, or been paid."""
        parts = [part for one in self.all_positions for part in (one, *one.legs)]
        return sum(getattr(part, what) for part in parts)

    def leave_open(self) -> None:
        """What is held after the last bar stays open, valued at the last close."""
        for position in self.positions.values():
            last = self.bars[position.symbol][-1]
            position.exits.append((position.shares, last.close))
            position.exit_session, position.reason = last.session, "open"
            for leg in position.legs:
                leg.gross += leg.shares * self.bars[leg.symbol][-1].close

    # (1) ------------------------------------------------------------------------------------

    def pay_borrow(self) -> None:
        """Each short pays for its last night, even if it is closed at this open."""
        for symbol in self.today:
            held = self.positions.get(symbol)
            if held is not None and held.sign < 0:
                fee = self.night_fee(symbol, held.shares)
                self.cash -= fee
                held.borrow += fee
            net = self.net(symbol)
            if net < 0:  # of legs it is the net short, shared among the lots that are short
                fee = self.night_fee(symbol, -net)
                self.cash -= fee
                lots = [leg for leg in self.legs(symbol) if leg.shares < 0]
                for leg in lots:
                    leg.borrow += fee * leg.shares / sum(lot.shares for lot in lots)

    def night_fee(self, symbol: str, shares: float) -> float:
        return self.costs.night_fee(symbol, self.session, self.borrow.get(symbol, ()), shares)

    def earn_interest(self) -> None:
        """On the cash of the last close that is not the proceeds of shorts; never after ruin."""
        if not self.equity or self.ended or self.ruin_due:
            return
        last = self.equity[-1]
        free, days = max(0.0, last.cash - self.shorts), (day(self.session) - day(last.session)).days
        earned = free * self.rules.cash_rate / self.rules.borrow_day_count * days
        self.cash += earned
        self.interest += earned

    # (2) ------------------------------------------------------------------------------------

    def at_the_open(self, arrived: list[Signal]) -> list[Signal]:
        """Trade at the open; return what is left to do at the close."""
        self.begin("open")
        self.leave_orphans()
        if self.ruin_due or self.worth <= 0:
            self.ended = True
        if self.ended:
            self.leave_all("ruin", lambda position: True)
            self.limits = []
            self.outcomes.update({signal.event_id: "ruined" for signal in arrived})
            self.settle_legs()
            return []
        if self.call_due:
            self.leave_all("margin_call", Position.is_short_anywhere)
        for symbol, position in self.held():
            if symbol in self.today and position.passed is not None:
                self.leave(position, position.passed)
        acting = self.acting(arrived)
        now = [signal for signal in acting if self.is_for(signal, "open")]
        self.set_aside(now)
        done = [signal for signal in now if self.reduce(signal)]
        for signal in now:
            if signal not in done:
                self.outcomes[signal.event_id] = self.serve(signal, reverses=False)
        self.time_exits()
        self.settle_legs()
        return [signal for signal in acting if self.is_for(signal, "close")]

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

    def set_aside(self, now: list[Signal]) -> None:
        """A newer signal ends an entry that waits; what the others would cost is set aside.

        None of them waits on where the cash does not pay for all.
        """
        symbols = {signal.symbol for signal in now}
        for waiting in [one for one in self.limits if one.signal.symbol in symbols]:
            self.outcomes[waiting.signal.event_id] = "superseded"
            self.limits.remove(waiting)
        if self.cash - sum(waiting.reserved for waiting in self.limits) < -1e-9:
            self.limits = []
        self.cash -= sum(waiting.reserved for waiting in self.limits)

    def is_for(self, signal: Signal, at: str) -> bool:
        return (signal.leave if signal.direction == "flat" else signal.enter) == at

    def leave_all(self, reason: str, chosen: Callable[[Position], bool]) -> None:
        """Close the chosen positions at this open; one whose data has ended cannot be closed."""
        for symbol, position in self.held():
            if symbol in self.today and chosen(position):
                self.leave(position, reason)

    def reduce(self, signal: Signal) -> bool:
        """Leave or sell a part, where the signal asks for that; whether it is done with."""
        held = self.positions.get(signal.symbol)
        if signal.direction == "flat":
            if held is not None:
                self.leave(held, "signal")
            self.outcomes[signal.event_id] = "nothing_held" if held is None else "leave"
            return True
        if held is None or held.sign != sign_of(signal) or not signal.resize or held.legs:
            return False
        if self.wanted(signal) >= held.shares:
            return False
        self.outcomes[signal.event_id] = self.resize(signal, held)
        return True

    def serve(self, signal: Signal, *, reverses: bool) -> str:
        """Act on the newest signal of a symbol and tell what was done."""
        held, sign = self.positions.get(signal.symbol), sign_of(signal)
        if held is not None and held.sign == sign:
            return self.renew_or_resize(signal, held)
        if held is not None:  # a reversal is two orders
            self.leave(held, "reversal")
            reverses = True
        outcome = "reverse" if reverses else "enter"
        if signal.limit is not None:
            return self.wait_at_limit(signal, outcome)
        fill, known = self.raw(signal.symbol, sign), self.known(signal.symbol, sign)
        shares = self.entry_size(signal, known)
        shares = self.payable(shares, known, fill, sign)
        if shares == 0:
            return "no_room"
        legs = self.legs_of(signal, shares, known)
        if legs is None or not self.can_pay(shares, fill, sign, legs):
            return "no_room"
        new = self.enter(signal, shares, fill)
        for leg in legs:
            self.order_leg(leg, leg.shares)
        new.legs, new.fresh = legs, self.at == "close"
        self.price[signal.symbol] = known
        return outcome

    def renew_or_resize(self, signal: Signal, held: Position) -> str:
        # What gives up shares has done so before anything was bought.
        if signal.resize and not held.legs and self.wanted(signal) > held.shares:
            return self.resize(signal, held)
        self.renew(signal, held)
        return "renew"

    def renew(self, signal: Signal, held: Position) -> None:
        """Shares stay, the plan is new, from the raw price."""
        bar = self.today[signal.symbol]
        base = bar.open if self.at == "open" else bar.close
        held.plan(signal, base, self.costs.index(signal.symbol, self.session))

    def is_full(self) -> bool:
        """Whether all seats are taken."""
        seats = self.rules.max_positions
        return seats is not None and seats <= len(self.positions) + len(self.limits)

    def entry_size(self, signal: Signal, fill: float) -> int:
        """Whole shares by weight, room and participation; none where all seats are taken."""
        if self.is_full():
            return 0  # a reversal has just left its own
        return self.cap(signal, self.wanted(signal, fill))

    def wanted(self, signal: Signal, fill: float | None = None) -> int:
        """Whole shares by weight and room; the room leaves the signal's own position out."""
        fill = self.known(signal.symbol, sign_of(signal)) if fill is None else fill
        weight = signal.weight
        if weight is None:
            assert self.rules.max_positions is not None
            weight = self.rules.max_gross / self.rules.max_positions
        others = sum(p.shares * self.price[s] for s, p in self.held() if s != signal.symbol)
        others += sum(abs(self.net(s)) * self.price[s] for s in self.leg_symbols())
        others += sum(waiting.shares * waiting.level for waiting in self.limits)
        room = self.rules.max_gross * self.worth - others
        room /= 1 + sum(abs(by) for _, by in signal.legs)
        # 90.01 buy 9,001 at 0.01
        by_weight = floor(weight * self.worth / fill + 1e-9)
        return max(0, min(by_weight, floor(room / fill + 1e-9)))

    def cap(self, signal: Signal, shares: int) -> int:
        index = self.costs.index(signal.symbol, self.session)
        most = self.costs.participation(signal.symbol, index)
        if most is None or shares <= most:
            return shares
        self.capped.add(signal.event_id)
        return most

    def is_sent(self, shares: int, price: float) -> bool:
        return shares > 0 and shares * price >= self.rules.min_order - 1e-9

    def payable(self, shares: int, known: float, fill: float, sign: int) -> int:
        """How many the cash can pay; 0 where that is not worth an order.

        At the close the order is sent before the price is known that it is paid at.
        """
        if self.at == "close" and not self.is_sent(shares, known):
            return 0
        shares = self.costs.affordable(shares, fill, sign, self.cash)
        if self.at == "open" and not self.is_sent(shares, known):
            return 0
        return shares

    def resize(self, signal: Signal, held: Position) -> str:
        """Trade the difference to the new number of shares; the plan is new."""
        sign, symbol = held.sign, held.symbol
        known, wanted = self.known(symbol, sign), self.wanted(signal)
        if wanted == 0:
            self.leave(held, "signal")
            return "leave"
        self.renew(signal, held)
        if wanted < held.shares:
            less = held.shares - wanted
            if not self.is_sent(less, self.known(symbol, -sign)):
                return "renew"
            self.sell(held, less, self.raw(symbol, -sign))
            return "resize"
        fill = self.raw(symbol, sign)
        more = self.cap(signal, wanted - held.shares)
        more = self.payable(more, known, fill, sign)
        if more == 0:
            return "renew"
        self.buy(held, more, fill)
        return "resize"

    def wait_at_limit(self, signal: Signal, outcome: str) -> str:
        """Place an entry at a level; what it would cost is set aside until it is filled."""
        if self.is_full():
            return "no_room"
        if signal.symbol not in self.last_close:
            return "not_filled"
        sign, limit = sign_of(signal), signal.limit
        assert limit is not None
        price = level(self.last_close[signal.symbol], -sign * limit)
        shares = self.costs.affordable(self.entry_size(signal, price), price, sign, self.cash)
        if not self.is_sent(shares, price):
            return "no_room"
        cost = shares * price + self.costs.commission(shares, price) if sign > 0 else 0.0
        self.cash -= cost
        self.limits.append(LimitEntry(signal, shares, price, cost, outcome))
        return "not_filled"  # so far

    def time_exits(self) -> None:
        """Leave what is held for long enough, at this open or this close."""
        for symbol, position in self.held():
            if symbol in self.today and self.is_due(position):
                self.leave(position, "time")

    def is_due(self, position: Position) -> bool:
        """Whether its time ends at this open or close, by bars, by the clock or by sessions.

        Outside of regular hours it ends by bars alone.
        """
        now = self.costs.index(position.symbol, self.session)
        if position.hold_bars is not None:
            bars = now - position.counted_from
            return position.leave == self.at and bars == position.hold_bars
        if self.today[position.symbol].belongs:
            return False
        sessions = self.costs.sessions(position.symbol, position.counted_from, now)
        is_last = self.costs.ends_its_session(position.symbol, now)
        if position.leave_at is not None:
            if sessions != (position.hold or 0):
                return False
            is_later = now > position.counted_from
            reached = self.costs.clock(position.symbol, now) >= position.leave_at
            return is_last if self.at == "close" else is_later and reached
        if position.hold is None or position.leave != self.at or sessions != position.hold:
            return False
        return self.at == "open" or is_last

    # (3) ------------------------------------------------------------------------------------

    def through_the_session(self) -> None:
        """Stop before target, at the levels set by now; then the entries that wait."""
        for symbol, position in self.held():
            if symbol in self.today and self.rests(position):
                self.touch(position, self.today[symbol])
        for waiting in sorted(self.limits, key=lambda one: one.signal.symbol):
            self.cash += waiting.reserved
            symbol = waiting.signal.symbol
            if symbol not in self.today:
                continue
            is_last = self.costs.ends_its_day(symbol, self.costs.index(symbol, self.session))
            if self.reach(waiting, self.today[symbol]) or is_last:
                self.limits.remove(waiting)

    def rests(self, position: Position) -> bool:
        """Whether its stop and target wait to be touched: in regular hours alone."""
        return position.levels == "session" and not self.today[position.symbol].belongs

    def touch(self, position: Position, bar: Bar) -> None:
        """Leave at the stop or the target where the bar has touched it."""
        sign = position.sign
        stop, reason = position.live_stop()
        if stop is not None and (bar.low <= stop if sign > 0 else bar.high >= stop):
            raw = min(stop, bar.open) if sign > 0 else max(stop, bar.open)
            self.close(position, self.slipped(position.symbol, raw, -sign), reason)
            return
        target = position.target
        if target is not None and (bar.high >= target if sign > 0 else bar.low <= target):
            fill = max(target, bar.open) if sign > 0 else min(target, bar.open)
            self.close(position, fill, "target")

    def reach(self, waiting: LimitEntry, bar: Bar) -> bool:
        """Fill an entry at the open where that is better, else at its level if it is reached.

        Whether it is filled.
        """
        signal, sign = waiting.signal, sign_of(waiting.signal)
        at_open = sign * bar.open <= sign * waiting.level
        if not at_open and (bar.low > waiting.level if sign > 0 else bar.high < waiting.level):
            return False
        new = self.enter(signal, waiting.shares, bar.open if at_open else waiting.level)
        self.outcomes[signal.event_id] = waiting.outcome
        if not self.rests(new):
            return True
        if at_open:
            self.touch(new, bar)
        elif new.stop is not None and (bar.low <= new.stop if sign > 0 else bar.high >= new.stop):
            self.close(new, self.slipped(signal.symbol, new.stop, -sign), "stop")
        return True

    # (4) ------------------------------------------------------------------------------------

    def at_the_close(self, acting: list[Signal]) -> None:
        """What has ended is settled; exits first, then time exits, then what is entered."""
        self.begin("close")
        self.settle_ends()
        self.leave_orphans()
        later: list[tuple[Signal, bool]] = []
        for signal in acting:
            held = self.positions.get(signal.symbol)
            against = held is not None and held.sign != sign_of(signal)
            if self.reduce(signal):
                continue
            if held is not None and against:
                self.leave(held, "reversal")
            elif held is not None and (not signal.resize or held.legs):
                self.outcomes[signal.event_id] = self.serve(signal, reverses=False)
                continue
            later.append((signal, against))
        self.time_exits()
        for signal, against in later:
            self.outcomes[signal.event_id] = self.serve(signal, reverses=against)
        self.settle_legs()

    # (5) ------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Look at levels, move the best close, see whether margin or ruin is due next."""
        for symbol, bar in self.today.items():
            self.last_close[symbol] = bar.close
            position = self.positions.get(symbol)
            if position is not None and not bar.belongs:
                self.look_at_levels(position, bar.close)
                best = bar.close if position.best is None else position.best
                position.best = max(best, bar.close) if position.sign > 0 else min(best, bar.close)
        value = self.value(self.last_close)
        self.shorts = sum(p.shares * self.last_close[s] for s, p in self.held() if p.sign < 0)
        self.shorts += sum(max(0, -self.net(s)) * self.last_close[s] for s in self.leg_symbols())
        equity = self.cash + value
        self.equity.append(Point(self.session, equity, self.cash, value))
        needed = self.rules.maintenance_margin * self.shorts
        self.call_due = self.shorts > 0 and equity < needed
        self.ruin_due = equity <= 0

    def look_at_levels(self, position: Position, close: float) -> None:
        """Note the level that this close has passed: the position leaves at the next open."""
        if position.levels == "close" and not position.fresh:
            sign, (stop, reason) = position.sign, position.live_stop()
            if stop is not None and sign * close <= sign * stop:
                position.passed = reason
            elif position.target is not None and sign * close >= sign * position.target:
                position.passed = "target"
        position.fresh = False


def simulate(
    bars: Mapping[str, Sequence[tuple[Any, ...]]],
    signals: Sequence[Signal],
    settings: Settings | None = None,
    borrow: Mapping[str, Sequence[tuple[date, float]]] | None = None,
    actions: Mapping[str, Sequence[Action]] | None = None,
    finer: Mapping[str, Sequence[tuple[Any, ...]]] | None = None,
) -> Outcome:
    """Trade the signals over the bars. ``borrow`` holds dated annual rates by symbol.

    A stock that ends by one of its ``actions`` has no bars from that day on. With ``finer`` bars
    the sessions that have them are traded by them, and signals name the bar that they can be traded
    at by the moment of its open.
    """
    rules = settings or Settings()
    if finer is None:
        tables = {symbol: [Bar(*row) for row in rows] for symbol, rows in bars.items()}
        return _Simulation(tables, signals, rules, borrow or {}, actions or {}).run()
    hedges = sorted({symbol for signal in signals for symbol, _ in signal.legs})
    tables = sequence(bars, finer, hedges, extended=rules.hours == "extended")
    at_bars = [acting(signal, tables) for signal in signals]
    outcome = _Simulation(tables, at_bars, rules, borrow or {}, actions or {}).run()
    return by_session(outcome, tables)
