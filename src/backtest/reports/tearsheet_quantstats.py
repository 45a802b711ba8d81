"""What quantstats calculates and draws for a tear sheet, and what it has to be kept from.

quantstats 0.0.86 takes some returns for prices, lists a drawdown that lasts to the end as
recovered, and draws some charts wrong. What it gets right is taken from it; the rest is mended
or drawn anew from its own statistics, each with the reason beside it.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.reports.tearsheet_tables import (
    DASH,
    NOT_RECOVERED,
    Drawdown,
    Table,
    drawdowns,
    percent,
    underwater,
    wealth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

STRATEGY = "Strategy"
YEAR = 252
HALF_YEAR = 126
_FEWEST_MONTHS = 6  # a distribution of fewer says nothing
_FONT = "DejaVu Sans"  # ships with matplotlib
_BLUE, _YELLOW, _GREY, _RED = "#348dc1", "#fedd78", "#808080", "#ba516b"
_STYLE = {
    "font.family": _FONT,
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "svg.fonttype": "none",  # text stays text: smaller, quicker, searchable
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "grid.linestyle": "-",
    "text.color": "#333333",
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": True,
}
# quantstats shows the whole span again where the span is shorter than the window
_WINDOWS = {"3M": 3, "6M": 6, "1Y": 12, "3Y (ann.)": 36, "5Y (ann.)": 60, "10Y (ann.)": 120}
# without a losing day these divide by zero, and quantstats shows 0
_NEED_A_LOSS = ("Profit Factor", "Common Sense Ratio", "CPC Index")


@dataclass(frozen=True)
class Chart:
    """A chart as inline SVG, or none and in `note` the reason; else `note` is its caption."""

    title: str
    svg: str | None
    note: str = ""


@contextmanager
def quantstats_at_work() -> Iterator[Any]:
    """quantstats: silent, without a display, and mended for as long as the block lasts.

    Matplotlib is left on its Agg backend; its other settings and the functions of quantstats
    are put back. Not for use by two threads at once.
    """
    logger = logging.getLogger("matplotlib")
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)
        import matplotlib as mpl

        mpl.use("Agg")
        stack.enter_context(mpl.rc_context())
        import quantstats

        mpl.rcParams.update(_STYLE)
        # No losing day and a day above +100 % is taken for prices: here all are returns.
        _replace(stack, quantstats.utils, "_prepare_returns", lambda data, *_, **__: data.copy())
        _replace(stack, quantstats.utils, "_looks_like_returns", _are_returns)
        # A drawdown from the first session to the last is missed, and none at all raises.
        _replace(stack, quantstats.stats, "drawdown_details", _drawdown_details)
        yield quantstats


def _replace(stack: ExitStack, module: Any, name: str, ours: object) -> None:  # noqa: ANN401
    stack.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, ours)


def _are_returns(data: pd.Series | pd.DataFrame) -> object:
    import pandas as pd

    return pd.Series(data=True, index=data.columns) if data.ndim > 1 else True


def _drawdown_details(depth: pd.Series | pd.DataFrame) -> pd.DataFrame:
    """`quantstats.stats.drawdown_details` in its own columns; no drawdown is one of depth 0."""
    import pandas as pd

    if depth.ndim > 1:
        return pd.concat({name: _drawdown_details(depth[name]) for name in depth}, axis=1)
    first = depth.index[0].date()
    found = drawdowns(depth) or [
        Drawdown(first, first, first, recovered=True, depth=0.0, days=0),
    ]
    return pd.DataFrame(
        {
            "start": [fall.started.isoformat() for fall in found],
            "valley": [fall.lowest.isoformat() for fall in found],
            "end": [fall.ended.isoformat() for fall in found],
            "days": [fall.days for fall in found],
            "max drawdown": [fall.depth * 100 for fall in found],
            "99% max drawdown": [fall.depth * 100 for fall in found],
        }
    )


# ---- metrics ----------------------------------------------------------------------------------


def metrics_table(
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series | None,
    benchmark: pd.Series,
    benchmark_title: str,
) -> Table:
    """quantstats' full table of metrics; without `returns` that of the benchmark alone.

    Each column is calculated by itself: in a common table the "smart" ratios of the benchmark
    are corrected for the autocorrelation of the strategy.
    """
    market = dict(_metrics(quantstats, benchmark, None))
    if returns is None:
        rows = [(name, market[name]) if name else () for name in market]
        return Table(("Metric", benchmark_title), tuple(rows))
    own = _metrics(quantstats, returns, benchmark)
    rows = [(name, market.get(name, DASH), text) if name else () for name, text in own]
    return Table(("Metric", benchmark_title, STRATEGY), tuple(rows))


def _metrics(
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series,
    benchmark: pd.Series | None,
) -> list[tuple[str, str]]:
    """Name and text of each metric; an empty name parts two groups."""
    if returns.nunique() == 1:
        benchmark = None  # a line cannot be fitted to a constant: quantstats raises
    frame = quantstats.reports.metrics(
        returns.copy(),
        None if benchmark is None else benchmark.copy(),
        display=False,
        mode="full",
        sep=True,
        internal="True",
        prepare_returns=False,
        match_dates=False,
        strategy_title=STRATEGY,
        benchmark_title="Benchmark",
    )
    ours = _mended(returns)
    pairs = zip(frame.index[2:], frame[STRATEGY].iloc[2:], strict=True)  # without start and end
    named = ((name.replace("﹪", ""), text) for name, text in pairs)
    return [(name, ours.get(name) or _cell(text) if name else "") for name, text in named]


def _mended(returns: pd.Series) -> dict[str, str]:
    """The metrics that quantstats gets wrong for these returns."""
    import pandas as pd

    first, last = returns.index[[0, -1]]
    week = pd.Timedelta(days=7)
    right = {
        name: DASH
        for name, months in _WINDOWS.items()
        if first > last - pd.DateOffset(months=months) + week
    }
    if not (returns < 0).any():
        right |= dict.fromkeys(_NEED_A_LOSS, DASH)
    deepest = min(drawdowns(underwater(returns)), key=lambda fall: fall.depth, default=None)
    dates = ("Max DD Date", "Max DD Period Start", "Max DD Period End")
    if deepest is None:
        return right | dict.fromkeys(dates, DASH)
    end = deepest.ended.isoformat() if deepest.recovered else NOT_RECOVERED
    texts = (deepest.lowest.isoformat(), deepest.started.isoformat(), end)
    return right | dict(zip(dates, texts, strict=True))


def _cell(text: object) -> str:
    """A figure of quantstats with two decimals; `-` and what is no number at all as a dash."""
    import math

    plain = str(text).strip()
    unit = "%" if plain.endswith("%") else ""
    try:
        number = float(plain.removesuffix("%").replace(",", ""))
    except ValueError:
        return DASH if plain in ("", "-", "%", "-%") else plain
    if not math.isfinite(number):
        return DASH
    return f"{number + 0.0:,.2f}{unit}" if "." in plain or unit else plain


# ---- charts -----------------------------------------------------------------------------------


def charts(
    quantstats: Any,  # noqa: ANN401
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
    draw: Callable[[Any, pd.Series, pd.Series], Any],
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series,
    benchmark: pd.Series,
) -> Chart:
    try:
        if len(returns) < 2:  # noqa: PLR2004
            raise _LeftOutError("one session is a point, not a line")
        figure = draw(quantstats, returns, benchmark)
    except _LeftOutError as reason:
        return Chart(title, None, f"{title} is left out: {reason}.")
    figure.suptitle(title, y=0.95, fontweight="bold", fontsize=14, color="black")
    return Chart(title, _svg(figure, title), _CAPTIONS.get(title, ""))


def _svg(figure: Any, title: str) -> str:  # noqa: ANN401
    """Inline SVG without prolog, name spaces, and numbered ids that repeat in every chart."""
    import matplotlib as mpl

    text = io.StringIO()
    empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # The figure is saved here: pyplot's own saving draws it a second time for nothing.
    with mpl.rc_context({"svg.hashsalt": title}):  # ids differ between charts, not between runs
        figure.savefig(text, format="svg", metadata=empty)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"| id="[^"]*_\d+"', "", svg)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def _options(**more: object) -> dict[str, object]:
    common = {"show": False, "subtitle": False, "ylabel": "", "fontname": _FONT}
    return {**common, "prepare_returns": False, **more}


def _in_percent(axis: Any) -> None:  # noqa: ANN401
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1))  # quantstats cuts 2.5 % to "2%"


def _cumulative(quantstats: Any, returns: pd.Series, benchmark: pd.Series) -> Any:  # noqa: ANN401
    figure = quantstats.plots.returns(returns, benchmark, **_options(figsize=(8, 5)))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _volatility_matched(
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series,
    benchmark: pd.Series,
) -> Any:  # noqa: ANN401
    if returns.std() == 0 or benchmark.std() == 0:
        raise _LeftOutError("a series without volatility cannot be matched")
    options = _options(figsize=(8, 4), match_volatility=True)
    figure = quantstats.plots.returns(returns, benchmark, **options)
    _in_percent(figure.axes[0].yaxis)
    return figure


def _growth(_: Any, returns: pd.Series, benchmark: pd.Series) -> Any:  # noqa: ANN401
    """In place of quantstats' "log scaled" chart, which is linear below a gain of 200 %."""
    lines = {benchmark.name: wealth(benchmark), STRATEGY: wealth(returns)}
    if min(line.min() for line in lines.values()) <= 0:
        raise _LeftOutError("a logarithm needs wealth above zero")
    figure = _lines(lines, (_YELLOW, _BLUE), height=4, base=1.0)
    axes = figure.axes[0]
    axes.set_yscale("log")
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter("{x:.4g}")
    return figure


