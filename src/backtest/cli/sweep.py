"""`backtest sweep`: every set of a grid of parameters, and what the whole surface says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from backtest.experiments.sweeps.run import SweepPlan

EXAMPLES = (
    "Examples: `backtest sweep earnings_surprise --grid hold=1:40 --grid stop=0.02:0.30:0.01` · "
    "`backtest sweep short_report --grid hold=5,10,20 --grid stop=none,0.1,0.2 --workers 4`"
)
_MANY = 10_000_000  # sets; beyond it is asked whether this is meant


def sweep(
    terms: options.Terms,
    folders: options.AllFolders,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Strategy to vary.")],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="NAME=VALUES",
            help="A parameter and its values: first:last, first:last:step, or a list by comma. "
            "Repeat for several; all combinations are evaluated.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine. [this one alone]")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, such as tcp://10.0.0.5:8786."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help=f"Do not ask when there are more than {_MANY:,} sets.")
    ] = False,
    accept_jumps: options.AcceptJumps = False,
    force: Annotated[
        bool, typer.Option("--force", help="Evaluate again what has been evaluated.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate a strategy for every combination of some parameters' values."""
    from backtest.api import calls
    from backtest.cli import show
    from backtest.experiments.sweeps.grid import parse_axes

    with show.progress("Sets") as on_sets:
        found = calls.sweep(
            strategy,
            parse_axes(grid or []),
            workers=workers,
            cluster=cluster,
            accept_jumps=accept_jumps,
            force=force,
            **terms.arguments(),
            **folders.arguments(),
            before=lambda plan: _announce(plan, workers, cluster, yes=yes),
            on_sets=on_sets,
            tell=show.left_out,
        )
    page = found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
        return
    terminal = show.console()
    terminal.print(show.headed(found.summary.items()))
    show.assumptions(terminal, found.record.get("assumptions", ()))
    if found.known:
        typer.echo("It had been evaluated before with the same inputs; --force does it again.")
    typer.echo(f"Every set: {found.path / 'sets.parquet'}")
    typer.echo(f"The page:  {page}")


def _announce(plan: SweepPlan, workers: int | None, cluster: str | None, *, yes: bool) -> None:
    """Say how many sets there are and how long they take; ask where they are very many."""
    from backtest.errors import UsageError
    from backtest.stats.formats import counted

    options.announce_compiling()
    spec = plan.spec
    counts = " × ".join(f"{len(values):,} {name}" for name, values in spec.axes.items())
    seconds = plan.evaluator.seconds_a_set() * spec.sets / min(workers or 1, os.cpu_count() or 1)
    where = " in one process" if cluster else ""
    sets = counted(spec.sets, "set")
    typer.echo(f"{sets} ({counts}), {_duration(seconds)}{where}", err=True)
    if spec.sets > _MANY and not yes and not _confirmed():
        raise UsageError(
            "Nothing was evaluated. Take wider steps or fewer parameters; --yes is the answer "
            "where nobody can be asked."
        )


def _confirmed() -> bool:
    try:
        return typer.confirm("Evaluate them all?", err=True)
    except typer.Abort:
        typer.echo(err=True)
        return False


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "under a second"
    for size, unit in ((86_400 * 365, "years"), (86_400, "days"), (3_600, "hours"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {unit}"
    return f"about {seconds:,.0f} s"
