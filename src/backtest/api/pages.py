"""Define the calls that list, compare and export runs, and that find and draw pages.

`reports` is the reports folder, by default the workspace's; `tell` is called with a sentence for
each run that is damaged and left out.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from backtest.api.workspace import Day, File, Folder, reports_of
from backtest.errors import UsageError, unknown
from backtest.experiments.runs import finding, store
from backtest.experiments.runs.store import TRADES, Run
from backtest.experiments.terms import read_day
from backtest.experiments.trials import trials_on_record
from backtest.reports import compare_page, index_page, pages, run_page, run_words
from backtest.strategy.parameters import to_text
from backtest.workspace.files import check_place, clear_unfinished, write_text

if TYPE_CHECKING:
    import pandas as pd

    from backtest.api.runs import RunResult

_FORMATS = ("html", "md", "json", "csv", "png")
_TABLES = ("trades", "equity", "decisions", "orders", "bars")


def report_run(
    run: File,
    form: str = "html",
    *,
    table: str = "trades",
    symbols: str | None = None,
    output: File | None = None,
    force: bool = False,
    reports: Folder = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Path | str:
    """Export a run as a page, Markdown, JSON, CSV or a picture, as `backtest report` does.

    Args:
        run: run id or its beginning, run folder, strategy (its latest run), label, or a pattern.
        form: `html`, `md`, `json`, `csv` or `png`.
        table: table for `csv`: `trades`, `equity`, `decisions`, `orders` or `bars`.
        symbols: stock to draw for `png`; by default the run's first, for a universe the account.
        output: file to write; a page becomes one self-contained file. By default a page and a
            picture are written to the run folder, and the other forms are returned as text.
        force: whether to overwrite a file that is not such a report.

    Returns:
        The path of the file, or the text where no file is written.

    Raises:
        UsageError: there is no such run, form, table or symbol; or the file cannot be written, or
            exists and is no such report.

    """
    if form not in _FORMATS:
        raise unknown("format", form, _FORMATS)
    if table not in _TABLES:
        raise unknown("table", table, _TABLES)
    source = finding.find_run(reports_of(reports), os.fspath(run), tell)
    file = None if output is None else _writable(Path(output), form, force=force)
    if form == "png":
        from backtest.reports import picture

        name = f"chart-{symbols}.png" if symbols else "chart.png"
        return picture.write_picture(source, file or source.path / name, symbols)
    if form == "html":
        if file is None:
            return _draw(source)

        with TemporaryDirectory() as scratch:
            folder = None if os.access(source.path, os.W_OK) else Path(scratch) / "run"
            text = pages.single_file(_draw(source, folder))
    else:
        text = _text(source, form, table)
        if file is None:
            return text
    write_text(file, text)
    return file


# By form, a text near the beginning of the file that hardly any other file has there.
_MARKS = {
    "html": (b'<meta name="generator" content="backtest">',),
    "png": (b"Software\0backtest",),
    "json": (b'{\n  "run_id": ',),
    "md": (" dollars · costs: ".encode(),),
    "csv": tuple(",".join(columns).encode() for columns in store.FILES.values()),
}
_NEAR = 4_000  # bytes


def _writable(file: Path, form: str, *, force: bool) -> Path:
    """Return the file, or raise UsageError where it exists and is not such a report."""
    check_place(file)  # or a pipe would block, and a device would be replaced
    clear_unfinished(file.parent, file.name)
    if force or not file.exists():
        return file
    try:
        with file.open("rb") as existing:
            beginning = existing.read(_NEAR)
            is_ours = any(mark in beginning for mark in _MARKS[form])
    except OSError:
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{file} is there, and is no {form} of a run: nothing was written. "
            f"Choose another --output, or give --force to replace it."
        )
    return file


def find_page(
    name: File = "index", *, reports: Folder = None, tell: Callable[[str], None] = warnings.warn
) -> Path:
    """Find the page of a run, sweep, study, audit or comparison; draw that of a run if missing.

    Args:
        name: run id, run folder or strategy; id or folder of a sweep, study, audit or comparison;
            `compare` for the latest run of each strategy, or `index`, which links to them all.

    Returns:
        The path of the page.

    Raises:
        UsageError: there is no such page, or it cannot be drawn.

    """
    folder, name = reports_of(reports), os.fspath(name)
    if name == "index":
        page = folder / "index.html"
        is_kept = page.exists() and not os.access(folder, os.W_OK)
        return page if is_kept else index_page.write_index(folder)  # folders may have changed
    if name == "compare":
        page = folder / "compare.html"
        if page.exists():
            return page
        return compare_page.write_comparison(folder, find_runs(reports=folder, tell=tell))
    for page in folder.glob("[!.]*/index.html"):
        if Path(name).name in (page.parent.name, page.parent.name.rpartition("-")[2]):
            return page
    return _run_page(folder, name, tell)


def run_on(page: Path) -> str:
    """Return the name of a page's run within its strategy; empty for other pages and defaults."""
    folder = page.parent
    return finding.name_of(store.read_run(folder)) if (folder / "run.json").is_file() else ""


