"""Which run earned on which event: a row an event, a column a run, the net profit in the cells."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from backtest.stats.formats import new_york_day, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run

MOST_CELLS = 1_500  # so that a page stays light
_STRONGEST = 50  # percent of the colour in the strongest cell: its text stays readable


class Profit(NamedTuple):
    """What an event brought a run.

    Attributes:
        dollars: the net profit of the trades that it opened; None where it opened none.
        text: the return of the trade, or how many there were; or why there is none.

    """

    dollars: float | None
    text: str


class EventRow(NamedTuple):
    """An event, and what it brought each run; None for one that does not listen to it."""

    day: str
    kind: str
    symbol: str
    headline: str
    profits: Sequence[Profit | None]

    @property
    def is_traded(self) -> bool:
        """Whether a run traded it."""
        return any(profit and profit.dollars is not None for profit in self.profits)


class Matrix(NamedTuple):
    """Events in the order of time, and what else the profit of the runs is made of.

    Attributes:
        rows: the events that are shown.
        left_out: how many are not, to keep the page light; what they brought is among the others.
        others: a label, and dollars for each run.
        totals: the whole net profit of each run, dollars: all rows and others.

    """

    rows: Sequence[EventRow]
    left_out: int
    others: Sequence[tuple[str, Sequence[float]]]
    totals: Sequence[float]


def matrix(runs: Sequence[Run]) -> Matrix:
    """Every event that a run heard of; of very many, the newest that were traded."""
    events = {event["event_id"]: event for run in runs for event in run.decisions}
    columns = [_profits(run, events) for run in runs]
    rows = [
        EventRow(
            new_york_day(event["published_at"]),
            event["kind"].replace("_", " "),
            event["symbol"],
            event["headline"],
            [column.get(event["event_id"]) for column in columns],
        )
        for event in sorted(events.values(), key=lambda one: (one["published_at"], one["event_id"]))
    ]
    most, earlier, shown = MOST_CELLS // len(runs), [], rows
    if len(rows) > most:
        traded = [row for row in rows if row.is_traded]
        earlier, shown = traded[:-most], traded[-most:]
    others = (
        ("Earlier events", [_sum(row.profits[n] for row in earlier) for n in range(len(runs))]),
        ("Orders without an event", [_sum([column.get("")]) for column in columns]),
        ("Interest on cash", [run.summary.get("interest", 0.0) for run in runs]),
    )
    return Matrix(
        shown,
        len(rows) - len(shown),
        [(label, dollars) for label, dollars in others if any(dollars)],
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
    return heard | {event: _profit(opened) for event, opened in trades.items()}


def _profit(trades: Sequence[Mapping[str, str]]) -> Profit:
    dollars = sum(float(trade["net_profit"]) for trade in trades)
    one = len(trades) == 1
    return Profit(dollars, percent(float(trades[0]["return"])) if one else f"{len(trades)} trades")


def _sum(profits: Iterable[Profit | None]) -> float:
    return sum(profit.dollars or 0.0 for profit in profits if profit)
