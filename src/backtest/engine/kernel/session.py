"""This module trades a bar: what the last close calls for, the open, resting orders, the close."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import (
    AT_CLOSE,
    AT_OPEN,
    CAPPED,
    HOLDS_BARS,
    IN_SESSION,
    IS_LEG,
    LEAVES_AT_CLOSE,
    LOOKS_AT_CLOSES,
    MARGIN_CALL,
    NOT_FILLED,
    PENDING,
    REVERSE,
    RUIN,
    RUINED,
    STOP,
    SUPERSEDED,
    TARGET,
    TIME,
    TRAILING,
    Bars,
    Book,
    RuleNumbers,
    Tables,
)
from backtest.engine.kernel.actions import settle_ends
from backtest.engine.kernel.formulas import inlined, is_last, rule, slippage, whole
from backtest.engine.kernel.legs import leave_behind, net_orders, worth_of_legs
from backtest.engine.kernel.orders import (
    give_up,
    gives_up,
    is_for,
    leave,
    leave_at,
    note_fill,
    pay,
    plan,
    remove,
    set_aside,
    take,
)
from backtest.engine.rules import EXTENDED


@inlined
def answer_the_last_close(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """Close at the open what the last close calls for.

    That is everything where equity is gone, all shorts where margin is called, and the positions
    that have passed a level.
    """
    if account.ruin_due or account.equity <= 0:
        account.is_ruined = True
    if not account.is_ruined and not account.margin_call and not account.is_passed:
        return
    account.is_passed = False
    slot = whole(0)
    while slot < account.positions:
        position = book.positions[slot]
        if position.waits:
            if account.is_ruined:
                _stop_waiting(account, book, tables, slot, NOT_FILLED)
            else:
                slot += 1
            continue
        reason = position.passed - 1
        if account.margin_call and (position.side < 0 or position.short_legs):
            reason = MARGIN_CALL
        if account.is_ruined:
            reason = RUIN
        has_bar = not np.isnan(bars.prices[bar, position.symbol].open)
        if reason >= 0 and has_bar:
            leave_at(bars, rules, account, book, tables, slot, bar, reason, AT_OPEN)
        else:
            account.is_passed |= position.passed > 0
            slot += 1


@inlined
def trade_the_bar(
    bars: Bars, signals: NDArray[Any], rows: tuple[int, int], rules: RuleNumbers, account: Any,
    book: Book, tables: Tables, bar: int,
) -> None:  # fmt: skip
    """Trade a bar from its open to its close, and mark what is still held.

    At both, signals that give up shares come first, so that the cash they free can be used. Time
    exits come last at an open, and before all entries at a close.
    """
    _refuse(signals, rows, account, book, tables)
    if account.waiting:
        _wait_on(rules, account, book, tables)
    aside = 0.0
    for at in (AT_OPEN, AT_CLOSE):
        if at == AT_CLOSE:
            if account.uses_close:
                _value_at_opens(bars, account, book, bar)
            settle_ends(bars, rules, account, book, tables, bar)
            if not account.uses_close:
                break
            aside = _all_set_aside(rules, account, book)
            account.cash -= aside
            leave_behind(bars, rules, account, book, bar, AT_CLOSE)
        if at == AT_CLOSE or account.gives_up:
            _give_up_all(bars, signals, rows, rules, account, book, tables, at)
        if at == AT_CLOSE:
            _leave_on_time(bars, rules, account, book, tables, bar)
        _take_all(bars, signals, rows, rules, account, book, tables, at)
        if at == AT_OPEN:
            _pass_the_session(bars, signals, rules, account, book, tables, bar)
        if account.legs:
            net_orders(bars, rules, account, book, tables, bar, at)
    account.cash += aside
    _mark(bars, account, book, bar)


@inlined
def _give_up_all(
    bars: Bars, signals: NDArray[Any], rows: tuple[int, int], rules: RuleNumbers, account: Any,
    book: Book, tables: Tables, at: int,
) -> None:  # fmt: skip
    for row in range(rows[0], rows[1]):
        if tables.outcomes[row] == PENDING and gives_up(signals[row], at):
            outcome = give_up(bars, signals, row, rules, account, book, tables, at)
            tables.outcomes[row] = outcome


@inlined
def _take_all(
    bars: Bars, signals: NDArray[Any], rows: tuple[int, int], rules: RuleNumbers, account: Any,
    book: Book, tables: Tables, at: int,
) -> None:  # fmt: skip
    for row in range(rows[0], rows[1]):
        if tables.outcomes[row] in (PENDING, REVERSE) and is_for(signals[row], at):
            outcome = take(bars, signals, row, rules, account, book, tables, at)
            tables.outcomes[row] = outcome


@inlined
def _refuse(
    signals: NDArray[Any], rows: tuple[int, int], account: Any, book: Book, tables: Tables
) -> None:
    """Note the signals that do not act: all after ruin, otherwise all but the newest on a symbol.

    One that acts at an open ends the wait of an older one.
    """
    for row in range(rows[0], rows[1]):
        if signals[row].terms & IS_LEG:
            continue
        slot = book.slots[signals[row].symbol] - 1
        if account.is_ruined:
            tables.outcomes[row] = RUINED
        elif book.newest[signals[row].symbol] != row:
            tables.outcomes[row] = SUPERSEDED
        elif slot >= 0 and book.positions[slot].waits and is_for(signals[row], AT_OPEN):
            _stop_waiting(account, book, tables, slot, SUPERSEDED)


@inlined
def _pass_the_session(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, book: Book, tables: Tables,
    bar: int,
) -> None:  # fmt: skip
    """Execute the time exits of the open, then let orders rest through the session."""
    slot, is_extended = whole(0), bars.kinds[bar] == EXTENDED
    while slot < account.positions:
        position = book.positions[slot]
        has_bar = not np.isnan(bars.prices[bar, position.symbol].close)
        if position.waits and _try_limit(bars, signals, rules, account, book, tables, slot, bar):
            continue
        if has_bar and not position.waits:
            is_due = position.sessions == position.hold
            if is_extended and not position.terms & HOLDS_BARS:
                is_due = False
            if position.leave_at > 0:
                is_due &= bars.clock[bar] >= position.leave_at and bar > position.planned
            elif position.terms & LEAVES_AT_CLOSE:
                is_due = False
            if is_due:
                leave_at(bars, rules, account, book, tables, slot, bar, TIME, AT_OPEN)
                continue
            if not is_extended and _rest(bars, rules, account, book, tables, slot, bar):
                continue
        slot += 1


@inlined
def _value_at_opens(bars: Bars, account: Any, book: Book, bar: int) -> None:
    """Value equity and gross at the opens, before a close."""
    account.equity, account.gross = account.cash, 0.0
    for slot in range(account.positions):
        position = book.positions[slot]
        if position.waits:
            account.gross += position.shares * position.mark
            continue
        price = bars.prices[bar, position.symbol].open
        if not np.isnan(price):
            position.mark = price
        worth = position.shares * position.mark
        account.equity += position.side * worth
        account.gross += worth
    if account.legs:
        value, gross, _ = worth_of_legs(bars, account, book, bar, AT_OPEN)
        account.equity += value
        account.gross += gross


@inlined
def _leave_on_time(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """Execute the time exits of the close."""
    slot = whole(0)
    while slot < account.positions:
        position = book.positions[slot]
        is_due = position.sessions == position.hold and position.terms & LEAVES_AT_CLOSE
        if is_due and not position.waits and _is_last_bar(bars, bar, position):
            leave_at(bars, rules, account, book, tables, slot, bar, TIME, AT_CLOSE)
        else:
            slot += 1


@inlined
def _is_last_bar(bars: Bars, bar: int, position: Any) -> bool:
    """Tell whether a bar completes a session, or by itself counts, in a position's plan."""
    if np.isnan(bars.prices[bar, position.symbol].close):
        return False
    holds_bars = position.terms & HOLDS_BARS != 0
    return bool(holds_bars or is_last(bars, bar, position.symbol, bars.session))


