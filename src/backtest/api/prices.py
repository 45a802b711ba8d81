"""The calls about prices, what happens to shares, and universes: loaded, taken in and sealed.

`symbols` is one symbol or several, all that there are by default. What changes files by hand takes
`dry_run`: nothing is written then, and what comes back says what would change; its `make()` writes
it. A wrong name raises a UsageError, a file that breaks its format a DataError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from backtest.api.events import findings_frame
from backtest.api.workspace import (
    Day,
    File,
    Folder,
    Folders,
    Names,
    data_of,
    folders,
    ignore,
    several,
)
from backtest.data import checks, listing
from backtest.data.actions import COLUMNS, parse_action, read_actions
from backtest.data.bars import bar_symbols, bars_path, read_bars
from backtest.data.datafile import open_data_file
from backtest.data.kinds import check_symbol
from backtest.data.prices import price_path, price_symbols, read_prices
from backtest.data.versions import Version, undo
from backtest.errors import BacktestError, UsageError, raise_refused, unknown
from backtest.experiments.terms import read_day
from backtest.strategy.loading import kinds_named
from backtest.workspace.files import clear_unfinished

if TYPE_CHECKING:
    from backtest.sources.action_files import ActionUpdate
    from backtest.sources.updates import PriceUpdate


def load_prices(
    symbols: Names = None, bars: str | None = None, *, data: Folder = None
) -> dict[str, pd.DataFrame]:
    """The daily prices of the data folder, or its finer `bars` of a length, checked.

    Returns:
        By symbol a row for each session, indexed by it: `open high low close volume`, or `close`
        alone. The calls take it as `prices`. Of finer bars those within the hours of sessions, each
        indexed by when it opens, UTC.

    """
    folder = data_of(data) / "prices"
    if bars is not None:
        names = several(symbols) or bar_symbols(folder, bars)
        return {symbol: read_bars(folder, symbol, bars).frame() for symbol in names}
    wanted = several(symbols) or price_symbols(folder)
    return {symbol: read_prices(folder, symbol).table for symbol in wanted}


def list_prices(*, data: Folder = None) -> pd.DataFrame:
    """The symbols of the data folder with their span, adjust mode and source.

    A row each with `bars` daily, and one for each length of bars that are finer than sessions.
    """
    rows = listing.list_prices(folders("strategies", data))
    return pd.DataFrame(rows, columns=listing.OF_PRICES).set_index("symbol")


def check_prices(
    symbols: Names = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find prices that changed or are unlikely, and borrow rates that nobody quoted.

    Returns:
        A row for each finding: `severity` (error, warning or note), `where`, `what`, `why`, `mend`.

    """
    return findings_frame(checks.check_prices(folders(strategies, data), several(symbols)))


def fetch_prices(
    symbols: str | Sequence[str],
    *,
    bars: str | None = None,
    first: Day = None,
    last: Day = None,
    adjust: Literal["splits", "all"] | None = None,
    accept: bool = False,
    skip_bad: bool = False,
    data: Folder = None,
    on_update: Callable[[PriceUpdate, Version | None], None] = ignore,
    on_symbol: Callable[[int, int], None] = ignore,
) -> list[PriceUpdate]:
    """Fetch prices from Yahoo: new rows are added, and with `accept` those that differ replaced.

    `bars` finer than sessions go back 7 days where they are of 1 minute, 59 of 5 to 30, 729 of an
    hour. With `skip_bad` rows that are wrong are left out, and their sessions noted as holes.
    `on_update` takes each update once it is written, with the version that was made of the file,
    and `on_symbol` how many symbols are done, of how many.

    Returns:
        What changed, symbol by symbol.

    Raises:
        UsageError: a symbol, a day or the adjust mode is wrong; or a symbol cannot be fetched,
            after all others were.
        SourceError: Yahoo does not answer.

    """
    from backtest.sources.yahoo import fetch_prices as fetch

    names = list(dict.fromkeys(check_symbol(one.upper()) for one in several(symbols) or ()))
    folder, begin, end = data_of(data), read_day("first", first), read_day("last", last)
    found: list[PriceUpdate] = []
    refused: dict[str, BacktestError] = {}
    for name in names:
        try:
            update = fetch(
                folder, name, bars=bars, first=begin, last=end, adjust=adjust,
                accept=accept, skip_bad=skip_bad, among=len(names),
            )  # fmt: skip
            on_update(update, update.make())
            found.append(update)
        except BacktestError as error:
            refused[name] = error
        on_symbol(len(found) + len(refused), len(names))
    raise_refused(refused, len(names), "fetched")
    return found


