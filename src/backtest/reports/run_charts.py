"""What the chart of a run draws: bars, events, trades, levels and the account, rounded to sight.

Places on the time axis are numbers of bars, so that days without trading take no room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING, Any

from backtest.stats.formats import new_york_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from backtest.experiments.runs.store import Run


_WIDTH, _SIDE, _BOTTOM = 960, 8, 28
_ROOM = 24  # half a label: one at the very edge would be cut
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in pixels and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A bar in pixels; `beyond` tells whether it lies at the mark or above."""

    x: float
    y: float
    width: float
    height: float
    beyond: bool


@dataclass(frozen=True)
class Histogram:
    """Bars, a mark among them, and the axis below in pixels, for the template to draw."""

    bars: Sequence[Bar]
    mark: Tick
    mark_anchor: str
    x_ticks: Sequence[Tick]
    width: int = _WIDTH
    height: int = 200
    top: int = 24
    bottom: int = 200 - _BOTTOM


def histogram_chart(
    first: float, step: float, counts: Sequence[int], mark: float, label: str
) -> Histogram:
    """Lay out counts of ratios with one value marked.

    Args:
        first: lower edge of the first bar.
        step: width of each bar.
        counts: how many lie in each bar.
        mark: the value to mark, within the bars.
        label: what is written at the mark.

    """
    last, frame = first + step * len(counts), Histogram((), Tick(0, ""), "", ())
    width, height = _WIDTH - 2 * _SIDE, frame.bottom - frame.top

    def x(value: float) -> float:
        return _SIDE + width * (value - first) / (last - first)

    def bar(number: int, count: int) -> Bar:
        low, tall = first + number * step, height * count / max(counts)
        left, right = x(low), x(low + step)
        return Bar(left, frame.bottom - tall, right - left - 1, tall, low + step / 2 >= mark)

    ticks = [
        Tick(x(value), f"{value:+g}" if value else "0") for value in _round_values(first, last)
    ]
    return Histogram(
        bars=[bar(number, count) for number, count in enumerate(counts)],
        mark=Tick(x(mark), label),
        mark_anchor="end" if mark > (first + last) / 2 else "start",
        x_ticks=[tick for tick in ticks if _ROOM < tick.place < _WIDTH - _ROOM],
    )


