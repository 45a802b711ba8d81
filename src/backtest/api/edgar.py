"""The calls that fetch events from EDGAR: earnings, stakes, and other filings.

Each holds what it fetched against the file of its kind: new events are added, and with `accept`
those that differ replaced. With `dry_run` nothing is written; `edit.make()` then writes it.
`identity` is your name and e-mail address, which the SEC asks for, by default that in the
environment's BACKTEST_EDGAR_IDENTITY; `base_url` an address that stands for EDGAR's own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.api.arguments import folders
from backtest.experiments.terms import read_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from backtest.api.arguments import Day, Folder, Folders
    from backtest.data.edits import Change, Edit
    from backtest.data.kinds import Event
    from backtest.data.prices import Prices
    from backtest.sources.edgar import Company, Edgar
    from backtest.sources.filings import Fetched
    from backtest.workspace.folders import Workspace

    Answered = Callable[[str], None]


@dataclass(frozen=True)
class FetchedEvents:
    """What was fetched of one kind of event, held against its file.

    Attributes:
        kind: of event.
        edit: what changes in the file.
        differences: cells on file that were fetched otherwise; in the edit only where accepted.
        remarks: what was left out and why.

    """

    kind: type[Event]
    edit: Edit
    differences: Sequence[Change]
    remarks: Sequence[str]


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
    """Fetch quarterly reports: the time from the 8-K, figures and estimates from Yahoo.

    Args:
        symbols: the stock, one alone.
        cik: number of its company at EDGAR; found by the symbol.
        first: first date of filing; the first session of its prices, or all without prices.
        estimates: ask Yahoo; without it the figures are unknown.
        accept: replace what differs.
        dry_run: write nothing.
        identity: your name and e-mail address.
        base_url: an address that stands for EDGAR's own.
        answered: takes the path of each answer, to show how far it is.
        strategies: folder of strategies; that of the workspace by default.
        data: folder of events and prices, likewise.

    Raises:
        UsageError: the symbol, the identity or a day is wrong.
        SourceError: EDGAR does not answer.
        DataError: the file is wrong.

    """
    from backtest.sources.edgar import Edgar
    from backtest.sources.filings import fetch_earnings as fetch
    from backtest.sources.updates import check_symbol
    from backtest.sources.yahoo import ask_estimates

    symbol = check_symbol(symbols.upper())
    workspace = folders(strategies, data, "reports")
    edgar = Edgar(_identity(identity), _address(base_url), answered)
    since = read_day("first", first) or _first_session(_prices(workspace, symbol))
    known = ask_estimates(symbol) if estimates else None
    fetched = fetch(edgar, _company(edgar, symbol, cik), symbol, since, known)
    return _held_against(workspace, fetched, accept=accept, dry_run=dry_run)


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

    Args:
        holder: a name, or a number (CIK) at EDGAR.
        symbols: the stock, one alone; CRWV by default.
        cusip: of the stock; learned from the holder's tables.
        cik: as of `fetch_earnings`, and so are the others.
        first: likewise.
        accept: likewise.
        dry_run: likewise.
        identity: likewise.
        base_url: likewise.
        answered: likewise.
        strategies: likewise.
        data: likewise.

    Raises:
        UsageError: the holder, the symbol, the identity or a day is wrong.
        SourceError: EDGAR does not answer.
        DataError: the file is wrong.

    """
    from backtest.data.edits import event_lines
    from backtest.data.kinds import StakeDisclosure
    from backtest.sources.edgar import Edgar, find_holder
    from backtest.sources.stakes import close_before
    from backtest.sources.stakes import fetch_stakes as fetch
    from backtest.sources.updates import check_symbol
    from backtest.workspace.folders import read_config

    named = [symbols] if symbols else None
    symbol = check_symbol(read_config({"symbol": named}).one_symbol().upper())
    workspace = folders(strategies, data, "reports")
    prices = _prices(workspace, symbol)
    table = {} if prices is None else prices.table["close"].to_dict()
    closes = {stamp.date(): float(close) for stamp, close in table.items()}
    on_file = [line.event for line in event_lines(workspace, StakeDisclosure)]
    edgar = Edgar(_identity(identity), _address(base_url), answered)
    fetched = fetch(
        edgar,
        _company(edgar, symbol, cik),
        symbol,
        find_holder(edgar, holder),
        cusip=cusip and cusip.upper(),
        since=read_day("first", first) or _first_session(prices),
        known=[event for event in on_file if isinstance(event, StakeDisclosure)],
        close=lambda day: close_before(closes, day),
    )
    return _held_against(workspace, fetched, accept=accept, dry_run=dry_run)


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

    Args:
        symbols: as of `fetch_earnings`, and so are the others.
        form: `8-K`, its items as news; or `4`, sales by insiders.
        cik: likewise.
        first: likewise.
        accept: likewise.
        dry_run: likewise.
        identity: likewise.
        base_url: likewise.
        answered: likewise.
        strategies: likewise.
        data: likewise.

    Raises:
        UsageError: the symbol, the form, the identity or a day is wrong.
        SourceError: EDGAR does not answer.
        DataError: the file is wrong.

    """
    from backtest.sources.edgar import Edgar
    from backtest.sources.filings import fetch_filings as fetch
    from backtest.sources.updates import check_symbol

    symbol = check_symbol(symbols.upper())
    workspace = folders(strategies, data, "reports")
    edgar = Edgar(_identity(identity), _address(base_url), answered)
    since = read_day("first", first) or _first_session(_prices(workspace, symbol))
    fetched = fetch(edgar, _company(edgar, symbol, cik), symbol, form.upper(), since)
    return _held_against(workspace, fetched, accept=accept, dry_run=dry_run)


def _identity(identity: str | None) -> str | None:
    return identity or os.environ.get("BACKTEST_EDGAR_IDENTITY")


def _address(base_url: str | None) -> str | None:
    return base_url or os.environ.get("BACKTEST_EDGAR_URL")


def _company(edgar: Edgar, symbol: str, cik: int | None) -> Company:
    from backtest.sources.edgar import company_of_number, company_of_symbol

    return company_of_symbol(edgar, symbol) if cik is None else company_of_number(edgar, cik)


def _prices(workspace: Workspace, symbol: str) -> Prices | None:
    from backtest.data.prices import price_symbols, read_prices

    folder = workspace.data / "prices"
    return read_prices(folder, symbol) if symbol in price_symbols(folder) else None


def _first_session(prices: Prices | None) -> date | None:
    return None if prices is None else prices.first


def _held_against(
    workspace: Workspace, fetched: Fetched, *, accept: bool, dry_run: bool
) -> FetchedEvents:
    from backtest.data.edits import update
    from backtest.sources.filings import same

    edit, differences = update(
        workspace, fetched.kind, fetched.rows, same, reason="fetched from EDGAR", accept=accept
    )
    if edit.diff and not dry_run:
        edit.make()
    return FetchedEvents(fetched.kind, edit, differences, fetched.remarks)
