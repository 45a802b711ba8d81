"""Define `backtest events`; a command that changes a file shows the change and asks before it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import UNKNOWN

if TYPE_CHECKING:
    from backtest.api.events import FetchedEvents
    from backtest.data.edits import Edit
    from backtest.data.kinds import Event

app = options.App(no_args_is_help=True, help="List, show, check, add and change events.")
KindArgument = Annotated[str, typer.Argument(metavar="KIND", help="Such as short_report.")]
OneKind = Annotated[str | None, typer.Option(help="One kind, such as short_report.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")]
_EXAMPLE = "target_price=10"
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A field; repeat for several."),
]
SourceUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Where the fact can be read, or `unknown`.")
]


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
def list_events(
    folders: options.FolderOptions,
    kind: OneKind = None,
    symbol: options.AnySymbols = None,
    reaction: options.Reaction = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """List events with the session in which each can first be traded."""
    from backtest.api.events import event_rows

    rows = event_rows(kind, symbol, reaction, **folders.arguments())
    cli.show.output(rows, cli.show_data.events, as_json=as_json)


@app.command("show", epilog="Example: `backtest events show earnings-20251110-3354bd`")
def show_event(
    folders: options.FolderOptions,
    event_id: Id,
    reaction: options.Reaction = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """Show all that is known about one event, and what follows from it."""
    event = backtest.show_event(event_id, reaction=reaction, **folders.arguments())
    cli.show.output(event, cli.show_data.event, as_json=as_json)


@app.command("check", epilog="Example: `backtest events check --kind earnings`")
def check_events(
    folders: options.FolderOptions, kind: OneKind = None, as_json: options.AsJson = False
) -> None:
    """Find events that prices contradict, or whose time is too early."""
    cli.show_data.findings(backtest.check_events(kind, **folders.arguments()), as_json=as_json)


@app.command("claims", epilog="Example: `backtest events claims`")
def judge_claims(folders: options.FolderOptions, as_json: options.AsJson = False) -> None:
    """Test claims about the stock against its data."""
    verdicts = cli.show.records(backtest.judge_claims(**folders.arguments()))
    cli.show.output(verdicts, cli.show_data.verdicts, as_json=as_json)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
def seal_events(
    folders: options.FolderOptions,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="The kind whose file was changed, or `claims`.")
    ],
    source: options.SourceOption = None,
) -> None:
    """Check an event file that you changed, and record its new sha256."""
    typer.echo(f"wrote {backtest.seal_events(kind, source, **folders.arguments())}")


@app.command("kinds", epilog="Example: `backtest events kinds short_report`")
def list_kinds(
    folders: options.FolderOptions,
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="One; all by default.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the kinds of events, and the fields of each."""
    fields = cli.show.records(backtest.list_kinds(kind, **folders.arguments()))
    cli.show.output(fields, cli.show_data.kinds, as_json=as_json)


@app.command("add", epilog="Example: `backtest events add short_report`")
def add(
    folders: options.FolderOptions,
    kind: KindArgument,
    fields: Fields = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A CSV file of new events.")
    ] = None,
    source_url: SourceUrl = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Add events from options, a file or answers at a terminal."""
    if fields and csv:
        raise UsageError("Give either --field or --csv, not both.")
    if csv:
        edit = backtest.import_events(
            csv, kind, source_url=source_url, replace=False, dry_run=True, **folders.arguments()
        )
        _write(edit, kind, yes=yes, whole=verbose)
        return
    row = options.parse_pairs("--field", fields, example=_EXAMPLE)
    row = row or cli.show.ask_event(_kind_of(kind, folders))
    if source_url is not None:
        row["source_url"] = source_url
    _write(backtest.add_event(kind, row, dry_run=True, **folders.arguments()), kind, yes=yes)


def _kind_of(name: str, folders: options.FolderOptions) -> "type[Event]":
    from backtest.api.workspace import folders as workspace_of
    from backtest.strategy.loading import kind_of

    return kind_of(workspace_of(**folders.arguments()), name)


@app.command("import", epilog="Example: `backtest events import mine.csv --kind news`")
def import_file(
    folders: options.FolderOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    kind: Annotated[str, typer.Option("--kind", help="Their kind, such as short_report.")],
    columns: options.Columns = None,
    constants: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A value for every row, such as precision=date or headline='By {Firm}', where "
            "Firm is a column.",
        ),
    ] = None,
    source_url: SourceUrl = None,
    date_format: options.DateFormat = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    zone: options.Zone = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Import a file. New events are added, those on record change where the file differs."""
    from backtest.sources.own_events import MissingFieldsError

    constant = options.parse_pairs("--set", constants, example="precision=date")
    read = partial(
        backtest.import_events, file, kind, dry_run=True, on_read=cli.show_data.file_columns,
        source_url=source_url, date_format=date_format, encoding=encoding, zone=zone,
        decimal=decimal, columns=options.parse_pairs("--map", columns, example="author=Firm"),
        **folders.arguments(),
    )  # fmt: skip
    try:
        edit = read(constants=constant)
    except MissingFieldsError as error:
        if yes or not cli.show.at_terminal():
            raise
        typer.echo(f"{error}\n\nWhat holds in every row?")
        for name in error.fields:
            before = {**constant, "published_at": "2025-01-02"}
            constant[name] = cli.show.ask_field(_kind_of(kind, folders), name, before)
        edit = read(constants=constant)
    _write(edit, kind, yes=yes, whole=verbose)


