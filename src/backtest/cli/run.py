"""`backtest run`: replay strategies, show what came out, draw the tear sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from backtest.cli.options import (
    AsJson,
    Benchmark,
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
    Verbose,
    announce_compiling,
    parse_settings,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from backtest.experiments.runs.run import RunPlan
    from backtest.experiments.runs.store import Run
    from backtest.strategy.parameters import Text
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace

EXAMPLES = (
    "Examples: `backtest run` · `backtest run earnings_surprise --set hold=5 --set measure=all` · "
    "`backtest run short_report --from 2025-09-01 --benchmark QQQ --slippage 10` · "
    "`backtest run --as-of 2025-12-31` · `backtest run earnings_surprise --universe us_large`"
)

_ENGINES = {"backtrader": "Backtrader", "kernel": "the kernel"}


def run(
    strategy: Annotated[
        list[str] | None,
        typer.Argument(metavar="STRATEGY", help="Strategies to run; all by default."),
    ] = None,
    symbol: Symbols = None,
    universe: UniverseOption = None,
    first: FirstDay = None,
    last: LastDay = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DAY",
            help="Replay with what was in the files, and public, at the end of that day.",
        ),
    ] = None,
    settings: Settings = None,
    cash: CashOption = None,
    benchmark: Benchmark = None,
    costs: CostsOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    reaction: ReactionOption = None,
    max_positions: MaxPositions = None,
    min_order: MinOrder = None,
    engine: Annotated[
        str | None,
        typer.Option(metavar="|".join(_ENGINES), help="What replays. [kernel where bars are many]"),
    ] = None,
    verified: Annotated[
        bool,
        typer.Option("--verify", help="Replay with the other engine too, and compare to the cent."),
    ] = False,
    tearsheet: Annotated[
        bool, typer.Option("--tearsheet/--no-tearsheet", help="Draw quantstats tear sheets.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Run again also what has been run.")
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Replay strategies against the events, a run folder for each."""
    from backtest.api.pages import manifests
    from backtest.cli import show
    from backtest.errors import UsageError, unknown
    from backtest.experiments.runs.run import RunRequest, prepare_run
    from backtest.experiments.terms import read_day, read_terms
    from backtest.workspace.folders import find_workspace

    if engine is not None and engine not in _ENGINES:
        raise unknown("engine", engine, _ENGINES)
    workspace = find_workspace(strategies, data, out)
    terms = read_terms(
        workspace.data,
        {"symbol": symbol, "benchmark": benchmark, "cash": cash, "costs": costs},
        rules_of(commission, slippage, reaction, max_positions, min_order),
        universe,
    )
    wanted = parse_settings(settings or [])
    files, left_out = _strategies_to_run(workspace, strategy or [], wanted)
    prepared = [
        prepare_run(
            workspace,
            RunRequest(
                strategy=file.name,
                symbols=terms.symbols,
                settings=wanted,
                first=read_day("--from", first),
                last=read_day("--to", last),
                benchmark=terms.benchmark,
                rules=terms.rules,
                costs=terms.costs,
                as_of=read_day("--as-of", as_of),
                universe=terms.universe,
                engine=cast("Any", engine),
            ),
            file,
        )
        for file in files
    ]
    known = {plan.path for plan in prepared if plan.exists and not force}
    made, failed = _replay(prepared, force=force)
    if not made:
        raise UsageError("\n".join([*failed, *left_out]))
    terminal = show.console()
    if not as_json:
        _print_table(terminal, [run for _, run in made])
    if verified:
        _verify(made)
    runs = []
    for plan, replayed in made:
        runs.append(_weighed(plan, replayed))
        if not as_json:
            show.run_details(terminal, runs[-1], whole=verbose)
    if as_json:
        show.print_json(manifests(runs))
    else:
        show.correction(terminal, runs)
        show.audits(terminal, runs)
    _draw(runs, tearsheet=tearsheet)
    page = _side_by_side(workspace.reports)
    if not as_json:
        _print_places(terminal, runs, page, known=len(known))
    if failed or left_out:
        raise UsageError("\n".join([*failed, *left_out]))


def _strategies_to_run(
    workspace: Workspace, names: Sequence[str], settings: Mapping[str, Text]
) -> tuple[list[StrategyFile], list[str]]:
    """The strategies that are named, or all; and a message for each of all that does not load.

    Raises:
        UsageError: a strategy that is named does not load, none does, or a parameter is not one
            of each of several strategies.

    """
    from backtest.errors import UsageError
    from backtest.strategy.loading import find_strategy, strategy_origins

    files: list[StrategyFile] = []
    left_out: list[str] = []
    for name in dict.fromkeys(names or strategy_origins(workspace)):
        try:
            files.append(find_strategy(workspace, name))
        except UsageError as error:
            if names:
                raise
            left_out.append(f"{name} was left out: {error}")
    if not files:
        raise UsageError(
            "\n".join(left_out)
            or f"There is no strategy in {workspace.strategies}. "
            f"Point --strategies or BACKTEST_STRATEGIES to a folder of strategy files."
        )
    if len(files) > 1:
        _check_settings(files, settings)
    return files, left_out


