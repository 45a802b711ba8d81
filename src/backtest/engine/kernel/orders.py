"""The kernel's orders at an open or a close: entries, changes of a position, exits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import compiled_rules as rule
from backtest.engine.kernel.compiled import RuleNumbers, inlined
from backtest.engine.kernel.records import (
    AT_CLOSE,
    AT_OPEN,
    CAPPED,
    ENTER,
    ENTERS_AT_CLOSE,
    IS_FLAT,
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
    Bars,
    Book,
    Tables,
)
from backtest.engine.rules import VOLUME_SESSIONS


@inlined
def is_for(signal: Any, at: int) -> bool:
    """Whether a signal is traded at the open, or at the close."""
    return bool((signal.terms & ENTERS_AT_CLOSE != 0) == (at == AT_CLOSE))


@inlined
def give_up(
    bars: Bars,
    signals: NDArray[Any],
    row: int,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    at: int,
) -> int:
    """Leave, renew or reduce what is held, as far as it is due; `PENDING` where that is not all."""
    signal = signals[row]
    bar, place, is_flat = signal.bar, book.places[signal.symbol] - 1, signal.terms & IS_FLAT
    if place < 0:
        return NOTHING_HELD if is_flat else PENDING
    position = book.positions[place]
    if position.side == signal.side:
        if signal.terms & RESIZES:
            return _reduce(bars, signal, row, rules, account, book, tables, place, at)
        _renew(bars, position, signal, bar, at)
        return RENEW
    if not is_flat and at == AT_OPEN:
        return PENDING  # at an open a reversal leaves and enters in its turn
    reason = SIGNALLED if is_flat else REVERSAL
    leave_at(bars, rules, account, book, tables, place, bar, reason, at)
    return LEAVE if is_flat else REVERSE


@inlined
def _reduce(
    bars: Bars,
    signal: Any,
    row: int,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    place: int,
    at: int,
) -> int:
    """Sell what is above the new weight; `PENDING` where more is wanted."""
    bar, symbol, position = signal.bar, signal.symbol, book.positions[place]
    price = _price_for_size(bars, rules, bar, symbol, position.side)
    own = position.shares * position.mark
    less = position.shares - _wanted(signal, rules, account, price, own)
    if less < 0:
        return PENDING
    if less == position.shares:
        leave_at(bars, rules, account, book, tables, place, bar, SIGNALLED, at)
        return LEAVE
    _renew(bars, position, signal, bar, at)
    if not rule.is_sent(less, _price_for_size(bars, rules, bar, symbol, -position.side), rules):
        return RENEW
    fill = _fill(bars, rules, bar, symbol, -position.side, at)
    _pay(account, position, -position.side * less, fill, rules)
    gone = position.entered - position.shares
    part = less / (gone + less)
    position.exit_price = position.exit_price * (1 - part) + fill * part
    position.shares -= less
    account.gross -= less * position.mark
    note_fill(tables, row, bar, -position.side * less, fill, at)
    return RESIZE


@inlined
def take(
    bars: Bars,
    signals: NDArray[Any],
    row: int,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    at: int,
) -> int:
    """Enter, reverse, add or renew, and tell what was done."""
    signal = signals[row]
    bar, symbol = signal.bar, signal.symbol
    place = book.places[symbol] - 1
    if place < 0:
        done = REVERSE if tables.outcomes[row] == REVERSE else ENTER
        return _enter(bars, signal, row, rules, account, book, done, tables, at)
    position = book.positions[place]
    if position.side != signal.side:
        leave_at(bars, rules, account, book, tables, place, bar, REVERSAL, at)
        return _enter(bars, signal, row, rules, account, book, REVERSE, tables, at)
    _renew(bars, position, signal, bar, at)
    if not signal.terms & RESIZES:
        return RENEW
    return _add(bars, signal, row, position, rules, account, tables, at)


@inlined
def _renew(bars: Bars, position: Any, signal: Any, bar: int, at: int) -> None:
    prices = bars.prices[bar, signal.symbol]
    plan(position, signal, prices.close if at == AT_CLOSE else prices.open)


@inlined
def plan(position: Any, signal: Any, price: float) -> None:
    """Take over the exit plan of a signal, with levels set from `price`."""
    position.hold, position.sessions, position.terms = signal.hold, 0, signal.terms
    if signal.hold == 0:
        position.terms |= LEAVES_AT_CLOSE
    position.stop = rule.stop_level(price, position.side, signal.stop)
    position.target = rule.target_level(price, position.side, signal.target)
    position.trailing_stop = signal.trailing_stop


@inlined
def _wanted(signal: Any, rules: RuleNumbers, account: Any, price: float, own: float) -> float:
    """The shares that the weight and the room beside the other positions allow."""
    room = rules.max_gross * account.equity - (account.gross - own)
    wanted = rule.share_of_equity(signal.weight, rules) * account.equity
    shares: float = rule.shares_for(min(wanted, room), price)
    return shares


@inlined
def _affordable(side: int, shares: float, fill: float, account: Any, rules: RuleNumbers) -> float:
    if side > 0:
        return float(rule.affordable_long(shares, fill, account.cash, rules))
    return float(rule.affordable_short(shares, fill, account.cash, rules))


@inlined
def _enter(
    bars: Bars,
    signal: Any,
    row: int,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    outcome: int,
    tables: Tables,
    at: int,
) -> int:
    if account.positions >= rules.max_positions:  # NaN, where any number may be held, is above
        return NO_ROOM
    bar, symbol, side = signal.bar, signal.symbol, signal.side
    price = _price_for_size(bars, rules, bar, symbol, side)
    fill = _fill(bars, rules, bar, symbol, side, at)
    waits = not np.isnan(signal.limit)
    if waits:
        price = fill = rule.stop_level(_last_close(bars, bar, symbol), side, signal.limit)
        if np.isnan(fill):
            return NOT_FILLED
    shares = _wanted(signal, rules, account, price, 0.0)
    if not np.isnan(rules.max_participation):
        most = _most_shares(bars, rules, bar, symbol)
        if most < shares:
            shares = most
            outcome += CAPPED
    if not rule.is_sent(shares, price, rules):
        return NO_ROOM + (outcome & CAPPED)
    shares = _affordable(side, shares, fill, account, rules)
    if shares == 0 or (at == AT_OPEN and not rule.is_sent(shares, fill, rules)):
        return NO_ROOM + (outcome & CAPPED)
    position = book.positions[account.positions]
    account.positions += 1
    book.places[symbol] = account.positions
    position.symbol, position.side = symbol, side
    position.signal, position.shares = row, shares
    position.entered, position.exit_price = shares, 0.0
    position.entry_bar = position.last_bar = bar
    position.entry_price, position.mark = fill, price
    position.commission = position.borrow = 0.0
    position.best_close, position.entered_at, position.passed = np.nan, at, 0
    account.gross += shares * price
    position.waits = waits
    if waits:
        position.entered_at = outcome  # until it is filled
        if side > 0:
            account.cash -= shares * fill + rule.commission(shares, fill, rules)
        open_price = bars.prices[bar, symbol].open
        plan(position, signal, open_price if side * open_price <= side * fill else fill)
        return NOT_FILLED + (outcome & CAPPED)
    _pay(account, position, side * shares, fill, rules)
    plan(position, signal, fill)
    note_fill(tables, row, bar, side * shares, fill, at)
    return outcome


@inlined
def note_fill(tables: Tables, row: int, bar: int, size: float, fill: float, at: int) -> None:
    """Write down the fill of a signal: signed shares and dollars."""
    if len(tables.trades):
        trade = tables.trades[row]
        trade.entry_bar, trade.entered_at = bar, at
        trade.first_size, trade.first_price = size, fill


@inlined
def _add(
    bars: Bars,
    signal: Any,
    row: int,
    position: Any,
    rules: RuleNumbers,
    account: Any,
    tables: Tables,
    at: int,
) -> int:
    bar, symbol, side, outcome = signal.bar, signal.symbol, position.side, RESIZE
    price = _price_for_size(bars, rules, bar, symbol, side)
    fill = _fill(bars, rules, bar, symbol, side, at)
    own = position.shares * position.mark
    more = max(_wanted(signal, rules, account, price, own) - position.shares, 0.0)
    if not np.isnan(rules.max_participation):
        most = _most_shares(bars, rules, bar, symbol)
        if most < more:
            more = most
            outcome += CAPPED
    if not rule.is_sent(more, price, rules):
        return RENEW + (outcome & CAPPED)
    more = _affordable(side, more, fill, account, rules)
    if more == 0 or (at == AT_OPEN and not rule.is_sent(more, fill, rules)):
        return RENEW + (outcome & CAPPED)
    _pay(account, position, side * more, fill, rules)
    total = position.entered + more
    position.entry_price = (position.entered * position.entry_price + more * fill) / total
    position.entered = total
    position.shares += more
    account.gross += more * position.mark
    note_fill(tables, row, bar, side * more, fill, at)
    return outcome


@inlined
def _pay(account: Any, position: Any, size: float, fill: float, rules: RuleNumbers) -> None:
    """Pay for an order of signed shares, commission included."""
    cost = rule.commission(abs(size), fill, rules)
    account.cash -= size * fill + cost
    account.commission += cost
    position.commission += cost


@inlined
def _price_for_size(bars: Bars, rules: RuleNumbers, bar: int, symbol: int, side: int) -> float:
    """What shares are counted at: the slipped open, which is known before a close too."""
    slip = slippage(bars, rules, bar, symbol)
    return float(rule.fill_price(bars.prices[bar, symbol].open, side, slip))


@inlined
def _fill(bars: Bars, rules: RuleNumbers, bar: int, symbol: int, side: int, at: int) -> float:
    prices = bars.prices[bar, symbol]
    price = prices.close if at == AT_CLOSE else prices.open
    return float(rule.fill_price(price, side, slippage(bars, rules, bar, symbol)))


@inlined
def _last_close(bars: Bars, bar: int, symbol: int) -> float:
    """The close of the symbol's bar before; NaN where it has none."""
    for before in range(bar - 1, -1, -1):
        close = bars.prices[before, symbol].close
        if not np.isnan(close):
            return float(close)
    return np.nan


