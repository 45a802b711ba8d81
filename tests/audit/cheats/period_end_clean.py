"""A stake counts from its filing."""

from backtest import Signal, Strategy
from backtest.events import Earnings, StakeDisclosure


class PeriodEnd(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        held = market.events(StakeDisclosure)
        if held and (held[-1].stake_change or 0) > 0:
            return Signal.long(event, hold=3, reason="the holder buys")
        return "the holder does not buy"
