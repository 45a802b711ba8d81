"""Trade the surprise in a quarterly report, and hedge the market's part of what follows."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.blocks import beta
from backtest.events import Earnings

# The five members of us_large whose returns followed their mean most closely from 2013-07-02 to
# 2013-09-25, the first sixty returns in the data, which include no index fund.
BASKET = ("UNP", "HON", "MMM", "GS", "ADI")


class HedgedDrift(Strategy):
    """Trade the best and worst surprises of a season, each hedged against the market.

    Prices were found to drift in the direction of the surprise for weeks (Ball & Brown 1968;
    Bernard & Thomas 1989). What the market does meanwhile is not part of that, so each position is
    hedged with beta times its value in a basket of five stocks, in equal parts. The basket stands
    for the market, because the data include no fund with open prices. It was fixed by the first
    sixty returns in the data, and nothing is traded before that many are known. No parameter was
    fitted to the data.

    Its weaknesses: five stocks are not the market, and what happens to one of them affects every
    trade; they were chosen among stocks that were still large ten years later. Six orders instead
    of one cost six commissions each way, and short positions pay an assumed borrow rate. In recent
    years the drift is found at most in the smallest stocks (Martineau 2022); these are large.
    """

    listens_to = (Earnings,)
    trades_also = BASKET
    signal_terms = ("weight", "hold")
    tail: float = Field(0.2, gt=0, le=0.5, description="part of the surprises traded at each end")
    hold: int = Field(20, ge=1, le=250, description="sessions")
    weight: float = Field(0.05, gt=0, le=10, description="share of equity in the stock")

    def on_event(self, event: Earnings, market: Market) -> Signal | str:
        rank = market.rank(event, by="eps_surprise", days=90)
        if rank is None:
            return "its surprise, or any to hold it against, is unknown"
        stands = f"above {rank:.0%} of the surprises of 90 days"
        if self.tail < rank < 1 - self.tail:
            return f"{stands}: in the middle"
        by = beta(market, *self.trades_also)
        if by is None:
            return "its beta is unknown: too few sessions"
        side = Signal.long if rank > self.tail else Signal.short
        signal = side(event, weight=self.weight, hold=self.hold, reason=f"{stands}, beta {by:.2f}")
        for symbol in self.trades_also:
            signal = signal.hedged(symbol, by / len(self.trades_also))
        return signal
