"""The bar of the session before."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class FinerBars(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        yesterday = market.bars().iloc[-1]
        if yesterday["close"] > yesterday["open"]:
            return Signal.long(event, hold=1, reason="a good day")
        return "a bad day"
