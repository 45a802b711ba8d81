"""The price file of another member, whose session is still to come."""

from pathlib import Path

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

FOLDER = Path("data/universes/four/prices")


class OtherMember(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        today = pd.read_csv(FOLDER / "BOLT.csv", index_col="date").loc[str(market.session)]
        if today["close"] > today["open"]:
            return Signal.long(event, weight=0.3, hold=1, reason="BOLT rises")
        return "BOLT falls"
