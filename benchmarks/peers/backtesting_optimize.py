"""backtesting.py's `optimize` over a grid, on all cores.

It slips entries only and knows no borrow, so the case is without both. Orders of one bar are sent
at the bar before; an indicator shows the next open, to size on what is paid. Stops go out as
orders of their own: those that belong to a trade are refused where the open gaps beyond them.
"""

import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import terms
from backtesting import Backtest, Strategy, backtesting
from worker import serve


class Events(Strategy):
    """Trade what an event wants at the open of its bar."""

    hold = 10
    stop = 0.15
    threshold = 0.0
    weight = 0.95
    signals: ClassVar = {}  # (side, strength) by bar

    def init(self):
        opens = np.append(self.data.Open[1:], np.nan)
        self.next_open = self.I(lambda: opens, plot=False)
        self.resting = None
        self.expires = None

    def next(self):
        coming = len(self.data)
        size = self.position.size
        side, strength = self.signals.get(coming, (0, 0.0))
        if side and strength > self.threshold:
            self.expires = coming + self.hold
            if size * side > 0:
                self.rest(size)
            else:
                self.enter(side, size)
        elif size and coming == self.expires:
            self.leave()

    def enter(self, side, held):
        price = self.next_open[-1]
        equity = self.equity + held * (price - self.data.Close[-1])
        if held:
            self.leave()
        shares = terms.whole_shares(self.weight * equity, price)
        (self.buy if side > 0 else self.sell)(size=shares)
        self.rest(side * shares)

    def leave(self):
        self.cancel()
        self.position.close()

    def cancel(self):
        if self.resting in self.orders:
            self.resting.cancel()

    def rest(self, size):
        """Let a stop for `size` shares rest, off the next open."""
        self.cancel()
        stop = terms.level(self.next_open[-1], -self.stop if size > 0 else self.stop)
        self.resting = (self.sell if size > 0 else self.buy)(size=abs(size), stop=stop)


def prepare(case):
    backtesting._tqdm = lambda steps, **_: steps  # noqa: SLF001 - no progress bar
    warnings.simplefilter("ignore")
    names = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
    bars = pd.DataFrame(
        {theirs: case[ours] for theirs, ours in names.items()},
        index=pd.DatetimeIndex(case["time"].astype("datetime64[ns]")),
    )
    rows = zip(case["bar"].tolist(), case["side"].tolist(), case["strength"].tolist(), strict=True)
    Events.signals = {bar: (side, strength) for bar, side, strength in rows}
    axes = {name: case[f"{name}_axis"].tolist() for name in ("hold", "stop", "threshold")}

    cash = case["cash"].item()

    def work():
        test = Backtest(bars, Events, cash=cash, commission=terms.commission)
        _, equity = test.optimize(maximize="Equity Final [$]", return_heatmap=True, **axes)
        return {"final_equity": equity.fillna(cash).to_numpy()}

    return work


if __name__ == "__main__":
    serve(prepare)
