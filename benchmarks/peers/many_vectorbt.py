"""vectorbt's order functions on many stocks: `many_vectorbt.py UNIVERSE ORDERS`."""

import sys
from pathlib import Path

import many_rules
import numpy as np
import vectorbt as vbt
from many_rules import CASH, read_market, read_signals, report
from numba import njit
from terms import SLIPPAGE
from vectorbt.portfolio.enums import NoOrder
from vectorbt.portfolio.nb import order_nb

commission_of = many_rules.commission_of = njit(many_rules.commission_of)
orders_of = njit(many_rules.orders_of)


@njit
def before_account(c):
    """Place in the bar's orders, expiries, and the orders themselves."""
    symbols = c.group_len
    return (
        np.zeros(2, np.int64),
        np.full(symbols, -1),
        np.zeros(2 * symbols, np.int64),
        np.zeros(2 * symbols),
    )


@njit
def before_bar(c, state, expires, symbols, sizes, opens, leaves, signals, starts):
    """What the rules want at this open."""
    bar = c.i
    c.last_val_price[:] = opens[bar]
    todays = signals[starts[bar] : starts[bar + 1]]
    cash = c.last_cash[0]
    wanted = orders_of(bar, todays, opens[bar], leaves[bar], c.last_position, expires, cash)
    state[0], state[1] = 0, len(wanted)
    for place in range(len(wanted)):
        symbols[place], sizes[place] = wanted[place]
    return state, symbols, sizes


@njit
def next_order(c, state, symbols, sizes, opens):
    """The next order of the bar."""
    place = state[0]
    if place == state[1]:
        return -1, NoOrder
    state[0] += 1
    symbol, size = symbols[place], sizes[place]
    price = opens[c.i, symbol]
    fill = price * (1 + SLIPPAGE) if size > 0 else price * (1 - SLIPPAGE)
    return symbol, order_nb(
        size=size, price=price, slippage=SLIPPAGE, fixed_fees=commission_of(size, fill)
    )


def main(folder: Path, file: str) -> None:
    opens, leaves = read_market(folder)
    prices, signals = opens.to_numpy(), read_signals(folder, opens)
    starts = np.searchsorted(signals[:, 0], np.arange(len(opens) + 1))
    portfolio = vbt.Portfolio.from_order_func(
        opens,
        next_order,
        prices,
        flexible=True,
        init_cash=CASH,
        cash_sharing=True,
        pre_group_func_nb=before_account,
        pre_segment_func_nb=before_bar,
        pre_segment_args=(prices, leaves, signals, starts),
        max_orders=4 * len(signals),
        max_logs=0,
        fill_pos_record=False,
    )
    made = portfolio.orders.records
    orders = made.rename(columns={"idx": "session", "col": "symbol", "size": "shares"})
    orders["shares"] *= 1 - 2 * orders["side"]  # 1 is a sale
    kept = orders[["session", "symbol", "shares"]]
    report(opens, kept, float(portfolio.final_value()), file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
