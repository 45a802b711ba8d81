"""The calls about what was made: runs listed, compared and in other forms, and pages of all.

`reports` is the folder of them, that of the workspace by default; `tell` takes a sentence for each
run that is damaged and left out.
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
from backtest.strategy.parameters import shown
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
    """Show a run as a page, Markdown, JSON, CSV or a picture, as `backtest report` does.

    Args:
        run: a run id or its beginning, a run folder, a strategy, a label, or a pattern of these.
        form: `html`, `md`, `json`, `csv` or `png`.
        table: of `csv`: `trades`, `equity`, `decisions`, `orders` or `bars`.
        symbols: of `png`: the stock that is drawn; by default the run's first, of a universe the
            account.
        output: the file to write; a page becomes one file that can be sent. By default a page and
            a picture go to the run folder.
        force: write over a file that is no report.

    Returns:
        The file, or the text where none is written.

    Raises:
        UsageError: there is no such run, form, table or symbol, or a file cannot be written or is
            there and no report.

    """
    if form not in _FORMATS:
        raise unknown("format", form, _FORMATS)
    if table not in _TABLES:
        raise unknown("table", table, _TABLES)
    found = finding.find_run(reports_of(reports), os.fspath(run), tell)
    file = None if output is None else _free(Path(output), form, force=force)
    if form == "png":
        from backtest.reports import picture

        name = f"chart-{symbols}.png" if symbols else "chart.png"
        return picture.write_picture(found, file or found.path / name, symbols)
    if form == "html":
        if file is None:
            return _draw(found)

        with TemporaryDirectory() as scratch:
            is_writable = os.access(found.path, os.W_OK)
            text = pages.single_file(_draw(found, None if is_writable else Path(scratch) / "run"))
    else:
        text = _text(found, form, table)
        if file is None:
            return text
    write_text(file, text)
    return file


# What is near the beginning of each form of a run, and of hardly any other file.
_MARKS = {
    "html": (b'<meta name="generator" content="backtest">',),
    "png": (b"Software\0backtest",),
    "json": (b'{\n  "run_id": ',),
    "md": (" dollars · costs: ".encode(),),
    "csv": tuple(",".join(columns).encode() for columns in store.FILES.values()),
}
_NEAR = 4_000  # bytes


def _free(file: Path, form: str, *, force: bool) -> Path:
    """The file that is written; UsageError where something else than such a report is there."""
    check_place(file)  # a pipe would be waited for, a device replaced
    clear_unfinished(file.parent, file.name)
    if force or not file.exists():
        return file
    try:
        with file.open("rb") as there:
            beginning = there.read(_NEAR)
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
    """The page of a run, sweep, study or comparison, which is drawn where it is missing.

    Args:
        name: a run id, run folder or strategy; the id or folder of a sweep, study or comparison;
            `compare` for the latest run of each strategy, or `index`, which shows them all.

    Raises:
        UsageError: there is none.

    """
    folder, name = reports_of(reports), os.fspath(name)
    if name == "index":
        page = folder / "index.html"
        is_kept = page.exists() and not os.access(folder, os.W_OK)
        return page if is_kept else index_page.write_index(folder)  # anew: folders come and go
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
    """What the run of a page is called beside its strategy; empty of other pages and defaults."""
    folder = page.parent
    return finding.name_of(store.read_run(folder)) if (folder / "run.json").is_file() else ""


def compare(
    *runs: RunResult | str | Path, reports: Folder = None, variants: bool = False
) -> pd.DataFrame:
    """The figures and the evidence of runs side by side, as `backtest compare` shows them.

    Args:
        *runs: results of `run`, or run ids or their beginnings, run folders, strategies, labels,
            or patterns such as `earnings_*`; without any, the latest run of each strategy.
        variants: take every run that a name fits, in place of the latest.

    Returns:
        A row for each run, with what tells it from others of its strategy, such as `hold 5`, and,
        below, for holding the stock and for each benchmark. Columns: the figures of
        `docs/figures.md`; `mean_trade` with its 95 % interval, `detectable` (the least edge a trade
        that is found four times in five), `p` of the verdict (the larger of random timing and
        random direction), `p_holm` corrected for the runs compared, and `trials` on record.
        Fractions, not percent; NaN where unknown.

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

    found = find_runs(*runs, reports=reports, variants=variants)
    rows: dict[str, dict[str, Any]] = {}
    told = zip(found, finding.telling(found), run_words.corrected(found), strict=True)
    for run, telling, p_holm in told:
        trials = trials_on_record(run.path.parent, run.manifest)["count"]
        row = {**all_figures(run), **run_words.evidence_figures(run)}
        row |= {"p_holm": p_holm, "trials": trials}
        name = " · ".join([run.manifest["strategy"], *telling])
        rows[name if name not in rows else f"{name} · {run.run_id}"] = row
    for held in holdings(found):
        name = f"{held.symbols} held"
        rows[f"{name} of {held.run.run_id}" if name in rows else name] = dict(held.figures)
    for benchmark in compare_page.benchmarks_of(found):
        symbol = benchmark.run.manifest["benchmark"]
        name = f"{symbol} of {benchmark.run.run_id}" if symbol in rows else symbol
        rows[name] = dict(benchmark.figures)
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.astype({"trades": "Int64", "trials": "Int64"})