@inlined
def _mark(bars: Bars, account: Any, book: Book, bar: int) -> None:
    """Value what is held at the close, check the levels that closes pass, move trailing stops."""
    value, shorts, is_extended = 0.0, 0.0, bars.kinds[bar] == EXTENDED
    for slot in range(account.positions):
        position = book.positions[slot]
        if position.waits:
            continue
        close = bars.prices[bar, position.symbol].close
        if not np.isnan(close):
            position.mark, position.last_bar = close, bar
            if not is_extended:
                _see_close(account, position, close, bar)
        held = position.shares * position.mark
        value += position.side * held
        shorts += held if position.side < 0 else 0.0
    if account.legs:
        worth, _, short = worth_of_legs(bars, account, book, bar, AT_CLOSE)
        value += worth
        shorts += short
    account.equity, account.shorts = account.cash + value, shorts


@inlined
def _see_close(account: Any, position: Any, close: float, bar: int) -> None:
    """Note a level that a close has passed, unless it is the entry's own; move the best close."""
    side, best = position.side, position.best_close
    looks = position.terms & LOOKS_AT_CLOSES != 0
    if looks and (position.entered_at != AT_CLOSE or position.entry_bar != bar):
        stop, reason = _nearest_stop(position)
        if side * close <= side * stop:
            position.passed = reason + 1
        elif side * close >= side * position.target:
            position.passed = TARGET + 1
        account.is_passed |= position.passed > 0
    # NaN, which no price exceeds, gives way to the first.
    position.best_close = best if side * best >= side * close else close


