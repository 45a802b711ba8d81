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
        self.averages = {
            name: SMA(self.getdatabyname(name).close, period=self.p.period)
            for name in self.getdatanames()
        }

    def notify_event(self, event: Earnings) -> None:
        data = self.getdatabyname(event.symbol)
        if len(data) >= self.p.period:
            weight = self.p.weight if self.is_above(event.symbol) else -self.p.weight
            self.order_target_percent(data=data, target=weight)

    def next(self) -> None:
        for symbol in self.averages:
            data = self.getdatabyname(symbol)
            size, above = self.getposition(data).size, self.is_above(symbol)
            if (size > 0 and not above) or (size < 0 and above):
                self.close(data=data)

    def is_above(self, symbol: str) -> bool:
        """Whether the last close stands above its average."""
        return self.getdatabyname(symbol).close[0] > self.averages[symbol][0]
