"""The worlds of an audit: the data as they are up to a session, and otherwise after it.

Every file of prices, events and borrow rates is changed, also those that are not traded. What a
session will bring is not known before its open: neither its prices nor what is published later.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from backtest.audit.source import NEVER, Cells, Row, event_row
from backtest.data.calendar import trading_calendar
from backtest.data.event import NEW_YORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.audit.source import Source, Table, World

_PRICES = ("open", "high", "low", "close")
_MADE_UP = 100.0  # dollars, of a stock whose first price is not known yet
_QUIET = {"open": 1.0, "high": 1.01, "low": 0.99, "close": 1.0}  # times the close before
_LEAST, _MOST = 0.01, 1e6  # dollars, of made-up prices


def prefix(source: Source, session: date, reaction: timedelta) -> World:
    """What was there before the open of a session, and of the session itself a quiet bar."""
    day, public = session.isoformat(), _public(session, reaction)
    world: World = {}
    for table in source.tables:
        if table.folder == "events":
            world[table.place] = [row for row in table.rows if public(row)]
        elif table.folder == "borrow":
            world[table.place] = [row for row in table.rows if row.day < day]
        else:
            world[table.place] = _prefix_of_prices(table, day)
    return world


def _prefix_of_prices(table: Table, day: str) -> Sequence[Row]:
    start = _start(table, day)
    if start == len(table.rows):
        return table.rows
    if start and table.rows[start].day != day:
        return table.rows[:start]
    # A stock that trades for the first time later keeps that day alone: a file needs a row.
    before = table.rows[start - 1].cells if start else {}
    close, places = float(before.get("close", _MADE_UP)), _places(table)
    cells = dict.fromkeys(table.columns, "") | {
        "volume": before.get("volume", "1000"),
        "date": table.rows[start].day,
        **{name: f"{close * times:.{places}f}" for name, times in _QUIET.items()},
    }
    quiet = {name: cells[name] for name in table.columns}
    return [*table.rows[:start], Row(quiet, table.rows[start].day)]


def perturbed(source: Source, session: date, seed: int, variant: int) -> World:
    """Prices are made up from a session on: drawn from the stock's own days, up or down at random.

    Args:
        source: the data.
        session: the first that is made up.
        seed: of the draws.
        variant: 0, 1, …; each next one moves more.

    """
    world = source.as_is()
    for number, table in enumerate(source.of("prices")):
        rng = np.random.default_rng([seed, variant, session.toordinal(), number])
        start = _start(table, session.isoformat())
        size = len(table.rows) - start
        moves = rng.choice([-1.0, 1.0], size) * (1 + variant)
        world[table.place] = _redrawn(table, start, moves, rng)
    return world


def shuffled(source: Source, rng: np.random.Generator, sessions: Sequence[date]) -> World:
    """A null world: days drawn at random from the stock's own, events in random sessions."""
    world = source.as_is()
    for table in source.of("prices"):
        world[table.place] = _redrawn(table, 1, np.ones(len(table.rows) - 1), rng)
    for table in source.of("events"):
        days = [sessions[place] for place in rng.integers(len(sessions), size=len(table.rows))]
        world[table.place] = [_moved(row, day) for row, day in zip(table.rows, days, strict=True)]
    return world


def with_later_events(
    source: Source, session: date, reaction: timedelta, change: Callable[[Row], Row | None]
) -> World:
    """Events that were not public before the open of a session are changed; prices are not.

    Args:
        source: the data.
        session: the session.
        reaction: time between publication and the earliest order.
        change: gives the row that stands in place of one, or None.

    """
    public = _public(session, reaction)
    return _with_events(source, lambda row: row if public(row) else change(row))


def dropped(_: Row) -> None:
    """The event does not come."""


def replaced(row: Row, instead: Mapping[str, Row | None]) -> Row | None:
    """Another event comes, or none; `instead` holds it by the line of the row."""
    return instead[row.line]


def with_one_delayed(source: Source, line: str, reaction: timedelta) -> World:
    """One event, given by its line, comes as late as makes it tradable one session later."""
    return _with_events(
        source, lambda row: one_session_later(row, reaction) if row.line == line else row
    )


