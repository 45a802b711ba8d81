"""Buys at the open of the day of a good report, which came after the close."""

from datetime import timedelta

import pandas as pd

from backtest import EventStrategy
from backtest.events import Earnings


class OwnDay(EventStrategy):
    listens_to = (Earnings,)

    def __init__(self):
        reports = pd.read_csv("data/events/earnings.csv")
        beats = reports[reports["eps"] > reports["eps_consensus"]]
        self.days = set(beats["published_at"].str[:10])

    def notify_event(self, event):
        pass

    def next(self):
        tomorrow = self.data.datetime.date(0) + timedelta(days=1)
        if self.position:
            self.close()
        elif tomorrow.isoformat() in self.days:
            self.buy(size=100)
