"""Compute what the charts of runs and of comparisons draw, ready for JSON.

The axis of a run counts bars, so that days without trading take no room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import floor, isnan, log10, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.stats.formats import few, new_york_day, percent

if TYPE_CHECKING:
    import pandas as pd

    from backtest.experiments.runs.store import Run
    from backtest.reports.compare_page import ComparedBenchmark

MOST_BARS = 2500
TRADED = ("enter", "renew", "reverse")
_KINDS = ("earnings", "stake_disclosure", "short_report", "news")  # others follow by their names
_MARKS = (  # the sign of a kind in texts, and its shape in the chart
    ("●", "circle"), ("◆", "diamond"), ("▼", "triangle-down"), ("■", "square"),
    ("★", "star"), ("⬟", "pentagon"), ("▲", "triangle-up"), ("⬢", "hexagon"),
)  # fmt: skip
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class ChartAxis:
    """An axis holds the last session of each bar, as ISO texts in order."""

    days: Sequence[str]

    def bar_of(self, day: str) -> int:
        """Return the number of a day's bar; without one the first after it, or the last of all."""
        return min(bisect_left(self.days, day), len(self.days) - 1)


def kinds_of(run: Run) -> dict[str, dict[str, str]]:
    """Return by name how each kind of event of a run is drawn: `sign`, `shape` and `colour`."""
    present, count = {row["kind"] for row in run.decisions}, len(_KINDS)
    others = {kind: count + n % count for n, kind in enumerate(sorted(present - {*_KINDS}))}
    numbers = {**{kind: n for n, kind in enumerate(_KINDS)}, **others}
    return {
        kind: {"sign": _MARKS[n][0], "shape": _MARKS[n][1], "colour": f"--kind-{n % count + 1}"}
        for kind, n in numbers.items()
        if kind in present
    }


def story(run: Run, ids: Iterable[str]) -> dict[str, Any]:
    """Return what the chart of a run draws; `ids` are the events that have a row on the page."""
    bars, weekly = _bars(run)
    axis = ChartAxis(sorted({str(day) for day in bars["day"]}))
    kinds, rows = kinds_of(run), set(ids)
    span = run.manifest["span"]
    return {
        "strategy": run.manifest["strategy"],
        "benchmark": run.manifest["benchmark"],
        "stock": f"{few(run.manifest['symbols'])} held",
        "days": axis.days,
        "weekly": weekly,
        "span": [axis.bar_of(span["first"]), axis.bar_of(span["last"])],
        "left_out": len(run.manifest["symbols"]) - bars["symbol"].nunique(),
        "kinds": [{"name": kind.replace("_", " "), **look} for kind, look in kinds.items()],
        "symbols": [
            {
                "name": symbol,
                "bars": _columns(bars[bars["symbol"] == symbol], axis),
                "events": _events(run, symbol, axis, list(kinds), rows),
                "trades": _trades(run, symbol, axis),
                "levels": {kind: _levels(run, symbol, kind, axis) for kind in ("stop", "limit")},
            }
            for symbol in bars["symbol"].unique()
        ],
        "account": account_of(run, axis),
    }


def _bars(run: Run) -> tuple[pd.DataFrame, bool]:
    """Return bars with their `day`, and whether they are weeks, as where sessions are too many.

    Of so many weeks only those of the most traded symbols are kept.
    """
    bars = run.bars.assign(day=run.bars["session"].dt.strftime("%Y-%m-%d"))
    if len(bars) <= MOST_BARS:
        return bars, False
    week = bars["session"].dt.to_period("W-FRI")
    bars["day"] = bars.groupby(week)["day"].transform("max")
    whole = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    weeks = bars.groupby(["symbol", "day"], sort=False).agg(whole).reset_index()
    traded = [row["symbol"] for row in run.trades]
    counts = weeks["symbol"].value_counts(sort=False)
    counts = counts[sorted(counts.index, key=lambda symbol: -traded.count(symbol))]
    kept = counts.index[(counts.cumsum() <= MOST_BARS) | (counts.index == counts.index[0])]
    return weeks[weeks["symbol"].isin(kept)], True


