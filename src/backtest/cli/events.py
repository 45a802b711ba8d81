"""`backtest events`: the dated facts, one by one, and what is claimed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import AnySymbols, AsJson, DataFolder, StrategiesFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from backtest.audit.claims import Verdict
    from backtest.data.event_checks import Finding
    from backtest.data.listing import ListedEvent


_COLORS = {
    "error": "red", "warning": "yellow", "note": "default",
    "false": "red", "imprecise": "yellow", "true": "green", "unknown": "default",
}  # fmt: skip


app = typer.Typer(no_args_is_help=True, help="List, show, check, add and change events.")


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
def list_events(
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    symbol: AnySymbols = None,
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """List events with the session in which each can first be traded."""
    from rich.text import Text

    from backtest.api.data import event_rows
    from backtest.cli import show
    from backtest.workspace.folders import find_workspace

    rows = event_rows(find_workspace(strategies, data), kind, symbol, reaction)
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
def show_event(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")],
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Show everything that is known of one event, and what follows from it."""
    from rich.text import Text

    from backtest.api import data as calls
    from backtest.cli import show
    from backtest.stats.formats import field

    found = calls.show_event(event_id, reaction=reaction, strategies=strategies, data=data)
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
def check_events(
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Find events that could be traded before they were public, or that disagree with prices."""
    from backtest.data.checks import check_events as find
    from backtest.strategy.loading import kinds_named
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    show_findings(find(workspace, kinds_named(workspace, kind)), as_json=as_json)


@app.command("claims", epilog="Example: `backtest events claims`")
def judge_claims(
    as_json: AsJson = False, data: DataFolder = None, strategies: StrategiesFolder = None
) -> None:
    """Hold what was claimed about the stock against its prices and events."""
    from backtest.audit.claims import judge_claims as judge
    from backtest.cli import show
    from backtest.workspace.folders import find_workspace

    verdicts = judge(find_workspace(strategies, data))
    if as_json:
        show.print_json([verdict.as_dict() for verdict in verdicts])
        return
    _print_verdicts(show.console(), verdicts)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
def seal_events(
    kind: Annotated[str, typer.Argument(help="The kind whose file was changed, or `claims`.")],
    source: Annotated[str | None, typer.Option(help="Where the rows come from.")] = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Check an event file that you changed and record its sha256 anew."""
    from backtest.api import data as calls

    typer.echo(f"wrote {calls.seal_events(kind, source, strategies=strategies, data=data)}")


def show_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings, errors first, and leave with the code of bad data where there is an error."""
    from backtest.cli import show
    from backtest.errors import DataError

    if as_json:
        show.print_json([vars(finding) for finding in findings])
    else:
        _print_findings(show.console(), findings)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(DataError.exit_code)


def _print_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print findings by severity, and last their numbers."""
    from rich.padding import Padding
    from rich.text import Text

    from backtest.data.event_checks import SEVERITIES, by_severity
    from backtest.stats.formats import counted

    grouped = by_severity(findings)
    for severity, group in grouped.items():
        if group:
            out.print(Text(f"{severity.capitalize()}s\n", style="bold"))
        for finding in group:
            out.print(Text(finding.what, style=_COLORS[severity]))
            for text in (finding.where, finding.why, finding.mend):
                out.print(Padding(Text(text, style="dim", overflow="fold"), (0, 0, 0, 4)))
            out.print()
    out.print(", ".join(counted(len(grouped[level]), level) for level in SEVERITIES) + ".")


def _print_verdicts(out: Console, verdicts: Sequence[Verdict]) -> None:
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
        claimed = f"Claimed {with_unit(one.claim.claimed, one.claim.unit)}"
        found = f", found {one.found}" if one.found else ""
        grid.add_row(Text(one.verdict, style=_COLORS[one.verdict]), Text(one.claim.statement))
        grid.add_row("", Text(f"{claimed}{found}. {one.evidence}\n", style="dim"))
    out.print(grid)
    counts = Counter(one.verdict for one in verdicts)
    totals = ", ".join(f"{counts[judgement]} {judgement}" for judgement in JUDGEMENTS)
    out.print(Text(f"{counted(len(verdicts), 'claim')}: {totals}."))
    out.print(Text(MEANING, style="dim"))
