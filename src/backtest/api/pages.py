"""The calls about pages: those of all that was made, and a run in other forms."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.api.arguments import reports_of
from backtest.api.runs import find_runs, manifests
from backtest.errors import UsageError, unknown
from backtest.experiments.runs.run_files import TRADES
from backtest.experiments.runs.store import find_run

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from backtest.api.arguments import Folder
    from backtest.experiments.runs.store import Run

_FORMATS = ("html", "md", "json", "csv", "png")
_TABLES = ("trades", "equity", "decisions", "orders", "bars")


def report_run(
    run: str | os.PathLike[str],
    form: str = "html",
    *,
    table: str = "trades",
    symbols: str | None = None,
    output: str | os.PathLike[str] | None = None,
    reports: Folder = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Path | str:
    """Show a run as a page, Markdown, JSON, CSV or a picture, as `backtest report` does.

    Args:
        run: a run id, run folder or strategy.
        form: `html`, `md`, `json`, `csv` or `png`.
        table: of `csv`: `trades`, `equity`, `decisions`, `orders` or `bars`.
        symbols: of `png`: the stock that is drawn; the run's first by default.
        output: the file to write; a page becomes one file that can be sent. By default a page and
            a picture go to the run folder.
        reports: folder of the runs; that of the workspace by default.
        tell: takes a sentence for each damaged run that the name fits.

    Returns:
        The file, or the text where none is written.

    Raises:
        UsageError: there is no such run, form, table or symbol, or a file cannot be written.

    """
    from backtest.workspace.files import write_text

    if form not in _FORMATS:
        raise unknown("format", form, _FORMATS)
    if table not in _TABLES:
        raise unknown("table", table, _TABLES)
    found = find_run(reports_of(reports), Path(run).name, tell)
    file = None if output is None else Path(output)
    if form == "png":
        from backtest.reports.picture import write_picture

        return write_picture(found, file or found.path / "chart.png", symbols)
    if form == "html":
        page = _draw(found)
        if file is None:
            return page
        from backtest.reports.pages import single_file

        text = single_file(page)
    else:
        text = _text(found, form, table)
        if file is None:
            return text
    write_text(file, text)
    return file


def find_page(
    name: str = "index",
    *,
    reports: Folder = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Path:
    """The page of a run, sweep, study or comparison, which is drawn where it is missing.

    Args:
        name: a run id, run folder or strategy; the id or folder of a sweep, study or comparison;
            `compare` for the latest run of each strategy, or `index`, which shows them all.
        reports: folder of them; that of the workspace by default.
        tell: takes a sentence for each run that is damaged and left out.

    Raises:
        UsageError: there is none.

    """
    from backtest.reports.index_page import write_index

    folder = reports_of(reports)
    if name == "index":
        return write_index(folder)  # anew: folders come and go
    if name == "compare":
        return _comparison(folder, tell)
    name = Path(name).name
    for page in folder.glob("[!.]*/index.html"):
        if name in (page.parent.name, page.parent.name.rpartition("-")[2]):
            return page
    return _run_page(folder, name, tell)


def _comparison(reports: Path, tell: Callable[[str], None]) -> Path:
    page = reports / "compare.html"
    if page.exists():
        return page
    from backtest.reports.compare_page import write_comparison

    return write_comparison(reports, find_runs(reports=reports, tell=tell))


def _run_page(reports: Path, name: str, tell: Callable[[str], None]) -> Path:
    """The page of a run that is named by its strategy, or that has none yet."""
    try:
        run = find_run(reports, name, tell)
    except UsageError as error:
        folders = (page.parent for page in reports.glob("[!.]*/index.html"))
        others = sorted(one.name for one in folders if not (one / "run.json").exists())
        known = ", ".join(["index", "compare", *others])
        raise UsageError(f"{error} Other pages: {known}.") from None
    page = run.path / "index.html"
    return page if page.exists() else _draw(run)


def _draw(run: Run) -> Path:
    from backtest.reports.run_page import write_run_page

    if "evidence" not in run.manifest:
        raise UsageError(
            f"Run {run.run_id} was interrupted before its evidence was there. "
            f"`backtest run {run.manifest['strategy']}` with the same settings adds it."
        )
    return write_run_page(run)


def _text(run: Run, form: str, table: str) -> str:
    if form == "csv":
        return (run.path / f"{table}.csv").read_bytes().decode("utf-8")
    if form == "md":
        from backtest.reports.markdown import run_markdown

        return run_markdown(run)
    return json.dumps(_record(run), indent=2, ensure_ascii=False) + "\n"


def _record(run: Run) -> dict[str, Any]:
    """The manifest with the trades and decisions; figures are numbers, what is unknown is null."""
    (manifest,) = manifests([run])
    numbers = {name for name, kind in TRADES.items() if kind in ("int", "float")}
    trades = [
        {name: json.loads(cell) if name in numbers else cell for name, cell in row.items()}
        for row in run.trades
    ]
    known = ({name: cell or None for name, cell in row.items()} for row in run.decisions)
    return {**manifest, "trades": trades, "decisions": list(known)}
