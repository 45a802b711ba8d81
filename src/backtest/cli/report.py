"""`backtest report`: a run as a page, as Markdown, JSON or CSV, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import visible

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run


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
        bool, typer.Option("--all", help="Every run that is meant, not the latest of each.")
    ] = False,
    as_json: options.AsJson = False,
    out: options.ReportsFolder = None,
) -> None:
    """Show the figures of runs side by side, with their benchmark, and write a page of them."""
    from backtest.api import pages as calls

    runs = calls.find_runs(*(run or ()), variants=variants, reports=out, tell=cli.show.left_out)
    if as_json:
        cli.show.print_json(
            [
                {**{name: manifest.get(name) for name in _COMPARED}, **manifest["summary"]}
                for manifest in calls.manifests(runs)
            ]
        )
    else:
        _print_comparison(runs)
    page = calls.draw_comparison(runs, cli.show.left_out)
    if page and not as_json:
        typer.echo(f"\nThe page: {page}")


def _print_comparison(runs: list[Run]) -> None:
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.compare_page import unlike
    from backtest.reports.run_words import comparison_notes, comparison_rows

    terminal = cli.show.console()
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    if differing := unlike(runs):
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
            "folder of a sweep, study or comparison; compare, or index, which shows them all.",
            show_default=False,
        ),
    ] = "index",
    out: options.ReportsFolder = None,
) -> None:
    """Show a page in the browser; it is drawn where it is missing."""
    from backtest.api.pages import run_on

    page = backtest.find_page(name, reports=out, tell=cli.show.left_out)
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


EXAMPLES = (
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
            help="What to make of it. [the ending of --output, or html without one]",
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="trades|equity|decisions|orders|bars", help="Of csv: which table. [trades]"
        ),
    ] = None,
    symbol: options.SymbolsOfRun = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write; a page becomes one file that can be sent. [html and png: the "
            "run folder; others: the terminal]",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is no report.")
    ] = False,
    out: options.ReportsFolder = None,
) -> None:
    """Show a run as a page, Markdown, JSON, CSV or a picture."""
    form = form or (output and output.suffix.removeprefix(".").lower()) or "html"
    if table is not None and form != "csv":
        raise UsageError(f"--table is for --format csv, and this is {form}.")
    if symbol is not None and form != "png":
        raise UsageError(f"--symbol is for --format png, and this is {form}.")
    several = len(symbol or ()) > 1
    for stock in symbol or (None,):
        made = backtest.report_run(
            run,
            form,
            table=table or "trades",
            symbols=stock,
            output=output.with_stem(f"{output.stem}-{stock}") if output and several else output,
            force=force,
            reports=out,
            tell=cli.show.left_out,
        )
        if isinstance(made, Path):
            typer.echo(made)
        else:
            typer.echo(visible(made).encode(), nl=False)
