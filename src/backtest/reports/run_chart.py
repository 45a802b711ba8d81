"""The chart of a run: bars, events, trades, levels and the account on one time axis of bars.

Its axis counts bars, so that days without trading take no room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.stats.formats import few, new_york_day

if TYPE_CHECKING:
    import pandas as pd

    from backtest.experiments.runs.store import Run

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
    """The time axis: the last session of each bar, as ISO texts in order."""

    days: Sequence[str]

    def place(self, day: str) -> int:
        """The bar of a day; of one without a bar the first after it, or the last there is."""
        return min(bisect_left(self.days, day), len(self.days) - 1)


def kinds_of(run: Run) -> dict[str, dict[str, str]]:
    """How each kind of event of a run is drawn: `sign`, `shape`, `colour`, by its name."""
    found, known = {row["kind"] for row in run.decisions}, len(_KINDS)
    others = {kind: known + n % known for n, kind in enumerate(sorted(found - {*_KINDS}))}
    numbers = {**{kind: n for n, kind in enumerate(_KINDS)}, **others}
    return {
        kind: {"sign": _MARKS[n][0], "shape": _MARKS[n][1], "colour": f"--kind-{n % known + 1}"}
        for kind, n in numbers.items()
        if kind in found
    }


def story(run: Run, ids: Iterable[str]) -> dict[str, Any]:
    """The figures of the chart, ready for JSON; `ids` are events that have a row on the page."""
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
        "span": [axis.place(span["first"]), axis.place(span["last"])],
        "left_out": len(run.manifest["symbols"]) - bars["symbol"].nunique(),
        "kinds": [{"name": kind.replace("_", " "), **drawn} for kind, drawn in kinds.items()],
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
    """Sessions, or weeks where there are too many, of the symbols traded most; with their `day`."""
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
    """Prices to six figures that count and volume to four; None where a symbol has no bar."""
    table = bars.set_index("day").reindex(axis.days)
    prices = {name: _each(table[name], 6) for name in _PRICES}
    return {**prices, "volume": _each(table["volume"], 4)}


def _each(values: Iterable[float], digits: int) -> list[float | None]:
    return [rounded(value, digits) for value in values]


def rounded(value: float, digits: int) -> float | None:
    if value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _events(
    run: Run, symbol: str, axis: ChartAxis, kinds: Sequence[str], rows: set[str]
) -> list[list[Any]]:
    """Of each event of a symbol: its bar, its kind, whether it traded, and its id or ''."""
    return [
        [
            axis.place(row["tradable_session"] or new_york_day(row["published_at"])),
            kinds.index(row["kind"]),
            int(row["action"] in TRADED),
            row["event_id"] if row["event_id"] in rows else "",
        ]
        for row in run.decisions
        if row["symbol"] == symbol
    ]


def _trades(run: Run, symbol: str, axis: ChartAxis) -> list[list[Any]]:
    """Of each trade: its id, bar and price of entry and exit; if it is long, gained, and open."""
    return [
        [
            row["trade_id"],
            axis.place(row["entry_session"]),
            rounded(float(row["entry_price"]), 6),
            axis.place(row["exit_session"]),
            rounded(float(row["exit_price"]), 6),
            int(row["direction"] == "long"),
            int(float(row["net_profit"]) > 0),
            int(row["exit_reason"] == "open"),
        ]
        for row in run.trades
        if row["symbol"] == symbol
    ]


def _levels(run: Run, symbol: str, kind: str, axis: ChartAxis) -> list[list[Any]]:
    """The levels of resting orders as lines: the first bar of each, and a price for every bar."""
    by_event: dict[str, dict[int, float | None]] = defaultdict(dict)
    for row in run.orders:
        if (row["symbol"], row["type"]) == (symbol, kind):
            levels = by_event[row["event_id"]]
            levels[axis.place(row["session"])] = rounded(float(row["price"]), 6)
    return [line for levels in by_event.values() for line in _lines(levels)]


def _lines(levels: Mapping[int, float | None]) -> list[list[Any]]:
    """Levels by bar as lines, each of which ends where a bar has no level."""
    lines: list[list[Any]] = []
    for place, price in levels.items():
        if lines and place == lines[-1][0] + len(lines[-1][1]):
            lines[-1][1].append(price)
        else:
            lines.append([place, [price]])
    return lines


def account_of(run: Run, axis: ChartAxis) -> dict[str, Any]:
    """The account by bar: dollars, the benchmark on the same money, and fractions.

    `equity` and `benchmark` begin with the cash at the first open, before the first bar of the
    span, and so does `stock`, what was traded and held throughout, where it is not the benchmark.
    `drawdown` is the deepest of each bar. `exposure` is unknown where equity is not above 0.
    """
    import pandas as pd

    table, cash = run.equity, run.manifest["rules"]["cash"]
    bar = pd.Index([axis.place(f"{day:%Y-%m-%d}") for day in table.index])
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    exposure = (table["position_value"] / table["equity"]).where(table["equity"] > 0)
    account: dict[str, Any] = {
        "exposure": _each(exposure.groupby(bar).apply(lambda part: part.iloc[-1]), 3)
    }
    if table["holding_return"].notna().any():
        growth = cash * (1 + table["holding_return"]).cumprod()
        account["stock"] = [cash, *_each(growth.groupby(bar).last(), 6)]
    for name, falls, curve in (
        ("equity", "drawdown", table["equity"]),
        ("benchmark", "benchmark_drawdown", benchmark),
    ):
        fall = curve / curve.cummax().clip(lower=cash) - 1
        account[name] = [cash, *_each(curve.groupby(bar).last(), 6)]
        account[falls] = _each(fall.groupby(bar).min(), 3)
    return account


def minutes(run: Run) -> dict[str, dict[str, list[list[Any]]]]:
    """By symbol and session the bars within it: clocks of New York, then the four prices.

    Empty where the run has none.
    """
    bars = run.finer_bars
    if bars.empty:
        return {}
    clock = bars["time"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for (symbol, session), rows in bars.groupby(["symbol", "session"]):
        prices = [_each(rows[name], 6) for name in _PRICES]
        found.setdefault(symbol, {})[f"{session:%Y-%m-%d}"] = [clock[rows.index].tolist(), *prices]
    return found
