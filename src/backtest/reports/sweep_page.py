"""The sweep page: the surface of a sweep, where the default lies on it, and what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.errors import DataError
from backtest.reports.pages import write_page
from backtest.reports.sweep_charts import make_charts, notes
from backtest.reports.words import sweep as words
from backtest.reports.words.sweep_evidence import evidence_sentences, walk_forward_rows
from backtest.stats.formats import UNKNOWN, costs_line, count, percent, ratio, share
from backtest.strategy.loading import flat
from backtest.workspace.records import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from backtest.stats.surface import Neighbours, Spread, SweepSummary

    Sweep = Mapping[str, Any]

_NEEDED = (
    "sweep_id", "strategy", "symbols", "parameters", "axes", "base", "base_figures", "sets",
    "rules", "span", "trials", "evidence", "finished_at",
)  # fmt: skip


def write_sweep_page(folder: Path, reports: Path) -> Path:
    """Write `index.html` of a sweep from its `sweep.json` and `sets.parquet`; return its place.

    Args:
        folder: the sweep's folder.
        reports: the reports folder, in whose `assets` the script of the charts is kept.

    Raises:
        DataError: a file of the sweep is missing or broken, or the two disagree.
        UsageError: a folder cannot be written.

    """
    path = folder / "sweep.json"
    sweep = read_record(path, _NEEDED, "sweep again")
    if set(sweep["base"]) != set(sweep["axes"]):
        raise DataError(
            f"{path}: axes and base name different parameters. Remove the folder and sweep again."
        )
    sets = _read_sets(folder / "sets.parquet", sweep)
    return write_page(folder / "index.html", reports, "sweep.html", **_content(sweep, sets))


def _read_sets(path: Path, sweep: Sweep) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from backtest.stats.surface import FIGURES

    try:
        sets = pd.read_parquet(path, columns=["set", *FIGURES])
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise DataError(
            f"{path} is not a readable table of sets ({error}). Remove the folder and sweep again."
        ) from None
    expected = int(np.prod([len(values) for values in sweep["axes"].values()]))
    if not np.array_equal(sets["set"], np.arange(expected)) or sweep["sets"] != expected:
        raise DataError(
            f"{path} holds {len(sets):,} sets, sweep.json names {sweep['sets']:,} and its axes "
            f"make {expected:,}, to be numbered from 0. Remove the folder and sweep again."
        )
    return sets


def _content(sweep: Sweep, sets: pd.DataFrame) -> dict[str, Any]:
    """What the template names, and what its script draws, from one row a set in product order."""
    from backtest.stats.axes import make_grid
    from backtest.stats.surface import summary

    grid = make_grid(sweep["axes"], sweep["base"])
    found = summary(sets, sweep["axes"], sweep["base"], sweep["base_figures"])
    return {
        "data": make_charts(grid, sets, found),
        "sweep": sweep,
        "found": found,
        "words": words,
        "percent": percent,
        "name": f"{sweep['strategy']} · {', '.join(sweep['symbols'])}",
        "costs": costs_line(sweep),
        "fixed": {k: v for k, v in flat(sweep["parameters"]).items() if k not in sweep["axes"]},
        "grid": grid,
        "notes": notes(grid),
        "neighbours": _neighbour_rows(found),
        "evidence": evidence_sentences(sweep["evidence"]),
        "walked": walk_forward_rows(sweep["evidence"]),
        "ranked": _ranked_rows(sweep, found, grid.default),
    }


def _neighbour_rows(found: SweepSummary) -> list[list[str]]:
    """Where, sets, and the lowest, median and highest return and Sharpe ratio."""
    near = found.neighbourhood
    own = [percent(found.default["total_return"]), ratio(found.default["sharpe"])]
    rows = [["The default", "1", "", own[0], "", "", own[1], ""]]
    if near is not None:
        rows.append(["One step away in one parameter", *_spreads(near.beside)])
        rows.append(["Within one step in every parameter", *_spreads(near.around)])
    everything = [*_triple(found.returns, percent), *_triple(found.sharpes, ratio)]
    return [*rows, ["All sets", count(found.sets), *everything]]


def _spreads(near: Neighbours) -> list[str]:
    return [count(near.count), *_triple(near.returns, percent), *_triple(near.sharpes, ratio)]


def _triple(spread: Spread | None, form: Any) -> list[str]:
    if spread is None:
        return [UNKNOWN] * 3
    return [form(value) for value in (spread.lowest, spread.median, spread.highest)]


def _ranked_rows(
    sweep: Sweep, found: SweepSummary, place: int | None
) -> list[tuple[str, list[list[str]]]]:
    """Groups of rows: best, default (with its number, where it is in the grid), worst."""
    number = UNKNOWN if place is None else f"{place:,}"
    settings = [words.label(sweep["base"][name]) for name in sweep["axes"]]
    default = [number, *settings, *_figures(found.default), f"{found.by_return.equal:,}"]

    def rows(ranked: Any) -> list[list[str]]:
        return [
            [
                f"{result.number:,}",
                *map(words.label, result.settings.values()),
                *_figures(result.figures),
                f"{result.alike:,}",
            ]
            for result in ranked
        ]

    tried = f"{found.sets:,} tried"
    groups = [(f"Best of {tried}", rows(found.best)), ("The default", [default])]
    if found.worst:
        groups.append((f"Worst of {tried}", rows(found.worst[::-1])))
    return groups


def _figures(figures: Mapping[str, float | None]) -> list[str]:
    forms = {
        "total_return": percent, "sharpe": ratio, "max_drawdown": percent, "trades": count,
        "win_rate": share, "commission": count, "borrow": count,
    }  # fmt: skip
    return [form(figures[name]) for name, form in forms.items()]
