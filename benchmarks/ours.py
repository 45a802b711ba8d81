"""Run the kernel's side of the comparisons."""

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from worker import Arrays, serve

from backtest.data.borrow import BorrowRate, BorrowRates
from backtest.engine.kernel import SIGNAL
from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.stats.figures import figures_of_totals


def panel_of(case: Arrays) -> Panel:
    """Return the bars of a case."""
    bars = len(case["time"])
    prices = blank_prices((bars, case["open"].size // bars))
    for name in prices.dtype.names:
        prices[name] = case[name].reshape(prices.shape)
    times = case["time"].astype("M8[ns]").astype("M8[us]")
    symbols = tuple(f"S{number:04d}" for number in range(prices.shape[1]))
    return Panel(symbols, times, times.astype("M8[D]"), prices, np.empty((0, 0)))


def rates_of(case: Arrays, symbol: str) -> dict[str, BorrowRates]:
    """Return the borrow rates of a case that has a table of them."""
    if "rate" not in case:
        return {}
    rows = zip(case["rate_day"].tolist(), case["rate"].tolist(), strict=True)
    return {symbol: BorrowRates(symbol, tuple(BorrowRate(*row, "embedded") for row in rows))}


def signals_of(case: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of signals, account by account, and the row where each account begins."""
    sets = np.atleast_1d(case["hold"]).size
    acts = np.ones((sets, len(case["bar"])), dtype=bool)
    if "threshold" in case:
        acts = case["strength"] > case["threshold"][:, None]
    number, event = np.nonzero(acts)
    rows = np.zeros(len(number), SIGNAL)
    rows["bar"], rows["side"] = case["bar"][event], case["side"][event]
    if "symbol" in case:
        rows["symbol"] = case["symbol"][event]
    for name in ("weight", "hold", "stop"):
        rows[name] = np.atleast_1d(case[name])[number]
    rows["target"] = rows["trailing_stop"] = np.nan
    return rows, np.concatenate(([0], np.cumsum(acts.sum(axis=1))))


def prepare(case: Arrays) -> Callable[[], Arrays]:
    threads = int(sys.argv[3])
    panel = panel_of(case)
    rules = Rules.model_validate_json(case["rules"].item())
    rates = rates_of(case, panel.symbols[0])
    sessions = len(np.unique(panel.sessions))
    laid_out = signals_of(case) if case["hold"].size == 1 else None  # a sweep's are its own work

    def work() -> Arrays:
        rows, starts = laid_out or signals_of(case)
        done = simulate(panel, rows, starts, rules, rates, threads=threads)
        return figures_of_totals(done.totals, rules.cash, sessions)

    few = replace(panel, times=panel.times[:2], sessions=panel.sessions[:2])
    simulate(few, np.zeros(0, SIGNAL), np.zeros(2, np.int64), rules, rates)  # compiles
    return work


if __name__ == "__main__":
    serve(prepare)
