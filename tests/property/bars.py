"""Worlds of runs by bars of five minutes: any daily world, its sessions cut and its signals timed.

Some sessions lack finer bars, some symbols some of them; others lie outside of the hours, in every
second world to be traded. What is published by the clock is traded at the bar that the oracle finds
for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle import Bar, Signal, tradable_bar
from tests.oracle_bars import hours, sequence, session_at, utc
from tests.oracle_parts import NEW_YORK, day
from tests.property.actions import before_last_closes, eventful_worlds
from tests.property.finer import cut
from tests.property.strategies import Row, World, worlds

LENGTH = timedelta(minutes=5)
OPENS = (time(9, 30), time(9, 35), time(12, 55), time(15, 30), time(15, 50), time(15, 55))
OUTSIDE = (time(4), time(9, 25), time(16), time(19, 55))
CLOCKS = (
    time(9, 25), time(8), time(9, 29, 59), time(9, 30), time(9, 32), time(9, 35), time(12, 50),
    time(12, 54), time(12, 57), time(13, 10), time(15, 25), time(15, 45), time(15, 49),
    time(15, 50), time(15, 55), time(15, 57), time(16), time(18), time(23, 59, 59),
)  # fmt: skip
# Where bars outside of hours are traded; 13:00 and 14:00 are that on half days.
EXTENDED_OPENS = (
    time(8), time(16, 10), time(16), time(9, 25), time(19, 55), time(19), time(4), time(13),
    time(14),
)  # fmt: skip
EXTENDED_CLOCKS = (
    *CLOCKS, time(16, 5), time(16, 10), time(16, 9, 59), time(7, 59), time(9, 20), time(19, 30),
    time(18, 59), time(19, 50), time(20, 30), time(3, 59), time(4), time(12, 59), time(13),
    time(13, 30),
)  # fmt: skip
TOO_EARLY, TOO_LATE = time(3, 55), time(20)
MOVES = (1.0, 1.01, 0.99, 1.05, 0.95, 1.2, 0.8, 1.5)  # of prices outside of hours
LEAVES = ("15:55", "09:30", "09:35", "09:36", "12:55", "15:52", "15:58", "04:00")
LIMITS = (0.01, 0.02, 0.003, 0.05, 0.0, -0.02, 0.1)  # that a bar may reach later in its session
NUMBERS = 10**12  # one is read as all that is drawn of a session or a signal


@dataclass(frozen=True)
class Fact:
    """What a signal answers."""

    signal: Signal
    precision: str


@dataclass(frozen=True)
class BarWorld(World):
    """A world with finer bars, whose signals are those of the facts that can be traded."""

    finer: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    reaction: timedelta = timedelta(0)
    decides: str = "open"
    missing_bars: str = "daily"

    @property
    def extended(self) -> bool:
        """Whether bars outside of regular hours are traded."""
        return self.settings.hours == "extended"

    def own_bars(self) -> dict[str, list[Bar]]:
        """The bars of the run by symbol."""
        hedges = hedged_with(one.signal for one in self.facts)
        return sequence(self.bars, self.finer, hedges, extended=self.extended)

    def bar_of(self, fact: Fact) -> datetime | None:
        """The bar at which a signal can be traded."""
        return tradable_bar(
            fact.signal.symbol,
            fact.signal.published_at.astimezone(UTC).replace(tzinfo=None),
            fact.precision,
            self.reaction,
            self.own_bars(),
            LENGTH,
            decides=self.decides,
            missing_bars=self.missing_bars,
        )


@st.composite
def bar_worlds(draw: st.DrawFn) -> BarWorld:
    """Any world, with dividends, splits, halts and ends in every second one."""
    world = draw(st.sampled_from((worlds(), eventful_worlds())).flatmap(lambda one: one))
    if extended := draw(st.sampled_from((True, False))):
        slippage = draw(st.sampled_from((25.0, 0.0, 300.0)))
        rules = replace(world.settings, hours="extended", extended_slippage_bps=slippage)
        world = replace(world, settings=rules)
    hedges = {symbol for signal in world.signals for symbol, _ in signal.legs}
    sessions = world.sessions()
    begins = draw(st.sampled_from((0, 0, 0, 1))) * draw(st.integers(0, len(sessions) - 1))
    finer = {}
    for symbol, rows in world.bars.items():
        numbers = st.lists(st.integers(0, NUMBERS), min_size=len(rows), max_size=len(rows))
        finer[symbol] = [
            bar
            for row, number in zip(rows, draw(numbers), strict=True)
            if row[0] >= sessions[begins]
            for bar in bars_of(row, number, is_hedge=symbol in hedges, extended=extended)
        ]
        if extended and finer[symbol]:
            number = draw(st.integers(0, NUMBERS))
            finer[symbol] += bars_outside(rows, number, is_hedge=symbol in hedges)
            finer[symbol].sort()
    decides = draw(st.sampled_from(("open", "open", "close")))
    clocks = EXTENDED_CLOCKS if extended else CLOCKS
    facts = [
        told(draw(st.integers(0, NUMBERS)), signal, decides, clocks) for signal in world.signals
    ]
    found = BarWorld(
        **vars(world),
        finer=finer,
        facts=tuple(facts),
        reaction=timedelta(minutes=draw(st.sampled_from((0, 5, 1, 30, 20 * 60)))),
        decides=decides,
        missing_bars=draw(st.sampled_from(("daily", "daily", "none"))),
    )
    signals = [
        replace(one.signal, session=moment)
        for one in facts
        if (moment := found.bar_of(one)) is not None
    ]
    signals = [one for one in signals if not is_settled(world, one)]
    # What a run has by bars hangs on what its strategy hedges with, traded or not.
    assume(hedged_with(signals) == hedged_with(one.signal for one in facts))
    return replace(found, signals=signals)


def hedged_with(signals: Iterable[Signal]) -> list[str]:
    """The symbols of the legs."""
    return sorted({symbol for signal in signals for symbol, _ in signal.legs})


def bars_of(row: Row, number: int, *, is_hedge: bool, extended: bool) -> list[tuple[Any, ...]]:
    """The finer bars of a session: which there are, and which way they go, is read off a number.

    A bar outside of hours that is not to be traded has a price at which that would be seen.
    """
    session = row[0]
    number, missing = divmod(number, 2 ** len(OPENS))
    number, outside = divmod(number, 8)
    if is_hedge and number % 8:
        missing = 0  # or most sessions of a hedge would be by the day
    _, closed = hours(session)
    opens = [one for n, one in enumerate(OPENS) if not missing >> n & 1]
    opens = [one for one in opens if utc(session, one) < closed]
    bars = cut(row, [utc(session, one).time() for one in opens], number) if opens else []
    if outside == 0:
        clocks = (TOO_EARLY, TOO_LATE) if extended else OUTSIDE
        bars += [(utc(session, one), *4 * (row[4] * 3,), *row[5:]) for one in clocks]
    return sorted(bars)


def bars_outside(rows: list[Row], number: int, *, is_hedge: bool) -> list[tuple[Any, ...]]:
    """Bars before the open and after the close, also of days on which there is no session."""
    by_day = {rows[0][0] - timedelta(days=1): rows[0]}
    for row in rows:  # a day without a row is priced as the one before
        by_day[row[0] + timedelta(days=1)] = row
    by_day |= {row[0]: row for row in rows}
    lots = Random(number)
    share = lots.choice((0.3, 0.7, 0.95)) if not is_hedge else 0.95
    return [
        bar_outside(utc(today, clock), row, lots)
        for today, row in by_day.items()
        for clock in EXTENDED_OPENS
        if not (hours(today)[0] <= utc(today, clock) < hours(today)[1]) and lots.random() < share
    ]


def bar_outside(moment: datetime, row: Row, lots: Random) -> tuple[Any, ...]:
    """One of them, around the open or the close of its day."""
    base = row[1] if moment < hours(day(moment))[0] else row[4]
    open_, close = (max(round(base * lots.choice(MOVES), 6), 1e-4) for _ in range(2))
    reach = lots.choice((0.0, 0.02, 0.2))
    high = max(round(max(open_, close) * (1 + reach), 6), 1e-4)
    low = max(round(min(open_, close) * (1 - reach), 6), 1e-4)
    volume = [float(round(row[5] * lots.choice((0.1, 1.0, 0.0))))] if len(row) > 5 else []
    return (moment, open_, high, low, close, *volume)


def told(number: int, signal: Signal, decides: str, clocks: Sequence[time] = CLOCKS) -> Fact:
    """The signal by the clock at which it is published, with a plan by bars or by the clock.

    Every third that enters at an open waits at a limit.
    """
    number, clock = divmod(number, len(clocks))
    number, earlier = divmod(number, 3)
    number, precision = divmod(number, 4)
    number, plan = divmod(number, 4)
    number, bars = divmod(number, 7)
    number, limit = divmod(number, 3 * len(LIMITS))
    published = datetime.combine(signal.session, clocks[clock], NEW_YORK)
    published -= timedelta(days=max(0, earlier - 1))
    if decides == "close":
        side = {"leave": "close"} if signal.direction == "flat" else {"enter": "close"}
        signal = replace(signal, limit=None, **side)
    at_close = signal.enter == "close"
    if limit < len(LIMITS) and not (at_close or signal.resize or signal.legs):
        signal = replace(signal, limit=LIMITS[limit])
    if at_close and signal.hold == 0:
        signal = replace(signal, hold=1)
    if plan == 2:
        least = 0 if signal.leave == "close" and not at_close else 1
        signal = replace(signal, hold=None, hold_bars=max(bars, least))
    elif plan == 3:
        hold = max(signal.hold or 0, 1) if at_close else signal.hold
        signal = replace(signal, hold=hold, leave_at=LEAVES[number % len(LEAVES)])
    precision = ("exact", "minute", "session", "exact")[precision]
    return Fact(replace(signal, published_at=published), precision)


def is_settled(world: World, signal: Signal) -> bool:
    """Whether it would enter at a close at which its stock is known to end."""
    dated = replace(signal, session=session_at(signal.session))
    (found,) = before_last_closes(replace(world, signals=[dated])).signals
    return found.enter != signal.enter
