"""Compute the charts of a tear sheet: which ones a run has, and where their lines lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.stats import NO_RETURN, SESSIONS_A_YEAR

if TYPE_CHECKING:
    import pandas as pd

STRATEGY = "Strategy"
_ROUNDING = 1e-12  # a product of returns that is back at its high may miss it by this much
_HALF_YEAR = SESSIONS_A_YEAR // 2
_FEWEST_WINDOWS = 20  # a rolling figure of fewer is a stroke, not a curve
_WIDTH, _HEIGHT = 584, 200  # of the area within a chart's axes, in pixels
_DAY = 62  # pixels that a date takes


def compounded(returns: Any, by: object) -> Any:
    """Compound the returns of each group that pandas' `groupby` makes of `by`."""
    return (1.0 + returns).groupby(by).prod() - 1.0


def monthly(returns: pd.Series) -> list[tuple[int, list[float | None], float]]:
    """Return each year, its twelve monthly returns (None outside of the span), and the whole's."""
    index: Any = returns.index
    months, years = compounded(returns, [index.year, index.month]), compounded(returns, index.year)
    return [
        (year, [months.get((year, month)) for month in range(1, 13)], whole)
        for year, whole in years.items()
    ]


class Drawdown(NamedTuple):
    """A drawdown is a fall below an earlier high."""

    started: date
    lowest: date
    ended: date  # the session that met the old high again, or the last if none did
    recovered: bool
    depth: float  # a fraction, -0.25 for a quarter lost
    days: int  # calendar days under water

    @property
    def end(self) -> str:
        """Return the day of recovery as text, or `not recovered`."""
        return str(self.ended) if self.recovered else "not recovered"


@dataclass(frozen=True)
class Chart:
    """A chart draws a line for each column of `data`; `missing` says why it is left out."""

    title: str
    data: pd.DataFrame
    note: str = ""
    missing: str = ""
    percent: bool = True
    log: bool = False
    mean: bool = False
    shaded: Sequence[Drawdown] = ()


def wealth(returns: Any) -> Any:
    """Return what 1 has grown to by each session; zero or less is ruin."""
    return (1.0 + returns).cumprod()


def underwater(returns: Any) -> Any:
    """Return how far each session closed below the highest wealth so far, the start included."""
    value = wealth(returns)
    return value / value.cummax().clip(lower=1.0) - 1.0


def drawdowns(depth: pd.Series) -> list[Drawdown]:
    """Return every drawdown of a series as `underwater` returns it, in order of time."""
    import numpy as np

    under = np.concatenate(([False], depth < -_ROUNDING, [False]))
    days, last = [day.date() for day in depth.index], len(depth) - 1
    falls = []
    for begin, after in np.flatnonzero(np.diff(under)).reshape(-1, 2).tolist():
        lowest, end = begin + int(np.argmin(depth[begin:after])), days[min(after, last)]
        length = (end - days[begin]).days + (after > last)
        deepest = float(depth.iloc[lowest])
        falls.append(Drawdown(days[begin], days[lowest], end, after <= last, deepest, length))
    return falls


def charts_of(
    returns: pd.DataFrame, above: pd.DataFrame, *, plain: bool, flat: bool
) -> list[Chart]:
    """Return the charts of the sheet in its order, those that mean something for such a run.

    The first column of the returns is the benchmark, the last the strategy; `above` holds the same
    above cash. A `plain` run is short or ruined, a `flat` one earned nothing above cash.
    """
    market, own = returns.iloc[:, 0], returns[STRATEGY]
    point = "one session is a point, not a line" if len(returns) == 1 else ""
    curve = Chart("Cumulative Returns vs Benchmark", wealth(returns) - 1.0, missing=point)
    if flat:
        return [curve]
    depth = underwater(own)
    falls = drawdowns(depth)
    unfallen = "" if falls else "no session closed below an earlier high"
    daily = Chart("Daily Returns (Cumulative Sum)", returns[[STRATEGY]].cumsum(), missing=point)
    sea = Chart("Underwater Plot", depth.to_frame(), missing=point or unfallen, mean=True)
    if plain:
        return [curve, daily, sea]
    lost = "" if (returns > -1).all(axis=None) else "a logarithm needs wealth above zero"
    spread = returns.std()
    still = "" if spread.min() > NO_RETURN else "a series without volatility cannot be matched"
    matched = returns / spread * market.std()
    growth, cumulative = "Growth of 1 vs Benchmark (Log Scale)", curve.data[[STRATEGY]]
    longest = sorted(falls, key=lambda fall: -fall.days)[:5]
    return [
        curve,
        Chart(growth, wealth(returns), missing=lost, percent=False, log=True),
        Chart(f"{curve.title} (Volatility Matched)", wealth(matched) - 1.0, missing=still),
        daily,
        *_rolling(returns, above),
        Chart("Longest 5 Drawdown Periods", cumulative, missing=unfallen, shaded=longest),
        sea,
    ]


