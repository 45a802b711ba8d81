"""Trade with the trend of the closes after a report."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import Earnings


class TrendAfterEarnings(Strategy):
    """Trade with the trend after a report: long above the moving average, short below it.

    The report only says when to look; its content is ignored. The strategy leaves at the open
    after a close that has moved against it by the distance to the average at the decision; that
    average stays fixed during the trade. The next report decides anew.

    Time-series momentum (Moskowitz, Ooi & Pedersen 2012) was found over months and many markets,
    not in one stock around six days.
    """

    listens_to = (Earnings,)
    signal_terms = ("weight",)
    period: int = Field(20, ge=2, le=250, description="sessions that are averaged")
    weight: float = Field(0.95, gt=0, le=10, description="share of equity")

    def on_event(self, event: Earnings, market: Market) -> Signal | str:
        closes = market.bars()["close"].tail(self.period)
        if len(closes) < self.period:
            return f"{len(closes)} sessions are known, {self.period} are averaged"
        away = float(closes.iloc[-1] / closes.mean()) - 1
        if not away:
            return "the last close is at its average"
        side = Signal.long if away > 0 else Signal.short
        stop = abs(float(closes.mean() / closes.iloc[-1]) - 1)
        return side(
            event,
            weight=self.weight,
            stop=min(stop, 0.99),
            levels="close",
            reason=f"{away:+.1%} from the average of {self.period} closes",
        )
