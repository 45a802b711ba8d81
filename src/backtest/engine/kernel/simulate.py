"""The kernel follows the trading rules over arrays of bars and signals, compiled.

It trades many accounts on the same bars, one after another, each with its own signals. The order
within a bar is that of the replay: nights, the open (ruin and margin call, signals, time exits),
resting orders, the close. `simulate` is its entry point, `rules.py` holds every formula.

Every function is compiled into one, and the arrays are borrowed: to pass them from function to
function, counting references, would take thirty times as long as the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import (
    ACCOUNT,
    AT_CLOSE,
    AT_OPEN,
    ENTERS_AT_CLOSE,
    HOLDS_BARS,
    IS_FLAT,
    IS_LEG,
    LEAVES_AT_CLOSE,
    LEG,
    OPEN,
    POSITION,
    RESIZES,
    TRADE,
    WAITS,
    Bars,
    Book,
    RuleNumbers,
    Tables,
    blank,
    numbers_of,
)
from backtest.engine.kernel.actions import act_before_open
from backtest.engine.kernel.formulas import borrowed, compiled, inlined, rule, whole
from backtest.engine.kernel.legs import charge_legs, mark_legs, worth_of_legs
from backtest.engine.kernel.orders import book_trade
from backtest.engine.kernel.panel import Panel, kernel_bars
from backtest.engine.kernel.session import answer_the_last_close, trade_the_bar
from backtest.engine.rules import Rules, check_weights

if TYPE_CHECKING:
    from backtest.data.borrow import BorrowRates
    from backtest.stats import Floats

_PARTS = 4  # of the accounts, for each thread


def simulate(
    panel: Panel,
    signals: NDArray[Any],
    starts: NDArray[np.int64],
    rules: Rules,
    rates: Mapping[str, BorrowRates],
    *,
    trades: bool = False,
    curves: bool = False,
    threads: int = 1,
) -> Tables:
    """Trade accounts, all by the same rules, and return their tables.

    `signals` has records of `SIGNAL`: those of one account after another, each account's sorted by
    bar, publication, symbol, event id, on bars that their symbol has. Within a bar those of higher
    priority are served first. `starts` has the row of each account's first signal, then the number
    of signals. A symbol without `rates` pays the default. The result does not depend on `threads`.

    The tables have a record of `ACCOUNT` for each account, and for each signal the index of its
    outcome in `OUTCOMES`, plus `CAPPED` where the participation cap has cut the entry. With
    `trades` each signal has a record of `TRADE`, with shares where it entered; with `curves` there
    are equity and cash at each bar's close, dollars, shape (accounts, bars).

    Raise ValueError where the rules need volume and the panel has none, UsageError where a signal
    leaves out its weight and the rules set no `max_positions`.
    """
    if rules.max_participation is not None and panel.volume.shape != panel.prices.shape:
        raise ValueError("max_participation needs a panel with volume")
    accounts, bars = len(starts) - 1, len(panel.times)
    curve = (accounts if curves else 0, bars)
    tables = Tables(
        totals=np.zeros(accounts, ACCOUNT),
        outcomes=np.zeros(len(signals), np.int8),
        trades=np.zeros(len(signals) if trades else 0, TRADE),
        equity=np.zeros(curve),
        cash=np.zeros(curve),
    )
    work = (kernel_bars(panel, rates, rules), signals, starts, numbers_of(rules))
    legs = _most_legs(signals, starts)

    def trade(part: tuple[int, int]) -> None:
        run_accounts(*work, part, tables, _blank_book(len(panel.symbols), legs))

    if threads == 1:
        trade((0, accounts))
    else:  # short parts, for accounts differ in work
        bounds = np.linspace(0, accounts, _PARTS * threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(trade, pairwise(bounds)))
    if tables.totals["is_ranked"].any():  # the accounts stopped at the first signal of a priority
        order = _by_priority(signals, starts)
        served = signals[order]
        served["priority"] = 0
        terms = (panel, served, starts, rules, rates)
        tables = simulate(*terms, trades=trades, curves=curves, threads=threads)
        back = np.argsort(order)
        of_trades = tables.trades[back] if trades else tables.trades
        return tables._replace(outcomes=tables.outcomes[back], trades=of_trades)
    check_weights(tables.totals["lacks_weight"].any(), rules)
    return tables


def by_entry(signals: NDArray[Any], trades: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows of one account's signals that entered, in the order of their entries."""
    order = as_served(signals, trades["entry_bar"])
    return order[trades["shares"][order] > 0]


