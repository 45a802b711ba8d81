"""The kernel: the trading rules over arrays of bars and signals, compiled.

It trades one account after another, each with signals of its own on the same bars. The order
within a bar is that of the design: nights, the open (ruin and margin call, signals, time exits),
resting orders, the close. `simulate.py` is its door, `rules.py` holds every formula.

Every function is compiled into one, and the arrays are borrowed: to hand them on from function
to function, counting references, would take thirty times as long as the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import compiled_rules as rule
from backtest.engine.kernel.actions import act_before_open
from backtest.engine.kernel.compiled import RuleNumbers, borrowed, compiled, inlined, whole
from backtest.engine.kernel.legs import charge_legs, worth_of_legs
from backtest.engine.kernel.records import (
    AT_OPEN,
    ENTERS_AT_CLOSE,
    HOLDS_BARS,
    IS_FLAT,
    IS_LEG,
    LEAVES_AT_CLOSE,
    RESIZES,
    Bars,
    Book,
    Tables,
)
from backtest.engine.kernel.session import (
    answer_the_last_close,
    mark_open_trades,
    trade_the_bar,
)


@compiled
def run_accounts(
    bars: Bars,
    signals: NDArray[Any],
    starts: NDArray[np.int64],
    rules: RuleNumbers,
    part: tuple[int, int],
    tables: Tables,
    book: Book,
) -> None:
    """Trade the accounts from `part[0]` up to `part[1]`.

    Args:
        bars: the bars.
        signals: of all accounts, each account's by bar and in the order in which they are served;
            of several on one symbol the last acts. An account stops where one has a priority.
        starts: row of the first signal of each account, and the number of all signals.
        rules: the settings.
        part: the accounts to trade.
        tables: totals by account; outcomes and trades by signal; curves by account and bar.
        book: room for the positions of one account, blank.

    """
    for number in range(part[0], part[1]):
        rows = (starts[number], starts[number + 1])
        _trade(
            borrowed(bars),
            borrowed(signals),
            rows,
            rules,
            number,
            borrowed(tables),
            borrowed(book),
        )


@inlined
def _trade(
    bars: Bars,
    signals: NDArray[Any],
    rows: tuple[int, int],
    rules: RuleNumbers,
    number: int,
    tables: Tables,
    book: Book,
) -> None:
    """Trade one account from the first bar to the last."""
    account = tables.totals[number]
    account.cash = account.equity = account.free_cash = account.peak = account.lowest = rules.cash
    account.session_equity = rules.cash
    account.least, account.most = np.inf, -np.inf
    row, end = rows
    last, bar = whole(-1), _next_bar(bars, signals, row, end, rules, account, -1)
    day = bars.day[0]  # of the session before
    _draw(tables, number, account, 0, bar)
    while bar < len(bars.session) and not account.is_ranked:
        _open_the_bar(bars, rules, account, book, bar, last)
        act_before_open(bars, rules, account, book, tables, bar)
        answer_the_last_close(bars, rules, account, book, tables, bar)
        first, row = row, _signals_until(bars, signals, row, end, bar, account, book)
        trade_the_bar(bars, signals, (first, row), rules, account, book, tables, bar)
        _close_the_bar(rules, account)
        last, bar = bar, _next_bar(bars, signals, row, end, rules, account, bar)
        _draw(tables, number, account, last, bar)
        if bar == len(bars.session) or bars.session[bar] != bars.session[last]:
            _close_the_session(rules, account, bars.day[last] - day)
            day = bars.day[last]
    mark_open_trades(bars, account, book, tables)


@inlined
def _signals_until(
    bars: Bars, signals: NDArray[Any], row: int, end: int, bar: int, account: Any, book: Book
) -> int:
    """The row after the signals of a bar; each symbol's newest is noted on the way.

    So is what `simulate` has to know of them: to look beforehand would read all memory twice.
    """
    while row < end and signals[row].bar == bar:
        symbol = signals[row].symbol
        if signals[row].terms & IS_LEG:
            account.uses_close = True  # it is left at the close where its leader is stopped
        elif not np.isnan(bars.prices[bar, symbol].open):  # also fetches what is read next
            book.newest[symbol] = row
        if signals[row].priority != 0:
            account.is_ranked = True
        if np.isnan(signals[row].weight):
            account.lacks_weight = True
        if signals[row].terms & (IS_FLAT | RESIZES):
            account.gives_up = True
        if signals[row].terms & (ENTERS_AT_CLOSE | LEAVES_AT_CLOSE) or signals[row].hold == 0:
            account.uses_close = True
        if signals[row].leave_at > 0:
            account.uses_close = True
        row += 1
    return row


@inlined
def _next_bar(
    bars: Bars,
    signals: NDArray[Any],
    row: int,
    end: int,
    rules: RuleNumbers,
    account: Any,
    bar: int,
) -> int:
    """The next bar; with nothing held and no interest to earn, that of the next signal."""
    earns = rules.cash_rate > 0 and not account.is_ruined
    if account.positions > 0 or earns:
        return bar + 1
    return signals[row].bar if row < end else len(bars.session)


@inlined
def _draw(tables: Tables, number: int, account: Any, first: int, end: int) -> None:
    """Write the curves from one bar up to another."""
    if len(tables.equity):
        tables.equity[number, first:end] = account.equity
        tables.cash[number, first:end] = account.cash


@inlined
def _open_the_bar(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, bar: int, last: int
) -> None:
    """Charge the nights of shorts since their last bar, pay interest, value at the open.

    A symbol without a bar counts at its last close.
    """
    for place in range(account.positions):  # a loop of its own: many places in memory at once
        book.opens[place] = bars.prices[bar, book.positions[place].symbol].open
    value = gross = owed = 0.0
    for place in range(account.positions):
        position = book.positions[place]
        if position.waits:
            gross += position.shares * position.mark
            continue
        price = book.opens[place]
        if not np.isnan(price):
            night = position.last_bar
            is_new = bars.session[bar] != bars.session[night]
            position.sessions += is_new or position.terms & HOLDS_BARS != 0
            if position.side < 0 and bars.day[bar] != bars.day[night]:
                days = bars.day[bar] - bars.day[night]
                rate = bars.rates[bars.rate_row[position.symbol], bars.day_number[night]]
                charge = rule.borrow_charge(position.shares * position.mark, rate, days, rules)
                owed += charge
                position.borrow += charge
            position.mark = price
        worth = position.shares * position.mark
        value += position.side * worth
        gross += worth
    if account.legs:
        owed += charge_legs(bars, rules, account, book, bar, last)
        worth_now, gross_now, _ = worth_of_legs(bars, account, book, bar, AT_OPEN)
        value += worth_now
        gross += gross_now
    account.cash -= owed
    account.borrow += owed
    if rules.cash_rate > 0 and last >= 0:
        earned = rule.interest(account.free_cash, bars.day[bar] - bars.day[last], rules)
        account.cash += earned
        account.interest += earned
    account.equity, account.gross = account.cash + value, gross


@inlined
def _close_the_bar(rules: RuleNumbers, account: Any) -> None:
    """Check margin and ruin for the next open, and follow the drawdown."""
    account.margin_call = rule.is_margin_call(account.equity, account.shorts, rules)
    account.ruin_due = account.equity <= 0
    is_over = account.ruin_due or account.is_ruined
    account.free_cash = 0.0 if is_over else account.cash - account.shorts
    account.lowest = min(account.lowest, account.equity)
    if account.equity > account.peak:
        account.peak = account.equity
    else:
        account.deepest = min(account.deepest, account.equity / account.peak - 1)


@inlined
def _close_the_session(rules: RuleNumbers, account: Any, nights: int) -> None:
    """Add up the return of a session above cash; after ruin it has no meaning and is 0."""
    before = account.session_equity
    change = 0.0
    if before > 0:
        change = rule.above_cash(account.equity / before - 1, nights, rules)
    account.session_equity = account.equity
    account.returns += 1
    account.total += change
    account.squares += change * change
    account.least, account.most = min(account.least, change), max(account.most, change)
