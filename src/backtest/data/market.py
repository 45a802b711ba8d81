"""Hold what is known when a strategy decides (`Market`); later data are not there at all.

The past of a market grows as time passes: `Tape` plays into it what has become known, and no more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from threading import RLock
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from backtest.data.calendar import as_utc64, trading_calendar
from backtest.data.kinds import NEVER_TRADED, Event, When, new_york_day
from backtest.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.bars import FinerBars
    from backtest.data.prices import Prices
    from backtest.data.universe import Universe

    Days = NDArray[np.datetime64]
    Floats = NDArray[np.float64]
    SplitRow = tuple[date, str, float]  # session, symbol, and new shares for one old share
    _Known = tuple[datetime, Event]  # the event, and the time from which the reaction counts

E = TypeVar("E", bound="Event")

_COLUMNS = ("open", "high", "low", "close", "volume")
_NEVER = np.datetime64("NaT", "D")


class EndedBars:
    """`EndedBars` holds the bars that have ended, by session or by when they open, UTC.

    They grow as time passes. The table has the shape (bars, …, 5); NaN where there is no bar.
    """

    def __init__(self, *shape: int) -> None:
        self._times = np.full(shape[0], _NEVER, "M8[us]")
        self._table = np.full((*shape, len(_COLUMNS)), np.nan)
        self._filled = 0

    def play(self, times: Days, table: Floats, count: int) -> None:
        """Hold the first `count` of these bars, and nothing of the others."""
        new, later = slice(self._filled, count), slice(count, self._filled)
        self._times[new], self._table[new] = times[new], table[new]
        self._times[later], self._table[later] = _NEVER, np.nan
        self._filled = count

    def before(self, session: date) -> tuple[Days, Floats]:
        """Return the sessions before a session, and their bars."""
        count = int(np.searchsorted(self._times[: self._filled], np.datetime64(session)))
        return self._times[:count], self._table[:count]

    def frame(self) -> pd.DataFrame:
        """Return the bars of one stock as a frame, indexed by when they open, UTC."""
        import pandas as pd

        times = pd.DatetimeIndex(self._times[: self._filled], tz="UTC", name="time")
        return pd.DataFrame(self._table[: self._filled].copy(), times, list(_COLUMNS))


class Past:
    """`Past` holds the bars and events that have become known; `Tape` adds to them.

    Attributes:
        columns: the columns of each symbol, such as `close` alone for an index.
        members: the tradable stocks of each session that has come, in order of the alphabet.
        splits: the splits until the session.
        daily: the bars of each session that has ended, by symbol in the order of `columns`.
        finer: the finer bars of each symbol that have ended.
        heard: the kinds that the strategy listens to; None where nobody decides.

    """

    def __init__(
        self, columns: Mapping[str, Sequence[str]], sessions: int, reaction: timedelta
    ) -> None:
        self.columns = columns
        self.splits: Sequence[SplitRow] = ()
        self.finer: dict[str, EndedBars] = {}
        self.members: dict[date, tuple[str, ...]] = {}
        self.heard: tuple[type[Event], ...] | None = None
        self._index_of = {symbol: index for index, symbol in enumerate(columns)}
        self._reaction = reaction
        self.daily = EndedBars(sessions, len(columns))
        self._events: list[_Known] = []
        self._of_kind: dict[type[Event], tuple[list[Event], list[datetime]]] = {}
        self._values: dict[tuple[type[Event], str], list[float | None]] = {}

    def bars(self, symbol: str, session: date) -> pd.DataFrame:
        """Return the bars of a symbol before a session, indexed by session.

        They are in the shares of that session: splits that come later are not in them.
        """
        import pandas as pd

        sessions, tables = self.daily.before(session)
        bars = tables[:, self._index_of[symbol]]
        has_bar = ~np.isnan(bars[:, _COLUMNS.index("close")])
        names = list(self.columns[symbol])
        table = bars[has_bar][:, [_COLUMNS.index(name) for name in names]]
        index = pd.DatetimeIndex(sessions[has_bar].astype("M8[ns]"), name="session")
        for day, of, ratio in self.splits:
            if of == symbol:
                before = slice(0, int(np.searchsorted(index, np.datetime64(day))))
                table[before] *= [ratio if name == "volume" else 1 / ratio for name in names]
        return pd.DataFrame(table, index=index, columns=names)

    def events(self, kind: type[E], now: datetime) -> list[E]:
        """Return the events of a kind that were known before `now`; see `Market.events`."""
        ships = kind.__module__.startswith("backtest.")
        if not (ships or self.heard is None or any(issubclass(one, kind) for one in self.heard)):
            raise UsageError(
                f"the events of {kind.kind} are not shown: name it in the strategy's listens_to, "
                f"and answer it with a reason"
            )
        events, times = self._kind(kind)
        return cast("list[E]", events[: bisect_left(times, now - self._reaction)])

    def others(self, event: Event, by: str, now: datetime, days: int | None) -> Floats:
        """Return the known values of a field in other events of the kind; see `Market.rank`."""
        kind = type(event)
        events, times = self._kind(kind)
        values = self._values.setdefault((kind, by), [])
        values += [getattr(one, by) for one in events[len(values) :]]
        first = 0 if days is None else bisect_left(times, now - timedelta(days))
        last = bisect_left(times, now - self._reaction)
        others = np.array(values[first:last], np.float64)  # NaN where unknown
        index = bisect_left(times, event.published_at)
        while index < last and events[index].id != event.id:
            index += 1
        if first <= index < last:
            others = np.delete(others, index - first)
        return others[~np.isnan(others)]

    def _kind(self, kind: type[Event]) -> tuple[list[Event], list[datetime]]:
        if kind not in self._of_kind:
            self._of_kind[kind] = [], []
            self._sort(self._events, {kind})
        return self._of_kind[kind]

    def _sort(self, events: Sequence[_Known], kinds: set[type[Event]]) -> None:
        for kind in kinds:
            known, times = self._of_kind[kind]
            new = [one for one in events if isinstance(one[1], kind)]
            known += [event for _, event in new]
            times += [time for time, _ in new]

    def newer(self, event: Event, now: datetime) -> Event | None:
        """Return the next event of the symbol and kind that was known before `now`, if any."""
        known, times = self._kind(type(event))
        first = bisect_left(times, event.published_at)
        last = bisect_left(times, now - self._reaction)
        key, symbols = (event.published_at, event.headline), (event.symbol, "")
        for one in known[first:last]:
            if one.symbol in symbols and (one.published_at, one.headline) > key:
                return one
        return None

    def play(self, events: Sequence[_Known], count: int) -> None:
        """Hold the first `count` of these events, and nothing of the others."""
        new, later = events[len(self._events) : count], self._events[count:]
        self._events += new
        self._sort(new, set(self._of_kind))
        if not later:
            return
        del self._events[count:]
        for known, times in self._of_kind.values():
            first = bisect_left(times, later[0][0])
            del known[first:], times[first:]
        for (kind, _), values in self._values.items():
            del values[len(self._of_kind[kind][0]) :]


class Tape:
    """`Tape` holds the whole history of a replay and plays into `past` what is known at a time.

    Events come as strategies see them, in order of publication; `members` returns the stocks that
    can be traded in a session. Whoever plays must hold `lock` for as long as it reads `past`.
    """

    def __init__(
        self,
        tables: Mapping[str, pd.DataFrame],
        events: Sequence[Event],
        reaction: timedelta,
        members: Callable[[date], tuple[str, ...]],
        splits: Sequence[SplitRow] = (),
        finer: Mapping[str, FinerBars] | None = None,
        at: When = "open",
    ) -> None:
        days = {symbol: table.index.to_numpy().astype("M8[D]") for symbol, table in tables.items()}
        self._sessions = np.unique(np.concatenate([*days.values(), np.empty(0, "M8[D]")]))
        self._bars = np.full((len(self._sessions), len(tables), len(_COLUMNS)), np.nan)
        for index, (symbol, table) in enumerate(tables.items()):
            rows = np.searchsorted(self._sessions, days[symbol])
            fields = [_COLUMNS.index(name) for name in table.columns]
            self._bars[rows[:, None], index, fields] = table.to_numpy()
        known = ((known_at(event, reaction) - reaction, event) for event in events)
        self._events: list[_Known] = sorted(known, key=itemgetter(0))
        self._times = [time for time, _ in self._events]
        self._reaction, self._members = reaction, members
        self.lock = RLock()
        columns = {symbol: tuple(table.columns) for symbol, table in tables.items()}
        self.past = Past(columns, len(self._sessions), reaction)
        self._splits = sorted(splits)
        self._finer = {
            s: (bars, bars.times + np.timedelta64(bars.length, "m"))
            for s, bars in (finer or {}).items()
        }
        # Before a close, the bar that ends with it is still to be traded.
        self._side: Literal["left", "right"] = "left" if at == "close" else "right"
        self.past.finer = {s: EndedBars(len(ends)) for s, (_, ends) in self._finer.items()}

    def play(self, session: date, now: datetime) -> None:
        """Wind to a time in a session, such as its open, forwards or back."""
        for symbol, (finer, ends) in self._finer.items():
            ended = int(np.searchsorted(ends, as_utc64(now), side=self._side))
            self.past.finer[symbol].play(finer.times, finer.table, ended)
        sessions = int(np.searchsorted(self._sessions, np.datetime64(session)))
        self.past.daily.play(self._sessions, self._bars, sessions)
        self.past.play(self._events, bisect_left(self._times, now - self._reaction))
        count = bisect_right(self._splits, session, key=itemgetter(0))
        self.past.splits = self._splits[:count]
        members = self.past.members
        while members and next(reversed(members)) > session:  # they are in order
            members.popitem()
        if session not in members:
            members[session] = self._members(session)


@dataclass(frozen=True)
class Market:
    """`Market` shows what a strategy may know when it decides.

    Attributes:
        session: the tradable session, at whose open (or close, where the strategy decides before
            that) the signal can first be traded.
        now: the time of that open or close, UTC; in a run by finer bars, when the tradable bar
            opens or the last one ends. Nothing here is from that time or later.
        symbol: the symbol of the event.

    """

    session: date
    now: datetime
    symbol: str
    _past: Past = field(repr=False)

    @property
    def universe(self) -> tuple[str, ...]:
        """Return the stocks that can be traded in the session, in order of the alphabet.

        They are the members of the universe on that day, or the symbols of the run.
        """
        return self._past.members[self.session]

    def bars(self, symbol: str | None = None) -> pd.DataFrame:
        """Return the bars of the sessions before `session`, oldest first, indexed by session.

        The columns are `open high low close volume`, in dollars and shares of `session`. The frame
        is empty for a stock that has not traded yet.

        Args:
            symbol: the event's symbol by default; another symbol of the run; or one that the
                strategy names in `looks_at`, which may have closes alone.

        Raises:
            UsageError: the symbol is none of these.

        """
        name, known = symbol or self.symbol, sorted(self._past.columns)
        if name not in known:
            raise UsageError(
                f"the prices of {name} are not shown, those of {', '.join(known)} "
                f"are: name it in the strategy's looks_at"
            )
        return self._past.bars(name, self.session)

    def finer_bars(self, symbol: str | None = None) -> pd.DataFrame:
        """Return the finer bars that have ended by `now`, indexed by when they open, UTC.

        They have the columns of `bars`, in the shares of their file; there is none where the run
        has no such bars of the symbol. Before a close, the bar traded at it is not among them.
        """
        return (self._past.finer.get(symbol or self.symbol) or EndedBars(0)).frame()

    def events(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of a kind that were known by `now`, in the order they became known.

        That is the order of publication, except that what was published at an unknown time of a
        session is known at its close.

        Raises:
            UsageError: the kind is the user's own, and the strategy does not listen to it.

        """
        return tuple(self._past.events(kind, self.now))

    def sessions_until(self, day: date) -> int:
        """Count the sessions of the exchange from `session` to a day, negative in the past.

        A day that is no session counts as the next one. The calendar is public: counting to a day
        tells nothing about it, and the event must tell whether the day itself was known.
        """
        return trading_calendar().steps(self.session, day)

    def session_after(self, sessions: int) -> date:
        """Return the session that comes so many sessions after `session`, or before if negative."""
        return trading_calendar().after(self.session, sessions)

    def rank(self, event: Event, by: str, days: int | None = None) -> float | None:
        """Rank an event among the others of its kind that were known by `now`.

        Args:
            event: the event.
            by: a field of the kind, or a property such as `eps_surprise`.
            days: the calendar days back from `now` in which the others were published; None is all.

        Returns:
            A fraction from 0 (below all others) to 1 (above them all), in which equals count half;
            None where the event's value is unknown or no other is known.

        """
        value = getattr(event, by)
        others = self._past.others(event, by, self.now, days)
        if value is None or not len(others):
            return None
        below, equal = np.count_nonzero(others < value), np.count_nonzero(others == value)
        return float((below + equal / 2) / len(others))


