"""A store whose content is the same whenever it is asked."""

from functools import cache

from backtest import Signal, Strategy
from backtest.events import Earnings


@cache
def threshold(period):
    return 100 + int(period[-1])


class Memory(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if market.bars()["close"].iloc[-1] > threshold(event.period):
            return Signal.long(event, hold=3, reason="rises")
        return "falls"
