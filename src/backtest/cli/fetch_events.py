"""`backtest events fetch`: reports, stakes and other filings from EDGAR."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

import backtest
from backtest import cli
from backtest.cli import events, options
from backtest.stats.formats import UNKNOWN

if TYPE_CHECKING:
    from backtest.api.events import FetchedEvents

app = options.App(
    no_args_is_help=True,
    help="Fetch events from EDGAR: each shows what is new and what differs, and asks.",
)
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="The stock.")]


@dataclass(frozen=True, kw_only=True)
class Filings(options.Folders):
    """Options of each command: whose filings, since when, and from where."""

    cik: Annotated[
        int | None,
        typer.Option("--cik", min=1, help="Number of its company at EDGAR; found by the symbol."),
    ] = None
    first: Annotated[
        date | None,
        options.day(
            "--from",
            "First date of filing; the first session of its prices, or all where there are none.",
        ),
    ] = None
    accept: Annotated[
        bool,
        typer.Option("--accept-revisions", help="Replace what differs; without it that stays."),
    ] = False
    identity: Annotated[
        str | None,
        typer.Option(
            envvar="BACKTEST_EDGAR_IDENTITY",
            metavar="WHO",
            help="Your name and e-mail address, which the SEC asks for.",
        ),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            envvar="BACKTEST_EDGAR_URL",
            metavar="URL",
            help="An address that stands for EDGAR's own, such as a copy.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Answer(options.Options):
    """Options of what is done with the events that came."""

    verbose: options.Verbose = False
    yes: options.Yes = False
    as_json: options.AsJson = False


@app.command("earnings", epilog="Example: `backtest events fetch earnings CRWV`")
def earnings(
    symbol: Symbol,
    filings: Filings,
    answer: Answer,
    no_estimates: Annotated[
        bool, typer.Option("--no-estimates", help="Do not ask Yahoo: no consensus.")
    ] = False,
) -> None:
    """Fetch quarterly reports: time and figures from EDGAR, estimates from Yahoo."""
    call = partial(backtest.fetch_earnings, symbol, estimates=not no_estimates)
    _fetch(call, filings, answer)


@app.command("stakes", epilog="Example: `backtest events fetch stakes --holder NVIDIA`")
def stakes(
    filings: Filings,
    answer: Answer,
    holder: Annotated[str, typer.Option(help="Who holds it: a name, or a number (CIK) at EDGAR.")],
    symbol: Annotated[str | None, typer.Option(help="The stock. [CRWV]")] = None,
    cusip: Annotated[
        str | None,
        typer.Option(
            help="Of the stock, several with a comma between; learned from the holder's tables."
        ),
    ] = None,
) -> None:
    """Fetch what a holder told of its shares: Form 13F, Schedules 13D and 13G."""
    _fetch(partial(backtest.fetch_stakes, holder, symbol, cusip=cusip), filings, answer)


@app.command("filings", epilog="Example: `backtest events fetch filings CRWV --form 4`")
def news(
    symbol: Symbol,
    filings: Filings,
    answer: Answer,
    form: Annotated[
        str, typer.Option(help="8-K: its items as news. 4: sales by insiders.")
    ] = "8-K",
) -> None:
    """Fetch filings as news: agreements, financing, officers; or sales by insiders."""
    _fetch(partial(backtest.fetch_filings, symbol, form), filings, answer)


def _fetch(call: Callable[..., FetchedEvents], filings: Filings, answer: Answer) -> None:
    """Show what is fetched, and write it once it is confirmed."""
    with _progress() as answered:
        found = call(answered=answered, dry_run=True, **filings.arguments())
    if answer.as_json:
        _print(found, yes=answer.yes)
        return
    _print_remarks(found, accept=filings.accept)
    if not found.fetched:
        typer.echo(f"Nothing was fetched, so that nothing changes in {found.edit.path}.")
    elif found.differences and not found.edit.diff:
        typer.echo("Nothing else is new: nothing changes.")
    else:
        events.write(found.edit, found.kind.kind, yes=answer.yes, whole=answer.verbose)


@contextmanager
def _progress() -> Iterator[Callable[[str], None] | None]:
    """What counts EDGAR's answers, at a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    answers: list[str] = []
    with cli.show.console(stderr=True).status("Asking EDGAR") as status:

        def answered(path: str) -> None:
            answers.append(path)
            status.update(f"Asking EDGAR: {len(answers):,} answers")

        yield answered


def _print_remarks(found: FetchedEvents, *, accept: bool) -> None:
    """What was left out, and what differs from the file."""
    from rich.text import Text

    for remark in found.remarks:
        typer.echo(remark)
    if not found.differences or accept:
        return
    for name, column, old, new in found.differences:
        record = f"{name} differs in {column}: {old or UNKNOWN} on file, {new} fetched"
        cli.show.console().print(Text(record, style="yellow"), soft_wrap=True)
    typer.echo("What differs stays as it is on file; --accept-revisions takes what was fetched.")


def _print(found: FetchedEvents, *, yes: bool) -> None:
    """The same as JSON. Without --yes nothing is written."""
    edit = found.edit
    version = edit.make().number if yes and edit.diff else None
    record: dict[str, Any] = {
        "file": edit.path,
        "added": [{"id": name, **row} for name, row in edit.diff.added.items()],
        "changed": [change._asdict() for change in edit.diff.changed],
        "differences": [change._asdict() for change in found.differences],
        "remarks": found.remarks,
        "fetched": found.fetched,
        "events": [row.as_dict() for row in edit.events],
        "version": version,
    }
    cli.show.print_json(record)
