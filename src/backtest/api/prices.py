"""Define the calls that load, check, import, change and seal prices, actions and universes.

`symbols` is one symbol or several, by default all in the data folder. With `dry_run` a call writes
nothing and returns the update, whose `make()` writes it. A wrong name raises UsageError, a file
that breaks its format DataError.
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
    as_list,
    data_of,
    folders,
    ignore,
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
    """Load the daily prices of the data folder, or finer `bars` such as `5m`, and check them.

    Returns:
        A DataFrame by symbol, with a row for each session, indexed by it: `open high low close
        volume`, or `close` alone. Calls such as `run` take it as `prices`. Finer bars are those
        within trading hours, indexed by the time at which each opens (UTC).

    """
    folder = data_of(data) / "prices"
    if bars is not None:
        names = as_list(symbols) or bar_symbols(folder, bars)
        return {symbol: read_bars(folder, symbol, bars).frame() for symbol in names}
    names = as_list(symbols) or price_symbols(folder)
    return {symbol: read_prices(folder, symbol).table for symbol in names}


def list_prices(*, data: Folder = None) -> pd.DataFrame:
    """List the symbols of the data folder with their span, adjust mode and source.

    A symbol has a row for its daily prices and one for each length of finer bars, told by `bars`.
    """
    rows = listing.list_prices(folders("strategies", data))
    return pd.DataFrame(rows, columns=listing.OF_PRICES).set_index("symbol")


def check_prices(
    symbols: Names = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find prices that changed or are implausible, and borrow rates that nobody quoted.

    Returns:
        A row for each finding: `severity` (error, warning or note), `where`, `what`, `why`, `mend`.

    """
    return findings_frame(checks.check_prices(folders(strategies, data), as_list(symbols)))


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
    """Fetch prices from Yahoo, and add new rows to the files.

    Args:
        symbols: one symbol or several.
        bars: length of bars finer than sessions. Bars of 1 minute go back 7 days, of 5 to 30
            minutes 59 days, of an hour 729 days.
        first: first day; by default that of the file, or for a new file the first that Yahoo has.
        last: last day; today by default.
        adjust: adjustment for `splits` alone, or for `all`, dividends too; by default that of the
            file, or for a new file `splits`.
        accept: whether rows that differ from those on file are replaced.
        skip_bad: whether wrong rows are left out, with their sessions recorded as holes.
        on_update: function that is called with each update once it is written, and with the new
            version of the file.
        on_symbol: function that is called with the number of symbols done, and of all symbols.

    Returns:
        The updates, symbol by symbol.

    Raises:
        UsageError: a symbol, a day or the adjust mode is wrong; or a symbol cannot be fetched,
            after all others were.
        SourceError: Yahoo does not answer.

    """
    from backtest.sources.yahoo import fetch_prices as fetch

    names = list(dict.fromkeys(check_symbol(one.upper()) for one in as_list(symbols) or ()))
    folder, begin, end = data_of(data), read_day("first", first), read_day("last", last)
    updates: list[PriceUpdate] = []
    refused: dict[str, BacktestError] = {}
    for name in names:
        try:
            update = fetch(
                folder, name, bars=bars, first=begin, last=end, adjust=adjust,
                accept=accept, skip_bad=skip_bad, among=len(names),
            )  # fmt: skip
            on_update(update, update.make())
            updates.append(update)
        except BacktestError as error:
            refused[name] = error
        on_symbol(len(updates) + len(refused), len(names))
    raise_refused(refused, len(names), "fetched")
    return updates


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
    """Import CSV or Parquet files of daily prices or of finer `bars`, of one symbol or many.

    Args:
        files: one file or several; each is understood by itself.
        symbols: symbols of the prices; for a file of many symbols, those to take. `NEW=OLD` takes
            one under another name.
        columns: the file's columns by field, as `{"close": "Last"}`; `decimal`, `date_format` and
            `encoding` too are as in `import_events`.
        source: where the figures come from, or `unknown`; needed where none is on record.
        adjust: adjust mode in words; the one on record by default.
        closes: whether to take closes alone, as for a benchmark.
        constants: `{"volume": "0"}` for a file without volume.
        actions: CSV file of dividends, splits, halts and ends: day, action, amount, until, name,
            source, and symbol where there are several.
        dividends: column of closes without dividends, from which dividends are derived.
        bars: length of bars finer than sessions; None for daily prices.
        zone: time zone of bars' times that have none, such as `New York` or `UTC`.
        stamped: whether the time of a bar is its `open` or its `end`; by default inferred where
            the first or last bars of a day show it.
        accept: whether rows that differ from those on file are replaced.
        skip_bad: whether wrong rows are left out; nothing is traded in their sessions, which are
            recorded as holes.

    Returns:
        The updates, symbol by symbol.

    Raises:
        UsageError: a file cannot be understood, or its source is unknown; or a symbol cannot be
            imported, after all others were.
        DataError: a file is damaged, or has cells that are no days or numbers.

    """
    from backtest.sources.own_prices import import_prices as prepare
    from backtest.sources.own_prices import read_prices_and_actions
    from backtest.sources.own_times import Stamps

    paths = [files] if isinstance(files, str | os.PathLike) else [*files]
    if isinstance(files, pd.DataFrame) or not paths:
        raise UsageError("files: name one or several, CSV or Parquet; save a DataFrame as one.")
    contents = read_prices_and_actions(
        [Path(path) for path in paths],
        columns or {},
        symbols=as_list(symbols) or [],
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
    prepared = prepare(
        data_of(data), contents, refused, source=source, adjust=adjust, accept=accept,
        skip_bad=skip_bad,
    )  # fmt: skip
    updates = list(prepared)
    for update in () if dry_run else updates:
        update.make()
    raise_refused(refused, len(contents.tables) + len(contents.refused), "taken in")
    return updates


def undo_prices(
    symbols: str, bars: str | None = None, *, to: int | None = None, data: Folder = None
) -> tuple[Path, Version]:
    """Restore the previous version of a symbol's price file; a second call the one before it.

    With `bars`, a length, the file is that of the finer bars. `to` is the number of the version to
    go back to instead; repeating that call changes nothing.

    Returns:
        The file, and the version that it has now.

    """
    folder = data_of(data) / "prices"
    path = bars_path(folder, symbols, bars) if bars else price_path(folder, symbols)
    if path is None or not path.exists():
        names = [p.stem for p in (folder / bars).glob("*")] if bars else price_symbols(folder)
        raise unknown("price file of symbol", symbols, names)
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
    """Check a symbol's price file that you changed, and record its new sha256.

    With `borrow` the file is that of its borrow rates, with `bars`, a length, that of finer bars.
    Return the path of the metadata.
    """
    workspace = folders(strategies, data)
    return listing.seal_prices(workspace, symbols, source, adjust, borrow=borrow, bars=bars)


def list_actions(symbols: Names = None, *, data: Folder = None) -> pd.DataFrame:
    """List the dividends, splits, halts, ends and new names on file, oldest first.

    Returns:
        A row for each: `symbol`, `day`, `action`, `amount`, `until`, `name`, `source`.

    """
    folder = data_of(data) / "actions"
    names = as_list(symbols) or sorted(path.stem for path in folder.glob("[!.]*.csv"))
    rows = [vars(row) | {"symbol": one} for one in names for row in read_actions(folder, one).rows]
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
    """Add an action to a symbol's file, and replace one of the same day and kind.

    Args:
        symbols: symbol of the stock.
        action: `dividend`, `split`, `delisted`, `cash_merger`, `halted`, `renamed` or `cusip`.
        day: first session on the new basis, such as the ex-date; for an end the first day without
            trading.
        amount: dollars a share for a dividend or an end; new shares for each old one in a split.
        until: last session of a halt; the same day by default.
        name: former ticker, or new CUSIP.
        source: where it can be looked up.

    Raises:
        UsageError: a field is wrong.
        DataError: the file is wrong, or would be with the action.

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
    """Find actions that are wrong or that prices contradict; the table is as of `check_prices`."""
    return findings_frame(checks.check_actions(folders(strategies, data), as_list(symbols)))


def undo_actions(
    symbols: str, *, to: int | None = None, data: Folder = None
) -> tuple[Path, Version]:
    """Restore the previous version of a symbol's actions, or the version numbered `to`."""
    path = _actions_path(symbols, data)
    return path, undo(path, over=open_data_file(path).sha256, to=to)


def seal_actions(
    symbols: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check a symbol's file of actions that you changed, and record its new sha256.

    Return the path of the metadata.
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
    """List the universes of the data folder, as `backtest universes` does.

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
    """Check a universe's table of members that you changed, and record its new sha256.

    Return the path of the metadata.
    """
    return listing.seal_universe(folders(strategies, data), name, source)