def _yearly(quantstats: Any, returns: pd.Series, benchmark: pd.Series) -> Any:  # noqa: ANN401
    figure = quantstats.plots.yearly_returns(returns, benchmark, **_options(figsize=(8, 4)))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _monthly_distribution(
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series,
    benchmark: pd.Series,
) -> Any:  # noqa: ANN401
    if returns.index.to_period("M").nunique() < _FEWEST_MONTHS:
        raise _LeftOutError(f"it needs {_FEWEST_MONTHS} months")
    figure = quantstats.plots.histogram(returns, benchmark, **_options(figsize=(7, 4)))
    _in_percent(figure.axes[0].xaxis)
    return figure


def _daily_sum(_: Any, returns: pd.Series, __: pd.Series) -> Any:  # noqa: ANN401
    """quantstats lets this curve fall to zero on every day without a session."""
    figure = _lines({STRATEGY: returns.cumsum()}, (_BLUE,))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _rolling_beta(quantstats: Any, returns: pd.Series, benchmark: pd.Series) -> Any:  # noqa: ANN401
    """quantstats draws a beta of 0 until the first window is full."""
    lines = {}
    for label, window in (("6 months", HALF_YEAR), ("12 months", YEAR)):
        if len(returns) > window:
            beta = quantstats.stats.rolling_greeks(returns, benchmark, window)["beta"]
            lines[label] = beta.iloc[window - 1 :]
    return _rolling(lines, (_BLUE, _GREY), mean_of="6 months")


