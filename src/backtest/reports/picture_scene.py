"""What the picture of a run shows, and where each thing stands on its axis of sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from backtest.reports.run_charts import TRADED, kinds_of
from backtest.stats.formats import new_york_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from backtest.experiments.runs.store import Run


def _light_palette() -> dict[str, str]:
    """The colours of all pages by light, by name."""
    css = files("backtest.reports").joinpath("templates/base.css").read_text(encoding="utf-8")
    light, _, _ = css.partition("}")
    return dict(re.findall(r"--([\w-]+): (#\w+)", light))


_LIGHT = _light_palette()
INK, SOFT, LINE, PAPER = (_LIGHT[name] for name in ("ink", "soft", "line", "paper"))
GAIN, LOSS, ACCENT = (_LIGHT[name] for name in ("gain", "loss", "accent"))

_SHAPES = {  # of the run page, as matplotlib calls them
    "circle": "o", "diamond": "D", "triangle-down": "v", "square": "s",
    "star": "*", "pentagon": "p", "triangle-up": "^", "hexagon": "h",
}  # fmt: skip
_EDGE = 0.05  # of the run's sessions, for events that were public before or after them


class Marker(NamedTuple):
    """An event: its kind, its place on the axis, and whether it was traded."""

    kind: str
    place: float
    traded: bool


class Level(NamedTuple):
    """Where a resting order stood: of which event, at which price, from and to on the axis."""

    event: str
    price: float
    begin: float
    end: float


@dataclass(frozen=True)
class Scene:
    """A run, and the stock whose prices are drawn."""

    run: Run
    symbol: str

    @cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions of the run, dates without a zone; the axis numbers them from 0."""
        return self.run.equity.index

    @cached_property
    def bars(self) -> pd.DataFrame:
        """The bars of the stock in these sessions, with the `place` of each."""
        table = self.run.bars
        found = table[(table["symbol"] == self.symbol) & table["session"].isin(self.sessions)]
        return found.assign(place=self.sessions.get_indexer(found["session"]))

    @cached_property
    def trades(self) -> list[dict[str, str]]:
        """The rows of trades.csv of the stock."""
        return [row for row in self.run.trades if row["symbol"] == self.symbol]

    @cached_property
    def markers(self) -> list[Marker]:
        """The events of the stock: where they could be traded first, or else became public."""
        return [
            Marker(
                row["kind"],
                self.place(row["tradable_session"] or new_york_day(row["published_at"])),
                row["action"] in TRADED,
            )
            for row in self.run.decisions
            if row["symbol"] == self.symbol
        ]

    @cached_property
    def kinds(self) -> dict[str, tuple[str, str]]:
        """Shape and colour of each kind of event, in the order of the lanes."""
        there = {marker.kind for marker in self.markers}
        return {
            kind: (_SHAPES[look["shape"]], _LIGHT[look["colour"].removeprefix("--")])
            for kind, look in kinds_of(self.run).items()
            if kind in there
        }

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis."""
        places = [0.0, len(self.sessions) - 1.0, *(marker.place for marker in self.markers)]
        air = 1 + len(self.sessions) / 150
        return min(places) - air, max(places) + air

    def levels(self, kind: str) -> list[Level]:
        """The levels of the resting orders of a kind, `stop` or `limit`, in the stock."""
        found: list[Level] = []
        for row in self.run.orders:
            if (row["type"], row["symbol"]) == (kind, self.symbol):
                place = self.place(row["session"])
                level = Level(row["event_id"], float(row["price"]), place - 0.5, place + 0.5)
                if found and found[-1] == level._replace(begin=found[-1].begin, end=level.begin):
                    level = level._replace(begin=found.pop().begin)
                found.append(level)
        return found

    def place(self, day: str) -> float:
        """Where a day stands: at its session or the next; outside of the run within the edge."""
        import numpy as np

        first, last = (f"{self.sessions[n]:%Y-%m-%d}" for n in (0, -1))
        edge = max(2.0, _EDGE * len(self.sessions))
        if day < first:
            return -min(edge, float(np.busday_count(day, first)))
        if day > last:
            return len(self.sessions) - 1 + min(edge, float(np.busday_count(last, day)))
        return float(self.sessions.searchsorted(np.datetime64(day)))

    def span(self, trade: Mapping[str, str]) -> tuple[float, float]:
        """Where a trade begins and where it ends."""
        return self.place(trade["entry_session"]), self.place(trade["exit_session"])


def colour(trade: Mapping[str, str]) -> str:
    """Blue for a gain, orange for a loss."""
    return GAIN if float(trade["return"]) > 0 else LOSS