def _columns(bars: pd.DataFrame, axis: ChartAxis) -> dict[str, list[float | None]]:
    """Return prices to six significant digits, volume to the share; None without a bar."""
    table = bars.set_index("day").reindex(axis.days)
    return {name: _shorten(table[name]) for name in (*_PRICES, "volume")}


def _shorten(values: Iterable[float]) -> list[float | None]:
    return [significant(value) for value in values]


def significant(value: float, digits: int = 6) -> float | None:
    """Round to significant digits, but keep all digits before the point; None where NaN."""
    if value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    short = float(f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}")
    return int(short) if short.is_integer() else short


def _events(
    run: Run, symbol: str, axis: ChartAxis, kinds: Sequence[str], rows: set[str]
) -> list[list[Any]]:
    """List each event of a symbol: its bar, kind, whether it traded, and its id or ''."""
    return [
        [
            axis.bar_of(row["tradable_session"] or new_york_day(row["published_at"])),
            kinds.index(row["kind"]),
            int(row["action"] in TRADED),
            row["event_id"] if row["event_id"] in rows else "",
        ]
        for row in run.decisions
        if row["symbol"] == symbol
    ]


def _trades(run: Run, symbol: str, axis: ChartAxis) -> list[list[Any]]:
    """List each trade: id, bar and price of entry and exit, and if it is long, gained, and open."""
    return [
        [
            row["trade_id"],
            axis.bar_of(row["entry_session"]),
            significant(float(row["entry_price"])),
            axis.bar_of(row["exit_session"]),
            significant(float(row["exit_price"])),
            int(row["direction"] == "long"),
            int(float(row["net_profit"]) > 0),
            int(row["exit_reason"] == "open"),
        ]
        for row in run.trades
        if row["symbol"] == symbol
    ]


def _levels(run: Run, symbol: str, kind: str, axis: ChartAxis) -> list[list[Any]]:
    """Return the levels of resting orders as lines: a first bar, and a price for every bar."""
    by_event: dict[str, dict[int, float | None]] = defaultdict(dict)
    for row in run.orders:
        if (row["symbol"], row["type"]) == (symbol, kind) and row["price"]:
            levels = by_event[row["event_id"]]
            levels[axis.bar_of(row["session"])] = significant(float(row["price"]))
    return [line for levels in by_event.values() for line in _lines(levels)]


def _lines(levels: Mapping[int, float | None]) -> list[list[Any]]:
    """Join levels by bar to lines, each of which ends where a bar has no level."""
    lines: list[list[Any]] = []
    for bar, price in levels.items():
        if lines and bar == lines[-1][0] + len(lines[-1][1]):
            lines[-1][1].append(price)
        else:
            lines.append([bar, [price]])
    return lines


def account_of(run: Run, axis: ChartAxis) -> dict[str, Any]:
    """Return the account by bar: dollars, the benchmark on the same cash, and fractions.

    `equity` and `benchmark` begin with the cash at the first open, before the first bar of the
    span, and so does `stock`, what was traded and held throughout, where it is not the benchmark.
    `drawdown` is the deepest of each bar. `exposure` is None where equity is not above 0. Both are
    significant to a tenth of a percent.
    """
    import pandas as pd

    table, cash = run.equity, run.manifest["rules"]["cash"]
    bar = pd.Index([axis.bar_of(f"{day:%Y-%m-%d}") for day in table.index])
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    exposure = (table["position_value"] / table["equity"]).where(table["equity"] > 0)
    account: dict[str, Any] = {"exposure": _shorten(exposure.groupby(bar).tail(1).round(3))}
    if table["holding_return"].notna().any():
        growth = cash * (1 + table["holding_return"]).cumprod()
        account["stock"] = [cash, *_shorten(growth.groupby(bar).last())]
    for name, falls, curve in (
        ("equity", "drawdown", table["equity"]),
        ("benchmark", "benchmark_drawdown", benchmark),
    ):
        fall = curve / curve.cummax().clip(lower=cash) - 1
        account[name] = [cash, *_shorten(curve.groupby(bar).last())]
        account[falls] = _shorten(fall.groupby(bar).min().round(3))
    return account


