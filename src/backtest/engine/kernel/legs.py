"""This module trades the kernel's legs, which are held against a stock and leave with its position.

Among the signals their rows follow their leader's. At one open or close the lots of one symbol are
netted to one order; until then each counts as an order of its own. A symbol of legs has every bar,
and no signals of its own.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from backtest.engine.kernel import IN_SESSION, IS_LEG, Bars, Book, RuleNumbers, Tables
from backtest.engine.kernel.formulas import fill_at, inlined, price_at, rule, whole


@inlined
def leg_weights(signals: NDArray[Any], row: int) -> float:
    """Return the gross value of a signal's legs for each dollar of its own."""
    total, leg = 0.0, row + 1
    while leg < len(signals) and signals[leg].terms & IS_LEG:
        total += signals[leg].weight
        leg += 1
    return total


@inlined
def leg_size(bars: Bars, leg: Any, value: float) -> float:
    """Return the signed shares of a leg against a position worth `value`, counted at the open."""
    open_price = bars.prices[leg.bar, leg.symbol].open
    return float(leg.side * rule.hedge_shares(value * leg.weight, open_price))


@inlined
def can_hedge(
    bars: Bars, signals: NDArray[Any], row: int, rules: RuleNumbers, cash: float, value: float,
    at: int,
) -> bool:  # fmt: skip
    """Tell whether each leg has a share, and cash never falls below zero."""
    number = row + 1
    while number < len(signals) and signals[number].terms & IS_LEG:
        leg = signals[number]
        size = leg_size(bars, leg, value)
        if size == 0:
            return False
        bar, symbol, side = whole(leg.bar), whole(leg.symbol), whole(leg.side)
        fill = fill_at(bars, rules, bar, symbol, side, at)
        if size > 0 and rule.affordable_long(size, fill, cash, rules) < size:
            return False
        if size < 0 and rule.affordable_short(-size, fill, cash, rules) < -size:
            return False
        cash -= size * fill + rule.commission(abs(size), fill, rules)
        number += 1
    return True


@inlined
def enter_legs(
    bars: Bars, signals: NDArray[Any], row: int, rules: RuleNumbers, account: Any, book: Book,
    position: Any, value: float, at: int,
) -> None:  # fmt: skip
    """Order the legs of an entry that is worth `value` dollars."""
    number = row + 1
    while number < len(signals) and signals[number].terms & IS_LEG:
        leg = book.legs[account.legs]
        account.legs += 1
        leg.symbol, leg.row, leg.leader = signals[number].symbol, number, row
        leg.size = leg_size(bars, signals[number], value)
        leg.costs = leg.price = leg.leader_net = 0.0
        leg.is_left_behind = False
        _order(bars, rules, account, book, leg, leg.size, whole(signals[number].bar), at)
        position.legs += 1
        position.short_legs += leg.size < 0
        number += 1


@inlined
def _order(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, leg: Any, size: float, bar: int,
    at: int,
) -> None:  # fmt: skip
    """Order signed shares of a leg, which count as an order of their own until they are netted."""
    fill = fill_at(bars, rules, bar, leg.symbol, 1 if size > 0 else -1, at)
    leg.pending, leg.paid = size, size * fill + rule.commission(abs(size), fill, rules)
    account.cash -= leg.paid
    mark, net = bars.prices[bar, leg.symbol].open, book.net[leg.symbol]
    account.gross += (abs(net + size) - abs(net)) * mark
    book.net[leg.symbol] = net + size


@inlined
def leave_legs(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, row: int, net: float, bar: int,
    at: int,
) -> None:  # fmt: skip
    """Order the exit of a trade's legs, whose leader made `net`; within a session it waits."""
    for number in range(account.legs):
        leg = book.legs[number]
        if leg.leader == row:
            leg.leader_net = net
            if at == IN_SESSION:
                leg.is_left_behind = True
            else:
                _order(bars, rules, account, book, leg, -leg.size, bar, at)


@inlined
def leave_behind(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, bar: int, at: int
) -> None:
    """Order the exit of legs that trades left behind when they ended within the session."""
    for number in range(account.legs):
        leg = book.legs[number]
        if leg.is_left_behind:
            _order(bars, rules, account, book, leg, -leg.size, bar, at)


