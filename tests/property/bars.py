"""Worlds of runs by bars of five minutes: any daily world, its sessions cut and its signals timed.

Some sessions lack finer bars, some symbols some of them; others lie outside of the hours. What is
published by the clock is traded at the bar that the oracle finds for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.oracle import Signal, tradable_bar
from tests.oracle_bars import hours, sequence, utc
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
LEAVES = ("15:55", "09:30", "09:35", "09:36", "12:55", "15:52", "15:58", "04:00")
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

    def bar_of(self, fact: Fact) -> datetime | None:
        """The bar at which a signal can be traded."""
        hedges = hedged_with(one.signal for one in self.facts)
        return tradable_bar(
            fact.signal.symbol,
            fact.signal.published_at.astimezone(UTC).replace(tzinfo=None),
            fact.precision,
            self.reaction,
            sequence(self.bars, self.finer, hedges),
            LENGTH,
            decides=self.decides,
            missing_bars=self.missing_bars,
        )


@st.composite
def bar_worlds(draw: st.DrawFn) -> BarWorld:
    """Any world, with dividends, splits, halts and ends in every second one."""
    world = draw(st.sampled_from((worlds(), eventful_worlds())).flatmap(lambda one: one))
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
            for bar in bars_of(row, number, is_hedge=symbol in hedges)
        ]
    decides = draw(st.sampled_from(("open", "open", "close")))
    facts = [told(draw(st.integers(0, NUMBERS)), signal, decides) for signal in world.signals]
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


def bars_of(row: Row, number: int, *, is_hedge: bool) -> list[tuple[Any, ...]]:
    """The finer bars of a session: which there are, and which way they go, is read off a number."""
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
        bars += [(utc(session, one), *4 * (row[4] * 3,), *row[5:]) for one in OUTSIDE]
    return sorted(bars)


def told(number: int, signal: Signal, decides: str) -> Fact:
    """The signal by the clock at which it is published, and with a plan by bars or by the clock."""
    number, clock = divmod(number, len(CLOCKS))
    number, earlier = divmod(number, 3)
    number, precision = divmod(number, 4)
    number, plan = divmod(number, 4)
    number, bars = divmod(number, 7)
    published = datetime.combine(signal.session, CLOCKS[clock], NEW_YORK)
    published -= timedelta(days=max(0, earlier - 1))
    if decides == "close":
        side = {"leave": "close"} if signal.direction == "flat" else {"enter": "close"}
        signal = replace(signal, limit=None, **side)
    at_close = signal.enter == "close"
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
    dated = replace(signal, session=day(signal.session))
    (found,) = before_last_closes(replace(world, signals=[dated])).signals
    return found.enter != signal.enter
