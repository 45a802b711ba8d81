"""The charts of a tear sheet, as inline SVG.

Quantstats draws what it draws right. What it draws wrong is drawn anew from its own statistics,
in its look; each function says why.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.reports.tearsheet_quantstats import FONT, STRATEGY
from backtest.reports.tearsheet_tables import compounded, drawdowns, percent, underwater, wealth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    import pandas as pd
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

YEAR = 252
HALF_YEAR = 126
_FEWEST_MONTHS = 6  # a distribution of fewer says nothing
_FEWEST_WINDOWS = 20  # a rolling figure of fewer is a stroke, not a course
_BLUE, _YELLOW, _GREY, _RED = "#348dc1", "#fedd78", "#808080", "#ba516b"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Chart:
    """A chart as inline SVG, or none and in `note` the reason; else `note` is its caption."""

    title: str
    svg: str | None
    note: str = ""


def charts(
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series,
    only: Sequence[str] = (),
) -> list[Chart]:
    """The charts of the sheet in its order, all or `only` those with these titles."""
    return [
        _chart(title, draw, quantstats, returns, benchmark)
        for title, draw in _CHARTS.items()
        if not only or title in only
    ]


class _LeftOutError(Exception):
    """A chart cannot be drawn honestly; the message says why."""


def _chart(
    title: str,
    draw: Callable[[ModuleType, pd.Series, pd.Series], Figure],
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series,
) -> Chart:
    try:
        _needs_a_line(returns)
        figure = draw(quantstats, returns, benchmark)
    except _LeftOutError as reason:
        return Chart(title, None, f"{title} is left out: {reason}.")
    figure.suptitle(title, y=0.96, fontweight="bold", fontsize=14, color="black")
    height = figure.get_figheight()  # fixed margins in inches: a fitted layout costs a drawing
    figure.subplots_adjust(left=0.1, right=0.98, top=1 - 0.55 / height, bottom=0.7 / height)
    return Chart(title, _svg(figure, title), _CAPTIONS.get(title, ""))


def _needs_a_line(returns: pd.Series) -> None:
    if len(returns) == 1:
        raise _LeftOutError("one session is a point, not a line")


def _svg(figure: Figure, title: str) -> str:
    """Inline SVG without prolog, name spaces, and numbered ids that repeat in every chart."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": title}):  # ids differ between charts, not between runs
        # savefig draws twice, and pyplot's once more
        FigureCanvasSVG(figure).print_svg(text, metadata=empty)  # type: ignore[no-untyped-call]
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| id="[^"]*_\d+"', "", svg)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def _options(**more: object) -> dict[str, object]:
    common = {"show": False, "subtitle": False, "ylabel": "", "fontname": FONT}
    return {**common, "prepare_returns": False, **more}


def _in_percent(axis: Axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1))  # quantstats cuts 2.5 % to "2%"


def _cumulative(quantstats: ModuleType, returns: pd.Series, benchmark: pd.Series) -> Figure:
    figure: Figure = quantstats.plots.returns(returns, benchmark, **_options(figsize=(8, 5)))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _volatility_matched(
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series,
) -> Figure:
    if returns.std() == 0 or benchmark.std() == 0:
        raise _LeftOutError("a series without volatility cannot be matched")
    options = _options(figsize=(8, 4), match_volatility=True)
    figure: Figure = quantstats.plots.returns(returns, benchmark, **options)
    _in_percent(figure.axes[0].yaxis)
    return figure


