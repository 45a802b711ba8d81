"""The figures of the period as they stand in the file today."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings


class RevisedConsensus(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        reports = pd.read_csv("data/events/earnings.csv")
        latest = reports.drop_duplicates("period", keep="last").set_index("period")
        figures = latest.loc[event.period]
        if figures["eps"] > figures["eps_consensus"]:
            return Signal.long(event, hold=3, reason="a beat")
        return "not a beat"
