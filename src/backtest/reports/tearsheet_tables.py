"""The tables of a tear sheet that quantstats gets wrong: years, drawdowns, plain figures.

Pure functions over daily simple returns, every cell already a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

DASH = "—"
NOT_RECOVERED = "not recovered"
_ROUNDING = 1e-12  # a product of returns that meets its old high may miss it by this much


@dataclass(frozen=True)
class Table:
    """A table of texts; an empty row draws a line."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Drawdown:
    """One fall below an earlier high. `depth` is a fraction, -0.25 for a quarter lost.

    `ended` is the session that met the old high again, or the last session if none did.
    `days` are calendar days under water.
    """

    started: date
    lowest: date
    ended: date
    recovered: bool
    depth: float
    days: int


def percent(fraction: float) -> str:
    """0.1234 as `12.34%`, never `-0.00%`."""
    return f"{round(fraction * 100, 2) + 0.0:,.2f}%"


def wealth(returns: pd.Series) -> pd.Series:
    """What 1 became by each session; zero or less is ruin."""
    return (1.0 + returns).cumprod()


def underwater(returns: pd.Series) -> pd.Series:
    """How far below the highest wealth so far, the start included, each session closed."""
    value = wealth(returns)
    return value / value.cummax().clip(lower=1.0) - 1.0


def drawdowns(depth: pd.Series) -> list[Drawdown]:
    """Every drawdown of a series as `underwater` returns it, in order of time."""
    under = depth < -_ROUNDING
    spell = (under != under.shift(fill_value=False)).cumsum()
    last = len(depth) - 1
    found = []
    for _, below in depth[under].groupby(spell[under]):
        after = depth.index.get_loc(below.index[-1]) + 1
        end = depth.index[min(after, last)]
        found.append(
            Drawdown(
                started=below.index[0].date(),
                lowest=below.idxmin().date(),
                ended=end.date(),
                recovered=after <= last,
                depth=float(below.min()),
                days=(end - below.index[0]).days + (after > last),
            )
        )
    return found


def drawdown_table(returns: pd.Series, most: int = 10) -> Table:
    """The deepest drawdowns; one that lasts to the end is not called recovered."""
    deepest = sorted(drawdowns(underwater(returns)), key=lambda fall: fall.depth)[:most]
    return Table(
        ("Started", "Recovered", "Drawdown", "Days"),
        tuple(
            (
                fall.started.isoformat(),
                fall.ended.isoformat() if fall.recovered else NOT_RECOVERED,
                percent(fall.depth),
                str(fall.days),
            )
            for fall in deepest
        ),
    )


def yearly_table(returns: pd.Series, benchmark: pd.Series, names: Sequence[str]) -> Table:
    """Compounded return of each calendar year; `names` are the benchmark's and the strategy's.

    A year that begins in ruin has no return.
    """
    before = wealth(returns).shift(fill_value=1.0)
    rows = []
    for year, ours in returns.groupby(returns.index.year):
        market = _compounded(benchmark[ours.index])
        if before[ours.index[0]] <= 0:
            rows.append((str(year), percent(market), DASH, DASH, DASH))
            continue
        own = _compounded(ours)
        won = "+" if own >= market else "-"
        rows.append((str(year), percent(market), percent(own), percent(own - market), won))
    return Table(("Year", *names, "Difference", "Won"), tuple(rows))


def plain_table(returns: pd.Series, benchmark: pd.Series, names: Sequence[str]) -> Table:
    """The figures that exist for any span and for a ruined run: nothing annual, no ratio."""
    measures = (
        ("Cumulative Return", _compounded),
        ("Best Day", lambda series: float(series.max())),
        ("Worst Day", lambda series: float(series.min())),
        ("Max Drawdown", lambda series: min(0.0, float(underwater(series).min()))),
    )
    return Table(
        ("Metric", *names),
        tuple(
            (label, percent(measure(benchmark)), percent(measure(returns)))
            for label, measure in measures
        ),
    )


def _compounded(returns: pd.Series) -> float:
    return float((1.0 + returns).prod()) - 1.0
