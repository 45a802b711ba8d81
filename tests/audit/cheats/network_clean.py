"""The last close in place of a quote."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class Network(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        rising = market.bars()["close"].iloc[-1] > market.bars()["close"].iloc[-2]
        return Signal.long(event, hold=2, reason="quoted") if rising else "falling"
