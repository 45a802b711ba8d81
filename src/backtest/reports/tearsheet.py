"""Write the tear sheet of a run against its benchmark: quantstats' figures, and charts beside them.

What quantstats 0.0.86 gets wrong is mended or left out, each with its reason beside it. What cannot
be said is left out as well, of a flat, short or ruined run and of too few trades.
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
    layout,
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

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # the headings and the rows, all texts

_DASH = "—"
_SPANS = {"Daily": "D", "Weekly": "W-FRI", "Monthly": "M", "Quarterly": "Q", "Yearly": "Y"}
_QUANTILES = {"Worst": 0.0, "25%": 0.25, "Median": 0.5, "75%": 0.75, "Best": 1.0}
# A formula over days that gives 0 % for nearly any run, and a year in the market that no run had.
_LEFT_OUT = ("Risk of Ruin", "Risk-Adjusted Return")
_NEED_TRADES = ("Prob. Sharpe Ratio", "Kelly Criterion")
_NEED_A_LOSS = ("Profit Factor", "Common Sense Ratio", "CPC Index")  # else a division by 0 gives 0
# These need returns above cash, returns, and returns of the benchmark that truly vary.
_NEED_A_RATIO = ("Sharpe", "Smart Sharpe", "Prob. Sharpe Ratio")
_NEED_A_SPREAD = ("Risk-Return Ratio", "Skew", "Kurtosis")
_NEED_A_MARKET = ("Beta", "Alpha", "Correlation", "R^2", "Treynor Ratio")
_OF_THE_STRATEGY = ("R^2", "Information Ratio")  # of the benchmark against itself they say nothing
# In months. Quantstats counts a session too many in the first three, and leaves out a month of the
# others; where the span is shorter, it gives the return of the whole span.
_WINDOWS = {"3M": 3, "6M": 6, "1Y": 12, "3Y (ann.)": 36, "5Y (ann.)": 60, "10Y (ann.)": 120}


def draw_tearsheets(runs: Sequence[Run]) -> Iterator[Run]:
    """Write the tear sheets of runs on all processors; yield each run when its sheet is there."""
    if len(runs) == 1:  # a process of its own would cost more than it saves
        write_tearsheet(runs[0])
        yield runs[0]
        return
    by_path = {run.path: run for run in runs}
    for path, task in completed(draw_tearsheet, by_path, os.cpu_count() or 1):
        task.result()
        yield by_path[path]


def draw_tearsheet(path: Path) -> None:
    """Write the tear sheet of a run folder, as `write_tearsheet` does."""
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
        "charts": [(chart, layout(chart)) for chart in charts if not chart.missing],
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
    """Return how far returns, a series or a table, are above what cash earned."""
    from backtest.engine.kernel.panel import nights_before  # loads pandas

    nights = nights_before(returns.index.to_numpy())
    return above_cash(returns, nights if returns.ndim == 1 else nights[:, None], rules)


def _percent(fraction: float) -> str:
    """Write 0.1234 as `12.34%`, and never `-0.00%`."""
    return f"{round(fraction * 100, 2) + 0.0:,.2f}%"


def _plain_metrics(returns: pd.DataFrame) -> Table:
    """Return the figures that exist for a short span and for a ruined run: no year, no ratio."""
    measures = {
        "Cumulative Return": wealth(returns).iloc[-1] - 1.0, "Best Day": returns.max(),
        "Worst Day": returns.min(), "Max Drawdown": underwater(returns).min(),
    }  # fmt: skip
    return ("Metric", *returns), [(name, *map(_percent, row)) for name, row in measures.items()]


def _years(returns: pd.DataFrame) -> Table:
    """Return the compounded returns of each calendar year; a year that begins in ruin has none."""
    years = returns.index.year
    start = wealth(returns[STRATEGY]).shift(fill_value=1.0).groupby(years).first()
    rows = []
    for year, market, *held, own in compounded(returns, years).itertuples():
        ours = (_percent(own), _percent(own - market), "+" if own >= market else "-")
        others = map(_percent, (market, *held))
        rows.append((str(year), *others, *(ours if start[year] > 0 else [_DASH] * 3)))
    return ("Year", *returns, "Difference", "Won"), rows


def _drawdown_table(returns: pd.Series) -> Table:
    worst = sorted(drawdowns(underwater(returns)), key=lambda fall: fall.depth)[:10]
    rows = [(str(fall.started), fall.end, _percent(fall.depth), str(fall.days)) for fall in worst]
    return ("Started", "Recovered", "Drawdown", "Days"), rows


def _quantiles(returns: pd.DataFrame) -> Table:
    """Return the quantiles of the returns of days, weeks, months, quarters and years.

    Quantstats loses every month that does not end on a session, and weights the rest by days.
    """
    rows = []
    for label, span in _SPANS.items():
        values = compounded(returns, returns.index.to_period(span))
        if len(values) > 1:
            quantiles = values.quantile([*_QUANTILES.values()])
            rows += [(f"{label}, {name}", *map(_percent, quantiles[name])) for name in quantiles]
    return ("Returns", *_QUANTILES), rows


def _metrics(returns: pd.DataFrame, too_few: str, rules: Rules, *, flat: bool) -> Table:
    """Return quantstats' full table of metrics; for a flat run without those of the strategy."""
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
            own = _over_months(returns, _WINDOWS[name]) if name in _WINDOWS else texts
            cells = zip(unknown.values(), own, strict=True)
            rows.append((name, *(_DASH if name in names else _cell(text) for names, text in cells)))
    return ("Metric", *unknown), rows


