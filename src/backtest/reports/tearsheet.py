"""The tear sheet of a run against its benchmark: the figures of quantstats, and charts beside them.

What quantstats 0.0.86 gets wrong is mended or left out, each with its reason beside it, and so is
what nothing can be said of: a flat, short or ruined run, and too few trades.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from backtest.engine.rules import Rules, above_cash
from backtest.experiments.runs.store import Run, read_run
from backtest.reports.pages import fill
from backtest.reports.run_words import ruin
from backtest.reports.tearsheet_charts import (
    STRATEGY,
    Drawdown,
    charts_of,
    compounded,
    drawdowns,
    drawn,
    monthly,
    underwater,
    wealth,
)
from backtest.stats import SESSIONS_A_YEAR
from backtest.stats.figures import FEWEST_SESSIONS, varies
from backtest.stats.formats import few
from backtest.strategy.parameters import flat as flattened
from backtest.workspace.files import write_text
from backtest.workspace.processes import completed

if TYPE_CHECKING:
    import pandas as pd

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # its head and its rows, all texts

_DASH = "—"
_SPANS = {"Daily": "D", "Weekly": "W-FRI", "Monthly": "M", "Quarterly": "Q", "Yearly": "Y"}
_QUANTILES = {"Worst": 0.0, "25%": 0.25, "Median": 0.5, "75%": 0.75, "Best": 1.0}
# A formula over days that tells 0 % of nearly any run, and a year at work that no run has seen.
_LEFT_OUT = ("Risk of Ruin", "Risk-Adjusted Return")
_NEED_TRADES = ("Prob. Sharpe Ratio", "Kelly Criterion")
_NEED_A_LOSS = ("Profit Factor", "Common Sense Ratio", "CPC Index")  # else divided by zero, told 0
# Where returns differ by rounding alone, and where those of the benchmark do.
_NEED_A_RATIO = ("Sharpe", "Smart Sharpe", "Prob. Sharpe Ratio")
_NEED_A_SPREAD = ("Risk-Return Ratio", "Skew", "Kurtosis")
_NEED_A_MARKET = ("Beta", "Alpha", "Correlation", "R^2", "Treynor Ratio")
_OF_THE_STRATEGY = ("R^2", "Information Ratio")  # told of the benchmark against itself too
# In months. Quantstats counts a session too many in the first three, and leaves out a month of the
# others; where the span is shorter, it tells the whole span again.
_WINDOWS = {"3M": 3, "6M": 6, "1Y": 12, "3Y (ann.)": 36, "5Y (ann.)": 60, "10Y (ann.)": 120}


def draw_tearsheets(runs: Sequence[Run]) -> Iterator[Run]:
    """Draw the tear sheets of runs on all processors; yields each run when its sheet is there."""
    if len(runs) == 1:  # a process of its own would cost more than it saves
        write_tearsheet(runs[0])
        yield runs[0]
        return
    by_path = {run.path: run for run in runs}
    for path, task in completed(draw_tearsheet, by_path, os.cpu_count() or 1):
        task.result()
        yield by_path[path]


def draw_tearsheet(path: Path) -> None:
    """As `write_tearsheet`, of a run folder."""
    write_tearsheet(read_run(path))


def write_tearsheet(run: Run) -> None:
    """Write `tearsheet.html` of a run; not for use by two threads at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_text(run.path / "tearsheet.html", fill("tearsheet.html", **_content(run)))


def _content(run: Run) -> dict[str, Any]:
    import pandas as pd

    evidence, market = run.manifest["evidence"], run.manifest["benchmark"]
    market += " (benchmark)" if market == STRATEGY else ""  # two columns need two names
    stock, equity = f"{few(run.manifest['symbols'])} held", run.equity
    columns = {market: "benchmark_return", stock: "holding_return", STRATEGY: "return"}
    returns = pd.DataFrame({name: equity[column] for name, column in columns.items()})
    returns = returns.dropna(axis=1, how="all")  # no stock where the benchmark is what was held
    own, rules = returns[STRATEGY], Rules(**run.manifest["rules"])
    above = _above_cash(returns, rules)
    flat = not above[STRATEGY].any()
    plain = len(returns) < FEWEST_SESSIONS or bool(run.manifest["ruined_on"])
    too_few = "" if flat or plain else evidence["sharpe"]["unknown"]
    charts = charts_of(returns, above, plain=plain, flat=flat)
    return {
        "run": run,
        "parameters": {**flattened(run.manifest["parameters"]), "run": run.run_id},
        "days": returns.index.date,
        "benchmark": market,
        "looks": {market: "other", stock: "held"},
        "ruin": ruin(run),
        "lost": _percent(wealth(own).iloc[-1] - 1.0),
        "unknown_figures": f"{', '.join(_NEED_TRADES)} ({too_few})" if too_few else "",
        "flat": flat,
        "moved": own.any(),
        "fewest": FEWEST_SESSIONS,
        "charts": [(chart, drawn(chart)) for chart in charts if not chart.missing],
        "missing": [chart for chart in charts if chart.missing],
        "months": [] if plain or flat else monthly(own),
        "quantiles": () if plain or flat else _quantiles(returns),
        "metrics": (
            _plain_metrics(returns) if plain else _metrics(returns, too_few, rules, flat=flat)
        ),
        "years": _years(returns),
        "drawdowns": _drawdown_table(own),
        "plain": plain,
        "cash_rate": rules.cash_rate,
        "version": version("quantstats"),
    }


