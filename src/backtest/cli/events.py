"""`backtest events`: the dated facts, one by one."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.cli.options import AsJson, DataFolder, StrategiesFolder
from backtest.reports.formats import UNKNOWN

app = typer.Typer(no_args_is_help=True, help="List, show and seal events.")


@app.command("list", epilog="Example: `backtest events list --kind earnings`")
def list_events(
    kind: Annotated[str | None, typer.Option(help="One kind, such as short_report.")] = None,
    symbol: Annotated[str | None, typer.Option(help="One stock.")] = None,
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0)] = 5.0,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """List events with the session in which each can first be traded."""
    from rich.text import Text

    from backtest import catalog
    from backtest.cli import show
    from backtest.workspace import find_workspace

    rows = catalog.list_events(find_workspace(strategies, data), kind, symbol, reaction)
    if as_json:
        show.print_json([row.as_dict() for row in rows])
        return
    table = show.new_table("Id", "Public", "Known by", "Tradable", "Headline", "Grade")
    for row in rows:
        event = row.event
        table.add_row(
            event.id,
            row.published,
            event.precision,
            row.tradable,
            Text(event.headline),
            event.grade or UNKNOWN,
        )
    show.console().print(table)


@app.command("show", epilog="Example: `backtest events show earnings-20251110-3354bd`")
def show_event(
    event_id: Annotated[str, typer.Argument(metavar="ID", help="As `events list` shows it.")],
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0)] = 5.0,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Show everything that is known of one event, and what follows from it."""
    from rich.text import Text

    from backtest import catalog
    from backtest.cli import show
    from backtest.workspace import find_workspace

    row = catalog.find_event(find_workspace(strategies, data), event_id, reaction)
    if as_json:
        show.print_json(row.as_dict())
        return
    table = show.new_table("Field", "Value")
    for name, value in row.as_dict().items():
        table.add_row(name, Text(UNKNOWN if value in (None, "") else str(value)))
    show.console().print(table)


@app.command("seal", epilog="Example: `backtest events seal short_report`")
def seal_events(
    kind: Annotated[str, typer.Argument(help="The kind whose file was changed.")],
    source: Annotated[str | None, typer.Option(help="Where the rows come from.")] = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Check an event file that you changed and record its sha256 anew."""
    from backtest import catalog
    from backtest.workspace import find_workspace

    place = catalog.seal_events(find_workspace(strategies, data), kind, source)
    typer.echo(f"wrote {place}")
