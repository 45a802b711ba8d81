"""The kernel's session: what follows from the last close, what rests or waits, the close."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from backtest.engine.kernel.records import (
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
from backtest.engine.rules import EXTENDED


@inlined
def answer_the_last_close(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """At the open: close everything where equity is gone, all shorts where margin is called.

    Then go the positions that have passed their levels.
    """
    if account.ruin_due or account.equity <= 0:
        account.is_ruined = True
    if not account.is_ruined and not account.margin_call and not account.is_passed:
        return
    account.is_passed = False
    place = whole(0)
    while place < account.positions:
        position = book.positions[place]
        if position.waits:
            if account.is_ruined:
                _stop_waiting(account, book, tables, place, NOT_FILLED)
            else:
                place += 1
            continue
        reason = position.passed - 1
        if account.margin_call and (position.side < 0 or position.short_legs):
            reason = MARGIN_CALL
        if account.is_ruined:
            reason = RUIN
        has_bar = not np.isnan(bars.prices[bar, position.symbol].open)
        if reason >= 0 and has_bar:
            leave_at(bars, rules, account, book, tables, place, bar, reason, AT_OPEN)
        else:
            account.is_passed |= position.passed > 0
            place += 1


@inlined
def trade_the_bar(
    bars: Bars, signals: NDArray[Any], rows: tuple[int, int], rules: RuleNumbers, account: Any,
    book: Book, tables: Tables, bar: int,
) -> None:  # fmt: skip
    """Trade a bar from its open to its close; what is still held is marked then.

    Of either the signals that give up shares come first, so that what they free can be bought
    with. At an open the exits by time come last, at a close before anything is bought.
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
    """Tell the signals that do not act: after ruin none, else of one symbol the newest alone.

    One that acts at an open ends the waiting of an older one.
    """
    for row in range(rows[0], rows[1]):
        if signals[row].terms & IS_LEG:
            continue
        place = book.places[signals[row].symbol] - 1
        if account.is_ruined:
            tables.outcomes[row] = RUINED
        elif book.newest[signals[row].symbol] != row:
            tables.outcomes[row] = SUPERSEDED
        elif place >= 0 and book.positions[place].waits and is_for(signals[row], AT_OPEN):
            _stop_waiting(account, book, tables, place, SUPERSEDED)


@inlined
def _pass_the_session(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, book: Book, tables: Tables,
    bar: int,
) -> None:  # fmt: skip
    """Let exits by time leave at the open, then let orders rest through the session."""
    place, is_extended = whole(0), bars.kinds[bar] == EXTENDED
    while place < account.positions:
        position = book.positions[place]
        has_bar = not np.isnan(bars.prices[bar, position.symbol].close)
        if position.waits and _try_limit(bars, signals, rules, account, book, tables, place, bar):
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
                leave_at(bars, rules, account, book, tables, place, bar, TIME, AT_OPEN)
                continue
            if not is_extended and _rest(bars, rules, account, book, tables, place, bar):
                continue
        place += 1


@inlined
def _value_at_opens(bars: Bars, account: Any, book: Book, bar: int) -> None:
    """Before a close: equity and gross as of the opens."""
    account.equity, account.gross = account.cash, 0.0
    for place in range(account.positions):
        position = book.positions[place]
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
    """Exits by time at the close."""
    place = whole(0)
    while place < account.positions:
        position = book.positions[place]
        is_due = position.sessions == position.hold and position.terms & LEAVES_AT_CLOSE
        if is_due and not position.waits and _is_last_bar(bars, bar, position):
            leave_at(bars, rules, account, book, tables, place, bar, TIME, AT_CLOSE)
        else:
            place += 1


@inlined
def _is_last_bar(bars: Bars, bar: int, position: Any) -> bool:
    """Whether a bar is the last that a position's plan counts: of the session, or it alone."""
    if np.isnan(bars.prices[bar, position.symbol].close):
        return False
    holds_bars = position.terms & HOLDS_BARS != 0
    return bool(holds_bars or is_last(bars, bar, position.symbol, bars.session))


@inlined
def _mark(bars: Bars, account: Any, book: Book, bar: int) -> None:
    """Value what is held at the close; look at the levels of closes, let the trailing stop go."""
    value, shorts, is_extended = 0.0, 0.0, bars.kinds[bar] == EXTENDED
    for place in range(account.positions):
        position = book.positions[place]
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
    if position.terms & LOOKS_AT_CLOSES:
        _look(account, position, close, bar)
    side, best = position.side, position.best_close
    # NaN, which no price exceeds, gives way to the first.
    position.best_close = best if side * best >= side * close else close


