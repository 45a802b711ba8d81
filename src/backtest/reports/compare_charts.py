"""The curves of a comparison: the equity of each run, and each benchmark beside it."""

from __future__ import annotations

from datetime import date
from math import floor, isnan, log10
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.experiments.runs.run_files import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run
    from backtest.reports.differences import Benchmark

MOST_POINTS = 25_000  # so that a page stays light
_COARSER: tuple[tuple[str, Callable[[str], Hashable]], ...] = (
    ("week", lambda day: date.fromisoformat(day).isocalendar()[:2]),
    ("month", lambda day: day[:7]),
    ("year", lambda day: day[:4]),
)
_DIGITS = 5  # that are kept of a fraction of the cash at the start
_COLOURS = 6  # --run-0 and so on, in the style of the page
_DASHES = ("solid", "7px,3px", "2px,3px", "11px,3px,2px,3px", "16px,4px")  # of runs, in turn
_BESIDE = ("4px,4px", "1px,3px", "9px,5px")  # of benchmarks, which are grey


class Curve(NamedTuple):
    """A run or a benchmark by session (ISO days, in order).

    Attributes:
        cash: dollars at the first open.
        equity: dollars at each close.
        returns: of each session, fractions.

    """

    cash: float
    equity: Mapping[str, float]
    returns: Mapping[str, float]


def curves_of(runs: Sequence[Run], benchmarks: Sequence[Benchmark]) -> list[Curve]:
    """The curve of each run and then of each benchmark, from the runs' `equity.csv`."""
    tables = {run.run_id: read_rows(run.path / "equity.csv") for run in runs}
    return [
        *(_curve(run, tables[run.run_id]) for run in runs),
        *(_benchmark(one.run, tables[one.run.run_id]) for one in benchmarks),
    ]


def _curve(run: Run, table: Sequence[Mapping[str, str]]) -> Curve:
    equity = {row["session"]: float(row["equity"]) for row in table}
    return Curve(run.manifest["rules"]["cash"], equity, _returns(table, "return"))


def _benchmark(run: Run, table: Sequence[Mapping[str, str]]) -> Curve:
    """What the cash of a run would have become in its benchmark."""
    value = cash = run.manifest["rules"]["cash"]
    equity, returns = {}, _returns(table, "benchmark_return")
    for day, change in returns.items():
        value *= 1 + change
        equity[day] = value
    return Curve(cash, equity, returns)


def _returns(table: Iterable[Mapping[str, str]], column: str) -> dict[str, float]:
    found = {row["session"]: float(row[column]) for row in table}
    return {day: value for day, value in found.items() if not isnan(value)}


def chart(curves: Sequence[Curve], names: Sequence[str], runs: int) -> dict[str, Any]:
    """What the chart draws, ready for JSON.

    Args:
        curves: of the runs and then of the benchmarks.
        names: likewise.
        runs: how many are runs.

    Returns:
        `days`: that are drawn, ISO. `step`: `session`, or `week`, `month` or `year` where only the
        last close of each is drawn. `series`: a `name`, whether it `isRun`, the `colour` and `dash`
        of its line, the `cash` at its first open, the place of its `first` day, and its `equity`
        at the closes from then on, null where there is none.

    """
    step, drawn = _light([list(curve.equity) for curve in curves])
    days = sorted(set().union(*drawn))
    series = []
    for number, (curve, own) in enumerate(zip(curves, drawn, strict=True)):
        first = days.index(own[0])
        known = {day: curve.equity[day] for day in own}
        values = [known.get(day) for day in days[first : days.index(own[-1]) + 1]]
        series.append(
            {
                "name": names[number],
                **_look(number, runs),
                "cash": curve.cash,
                "first": first,
                "equity": _rounded(values, curve.cash),
            }
        )
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
