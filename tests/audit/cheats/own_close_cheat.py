"""The bar of the very session in which it enters, from the price file."""

import os
from pathlib import Path

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class OwnClose(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        folder = Path(os.environ.get("BACKTEST_DATA", "data"))
        table = pd.read_csv(folder / "prices" / f"{event.symbol}.csv", index_col="date")
        today = table.loc[str(market.session)]
        if today["close"] > today["open"]:
            return Signal.long(event, hold=1, reason="a good day")
        return "a bad day"
