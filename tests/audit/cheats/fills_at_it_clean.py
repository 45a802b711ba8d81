"""Buys at the close after a session that fell."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class FillsAtIt(Strategy):
    listens_to = (Earnings,)
    decides = "close"

    def on_event(self, event, market):
        bar = market.bars().iloc[-1]
        if bar["close"] != bar["open"]:
            return Signal.long(event, enter="close", hold=3, reason="it moved")
        return "it did not move"
