"""Make the worlds of an audit: true data up to a moment of decision, different data after it.

Every table that the run reads is changed, also those of symbols that are not traded. What a session
will bring is not known before its open: neither its prices nor what is published later. A finer bar
is known when it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from math import isfinite
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from backtest.data.bars import LENGTHS, bars_within
from backtest.data.calendar import as_utc64, trading_calendar
from backtest.data.kinds import NEW_YORK, Event
from backtest.data.tables import Cells, FileTables, Row, event_row, member_row

if TYPE_CHECKING:
    from backtest.audit.jobs import Source

PriceTables = Mapping[str, pd.DataFrame]
World = FileTables
"""The tables of a world, by their names in the data folder."""


class DecisionTime(NamedTuple):
    """A decision time is a session, and the time in UTC up to which everything is known."""

    session: date
    time: datetime


_WEEK = timedelta(days=7)  # five sessions, on the same weekday
_KEPT = ("symbol", "published_at", "precision")


def altered_events(source: Source, seed: int) -> Mapping[str, Row]:
    """Return, by the line of each event's row, a row of the same time with other content."""
    rng = np.random.default_rng(seed)
    altered = {}
    for name, rows in source.data.tables.events.items():
        columns = rows[0].cells if rows else ()
        values = {column: sorted({row.cells[column] for row in rows}) for column in columns}
        for row in rows:
            altered[row.line] = _altered(row, values, source.data.kinds[name], rng)
    return altered


def delayed_events(source: Source) -> Mapping[str, Row | None]:
    """Return, by the line of each event's row, the event a week later; None where invalid."""
    return {
        row.line: later if _is_valid(later.cells, source.data.kinds[name]) else None
        for name, rows in source.data.tables.events.items()
        for row in rows
        for later in (_shifted(row, _WEEK),)
    }


def _altered(
    row: Row, values: Mapping[str, Sequence[str]], kind: type[Event], rng: np.random.Generator
) -> Row:
    cells = dict(row.cells)
    for name, cell in row.cells.items():
        if name in _KEPT or not cell:
            continue
        for candidate in _candidates(cell, values[name], rng):
            if candidate != cell and _is_valid(cells | {name: candidate}, kind):
                cells[name] = candidate
                break
    return event_row(cells)


