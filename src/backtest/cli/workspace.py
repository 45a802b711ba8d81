"""Define the commands of a workspace and its runs, from `backtest init` to `backtest report`."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import visible

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run
    from backtest.strategy.new import NewSignal
    from backtest.workspace.folders import Config, Setting

INIT_EXAMPLES = "Examples: `backtest init signals` · `backtest init .`"


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The workspace; the folder may exist already.")
    ],
    as_json: options.AsJson = False,
) -> None:
    """Make a workspace: strategies, data, reports and settings."""
    from backtest.workspace.folders import PARTS

    path = backtest.init(folder)
    if as_json:
        cli.show.print_json({"path": str(path), "parts": PARTS})
        return
    typer.echo(f"{path} is a workspace: {', '.join(PARTS)}.")
    if path != Path.cwd():
        typer.echo(f"Go there: cd {quote(str(folder))}")
    typer.echo("Then: backtest list strategies, backtest run, or backtest new signal NAME")


new = options.App(no_args_is_help=True, help="Begin a signal of your own.")


@new.command(
    "signal",
    epilog="Examples: `backtest new signal insider_sale` · "
    "`backtest new signal insider_sale --from news`. Nothing is ever overwritten.",
)
def new_signal(
    folders: options.FolderOptions,
    name: Annotated[str, typer.Argument(metavar="NAME", help="In snake case: insider_sale.")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="KIND",
            help="Start from an existing kind of event: earnings, news, short_report, "
            "stake_disclosure, or one of announced dates, such as report_date.",
        ),
    ] = None,
    backtrader: Annotated[
        bool, typer.Option("--backtrader", help="Write a Backtrader strategy.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write a strategy that runs at once, an example event, and a test."""
    from rich.text import Text

    signal = backtest.new_signal(name, kind, backtrader=backtrader, **folders.arguments())
    if as_json:
        cli.show.print_json(vars(signal))
        return
    for path, what in _written(signal):
        typer.echo(f"wrote {os.path.relpath(path)}\n      {what}")
    cli.show.console().print(Text("\nNext\n", style="bold"))
    for command, what in _next(signal):
        typer.echo(f"  {command}\n      {what}")


def _written(new: "NewSignal") -> Iterator[tuple[Path, str]]:
    yield new.strategy, "the rule: parameters, and what follows from an event"
    if new.events:
        yield new.events, "its events: one example row, made up and never traded; replace it"
    yield new.test, "its test: the contract, and what it answers"


def _next(new: "NewSignal") -> Iterator[tuple[str, str]]:
    """Yield the commands that lead from here to a result, and what each is for."""
    if new.events:
        real = "put real rows, each with its source, for the example"
        yield f"edit {quote(os.path.relpath(new.events))}", real
        seal = f"backtest events seal {new.kind} --source 'where the rows come from'"
        yield seal, "checks the rows and records what they are"
    yield f"backtest check {new.name}", "the contract of every strategy, in seconds"
    yield f"backtest audit {new.name}", "whether it looks ahead"
    yield f"backtest run {new.name}", "what it would have earned, and what that is worth"
    yield "backtest compare", "beside what ran before"
    yield f"backtest open {new.name}", "its page: each event and trade"


CONFIG_EXAMPLES = "Examples: `backtest config` · `backtest config --cash 50000 --json`"


def config(
    folders: options.AllFolderOptions,
    symbol: options.Symbols = None,
    benchmark: options.BenchmarkOption = None,
    cash: options.CashOption = None,
    costs: options.CostsOption = None,
    as_json: options.AsJson = False,
) -> None:
    """Show every setting and where it comes from.

    Options are taken into account: it shows what a command with the same options works with.
    """
    from backtest.workspace.folders import read_config

    config = read_config(
        {
            "symbol": symbol,
            "benchmark": benchmark,
            "cash": cash,
            "costs": costs,
            **{f"folders.{name}": folder for name, folder in folders.arguments().items()},
        }
    )
    rows = [*config.settings.values(), *_parameters(config)]
    if as_json:
        settings = [vars(row) for row in rows]
        cli.show.print_json({"file": config.path and str(config.path), "settings": settings})
    else:
        cli.show_data.settings(config, rows)
    if config.path:
        _check_strategies(config, folders)


