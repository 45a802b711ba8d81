"""How many members there are in the session."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class LeavingMember(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        count = len(market.universe)
        if count == 3:
            return Signal.long(event, weight=0.3, hold=3, reason="three members")
        return f"{count} members"
