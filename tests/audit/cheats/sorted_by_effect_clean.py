"""Only after a report that was followed by a rise."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class SortedByEffect(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        closes = market.bars()["close"]
        for earlier in market.events(Earnings)[:-1]:
            day = earlier.published_at.date().isoformat()
            if closes[closes.index > day].iloc[0] > closes[:day].iloc[-1]:
                return Signal.long(event, hold=1, reason="one was followed by a rise")
        return "none was followed by a rise"
