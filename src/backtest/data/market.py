"""`Market`: what was known when a strategy decides. Later data are not there at all.

Its past grows as time passes: `Tape` plays into it what has become known, and no more.
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

    Floats = NDArray[np.float64]
    SplitRow = tuple[date, str, float]  # its session, symbol, and new shares for an old one
    _Known = tuple[datetime, Event]  # with the time that its reaction begins at

E = TypeVar("E", bound="Event")


_COLUMNS = ("open", "high", "low", "close", "volume")
_CLOSE = _COLUMNS.index("close")
_NEVER = np.datetime64("NaT", "D")


class EndedBars:
    """Bars of a stock finer than sessions that have ended; they grow as time passes."""

    def __init__(self, count: int) -> None:
        self._times = np.full(count, _NEVER, "M8[us]")
        self._table = np.full((count, len(_COLUMNS)), np.nan)
        self._filled = 0

    def play(self, bars: FinerBars, count: int) -> None:
        """Hold the first so many of the bars, and nothing of the others."""
        new, gone = slice(self._filled, count), slice(count, self._filled)
        self._times[new], self._table[new] = bars.times[new], bars.table[new]
        self._times[gone], self._table[gone] = _NEVER, np.nan
        self._filled = count

    def frame(self) -> pd.DataFrame:
        """The bars by their open, UTC."""
        import pandas as pd

        times = pd.DatetimeIndex(self._times[: self._filled], tz="UTC", name="time")
        return pd.DataFrame(self._table[: self._filled].copy(), times, list(_COLUMNS))


class Past:
    """Bars and events that have become known; `Tape` adds to them as time passes.

    `columns` are those of each symbol, such as `open` or, of an index, `close` alone; `members` the
    stocks that could be traded in each session that has come, in order of the alphabet; `splits`
    those until the session, each its day, symbol and ratio; `finer` bars finer than sessions;
    `heard` the kinds that whoever decides listens to.
    """

    def __init__(
        self, columns: Mapping[str, Sequence[str]], sessions: int, reaction: timedelta
    ) -> None:
        self.columns = columns
        self.splits: Sequence[SplitRow] = ()
        self.finer: dict[str, EndedBars] = {}
        self.members: dict[date, tuple[str, ...]] = {}
        self.heard: tuple[type[Event], ...] | None = None  # whoever looks without deciding
        self._places = {symbol: place for place, symbol in enumerate(columns)}
        self._reaction = reaction
        self._sessions = np.full(sessions, _NEVER, "M8[D]")
        self._bars = np.full((sessions, len(columns), len(_COLUMNS)), np.nan)
        self._filled = 0
        self._events: list[_Known] = []
        self._of_kind: dict[type[Event], tuple[list[Event], list[datetime]]] = {}
        self._values: dict[tuple[type[Event], str], list[float]] = {}

    def bars(self, symbol: str, session: date) -> pd.DataFrame:
        """The bars of a symbol before a session, indexed by session; columns as of `Prices`.

        They are on the basis of that session's shares: splits that come later are not in them.
        """
        import pandas as pd

        count = int(np.searchsorted(self._sessions[: self._filled], np.datetime64(session)))
        bars = self._bars[:count, self._places[symbol]]
        there = ~np.isnan(bars[:, _CLOSE])
        names = list(self.columns[symbol])
        found = bars[there][:, [_COLUMNS.index(name) for name in names]]
        index = pd.DatetimeIndex(self._sessions[:count][there].astype("M8[ns]"), name="session")
        for day, of, ratio in self.splits:
            if of == symbol:
                before = slice(0, int(np.searchsorted(index, np.datetime64(day))))
                factors = [ratio if name == "volume" else 1 / ratio for name in names]
                found[before] *= factors
        return pd.DataFrame(found, index=index, columns=names)

    def events(self, kind: type[E], now: datetime) -> list[E]:
        """The events of a kind that were known before `now`, in the order in which they were."""
        ships = kind.__module__.startswith("backtest.")
        if not (ships or self.heard is None or any(issubclass(one, kind) for one in self.heard)):
            raise UsageError(
                f"the events of {kind.kind} are not shown: name it in the strategy's listens_to, "
                f"and answer it with a reason"
            )
        events, times = self._kind(kind)
        return cast("list[E]", events[: bisect_left(times, now - self._reaction)])

    def others(self, event: Event, by: str, now: datetime, days: int | None) -> Floats:
        """The known values of a field among the other events of its kind; see `Market.rank`."""
        kind = type(event)
        events, times = self._kind(kind)
        values = self._values.setdefault((kind, by), [])
        values += [
            np.nan if (value := getattr(one, by)) is None else value
            for one in events[len(values) :]
        ]
        first = 0 if days is None else bisect_left(times, now - timedelta(days))
        last = bisect_left(times, now - self._reaction)
        found = np.array(values[first:last])
        own = bisect_left(times, event.published_at)
        while own < last and events[own].id != event.id:
            own += 1
        if first <= own < last:
            found = np.delete(found, own - first)
        known: Floats = found[~np.isnan(found)]
        return known

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
        """The first event of the same symbol and kind after it that was known before `now`."""
        known, times = self._kind(type(event))
        later = known[
            bisect_left(times, event.published_at) : bisect_left(times, now - self._reaction)
        ]
        own, symbols = (event.published_at, event.headline), (event.symbol, "")
        after = (
            one for one in later if one.symbol in symbols and (one.published_at, one.headline) > own
        )
        return next(after, None)

    def grow(
        self, sessions: NDArray[np.datetime64], bars: Floats, events: Sequence[_Known]
    ) -> None:
        """Add what has become known since: bars by session and symbol, NaN where there is none."""
        until = self._filled + len(sessions)
        self._sessions[self._filled : until] = sessions
        self._bars[self._filled : until] = bars
        self._filled = until
        self._events += events
        self._sort(events, set(self._of_kind))

    def shrink(self, sessions: int, events: int, session: date) -> None:
        """Forget all but the first sessions and events, and the members of later sessions."""
        self._sessions[sessions : self._filled] = _NEVER
        self._bars[sessions : self._filled] = np.nan
        self._filled = min(sessions, self._filled)
        later = self._events[events:]
        del self._events[events:]
        for kind, (known, times) in self._of_kind.items():
            count = len(known) - sum(isinstance(event, kind) for _, event in later)
            del known[count:], times[count:]
        for (kind, _), values in self._values.items():
            del values[len(self._of_kind[kind][0]) :]
        while self.members and next(reversed(self.members)) > session:  # they are in order
            self.members.popitem()


class Tape:
    """The whole history of a replay; it plays into `past` what is known at a time, and no more.

    Events come as strategies see them, in order of publication; `members` gives the stocks that can
    be traded in a session. `past` is whole only while `lock` is held by whoever plays.
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
        for place, (symbol, table) in enumerate(tables.items()):
            rows = np.searchsorted(self._sessions, days[symbol])
            fields = [_COLUMNS.index(name) for name in table.columns]
            self._bars[rows[:, None], place, fields] = table.to_numpy()
        known = ((known_at(event, reaction) - reaction, event) for event in events)
        self._events: list[_Known] = sorted(known, key=itemgetter(0))
        self._times = [time for time, _ in self._events]
        self._reaction, self._members = reaction, members
        self.lock = RLock()
        self._at = (0, 0)  # sessions and events that have been played
        columns = {symbol: tuple(table.columns) for symbol, table in tables.items()}
        self.past = Past(columns, len(self._sessions), reaction)
        self._splits = sorted(splits)
        self._finer = {
            s: (bars, bars.times + np.timedelta64(bars.length, "m"))
            for s, bars in (finer or {}).items()
        }
        # Before a close the bar that ends with it is the one to be traded.
        self._side: Literal["left", "right"] = "left" if at == "close" else "right"
        self.past.finer = {s: EndedBars(len(ends)) for s, (_, ends) in self._finer.items()}

    def play(self, session: date, now: datetime) -> None:
        """Wind to a time in a session, such as its open, forwards or back."""
        for symbol, (finer, ends) in self._finer.items():
            ended = int(np.searchsorted(ends, as_utc64(now), side=self._side))
            self.past.finer[symbol].play(finer, ended)
        sessions = int(np.searchsorted(self._sessions, np.datetime64(session)))
        events = bisect_left(self._times, now - self._reaction)
        if sessions < self._at[0] or events < self._at[1]:
            self.past.shrink(sessions, events, session)
            self._at = (min(sessions, self._at[0]), min(events, self._at[1]))
        if self._splits:
            self.past.splits = self._splits[
                : bisect_right(self._splits, session, key=itemgetter(0))
            ]
        if session not in self.past.members:
            self.past.members[session] = self._members(session)
        if (sessions, events) == self._at:
            return
        first, known = self._at
        new = slice(first, sessions)
        self.past.grow(self._sessions[new], self._bars[new], self._events[known:events])
        self._at = (sessions, events)