def _parameters(config: "Config") -> "list[Setting]":
    """Return the parameters of strategies that `backtest.toml` sets."""
    from backtest.strategy.parameters import leaves, plain
    from backtest.workspace.folders import Setting

    return [
        Setting(f"strategies.{name}.{parameter}", plain(value), "file", str(config.path))
        for name, table in config.defaults.tables.items()
        for parameter, value in leaves(table).items()
    ]


def _check_strategies(config: "Config", folders: options.AllFolderOptions) -> None:
    """Raise `UsageError` where `backtest.toml` sets what a strategy does not take."""
    from backtest.strategy.loading import find_strategy
    from backtest.strategy.parameters import check_defaults
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(**folders.arguments())
    for name in config.defaults.tables:
        check_defaults(find_strategy(workspace, name))


listing = options.App(no_args_is_help=True, help="List strategies or runs.")


@listing.command("strategies", epilog="Example: `backtest list strategies`")
def list_strategies(folders: options.AllFolderOptions, as_json: options.AsJson = False) -> None:
    """List strategies, their events, and when each last ran."""
    from backtest.api.workspace import strategy_rows

    rows = strategy_rows(**folders.arguments(), tell=cli.show.warn)
    cli.show.output(rows, cli.show_data.strategies, as_json=as_json)


@listing.command(
    "runs",
    epilog="Examples: `backtest list runs` · "
    "`backtest list runs earnings_surprise --set hold=5 --since 2025-09-01`",
)
def list_runs(
    run: options.Runs = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Runs with this parameter; repeat for several."
        ),
    ] = None,
    since: Annotated[
        date | None, options.day("--since", "Runs that were requested on that day or later.")
    ] = None,
    as_json: options.AsJson = False,
    reports: options.ReportsFolder = None,
) -> None:
    """List runs, the newest request first, and how each differs."""
    from backtest.experiments.runs import finding
    from backtest.workspace.folders import find_reports

    texts = {name: value.text for name, value in options.parse_settings(settings).items()}
    runs = finding.list_runs(
        find_reports(reports), cli.show.warn, run or (), settings=texts, since=since
    )
    if as_json:
        from backtest.api.pages import run_record

        cli.show.print_json([run_record(run) for run in runs])
    else:
        cli.show_runs.runs(cli.show.console(), runs)


universes = options.App(
    invoke_without_command=True,
    epilog="Examples: `backtest universes` · `backtest universes --json` · "
    "`backtest universes seal mine --source 'my list'`",
)


@universes.callback()
@options.spread
def list_universes(
    folders: options.FolderOptions, context: typer.Context, as_json: options.AsJson = False
) -> None:
    """List the universes: stocks, prices, events and what is missing."""
    if not context.invoked_subcommand:
        rows = cli.show.records(backtest.list_universes(**folders.arguments()).reset_index())
        cli.show.output(rows, cli.show_data.universes, as_json=as_json)


@universes.command("seal", epilog="Example: `backtest universes seal mine --source 'my list'`")
def seal_universe(
    folders: options.FolderOptions,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The universe.")],
    source: options.SourceOption = None,
) -> None:
    """Check a table that you changed, and record its new sha256."""
    typer.echo(f"wrote {backtest.seal_universe(name, source, **folders.arguments())}")


COMPARE_EXAMPLES = (
    "Examples: `backtest compare` · `backtest compare earnings_surprise buy_and_hold` · "
    "`backtest compare earnings_surprise --all` · `backtest compare 1a2b3c4d5e --json`"
)
_COMPARED = (
    "run_id", "strategy", "variant", "label", "figures", "stock", "evidence", "attribution",
    "trials", "placebo_p_holm",
)  # fmt: skip


