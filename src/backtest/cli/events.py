"""`backtest events`: the dated facts, listed and checked; each change is shown first and asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError

if TYPE_CHECKING:
    from backtest.data.edits import Edit
    from backtest.data.kinds import Event


_NOT_ASKED = ("retrieved_at", "period_end")  # it is now; it comes with reports that are fetched

app = options.App(no_args_is_help=True, help="List, show, check, add and change events.")
Kind = Annotated[str, typer.Argument(metavar="KIND", help="Such as short_report.")]
OneKind = Annotated[str | None, typer.Option(help="One kind, such as short_report.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A field; repeat for several."),
]
SourceUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Where it can be read, or `unknown`.")
]


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
def list_events(
    folders: options.Folders,
    kind: OneKind = None,
    symbol: options.AnySymbols = None,
    reaction: options.Reaction = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """List events with the session in which each can first be traded."""
    from backtest.api.events import event_rows

    rows = event_rows(kind, symbol, reaction, **folders.arguments())
    if as_json:
        cli.show.print_json([row.as_dict() for row in rows])
    else:
        cli.show_data.events(cli.show.console(), rows)


@app.command("show", epilog="Example: `backtest events show earnings-20251110-3354bd`")
def show_event(
    folders: options.Folders,
    event_id: Id,
    reaction: options.Reaction = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """Show everything that is known of one event, and what follows from it."""
    found = backtest.show_event(event_id, reaction=reaction, **folders.arguments())
    cli.show.either(found, cli.show_data.event, as_json=as_json)


@app.command("check", epilog="Example: `backtest events check --kind earnings`")
def check_events(
    folders: options.Folders, kind: OneKind = None, as_json: options.AsJson = False
) -> None:
    """Find events that could be traded before they were public, or that disagree with prices."""
    cli.show_data.findings(backtest.check_events(kind, **folders.arguments()), as_json=as_json)


@app.command("claims", epilog="Example: `backtest events claims`")
def judge_claims(folders: options.Folders, as_json: options.AsJson = False) -> None:
    """Hold what was claimed about the stock against its prices and events."""
    verdicts = backtest.judge_claims(**folders.arguments()).to_dict("records")
    cli.show.either(verdicts, cli.show_data.verdicts, as_json=as_json)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
def seal_events(
    folders: options.Folders,
    kind: Annotated[str, typer.Argument(help="The kind whose file was changed, or `claims`.")],
    source: options.Source = None,
) -> None:
    """Check an event file that you changed and record its sha256 anew."""
    typer.echo(f"wrote {backtest.seal_events(kind, source, **folders.arguments())}")


@app.command("kinds", epilog="Example: `backtest events kinds short_report`")
def list_kinds(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="One; all by default.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the kinds of events with their fields: what each event needs, and what it may have."""
    fields = backtest.list_kinds(kind, **folders.arguments()).to_dict("records")
    cli.show.either(fields, cli.show_data.kinds, as_json=as_json)


def at_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_confirmed(*, yes: bool) -> bool:
    """Whether what was printed is to be written: `yes`, or the answer at the terminal."""
    if not yes and not at_terminal():
        raise UsageError("Nothing was written: there is no terminal to ask at. --yes writes.")
    if yes or typer.confirm("Write it?"):
        return True
    typer.echo("Nothing was written.")
    return False


def _asked(kind: type[Event]) -> dict[str, str]:
    """The fields of an event, asked for one by one; an answer that is wrong is asked for again."""
    from backtest.data.events import columns_of, prepared

    if not at_terminal():
        raise UsageError(
            f"There is no terminal to ask at. Give each field of the {kind.kind} with "
            f"--field name=value, or a file with --csv. Its fields: {', '.join(columns_of(kind))}."
        )
    typer.echo(
        f"An event of the kind {kind.kind}. Enter alone leaves what is not needed unknown.\n"
    )
    answers: dict[str, str] = {}
    while True:
        for name in columns_of(kind):
            if name not in _NOT_ASKED:
                answers[name] = _implied(name, answers) or _ask(kind, name, answers)
        try:
            prepared(kind, answers)
        except ValueError as error:
            typer.echo(f"\n{error}\nOnce more; Enter alone keeps an answer.\n")
        else:
            return answers


def _implied(name: str, answers: Mapping[str, str]) -> str:
    """The precision, where the time has told it already; empty for any other field."""
    from backtest.data.events import stamped

    if name != "precision":
        return ""
    try:
        return stamped(answers["published_at"], "")[1]
    except ValueError:  # a day alone
        return ""


