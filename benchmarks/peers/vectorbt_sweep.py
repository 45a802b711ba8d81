"""vectorbt's order functions by all rules, one column a parameter set.

Borrow is taken from the cash by a callback, and from the portfolio's value afterwards: vectorbt
itself knows no such cost.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import terms
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder
from worker import serve

SLIPPAGE = terms.SLIPPAGE
commission = njit(terms.commission)
level = njit(terms.level)
whole_shares = njit(terms.whole_shares)


class Market(NamedTuple):
    """Bars, the cost of the night before each, and its session."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    night: np.ndarray
    session: np.ndarray


class Signals(NamedTuple):
    """Signals by bar: side, and strength to be held against a threshold."""

    bar: np.ndarray
    side: np.ndarray
    strength: np.ndarray


class Sets(NamedTuple):
    """Parameters by set."""

    weight: np.ndarray
    hold: np.ndarray
    stop: np.ndarray
    threshold: np.ndarray


@njit
def before_set(c):  # noqa: ARG001 - vectorbt hands it over
    """A set's step within the bar, session of the time exit and next signal; its stop."""
    return np.zeros(3, np.int64), np.zeros(1, np.float64)


@njit
def before_bar(c, state, stop, market):
    """Charge the night, value the account at the open."""
    held = c.last_position[c.group]
    if held < 0:
        c.last_cash[c.group] += held * market.close[c.i - 1] * market.night[c.i]
    c.last_val_price[c.group] = market.open[c.i]
    state[0] = 0
    return state, stop


@njit
def next_order(c, state, stop, market, signals, sets):  # noqa: C901 - in parts it is slower
    """The next order of the bar: of its signal, then the time exit, then the stop."""
    i, s = c.i, c.group
    price = market.open[i]
    held = c.last_position[s]
    if state[0] == 0:
        k = state[2]
        if k < len(signals.bar) and signals.bar[k] == i:
            side = signals.side[k]
            if signals.strength[k] > sets.threshold[s]:
                if held * side < 0:
                    return s, at(-held, price)
                state[1] = market.session[i] + sets.hold[s]
                state[2] += 1
                state[0] = 1
                if held != 0:
                    stop[0] = level(price, -side * sets.stop[s])
                else:
                    fill = price * (1 + side * SLIPPAGE)
                    stop[0] = level(fill, -side * sets.stop[s])
                    return s, at(side * whole_shares(sets.weight[s] * c.last_value[s], fill), price)
            else:
                state[2] += 1
        state[0] = 1
    if state[0] == 1:
        state[0] = 2
        if held != 0 and market.session[i] == state[1]:
            return s, at(-held, price)
    if state[0] == 2:
        state[0] = 3
        if held > 0 and market.low[i] <= stop[0]:
            return s, at(-held, min(price, stop[0]))
        if held < 0 and market.high[i] >= stop[0]:
            return s, at(-held, max(price, stop[0]))
    return -1, NoOrder


@njit
def at(size, price):
    """An order whose commission is that of its slipped fill."""
    fill = price * (1 + np.sign(size) * SLIPPAGE)
    return nb.order_nb(size=size, price=price, slippage=SLIPPAGE, fixed_fees=commission(size, fill))


def simulate(cash, market, signals, sets):
    """The portfolio of all sets."""
    shape = (len(market.close), len(sets.hold))
    return vbt.Portfolio.from_order_func(
        pd.DataFrame(np.broadcast_to(market.close[:, None], shape)),
        next_order,
        market,
        signals,
        sets,
        flexible=True,
        init_cash=cash,
        pre_group_func_nb=before_set,
        pre_segment_func_nb=before_bar,
        pre_segment_args=(market,),
        max_orders=4 * len(signals.bar) * shape[1],
        max_logs=0,
        fill_pos_record=False,
    )


def figures(portfolio, market):
    """Final equity, deepest drawdown and number of trades of each set."""
    equity = portfolio.value().to_numpy(copy=True)
    nights = (market.close[:-1] * market.night[1:])[:, None]
    shorts = np.minimum(portfolio.assets().to_numpy()[:-1], 0.0)
    equity[1:] += (shorts * nights).cumsum(axis=0)
    drawdowns = equity / np.maximum.accumulate(equity, axis=0) - 1
    return {
        "final_equity": equity[-1],
        "max_drawdown": drawdowns.min(axis=0),
        "trades": portfolio.trades.count().to_numpy(),
    }


def prepare(case):
    market = Market(*(case[name] for name in Market._fields))
    signals = Signals(*(case[name] for name in Signals._fields))
    sets = Sets(*(case[name] for name in Sets._fields))
    cash = case["cash"].item()
    first = Sets(*(values[:2].copy() for values in sets))
    figures(simulate(cash, market, signals, first), market)  # compiles
    return lambda: figures(simulate(cash, market, signals, sets), market)


if __name__ == "__main__":
    serve(prepare)
