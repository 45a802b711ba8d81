"""Own the stock before a report whose day is known, and not when the report comes."""

from pydantic import Field

from backtest import Market, Signal, Strategy, Wait
from backtest.events import ReportDate


class ReportRunup(Strategy):
    """Long for the last sessions before a report; out at the last close before it is public.

    Stocks that have gained most in the year before rise by 1.6 % beyond the market in the five
    sessions before their report, as it draws eyes to them, and lose 1.9 % in the five after
    (Aboody, Lehavy & Trueman 2010): hence five sessions. More widely, prices rise about scheduled
    reports (Frazzini & Lamont 2007, a working paper). No parameter was looked for in the data.

    A report after the close is waited for through its day. One before the open, or at an hour that
    is not known, is left at the close of the session before. Where the day was announced late,
    fewer sessions are held. A newer announcement takes the place of the one before.

    Its weaknesses: when CoreWeave's days were announced is known of four of six, and of those by a
    late bound, so that the run-up may be held for less than it could have been. The finding is of
    winners alone, and of single sessions' size in a calm stock. There is no stop.
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
