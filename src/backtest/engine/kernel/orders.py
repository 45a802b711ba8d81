"""The kernel's orders: entries, exits at the open, and those that rest through a bar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import compiled_rules as rule
from backtest.engine.kernel.compiled import RuleNumbers, inlined
from backtest.engine.kernel.records import (
    CAPPED,
    ENTER,
    MARGIN_CALL,
    NO_ROOM,
    OPEN,
    RENEW,
    REVERSAL,
    REVERSE,
    RUIN,
    STOP,
    TARGET,
    TIME,
    TRAILING,
    Bars,
    Book,
    Tables,
)
from backtest.engine.rules import VOLUME_SESSIONS


@inlined
def answer_ruin_and_margin(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """At the open: close everything where equity is gone, all shorts where margin is called."""
    if account.ruin_due or account.equity <= 0:
        account.is_ruined = 1
    if not account.is_ruined and not account.margin_call:
        return
    place = 0
    while place < account.positions:
        position = book.positions[place]
        chosen = account.is_ruined or position.side < 0
        if chosen and not np.isnan(bars.prices[bar, position.symbol].open):
            reason = RUIN if account.is_ruined else MARGIN_CALL
            _leave_at_open(bars, rules, account, book, tables, place, bar, reason)
        else:
            place += 1


@inlined
def act(
    bars: Bars,
    signals: NDArray[Any],
    row: int,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
) -> int:
    """Act on a signal and tell what was done."""
    signal = signals[row]
    bar, symbol = signal.bar, signal.symbol
    place = book.places[symbol] - 1
    if place < 0:
        return _enter(bars, signal, row, rules, account, book, ENTER)
    position = book.positions[place]
    if position.side == signal.side:
        _plan(position, signal, bars.prices[bar, symbol].open)
        return RENEW
    _leave_at_open(bars, rules, account, book, tables, place, bar, REVERSAL)
    return _enter(bars, signal, row, rules, account, book, REVERSE)


@inlined
def _plan(position: Any, signal: Any, price: float) -> None:
    """Take over the exit plan of a signal, with levels set from `price`."""
    position.hold, position.sessions = signal.hold, 0
    position.stop = rule.stop_level(price, position.side, signal.stop)
    position.target = rule.target_level(price, position.side, signal.target)
    position.trailing_stop = signal.trailing_stop


@inlined
def _enter(
    bars: Bars, signal: Any, row: int, rules: RuleNumbers, account: Any, book: Book, outcome: int
) -> int:
    if account.positions >= rules.max_positions:  # NaN, where any number may be held, is above
        return NO_ROOM
    bar, symbol = signal.bar, signal.symbol
    slip = _slippage(bars, rules, bar, symbol)
    fill = rule.fill_price(bars.prices[bar, symbol].open, signal.side, slip)
    room = rules.max_gross * account.equity - account.gross
    wanted = rule.share_of_equity(signal.weight, rules) * account.equity
    shares = rule.shares_for(min(wanted, room), fill)
    if not np.isnan(rules.max_participation):
        most = _most_shares(bars, rules, bar, symbol)
        if most < shares:
            shares = most
            outcome += CAPPED
    if signal.side > 0:
        shares = rule.affordable_long(shares, fill, account.cash, rules)
    else:
        shares = rule.affordable_short(shares, fill, account.cash, rules)
    if not rule.is_sent(shares, fill, rules):
        return NO_ROOM + (outcome & CAPPED)
    cost = rule.commission(shares, fill, rules)
    account.cash -= signal.side * shares * fill + cost
    account.commission += cost
    account.gross += shares * fill
    position = book.positions[account.positions]
    account.positions += 1
    book.places[symbol] = account.positions
    position.symbol, position.side = symbol, signal.side
    position.signal, position.shares = row, shares
    position.entry_bar = position.last_bar = bar
    position.entry_price = position.mark = fill
    position.commission, position.borrow, position.best_close = cost, 0.0, np.nan
    _plan(position, signal, fill)
    return outcome


@inlined
def _slippage(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
    """The slippage of a session, from the range of the symbol's bar before."""
    last_range = 0.0
    if rules.slippage_range > 0:
        for before in range(bar - 1, -1, -1):
            close = bars.prices[before, symbol].close
            if not np.isnan(close):
                last_range = (
                    bars.prices[before, symbol].high - bars.prices[before, symbol].low
                ) / close
                break
    return rule.slippage(last_range, rules)


