"""Trade the announcement of a contract, with more weight if more is known about it."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.blocks import (
    above_average,
    atr_stop,
    events_near,
    grade_scale,
    precision_scale,
    volatility_weight,
)
from backtest.events import Earnings, News

INDEX = "SPY"


class ContractNews(Strategy):
    """Go long when a contract is announced in a rising market, by how well it is documented.

    Stocks rise on the day on which a contract becomes public (Palkar, Larson & Larson 2012, for
    military contracts), and prices drift on after public news (Chan 2003). The weight aims at
    the volatility of a typical stock, 40 % a year (Moskowitz, Ooi & Pedersen 2012), and is cut by
    a quarter for each step down in grade and in precision. The stop is three average true ranges
    away (Wilder 1978). The strategy does nothing while the index is below its mean of 50 sessions,
    nor within two sessions of a quarterly report, which moves the stock by itself. Those two are
    round figures. No default was fitted to the data.

    Its weaknesses: the rise of the first day is over before the next open, and what
    Chan found came mostly after bad news and in small stocks. A contract and a sale of shares
    may come on the same day, as in April 2026. The strategy does not ask whether a contract is
    good news.
    """

    listens_to = (News,)
    looks_at = (INDEX,)
    signal_terms = ("hold",)
    hold: int = Field(10, ge=1, le=250, description="sessions")
    target_volatility: float = Field(
        0.4, gt=0, le=5, description="of the position, by the year, a fraction"
    )
    stop_ranges: float = Field(
        3.0, gt=0, le=20, description="average true ranges from entry to stop"
    )
    trend: int | None = Field(
        50, ge=2, le=250, description=f"sessions of {INDEX}'s average; none: in any market"
    )
    quiet: int = Field(2, ge=0, le=60, description="sessions that a report must lie back")
    weight: float = Field(0.95, gt=0, le=10, description="largest share of equity")

    def on_event(self, event: News, market: Market) -> Signal | str:
        if event.category != "contract":
            return f"{event.category} is not a contract"
        if near := events_near(event, market, Earnings, sessions=self.quiet):
            return f"too near to a report: {near[-1].headline}"
        if self.trend is not None:
            rising = above_average(market, INDEX, sessions=self.trend)
            if rising is None:
                return f"fewer than {self.trend} closes of {INDEX} are known"
            if not rising:
                return f"{INDEX} stands below its average of {self.trend} sessions"
        weight = volatility_weight(market, target=self.target_volatility, most=self.weight)
        stop = atr_stop(market, multiple=self.stop_ranges)
        if weight is None or stop is None:
            return f"too few sessions to tell how wild {event.symbol} is: {len(market.bars())}"
        return Signal.long(
            event,
            weight=weight * grade_scale(event) * precision_scale(event),
            hold=self.hold,
            stop=stop,
            reason=event.figures or event.headline,
        )