def _check_settings(files: Sequence[StrategyFile], settings: Mapping[str, Text]) -> None:
    """Hold what is set in several strategies against the parameters of each."""
    from backtest.errors import UsageError
    from backtest.strategy.parameters import parameters

    for name, value in settings.items():
        having = [file.name for file in files if name in parameters(file.cls)]
        if len(having) < len(files):
            known = f"{', '.join(having)} alone" if having else "none of them"
            raise UsageError(
                f"--set {name}={value.text} is for each of the {len(files)} strategies that are "
                f"run, but the parameter {name} is known to {known}. Name the one that is meant: "
                f"`backtest run {having[0] if having else 'NAME'} --set {name}={value.text}`; "
                f"`backtest list strategies` shows the parameters of each."
            )


def _replay(plans: list[RunPlan], *, force: bool) -> tuple[list[tuple[RunPlan, Run]], list[str]]:
    """Every run that can be made, and the messages of those that cannot."""
    from backtest.errors import UsageError
    from backtest.experiments.runs.run import replay_run

    made: list[tuple[RunPlan, Run]] = []
    faults: list[str] = []
    for plan in plans:
        try:
            made.append((plan, replay_run(plan, force=force)))
        except UsageError as error:  # of one strategy: the others are shown all the same
            faults.append(str(error))
    return made, faults


def _verify(made: list[tuple[RunPlan, Run]]) -> None:
    """Replay each with the other engine; the message is no part of what `--json` prints."""
    from backtest.experiments.runs.run import verify
    from backtest.stats.formats import counted

    for plan, replayed in made:
        announce_compiling()
        agree = f"both engines agree: {counted(verify(plan, replayed), 'trade')}"
        typer.echo(f"{plan.request.strategy}: {agree}" if len(made) > 1 else agree, err=True)


def _weighed(plan: RunPlan, run: Run) -> Run:
    """The run with its evidence; what that needs is loaded after the result has been told."""
    from backtest.experiments.runs.run import weigh

    if "evidence" not in run.manifest:
        announce_compiling()
    return weigh(plan, run)


def _print_table(terminal: Console, runs: list[Run]) -> None:
    from backtest.cli import show
    from backtest.stats.formats import costs_line, counted, few

    first = runs[0].manifest
    universe, symbols = first.get("universe"), first["symbols"]
    traded = f"{universe}, {counted(len(symbols), 'stock')}," if universe else few(symbols)
    mean = first["benchmark"] == universe
    held_against = "the mean of its members" if mean else first["benchmark"]
    engines = sorted({_ENGINES[run.manifest.get("engine", "backtrader")] for run in runs})
    terminal.print(
        f"{traded} from {first['span']['first']} to {first['span']['last']}, "
        f"start {first['rules']['cash']:,.0f} $, benchmark {held_against}, "
        f"on {' and '.join(engines)}",
    )
    if first.get("as_of"):
        terminal.print(
            f"As of {first['as_of']}: what was on record and public at the end of that day"
        )
    terminal.print(f"Costs: {costs_line(first)}", style="dim")
    show.comparison(terminal, runs)


def _draw(runs: list[Run], *, tearsheet: bool) -> None:
    """Draw what is missing: tear sheets in parallel with a progress bar, then the run pages."""
    from backtest.cli import show
    from backtest.reports.run_page import write_run_page
    from backtest.reports.tearsheet import draw_tearsheets

    missing = [run for run in runs if tearsheet and not run.has_tearsheet]
    if missing:
        from rich.progress import Progress

        bar = Progress(console=show.console(stderr=True), transient=True)
        with bar:
            task = bar.add_task("Tear sheets", total=len(missing))
            for _ in draw_tearsheets(missing):
                bar.advance(task)
    for run in runs:
        write_run_page(run)


def _side_by_side(reports: Path) -> Path | None:
    """Write the comparison of the latest run of each strategy, and the index.

    A record of trials that cannot be read is no fault of this run: it is told, and there is no
    page.
    """
    from backtest.cli import show
    from backtest.errors import DataError
    from backtest.experiments.runs.store import latest_runs
    from backtest.reports.compare_page import write_comparison
    from backtest.reports.index_page import write_index

    page = None
    try:
        page = write_comparison(reports, latest_runs(reports, show.left_out))
    except DataError as error:
        typer.echo(f"The page of the comparison was not written. {error}", err=True)
    write_index(reports)
    return page


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
    ids = " ".join(run.run_id for run in runs)
    terminal.print(f"Side by side: backtest compare {ids}", soft_wrap=True)
    if page:
        terminal.print(Text(f"The latest of each strategy: {page}"), soft_wrap=True)
