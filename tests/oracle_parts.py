"""What the oracle keeps of an open trade, and what an order costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from math import floor
from statistics import median
from zoneinfo import ZoneInfo

from tests.oracle_terms import Action, Bar, Settings, Signal, Trade

NEW_YORK = ZoneInfo("America/New_York")


def level(base: float, distance: float) -> float:
    """A level off ``base``, to nine decimals: ten percent over 100 are 110, whatever floats say.

    Half a billionth is rounded up.
    """
    return to_nine_decimals(base * (1 + distance))


def to_nine_decimals(price: float) -> float:
    return floor(price * 1e9 + 0.5) / 1e9


@cache
def day(moment: date) -> date:
    """The day of a bar, by the clock of New York."""
    if not isinstance(moment, datetime):
        return moment
    return moment.replace(tzinfo=UTC).astimezone(NEW_YORK).date()


def session_of(bar: Bar) -> date:
    """The session that a bar belongs to."""
    return bar.belongs or day(bar.session)


@dataclass
class Leg:
    """What is traded in another symbol as a part of a position."""

    symbol: str
    shares: float  # below zero when short; whole until its stock is split
    gross: float = 0.0  # what its orders have brought in, less what they have cost
    commission: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0


@dataclass
class Position:
    """A trade, open or closed."""

    event_id: str
    symbol: str
    sign: int  # +1 long, -1 short
    entry_session: date
    number: int  # how many trades were entered before it
    fresh: bool = False  # entered at this close
    shares: int = 0
    entries: list[tuple[float, float]] = field(default_factory=list)
    exits: list[tuple[float, float]] = field(default_factory=list)
    exit_session: date | None = None
    reason: str = ""
    commission: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0
    best: float | None = None  # best close since the entry; None during the entry session
    counted_from: int = 0  # index of the bar of the entry or of the last renewal
    hold: int | None = None
    hold_bars: int | None = None
    leave_at: str | None = None
    leave: str = "open"
    levels: str = "session"
    stop: float | None = None  # level
    target: float | None = None  # level
    trailing_stop: float | None = None  # fraction
    passed: str | None = None  # the level that the last close has passed
    legs: list[Leg] = field(default_factory=list)

    def plan(self, signal: Signal, base: float, index: int) -> None:
        """Take the whole exit plan of the newest signal; levels are set from ``base``."""
        self.counted_from = index
        self.hold, self.hold_bars, self.leave_at = signal.hold, signal.hold_bars, signal.leave_at
        self.leave = "close" if signal.hold == 0 else signal.leave
        self.levels = signal.levels
        self.trailing_stop = signal.trailing_stop
        self.stop = self.target = None
        if signal.stop is not None:
            self.stop = level(base, -self.sign * signal.stop)
        if signal.target is not None:
            self.target = level(base, self.sign * signal.target)

    def live_stop(self) -> tuple[float | None, str]:
        """The nearer of stop and trailing stop, and which of them it is."""
        stop, reason = self.stop, "stop"
        if self.trailing_stop is not None and self.best is not None:
            trailing = level(self.best, -self.sign * self.trailing_stop)
            if stop is None or self.sign * trailing > self.sign * stop:
                stop, reason = trailing, "trailing_stop"
        return stop, reason

    def split(self, ratio: float) -> float:
        """Make whole shares of each old one, and all prices as of now; return the fraction over."""
        new = self.shares * ratio
        self.shares = floor(new + 1e-9)
        self.entries = [(number * ratio, price / ratio) for number, price in self.entries]
        self.exits = [(number * ratio, price / ratio) for number, price in self.exits]
        if self.stop is not None:
            self.stop = to_nine_decimals(self.stop / ratio)
        if self.target is not None:
            self.target = to_nine_decimals(self.target / ratio)
        if self.best is not None:
            self.best /= ratio
        return new - self.shares if new - self.shares >= 1e-9 else 0.0

    def is_short_anywhere(self) -> bool:
        return self.sign < 0 or any(leg.shares < 0 for leg in self.legs)

    def trade(self) -> Trade:
        """The trade from flat to flat."""
        shares = sum(number for number, _ in self.entries)
        entry = sum(number * price for number, price in self.entries) / shares
        exit_ = sum(number * price for number, price in self.exits) / shares
        gross = self.sign * shares * (exit_ - entry)
        hedge = sum(leg.gross - leg.commission - leg.borrow + leg.dividends for leg in self.legs)
        assert self.exit_session is not None
        return Trade(
            event_id=self.event_id,
            symbol=self.symbol,
            direction="long" if self.sign > 0 else "short",
            shares=shares,
            entry_session=self.entry_session,
            entry_price=entry,
            exit_session=self.exit_session,
            exit_price=exit_,
            exit_reason=self.reason,
            gross_profit=gross,
            commission=self.commission,
            borrow=self.borrow,
            net_profit=gross - self.commission - self.borrow + self.dividends + hedge,
            hedge_profit=hedge,
            dividends=self.dividends,
        )


@dataclass
class LimitEntry:
    """An entry that waits through a session at its level."""

    signal: Signal
    shares: int
    level: float
    reserved: float  # cash that it takes away until then
    outcome: str  # when it is filled


@dataclass(frozen=True)
class Costs:
    """What an order costs, and how large it may be."""

    bars: Mapping[str, Sequence[Bar]]
    rules: Settings
    actions: Mapping[str, Sequence[Action]]

    def due(self, symbol: str, index: int) -> list[Action]:
        """The dividends and splits that take effect before the open of a bar."""
        if index == 0:
            return []
        before, now = (day(bar.session) for bar in self.bars[symbol][index - 1 : index + 1])
        found = [one for one in self.actions.get(symbol, ()) if before < one[0] <= now]
        found = [one for one in found if one[1] in ("dividend", "split")]
        return sorted(found, key=lambda one: (one[0], one[1] != "split"))

    def index(self, symbol: str, session: date) -> int:
        """Which of the symbol's own sessions this is."""
        return [bar.session for bar in self.bars[symbol]].index(session)

    def sessions(self, symbol: str, first: int, last: int) -> int:
        """How many of the symbol's sessions have begun after its bar ``first``, up to ``last``."""
        return len({session_of(bar) for bar in self.bars[symbol][first : last + 1]}) - 1

    def ends_its_session(self, symbol: str, index: int) -> bool:
        """Whether no later bar of the symbol belongs to the same session."""
        after = self.bars[symbol][index + 1 : index + 2]
        return not after or session_of(after[0]) != session_of(self.bars[symbol][index])

    def ends_its_day(self, symbol: str, index: int) -> bool:
        """Whether no later bar of the symbol belongs to the same session and is of the same day."""
        now, *after = [bar.session for bar in self.bars[symbol][index : index + 2]]
        return self.ends_its_session(symbol, index) or day(after[0]) != day(now)

    def clock(self, symbol: str, index: int) -> str:
        """The New York clock at which a bar opens; a daily bar has none."""
        bar = self.bars[symbol][index]
        if bar.whole or not isinstance(bar.session, datetime):
            return ""
        return bar.session.replace(tzinfo=UTC).astimezone(NEW_YORK).strftime("%H:%M")

    def slippage(self, symbol: str, session: date) -> float:
        """A fraction: basis points, and a share of the range of the symbol's session before."""
        index, rules = self.index(symbol, session), self.rules
        is_extended = self.bars[symbol][index].belongs is not None
        slip = (rules.extended_slippage_bps if is_extended else rules.slippage_bps) * 1e-4
        for place in self.before(symbol, index)[-1:]:
            last = self.bars[symbol][place]
            slip += rules.slippage_range * (last.high - last.low) / last.close
        return min(slip, 0.99)

    def before(self, symbol: str, index: int) -> list[int]:
        """The symbol's bars before this one that are of its kind: daily, regular or extended."""
        kinds = [(bar.whole, bar.belongs is None) for bar in self.bars[symbol][: index + 1]]
        return [place for place in range(index) if kinds[place] == kinds[index]]

    def participation(self, symbol: str, index: int) -> int | None:
        """The most shares that the volume of the twenty sessions before lets an entry take."""
        before = self.before(symbol, index)[-20:]
        if self.rules.max_participation is None or not before:
            return None
        volumes = [self.volume(symbol, n, index) for n in before]
        return floor(self.rules.max_participation * median(volumes) + 1e-9)

    def volume(self, symbol: str, index: int, now: int) -> float:
        """Of a bar, in shares as they are at the bar ``now``."""
        volume = self.bars[symbol][index].volume
        for later in range(index + 1, now + 1):
            for _, action, ratio in self.due(symbol, later):
                if action == "split":
                    assert ratio is not None
                    volume *= ratio
        return volume

    def commission(self, shares: float, price: float) -> float:
        """Of one order. The minimum applies only where a commission is charged at all."""
        rules = self.rules
        charge = rules.commission_fixed + rules.commission_per_share * shares
        charge += rules.commission_bps * 1e-4 * shares * price
        if charge == 0:
            return 0.0
        return min(max(charge, rules.commission_min), rules.commission_max * shares * price)

    def affordable(self, shares: int, fill: float, sign: int, cash: float) -> int:
        """How many of ``shares`` can be bought with the cash; of a sale all or none."""
        if sign < 0:
            return 0 if cash + shares * fill - self.commission(shares, fill) < -1e-9 else shares
        enough, too_many = 0, max(shares, 0) + 1
        while too_many - enough > 1:  # value plus commission never falls with the number
            middle = (enough + too_many) // 2
            if middle * fill + self.commission(middle, fill) <= cash + 1e-9:
                enough = middle
            else:
                too_many = middle
        return enough

    def night_fee(
        self, symbol: str, session: date, rates: Sequence[tuple[date, float]], shares: float
    ) -> float:
        """What so many shares owe for having been short in the night before this bar."""
        index = self.index(symbol, session)
        if self.rules.borrow_mode == "none" or index == 0:
            return 0.0
        last = self.bars[symbol][index - 1]
        night, morning = day(last.session), day(session)
        dated = [pair for pair in rates if pair[0] <= night]
        known = dated and self.rules.borrow_mode == "table"
        rate = max(dated)[1] if known else self.rules.borrow_default
        value = shares * last.close * self.rules.borrow_collateral
        return value * rate / self.rules.borrow_day_count * (morning - night).days
