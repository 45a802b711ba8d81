"""An ordinary Backtrader strategy by all rules, with its traps avoided.

Orders are sent in `next_open` (cheat-on-open), sized on that open; the stop goes out together with
the entry, so that it is live in the entry session, and is cancelled before any other exit.
"""

import backtrader as bt
import numpy as np
import pandas as pd
import terms


class Costs(bt.CommInfoBase):
    """Commission by the share, borrow by the night on the last close."""

    params = (("stocklike", True), ("nights", ()))

    def _getcommission(self, size, price, pseudoexec):  # noqa: ARG002 - Backtrader's signature
        return terms.commission(size, price)

    def get_credit_interest(self, data, pos, _dt):
        if pos.size >= 0 or len(data) < 2:
            return 0.0
        return -pos.size * data.close[-1] * self.p.nights[len(data) - 1]


class Events(bt.Strategy):
    """Trade what an event wants at the open of its bar."""

    params = (
        ("weight", 0.95),
        ("hold", 10),
        ("stop", 0.15),
        ("threshold", 0.0),
        ("signals", {}),  # (side, strength) by bar
        ("sessions", ()),  # session by bar
    )

    def __init__(self):
        self.resting = None
        self.expires = None

    def next_open(self):
        bar = len(self.data) - 1
        size = self.position.size
        side, strength = self.p.signals.get(bar, (0, 0.0))
        if side and strength > self.p.threshold:
            self.expires = self.p.sessions[bar] + self.p.hold
            if size * side > 0:
                self.rest(size, self.data.open[0])
            else:
                self.enter(side, size)
        elif size and self.p.sessions[bar] == self.expires:
            self.leave()

    def enter(self, side, held):
        price = self.data.open[0]
        owed = self.broker.getcommissioninfo(self.data).get_credit_interest(
            self.data, self.position, None
        )
        equity = self.broker.getcash() - owed + held * price
        if held:
            self.leave()
        fill = price * (1 + side * terms.SLIPPAGE)
        shares = terms.whole_shares(self.p.weight * equity, fill)
        (self.buy if side > 0 else self.sell)(size=shares)
        self.rest(side * shares, fill)

    def leave(self):
        self.cancel(self.resting)
        self.close()

    def rest(self, size, price):
        """Let a stop for `size` shares rest, off `price`."""
        if self.resting is not None:
            self.cancel(self.resting)
        stop = terms.level(price, -self.p.stop if size > 0 else self.p.stop)
        send = self.sell if size > 0 else self.buy
        self.resting = send(size=abs(size), exectype=bt.Order.Stop, price=stop)


class FinalEquity(bt.Analyzer):
    """The value of the account at the end."""

    def stop(self):
        self.rets = self.strategy.broker.getvalue()


def make_cerebro(case):
    """A Cerebro with the bars and the costs of a case."""
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
    bars = pd.DataFrame(
        {name: case[name] for name in ("open", "high", "low", "close")},
        index=pd.DatetimeIndex(case["time"].astype("datetime64[ns]")),
    )
    cerebro.adddata(bt.feeds.PandasData(dataname=bars, volume=None, openinterest=None))
    cerebro.broker.set_cash(case["cash"].item())
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.set_slippage_perc(terms.SLIPPAGE, slip_open=True, slip_out=True)
    cerebro.broker.addcommissioninfo(Costs(nights=case["night"].tolist()))
    cerebro.addanalyzer(FinalEquity, _name="equity")
    cerebro.addanalyzer(bt.analyzers.DrawDown, _name="drawdown")
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    return cerebro


def events_of(case):
    """Side and strength of the event of a bar, and the session of each bar."""
    rows = zip(case["bar"].tolist(), case["side"].tolist(), case["strength"].tolist(), strict=True)
    return {bar: (side, strength) for bar, side, strength in rows}, case["session"].tolist()


def figures(runs):
    """Final equity, deepest drawdown and number of trades of each run."""
    drawdowns = [run.analyzers.drawdown.get_analysis().max.drawdown for run in runs]
    trades = [run.analyzers.trades.get_analysis() for run in runs]
    return {
        "final_equity": np.array([run.analyzers.equity.get_analysis() for run in runs]),
        "max_drawdown": -np.array(drawdowns) / 100,
        "trades": np.array([t.total.total if "total" in t else 0 for t in trades]),
    }
