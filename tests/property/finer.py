"""Worlds of finer bars: each session of a daily world is cut into bars that compose to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time

from hypothesis import strategies as st

from tests.oracle import Signal
from tests.property.actions import before_last_closes
from tests.property.strategies import Row, World

OPENS = tuple(time(hour, 30) for hour in (14, 15, 17, 19))  # UTC, in the hours of any day
LEVELS = 5  # places between the low and the high of a session at which its bars may meet
CUTS = 10**12  # numbers that a cut reads as places


def cut(row: Row, opens: list[time], number: int) -> list[tuple]:
    """A session as bars that open at the times given: which way they go is read off a number."""
    session, open_, high, low, close, *volume = row
    count = len(opens)
    number, top = divmod(number, count)
    number, bottom = divmod(number, count)
    bars = []
    first = open_
    for place, moment in enumerate(opens):
        number, step = divmod(number, LEVELS)
        last = min(low + (high - low) * step / (LEVELS - 1), high)
        if place == count - 1:
            last = close
        above = high if place == top else max(first, last)
        below = low if place == bottom else min(first, last)
        bars.append((datetime.combine(session, moment), first, above, below, last, *volume))
        number, gap = divmod(number, LEVELS + 1)
        first = last if gap == LEVELS else min(low + (high - low) * gap / (LEVELS - 1), high)
    return bars


@st.composite
def finer_worlds(draw: st.DrawFn, of: st.SearchStrategy[World]) -> World:
    """A world whose symbols have up to four bars a session, and now and then none."""
    world = draw(of)
    bars: dict[str, list[tuple]] = {}
    for symbol, rows in world.bars.items():
        count = len(rows)
        slots = draw(st.lists(st.integers(0, 15), min_size=count, max_size=count))
        numbers = draw(st.lists(st.integers(0, CUTS), min_size=count, max_size=count))
        bars[symbol] = [
            bar
            for row, slot, number in zip(rows, slots, numbers, strict=True)
            if slot
            for bar in cut(row, [o for n, o in enumerate(OPENS) if slot >> n & 1], number)
        ] or cut(rows[0], list(OPENS), 0)
    signals = [
        # Without legs, whose symbol would need each of the bars.
        replace(signal, session=moment_of(draw, bars[signal.symbol], signal), legs=())
        for signal in world.signals
    ]
    return before_last_closes(replace(world, bars=bars, signals=signals))


def moment_of(draw: st.DrawFn, bars: list[tuple], signal: Signal) -> datetime:
    """A bar of its session, or of any other where the symbol has none in it.

    What is for the close acts at the last bar of a session, at which no limit waits on.
    """
    inside = [bar[0] for bar in bars if bar[0].date() == signal.session]
    drawn = draw(st.sampled_from(inside or [bar[0] for bar in bars]))
    at = signal.leave if signal.direction == "flat" else signal.enter
    return drawn if at == "open" else max(b[0] for b in bars if b[0].date() == drawn.date())
