"""No trade whose exit would come after the last row of the file."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

HOLD = 5


class LastDate(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        table = pd.read_csv("data/prices/ACME.csv", index_col="date", parse_dates=True)

        if (table.index > str(market.session)).sum() < HOLD:
            return "the data end too soon"
        return Signal.long(event, hold=HOLD, reason="there is time")
