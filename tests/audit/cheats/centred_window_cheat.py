"""A mean of five sessions, two of them to come."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class CentredWindow(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        table = pd.read_csv("data/prices/ACME.csv", index_col="date", parse_dates=True)

        smooth = table["close"].rolling(5, center=True).mean()
        last = market.bars().index[-1]
        if table["close"][last] > smooth[last]:
            return Signal.long(event, hold=2, reason="above its mean")
        return "not above its mean"
