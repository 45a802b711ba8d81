"""Check a data folder: every file is looked at, whatever is wrong with the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from difflib import SequenceMatcher, get_close_matches
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from backtest.data.actions import ENDS, Actions, parse_actions
from backtest.data.bars import LENGTHS, bar_symbols, bars_path, check_against_daily, parse_bars
from backtest.data.borrow import BorrowRates, check_borrow, parse_borrow_rates
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, open_known_file, read_data_file
from backtest.data.event_checks import (
    FiledEvent,
    Finding,
    check_stated,
    check_texts,
    check_time,
    session_figure,
)
from backtest.data.events import read_lines
from backtest.data.kinds import FILED_KINDS, Event
from backtest.data.prices import (
    Prices,
    jumps_of,
    parse_prices,
    path_for,
    price_path,
    price_symbols,
)
from backtest.data.scheduled import Delisting, Dividend, Split
from backtest.errors import DataError, first_few, unknown

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace

T = TypeVar("T")


def check_data(
    workspace: Workspace,
    kinds: Iterable[type[Event]] = FILED_KINDS,
    symbols: Sequence[str] | None = None,
) -> list[Finding]:
    """Check events, prices, borrow rates and actions, of all symbols where none are named.

    UsageError where one of `symbols` has no price file.
    """
    prices = check_prices(workspace, symbols)
    findings = check_events(workspace, kinds, symbols) + prices + check_actions(workspace, symbols)
    return list(dict.fromkeys(findings))  # prices and actions may tell of the same file


def check_events(
    workspace: Workspace,
    kinds: Iterable[type[Event]] = FILED_KINDS,
    symbols: Sequence[str] | None = None,
) -> list[Finding]:
    """Find events that can be traded too early, that contradict the prices, or that lack something.

    Faults of a file as a whole are found whichever `symbols` matter; see `check_data`.
    """
    return [one for kind in kinds for one in _check_kind(workspace.data, kind, symbols)]


def check_prices(workspace: Workspace, symbols: Sequence[str] | None = None) -> list[Finding]:
    """Find what is wrong, unlikely or assumed in prices, finer bars and borrow rates.

    UsageError where one of `symbols` has no price file.
    """
    folder = workspace.data / "prices"
    daily = price_symbols(folder)
    finer = {length: bar_symbols(folder, length) for length in LENGTHS}
    known = sorted({*daily}.union(*finer.values()))
    for symbol in symbols or ():
        if symbol not in known:
            raise unknown("price file for symbol", symbol, known)
    findings: list[Finding] = []
    for symbol in symbols or known:
        if symbol in daily:
            findings += _check_symbol(workspace.data, symbol)
        for length in LENGTHS:
            if symbol in finer[length]:
                findings += _check_bars(bars_path(folder, symbol, length), length)
    return findings


def _check_kind(data: Path, kind: type[Event], symbols: Sequence[str] | None) -> Iterator[Finding]:
    path, seal = data / "events" / kind.file_name(), f"backtest events seal {kind.kind}"
    where = _name(path)
    problems: list[str] = []
    parsed, findings = _parse(path, seal, lambda file: (file, read_lines(file, kind, problems)))
    yield from (*findings, *_faults(problems, where, seal))
    if parsed is None:
        return
    file, lines = parsed
    rows = [
        FiledEvent(f"{where}, line {one.line}", one.cells["published_at"], one.event)
        for one in lines
        if not symbols or one.event.symbol in {*symbols, ""}
    ]
    priced = price_symbols(data / "prices")
    known = dict.fromkeys(row.event.symbol for row in rows)
    prices = {symbol: _prices_of(data, symbol)[0] for symbol in known if symbol in priced}
    for row in rows:
        yield from check_time(row)
        yield from check_record(row, file.metadata.get("compiled_on"))
        yield from check_texts(row)
        if history := prices.get(row.event.symbol):
            yield from check_stated(row, history)
            yield from check_gap(row, history)
            yield from check_on_file(row, history)
    yield from check_doubles(rows)
    yield from check_symbols(rows, priced)


def _check_symbol(data: Path, symbol: str) -> Iterator[Finding]:
    prices, findings = _prices_of(data, symbol)
    yield from findings
    if prices is not None:
        yield from check_table(prices, _name(path_for(data / "prices", symbol)))
    path = data / "borrow" / f"{symbol}.csv"
    rates: BorrowRates | None = BorrowRates(symbol)
    if path.exists():
        seal = f"backtest prices seal {symbol} --borrow"
        rates, findings = _parse(path, seal, parse_borrow_rates)
        yield from findings
    if rates is not None and prices is not None and prices.has_bars:
        yield from check_borrow(rates, prices, _name(path))


def _prices_of(data: Path, symbol: str) -> tuple[Prices | None, list[Finding]]:
    actions, findings = _actions_of(data, symbol)
    path, seal = path_for(data / "prices", symbol), f"backtest prices seal {symbol}"
    if actions is None:  # without halts nobody can tell which rows are missing
        return None, findings + _parse(path, seal, lambda _: None)[1]
    return _parse(path, seal, lambda file: parse_prices(file, actions))


def _check_bars(path: Path, length: str) -> Iterator[Finding]:
    symbol, folder = path.stem, path.parents[1]
    seal = f"backtest prices seal {symbol} --bars {length}"
    bars, findings = _parse(path, seal, parse_bars)
    yield from findings
    if bars is not None and price_path(folder, symbol):
        prices, _ = _prices_of(folder.parent, symbol)  # `_check_symbol` reports its faults
        if prices is not None and prices.has_bars:
            yield from check_against_daily(bars, prices, _name(path))


def check_actions(workspace: Workspace, symbols: Sequence[str] | None = None) -> list[Finding]:
    """Find what is wrong in the files of actions, or contradicts the prices."""
    data, findings = workspace.data, []
    for symbol in symbols or sorted(path.stem for path in (data / "actions").glob("[!.]*.csv")):
        actions, faults = _actions_of(data, symbol)
        findings += faults
        if actions and actions.file and price_path(data / "prices", symbol):
            prices, _ = _prices_of(data, symbol)  # `check_prices` reports its faults
            if prices is not None:
                findings += _check_against_prices(prices, _name(actions.file.path))
    return findings


def _actions_of(data: Path, symbol: str) -> tuple[Actions | None, list[Finding]]:
    path = data / "actions" / f"{symbol}.csv"
    if not path.exists():
        return Actions(symbol), []
    return _parse(path, f"backtest actions seal {symbol}", parse_actions)


def _parse(path: Path, seal: str, parse: Callable[[DataFile], T]) -> tuple[T | None, list[Finding]]:
    """Parse a file as it is, sealed or not, and find the faults of it and its metadata."""
    where = _name(path)
    try:
        file = open_known_file(path)
    except DataError as error:
        return None, _faults(_problems(error, path), where, "")
    findings = []
    try:
        read_data_file(path, seal)
    except DataError as error:
        what, _, mend = str(error).replace(f"{path.parent}/", "").partition(". ")
        why = "Nobody can tell where the figures come from, or whether they were changed."
        findings = [Finding("error", where, what, why, mend)]
    try:
        return parse(file), findings
    except DataError as error:
        return None, findings + _faults(_problems(error, path), where, seal)


def _problems(error: DataError, path: Path) -> list[str]:
    first, *rest = str(error).splitlines()
    return [line.strip() for line in rest] or [first.removeprefix(str(path)).lstrip(",: ")]


def _faults(problems: Iterable[str], where: str, seal: str) -> list[Finding]:
    why = "No command reads the file as it is."
    mend = f"Correct the file, then `{seal}`." if seal else "Restore the file."
    return [Finding("error", where, problem, why, mend) for problem in problems]


def _name(path: Path) -> str:
    """Return the path from the data folder, such as `data/prices/parquet/CRWV.parquet`."""
    data = path.parents[2 if path.suffix == ".parquet" else 1]
    return path.relative_to(data.parent).as_posix()


# Rows of events among each other, and beside the prices

_ALIKE = 0.8  # share of a headline's letters that two rows have in common
_MEMORY, _FEWEST = 60, 20  # most and fewest sessions before an event that tell the usual gap
_ORDINARY, _EXTRAORDINARY = 1.5, 4.0  # gaps, in medians of the absolute gap


def check_record(row: FiledEvent, compiled_on: str | None) -> Iterator[Finding]:
    """Find a row without a source, or later than the ISO day on which its file was compiled."""
    event = row.event
    if not event.source_url and not event.source_url_2:
        what, why = f"No source: {event.headline}", "Nobody can look the fact up."
        yield row.finding("note", what, why, "Add the address where it can be read.")
    if compiled_on and row.day.isoformat() > compiled_on:
        what = f"Public on {row.day}, after the file was compiled on {compiled_on}"
        why = "A fact of the future is a plan, or its day is wrong."
        yield row.finding("warning", what, why, "Check the year and the day.")


def check_doubles(rows: Sequence[FiledEvent]) -> Iterator[Finding]:
    """Find rows of one symbol, kind and day whose headlines are alike."""
    known: dict[tuple[str, date], list[FiledEvent]] = defaultdict(list)
    for row in rows:
        same_day = known[row.event.symbol, row.day]
        for other in same_day:
            one, two = row.event.headline.casefold(), other.event.headline.casefold()
            if SequenceMatcher(None, one, two).ratio() >= _ALIKE:
                what = f"Repeats {other.event.id} of the same day: {row.event.headline}"
                why = "A fact that is there twice counts twice in every statistic."
                mend = "Remove one of the two rows, or tell them apart in the headline."
                yield row.finding("warning", what, why, mend)
        same_day.append(row)


def check_symbols(rows: Sequence[FiledEvent], symbols: Sequence[str]) -> Iterator[Finding]:
    """Find symbols without prices, each at its first row."""
    known = {*symbols, ""}
    first = {row.event.symbol: row for row in reversed(rows) if row.event.symbol not in known}
    for symbol, row in sorted(first.items()):
        near = get_close_matches(symbol, symbols)
        what = f"{symbol} has no prices" + (f"; did you mean {near[0]}?" if near else "")
        mend = f"Correct the symbol, or `backtest prices import FILE --symbol {symbol}`."
        yield row.finding("note", what, "Its events are never traded.", mend)


def check_gap(row: FiledEvent, prices: Prices) -> Iterator[Finding]:
    """Find an event stamped before an open that hardly moved, while the next open moved a lot.

    That is what a report from after the close looks like when it is stamped on the morning of its
    day. In units of the median absolute gap of the 60 sessions before, a gap below 1.5 is ordinary
    and one of 4 or more is extraordinary.
    """
    event, day = row.event, row.day
    if not prices.has_bars or row.session != day:
        return
    if event.published_at >= trading_calendar().time_of(day, "open"):
        return
    table = prices.table
    gaps = (table["open"] / table["close"].shift() - 1).to_numpy()
    row_of_day = int(table.index.searchsorted(np.datetime64(day)))
    past = gaps[max(1, row_of_day - _MEMORY) : row_of_day]
    days = table.index[row_of_day : row_of_day + 2].date
    if len(past) < _FEWEST or row_of_day + 1 >= len(gaps) or days[0] != day:
        return  # too little is known, or the stock was halted
    gap, next_gap = (session_figure(prices, one, "gap") or 0.0 for one in days)
    usual = float(np.median(np.abs(past)))
    if abs(gap) < _ORDINARY * usual and abs(next_gap) >= _EXTRAORDINARY * usual:
        what = (
            f"Stamped before the open of {day}, which opened {100 * gap:+.1f} %; "
            f"the next session opened {100 * next_gap:+.1f} %"
        )
        why = "If it came out after the close of that day, a strategy would trade it before."
        yield row.finding("warning", what, why, "Check the time of publication.")


def check_on_file(row: FiledEvent, prices: Prices) -> Iterator[Finding]:
    """Find a dividend, split or delisting that was announced but is missing among the actions."""
    event = row.event
    if isinstance(event, Dividend):
        day, actions, amount = event.ex_on, ["dividend"], event.amount
    elif isinstance(event, Split):
        day, actions, amount = event.ex_on, ["split"], event.ratio
    elif isinstance(event, Delisting):
        day, actions, amount = event.delists_on, [*ENDS], None
    else:
        return
    filed = [one.amount for one in prices.actions.rows if one.day == day and one.action in actions]
    is_met = isinstance(event, Delisting) or prices.first < day <= prices.last
    if not is_met or any(
        amount is None or other is None or isclose(amount, other, rel_tol=_ROUNDED)
        for other in filed
    ):
        return
    words = f"{actions[0]} {day}" + ("" if amount is None else f" {amount:g}")
    what = f"The {actions[0]} of {day} is not among the actions as the event has it"
    why = "Runs apply actions on file alone: a holder would not be paid, or get no new shares."
    mend = f"`backtest actions add {event.symbol} {words} --source '…'`."
    yield row.finding("warning", what, why, mend)


# Prices

_ABSURD = 0.6  # change from close to close
_ROUNDED = 1e-3  # of an amount, as announcements round it
_MUCH = 0.25  # of the close before; hardly any company pays more at once


def check_table(prices: Prices, where: str) -> Iterator[Finding]:
    """Find moves that no stock makes, splits left in, and sessions without a row or a volume."""
    table = prices.table
    seal = f"Correct the rows, then `backtest prices seal {prices.symbol}`."
    closes = table["close"].to_numpy()
    with suppress(DataError):  # `check_actions` reports actions that cannot be applied
        for jump in jumps_of(prices):
            what = f"{jump.day} begins at {jump.times:.3g} times the close before: a split?"
            why = "A split that is left in the prices is a gain or a loss that nobody had."
            terms = f"{prices.symbol} split {jump.day} {jump.shares:.4g}"
            mend = f"`backtest actions add {terms} --source '…'`."
            yield Finding("warning", where, what, why, mend)
    moves, days = closes[1:] / closes[:-1] - 1, table.index[1:]
    for row in np.flatnonzero(np.abs(moves) > _ABSURD):
        what = f"{days[row]:%Y-%m-%d} closes {100 * moves[row]:+.0f} % from the close before"
        why = "One such session can make a result, and it may be an error of the table."
        mend = f"Check the session at another source. {seal}"
        yield Finding("note", where, what, why, mend)
    if prices.holes:
        what = f"No row on {first_few(sorted(map(str, prices.holes)))}: left out as holes"
        why = "The source had none that was right; nothing is traded in such a session."
        mend = "Take the rows in from another source, or fetch them again."
        yield Finding("note", where, what, why, mend)
    if prices.has_bars and (idle := [f"{day:%Y-%m-%d}" for day in table.index[table.volume == 0]]):
        what = f"No volume on {first_few(idle)}"
        why = "Orders fill at prices at which nobody traded."
        mend = f"Check whether the stock was halted. {seal}"
        yield Finding("note", where, what, why, mend)


def _check_against_prices(prices: Prices, where: str) -> Iterator[Finding]:
    """Find actions that the prices contradict."""
    seal = f"Correct the row, then `backtest actions seal {prices.symbol}`."
    try:
        applied = prices.applied
        jumps = {jump.day for jump in jumps_of(prices)}
    except DataError as error:
        what, _, mend = str(error).partition(". ")
        why = "No run takes the stock as it is."
        yield Finding("error", where, what, why, mend)
        return
    for row in prices.actions.rows:
        if row.action == "split" and row.day in jumps:
            what = f"The split of {row.day} and the prices of that day disagree"
            why = "A split that is counted twice, or not at all, is a gain or a loss of nobody."
            mend = f"Say what is so: `backtest prices seal {prices.symbol} --adjust …`. {seal}"
            yield Finding("error", where, what, why, mend)
    bars = prices.table
    for row in applied:
        if row.action in ENDS and prices.last >= row.day:
            what = f"{row.action} on {row.day}, with prices until {prices.last}"
            why = "No run trades what comes after the end."
            yield Finding("warning", where, what, why, f"Check the day. {seal}")
        before = bars["close"][bars.index < np.datetime64(row.day)]
        if row.amount is not None and row.action != "split" and len(before):
            paid, close = row.amount, float(before.iloc[-1])
            off = paid if row.action == "dividend" or not paid else abs(paid - close)
            if off > _MUCH * close:
                what = f"{row.action} of {paid:g} on {row.day}, where the last close is {close:g}"
                why = "A misplaced point makes a gain or a loss that nobody had."
                yield Finding("warning", where, what, why, f"Check the amount. {seal}")
        if row.action == "halted" and prices.has_bars:
            until = np.datetime64(row.until or row.day)
            rows = bars[(bars.index >= np.datetime64(row.day)) & (bars.index <= until)]
            if traded := [f"{day:%Y-%m-%d}" for day in rows.index[rows["volume"] > 0]]:
                what = f"Halted from {row.day}, with volume on {first_few(traded)}"
                why = "Orders wait through a session in which others traded."
                yield Finding("warning", where, what, why, f"Check the days. {seal}")
