"""The inputs of a replay, read and checked together: prices, finer bars, borrow rates, events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from backtest.data.actions import Actions, basis_sentences, in_new_shares, sha256_of_actions
from backtest.data.bars import FinerBars, Hours, agreement_sentences
from backtest.data.events import EventFile, filed, has_file
from backtest.data.kinds import FILED_KINDS, Event, Start
from backtest.data.prices import Prices, refuse_jumps
from backtest.data.scheduled import SCHEDULED_KINDS
from backtest.data.tables import FilesAsOf
from backtest.errors import MissingDataError, UsageError, first_few
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from backtest.data.borrow import BorrowRates
    from backtest.data.datafile import DataFile
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

    files = FilesAsOf(data, tables_folder(data, universe), as_of)
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
    hedges = {symbol: files.prices_of_hedge(symbol, wanted_by, found) for symbol in trades_also}
    if hedges:
        files.check_hedges(hedges, wanted_by, found)
    actions = {symbol: prices.actions for symbol, prices in found.history.items()}
    found = replace(
        found,
        files=[replace(one, events=in_new_shares(one.events, actions)) for one in found.files],
        others={symbol: files.prices_to_see(symbol, wanted_by) for symbol in others} | hedges,
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
    files: FilesAsOf,
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
        files=files.events(dict.fromkeys((*FILED_KINDS, *there, *kinds)), history),
        benchmark=history.get(benchmark) or files.prices(benchmark),
    )


def _of_universe(
    files: FilesAsOf,
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
    events = files.events(dict.fromkeys((*there, *kinds)), known)
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