def minutes(run: Run) -> dict[str, dict[str, list[list[Any]]]]:
    """Return, by symbol and session, the finer bars: times in New York, then the four prices.

    A bar of the evening before, which belongs to the session too, has its day before the time. The
    result is empty where the run has no finer bars.
    """
    bars = run.finer_bars
    if bars.empty:
        return {}
    local = bars["time"].dt.tz_convert("America/New_York")
    clock = local.dt.strftime("%H:%M")
    is_before = local.dt.date < bars["session"].dt.date
    clock[is_before] = local[is_before].dt.strftime("%Y-%m-%d %H:%M")
    within: dict[str, dict[str, list[list[Any]]]] = {}
    for (symbol, session), rows in bars.groupby(["symbol", "session"]):
        prices = [_shorten(rows[name]) for name in _PRICES]
        within.setdefault(symbol, {})[f"{session:%Y-%m-%d}"] = [clock[rows.index].tolist(), *prices]
    return within


MOST_CELLS = 1_500  # so that a page stays light
_STRONGEST = 50  # percent of the colour in the strongest cell: its text stays readable


class Profit(NamedTuple):
    """A profit is what an event's trades earned, or None, and their return or why there is none."""

    dollars: float | None
    text: str


class MatrixRow(NamedTuple):
    """A row is an event and what it brought each run; None for a run that does not listen to it."""

    event: Mapping[str, str]
    profits: Sequence[Profit | None]

    @property
    def is_traded(self) -> bool:
        """Tell whether any run traded the event."""
        return any(profit and profit.dollars is not None for profit in self.profits)


class Matrix(NamedTuple):
    """A matrix holds events in order of time, and what else makes up each run's profit, dollars."""

    rows: Sequence[MatrixRow]
    left_out: int
    others: Sequence[tuple[str, Sequence[float]]]
    totals: Sequence[float]


def matrix(runs: Sequence[Run]) -> Matrix:
    """Return every event that a run heard of; of very many, the newest that were traded."""
    events = {event["event_id"]: event for run in runs for event in run.decisions}
    columns = [_profits(run, events) for run in runs]
    rows = [
        MatrixRow(event, [column.get(event["event_id"]) for column in columns])
        for event in sorted(events.values(), key=lambda one: (one["published_at"], one["event_id"]))
    ]
    most, earlier, kept = MOST_CELLS // len(runs), [], rows
    if len(rows) > most:
        traded = [row for row in rows if row.is_traded]
        earlier, kept = traded[:-most], traded[-most:]
    others = {
        "Earlier events": [_sum(row.profits[n] for row in earlier) for n in range(len(runs))],
        "Orders without an event": [_sum([column.get("")]) for column in columns],
        "Interest on cash": [run.summary.get("interest", 0.0) for run in runs],
    }
    return Matrix(
        kept,
        len(rows) - len(kept),
        [(label, dollars) for label, dollars in others.items() if any(dollars)],
        [run.summary["final_equity"] - run.manifest["rules"]["cash"] for run in runs],
    )


def strengths(events: Matrix, runs: Sequence[Run]) -> list[list[int]]:
    """Return how strongly each cell is coloured, percent: by the root of its profit on the cash."""
    cash = [run.manifest["rules"]["cash"] for run in runs]
    shares = [
        [abs(p.dollars) / cash[n] if p and p.dollars else 0.0 for n, p in enumerate(row.profits)]
        for row in events.rows
    ]
    largest = max(chain.from_iterable(shares), default=0.0) or 1.0
    return [[round(_STRONGEST * sqrt(share / largest)) for share in row] for row in shares]


