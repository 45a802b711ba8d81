"""`backtest list`, `universes` and `config`: what there is, and the settings."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from backtest.workspace.folders import Config, Setting


CONFIG_EXAMPLES = "Examples: `backtest config` · `backtest config --cash 50000 --json`"


def config(
    folders: options.AllFolders,
    symbol: options.Symbols = None,
    benchmark: options.Benchmark = None,
    cash: options.CashOption = None,
    costs: options.CostsOption = None,
    as_json: options.AsJson = False,
) -> None:
    """Show every setting and where it came from.

    With options, it shows what a command with these options works with.
    """
    from backtest.cli import show, show_data
    from backtest.workspace.folders import read_config

    named = {
        "symbol": symbol,
        "benchmark": benchmark,
        "cash": cash,
        "costs": costs,
        **{f"folders.{name}": folder for name, folder in folders.arguments().items()},
    }
    found = read_config(named)
    rows = [*found.settings.values(), *_parameters(found)]
    if as_json:
        settings = [vars(row) for row in rows]
        show.print_json({"file": found.path and str(found.path), "settings": settings})
    else:
        show_data.settings(found, rows)
    if found.path:
        _check_strategies(found, folders)


def _parameters(found: Config) -> list[Setting]:
    """The parameters of strategies that the file sets."""
    from backtest.strategy.parameters import leaves, plain
    from backtest.workspace.folders import Setting

    return [
        Setting(f"strategies.{name}.{parameter}", plain(value), "file", str(found.path))
        for name, table in found.defaults.tables.items()
        for parameter, value in leaves(table).items()
    ]


def _check_strategies(found: Config, folders: options.AllFolders) -> None:
    """Hold the parameters that the file sets against their strategies."""
    from backtest.strategy.loading import find_strategy
    from backtest.strategy.parameters import check_defaults
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(**folders.arguments())
    for name in found.defaults.tables:
        check_defaults(find_strategy(workspace, name))


app = options.App(no_args_is_help=True, help="List strategies or runs.")


@app.command("strategies", epilog="Example: `backtest list strategies`")
def list_strategies(folders: options.AllFolders, as_json: options.AsJson = False) -> None:
    """List the strategies: events, parameters, state, place, last run and last audit."""
    from backtest.api.workspace import strategy_rows
    from backtest.cli import show, show_data

    found = strategy_rows(**folders.arguments(), tell=show.left_out)
    if as_json:
        show.print_json(found)
    else:
        show_data.strategies(show.console(), found)


@app.command(
    "runs",
    epilog="Examples: `backtest list runs` · "
    "`backtest list runs earnings_surprise --set hold=5 --since 2025-09-01`",
)
def list_runs(
    run: options.Runs = None,
    settings: options.Settings = None,
    since: Annotated[
        date | None, options.day("--since", "Those that were requested on that day or later.")
    ] = None,
    as_json: options.AsJson = False,
    out: options.ReportsFolder = None,
) -> None:
    """List runs, the one requested last first, each with what differs from the defaults."""
    from backtest.cli import show, show_runs
    from backtest.experiments.runs import finding
    from backtest.workspace.folders import find_reports

    wanted = {name: value.text for name, value in options.parse_settings(settings).items()}
    reports = find_reports(out)
    found = finding.list_runs(reports, show.left_out, run or (), settings=wanted, since=since)
    if as_json:
        show.print_json(
            [
                {
                    **run.manifest,
                    "variant": finding.variant(run.manifest),
                    "label": run.label,
                    "note": run.note,
                    "path": str(run.path),
                }
                for run in found
            ]
        )
    else:
        show_runs.runs(show.console(), found)


_EXAMPLES = (
    "Examples: `backtest universes` · `backtest universes --json` · "
    "`backtest universes seal mine --source 'my list'`"
)
universes = options.App(invoke_without_command=True, epilog=_EXAMPLES)


@universes.callback()
@options.spread
def list_universes(
    folders: options.Folders, context: typer.Context, as_json: options.AsJson = False
) -> None:
    """List the universes: stocks, span of prices, events of each kind, and what is missing."""
    from backtest.api import workspace as calls
    from backtest.cli import show, show_data

    if context.invoked_subcommand:
        return
    found = calls.universe_rows(**folders.arguments())
    if as_json:
        show.print_json([vars(row) for row in found])
        return
    show_data.universes(show.console(), found)
    if not found:
        typer.echo(
            "There is no universe in the data folder. Write one as universes/NAME/members.csv "
            "with the columns symbol, first, last."
        )


@universes.command("seal", epilog="Example: `backtest universes seal mine --source 'my list'`")
def seal_universe(
    folders: options.Folders,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose table was changed.")],
    source: Annotated[str | None, typer.Option(help="Where the members come from.")] = None,
) -> None:
    """Check a table of members that you changed and record its sha256 anew."""
    from backtest.api import workspace as calls

    typer.echo(f"wrote {calls.seal_universe(name, source, **folders.arguments())}")
