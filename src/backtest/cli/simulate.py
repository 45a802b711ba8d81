"""`backtest simulate`: signals of your own on bars of your own, however many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest import cli
from backtest.cli import options
from backtest.stats.formats import FIGURES, costs_line, count

if TYPE_CHECKING:
    from backtest.experiments.simulation.account import Simulation

EXAMPLES = (
    "Examples: `backtest simulate bars.parquet signals.parquet` · "
    "`backtest simulate bars/ signals.parquet --cash 1000000 --trades trades.csv --json`"
)


def simulate(
    account: options.Account,
    bars: Annotated[
        Path,
        typer.Argument(
            metavar="BARS",
            help="Parquet file or folder: symbol, time or session, open, high, low, close.",
        ),
    ],
    signals: Annotated[
        Path,
        typer.Argument(
            metavar="SIGNALS",
            help="Parquet file: symbol, published_at, direction, and as wanted event_id, weight, "
            "hold, stop, target, trailing_stop, priority.",
        ),
    ],
    trades: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every trade, as .parquet or .csv.")
    ] = None,
    equity: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the account at each session's close, likewise."),
    ] = None,
    as_json: options.AsJson = False,
    data: options.DataFolder = None,
) -> None:
    """Trade signals from a file on bars from files, all symbols in one account."""
    from backtest.api import calls
    from backtest.experiments.simulation.account import check_table_path, write_table
    from backtest.workspace.folders import read_config

    for path, others in ((trades, (bars, signals)), (equity, (bars, signals, trades or bars))):
        if path:
            check_table_path(path, *others)
    options.announce_compiling()
    traded = calls.simulate(
        bars, signals, **account.arguments(), curves=equity is not None, data=data
    )
    if trades:
        write_table(traded.trades(), trades)
    if equity:
        write_table(traded.equity(), equity)
    preset = read_config({"costs": account.costs}).chosen("costs")
    record = _record(traded, preset and Path(preset).stem)
    if as_json:
        cli.show.print_json({"bars": str(bars), "signals": str(signals), **record})
        return
    _print_results(record)
    for name, path in (("Trades", trades), ("Equity", equity)):
        if path:
            typer.echo(f"{name}: {path}")


def _record(account: Simulation, costs: str | None) -> dict[str, Any]:
    """All that is printed, as JSON has it."""
    sessions = account.panel.sessions
    return {
        "span": {"first": sessions[0].item(), "last": sessions[-1].item()},
        "counts": account.counts(),
        "left_out": account.signals.left_out,
        "figures": account.figures(),
        "is_ruined": account.is_ruined,
        "rules": account.rules.model_dump(),
        "costs": {"name": costs} if costs else None,
        "assumptions": account.assumptions(),
    }


def _print_results(record: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    counts, figures, terminal = record["counts"], record["figures"], cli.show.console()
    sizes = (f"{counts[name]:,} {name}" for name in ("symbols", "sessions", "bars", "signals"))
    terminal.print(", ".join(sizes))
    terminal.print(
        f"From {record['span']['first']} to {record['span']['last']}, "
        f"start {record['rules']['cash']:,.0f} $"
    )
    terminal.print(f"Costs: {costs_line(record)}", style="dim")
    lines = Table.grid(padding=(0, 2))
    lines.add_column()
    lines.add_column(justify="right")
    for name, label, form in (*FIGURES[:-1], ("interest", "Interest $", count), FIGURES[-1]):
        if name in figures:
            lines.add_row(label, form(figures[name]))
    lines.add_row()
    for name, number in list(counts.items())[list(counts).index("signals") :]:
        lines.add_row(name.replace("_", " ").capitalize(), count(number))
    terminal.print(lines)
    for reason, number in record["left_out"].items():
        terminal.print(f"Not tradable: {number:,} {reason}.")
    if record["is_ruined"]:
        terminal.print("Ruined: equity fell to zero or below.")
    for sentence in record["assumptions"]:
        terminal.print(Text(f"Assumption: {sentence}", style="yellow"))
