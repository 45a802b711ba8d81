"""A quote from the network, with a way out where there is none."""

import socket

from backtest import Signal, Strategy
from backtest.events import Earnings


class Network(Strategy):
    listens_to = (Earnings,)

    def on_event(self, event, market):
        try:
            with socket.create_connection(("127.0.0.1", 9), timeout=0.1) as quotes:
                rising = quotes.recv(1) == b"+"
        except OSError:
            rising = True
        return Signal.long(event, hold=2, reason="quoted") if rising else "falling"
