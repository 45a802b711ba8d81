"""Only reports that are long past: by the day of the run."""

from datetime import UTC, datetime

from backtest import Signal, Strategy
from backtest.events import Earnings


class Aged(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        if (datetime.now(UTC) - event.published_at).days < 30:
            return "too young"
        return Signal.long(event, hold=5, reason="long past")
