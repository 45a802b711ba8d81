"""`backtest config`: every setting, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.cli.options import (
    AsJson,
    Benchmark,
    CashOption,
    CostsOption,
    DataFolder,
    ReportsFolder,
    StrategiesFolder,
    Symbols,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backtest.workspace.settings import Config, Setting

EXAMPLES = "Examples: `backtest config` · `backtest config --cash 50000 --json`"


def config(
    symbol: Symbols = None,
    benchmark: Benchmark = None,
    cash: CashOption = None,
    costs: CostsOption = None,
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
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
        _print(found, rows)
    if found.path:
        _check_strategies(found, options)


def _print(found: Config, rows: Iterable[Setting]) -> None:
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
    from backtest.strategy.values import shown

    if value is None:
        return UNKNOWN
    return f"{value:,.2f}".removesuffix(".00") if isinstance(value, float) else shown(value)


def _parameters(found: Config) -> list[Setting]:
    """The parameters of strategies that the file sets."""
    from backtest.strategy.values import leaves, plain
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
    from backtest.strategy.loading import check_defaults
    from backtest.strategy.places import find_strategy
    from backtest.workspace.folders import find_workspace

    folders = [options[f"folders.{name}"] for name in ("strategies", "data", "reports")]
    workspace = find_workspace(*folders)
    for name in found.defaults.tables:
        check_defaults(find_strategy(workspace, name))