def known_at(event: Event, reaction: timedelta) -> datetime:
    """Return when an event has been read: `published_at + reaction`, or later.

    What was published at an unknown time of a session is known at its close, not before.
    """
    calendar, known = trading_calendar(), event.published_at + reaction
    if event.precision == "session" and calendar.is_open(event.published_at):
        closes = calendar.time_of(calendar.next_to_close(event.published_at), "close")
        return max(known, closes)
    return known


def tradable_session(
    event: Event,
    history: Prices,
    span: Prices,
    reaction: timedelta,
    universe: Universe | None = None,
    at: When = "open",
) -> tuple[date | None, str]:
    """Return the first session at whose open (or close) an event can be traded, and why not.

    The reason is empty where the event can be traded. The session may lie outside of the replayed
    span, which the reason then says; it is None where the publication is known too vaguely.
    """
    if event.precision in NEVER_TRADED:
        return None, f"known by the {event.precision} alone, never traded"
    session = trading_calendar().tradable_session(known_at(event, reaction), timedelta(0), at)
    if new_york_day(event.published_at) < history.first:
        # There was no price yet that could have moved on it.
        return session, f"public before the first price of {event.symbol}, {history.first}"
    session = history.trades_from(session)  # in a halt, orders wait for the next price
    return session, obstacle(event, session, span, universe)


def obstacle(event: Event, session: date, span: Prices, universe: Universe | None) -> str:
    """Say why an event cannot be traded in a session; empty where it can."""
    if session < span.first:
        return f"before the first session of the replay, {span.first}"
    if session > span.last:
        return f"after the last price of {event.symbol} in the replay, {span.last}"
    if not span.days.size or session > span.days[-1].item():
        return f"no trade of {event.symbol} from {session} to the end of the replay"
    if universe is not None and not universe.has(event.symbol, session):
        return f"the stock was no member of {universe.name} then"
    return ""
