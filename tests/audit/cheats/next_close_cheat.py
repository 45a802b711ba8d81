"""The change of the close, shifted the wrong way."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class NextClose(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        table = pd.read_csv("data/prices/ACME.csv", index_col="date", parse_dates=True)

        change = table["close"].pct_change().shift(-1)
        last = market.bars().index[-1]
        if change[last] > 0:
            return Signal.long(event, hold=2, reason="rising")
        return "not rising"