def compare(
    *runs: RunResult | str | Path, reports: Folder = None, variants: bool = False
) -> pd.DataFrame:
    """Compare the figures and the evidence of runs side by side, as `backtest compare` does.

    Args:
        *runs: results of `run`, or run ids or their beginnings, run folders, strategies, labels,
            or patterns such as `earnings_*`; without any, the latest run of each strategy.
        variants: whether to take every run that fits a name, instead of the latest.

    Returns:
        A row for each run, named by its strategy and what differs from other runs of it, such as
        `hold 5`; below them a row for holding their stocks and for each benchmark. Columns: the
        figures of `docs/figures.md`; `mean_trade` with its 95 % interval, `detectable` (the least
        edge a trade that is found four times in five), `p` of the verdict (the larger of random
        timing and random direction), `p_holm` corrected for the runs compared, and `trials` on
        record. Figures are fractions, not percent; NaN where unknown.

    Raises:
        UsageError: there is no such run, or none at all.
        DataError: a run's folder is damaged.

    Examples:
        >>> found = compare(run("earnings_surprise"), run("buy_and_hold"))
        >>> found[["trades", "total_return", "p", "detectable"]].round(3)
                           trades  total_return      p  detectable
        earnings_surprise       6        -0.121  0.703       0.199
        buy_and_hold            1         1.103    NaN         NaN
        CRWV held            <NA>         1.105    NaN         NaN
        SPY                  <NA>         0.396    NaN         NaN

    """
    import pandas as pd

    from backtest.experiments.runs.figures import all_figures, holdings

    compared = find_runs(*runs, reports=reports, variants=variants)
    differences, p_values = (
        finding.distinguishing_words(compared),
        run_words.holm_corrected(compared),
    )
    rows: dict[str, dict[str, Any]] = {}
    for run, differing, p_holm in zip(compared, differences, p_values, strict=True):
        trials = trials_on_record(run.path.parent, run.manifest)["count"]
        row = {**all_figures(run), **run_words.evidence_figures(run)}
        row |= {"p_holm": p_holm, "trials": trials}
        name = " · ".join([run.manifest["strategy"], *differing])
        rows[name if name not in rows else f"{name} · {run.run_id}"] = row
    for holding in holdings(compared):
        name = f"{holding.symbols} held"
        rows[f"{name} of {holding.run.run_id}" if name in rows else name] = dict(holding.figures)
    for benchmark in compare_page.benchmarks_of(compared):
        name = benchmark.run.manifest["benchmark"]
        rows[f"{name} of {benchmark.run.run_id}" if name in rows else name] = dict(
            benchmark.figures
        )
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.astype({"trades": "Int64", "trials": "Int64"})


def find_runs(
    *runs: RunResult | str | Path,
    reports: Folder = None,
    variants: bool = False,
    tell: Callable[[str], None] = warnings.warn,
) -> list[Run]:
    """Find the runs that `compare` compares, each once; raise UsageError where there is none."""
    names: list[str | Path] = []
    for run in runs:
        path: object = getattr(run, "path", run)
        if not isinstance(path, str | os.PathLike):
            raise UsageError(
                f"{path!r} is no run. Give results, ids, folders or names, one by one."
            )
        names.append(path if isinstance(path, str) else Path(path))
    parents = [path.parent for path in names if isinstance(path, Path)]
    folder = parents[0] if parents and len(parents) == len(names) else reports_of(reports)
    matches: list[Run] = []
    for name in names:
        if isinstance(name, str) and (variants or finding.is_pattern(name)):
            matches += finding.list_runs(folder, tell, [name])
        else:
            matches.append(finding.find_run(folder, str(name), tell))
    if not runs:
        matches = finding.list_runs(folder, tell) if variants else finding.latest_runs(folder, tell)
    if not matches:
        raise UsageError(f"There is no run in {folder} yet. Make one with `backtest run`.")
    return list({run.run_id: run for run in matches}.values())


