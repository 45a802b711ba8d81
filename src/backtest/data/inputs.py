"""The inputs of a replay: prices, borrow rates and events, read and checked together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from backtest.data.datafile import DataFile, read_data_file
from backtest.data.events import has_file, read_all_events
from backtest.data.kinds import (
    FILED_KINDS,
    NEW_YORK,
    Event,
    Start,
    end_of_day,
)
from backtest.data.universe import Universe, read_universe, tables_folder
from backtest.data.versions import read_version, version_as_of
from backtest.errors import UsageError
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from backtest.data.borrow import BorrowRates
    from backtest.data.datafile import Reader
    from backtest.data.events import EventFile
    from backtest.data.prices import Prices


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
        universe: the stocks with the days on which each can be traded; None for all days.

    """

    history: Mapping[str, Prices]
    span: Mapping[str, Prices]
    rates: Mapping[str, BorrowRates]
    files: Sequence[EventFile]
    benchmark: Prices
    others: Mapping[str, Prices] = field(default_factory=dict)
    assumptions: Sequence[str] = ()
    universe: Universe | None = None

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
        if self.universe:
            spans = [
                (s, [(str(first), str(last)) for first, last in self.universe.spans[s]])
                for s in sorted(self.span)
            ]
            found["universe"] = sha256_of(spans)
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
    universe: str | None = None,
) -> Inputs:
    """Read and check what a strategy is replayed on.

    Args:
        data: the data folder.
        symbols: stocks that are traded; without an effect where a universe is named.
        benchmark: a symbol with closes; of a universe, its own name for the mean of its members.
        span: first and last day of the replay; the prices' own where None.
        listens_to: the kinds of event that the strategy hears of.
        as_of: the day at whose end, in New York, the files are looked at: in the version of
            then, without what became public later; None for the files as they are.
        looks_at: symbols whose past the strategy sees beside those that are traded.
        wanted_by: the name of the strategy, for the message where one of these is not there.
        universe: the name of the universe that is traded.

    Raises:
        UsageError: a symbol or the span is wrong, or the day is still to come.
        DataError: a file is, or a version in its history is damaged.

    """
    from backtest.data.borrow import read_borrow_rates
    from backtest.data.members import mean_of_members, members_events, members_prices, members_spans
    from backtest.data.prices import price_path, read_prices

    record = None if as_of is None else _Record(as_of)
    read = record or read_data_file
    members = None if universe is None else read_universe(data, universe, read)
    folder = tables_folder(data, universe)
    told: list[str] = []
    if members:
        history = members_prices(members, folder / "prices", read, told)
    else:
        names = dict.fromkeys(symbols)
        history = {s: read_prices(folder / "prices", s, bars=True, read=read) for s in names}
    kinds = [kind for kind in listens_to if kind not in (Event, Start)]
    # Strategies may look at any public event, not only at those that they answer.
    seen = [kind for kind in FILED_KINDS if not members or has_file(folder / "events", kind)]
    seen += [kind for kind in kinds if kind not in seen]
    rates = {symbol: read_borrow_rates(folder / "borrow", symbol, read) for symbol in history}
    files: Sequence[EventFile] = read_all_events(folder / "events", seen, read)
    if record is not None:
        history = {symbol: record.known_prices(known) for symbol, known in history.items()}
        files = [record.known_events(file) for file in files]
    if members:
        spans = members_spans(members, history, span, told)
        history = {symbol: history[symbol] for symbol in spans}
        files = [members_events(file, spans, told) for file in files]
    else:
        spans = {symbol: known.span(*span) for symbol, known in history.items()}

    def other(symbol: str, wanted: str = "") -> Prices:
        if symbol in history:
            return history[symbol]
        own = price_path(folder / "prices", symbol) is not None
        found = _looked_at((folder if own else data) / "prices", symbol, read, wanted)
        return record.known_prices(found) if record else found

    if members and benchmark == members.name:
        against = mean_of_members(members, history)
    else:
        against = other(benchmark)
    return Inputs(
        history=history,
        span=spans,
        rates={symbol: rates[symbol] for symbol in spans},
        files=files,
        benchmark=against,
        others={s: other(s, wanted_by) for s in looks_at if s not in history},
        assumptions=[*told, *(record.assumptions(data) if record else ())],
        universe=members,
    )


def _looked_at(folder: Path, symbol: str, read: Reader, wanted_by: str) -> Prices:
    from backtest.data.prices import read_prices

    try:
        return read_prices(folder, symbol, read=read)
    except UsageError as error:
        if not wanted_by:
            raise
        raise UsageError(f"{error} {symbol} is looked at by {wanted_by} (its looks_at).") from None


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
