"""A path that is named and never opened."""

from pathlib import Path

from backtest import Signal, Strategy
from backtest.events import Earnings

PRICES = Path("/THE/CHECKOUT/data/prices/ACME.csv")


class AbsolutePath(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        yesterday = market.bars().iloc[-1]
        if yesterday["close"] > yesterday["open"]:
            return Signal.long(event, hold=1, reason=f"a good day by {PRICES.name}")
        return "a bad day"
