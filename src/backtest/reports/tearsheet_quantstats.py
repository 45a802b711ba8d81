"""Quantstats at work for a tear sheet: kept quiet, kept from its mistakes, and its metrics.

Version 0.0.86 takes some returns for prices, and misses or misdates some drawdowns. Each mend
has its reason beside it.
"""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from backtest.reports.tearsheet_tables import (
    DASH,
    NOT_RECOVERED,
    Drawdown,
    Table,
    drawdowns,
    underwater,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import pandas as pd

STRATEGY = "Strategy"
FONT = "DejaVu Sans"  # ships with matplotlib
_STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": 11,
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
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "axes.edgecolor": "white",
}
# quantstats shows the whole span again where the span is shorter than the window
_WINDOWS = {"3M": 3, "6M": 6, "1Y": 12, "3Y (ann.)": 36, "5Y (ann.)": 60, "10Y (ann.)": 120}
# without a losing day these divide by zero, and quantstats shows 0
_NEED_A_LOSS = ("Profit Factor", "Common Sense Ratio", "CPC Index")


@contextmanager
def quantstats_at_work() -> Iterator[ModuleType]:
    """Quantstats: silent, without a display, and mended for as long as the block lasts.

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

        mpl.rcdefaults()  # else the first sheet has the theme of seaborn, and later ones have not
        mpl.rcParams.update(_STYLE)
        # No losing day and a day above +100 % is taken for prices: here all are returns.
        _replace(stack, quantstats.utils, "_prepare_returns", lambda data, *_, **__: data.copy())
        _replace(stack, quantstats.utils, "_looks_like_returns", _are_returns)
        # A drawdown from the first session to the last is missed, and none at all raises.
        _replace(stack, quantstats.stats, "drawdown_details", _drawdown_details)
        yield quantstats


def _replace(stack: ExitStack, module: ModuleType, name: str, ours: object) -> None:
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


def metrics_table(
    quantstats: ModuleType,
    returns: pd.Series | None,
    benchmark: pd.Series,
    benchmark_title: str,
) -> Table:
    """The full table of metrics of quantstats; without `returns` that of the benchmark alone.

    Each column is calculated by itself: in a common table the "smart" ratios of the benchmark
    are corrected for the autocorrelation of the strategy.
    """
    alone = _metrics(quantstats, benchmark, None)
    if returns is None:
        return Table(("Metric", benchmark_title), tuple(alone))
    market = dict(alone)
    own = _metrics(quantstats, returns, benchmark)
    rows = tuple((name, market.get(name, DASH), text) for name, text in own)
    return Table(("Metric", benchmark_title, STRATEGY), rows)


def _metrics(
    quantstats: ModuleType,
    returns: pd.Series,
    benchmark: pd.Series | None,
) -> list[tuple[str, str]]:
    """Name and text of each metric; an empty name parts two groups."""
    if returns.min() == returns.max():
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
    plain = str(text).strip()
    unit = "%" if plain.endswith("%") else ""
    try:
        number = float(plain.removesuffix("%").replace(",", ""))
    except ValueError:
        return DASH if plain in ("", "-", "%", "-%") else plain
    if not math.isfinite(number):
        return DASH
    return f"{number + 0.0:,.2f}{unit}" if "." in plain or unit else plain