def import_prices(
    files: File | Sequence[File],
    *,
    symbols: Names = None,
    columns: Mapping[str, str] | None = None,
    source: str | None = None,
    adjust: str | None = None,
    closes: bool = False,
    decimal: Literal[".", ","] | None = None,
    date_format: str | None = None,
    encoding: str | None = None,
    constants: Mapping[str, str] | None = None,
    actions: File | None = None,
    dividends: str | None = None,
    bars: str | None = None,
    zone: str | None = None,
    stamped: Literal["open", "end"] | None = None,
    accept: bool = False,
    skip_bad: bool = False,
    dry_run: bool = False,
    data: Folder = None,
) -> list[PriceUpdate]:
    """Take in CSV or Parquet files of daily prices or of finer `bars`, of one symbol or many.

    Args:
        files: one or several, of which each is understood by itself.
        symbols: whose prices they are; of a file with many, which to take, one under another name
            by `NEW=OLD`.
        columns: the file's columns by field, as `{"close": "Last"}`; it, `decimal`, `date_format`
            and `encoding` are as of `import_events`.
        source: where the figures come from, or `unknown`; needed where none is on record.
        adjust: the adjust mode in words; that on record by default.
        closes: take closes alone, as for a benchmark.
        constants: `{"volume": "0"}` for a file that has no volume.
        actions: a CSV file of dividends, splits, halts and ends: day, action, amount, until, name,
            source, and symbol where there are several.
        dividends: the column of closes without dividends, from which these are derived.
        bars: the length of bars that are finer than sessions; daily where None.
        zone: of times of bars without one, as `New York` or `UTC`.
        stamped: whether the times of bars are their `open` or their `end`; read off the file where
            its first or last bars of a day tell.
        accept: replace rows that differ; without it they stay.
        skip_bad: leave out rows that are wrong; their sessions are noted as holes, in which nothing
            is traded.

    Returns:
        What changes, symbol by symbol.

    Raises:
        UsageError: the file is not to be understood, or the source is not known; or a symbol
            cannot be taken in, after all others were.
        DataError: it is damaged, or has cells that are no days or numbers.

    """
    from backtest.sources.own_prices import import_prices as prepare
    from backtest.sources.own_prices import read_prices_and_actions
    from backtest.sources.own_times import Stamps

    several_files = [files] if isinstance(files, str | os.PathLike) else [*files]
    if isinstance(files, pd.DataFrame) or not several_files:
        raise UsageError("files: name one or several, CSV or Parquet; save a DataFrame as one.")
    found = read_prices_and_actions(
        [Path(one) for one in several_files],
        columns or {},
        symbols=several(symbols) or [],
        decimal=decimal,
        date_form=date_format,
        encoding=encoding,
        constants=constants,
        closes=closes,
        skip_bad=skip_bad,
        actions=Path(actions) if actions else None,
        dividends=dividends,
        stamps=Stamps(bars, zone, stamped) if bars else None,
    )
    refused: dict[str, BacktestError] = {}
    updates = list(
        prepare(
            data_of(data), found, refused, source=source, adjust=adjust, accept=accept,
            skip_bad=skip_bad,
        )
    )  # fmt: skip
    for update in updates:
        if not dry_run:
            update.make()
    raise_refused(refused, len(found.tables) + len(found.refused), "taken in")
    return updates


def undo_prices(
    symbols: str, bars: str | None = None, *, to: int | None = None, data: Folder = None
) -> tuple[Path, Version]:
    """Put the version of a symbol's price file before this one back; again for the one before.

    The file is that of `bars` finer than sessions where their length is named.
    `to` is the number of the version to go back to, which is the same however often it is done.

    Returns:
        The file, and the version that it has now.

    """
    folder = data_of(data) / "prices"
    path = bars_path(folder, symbols, bars) if bars else price_path(folder, symbols)
    if path is None or not path.exists():
        known = [p.stem for p in (folder / bars).glob("*")] if bars else price_symbols(folder)
        raise unknown("price file of symbol", symbols, known)
    return path, undo(path, over=open_data_file(path).sha256, to=to)


