"""`backtest events`: the dated facts, one by one, and what is claimed of them."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.cli import options

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
