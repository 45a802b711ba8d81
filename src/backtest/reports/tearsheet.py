"""The tear sheet of one run against a benchmark: quantstats' full sheet on a page of our own.

The page is self-contained: it asks no other address for anything. Every text from outside is
escaped, and filled in once only, so that nothing in it is taken for a placeholder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.reports.pages import fill
from backtest.reports.tearsheet_charts import charts
from backtest.reports.tearsheet_quantstats import STRATEGY, metrics_table, quantstats_at_work
from backtest.reports.tearsheet_tables import (
    drawdown_table,
    percent,
    plain_table,
    wealth,
    yearly_table,
)
from backtest.stats.figures import FEWEST_SESSIONS
from backtest.workspace.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    import pandas as pd

_CURVE, _DAILY, _UNDERWATER, _YEARS = (
    "Cumulative Returns vs Benchmark",
    "Daily Returns (Cumulative Sum)",
    "Underwater Plot",
    "EOY Returns vs Benchmark",
)


@dataclass(frozen=True)
class TearsheetInput:
    """One run.

    `returns` and `benchmark` are daily simple returns (0.01 is one percent) on the same index:
    every session of the span in order, dates without a zone, no gaps. `parameters` and the titles
    may hold any text. `ruined_on` is the session on which equity fell to zero or below.
    """

    title: str
    parameters: Mapping[str, str]
    returns: pd.Series
    benchmark: pd.Series
    benchmark_title: str
    trades: int
    ruined_on: date | None


def write_tearsheet(source: TearsheetInput, path: Path) -> None:
    """Write the sheet to `path`, whole or not at all. Prints nothing.

    Matplotlib is left on its Agg backend. Not for use by two threads at once; processes are fine.

    Raises:
        ValueError: the returns are not of the shape that `TearsheetInput` names.
        UsageError: the file cannot be written.

    """
    _check(source)
    write_text(path, fill("tearsheet.html", **_content(source)))


def _check(source: TearsheetInput) -> None:
    import pandas as pd

    index = source.returns.index
    if not isinstance(index, pd.DatetimeIndex) or not len(index):
        raise ValueError("returns need an index of sessions (DatetimeIndex) and at least one row")
    if index.tz is not None:
        raise ValueError(f"returns carry the time zone {index.tz}; sessions are dates without one")
    if not (index.is_unique and index.is_monotonic_increasing):
        raise ValueError("the sessions of returns must rise, each one once")
    if not index.equals(source.benchmark.index):
        raise ValueError(
            f"benchmark ({len(source.benchmark)} rows) and returns ({len(index)} rows) "
            "need the same sessions: align them first"
        )
    for name, series in (("returns", source.returns), ("benchmark", source.benchmark)):
        wrong = ~(series.abs() < float("inf"))
        if wrong.any():
            raise ValueError(f"{name} hold no finite number on {index[wrong][0]:%Y-%m-%d}")


def _content(source: TearsheetInput) -> dict[str, Any]:
    """What the template shows."""
    market_name = source.benchmark_title.strip() or "Benchmark"
    if market_name == STRATEGY:
        market_name += " (benchmark)"  # quantstats joins the two by name
    returns = source.returns.astype(float).rename(STRATEGY)
    benchmark = source.benchmark.astype(float).rename(market_name)
    names = (market_name, STRATEGY)
    ruined = source.ruined_on or _first_ruin(returns)
    flat, short = not returns.any(), len(returns) < FEWEST_SESSIONS
    plain = ruined is not None or short
    only = _charts_shown(ruined=ruined is not None, flat=flat, short=short)
    with quantstats_at_work() as quantstats:
        drawn = charts(quantstats, returns, benchmark, only)
        if plain:
            metrics = plain_table(returns, benchmark, names)
        else:
            metrics = metrics_table(quantstats, None if flat else returns, benchmark, market_name)
        version = quantstats.__version__
    return {
        "title": source.title,
        "parameters": dict(source.parameters),
        "first": f"{returns.index[0]:%Y-%m-%d}",
        "last": f"{returns.index[-1]:%Y-%m-%d}",
        "sessions": len(returns),
        "trades": source.trades,
        "benchmark": market_name,
        "notices": _notices(source, returns, ruined),
        "charts": [chart for chart in drawn if chart.svg],
        "left_out": [chart.note for chart in drawn if not chart.svg],
        "metrics": metrics,
        "years": yearly_table(returns, benchmark, names),
        "drawdowns": drawdown_table(returns),
        "plain": plain,
        "version": version,
    }


def _first_ruin(returns: pd.Series) -> date | None:
    lost = wealth(returns) <= 0
    return lost.idxmax().date() if lost.any() else None


def _charts_shown(*, ruined: bool, flat: bool, short: bool) -> tuple[str, ...]:
    """Titles of the charts that mean something; none named is all of them."""
    if flat:
        return (_CURVE,)
    if ruined:
        return (_CURVE, _YEARS, _DAILY, _UNDERWATER)
    return (_CURVE, _DAILY, _UNDERWATER) if short else ()


def _notices(source: TearsheetInput, returns: pd.Series, ruined: date | None) -> list[str]:
    """What a reader has to know before any figure."""
    found = []
    if ruined is not None:
        total = percent(float(wealth(returns).iloc[-1]) - 1.0)
        found.append(
            f"Ruined on {ruined.isoformat()}: equity fell to zero or below and trading ended. "
            f"Cumulative return {total}. Such a run has no annual return and no ratios, "
            "so none are shown; the curve stays where it fell."
        )
    if source.trades == 0:
        found.append("No trade was made, so there is nothing to judge the strategy by.")
    if not returns.any():
        found.append("Equity never moved. The figures below are the benchmark's.")
    if len(returns) < FEWEST_SESSIONS:
        found.append(
            f"The span is short ({len(returns)} of at least {FEWEST_SESSIONS} sessions): "
            "annual figures and ratios would mean nothing and are left out."
        )
    return found


__all__ = ["TearsheetInput", "write_tearsheet"]
