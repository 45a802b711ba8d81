"""The worlds of an audit: the data as they are up to a moment of decision, and otherwise after it.

Every table that the run reads is changed, also of symbols that are not traded. What a session will
bring is not known before its open: neither its prices nor what is published later. A finer bar is
known when it has ended.
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
"""What a world holds, by the names of the tables that are read."""


class DecisionTime(NamedTuple):
    """When it is decided: the session, and the time up to which all is known, UTC."""

    session: date
    time: datetime


_WEEK = timedelta(days=7)  # five sessions, on the same weekday
_KEPT = ("symbol", "published_at", "precision")


def altered_events(source: Source, seed: int) -> Mapping[str, Row]:
    """By the line of each event's row, one that says something else of the same time."""
    rng = np.random.default_rng(seed)
    altered = {}
    for name, rows in source.data.tables.events.items():
        columns = rows[0].cells if rows else ()
        values = {column: sorted({row.cells[column] for row in rows}) for column in columns}
        for row in rows:
            altered[row.line] = _altered(row, values, source.data.kinds[name], rng)
    return altered


def delayed_events(source: Source) -> Mapping[str, Row | None]:
    """By the line of each event's row, the same a week later; None where the kind forbids it."""
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
    """Other texts for a cell, the most different first; some may not be allowed."""
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
_FIRST_PRICE = 100.0  # dollars, of a stock whose first price is not known yet
_QUIET = {"open": 1.0, "high": 1.01, "low": 0.99, "close": 1.0}  # times the close before
_LEAST, _MOST = 0.01, 1e6  # dollars, of drawn prices
_MOST_DECIMALS = 9


