"""`backtest report`: a run as a page, as Markdown, JSON or CSV, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import AsJson, ReportsFolder

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run


COMPARE_EXAMPLES = (
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
    named = [find_run(reports, name) for name in run or ()]
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
        _print_comparison(runs)
    page = write_comparison(reports, runs, keep=True)
    write_index(reports)
    if not as_json:
        typer.echo(f"\nThe page: {page}")


def _print_comparison(runs: list[Run]) -> None:
    from backtest.cli import show
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.words.run import comparison_notes, comparison_rows

    terminal = show.console()
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    show.comparison(terminal, runs, comparison_rows(runs, trials))
    show.notes(terminal, comparison_notes(runs))
    show.set_differently(terminal, runs)


OPEN_EXAMPLES = (
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
    if not _is_opened(page):
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
    from backtest.errors import UsageError
    from backtest.experiments.runs.store import find_run

    try:
        run = find_run(reports, name)
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
_FORMATS = ("html", "md", "json", "csv", "png")
_TABLES = ("trades", "equity", "decisions", "orders", "bars")
_TEXTS = ("event_id", "symbol", "direction", "entry_session", "exit_session", "exit_reason")


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id, run folder or strategy.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(_FORMATS),
            help="What to make of it. [the ending of --output, or html without one]",
        ),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="|".join(_TABLES), help="Of csv: which table. [trades]")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Of png: the stock that is drawn. [the run's first]")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write; a page becomes one file that can be sent. [html and png: the "
            "run folder; others: the terminal]",
        ),
    ] = None,
    out: ReportsFolder = None,
) -> None:
    """Show a run as a page, Markdown, JSON, CSV or a picture."""
    from backtest.errors import UsageError, unknown
    from backtest.experiments.runs.store import find_run
    from backtest.workspace.folders import find_reports

    form = form or _format_of(output)
    if form not in _FORMATS:
        raise unknown("format", form, _FORMATS)
    if table is not None and form != "csv":
        raise UsageError(f"--table is for --format csv, and this is {form}.")
    if table is not None and table not in _TABLES:
        raise unknown("table", table, _TABLES)
    if symbol is not None and form != "png":
        raise UsageError(f"--symbol is for --format png, and this is {form}.")
    found = find_run(find_reports(out), Path(run).name)
    if form == "png":
        from backtest.reports.picture import write_picture

        typer.echo(write_picture(found, output or found.path / "chart.png", symbol))
    elif form == "html":
        typer.echo(_write_html(found, output))
    else:
        _tell(_text(found, form, table or "trades"), output)


def draw_page(run: Run) -> Path:
    """Draw the page of a run and return its place.

    Raises:
        UsageError: the run has no evidence yet, or its folder cannot be written.

    """
    from backtest.errors import UsageError
    from backtest.reports.run_page import write_run_page

    if "evidence" not in run.manifest:
        raise UsageError(
            f"Run {run.run_id} was interrupted before its evidence was there. "
            f"`backtest run {run.manifest['strategy']}` with the same settings adds it."
        )
    write_run_page(run)
    return run.path / "index.html"


def _format_of(output: Path | None) -> str:
    ending = output.suffix.removeprefix(".").lower() if output else ""
    return ending or "html"


def _write_html(run: Run, output: Path | None) -> Path:
    page = draw_page(run)
    if output is None:
        return page
    from backtest.reports.pages import single_file
    from backtest.workspace.files import write_text

    write_text(output, single_file(page))
    return output


def _text(run: Run, form: str, table: str) -> str:
    if form == "csv":
        return (run.path / f"{table}.csv").read_bytes().decode("utf-8")
    if form == "md":
        from backtest.reports.markdown import run_markdown

        return run_markdown(run)
    import json

    return json.dumps(_record(run), indent=2, ensure_ascii=False) + "\n"


def _record(run: Run) -> dict[str, Any]:
    """The manifest with the trades and decisions; figures are numbers, what is unknown is null."""
    import json

    from backtest.cli.show import manifests

    (manifest,) = manifests([run])
    trades = [
        {name: cell if name in _TEXTS else json.loads(cell) for name, cell in row.items()}
        for row in run.trades
    ]
    known = ({name: cell or None for name, cell in row.items()} for row in run.decisions)
    return {**manifest, "trades": trades, "decisions": list(known)}


def _tell(text: str, output: Path | None) -> None:
    """Write a text to its file, or as UTF-8 to the terminal or pipe."""
    if output is None:
        typer.echo(text.encode(), nl=False)
        return
    from backtest.workspace.files import write_text

    write_text(output, text)
    typer.echo(output)
