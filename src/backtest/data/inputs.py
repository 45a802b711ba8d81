"""The inputs of a replay: prices, borrow rates and events, read and checked together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, read_data_file
from backtest.data.events import read_all_events
from backtest.data.kinds import (
    FILED_KINDS,
    NEVER_TRADED,
    NEW_YORK,
    Event,
    Start,
    end_of_day,
    new_york_day,
)
from backtest.data.versions import read_version, version_as_of
from backtest.errors import UsageError
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, timedelta
    from pathlib import Path

    import pandas as pd

    from backtest.data.borrow import BorrowRates
    from backtest.data.events import EventFile
    from backtest.data.prices import Prices


E = TypeVar("E", bound="Event")


@dataclass(frozen=True)
class Market:
    """The past of a decision.

    Attributes:
        session: the tradable session, whose open is the first price that can be had.
        now: that open's time, UTC; nothing here is from it or later.
        symbol: the symbol of the event.

    """

    session: date
    now: datetime
    symbol: str
    _bars: Mapping[str, pd.DataFrame] = field(repr=False)
    _events: Sequence[Event] = field(repr=False)

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
        name = symbol or self.symbol
        if name not in self._bars:
            raise UsageError(
                f"the prices of {name} are not shown, those of {', '.join(sorted(self._bars))} "
                f"are: name it in the strategy's looks_at"
            )
        return self._bars[name].copy()

    def events(self, kind: type[E]) -> tuple[E, ...]:
        """Events of a kind that were public by then, in order of publication."""
        return tuple(event for event in self._events if isinstance(event, kind))


def market_before(
    session: date, now: datetime, symbol: str, prices: Mapping[str, Prices], known: Sequence[Event]
) -> Market:
    """The market before the open of `session`: copies of the past, cut off from the rest."""
    bars = {name: p.table.loc[p.table.index < str(session)].copy() for name, p in prices.items()}
    return Market(session, now, symbol, bars, known)


def tradable_session(
    event: Event, history: Prices, span: Prices, reaction: timedelta
) -> tuple[date | None, str]:
    """The first session in which an event can be traded, and why not where it cannot.

    There is a session also where the replayed span does not hold it; the reason is empty
    where the event can be traded.
    """
    if event.precision in NEVER_TRADED:
        return None, f"known by the {event.precision} alone, never traded"
    session = trading_calendar().tradable_session(event.published_at, reaction)
    if new_york_day(event.published_at) < history.first:
        # No price existed yet that could have moved on it.
        return session, f"public before the first price of {event.symbol}, {history.first}"
    if session < span.first:
        return session, f"before the first session of the replay, {span.first}"
    if session > span.last:
        return session, f"after the last session of the replay, {span.last}"
    return session, ""


@dataclass(frozen=True)
class Inputs:
    """What was read.

    Attributes:
        history: by symbol all prices, also from before the span.
        span: by symbol the prices that are replayed.
        rates: by symbol the borrow rates.
        files: the event files of every kind that may be looked at.
        benchmark: closes to compare with.
        others: by symbol the prices that the strategy looks at and does not trade.
        assumptions: what is assumed about the files themselves.

    """

    history: Mapping[str, Prices]
    span: Mapping[str, Prices]
    rates: Mapping[str, BorrowRates]
    files: Sequence[EventFile]
    benchmark: Prices
    others: Mapping[str, Prices] = field(default_factory=dict)
    assumptions: Sequence[str] = ()

    @property
    def events(self) -> list[Event]:
        """The events of all files."""
        return [event for file in self.files for event in file.events]

    @property
    def seen(self) -> Mapping[str, Prices]:
        """By symbol all prices whose past a strategy sees."""
        return {**self.others, **self.history}

    @property
    def first(self) -> date:
        """The first session of the replay."""
        return min(prices.first for prices in self.span.values())

    @property
    def last(self) -> date:
        """The last session of the replay."""
        return max(prices.last for prices in self.span.values())

    def hashes(self, heard: tuple[type[Event], ...]) -> dict[str, str]:
        """The sha256 of the rows that decide, by name, such as `prices/CRWV` or `events/news/CRWV`.

        Events of symbols that are not traded are never seen, nor are remarks about events, nor
        events of other kinds than those that are heard; `Event` is all that were read.
        """
        prices = (*self.seen.values(), self.benchmark)
        found = {f"prices/{one.symbol}": one.sha256() for one in prices}
        found |= {f"borrow/{one.symbol}": one.sha256() for one in self.rates.values() if one.file}
        rows = defaultdict(list)
        for event in self.events:
            if event.symbol in self.span and isinstance(event, heard):
                row = event.model_dump(mode="json", exclude={"note", "retrieved_at"})
                rows[f"events/{event.kind}/{event.symbol}"].append(row)
        return found | {name: sha256_of(some) for name, some in rows.items()}

    def versions(self, data: Path) -> dict[str, int]:
        """The number of the version of every file that was read, by its path in the data folder."""
        files = [p.file for p in (*self.seen.values(), self.benchmark)]
        files += [r.file for r in self.rates.values() if r.file] + [f.file for f in self.files]
        return {
            one.path.relative_to(data).as_posix(): int(one.metadata.get("version", 1))
            for one in files
        }


def read_inputs(
    data: Path,
    symbols: Sequence[str],
    benchmark: str,
    span: tuple[date | None, date | None],
    listens_to: Sequence[type[Event]],
    as_of: date | None = None,
    looks_at: Sequence[str] = (),
    wanted_by: str = "the strategy",
) -> Inputs:
    """Read and check what a strategy is replayed on.

    Args:
        data: the data folder.
        symbols: stocks that are traded.
        benchmark: a symbol with closes.
        span: first and last day of the replay; the prices' own where None.
        listens_to: the kinds of event that the strategy hears of.
        as_of: the day at whose end, in New York, the files are looked at: in the version of
            then, without what became public later; None for the files as they are.
        looks_at: symbols whose past the strategy sees beside those that are traded.
        wanted_by: the name of the strategy, for the message where one of these is not there.

    Raises:
        UsageError: a symbol or the span is wrong, or the day is still to come.
        DataError: a file is, or a version in its history is damaged.

    """
    from backtest.data.borrow import read_borrow_rates
    from backtest.data.prices import read_prices

    record = None if as_of is None else _Record(as_of)
    read = record or read_data_file
    prices: dict[str, Prices] = {}
    for symbol in dict.fromkeys((*symbols, benchmark, *looks_at)):
        try:
            prices[symbol] = read_prices(data / "prices", symbol, bars=symbol in symbols, read=read)
        except UsageError as error:
            if symbol in (*symbols, benchmark):
                raise
            fault = f"{error} {symbol} is looked at by {wanted_by} (its looks_at)."
            raise UsageError(fault) from None
    kinds = [kind for kind in listens_to if kind not in (Event, Start)]
    # Strategies may look at any public event, not only at those that they answer.
    seen: list[type[Event]] = [*FILED_KINDS, *(k for k in kinds if k not in FILED_KINDS)]
    rates = {symbol: read_borrow_rates(data / "borrow", symbol, read) for symbol in symbols}
    files: Sequence[EventFile] = read_all_events(data / "events", seen, read)
    if record is not None:
        prices = {symbol: record.known_prices(known) for symbol, known in prices.items()}
        files = [record.known_events(file) for file in files]
    history = {symbol: prices[symbol] for symbol in symbols}
    return Inputs(
        history=history,
        span={symbol: known.span(*span) for symbol, known in history.items()},
        rates=rates,
        files=files,
        benchmark=prices[benchmark],
        others={symbol: prices[symbol] for symbol in looks_at if symbol not in history},
        assumptions=record.assumptions(data) if record else (),
    )


@dataclass
class _Record:
    """The data folder as it was at the end of a day: reads each file in the version of then."""

    day: date
    stand_ins: dict[Path, date] = field(default_factory=dict)
    """Files of which nothing so old was kept, with the day that their history begins on."""

    def __post_init__(self) -> None:
        if self.day > datetime.now(NEW_YORK).date():
            raise UsageError(f"{self.day} is still to come: nothing can be told as of then.")

    @property
    def moment(self) -> datetime:
        return end_of_day(self.day)

    def __call__(self, path: Path, *, seal_command: str) -> DataFile:
        read_data_file(path, seal_command=seal_command)  # refuses what is missing or was changed
        version, is_later = version_as_of(path, self.moment)
        if is_later:
            self.stand_ins[path] = version.recorded_at.date()
        return read_version(path, version)

    def known_prices(self, prices: Prices) -> Prices:
        if prices.first > self.day:
            raise UsageError(
                f"Nothing of {prices.symbol} was there as of {self.day}: "
                f"its prices begin on {prices.first}."
            )
        return prices.span(None, self.day)

    def known_events(self, file: EventFile) -> EventFile:
        public = tuple(event for event in file.events if event.published_at <= self.moment)
        return replace(file, events=public)

    def assumptions(self, data: Path) -> list[str]:
        """A sentence for each day on which the history of some files begins too late."""
        found = []
        for begin in sorted(set(self.stand_ins.values())):
            late = sorted(path for path, day in self.stand_ins.items() if day == begin)
            names = ", ".join(path.relative_to(data).as_posix() for path in late)
            verb = "is" if len(late) == 1 else "are"
            found.append(
                f"{names} {verb} on record only from {begin}, after {self.day}: the oldest version "
                f"was used, without what became public later. What was corrected or filled in "
                f"between the two days is in it."
            )
        return found
