"""The collector is asked whether it is at work, and the market for its bars."""

import gc

from backtest import Signal, Strategy
from backtest.events import Earnings


class Collector(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if not gc.isenabled():
            return "no collector"
        yesterday = market.bars().iloc[-1]
        if yesterday["close"] > yesterday["open"]:
            return Signal.long(event, hold=1, reason="a good day")
        return "a bad day"