def _growth(_: ModuleType, returns: pd.Series, benchmark: pd.Series) -> Figure:
    """In place of quantstats' "log scaled" chart, which is linear below a gain of 200 %."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    lines = {benchmark.name: wealth(benchmark), STRATEGY: wealth(returns)}
    if min(line.min() for line in lines.values()) <= 0:
        raise _LeftOutError("a logarithm needs wealth above zero")
    figure = _lines(lines, (_YELLOW, _BLUE), height=4, base=1.0)
    axes = figure.axes[0]
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    wide = high / low > 10  # noqa: PLR2004 - powers of ten alone would leave a narrow one bare
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:.4g}")
    return figure


def _yearly(_: ModuleType, returns: pd.Series, benchmark: pd.Series) -> Figure:
    """Quantstats leaves years without a label and puts others under the wrong bar."""
    from matplotlib.figure import Figure

    years = returns.index.year.unique()
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for shift, series, colour in ((-0.2, benchmark, _YELLOW), (0.2, returns, _BLUE)):
        heights = compounded(series, series.index.year)
        places = [place + shift for place in range(len(years))]
        axes.bar(places, heights, width=0.4, color=colour, label=series.name)
    axes.axhline(0, ls="--", lw=1, color="black")
    axes.set_xticks(range(len(years)), [str(year) for year in years])
    axes.legend(fontsize=11)
    _in_percent(axes.yaxis)
    return _framed(figure)


def _monthly_distribution(
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series,
) -> Figure:
    if returns.index.to_period("M").nunique() < _FEWEST_MONTHS:
        raise _LeftOutError(f"it needs {_FEWEST_MONTHS} months")
    figure: Figure = quantstats.plots.histogram(returns, benchmark, **_options(figsize=(8, 4)))
    _in_percent(figure.axes[0].xaxis)
    return figure


def _daily_sum(_: ModuleType, returns: pd.Series, __: pd.Series) -> Figure:
    """Quantstats lets this curve fall to zero on every day without a session."""
    figure = _lines({STRATEGY: returns.cumsum()}, (_BLUE,))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _rolling_beta(quantstats: ModuleType, returns: pd.Series, benchmark: pd.Series) -> Figure:
    """Quantstats draws a beta of 0 until the first window is full."""
    lines = {}
    for label, window in (("6 months", HALF_YEAR), ("12 months", YEAR)):
        if len(returns) >= window + _FEWEST_WINDOWS:
            beta = quantstats.stats.rolling_greeks(returns, benchmark, window)["beta"]
            lines[label] = beta.iloc[window - 1 :]
    return _rolling(lines, (_BLUE, _GREY), mean_of="6 months")


def _rolling_volatility(
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series,
) -> Figure:
    rolling = quantstats.stats.rolling_volatility
    lines = {
        benchmark.name: rolling(benchmark, HALF_YEAR, YEAR),
        STRATEGY: rolling(returns, HALF_YEAR, YEAR),
    }
    figure = _rolling(lines, (_YELLOW, _BLUE))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _rolling_sharpe(quantstats: ModuleType, returns: pd.Series, _: pd.Series) -> Figure:
    """Quantstats joins the sessions on both sides of a gap by a line."""
    return _rolling({STRATEGY: quantstats.stats.rolling_sharpe(returns, 0.0, HALF_YEAR)}, (_BLUE,))


def _rolling_sortino(quantstats: ModuleType, returns: pd.Series, _: pd.Series) -> Figure:
    """A window without a losing day is infinite in quantstats, and so is the average line."""
    return _rolling({STRATEGY: quantstats.stats.rolling_sortino(returns, 0.0, HALF_YEAR)}, (_BLUE,))


def _rolling(
    lines: dict[str, pd.Series],
    colours: Sequence[str],
    mean_of: str = STRATEGY,
) -> Figure:
    finite = {label: _finite(line) for label, line in lines.items()}
    if mean_of not in finite or finite[mean_of].count() < _FEWEST_WINDOWS:
        raise _LeftOutError(f"it needs {_FEWEST_WINDOWS} windows of {HALF_YEAR} sessions")
    figure = _lines(finite, colours)
    figure.axes[0].axhline(finite[mean_of].mean(), ls="--", lw=1.5, color=_RED)
    return figure


def _finite(line: pd.Series) -> pd.Series:
    return line.where(line.abs() < float("inf"))


def _drawdown_periods(quantstats: ModuleType, returns: pd.Series, _: pd.Series) -> Figure:
    """Quantstats calls them the worst, yet picks the longest: the title says longest."""
    _needs_a_drawdown(returns)
    figure: Figure = quantstats.plots.drawdowns_periods(returns, **_options(figsize=(8, 4)))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _underwater(quantstats: ModuleType, returns: pd.Series, _: pd.Series) -> Figure:
    _needs_a_drawdown(returns)
    options = _options(figsize=(8, 3))
    del options["prepare_returns"]
    figure: Figure = quantstats.plots.drawdown(returns, **options)
    _in_percent(figure.axes[0].yaxis)
    return figure


def _needs_a_drawdown(returns: pd.Series) -> None:
    if not drawdowns(underwater(returns)):
        raise _LeftOutError("no session closed below an earlier high")


def _monthly_heatmap(_: ModuleType, returns: pd.Series, __: pd.Series) -> Figure:
    """Quantstats shows the months outside the span as months of 0 %."""
    from matplotlib.figure import Figure

    monthly = compounded(returns, [returns.index.year, returns.index.month])
    years = monthly.unstack().reindex(columns=range(1, 13))  # noqa: PD010
    most = max(float(years.abs().max().max()), 1e-9)
    figure = Figure(figsize=(8, max(2.2, 1 + 0.4 * len(years))))
    axes = figure.subplots()
    places = (range(12), range(len(years)))
    axes.pcolormesh(*places, years, cmap="RdYlGn", vmin=-most, vmax=most, alpha=0.8)
    axes.invert_yaxis()
    for row, values in enumerate(years.to_numpy()):
        for column, value in enumerate(values):
            if value == value:  # noqa: PLR0124 - a month outside the span is NaN
                text = percent(value).removesuffix("%")
                axes.text(column, row, text, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(12), _MONTHS)
    axes.set_yticks(range(len(years)), [str(year) for year in years.index])
    axes.grid(visible=False)
    return _framed(figure)


def _quantiles(_: ModuleType, returns: pd.Series, __: pd.Series) -> Figure:
    """Quantstats loses every month that does not end on a session, and weighs the rest by days."""
    from matplotlib.figure import Figure

    spans = {"Weekly": "W-FRI", "Monthly": "M", "Quarterly": "Q", "Yearly": "Y"}
    boxes = {"Daily": returns.to_numpy()}
    for label, span in spans.items():
        values = compounded(returns, returns.index.to_period(span))
        if len(values) > 1:
            boxes[label] = values.to_numpy()
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    axes.boxplot(
        list(boxes.values()),
        patch_artist=True,
        boxprops={"facecolor": _BLUE, "alpha": 0.6},
        medianprops={"color": "black"},
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": _GREY},
    )
    axes.set_xticks(range(1, len(boxes) + 1), list(boxes))
    _in_percent(axes.yaxis)
    return _framed(figure)


def _lines(
    lines: dict[str, pd.Series],
    colours: Sequence[str],
    height: float = 3,
    base: float = 0.0,
) -> Figure:
    """Lines over time in the look of quantstats; a missing value is a gap."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height))
    axes = figure.subplots()
    for (label, line), colour in zip(lines.items(), colours, strict=False):
        axes.plot(line.index, line.to_numpy(), lw=1.5, label=label, color=colour)
    axes.axhline(base, ls="--", lw=1, color="black")
    if len(lines) > 1:
        axes.legend(fontsize=11)
    figure.autofmt_xdate()
    return _framed(figure)


