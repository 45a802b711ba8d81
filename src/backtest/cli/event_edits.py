"""`backtest events`: the dated facts, listed and checked; each change is shown first and asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.data.edits import Edit
    from backtest.data.kinds import Event


_NOT_ASKED = ("retrieved_at", "period_end")  # it is now; it comes with reports that are fetched


app = options.App(no_args_is_help=True, help="List, show, check, add and change events.")


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
def list_events(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    symbol: options.AnySymbols = None,
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """List events with the session in which each can first be traded."""
    from backtest.api import data as calls
    from backtest.cli import show, show_data

    rows = calls.event_rows(kind, symbol, reaction, **folders.arguments())
    if as_json:
        show.print_json([row.as_dict() for row in rows])
    else:
        show_data.events(show.console(), rows)


@app.command("show", epilog="Example: `backtest events show earnings-20251110-3354bd`")
def show_event(
    folders: options.Folders,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")],
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """Show everything that is known of one event, and what follows from it."""
    from backtest.api import data as calls
    from backtest.cli import show, show_data

    found = calls.show_event(event_id, reaction=reaction, **folders.arguments())
    if as_json:
        show.print_json(found)
    else:
        show_data.event(show.console(), found)


@app.command("check", epilog="Example: `backtest events check --kind earnings`")
def check_events(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Find events that could be traded before they were public, or that disagree with prices."""
    from backtest.api import data as calls
    from backtest.cli import show_data

    show_data.findings(calls.check_events(kind, **folders.arguments()), as_json=as_json)


@app.command("claims", epilog="Example: `backtest events claims`")
def judge_claims(folders: options.Folders, as_json: options.AsJson = False) -> None:
    """Hold what was claimed about the stock against its prices and events."""
    from backtest.api import data as calls
    from backtest.cli import show, show_data

    verdicts = calls.judge_claims(**folders.arguments()).to_dict("records")
    if as_json:
        show.print_json(verdicts)
    else:
        show_data.verdicts(show.console(), verdicts)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
def seal_events(
    folders: options.Folders,
    kind: Annotated[str, typer.Argument(help="The kind whose file was changed, or `claims`.")],
    source: Annotated[str | None, typer.Option(help="Where the rows come from.")] = None,
) -> None:
    """Check an event file that you changed and record its sha256 anew."""
    from backtest.api import data as calls

    typer.echo(f"wrote {calls.seal_events(kind, source, **folders.arguments())}")


@app.command("kinds", epilog="Example: `backtest events kinds short_report`")
def list_kinds(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="One; all by default.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the kinds of events with their fields: what each event needs, and what it may have."""
    from backtest.api import data as calls
    from backtest.cli import show, show_data

    fields = calls.list_kinds(kind, **folders.arguments()).to_dict("records")
    if as_json:
        show.print_json(fields)
    else:
        show_data.kinds(show.console(), fields)


def at_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_confirmed(*, yes: bool) -> bool:
    """Whether what was printed is to be written: `yes`, or the answer at the terminal."""
    from backtest.errors import UsageError

    if not yes and not at_terminal():
        raise UsageError("Nothing was written: there is no terminal to ask at. --yes writes.")
    if yes or typer.confirm("Write it?"):
        return True
    typer.echo("Nothing was written.")
    return False


def ask_event(kind: type[Event]) -> dict[str, str]:
    """Ask for the fields of an event, one by one; an answer that is wrong is asked for again.

    Returns:
        Texts by field, as `edits.add_event` takes them.

    """
    from backtest.data.events import columns_of, prepared

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
_EDIT_EXAMPLE = f"Example: `backtest events edit short_report-20250915-0a1b2c --field {_EXAMPLE}`"
Kind = Annotated[str, typer.Argument(metavar="KIND", help="Such as short_report.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A field; repeat for several."),
]
SourceUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Where it can be read, or `unknown`.")
]


