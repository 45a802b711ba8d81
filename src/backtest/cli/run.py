"""Define `backtest run`, which replays strategies, and `simulate`, which trades a signals file."""

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
        typer.Option(
            metavar="|".join(_ENGINES), help="Engine of the replay. [kernel above 50,000 bars]"
        ),
    ] = None,
    verified: Annotated[
        bool,
        typer.Option("--verify", help="Replay with the other engine too, and compare to the cent."),
    ] = False,
    label: Annotated[
        str | None, typer.Option(help="A name of your own, by which commands find the run.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="A note to yourself about the run.")] = None,
    tearsheet: Annotated[
        bool, typer.Option("--tearsheet/--no-tearsheet", help="Draw quantstats tear sheets.")
    ] = True,
    accept_jumps: options.AcceptJumps = False,
    force: options.Force = False,
    verbose: options.Verbose = False,
    as_json: options.AsJson = False,
) -> None:
    """Replay strategies against the events; each run gets a folder."""
    from backtest.api import pages, runs

    replays, faults = runs.replay_all(
        strategy or [],
        as_of=as_of,
        benchmark=benchmark,
        engine=engine,
        accept_jumps=accept_jumps,
        label=label,
        note=note,
        force=force,
        tell=cli.show.warn,
        **terms.arguments(),
        **folders.arguments(),
    )
    if verified:
        _verify(replays)
    terminal = None if as_json else cli.show.console()
    if terminal and len(replays) == 1:  # before the libraries are loaded that weigh the evidence
        _print_terms(terminal, [replays[0].run])
        cli.show_runs.comparison(terminal, [replays[0].run])
    results = []
    with cli.show.progress("Evidence") as on_run:
        for number, replay in enumerate(replays):
            if "evidence" not in replay.run.manifest:
                options.announce_compiling()
                on_run(number, len(replays))
            results.append(replay.weigh())
    if terminal:
        _print_evidence(terminal, results, verbose=verbose)
    with cli.show.progress("Tear sheets") as on_sheet:
        page = runs.draw_runs(results, tearsheet=tearsheet, on_sheet=on_sheet, tell=cli.show.warn)
    if terminal:
        _print_paths(terminal, results, page, reused=sum(replay.known for replay in replays))
    else:
        cli.show.print_json(pages.manifests(results))
    if faults:
        raise UsageError("\n".join(faults))


def _print_evidence(terminal: "Console", runs: "list[Run]", *, verbose: bool) -> None:
    """Print the details of a single run, or a line for each of several; with `verbose` both."""
    if len(runs) > 1:
        _print_terms(terminal, runs)
        cli.show_runs.overview(terminal, runs)
    if verbose or len(runs) == 1:
        for run in runs:
            cli.show_runs.run_details(terminal, run, whole=verbose)
    cli.show_runs.warnings(terminal, runs)


def _verify(replays: "Sequence[Replay]") -> None:
    """Replay each with the other engine, and print to stderr that both agree."""
    for replay in replays:
        options.announce_compiling()
        agree = f"both engines agree: {counted(replay.verify(), 'trade')}"
        name = replay.run.manifest["strategy"]
        typer.echo(f"{name}: {agree}" if len(replays) > 1 else agree, err=True)


def _print_terms(terminal: "Console", runs: "list[Run]") -> None:
    first = runs[0].manifest
    universe, symbols = first.get("universe"), first["symbols"]
    traded = f"{universe}, {counted(len(symbols), 'stock')}," if universe else few(symbols)
    is_mean = first["benchmark"] == universe
    benchmark = "the mean of its members" if is_mean else first["benchmark"]
    engines = sorted({_ENGINES[run.manifest.get("engine", "backtrader")] for run in runs})
    terminal.print(
        f"{traded} from {first['span']['first']} to {first['span']['last']}, "
        f"start {first['rules']['cash']:,.0f} $, benchmark {benchmark}, "
        f"on {' and '.join(engines)}"
    )
    if first.get("as_of"):
        terminal.print(
            f"As of {first['as_of']}: what was on record and public at the end of that day"
        )
    terminal.print(f"Costs: {costs_line(first)}\n", style="dim")


def _print_paths(terminal: "Console", runs: "list[Run]", page: Path | None, *, reused: int) -> None:
    from rich.text import Text

    terminal.print()
    if reused:
        terminal.print(
            f"{reused} of {len(runs)} had been run before with the same inputs and "
            f"{'was' if reused == 1 else 'were'} not run again; --force does."
        )
    for run in runs:
        line = Text(f"{run.manifest['strategy']}: {run.path / 'index.html'}")
        terminal.print(line, soft_wrap=True)
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
        typer.Option(
            metavar="FILE", help="Write the account at each session's close, as .parquet or .csv."
        ),
    ] = None,
    as_json: options.AsJson = False,
    data: options.DataFolder = None,
) -> None:
    """Trade signals from a file, all symbols in one account."""
    from backtest.api import calls
    from backtest.workspace.folders import read_config

    if trades:
        _check_path(trades, prices, signals)
    if equity:
        _check_path(equity, prices, signals, trades or prices)
    options.announce_compiling()
    simulation = calls.simulate(
        prices, signals, **account.arguments(), curves=equity is not None, data=data
    )
    if trades:
        _write(simulation.trades(), trades)
    if equity:
        _write(simulation.equity(), equity)
    preset = read_config({"costs": account.costs}).chosen("costs")
    record = _record(simulation, preset and Path(preset).stem)
    if as_json:
        cli.show.print_json({"prices": str(prices), "signals": str(signals), **record})
        return
    _print_results(record)
    for name, path in (("Trades", trades), ("Equity", equity)):
        if path:
            typer.echo(f"{name}: {path}")


def _check_path(path: Path, *taken: Path) -> None:
    """Raise `UsageError`, before the work begins, for a path to which no table can be written."""
    from backtest.workspace.files import check_place

    if path.suffix not in _FORMATS:
        raise UsageError(f"{path} must end in {' or '.join(_FORMATS)}.")
    target, others = path.resolve(), {other.resolve() for other in taken}
    if target in others:
        raise UsageError(f"{path} would be overwritten. Choose another name.")
    if path.suffix == ".parquet" and not others.isdisjoint(target.parents):
        raise UsageError(f"{path} would be one of the prices. Choose a place outside their folder.")
    check_place(path)


def _write(table: "pa.Table", path: Path) -> None:
    """Write a table as Parquet or CSV, by the path's ending; errors as of `write_bytes`."""
    from io import BytesIO

    from pyarrow import csv, parquet

    from backtest.workspace.files import clear_unfinished, write_bytes

    sink = BytesIO()
    if path.suffix == ".parquet":
        parquet.write_table(table, sink)
    else:
        sink.write(f"{','.join(table.column_names)}\n".encode())  # Arrow would quote the header
        no_header: Any = csv.WriteOptions(include_header=False)
        csv.write_csv(table, sink, no_header)
    clear_unfinished(path.parent, path.name)
    write_bytes(path, sink.getvalue())


def _record(simulation: "Simulation", costs: str | None) -> dict[str, Any]:
    """Return what is printed as a JSON object; `costs` names their preset, if there is one."""
    sessions = simulation.panel.sessions
    return {
        "span": {"first": sessions[0].item(), "last": sessions[-1].item()},
        "counts": simulation.counts(),
        "left_out": simulation.signals.left_out,
        "figures": simulation.figures(),
        "is_ruined": simulation.is_ruined,
        "rules": simulation.rules.model_dump(),
        "costs": {"name": costs} if costs else None,
        "assumptions": simulation.assumptions(),
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
