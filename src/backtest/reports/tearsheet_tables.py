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
    """A table of texts; a row whose first cell is empty draws a line."""

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


def compounded(returns: pd.Series, by: object) -> pd.Series:
    """The compounded return of each group that pandas' `groupby` makes of `by`."""
    return (1.0 + returns).groupby(by).prod() - 1.0


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
    years = returns.index.year
    start = wealth(returns).shift(fill_value=1.0).groupby(years).first()
    market, own = compounded(benchmark, years), compounded(returns, years)
    rows = []
    for year in start.index:
        ours: tuple[str, str, str] = (DASH, DASH, DASH)
        if start[year] > 0:
            ahead = own[year] - market[year]
            ours = (percent(own[year]), percent(ahead), "+" if ahead >= 0 else "-")
        rows.append((str(year), percent(market[year]), *ours))
    return Table(("Year", *names, "Difference", "Won"), tuple(rows))


def plain_table(returns: pd.Series, benchmark: pd.Series, names: Sequence[str]) -> Table:
    """The figures that exist for any span and for a ruined run: nothing annual, no ratio."""
    both = (benchmark, returns)
    measures = {
        "Cumulative Return": [wealth(series).iloc[-1] - 1.0 for series in both],
        "Best Day": [series.max() for series in both],
        "Worst Day": [series.min() for series in both],
        "Max Drawdown": [underwater(series).min() for series in both],
    }
    return Table(
        ("Metric", *names),
        tuple((label, *map(percent, values)) for label, values in measures.items()),
    )