@inlined
def _most_shares(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
    """The participation cap of an entry; infinite before any volume was seen."""
    seen = np.empty(VOLUME_SESSIONS)
    count, before = 0, bar - 1
    while before >= 0 and count < VOLUME_SESSIONS:
        if not np.isnan(bars.prices[before, symbol].close):
            seen[count] = bars.volume[before, symbol]
            count += 1
        before -= 1
    if count == 0:
        return np.inf
    return rule.most_shares(np.median(seen[:count]), rules.max_participation)


@inlined
def pass_the_bar(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, bar: int
) -> None:
    """Time exits and resting orders; what is still held is marked at the close."""
    value = shorts = 0.0
    place = 0
    while place < account.positions:
        position = book.positions[place]
        close = bars.prices[bar, position.symbol].close
        if not np.isnan(close):
            if position.sessions == position.hold:
                _leave_at_open(bars, rules, account, book, tables, place, bar, TIME)
                continue
            if _rest(bars, rules, account, book, tables, place, bar):
                continue
            side = position.side
            position.mark, position.last_bar = close, bar
            best = position.best_close  # NaN, which no price exceeds, gives way to the first
            position.best_close = best if side * best >= side * close else close
        held = position.shares * position.mark
        value += position.side * held
        shorts += held if position.side < 0 else 0.0
        place += 1
    account.equity, account.shorts = account.cash + value, shorts


@inlined
def _rest(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, tables: Tables, place: int, bar: int
) -> bool:
    """Let the stop, then the target rest through the bar; whether one was filled."""
    position = book.positions[place]
    symbol = position.symbol
    side, stop, reason = position.side, position.stop, STOP
    if not np.isnan(position.trailing_stop):
        # NaN in the entry session: no close has been seen yet
        trailing = rule.stop_level(position.best_close, side, position.trailing_stop)
        if side * trailing > side * stop or (np.isnan(stop) and not np.isnan(trailing)):
            stop, reason = trailing, TRAILING
    open_price = bars.prices[bar, symbol].open
    worst, best = bars.prices[bar, symbol].low, bars.prices[bar, symbol].high
    if side < 0:
        worst, best = best, worst
    if side * worst <= side * stop:
        price = stop if side * stop < side * open_price else open_price
        fill = rule.fill_price(price, -side, _slippage(bars, rules, bar, symbol))
        _leave(rules, account, book, tables, place, bar, fill, reason)
        return True
    if side * best >= side * position.target:
        price = position.target
        fill = price if side * price > side * open_price else open_price
        _leave(rules, account, book, tables, place, bar, fill, TARGET)
        return True
    return False


@inlined
def _leave_at_open(
    bars: Bars,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    place: int,
    bar: int,
    reason: int,
) -> None:
    position = book.positions[place]
    slip = _slippage(bars, rules, bar, position.symbol)
    fill = rule.fill_price(bars.prices[bar, position.symbol].open, -position.side, slip)
    _leave(rules, account, book, tables, place, bar, fill, reason)


@inlined
def _leave(
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    place: int,
    bar: int,
    fill: float,
    reason: int,
) -> None:
    """Close a position at a fill; the last one takes its place."""
    position = book.positions[place]
    cost = rule.commission(position.shares, fill, rules)
    account.cash += position.side * position.shares * fill - cost
    account.commission += cost
    account.gross -= position.shares * position.mark
    position.commission += cost
    position.last_bar = bar
    _book_trade(account, position, tables, fill, reason)
    book.places[position.symbol] = 0
    account.positions -= 1
    if place != account.positions:
        book.positions[place] = book.positions[account.positions]
        book.places[book.positions[place].symbol] = place + 1


@inlined
def _book_trade(account: Any, position: Any, tables: Tables, price: float, reason: int) -> None:
    gross = position.side * position.shares * (price - position.entry_price)
    net = gross - position.commission - position.borrow
    account.trades += 1
    account.wins += net > 0
    account.profit += net
    account.entered += position.shares * position.entry_price
    if len(tables.trades):
        trade = tables.trades[position.signal]
        trade.entry_bar, trade.exit_bar = position.entry_bar, position.last_bar
        trade.shares, trade.reason = position.shares, reason
        trade.entry_price, trade.exit_price = position.entry_price, price
        trade.commission, trade.borrow = position.commission, position.borrow


@inlined
def mark_open_trades(account: Any, book: Book, tables: Tables) -> None:
    """Value what is still held at its last close, and empty the book for the next account."""
    for place in range(account.positions):
        position = book.positions[place]
        _book_trade(account, position, tables, position.mark, OPEN)
        book.places[position.symbol] = 0
