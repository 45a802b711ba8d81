"""A z-score by mean and deviation of the whole history."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class FullSampleZ(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        table = pd.read_csv("data/prices/ACME.csv", index_col="date", parse_dates=True)

        closes = table["close"]
        score = (closes - closes.mean()) / closes.std()
        if score[market.bars().index[-1]] > 0:
            return Signal.long(event, hold=2, reason="strong")
        return "weak"