def seal_prices(
    symbols: str,
    source: str | None = None,
    adjust: str | None = None,
    *,
    borrow: bool = False,
    bars: str | None = None,
    strategies: Folders = None,
    data: Folder = None,
) -> Path:
    """Check a symbol's price file, and record its sha256 anew.

    With `borrow` the file is that of its borrow rates, with a length that of its finer `bars`.

    The file of the metadata comes back.
    """
    workspace = folders(strategies, data)
    return listing.seal_prices(workspace, symbols, source, adjust, borrow=borrow, bars=bars)


def list_actions(symbols: Names = None, *, data: Folder = None) -> pd.DataFrame:
    """What is on file of dividends, splits, halts, ends and new names, oldest first.

    Returns:
        A row for each: `symbol`, `day`, `action`, `amount`, `until`, `name`, `source`.

    """
    folder = data_of(data) / "actions"
    wanted = several(symbols) or sorted(path.stem for path in folder.glob("[!.]*.csv"))
    rows = [vars(row) | {"symbol": one} for one in wanted for row in read_actions(folder, one).rows]
    table = pd.DataFrame(rows, columns=["symbol", *COLUMNS])
    table["day"], table["until"] = pd.to_datetime(table["day"]), pd.to_datetime(table["until"])
    return table


def add_action(
    symbols: str,
    action: str,
    day: Day,
    amount: float | None = None,
    *,
    until: Day = None,
    name: str = "",
    source: str | None = None,
    dry_run: bool = False,
    data: Folder = None,
) -> ActionUpdate:
    """Put an action on file; one of the same day and kind is replaced.

    Args:
        symbols: the stock.
        action: `dividend`, `split`, `delisted`, `cash_merger`, `halted`, `renamed` or `cusip`.
        day: the first session on the new basis, such as the ex-date; of an end the first day
            without trade.
        amount: dollars a share of a dividend or an end; new shares for one of a split.
        until: the last session of a halt; the same day by default.
        name: the former ticker, or the new CUSIP.
        source: where it can be looked up.

    Raises:
        UsageError: a field is wrong.
        DataError: the file is, or would be.

    """
    from backtest.sources.action_files import prepare_actions

    cells = {
        "day": str(read_day("day", day) or ""), "action": action,
        "amount": "" if amount is None else repr(float(amount)),  # of numpy's numbers too
        "until": str(read_day("until", until) or ""), "name": name, "source": source or "",
    }  # fmt: skip
    try:
        row = parse_action(cells)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    folder = data_of(data) / "actions"
    clear_unfinished(folder)
    update = prepare_actions(folder, check_symbol(symbols), [row], source="By hand", accept=True)
    if not dry_run:
        update.make()
    return update


def check_actions(
    symbols: Names = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find actions that are wrong or that prices contradict; a row for each, as `check_prices`."""
    return findings_frame(checks.check_actions(folders(strategies, data), several(symbols)))


def undo_actions(
    symbols: str, *, to: int | None = None, data: Folder = None
) -> tuple[Path, Version]:
    """Put the version of a symbol's actions before this one back, or the one numbered `to`."""
    path = _actions_path(symbols, data)
    return path, undo(path, over=open_data_file(path).sha256, to=to)


def seal_actions(
    symbols: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check a symbol's file of actions that you changed, and record its sha256 anew.

    The file of the metadata comes back.
    """
    _actions_path(symbols, data)
    return listing.seal_actions(folders(strategies, data), symbols, source)


def _actions_path(symbol: str, data: Folder) -> Path:
    folder = data_of(data) / "actions"
    path = folder / f"{symbol}.csv"
    if not path.is_file():
        raise unknown("file of actions of", symbol, (one.stem for one in folder.glob("[!.]*.csv")))
    return path


def list_universes(*, strategies: Folders = None, data: Folder = None) -> pd.DataFrame:
    """The universes of the data folder, as `backtest universes` lists them.

    Returns:
        A row for each, indexed by `name`: `symbols`, the span of prices `first` and `last`, the
        number of `events` by kind, the members `without_prices` and `without_events`, and `source`.

    """
    workspace = folders(strategies, data)
    rows = map(vars, listing.list_universes(workspace, kinds_named(workspace, None)))
    columns = list(listing.UniverseRow.__annotations__)
    return pd.DataFrame(rows, columns=columns).set_index("name")


def seal_universe(
    name: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check a universe's table of members that was changed, and record its sha256 anew.

    The file of the metadata comes back.
    """
    return listing.seal_universe(folders(strategies, data), name, source)
