"""The rank of a surprise among those that were known before it."""

from backtest import Signal, Strategy
from backtest.events import Earnings


class LaterWinner(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        rank = market.rank(event, by="eps_surprise")
        if rank is not None and rank > 0.5 and event.symbol in market.universe:
            return Signal.long(event, weight=0.3, hold=5, reason=f"rank {rank:.2f}")
        return f"rank {rank}"
