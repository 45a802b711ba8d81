"""A look at the frames that takes nothing but the caller's name."""

import sys

from backtest import Signal, Strategy
from backtest.events import Earnings


class Frames(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        caller = sys._getframe(1).f_code.co_name
        if market.bars()["close"].iloc[-1] > market.bars()["open"].iloc[-1]:
            return Signal.long(event, hold=1, reason=f"a good day, says {caller}")
        return "a bad day"
