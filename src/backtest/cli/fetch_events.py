"""`backtest events fetch`: reports, stakes and other filings from EDGAR."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import AsJson, DataFolder, StrategiesFolder, Yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backtest.data.prices import Prices
    from backtest.data.revisions import Update
    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.filers import Company
    from backtest.sources.edgar.results import Fetched
    from backtest.workspace.folders import Workspace

app = typer.Typer(
    no_args_is_help=True,
    help="Fetch events from EDGAR: each shows what is new and what differs, and asks.",
)
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="The stock.")]
Cik = Annotated[
    int | None,
    typer.Option("--cik", min=1, help="Number of its company at EDGAR; found by the symbol."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DAY",
        help="First date of filing; the first session of its prices, or all where there are none.",
    ),
]
Accept = Annotated[
    bool,
    typer.Option("--accept-revisions", help="Replace what differs; without it that stays."),
]
Identity = Annotated[
    str | None,
    typer.Option(
        "--identity",
        envvar="BACKTEST_EDGAR_IDENTITY",
        metavar="WHO",
        help="Your name and e-mail address, which the SEC asks for.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        envvar="BACKTEST_EDGAR_URL",
        metavar="URL",
        help="An address that stands for EDGAR's own, such as a copy.",
    ),
]


@app.command("earnings", epilog="Example: `backtest events fetch earnings CRWV`")
def earnings(
    symbol: Symbol,
    cik: Cik = None,
    since: Since = None,
    no_estimates: Annotated[
        bool, typer.Option("--no-estimates", help="Do not ask Yahoo; leave the figures unknown.")
    ] = False,
    accept: Accept = False,
    identity: Identity = None,
    base_url: BaseUrl = None,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch quarterly reports: the time from the 8-K, figures and estimates from Yahoo."""
    from backtest.sources.edgar.earnings import fetch_earnings
    from backtest.sources.updates import check_symbol
    from backtest.sources.yahoo import ask_estimates
    from backtest.workspace.folders import find_workspace

    symbol = check_symbol(symbol.upper())
    workspace = find_workspace(strategies, data)
    with _asking(identity, base_url) as edgar:
        first = _first_day(since, _prices(workspace, symbol))
        estimates = None if no_estimates else ask_estimates(symbol)
        fetched = fetch_earnings(edgar, _company(edgar, symbol, cik), symbol, first, estimates)
    _finish(workspace, fetched, accept=accept, yes=yes, as_json=as_json)


