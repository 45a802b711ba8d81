"""The session before, of another member that can be traded."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class OtherMember(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        other = next(symbol for symbol in reversed(market.universe) if symbol != event.symbol)
        yesterday = market.bars(other).iloc[-1]
        if yesterday["close"] > yesterday["open"]:
            return Signal.long(event, weight=0.3, hold=1, reason=f"{other} rose")
        return f"{other} fell"