def _round_values(low: float, high: float) -> list[float]:
    """Four to eight round values within a range."""
    rough = max((high - low) / 8, 1e-9)
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in _STEPS if size * factor >= rough)
    first = int(low // step) + (low % step > 0)
    return [step * i for i in range(first, int(high // step) + 1)]


MOST_BARS = 2500
TRADED = ("enter", "renew", "reverse")
_SHAPES = {  # by kind: its sign in texts, its shape in the chart, its colour in base.css
    "earnings": ("●", "circle", "--kind-1"),
    "stake_disclosure": ("◆", "diamond", "--kind-2"),
    "short_report": ("▼", "triangle-down", "--kind-3"),
    "news": ("■", "square", "--kind-4"),
}
_MORE_SHAPES = (
    ("★", "star", "--kind-1"),
    ("⬟", "pentagon", "--kind-2"),
    ("▲", "triangle-up", "--kind-3"),
    ("⬢", "hexagon", "--kind-4"),
)
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Axis:
    """The time axis: the last session of each bar, as ISO texts in order."""

    days: Sequence[str]
    weekly: bool

    def place(self, day: str) -> int:
        """The bar of a day; of one without a bar the first after it, or the last there is."""
        return min(bisect_left(self.days, day), len(self.days) - 1)


def kinds_of(run: Run) -> dict[str, dict[str, str]]:
    """How each kind of event of a run is drawn: `sign`, `shape`, `colour`, by its name."""
    found = {row["kind"] for row in run.decisions}
    own = sorted(found - set(_SHAPES))
    more = {kind: _MORE_SHAPES[n % len(_MORE_SHAPES)] for n, kind in enumerate(own)}
    return {
        kind: dict(zip(("sign", "shape", "colour"), drawn, strict=True))
        for kind, drawn in {**_SHAPES, **more}.items()
        if kind in found
    }


def story(run: Run, told: Iterable[str]) -> dict[str, Any]:
    """The figures of the chart, ready for JSON.

    Args:
        run: the run.
        told: ids of the events that have a row on the page; the markers of others carry no id.

    """
    bars, weekly = _bars(run)
    axis = Axis(sorted({str(day) for day in bars["day"]}), weekly)
    kinds, rows = kinds_of(run), set(told)
    span = run.manifest["span"]
    return {
        "strategy": run.manifest["strategy"],
        "benchmark": run.manifest["benchmark"],
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
        "account": _account(run, axis),
    }


def _bars(run: Run) -> tuple[pd.DataFrame, bool]:
    """The bars with the `day` that each ends on: sessions, or weeks where there are too many.

    Of symbols too many even for weeks, those are kept on which the run traded most.
    """
    bars = run.bars.assign(day=run.bars["session"].dt.strftime("%Y-%m-%d"))
    if len(bars) <= MOST_BARS:
        return bars, False
    week = bars["session"].dt.to_period("W-FRI")
    bars["day"] = bars.groupby(week)["day"].transform("max")
    whole = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    weeks = bars.groupby(["symbol", "day"], sort=False).agg(whole).reset_index()
    return weeks[weeks["symbol"].isin(_most_traded(run, weeks["symbol"]))], True


def _most_traded(run: Run, symbols: pd.Series) -> list[str]:
    counts = symbols.value_counts(sort=False)
    traded = [row["symbol"] for row in run.trades]
    order = sorted(counts.index, key=lambda symbol: -traded.count(symbol))
    total = counts[order].cumsum()
    return [symbol for symbol in order if symbol == order[0] or total[symbol] <= MOST_BARS]


def _columns(bars: pd.DataFrame, axis: Axis) -> dict[str, list[float | None]]:
    """Prices to six figures that count and volume to four; None where a symbol has no bar."""
    table = bars.set_index("day").reindex(axis.days)
    return {
        **{name: [_rounded(value, 6) for value in table[name]] for name in _PRICES},
        "volume": [_rounded(value, 4) for value in table["volume"]],
    }


def _rounded(value: float, digits: int) -> float | None:
    if value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _events(
    run: Run, symbol: str, axis: Axis, kinds: Sequence[str], rows: set[str]
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


def _trades(run: Run, symbol: str, axis: Axis) -> list[list[Any]]:
    """Of each trade of a symbol: its id, bar and price of entry, bar and price of exit.

    Then three flags: whether it was long, gained, and is still open.
    """
    return [
        [
            row["trade_id"],
            axis.place(row["entry_session"]),
            _rounded(float(row["entry_price"]), 6),
            axis.place(row["exit_session"]),
            _rounded(float(row["exit_price"]), 6),
            int(row["direction"] == "long"),
            int(float(row["net_profit"]) > 0),
            int(row["exit_reason"] == "open"),
        ]
        for row in run.trades
        if row["symbol"] == symbol
    ]


def _levels(run: Run, symbol: str, kind: str, axis: Axis) -> list[list[Any]]:
    """The levels of resting orders as lines: the first bar of each, and a price for every bar."""
    by_event: dict[str, dict[int, float | None]] = defaultdict(dict)
    for row in run.orders:
        if (row["symbol"], row["type"]) == (symbol, kind):
            levels = by_event[row["event_id"]]
            levels[axis.place(row["session"])] = _rounded(float(row["price"]), 6)
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


def _account(run: Run, axis: Axis) -> dict[str, Any]:
    """The account by bar: dollars, the benchmark on the same money, and fractions.

    `equity` and `benchmark` begin with the cash at the first open, before the first bar of the
    span; `drawdown` is the deepest of each bar. `exposure` is unknown where equity is not above 0.
    """
    import pandas as pd

    table, cash = run.equity, run.manifest["rules"]["cash"]
    bar = pd.Index([axis.place(f"{day:%Y-%m-%d}") for day in table.index])
    equity = table["equity"]
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    exposure = (table["position_value"] / equity).where(equity > 0)

    def drawdown(curve: pd.Series) -> list[float | None]:
        fall = curve / curve.cummax().clip(lower=cash) - 1
        return [_rounded(value, 3) for value in fall.groupby(bar).min()]

    return {
        "equity": [cash, *(_rounded(value, 6) for value in equity.groupby(bar).last())],
        "benchmark": [cash, *(_rounded(value, 6) for value in benchmark.groupby(bar).last())],
        "drawdown": drawdown(equity),
        "benchmark_drawdown": drawdown(benchmark),
        "exposure": [
            _rounded(value, 3) for value in exposure.groupby(bar).apply(lambda part: part.iloc[-1])
        ],
    }
