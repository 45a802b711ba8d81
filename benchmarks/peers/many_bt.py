"""bt on many stocks, an algorithm at the opens: `many_bt.py UNIVERSE ORDERS`.

bt fills at one price a day. Slippage is part of its commission, which comes to the same cash.
"""

import sys
from pathlib import Path

import bt
import numpy as np
import pandas as pd
from many_rules import CASH, commission_of, orders_of, read_market, read_signals, report
from terms import SLIPPAGE


def costs(shares, price):
    """Commission on the slipped fill, and the slippage itself."""
    slip = np.sign(shares) * SLIPPAGE * price
    return commission_of(shares, price + slip) + shares * slip


class Reports(bt.Algo):
    """Send at each open what the rules want there."""

    def __init__(self, opens, leaves, signals):
        super().__init__()
        self.table, self.opens = opens, opens.to_numpy()
        self.leaves, self.signals = leaves, signals
        self.starts = np.searchsorted(signals[:, 0], np.arange(len(opens) + 1))
        self.shares = np.zeros(opens.shape[1])
        self.expires = np.full(opens.shape[1], -1)
        self.orders = []

    def __call__(self, target):
        bar = self.table.index.get_loc(target.now)
        todays = self.signals[self.starts[bar] : self.starts[bar + 1]]
        if not len(todays) and not (self.expires == bar).any():
            return True
        cash = target.capital
        now = (self.opens[bar], self.leaves[bar])
        wanted = orders_of(bar, todays, *now, self.shares, self.expires, cash)
        for symbol, size in wanted:
            target.transact(size, self.table.columns[symbol])
            self.shares[symbol] += size
            self.orders.append((bar, symbol, size))
        return True


def main(folder: Path, file: str) -> None:
    opens, leaves = read_market(folder)
    algo = Reports(opens, leaves, read_signals(folder, opens))
    strategy = bt.Strategy("reports", [algo], children=list(opens.columns))
    test = bt.Backtest(strategy, opens, initial_capital=CASH, commissions=costs)
    test.run()
    (ran,) = test.strategy.stack.algos  # a copy
    orders = pd.DataFrame(ran.orders, columns=["session", "symbol", "shares"])
    report(opens, orders, test.strategy.value, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
