"""`backtest run` and `simulate`: strategies replayed, and signals of your own traded."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import FIGURES, costs_line, count, counted, few

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from backtest.api.runs import Replay
    from backtest.experiments.runs.store import Run
    from backtest.experiments.simulation import Simulation

EXAMPLES = (
    "Examples: `backtest run` · `backtest run earnings_surprise --set hold=5 --set measure=all` · "
    "`backtest run short_report --from 2025-09-01 --benchmark QQQ --slippage 10` · "
    "`backtest run --as-of 2025-12-31` · `backtest run earnings_surprise --universe us_large` · "
    "`backtest run short_report --symbol ACME --bars 5m`"
)

_ENGINES = {"backtrader": "Backtrader", "kernel": "the kernel"}


def run(
    terms: options.TermsOptions,
    folders: options.AllFolderOptions,
    strategy: Annotated[
        list[str] | None,
        typer.Argument(metavar="STRATEGY", help="Strategies to run; all by default."),
    ] = None,
    as_of: Annotated[
        date | None,
        options.day(
            "--as-of", "Replay with what was in the files, and public, at the end of that day."
        ),
    ] = None,
    benchmark: options.BenchmarkOption = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="|".join(_ENGINES), help="What replays. [kernel where bars are many]"),
    ] = None,
    verified: Annotated[
        bool,
        typer.Option("--verify", help="Replay with the other engine too, and compare to the cent."),
    ] = False,
    bars: options.BarsOption = None,
    missing_bars: options.MissingBarsOption = "daily",
    label: Annotated[
        str | None, typer.Option(help="A name of your own for the run, by which it is found.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="A line about it, for yourself.")] = None,
    tearsheet: Annotated[
        bool, typer.Option("--tearsheet/--no-tearsheet", help="Draw quantstats tear sheets.")
    ] = True,
    accept_jumps: options.AcceptJumps = False,
    force: options.Force = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Replay strategies against the events, a run folder for each."""
    from backtest.api import pages, runs

    made, faults = runs.replay_all(
        strategy or [],
        as_of=as_of,
        benchmark=benchmark,
        engine=engine,
        bars=bars,
        missing_bars=missing_bars,
        accept_jumps=accept_jumps,
        label=label,
        note=note,
        force=force,
        tell=cli.show.left_out,
        **terms.arguments(),
        **folders.arguments(),
    )
    if verified:
        _verify(made)
    terminal = None if as_json else cli.show.console()
    if terminal and len(made) == 1:  # before all is loaded that weighs the evidence
        _print_terms(terminal, [made[0].run])
        cli.show_runs.comparison(terminal, [made[0].run])
    weighed = []
    with cli.show.progress("Evidence") as on_run:
        for number, replay in enumerate(made):
            if "evidence" not in replay.run.manifest:
                options.announce_compiling()
                on_run(number, len(made))
            weighed.append(replay.weigh())
    if terminal:
        _print_evidence(terminal, weighed, verbose=verbose)
    with cli.show.progress("Tear sheets") as on_sheet:
        page = runs.draw_runs(
            weighed, tearsheet=tearsheet, on_sheet=on_sheet, tell=cli.show.left_out
        )
    if terminal:
        known = sum(replay.known for replay in made)
        _print_paths(terminal, weighed, page, known=known)
    else:
        cli.show.print_json(pages.manifests(weighed))
    if faults:
        raise UsageError("\n".join(faults))


def _print_evidence(terminal: "Console", runs: "list[Run]", *, verbose: bool) -> None:
    """Print what one run is worth; of several a line each, and with `verbose` both."""
    if len(runs) > 1:
        _print_terms(terminal, runs)
        cli.show_runs.overview(terminal, runs)
    if verbose or len(runs) == 1:
        for run in runs:
            cli.show_runs.run_details(terminal, run, whole=verbose)
    cli.show_runs.warnings(terminal, runs)


def _verify(made: "Sequence[Replay]") -> None:
    """Replay each with the other engine; the message is no part of what `--json` prints."""
    for replay in made:
        options.announce_compiling()
        agree = f"both engines agree: {counted(replay.verify(), 'trade')}"
        name = replay.run.manifest["strategy"]
        typer.echo(f"{name}: {agree}" if len(made) > 1 else agree, err=True)


