"""The calls about events: listed, checked, fetched, taken in, changed and sealed.

What changes files takes `dry_run`: nothing is written then, and what comes back says what would
change; its `make()` writes it. A wrong name raises a UsageError, a file that breaks its format a
DataError.
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
    folders,
    ignore,
    several,
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
    """The dated events with the first session that each can be traded in.

    Args:
        kind: one kind by name, such as `earnings`, also one that a strategy file defines; all by
            default.
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
    rows = event_rows(kind, several(symbols), reaction, strategies, data)
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
    """Events with the session each can be traded in; see `load_events`."""
    workspace, minutes = folders(strategies, data), read_reaction(reaction)
    return listing.list_events(workspace, kinds_named(workspace, kind), symbols, minutes)


def show_event(
    event_id: str, *, reaction: Reaction = 5.0, strategies: Folders = None, data: Folder = None
) -> dict[str, Any]:
    """All that is known of one event, by name; `provenance` says where its row comes from."""
    workspace, minutes = folders(strategies, data), read_reaction(reaction)
    row = listing.find_event(workspace, event_kinds(workspace).values(), event_id, minutes)
    return {**row.as_dict(), "provenance": listing.provenance(workspace, row.event)}


def list_kinds(
    kind: str | None = None, *, strategies: Folders = None, data: Folder = None
) -> pd.DataFrame:
    """The fields of each kind of event, a row each: whether it is `needed`, and its `meaning`."""
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


def findings_frame(found: Iterable[Finding]) -> pd.DataFrame:
    """What checks of data have found, a row each."""
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
    fields: Mapping[str, object],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Append an event, with its fields as the file of its kind writes them; None is unknown."""
    workspace = folders(strategies, data)
    edit = edits.add_event(workspace, kind_of(workspace, kind), _texts(fields))
    return _made(edit, dry_run=dry_run)


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
        on_read: takes the rows of the file, and how its columns were understood.

    Raises:
        UsageError: there is no such kind, or an event is there and not to be replaced; or the file
            is not to be understood, or lacks a needed field.
        DataError: a file is wrong; every row at fault is named.

    """
    from backtest.sources.own_events import read_event_file

    workspace = folders(strategies, data)
    cls = kind_of(workspace, kind)
    found = read_event_file(
        Path(file), cls, source_url=source_url, columns=columns, constants=constants,
        date_form=date_format, decimal=decimal, encoding=encoding, zone=zone,
    )  # fmt: skip
    on_read(found)
    reason = f"{'imported' if replace else 'added from'} {found.path.name}"
    edit = edits.add_rows(workspace, cls, found.rows, reason=reason, replace=replace)
    return _made(edit, dry_run=dry_run)


def edit_event(
    event_id: str,
    fields: Mapping[str, object],
    *,
    dry_run: bool = False,
    strategies: Folders = None,
    data: Folder = None,
) -> Edit:
    """Change fields of an event; an empty text, or None, is unknown."""
    workspace = folders(strategies, data)
    edit = edits.edit_event(workspace, event_kinds(workspace).values(), event_id, _texts(fields))
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


