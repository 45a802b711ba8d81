"""The calls about data: prices and events, loaded, checked, taken in, changed and sealed.

`strategies` and `data` are folders, those of the workspace by default; `symbols` is one symbol or
several, all that there are by default. What changes files of events, and `import_prices`, take
`dry_run`: nothing is written then, and what comes back says what would change; its `make()` writes
it. A wrong name raises a UsageError, a file that breaks its format a DataError.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from backtest.api.arguments import data_of, folders, several
from backtest.data import checks, edits, listing
from backtest.data.actions import COLUMNS, parse_action, read_actions
from backtest.data.bars import bar_symbols, bars_path, read_bars
from backtest.data.datafile import open_data_file
from backtest.data.prices import price_path, price_symbols, read_prices
from backtest.data.versions import undo
from backtest.errors import BacktestError, UsageError, unknown
from backtest.experiments.terms import read_day
from backtest.sources.updates import check_symbol, raise_refused
from backtest.strategy.loading import event_kinds, kind_of, kinds_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.api.arguments import Day, Folder, Folders
    from backtest.data.edits import Edit
    from backtest.data.kinds import Event
    from backtest.data.listing import ListedEvent
    from backtest.data.versions import Version
    from backtest.sources.action_files import ActionUpdate
    from backtest.sources.own_events import OwnEvents
    from backtest.sources.updates import PriceUpdate
    from backtest.workspace.folders import Workspace

_EVENT = ["id", "kind", "symbol", "published_at", "precision", "tradable_session", "headline"]


def load_prices(
    symbols: str | Sequence[str] | None = None,
    bars: str | None = None,
    *,
    data: Folder = None,
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


def load_events(
    kind: str | None = None,
    symbols: str | Sequence[str] | None = None,
    *,
    reaction: float = 5.0,
    strategies: Folders = None,
    data: Folder = None,
) -> pd.DataFrame:
    """The dated events with the first session that each can be traded in.

    Args:
        kind: one kind by name, such as `earnings`, also one that a strategy file defines; all by
            default.
        reaction: minutes from publication to the earliest open.

    Returns:
        A row for each event in order of publication, indexed by its id: `kind`, `symbol`,
        `published_at` (UTC), `precision`, `tradable_session` (NaT where it cannot be traded, and
        `not_tradable_because` says why), `headline`, then the other fields that have a value.

    Examples:
        >>> found = load_events("short_report", "CRWV")
        >>> found.reset_index()[["published_at", "tradable_session", "author"]]
                       published_at tradable_session                     author
        0 2025-06-11 03:59:59+00:00       2025-06-11  Gil Luria (D.A. Davidson)
        1 2025-08-25 03:59:59+00:00              NaT                 Jim Chanos
        2 2025-09-16 12:16:38+00:00       2025-09-16         Kerrisdale Capital
        3 2025-10-09 10:39:19+00:00       2025-10-09                 Jim Chanos
        4 2025-11-17 04:59:59+00:00              NaT                 Jim Chanos
        5 2025-12-02 04:59:59+00:00       2025-12-02                 Jim Chanos
        6 2025-12-16 04:59:59+00:00       2025-12-16        Wall Street Journal
        7 2025-12-17 00:31:06+00:00       2025-12-17                 Jim Chanos
        8 2026-02-02 04:59:59+00:00              NaT                 Jim Chanos
        9 2026-03-18 03:59:59+00:00       2026-03-18                  Bernstein

    """
    rows = event_rows(kind, several(symbols), reaction, strategies, data)
    table = pd.DataFrame([row.as_dict() for row in rows])
    more = [name for name in table.columns if name not in _EVENT]
    table = table[[*_EVENT, *more]].set_index("id").dropna(axis="columns", how="all")
    table["tradable_session"] = pd.to_datetime(table.get("tradable_session"))
    return table


def event_rows(
    kind: str | None,
    symbols: Sequence[str] | None,
    reaction: float,
    strategies: Folders,
    data: Folder,
) -> list[ListedEvent]:
    """Events with the session each can be traded in; see `load_events`."""
    workspace = folders(strategies, data)
    return listing.list_events(workspace, kinds_named(workspace, kind), symbols, reaction)


def show_event(
    event_id: str, *, reaction: float = 5.0, strategies: Folders = None, data: Folder = None
) -> dict[str, Any]:
    """All that is known of one event, by name; `provenance` says where its row comes from."""
    workspace = folders(strategies, data)
    row = listing.find_event(workspace, event_kinds(workspace).values(), event_id, reaction)
    return {**row.as_dict(), "provenance": listing.provenance(workspace, row.event)}


def list_kinds(
    kind: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """The fields of each kind of event, a row each: whether it is `needed`, and its `meaning`."""
    from backtest.data.events import columns_of, meaning_of

    rows = [
        (cls.kind, name, cls.model_fields[name].is_required(), meaning_of(cls, name))
        for cls in kinds_named(folders(strategies, data), kind)
        for name in columns_of(cls)
    ]
    return pd.DataFrame(rows, columns=["kind", "field", "needed", "meaning"])


def list_prices(*, data: Folder = None) -> pd.DataFrame:
    """The symbols of the data folder with their span, adjust mode and source.

    A row each with `bars` daily, and one for each length of bars that are finer than sessions.
    """
    rows = listing.list_prices(folders("strategies", data))
    return pd.DataFrame(rows, columns=listing.OF_PRICES).set_index("symbol")


def check_prices(
    symbols: str | Sequence[str] | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find prices that changed or are unlikely, and borrow rates that nobody quoted.

    Returns:
        A row for each finding: `severity` (error, warning or note), `where`, `what`, `why`, `mend`.

    """
    return _findings(checks.check_prices(folders(strategies, data), several(symbols)))


