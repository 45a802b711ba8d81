"""Before the next report, whose day is announced later: it is in the file already."""

from datetime import date

import pandas as pd

from backtest import Signal, Strategy, Wait
from backtest.events import Earnings


class AnnouncedDay(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        days = pd.read_csv("data/events/report_dates.csv")["report_on"].map(date.fromisoformat)
        coming = [day for day in days if market.sessions_until(day) > 0]
        if not coming:
            return "no day is known"
        left = market.sessions_until(min(coming))
        if left > 5:
            return Wait(event, sessions=left - 5, reason="five sessions before")
        return Signal.long(event, hold=left, leave="close", reason="before the report")