@inlined
def charge_legs(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, bar: int, last: int
) -> float:
    """Charge net shorts for the nights, shared by the short lots, and return the dollars owed."""
    owed = 0.0
    if bars.day[bar] == bars.day[last]:
        return owed
    for number in range(account.legs):
        book.shares[book.legs[number].symbol] = 0.0
    for number in range(account.legs):
        leg = book.legs[number]
        book.shares[leg.symbol] += min(leg.size, 0.0)
    for number in range(account.legs):
        leg = book.legs[number]
        net = book.net[leg.symbol]
        if leg.size < 0 and net < 0:
            rate = bars.rates[bars.rate_row[leg.symbol], bars.day_number[last]]
            worth, days = -net * bars.prices[last, leg.symbol].close, bars.day[bar] - bars.day[last]
            charge = rule.borrow_charge(worth, rate, days, rules)
            charge *= leg.size / book.shares[leg.symbol]
            leg.costs += charge
            owed += charge
    return owed


@inlined
def worth_of_legs(
    bars: Bars, account: Any, book: Book, bar: int, at: int
) -> tuple[float, float, float]:
    """Return what the legs are worth at an open or a close, their gross and short value netted."""
    value = gross = shorts = 0.0
    for number in range(account.legs):
        leg = book.legs[number]
        value += leg.size * price_at(bars, bar, leg.symbol, at)
        book.shares[leg.symbol] = 0.0
    for number in range(account.legs):
        symbol = book.legs[number].symbol
        if book.shares[symbol] == 0:
            book.shares[symbol] = 1.0
            worth = book.net[symbol] * price_at(bars, bar, symbol, at)
            gross += abs(worth)
            shorts -= min(worth, 0.0)
    return value, gross, shorts


@inlined
def net_orders(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int, at: int
) -> None:
    """Execute the lots of each symbol as one order, and share its commission among them."""
    ordered = 0
    for number in range(account.legs):
        leg = book.legs[number]
        book.shares[leg.symbol] = book.sizes[leg.symbol] = 0.0
        ordered += leg.pending != 0
    if ordered == 0:
        return
    for number in range(account.legs):
        leg = book.legs[number]
        book.sizes[leg.symbol] += leg.pending
        book.shares[leg.symbol] += abs(leg.pending)
    for number in range(account.legs):
        leg = book.legs[number]
        if leg.pending == 0:
            continue
        size, price, cost = book.sizes[leg.symbol], price_at(bars, bar, leg.symbol, at), 0.0
        if not rule.is_nothing(size):
            price = fill_at(bars, rules, bar, leg.symbol, 1 if size > 0 else -1, at)
            part = abs(leg.pending) / book.shares[leg.symbol]
            cost = rule.commission(abs(size), price, rules) * part
        account.cash += leg.paid - leg.pending * price - cost
        account.commission += cost
        leg.costs += cost
        if len(tables.trades):
            _note_fill(tables.trades[leg.row], leg, price, bar, at)
        if leg.pending == leg.size:
            leg.price, leg.pending = price, 0.0
        else:
            leg.net = leg.size * (price - leg.price) - leg.costs
    _finish(account, book, tables)


@inlined
def _note_fill(trade: Any, leg: Any, price: float, bar: int, at: int) -> None:
    """Record the fill of a lot, for the list of orders."""
    if leg.pending == leg.size:
        trade.first_size, trade.first_price = leg.pending, price
        trade.entry_bar, trade.entered_at = bar, at
    else:
        trade.last_size, trade.last_price = leg.pending, price
        trade.exit_bar, trade.left_at = bar, at


@inlined
def _finish(account: Any, book: Book, tables: Tables) -> None:
    """Book what the legs that have left made, and close the gaps; a trade's legs stand together."""
    kept, total = 0, 0.0
    for number in range(account.legs):
        leg = book.legs[number]
        if leg.pending == 0:
            if kept != number:
                book.legs[kept] = leg
            kept += 1
            continue
        total += leg.net
        account.profit += leg.net
        if len(tables.trades):
            tables.trades[leg.leader].hedge_profit += leg.net
        if number + 1 == account.legs or book.legs[number + 1].leader != leg.leader:
            account.wins += leg.leader_net + total > 0
            total = 0.0
        leg.pending = 0.0
    account.legs = kept


@inlined
def mark_legs(bars: Bars, account: Any, book: Book, tables: Tables) -> None:
    """Value what is still held at its last close, and empty the book."""
    last = len(bars.session) - 1
    for number in range(account.legs):
        leg = book.legs[number]
        leg.net = leg.size * (bars.prices[last, leg.symbol].close - leg.price) - leg.costs
        leg.pending = -leg.size
        book.net[leg.symbol] = 0.0
    _finish(account, book, tables)