@inlined
def _nearest_stop(position: Any) -> tuple[float, int]:
    """Return the stop that is touched first, NaN for none, and its reason."""
    side, stop, reason = position.side, position.stop, STOP
    if not np.isnan(position.trailing_stop):
        # NaN in the entry session: no close has been seen yet
        trailing = rule.stop_level(position.best_close, side, position.trailing_stop)
        if side * trailing > side * stop or (np.isnan(stop) and not np.isnan(trailing)):
            stop, reason = trailing, TRAILING
    return stop, reason


@inlined
def _rest(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, slot: int, bar: int
) -> bool:
    """Let the stop, then the target rest through the bar; return whether one was filled."""
    position = book.positions[slot]
    if position.terms & LOOKS_AT_CLOSES:
        return False
    symbol, side = position.symbol, position.side
    stop, reason = _nearest_stop(position)
    open_price = bars.prices[bar, symbol].open
    worst, best = bars.prices[bar, symbol].low, bars.prices[bar, symbol].high
    if side < 0:
        worst, best = best, worst
    # If the entry was within the session, nobody knows whether the target was touched before it.
    is_within = position.entered_at == IN_SESSION and position.entry_bar == bar
    is_stopped = side * worst <= side * stop
    if not is_stopped and (is_within or not side * best >= side * position.target):
        return False
    if is_stopped:
        price, at = (stop if side * stop < side * open_price else open_price), IN_SESSION
        fill = rule.fill_price(price, -side, slippage(bars, rules, bar, symbol))
    else:
        price, reason = position.target, TARGET
        fill = price if side * price > side * open_price else open_price
        at = AT_OPEN if fill == open_price else IN_SESSION
    leave(bars, rules, account, book, tables, slot, bar, fill, reason, at, IN_SESSION)
    return True


# Entries at a limit, which wait through the bars of their session on one day


@inlined
def _stop_waiting(account: Any, book: Book, tables: Tables, slot: int, outcome: int) -> None:
    """Take an entry that waits, and for which nothing is set aside, out of the book."""
    position = book.positions[slot]
    account.gross -= position.shares * position.mark
    was_capped = tables.outcomes[position.signal] >= CAPPED
    tables.outcomes[position.signal] = outcome + (CAPPED if was_capped else 0)
    account.waiting -= 1
    remove(account, book, slot)


@inlined
def _all_set_aside(rules: RuleNumbers, account: Any, book: Book) -> float:
    """Return what the waiting entries would cost together; dollars."""
    total = 0.0
    for slot in range(account.positions if account.waiting else 0):
        if book.positions[slot].waits:
            total += set_aside(book.positions[slot], rules)
    return total


@inlined
def _wait_on(rules: RuleNumbers, account: Any, book: Book, tables: Tables) -> None:
    """Set cash aside for the waiting entries; where it does not suffice for all, drop them all."""
    total = _all_set_aside(rules, account, book)
    if rule.covers(account.cash, total):
        account.cash -= total
        return
    slot = whole(0)
    while slot < account.positions:
        if book.positions[slot].waits:
            _stop_waiting(account, book, tables, slot, NOT_FILLED)
        else:
            slot += 1


@inlined
def _try_limit(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, book: Book, tables: Tables,
    slot: int, bar: int,
) -> bool:  # fmt: skip
    """Fill a waiting entry where the bar reaches its limit; True where it waited in vain."""
    position = book.positions[slot]
    prices, side, limit = bars.prices[bar, position.symbol], position.side, position.entry_price
    account.cash += set_aside(position, rules)
    if np.isnan(prices.close):
        return False
    best = prices.low if side > 0 else prices.high
    if side * best > side * limit:
        if not is_last(bars, bar, position.symbol, bars.day):
            return False
        account.waiting -= 1
        remove(account, book, slot)
        return True
    tables.outcomes[position.signal] = position.entered_at
    is_at_open = side * prices.open <= side * limit
    position.waits, position.entered_at = False, AT_OPEN if is_at_open else IN_SESSION
    account.waiting -= 1
    position.entry_bar = position.last_bar = bar
    if is_at_open:
        position.entry_price = prices.open
    size, fill = side * position.shares, position.entry_price
    plan(position, signals[position.signal], fill, bar)
    pay(account, position, size, fill, rules)
    note_fill(tables, position.signal, bar, size, fill, position.entered_at)
    return False
