"""Leaves a file of its own behind, and never looks at it."""

from pathlib import Path

from backtest import Signal, Strategy
from backtest.events import Earnings


class LeftBehind(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        with Path("heard.txt").open("w+") as file:
            file.write(event.id)
        return Signal.long(event, hold=1, reason="heard")