@app.command("add", epilog="Example: `backtest events add short_report`")
def add(
    folders: options.Folders,
    kind: Kind,
    fields: Fields = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A CSV file of events to add.")
    ] = None,
    source_url: SourceUrl = None,
    verbose: options.Verbose = False,
    yes: options.Yes = False,
) -> None:
    """Add events: asked for at a terminal, or from options, or from a CSV file."""
    from backtest.api.arguments import folders as workspace_of
    from backtest.api.data import add_event, import_events
    from backtest.data.events import columns_of
    from backtest.errors import UsageError
    from backtest.strategy.loading import kind_of

    cls = kind_of(workspace_of(**folders.arguments()), kind)
    if fields and csv:
        raise UsageError("Give either --field or --csv, not both.")
    if csv:
        edit = import_events(
            csv, kind, source_url=source_url, replace=False,
            dry_run=True, **folders.arguments(),
        )  # fmt: skip
    else:
        row = options.parse_pairs("--field", fields or [], example=_EXAMPLE)
        if not row:
            if not at_terminal():
                raise UsageError(
                    f"There is no terminal to ask at. Give each field of the {kind} with "
                    f"--field name=value, or a file with --csv. "
                    f"Its fields: {', '.join(columns_of(cls))}."
                )
            row = ask_event(cls)
        if source_url is not None:
            row["source_url"] = source_url
        edit = add_event(kind, row, dry_run=True, **folders.arguments())
    write(edit, kind, yes=yes, whole=verbose)


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
    from backtest.api.arguments import folders as workspace_of
    from backtest.api.data import add_read
    from backtest.cli import show_data
    from backtest.sources.own_events import LackingError, read_event_file
    from backtest.strategy.loading import kind_of

    workspace = workspace_of(**folders.arguments())
    cls = kind_of(workspace, kind)
    same = options.parse_pairs("--set", constants, example="precision=date")
    terms: dict[str, Any] = {
        "source_url": source_url, "date_form": date_format, "encoding": encoding, "zone": zone,
        "decimal": options.decimal_sign(decimal),
        "columns": options.parse_pairs("--map", columns, example="author=Firm"),
    }  # fmt: skip
    try:
        found = read_event_file(file, cls, constants=same, **terms)
    except LackingError as error:
        if yes or not at_terminal():
            raise
        typer.echo(f"{error}\n\nWhat holds in every row?")
        for name in error.fields:
            same[name] = _ask(cls, name, {**same, "published_at": "2025-01-02"})
        found = read_event_file(file, cls, constants=same, **terms)
    show_data.file_columns(found)
    write(add_read(workspace, cls, found), kind, yes=yes, whole=verbose)


@app.command("edit", epilog=_EDIT_EXAMPLE)
def edit(
    folders: options.Folders, event_id: Id, fields: Fields = None, yes: options.Yes = False
) -> None:
    """Change fields of an event; an empty value is unknown."""
    from backtest.api.data import edit_event
    from backtest.errors import UsageError

    settings = options.parse_pairs("--field", fields or [], example=_EXAMPLE)
    if not settings:
        raise UsageError(f"Name what changes with --field name=value, such as {_EXAMPLE}.")
    change = edit_event(event_id, settings, dry_run=True, **folders.arguments())
    write(change, _kind_in(event_id), yes=yes)


@app.command("remove", epilog="Example: `backtest events remove short_report-20250915-0a1b2c`")
def remove(folders: options.Folders, event_id: Id, yes: options.Yes = False) -> None:
    """Take an event out of its file."""
    from backtest.api.data import remove_event

    change = remove_event(event_id, dry_run=True, **folders.arguments())
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
    from backtest.api.data import undo_events
    from backtest.data.versions import version_before

    change = undo_events(kind, to=to, dry_run=True, **folders.arguments())
    number = version_before(change.path, to).number
    try:
        write(change, kind, yes=yes, whole=verbose, doing=f"back to version {number}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(options.LOOK_FIRST) from None


def _kind_in(event_id: str) -> str:
    return event_id.split("-", maxsplit=1)[0]


def write(edit: Edit, kind: str, *, yes: bool, whole: bool = False, doing: str = "") -> None:
    """Show what changes, of many rows the first unless all are wanted; write what is confirmed."""
    from backtest.cli import show_data

    if not edit.diff:
        typer.echo(f"{edit.path} has all of that already: nothing changes.")
        return
    show_data.changes(edit, whole=whole)
    if doing:
        typer.echo(doing)
    if not is_confirmed(yes=yes):
        return
    version = edit.make()
    typer.echo(
        f"wrote {edit.path}, version {version.number}; `backtest events undo {kind}` takes it back"
    )
