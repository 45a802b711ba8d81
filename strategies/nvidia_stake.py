"""Trade what becomes known about Nvidia's stake."""

from typing import Literal

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import StakeDisclosure

HOLDER = "NVIDIA"


class NvidiaStake(Strategy):
    """Go long when a first filing or an increase becomes known, and short on a decrease.

    Targets of large, active holders rise when the stake is disclosed (Brav, Jiang, Partnoy &
    Thomas 2008). Its weakness: quarterly filings come up to 45 days after the day that they
    describe, Nvidia is a supplier and not an activist, and a count may have been known long
    before the filing that repeats it. Stale filings therefore are not news and never a sale.
    """

    listens_to = (StakeDisclosure,)
    signal_terms = ("weight", "hold", "stop")
    min_change: float = Field(0.01, ge=0, description="least |change of the stake|, a fraction")
    first_filing: bool = Field(True, description="whether the first filing trades")
    hold: int = Field(10, ge=1, description="sessions")
    stop: float | None = Field(0.15, gt=0, lt=1, description="fraction of the entry price")
    weight: float | None = Field(
        0.95, gt=0, le=10, description="share of equity; none for an equal part of the room"
    )
    side: Literal["both", "long", "short"] = Field("both", description="directions allowed")

    def on_event(self, event: StakeDisclosure, market: Market) -> Signal | str:
        if event.holder != HOLDER:
            return f"the holder is {event.holder}, not {HOLDER}"
        if event.is_stale(market.events(StakeDisclosure)):
            return f"stale: as of {event.as_of}, and later holdings were known"
        if event.first_filing and self.first_filing:
            return self._signal(event, "long", "first filing that shows the stake")
        change = event.stake_change
        if change is None:
            return "the change of the stake is not known"
        if change == 0 or abs(change) < self.min_change:
            return f"stake {change:+.1%}: less than {self.min_change:.1%}"
        return self._signal(event, "long" if change > 0 else "short", f"stake {change:+.1%}")

    def _signal(self, event: StakeDisclosure, direction: str, reason: str) -> Signal | str:
        if self.side not in ("both", direction):
            return f"{reason}: would be {direction}, side is {self.side}"
        signal = Signal.long if direction == "long" else Signal.short
        return signal(event, weight=self.weight, hold=self.hold, stop=self.stop, reason=reason)