def _framed(figure: Figure) -> Figure:
    for spine in figure.axes[0].spines.values():
        spine.set_visible(False)
    return figure


_CHARTS: dict[str, Callable[[ModuleType, pd.Series, pd.Series], Figure]] = {
    "Cumulative Returns vs Benchmark": _cumulative,
    "Growth of 1 vs Benchmark (Log Scale)": _growth,
    "Cumulative Returns vs Benchmark (Volatility Matched)": _volatility_matched,
    "EOY Returns vs Benchmark": _yearly,
    "Distribution of Monthly Returns": _monthly_distribution,
    "Daily Returns (Cumulative Sum)": _daily_sum,
    "Rolling Beta to Benchmark": _rolling_beta,
    "Rolling Volatility (6 Months)": _rolling_volatility,
    "Rolling Sharpe (6 Months)": _rolling_sharpe,
    "Rolling Sortino (6 Months)": _rolling_sortino,
    "Longest 5 Drawdown Periods": _drawdown_periods,
    "Underwater Plot": _underwater,
    "Monthly Returns (%)": _monthly_heatmap,
    "Return Quantiles": _quantiles,
}
_CAPTIONS = {
    "Rolling Beta to Benchmark": "Where the line breaks, no session of the window had a return.",
    "Rolling Sharpe (6 Months)": "Where the line breaks, no session of the window had a return.",
    "Rolling Sortino (6 Months)": "Where the line breaks, the window had no losing day: no ratio.",
    "Return Quantiles": "The first and the last week, month, quarter and year may be partial.",
}
