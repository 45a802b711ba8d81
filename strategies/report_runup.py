"""Own the stock before a report whose day is known, and sell before the report comes."""

from pydantic import Field

from backtest import Market, Signal, Strategy, Wait
from backtest.events import ReportDate


class ReportRunup(Strategy):
    """Be long for the last sessions before a report, and leave at the last close before it.

    Stocks that gained most in the year before rise by 1.6 % beyond the market in the five sessions
    before their report, which draws attention to them, and lose 1.9 % in the five after
    (Aboody, Lehavy & Trueman 2010); hence five sessions. More widely, prices rise around scheduled
    reports (Frazzini & Lamont 2007, a working paper). No parameter was fitted to the data.

    Before a report after the close the stock is held to the close of that day. Before one that
    comes before the open, or at an unknown hour, it is sold at the close of the session before.
    If the day was announced late, fewer sessions are held. A newer announcement replaces the one
    before.

    Its weaknesses: the day of announcement is known for four of CoreWeave's six reports, and only
    by a late bound, so that the run-up may be held for less time than was possible. The finding
    is about winners only, and as small as one session's move of a calm stock. There is no stop.
    """

    listens_to = (ReportDate,)
    signal_terms = ("weight",)
    sessions: int = Field(5, ge=1, le=60, description="sessions held, the last one included")
    weight: float = Field(0.95, gt=0, le=10, description="share of equity")

    def on_event(self, event: ReportDate, market: Market) -> Signal | Wait | str:
        left = market.sessions_until(event.report_on)
        is_traded_then = market.session_after(left) == event.report_on
        if event.session != "after close" or not is_traded_then:
            left -= 1  # the last close before it is that of the session before
        if left < 0:
            return f"no close is left before the report of {event.report_on}"
        if left >= self.sessions:
            wait = left - self.sessions + 1
            why = f"{self.sessions} sessions before the report of {event.report_on}"
            return Wait(event, sessions=wait, reason=why, gives_way=True)
        why = f"sessions left before the report of {event.report_on}: {left + 1}"
        return Signal.long(event, weight=self.weight, hold=left, leave="close", reason=why)
