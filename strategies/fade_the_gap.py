"""Against the first reaction to a report or to news, once that reaction has been seen."""

from backtest import EventStrategy
from backtest.errors import UsageError
from backtest.events import Earnings, Event, News


class FadeTheGap(EventStrategy):
    """Against the gap of the first session after an event, from the next open on.

    The gap is the first open less the close before it. It is not known when an order for that
    open has to be sent, so the strategy waits for that session's close and enters at the open
    after it. That needs a second look at the event, which `on_event` does not get: it is a
    strategy of Backtrader's, and cannot be swept. It leaves when a close is back at the one
    before the event, or after `hold` sessions.

    Large falls are followed by rises for about two days (Bremer & Sweeney 1991), which sets
    `hold`; `min_gap` is half the 10 % from which that literature calls a day's move large, for a
    gap is part of a day. The weight leaves room for a gap of the entry itself, as in
    `trend_after_earnings`. None of them was looked for in the data.

    Its weaknesses: moves with news behind them reverse less than those without (Chan 2003;
    Larson & Madura 2003), and here all have news behind them. Much of the reversal found is the
    spread between bid and ask (Cox & Peterson 1994). The time of much news is known by its day
    alone, so that its first reaction may lie before the session that is looked at. There is no
    stop. Of several events for one open the last counts; one that comes while a trade is open is
    passed over.
    """

    listens_to = (Earnings, News)
    params = (("min_gap", 0.05), ("hold", 2), ("weight", 0.8))

    def __init__(self) -> None:
        if not (self.p.min_gap > 0 and self.p.hold >= 1 and 0 < self.p.weight <= 1):
            raise UsageError("fade_the_gap needs min_gap above 0, hold from 1, weight up to 1.")
        self.heard: dict[str, tuple[Event, int]] = {}  # by symbol, with the bar of its first open
        self.plans: dict[str, tuple[float, int]] = {}  # the close before the event, the last bar

    def notify_event(self, event: Event) -> None:
        data = self.getdatabyname(event.symbol)
        self.heard[event.symbol] = (event, len(data) + 1)

    def next(self) -> None:
        for symbol in self.getdatanames():
            if self.getposition(self.getdatabyname(symbol)).size:
                self.leave(symbol)
            elif symbol in self.heard:
                self.enter(symbol)

    def enter(self, symbol: str) -> None:
        """At the close of an event's first session: order against its gap."""
        data = self.getdatabyname(symbol)
        event, first = self.heard.pop(symbol)
        if len(data) != first:
            return
        before, gap = data.close[-1], data.open[0] / data.close[-1] - 1
        is_filled = (data.close[0] - before) * gap <= 0
        if abs(gap) >= self.p.min_gap and not is_filled:
            self.plans[symbol] = (before, first + self.p.hold)
            target = -self.p.weight if gap > 0 else self.p.weight
            self.order_target_percent(data=data, target=target, event_id=event.id)

    def leave(self, symbol: str) -> None:
        """At a close while in a trade: out at the next open where it is over."""
        data, (before, last) = self.getdatabyname(symbol), self.plans[symbol]
        if (data.close[0] - before) * self.getposition(data).size >= 0:
            self.close(data=data, exit_reason="target")
        elif len(data) >= last:
            self.close(data=data, exit_reason="time")
