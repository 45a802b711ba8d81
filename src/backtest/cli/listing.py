"""`backtest list` and `backtest config`: the strategies, the runs and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backtest.workspace.settings import Config, Setting


CONFIG_EXAMPLES = "Examples: `backtest config` · `backtest config --cash 50000 --json`"


def config(
    symbol: options.Symbols = None,
    benchmark: options.Benchmark = None,
    cash: options.CashOption = None,
    costs: options.CostsOption = None,
    as_json: options.AsJson = False,
    out: options.ReportsFolder = None,
    data: options.DataFolder = None,
    strategies: options.StrategiesFolder = None,
) -> None:
    """Show every setting and where it came from.

    With options, it shows what a command with these options works with.
    """
    from backtest.cli import show
    from backtest.workspace.settings import read_config

    options = {
        "symbol": symbol,
        "benchmark": benchmark,
        "cash": cash,
        "costs": costs,
        "folders.strategies": strategies,
        "folders.data": data,
        "folders.reports": out,
    }
    found = read_config(options)
    rows = [*found.settings.values(), *_parameters(found)]
    if as_json:
        settings = [vars(row) for row in rows]
        show.print_json({"file": found.path and str(found.path), "settings": settings})
    else:
        _print_settings(found, rows)
    if found.path:
        _check_strategies(found, options)


def _print_settings(found: Config, rows: Iterable[Setting]) -> None:
    from rich.text import Text

    from backtest.cli import show

    file = found.path or f"none was found from {Path.cwd()} upwards"
    terminal = show.console()
    terminal.print(Text(f"backtest.toml: {file}\n"), soft_wrap=True)
    table = show.new_table("Setting", "From", "Value", whole=("Setting", "From"))
    for row in rows:
        where = "backtest.toml" if row.source == "file" else row.where or row.source
        table.add_row(row.key, where, _in_words(row.value))
    terminal.print(table)


def _in_words(value: Any) -> str:
    """A value in a line."""
    from backtest.stats.formats import UNKNOWN
    from backtest.strategy.parameters import shown

    if value is None:
        return UNKNOWN
    return f"{value:,.2f}".removesuffix(".00") if isinstance(value, float) else shown(value)


def _parameters(found: Config) -> list[Setting]:
    """The parameters of strategies that the file sets."""
    from backtest.strategy.parameters import leaves, plain
    from backtest.workspace.settings import Setting

    return [
        Setting(f"strategies.{name}.{parameter}", plain(value), "file", str(found.path))
        for name, table in found.defaults.tables.items()
        for parameter, value in leaves(table).items()
    ]


def _check_strategies(found: Config, options: dict[str, Any]) -> None:
    """Hold the parameters against their strategies.

    Raises:
        UsageError: there is no such strategy or parameter, or a value is out of its bounds.

    """
    from backtest.strategy.loading import find_strategy
    from backtest.strategy.parameters import check_defaults
    from backtest.workspace.folders import find_workspace

    folders = [options[f"folders.{name}"] for name in ("strategies", "data", "reports")]
    workspace = find_workspace(*folders)
    for name in found.defaults.tables:
        check_defaults(find_strategy(workspace, name))


app = typer.Typer(no_args_is_help=True, help="List strategies or runs.")


@app.command("strategies", epilog="Example: `backtest list strategies`")
@options.command
def list_strategies(
    folders: options.AllFolders,
    as_json: options.AsJson = False,
) -> None:
    """List the strategies: events, parameters, state, place, last run and last audit."""
    from rich.padding import Padding
    from rich.text import Text

    from backtest.api.workspace import strategy_rows
    from backtest.cli import show

    found = strategy_rows(**folders.arguments(), tell=show.left_out)
    if as_json:
        show.print_json(found)
        return
    terminal = show.console()
    for row in found:
        terminal.print(Text(row["name"], style="bold"))
        lines = Text("\n").join(Text(text, style=style) for text, style in _lines(row))
        terminal.print(Padding(lines, (0, 0, 1, 4)))


def _lines(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines about a strategy, each with its style."""
    history = f"last run {_last_run(row['last_run'])} · last audit {_last_audit(row['last_audit'])}"
    if row["error"] is not None:
        # The message names the place, but for a file of an installed package.
        place = [] if row["path"] in row["error"] else [(row["path"], "dim")]
        return [(row["error"], "red"), *place, (history, "dim")]
    parameters = " ".join(f"{name}={value}" for name, value in row["parameters"].items())
    return [
        (row["summary"], ""),
        (f"acts on {', '.join(row['events'])}", ""),
        *([(parameters, "dim")] if parameters else []),
        (f"ok · {row['path']}", "dim"),
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
def list_runs(as_json: options.AsJson = False, out: options.ReportsFolder = None) -> None:
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
