"""`backtest sweep`: every set of a grid of parameters, and what the whole surface says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import (
    AsJson,
    CashOption,
    CommissionOption,
    CostsOption,
    DataFolder,
    FirstDay,
    LastDay,
    MaxPositions,
    MinOrder,
    ReactionOption,
    ReportsFolder,
    Settings,
    SlippageOption,
    StrategiesFolder,
    Symbols,
    UniverseOption,
    announce_compiling,
    parse_settings,
    rules_of,
)

if TYPE_CHECKING:
    from backtest.experiments.sweeps.folder import Sweep
    from backtest.experiments.sweeps.run import SweepPlan

EXAMPLES = (
    "Examples: `backtest sweep earnings_surprise --grid hold=1:40 --grid stop=0.02:0.30:0.01` · "
    "`backtest sweep short_report --grid hold=5,10,20 --grid stop=none,0.1,0.2 --workers 4`"
)
_MANY = 10_000_000  # sets; beyond it is asked whether this is meant


def sweep(
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
    symbol: Symbols = None,
    universe: UniverseOption = None,
    first: FirstDay = None,
    last: LastDay = None,
    settings: Settings = None,
    cash: CashOption = None,
    costs: CostsOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    reaction: ReactionOption = None,
    max_positions: MaxPositions = None,
    min_order: MinOrder = None,
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
    force: Annotated[
        bool, typer.Option("--force", help="Evaluate again what has been evaluated.")
    ] = False,
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Evaluate a strategy for every combination of some parameters' values."""
    from backtest.cli import show
    from backtest.errors import UsageError
    from backtest.experiments.sweeps.grid import parse_axes
    from backtest.experiments.sweeps.run import SweepRequest, known_sweep, prepare_sweep
    from backtest.experiments.terms import read_day, read_terms
    from backtest.reports.index_page import write_index
    from backtest.reports.sweep_page import write_sweep_page
    from backtest.workspace.folders import find_workspace

    if workers and cluster:
        raise UsageError("--workers and --cluster exclude each other; choose one.")
    workspace = find_workspace(strategies, data, out)
    terms = read_terms(
        workspace.data,
        {"symbol": symbol, "cash": cash, "costs": costs},
        rules_of(commission, slippage, reaction, max_positions, min_order),
        universe,
    )
    request = SweepRequest(
        strategy=strategy,
        symbols=terms.symbols,
        settings=parse_settings(settings or []),
        grid=parse_axes(grid or []),
        first=read_day("--from", first),
        last=read_day("--to", last),
        rules=terms.rules,
        costs=terms.costs,
        universe=terms.universe,
    )
    plan = prepare_sweep(workspace, request)
    known = None if force else known_sweep(plan)
    if known is None:
        _announce(plan, workers, cluster, yes=yes)
    done = known or _evaluate(plan, workers, cluster)
    page = write_sweep_page(done.path, workspace.reports)
    write_index(workspace.reports)
    if as_json:
        show.print_json({**done.manifest, "path": str(done.path)})
        return
    _print_summary(done)
    if known:
        typer.echo("It had been evaluated before with the same inputs; --force does it again.")
    typer.echo(f"Every set: {done.path / 'sets.parquet'}")
    typer.echo(f"The page:  {page}")


def _print_summary(sweep: Sweep) -> None:
    from rich.table import Table

    from backtest.cli import show
    from backtest.reports.sweep_page import sweep_sentences
    from backtest.stats.surface import summary

    manifest, sets = sweep.manifest, sweep.sets.to_pandas()
    found = summary(sets, manifest["axes"], manifest["base"], manifest["base_figures"])
    lines = Table.grid(padding=(0, 2))
    for heading, text in sweep_sentences(found, manifest):
        lines.add_row(heading, text)
    show.console().print(lines)


def _announce(plan: SweepPlan, workers: int | None, cluster: str | None, *, yes: bool) -> None:
    """Say how many sets there are and how long they take; ask where they are very many."""
    from backtest.errors import UsageError
    from backtest.experiments.sweeps.run import seconds_a_set
    from backtest.stats.formats import counted

    announce_compiling()
    spec = plan.spec
    counts = " × ".join(f"{len(values):,} {name}" for name, values in spec.axes.items())
    seconds = seconds_a_set(plan) * spec.sets / min(workers or 1, os.cpu_count() or 1)
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


def _evaluate(plan: SweepPlan, workers: int | None, cluster: str | None) -> Sweep:
    """Evaluate with a progress bar."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from backtest.cli import show
    from backtest.experiments.sweeps.run import run_sweep

    columns: list[Any] = [
        TextColumn("Sets"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    ]  # fmt: skip
    with Progress(*columns, console=show.console(stderr=True), transient=True) as bar:
        task = bar.add_task("Sets", total=plan.spec.sets)
        return run_sweep(
            plan,
            workers=workers,
            cluster=cluster,
            on_sets=lambda sets: bar.advance(task, sets),
            tell=lambda text: bar.console.print(text, soft_wrap=True),
        )
