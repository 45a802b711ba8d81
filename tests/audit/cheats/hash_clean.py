"""A holding time by the sum of a text's letters."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class Hash(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        hold = 1 + sum(event.headline.encode()) % 1000
        return Signal.long(event, hold=hold, reason="by its letters")
