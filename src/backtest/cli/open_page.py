"""`backtest open`: a page in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backtest.cli.options import ReportsFolder

EXAMPLES = (
    "Examples: `backtest open` · `backtest open nvidia_stake` · `backtest open compare` · "
    "`backtest open 1a2b3c4d5e`"
)


def open_page(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|compare|index",
            help="A run id, run folder or strategy; the id or folder of a sweep, study or "
            "comparison; compare, or index, which shows them all.",
            show_default=False,
        ),
    ] = "index",
    out: ReportsFolder = None,
) -> None:
    """Show a page in the browser; it is drawn where it is missing."""
    from backtest.workspace.folders import find_reports

    page = _page(find_reports(out), name)
    typer.echo(page)
    if not _shown(page):
        typer.echo(f"No browser could be started here. The address: {page.as_uri()}", err=True)


def _page(reports: Path, name: str) -> Path:
    if name == "index":
        return _index(reports)
    if name == "compare":
        return _comparison(reports)
    name = Path(name).name  # of a folder that is given by its path
    return _folder_page(reports, name) or _run_page(reports, name)


def _index(reports: Path) -> Path:
    """The index as of now: folders come and go."""
    from backtest.reports.index_page import write_index

    return write_index(reports)


def _comparison(reports: Path) -> Path:
    from backtest.errors import UsageError
    from backtest.experiments.runs.store import latest_runs

    page = reports / "compare.html"
    if page.exists():
        return page
    from backtest.cli import show
    from backtest.reports.compare_page import write_comparison

    runs = latest_runs(reports, show.left_out)
    if not runs:
        raise UsageError(f"There is no run in {reports} yet. Make one with `backtest run`.")
    return write_comparison(reports, runs)


def _folder_page(reports: Path, name: str) -> Path | None:
    """The page of a run, sweep, study or comparison, by its id or its folder."""
    for page in reports.glob("[!.]*/index.html"):
        folder = page.parent.name
        if name in (folder, folder.rpartition("-")[2]):
            return page
    return None


def _run_page(reports: Path, name: str) -> Path:
    """The page of a run that is named by its strategy, or that has none yet."""
    from backtest.cli import show
    from backtest.cli.report import draw_page
    from backtest.errors import UsageError
    from backtest.experiments.runs.store import find_run

    try:
        run = find_run(reports, name, show.left_out)
    except UsageError as error:
        others = ["index", "compare", *_other_folders(reports)]
        raise UsageError(f"{error} Other pages: {', '.join(others)}.") from None
    page = run.path / "index.html"
    if not page.exists():
        draw_page(run)
    return page


def _other_folders(reports: Path) -> list[str]:
    pages = (page.parent for page in reports.glob("[!.]*/index.html"))
    return sorted(folder.name for folder in pages if not (folder / "run.json").exists())


def _shown(page: Path) -> bool:
    import webbrowser

    try:
        return webbrowser.open(page.as_uri())
    except webbrowser.Error:
        return False