def check_events(
    kind: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find events that could be traded before they were public, or that disagree with prices."""
    workspace = folders(strategies, data)
    return _findings(checks.check_events(workspace, kinds_named(workspace, kind)))


def _findings(found: Iterable[object]) -> pd.DataFrame:

    columns = ["severity", "where", "what", "why", "mend"]
    return pd.DataFrame([vars(one) for one in found], columns=columns)


def judge_claims(*, strategies: Folders = None, data: Folder = None) -> pd.DataFrame:
    """Hold what was claimed about the stock against its prices and events.

    Returns:
        A row for each claim, with its `verdict`, what was `found` and the `evidence`.

    """
    from backtest.audit.claims import judge_claims as judge

    return pd.DataFrame([one.as_dict() for one in judge(folders(strategies, data))])


def add_event(
    kind: str,
    fields: Mapping[str, str],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Append an event, with its fields as the file of its kind writes them."""
    workspace = folders(strategies, data)
    return _made(edits.add_event(workspace, kind_of(workspace, kind), fields), dry_run=dry_run)


def import_events(
    file: str | os.PathLike[str],
    kind: str,
    *,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    source_url: str | None = None,
    date_format: str | None = None,
    decimal: Literal[".", ","] | None = None,
    encoding: str | None = None,
    zone: str | None = None,
    replace: bool = True,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Take in a CSV or Parquet file of events of one kind: new ones are added.

    Those that are there change where the file differs; without `replace` they are refused.

    Args:
        columns: the file's columns by field, as `{"author": "Firm"}`; guessed by default.
        constants: what is the same in every row, as `{"precision": "date"}`.
        source_url: an address or `unknown`, for rows that name no source.
        date_format: how days are written, as `%d/%m/%Y`; guessed where it is certain.
        decimal: the decimal sign; likewise.
        encoding: such as `cp1252`; UTF-8 and UTF-16 are known.
        zone: of times that tell none, such as `New York`.

    Raises:
        UsageError: there is no such kind, or an event is there and not to be replaced; or the file
            is not to be understood, or lacks a needed field.
        DataError: a file is wrong; every row at fault is named.

    """
    from backtest.sources.own_events import read_event_file

    workspace, path = folders(strategies, data), Path(file)
    cls = kind_of(workspace, kind)
    found = read_event_file(
        path, cls, source_url=source_url, columns=columns, constants=constants,
        date_form=date_format, decimal=decimal, encoding=encoding, zone=zone,
    )  # fmt: skip
    return _made(add_read(workspace, cls, found, replace=replace), dry_run=dry_run)


def add_read(
    workspace: Workspace, kind: type[Event], found: OwnEvents, *, replace: bool = True
) -> Edit:
    """What the rows of a file that was read would change."""
    reason = f"{'imported' if replace else 'added from'} {found.path.name}"
    return edits.add_rows(workspace, kind, found.rows, reason=reason, replace=replace)


def edit_event(
    event_id: str,
    fields: Mapping[str, str],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Change fields of an event; an empty text is unknown."""
    workspace = folders(strategies, data)
    edit = edits.edit_event(workspace, event_kinds(workspace).values(), event_id, fields)
    return _made(edit, dry_run=dry_run)


def remove_event(
    event_id: str, *, dry_run: bool = False, strategies: Folders = None, data: Folder = None
) -> Edit:
    """Take an event out of its file."""
    workspace = folders(strategies, data)
    edit = edits.remove_event(workspace, event_kinds(workspace).values(), event_id)
    return _made(edit, dry_run=dry_run)


def undo_events(
    kind: str,
    *,
    to: int | None = None,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Take back the last change of a kind's file; again for the one before.

    `to` is the number of the version to go back to, which is the same however often it is done.
    """
    workspace = folders(strategies, data)
    return _made(edits.undo_events(workspace, kind_of(workspace, kind), to), dry_run=dry_run)


def _made(edit: Edit, *, dry_run: bool) -> Edit:
    if edit.diff and not dry_run:
        edit.make()
    return edit


def seal_events(
    kind: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check the file of a kind, or of `claims`, as it is now, and record its sha256 anew.

    The file of the metadata comes back.
    """
    from backtest.audit import claims

    workspace = folders(strategies, data)
    if kind == claims.NAME:
        return claims.seal_claims(workspace.data, source)
    return listing.seal_events(workspace, kind_of(workspace, kind), source)


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
) -> list[PriceUpdate]:
    """Fetch prices from Yahoo: new rows are added, and with `accept` those that differ replaced.

    `bars` finer than sessions go back 7 days where they are of 1 minute, 59 of 5 to 30, 729 of an
    hour. With `skip_bad` rows that are wrong are left out, and their sessions noted as holes.

    Returns:
        What changed, symbol by symbol.

    Raises:
        UsageError: a symbol, a day or the adjust mode is wrong.
        SourceError: Yahoo does not answer.

    """
    from backtest.sources.yahoo import fetch_prices as fetch

    names = list(dict.fromkeys(check_symbol(one.upper()) for one in several(symbols) or ()))
    found = []
    for name in names:
        update = fetch(
            data_of(data),
            name,
            bars=bars,
            first=read_day("first", first),
            last=read_day("last", last),
            adjust=adjust,
            accept=accept,
            skip_bad=skip_bad,
            among=len(names),
        )
        update.make()
        found.append(update)
    return found


def import_prices(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    symbols: str | Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    source: str | None = None,
    adjust: str | None = None,
    closes: bool = False,
    decimal: Literal[".", ","] | None = None,
    date_format: str | None = None,
    encoding: str | None = None,
    constants: Mapping[str, str] | None = None,
    actions: str | os.PathLike[str] | None = None,
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
        columns: the file's columns by field, as `{"close": "Last"}`; guessed by default.
        source: where the figures come from, or `unknown`; needed where none is on record.
        adjust: the adjust mode in words; that on record by default.
        closes: take closes alone, as for a benchmark.
        decimal: the decimal sign; guessed by default.
        date_format: how days are written, as `%d/%m/%Y`; guessed by default.
        encoding: such as `cp1252`; UTF-8 and UTF-16 are known.
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
    from backtest.sources.own_bars import Stamps
    from backtest.sources.own_prices import import_prices as prepare
    from backtest.sources.own_prices import read_prices_and_actions

    several_files = [files] if isinstance(files, str | os.PathLike) else files
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


def list_actions(
    symbols: str | Sequence[str] | None = None, *, data: Folder = None
) -> pd.DataFrame:
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
        "amount": "" if amount is None else repr(amount),
        "until": str(read_day("until", until) or ""), "name": name, "source": source or "",
    }  # fmt: skip
    try:
        row = parse_action(cells)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    folder = data_of(data) / "actions"
    update = prepare_actions(folder, check_symbol(symbols), [row], source="By hand", accept=True)
    if not dry_run:
        update.make()
    return update


def check_actions(
    symbols: str | Sequence[str] | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find actions that are wrong or that prices contradict; a row for each, as `check_prices`."""
    return _findings(checks.check_actions(folders(strategies, data), several(symbols)))


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
