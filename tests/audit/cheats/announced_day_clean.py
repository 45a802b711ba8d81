"""Before the next report, once its day is announced."""

from backtest import Signal, Strategy, Wait
from backtest.events import ReportDate


class AnnouncedDay(Strategy):
    listens_to = (ReportDate,)

    def on_event(self, event, market):
        left = market.sessions_until(event.report_on)
        if left > 5:
            return Wait(event, sessions=left - 5, reason="five sessions before", gives_way=True)
        return Signal.long(event, hold=left, leave="close", reason="before the report")
