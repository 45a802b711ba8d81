"""Buys at the close of a session that rises: it looks at the close that it is filled at."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class FillsAtIt(Strategy):
    listens_to = (Earnings,)
    decides = "close"

    def on_event(self, event, market):
        bars = pd.read_csv("data/prices/ACME.csv", index_col="date")
        bar = bars.loc[str(market.session)]
        if bar["close"] > bar["open"]:
            return Signal.long(event, enter="close", hold=3, reason="a good day")
        return "a bad day"