@app.command(
    "edit",
    epilog=f"Example: `backtest events edit short_report-20250915-0a1b2c --field {_EXAMPLE}`",
)
def edit_event(
    folders: options.FolderOptions, event_id: Id, fields: Fields = None, yes: options.Yes = False
) -> None:
    """Change fields of an event; an empty value means unknown."""
    row = options.parse_pairs("--field", fields, example=_EXAMPLE)
    if not row:
        raise UsageError(f"Name what changes with --field name=value, such as {_EXAMPLE}.")
    edit = backtest.edit_event(event_id, row, dry_run=True, **folders.arguments())
    _write(edit, _kind_in(event_id), yes=yes)


@app.command("remove", epilog="Example: `backtest events remove short_report-20250915-0a1b2c`")
def remove(folders: options.FolderOptions, event_id: Id, yes: options.Yes = False) -> None:
    """Remove an event from its file."""
    edit = backtest.remove_event(event_id, dry_run=True, **folders.arguments())
    _write(edit, _kind_in(event_id), yes=yes)


@app.command("undo", epilog="Example: `backtest events undo short_report`")
def undo(
    folders: options.FolderOptions,
    kind: KindArgument,
    to: options.ToVersion = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Undo the last change of a kind's file. Repeat it to undo the one before."""
    from backtest.data.versions import version_before

    edit = backtest.undo_events(kind, to=to, dry_run=True, **folders.arguments())
    number = version_before(edit.path, to).number
    with options.undoing():
        _write(edit, kind, yes=yes, whole=verbose, note=f"back to version {number}")


def _kind_in(event_id: str) -> str:
    return event_id.split("-", maxsplit=1)[0]


def _write(edit: "Edit", kind: str, *, yes: bool, whole: bool = False, note: str = "") -> None:
    """Print a change, and write it once it is confirmed; all of its rows if `whole`, else a few."""
    if not edit.diff:
        typer.echo(f"{edit.path} has all of that already: nothing changes.")
        return
    cli.show_data.changes(edit, whole=whole)
    if note:
        typer.echo(note)
    if not cli.show.is_confirmed(yes=yes):
        return
    version = edit.make()
    # A plain undo after an undo would go further back.
    to = f" --to {version.number - 1}" if "restores" in version.metadata else ""
    back = f"; `backtest events undo {kind}{to}` takes it back" if version.number > 1 else ""
    typer.echo(f"wrote {edit.path}, version {version.number}{back}")


fetch = options.App(
    no_args_is_help=True,
    help="Fetch events from EDGAR. Each command shows what is new and what differs, and asks.",
)
SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="The stock.")]