def _ask(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    from backtest.data.events import field_fault

    field = kind.model_fields[name]
    needed = field.is_required() or name == "source_url"
    meaning = " ".join((field.description or "").split())
    allowed = _allowed(kind, name, answers)
    typer.echo(f"{name}: {meaning}" + f"\n  {allowed}" * bool(allowed))
    while True:
        before = answers.get(name, "")
        answer = typer.prompt("  >", default=before, show_default=bool(before), prompt_suffix=" ")
        answer = str(answer).strip()
        if not answer and needed:
            typer.echo("  A value is needed.")
        elif fault := answer and field_fault(kind, {**answers, name: answer}, name):
            typer.echo(f"  {fault}")
        else:
            return answer


def _allowed(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    """What may be answered, in words; empty where any text may."""
    from backtest.data.events import FORMS, UNKNOWN_SOURCE, field_schema, in_words, is_bare_day

    if name == "published_at":
        return "Write one of\n    " + "\n    ".join(FORMS)
    if name == "precision" and is_bare_day(answers["published_at"]):
        return "One of date, week, month: the day is the last on which it can have become public."
    if name == "source_url":
        return f"An address with https://, or {UNKNOWN_SOURCE!r}."
    return in_words(field_schema(kind, name))


_EXAMPLE = "target_price=10"


@app.command("add", epilog="Example: `backtest events add short_report`")
def add(
    folders: options.Folders,
    kind: Kind,
    fields: Fields = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A CSV file of new events.")
    ] = None,
    source_url: SourceUrl = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Add events, of options, of a file or as is answered at a terminal."""
    if fields and csv:
        raise UsageError("Give either --field or --csv, not both.")
    if csv:
        edit = backtest.import_events(
            csv, kind, source_url=source_url, replace=False, dry_run=True, **folders.arguments()
        )
        write(edit, kind, yes=yes, whole=verbose)
        return
    row = options.parse_pairs("--field", fields, example=_EXAMPLE)
    row = row or _asked(_kind_of(kind, folders))
    if source_url is not None:
        row["source_url"] = source_url
    write(backtest.add_event(kind, row, dry_run=True, **folders.arguments()), kind, yes=yes)


def _kind_of(name: str, folders: options.Folders) -> type[Event]:
    from backtest.api import arguments
    from backtest.strategy.loading import kind_of

    return kind_of(arguments.folders(**folders.arguments()), name)


@app.command("import", epilog="Example: `backtest events import mine.csv --kind news`")
def import_file(
    folders: options.Folders,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    kind: Annotated[str, typer.Option("--kind", help="What they are, such as short_report.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="As author=Firm; repeat for several."),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="The same in every row, as precision=date, or of columns: headline='By {Firm}'.",
        ),
    ] = None,
    source_url: SourceUrl = None,
    date_format: options.DateFormat = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    zone: Annotated[
        str | None, typer.Option(help="Of times that tell none, such as 'New York'.")
    ] = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Take in a file: new events are added, known ones change where the file differs."""
    from backtest.sources.own_events import LackingError

    same = options.parse_pairs("--set", constants, example="precision=date")
    read = partial(
        backtest.import_events, file, kind, dry_run=True, on_read=cli.show_data.file_columns,
        source_url=source_url, date_format=date_format, encoding=encoding, zone=zone,
        decimal=decimal, columns=options.parse_pairs("--map", columns, example="author=Firm"),
        **folders.arguments(),
    )  # fmt: skip
    try:
        edit = read(constants=same)
    except LackingError as error:
        if yes or not at_terminal():
            raise
        typer.echo(f"{error}\n\nWhat holds in every row?")
        for name in error.fields:
            before = {**same, "published_at": "2025-01-02"}
            same[name] = _ask(_kind_of(kind, folders), name, before)
        edit = read(constants=same)
    write(edit, kind, yes=yes, whole=verbose)


@app.command(
    "edit",
    epilog=f"Example: `backtest events edit short_report-20250915-0a1b2c --field {_EXAMPLE}`",
)
def edit_event(
    folders: options.Folders, event_id: Id, fields: Fields = None, yes: options.Yes = False
) -> None:
    """Change fields of an event; an empty value is unknown."""
    settings = options.parse_pairs("--field", fields, example=_EXAMPLE)
    if not settings:
        raise UsageError(f"Name what changes with --field name=value, such as {_EXAMPLE}.")
    change = backtest.edit_event(event_id, settings, dry_run=True, **folders.arguments())
    write(change, _kind_in(event_id), yes=yes)


@app.command("remove", epilog="Example: `backtest events remove short_report-20250915-0a1b2c`")
def remove(folders: options.Folders, event_id: Id, yes: options.Yes = False) -> None:
    """Take an event out of its file."""
    change = backtest.remove_event(event_id, dry_run=True, **folders.arguments())
    write(change, _kind_in(event_id), yes=yes)


@app.command("undo", epilog="Example: `backtest events undo short_report`")
def undo(
    folders: options.Folders,
    kind: Kind,
    to: options.ToVersion = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Take back the last change of a kind's file; again for the one before."""
    from backtest.data.versions import version_before

    change = backtest.undo_events(kind, to=to, dry_run=True, **folders.arguments())
    number = version_before(change.path, to).number
    with options.undoing():
        write(change, kind, yes=yes, whole=verbose, doing=f"back to version {number}")


def _kind_in(event_id: str) -> str:
    return event_id.split("-", maxsplit=1)[0]


def write(edit: Edit, kind: str, *, yes: bool, whole: bool = False, doing: str = "") -> None:
    """Show what changes, of many rows the first unless all are wanted; write what is confirmed."""
    if not edit.diff:
        typer.echo(f"{edit.path} has all of that already: nothing changes.")
        return
    cli.show_data.changes(edit, whole=whole)
    if doing:
        typer.echo(doing)
    if not is_confirmed(yes=yes):
        return
    version = edit.make()
    typer.echo(
        f"wrote {edit.path}, version {version.number}; `backtest events undo {kind}` takes it back"
    )
