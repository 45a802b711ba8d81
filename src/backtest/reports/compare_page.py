"""The comparison page: runs side by side, which earned on what, and in what they are unlike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from backtest.errors import DataError
from backtest.experiments.runs.evidence import LEVEL, trials_on_record
from backtest.reports.compare_charts import chart, curves_of
from backtest.reports.compare_matrix import matrix, strengths
from backtest.reports.compare_tables import correlations, figure_rows
from backtest.reports.comparisons import record_comparison
from backtest.reports.differences import (
    benchmarks_of,
    differences,
    heading,
    span,
    span_rows,
    unlike,
)
from backtest.reports.pages import write_page
from backtest.reports.words.run import comparison_notes, comparison_rows, corrected, p_value
from backtest.stats.formats import UNKNOWN, costs_line, counted, percent, ratio
from backtest.strategy.loading import flat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from backtest.experiments.runs.store import Run

_NEEDED = ("equity.csv", "trades.csv", "decisions.csv")
_TILES: tuple[tuple[str, str, str, Callable[[float | None], str]], ...] = (
    ("total_return", "Highest return", "Return", percent),
    ("sharpe", "Highest Sharpe ratio", "Sharpe ratio", ratio),
    ("max_drawdown", "Smallest drawdown", "Largest drawdown", percent),
)


def write_comparison(reports: Path, runs: Sequence[Run], *, keep: bool = False) -> Path:
    """Write `compare.html`, the page of the latest comparison; return its place.

    Args:
        reports: the reports folder, which holds the folders of the runs.
        runs: what is compared, at least one.
        keep: also keep the comparison in a folder of its own, for the index to list.

    Raises:
        DataError: a run lacks a file.
        UsageError: a folder cannot be written.

    """
    content = _content(runs)
    page = write_page(reports / "compare.html", reports, "compare.html", **content)
    if keep:
        folder = record_comparison(reports, runs)
        write_page(folder / "index.html", reports, "compare.html", **content)
    return page


def _content(runs: Sequence[Run]) -> dict[str, Any]:
    """What the template names."""
    _check(runs)
    benchmarks = benchmarks_of(runs)
    headings = [heading(run, runs) for run in runs] + [one.heading for one in benchmarks]
    names = [text.replace("\n", " ") for text in headings]
    curves = curves_of(runs, benchmarks)
    found, alike = matrix(runs), correlations(curves)
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    drawn = chart(curves, names, len(runs))
    return {
        "data": drawn,
        "series": drawn["series"],
        "step": drawn["step"],
        "runs": runs,
        "names": names,
        "columns": [text.split("\n") for text in headings],
        "addresses": [f"{quote(run.path.name)}/index.html" for run in runs],
        "about": _about(runs),
        "unlike": unlike(runs),
        "in_percent": len({run.manifest["rules"]["cash"] for run in runs}) > 1,
        "tiles": _tiles(runs, names),
        "figures": figure_rows(runs, benchmarks),
        "evidence": [*comparison_rows(runs, trials), *span_rows(runs)],
        "notes": comparison_notes(runs),
        "matrix": found,
        "strengths": strengths(found, runs),
        "kinds": sorted({row.kind for row in found.rows}),
        "symbols": len({row.symbol for row in found.rows}),
        "correlations": alike,
        "common": sorted({cell.sessions for row in alike for cell in row}),
        "differences": differences(runs),
        "parameters": _parameters(runs),
        "unknown": UNKNOWN,
        "counted": counted,
    }


def _check(runs: Sequence[Run]) -> None:
    for run in runs:
        if missing := [name for name in _NEEDED if not (run.path / name).is_file()]:
            raise DataError(
                f"{run.path} lacks {', '.join(missing)}. "
                f"Remove the folder and run the strategy again."
            )


def _about(runs: Sequence[Run]) -> list[str]:
    """What all runs have in common, in a few words each."""
    told = [
        [f"{' to '.join(span(run))}" for run in runs],
        [f"start {run.manifest['rules']['cash']:,.0f} $" for run in runs],
        [f"benchmark {run.manifest['benchmark']}" for run in runs],
        [f"costs: {costs_line(run.manifest)}" for run in runs],
    ]
    return [texts[0] for texts in told if len(set(texts)) == 1]


def _tiles(runs: Sequence[Run], names: Sequence[str]) -> list[tuple[str, str, str]]:
    """A label, a figure and what it is of: the best by each measure, and the evidence."""
    tiles = []
    for figure, of_several, of_one, form in _TILES:
        known = {name: run.summary[figure] for name, run in zip(names, runs, strict=False)}
        known = {name: value for name, value in known.items() if value is not None}
        if known:
            best = max(known, key=known.__getitem__)
            label = of_several if len(runs) > 1 else of_one
            tiles.append((label, form(known[best]), best))
    p_values = [p for p in corrected(runs) if p is not None]
    if p_values:
        better = f"{sum(p <= LEVEL for p in p_values)} of {len(p_values)}"
        least = f"smallest {'Holm ' * (len(p_values) > 1)}p {p_value(min(p_values))}"
        tiles.append(("Better than random timing", better, least))
    return tiles


def _parameters(runs: Sequence[Run]) -> list[tuple[str, list[str | None]]]:
    """Each parameter by name, and the value that it has in each run, None where there is none."""
    told = [flat(run.manifest["parameters"]) for run in runs]
    names = dict.fromkeys(name for parameters in told for name in parameters)
    return [(name, [parameters.get(name) for parameters in told]) for name in names]