@dataclass(frozen=True, kw_only=True)
class FilingOptions(options.FolderOptions):
    """Hold the options of each fetch: whose filings, since when, and from where."""

    cik: Annotated[
        int | None,
        typer.Option("--cik", min=1, help="The company's number at EDGAR. [found by the symbol]"),
    ] = None
    first: Annotated[
        date | None,
        options.day(
            "--from", "First filing date. [the stock's first session with prices; or all filings]"
        ),
    ] = None
    accept: Annotated[
        bool,
        typer.Option("--accept-revisions", help="Replace rows that differ; else they stay."),
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
            help="An address in place of EDGAR's own, such as that of a copy.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class AnswerOptions(options.Options):
    """Hold the options for what is done with the events that were fetched."""

    verbose: options.Verbose = False
    yes: options.Yes = False
    as_json: options.AsJson = False


@fetch.command("earnings", epilog="Example: `backtest events fetch earnings CRWV`")
def earnings(
    symbol: SymbolArgument,
    filings: FilingOptions,
    answer: AnswerOptions,
    no_estimates: Annotated[
        bool, typer.Option("--no-estimates", help="Do not ask Yahoo for the consensus.")
    ] = False,
) -> None:
    """Fetch quarterly reports from EDGAR, and estimates from Yahoo."""
    call = partial(backtest.fetch_earnings, symbol, estimates=not no_estimates)
    _fetch(call, filings, answer)


@fetch.command("stakes", epilog="Example: `backtest events fetch stakes --holder NVIDIA`")
def stakes(
    filings: FilingOptions,
    answer: AnswerOptions,
    holder: Annotated[str, typer.Option(help="The holder: a name, or a number (CIK) at EDGAR.")],
    symbol: Annotated[str | None, typer.Option(help="The stock. [CRWV]")] = None,
    cusip: Annotated[
        str | None,
        typer.Option(
            help="CUSIPs of the stock, separated by commas. [found in the holder's tables]"
        ),
    ] = None,
) -> None:
    """Fetch a holder's stakes from Form 13F and Schedules 13D and 13G."""
    _fetch(partial(backtest.fetch_stakes, holder, symbol, cusip=cusip), filings, answer)


@fetch.command("filings", epilog="Example: `backtest events fetch filings CRWV --form 4`")
def news(
    symbol: SymbolArgument,
    filings: FilingOptions,
    answer: AnswerOptions,
    form: Annotated[
        str, typer.Option(help="8-K for its items as news, or 4 for sales by insiders.")
    ] = "8-K",
) -> None:
    """Fetch filings as news, such as financing or insider sales."""
    _fetch(partial(backtest.fetch_filings, symbol, form), filings, answer)


def _fetch(
    call: "Callable[..., FetchedEvents]", filings: FilingOptions, answer: AnswerOptions
) -> None:
    """Print what a call fetches, and write it once it is confirmed."""
    with _progress() as answered:
        events = call(answered=answered, dry_run=True, **filings.arguments())
    if answer.as_json:
        _print_fetched(events, yes=answer.yes)
        return
    _print_remarks(events, accept=filings.accept)
    if not events.fetched:
        typer.echo(f"Nothing was fetched: nothing changes in {events.edit.path}.")
    elif events.differences and not events.edit.diff:
        typer.echo("Nothing else is new: nothing changes.")
    else:
        _write(events.edit, events.kind.kind, yes=answer.yes, whole=answer.verbose)


@contextmanager
def _progress() -> Iterator[Callable[[str], None] | None]:
    """Yield what counts EDGAR's answers at a terminal; None where stderr is none."""
    if not sys.stderr.isatty():
        yield None
        return
    with cli.show.console(stderr=True).status("Asking EDGAR") as status:
        numbers = count(1)
        yield lambda _: status.update(f"Asking EDGAR: {next(numbers):,} answers")


def _print_remarks(events: "FetchedEvents", *, accept: bool) -> None:
    """Print what was left out, and what differs from the file."""
    from rich.text import Text

    for remark in events.remarks:
        typer.echo(remark)
    if not events.differences or accept:
        return
    for name, column, old, new in events.differences:
        record = f"{name} differs in {column}: {old or UNKNOWN} on file, {new} fetched"
        cli.show.console().print(Text(record, style="yellow"), soft_wrap=True)
    typer.echo("What differs stays as it is on file; --accept-revisions takes what was fetched.")


def _print_fetched(events: "FetchedEvents", *, yes: bool) -> None:
    """Print fetched events as JSON; with --yes they are written without asking."""
    edit = events.edit
    version = edit.make().number if yes and edit.diff else None
    record = {
        "file": edit.path,
        "added": [{"id": name, **row} for name, row in edit.diff.added.items()],
        "changed": [change._asdict() for change in edit.diff.changed],
        "differences": [change._asdict() for change in events.differences],
        "remarks": events.remarks,
        "fetched": events.fetched,
        "events": edit.events,
        "version": version,
    }
    cli.show.print_json(record)
