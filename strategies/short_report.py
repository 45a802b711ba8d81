"""Trade what short sellers publish."""

from typing import Literal

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import ShortReport


class ShortReports(Strategy):
    """Go short when a short seller publishes a report.

    Targets of public short campaigns fall, and most if the report contains something new
    (Ljungqvist & Qian 2016). Its weakness: much of the fall is over before anyone can trade on
    it, some reports are followed by a rebound (Mitts 2020), and a crowded short is expensive to
    borrow: CoreWeave's rate was near 190 % a year in the summer of 2025.
    """

    listens_to = (ShortReport,)
    signal_terms = ("weight", "hold", "stop")
    authors: frozenset[Literal["short_seller", "analyst", "press"]] = Field(
        frozenset({"short_seller"}), min_length=1, description="author types that trade"
    )
    hold: int = Field(10, ge=1, description="sessions")
    stop: float | None = Field(0.15, gt=0, lt=1, description="fraction of the entry price")
    weight: float | None = Field(
        0.95, gt=0, le=10, description="share of equity; none for an equal part of the room"
    )

    def on_event(self, event: ShortReport, market: Market) -> Signal | str:
        if event.author_type not in self.authors:
            return f"{event.author} is {event.author_type}, not {', '.join(sorted(self.authors))}"
        return Signal.short(
            event, weight=self.weight, hold=self.hold, stop=self.stop, reason=event.author
        )
