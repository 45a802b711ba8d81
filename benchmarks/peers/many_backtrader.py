"""Backtrader on many stocks: `many_backtrader.py UNIVERSE ORDERS`."""

import sys
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
from many_rules import CASH, commission_of, orders_of, read_market, read_signals, report
from terms import SLIPPAGE


class Costs(bt.CommInfoBase):
    """Commission by the share."""

    params = (("stocklike", True),)

    def _getcommission(self, size, price, pseudoexec):  # noqa: ARG002 - Backtrader's signature
        return commission_of(size, price)


class Reports(bt.Strategy):
    """Send at each open what the rules want there."""

    params = (("opens", None), ("leaves", None), ("signals", None))

    def __init__(self):
        self.expires = np.full(len(self.datas), -1)
        self.starts = np.searchsorted(self.p.signals[:, 0], np.arange(len(self.p.opens) + 1))
        self.orders = []
        self.places = {id(data): place for place, data in enumerate(self.datas)}

    def next_open(self):
        bar = len(self.data) - 1
        todays = self.p.signals[self.starts[bar] : self.starts[bar + 1]]
        if not len(todays) and not (self.expires == bar).any():
            return
        shares = np.array([self.getposition(data).size for data in self.datas])
        cash = self.broker.getcash()
        now = (self.p.opens[bar], self.p.leaves[bar])
        wanted = orders_of(bar, todays, *now, shares, self.expires, cash)
        for symbol, size in wanted:
            (self.buy if size > 0 else self.sell)(data=self.datas[symbol], size=abs(size))

    def notify_order(self, order):
        if order.status == order.Completed:
            place = self.places[id(order.data)]
            self.orders.append((len(self.data) - 1, place, order.executed.size))


def main(folder: Path, file: str) -> None:
    opens, leaves = read_market(folder)
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
    for symbol in opens:
        bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), opens[symbol]))
        cerebro.adddata(bt.feeds.PandasData(dataname=bars, volume=None, openinterest=None))
    cerebro.broker.set_cash(CASH)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.set_slippage_perc(SLIPPAGE, slip_open=True, slip_match=True, slip_out=True)
    cerebro.broker.addcommissioninfo(Costs())
    signals = read_signals(folder, opens)
    cerebro.addstrategy(Reports, opens=opens.to_numpy(), leaves=leaves, signals=signals)
    (made,) = cerebro.run()
    orders = pd.DataFrame(made.orders, columns=["session", "symbol", "shares"])
    report(opens, orders, cerebro.broker.getvalue(), file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