@dataclass(frozen=True)
class Market:
    """The past of a decision.

    Attributes:
        session: the tradable session, whose open is the first price that can be had, or whose
            close where the strategy decides before that.
        now: the time of that open or close, UTC; in a run by finer bars when the tradable one
            opens, or the last one ends. Nothing here is from it or later.
        symbol: the symbol of the event.

    """

    session: date
    now: datetime
    symbol: str
    _past: Past = field(repr=False)

    @property
    def universe(self) -> tuple[str, ...]:
        """The stocks that can be traded in the session, in order of the alphabet.

        They are the members of the universe on that day, or the symbols of the run.
        """
        return self._past.members[self.session]

    def bars(self, symbol: str | None = None) -> pd.DataFrame:
        """Bars of the sessions before `session`, oldest first, indexed by session.

        Columns `open high low close volume`, in dollars and shares; empty for a stock that
        has not traded yet.

        Args:
            symbol: the event's own by default; or another of the run, or one that the strategy
                names in `looks_at`, which may have closes alone.

        Raises:
            UsageError: it is none of these.

        """
        name, known = symbol or self.symbol, sorted(self._past.columns)
        if name not in known:
            raise UsageError(
                f"the prices of {name} are not shown, those of {', '.join(known)} "
                f"are: name it in the strategy's looks_at"
            )
        return self._past.bars(name, self.session)

    def finer_bars(self, symbol: str | None = None) -> pd.DataFrame:
        """Bars finer than sessions that have ended by `now`, indexed by their open, UTC.

        Before a close the bar that is traded at it is not among them. Columns as of `bars`, on the
        basis of their file; empty where the run has none of the symbol, which is the event's own
        by default.
        """
        found = self._past.finer.get(symbol or self.symbol) or EndedBars(0)
        return found.frame()

    def events(self, kind: type[E]) -> tuple[E, ...]:
        """Events of a kind that were known by then, in the order in which they became so.

        That is the order of publication, but for what is known by its session alone: it is known
        at the close of that.

        Raises:
            UsageError: it is a kind of one's own that the strategy does not listen to.

        """
        return tuple(self._past.events(kind, self.now))

    def sessions_until(self, day: date) -> int:
        """How many sessions of the exchange a day is away: 0 is `session`, below 0 is past.

        A day without a session counts as the next one. The calendar is public: to count to a day
        is to know nothing of it, and whether the day itself was known is for the event to say.
        """
        return trading_calendar().steps(self.session, day)

    def session_after(self, sessions: int) -> date:
        """The session of the exchange so many after `session`; below 0 before it."""
        return trading_calendar().after(self.session, sessions)

    def rank(self, event: Event, by: str, days: int | None = None) -> float | None:
        """Where an event stands among the others of its kind that were known by then.

        Args:
            event: the event.
            by: a field of the kind, or a property such as `eps_surprise`.
            days: how many calendar days back from `now` the others were published; None for all.

        Returns:
            From 0, below all others, to 1, above them all; equals count half. None where its own
            value is unknown or no other is known.

        """
        value = getattr(event, by)
        others = self._past.others(event, by, self.now, days)
        if value is None or not len(others):
            return None
        below, equal = np.count_nonzero(others < value), np.count_nonzero(others == value)
        return float((below + equal / 2) / len(others))


