"""`backtest simulate`: signals of your own on bars of your own, however many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options

if TYPE_CHECKING:
    import pyarrow as pa

    from backtest.experiments.simulation.account import Simulation

EXAMPLES = (
    "Examples: `backtest simulate bars.parquet signals.parquet` · "
    "`backtest simulate bars/ signals.parquet --cash 1000000 --trades trades.csv --json`"
)
_FORMATS = (".parquet", ".csv")


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
    from backtest.cli import show
    from backtest.workspace.folders import read_config

    for path, others in ((trades, (bars, signals)), (equity, (bars, signals, trades or bars))):
        if path:
            _check_path(path, *others)
    options.announce_compiling()
    traded = calls.simulate(
        bars, signals, **account.arguments(), curves=equity is not None, data=data
    )
    if trades:
        _write(traded.trades(), trades)
    if equity:
        _write(traded.equity(), equity)
    preset = read_config({"costs": account.costs}).chosen("costs")
    record = _record(traded, preset and Path(preset).stem)
    if as_json:
        show.print_json({"bars": str(bars), "signals": str(signals), **record})
        return
    _print_results(record)
    for name, path in (("Trades", trades), ("Equity", equity)):
        if path:
            typer.echo(f"{name}: {path}")


def _check_path(path: Path, *taken: Path) -> None:
    """Refuse a path to which no table can be written, before the work is done."""
    from backtest.errors import UsageError

    if path.suffix not in _FORMATS:
        raise UsageError(f"{path} must end in {' or '.join(_FORMATS)}.")
    if path.resolve() in {other.resolve() for other in taken}:
        raise UsageError(f"{path} would be overwritten. Choose another name.")


def _write(table: pa.Table, path: Path) -> None:
    """Write a table as its ending says; errors as of `write_bytes`."""
    from io import BytesIO

    from pyarrow import csv, parquet

    from backtest.workspace.files import write_bytes

    sink = BytesIO()
    if path.suffix == ".parquet":
        parquet.write_table(table, sink)
    else:
        sink.write(f"{','.join(table.column_names)}\n".encode())  # Arrow would put it in quotes
        options: Any = csv.WriteOptions(include_header=False)
        csv.write_csv(table, sink, options)
    write_bytes(path, sink.getvalue())


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

    from backtest.cli import show
    from backtest.stats.formats import FIGURES, costs_line, count

    counts, figures, terminal = record["counts"], record["figures"], show.console()
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
