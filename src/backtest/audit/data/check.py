"""The checks of a data folder: every file is looked at, whatever is wrong with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from backtest.audit.data import event_checks, move_checks, price_checks, text_checks
from backtest.audit.data.event_checks import EventRow
from backtest.audit.data.files import faults, open_sealed
from backtest.catalog import event_kinds
from backtest.datafiles import open_data_file, read_rows
from backtest.errors import DataError, unknown
from backtest.events.files import parse_events
from backtest.market.borrow import BorrowRates, parse_borrow_rates
from backtest.market.price_store import price_path
from backtest.market.prices import parse_prices, price_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from backtest.audit.data.finding import Finding
    from backtest.datafiles import DataFile
    from backtest.events import Event
    from backtest.market.prices import Prices
    from backtest.workspace import Workspace


def check_data(workspace: Workspace, symbols: Sequence[str] | None = None) -> list[Finding]:
    """Everything that the checks of events, prices and borrow rates find.

    Args:
        workspace: the folders.
        symbols: the stocks that matter; all by default.

    Raises:
        UsageError: a symbol has no price file.

    """
    return check_events(workspace, symbols=symbols) + check_prices(workspace, symbols)


def check_events(
    workspace: Workspace, kind: str | None = None, symbols: Sequence[str] | None = None
) -> list[Finding]:
    """What can be traded too early, what disagrees with itself or the prices, what is missing.

    Args:
        workspace: the folders.
        kind: one kind's name; all kinds by default.
        symbols: the stocks whose rows matter; all by default. A file is sealed as a whole.

    Raises:
        UsageError: there is no such kind.

    """
    kinds = event_kinds(workspace)
    if kind is not None and kind not in kinds:
        raise unknown("kind of event", kind, kinds)
    chosen = kinds.values() if kind is None else [kinds[kind]]
    return [one for cls in chosen for one in _of_kind(workspace.data, cls, symbols)]


def _of_kind(data: Path, kind: type[Event], symbols: Sequence[str] | None) -> Iterator[Finding]:
    path = data / "events" / kind.file_name()
    where, seal_command = _name(path, data), f"backtest events seal {kind.kind}"
    file, found = open_sealed(path, where, seal_command)
    yield from found
    if file is None:
        return
    try:
        parse_events(file, kind)
    except DataError as error:
        yield from faults(error, path, where, f"Correct the file, then `{seal_command}`.")
    rows = [row for row in _rows(file, kind, where) if not symbols or row.event.symbol in symbols]
    prices = _usable_prices(data / "prices", {row.event.symbol for row in rows})
    for row in rows:
        yield from event_checks.check_time(row)
        yield from event_checks.check_record(row, file.metadata.get("compiled_on"))
        yield from text_checks.check_texts(row)
        if row.event.symbol in prices:
            yield from move_checks.check_stated(row, prices[row.event.symbol])
            yield from move_checks.check_gap(row, prices[row.event.symbol])
    yield from event_checks.check_doubles(rows)
    yield from event_checks.check_symbols(rows, price_symbols(data / "prices"))


def _rows(file: DataFile, kind: type[Event], where: str) -> Iterator[EventRow]:
    """The rows that can be read; the others were told by `parse_events`."""
    try:
        rows = read_rows(file, (), [])
    except DataError:
        return
    for line, cells in rows:
        try:
            event = kind.model_validate({name: cell for name, cell in cells.items() if cell})
        except ValidationError:
            continue
        yield EventRow(f"{where}, line {line}", cells["published_at"], event)


def _usable_prices(folder: Path, symbols: set[str]) -> Mapping[str, Prices]:
    """Prices as they are, sealed or not; `check_prices` tells of those that cannot be read."""
    prices = {}
    for symbol in symbols & set(price_symbols(folder)):
        try:
            prices[symbol] = parse_prices(open_data_file(_price_file(folder, symbol)))
        except DataError:
            continue
    return prices


def check_prices(workspace: Workspace, symbols: Sequence[str] | None = None) -> list[Finding]:
    """What is wrong, unlikely or assumed in the files of prices and borrow rates.

    Args:
        workspace: the folders.
        symbols: the stocks and funds; all by default.

    Raises:
        UsageError: a symbol has no price file.

    """
    known = price_symbols(workspace.data / "prices")
    for symbol in symbols or ():
        if symbol not in known:
            raise unknown("price file for symbol", symbol, known)
    return [one for symbol in symbols or known for one in _of_symbol(workspace.data, symbol)]


def _price_file(folder: Path, symbol: str) -> Path:
    return price_path(folder, symbol) or folder / f"{symbol}.csv"


def _of_symbol(data: Path, symbol: str) -> Iterator[Finding]:
    path = _price_file(data / "prices", symbol)
    where, seal_command = _name(path, data), f"backtest prices seal {symbol}"
    file, found = open_sealed(path, where, seal_command)
    yield from found
    prices = None
    if file is not None:
        try:
            prices = parse_prices(file)
        except DataError as error:
            yield from faults(error, path, where, f"Correct the file, then `{seal_command}`.")
        else:
            yield from price_checks.check_table(prices, where)
    yield from _of_borrow_rates(data, symbol, prices)


def _of_borrow_rates(data: Path, symbol: str, prices: Prices | None) -> Iterator[Finding]:
    path = data / "borrow" / f"{symbol}.csv"
    where, seal_command = _name(path, data), f"backtest prices seal {symbol} --borrow"
    rates = BorrowRates(symbol)
    if path.exists():
        file, found = open_sealed(path, where, seal_command)
        yield from found
        if file is None:
            return
        try:
            rates = parse_borrow_rates(file)
        except DataError as error:
            yield from faults(error, path, where, f"Correct the file, then `{seal_command}`.")
            return
    if prices is not None and prices.has_bars:
        yield from price_checks.check_borrow(rates, prices, where)


def _name(path: Path, data: Path) -> str:
    return path.relative_to(data.parent).as_posix()