def _rolling(returns: pd.DataFrame, above: pd.DataFrame) -> Iterator[Chart]:
    """Yield the charts of rolling figures with their means; what is infinite is a gap."""
    import pandas as pd

    market, own = returns.iloc[:, 0], returns[STRATEGY]
    window, year = above[STRATEGY].rolling(_HALF_YEAR), SESSIONS_A_YEAR**0.5
    downside = (above[STRATEGY].clip(upper=0) ** 2).rolling(_HALF_YEAR).mean() ** 0.5
    betas = {
        name: own.rolling(size).cov(market) / _spread(market.rolling(size)) ** 2
        for name, size in (("12 months", SESSIONS_A_YEAR), ("6 months", _HALF_YEAR))
    }
    broken = "Where the line breaks, no session of the window had a {}."
    figures: dict[str, tuple[Any, str]] = {
        "Beta to Benchmark": (betas, ""),
        "Volatility (6 Months)": (returns.rolling(_HALF_YEAR).std() * year, ""),
        "Sharpe (6 Months)": (window.mean() / _spread(window) * year, broken.format("return")),
        "Sortino (6 Months)": (window.mean() / downside * year, broken.format("loss")),
    }
    for title, (data, note) in figures.items():
        lines = pd.DataFrame(data)
        lines = lines.where(lines.abs() < math.inf)
        full = lines.count() >= _FEWEST_WINDOWS
        few = f"it needs {_FEWEST_WINDOWS} windows of {_HALF_YEAR} sessions"
        few, percent = "" if full.iloc[-1] else few, title.startswith("Volatility")
        yield Chart(f"Rolling {title}", lines.loc[:, full], note, few, percent=percent, mean=True)


def _spread(window: Any) -> Any:
    """Return the deviations of windows; NaN where returns differ by rounding alone."""
    return window.std().where(lambda deviation: deviation > NO_RETURN)


def layout(chart: Chart) -> dict[str, Any]:
    """Return where everything lies within the axes, in pixels, for the template to draw."""
    import numpy as np

    days, values = chart.data.index, chart.data.to_numpy(float)
    values = np.log(values) if chart.log else values * (100 if chart.percent else 1)
    low, high = min(np.nanmin(values), 0.0), max(np.nanmax(values), 0.0)
    across = np.arange(len(days)) * _WIDTH / max(len(days) - 1, 1)

    def y(value: Any) -> Any:
        return _HEIGHT * (high - value) / max(high - low, 1e-9)

    paths = []
    for line in values.T:
        (known,) = np.nonzero(np.isfinite(line))
        begins = np.diff(known, prepend=-2) > 1  # a gap breaks the line
        points = zip(begins, across[known], y(line[known]), strict=True)
        paths.append("".join(f"{'M' if new else 'L'}{x:.1f},{up:.1f}" for new, x, up in points))
    spans = [days.searchsorted([str(fall.started), str(fall.ended)]) for fall in chart.shaded]
    return {
        "ticks": [(y(tick), text) for tick, text in _ticks(low, high, log=chart.log)],
        "days": [
            (x, day)
            for x, day in list(zip(across, days.date, strict=True))[:: -(-len(days) // 6)]
            if x <= _WIDTH - _DAY
        ],
        "paths": paths,
        "zero": y(0.0),
        "mean": y(np.nanmean(values[:, -1])) if chart.mean else None,
        "shaded": across[np.array(spans, int).reshape(-1, 2)].tolist(),
    }


def _ticks(low: float, high: float, *, log: bool) -> list[tuple[float, str]]:
    """Return about five round values in a range with their texts; of logarithms, round numbers."""
    if log and high - low < 1:  # too narrow for powers of ten
        even = _ticks(math.exp(low), math.exp(high), log=False)
        return [(math.log(number), text) for number, text in even]
    if log:
        powers = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)))
        numbers = [base * 10.0**power for power in powers for base in (1, 1.5, 2, 3, 5, 7)]
        within = [number for number in numbers if low <= math.log(number) <= high]
        return [(math.log(number), f"{number:,.10g}") for number in within[:: -(-len(within) // 7)]]
    rough = max(high - low, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    ticks = [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(tick, f"{round(tick, 9):,.10g}") for tick in ticks]
