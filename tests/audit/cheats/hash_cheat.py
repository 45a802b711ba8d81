"""A holding time by the hash of a text, which differs from process to process."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class Hash(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        hold = 1 + hash(event.headline) % 1000
        return Signal.long(event, hold=hold, reason="by its hash")
