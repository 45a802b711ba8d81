"""`backtest prices`: the price files that are there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from backtest.cli import price_changes
from backtest.cli.options import AsJson, DataFolder, StrategiesFolder

app = typer.Typer(no_args_is_help=True, help="List, fetch, import, check and seal prices.")
for name, command, example in price_changes.COMMANDS:
    app.command(name, epilog=example)(command)


@app.command("list", epilog="Example: `backtest prices list`")
def list_prices(
    as_json: AsJson = False, data: DataFolder = None, strategies: StrategiesFolder = None
) -> None:
    """List the symbols with their span, adjust mode and source."""
    from backtest.cli import show
    from backtest.data import listing
    from backtest.stats.formats import UNKNOWN
    from backtest.workspace.folders import find_workspace

    rows = listing.list_prices(find_workspace(strategies, data))
    if as_json:
        show.print_json(rows)
        return
    lines = ((_line(row), f"Adjusted: {row['adjust'] or UNKNOWN}. {row['source']}") for row in rows)
    show.console().print(show.with_details(lines))


def _line(row: dict[str, Any]) -> str:
    span = f"{row['first']} to {row['last']}  {row['sessions']:>6,} sessions"
    return f"{row['symbol']:<6} {span}  {row['columns']}"


@app.command("check", epilog="Example: `backtest prices check CRWV`")
def check_prices(
    symbol: Annotated[str | None, typer.Argument(help="One symbol; all by default.")] = None,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Find prices that changed or are unlikely, and borrow rates that nobody quoted."""
    from backtest.cli.findings import show_findings
    from backtest.data.checks import check_prices as find
    from backtest.workspace.folders import find_workspace

    symbols = None if symbol is None else [symbol]
    show_findings(find(find_workspace(strategies, data), symbols), as_json=as_json)


@app.command("seal", epilog="Example: `backtest prices seal CRWV --source 'my broker'`")
def seal_prices(
    symbol: Annotated[str, typer.Argument(help="The symbol whose file was changed.")],
    source: Annotated[str | None, typer.Option(help="Where the figures come from.")] = None,
    adjust: Annotated[
        str | None, typer.Option(help="Adjust mode: none, or for splits and dividends.")
    ] = None,
    borrow: Annotated[bool, typer.Option("--borrow", help="The file of borrow rates.")] = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Check a price file that you changed and record its sha256 anew."""
    from backtest.data import listing
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data)
    seal = listing.seal_borrow_rates if borrow else listing.seal_prices
    typer.echo(f"wrote {seal(workspace, symbol, source, adjust)}")