def _print_terms(terminal: "Console", runs: "list[Run]") -> None:
    first = runs[0].manifest
    universe, symbols = first.get("universe"), first["symbols"]
    traded = f"{universe}, {counted(len(symbols), 'stock')}," if universe else few(symbols)
    mean = first["benchmark"] == universe
    held_against = "the mean of its members" if mean else first["benchmark"]
    engines = sorted({_ENGINES[run.manifest.get("engine", "backtrader")] for run in runs})
    terminal.print(
        f"{traded} from {first['span']['first']} to {first['span']['last']}, "
        f"start {first['rules']['cash']:,.0f} $, benchmark {held_against}, "
        f"on {' and '.join(engines)}"
    )
    if first.get("as_of"):
        terminal.print(
            f"As of {first['as_of']}: what was on record and public at the end of that day"
        )
    terminal.print(f"Costs: {costs_line(first)}\n", style="dim")


def _print_paths(terminal: "Console", runs: "list[Run]", page: Path | None, *, known: int) -> None:
    from rich.text import Text

    terminal.print()
    if known:
        terminal.print(
            f"{known} of {len(runs)} had been run before with the same inputs and "
            f"{'was' if known == 1 else 'were'} not run again; --force does."
        )
    for run in runs:
        place = Text(f"{run.manifest['strategy']}: {run.path / 'index.html'}")
        terminal.print(place, soft_wrap=True)
    if len(runs) > 1:
        ids = " ".join(run.run_id for run in runs)
        terminal.print(f"Side by side: backtest compare {ids}", soft_wrap=True)
    if page:
        terminal.print(Text(f"The latest of each strategy: {page}"), soft_wrap=True)


_FORMATS = (".parquet", ".csv")
SIMULATE_EXAMPLES = (
    "Examples: `backtest simulate prices.parquet signals.parquet` · "
    "`backtest simulate prices/ signals.parquet --cash 1000000 --trades trades.csv --json`"
)


def simulate(
    account: options.AccountOptions,
    prices: Annotated[
        Path,
        typer.Argument(
            metavar="PRICES",
            help="Parquet file or folder: symbol, time or session, open, high, low, close.",
        ),
    ],
    signals: Annotated[
        Path,
        typer.Argument(
            metavar="SIGNALS",
            help="Parquet file: symbol, published_at, direction, and as wanted event_id, weight, "
            "hold, stop, target, trailing_stop, priority, limit, enter, leave, levels, resize.",
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
    """Trade signals from a file, all symbols in one account."""
    from backtest.api import calls
    from backtest.workspace.folders import read_config

    for path, others in (
        (trades, (prices, signals)),
        (equity, (prices, signals, trades or prices)),
    ):
        if path:
            _check_path(path, *others)
    options.announce_compiling()
    traded = calls.simulate(
        prices, signals, **account.arguments(), curves=equity is not None, data=data
    )
    if trades:
        _write(traded.trades(), trades)
    if equity:
        _write(traded.equity(), equity)
    preset = read_config({"costs": account.costs}).chosen("costs")
    record = _record(traded, preset and Path(preset).stem)
    if as_json:
        cli.show.print_json({"prices": str(prices), "signals": str(signals), **record})
        return
    _print_results(record)
    for name, path in (("Trades", trades), ("Equity", equity)):
        if path:
            typer.echo(f"{name}: {path}")


def _check_path(path: Path, *taken: Path) -> None:
    """Refuse a path to which no table can be written, before the work is done."""
    from backtest.workspace.files import check_place

    if path.suffix not in _FORMATS:
        raise UsageError(f"{path} must end in {' or '.join(_FORMATS)}.")
    own, others = path.resolve(), {other.resolve() for other in taken}
    if own in others:
        raise UsageError(f"{path} would be overwritten. Choose another name.")
    if path.suffix == ".parquet" and not others.isdisjoint(own.parents):
        raise UsageError(f"{path} would be one of the prices. Choose a place outside their folder.")
    check_place(path)


def _write(table: "pa.Table", path: Path) -> None:
    """Write a table as its ending says; errors as of `write_bytes`."""
    from io import BytesIO

    from pyarrow import csv, parquet

    from backtest.workspace.files import clear_unfinished, write_bytes

    sink = BytesIO()
    if path.suffix == ".parquet":
        parquet.write_table(table, sink)
    else:
        sink.write(f"{','.join(table.column_names)}\n".encode())  # Arrow would put it in quotes
        bare: Any = csv.WriteOptions(include_header=False)
        csv.write_csv(table, sink, bare)
    clear_unfinished(path.parent, path.name)
    write_bytes(path, sink.getvalue())


def _record(account: "Simulation", costs: str | None) -> dict[str, Any]:
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
    nouns = ("symbol", "session", "bar", "signal")
    sizes = (counted(counts[f"{noun}s"], noun) for noun in nouns)
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
