"""This module fits Backtrader's broker and costs to the rules; see docs/assumptions.md."""

from __future__ import annotations

import math
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import backtrader as bt

from backtest.engine.bars import RunBars, daily_bars
from backtest.engine.replay.feed import PriceFeed, bar_time, day_of, session_of, slippage_of
from backtest.engine.rules import borrow_charge, commission, fill_price, interest, split_shares
from backtest.engine.schedule import Effect, effects, splits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices
    from backtest.engine.replay.books import FillTime
    from backtest.engine.rules import Rules


# Lent while an order is executed, so that rounding refuses none that costs exactly the cash.
_SPECK = 2.0**-20  # dollars; a power of two, which adds and goes without a trace
_PLENTY = 1e15  # dollars


def fill_time(order: Any) -> FillTime:
    """Return when in its bar an order was filled; a limit order may be filled at the open."""
    if order.exectype == bt.Order.Limit:
        # Backtrader averages its fills, and loses the last bit of the price.
        at_open = math.isclose(order.executed.price, order.data.open[0], rel_tol=1e-12)
        return "open" if at_open else "session"
    if order.exectype == bt.Order.Close:
        return "close"
    return "open" if order.exectype == bt.Order.Market else "session"


def commission_of(order: Any, rules: Rules) -> float:
    """Return the commission of an order, dollars."""
    done = order.executed
    if not order.info.get("lots"):  # Backtrader counts an order of legs that crosses zero as two
        return float(done.comm)
    return commission(abs(done.size), done.price, rules)


class RulesCosts(bt.CommInfoBase):
    """Charge commission and borrow of one symbol by the rules."""

    params = (("rules", None), ("rates", None), ("stocklike", True))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:  # noqa: ARG002, FBT001 - Backtrader's signature
        return commission(abs(size), price, self.p.rules)

    def get_credit_interest(self, data: Any, pos: Any, dt: datetime) -> float:
        """Return the borrow for the nights since the last bar, on that bar's close; dollars."""
        night_has_passed = dt > pos.datetime  # a feed that has ended was charged already
        if pos.size >= 0 or not night_has_passed or self.p.rules.borrow_mode == "none":
            return 0.0
        night = day_of(data, -1)
        days = (day_of(data) - night).days
        rate = self.p.rates.on(night) if self.p.rules.borrow_mode == "table" else None
        annual_rate = self.p.rules.borrow_default if rate is None else rate.annual_rate
        return borrow_charge(-pos.size * data.close[-1], annual_rate, days, self.p.rules)