def profits(signals: NDArray[Any], trades: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the gross and the net profit of each signal's trade, dollars; 0 without a trade."""
    moves = trades["exit_price"] - trades["entry_price"]
    gross = signals["side"] * trades["shares"] * moves
    net = gross - trades["commission"] - trades["borrow"] + trades["hedge_profit"]
    return gross, net + trades["dividends"]


def as_served(signals: NDArray[Any], bars: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of one account's signals in the order in which they are filled at `bars`."""
    waits, at_close = signals["terms"] & WAITS != 0, signals["terms"] & ENTERS_AT_CLOSE
    turn = np.where(waits, signals["symbol"], -signals["priority"])
    return np.lexsort((turn, waits + 2 * at_close, bars))


def leaders(signals: NDArray[Any]) -> NDArray[np.int64]:
    """Return the row of each row's leader: for a leg its signal's, otherwise its own."""
    rows = np.arange(len(signals))
    return np.maximum.accumulate(np.where(signals["terms"] & IS_LEG, 0, rows))


def _by_priority(signals: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows by account and bar, superseded ones first, the others by priority."""
    account = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    keys = np.stack((account, signals["bar"], signals["symbol"]))
    alike = np.lexsort(keys[::-1])
    last = np.append((np.diff(keys[:, alike]) != 0).any(axis=0), True)
    acts = np.empty_like(last)
    acts[alike] = last
    lead = leaders(signals)
    return np.lexsort((-signals["priority"][lead], acts[lead], signals["bar"], account))


def _most_legs(signals: NDArray[Any], starts: NDArray[np.int64]) -> int:
    """Return the most legs that an account can hold."""
    legs = np.concatenate(([0], np.cumsum(signals["terms"] & IS_LEG != 0)))
    return int(np.diff(legs[starts]).max(initial=0))


def _blank_book(symbols: int, legs: int) -> Book:
    return Book(
        positions=blank(symbols, POSITION),
        opens=np.zeros(symbols),
        slots=np.zeros(symbols, np.int64),
        newest=np.zeros(symbols, np.int64),
        legs=np.zeros(legs, LEG),
        net=np.zeros(symbols),
        shares=np.zeros(symbols),
        sizes=np.zeros(symbols),
    )


# One account after another, compiled


@compiled
def run_accounts(
    bars: Bars, signals: NDArray[Any], starts: NDArray[np.int64], rules: RuleNumbers,
    part: tuple[int, int], tables: Tables, book: Book,
) -> None:  # fmt: skip
    """Trade the accounts from `part[0]` up to `part[1]`.

    Each account's signals are in order of bar and, within a bar, as they are served; of several on
    one symbol the last acts. An account stops at a signal with a priority. `starts` and the tables
    are those of `simulate`. The book is blank, with room for the positions of one account.
    """
    for number in range(part[0], part[1]):
        rows = (starts[number], starts[number + 1])
        _trade(
            borrowed(bars), borrowed(signals), rows, rules, number, borrowed(tables), borrowed(book)
        )


@inlined
def _trade(
    bars: Bars, signals: NDArray[Any], rows: tuple[int, int], rules: RuleNumbers, number: int,
    tables: Tables, book: Book,
) -> None:  # fmt: skip
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
    _mark_open_trades(bars, account, book, tables)


@inlined
def _signals_until(
    bars: Bars, signals: NDArray[Any], row: int, end: int, bar: int, account: Any, book: Book
) -> int:
    """Return the row after the signals of a bar, and note each symbol's newest on the way.

    It also notes what `simulate` has to know of them, for a pass beforehand would read all memory
    twice.
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
        leaves_at_close = signals[row].hold == 0 or signals[row].leave_at > 0
        if signals[row].terms & (ENTERS_AT_CLOSE | LEAVES_AT_CLOSE) or leaves_at_close:
            account.uses_close = True
        row += 1
    return row


@inlined
def _next_bar(
    bars: Bars, signals: NDArray[Any], row: int, end: int, rules: RuleNumbers, account: Any,
    bar: int,
) -> int:  # fmt: skip
    """Return the next bar or, with nothing held and no interest to earn, the next signal's."""
    earns = rules.cash_rate > 0 and not account.is_ruined
    if account.positions > 0 or earns:
        return bar + 1
    return signals[row].bar if row < end else len(bars.session)


@inlined
def _draw(tables: Tables, number: int, account: Any, first: int, end: int) -> None:
    """Write the curves from bar `first` up to `end`."""
    if len(tables.equity):
        tables.equity[number, first:end] = account.equity
        tables.cash[number, first:end] = account.cash


@inlined
def _open_the_bar(
    bars: Bars, rules: RuleNumbers, account: Any, book: Book, bar: int, last: int
) -> None:
    """Charge shorts for the nights since their last bar, pay interest, value at the open.

    A symbol without a bar is valued at its last close.
    """
    for slot in range(account.positions):  # a loop of its own: many slots in memory at once
        book.opens[slot] = bars.prices[bar, book.positions[slot].symbol].open
    value = gross = owed = 0.0
    for slot in range(account.positions):
        position = book.positions[slot]
        if position.waits:
            gross += position.shares * position.mark
            continue
        price = book.opens[slot]
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
    """Check margin and ruin for the next open, and update the drawdown."""
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
    """Add the session's return above cash to the totals; after ruin it has no meaning and is 0."""
    before = account.session_equity
    change = 0.0
    if before > 0:
        change = rule.above_cash(account.equity / before - 1, nights, rules)
    account.session_equity = account.equity
    account.returns += 1
    account.total += change
    account.squares += change * change
    account.least, account.most = min(account.least, change), max(account.most, change)


@inlined
def _mark_open_trades(bars: Bars, account: Any, book: Book, tables: Tables) -> None:
    """Value what is still held at its last close, and empty the book for the next account."""
    for slot in range(account.positions):
        position = book.positions[slot]
        net = book_trade(account, position, tables, position.mark, OPEN, AT_CLOSE)
        book.slots[position.symbol] = 0
        for number in range(account.legs if position.legs else 0):
            if book.legs[number].leader == position.signal:
                book.legs[number].leader_net = net
    if account.legs:
        mark_legs(bars, account, book, tables)
