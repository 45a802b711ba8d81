"""The table of members, which tells who will leave."""

from pathlib import Path

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

MEMBERS = Path("data/universes/four/members.csv")


class LeavingMember(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        last = pd.read_csv(MEMBERS, index_col="symbol")["last"].get(event.symbol)
        if pd.notna(last) and last > str(market.session):
            return Signal.short(event, weight=0.3, hold=3, reason="will leave")
        return "stays"