def _rolling_volatility(
    quantstats: Any,  # noqa: ANN401
    returns: pd.Series,
    benchmark: pd.Series,
) -> Any:  # noqa: ANN401
    rolling = quantstats.stats.rolling_volatility
    lines = {
        benchmark.name: rolling(benchmark, HALF_YEAR, YEAR),
        STRATEGY: rolling(returns, HALF_YEAR, YEAR),
    }
    figure = _rolling(lines, (_YELLOW, _BLUE))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _rolling_sharpe(quantstats: Any, returns: pd.Series, _: pd.Series) -> Any:  # noqa: ANN401
    """quantstats joins the sessions on both sides of a gap by a line."""
    return _rolling({STRATEGY: quantstats.stats.rolling_sharpe(returns, 0.0, HALF_YEAR)}, (_BLUE,))


def _rolling_sortino(quantstats: Any, returns: pd.Series, _: pd.Series) -> Any:  # noqa: ANN401
    """A window without a losing day is infinite in quantstats, and so is the average line."""
    return _rolling({STRATEGY: quantstats.stats.rolling_sortino(returns, 0.0, HALF_YEAR)}, (_BLUE,))


def _rolling(
    lines: dict[str, pd.Series],
    colours: Sequence[str],
    mean_of: str = STRATEGY,
) -> Any:  # noqa: ANN401
    finite = {label: _finite(line) for label, line in lines.items()}
    if mean_of not in finite or finite[mean_of].count() == 0:
        raise _LeftOutError(f"it needs more than {HALF_YEAR} sessions with returns")
    figure = _lines(finite, colours)
    figure.axes[0].axhline(finite[mean_of].mean(), ls="--", lw=1.5, color=_RED)
    return figure