def _above_cash(returns: Any, rules: Rules) -> Any:
    """Returns above what cash earned, of one series or of several side by side."""
    from backtest.engine.kernel.panel import nights_before  # loads pandas

    nights = nights_before(returns.index.to_numpy())
    return above_cash(returns, nights if returns.ndim == 1 else nights[:, None], rules)


def _percent(fraction: float) -> str:
    """0.1234 as `12.34%`, never `-0.00%`."""
    return f"{round(fraction * 100, 2) + 0.0:,.2f}%"


def _plain_metrics(returns: pd.DataFrame) -> Table:
    """The figures that exist for any span and for a ruined run: nothing annual, no ratio."""
    measures = {
        "Cumulative Return": wealth(returns).iloc[-1] - 1.0, "Best Day": returns.max(),
        "Worst Day": returns.min(), "Max Drawdown": underwater(returns).min(),
    }  # fmt: skip
    return ("Metric", *returns), [(name, *map(_percent, row)) for name, row in measures.items()]


def _years(returns: pd.DataFrame) -> Table:
    """Compounded return of each calendar year; one that begins in ruin has none."""
    years = returns.index.year
    start = wealth(returns[STRATEGY]).shift(fill_value=1.0).groupby(years).first()
    rows = []
    for year, market, *held, own in compounded(returns, years).itertuples():
        ours = (_percent(own), _percent(own - market), "+" if own >= market else "-")
        others = map(_percent, (market, *held))
        rows.append((str(year), *others, *(ours if start[year] > 0 else [_DASH] * 3)))
    return ("Year", *returns, "Difference", "Won"), rows


def _drawdown_table(returns: pd.Series) -> Table:
    found = sorted(drawdowns(underwater(returns)), key=lambda fall: fall.depth)[:10]
    rows = [(str(fall.started), fall.end, _percent(fall.depth), str(fall.days)) for fall in found]
    return ("Started", "Recovered", "Drawdown", "Days"), rows


def _quantiles(returns: pd.DataFrame) -> Table:
    """Quantstats loses every month that does not end on a session and weighs the rest by days."""
    rows = []
    for label, span in _SPANS.items():
        values = compounded(returns, returns.index.to_period(span))
        for name, found in values.quantile([*_QUANTILES.values()]).items():
            if len(values) > 1:
                rows.append((f"{label}, {name}", *map(_percent, found)))
    return ("Returns", *_QUANTILES), rows


def _metrics(returns: pd.DataFrame, too_few: str, rules: Rules, *, flat: bool) -> Table:
    """The full table of metrics of quantstats; of a flat run without those of the strategy."""
    import pandas as pd

    returns = returns.iloc[:, :-1] if flat else returns
    market, *others = returns
    unknown = {name: {*_unknown(returns[name], rules)} for name in (market, *others)}
    unknown[market] |= {*_OF_THE_STRATEGY}
    if not varies(returns[market].to_numpy()):
        unknown = {name: {*names, *_NEED_A_MARKET} for name, names in unknown.items()}
    if not flat and too_few:
        unknown[STRATEGY] |= {*_NEED_TRADES}
    with quantstats_at_work(rules) as quantstats:

        def metrics(*series: pd.Series) -> pd.DataFrame:
            frame: pd.DataFrame = quantstats.reports.metrics(
                *(one.copy() for one in series),
                display=False, mode="full", sep=True, internal="True", prepare_returns=False,
                match_dates=False, strategy_title=STRATEGY, benchmark_title="Benchmark",
                rf=rules.cash_rate,
            )  # fmt: skip
            return frame.iloc[2:]  # without start and end

        if not others:
            table = metrics(returns[market])
        else:
            pairs = [metrics(returns[name], returns[market]) for name in others]
            table = pd.concat([pairs[0]["Benchmark"], *(pair[STRATEGY] for pair in pairs)], axis=1)
    rows = []
    for label, *texts in table.itertuples():
        if (name := label.replace("﹪", "")) not in _LEFT_OUT:
            own = _over(returns, _WINDOWS[name]) if name in _WINDOWS else texts
            cells = zip(unknown.values(), own, strict=True)
            rows.append((name, *(_DASH if name in names else _cell(text) for names, text in cells)))
    return ("Metric", *unknown), rows


