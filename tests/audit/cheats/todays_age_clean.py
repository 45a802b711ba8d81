"""Only reports that are past by less than a week when they can be traded."""

from datetime import timedelta

from backtest import Signal, Strategy
from backtest.events import Earnings


class Aged(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if market.now - event.published_at > timedelta(days=7):
            return "too old"
        return Signal.long(event, hold=5, reason="young")
