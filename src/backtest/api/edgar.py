"""The calls that fetch events from EDGAR: earnings, stakes, and other filings.

Each holds what it fetched against the file of its kind. Arguments that all take:

    symbols: the stock, one alone.
    cik: number of its company at EDGAR; found by the symbol.
    first: first date of filing; the first session of its prices, or all without prices.
    accept: replace what differs; without it new events are added alone.
    dry_run: write nothing; `edit.make()` of what comes back then writes it.
    identity: your name and e-mail address, which the SEC asks for; by default that in the
        environment's BACKTEST_EDGAR_IDENTITY.
    base_url: an address that stands for EDGAR's own.
    answered: takes the path of each answer, to show how far it is.
    strategies, data: folders; those of the workspace by default.

Each raises a UsageError for a wrong symbol, identity or day, a SourceError where EDGAR does not
answer, and a DataError where the file is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.api.arguments import Day, Folder, Folders, folders
from backtest.data import edits
from backtest.data.actions import read_actions
from backtest.data.kinds import Event, StakeDisclosure, check_symbol
from backtest.data.prices import price_symbols, read_prices
from backtest.experiments.terms import read_day
from backtest.sources import earnings, edgar, filings, stakes, yahoo
from backtest.workspace.folders import read_config

if TYPE_CHECKING:
    from backtest.data.edits import Change, Edit

Answered = Callable[[str], None]


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
        cik: int | None,
        first: Day,
        identity: str | None,
        base_url: str | None,
        answered: Answered | None,
        strategies: Folders,
        data: Folder,
    ) -> None:
        self.symbol, self.cik = check_symbol(symbol.upper()), cik
        self.workspace = folders(strategies, data)
        folder = self.workspace.data / "prices"
        there = self.symbol in price_symbols(folder)
        self.prices = read_prices(folder, self.symbol) if there else None
        self.since = read_day("first", first) or (self.prices.first if self.prices else None)
        self.edgar = edgar.Edgar(
            identity or os.environ.get("BACKTEST_EDGAR_IDENTITY"),
            base_url or os.environ.get("BACKTEST_EDGAR_URL"),
            answered,
        )

    def company(self) -> edgar.Company:
        """The company whose stock it is."""
        if self.cik is None:
            return edgar.company_of_symbol(self.edgar, self.symbol)
        return edgar.company_of_number(self.edgar, self.cik)

    def held_against(
        self, fetched: filings.Fetched, *, accept: bool, dry_run: bool
    ) -> FetchedEvents:
        """What was fetched beside the file of its kind, which it is written to."""
        edit, differences = edits.update(
            self.workspace, fetched.kind, fetched.rows, filings.same,
            reason="fetched from EDGAR", accept=accept,
        )  # fmt: skip
        if edit.diff and not dry_run:
            edit.make()
        return FetchedEvents(fetched.kind, edit, differences, fetched.remarks, len(fetched.rows))


def fetch_earnings(
    symbols: str,
    *,
    cik: int | None = None,
    first: Day = None,
    estimates: bool = True,
    accept: bool = False,
    dry_run: bool = False,
    identity: str | None = None,
    base_url: str | None = None,
    answered: Answered | None = None,
    strategies: Folders = None,
    data: Folder = None,
) -> FetchedEvents:
    """Fetch quarterly reports: time and figures from EDGAR, estimates from Yahoo.

    Without `estimates` there is no consensus. The other arguments are explained at the head of
    `backtest.api.edgar`.
    """
    of = _Request(symbols, cik, first, identity, base_url, answered, strategies, data)
    known = yahoo.ask_estimates(of.symbol) if estimates else None
    fetched = earnings.fetch_earnings(of.edgar, of.company(), of.symbol, of.since, known)
    return of.held_against(fetched, accept=accept, dry_run=dry_run)


def fetch_stakes(
    holder: str,
    symbols: str | None = None,
    *,
    cusip: str | None = None,
    cik: int | None = None,
    first: Day = None,
    accept: bool = False,
    dry_run: bool = False,
    identity: str | None = None,
    base_url: str | None = None,
    answered: Answered | None = None,
    strategies: Folders = None,
    data: Folder = None,
) -> FetchedEvents:
    """Fetch what a holder told of its shares: Form 13F, Schedules 13D and 13G.

    The `holder` is a name, or a number (CIK) at EDGAR; the stock CRWV by default, and its `cusip`,
    or several with a comma between, learned from the holder's tables. The other arguments are
    explained at the head of `backtest.api.edgar`.
    """
    symbol = read_config({"symbol": [symbols] if symbols else None}).one_symbol()
    of = _Request(symbol, cik, first, identity, base_url, answered, strategies, data)
    actions = read_actions(of.workspace.data / "actions", of.symbol)
    on_file = [line.event for line in edits.event_lines(of.workspace, StakeDisclosure)]
    fetched = stakes.fetch_stakes(
        of.edgar,
        of.company(),
        of.symbol,
        edgar.find_holder(of.edgar, holder),
        cusips=[one.strip().upper().zfill(9) for one in (cusip or "").split(",") if one.strip()],
        since=of.since,
        known=[event for event in on_file if isinstance(event, StakeDisclosure)],
        close=lambda day: stakes.close_as_traded(of.prices, actions, day) if of.prices else None,
        actions=actions,
    )
    return of.held_against(fetched, accept=accept, dry_run=dry_run)


def fetch_filings(
    symbols: str,
    form: str = "8-K",
    *,
    cik: int | None = None,
    first: Day = None,
    accept: bool = False,
    dry_run: bool = False,
    identity: str | None = None,
    base_url: str | None = None,
    answered: Answered | None = None,
    strategies: Folders = None,
    data: Folder = None,
) -> FetchedEvents:
    """Fetch filings as news: agreements, financing, officers; or sales by insiders.

    The `form` is `8-K`, its items as news, or `4`, sales by insiders. The other arguments are
    explained at the head of `backtest.api.edgar`.
    """
    of = _Request(symbols, cik, first, identity, base_url, answered, strategies, data)
    fetched = filings.fetch_filings(of.edgar, of.company(), of.symbol, form.upper(), of.since)
    return of.held_against(fetched, accept=accept, dry_run=dry_run)
