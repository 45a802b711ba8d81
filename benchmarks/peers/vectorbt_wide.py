"""vectorbt's order functions by all rules, many symbols in one account.

Borrow is taken from the cash by a callback, and from the portfolio's value afterwards: vectorbt
itself knows no such cost. The gross limit, which this case never reaches, is left out.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio.enums import NoOrder
from vectorbt_sweep import SLIPPAGE, at, level, whole_shares
from worker import serve


class Market(NamedTuple):
    """Bars by symbol, and the cost of the night before each bar."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    night: np.ndarray


class Signals(NamedTuple):
    """Signals by bar and symbol."""

    bar: np.ndarray
    symbol: np.ndarray
    side: np.ndarray


class Terms(NamedTuple):
    """What every signal asks for."""

    weight: float
    hold: int
    stop: float


@njit
def before_account(c):
    """Place in the bar's work, next signal, number of positions; held symbols; exits and stops."""
    symbols = c.group_len
    return (
        np.zeros(4, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.int64),
        np.zeros(symbols, np.float64),
    )


@njit
def before_bar(c, state, held, expires, stop, market, borrow):
    """Charge the night, value the account at the open."""
    for place in range(state[2]):
        symbol = held[place]
        shares = c.last_position[symbol]
        if shares < 0:
            borrow[c.i] -= shares * market.close[c.i - 1, symbol] * market.night[c.i]
        c.last_val_price[symbol] = market.open[c.i, symbol]
    c.last_cash[0] -= borrow[c.i]
    state[0] = state[3] = 0
    return state, held, expires, stop


@njit
def next_order(c, state, held, expires, stop, market, signals, terms):
    """The next order of the bar: of its signals, then time exits, then stops."""
    i = c.i
    while state[0] == 0:
        k = state[1]
        if k == len(signals.bar) or signals.bar[k] != i:
            state[0] = 1
            break
        symbol, side = signals.symbol[k], signals.side[k]
        shares, price = c.last_position[symbol], market.open[i, symbol]
        if shares * side < 0:  # a reversal is two orders; this signal is met again
            drop(symbol, state, held)
            return symbol, at(-shares, price)
        state[1] += 1
        expires[symbol] = i + terms.hold
        if shares != 0:
            stop[symbol] = level(price, -side * terms.stop)
            continue
        fill = price * (1 + side * SLIPPAGE)
        stop[symbol] = level(fill, -side * terms.stop)
        held[state[2]] = symbol
        state[2] += 1
        return symbol, at(side * whole_shares(terms.weight * c.last_value[0], fill), price)
    while state[3] < state[2]:
        symbol = held[state[3]]
        shares, price = c.last_position[symbol], market.open[i, symbol]
        level_now = stop[symbol]
        if expires[symbol] == i:
            drop(symbol, state, held)
            return symbol, at(-shares, price)
        if shares > 0 and market.low[i, symbol] <= level_now:
            drop(symbol, state, held)
            return symbol, at(-shares, min(price, level_now))
        if shares < 0 and market.high[i, symbol] >= level_now:
            drop(symbol, state, held)
            return symbol, at(-shares, max(price, level_now))
        state[3] += 1
    return -1, NoOrder


@njit
def drop(symbol, state, held):
    """Take a symbol out of those held; the last one takes its place."""
    place = 0
    while held[place] != symbol:
        place += 1
    state[2] -= 1
    held[place] = held[state[2]]


def simulate(cash, market, signals, terms):
    """The portfolio, and the borrow that it paid in each session."""
    borrow = np.zeros(len(market.close))
    portfolio = vbt.Portfolio.from_order_func(
        pd.DataFrame(market.close),
        next_order,
        market,
        signals,
        terms,
        flexible=True,
        init_cash=cash,
        cash_sharing=True,
        pre_group_func_nb=before_account,
        pre_segment_func_nb=before_bar,
        pre_segment_args=(market, borrow),
        max_orders=2 * len(signals.bar) + 1,
        max_logs=0,
        fill_pos_record=False,
    )
    return portfolio, borrow


def figures(portfolio, borrow):
    """Final equity, deepest drawdown and number of trades."""
    equity = portfolio.value().to_numpy() - borrow.cumsum()
    drawdowns = equity / np.maximum.accumulate(equity) - 1
    return {
        "final_equity": equity[-1:],
        "max_drawdown": drawdowns.min(keepdims=True),
        "trades": np.array([portfolio.trades.count()]),
    }


def prepare(case):
    market = Market(*(case[name] for name in Market._fields))
    signals = Signals(*(case[name] for name in Signals._fields))
    terms = Terms(case["weight"].item(), case["hold"].item(), case["stop"].item())
    cash = case["cash"].item()
    few = slice(0, 20)
    early = Market(*(np.ascontiguousarray(array[few]) for array in market))
    soon = Signals(*(array[signals.bar < 20] for array in signals))
    figures(*simulate(cash, early, soon, terms))  # compiles
    return lambda: figures(*simulate(cash, market, signals, terms))


if __name__ == "__main__":
    serve(prepare)