def known_at(event: Event, reaction: timedelta) -> datetime:
    """When it has been read: what is known by its session alone not before the close of that."""
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
    """The first session at whose open, or close, an event can be traded, and why not if not.

    The session is given also where the replayed span does not hold it; the reason is empty
    where the event can be traded.
    """
    if event.precision in NEVER_TRADED:
        return None, f"known by the {event.precision} alone, never traded"
    session = trading_calendar().tradable_session(known_at(event, reaction), timedelta(0), at)
    if new_york_day(event.published_at) < history.first:
        # No price existed yet that could have moved on it.
        return session, f"public before the first price of {event.symbol}, {history.first}"
    session = history.trades_from(session)  # in a halt all wait for the first price after it
    return session, obstacle(event, session, span, universe)


def obstacle(event: Event, session: date, span: Prices, universe: Universe | None) -> str:
    """Why an event cannot be traded in a session; empty where it can."""
    if session < span.first:
        return f"before the first session of the replay, {span.first}"
    if session > span.last:
        return f"after the last price of {event.symbol} in the replay, {span.last}"
    if not span.days.size or session > span.days[-1].item():
        return f"no trade of {event.symbol} from {session} to the end of the replay"
    if universe is not None and not universe.has(event.symbol, session):
        return f"the stock was no member of {universe.name} then"
    return ""
