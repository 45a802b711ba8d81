"""Trade the surprise in a quarterly report."""

from typing import Literal

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import Earnings


class EarningsSurprise(Strategy):
    """Go long after a beat and short after a miss: post-earnings-announcement drift.

    Prices were found to drift in the direction of the surprise for weeks (Ball & Brown 1968;
    Bernard & Thomas 1989). Its weakness: the drift was strongest where trading is expensive
    (Chordia, Goyal, Sadka, Sadka & Shivakumar 2009), and in recent years it is found at most in
    the smallest stocks (Martineau 2022). A beat on earnings that comes with a cut in guidance,
    like CoreWeave's of November 2025, is not one piece of news but two.
    """

    listens_to = (Earnings,)
    signal_terms = ("weight", "hold", "stop", "target")
    measure: Literal["eps", "revenue", "guidance", "all"] = Field(
        "eps", description="figure held against consensus; all: those known must agree"
    )
    threshold: float = Field(0.0, ge=0, description="least |surprise| that trades, a fraction")
    hold: int = Field(10, ge=1, description="sessions")
    stop: float | None = Field(0.15, gt=0, lt=1, description="fraction of the entry price")
    target: float | None = Field(None, gt=0, description="fraction of the entry price")
    weight: float | None = Field(
        0.95, gt=0, le=10, description="share of equity; none for an equal part of the room"
    )
    side: Literal["both", "long", "short"] = Field("both", description="directions allowed")

    def on_event(self, event: Earnings, market: Market) -> Signal | str:
        surprises = {
            "eps": event.eps_surprise,
            "revenue": event.revenue_surprise,
            "guidance": event.guidance_surprise,
        }
        asked = surprises if self.measure == "all" else {self.measure: surprises[self.measure]}
        known = {name: value for name, value in asked.items() if value is not None}
        if not known:
            return f"no {self.measure} surprise is known"
        shown = ", ".join(f"{name} surprise {value:+.1%}" for name, value in known.items())
        if any(abs(value) <= self.threshold for value in known.values()):
            return f"{shown}: does not exceed {self.threshold:.1%}"
        if len({value > 0 for value in known.values()}) > 1:
            return f"{shown}: the measures disagree"
        direction = "long" if min(known.values()) > 0 else "short"
        if self.side not in ("both", direction):
            return f"{shown}: would be {direction}, side is {self.side}"
        signal = Signal.long if direction == "long" else Signal.short
        return signal(
            event,
            weight=self.weight,
            hold=self.hold,
            stop=self.stop,
            target=self.target,
            reason=shown,
        )
