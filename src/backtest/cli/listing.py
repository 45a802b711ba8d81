"""`backtest list`: the strategies and the runs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from backtest.cli.options import AsJson, DataFolder, ReportsFolder, StrategiesFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.cli.strategy_list import ListedStrategy

app = typer.Typer(no_args_is_help=True, help="List strategies or runs.")


@app.command("strategies", epilog="Example: `backtest list strategies`")
def list_strategies(
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """List the strategies: events, parameters, state, place, last run and last audit."""
    from rich.padding import Padding
    from rich.text import Text

    from backtest.cli import show, strategy_list
    from backtest.workspace.folders import find_workspace

    found = strategy_list.list_strategies(find_workspace(strategies, data, out), show.left_out)
    if as_json:
        show.print_json([row.as_dict() for row in found])
        return
    terminal = show.console()
    for row in found:
        terminal.print(Text(row.description.name, style="bold"))
        lines = Text("\n").join(Text(text, style=style) for text, style in _lines(row))
        terminal.print(Padding(lines, (0, 0, 1, 4)))


def _lines(row: ListedStrategy) -> list[tuple[str, str]]:
    """What is told of a strategy, each with its style."""
    told = row.description
    history = f"last run {_last_run(row.last_run)} · last audit {_last_audit(row.last_audit)}"
    if told.error is not None:
        # The message names the place, but for a file of an installed package.
        place = [] if told.path in told.error else [(told.path, "dim")]
        return [(told.error, "red"), *place, (history, "dim")]
    parameters = " ".join(f"{name}={value}" for name, value in told.parameters.items())
    return [
        (told.summary, ""),
        (f"acts on {', '.join(told.events)}", ""),
        *([(parameters, "dim")] if parameters else []),
        (f"ok · {told.path}", "dim"),
        (history, "dim"),
    ]


def _last_run(run: Mapping[str, Any] | None) -> str:
    from backtest.stats import formats

    if run is None:
        return "never"
    day = formats.new_york_day(run["finished_at"])
    return f"{day} {formats.percent(run['total_return'])} ({run['run_id']}){_changed(run)}"


def _last_audit(audit: Mapping[str, Any] | None) -> str:
    from backtest.stats import formats

    if audit is None:
        return "never"
    day = formats.new_york_day(audit["finished_at"])
    return f"{day} {audit['outcome']}{_changed(audit)}"


def _changed(past: Mapping[str, Any]) -> str:
    return "" if past["unchanged"] else ", changed since"


@app.command("runs", epilog="Example: `backtest list runs`")
def list_runs(as_json: AsJson = False, out: ReportsFolder = None) -> None:
    """List the runs in the reports folder, the one requested last first."""
    from backtest.cli import show
    from backtest.experiments.runs import store
    from backtest.stats import formats
    from backtest.workspace.folders import find_reports

    found = store.list_runs(find_reports(out), show.left_out)
    if as_json:
        show.print_json([{**run.manifest, "path": str(run.path)} for run in found])
        return
    rows = [
        [
            run.run_id,
            run.manifest["strategy"],
            ", ".join(run.manifest["symbols"]),
            run.manifest["span"]["first"],
            run.manifest["span"]["last"],
            formats.count(run.summary["trades"]),
            formats.percent(run.summary["total_return"]),
        ]
        for run in found
    ]
    headers = ("Run", "Strategy", "Symbol", "From", "To", "Trades", "Return")
    spare = ("Symbol", "From", "To", "Trades")
    show.print_fitted(show.console(), headers, rows, right=("Trades", "Return"), spare=spare)
