"""The bar that Backtrader shows."""

from backtest import EventStrategy
from backtest.events import Earnings


class PrivateFeed(EventStrategy):
    listens_to = (Earnings,)

    def notify_event(self, event):
        if self.data.close[0] > self.data.open[0]:
            self.buy(size=100)

    def next(self):
        if self.position:
            self.close()