def prefix(source: Source, moment: DecisionTime) -> World:
    """What was there at a moment, and of its session a quiet bar, or several finer ones."""
    session = moment.session
    day, after = session.isoformat(), (session + timedelta(days=1)).isoformat()
    public, true = _public(source, moment), source.as_is()
    last = max(session, source.by_bars_from) if source.bars else session  # it needs one
    end, bars_end = last + timedelta(days=1), _end_of_bars(source, moment, last)
    bars = {
        name: _quiet(table, _ended(source, name, moment), table.index.searchsorted(bars_end))
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


def _ended(source: Source, name: str, moment: DecisionTime) -> int:
    """How many bars of a file had ended; before a close, without the one that ends with it."""
    length = np.timedelta64(LENGTHS[PurePosixPath(name).parent.name], "m")
    ends = source.as_is().bars[name].index.to_numpy() + length
    side: Literal["left", "right"] = "left" if source.at == "close" else "right"
    return int(ends.searchsorted(as_utc64(moment.time), side))


def _end_of_bars(source: Source, moment: DecisionTime, last: date) -> np.datetime64:
    """Before which bars stay, so that the last session is by bars, or by the day, as it is."""
    calendar = trading_calendar()
    first, close = (as_utc64(calendar.time_of(last, at)) for at in ("open", "close"))
    if source.at == "close" or (source.bars and last in source.bars.by_the_day):
        return close
    found = [as_utc64(moment.time)]
    for table in source.as_is().bars.values():
        within = table.index[table.index.searchsorted(first) : table.index.searchsorted(close)]
        found += list(within[:1].to_numpy())
    return max(found) + np.timedelta64(1, "us")


def _agreeing(
    source: Source, prices: PriceTables, bars: PriceTables, session: date | None = None
) -> PriceTables:
    """Daily prices that, from a session on, are what the finer bars make together."""
    made = dict(prices)
    for name, table in bars.items():
        file = source.data.files[name]
        own = bars_within(file, table.index.to_numpy(), table.to_numpy()).by_session
        for daily in _daily_files(source, name):
            days = own.index.intersection(prices[daily].index)
            days = days if session is None else days[days >= pd.Timestamp(session)]
            made[daily] = made[daily].copy()
            made[daily].loc[days] = own.loc[days, made[daily].columns]
    return made


def _daily_files(source: Source, bars: str) -> list[str]:
    """The files of the daily prices of a stock, by that of its finer bars."""
    of = source.data.symbols
    return [name for name in source.as_is().prices if of[name] == of[bars]]


def _before(rows: Sequence[Row], day: str) -> list[Row]:
    return [row for row in rows if row.day is None or row.day < day]


def _still_a_member(row: Row, day: str) -> Row:
    return member_row(row.cells | {"last": ""}) if row.cells["last"] >= day else row


def _still_halted(row: Row, day: str) -> Row:
    return replace(row, cells=row.cells | {"until": day}) if row.cells["until"] > day else row


def _quiet(table: pd.DataFrame, known: int, end: int) -> pd.DataFrame:
    """The rows that are known, and up to `end` some that stand at the close before."""
    if known == len(table):
        return table
    # A stock that trades for the first time later keeps that day alone: a file needs a row.
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
    """Prices are made up from a moment on, daily ones from its session on.

    They are drawn from the stock's own days, or finer bars, up or down at random. Variants count
    from 0; each next one moves more.
    """
    true, session, made = source.as_is(), moment.session, {}
    for number, (name, table) in enumerate(true.frames.items()):
        rng = np.random.default_rng([seed, variant, session.toordinal(), number])
        known = _ended(source, name, moment) if name in true.bars else _start(table, session)
        moves = rng.choice([-1.0, 1.0], len(table) - known) * (1 + variant)
        made[name] = _redrawn(table, known, moves, rng, _splits(true, name))
    prices, bars = ({name: made[name] for name in some} for some in (true.prices, true.bars))
    return replace(
        true,
        prices=_agreeing(source, prices, bars, session),
        bars=bars,
        actions=_unpaid(true, session.isoformat()),
    )


def shuffled(source: Source, rng: np.random.Generator, sessions: Sequence[date]) -> World:
    """A null world: days, and bars, drawn at random from the stock's own; events in any session.

    Of two that would be the same event there the second comes a session later.
    """
    true, events = source.as_is(), {}
    prices = {
        name: _redrawn(table, 1, np.ones(len(table) - 1), rng, _splits(true, name))
        for name, table in true.prices.items()
    }
    for name, rows in true.events.items():
        moved: dict[tuple[Any, ...], Row] = {}
        for row, place in zip(rows, rng.integers(len(sessions), size=len(rows)), strict=True):
            days = (sessions[(place + more) % len(sessions)] for more in range(len(sessions)))
            free = (one for day in days if told_by(one := _moved(row, day)) not in moved)
            moved |= {told_by(one): one for one in islice(free, 1)}
        events[name] = [*moved.values()]
    bars = {}
    for name, table in true.bars.items():
        own = prices[_daily_files(source, name)[0]]
        level = own["close"].iloc[max(_start(own, table.index[0].date()) - 1, 0)]
        bars[name] = _redrawn(table, 0, np.ones(len(table)), rng, _splits(true, name), level)
    return replace(
        true,
        prices=_agreeing(source, prices, bars),
        bars=bars,
        events=events,
        actions=_unpaid(true, date.min.isoformat()),
    )


def _splits(world: World, prices: str) -> list[np.datetime64]:
    """The days on which a table of prices begins anew, on a basis that its file is not on."""
    path = PurePosixPath(prices)
    folder = path.parents[2 if path.suffix == ".parquet" else 1]
    rows = world.actions.get((folder / "actions" / f"{path.stem}.csv").as_posix(), ())
    return [np.datetime64(row.day) for row in rows if row.day and row.cells["action"] == "split"]


def _unpaid(world: World, day: str) -> dict[str, list[Row]]:
    """The actions without those from a day on that drawn prices do not have: splits, dividends."""
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
    """Events that could not be traded at a moment are changed; prices are not.

    `change` gives the row that stands in place of one, or None.
    """
    public = _public(source, moment)
    return _with_events(source, lambda row: row if public(row) else change(row))


def with_one_delayed(source: Source, event: Row) -> World:
    """One event comes as late as makes it tradable one session later."""
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
    """Whether an event was public early enough to be traded at a moment, or before."""
    latest = moment.time - source.reaction
    return lambda row: row.published_at is not None and row.published_at < latest


def _start(table: pd.DataFrame, session: date) -> int:
    return int(table.index.searchsorted(pd.Timestamp(session)))


def _redrawn(
    table: pd.DataFrame,
    start: int,
    moves: NDArray[np.float64],
    rng: np.random.Generator,
    splits: Sequence[np.datetime64],
    level: float = _FIRST_PRICE,
) -> pd.DataFrame:
    """The rows before `start`, and from there on days or bars that are drawn from the table's.

    `moves` are what the log returns of each drawn row are multiplied by. The days of `splits`, on
    which a share is another than before, are not drawn. Without rows before it they go on from a
    `level`, dollars.
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
    if "high" in prices:  # a day that is turned upside down has them the other way round
        pair = np.sort([prices["high"], prices["low"]], axis=0)
        prices["low"], prices["high"] = pair
    decimals = _decimals(table)
    made = table.iloc[drawn].set_axis(table.index[start:])
    made = made.assign(**{name: prices[name].round(decimals) for name in names})
    return pd.concat([table.iloc[:start], made])


def _decimals(table: pd.DataFrame) -> int:
    """Decimal digits of the closes, so that drawn prices look like them; at least cents."""
    closes = table["close"].to_numpy()
    fits = (n for n in range(2, _MOST_DECIMALS) if np.array_equal(closes.round(n), closes))
    return next(fits, _MOST_DECIMALS)


def _shifted(row: Row, by: timedelta) -> Row:
    """An event that is published later or earlier, at the same time of day in New York."""
    assert row.published_at is not None  # noqa: S101 - of an event
    local = row.published_at.astimezone(NEW_YORK)
    moved = datetime.combine(local.date() + by, local.time(), NEW_YORK)
    return event_row(row.cells | {"published_at": moved.isoformat()})


def told_by(row: Row) -> tuple[Any, ...]:
    """What no two events of a kind have in common."""
    return row.cells["symbol"], row.published_at, row.cells["headline"].strip()


def one_session_later(source: Source, row: Row) -> Row:
    """An event that is published as many days later as make it tradable a session later."""
    calendar, moved = trading_calendar(), row

    def session_of(one: Row) -> date:
        assert one.published_at is not None  # noqa: S101 - an event has been traded
        return calendar.tradable_session(one.published_at, source.reaction, source.at)

    while session_of(moved) == session_of(row):
        moved = _shifted(moved, timedelta(days=1))
    return moved


def _moved(row: Row, day: date) -> Row:
    """An event that is published on another day; the days that it speaks of move with it."""
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
