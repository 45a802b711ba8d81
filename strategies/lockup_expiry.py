"""Trade the end of a lock-up, when insiders may sell for the first time."""

from typing import Literal

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.blocks import atr_stop, faded, volatility_weight
from backtest.events import News


class LockupExpiry(Strategy):
    """Go short at the first open after a lock-up has ended.

    Around the day on which lock-ups end, stocks fall by 1.5 % beyond the market in three days, and
    trading volume rises for good by 40 % (Field & Hanka 2001). So the default is to be short for a
    week; it was not fitted to the data. The weight aims at the volatility of a typical stock,
    40 % a year (Moskowitz, Ooi & Pedersen 2012), and the stop is three average true ranges away
    (Wilder 1978).

    Its weaknesses: the day is known from the prospectus, so that most of the fall may come
    before it. That part cannot be traded here, because the row becomes public at the moment the
    lock-up ends, and nothing says when the day itself was first known. CoreWeave had one
    lock-up: one event can show how the rule trades, but nothing about whether it pays. The stock
    was expensive to borrow until then, and what it cost to borrow afterwards is an assumption.
    """

    listens_to = (News,)
    signal_terms = ("hold",)
    side: Literal["short", "long"] = Field("short", description="long: against the selling")
    hold: int = Field(5, ge=1, le=250, description="sessions")
    target_volatility: float = Field(
        0.4, gt=0, le=5, description="of the position, by the year, a fraction"
    )
    stop_ranges: float = Field(
        3.0, gt=0, le=20, description="average true ranges from entry to stop; Wilder's constant"
    )
    weight: float = Field(0.95, gt=0, le=10, description="largest share of equity")

    def on_event(self, event: News, market: Market) -> Signal | str:
        if event.category != "lockup":
            return f"{event.category} is not a lock-up"
        weight = volatility_weight(market, target=self.target_volatility, most=self.weight)
        stop = atr_stop(market, multiple=self.stop_ranges)
        if weight is None or stop is None:
            return f"too few sessions to tell how wild {event.symbol} is: {len(market.bars())}"
        signal = Signal.short(
            event, weight=weight, hold=self.hold, stop=stop, reason=event.figures or event.headline
        )
        return signal if self.side == "short" else faded(signal)
