"""`backtest events fetch`: reports, stakes and other filings from EDGAR."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import AsJson, DataFolder, StrategiesFolder, Verbose, Yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backtest.api.edgar import FetchedEvents

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
    verbose: Verbose = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch quarterly reports: the time from the 8-K, figures and estimates from Yahoo."""
    from backtest.api.edgar import fetch_earnings

    with _progress() as answered:
        found = fetch_earnings(
            symbol, cik=cik, first=_day(since), estimates=not no_estimates, accept=accept,
            dry_run=True, identity=identity, base_url=base_url, answered=answered,
            strategies=strategies, data=data,
        )  # fmt: skip
    _finish(found, accept=accept, yes=yes, whole=verbose, as_json=as_json)


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
    verbose: Verbose = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch what a holder told of its shares: Form 13F, Schedules 13D and 13G."""
    from backtest.api.edgar import fetch_stakes

    with _progress() as answered:
        found = fetch_stakes(
            holder, symbol, cusip=cusip, cik=cik, first=_day(since), accept=accept,
            dry_run=True, identity=identity, base_url=base_url, answered=answered,
            strategies=strategies, data=data,
        )  # fmt: skip
    _finish(found, accept=accept, yes=yes, whole=verbose, as_json=as_json)


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
    verbose: Verbose = False,
    yes: Yes = False,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Fetch filings as news: agreements, financing, officers; or sales by insiders."""
    from backtest.api.edgar import fetch_filings

    with _progress() as answered:
        found = fetch_filings(
            symbol, form, cik=cik, first=_day(since), accept=accept,
            dry_run=True, identity=identity, base_url=base_url, answered=answered,
            strategies=strategies, data=data,
        )  # fmt: skip
    _finish(found, accept=accept, yes=yes, whole=verbose, as_json=as_json)


def _day(since: str | None) -> date | None:
    from backtest.experiments.terms import read_day

    return read_day("--from", since)


@contextmanager
def _progress() -> Iterator[Callable[[str], None] | None]:
    """What counts EDGAR's answers, at a terminal."""
    from backtest.cli import show

    if not sys.stderr.isatty():
        yield None
        return
    answers: list[str] = []
    with show.console(stderr=True).status("Asking EDGAR") as status:

        def answered(path: str) -> None:
            answers.append(path)
            status.update(f"Asking EDGAR: {len(answers):,} answers")

        yield answered


def _finish(found: FetchedEvents, *, accept: bool, yes: bool, whole: bool, as_json: bool) -> None:
    """Show what was fetched, and write it once it is confirmed."""
    from backtest.cli.event_edits import write

    if as_json:
        _print(found, yes=yes)
        return
    _print_remarks(found, accept=accept)
    if found.differences and not found.edit.diff:
        typer.echo("Nothing else is new: nothing changes.")
        return
    write(found.edit, found.kind.kind, yes=yes, whole=whole)


def _print_remarks(found: FetchedEvents, *, accept: bool) -> None:
    """What was left out, and what differs from the file."""
    from rich.text import Text

    from backtest.cli import show
    from backtest.stats.formats import UNKNOWN

    out = show.console()
    for remark in found.remarks:
        out.print(Text(remark), soft_wrap=True)
    if not found.differences or accept:
        return
    for name, column, old, new in found.differences:
        record = f"{name} differs in {column}: {old or UNKNOWN} on file, {new} fetched"
        out.print(Text(record, style="yellow"), soft_wrap=True)
    out.print("What differs stays as it is on file; --accept-revisions takes what was fetched.")


def _print(found: FetchedEvents, *, yes: bool) -> None:
    """The same as JSON. Without --yes nothing is written."""
    from backtest.cli import show

    edit = found.edit
    version = edit.make().number if yes and edit.diff else None
    record: dict[str, Any] = {
        "file": edit.path,
        "added": [{"id": name, **row} for name, row in edit.diff.added.items()],
        "changed": [change._asdict() for change in edit.diff.changed],
        "differences": [change._asdict() for change in found.differences],
        "remarks": found.remarks,
        "events": [row.as_dict() for row in edit.events],
        "version": version,
    }
    show.print_json(record)