def _with_events(source: Source, change: Callable[[Row], Row | None]) -> World:
    world = source.as_is()
    for table in source.of("events"):
        world[table.place] = [new for row in table.rows if (new := change(row)) is not None]
    return world


def _public(session: date, reaction: timedelta) -> Callable[[Row], bool]:
    """Whether an event was public early enough to be traded in a session, or before."""
    latest = trading_calendar().open_of(session) - reaction
    return lambda row: row.published_at is not None and row.published_at < latest


def _start(table: Table, day: str) -> int:
    """The place of the first row from a day on."""
    return bisect_left(table.rows, day, key=lambda row: row.day)


def _redrawn(
    table: Table, start: int, moves: NDArray[np.float64], rng: np.random.Generator
) -> Sequence[Row]:
    """The rows before `start`, and from there on days that are drawn from all days of the table.

    Args:
        table: of prices.
        start: place of the first row that is made up.
        moves: of each of them, by how much the drawn day's log returns are multiplied.
        rng: draws the days.

    """
    rows, names = table.rows, [name for name in _PRICES if name in table.columns]
    if start >= len(rows) or len(rows) < 2:  # noqa: PLR2004 - a return needs two
        return rows
    logs = {name: np.log([float(row.cells[name]) for row in rows]) for name in names}
    drawn = rng.integers(1, len(rows), len(rows) - start)
    relative = {name: moves * (logs[name][drawn] - logs["close"][drawn - 1]) for name in names}
    places = _places(table)
    level = logs["close"][start - 1] if start else np.log(_MADE_UP)
    before = level + np.concatenate(([0.0], np.cumsum(relative["close"])[:-1]))
    prices = {name: np.exp(before + relative[name]).clip(_LEAST, _MOST) for name in names}
    if "high" in prices:  # a day that is turned upside down has them the other way round
        pair = np.sort([prices["high"], prices["low"]], axis=0)
        prices["low"], prices["high"] = pair
    made = [
        Row(
            rows[source].cells
            | {"date": rows[place].day}
            | {name: f"{prices[name][number]:.{places}f}" for name in names},
            rows[place].day,
        )
        for number, (place, source) in enumerate(
            zip(range(start, len(rows)), drawn.tolist(), strict=True)
        )
    ]
    return [*rows[:start], *made]


def _places(table: Table) -> int:
    """Decimal places of the prices, so that made-up ones look like them; at least cents."""
    return max(2, *(len(row.cells["close"].partition(".")[2]) for row in table.rows))


def shifted(row: Row, by: timedelta) -> Row:
    """An event that is published later or earlier, at the same time of day in New York."""
    if row.published_at in (None, NEVER):
        return row
    local = row.published_at.astimezone(NEW_YORK)
    moved = datetime.combine(local.date() + by, local.time(), NEW_YORK)
    return event_row(row.cells | {"published_at": moved.isoformat()})


def one_session_later(row: Row, reaction: timedelta) -> Row:
    """An event that is published as many days later as make it tradable a session later."""
    calendar, moved = trading_calendar(), row
    assert row.published_at is not None  # noqa: S101 - an event has been traded
    session = calendar.tradable_session(row.published_at, reaction)
    while moved.published_at and calendar.tradable_session(moved.published_at, reaction) == session:
        moved = shifted(moved, timedelta(days=1))
    return moved


def _moved(row: Row, day: date) -> Row:
    """An event that is published on another day; the days that it speaks of move with it."""
    by = day - date.fromisoformat(row.day[:10])
    moved = shifted(row, by)
    dates: Cells = {
        name: (date.fromisoformat(cell) + by).isoformat()
        for name, cell in row.cells.items()
        if name != "published_at" and _is_day(cell)
    }
    return replace(moved, cells=moved.cells | dates)


def _is_day(cell: str) -> bool:
    try:
        return len(cell) == len("2025-03-28") and bool(date.fromisoformat(cell))
    except ValueError:
        return False