def _candidates(cell: str, values: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Yield other texts for a cell, the most different first; some may be invalid."""
    factor = float(rng.uniform(0.3, 3))
    try:
        number = float(cell)
    except ValueError:
        yield {"true": "false", "false": "true"}.get(cell.casefold(), f"{cell} (altered)")
        yield from values
    else:
        for changed in (-factor * number, factor * number):
            yield repr(changed)
            if isfinite(changed):
                yield str(round(changed))


def _is_valid(cells: Cells, kind: type[Event]) -> bool:
    try:
        kind.model_validate({name: cell for name, cell in cells.items() if cell})
    except ValidationError:
        return False
    return True


_PRICES = ("open", "high", "low", "close")
_FIRST_PRICE = 100.0  # dollars, for a stock whose first price is not known yet
_QUIET = {"open": 1.0, "high": 1.01, "low": 0.99, "close": 1.0}  # times the close before
_LEAST, _MOST = 0.01, 1e6  # dollars, the bounds of drawn prices
_MOST_DECIMALS = 9


def prefix(source: Source, moment: DecisionTime) -> World:
    """Keep what was known at a moment; its session gets a quiet bar, or several finer ones."""
    session = moment.session
    day, after = session.isoformat(), (session + timedelta(days=1)).isoformat()
    public, true = _public(source, moment), source.as_is()
    last = max(session, source.by_bars_from) if source.bars else session  # it needs one
    end, bars_end = last + timedelta(days=1), _end_of_bars(source, moment, last)
    bars = {
        name: _quiet(table, _count_ended(source, name, moment), table.index.searchsorted(bars_end))
        for name, table in true.bars.items()
    }
    prices = {
        name: _quiet(table, _start(table, session), _start(table, end))
        for name, table in true.prices.items()
    }
    return World(
        prices=_agreeing(source, prices, bars, session),
        events={name: [r for r in rows if public(r)] for name, rows in true.events.items()},
        borrow={name: _before(rows, day) for name, rows in true.borrow.items()},
        members={
            name: [_still_a_member(row, day) for row in _before(rows, after)]
            for name, rows in true.members.items()
        },
        actions={
            name: [_still_halted(row, day) for row in _before(rows, after)]
            for name, rows in true.actions.items()
        },
        bars=bars,
    )


def _count_ended(source: Source, name: str, moment: DecisionTime) -> int:
    """Count the bars of a file that had ended; before a close, without the one that ends then."""
    length = np.timedelta64(LENGTHS[PurePosixPath(name).parent.name], "m")
    ends = source.as_is().bars[name].index.to_numpy() + length
    side: Literal["left", "right"] = "left" if source.at == "close" else "right"
    return int(ends.searchsorted(as_utc64(moment.time), side))


def _end_of_bars(source: Source, moment: DecisionTime, last: date) -> np.datetime64:
    """Return the time before which bars stay, so that the last session is still by finer bars."""
    calendar = trading_calendar()
    first, close = (as_utc64(calendar.time_of(last, at)) for at in ("open", "close"))
    if source.at == "close" or (source.bars and last in source.bars.by_the_day):
        return close
    times = [as_utc64(moment.time)]
    for table in source.as_is().bars.values():
        within = table.index[table.index.searchsorted(first) : table.index.searchsorted(close)]
        times += list(within[:1].to_numpy())
    return max(times) + np.timedelta64(1, "us")


def _agreeing(
    source: Source, prices: PriceTables, bars: PriceTables, session: date | None = None
) -> PriceTables:
    """Make daily prices from a session on, or all, agree with the finer bars of the same stock."""
    made = dict(prices)
    for name, table in bars.items():
        file = source.data.files[name]
        own = bars_within(file, table).by_session
        for daily in _daily_files(source, name):
            days = own.index.intersection(prices[daily].index)
            days = days if session is None else days[days >= pd.Timestamp(session)]
            made[daily] = made[daily].copy()
            made[daily].loc[days] = own.loc[days, made[daily].columns]
    return made


def _daily_files(source: Source, bars: str) -> list[str]:
    """Return the files of the daily prices of the stock whose finer bars are in a file."""
    symbols = source.data.symbols
    return [name for name in source.as_is().prices if symbols[name] == symbols[bars]]


def _before(rows: Sequence[Row], day: str) -> list[Row]:
    return [row for row in rows if row.day is None or row.day < day]


def _still_a_member(row: Row, day: str) -> Row:
    return member_row(row.cells | {"last": ""}) if row.cells["last"] >= day else row


def _still_halted(row: Row, day: str) -> Row:
    return replace(row, cells=row.cells | {"until": day}) if row.cells["until"] > day else row


def _quiet(table: pd.DataFrame, known: int, end: int) -> pd.DataFrame:
    """Keep the known rows, and replace those from there to `end` by some at the close before."""
    if known == len(table):
        return table
    # A stock that first trades later keeps that one day, since a file needs a row.
    count = max(end, 1) - known
    if count <= 0:
        return table.iloc[:known]
    close = table["close"].iloc[known - 1] if known else _FIRST_PRICE
    quiet = {name: round(close * times, _decimals(table)) for name, times in _QUIET.items()}
    if "volume" in table:
        quiet["volume"] = table["volume"].iloc[known - 1] if known else 1000.0
    index = table.index[known : known + count]
    bars = pd.DataFrame([quiet] * count, index=index)[list(table.columns)]
    return pd.concat([table.iloc[:known], bars])


def perturbed(source: Source, moment: DecisionTime, seed: int, variant: int) -> World:
    """Make up the prices from a moment on, daily ones from its session on.

    They are drawn from the stock's own days, or finer bars, up or down at random. Variants count
    from 0; each next one moves more.
    """
    true, session, made = source.as_is(), moment.session, {}
    for number, (name, table) in enumerate(true.frames.items()):
        rng = np.random.default_rng([seed, variant, session.toordinal(), number])
        known = _count_ended(source, name, moment) if name in true.bars else _start(table, session)
        moves = rng.choice([-1.0, 1.0], len(table) - known) * (1 + variant)
        made[name] = _redraw(table, known, moves, rng, _splits(true, name))
    daily, bars = ({name: made[name] for name in some} for some in (true.prices, true.bars))
    prices = _agreeing(source, daily, bars, session)
    actions = _without_payments(true, session.isoformat())
    return replace(true, prices=prices, bars=bars, actions=actions)


def shuffled(source: Source, rng: np.random.Generator, sessions: Sequence[date]) -> World:
    """Make a null world: days and bars drawn at random from the stock's own, events in any session.

    Of two events that would be the same there, the second comes a session later.
    """
    true, events = source.as_is(), {}
    prices: PriceTables = {
        name: _redraw(table, 1, np.ones(len(table) - 1), rng, _splits(true, name))
        for name, table in true.prices.items()
    }
    for name, rows in true.events.items():
        moved: dict[tuple[Any, ...], Row] = {}
        for row, number in zip(rows, rng.integers(len(sessions), size=len(rows)), strict=True):
            days = (sessions[(number + more) % len(sessions)] for more in range(len(sessions)))
            free = (one for day in days if key_of(one := _moved(row, day)) not in moved)
            moved |= {key_of(one): one for one in islice(free, 1)}
        events[name] = [*moved.values()]
    bars = {}
    for name, table in true.bars.items():
        own = prices[_daily_files(source, name)[0]]
        level = own["close"].iloc[max(_start(own, table.index[0].date()) - 1, 0)]
        bars[name] = _redraw(table, 0, np.ones(len(table)), rng, _splits(true, name), level)
    actions = _without_payments(true, date.min.isoformat())
    prices = _agreeing(source, prices, bars)
    return replace(true, prices=prices, bars=bars, events=events, actions=actions)


def _splits(world: World, prices: str) -> list[np.datetime64]:
    """Return the days of the splits of a stock, by the file of its prices or bars."""
    path = PurePosixPath(prices)
    folder = path.parents[2 if path.suffix == ".parquet" else 1]
    rows = world.actions.get((folder / "actions" / f"{path.stem}.csv").as_posix(), ())
    return [np.datetime64(row.day) for row in rows if row.day and row.cells["action"] == "split"]


def _without_payments(world: World, day: str) -> dict[str, list[Row]]:
    """Drop the splits and dividends from a day on, which drawn prices do not have."""
    return {
        name: [
            row
            for row in rows
            if row.day is None or row.day < day or row.cells["action"] not in ("split", "dividend")
        ]
        for name, rows in world.actions.items()
    }


def with_later_events(
    source: Source, moment: DecisionTime, change: Callable[[Row], Row | None]
) -> World:
    """Change the events that could not be traded at a moment; prices stay.

    `change` returns the row that replaces another, or None to drop it.
    """
    public = _public(source, moment)
    return _with_events(source, lambda row: row if public(row) else change(row))


def with_one_delayed(source: Source, event: Row) -> World:
    """Delay one event until it is tradable one session later."""
    late = one_session_later(source, event)
    return _with_events(source, lambda row: late if row.line == event.line else row)


def _with_events(source: Source, change: Callable[[Row], Row | None]) -> World:
    true = source.as_is()
    changed = {
        name: [new for row in rows if (new := change(row)) is not None]
        for name, rows in true.events.items()
    }
    return replace(true, events=changed)


def _public(source: Source, moment: DecisionTime) -> Callable[[Row], bool]:
    """Return a test of whether an event was public early enough to be traded by a moment."""
    latest = moment.time - source.reaction
    return lambda row: row.published_at is not None and row.published_at < latest


def _start(table: pd.DataFrame, session: date) -> int:
    return int(table.index.searchsorted(pd.Timestamp(session)))


def _redraw(
    table: pd.DataFrame,
    start: int,
    moves: NDArray[np.float64],
    rng: np.random.Generator,
    splits: Sequence[np.datetime64],
    level: float = _FIRST_PRICE,
) -> pd.DataFrame:
    """Keep the rows before `start`, and draw the others from the table's own days or bars.

    `moves` are the factors of each drawn row's log returns. The days of `splits`, on which a share
    is another than before, are not drawn. Where `start` is 0, prices go on from a `level`, dollars.
    """
    count = len(table)
    days = table.index[1:].to_numpy().astype("M8[D]")
    ordinary = 1 + np.flatnonzero(~np.isin(days, splits))
    if start >= count or not len(ordinary):
        return table
    names = [name for name in _PRICES if name in table]
    logs = {name: np.log(table[name].to_numpy()) for name in names}
    drawn = ordinary[rng.integers(len(ordinary), size=count - start)]
    relative = {name: moves * (logs[name][drawn] - logs["close"][drawn - 1]) for name in names}
    last = logs["close"][start - 1] if start else np.log(level)
    before = last + np.concatenate(([0.0], np.cumsum(relative["close"])[:-1]))
    prices = {name: np.exp(before + relative[name]).clip(_LEAST, _MOST) for name in names}
    if "high" in prices:  # a day turned upside down has them the other way round
        prices["low"], prices["high"] = np.sort([prices["high"], prices["low"]], axis=0)
    decimals = _decimals(table)
    made = table.iloc[drawn].set_axis(table.index[start:])
    made = made.assign(**{name: prices[name].round(decimals) for name in names})
    return pd.concat([table.iloc[:start], made])


def _decimals(table: pd.DataFrame) -> int:
    """Count the decimals of the closes, at least two, so that drawn prices look like them."""
    closes = table["close"].to_numpy()
    fits = (n for n in range(2, _MOST_DECIMALS) if np.array_equal(closes.round(n), closes))
    return next(fits, _MOST_DECIMALS)


def _shifted(row: Row, by: timedelta) -> Row:
    """Publish an event later or earlier, at the same time of day in New York."""
    assert row.published_at is not None  # noqa: S101 - of an event
    local = row.published_at.astimezone(NEW_YORK)
    moved = datetime.combine(local.date() + by, local.time(), NEW_YORK)
    return event_row(row.cells | {"published_at": moved.isoformat()})


def key_of(row: Row) -> tuple[Any, ...]:
    """Return what tells an event from all others of its kind: symbol, time and headline."""
    return row.cells["symbol"], row.published_at, row.cells["headline"].strip()


def one_session_later(source: Source, row: Row) -> Row:
    """Delay an event by as many days as make it tradable a session later."""
    calendar, moved = trading_calendar(), row

    def session_of(event: Row) -> date:
        assert event.published_at is not None  # noqa: S101 - of an event
        return calendar.tradable_session(event.published_at, source.reaction, source.at)

    while session_of(moved) == session_of(row):
        moved = _shifted(moved, timedelta(days=1))
    return moved


def _moved(row: Row, day: date) -> Row:
    """Publish an event on another day; the days that it mentions move with it."""
    assert row.day is not None  # noqa: S101 - of an event
    by = day - date.fromisoformat(row.day)
    moved = _shifted(row, by)
    dates = {
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
