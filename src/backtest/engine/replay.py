"""The replay: Backtrader executes what the trader orders, and the ledger checks every cent."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.engine.backtrader_parts import add_symbol, borrow_due, make_cerebro
from backtest.engine.excursions import set_excursions
from backtest.engine.ledger import Ledger
from backtest.engine.orders import Fill, Order
from backtest.engine.result import EquityPoint, Result
from backtest.engine.trader import Trader
from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision
    from backtest.market.borrow import BorrowRate, BorrowRates
    from backtest.market.prices import Prices
    from backtest.strategy import Signal

_TYPES = {"market": bt.Order.Market, "stop": bt.Order.Stop, "limit": bt.Order.Limit}


def replay(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
    *,
    runonce: bool = True,
    preload: bool = True,
) -> Result:
    """Replay decisions on Backtrader.

    Args:
        prices: by symbol, the bars that are replayed.
        rates: by symbol, the borrow rates.
        decisions: as the timeline made them; those that carry a signal are traded.
        rules: the settings.
        runonce: Backtrader's vectorised mode; the orders are the same without.
        preload: Backtrader's loading before the start; the orders are the same without.

    Raises:
        AccountingError: the books do not balance, a fault of the program.

    """
    cerebro = make_cerebro(rules, runonce=runonce, preload=preload)
    for symbol in sorted(prices):
        add_symbol(cerebro, prices[symbol], rates[symbol], rules)
    signals: dict[date, list[Signal]] = defaultdict(list)
    for decision in decisions:
        if decision.signal is not None and decision.tradable_session is not None:
            signals[decision.tradable_session].append(decision.signal)
    cerebro.addstrategy(_Replay, rules=rules, rates=rates, signals=signals)
    run: _Replay = cerebro.run()[0]
    return run.result(prices, decisions)


class _Replay(bt.Strategy):
    """Carries orders from the trader to Backtrader and fills back into the ledger."""

    params = (("rules", None), ("rates", None), ("signals", None))

    def __init__(self) -> None:
        self._trader = Trader(self.p.rules)
        self._ledger = Ledger(self.p.rules.cash)
        self._sent: dict[int, Order] = {}
        self._resting: list[Any] = []
        self._today: dict[str, Any] = {}  # feeds with a bar in this session
        self._session: date
        self._marks: dict[str, float] = {}
        self._last_session: dict[str, date] = {}
        self._curve: list[EquityPoint] = []
        self._used_rates: set[tuple[str, BorrowRate | None]] = set()

    def prenext_open(self) -> None:
        """Trade also while some feeds have not begun."""
        self.next_open()

    def nextstart_open(self) -> None:
        """The first session in which all feeds have begun is like any other."""
        self.next_open()

    def prenext(self) -> None:
        """Mark also while some feeds have not begun."""
        self.next()

    def next_open(self) -> None:
        """At the open: borrow, then the trader's orders, then the resting orders of the day."""
        self._see_the_session()
        for order in self._resting:  # a live stop and a close of one bar would both fill
            self.cancel(order)
        self._resting.clear()
        self._take_borrow()
        opens = {symbol: data.open[0] for symbol, data in self._today.items()}
        signals = self.p.signals.get(self._session, ())
        for order in self._trader.at_open(opens, self._ledger.cash, signals):
            self._send(order)
        for symbol in self._today:
            self._send_resting(symbol)

    def notify_order(self, order: Any) -> None:
        """Book what was executed; an order that Backtrader refuses is a fault of ours."""
        if order.status in (order.Margin, order.Rejected):
            raise AccountingError(
                f"{self._session}: Backtrader refused the order {self._sent[order.ref]}. "
                f"This is a fault of the program; please report it."
            )
        if order.status != order.Completed:
            return
        sent = self._sent[order.ref]
        done = order.executed
        self._ledger.book(
            Fill(
                session=self._session,
                symbol=sent.symbol,
                size=sent.size,
                price=done.price,
                commission=done.comm,
                event_id=sent.event_id,
                exit_reason=sent.exit_reason,
            )
        )
        if sent.type != "market":
            self._trader.left(sent.symbol)

    def next(self) -> None:
        """At the close: hold the books against the broker's, mark, let the trader look."""
        cash = self.broker.get_cash()
        self._ledger.check_cash(cash, self._session)
        closes = {symbol: data.close[0] for symbol, data in self._today.items()}
        self._marks.update(closes)
        equity = self.broker.get_value()
        self._curve.append(EquityPoint(self._session, equity, cash, equity - cash))
        self._trader.at_close(closes, equity)

    def result(self, prices: Mapping[str, Prices], decisions: Sequence[Decision]) -> Result:
        """Close the books and hand them over."""
        self._ledger.mark_open_trades(self._marks, self._last_session)
        self._ledger.check_identity(self._curve[-1].equity)
        set_excursions(self._ledger.trades, prices)
        ruin = (point.session for point in self._curve if point.equity <= 0)
        return Result(
            curve=self._curve,
            trades=self._ledger.trades,
            decisions=[self._outcome(decision) for decision in decisions],
            assumptions=self._assumptions(),
            ruined_on=next(ruin, None),
        )

    def _see_the_session(self) -> None:
        begun = [data for data in self.datas if len(data)]
        now = max(data.datetime[0] for data in begun)
        self._today = {data._name: data for data in begun if data.datetime[0] == now}  # noqa: SLF001
        self._session = bt.num2date(now).date()
        self._last_session.update(dict.fromkeys(self._today, self._session))

    def _take_borrow(self) -> None:
        for symbol, shares in self._ledger.holdings().items():
            data = self._today.get(symbol)
            if shares < 0 and data is not None:
                rates = self.p.rates[symbol]
                self._ledger.charge_borrow(symbol, borrow_due(data, shares, rates, self.p.rules))
                self._used_rates.add((symbol, rates.on(data.datetime.date(-1))))

    def _send_resting(self, symbol: str) -> None:
        stop = None
        for order in self._trader.resting(symbol):  # the stop first: if both are touched it counts
            stop = self._send(order, oco=stop)
            self._resting.append(stop)

    def _send(self, order: Order, oco: Any = None) -> Any:
        trade = self.buy if order.size > 0 else self.sell
        sent = trade(
            data=self.getdatabyname(order.symbol),
            size=abs(order.size),
            exectype=_TYPES[order.type],
            price=order.price,
            oco=oco,
        )
        self._sent[sent.ref] = order
        return sent

    def _outcome(self, decision: Decision) -> Decision:
        outcome = self._trader.outcomes.get(decision.event.id)
        return decision if outcome is None else decision.became(outcome, _WHY.get(outcome, ""))

    def _assumptions(self) -> list[str]:
        found = []
        for symbol, rate in sorted(self._used_rates, key=str):
            if rate is None:
                found.append(
                    f"No borrow rate is known for some nights short {symbol}; "
                    f"{self.p.rules.borrow_default:.1%} a year was charged."
                )
            elif rate.is_assumption:
                found.append(
                    f"The borrow rate of {symbol} from {rate.day} on, {rate.annual_rate:.1%} "
                    f"a year, is an assumption. {rate.note}".strip()
                )
        return found


_WHY = {
    "renew": "same direction as the open trade: its exit plan is set anew",
    "superseded": "another signal of the same open was published later",
    "no_room": "no room: not one share fits the weight, the cash and the gross limit",
    "ruined": "the account was ruined before",
}
