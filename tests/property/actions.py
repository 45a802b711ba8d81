"""Worlds with dividends, splits, ends and halts: any world, with its bars and signals to match."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import Action
from tests.property.strategies import Row, World, worlds

RATIOS = (2.0, 1.5, 0.1, 3.0, 0.01, 7.0, 1 / 3, 0.5)
SHARES_OF_PRICE = (0.01, 0.1, 0.001, 0.5, 1.0, 2.0)  # that a dividend pays
AMOUNTS = (None, 1.0, 1.25, 0.5, 0.0, 2.0)  # that an end pays, for each dollar of the last close
SHAPES = 10**9  # numbers that are read as a halt, an action or an end


@st.composite
def eventful_worlds(draw: st.DrawFn) -> World:
    """A world whose stocks halt, pay, split and end; those of legs have every bar."""
    world = draw(worlds())
    hedges = {symbol for signal in world.signals for symbol, _ in signal.legs}
    bars: dict[str, list[Row]] = {}
    actions: dict[str, list[Action]] = {}
    for symbol, rows in world.bars.items():
        may_halt = symbol not in hedges and len(world.bars) > 1
        bars[symbol] = halted(rows, draw(st.integers(0, SHAPES))) if may_halt else rows
        actions[symbol] = ended(bars[symbol], draw(st.integers(0, SHAPES)))
        for number in draw(st.lists(st.integers(0, SHAPES), max_size=4)):
            bars[symbol], action = acted(bars[symbol], number)
            actions[symbol].append(action)
    signals = [replace(s, session=next_session(bars[s.symbol], s.session)) for s in world.signals]
    eventful = World(bars, signals, world.settings, world.borrow, actions)
    return before_last_closes(eventful)


def halted(rows: list[Row], number: int) -> list[Row]:
    """The bars without a few that follow each other, up to the last now and then."""
    number, count = divmod(number, 8)
    first = 1 + number % len(rows)
    return rows[:first] + rows[first + count :]


def acted(rows: list[Row], number: int) -> tuple[list[Row], Action]:
    """A dividend or a split on any day; the bars from then on may be priced at it."""
    number, place = divmod(number, len(rows))
    number, later = divmod(number, 4)
    number, kind = divmod(number, 2)
    number, size = divmod(number, 24)
    session, close = rows[place][0] + timedelta(days=later), rows[place][4]
    if kind == 0:
        share = SHARES_OF_PRICE[size % len(SHARES_OF_PRICE)]
        return rows, (session, "dividend", max(round(close * share, 4), 1e-4))
    ratio = RATIOS[size % len(RATIOS)]
    if number % 3:
        rows = [priced(row, ratio) if row[0] >= session else row for row in rows]
    return rows, (session, "split", ratio)


def priced(row: Row, ratio: float) -> Row:
    return (row[0], *(max(round(price / ratio, 6), 1e-4) for price in row[1:5]), *row[5:])


def ended(rows: list[Row], number: int) -> list[Action]:
    """The end of the stock after its last bar, in one world of three."""
    number, is_known = divmod(number, 3)
    number, later = divmod(number, 12)
    number, kind = divmod(number, 2)
    if is_known:
        return []
    amount, close = AMOUNTS[number % len(AMOUNTS)], rows[-1][4]
    session = rows[-1][0] + timedelta(days=1 + later)
    if kind == 0:
        return [(session, "cash_merger", round(close * (amount or 1.1), 4))]
    return [(session, "delisted", None if amount is None else round(close * amount, 4))]


def next_session(rows: list[Any], session: date) -> date:
    """The first with a bar from this one on; where none is left, the last."""
    return min((row[0] for row in rows if row[0] >= session), default=rows[-1][0])


def before_last_closes(world: World) -> World:
    """The world with no entry at a close at which its stock is known to end."""
    known = {
        symbol
        for symbol, actions in world.actions.items()
        if any(action in ("delisted", "cash_merger") for _, action, _ in actions)
    }
    signals = [
        replace(signal, enter="open")
        if signal.symbol in known and signal.session == world.bars[signal.symbol][-1][0]
        else signal
        for signal in world.signals
    ]
    return replace(world, signals=signals)
