"""`backtest run`: replay strategies, show what came out, draw the tear sheets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import costs_line, counted, few

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from backtest.api.runs import Replay
    from backtest.experiments.runs.store import Run

EXAMPLES = (
    "Examples: `backtest run` · `backtest run earnings_surprise --set hold=5 --set measure=all` · "
    "`backtest run short_report --from 2025-09-01 --benchmark QQQ --slippage 10` · "
    "`backtest run --as-of 2025-12-31` · `backtest run earnings_surprise --universe us_large`"
)

_ENGINES = {"backtrader": "Backtrader", "kernel": "the kernel"}


def run(
    terms: options.Terms,
    folders: options.AllFolders,
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
    benchmark: options.Benchmark = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="|".join(_ENGINES), help="What replays. [kernel where bars are many]"),
    ] = None,
    verified: Annotated[
        bool,
        typer.Option("--verify", help="Replay with the other engine too, and compare to the cent."),
    ] = False,
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
        accept_jumps=accept_jumps,
        label=label,
        note=note,
        force=force,
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
        _print_places(terminal, weighed, page, known=known)
    else:
        cli.show.print_json(pages.manifests(weighed))
    if faults:
        raise UsageError("\n".join(faults))


def _print_evidence(terminal: Console, runs: list[Run], *, verbose: bool) -> None:
    """Print what one run is worth; of several a line each, and with `verbose` both."""
    if len(runs) > 1:
        _print_terms(terminal, runs)
        cli.show_runs.overview(terminal, runs)
    if verbose or len(runs) == 1:
        for run in runs:
            cli.show_runs.run_details(terminal, run, whole=verbose)
    cli.show_runs.warnings(terminal, runs)


def _verify(made: Sequence[Replay]) -> None:
    """Replay each with the other engine; the message is no part of what `--json` prints."""
    for replay in made:
        options.announce_compiling()
        agree = f"both engines agree: {counted(replay.verify(), 'trade')}"
        name = replay.run.manifest["strategy"]
        typer.echo(f"{name}: {agree}" if len(made) > 1 else agree, err=True)


def _print_terms(terminal: Console, runs: list[Run]) -> None:
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


def _print_places(terminal: Console, runs: list[Run], page: Path | None, *, known: int) -> None:
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
