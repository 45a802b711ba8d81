"""The curves of a comparison: the equity of each run, and each benchmark beside it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import accumulate, chain
from math import floor, isnan, log10, sqrt
from operator import mul
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.experiments.runs.store import read_rows
from backtest.stats.formats import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run
    from backtest.reports.compare_page import ComparedBenchmark


MOST_CELLS = 1_500  # so that a page stays light
_STRONGEST = 50  # percent of the colour in the strongest cell: its text stays readable


class Profit(NamedTuple):
    """What an event brought a run: the net profit of its trades, and their return or number.

    Where it opened none `dollars` is None, and the text says why.
    """

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
    """Events in the order of time, and what else the profit of each run is made of, in dollars.

    Of very many events some are left out; what they brought is among the others.
    """

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
    """How strongly each cell of the rows is coloured, percent: by the profit on the first cash.

    The root of it, so that small profits are seen beside large ones.
    """
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
_COARSER: tuple[tuple[str, Callable[[str], Hashable]], ...] = (
    ("week", lambda day: date.fromisoformat(day).isocalendar()[:2]),
    ("month", lambda day: day[:7]),
    ("year", lambda day: day[:4]),
)
_DIGITS = 5  # that are kept of a fraction of the cash at the start
_COLOURS = 6  # --run-0 and so on, in the style of the page
_DASHES = ("solid", "7px,3px", "2px,3px", "11px,3px,2px,3px", "16px,4px")  # of runs, in turn
_BESIDE = (
    "4px,4px",
    "1px,3px",
    "9px,5px",
    "2px,2px",
    "6px,2px,1px,2px",
    "12px,3px",
)  # of benchmarks


class EquityCurve(NamedTuple):
    """A run or a benchmark: the cash at the first open, and by session (ISO days, in order).

    `equity` is in dollars at each close, `returns` are fractions.
    """

    cash: float
    equity: Mapping[str, float]
    returns: Mapping[str, float]


def curves_of(runs: Sequence[Run], benchmarks: Sequence[ComparedBenchmark]) -> list[EquityCurve]:
    """The curve of each run and then of each benchmark on the same cash, from `equity.csv`."""
    tables = {run.run_id: read_rows(run.path / "equity.csv") for run in runs}
    curves = []
    for run in runs:
        equity, returns = (_column(tables[run.run_id], name) for name in ("equity", "return"))
        curves.append(EquityCurve(run.manifest["rules"]["cash"], equity, returns))
    for run, column in ((one.run, one.column) for one in benchmarks):
        cash = run.manifest["rules"]["cash"]
        returns = _column(tables[run.run_id], column)
        growth = accumulate((1 + change for change in returns.values()), mul)
        equity = {day: cash * value for day, value in zip(returns, growth, strict=True)}
        curves.append(EquityCurve(cash, equity, returns))
    return curves


def _column(table: Iterable[Mapping[str, str]], name: str) -> dict[str, float]:
    found = {row["session"]: float(row[name]) for row in table}
    return {day: value for day, value in found.items() if not isnan(value)}


def chart(curves: Sequence[EquityCurve], names: Sequence[str], runs: int) -> dict[str, Any]:
    """What the chart draws, ready for JSON, of so many runs and then their benchmarks.

    `step` is `session`, or `week`, `month` or `year` where only the last close of each is drawn.
    A series has the `cash` at its first open, the place of its `first` day, and its `equity` at the
    closes from then on, null where there is none.
    """
    step, drawn = _light([list(curve.equity) for curve in curves])
    days = sorted(set().union(*drawn))
    series = []
    for number, (curve, own) in enumerate(zip(curves, drawn, strict=True)):
        first = days.index(own[0])
        known = {day: curve.equity[day] for day in own}
        values = [known.get(day) for day in days[first : days.index(own[-1]) + 1]]
        equity = _rounded(values, curve.cash)
        line = {"name": names[number], "cash": curve.cash, "first": first, "equity": equity}
        series.append({**line, **_look(number, runs)})
    return {"days": days, "step": step, "series": series}


def _light(days: Sequence[Sequence[str]]) -> tuple[str, Sequence[Sequence[str]]]:
    """The finest step in which a light page holds all curves, and the days of each in it."""
    step, drawn = "session", days
    for coarser, period in _COARSER:
        if sum(map(len, drawn)) <= MOST_POINTS:
            break
        step, drawn = coarser, [list({period(day): day for day in own}.values()) for own in days]
    return step, drawn


def _look(number: int, runs: int) -> dict[str, Any]:
    """How a series is drawn, the runs first: the numbers of colours and dashes share no factor."""
    if number < runs:
        dash = _DASHES[number % len(_DASHES)]
        return {"isRun": True, "colour": f"--run-{number % _COLOURS}", "dash": dash}
    dash = _BESIDE[(number - runs) % len(_BESIDE)]
    return {"isRun": False, "colour": "--soft", "dash": dash}


def _rounded(values: Iterable[float | None], cash: float) -> list[float | None]:
    digits = max(0, _DIGITS - floor(log10(cash)))
    return [None if v is None else round(v, digits) if digits else round(v) for v in values]