@app.command("stakes", epilog="Example: `backtest events fetch stakes --holder NVIDIA`")
def stakes(
    holder: Annotated[str, typer.Option(help="Who holds it: a name, or a number (CIK) at EDGAR.")],
    symbol: Annotated[str | None, typer.Option(help="The stock. [CRWV]")] = None,
    cusip: Annotated[
        str | None, typer.Option(help="Of the stock; learned from the holder's tables.")
    ] = None,
    cik: Cik = None,
    since: Since = None,
    accept: Accept = False,
    identity: Identity = None,
    base_url: BaseUrl = None,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch what a holder told of its shares: Form 13F, Schedules 13D and 13G."""
    from backtest.data.kinds import StakeDisclosure
    from backtest.data.revisions import event_lines
    from backtest.sources.edgar.filers import find_holder
    from backtest.sources.edgar.stakes import close_before, fetch_stakes
    from backtest.sources.updates import check_symbol
    from backtest.workspace.folders import find_workspace
    from backtest.workspace.settings import read_config

    symbol = check_symbol(read_config({"symbol": symbol}).one_symbol().upper())
    workspace = find_workspace(strategies, data)
    prices = _prices(workspace, symbol)
    table = {} if prices is None else prices.table["close"].to_dict()
    closes = {stamp.date(): float(close) for stamp, close in table.items()}
    on_file = [line.event for line in event_lines(workspace, StakeDisclosure)]
    with _asking(identity, base_url) as edgar:
        fetched = fetch_stakes(
            edgar,
            _company(edgar, symbol, cik),
            symbol,
            find_holder(edgar, holder),
            cusip=cusip and cusip.upper(),
            since=_first_day(since, prices),
            known=[event for event in on_file if isinstance(event, StakeDisclosure)],
            close=lambda day: close_before(closes, day),
        )
    _finish(workspace, fetched, accept=accept, yes=yes, as_json=as_json)


@app.command("filings", epilog="Example: `backtest events fetch filings CRWV --form 4`")
def filings(
    symbol: Symbol,
    form: Annotated[
        str, typer.Option(help="8-K: its items as news. 4: sales by insiders.")
    ] = "8-K",
    cik: Cik = None,
    since: Since = None,
    accept: Accept = False,
    identity: Identity = None,
    base_url: BaseUrl = None,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch filings as news: agreements, financing, officers; or sales by insiders."""
    from backtest.sources.edgar.filings import fetch_filings
    from backtest.sources.updates import check_symbol
    from backtest.workspace.folders import find_workspace

    symbol = check_symbol(symbol.upper())
    workspace = find_workspace(strategies, data)
    with _asking(identity, base_url) as edgar:
        first = _first_day(since, _prices(workspace, symbol))
        fetched = fetch_filings(edgar, _company(edgar, symbol, cik), symbol, form.upper(), first)
    _finish(workspace, fetched, accept=accept, yes=yes, as_json=as_json)


@contextmanager
def _asking(identity: str | None, base_url: str | None) -> Iterator[Edgar]:
    """EDGAR, with the count of its answers at a terminal."""
    from backtest.cli import show
    from backtest.sources.edgar.client import Edgar

    if not sys.stderr.isatty():
        yield Edgar(identity, base_url)
        return
    with show.console(stderr=True).status("Asking EDGAR") as status:
        yield Edgar(identity, base_url, _counting(status.update))


def _counting(tell: Callable[[str], None]) -> Callable[[str], None]:
    answers: list[str] = []

    def answered(path: str) -> None:
        answers.append(path)
        tell(f"Asking EDGAR: {len(answers):,} answers")

    return answered


def _company(edgar: Edgar, symbol: str, cik: int | None) -> Company:
    from backtest.sources.edgar.filers import company_of_number, company_of_symbol

    return company_of_symbol(edgar, symbol) if cik is None else company_of_number(edgar, cik)


def _prices(workspace: Workspace, symbol: str) -> Prices | None:
    from backtest.data.prices import price_symbols, read_prices

    folder = workspace.data / "prices"
    return read_prices(folder, symbol) if symbol in price_symbols(folder) else None


def _first_day(since: str | None, prices: Prices | None) -> date | None:
    from backtest.experiments.terms import read_day

    return read_day("--from", since) or (None if prices is None else prices.first)


def _finish(
    workspace: Workspace, fetched: Fetched, *, accept: bool, yes: bool, as_json: bool
) -> None:
    """Hold what was fetched against the file, show it, and write it once it is confirmed."""
    from backtest.cli.event_edits import write
    from backtest.data.revisions import update
    from backtest.sources.edgar.results import same

    found = update(
        workspace, fetched.kind, fetched.rows, same, reason="fetched from EDGAR", accept=accept
    )
    if as_json:
        _print(found, fetched, yes=yes)
        return
    _tell(found, fetched.remarks, accept=accept)
    if found.differences and not found.edit.diff:
        typer.echo("Nothing else is new: nothing changes.")
        return
    write(found.edit, fetched.kind.kind, yes=yes)


def _tell(found: Update, remarks: list[str], *, accept: bool) -> None:
    """What was left out, and what differs from the file."""
    from rich.text import Text

    from backtest.cli import show
    from backtest.stats.formats import UNKNOWN

    out = show.console()
    for remark in remarks:
        out.print(Text(remark), soft_wrap=True)
    if not found.differences or accept:
        return
    for name, column, old, new in found.differences:
        told = f"{name} differs in {column}: {old or UNKNOWN} on file, {new} fetched"
        out.print(Text(told, style="yellow"), soft_wrap=True)
    out.print("What differs stays as it is on file; --accept-revisions takes what was fetched.")


def _print(found: Update, fetched: Fetched, *, yes: bool) -> None:
    """The same as JSON. Without --yes nothing is written."""
    from backtest.cli import show

    edit = found.edit
    version = edit.make().number if yes and edit.diff else None
    told: dict[str, Any] = {
        "file": edit.path,
        "added": list(edit.diff.added.values()),
        "changed": [change._asdict() for change in edit.diff.changed],
        "differences": [change._asdict() for change in found.differences],
        "remarks": fetched.remarks,
        "events": [row.as_dict() for row in edit.events],
        "version": version,
    }
    show.print_json(told)