def compare(
    run: options.Runs = None,
    variants: Annotated[
        bool,
        typer.Option("--all", help="Compare every matching run, not the latest of each strategy."),
    ] = False,
    as_json: options.AsJson = False,
    out: options.ReportsFolder = None,
) -> None:
    """Show the figures of runs side by side, and write a page."""
    from backtest.api import pages

    runs = pages.find_runs(*(run or ()), variants=variants, reports=out, tell=cli.show.warn)
    if as_json:
        cli.show.print_json(
            [
                {**{name: manifest.get(name) for name in _COMPARED}, **manifest["summary"]}
                for manifest in pages.manifests(runs)
            ]
        )
    else:
        _print_comparison(runs)
    page = pages.draw_comparison(runs, cli.show.warn)
    if page and not as_json:
        typer.echo(f"\nThe page: {page}")


def _print_comparison(runs: "list[Run]") -> None:
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.compare_page import differing_settings
    from backtest.reports.run_words import comparison_notes, comparison_rows

    terminal = cli.show.console()
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    if differing := differing_settings(runs):
        terminal.print(f"Unlike is compared here: the runs differ in {', '.join(differing)}.\n")
    cli.show_runs.comparison(terminal, runs, comparison_rows(runs, trials))
    cli.show.notes(terminal, comparison_notes(runs))
    cli.show_runs.set_differently(terminal, runs)


OPEN_EXAMPLES = (
    "Examples: `backtest open` · `backtest open nvidia_stake` · `backtest open compare` · "
    "`backtest open 1a2b3c4d5e`"
)


def open_page(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|compare|index",
            help="A strategy, run id or its beginning, run folder, label or pattern; the id or "
            "folder of a sweep, study or comparison; compare; or index, which lists them all.",
            show_default=False,
        ),
    ] = "index",
    out: options.ReportsFolder = None,
) -> None:
    """Show a page in the browser; a run without one gets it first."""
    from backtest.api.pages import run_on

    page = backtest.find_page(name, reports=out, tell=cli.show.warn)
    typer.echo(page)
    if words := run_on(page):
        typer.echo(words, err=True)
    if not _is_opened(page):
        typer.echo(f"No browser could be started here. The address: {page.as_uri()}", err=True)


def _is_opened(page: Path) -> bool:
    import webbrowser

    try:
        return webbrowser.open(page.as_uri())
    except webbrowser.Error:
        return False


REPORT_EXAMPLES = (
    "Examples: `backtest report nvidia_stake --format md` · "
    "`backtest report nvidia_stake --output chart.png` · "
    "`backtest report 1a2b3c4d5e --format csv --table equity --output equity.csv`"
)


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A strategy, run id or its beginning, run folder, label or pattern."
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="html|md|json|csv|png",
            help="The form of the report. [by the ending of --output, else html]",
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="trades|equity|decisions|orders|bars", help="The table for csv. [trades]"
        ),
    ] = None,
    symbol: options.SymbolsOfRun = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file to write; a page becomes one file that can be sent. [the run folder "
            "for html and png, else the terminal]",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite even a file that is not a report.")
    ] = False,
    out: options.ReportsFolder = None,
) -> None:
    """Show a run as a page, Markdown, JSON, CSV or a picture."""
    form = form or (output and output.suffix.removeprefix(".").lower()) or "html"
    if table is not None and form != "csv":
        raise UsageError(f"--table is for --format csv, and this is {form}.")
    if symbol is not None and form != "png":
        raise UsageError(f"--symbol is for --format png, and this is {form}.")
    are_several = len(symbol or ()) > 1
    for stock in symbol or (None,):
        report = backtest.report_run(
            run,
            form,
            table=table or "trades",
            symbols=stock,
            output=output.with_stem(f"{output.stem}-{stock}") if output and are_several else output,
            force=force,
            reports=out,
            tell=cli.show.warn,
        )
        if isinstance(report, Path):
            typer.echo(report)
        else:
            typer.echo(visible(report).encode(), nl=False)
