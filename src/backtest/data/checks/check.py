"""The checks of a data folder: every file is looked at, whatever is wrong with the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backtest.data.borrow import BorrowRates, parse_borrow_rates
from backtest.data.checks import events as event_checks
from backtest.data.checks import moves as move_checks
from backtest.data.checks import prices as price_checks
from backtest.data.checks.events import EventRow
from backtest.data.checks.finding import Finding
from backtest.data.datafile import open_data_file, read_metadata, read_rows
from backtest.data.events import parse_events
from backtest.data.kinds import FILED_KINDS
from backtest.data.prices import parse_prices, price_path, price_symbols
from backtest.errors import DataError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from backtest.data.datafile import DataFile
    from backtest.data.kinds import Event
    from backtest.data.prices import Prices
    from backtest.workspace.folders import Workspace


def open_sealed(path: Path, where: str, seal_command: str) -> tuple[DataFile | None, list[Finding]]:
    """A data file as it is now, and what is wrong with its sha256 or its metadata.

    Args:
        path: the CSV file.
        where: its name in findings.
        seal_command: the command that acknowledges a change.

    Returns:
        None for a file that cannot be opened; else the file, also where it was changed, with its
        metadata where there are any.

    """
    try:
        file = open_data_file(path)
    except DataError as error:
        return None, faults(error, path, where, "Restore the file.")
    try:
        metadata = read_metadata(path, file.sha256, seal_command)
    except DataError as error:
        what, _, _ = str(error).partition(". ")
        return file, [
            Finding(
                "error",
                where,
                what.replace(str(path.parent) + "/", ""),
                "Nobody can tell where the figures come from, or whether they were changed.",
                f"Write the metadata with `{seal_command} --source '…'`.",
            )
        ]
    file = replace(file, metadata=metadata)
    if metadata["sha256"] == file.sha256:
        return file, []
    return file, [
        Finding(
            "error",
            where,
            f"Changed since its metadata were written: sha256 {file.sha256}, "
            f"recorded {metadata['sha256']}",
            "The figures are no longer those that the metadata speak of.",
            f"If the change is meant, acknowledge it with `{seal_command}`; else restore the file.",
        )
    ]


def faults(error: DataError, path: Path, where: str, mend: str) -> list[Finding]:
    """A finding for each problem that reading a file has told."""
    first, *rest = str(error).splitlines()
    problems = [line.strip() for line in rest] or [first.removeprefix(str(path)).lstrip(",: ")]
    why = "No command reads the file as it is."
    return [Finding("error", where, problem, why, mend) for problem in problems]


def check_data(
    workspace: Workspace,
    kinds: Iterable[type[Event]] = FILED_KINDS,
    symbols: Sequence[str] | None = None,
) -> list[Finding]:
    """Everything that the checks of events, prices and borrow rates find.

    Args:
        workspace: the folders.
        kinds: the kinds of event; those that ship by default.
        symbols: the stocks that matter; all by default.

    Raises:
        UsageError: a symbol has no price file.

    """
    return check_events(workspace, kinds, symbols) + check_prices(workspace, symbols)


def check_events(
    workspace: Workspace,
    kinds: Iterable[type[Event]] = FILED_KINDS,
    symbols: Sequence[str] | None = None,
) -> list[Finding]:
    """What can be traded too early, what disagrees with itself or the prices, what is missing.

    Args:
        workspace: the folders.
        kinds: the kinds of event; those that ship by default.
        symbols: the stocks whose rows matter; all by default. A file is sealed as a whole.

    """
    return [one for kind in kinds for one in _of_kind(workspace.data, kind, symbols)]


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
        yield from move_checks.check_texts(row)
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
