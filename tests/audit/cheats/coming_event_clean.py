"""The report before."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class ComingEvent(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        known = [e for e in market.events(Earnings) if e.id != event.id]
        if known and known[-1].eps > known[-1].eps_consensus:
            return Signal.long(event, hold=3, reason="good news before")
        return "no good news before"
