"""`backtest audit`: proof that a strategy does not look ahead, or where it does."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.cli import options

CHECK_EXAMPLES = (
    "Example: `backtest check insider_sale`. The exit code is 2 where the contract is broken and "
    "4 where the strategy looks ahead. `backtest audit` looks for that in many more worlds."
)


def check(
    folders: options.Folders,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    symbol: options.Symbols = None,
    universe: options.UniverseOption = None,
    settings: options.Settings = None,
    as_json: options.AsJson = False,
) -> None:
    """Hold a strategy against the contract: pure, bounded, repeatable, never looking ahead."""
    from backtest.api import calls
    from backtest.cli import show, show_evidence

    parameters = options.parse_settings(settings)
    report = calls.check(
        strategy, parameters=parameters, symbols=symbol, universe=universe, **folders.arguments()
    ).report
    if as_json:
        show.print_json(report.as_dict())
    else:
        show_evidence.contract(show.console(), report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


EXAMPLES = (
    "Examples: `backtest audit nvidia_stake` · `backtest audit earnings_surprise --set hold=5` · "
    "`backtest audit earnings_surprise --universe us_large`. "
    "The exit code is 4 where the strategy is not found clean."
)


def audit(
    terms: options.Terms,
    folders: options.AllFolders,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    worlds: Annotated[
        int | None,
        typer.Option(min=0, help="How many null worlds. [200; 100 for a strategy of Backtrader's]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. [one for each core]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Audit again what has been.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask whether a strategy looks ahead, and show where it does."""
    from backtest.api import calls
    from backtest.audit.record import EXIT_CODE
    from backtest.cli import show, show_evidence

    with show.progress("Worlds") as on_worlds:
        found = calls.audit_strategy(
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
    page = found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
    else:
        show_evidence.audit(show.console(), found.record)
        if found.known:
            typer.echo("It had been audited before with the same inputs; --force does it again.")
        typer.echo(f"The page: {page}")
    if found.outcome != "clean":
        raise typer.Exit(EXIT_CODE)
