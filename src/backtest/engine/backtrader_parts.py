"""Backtrader's parts as the rules need them: feed, broker and costs. See docs/trading-rules.md."""

from __future__ import annotations

from array import array
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.engine.rules import borrow_charge, commission, fill_price

if TYPE_CHECKING:
    from datetime import date

    from backtest.engine.rules import Rules
    from backtest.market.borrow import BorrowRates
    from backtest.market.prices import Prices


class PriceFeed(bt.feed.DataBase):
    """A feed over `Prices` that fills Backtrader's lines at once instead of row by row."""

    params = (("prices", None),)

    def __init__(self) -> None:
        super().__init__()
        table = self.p.prices.table
        midnight = time()
        stamps = [bt.date2num(datetime.combine(day.date(), midnight)) for day in table.index]
        columns = {name: table[name].tolist() for name in table}
        self._rows = {**columns, "datetime": stamps, "openinterest": [0.0] * len(stamps)}
        self._next_row = 0

    def preload(self) -> None:
        """Fill every line in one go, then stand before the first bar."""
        for name, values in self._rows.items():
            getattr(self.lines, name).array = array("d", values)
        self._next_row = len(self._rows["datetime"])  # nothing is left to load row by row
        self.home()

    def start(self) -> None:
        """Stand before the first row, for a replay that loads row by row."""
        super().start()
        self._next_row = 0

    def _load(self) -> bool:
        row = self._next_row
        if row >= len(self._rows["datetime"]):
            return False
        for name, values in self._rows.items():
            getattr(self.lines, name)[0] = values[row]
        self._next_row = row + 1
        return True


class RulesBroker(bt.brokers.BackBroker):
    """Backtrader's broker with the slippage of the rules.

    Backtrader's own slippage needs a flag to reach the open, is capped at the bar's range and
    also slips limit orders. The rules slip market and stop orders, wherever they fill, and
    never limit orders.
    """

    params = (("slippage_bps", 0.0),)

    def _slip_up(self, _limit: float, price: float, *_: Any, lim: bool = False, **__: Any) -> float:
        return price if lim else fill_price(price, 1, self.p.slippage_bps)

    def _slip_down(
        self, _limit: float, price: float, *_: Any, lim: bool = False, **__: Any
    ) -> float:
        return price if lim else fill_price(price, -1, self.p.slippage_bps)


class RulesCosts(bt.CommInfoBase):
    """Commission and borrow of one symbol by the rules."""

    params = (("rules", None), ("rates", None), ("stocklike", True))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:  # noqa: ARG002, FBT001 - Backtrader's signature
        return commission(abs(size), price, self.p.rules)

    def get_credit_interest(self, data: Any, pos: Any, dt: datetime) -> float:
        """Borrow for the nights since the last bar, on that bar's close (not the entry price)."""
        if dt <= pos.datetime:  # the feed has ended: its last bar was charged already
            return 0.0
        return borrow_due(data, pos.size, self.p.rates, self.p.rules)


def borrow_due(data: Any, size: float, rates: BorrowRates, rules: Rules) -> float:
    """What a short owes for the nights from the feed's previous bar to its current one."""
    if size >= 0 or len(data) < 2:  # noqa: PLR2004 - no night has passed
        return 0.0
    night: date = data.datetime.date(-1)
    days = (data.datetime.date(0) - night).days
    rate = rates.on(night)
    annual_rate = rules.borrow_default if rate is None else rate.annual_rate
    return borrow_charge(-size * data.close[-1], annual_rate, days, rules)


def make_cerebro(rules: Rules, *, runonce: bool, preload: bool) -> Any:
    """A Cerebro that decides at the open and fills there; no observers, no checks at submission.

    Orders are sized to the cent before they are sent, so Backtrader's check, which would size
    them on the last close, is off.
    """
    cerebro = bt.Cerebro(
        stdstats=False, cheat_on_open=True, runonce=runonce, preload=preload, maxcpus=1
    )
    cerebro.broker = RulesBroker(slippage_bps=rules.slippage_bps)
    cerebro.broker.set_cash(rules.cash)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.set_int2pnl(False)  # borrow is kept apart from an order's commission
    return cerebro


def add_symbol(cerebro: Any, prices: Prices, rates: BorrowRates, rules: Rules) -> None:
    """Give Cerebro the prices and the costs of a symbol."""
    feed = PriceFeed(prices=prices)  # type: ignore[call-arg]  # its metaclass takes parameters
    cerebro.adddata(feed, name=prices.symbol)
    costs = RulesCosts(rules=rules, rates=rates)
    cerebro.broker.addcommissioninfo(costs, name=prices.symbol)