def draw_comparison(runs: Sequence[Run], tell: Callable[[str], None]) -> Path | None:
    """Write the page that compares runs, and the index; return None in a read-only folder."""
    reports = runs[0].path.parent
    if is_read_only(reports, tell):
        return None
    page = compare_page.write_comparison(reports, runs, keep=True)
    index_page.write_index(reports)
    return page


def is_read_only(reports: Path, tell: Callable[[str], None]) -> bool:
    """Tell whether a reports folder is read-only; `tell` then takes a sentence that says so."""
    if os.access(reports, os.W_OK):
        return False
    tell(
        f"{reports} is read-only: no page is drawn. "
        f"`backtest report RUN --output FILE` draws that of a run elsewhere."
    )
    return True


def run_record(run: Run) -> dict[str, Any]:
    """Return the manifest of a run, with its variant, label, note and folder."""
    return {
        **run.manifest,
        "variant": finding.variant(run.manifest),
        "label": run.label,
        "note": run.note,
        "path": str(run.path),
    }


def manifests(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the manifests of runs that are compared, with all figures and the present trials."""
    from backtest.experiments.runs.figures import all_figures

    return [
        {
            **run_record(run),
            "figures": all_figures(run),
            "stock": run.manifest["summary"]["stock"],
            "trials": trials_on_record(run.path.parent, run.manifest),
            "placebo_p_holm": p,
        }
        for run, p in zip(runs, run_words.holm_corrected(runs), strict=True)
    ]


def list_runs(
    *names: str,
    parameters: Mapping[str, object] | None = None,
    since: Day = None,
    reports: Folder = None,
) -> pd.DataFrame:
    """List the runs in the reports folder, newest first.

    Args:
        *names: names of the runs, as in `compare`; all runs without any.
        parameters: values by parameter that a run must have.
        since: first day on which a run was requested.

    Returns:
        A row for each run, indexed by `run_id`: `strategy`, `variant` (what differs from the
        defaults, such as `hold 5 · QQQ`), `label`, `note`, `symbols`, `first`, `last`, then the
        figures of `docs/figures.md` and the `path` of its folder. A run that is damaged is left
        out, with a warning.

    """
    import pandas as pd

    settings = {name: to_text(value) for name, value in (parameters or {}).items()}
    day = read_day("since", since)
    rows = [
        {
            "run_id": run.run_id,
            "strategy": run.manifest["strategy"],
            "variant": " · ".join(finding.variant(run.manifest)),
            "label": run.label,
            "note": run.note,
            "symbols": run.manifest["symbols"],
            **run.manifest["span"],
            **run.summary,
            "path": run.path,
        }
        for run in finding.list_runs(
            reports_of(reports), warnings.warn, names, settings=settings, since=day
        )
    ]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run_id"]).set_index("run_id")


def _run_page(reports: Path, name: str, tell: Callable[[str], None]) -> Path:
    """Find the page of a run by any of its names, and draw it where it is missing."""
    try:
        run = finding.find_run(reports, name, tell)
    except UsageError as error:
        folders = (page.parent for page in reports.glob("[!.]*/index.html"))
        others = sorted(one.name for one in folders if not (one / "run.json").exists())
        names = ", ".join(["index", "compare", *others])
        raise UsageError(f"{error} Other pages: {names}.") from None
    page = run.path / "index.html"
    return page if page.exists() else _draw(run)


def _draw(run: Run, folder: Path | None = None) -> Path:
    if "evidence" not in run.manifest:
        raise UsageError(
            f"Run {run.run_id} was interrupted before its evidence was there. "
            f"`backtest run {run.manifest['strategy']}` with the same settings adds it."
        )
    return run_page.write_run_page(run, folder)


def _text(run: Run, form: str, table: str) -> str:
    """Return a run as text; in JSON its figures are numbers, and what is unknown is null."""
    if form == "csv":
        return (run.path / f"{table}.csv").read_bytes().decode("utf-8")
    if form == "md":
        return run_words.run_markdown(run)
    (manifest,) = manifests([run])
    numbers = {name for name, kind in TRADES.items() if kind in ("int", "float")}
    trades = [
        {name: json.loads(cell) if name in numbers else cell or None for name, cell in row.items()}
        for row in run.trades
    ]
    decisions = [{name: cell or None for name, cell in row.items()} for row in run.decisions]
    record = {**manifest, "trades": trades, "decisions": decisions}
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
