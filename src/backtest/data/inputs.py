"""The inputs of a replay, read and checked together: prices, finer bars, borrow rates, events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.actions import Actions, basis_sentences, in_new_shares, sha256_of_actions
from backtest.data.bars import FinerBars, Hours, agreement_sentences, bars_path, read_bars
from backtest.data.datafile import DataFile, read_data_file
from backtest.data.events import EventFile, filed, has_file, read_all_events
from backtest.data.kinds import FILED_KINDS, NEW_YORK, Event, Start, end_of_day
from backtest.data.prices import Prices, price_path, read_prices, refuse_jumps
from backtest.data.scheduled import SCHEDULED_KINDS
from backtest.data.versions import read_version, version_as_of
from backtest.errors import MissingDataError, UsageError, first_few
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from backtest.data.borrow import BorrowRates
    from backtest.data.universe import Universe


@dataclass(frozen=True)
class Inputs:
    """What was read; prices and rates by symbol."""

    history: Mapping[str, Prices]  # also from before the span
    span: Mapping[str, Prices]  # what is replayed
    rates: Mapping[str, BorrowRates]
    files: Sequence[EventFile]  # of every kind that may be looked at
    benchmark: Prices
    others: Mapping[str, Prices] = field(default_factory=dict)  # looked at, or among the hedges
    hedges: Mapping[str, Prices] = field(default_factory=dict)  # traded against others, in the span
    assumptions: Sequence[str] = ()  # about the files themselves
    universe: Universe | None = None  # where None, all can be traded on all days
    finer: Mapping[str, FinerBars] = field(default_factory=dict)  # of what is replayed

    @property
    def events(self) -> list[Event]:
        """The events of all files."""
        return [event for file in self.files for event in file.events]

    @property
    def seen(self) -> Mapping[str, Prices]:
        """By symbol all prices whose past a strategy sees."""
        return {**self.others, **self.history}

    @property
    def replayed(self) -> Mapping[str, Prices]:
        """By symbol the prices of all that is traded, hedges among them, for the span."""
        return {**self.span, **self.hedges}

    @property
    def actions(self) -> Mapping[str, Actions]:
        """By symbol what happens to each share that is traded, hedges among them."""
        return {symbol: prices.actions for symbol, prices in self.replayed.items()}

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
        found |= {f"bars/{symbol}": one.sha256() for symbol, one in self.finer.items()}
        for one in prices:  # also from before the span: a strategy sees the past
            if rows := one.applied:
                found[f"actions/{one.symbol}"] = sha256_of_actions(rows)
        if self.universe:
            spans = [
                (s, [(str(first), str(last)) for first, last in self.universe.spans[s]])
                for s in sorted(self.span)
            ]
            found["universe"] = sha256_of(spans)
        events = defaultdict(list)
        for event in self.events:
            if event.symbol in self.span and isinstance(event, heard):
                row = event.model_dump(mode="json", exclude={"note", "retrieved_at"})
                events[f"events/{event.kind}/{event.symbol}"].append(row)
        return found | {name: sha256_of(some) for name, some in events.items()}

    def versions(self, data: Path) -> dict[str, int]:
        """The number of the version of every file that was read, by its path in the data folder."""
        files = self.by_path(data).items()
        return {path: int(file.metadata.get("version", 1)) for path, file in files}

    def by_path(self, data: Path) -> dict[str, DataFile]:
        """Every file that was read, by its path in the data folder."""
        read = (*self.seen.values(), self.benchmark)
        files = [one.file for prices in read for one in (prices, *prices.former)]
        files += [prices.actions.file for prices in read if prices.actions.file]
        files += [one.file for one in self.rates.values() if one.file]
        files += [one.file for one in self.files]
        files += [file for one in self.finer.values() for file in (one.file, *one.former)]
        files += [self.universe.file] if self.universe else []
        return {file.path.relative_to(data).as_posix(): file for file in files}


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
    trades_also: Sequence[str] = (),
    *,
    bars: str | None = None,
    hours: Hours = "regular",
    needs_bars: bool = True,
    accept_jumps: bool = False,
) -> Inputs:
    """Read and check what a strategy is replayed on.

    The files are looked at as of the end of a day in New York: in the version of then, without what
    became public later. A `universe` takes the place of `symbols`; its name as `benchmark` is the
    mean of its members. With `bars`, a length such as `5m`, all that is replayed has such bars as
    well, in the sessions in which it traded; of extended `hours` also those outside. Where it
    `needs_bars` a stock with closes alone is refused, or left out of a universe. `wanted_by` names
    who `looks_at` other symbols, or `trades_also` others, of which those that are members of the
    universe are not traded on events of their own. MissingDataError where there are no prices of
    them, or no file of a kind that is listened to. UsageError where a symbol or the span is wrong,
    or the day is still to come, or there are no such bars; DataError where a price jumps as after a
    split that is not on file, unless such `accept_jumps`.
    """
    from backtest.data.universe import tables_folder

    files = _Files(data, tables_folder(data, universe), as_of)
    kinds = [kind for kind in listens_to if kind not in (Event, Start)]
    for kind in kinds:
        is_always_there = kind in FILED_KINDS and files.tables == data
        if not is_always_there and not has_file(files.tables / "events", kind):
            raise MissingDataError(
                f"There is no {kind.kind} to hear of: {files.tables / 'events' / kind.file_name()} "
                f"is missing. `backtest events import FILE --kind {kind.kind}` makes it."
            )
    if universe is None:
        found = _of_symbols(files, symbols, benchmark, span, kinds, bars=needs_bars)
    else:
        found = _of_universe(files, universe, benchmark, span, kinds, trades_also, bars=needs_bars)
    if not any(prices.days.size for prices in found.span.values()):
        raise UsageError(
            f"Nothing is traded of {first_few(sorted(found.span))} from {found.first} to "
            f"{found.last}: choose another span with --from and --to."
        )
    others = [symbol for symbol in looks_at if symbol not in found.history]
    hedges = {symbol: files.hedged_with(symbol, wanted_by, found) for symbol in trades_also}
    if hedges:
        files.check_hedges(hedges, wanted_by, found)
    actions = {symbol: prices.actions for symbol, prices in found.history.items()}
    found = replace(
        found,
        files=[replace(one, events=in_new_shares(one.events, actions)) for one in found.files],
        others={symbol: files.looked_at(symbol, wanted_by) for symbol in others} | hedges,
        hedges={symbol: prices.span(found.first, found.last) for symbol, prices in hedges.items()},
        rates={**found.rates, **files.rates(hedges)},
    )
    is_mean = found.universe is not None and found.benchmark.file is found.universe.file
    against = [] if is_mean else [found.benchmark]
    looked_at = {prices.symbol: prices for prices in (*against, *found.replayed.values())}
    jumps = refuse_jumps(looked_at.values(), accept=accept_jumps)
    basis = basis_sentences(found.replayed, None if is_mean else found.benchmark)
    own = files.assumptions()
    if bars is None and hours == "extended":
        raise UsageError(
            "Extended hours are told by bars finer than sessions alone: choose some with --bars, "
            "or leave --hours out."
        )
    if bars is not None:
        found = replace(found, finer=files.finer(found, bars, hours))
        for symbol, one in found.finer.items():
            own += agreement_sentences(one, found.replayed[symbol])
    return replace(found, assumptions=[*found.assumptions, *own, *basis, *jumps])


def _of_symbols(
    files: _Files,
    symbols: Sequence[str],
    benchmark: str,
    span: tuple[date | None, date | None],
    kinds: Sequence[type[Event]],
    *,
    bars: bool,
) -> Inputs:
    history = {symbol: files.prices(symbol, bars=bars) for symbol in dict.fromkeys(symbols)}
    there = filed(files.tables / "events", SCHEDULED_KINDS)
    return Inputs(
        history=history,
        span={symbol: prices.span(*span) for symbol, prices in history.items()},
        rates=files.rates(history),
        # Strategies may look at any public event, not only at those that they answer.
        files=files.events(dict.fromkeys((*FILED_KINDS, *there, *kinds)), _renames(history)),
        benchmark=history.get(benchmark) or files.prices(benchmark),
    )


def _of_universe(
    files: _Files,
    name: str,
    benchmark: str,
    span: tuple[date | None, date | None],
    kinds: Sequence[type[Event]],
    trades_also: Sequence[str],
    *,
    bars: bool,
) -> Inputs:
    from backtest.data import universe

    remarks: list[str] = []
    every = universe.read_universe(files.data, name, files.read)
    if source := every.file.metadata["source"]:
        remarks.append(f"Members of {name}: {source}.")
    known = universe.members_prices(
        every, files.tables / "prices", files.prices, remarks, bars=bars
    )
    shipped = (*FILED_KINDS, *SCHEDULED_KINDS)
    there = [kind for kind in shipped if has_file(files.tables / "events", kind)]
    events = files.events(dict.fromkeys((*there, *kinds)), _renames(known))
    spans = universe.members_spans(every, known, span, remarks)
    members, history = every.only(spans), {symbol: known[symbol] for symbol in spans}
    if benchmark == name:
        if len(spans) == 1:
            remarks.append(
                f"{name} has one stock, so that the mean of its members is that stock: name "
                f"another to compare with by --benchmark."
            )
        against = universe.mean_of_members(members, history)
    else:
        against = history.get(benchmark) or files.prices(benchmark)
    if hedging := {*trades_also} & {*spans}:
        remarks.append(
            f"Members of {name} that hedge the others are not traded on events of their own: "
            f"{first_few(sorted(hedging))}."
        )
        spans = {symbol: prices for symbol, prices in spans.items() if symbol not in hedging}
    return Inputs(
        history={symbol: history[symbol] for symbol in spans},
        span=spans,
        rates=files.rates(spans),
        files=[universe.members_events(file, spans, remarks) for file in events],
        benchmark=against,
        assumptions=remarks,
        universe=members.only(spans),
    )


@dataclass
class _Files:
    """The files of a data folder as they are, or in the version of the end of a day."""

    data: Path
    tables: Path  # the folder with what is traded
    day: date | None  # in New York; None for the files as they are
    stand_ins: dict[Path, date] = field(default_factory=dict)  # first day of a later history

    def __post_init__(self) -> None:
        if self.day is not None and self.day > datetime.now(NEW_YORK).date():
            raise UsageError(f"{self.day} is still to come: nothing can be told as of then.")

    def read(self, path: Path, seal_command: str) -> DataFile:
        file = read_data_file(path, seal_command)
        if self.day is None:
            return file
        version, is_later = version_as_of(path, end_of_day(self.day))
        if is_later:
            self.stand_ins[path] = version.recorded_at.date()
        return read_version(path, version)

    def prices(self, symbol: str, *, bars: bool = False) -> Prices:
        own = price_path(self.tables / "prices", symbol) is not None
        folder = (self.tables if own else self.data) / "prices"
        prices = read_prices(folder, symbol, bars=bars, read=self.read)
        if self.day is None:
            return prices
        if prices.first > self.day:
            raise UsageError(
                f"Nothing of {symbol} was there as of {self.day}: "
                f"its prices begin on {prices.first}."
            )
        return replace(prices.span(None, self.day), actions=prices.actions.up_to(self.day))

    def finer(self, inputs: Inputs, length: str, hours: Hours) -> dict[str, FinerBars]:
        """The bars of a length of all that is replayed, in the sessions in which it traded.

        Those from before the span are among them, for strategies see the past. UsageError where
        none is within it.
        """
        found, is_within = {}, False
        for symbol, prices in inputs.replayed.items():
            own = bars_path(self.tables / "prices", symbol, length).is_file()
            days = inputs.seen[symbol].days
            try:
                bars = read_bars(
                    (self.tables if own else self.data) / "prices", symbol, length,
                    renames=prices.actions.renames, read=self.read, hours=hours,
                )  # fmt: skip
            except UsageError as error:
                raise (MissingDataError if symbol in inputs.hedges else UsageError)(
                    str(error)
                ) from None
            found[symbol] = bars.within(days[days <= np.datetime64(prices.last)])
            is_within |= bool(np.isin(prices.days, bars.sessions).any())
        if not is_within:
            raise UsageError(
                f"None of {first_few(sorted(found))} has a bar of {length} from {inputs.first} to "
                f"{inputs.last}. Choose --from and --to within the bars, or run without --bars."
            )
        return found

    def looked_at(self, symbol: str, by: str) -> Prices:
        return self._needed(symbol, f"{by} looks at {symbol} (its looks_at)")

    def hedged_with(self, symbol: str, wanted_by: str, found: Inputs) -> Prices:
        """The bars of a symbol that is traded against others."""
        if symbol in found.history:
            raise UsageError(
                f"{wanted_by} hedges with {symbol} (its trades_also), which cannot be traded by "
                f"events in the same run: leave {symbol} out of the symbols."
            )
        how = (
            f" `backtest prices fetch {symbol}` loads its bars, "
            f"`backtest prices import FILE --symbol {symbol}` takes them from a file."
        )
        needed = f"{wanted_by} hedges with {symbol} (its trades_also)"
        return self._needed(symbol, needed, how, bars=True)

    @staticmethod
    def check_hedges(hedges: Mapping[str, Prices], wanted_by: str, found: Inputs) -> None:
        """Refuse a hedge that does not trade where a stock does, or another hedge."""
        days = np.concatenate([one.days for one in (*found.span.values(), *hedges.values())])
        within = (np.datetime64(found.first) <= days) & (days <= np.datetime64(found.last))
        for symbol, prices in hedges.items():
            missing = np.setdiff1d(days[within], prices.days)  # in a halt no leg can be filled
            if not len(missing):
                continue
            has_bar = missing[0] in prices.table.index
            what = "does not trade, in a halt or after its end," if has_bar else "has no bar"
            more = "" if has_bar else ", or import more of them"
            raise MissingDataError(
                f"{symbol}, which {wanted_by} hedges with, {what} on {missing[0]} "
                f"({len(missing):,} session{'s' * (len(missing) > 1)} in all). Its prices run from "
                f"{prices.first} to {prices.last}: choose a span with --from and --to{more}."
            )

    def _needed(self, symbol: str, why: str, how: str = "", *, bars: bool = False) -> Prices:
        """Prices of a symbol, or the error: which universe has them, or how else to get them."""
        from backtest.data.universe import tables_folder, universe_names

        try:
            return self.prices(symbol, bars=bars)
        except UsageError as error:
            fault = f"{error} {why}.{how}"
        for name in universe_names(self.data):
            tables = tables_folder(self.data, name)
            if tables != self.tables and price_path(tables / "prices", symbol):
                raise MissingDataError(
                    f"{why}, of which {self.tables / 'prices'} has no bars. The universe {name} "
                    f"has: choose --universe {name}."
                )
        raise MissingDataError(fault)

    def rates(self, symbols: Iterable[str]) -> dict[str, BorrowRates]:
        from backtest.data.borrow import read_borrow_rates

        return {s: read_borrow_rates(self.tables / "borrow", s, self.read) for s in symbols}

    def events(
        self, kinds: Iterable[type[Event]], renames: Mapping[str, Sequence[Actions]]
    ) -> Sequence[EventFile]:
        files: Sequence[EventFile] = read_all_events(self.tables / "events", kinds, self.read)
        if renames:
            files = [
                replace(file, events=tuple(_of_new_ticker(one, renames) for one in file.events))
                for file in files
            ]
        if self.day is None:
            return files
        end = end_of_day(self.day)
        return [
            replace(file, events=tuple(one for one in file.events if one.published_at <= end))
            for file in files
        ]

    def assumptions(self) -> list[str]:
        """A sentence for each day on which the history of some files begins too late."""
        found = []
        for begin in sorted(set(self.stand_ins.values())):
            late = sorted(path for path, day in self.stand_ins.items() if day == begin)
            names = first_few([path.relative_to(self.data).as_posix() for path in late], 10)
            verb = "is" if len(late) == 1 else "are"
            found.append(
                f"{names} {verb} on record only from {begin}, after {self.day}: the oldest version "
                f"was used, without what became public later. What was corrected or filled in "
                f"between the two days is in it."
            )
        return found


def _renames(history: Mapping[str, Prices]) -> dict[str, list[Actions]]:
    """By former ticker the actions of the stocks that it was of."""
    found = defaultdict(list)
    for prices in history.values():
        for rename in prices.actions.renames:
            found[rename.name].append(prices.actions)
    return found


def _of_new_ticker(event: Event, renames: Mapping[str, Sequence[Actions]]) -> Event:
    owned = (actions.own(event) for actions in renames.get(event.symbol, ()))
    return next((one for one in owned if one is not event), event)