class RulesBroker(bt.brokers.BackBroker):
    """This is Backtrader's broker with the slippage of the rules, and interest on cash.

    `session` is the current session, `day` the current day in New York, `bar` the number of the
    current bar and `time` when it opens, UTC, where it is finer than the session. `feeds` are the
    feeds that have that bar, by symbol: one that has ended keeps its last bar, and one that begins
    later has none yet.

    Backtrader's own slippage needs a flag to reach the open, is capped at the bar's range and
    also slips limit orders. The rules slip market and stop orders, wherever they fill, and
    never limit orders.
    """

    params: tuple[tuple[str, Any], ...] = (("rules", None), ("effects", ()), ("hedges", ()))

    def __init__(self) -> None:
        super().__init__()
        self.cash: float
        self.session: date
        self.day: date
        self.bar = -1
        self.time: datetime | None = None
        self.feeds: dict[str, Any] = {}
        self.borrow_paid: dict[str, float] = defaultdict(float)
        self.interest_paid = 0.0
        self._has_seen_the_bar = False
        self._ratios: dict[str, float] = {}  # of the splits in this bar, by symbol
        self._borrow_due: dict[str, float] = {}  # for the nights since the last bar
        self._interest_due = 0.0
        self._slip = 0.0
        self._closed_on: date | None = None
        self.is_ruined = False  # what is left then earns nothing
        self._free_cash = 0.0
        self.before_close: Callable[[], Sequence[Any]] = list
        """It sends the orders of the close, once the resting orders were executed."""
        self.listeners: list[Callable[[Effect, float, float], None]] = []
        """They hear each effect on what is held, the shares that it settled, and their price."""
        self._effects: dict[date, list[Effect]] = defaultdict(list)
        # Legs first: a leg that leaves with a leader of no share has had its own action by then.
        for effect in sorted(self.p.effects, key=lambda effect: effect.symbol not in self.p.hedges):
            self._effects[effect.session].append(effect)

    def submit(self, order: Any, check: bool = True) -> Any:  # noqa: FBT001, FBT002 - Backtrader's signature
        """Take an order; raise ValueError where its size is not finite."""
        if not math.isfinite(order.size):
            raise ValueError(
                f"the size of an order is {order.size}: of what is unknown, order nothing"
            )
        return super().submit(order, check)

    def see_the_bar(self) -> None:
        """Note the current bar and apply its splits and dividends, once a bar.

        It is called at the open, or else when orders are executed.
        """
        if self._has_seen_the_bar:
            return
        self._has_seen_the_bar, self._ratios = True, {}
        times = {data: data.lines.datetime[0] for data in self.cerebro.datas if len(data)}
        latest = max(times.values())
        self.feeds = {d._name: d for d, time in times.items() if time == latest}  # noqa: SLF001
        self.bar += 1
        data = next(iter(self.feeds.values()))
        self.session, self.day, self.time = session_of(data), day_of(data), bar_time(data)
        self._borrow_due = {}
        for data, position in self.positions.items():
            if position.size < 0:
                costs, now = self.getcommissioninfo(data), data.datetime.datetime()
                due = costs.get_credit_interest(data, position, now)
                self._borrow_due[data._name] = due  # noqa: SLF001 - Backtrader's name for it
        if self._closed_on:
            nights = (self.day - self._closed_on).days
            self._interest_due = interest(self._free_cash, nights, self.p.rules)
        for effect in list(self._effects.get(self.day, ())):
            if not effect.is_end and effect.symbol in self.feeds:  # its first bar of the day
                self._effects[self.day].remove(effect)
                self._act(effect)

    @property
    def ends_session(self) -> bool:
        """Tell whether no feed has another bar in the current session."""
        return self.time is None or all(  # beside a daily bar no feed has a finer one
            len(data) == len(data.sessions) or data.sessions[len(data)] != self.session
            for data in self.cerebro.datas
        )

    def settle_ends(self) -> None:
        """Settle what is held of stocks that have ended, in their last bar or the session's."""
        for effect in list(self._effects.get(self.session, ())):
            if effect.is_end and self._is_last_bar(effect.symbol):
                self._effects[self.session].remove(effect)
                self._act(effect)
                self._get_value()

    def _is_last_bar(self, symbol: str) -> bool:
        data = self.cerebro.datasbyname[symbol]
        trades_today = len(data) > 0 and session_of(data) == self.session
        if trades_today and not data.ends[len(data) - 1]:
            return False
        return symbol in self.feeds if trades_today else self.ends_session

    def _act(self, effect: Effect) -> None:
        data, is_hedge = self.cerebro.datasbyname[effect.symbol], effect.symbol in self.p.hedges
        if effect.is_end and is_hedge:
            return  # a leg has every session: its end comes after the last one
        if effect.what == "split":
            self._split_orders(data, effect.value)
        if not is_hedge and not self.positions.get(data):
            return
        position = self.positions[data]  # of a hedge its lots may net to nothing
        settled = position.size if effect.is_end else 0.0
        price = data.close[0] if math.isnan(effect.value) else effect.value
        if effect.what == "dividend":
            self.cash += position.size * effect.value
        elif effect.what == "split":
            settled, price = self._split(data, position, effect.value)
        self.cash += settled * price
        if effect.is_end:
            position.set(0, 0.0)
        for listener in self.listeners:
            listener(effect, settled, price)

    def _split(self, data: Any, position: Any, ratio: float) -> tuple[float, float]:
        """Turn old shares into new ones; return the shares settled in cash, and their price."""
        name = data._name  # noqa: SLF001
        due = self._borrow_due.pop(name, 0.0)  # of the old shares
        self.cash -= due
        self.borrow_paid[name] += due
        position.datetime = data.datetime.datetime()  # Backtrader charges no night twice
        size, rest = position.size * ratio, 0.0
        if name not in self.p.hedges:  # a leg keeps its fraction of a share
            side = 1 if size > 0 else -1
            whole, rest = split_shares(abs(position.size), ratio)
            size, rest = side * whole, side * rest
        position.set(size, position.price / ratio)
        self._ratios[name] = self._ratios.get(name, 1.0) * ratio
        return rest, data.close[-1] / self._ratios[name]

    def _split_orders(self, data: Any, ratio: float) -> None:
        """Split resting orders, even if nothing is held, and cancel those of no share."""
        for order in [one for one in self.pending if one.data is data]:
            _split_order(order, ratio)
            if not order.size:
                self.cancel(order)

    def cash_at_open(self) -> float:
        """Return cash as it will be once borrow and interest of the last nights are settled."""
        return float(self.cash - sum(self._borrow_due.values()) + self._interest_due)

    def next(self) -> None:
        """Settle the nights since the last bar, then execute the orders of this one."""
        self.see_the_bar()
        while self._toactivate:
            self._wake(self._toactivate.popleft())
        for symbol, due in self._borrow_due.items():  # Backtrader takes it from cash, in the call
            self.borrow_paid[symbol] += due
        self.cash += self._interest_due
        self.interest_paid += self._interest_due
        super().next()
        for order in self.before_close():
            self._execute_at_close(order)
        self.settle_ends()
        self._has_seen_the_bar = False
        if self.p.rules.cash_rate:
            self._note_free_cash()

    def _execute_at_close(self, order: Any) -> None:
        """Fill an order at the close of this bar, which Backtrader would only do in the next."""
        self.pending.remove(order)
        side, slip = 1 if order.isbuy() else -1, slippage_of(order.data, self.p.rules)
        price = fill_price(order.data.close[0], side, slip)
        with self._lent(order):
            self._execute(order, ago=0, price=price)
        self._get_value()

    @contextmanager
    def _lent(self, order: Any) -> Iterator[None]:
        """Lend cash for rounding while an order is executed, or any sum to one that is paid for.

        A netted order may be paid for by the others, and an entry at a limit has its cash set
        aside, which a stop may have taken meanwhile.
        """
        if not order.info.get("is_paid_for"):
            self.cash += _SPECK
            yield
            self.cash -= _SPECK
            return
        cash, self.cash = self.cash, _PLENTY
        yield
        self.cash = cash - order.executed.size * order.executed.price
        self.cash -= commission_of(order, self.p.rules)

    def _note_free_cash(self) -> None:
        """Note what earns interest until the next bar; the proceeds of shorts earn nothing."""
        self._closed_on = self.day
        shorts = -sum(min(p.size, 0) * data.close[0] for data, p in self.positions.items() if p)
        self.is_ruined = self.is_ruined or self.get_value() <= 0
        self._free_cash = 0.0 if self.is_ruined else self.cash - shorts

    def _try_exec(self, order: Any) -> None:
        if order.data._name not in self.feeds:  # noqa: SLF001
            return  # it has no bar now: its lines show the prices of another one
        self._slip = slippage_of(order.data, self.p.rules)
        if order.trailamount or order.trailpercent:
            order.addinfo(level=order.created.price)  # Backtrader moves it by the close, then tells
        with self._lent(order):
            super()._try_exec(order)

    def _get_value(self, datas: Any = None, lever: bool = False) -> float:  # noqa: FBT001, FBT002 - Backtrader's signature
        for data in [data for data in self.positions if not len(data)]:
            del self.positions[data]  # somebody read it before its first bar: it has no price
        return float(super()._get_value(datas, lever))

    def _try_exec_close(self, order: Any, pclose: float) -> None:
        side = 1 if order.isbuy() else -1
        super()._try_exec_close(order, fill_price(pclose, side, self._slip))

    def _bracketize(self, order: Any, cancel: bool = False) -> None:  # noqa: FBT001, FBT002 - Backtrader's signature
        """Activate the stop and the target of an entry in its own session, not only in the next.

        An entry at the close has no session left. After an entry at a level only the stop is
        activated: whether the target was touched before or after the entry, no bar can tell.
        """
        super()._bracketize(order, cancel)
        at = fill_time(order)
        if at == "close":
            return
        for child in [child for child in self._toactivate if child.parent.ref == order.ref]:
            if at == "open" or child.exectype != bt.Order.Limit:
                self._toactivate.remove(child)
                self._wake(child)

    def _wake(self, child: Any) -> None:
        child.activate()
        if child.alive():
            self.notify(child)

    def _slip_up(self, _limit: float, price: float, *_: Any, lim: bool = False, **__: Any) -> float:
        return price if lim else fill_price(price, 1, self._slip)

    def _slip_down(
        self, _limit: float, price: float, *_: Any, lim: bool = False, **__: Any
    ) -> float:
        return price if lim else fill_price(price, -1, self._slip)


