"""Buys at the first open after a good report."""

from backtest import EventStrategy
from backtest.events import Earnings


class OwnDay(EventStrategy):
    listens_to = (Earnings,)

    def notify_event(self, event):
        if event.eps > event.eps_consensus:
            self.buy(size=100)

    def next(self):
        if self.position:
            self.close()