@inlined
def _look(account: Any, position: Any, close: float, bar: int) -> None:
    """Note a level that a close has passed; not at the very close of the entry."""
    if position.entered_at == AT_CLOSE and position.entry_bar == bar:
        return
    side = position.side
    stop, reason = _nearest_stop(position)
    if side * close <= side * stop:
        position.passed = reason + 1
    elif side * close >= side * position.target:
        position.passed = TARGET + 1
    account.is_passed |= position.passed > 0


@inlined
def _nearest_stop(position: Any) -> tuple[float, int]:
    """The stop that is touched first, and why; NaN is none."""
    side, stop, reason = position.side, position.stop, STOP
    if not np.isnan(position.trailing_stop):
        # NaN in the entry session: no close has been seen yet
        trailing = rule.stop_level(position.best_close, side, position.trailing_stop)
        if side * trailing > side * stop or (np.isnan(stop) and not np.isnan(trailing)):
            stop, reason = trailing, TRAILING
    return stop, reason


@inlined
def _rest(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, place: int, bar: int
) -> bool:
    """Let the stop, then the target rest through the bar; whether one was filled."""
    position = book.positions[place]
    if position.terms & LOOKS_AT_CLOSES:
        return False
    symbol, side = position.symbol, position.side
    stop, reason = _nearest_stop(position)
    open_price = bars.prices[bar, symbol].open
    worst, best = bars.prices[bar, symbol].low, bars.prices[bar, symbol].high
    if side < 0:
        worst, best = best, worst
    # Of an entry within the session nobody knows whether the target came before it.
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
    leave(bars, rules, account, book, tables, place, bar, fill, reason, at, IN_SESSION)
    return True


# Entries at a limit, which wait through their session as far as it is of one day


@inlined
def _stop_waiting(account: Any, book: Book, tables: Tables, place: int, outcome: int) -> None:
    """Take an entry that waits, and for which nothing is set aside, out of the book."""
    position = book.positions[place]
    account.gross -= position.shares * position.mark
    was_capped = tables.outcomes[position.signal] >= CAPPED
    tables.outcomes[position.signal] = outcome + (CAPPED if was_capped else 0)
    account.waiting -= 1
    remove(account, book, place)


@inlined
def _all_set_aside(rules: RuleNumbers, account: Any, book: Book) -> float:
    """What the entries that wait would cost together; dollars."""
    total = 0.0
    for place in range(account.positions if account.waiting else 0):
        if book.positions[place].waits:
            total += set_aside(book.positions[place], rules)
    return total


@inlined
def _wait_on(rules: RuleNumbers, account: Any, book: Book, tables: Tables) -> None:
    """Set aside what waits; where cash no longer pays for all of it, none waits on."""
    total = _all_set_aside(rules, account, book)
    if rule.covers(account.cash, total):
        account.cash -= total
        return
    place = whole(0)
    while place < account.positions:
        if book.positions[place].waits:
            _stop_waiting(account, book, tables, place, NOT_FILLED)
        else:
            place += 1


@inlined
def _try_limit(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, book: Book, tables: Tables,
    place: int, bar: int,
) -> bool:  # fmt: skip
    """Fill an entry that waits, or let it wait on; True where it has waited in vain and is gone."""
    position = book.positions[place]
    account.cash += set_aside(position, rules)
    if np.isnan(bars.prices[bar, position.symbol].close):
        return False
    _fill(bars, signals, rules, account, position, tables, bar)
    if not position.waits or not is_last(bars, bar, position.symbol, bars.day):
        return False
    account.waiting -= 1
    remove(account, book, place)
    return True


@inlined
def _fill(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, position: Any,
    tables: Tables, bar: int,
) -> None:  # fmt: skip
    """Fill an entry at its limit where the bar reaches it; else it waits on."""
    prices, side, limit = bars.prices[bar, position.symbol], position.side, position.entry_price
    best = prices.low if side > 0 else prices.high
    if side * best > side * limit:
        return
    tables.outcomes[position.signal] = position.entered_at
    at_open = side * prices.open <= side * limit
    position.waits, position.entered_at = False, AT_OPEN if at_open else IN_SESSION
    account.waiting -= 1
    position.entry_bar = position.last_bar = bar
    if at_open:
        position.entry_price = prices.open
    plan(position, signals[position.signal], position.entry_price, bar)
    size, fill = side * position.shares, position.entry_price
    pay(account, position, size, fill, rules)
    note_fill(tables, position.signal, bar, size, fill, position.entered_at)