class Fetching(TypedDict, total=False):
    """What each call that fetches events from EDGAR takes.

    Attributes:
        cik: number of the stock's company at EDGAR; found by the symbol.
        first: first date of filing; the first session of its prices, or all without prices.
        accept: replace what differs; without it new events are added alone.
        dry_run: write nothing; `edit.make()` of what comes back then writes it.
        identity: your name and e-mail address, which the SEC asks for; by default that in the
            environment's BACKTEST_EDGAR_IDENTITY.
        base_url: an address that stands for EDGAR's own.
        answered: takes the path of each answer, to show how far it is.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of prices, events and borrow rates, likewise.

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
    """What was fetched of one kind of event, held against its file.

    Attributes:
        kind: of event.
        edit: what changes in the file.
        differences: cells on file that were fetched otherwise; in the edit only where accepted.
        remarks: what was left out and why.
        fetched: how many events came.

    """

    kind: type[Event]
    edit: Edit
    differences: Sequence[Change]
    remarks: Sequence[str]
    fetched: int


class _Request:
    """A stock at EDGAR: its company, its prices, and the first day that matters."""

    def __init__(
        self,
        symbol: str,
        *,
        cik: int | None = None,
        first: Day = None,
        accept: bool = False,
        dry_run: bool = False,
        identity: str | None = None,
        base_url: str | None = None,
        answered: Callable[[str], None] | None = None,
        strategies: Folders = None,
        data: Folder = None,
    ) -> None:
        from backtest.sources import edgar

        self._cik, self._accept, self._dry_run = cik, accept, dry_run
        self.symbol = check_symbol(symbol.upper())
        self.workspace = folders(strategies, data)
        folder = self.workspace.data / "prices"
        there = self.symbol in price_symbols(folder)
        self.prices = read_prices(folder, self.symbol) if there else None
        self.actions = read_actions(self.workspace.data / "actions", self.symbol)
        self.since = read_day("first", first) or (self.prices.first if self.prices else None)
        self.edgar = edgar.Edgar(
            identity or os.environ.get("BACKTEST_EDGAR_IDENTITY"),
            base_url or os.environ.get("BACKTEST_EDGAR_URL"),
            answered,
        )

    def company(self) -> edgar.Company:
        """The company whose stock it is."""
        from backtest.sources import edgar

        if self._cik is None:
            return edgar.company_of_symbol(self.edgar, self.symbol)
        return edgar.company_of_number(self.edgar, self._cik)

    def held_against(self, fetched: filings.Fetched) -> FetchedEvents:
        """What was fetched beside the file of its kind, which it is written to."""
        from backtest.sources import filings

        edit, differences = edits.update(
            self.workspace, fetched.kind, fetched.rows,
            lambda known, came: filings.same(self.actions.own(known), came),
            reason="fetched from EDGAR", accept=self._accept,
        )  # fmt: skip
        _made(edit, dry_run=self._dry_run)
        return FetchedEvents(fetched.kind, edit, differences, fetched.remarks, len(fetched.rows))


def fetch_earnings(
    symbols: str, *, estimates: bool = True, **options: Unpack[Fetching]
) -> FetchedEvents:
    """Fetch quarterly reports: time and figures from EDGAR, estimates from Yahoo.

    Without `estimates` there is no consensus. The other arguments are those of `Fetching`.
    """
    from backtest.sources import earnings, yahoo

    of = _Request(symbols, **options)
    known = yahoo.ask_estimates(of.symbol) if estimates else None
    splits = [row.day for row in of.actions.rows if row.action == "split"]
    fetched = earnings.fetch_earnings(of.edgar, of.company(), of.symbol, of.since, known, splits)
    return of.held_against(fetched)


def fetch_stakes(
    holder: str,
    symbols: str | None = None,
    *,
    cusip: str | None = None,
    **options: Unpack[Fetching],
) -> FetchedEvents:
    """Fetch what a holder told of its shares: Form 13F, Schedules 13D and 13G.

    The `holder` is a name, or a number (CIK) at EDGAR; the stock CRWV by default, and its `cusip`,
    or several with a comma between, learned from the holder's tables. The other arguments are
    those of `Fetching`.
    """
    from backtest.sources import edgar, stakes

    symbol = read_config({"symbol": [symbols] if symbols else None}).one_symbol()
    of = _Request(symbol, **options)
    lines = edits.event_lines(of.workspace, StakeDisclosure)
    on_file = [of.actions.own(line.event) for line in lines]
    fetched = stakes.fetch_stakes(
        of.edgar,
        of.company(),
        of.symbol,
        edgar.find_holder(of.edgar, holder),
        cusips=[one.strip().upper().zfill(9) for one in (cusip or "").split(",") if one.strip()],
        since=of.since,
        known=[event for event in on_file if isinstance(event, StakeDisclosure)],
        close=lambda day: stakes.close_as_traded(of.prices, of.actions, day) if of.prices else None,
        actions=of.actions,
    )
    return of.held_against(fetched)


def fetch_filings(symbols: str, form: str = "8-K", **options: Unpack[Fetching]) -> FetchedEvents:
    """Fetch filings as news: agreements, financing, officers; or sales by insiders.

    The `form` is `8-K`, its items as news, or `4`, sales by insiders. The other arguments are
    those of `Fetching`.
    """
    from backtest.sources import filings

    of = _Request(symbols, **options)
    fetched = filings.fetch_filings(of.edgar, of.company(), of.symbol, form.upper(), of.since)
    return of.held_against(fetched)
