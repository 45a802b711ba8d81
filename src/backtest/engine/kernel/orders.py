"""This module executes the kernel's orders at an open or a close: entries, changes, exits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import (
    AT_CLOSE,
    AT_OPEN,
    CAPPED,
    ENTER,
    ENTERS_AT_CLOSE,
    IS_FLAT,
    IS_LEG,
    LEAVE,
    LEAVES_AT_CLOSE,
    NO_ROOM,
    NOT_FILLED,
    NOTHING_HELD,
    PENDING,
    RENEW,
    RESIZE,
    RESIZES,
    REVERSAL,
    REVERSE,
    SIGNALLED,
    WAITS,
    Bars,
    Book,
    RuleNumbers,
    Tables,
)
from backtest.engine.kernel.formulas import (
    fill_at,
    inlined,
    last_close,
    most_shares,
    price_at,
    rule,
    whole,
)
from backtest.engine.kernel.legs import can_hedge, enter_legs, leave_legs, leg_weights


@inlined
def is_for(signal: Any, at: int) -> bool:
    """Tell whether a signal is traded at the open or close `at`; a leg goes with its leader."""
    is_at_close = signal.terms & ENTERS_AT_CLOSE != 0
    return bool(not signal.terms & IS_LEG and is_at_close == (at == AT_CLOSE))


@inlined
def gives_up(signal: Any, at: int) -> bool:
    """Tell whether a signal is put to `give_up` first, as all are at a close."""
    return bool(is_for(signal, at) and (at == AT_CLOSE or signal.terms & (IS_FLAT | RESIZES)))


@inlined
def give_up(
    bars: Bars, signals: NDArray[Any], row: int, rules: RuleNumbers, account: Any, book: Book,
    tables: Tables, at: int,
) -> int:  # fmt: skip
    """Leave, renew or reduce what is held; return the outcome, or `PENDING` where more is to do."""
    signal = signals[row]
    bar, slot = whole(signal.bar), book.slots[signal.symbol] - 1
    is_flat = signal.terms & IS_FLAT
    if slot < 0:
        return NOTHING_HELD if is_flat else PENDING
    position = book.positions[slot]
    done, reason = LEAVE, SIGNALLED
    if position.side == signal.side:
        done = _reduce(bars, signal, row, position, rules, account, tables, at)
    elif not is_flat:  # at an open a reversal leaves and enters in its turn
        done, reason = PENDING if at == AT_OPEN else REVERSE, REVERSAL
    if done in (LEAVE, REVERSE):
        leave_at(bars, rules, account, book, tables, slot, bar, reason, at)
    return done


@inlined
def _reduce(
    bars: Bars, signal: Any, row: int, position: Any, rules: RuleNumbers, account: Any,
    tables: Tables, at: int,
) -> int:  # fmt: skip
    """Renew the plan of a position, and sell what is above the new weight.

    Return `PENDING` where as much or more is wanted, and `LEAVE` where nothing is, which the caller
    then does.
    """
    bar, symbol = whole(signal.bar), whole(signal.symbol)
    less = 0.0
    if signal.terms & RESIZES and not position.legs:
        price = fill_at(bars, rules, bar, symbol, position.side, AT_OPEN)
        held = position.shares * position.mark
        less = position.shares - _wanted(signal, rules, account, price, held, 0.0)
        if less <= 0:
            return PENDING
    if less == position.shares:
        return LEAVE
    plan(position, signal, price_at(bars, bar, symbol, at), bar)
    if not rule.is_sent(less, fill_at(bars, rules, bar, symbol, -position.side, AT_OPEN), rules):
        return RENEW
    fill = fill_at(bars, rules, bar, symbol, -position.side, at)
    pay(account, position, -position.side * less, fill, rules)
    part = less / (position.entered - position.shares + less)
    position.exit_price = position.exit_price * (1 - part) + fill * part
    position.shares -= less
    account.gross -= less * position.mark
    note_fill(tables, row, bar, -position.side * less, fill, at)
    return RESIZE


@inlined
def take(
    bars: Bars, signals: NDArray[Any], row: int, rules: RuleNumbers, account: Any, book: Book,
    tables: Tables, at: int,
) -> int:  # fmt: skip
    """Enter, reverse, add or renew, and return the outcome."""
    signal = signals[row]
    bar, symbol = whole(signal.bar), whole(signal.symbol)
    slot = book.slots[symbol] - 1
    outcome = REVERSE if tables.outcomes[row] == REVERSE else ENTER
    if slot >= 0:
        position = book.positions[slot]
        if position.side == signal.side:
            plan(position, signal, price_at(bars, bar, symbol, at), bar)
            if not signal.terms & RESIZES or position.legs:
                return RENEW
            return _add(bars, signal, row, position, rules, account, tables, at)
        leave_at(bars, rules, account, book, tables, slot, bar, REVERSAL, at)
        outcome = REVERSE
    return _enter(bars, signals, row, rules, account, book, outcome, tables, at)


@inlined
def plan(position: Any, signal: Any, price: float, bar: int) -> None:
    """Give a position the exit plan of a signal, with levels set from `price`."""
    position.hold, position.sessions, position.terms = signal.hold, 0, signal.terms
    position.leave_at, position.planned = signal.leave_at, bar
    if signal.hold == 0 or signal.leave_at > 0:
        position.terms |= LEAVES_AT_CLOSE
    position.stop = rule.stop_level(price, position.side, signal.stop)
    position.target = rule.target_level(price, position.side, signal.target)
    position.trailing_stop = signal.trailing_stop


@inlined
def _wanted(
    signal: Any, rules: RuleNumbers, account: Any, price: float, held: float, hedge: float
) -> float:
    """Return the shares that the weight and the room beside the other positions allow.

    `held` is the value of the position itself, `hedge` that of its legs for each dollar of it.
    """
    room = (rules.max_gross * account.equity - (account.gross - held)) / (1 + hedge)
    wanted = rule.share_of_equity(signal.weight, rules) * account.equity
    shares: float = rule.shares_for(min(wanted, room), price)
    return shares


@inlined
def _obtainable(
    bars: Bars, signal: Any, side: int, rules: RuleNumbers, account: Any, shares: float,
    price: float, fill: float, at: int,
) -> tuple[float, int]:  # fmt: skip
    """Return how many of `shares` volume, cash and the minimum order allow, and `CAPPED` or 0.

    `CAPPED` says that the participation cap has cut them.
    """
    capped = 0
    if not np.isnan(rules.max_participation):
        most = most_shares(bars, rules, signal.bar, signal.symbol)
        if most < shares:
            shares, capped = most, CAPPED
    if not rule.is_sent(shares, price, rules):
        return 0.0, capped
    if side > 0:
        shares = rule.affordable_long(shares, fill, account.cash, rules)
    else:
        shares = rule.affordable_short(shares, fill, account.cash, rules)
    # At a close the order went out before the cash was known to bind.
    if at == AT_OPEN and not rule.is_sent(shares, fill, rules):
        return 0.0, capped
    return float(shares), capped


@inlined
def _enter(
    bars: Bars, signals: NDArray[Any], row: int, rules: RuleNumbers, account: Any, book: Book,
    outcome: int, tables: Tables, at: int,
) -> int:  # fmt: skip
    if account.positions >= rules.max_positions:  # NaN, where any number may be held, is above
        return NO_ROOM
    signal = signals[row]
    bar, symbol = whole(signal.bar), whole(signal.symbol)
    side = whole(signal.side)
    price = fill_at(bars, rules, bar, symbol, side, AT_OPEN)
    fill = fill_at(bars, rules, bar, symbol, side, at)
    waits = signal.terms & WAITS != 0
    if waits:
        price = fill = rule.stop_level(last_close(bars, bar, symbol), side, signal.limit)
        if np.isnan(fill):
            return NOT_FILLED
    hedge = leg_weights(signals, row)
    wanted = _wanted(signal, rules, account, price, 0.0, hedge)
    shares, capped = _obtainable(bars, signal, side, rules, account, wanted, price, fill, at)
    outcome += capped
    if shares == 0:
        return NO_ROOM + capped
    if hedge > 0:
        left = account.cash - side * shares * fill - rule.commission(shares, fill, rules)
        if not can_hedge(bars, signals, row, rules, left, shares * price, at):
            return NO_ROOM + capped
    position = book.positions[account.positions]
    account.positions += 1
    book.slots[symbol] = account.positions
    position.symbol, position.side = symbol, side
    position.signal, position.shares = row, shares
    position.entered, position.exit_price = shares, 0.0
    position.entry_bar = position.last_bar = bar
    position.entry_price, position.mark = fill, price
    position.commission = position.borrow = position.dividends = 0.0
    position.best_close, position.entered_at, position.passed = np.nan, at, 0
    position.legs = position.short_legs = 0
    account.gross += shares * price
    position.waits = waits
    if waits:
        position.entered_at = outcome  # until it is filled
        account.waiting += 1
        account.cash -= set_aside(position, rules)
        return NOT_FILLED + capped
    pay(account, position, side * shares, fill, rules)
    plan(position, signal, fill, bar)
    note_fill(tables, row, bar, side * shares, fill, at)
    if hedge > 0:
        enter_legs(bars, signals, row, rules, account, book, position, shares * price, at)
    return outcome


@inlined
def set_aside(position: Any, rules: RuleNumbers) -> float:
    """Return what an entry that waits at its limit would cost, dollars, which others cannot use."""
    if position.side < 0:
        return 0.0
    cost = rule.commission(position.shares, position.entry_price, rules)
    return float(position.shares * position.entry_price + cost)


@inlined
def note_fill(tables: Tables, row: int, bar: int, size: float, fill: float, at: int) -> None:
    """Record the fill of a signal: signed shares and dollars."""
    if len(tables.trades):
        trade = tables.trades[row]
        trade.entry_bar, trade.entered_at = bar, at
        trade.first_size, trade.first_price = size, fill


@inlined
def _add(
    bars: Bars, signal: Any, row: int, position: Any, rules: RuleNumbers, account: Any,
    tables: Tables, at: int,
) -> int:  # fmt: skip
    bar, symbol = whole(signal.bar), whole(signal.symbol)
    side = whole(position.side)
    price = fill_at(bars, rules, bar, symbol, side, AT_OPEN)
    fill = fill_at(bars, rules, bar, symbol, side, at)
    held = position.shares * position.mark
    wanted = max(_wanted(signal, rules, account, price, held, 0.0) - position.shares, 0.0)
    more, capped = _obtainable(bars, signal, side, rules, account, wanted, price, fill, at)
    if more == 0:
        return RENEW + capped
    pay(account, position, side * more, fill, rules)
    total = position.entered + more
    position.entry_price = (position.entered * position.entry_price + more * fill) / total
    position.entered = total
    position.shares += more
    account.gross += more * position.mark
    note_fill(tables, row, bar, side * more, fill, at)
    return RESIZE + capped


@inlined
def pay(account: Any, position: Any, size: float, fill: float, rules: RuleNumbers) -> None:
    """Pay for an order of signed shares, commission included."""
    cost = rule.commission(abs(size), fill, rules)
    account.cash -= size * fill + cost
    account.commission += cost
    position.commission += cost


@inlined
def leave_at(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, slot: int, bar: int,
    reason: int, at: int,
) -> None:  # fmt: skip
    """Close a position at the open or at the close of a bar."""
    position = book.positions[slot]
    symbol, side = whole(position.symbol), whole(position.side)
    fill = fill_at(bars, rules, bar, symbol, -side, at)
    leave(bars, rules, account, book, tables, slot, bar, fill, reason, at, at)


@inlined
def leave(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, slot: int, bar: int,
    fill: float, reason: int, at: int, legs_at: int,
) -> None:  # fmt: skip
    """Close a position at a fill; its legs leave at `legs_at`."""
    position = book.positions[slot]
    pay(account, position, -position.side * position.shares, fill, rules)
    account.gross -= position.shares * position.mark
    position.last_bar = bar
    net = book_trade(account, position, tables, fill, reason, at)
    if position.legs:
        leave_legs(bars, rules, account, book, position.signal, net, bar, legs_at)
    remove(account, book, slot)


@inlined
def remove(account: Any, book: Book, slot: int) -> None:
    """Take a position out of the book; the last one moves to its slot."""
    book.slots[book.positions[slot].symbol] = 0
    account.positions -= 1
    if slot != account.positions:
        book.positions[slot] = book.positions[account.positions]
        book.slots[book.positions[slot].symbol] = slot + 1


@inlined
def book_trade(
    account: Any, position: Any, tables: Tables, price: float, reason: int, at: int
) -> float:
    """Record a trade whose last shares leave at `price`, and return its net profit.

    Whether it has won is only known here if it has no legs.
    """
    shares, part = position.entered, position.shares / position.entered
    left = price if part == 1 else position.exit_price * (1 - part) + price * part
    gross = position.side * shares * (left - position.entry_price)
    net = gross - position.commission - position.borrow + position.dividends
    account.trades += 1
    account.wins += net > 0 and not position.legs
    account.profit += net
    account.entered += shares * position.entry_price
    if len(tables.trades):
        trade = tables.trades[position.signal]
        trade.entry_bar, trade.exit_bar = position.entry_bar, position.last_bar
        trade.entered_at, trade.left_at = position.entered_at, at
        trade.shares, trade.reason, trade.terms = shares, reason, position.terms
        trade.last_size, trade.last_price = -position.side * position.shares, price
        trade.entry_price, trade.exit_price = position.entry_price, left
        trade.commission, trade.borrow = position.commission, position.borrow
        trade.dividends = position.dividends
    return net