def _finite(line: pd.Series) -> pd.Series:
    return line.where(line.abs() < float("inf"))


def _drawdown_periods(quantstats: Any, returns: pd.Series, _: pd.Series) -> Any:  # noqa: ANN401
    """quantstats calls them the worst, yet picks the longest: the title says longest."""
    _needs_a_drawdown(returns)
    figure = quantstats.plots.drawdowns_periods(returns, **_options(figsize=(8, 4)))
    _in_percent(figure.axes[0].yaxis)
    return figure


def _underwater(quantstats: Any, returns: pd.Series, _: pd.Series) -> Any:  # noqa: ANN401
    _needs_a_drawdown(returns)
    options = _options(figsize=(8, 3))
    del options["prepare_returns"]
    figure = quantstats.plots.drawdown(returns, **options)
    _in_percent(figure.axes[0].yaxis)
    return figure


def _needs_a_drawdown(returns: pd.Series) -> None:
    if not drawdowns(underwater(returns)):
        raise _LeftOutError("no session closed below an earlier high")


def _monthly_heatmap(_: Any, returns: pd.Series, __: pd.Series) -> Any:  # noqa: ANN401
    """quantstats shows the months outside the span as months of 0 %."""
    from matplotlib.figure import Figure

    monthly = (1.0 + returns).groupby([returns.index.year, returns.index.month]).prod() - 1.0
    years = monthly.unstack().reindex(columns=range(1, 13))  # noqa: PD010
    most = max(float(years.abs().max().max()), 1e-9)
    figure = Figure(figsize=(8, max(2.2, 1 + 0.4 * len(years))))
    axes = figure.subplots()
    axes.imshow(years, cmap="RdYlGn", vmin=-most, vmax=most, aspect="auto", alpha=0.8)
    for row, values in enumerate(years.to_numpy()):
        for column, value in enumerate(values):
            if value == value:  # noqa: PLR0124 - a month outside the span is NaN
                text = percent(value).removesuffix("%")
                axes.text(column, row, text, ha="center", va="center", fontsize=9)
    axes.set_xticks(range(12), "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
    axes.set_yticks(range(len(years)), [str(year) for year in years.index])
    axes.grid(visible=False)
    return _framed(figure)


def _quantiles(_: Any, returns: pd.Series, __: pd.Series) -> Any:  # noqa: ANN401
    """quantstats loses every month that does not end on a session, and weighs the rest by days."""
    from matplotlib.figure import Figure

    spans = {"Weekly": "W-FRI", "Monthly": "M", "Quarterly": "Q", "Yearly": "Y"}
    boxes = {"Daily": returns.to_numpy()}
    for label, span in spans.items():
        values = (1.0 + returns).groupby(returns.index.to_period(span)).prod() - 1.0
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
) -> Any:  # noqa: ANN401
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


def _framed(figure: Any) -> Any:  # noqa: ANN401
    for spine in figure.axes[0].spines.values():
        spine.set_visible(False)
    figure.subplots_adjust(top=0.86, bottom=0.14, left=0.09, right=0.98)
    return figure


_CHARTS: dict[str, Callable[[Any, pd.Series, pd.Series], Any]] = {
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
    "Rolling Beta to Benchmark": "A gap: no session of the window had a return.",
    "Rolling Sharpe (6 Months)": "A gap: no session of the window had a return.",
    "Rolling Sortino (6 Months)": "A gap: the window had no losing day, and so no such ratio.",
    "Return Quantiles": "The first and the last week, month, quarter and year may be partial.",
}
