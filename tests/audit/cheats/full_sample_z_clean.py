"""A z-score by mean and deviation of what is known."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class FullSampleZ(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        closes = market.bars()["close"]
        score = (closes - closes.mean()) / closes.std()
        if score.iloc[-1] > 0:
            return Signal.long(event, hold=2, reason="strong")
        return "weak"