def _profits(run: Run, events: Mapping[str, object]) -> dict[str, Profit]:
    """Return what each event brought a run, by event id; trades without an event are under ""."""
    trades: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for trade in run.trades:
        event = trade["event_id"]
        trades[event if event in events else ""].append(trade)
    profits = {
        row["event_id"]: Profit(None, f"{row['action'].replace('_', ' ')}: {row['reason']}")
        for row in run.decisions
    }
    for event, rows in trades.items():
        dollars = sum(float(row["net_profit"]) for row in rows)
        text = percent(float(rows[0]["return"])) if len(rows) == 1 else f"{len(rows)} trades"
        profits[event] = Profit(dollars, text)
    return profits


def _sum(profits: Iterable[Profit | None]) -> float:
    return sum(profit.dollars or 0.0 for profit in profits if profit)


MOST_POINTS = 25_000  # so that a page stays light
_STEPS = {"session": "D", "week": "W", "month": "M", "year": "Y"}  # with pandas' names of periods
_DIGITS = 5  # of equity as a fraction of the cash at the start
_COLOURS = 6  # --run-0 and so on, in the style of the page
_DASHES = ("solid", "7px,3px", "2px,3px", "11px,3px,2px,3px", "16px,4px")  # of runs, in turn
_BESIDE = (  # of benchmarks
    "4px,4px", "1px,3px", "9px,5px", "2px,2px", "6px,2px,1px,2px", "12px,3px",
)  # fmt: skip


class Curve(NamedTuple):
    """A curve is a run or benchmark: cash at the first open, dollars at each close, and returns."""

    cash: float
    equity: pd.Series
    returns: pd.Series


def curves_of(runs: Sequence[Run], benchmarks: Sequence[ComparedBenchmark]) -> list[Curve]:
    """Return the curve of each run, and then of each benchmark on the same cash."""
    curves = [
        Curve(run.manifest["rules"]["cash"], run.equity["equity"], run.equity["return"])
        for run in runs
    ]
    for run, column in ((one.run, one.column) for one in benchmarks):
        cash, returns = run.manifest["rules"]["cash"], run.equity[column].dropna()
        curves.append(Curve(cash, cash * (1 + returns).cumprod(), returns))
    return curves


def chart(curves: Sequence[Curve], names: Sequence[str], runs: int) -> dict[str, Any]:
    """Return what the chart of a comparison draws: so many `runs`, and then their benchmarks.

    The last close of each `step` is drawn; the `equity` of a series begins at its `first` day.
    """
    import pandas as pd

    step, equities = _light([curve.equity for curve in curves])
    table = pd.concat(equities, axis=1, ignore_index=True, sort=True)
    series = []
    for number, (curve, own) in enumerate(zip(curves, equities, strict=True)):
        first, last = table.index.get_indexer([own.index[0], own.index[-1]])
        equity = _rounded(table[number].iloc[first : last + 1], curve.cash)
        line = {"name": names[number], "cash": curve.cash, "first": int(first), "equity": equity}
        series.append({**line, **_look(number, runs)})
    days = table.index.strftime("%Y-%m-%d").to_list()
    return {"days": days, "step": step, "series": series}


def _light(equities: Sequence[pd.Series]) -> tuple[str, Sequence[pd.Series]]:
    """Return the finest step in which a light page holds all curves, and the curves in it."""
    for step, period in _STEPS.items():
        curves = [one.groupby(one.index.to_period(period)).tail(1) for one in equities]
        if sum(map(len, curves)) <= MOST_POINTS or step == "year":
            break
    return step, curves


def _look(number: int, runs: int) -> dict[str, Any]:
    """Return the look of a series, runs first; the counts of colours and dashes share no factor."""
    if number < runs:
        dash = _DASHES[number % len(_DASHES)]
        return {"isRun": True, "colour": f"--run-{number % _COLOURS}", "dash": dash}
    dash = _BESIDE[(number - runs) % len(_BESIDE)]
    return {"isRun": False, "colour": "--soft", "dash": dash}


def _rounded(values: pd.Series, cash: float) -> list[float | None]:
    digits = max(0, _DIGITS - floor(log10(cash)))
    return [None if isnan(v) else round(v, digits) if digits else round(v) for v in values]
