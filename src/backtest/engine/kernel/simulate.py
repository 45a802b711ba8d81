"""The door to the kernel: many accounts on the same bars, each with signals of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.compiled import numbers_of
from backtest.engine.kernel.kernel import run_accounts
from backtest.engine.kernel.panel import kernel_bars
from backtest.engine.kernel.records import (
    ACCOUNT,
    ENTERS_AT_CLOSE,
    IS_LEG,
    LEG,
    POSITION,
    TRADE,
    WAITS,
    Book,
    Tables,
    blank,
)
from backtest.engine.rules import check_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from backtest.data.borrow import BorrowRates
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.rules import Rules
    from backtest.stats import Floats

_PARTS = 4  # of the accounts for each thread


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
    """Trade accounts by the rules.

    Args:
        panel: the bars.
        signals: of all accounts in turn, fields as in `SIGNAL`; each account's sorted by
            bar, publication, symbol, event id, on bars that their symbol has. At one bar those
            of higher priority are served first.
        starts: row of each account's first signal, then the number of signals; (accounts + 1,).
        rules: the settings, the same for all.
        rates: borrow rates by symbol; a symbol without pays the default.
        trades: whether the trades are wanted.
        curves: whether equity and cash are wanted, bar by bar.
        threads: how many cores to use; the result does not depend on it.

    Returns:
        totals: one record an account, fields as in `ACCOUNT`.
        outcomes: one number a signal, its index in `OUTCOMES`; `CAPPED` is added where the
            volume has cut the entry.
        trades: one record a signal, fields as in `TRADE`; those of signals that entered have
            shares. Empty unless `trades`.
        equity: at each bar's close, shape (accounts, bars), dollars; empty unless `curves`.
        cash: likewise.

    Raises:
        ValueError: the rules look at volume and the panel has none.
        UsageError: a signal leaves out its weight, and the rules set no `max_positions`.

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
    if tables.totals["is_ranked"].any():
        order = _as_served(signals, starts)
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
    """The rows of one account's signals that entered, in the order of their entries."""
    order = as_served(signals, trades["entry_bar"])
    return order[trades["shares"][order] > 0]


def profits(signals: NDArray[Any], trades: NDArray[Any]) -> tuple[Floats, Floats]:
    """The gross and the net profit of each signal's trade, dollars; 0 of those without one."""
    moves = trades["exit_price"] - trades["entry_price"]
    gross = signals["side"] * trades["shares"] * moves
    net = gross - trades["commission"] - trades["borrow"] + trades["hedge_profit"]
    return gross, net + trades["dividends"]


def as_served(signals: NDArray[Any], bars: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of one account's signals in the order in which they are filled, by their bars."""
    waits, at_close = signals["terms"] & WAITS != 0, signals["terms"] & ENTERS_AT_CLOSE
    turn = np.where(waits, signals["symbol"], -signals["priority"])
    return np.lexsort((turn, waits + 2 * at_close, bars))


def leaders(signals: NDArray[Any]) -> NDArray[np.int64]:
    """By row that of the signal that leads it: of a leg the one before it, else its own."""
    own = np.arange(len(signals))
    return np.maximum.accumulate(np.where(signals["terms"] & IS_LEG, 0, own))


def _as_served(signals: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows by account and bar, the superseded ones first, then by priority as they stand."""
    account = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    keys = np.stack((account, signals["bar"], signals["symbol"]))
    alike = np.lexsort(keys[::-1])
    last = np.append((np.diff(keys[:, alike]) != 0).any(axis=0), True)
    acts = np.empty_like(last)
    acts[alike] = last
    acts = acts[leaders(signals)]
    return np.lexsort((-signals["priority"], acts, signals["bar"], account))


def _most_legs(signals: NDArray[Any], starts: NDArray[np.int64]) -> int:
    """The most legs that an account can hold."""
    legs = np.concatenate(([0], np.cumsum(signals["terms"] & IS_LEG != 0)))
    return int(np.diff(legs[starts]).max(initial=0))


def _blank_book(symbols: int, legs: int) -> Book:
    return Book(
        positions=blank(symbols, POSITION),
        opens=np.zeros(symbols),
        places=np.zeros(symbols, np.int64),
        newest=np.zeros(symbols, np.int64),
        legs=np.zeros(legs, LEG),
        net=np.zeros(symbols),
        shares=np.zeros(symbols),
        sizes=np.zeros(symbols),
    )
