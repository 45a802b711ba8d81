"""No trade where less is known than the sessions that it is held for."""

from backtest import Signal, Strategy
from backtest.events import Earnings

HOLD = 5


class LastDate(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if len(market.bars()) < HOLD:
            return "too little is known"
        return Signal.long(event, hold=HOLD, reason="there is time")
