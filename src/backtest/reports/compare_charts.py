"""The curves of a comparison: the equity of each run, and each benchmark beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import floor, isnan, log10, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.stats.formats import percent

if TYPE_CHECKING:
    import pandas as pd

    from backtest.experiments.runs.store import Run
    from backtest.reports.compare_page import ComparedBenchmark


MOST_CELLS = 1_500  # so that a page stays light
_STRONGEST = 50  # percent of the colour in the strongest cell: its text stays readable


class Profit(NamedTuple):
    """The net profit of the trades of an event, None without any; and their return, or why none."""

    dollars: float | None
    text: str


class MatrixRow(NamedTuple):
    """An event, and what it brought each run; None for one that does not listen to it."""

    event: Mapping[str, str]
    profits: Sequence[Profit | None]

    @property
    def is_traded(self) -> bool:
        """Whether a run traded it."""
        return any(profit and profit.dollars is not None for profit in self.profits)


class Matrix(NamedTuple):
    """Events in the order of time, and what else the profit of each run is made of, in dollars."""

    rows: Sequence[MatrixRow]
    left_out: int
    others: Sequence[tuple[str, Sequence[float]]]
    totals: Sequence[float]


def matrix(runs: Sequence[Run]) -> Matrix:
    """Every event that a run heard of; of very many, the newest that were traded."""
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


def strengths(found: Matrix, runs: Sequence[Run]) -> list[list[int]]:
    """How strongly each cell of the rows is coloured, percent: by the root of profit on cash."""
    cash = [run.manifest["rules"]["cash"] for run in runs]
    shares = [
        [abs(p.dollars) / cash[n] if p and p.dollars else 0.0 for n, p in enumerate(row.profits)]
        for row in found.rows
    ]
    largest = max(chain.from_iterable(shares), default=0.0) or 1.0
    return [[round(_STRONGEST * sqrt(share / largest)) for share in row] for row in shares]


def _profits(run: Run, events: Mapping[str, object]) -> dict[str, Profit]:
    """What each event brought a run, by event id; trades without an event under an empty one."""
    trades: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for trade in run.trades:
        event = trade["event_id"]
        trades[event if event in events else ""].append(trade)
    heard = {
        row["event_id"]: Profit(None, f"{row['action'].replace('_', ' ')}: {row['reason']}")
        for row in run.decisions
    }
    for event, opened in trades.items():
        dollars, change = (
            sum(float(row[name]) for row in opened) for name in ("net_profit", "return")
        )
        text = percent(change) if len(opened) == 1 else f"{len(opened)} trades"
        heard[event] = Profit(dollars, text)
    return heard


def _sum(profits: Iterable[Profit | None]) -> float:
    return sum(profit.dollars or 0.0 for profit in profits if profit)


MOST_POINTS = 25_000  # so that a page stays light
_STEPS = {"session": "D", "week": "W", "month": "M", "year": "Y"}  # with the periods of pandas
_DIGITS = 5  # that are kept of a fraction of the cash at the start
_COLOURS = 6  # --run-0 and so on, in the style of the page
_DASHES = ("solid", "7px,3px", "2px,3px", "11px,3px,2px,3px", "16px,4px")  # of runs, in turn
_BESIDE = (  # of benchmarks
    "4px,4px", "1px,3px", "9px,5px", "2px,2px", "6px,2px,1px,2px", "12px,3px",
)  # fmt: skip


class Curve(NamedTuple):
    """A run or a benchmark: the cash at the first open, dollars at each close, and returns."""

    cash: float
    equity: pd.Series
    returns: pd.Series


def curves_of(runs: Sequence[Run], benchmarks: Sequence[ComparedBenchmark]) -> list[Curve]:
    """The curve of each run and then of each benchmark on the same cash."""
    curves = [
        Curve(run.manifest["rules"]["cash"], run.equity["equity"], run.equity["return"])
        for run in runs
    ]
    for run, column in ((one.run, one.column) for one in benchmarks):
        cash, returns = run.manifest["rules"]["cash"], run.equity[column].dropna()
        curves.append(Curve(cash, cash * (1 + returns).cumprod(), returns))
    return curves


def chart(curves: Sequence[Curve], names: Sequence[str], runs: int) -> dict[str, Any]:
    """What the chart draws, ready for JSON, of so many runs and then their benchmarks.

    Of each `step` the last close is drawn; the `equity` of a series begins at its `first` day.
    """
    import pandas as pd

    step, drawn = _light([curve.equity for curve in curves])
    table = pd.concat(drawn, axis=1, ignore_index=True, sort=True)
    series = []
    for number, (curve, own) in enumerate(zip(curves, drawn, strict=True)):
        first, last = table.index.get_indexer([own.index[0], own.index[-1]])
        equity = _rounded(table[number].iloc[first : last + 1], curve.cash)
        line = {"name": names[number], "cash": curve.cash, "first": int(first), "equity": equity}
        series.append({**line, **_look(number, runs)})
    days = table.index.strftime("%Y-%m-%d").to_list()
    return {"days": days, "step": step, "series": series}


def _light(equities: Sequence[pd.Series]) -> tuple[str, Sequence[pd.Series]]:
    """The finest step in which a light page holds all curves, and the curves in it."""
    for step, period in _STEPS.items():
        drawn = [one.groupby(one.index.to_period(period)).tail(1) for one in equities]
        if sum(map(len, drawn)) <= MOST_POINTS or step == "year":
            break
    return step, drawn


def _look(number: int, runs: int) -> dict[str, Any]:
    """How a series is drawn, the runs first: the numbers of colours and dashes share no factor."""
    if number < runs:
        dash = _DASHES[number % len(_DASHES)]
        return {"isRun": True, "colour": f"--run-{number % _COLOURS}", "dash": dash}
    dash = _BESIDE[(number - runs) % len(_BESIDE)]
    return {"isRun": False, "colour": "--soft", "dash": dash}


def _rounded(values: pd.Series, cash: float) -> list[float | None]:
    digits = max(0, _DIGITS - floor(log10(cash)))
    return [None if isnan(v) else round(v, digits) if digits else round(v) for v in values]