def find_runs(
    *runs: RunResult | str | Path,
    reports: Folder = None,
    variants: bool = False,
    tell: Callable[[str], None] = warnings.warn,
) -> list[Run]:
    """The runs that `compare` compares, each once."""
    named: list[str | Path] = []
    for given in runs:
        path: object = getattr(given, "path", given)
        if not isinstance(path, str | os.PathLike):
            raise UsageError(
                f"{path!r} is no run. Give results, ids, folders or names, one by one."
            )
        named.append(path if isinstance(path, str) else Path(path))
    made = [path.parent for path in named if isinstance(path, Path)]
    folder = made[0] if made and len(made) == len(named) else reports_of(reports)
    found: list[Run] = []
    for one in named:
        if isinstance(one, str) and (variants or finding.is_pattern(one)):
            found += finding.list_runs(folder, tell, [one])
        else:
            found.append(finding.find_run(folder, str(one), tell))
    if not runs:
        found = finding.list_runs(folder, tell) if variants else finding.latest_runs(folder, tell)
    if not found:
        raise UsageError(f"There is no run in {folder} yet. Make one with `backtest run`.")
    return list({run.run_id: run for run in found}.values())


def draw_comparison(runs: Sequence[Run], tell: Callable[[str], None]) -> Path | None:
    """Draw the page that compares runs, and keep it for the index; None in read-only reports."""
    reports = runs[0].path.parent
    if is_read_only(reports, tell):
        return None
    page = compare_page.write_comparison(reports, runs, keep=True)
    index_page.write_index(reports)
    return page


def is_read_only(reports: Path, tell: Callable[[str], None]) -> bool:
    """Whether no page can be drawn in a reports folder, of which `tell` takes a sentence."""
    if os.access(reports, os.W_OK):
        return False
    tell(
        f"{reports} is read-only: no page is drawn. "
        f"`backtest report RUN --output FILE` draws that of a run elsewhere."
    )
    return True


def described(run: Run) -> dict[str, Any]:
    """The manifest of a run, with its name, its note and its folder."""
    return {
        **run.manifest,
        "variant": finding.variant(run.manifest),
        "label": run.label,
        "note": run.note,
        "path": str(run.path),
    }


def manifests(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The manifests of runs that are looked at together, with the trials as they stand now."""
    from backtest.experiments.runs.figures import all_figures

    return [
        {
            **described(run),
            "figures": all_figures(run),
            "stock": run.manifest["summary"]["stock"],
            "trials": trials_on_record(run.path.parent, run.manifest),
            "placebo_p_holm": p,
        }
        for run, p in zip(runs, run_words.corrected(runs), strict=True)
    ]


def list_runs(
    *names: str,
    parameters: Mapping[str, object] | None = None,
    since: Day = None,
    reports: Folder = None,
) -> pd.DataFrame:
    """The runs in the reports folder, newest first.

    Args:
        *names: those that are meant, as of `compare`; all without any.
        parameters: values by name that a run must have.
        since: the day since which a run was requested.

    Returns:
        A row for each, indexed by `run_id`: `strategy`, `variant` (what differs from the defaults,
        such as `hold 5 · QQQ`), `label`, `note`, `symbols`, `first`, `last`, then the
        figures of `docs/figures.md` and the `path` of its folder. A run that is damaged is left
        out, with a warning.

    """
    import pandas as pd

    wanted = {name: shown(value) for name, value in (parameters or {}).items()}
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
            reports_of(reports), warnings.warn, names, settings=wanted, since=day
        )
    ]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run_id"]).set_index("run_id")


def _run_page(reports: Path, name: str, tell: Callable[[str], None]) -> Path:
    """The page of a run that is named by its strategy, or that has none yet."""
    try:
        run = finding.find_run(reports, name, tell)
    except UsageError as error:
        folders = (page.parent for page in reports.glob("[!.]*/index.html"))
        others = sorted(one.name for one in folders if not (one / "run.json").exists())
        known = ", ".join(["index", "compare", *others])
        raise UsageError(f"{error} Other pages: {known}.") from None
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
    """A run as text; in JSON its figures are numbers, and what is unknown is null."""
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
