"""The kernel's entries at a limit, which wait through their session as far as it is of one day."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel.compiled import RuleNumbers, inlined, rule, whole
from backtest.engine.kernel.orders import note_fill, pay, plan, remove, set_aside
from backtest.engine.kernel.records import (
    AT_OPEN,
    CAPPED,
    IN_SESSION,
    NOT_FILLED,
    Bars,
    Book,
    Tables,
)


@inlined
def stop_waiting(account: Any, book: Book, tables: Tables, place: int, outcome: int) -> None:
    """Take an entry that waits, and for which nothing is set aside, out of the book."""
    position = book.positions[place]
    account.gross -= position.shares * position.mark
    was_capped = tables.outcomes[position.signal] >= CAPPED
    tables.outcomes[position.signal] = outcome + (CAPPED if was_capped else 0)
    account.waiting -= 1
    remove(account, book, place)


@inlined
def all_set_aside(rules: RuleNumbers, account: Any, book: Book) -> float:
    """What the entries that wait would cost together; dollars."""
    total = 0.0
    for place in range(account.positions if account.waiting else 0):
        if book.positions[place].waits:
            total += set_aside(book.positions[place], rules)
    return total


@inlined
def wait_on(rules: RuleNumbers, account: Any, book: Book, tables: Tables) -> None:
    """Set aside what waits; where cash no longer pays for all of it, none waits on."""
    total = all_set_aside(rules, account, book)
    if rule.covers(account.cash, total):
        account.cash -= total
        return
    place = whole(0)
    while place < account.positions:
        if book.positions[place].waits:
            stop_waiting(account, book, tables, place, NOT_FILLED)
        else:
            place += 1


@inlined
def try_limit(
    bars: Bars, signals: NDArray[Any], rules: RuleNumbers, account: Any, book: Book, tables: Tables,
    place: int, bar: int,
) -> bool:  # fmt: skip
    """Fill an entry that waits, or let it wait on; True where it has waited in vain and is gone."""
    position = book.positions[place]
    account.cash += set_aside(position, rules)
    if np.isnan(bars.prices[bar, position.symbol].close):
        return False
    _fill(bars, signals, rules, account, position, tables, bar)
    if not position.waits or not _ends_day(bars, bar, position.symbol):
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


@inlined
def _ends_day(bars: Bars, bar: int, symbol: int) -> bool:
    """Whether a bar is the last of a symbol in its session on its day."""
    after = bar + 1
    while (
        after < len(bars.session)
        and bars.session[after] == bars.session[bar]
        and bars.day[after] == bars.day[bar]
    ):
        if not np.isnan(bars.prices[after, symbol].close):
            return False
        after += 1
    return True
