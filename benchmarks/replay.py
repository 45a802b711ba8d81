"""Compare a warm replay with the same one on Backtrader's own pandas feed."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import backtrader as bt
import pandas as pd
from turns import in_turn, row, tell

from backtest.data.borrow import read_borrow_rates
from backtest.data.events import read_events
from backtest.data.kinds import Earnings
from backtest.data.prices import read_prices
from backtest.engine.bars import COLUMNS, StockBars
from backtest.engine.replay import broker
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.schedule import Decision
from backtest.strategy.base import Signal

DATA = Path(__file__).parents[1] / "data"
ENTRIES = (32, 94, 157, 229, 278, 343)  # sessions
own_feed = broker.PriceFeed


def rows(rounds: int = 40) -> Iterator[dict[str, Any]]:
    """Time one replay; see `turns.row`."""
    prices = read_prices(DATA / "prices", "CRWV", bars=True)
    rates = read_borrow_rates(DATA / "borrow", "CRWV")
    events = read_events(DATA / "events", Earnings).events
    days = [prices.table.index[number].date() for number in ENTRIES]
    decisions = [
        Decision(event, day, "signal", "", Signal.short(event, hold=10, stop=0.15))
        for event, day in zip(events, days, strict=True)
    ]
    ends: set[float] = set()

    def timed(feed: Any) -> float:
        broker.PriceFeed = feed
        begin = time.perf_counter()
        result = replay({"CRWV": prices}, {"CRWV": rates}, decisions, Rules())
        ends.add(round(result.curve[-1].equity, 6))
        return time.perf_counter() - begin

    pairs = in_turn(lambda: timed(own_feed), lambda: timed(_pandas_feed), rounds)
    broker.PriceFeed = own_feed
    if len(ends) > 1:
        sys.exit(f"the feeds disagree: {ends}")
    work = f"one replay of CRWV ({len(prices.table)} bars, {len(decisions)} signals), warm"
    yield row(work, "the same replay on Backtrader's own `PandasData` feed", pairs, 0.6)


class _PandasFeed(bt.feeds.PandasData):
    """A `_PandasFeed` is Backtrader's own feed, which knows as much about its bars as ours."""

    params = (("bars", None), ("splits", ()))
    know_bars = own_feed.know_bars

    def __init__(self) -> None:
        super().__init__()
        self.know_bars()


def _pandas_feed(bars: StockBars, splits: Sequence[tuple[date, float]]) -> Any:
    index = pd.DatetimeIndex(bars.times)
    table = pd.DataFrame(bars.table, index=index, columns=COLUMNS)
    return _PandasFeed(dataname=table, bars=bars, splits=splits)


if __name__ == "__main__":
    tell(rows())
