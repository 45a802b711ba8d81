"""Own the stock from the first session on: the yardstick for every other strategy."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import Start


class BuyAndHold(Strategy):
    """Be long from the first session to the end: the alternative that is always there.

    Several stocks are held in equal parts, each from its own first session on. The parts are not
    rebalanced later, and the money of a stock that is gone stays in cash.

    Its weakness is the sample: one stock, chosen because it is talked about, over one span.
    """

    listens_to = (Start,)
    signal_terms = ("weight",)
    weight: float = Field(1.0, gt=0, le=10, description="share of equity, over all stocks")

    def on_event(self, event: Start, market: Market) -> Signal | str:
        weight = self.weight / len(market.universe)
        return Signal.long(event, weight=weight, reason="held throughout")