def _unknown(returns: pd.Series, rules: Rules) -> Iterator[str]:
    """The metrics that quantstats tells of these returns although there is no such figure."""
    if not (returns < 0).any():
        yield from _NEED_A_LOSS
    if not varies(returns.to_numpy()):
        yield from _NEED_A_SPREAD
    if not varies(_above_cash(returns, rules).to_numpy()):
        yield from _NEED_A_RATIO


def _over(returns: pd.DataFrame, months: int) -> list[str]:
    """What each made since the close of the same day so many months ago, of years by the year."""
    import pandas as pd

    first, last = returns.index[[0, -1]]
    since = last - pd.DateOffset(months=months)
    if first - pd.Timedelta(days=7) > since:
        return [_DASH] * len(returns.columns)
    growth = wealth(returns[returns.index > since])
    power = SESSIONS_A_YEAR / len(growth) if months > 12 else 1  # noqa: PLR2004 - a year
    return [*map(_percent, growth.iloc[-1] ** power - 1.0)]


def _cell(text: object) -> str:
    """A figure of quantstats with two decimals; `-` and what is no number at all as a dash."""
    plain = str(text).strip()
    unit = "%" if plain.endswith("%") else ""
    try:
        number = float(plain.removesuffix("%").replace(",", ""))
    except ValueError:
        return _DASH if plain in ("", "-", "%", "-%") else plain
    if not math.isfinite(number):
        return _DASH
    return f"{number + 0.0:,.2f}{unit}" if "." in plain or unit else plain


@contextmanager
def quantstats_at_work(rules: Rules) -> Iterator[ModuleType]:
    """A quantstats of our own: mended, and without its charts and its downloader.

    What draws and downloads takes most of a second to load, and nothing here needs it. Whoever
    imports quantstats elsewhere has it whole and as it is.
    """

    def is_its(name: str) -> bool:
        return name == "yfinance" or name.partition(".")[0] == "quantstats"

    theirs = {name: sys.modules.pop(name) for name in [*sys.modules] if is_its(name)}
    sys.modules |= {name: ModuleType(name) for name in ("yfinance", "quantstats.plots")}
    try:
        import quantstats

        stats: Any = quantstats.stats
        penalty = stats.autocorr_penalty
        vars(quantstats.utils).update(
            # No losing day and a day above +100 % is taken for prices: here all are returns.
            # Cash earns by the night, not alike in each session.
            _prepare_returns=lambda data, rf=0.0, _periods=None, *, apply_rf=True: (
                _above_cash(data, rules) if apply_rf and rf else data.copy()
            ),
            _looks_like_returns=lambda data: data.notna().any(),  # true of each column
        )
        # A drawdown from the first session to the last is missed, and none at all raises.
        vars(quantstats.reports).update(_calc_dd=_drawdown_figures)
        vars(stats).update(
            # Rounded up to a whole percent it tells 8 % of 7 in 100.
            exposure=lambda data, **_: (data != 0).mean(),
            # The "smart" ratios of the benchmark are corrected for the strategy's autocorrelation.
            autocorr_penalty=lambda data: data.apply(penalty) if data.ndim > 1 else penalty(data),
            # A line cannot be fitted to a constant: it raises.
            r_squared=lambda one, other, **_: one.corr(other) ** 2,
            # It has lost its sign, so that a loss looks like a gain, and its numerator is a sum.
            recovery_factor=lambda data: stats.comp(data) / -underwater(data).min(),
            # The return of the whole span grows with its length; both are by the year.
            treynor_ratio=lambda own, market, _, rf: (
                (stats.cagr(own) - rf) / stats.greeks(own, market)["beta"]
            ),
            ulcer_performance_index=lambda data, rf: (
                (stats.cagr(data) - rf) / stats.ulcer_index(data)
            ),
        )
        yield quantstats
    finally:
        for name in filter(is_its, [*sys.modules]):
            del sys.modules[name]
        sys.modules |= theirs


def _drawdown_figures(both: pd.DataFrame, **_: object) -> pd.DataFrame:
    """What quantstats' table tells of drawdowns, by its labels; a column each."""
    import pandas as pd

    def figures(falls: list[Drawdown]) -> dict[str, Any]:
        deepest = min(falls, key=lambda fall: fall.depth, default=None)
        many = max(len(falls), 1)
        return {
            "Max Drawdown %": 100 * deepest.depth if deepest else 0.0,
            "Max DD Date": str(deepest.lowest) if deepest else _DASH,
            "Max DD Period Start": str(deepest.started) if deepest else _DASH,
            "Max DD Period End": deepest.end if deepest else _DASH,
            "Longest DD Days": max((fall.days for fall in falls), default=0),
            "Avg. Drawdown %": 100 * sum(fall.depth for fall in falls) / many,
            "Avg. Drawdown Days": sum(fall.days for fall in falls) // many,
        }

    return pd.DataFrame({name: figures(drawdowns(underwater(both[name]))) for name in both})
