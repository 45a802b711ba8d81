"""`backtest compare`: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli.options import AsJson, ReportsFolder

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run

EXAMPLES = (
    "Examples: `backtest compare` · `backtest compare earnings_surprise buy_and_hold` · "
    "`backtest compare 1a2b3c4d5e --json`"
)


def compare(
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run ids, run folders or strategies; the latest run of each by default.",
        ),
    ] = None,
    as_json: AsJson = False,
    out: ReportsFolder = None,
) -> None:
    """Show the figures of runs side by side, with their benchmark, and write a page of them."""
    from backtest.cli import show
    from backtest.errors import UsageError
    from backtest.experiments.runs.store import find_run, latest_runs
    from backtest.reports.compare_page import write_comparison
    from backtest.reports.index_page import write_index
    from backtest.workspace.folders import find_reports

    reports = find_reports(out)
    named = [find_run(reports, name, show.left_out) for name in run or ()]
    runs = named or latest_runs(reports, show.left_out)
    if not runs:
        raise UsageError(f"There is no run in {reports} yet. Make one with `backtest run`.")
    if as_json:
        columns = ("run_id", "strategy", "evidence", "attribution", "trials", "placebo_p_holm")
        show.print_json(
            [
                {**{name: told.get(name) for name in columns}, **told["summary"]}
                for told in show.manifests(runs)
            ]
        )
    else:
        _print_table(runs)
    page = write_comparison(reports, runs, keep=True)
    write_index(reports)
    if not as_json:
        typer.echo(f"\nThe page: {page}")


def _print_table(runs: list[Run]) -> None:
    from backtest.cli import show
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.words.run import comparison_notes, comparison_rows

    terminal = show.console()
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    show.comparison(terminal, runs, comparison_rows(runs, trials))
    show.notes(terminal, comparison_notes(runs))
    show.set_differently(terminal, runs)
