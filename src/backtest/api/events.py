"""Define the calls that list, check, fetch, import, change and seal events.

A call that changes a file takes `dry_run`: it then writes nothing and returns the edit, whose
`make()` writes it. A wrong name raises UsageError, a file that breaks its format DataError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import pandas as pd
from pandas.api.types import is_scalar

from backtest.api.workspace import (
    Day,
    File,
    Folder,
    Folders,
    Names,
    Reaction,
    as_list,
    folders,
    ignore,
)
from backtest.data import checks, edits, listing
from backtest.data.actions import read_actions
from backtest.data.events import columns_of, meaning_of
from backtest.data.kinds import Event, StakeDisclosure, check_symbol
from backtest.data.prices import price_symbols, read_prices
from backtest.experiments.terms import read_day, read_reaction
from backtest.strategy.loading import event_kinds, kind_of, kinds_named
from backtest.workspace.folders import read_config

if TYPE_CHECKING:
    from backtest.data.edits import Change, Edit
    from backtest.data.event_checks import Finding
    from backtest.data.listing import ListedEvent
    from backtest.sources import edgar, filings
    from backtest.sources.own_events import OwnEvents

_EVENT = ["id", "kind", "symbol", "published_at", "precision", "tradable_session", "headline"]


def load_events(
    kind: str | None = None,
    symbols: Names = None,
    *,
    reaction: Reaction = 5.0,
    strategies: Folders = None,
    data: Folder = None,
) -> pd.DataFrame:
    """Load the events, each with the first session in which it can be traded.

    Args:
        kind: name of one kind, such as `earnings`, or of one that a strategy file defines; all
            kinds by default.
        symbols: one symbol or several; all by default.
        reaction: minutes from publication to the earliest open, or a time such as `2h`.

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
    rows = event_rows(kind, as_list(symbols), reaction, strategies, data)
    table = pd.DataFrame([row.as_dict() for row in rows], columns=None if rows else _EVENT)
    more = [name for name in table if name not in _EVENT and table[name].notna().any()]
    table = table[[*_EVENT, *more]].set_index("id")
    table["published_at"] = pd.to_datetime(table["published_at"], utc=True)
    table["tradable_session"] = pd.to_datetime(table["tradable_session"])
    return table


def event_rows(
    kind: str | None,
    symbols: Sequence[str] | None,
    reaction: Reaction,
    strategies: Folders,
    data: Folder,
) -> list[ListedEvent]:
    """List events with the session in which each can be traded; see `load_events`."""
    workspace, minutes = folders(strategies, data), read_reaction(reaction)
    return listing.list_events(workspace, kinds_named(workspace, kind), symbols, minutes)


def show_event(
    event_id: str, *, reaction: Reaction = 5.0, strategies: Folders = None, data: Folder = None
) -> dict[str, Any]:
    """Return all fields of one event by name; `provenance` says where its row comes from."""
    workspace, minutes = folders(strategies, data), read_reaction(reaction)
    row = listing.find_event(workspace, event_kinds(workspace).values(), event_id, minutes)
    return {**row.as_dict(), "provenance": listing.provenance(workspace, row.event)}


