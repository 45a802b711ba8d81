"""`backtest check`: whether a strategy keeps the contract that every strategy has to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli.options import (
    AsJson,
    DataFolder,
    Settings,
    StrategiesFolder,
    Symbols,
    parse_settings,
)

if TYPE_CHECKING:
    from rich.console import Console

    from backtest.audit.contract.report import Report

EXAMPLES = (
    "Example: `backtest check insider_sale`. The exit code is 2 where the contract is broken and "
    "4 where the strategy looks ahead. `backtest audit` looks for that in many more worlds."
)
_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}


def check(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    symbol: Symbols = None,
    settings: Settings = None,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Hold a strategy against the contract: pure, bounded, repeatable, never looking ahead."""
    from backtest.audit.contract.contract import check as check_contract
    from backtest.cli import show
    from backtest.workspace.folders import find_workspace
    from backtest.workspace.settings import read_config

    report = check_contract(
        find_workspace(strategies, data),
        strategy,
        symbols=read_config({"symbol": symbol}).value("symbol"),
        settings=parse_settings(settings or []),
    )
    if as_json:
        show.print_json(report.as_dict())
    else:
        _print(show.console(), report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _print(out: Console, report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for wraps in (False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold")
    for one in report.results:
        told = Text(one.what)
        if one.where:
            told.append(f"\n{one.where}", style="dim")
        table.add_row(Text(one.outcome, style=_STYLES[one.outcome]), one.title, told)
    out.print(Text(f"{report.strategy} · contract", style="bold"))
    out.print()
    out.print(table)
    out.print()
    out.print(Text(report.sentence, style="red" if report.failed else "green"))
