"""An example for those who come from Backtrader: its indicators and orders, and events."""

from backtrader.indicators import SMA

from backtest import EventStrategy
from backtest.events import Earnings


class TrendAfterEarnings(EventStrategy):
    """With the trend after a report: long above the moving average, short below, out when crossed.

    The report only says when to look; its content is ignored. Time-series momentum (Moskowitz,
    Ooi & Pedersen 2012) was found over months and many markets, not in one stock around six days.
    The weight leaves room for a gap: Backtrader sizes on the last close, and refuses an order for
    which the open has become too dear.
    """

    listens_to = (Earnings,)
    params = (("period", 20), ("weight", 0.8))

    def __init__(self) -> None:
        self.average = SMA(self.data.close, period=self.p.period)

    def notify_event(self, event: Earnings) -> None:
        if len(self) >= self.p.period:
            above = self.data.close[0] > self.average[0]
            self.order_target_percent(target=self.p.weight if above else -self.p.weight)

    def next(self) -> None:
        above = self.data.close[0] > self.average[0]
        if (self.position.size > 0 and not above) or (self.position.size < 0 and above):
            self.close()