@inlined
def slippage(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
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
    return float(rule.slippage(last_range, rules))


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
    return float(rule.most_shares(np.median(seen[:count]), rules.max_participation))


@inlined
def leave_at(
    bars: Bars,
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    place: int,
    bar: int,
    reason: int,
    at: int,
) -> None:
    """Close a position at the open or at the close of a bar."""
    position = book.positions[place]
    fill = _fill(bars, rules, bar, position.symbol, -position.side, at)
    leave(rules, account, book, tables, place, bar, fill, reason, at)


@inlined
def leave(
    rules: RuleNumbers,
    account: Any,
    book: Book,
    tables: Tables,
    place: int,
    bar: int,
    fill: float,
    reason: int,
    at: int,
) -> None:
    """Close a position at a fill; the last one takes its place."""
    position = book.positions[place]
    _pay(account, position, -position.side * position.shares, fill, rules)
    account.gross -= position.shares * position.mark
    position.last_bar = bar
    book_trade(account, position, tables, fill, reason, at)
    remove(account, book, place)


@inlined
def remove(account: Any, book: Book, place: int) -> None:
    """Take a position out of the book; the last one takes its place."""
    book.places[book.positions[place].symbol] = 0
    account.positions -= 1
    if place != account.positions:
        book.positions[place] = book.positions[account.positions]
        book.places[book.positions[place].symbol] = place + 1


@inlined
def book_trade(
    account: Any, position: Any, tables: Tables, price: float, reason: int, at: int
) -> None:
    """Write down a trade whose last shares leave at a price."""
    shares, part = position.entered, position.shares / position.entered
    left = price if part == 1 else position.exit_price * (1 - part) + price * part
    gross = position.side * shares * (left - position.entry_price)
    net = gross - position.commission - position.borrow
    account.trades += 1
    account.wins += net > 0
    account.profit += net
    account.entered += shares * position.entry_price
    if len(tables.trades):
        trade = tables.trades[position.signal]
        trade.entry_bar, trade.exit_bar = position.entry_bar, position.last_bar
        trade.entered_at, trade.left_at = position.entered_at, at
        trade.shares, trade.reason = shares, reason
        trade.last_size, trade.last_price = -position.side * position.shares, price
        trade.entry_price, trade.exit_price = position.entry_price, left
        trade.commission, trade.borrow = position.commission, position.borrow
