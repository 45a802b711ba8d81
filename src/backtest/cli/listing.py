"""`backtest list`: the strategies and the runs that are there."""

from __future__ import annotations

import typer

from backtest.cli.options import AsJson, DataFolder, ReportsFolder, StrategiesFolder

app = typer.Typer(no_args_is_help=True, help="List strategies or runs.")


@app.command("strategies", epilog="Example: `backtest list strategies`")
def list_strategies(
    as_json: AsJson = False, data: DataFolder = None, strategies: StrategiesFolder = None
) -> None:
    """List the strategies with their events, parameters and state."""
    from rich.padding import Padding
    from rich.text import Text

    from backtest.cli import show
    from backtest.discovery import describe_strategies
    from backtest.workspace import find_workspace

    found = describe_strategies(find_workspace(strategies, data).strategies)
    if as_json:
        show.print_json([vars(row) for row in found])
        return
    terminal = show.console()
    for row in found:
        terminal.print(Text(row.name, style="bold"))
        if row.error is not None:
            terminal.print(Padding(Text(row.error, style="red"), (0, 0, 1, 4)))
            continue
        settings = " ".join(f"{name}={value}" for name, value in row.parameters.items())
        events = f"acts on {', '.join(row.events)}"
        text = Text("\n").join([Text(row.summary), Text(events), Text(settings, style="dim")])
        terminal.print(Padding(text, (0, 0, 1, 4)))


@app.command("runs", epilog="Example: `backtest list runs`")
def list_runs(as_json: AsJson = False, out: ReportsFolder = None) -> None:
    """List the runs in the reports folder, newest first."""
    from backtest import runs
    from backtest.cli import show
    from backtest.reports import formats
    from backtest.workspace import find_reports

    found = runs.list_runs(find_reports(out))
    if as_json:
        show.print_json([{**run.manifest, "path": str(run.path)} for run in found])
        return
    headers = ("Run", "Strategy", "Symbol", "From", "To", "Trades", "Return")
    whole = ("Run", "Strategy", "From", "To", "Trades", "Return")
    table = show.new_table(*headers, right=("Trades", "Return"), whole=whole)
    for run in found:
        manifest = run.manifest
        table.add_row(
            run.run_id,
            manifest["strategy"],
            ", ".join(manifest["symbols"]),
            manifest["span"]["first"],
            manifest["span"]["last"],
            formats.count(run.summary["trades"]),
            formats.percent(run.summary["total_return"]),
        )
    show.console().print(table)
