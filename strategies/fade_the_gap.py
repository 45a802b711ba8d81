"""Trade against the first reaction to a report or to news, once it has been seen."""

from pydantic import Field

from backtest import Market, Signal, Strategy, Wait
from backtest.blocks import sessions_since
from backtest.events import Earnings, News


class FadeTheGap(Strategy):
    """Trade against the gap of the first session after an event, from the next open on.

    The gap is the first open less the close before it. It is not known when an order for that
    open has to be sent, so the strategy waits for that session's close and enters at the open
    after it. It leaves after a close by which the price has moved its way as far as the gap was
    still open at the decision, or after `hold` sessions.

    Large falls are followed by rises for about two days (Bremer & Sweeney 1991), which sets
    `hold`. That literature calls a day's move large from 10 % on; `min_gap` is half of that,
    because a gap is part of a day. Neither was fitted to the data.

    Its weaknesses: moves with news behind them reverse less than those without (Chan 2003;
    Larson & Madura 2003), and here all have news behind them. Much of the reversal found is the
    spread between bid and ask (Cox & Peterson 1994). Of much news only the day is known, so that
    its first reaction may come before the session that is looked at. There is no stop. If several
    events lead to an entry at the same open, the last one counts.
    """

    listens_to = (Earnings, News)
    signal_terms = ("hold", "weight")
    min_gap: float = Field(0.05, gt=0, lt=1, description="least gap that is traded, a fraction")
    hold: int = Field(2, ge=1, le=250, description="sessions")
    weight: float = Field(0.95, gt=0, le=10, description="share of equity")

    def on_event(self, event: Earnings | News, market: Market) -> Signal | Wait | str:
        since = sessions_since(event, market)
        if since < 1:
            return Wait(event, sessions=1, reason="its first session has to be seen")
        bars = market.bars()
        first = len(bars) - since
        if first < 1 or bars.index[first].date() != market.session_after(-since):
            return "there is no bar before its first session, or none in it"
        before, last = bars["close"].iloc[first - 1], bars["close"].iloc[-1]
        gap = bars["open"].iloc[first] / before - 1
        if abs(gap) < self.min_gap:
            return f"gap {gap:+.1%}: less than {self.min_gap:.1%}"
        if (last - before) * gap <= 0:
            return f"gap {gap:+.1%}: it is closed already"
        side = Signal.short if gap > 0 else Signal.long
        return side(
            event,
            weight=self.weight,
            hold=self.hold,
            target=abs(float(before / last) - 1),
            levels="close",
            reason=f"gap {gap:+.1%}",
        )
