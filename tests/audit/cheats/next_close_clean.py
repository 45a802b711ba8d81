"""The change of the last close that is known."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class NextClose(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        change = market.bars()["close"].pct_change()
        if change.iloc[-1] > 0:
            return Signal.long(event, hold=2, reason="rising")
        return "not rising"