def list_kinds(
    kind: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """List the fields of each kind of event, a row each: `kind`, `field`, `needed`, `meaning`."""
    rows = [
        (cls.kind, name, cls.model_fields[name].is_required(), meaning_of(cls, name))
        for cls in kinds_named(folders(strategies, data), kind)
        for name in columns_of(cls)
    ]
    return pd.DataFrame(rows, columns=["kind", "field", "needed", "meaning"])


def check_events(
    kind: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """Find events that could be traded before they were public, or that disagree with prices."""
    workspace = folders(strategies, data)
    return findings_frame(checks.check_events(workspace, kinds_named(workspace, kind)))


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the findings of a check of data as a table, a row each."""
    columns = ["severity", "where", "what", "why", "mend"]
    return pd.DataFrame([vars(finding) for finding in findings], columns=columns)


def judge_claims(*, strategies: Folders = None, data: Folder = None) -> pd.DataFrame:
    """Compare what was claimed about the stock with its prices and events.

    Returns:
        A row for each claim, with its `verdict`, what was `found` and the `evidence`.

    """
    from backtest.audit.claims import judge_claims as judge

    return pd.DataFrame([one.as_dict() for one in judge(folders(strategies, data))])


def add_event(
    kind: str,
    fields: Mapping[str, object],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Append an event; `fields` are written as in the file of its kind, and None is unknown."""
    workspace = folders(strategies, data)
    edit = edits.add_event(workspace, kind_of(workspace, kind), _texts(fields))
    return _apply(edit, dry_run=dry_run)


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    unknown = {name for name, value in fields.items() if is_scalar(value) and pd.isna(value)}
    return {name: "" if name in unknown else str(value) for name, value in fields.items()}


def import_events(
    file: File,
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
    on_read: Callable[[OwnEvents], None] = ignore,
) -> Edit:
    """Import a CSV or Parquet file of events of one kind.

    New events are added, and existing ones are changed where the file differs.

    Args:
        file: CSV or Parquet file.
        kind: name of the kind of event.
        columns: the file's columns by field, as `{"author": "Firm"}`; guessed by default.
        constants: values by field that are the same in every row, as `{"precision": "date"}`.
        source_url: address, or `unknown`, for rows that name no source.
        date_format: format of days, as `%d/%m/%Y`; guessed by default where that is certain.
        decimal: decimal sign; guessed likewise.
        encoding: encoding of the text, such as `cp1252`; UTF-8 and UTF-16 are recognized.
        zone: time zone of times that have none, such as `New York`.
        replace: whether existing events are changed; False refuses a file that has one.
        on_read: function that is called with the rows read, and how the columns were understood.

    Raises:
        UsageError: there is no such kind, or an event exists and is not to be replaced; or the
            file cannot be understood, or lacks a needed field.
        DataError: a file is wrong; every row at fault is named.

    """
    from backtest.sources.own_events import read_event_file

    workspace = folders(strategies, data)
    cls = kind_of(workspace, kind)
    events = read_event_file(
        Path(file), cls, source_url=source_url, columns=columns, constants=constants,
        date_form=date_format, decimal=decimal, encoding=encoding, zone=zone,
    )  # fmt: skip
    on_read(events)
    reason = f"{'imported' if replace else 'added from'} {events.path.name}"
    edit = edits.add_rows(workspace, cls, events.rows, reason=reason, replace=replace)
    return _apply(edit, dry_run=dry_run)


def edit_event(
    event_id: str,
    fields: Mapping[str, object],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Change fields of an event; an empty text, or None, means that the value is unknown."""
    workspace = folders(strategies, data)
    edit = edits.edit_event(workspace, event_kinds(workspace).values(), event_id, _texts(fields))
    return _apply(edit, dry_run=dry_run)


def remove_event(
    event_id: str, *, dry_run: bool = False, strategies: Folders = None, data: Folder = None
) -> Edit:
    """Remove an event from its file."""
    workspace = folders(strategies, data)
    edit = edits.remove_event(workspace, event_kinds(workspace).values(), event_id)
    return _apply(edit, dry_run=dry_run)


def undo_events(
    kind: str,
    *,
    to: int | None = None,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Undo the last change of a kind's file; a second call undoes the change before it.

    `to` is the number of the version to go back to instead; repeating that call changes nothing.
    """
    workspace = folders(strategies, data)
    return _apply(edits.undo_events(workspace, kind_of(workspace, kind), to), dry_run=dry_run)


def _apply(edit: Edit, *, dry_run: bool) -> Edit:
    if edit.diff and not dry_run:
        edit.make()
    return edit


def seal_events(
    kind: str, source: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> Path:
    """Check the file of a kind, or of `claims`, as it is now, and record its new sha256.

    Return the path of the metadata.
    """
    from backtest.audit import claims

    workspace = folders(strategies, data)
    if kind == claims.NAME:
        return claims.seal_claims(workspace.data, source)
    return listing.seal_events(workspace, kind_of(workspace, kind), source)


class Fetching(TypedDict, total=False):
    """`Fetching` lists the options of each call that fetches events from EDGAR.

    Attributes:
        cik: number of the stock's company at EDGAR; looked up by the symbol by default.
        first: first day of filing; by default the first session of the stock's prices, or all
            filings without prices.
        accept: whether events that differ are replaced; by default only new events are added.
        dry_run: whether nothing is written; `edit.make()` of the result then writes it.
        identity: your name and e-mail address, which the SEC asks for; by default the value of
            the environment's BACKTEST_EDGAR_IDENTITY.
        base_url: address to use in place of EDGAR's own.
        answered: function that is called with the path of each answer, to show progress.
        strategies: folder of strategies; the workspace's by default.
        data: folder of prices, events and borrow rates; the workspace's by default.

    """

    cik: int | None
    first: Day
    accept: bool
    dry_run: bool
    identity: str | None
    base_url: str | None
    answered: Callable[[str], None] | None
    strategies: Folders
    data: Folder


@dataclass(frozen=True)
class FetchedEvents:
    """The fetched events of one kind are compared with its file.

    Attributes:
        kind: class of the events.
        edit: change of the file.
        differences: cells of the file that were fetched with another value; they are in the edit
            only where accepted.
        remarks: sentences that say what was left out, and why.
        fetched: number of events that were fetched.

    """

    kind: type[Event]
    edit: Edit
    differences: Sequence[Change]
    remarks: Sequence[str]
    fetched: int


class _Request:
    """A request holds a stock at EDGAR: its company, its prices, and the first day to fetch."""

    def __init__(self, symbol: str, options: Fetching) -> None:
        from backtest.sources import edgar

        self._options = options
        self.symbol = check_symbol(symbol.upper())
        self.workspace = folders(options.get("strategies"), options.get("data"))
        folder = self.workspace.data / "prices"
        has_prices = self.symbol in price_symbols(folder)
        self.prices = read_prices(folder, self.symbol) if has_prices else None
        self.actions = read_actions(self.workspace.data / "actions", self.symbol)
        first = read_day("first", options.get("first"))
        self.since = first or (self.prices.first if self.prices else None)
        self.edgar = edgar.Edgar(
            options.get("identity") or os.environ.get("BACKTEST_EDGAR_IDENTITY"),
            options.get("base_url") or os.environ.get("BACKTEST_EDGAR_URL"),
            options.get("answered"),
        )

    def company(self) -> edgar.Company:
        """Find the company whose stock it is."""
        from backtest.sources import edgar

        number = self._options.get("cik")
        if number is None:
            return edgar.company_of_symbol(self.edgar, self.symbol)
        return edgar.company_of_number(self.edgar, number)

    def compared(self, fetched: filings.Fetched) -> FetchedEvents:
        """Compare what was fetched with the file of its kind, and write it there."""
        from backtest.sources import filings

        edit, differences = edits.update(
            self.workspace, fetched.kind, fetched.rows,
            lambda on_file, new: filings.is_same_event(self.actions.own(on_file), new),
            reason="fetched from EDGAR", accept=self._options.get("accept", False),
        )  # fmt: skip
        _apply(edit, dry_run=self._options.get("dry_run", False))
        return FetchedEvents(fetched.kind, edit, differences, fetched.remarks, len(fetched.rows))


def fetch_earnings(
    symbols: str, *, estimates: bool = True, **options: Unpack[Fetching]
) -> FetchedEvents:
    """Fetch quarterly reports: times and figures from EDGAR, estimates from Yahoo.

    `symbols` is one symbol. Without `estimates` there is no consensus. `Fetching` has the options.
    """
    from backtest.sources import earnings, yahoo

    request = _Request(symbols, options)
    consensus = yahoo.ask_estimates(request.symbol) if estimates else None
    splits = [row.day for row in request.actions.rows if row.action == "split"]
    fetched = earnings.fetch_earnings(
        request.edgar, request.company(), request.symbol, request.since, consensus, splits
    )
    return request.compared(fetched)


def fetch_stakes(
    holder: str,
    symbols: str | None = None,
    *,
    cusip: str | None = None,
    **options: Unpack[Fetching],
) -> FetchedEvents:
    """Fetch the stake that a holder disclosed: Form 13F, and Schedules 13D and 13G.

    `holder` is a name, or a number (CIK) at EDGAR. `symbols` is one symbol, CRWV by default. Its
    `cusip`, or several separated by commas, is by default learned from the holder's tables.
    `Fetching` has the options.
    """
    from backtest.sources import edgar, stakes

    symbol = read_config({"symbol": [symbols] if symbols else None}).one_symbol()
    request = _Request(symbol, options)
    prices, actions = request.prices, request.actions
    lines = edits.event_lines(request.workspace, StakeDisclosure)
    on_file = [actions.own(line.event) for line in lines]
    fetched = stakes.fetch_stakes(
        request.edgar,
        request.company(),
        request.symbol,
        edgar.find_holder(request.edgar, holder),
        cusips=[one.strip().upper().zfill(9) for one in (cusip or "").split(",") if one.strip()],
        since=request.since,
        known=[event for event in on_file if isinstance(event, StakeDisclosure)],
        close=lambda day: stakes.close_as_traded(prices, actions, day) if prices else None,
        actions=actions,
    )
    return request.compared(fetched)


def fetch_filings(symbols: str, form: str = "8-K", **options: Unpack[Fetching]) -> FetchedEvents:
    """Fetch filings as news: the items of form `8-K`, or with form `4` the sales by insiders.

    `symbols` is one symbol. `Fetching` has the options.
    """
    from backtest.sources import filings

    request = _Request(symbols, options)
    fetched = filings.fetch_filings(
        request.edgar, request.company(), request.symbol, form.upper(), request.since
    )
    return request.compared(fetched)
