"""The tables of a comparison: its figures with the best of each, and how alike its returns are."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from backtest.stats.formats import FIGURES, UNKNOWN, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backtest.experiments.runs.store import Run
    from backtest.reports.compare_charts import Curve
    from backtest.reports.differences import Benchmark

FEWEST_COMMON = 20  # sessions that a correlation needs
_DOLLARS = {"commission": min, "borrow": min, "final_equity": max}
_BEST: dict[str, Callable[..., float]] = {
    **dict.fromkeys(("win_rate", "total_return", "cagr", "sharpe", "sortino", "calmar"), max),
    "max_drawdown": max,  # the one nearest zero, for drawdowns are negative
    "volatility": min,
    **_DOLLARS,
}


class Cell(NamedTuple):
    """A figure as it is shown, and whether it is the best of its row."""

    text: str
    best: bool


class Correlation(NamedTuple):
    """How alike the returns of two curves are.

    Attributes:
        value: Pearson's correlation, from -1 to 1; None where it is unknown.
        sessions: that both curves have.

    """

    value: float | None
    sessions: int

    @property
    def text(self) -> str:
        """The value as it is shown."""
        return UNKNOWN if self.value is None else ratio(round(self.value, 2) + 0.0)  # no -0.0


def figure_rows(
    runs: Sequence[Run], benchmarks: Sequence[Benchmark]
) -> list[tuple[str, list[Cell]]]:
    """A label, and a cell for each run and then each benchmark, which is never the best.

    Nothing is the best of its row where all runs show the same, and dollars are not compared
    between runs that began with different amounts.
    """
    same_cash = len({run.manifest["rules"]["cash"] for run in runs}) == 1
    rows = []
    for name, label, form in FIGURES:
        values = [run.summary.get(name) for run in runs]
        texts = [form(value) for value in values]
        choose = _BEST.get(name) if same_cash or name not in _DOLLARS else None
        best = _best(values, texts, choose)
        beside = [Cell(form(benchmark.figures.get(name)), best=False) for benchmark in benchmarks]
        rows.append((label, [*(Cell(text, text == best) for text in texts), *beside]))
    return rows


def _best(
    values: Sequence[float | None],
    texts: Sequence[str],
    choose: Callable[..., float] | None,
) -> str | None:
    """The text of the best value; None where there is none."""
    known = [(value, text) for value, text in zip(values, texts, strict=True) if value is not None]
    if choose is None or len({text for _, text in known}) < 2:  # noqa: PLR2004 - one has no rival
        return None
    best = choose(value for value, _ in known)
    return next(text for value, text in known if value == best)


def correlations(curves: Sequence[Curve]) -> list[list[Correlation]]:
    """Of each curve with each, row by row."""
    found = [
        [correlation(a.returns, b.returns) for b in curves[: n + 1]] for n, a in enumerate(curves)
    ]
    size = range(len(curves))
    return [[found[max(a, b)][min(a, b)] for b in size] for a in size]


def correlation(a: Mapping[str, float], b: Mapping[str, float]) -> Correlation:
    """Pearson's correlation of returns by session, over the sessions of both.

    It is unknown for fewer than `FEWEST_COMMON` sessions, and where one of the two never varies.
    """
    common = a.keys() & b.keys()
    x, y = [a[day] for day in common], [b[day] for day in common]
    if len(common) < FEWEST_COMMON or len(set(x)) == 1 or len(set(y)) == 1:
        return Correlation(None, len(common))
    return Correlation(statistics.correlation(x, y), len(common))
