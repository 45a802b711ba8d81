"""What a user would write by hand in place of `backtest run earnings_surprise`.

Backtrader with its own pandas feed and costs, then the sheet of quantstats. It makes the same
six trades; there are no checks, no borrow, no page, no files but the sheet.

    python minimal_script.py DATA_FOLDER SHEET.html
"""

import sys
from pathlib import Path

import backtrader as bt
import pandas as pd
import quantstats as qs

HOLD, STOP, WEIGHT = 10, 0.15, 0.95


class EarningsSurprise(bt.Strategy):
    """Long a beat, short a miss."""

    params = (("sides", None),)  # +1 or -1, by the last session before the entry

    def __init__(self) -> None:
        self.stop_order, self.entered = None, None

    def next(self) -> None:
        side = self.p.sides.get(self.data.datetime.date(0))
        if self.position and len(self) == self.entered + HOLD - 1:
            self.cancel(self.stop_order)
            self.close()
        elif side and not self.position:
            size = int(WEIGHT * self.broker.getvalue() / self.data.close[0])
            self.entered = len(self) + 1
            (self.buy if side > 0 else self.sell)(size=size)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed and self.position and order is not self.stop_order:
            side = 1 if order.isbuy() else -1
            self.stop_order = (self.sell if side > 0 else self.buy)(
                size=abs(order.executed.size),
                exectype=bt.Order.Stop,
                price=order.executed.price * (1 - side * STOP),
            )


def main(data: Path, sheet: Path) -> None:
    prices = pd.read_csv(data / "prices" / "CRWV.csv", index_col="date", parse_dates=True)
    benchmark = pd.read_csv(data / "prices" / "SPY.csv", index_col="date", parse_dates=True)
    events = pd.read_csv(data / "events" / "earnings.csv", parse_dates=["published_at"])
    published = pd.to_datetime(events["published_at"], utc=True)
    opens = (prices.index + pd.Timedelta(hours=9.5)).tz_localize("America/New_York")
    sides = {
        prices.index[opens.searchsorted(when) - 1].date(): 1 if eps > consensus else -1
        for when, eps, consensus in zip(
            published, events["eps"], events["eps_consensus"], strict=True
        )
    }
    cerebro = bt.Cerebro()
    cerebro.adddata(bt.feeds.PandasData(dataname=prices))
    cerebro.addstrategy(EarningsSurprise, sides=sides)
    cerebro.broker.setcash(100_000)
    cerebro.broker.setcommission(commission=0.005, commtype=bt.CommInfoBase.COMM_FIXED)
    cerebro.broker.set_slippage_perc(0.0005, slip_open=True)
    cerebro.addanalyzer(bt.analyzers.TimeReturn, _name="returns")
    strategy = cerebro.run()[0]
    returns = pd.Series(strategy.analyzers.returns.get_analysis())
    returns.index = pd.to_datetime(returns.index)
    print(f"final equity {cerebro.broker.getvalue():,.0f}")
    spy = benchmark["close"].pct_change().reindex(returns.index)
    qs.reports.html(returns, spy, output=str(sheet), title="earnings_surprise")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
