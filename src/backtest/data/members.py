"""The prices and events of a universe's members, what is missing among them, and their mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.prices import Prices, price_symbols, read_prices
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from backtest.data.datafile import Reader
    from backtest.data.events import EventFile
    from backtest.data.universe import Universe

_NAMED = 3  # of those that are left out


def members_prices(
    universe: Universe, folder: Path, read: Reader, told: list[str]
) -> dict[str, Prices]:
    """The prices of the members that have bars.

    Args:
        universe: the members.
        folder: of price files.
        read: reads a data file.
        told: takes a sentence on the members that are left out.

    Raises:
        UsageError: none has bars.
        DataError: a file is wrong.

    """
    there = set(price_symbols(folder))
    found = {s: read_prices(folder, s, read=read) for s in universe.symbols if s in there}
    bars = {symbol: prices for symbol, prices in found.items() if prices.has_bars}
    total = len(universe.symbols)
    _tell(told, total, "have no prices", [s for s in universe.symbols if s not in found])
    _tell(told, total, "have closes alone", [s for s in found if s not in bars])
    if not bars:
        raise UsageError(
            f"No member of {universe.name} has bars in {folder}. Import them with "
            f"`backtest prices import FILE --data {folder.parent}`."
        )
    return bars


def members_spans(
    universe: Universe,
    history: Mapping[str, Prices],
    span: tuple[date | None, date | None],
    told: list[str],
) -> dict[str, Prices]:
    """The prices that are replayed, of the members that have any in the span.

    Raises:
        UsageError: none has.

    """
    found = {}
    fault = None
    for symbol, prices in history.items():
        try:
            found[symbol] = prices.span(*span)
        except UsageError as error:
            fault = error
    if fault and not found:
        raise fault
    without = [symbol for symbol in history if symbol not in found]
    _tell(told, len(universe.symbols), "have no session in the span", without)
    return found


def members_events(file: EventFile, symbols: Mapping[str, Prices], told: list[str]) -> EventFile:
    """The events of members alone."""
    events = tuple(event for event in file.events if event.symbol in symbols)
    strangers = {event.symbol for event in file.events} - set(symbols)
    if strangers:
        told.append(
            f"{len(file.events) - len(events):,} events in {file.kind.file_name()} are of stocks "
            f"that are not traded here and are left out: {_few(strangers)}."
        )
    without = [symbol for symbol in symbols if symbol not in {event.symbol for event in events}]
    if events:
        _tell(told, len(symbols), f"have no event in {file.kind.file_name()}", without, "traded")
    return replace(file, events=events)


def mean_of_members(universe: Universe, history: Mapping[str, Prices]) -> Prices:
    """The universe with equal weights each session, as closes that begin at 100.

    The return of a session is the mean of those of its members that have a close in it and in
    the session before.
    """
    days = {symbol: p.table.index.to_numpy().astype("M8[D]") for symbol, p in history.items()}
    sessions = np.unique(np.concatenate(list(days.values())))
    total, count = np.zeros(len(sessions)), np.zeros(len(sessions))
    for symbol, prices in history.items():
        closes = np.full(len(sessions), np.nan)
        closes[np.searchsorted(sessions, days[symbol])] = prices.table["close"].to_numpy()
        change = np.full(len(sessions), np.nan)
        change[1:] = closes[1:] / closes[:-1] - 1
        known = ~np.isnan(change) & _is_member(universe, symbol, sessions)
        total[known] += change[known]
        count += known
    mean = np.divide(total, count, out=np.zeros(len(sessions)), where=count > 0)
    index = pd.DatetimeIndex(sessions.astype("M8[ns]"), name="session")
    table = pd.DataFrame({"close": 100 * np.cumprod(1 + mean)}, index=index)
    return Prices(universe.name, table, universe.file)


def _is_member(universe: Universe, symbol: str, sessions: np.ndarray) -> np.ndarray:
    member = np.zeros(len(sessions), bool)
    for first, last in universe.spans[symbol]:
        member |= (sessions >= np.datetime64(first)) & (sessions <= np.datetime64(last))
    return member


def _tell(
    told: list[str], total: int, what: str, symbols: Iterable[str], of: str = "members"
) -> None:
    names = list(symbols)
    if names:
        told.append(f"{len(names):,} of {total:,} {of} {what}: {_few(names)}.")


def _few(symbols: Iterable[str]) -> str:
    names = sorted(symbols)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
