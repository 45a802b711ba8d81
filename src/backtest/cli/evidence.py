"""Define `backtest sweep`, `study`, `audit` and `check`, which test strategies and events."""

import os
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from backtest.experiments.sweeps.run import SweepPlan

SWEEP_EXAMPLES = (
    "Examples: `backtest sweep earnings_surprise --grid hold=1:40 --grid stop=0.02:0.30:0.01` · "
    "`backtest sweep short_report --grid hold=5,10,20 --grid stop=none,0.1,0.2 --workers 4` · "
    "`backtest sweep short_report --bars 5m --grid reaction=1m,5m,30m,2h`"
)
_MANY = 10_000_000  # sets; a larger sweep has to be confirmed


def sweep(
    terms: options.TermsOptions,
    folders: options.AllFolderOptions,
    strategy: options.StrategyArgument,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="NAME=VALUES",
            help="A parameter, or reaction, and its values: first:last, first:last:step, or a list "
            "by comma. Repeat for several; all combinations are evaluated.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes on this machine. [1]")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler, such as tcp://10.0.0.5:8786."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help=f"Do not ask when there are more than {_MANY:,} sets.")
    ] = False,
    accept_jumps: options.AcceptJumps = False,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate a strategy for every set of parameters in a grid."""
    from backtest.experiments.sweeps.grid import parse_axes

    with cli.show.progress("Sets") as on_sets:
        result = backtest.sweep(
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
            tell=cli.show.warn,
        )
    sets = {"Every set": "sets.parquet"}
    cli.show_evidence.result(result, cli.show_evidence.sweep, "evaluated", sets, as_json=as_json)


def _announce(plan: "SweepPlan", workers: int | None, cluster: str | None, *, yes: bool) -> None:
    """Print how many sets there are and about how long they take; have very many confirmed."""
    options.announce_compiling()
    spec = plan.spec
    counts = " × ".join(f"{len(values):,} {name}" for name, values in spec.axes.items())
    seconds = plan.evaluator.seconds_a_set() * spec.sets / min(workers or 1, os.cpu_count() or 1)
    where = " in one process" if cluster else ""
    sets = counted(spec.sets, "set")
    typer.echo(f"{sets} ({counts}), {_duration(seconds)}{where}", err=True)
    if spec.sets > _MANY and not yes and not _confirmed():
        raise UsageError(
            "Nothing was evaluated. Use wider steps or fewer parameters, or give --yes where "
            "nobody can be asked."
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


STUDY_EXAMPLES = (
    "Examples: `backtest study earnings` · `backtest study short_report --strategy` · "
    "`backtest study news --window 0,+1 --window 0,+5` · `backtest study --null-world`"
)
_MODELS = ("market", "market_adjusted", "mean_adjusted")


def study(
    folders: options.AllFolderOptions,
    name: Annotated[
        str | None, typer.Argument(metavar="KIND|STRATEGY", help="A kind of event, or a strategy.")
    ] = None,
    as_strategy: Annotated[
        bool, typer.Option("--strategy", help="The strategy, where a kind has the same name.")
    ] = False,
    symbol: options.Symbols = None,
    universe: options.UniverseOption = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Of many stocks: sort the events, such as by surprise."),
    ] = None,
    quantiles: Annotated[
        int, typer.Option(min=2, max=20, help="Number of equally large groups of --by.")
    ] = 5,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST,LAST",
            help="Sessions from day 0, such as -1,+1; repeat for several, the first leads. "
            "[-1,+1 0,+1 0,+5 0,+20 -10,+10; of many stocks 0,+10 +1,+10 -1,-1 0,0 0,+1]",
        ),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            help="Fund to compare the stock with. [SPY or QQQ, by fit; of several stocks SPY; "
            "of a universe the mean of its members]"
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help=f"Model of normal returns: {', '.join(_MODELS)}.")
    ] = "market",
    reaction: options.Reaction = 5.0,
    bars: Annotated[
        str | None,
        typer.Option(metavar="5m", help="Study minutes too, by bars of 1m, 5m, 15m, 30m, 1h."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random days.")] = 1,
    draws: Annotated[
        int, typer.Option(min=99, max=1_000_000, help="Number of draws of random days.")
    ] = 10_000,
    null_world: Annotated[
        bool, typer.Option("--null-world", help="Try the verdicts where there is nothing to find.")
    ] = False,
    worlds: Annotated[int, typer.Option(min=1, help="Number of null worlds of each kind.")] = 400,
    accept_jumps: options.AcceptJumps = False,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Study returns around the events of a kind or a strategy."""
    from backtest.api.results import StudyResult

    if null_world:
        if name is not None:
            raise UsageError("--null-world studies made-up prices; it takes no kind or strategy.")
        options.announce_compiling()
        rates = backtest.null_worlds(worlds, seed=seed)
        cli.show.output(rates, cli.show_evidence.null_worlds, as_json=as_json)
        return
    if name is None:
        raise UsageError(
            "Name a kind of event or a strategy, such as `backtest study earnings`; "
            "`backtest list strategies` shows both. Or give --null-world."
        )
    result = backtest.study(
        name,
        as_strategy=as_strategy,
        symbols=symbol,
        universe=universe,
        by=by,
        quantiles=quantiles,
        windows=window,
        benchmark=benchmark,
        model=cast("Any", model),
        reaction=reaction,
        bars=bars,
        seed=seed,
        draws=draws,
        accept_jumps=accept_jumps,
        force=force,
        **folders.arguments(),
    )
    is_of_one = isinstance(result, StudyResult)
    show = cli.show_evidence.study if is_of_one else cli.show_evidence.study_of_stocks
    cli.show_evidence.result(result, show, "studied", {"Every CAR": "cars.csv"}, as_json=as_json)