def _split_order(order: Any, ratio: float) -> None:
    """Adjust a resting order to a split, in whole shares like the position that it guards."""
    size = split_shares(abs(order.size), ratio)[0] * (1 if order.isbuy() else -1)
    order.size = order.created.size = order.created.remsize = order.executed.remsize = size
    for name in ("price", "pricelimit", "trailamount"):
        if getattr(order.created, name, None):
            setattr(order.created, name, getattr(order.created, name) / ratio)


def make_cerebro(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    rules: Rules,
    hedges: Collection[str] = (),
    bars: RunBars | None = None,
    *,
    runonce: bool,
    preload: bool,
) -> Any:
    """Make a Cerebro that decides at the open and fills there, without observers.

    It holds the prices and the costs of each symbol, in order of their names; `hedges` are symbols
    of legs. Orders are sized to the cent before they are sent, so Backtrader's check at submission,
    which would size them on the last close, is off.
    """
    cerebro = bt.Cerebro(
        stdstats=False, cheat_on_open=True, runonce=runonce, preload=preload, maxcpus=1
    )
    of = bars.of if bars else daily_bars(prices)
    cerebro.broker = RulesBroker(rules=rules, effects=effects(prices), hedges=hedges)  # type: ignore[call-arg]
    cerebro.broker.set_cash(rules.cash)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.set_int2pnl(False)  # borrow is kept apart from an order's commission
    for symbol in sorted(prices):
        splits = splits_of(prices[symbol])
        feed = PriceFeed(bars=of[symbol], splits=splits)  # type: ignore[call-arg]  # as above
        cerebro.adddata(feed, name=symbol)
        costs = RulesCosts(rules=rules, rates=rates[symbol])
        cerebro.broker.addcommissioninfo(costs, name=symbol)
    return cerebro
