"""`backtest study`: what a stock did round events, and whether random days do as much."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from backtest.cli import options

EXAMPLES = (
    "Examples: `backtest study earnings` · `backtest study short_report --strategy` · "
    "`backtest study news --window 0,+1 --window 0,+5` · `backtest study --null-world`"
)
_MODELS = ("market", "market_adjusted", "mean_adjusted")


def study(
    folders: options.AllFolders,
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
        typer.Option(metavar="FIELD", help="Of many stocks: sort the events, as by surprise."),
    ] = None,
    quantiles: Annotated[
        int, typer.Option(min=2, max=20, help="Groups of --by, equally large.")
    ] = 5,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST,LAST",
            help="Sessions from day 0, such as -1,+1; repeat for several, the first leads. "
            "[-1,+1 0,+1 0,+5 0,+20 -10,+10]",
        ),
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Fund to hold the stock against. [SPY or QQQ, by fit]")
    ] = None,
    model: Annotated[
        str, typer.Option(help=f"Of normal returns: {', '.join(_MODELS)}.")
    ] = "market",
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    bars: Annotated[
        str | None,
        typer.Option(metavar="5m", help="Of one stock: minutes too, by bars of 1m, 5m … 1h."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random days.")] = 1,
    draws: Annotated[int, typer.Option(min=99, max=1_000_000, help="Random days.")] = 10_000,
    null_world: Annotated[
        bool, typer.Option("--null-world", help="Try the verdicts where there is nothing to find.")
    ] = False,
    worlds: Annotated[int, typer.Option(min=1, help="How many null worlds of each kind.")] = 400,
    accept_jumps: options.AcceptJumps = False,
    force: Annotated[bool, typer.Option("--force", help="Study again what has been.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Study abnormal returns round the events of a kind, or those that a strategy would trade."""
    from backtest.api import calls
    from backtest.api.results import StudyResult
    from backtest.cli import show, show_evidence
    from backtest.errors import UsageError

    if null_world:
        if name is not None:
            raise UsageError("--null-world studies made-up prices; it takes no kind or strategy.")
        options.announce_compiling()
        judged = calls.null_worlds(worlds, seed=seed)
        if as_json:
            show.print_json(judged.as_dict())
        else:
            show_evidence.null_worlds(judged)
        return
    if name is None:
        raise UsageError(
            "Name a kind of event or a strategy, such as `backtest study earnings`; "
            "`backtest list strategies` shows both. Or give --null-world."
        )
    found = calls.study(
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
    page = found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
        return
    one = isinstance(found, StudyResult)
    (show_evidence.study if one else show_evidence.study_of_stocks)(show.console(), found.record)
    if found.known:
        typer.echo("It had been studied before with the same inputs; --force does it again.")
    typer.echo(f"Every CAR: {found.path / 'cars.csv'}")
    typer.echo(f"The page:  {page}")
