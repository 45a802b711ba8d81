"""The figures of the period as they stood."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class RevisedConsensus(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if event.eps > event.eps_consensus:
            return Signal.long(event, hold=3, reason="a beat")
        return "not a beat"