def _unknown(returns: pd.Series, rules: Rules) -> Iterator[str]:
    """Yield the metrics that quantstats gives for these returns although they do not exist."""
    if not (returns < 0).any():
        yield from _NEED_A_LOSS
    if not varies(returns.to_numpy()):
        yield from _NEED_A_SPREAD
    if not varies(_above_cash(returns, rules).to_numpy()):
        yield from _NEED_A_RATIO


def _over_months(returns: pd.DataFrame, months: int) -> list[str]:
    """Return what each made in so many months, by the year where they are more than twelve."""
    import pandas as pd

    first, last = returns.index[[0, -1]]
    since = last - pd.DateOffset(months=months)
    if first - pd.Timedelta(days=7) > since:
        return [_DASH] * len(returns.columns)
    growth = wealth(returns[returns.index > since])
    power = SESSIONS_A_YEAR / len(growth) if months > 12 else 1  # noqa: PLR2004 - a year
    return [*map(_percent, growth.iloc[-1] ** power - 1.0)]


def _cell(text: object) -> str:
    """Write a figure of quantstats with two decimals; `-`, NaN and infinity become a dash."""
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
    """Import a quantstats of our own: mended, and without its charts and its downloader.

    What draws and downloads takes most of a second to load, and nothing here needs it. Whoever
    imports quantstats elsewhere gets the whole package, unchanged.
    """

    def is_quantstats(name: str) -> bool:
        return name == "yfinance" or name.partition(".")[0] == "quantstats"

    originals = {name: sys.modules.pop(name) for name in [*sys.modules] if is_quantstats(name)}
    sys.modules |= {name: ModuleType(name) for name in ("yfinance", "quantstats.plots")}
    try:
        import quantstats

        stats: Any = quantstats.stats
        penalty = stats.autocorr_penalty
        vars(quantstats.utils).update(
            # It takes returns with a day above +100 % and no losing day for prices.
            # Cash earns by the night, not the same in each session.
            _prepare_returns=lambda data, rf=0.0, _periods=None, *, apply_rf=True: (
                _above_cash(data, rules) if apply_rf and rf else data.copy()
            ),
            _looks_like_returns=lambda data: data.notna().any(),  # true for each column
        )
        # It misses a drawdown from the first session to the last, and raises where there is none.
        vars(quantstats.reports).update(_calc_dd=_drawdown_figures)
        vars(stats).update(
            # It rounds up to a whole percent, in floats: 7 in 100 become 8 %.
            exposure=lambda data, **_: (data != 0).mean(),
            # It corrects the benchmark's "smart" ratios for the strategy's autocorrelation.
            autocorr_penalty=lambda data: data.apply(penalty) if data.ndim > 1 else penalty(data),
            # It raises where a series is constant, since no line fits.
            r_squared=lambda one, other, **_: one.corr(other) ** 2,
            # Its numerator is a sum without its sign, so that a loss looks like a gain.
            recovery_factor=lambda data: stats.comp(data) / -underwater(data).min(),
            # These two take the return of the whole span, which grows with it; it must be annual.
            treynor_ratio=lambda own, market, _, rf: (
                (stats.cagr(own) - rf) / stats.greeks(own, market)["beta"]
            ),
            ulcer_performance_index=lambda data, rf: (
                (stats.cagr(data) - rf) / stats.ulcer_index(data)
            ),
        )
        yield quantstats
    finally:
        for name in filter(is_quantstats, [*sys.modules]):
            del sys.modules[name]
        sys.modules |= originals


def _drawdown_figures(both: pd.DataFrame, **_: object) -> pd.DataFrame:
    """Return the drawdown figures of quantstats' table by its labels, a column for each series."""
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
