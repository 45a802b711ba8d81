"""A mean of the last five sessions."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class CentredWindow(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        closes = market.bars()["close"]
        if closes.iloc[-1] > closes.rolling(5).mean().iloc[-1]:
            return Signal.long(event, hold=2, reason="above its mean")
        return "not above its mean"