AUDIT_EXAMPLES = (
    "Examples: `backtest audit nvidia_stake` · `backtest audit earnings_surprise --set hold=5` · "
    "`backtest audit earnings_surprise --universe us_large` · "
    "`backtest audit short_report --symbol ACME --bars 5m`. "
    "The exit code is 4 unless the strategy is found clean."
)


def audit(
    terms: options.TermsOptions,
    folders: options.AllFolderOptions,
    strategy: options.StrategyArgument,
    worlds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of null worlds. [200, fewer of many stocks, none for an EventStrategy]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is random.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes. [one for each core]")
    ] = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Test whether a strategy looks ahead, and show where it does."""
    from backtest.audit import EXIT_CODE

    with cli.show.progress("Worlds") as on_worlds:
        result = backtest.audit_strategy(
            strategy,
            worlds=worlds,
            seed=seed,
            workers=workers,
            force=force,
            **terms.arguments(),
            **folders.arguments(),
            before=lambda _: options.announce_compiling(),
            on_worlds=on_worlds,
        )
    cli.show_evidence.result(result, cli.show_evidence.audit, "audited", as_json=as_json)
    if result.outcome != "clean":
        raise typer.Exit(EXIT_CODE)


CHECK_EXAMPLES = (
    "Example: `backtest check insider_sale`. The exit code is 2 if the contract is broken and "
    "4 if the strategy looks ahead. `backtest audit` tests that in many more worlds."
)


def check(
    folders: options.FolderOptions,
    strategy: options.StrategyArgument,
    symbol: options.Symbols = None,
    universe: options.UniverseOption = None,
    settings: options.SettingsOption = None,
    as_json: options.AsJson = False,
) -> None:
    """Check that a strategy keeps the contract.

    It has to be pure, bounded and repeatable, and must never look ahead.
    """
    parameters = options.parse_settings(settings)
    report = backtest.check(
        strategy, parameters=parameters, symbols=symbol, universe=universe, **folders.arguments()
    ).report
    cli.show.output(report, cli.show_evidence.contract, as_json=as_json)
    if report.exit_code:
        raise typer.Exit(report.exit_code)
