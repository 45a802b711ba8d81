"""`backtest report`: a run as a page, as Markdown, JSON or CSV, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import ReportsFolder

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run

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
    from backtest.cli import show
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
    found = find_run(find_reports(out), Path(run).name, show.left_out)
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
