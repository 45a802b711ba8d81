"""The trader turns signals into orders, bar by bar, by the trading rules.

Within a bar the open comes first: ruin, margin call and what passed a level at the last close, then
new signals, reductions first, then time exits. Orders rest through the bar. At the close what
leaves comes before what enters; then trailing stops move and margin is checked. The trader knows no
engine: it gets opens, cash and closes, and answers with orders.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Literal

from backtest.engine import rules as rule
from backtest.engine.replay.position import BarCount, HeldLeg, Moment, Order, Position, Waiting
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.engine.replay.books import ExitReason
    from backtest.engine.replay.position import Quote
    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Effect
    from backtest.strategy.base import Signal

SignalOutcome = Literal[
    "enter", "renew", "reverse", "resize", "leave", "superseded", "no_room", "not_filled",
    "nothing_held", "ruined",
]  # fmt: skip


class Trader:
    """Plan the orders of one account."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._positions: dict[str, Position] = {}
        self._waiting: dict[str, Waiting] = {}  # entries at a limit
        self._legs: dict[str, list[HeldLeg]] = {}  # by the symbol of their position
        self._left_behind: list[tuple[HeldLeg, ExitReason]] = []  # of positions left within the bar
        self._counts: dict[str, BarCount] = {}
        self._marks: dict[str, float] = {}
        self._quotes: Mapping[str, Quote] = {}
        self._settled = 0.0  # what ends have taken from equity in this bar, dollars
        self._for_the_close: list[Signal] = []
        self._entered_at_close: set[str] = set()
        self._margin_call = False
        self._ruin_due = False
        self.is_ruined = False
        self.outcomes: dict[str, SignalOutcome] = {}
        self.notes: dict[str, str] = {}  # by event id, what limited an order

    def hear(self, effect: Effect, settled: float, price: float) -> None:
        """Note that an action changed what is held: a split, or an end that has settled it.

        `settled` are the signed shares that were settled in cash, at `price`.
        """
        symbol, position = effect.symbol, self._positions.get(effect.symbol)
        if effect.what == "dividend":
            return
        if effect.what == "split":
            for of, legs in self._legs.items():
                self._legs[of] = [leg.split(symbol, effect.value) for leg in legs]
            if position is not None:
                position.split(effect.value, settled)
        if position is not None and (effect.is_end or not position.shares):
            quote = self._quotes.get(symbol)
            mark = quote.open if quote else self._marks[symbol]
            self._settled += (position.size * mark - settled * price) if effect.is_end else 0.0
            del self._positions[symbol]
            self._left_behind += [(leg, effect.what) for leg in self._legs.pop(symbol, [])]

    def at_open(
        self, quotes: Mapping[str, Quote], cash: float, signals: Sequence[Signal]
    ) -> list[Order]:
        """Return the market orders of an open, in the order in which they are executed.

        The quotes are of every symbol that has this bar, the cash is after borrow and interest, the
        signals are in order of publication, symbol, event id.
        """
        self._quotes = quotes
        for symbol, quote in quotes.items():
            self._counts[symbol] = self._counts.get(symbol, BarCount()).after(quote)
            self._marks[symbol] = quote.open
        prices = {symbol: quote.open for symbol, quote in quotes.items()}
        moment = Moment("open", quotes, prices, self._worth(cash), cash, self._rules)
        self._leave_behind(moment)
        self._end_if_ruined(moment)
        self._answer_margin_call(moment)
        for symbol, position in sorted(self._positions.items()):
            if position.passed:
                self._leave(symbol, position.passed, moment)
        acting = self._acting(signals)
        self._for_the_close = [signal for signal in acting if signal.at == "close"]
        now = [signal for signal in acting if signal.at == "open"]
        self._wait_on(now, moment)
        # What gives up shares comes first, so that the cash it frees can be used.
        gives_up = [signal for signal in now if signal.direction == "flat" or signal.resize]
        done = [signal.event_id for signal in gives_up if self._give_up(signal, moment)]
        for signal in now:
            if signal.event_id not in done:
                self._take(signal, moment)
        self._exit_on_time(moment)
        return [*moment.orders, *moment.netted()]

    def resting(self, symbol: str) -> list[Order]:
        """Return a symbol's resting orders: an entry at a limit, then the stop and the target.

        Outside the trading hours exits do not rest.
        """
        waiting, is_extended = self._waiting.get(symbol), self._quotes[symbol].is_extended
        if waiting is None:
            position = self._positions.get(symbol)
            if position is None or is_extended:
                return []
            return position.exits(symbol, has_target=True)
        position = waiting.position
        entry = Order(symbol, position.size, "limit", waiting.price, position.event_id)
        # Within the bar nobody knows whether the target was touched before the entry or after it.
        exits = position.exits(symbol, has_target=waiting.fills_at_open)
        return [entry] if is_extended else [entry, *exits]

    def filled(self, order: Order) -> None:
        """Note that a resting order was filled, which ends a position or begins one."""
        if order.exit_reason is not None:
            del self._positions[order.symbol]
            legs = self._legs.pop(order.symbol, [])
            self._left_behind += [(leg, order.exit_reason) for leg in legs]
            return
        waiting = self._waiting.pop(order.symbol)
        self._positions[order.symbol] = waiting.position
        self.outcomes[order.event_id] = "reverse" if waiting.is_reversal else "enter"

    def before_close(self, closes: Mapping[str, float], cash: float) -> list[Order]:
        """Return the orders of a close, in the order in which they are executed.

        They are sized on the opens: neither the closes, which only decide what they cost, nor what
        an end has settled at this close changes their sizes. The closes are of every symbol that
        has this bar, the cash is what the resting orders have left.
        """
        self._stop_waiting(symbol for symbol, quote in self._quotes.items() if quote.ends_day)
        self._entered_at_close.clear()
        self._marks |= {symbol: quote.open for symbol, quote in self._quotes.items()}
        equity, self._settled = self._worth(cash) + self._settled, 0.0
        cash -= self._set_aside()
        moment = Moment("close", self._quotes, closes, equity, cash, self._rules)
        self._leave_behind(moment)
        rest = [signal for signal in self._for_the_close if not self._give_up(signal, moment)]
        self._exit_on_time(moment)
        for signal in rest:
            self._take(signal, moment)
        return [*moment.orders, *moment.netted()]

    def at_close(self, closes: Mapping[str, float], equity: float) -> None:
        """Mark the positions, check their levels, and margin and ruin for the next open."""
        self._marks.update(closes)
        for symbol, position in self._positions.items():
            if symbol in closes and not self._quotes[symbol].is_extended:
                has_entered = symbol in self._entered_at_close
                position.see_close(closes[symbol], has_entered=has_entered)
        shorts = -sum(min(p.size, 0) * self._marks[s] for s, p in self._positions.items())
        shorts -= sum(min(size, 0) * self._marks[s] for s, size in self._net_legs().items())
        self._margin_call = rule.is_margin_call(equity, shorts, self._rules)
        self._ruin_due = equity <= 0

    def _worth(self, cash: float) -> float:
        held = sum(p.size * self._marks[s] for s, p in self._positions.items())
        return cash + held + sum(n * self._marks[s] for s, n in self._net_legs().items())

    def _net_legs(self) -> dict[str, float]:
        """Return the signed shares of legs by symbol, those left behind in this bar among them."""
        legs = [leg for held in self._legs.values() for leg in held]
        net: dict[str, float] = {}
        for leg in [*legs, *(leg for leg, _ in self._left_behind)]:
            net[leg.symbol] = net.get(leg.symbol, 0) + leg.size
        return net

    def _end_if_ruined(self, moment: Moment) -> None:
        if self._ruin_due or moment.equity <= 0:
            self.is_ruined = True
            self._stop_waiting([*self._waiting])
        if self.is_ruined:  # also in later bars: a halted stock is left when it opens again
            for symbol in list(self._positions):
                self._leave(symbol, "ruin", moment)

    def _answer_margin_call(self, moment: Moment) -> None:
        if self._margin_call:
            for symbol, position in list(self._positions.items()):
                legs = self._legs.get(symbol, ())
                if position.direction < 0 or any(leg.size < 0 for leg in legs):
                    self._leave(symbol, "margin_call", moment)

    def _acting(self, signals: Sequence[Signal]) -> list[Signal]:
        """Return each symbol's last signal, in order of priority; none after ruin."""
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

    def _give_up(self, signal: Signal, moment: Moment) -> bool:
        """Leave, renew or reduce what is held; return whether the signal has nothing more to do."""
        symbol, position = signal.symbol, self._positions.get(signal.symbol)
        if signal.direction == "flat":
            if position is not None:
                self._leave(symbol, "signal", moment)
            self.outcomes[signal.event_id] = "nothing_held" if position is None else "leave"
            return True
        if position is None:
            return False
        if position.direction != _side(signal):
            if moment.at == "close":  # at an open a reversal leaves and enters in its turn
                self._leave(symbol, "reversal", moment)
                self.outcomes[signal.event_id] = "reverse"
            return False
        if not signal.resize or symbol in self._legs:
            self._renew(signal, position, moment)
            return True
        price = moment.price_for_size(symbol, position.direction)
        less = position.shares - self._wanted(signal, price, moment)
        if less <= 0:
            return False
        self._reduce(signal, position, less, moment)
        return True

    def _reduce(self, signal: Signal, position: Position, less: int, moment: Moment) -> None:
        symbol, side = signal.symbol, -position.direction
        if less == position.shares:
            self._leave(symbol, "signal", moment)
            self.outcomes[signal.event_id] = "leave"
            return
        self._renew(signal, position, moment)
        if rule.is_sent(less, moment.price_for_size(symbol, side), self._rules):
            position.shares -= less
            moment.trade(symbol, side * less, position.event_id, "signal")
            self.outcomes[signal.event_id] = "resize"

    def _renew(self, signal: Signal, position: Position, moment: Moment) -> None:
        position.plan(signal, moment.prices[signal.symbol], self._counts[signal.symbol])
        self.outcomes[signal.event_id] = "renew"

    def _take(self, signal: Signal, moment: Moment) -> None:
        """Enter, reverse, add or renew."""
        position = self._positions.get(signal.symbol)
        if position is not None and position.direction == _side(signal):
            self._renew(signal, position, moment)
            if signal.resize:
                self._add(signal, position, moment)
            return
        if position is not None:
            self._leave(signal.symbol, "reversal", moment)
        is_reversal = position is not None or self.outcomes.get(signal.event_id) == "reverse"
        self.outcomes[signal.event_id] = self._enter(signal, moment, is_reversal=is_reversal)

    def _enter(self, signal: Signal, moment: Moment, *, is_reversal: bool) -> SignalOutcome:
        most, symbol, side = self._rules.max_positions, signal.symbol, _side(signal)
        if most is not None and len(self._positions) + len(self._waiting) >= most:
            return "no_room"
        for_size, fill = moment.price_for_size(symbol, side), moment.fill(symbol, side)
        if signal.limit is not None:
            last_close = moment.quotes[symbol].last_close
            if last_close is None:
                return "not_filled"
            for_size = fill = rule.stop_level(last_close, side, signal.limit)
        wanted = self._wanted(signal, for_size, moment)
        shares = self._obtainable(signal, wanted, for_size, fill, moment)
        legs = moment.legs_of(signal, side * shares * for_size)
        cash = moment.cash - side * shares * fill - rule.commission(shares, fill, self._rules)
        if not shares or not self._can_pay(legs, cash, moment):
            return "no_room"
        position = Position(signal.event_id, side, shares)
        if signal.limit is not None:
            waiting = Waiting(signal, position, fill, is_reversal)
            self._waiting[symbol] = waiting.at_open(moment.prices[symbol], self._counts[symbol])
            moment.cash -= waiting.cost(self._rules)
            return "not_filled"
        position.plan(signal, fill, self._counts[symbol])
        self._positions[symbol] = position
        self._marks[symbol] = for_size  # a position of this moment counts at it for the room left
        if moment.at == "close":
            self._entered_at_close.add(symbol)
        moment.trade(symbol, position.size, signal.event_id, None)
        if legs:
            self._legs[symbol] = legs
        for leg in legs:
            moment.trade_leg(leg, None)
        return "reverse" if is_reversal else "enter"

    def _obtainable(
        self, signal: Signal, shares: int, for_size: float, fill: float, moment: Moment
    ) -> int:
        """Return how many of `shares` volume, cash and the minimum order allow."""
        cap = moment.quotes[signal.symbol].most_shares
        if cap is not None and cap < shares:
            shares = cap
            self.notes[signal.event_id] = f"cut to {counted(cap, 'share')} by participation"
        if not rule.is_sent(shares, for_size, self._rules):
            return 0
        shares = self._affordable(_side(signal), shares, fill, moment.cash)
        # At a close the order went out before the cash was known to bind.
        is_sent = moment.at == "close" or rule.is_sent(shares, fill, self._rules)
        return shares if is_sent else 0

    def _can_pay(self, legs: list[HeldLeg], cash: float, moment: Moment) -> bool:
        """Tell whether each leg has a share, and cash never falls below zero."""
        for leg in legs:
            if not leg.size:
                return False
            side, shares = 1 if leg.size > 0 else -1, round(abs(leg.size))
            fill = moment.fill(leg.symbol, side)
            if self._affordable(side, shares, fill, cash) < shares:
                return False
            cash -= leg.size * fill + rule.commission(shares, fill, self._rules)
        return True

    def _leave_behind(self, moment: Moment) -> None:
        """Order the legs of positions that are gone already."""
        behind, self._left_behind = self._left_behind, []
        for leg, reason in behind:
            moment.trade_leg(leg, reason)

    def _wait_on(self, signals: Sequence[Signal], moment: Moment) -> None:
        """Let entries at a limit wait one bar more, unless a newer signal takes their place.

        Where cash no longer pays for all of them, none waits on.
        """
        for signal in signals:
            self._stop_waiting([signal.symbol], "superseded")
        if not rule.covers(moment.cash, self._set_aside()):
            self._stop_waiting([*self._waiting])
        moment.cash -= self._set_aside()
        for symbol in self._waiting.keys() & moment.quotes.keys():
            waiting, price = self._waiting[symbol], moment.prices[symbol]
            self._waiting[symbol] = waiting.at_open(price, self._counts[symbol])

    def _stop_waiting(self, symbols: Iterable[str], outcome: SignalOutcome = "not_filled") -> None:
        for symbol in symbols:
            if symbol in self._waiting:
                self.outcomes[self._waiting.pop(symbol).signal.event_id] = outcome

    def _set_aside(self) -> float:
        """Return what the waiting entries would cost, dollars, which others cannot use."""
        return sum(waiting.cost(self._rules) for waiting in self._waiting.values())

    def _add(self, signal: Signal, position: Position, moment: Moment) -> None:
        symbol, side = signal.symbol, position.direction
        fill, for_size = moment.fill(symbol, side), moment.price_for_size(symbol, side)
        more = self._wanted(signal, for_size, moment) - position.shares
        more = self._obtainable(signal, max(more, 0), for_size, fill, moment)
        if not more:
            return
        position.shares += more
        moment.trade(symbol, side * more, position.event_id, None)
        self.outcomes[signal.event_id] = "resize"

    def _wanted(self, signal: Signal, price: float, moment: Moment) -> int:
        """Return the shares that the weight and the room beside the other positions allow."""
        symbol = signal.symbol
        gross = sum(p.shares * self._marks[s] for s, p in self._positions.items() if s != symbol)
        gross += sum(w.position.shares * w.price for w in self._waiting.values())
        gross += sum(abs(size) * self._marks[s] for s, size in self._net_legs().items())
        room = self._rules.max_gross * moment.equity - gross
        room /= 1 + sum(abs(leg.by) for leg in signal.legs)
        weight = rule.share_of_equity(nan if signal.weight is None else signal.weight, self._rules)
        return rule.shares_for(min(weight * moment.equity, room), price)

    def _affordable(self, side: int, shares: int, fill: float, cash: float) -> int:
        affordable = rule.affordable_long if side > 0 else rule.affordable_short
        return affordable(shares, fill, cash, self._rules)

    def _exit_on_time(self, moment: Moment) -> None:
        for symbol, position in list(self._positions.items()):
            quote = moment.quotes.get(symbol)
            if quote and position.is_due(self._counts[symbol], quote, moment.at):
                self._leave(symbol, "time", moment)

    def _leave(self, symbol: str, reason: ExitReason, moment: Moment) -> None:
        if symbol not in moment.quotes:  # its prices have ended: it stays, marked
            return
        position = self._positions.pop(symbol)
        moment.trade(symbol, -position.size, position.event_id, reason)
        for leg in self._legs.pop(symbol, []):
            moment.trade_leg(leg, reason)


def _side(signal: Signal) -> int:
    return 1 if signal.direction == "long" else -1
