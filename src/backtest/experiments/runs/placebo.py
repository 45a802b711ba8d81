"""Placebos: the same signals at random times, or in random directions at the true times.

A strategy that knows something does better than most of them. Each draw is an account of its own,
traded by the same rules (`engine.simulate`); so is what happened, so that like stands beside like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.records import SIGNAL
from backtest.engine.kernel.simulate import simulate
from backtest.stats.drawing import distinct
from backtest.stats.figures import figures_of_totals
from backtest.stats.multiple_testing import monte_carlo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.data.borrow import BorrowRates
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.replay.books import Trade
    from backtest.engine.replay.result import EquityPoint
    from backtest.engine.rules import Rules
    from backtest.stats.multiple_testing import MonteCarlo

    Floats = NDArray[np.float64]

STATISTICS = ("total_return", "sharpe", "mean_trade_return")
_ROOM = 1_000_000  # signals that are held at once


@dataclass(frozen=True)
class Null:
    """What happened, beside draws of what happens without knowledge.

    Attributes:
        observed: by statistic, of the signals as they are; NaN where undefined. Returns are
            fractions, the Sharpe ratio is annual.
        draws: by statistic, shape (B,); likewise.

    """

    observed: Mapping[str, float]
    draws: Mapping[str, Floats]

    def standing(self, statistic: str) -> MonteCarlo | None:
        """p-values of a statistic; `upper` tells how often chance does as well.

        A draw in which the statistic is undefined counts as doing as well. None where that of
        what happened is.
        """
        return monte_carlo(self.observed[statistic], self.draws[statistic])

    def detectable(self, statistic: str, level: float = 0.05, power: float = 0.8) -> float | None:
        """The least edge that would have been found significant with this power, one-sided.

        An edge that adds as much to every draw lifts the `1 − power` quantile of the draws to
        their `1 − level` quantile. None where no draw has the statistic.
        """
        known = self.draws[statistic]
        known = known[~np.isnan(known)]
        if len(known) == 0:
            return None
        low, high = np.quantile(known, [1 - power, 1 - level]).tolist()
        return float(high - low)


def random_timing(
    panel: Panel,
    signals: NDArray[Any],
    rules: Rules,
    rates: Mapping[str, BorrowRates],
    *,
    seed: int,
    draws: int = 10_000,
    threads: int = 1,
) -> Null:
    """The same signals in random sessions: number, directions, weights and exit plans stay.

    Each symbol's signals are put, in random order, in different sessions among all in which the
    symbol has a bar: the last one too, where an entry is marked at the close as a true one would
    be. Signals of several symbols that meet in a session are served in the order given.

    Args:
        panel: the bars.
        signals: of the run, fields as in `SIGNAL`, in the kernel's order. Of several on one
            symbol at one open the last one acts, and it alone is moved.
        rules: the settings.
        rates: borrow rates by symbol.
        seed: of the draws; the same seed gives the same draws, whatever the threads.
        draws: how many.
        threads: how many cores to use.

    """
    acting = _acting(signals)
    sessions = [_sessions(panel, column) for column in range(len(panel.symbols))]

    def moved(count: int, rng: np.random.Generator) -> NDArray[Any]:
        table = np.tile(acting, (count, 1))
        for column in np.unique(acting["symbol"]):
            places = np.flatnonzero(acting["symbol"] == column)
            chosen = distinct(rng, count, len(places), len(sessions[column]))
            table["bar"][:, places] = sessions[column][chosen]
        order = np.argsort(table["bar"], axis=1, kind="stable")
        return np.take_along_axis(table, order, axis=1)

    return _null(panel, acting, rules, rates, moved, seed, draws, threads)


def random_direction(
    panel: Panel,
    signals: NDArray[Any],
    rules: Rules,
    rates: Mapping[str, BorrowRates],
    *,
    seed: int,
    draws: int = 10_000,
    threads: int = 1,
) -> Null:
    """The same signals at their true times, each long or short by the toss of a coin.

    Of n signals there are 2ⁿ different draws, so that few signals cannot give a small p-value.
    Arguments as for `random_timing`.
    """
    acting = _acting(signals)

    def tossed(count: int, rng: np.random.Generator) -> NDArray[Any]:
        table = np.tile(acting, (count, 1))
        table["side"] = 2 * rng.integers(2, size=table.shape) - 1
        return table

    return _null(panel, acting, rules, rates, tossed, seed, draws, threads)


def signals_of_trades(
    panel: Panel, trades: Sequence[Trade], curve: Sequence[EquityPoint], cash: float
) -> NDArray[Any]:
    """Signals that make the trades of a strategy which orders by itself, for its placebos.

    Each trade becomes a signal of its direction at its entry session, with the weight that it had
    of the equity at the close before, held as many sessions as the trade was, at least one, and
    without stops: what made the strategy leave is not known.

    Args:
        panel: the bars.
        trades: of the run; those still open are held to the end.
        curve: the equity of the run, one point a session.
        cash: at the start, dollars.

    """
    equity = {point.session: point.equity for point in curve}
    before = dict(zip(equity, [cash, *equity.values()], strict=False))
    rows = np.zeros(len(trades), SIGNAL)
    for row, trade in zip(rows, trades, strict=True):
        column = panel.columns[trade.symbol]
        row["symbol"], row["side"] = column, trade.sign
        row["bar"] = panel.bar_of(trade.entry_session)
        row["weight"] = trade.shares * trade.entry_price / before[trade.entry_session]
        row["hold"] = -1
        if trade.exit_reason != "open" and trade.exit_session is not None:
            span = (row["bar"], panel.bar_of(trade.exit_session))
            entered, left = np.searchsorted(_sessions(panel, column), span)
            row["hold"] = max(1, left - entered)
    for name in ("stop", "target", "trailing_stop"):
        rows[name] = np.nan
    return rows[np.argsort(rows["bar"], kind="stable")]


def _acting(signals: NDArray[Any]) -> NDArray[Any]:
    """The signals without those that another of the same open supersedes."""
    last = {(row["bar"], row["symbol"]): place for place, row in enumerate(signals)}
    return signals[sorted(last.values())]


def _sessions(panel: Panel, column: int) -> NDArray[np.int64]:
    """The symbol's first bar of each session in which it has one."""
    bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, column]))
    return bars[np.unique(panel.session_numbers[bars], return_index=True)[1]]


def _null(
    panel: Panel,
    acting: NDArray[Any],
    rules: Rules,
    rates: Mapping[str, BorrowRates],
    draw: Callable[[int, np.random.Generator], NDArray[Any]],
    seed: int,
    draws: int,
    threads: int,
) -> Null:
    """Trade what happened, then the draws, as many at a time as there is room for."""

    def statistics(table: NDArray[Any]) -> list[Floats]:
        starts = np.arange(len(table) + 1) * table.shape[1]
        simulation = simulate(panel, table.ravel(), starts, rules, rates, threads=threads)
        figures = figures_of_totals(simulation.totals, rules.cash, panel.count)
        return [figures[name] for name in STATISTICS]

    rng, step = np.random.default_rng(seed), max(1, _ROOM // max(len(acting), 1))
    observed = statistics(acting[None])
    parts = [statistics(draw(min(step, draws - first), rng)) for first in range(0, draws, step)]
    return Null(
        {name: float(values[0]) for name, values in zip(STATISTICS, observed, strict=True)},
        {
            name: np.concatenate(values)
            for name, values in zip(STATISTICS, zip(*parts, strict=True), strict=True)
        },
    )
