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
    from rich.text import Text

    from backtest.cli import show
    from backtest.discovery import describe_strategies
    from backtest.workspace import find_workspace

    found = describe_strategies(find_workspace(strategies, data).strategies)
    if as_json:
        show.print_json([vars(row) for row in found])
        return
    table = show.new_table("Strategy", "Acts on", "Parameters", "What it does")
    for row in found:
        parameters = "\n".join(f"{name} {value}" for name, value in row.parameters.items())
        table.add_row(
            Text(row.name),
            Text(", ".join(row.events)),
            Text(parameters),
            Text(row.summary if row.error is None else row.error),
        )
    show.console().print(table)


@app.command("runs", epilog="Example: `backtest list runs`")
def list_runs(
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """List the runs in the reports folder, newest first."""
    from backtest import runs
    from backtest.cli import show
    from backtest.reports import formats
    from backtest.workspace import find_workspace

    found = runs.list_runs(find_workspace(strategies, data, out).reports)
    if as_json:
        show.print_json([{**run.manifest, "path": str(run.path)} for run in found])
        return
    table = show.new_table(
        "Run", "Strategy", "Symbols", "From", "To", "Trades", "Return", "Finished",
        right=("Trades", "Return"),
    )  # fmt: skip
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
            manifest["finished_at"][:16].replace("T", " "),
        )
    show.console().print(table)
