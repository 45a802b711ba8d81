"""Trade the day on which a lock-up ends, which is known in advance."""

from typing import Literal

from pydantic import Field

from backtest import Market, Signal, Strategy, Wait
from backtest.blocks import faded
from backtest.events import LockupEnd


class LockupDay(Strategy):
    """Be short from the session before a lock-up ends to the session after.

    In the three days around that day stocks fall by 1.5 % beyond the market (Field & Hanka 2001),
    most of all those that venture capital had backed (Bradley, Jordan, Roten & Yi 2001). The
    default is three sessions too. No parameter was fitted to the data. `lockup_expiry` waits until
    the day has passed.

    Its weaknesses: CoreWeave had one lock-up, which shows how the rule trades but nothing about
    whether it pays. Its end was set by the day of a report that came out two sessions before, so
    that the window includes the reaction to that report. The stock was expensive to borrow.
    """

    listens_to = (LockupEnd,)
    signal_terms = ("weight", "stop")
    before: int = Field(1, ge=0, le=60, description="sessions before the end at which it enters")
    after: int = Field(1, ge=0, le=60, description="sessions after the end at which it leaves")
    side: Literal["short", "long"] = Field("short", description="long: against the selling")
    stop: float | None = Field(0.15, gt=0, lt=1, description="fraction of the entry price")
    weight: float = Field(0.95, gt=0, le=10, description="share of equity")

    def on_event(self, event: LockupEnd, market: Market) -> Signal | Wait | str:
        left = market.sessions_until(event.ends_on)
        if left < 0:
            return f"the lock-up has ended on {event.ends_on}"
        if left > self.before:
            why = f"{self.before} sessions before {event.ends_on}"
            return Wait(event, sessions=left - self.before, reason=why, gives_way=True)
        signal = Signal.short(
            event,
            weight=self.weight,
            hold=left + self.after,
            stop=self.stop,
            leave="close",
            reason=f"the lock-up ends on {event.ends_on}",
        )
        return signal if self.side == "short" else faded(signal)
