"""`backtest compare`: runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.cli.options import AsJson, ReportsFolder

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
    """Show the figures of runs side by side, with their benchmark."""
    from backtest.cli import show
    from backtest.errors import UsageError
    from backtest.runs import find_run, latest_runs
    from backtest.workspace import find_reports

    reports = find_reports(out)
    runs = [find_run(reports, name) for name in run] if run else latest_runs(reports)
    if not runs:
        raise UsageError(f"There is no run in {reports} yet. Make one with `backtest run`.")
    if as_json:
        show.print_json(
            [
                {"run_id": r.run_id, "strategy": r.manifest["strategy"], **r.manifest["summary"]}
                for r in runs
            ]
        )
        return
    terminal = show.console()
    show.comparison(terminal, runs)
    if unlike := show.differences(runs):
        terminal.print()
        terminal.print(unlike)
