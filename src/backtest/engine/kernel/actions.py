"""This module applies actions: dividends and splits before an open, ends at a close."""

from __future__ import annotations

from typing import Any

from backtest.engine.kernel import (
    AT_CLOSE,
    AT_OPEN,
    DIVIDEND,
    IN_SESSION,
    SPLIT,
    Bars,
    Book,
    RuleNumbers,
    Tables,
)
from backtest.engine.kernel.formulas import inlined, last_close, rule, split_ratio, whole
from backtest.engine.kernel.legs import leave_legs
from backtest.engine.kernel.orders import book_trade, remove


@inlined
def act_before_open(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """Pay dividends and split what is held, which is already valued at the open.

    Legs come first: a leg that leaves with a leader of no share has had its own action by then.
    """
    for number in range(bars.first_action[bar], bars.first_action[bar + 1]):
        action = bars.actions[number]
        for leg in range(account.legs):
            if book.legs[leg].symbol == action.symbol and action.what in (DIVIDEND, SPLIT):
                open_price = bars.prices[bar, action.symbol].open
                _act_on_leg(account, book, book.legs[leg], action, open_price)
    for number in range(bars.first_action[bar], bars.first_action[bar + 1]):
        action = bars.actions[number]
        slot = book.slots[action.symbol] - 1
        if slot < 0 or action.what not in (DIVIDEND, SPLIT):
            continue
        open_price = bars.prices[bar, action.symbol].open
        position = book.positions[slot]
        if action.what == DIVIDEND:
            paid = position.side * position.shares * action.value
            position.dividends += paid
            _receive(account, paid)
            continue
        every = split_ratio(bars, bar, action.symbol, bars.first_action[bar + 1])
        until = split_ratio(bars, bar, action.symbol, number + 1)
        last = last_close(bars, bar, action.symbol) * every / until
        _split(account, position, action.value, last, open_price)
        if position.shares == 0:
            _settle(bars, rules, account, book, tables, slot, bar, last, SPLIT, AT_OPEN)


@inlined
def _act_on_leg(account: Any, book: Book, leg: Any, action: Any, open_price: float) -> None:
    if action.what == DIVIDEND:
        paid = leg.size * action.value
        leg.costs -= paid
        _receive(account, paid)
        return
    more, net = leg.size * (action.value - 1), book.net[leg.symbol]
    leg.size += more
    leg.price /= action.value
    book.net[leg.symbol] = net + more
    account.equity += more * open_price
    account.gross += (abs(net + more) - abs(net)) * open_price


@inlined
def _receive(account: Any, dividend: float) -> None:
    account.dividends += dividend
    account.cash += dividend
    account.equity += dividend


@inlined
def _split(account: Any, position: Any, ratio: float, last: float, open_price: float) -> None:
    """Turn old shares into new ones; the fraction of one is settled in cash at the last close."""
    old, gone = position.shares, position.entered - position.shares
    shares, rest = rule.split_shares(old, ratio)
    position.entered = rule.times_ratio(position.entered, ratio)
    position.exit_price /= ratio
    if rest > 0:
        position.exit_price += (last - position.exit_price) * rest / (gone * ratio + rest)
    position.shares = shares
    position.entry_price /= ratio
    position.best_close /= ratio
    position.stop = rule.level(position.stop / ratio)
    position.target = rule.level(position.target / ratio)
    paid = position.side * rest * last
    account.cash += paid
    account.equity += paid + position.side * (shares - old) * open_price
    account.gross += (shares - old) * open_price


@inlined
def settle_ends(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """Settle what is held of stocks that have ended, at a close and after the resting orders."""
    for number in range(bars.first_action[bar], bars.first_action[bar + 1]):
        action = bars.actions[number]
        slot = book.slots[action.symbol] - 1
        if slot >= 0 and action.what not in (DIVIDEND, SPLIT):
            price, reason = action.value, action.what
            _settle(bars, rules, account, book, tables, slot, bar, price, reason, AT_CLOSE)


@inlined
def _settle(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, slot: int, bar: int,
    price: float, reason: int, at: int,
) -> None:  # fmt: skip
    """Close a position at a price without an order."""
    position = book.positions[slot]
    account.cash += position.side * position.shares * price
    account.gross -= position.shares * position.mark
    position.last_bar = bar
    net = book_trade(account, position, tables, price, reason, at)
    if position.legs:
        legs_at = AT_OPEN if at == AT_OPEN else IN_SESSION
        leave_legs(bars, rules, account, book, position.signal, net, bar, whole(legs_at))
    remove(account, book, slot)
