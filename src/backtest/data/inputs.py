"""Read and check together the inputs of a replay: prices, finer bars, borrow rates and events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from backtest.data.actions import Actions, basis_sentences, in_new_shares, sha256_of_actions
from backtest.data.bars import FinerBars, Hours, agreement_sentences
from backtest.data.events import EventFile, has_file, kinds_with_files
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
    """`Inputs` holds what was read for a replay; prices, rates and finer bars are by symbol."""

    history: Mapping[str, Prices]  # also from before the span
    span: Mapping[str, Prices]  # the prices that are replayed
    rates: Mapping[str, BorrowRates]
    files: Sequence[EventFile]  # of every kind that a strategy may see
    benchmark: Prices
    others: Mapping[str, Prices] = field(default_factory=dict)  # seen but not traded, and hedges
    hedges: Mapping[str, Prices] = field(default_factory=dict)  # traded against others, in the span
    assumptions: Sequence[str] = ()  # sentences about the files themselves
    universe: Universe | None = None  # where None, all can be traded on all days
    finer: Mapping[str, FinerBars] = field(default_factory=dict)  # those of what is replayed

    @property
    def events(self) -> list[Event]:
        """Return the events of all files."""
        return [event for file in self.files for event in file.events]

    @property
    def seen(self) -> Mapping[str, Prices]:
        """Return by symbol all prices whose past a strategy sees."""
        return {**self.others, **self.history}

    @property
    def replayed(self) -> Mapping[str, Prices]:
        """Return by symbol the prices in the span of all that is traded, hedges among them."""
        return {**self.span, **self.hedges}

    @property
    def actions(self) -> Mapping[str, Actions]:
        """Return by symbol the actions of all that is traded, hedges among them."""
        return {symbol: prices.actions for symbol, prices in self.replayed.items()}

    @property
    def first(self) -> date:
        """Return the first session of the replay."""
        return min(prices.first for prices in self.span.values())

    @property
    def last(self) -> date:
        """Return the last session of the replay."""
        return max(prices.last for prices in self.span.values())

    def hashes(self, heard: tuple[type[Event], ...]) -> dict[str, str]:
        """Return the sha256 of the rows that decide a result, by names such as `events/news/CRWV`.

        Of events only those of traded symbols and of the `heard` kinds count, without remarks;
        `Event` stands for every kind that was read.
        """
        prices = (*self.seen.values(), self.benchmark)
        hashes = {f"prices/{one.symbol}": one.sha256() for one in prices}
        hashes |= {f"borrow/{one.symbol}": one.sha256() for one in self.rates.values() if one.file}
        hashes |= {f"bars/{symbol}": one.sha256() for symbol, one in self.finer.items()}
        for one in prices:  # also from before the span: a strategy sees the past
            if rows := one.applied:
                hashes[f"actions/{one.symbol}"] = sha256_of_actions(rows)
        if self.universe:
            spans = [
                (s, [(str(first), str(last)) for first, last in self.universe.spans[s]])
                for s in sorted(self.span)
            ]
            hashes["universe"] = sha256_of(spans)
        events = defaultdict(list)
        for event in self.events:
            if event.symbol in self.span and isinstance(event, heard):
                row = event.model_dump(mode="json", exclude={"note", "retrieved_at"})
                events[f"events/{event.kind}/{event.symbol}"].append(row)
        return hashes | {name: sha256_of(rows) for name, rows in events.items()}

    def versions(self, data: Path) -> dict[str, int]:
        """Return the version of every file that was read, by its path in the data folder."""
        files = self.by_path(data).items()
        return {path: int(file.metadata.get("version", 1)) for path, file in files}

    def by_path(self, data: Path) -> dict[str, DataFile]:
        """Return every file that was read, by its path in the data folder."""
        every = (*self.seen.values(), self.benchmark)
        files = [one.file for prices in every for one in (prices, *prices.former)]
        files += [prices.actions.file for prices in every if prices.actions.file]
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

    Args:
        data: the data folder.
        symbols: the traded stocks, where no `universe` is named.
        benchmark: a symbol, or the name of the universe for the mean of its members.
        span: the first and the last day of the replay; None is no bound.
        listens_to: the kinds of event that the strategy answers.
        as_of: a day in New York, at whose end the files are read; None for the files as they are.
        looks_at: other symbols whose past the strategy sees.
        wanted_by: who names `looks_at` and `trades_also`, for messages.
        universe: the name of the universe whose members are traded.
        trades_also: symbols that hedge others and are not traded on events of their own.
        bars: the length of the finer bars, such as `5m`, of all that is replayed.
        hours: whether finer bars outside of the regular hours count as well.
        needs_bars: whether stocks with closes alone are refused, or left out of a universe.
        accept_jumps: whether prices may jump as after a split that is not on file.

    Raises:
        MissingDataError: there are no prices of `looks_at` or `trades_also`, or no file of a kind.
        UsageError: a symbol, the span or the day is wrong, or there are no such bars.
        DataError: a file is wrong, or a price jumps.

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
        inputs = _of_symbols(files, symbols, benchmark, span, kinds, bars=needs_bars)
    else:
        inputs = _of_universe(files, universe, benchmark, span, kinds, trades_also, bars=needs_bars)
    if not any(prices.days.size for prices in inputs.span.values()):
        raise UsageError(
            f"Nothing is traded of {first_few(sorted(inputs.span))} from {inputs.first} to "
            f"{inputs.last}: choose another span with --from and --to."
        )
    others = [symbol for symbol in looks_at if symbol not in inputs.history]
    hedges = {symbol: files.prices_of_hedge(symbol, wanted_by, inputs) for symbol in trades_also}
    if hedges:
        files.check_hedges(hedges, wanted_by, inputs)
    actions = {symbol: prices.actions for symbol, prices in inputs.history.items()}
    inputs = replace(
        inputs,
        files=[replace(one, events=in_new_shares(one.events, actions)) for one in inputs.files],
        others={symbol: files.prices_to_see(symbol, wanted_by) for symbol in others} | hedges,
        hedges={s: prices.span(inputs.first, inputs.last) for s, prices in hedges.items()},
        rates={**inputs.rates, **files.rates(hedges)},
    )
    is_mean = inputs.universe is not None and inputs.benchmark.file is inputs.universe.file
    compared = None if is_mean else inputs.benchmark
    held = {compared.symbol: compared} if compared else {}
    jumps = refuse_jumps((held | dict(inputs.replayed)).values(), accept=accept_jumps)
    basis = basis_sentences(inputs.replayed, compared)
    remarks = files.assumptions()
    if bars is None and hours == "extended":
        raise UsageError(
            "Extended hours are told by bars finer than sessions alone: choose some with --bars, "
            "or leave --hours out."
        )
    if bars is not None:
        inputs = replace(inputs, finer=files.finer(inputs, bars, hours))
        for symbol, finer in inputs.finer.items():
            remarks += agreement_sentences(finer, inputs.replayed[symbol])
    return replace(inputs, assumptions=[*inputs.assumptions, *remarks, *basis, *jumps])


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
    scheduled = kinds_with_files(files.tables / "events", SCHEDULED_KINDS)
    return Inputs(
        history=history,
        span={symbol: prices.span(*span) for symbol, prices in history.items()},
        rates=files.rates(history),
        # A strategy may look at any public event, not only at those that it answers.
        files=files.events(dict.fromkeys((*FILED_KINDS, *scheduled, *kinds)), history),
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
    whole = universe.read_universe(files.data, name, files.read)
    if source := whole.file.metadata["source"]:
        remarks.append(f"Members of {name}: {source}.")
    priced = universe.members_prices(
        whole, files.tables / "prices", files.prices, remarks, bars=bars
    )
    shipped = (*FILED_KINDS, *SCHEDULED_KINDS)
    with_file = [kind for kind in shipped if has_file(files.tables / "events", kind)]
    events = files.events(dict.fromkeys((*with_file, *kinds)), priced)
    spans = universe.members_spans(whole, priced, span, remarks)
    members, history = whole.only(spans), {symbol: priced[symbol] for symbol in spans}
    if benchmark == name:
        if len(spans) == 1:
            remarks.append(
                f"{name} has one stock, so that the mean of its members is that stock: name "
                f"another to compare with by --benchmark."
            )
        compared = universe.mean_of_members(members, history)
    else:
        compared = history.get(benchmark) or files.prices(benchmark)
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
        benchmark=compared,
        assumptions=remarks,
        universe=members.only(spans),
    )
