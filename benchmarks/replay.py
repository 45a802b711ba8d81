"""The replay's feed against Backtrader's own pandas feed: the same orders, timed in turn.

`make bench` prints the median of each, their ratio and its spread.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backtrader as bt

from backtest.engine import replay as engine
from backtest.engine.rules import Rules
from backtest.engine.timeline import Decision
from backtest.events import Earnings, read_events
from backtest.market.borrow import read_borrow_rates
from backtest.market.prices import Prices, read_prices
from backtest.strategy import Signal

DATA = Path(__file__).parents[1] / "data"
ROUNDS = 41


def main() -> None:
    prices = read_prices(DATA / "prices", "CRWV", bars=True)
    rates = read_borrow_rates(DATA / "borrow", "CRWV")
    decisions = [
        Decision(event, day, "signal", "", Signal.short(event, hold=10, stop=0.15))
        for event, day in zip(
            read_events(DATA / "events", Earnings).events,
            [prices.table.index[n].date() for n in (32, 94, 157, 229, 278, 343)],
            strict=True,
        )
    ]

    def once() -> tuple[float, float]:
        begin = time.perf_counter()
        result = engine.replay({"CRWV": prices}, {"CRWV": rates}, decisions, Rules())
        return time.perf_counter() - begin, result.curve[-1].equity

    ours = engine.add_symbol
    pairs = []
    for _ in range(ROUNDS):
        engine.add_symbol = ours
        mine, equity = once()
        engine.add_symbol = lambda *parts: _pandas(ours, *parts)
        theirs, same = once()
        if abs(equity - same) > 1e-6:
            sys.exit(f"the feeds disagree: {equity} against {same}")
        pairs.append((mine, theirs))
    ratios = [mine / theirs for mine, theirs in pairs[1:]]  # the first pair warms up
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"replay of {len(prices.table)} bars, {len(decisions)} signals, {ROUNDS - 1} pairs")
    print(f"this feed       {1e3 * statistics.median(m for m, _ in pairs[1:]):6.1f} ms")
    print(f"PandasData      {1e3 * statistics.median(t for _, t in pairs[1:]):6.1f} ms")
    print(f"ratio           {middle:6.2f} (quartiles {low:.2f} to {high:.2f})")


def _pandas(ours: Callable[..., None], cerebro: Any, prices: Prices, *costs: Any) -> None:
    """Costs as ours, the feed Backtrader's own."""
    ours(cerebro, prices, *costs)
    cerebro.datas.clear()
    cerebro.datasbyname.clear()
    cerebro.adddata(bt.feeds.PandasData(dataname=prices.table), name=prices.symbol)


if __name__ == "__main__":
    main()
