"""`backtest events`: the dated facts, one by one, and what is claimed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import Console

    from backtest.data.listing import ListedEvent


_COLORS = {
    "error": "red", "warning": "yellow", "note": "default",
    "false": "red", "imprecise": "yellow", "true": "green", "unknown": "default",
}  # fmt: skip


app = typer.Typer(no_args_is_help=True, help="List, show, check, add and change events.")


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
@options.command
def list_events(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    symbol: options.AnySymbols = None,
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """List events with the session in which each can first be traded."""
    from rich.text import Text

    from backtest.api.data import event_rows
    from backtest.cli import show

    rows = event_rows(kind, symbol, reaction, **folders.arguments())
    if as_json:
        show.print_json([row.as_dict() for row in rows])
        return
    lines = ((_line(row), _headline(row)) for row in rows)
    heading = f"{'Id':<33} {'Public, New York':<17} {'Precise':<8} {'Tradable':<11} Grade"
    show.console().print(Text(heading, style="bold"), show.with_details(lines), sep="\n")


def _line(row: ListedEvent) -> str:
    from backtest.stats.formats import UNKNOWN

    event = row.event
    session = UNKNOWN if row.obstacle else str(row.session)
    grade = event.grade or UNKNOWN
    return f"{event.id:<33} {row.published}  {event.precision:<8} {session:<11} {grade}"


def _headline(row: ListedEvent) -> str:
    why = f" (not tradable: {row.obstacle})" if row.obstacle else ""
    return row.event.headline + why


@app.command("show", epilog="Example: `backtest events show earnings-20251110-3354bd`")
@options.command
def show_event(
    folders: options.Folders,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")],
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: options.AsJson = False,
) -> None:
    """Show everything that is known of one event, and what follows from it."""
    from rich.text import Text

    from backtest.api import data as calls
    from backtest.cli import show
    from backtest.stats.formats import field

    found = calls.show_event(event_id, reaction=reaction, **folders.arguments())
    if as_json:
        show.print_json(found)
        return
    origin = found.pop("provenance")
    table = show.new_table("Field", "Value", whole=("Field",))
    for name, value in found.items():
        table.add_row(name, Text(field(name, value)))
    below = show.new_table("Where it comes from", "", whole=("Where it comes from",))
    for name, text in _origin(origin):
        below.add_row(name, Text(text))
    show.console().print(table, "", below, sep="\n")


def _origin(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `provenance` tells, as the terminal shows it."""
    from backtest.stats.formats import field

    retrieved = f"unknown; the file was compiled on {origin['compiled_on']}"
    if origin["retrieved_at"] is not None:
        retrieved = field("retrieved_at", origin["retrieved_at"])
    rest = ("came_in_with", "changed_last_with", "history")
    return [
        ("Sources", "\n".join(origin["sources"]) or "unknown"),
        ("Retrieved", retrieved),
        ("File", f"{origin['file']}, line {origin['line']}"),
        ("The file's sha256", origin["sha256"]),
        ("The file's source", origin["compiled_from"] or "unknown"),
        *((name.replace("_", " ").capitalize(), origin[name]) for name in rest if name in origin),
    ]


@app.command("check", epilog="Example: `backtest events check --kind earnings`")
@options.command
def check_events(
    folders: options.Folders,
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Find events that could be traded before they were public, or that disagree with prices."""
    from backtest.api import data as calls

    show_findings(calls.check_events(kind, **folders.arguments()), as_json=as_json)


@app.command("claims", epilog="Example: `backtest events claims`")
@options.command
def judge_claims(
    folders: options.Folders,
    as_json: options.AsJson = False,
) -> None:
    """Hold what was claimed about the stock against its prices and events."""
    from backtest.api import data as calls
    from backtest.cli import show

    verdicts = calls.judge_claims(**folders.arguments()).to_dict("records")
    if as_json:
        show.print_json(verdicts)
    else:
        _print_verdicts(show.console(), verdicts)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
@options.command
def seal_events(
    folders: options.Folders,
    kind: Annotated[str, typer.Argument(help="The kind whose file was changed, or `claims`.")],
    source: Annotated[str | None, typer.Option(help="Where the rows come from.")] = None,
) -> None:
    """Check an event file that you changed and record its sha256 anew."""
    from backtest.api import data as calls

    typer.echo(f"wrote {calls.seal_events(kind, source, **folders.arguments())}")


def show_findings(findings: pd.DataFrame, *, as_json: bool) -> None:
    """Print findings, errors first, and leave with the code of bad data where there is an error."""
    from backtest.cli import show
    from backtest.errors import DataError

    if as_json:
        show.print_json(findings.to_dict("records"))
    else:
        _print_findings(show.console(), findings)
    if "error" in set(findings["severity"]):
        raise typer.Exit(DataError.exit_code)


def _print_findings(out: Console, findings: pd.DataFrame) -> None:
    """Print findings by severity, and last their numbers."""
    from rich.padding import Padding
    from rich.text import Text

    from backtest.data.event_checks import SEVERITIES
    from backtest.stats.formats import counted

    totals = []
    for severity in SEVERITIES:
        group = findings[findings["severity"] == severity]
        totals.append(counted(len(group), severity))
        if len(group):
            out.print(Text(f"{severity.capitalize()}s\n", style="bold"))
        for finding in group.to_dict("records"):
            out.print(Text(finding["what"], style=_COLORS[severity]))
            for name in ("where", "why", "mend"):
                text = Text(finding[name], style="dim", overflow="fold")
                out.print(Padding(text, (0, 0, 0, 4)))
            out.print()
    out.print(f"{', '.join(totals)}.")


def _print_verdicts(out: Console, verdicts: Sequence[Mapping[str, Any]]) -> None:
    """Print each claim with its verdict and the evidence, and last what the verdicts mean."""
    from collections import Counter

    from rich.table import Table
    from rich.text import Text

    from backtest.audit.claims import JUDGEMENTS, MEANING, with_unit
    from backtest.stats.formats import counted

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in verdicts:
        claimed = f"Claimed {with_unit(one['claimed'], one['unit'])}"
        found = f", found {one['found']}" if one["found"] else ""
        grid.add_row(Text(one["verdict"], style=_COLORS[one["verdict"]]), Text(one["statement"]))
        grid.add_row("", Text(f"{claimed}{found}. {one['evidence']}\n", style="dim"))
    out.print(grid)
    counts = Counter(one["verdict"] for one in verdicts)
    totals = ", ".join(f"{counts[judgement]} {judgement}" for judgement in JUDGEMENTS)
    out.print(Text(f"{counted(len(verdicts), 'claim')}: {totals}."))
    out.print(Text(MEANING, style="dim"))
