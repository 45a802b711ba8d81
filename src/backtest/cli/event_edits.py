"""`backtest events add, import, edit, remove, undo`: each shows what changes, asks, and keeps."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli.options import DataFolder, StrategiesFolder, Yes, parse_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.data.edits import Edit

_EXAMPLE = "target_price=10"
Kind = Annotated[str, typer.Argument(metavar="KIND", help="Such as short_report.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A field; repeat for several."),
]
SourceUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where it can be read, or `unknown`."),
]


def add(
    kind: Kind,
    fields: Fields = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A CSV file of events to add.")
    ] = None,
    source_url: SourceUrl = None,
    yes: Yes = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Add events: asked for at a terminal, or from options, or from a CSV file."""
    from backtest.cli.asking import ask_event, at_terminal
    from backtest.data import edits
    from backtest.data.events import columns_of, read_event_rows
    from backtest.errors import UsageError
    from backtest.strategy.loading import kind_of
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    cls = kind_of(workspace, kind)
    if fields and csv:
        raise UsageError("Give either --field or --csv, not both.")
    if csv:
        rows = read_event_rows(csv, cls, source_url)
        edit = edits.add_rows(workspace, cls, rows, reason=f"added from {csv.name}")
    else:
        row = parse_pairs("--field", fields or [], example=_EXAMPLE)
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
        edit = edits.add_event(workspace, cls, row)
    write(edit, kind, yes=yes)


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file of events.")],
    kind: Annotated[str, typer.Option("--kind", help="What they are, such as short_report.")],
    source_url: SourceUrl = None,
    yes: Yes = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Take in a CSV file: new events are added, known ones change where the file differs."""
    from backtest.data import edits
    from backtest.data.events import read_event_rows
    from backtest.strategy.loading import kind_of
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    cls = kind_of(workspace, kind)
    rows = read_event_rows(file, cls, source_url)
    reason = f"imported {file.name}"
    edit = edits.add_rows(workspace, cls, rows, reason=reason, replace=True)
    write(edit, kind, yes=yes)


def edit(
    event_id: Id,
    fields: Fields = None,
    yes: Yes = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Change fields of an event; an empty value is unknown."""
    from backtest.data import edits
    from backtest.errors import UsageError
    from backtest.strategy.loading import event_kinds
    from backtest.workspace.folders import find_workspace

    settings = parse_pairs("--field", fields or [], example=_EXAMPLE)
    if not settings:
        raise UsageError(f"Name what changes with --field name=value, such as {_EXAMPLE}.")
    workspace = find_workspace(strategies, data)
    kinds = event_kinds(workspace).values()
    change = edits.edit_event(workspace, kinds, event_id, settings)
    write(change, _kind_in(event_id), yes=yes)


def remove(
    event_id: Id, yes: Yes = False, data: DataFolder = None, strategies: StrategiesFolder = None
) -> None:
    """Take an event out of its file."""
    from backtest.data import edits
    from backtest.strategy.loading import event_kinds
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    change = edits.remove_event(workspace, event_kinds(workspace).values(), event_id)
    write(change, _kind_in(event_id), yes=yes)


def undo(
    kind: Kind, yes: Yes = False, data: DataFolder = None, strategies: StrategiesFolder = None
) -> None:
    """Take back the last change of a kind's file; again for the one before."""
    from backtest.data import edits
    from backtest.strategy.loading import kind_of
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    write(edits.undo_events(workspace, kind_of(workspace, kind)), kind, yes=yes)


def _kind_in(event_id: str) -> str:
    return event_id.split("-", maxsplit=1)[0]


def write(edit: Edit, kind: str, *, yes: bool) -> None:
    """Show what changes, and make the change once it is confirmed."""
    from backtest.cli.asking import at_terminal
    from backtest.errors import UsageError

    if not edit.diff:
        typer.echo(f"{edit.path} has all of that already: nothing changes.")
        return
    _show(edit)
    if not yes:
        if not at_terminal():
            raise UsageError("Nothing was written: there is no terminal to ask at. --yes writes.")
        if not typer.confirm("Write it?"):
            typer.echo("Nothing was written.")
            return
    version = edit.make()
    typer.echo(
        f"wrote {edit.path}, version {version.number}; `backtest events undo {kind}` takes it back"
    )


def _show(edit: Edit) -> None:
    """The diff, and the session in which each event that it touches can be traded."""
    from rich.text import Text

    from backtest.cli import show

    out = show.console()
    for line, style in _lines(edit):
        out.print(Text(line, style=style), soft_wrap=True)
    for row in edit.events:
        when = row.obstacle or f"first tradable in the session of {row.session}"
        told = f"{row.event.id}: public {row.published} New York, {when}"
        out.print(Text(told), soft_wrap=True)


def _lines(edit: Edit) -> Iterator[tuple[str, str]]:
    """The diff as lines, each with its style."""
    from backtest.stats.formats import UNKNOWN

    diff = edit.diff
    for sign, rows, style in (("+", diff.added, "green"), ("-", diff.removed, "red")):
        for name, row in rows.items():
            yield f"{sign} {name}", style
            for column, cell in row.items():
                if cell:
                    yield f"    {column}: {cell}", style
    for name, changes in groupby(diff.changed, key=lambda change: change.key):
        yield f"~ {name}", "yellow"
        for change in changes:
            yield f"    {change.column}: {change.old or UNKNOWN} → {change.new or UNKNOWN}", ""


COMMANDS = (
    ("add", add, "Example: `backtest events add short_report`"),
    ("import", import_file, "Example: `backtest events import mine.csv --kind news`"),
    (
        "edit",
        edit,
        "Example: `backtest events edit short_report-20250915-0a1b2c --field target_price=10`",
    ),
    ("remove", remove, "Example: `backtest events remove short_report-20250915-0a1b2c`"),
    ("undo", undo, "Example: `backtest events undo short_report`"),
)
