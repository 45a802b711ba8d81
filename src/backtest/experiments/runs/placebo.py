"""Placebos: the same signals at random times, or in random directions at the true times.

A strategy that knows something does better than most of them. Signals that belong together are
moved by chains, or turned round by occasions, for the days that they meet are the same; both put
all symbols of a session together. A chain goes by plans alone, so that nothing of what came of
them decides what is moved; an occasion goes by what was held, and is the unit of evidence. Each
draw is an account of its own, traded by the same rules (`engine.kernel.simulate`); so is what
happened, so that like stands beside like. Cash earns nothing there: what it earns is no merit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.records import MARGIN_CALL, OPEN, SIGNAL, TIME
from backtest.engine.kernel.simulate import simulate
from backtest.stats.figures import figures_of_totals
from backtest.stats.multiple_testing import distinct, monte_carlo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    from collections.abc import Iterator, Mapping, Sequence

    from backtest.data.borrow import BorrowRates
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.replay.books import EquityPoint, Trade
    from backtest.engine.rules import Rules
    from backtest.stats.multiple_testing import MonteCarlo

    Floats = NDArray[np.float64]


_LONGEST = 2  # an occasion is cut when it has gone on for so many times the longest trade


@dataclass(frozen=True)
class Chains:
    """Signals that stand within one another's planned holding time.

    Attributes:
        of_signal: number of the chain of each signal, from 0, shape (n,).
        first: session in which each begins, shape (chains,).
        lengths: sessions from there up to and with its last planned exit, likewise.

    """

    of_signal: Numbers
    first: Numbers
    lengths: Numbers


def chains_of(signals: NDArray[Any], longest: int) -> Chains:
    """The chains of signals.

    A session joins a chain up to the last exit planned in it, for at that open a new signal still
    renews the trade or turns it round.

    Args:
        signals: fields as in `SIGNAL`, sorted by session.
        longest: sessions that a signal without a time exit counts for.

    """
    sessions = signals["bar"]
    ends = sessions + np.where(signals["hold"] < 0, longest, signals["hold"])
    last = np.maximum.accumulate(ends)
    begins = np.concatenate(([True], sessions[1:] > last[:-1]))
    number = np.cumsum(begins) - 1
    first = sessions[begins]
    final = last[np.append(np.flatnonzero(begins)[1:] - 1, len(signals) - 1)]
    return Chains(number, first, final - first + 1)


def occasions_of(signals: NDArray[Any], trades: NDArray[Any]) -> Numbers:
    """The number of each signal's occasion, from 0, shape (n,).

    At an open with signals a new occasion begins where all that the present one has entered has
    left by then, or where it has gone on for twice the longest trade. Signals that entered nothing
    (renewals, or no room) belong to the present one; one without any trade joins the one before.

    Args:
        signals: fields as in `SIGNAL`, sorted by session.
        trades: what became of each signal, fields as in `TRADE`; no shares where it did not enter.

    """
    entered = trades["shares"] > 0
    left_at_open = np.isin(trades["reason"], (TIME, MARGIN_CALL))
    free_from = np.where(left_at_open, trades["exit_bar"], trades["exit_bar"] + 1)
    limit = _LONGEST * longest_trade(trades)
    numbers = np.zeros(len(signals), np.int64)
    number, first, until, has_trade = -1, 0, 0, True
    for session in np.unique(signals["bar"]):
        rows = np.flatnonzero(signals["bar"] == session)
        is_over = session >= until or session - first >= limit
        if number < 0 or (is_over and has_trade):
            number, first, until, has_trade = number + 1, session, session, False
        numbers[rows] = number
        acted = rows[entered[rows]]
        if len(acted):
            has_trade = True
            until = max(until, int(free_from[acted].max()))
    if number > 0 and not has_trade:
        numbers[numbers == number] = number - 1
    return numbers


def longest_trade(trades: NDArray[Any]) -> int:
    """Sessions of the longest trade, at least 1; one still open counts up to the last session."""
    made = trades[trades["shares"] > 0]
    spans = made["exit_bar"] - made["entry_bar"] + (made["reason"] == OPEN)
    return int(max(spans.max(initial=1), 1))


STATISTICS = ("sharpe", "total_return", "mean_trade_return")
FEWEST_STARTS = 20  # places that a chain needs for its dates to be moved at all
_ROOM = 1_000_000  # signals that are held at once
_TRIES = 200  # of places for a chain among others, before a draw is begun anew


@dataclass(frozen=True)
class Null:
    """What happened, beside draws of what happens without knowledge.

    Attributes:
        observed: by statistic, of the signals as they are; NaN where undefined. Returns are
            fractions, the Sharpe ratio is annual.
        draws: by statistic, shape (B,); likewise.
        is_complete: whether the draws are all that there can be, what happened among them.

    """

    observed: Mapping[str, float]
    draws: Mapping[str, Floats]
    is_complete: bool = False

    def standing(self, statistic: str) -> MonteCarlo | None:
        """p-values of a statistic; `upper` says how often chance does as well.

        A draw in which the statistic is undefined counts against the run in both. None where that
        of what happened is undefined.
        """
        observed, draws = self.observed[statistic], self.draws[statistic]
        return monte_carlo(observed, draws, is_complete=self.is_complete)


@dataclass(frozen=True)
class Account:
    """What a placebo trades: the bars, the rules and the signals that acted.

    Attributes:
        panel: daily bars.
        signals: fields as in `SIGNAL`, by session, publication, symbol and event id; of several on
            one symbol at one open the last alone.
        rules: the settings.
        rates: borrow rates by symbol.

    """

    panel: Panel
    signals: NDArray[Any]
    rules: Rules
    rates: Mapping[str, BorrowRates]

    def without_costs(self) -> Account:
        """The same without commission, slippage and borrow."""
        free = {
            "commission_per_share": 0.0, "commission_fixed": 0.0, "commission_bps": 0.0,
            "commission_min": 0.0, "slippage_bps": 0.0, "slippage_range": 0.0,
            "borrow_mode": "none",
        }  # fmt: skip
        return Account(self.panel, self.signals, self.rules.model_copy(update=free), self.rates)

    def null(self, tables: Iterator[NDArray[Any]], *, is_complete: bool = False) -> Null:
        """Trade what happened, then each account of the tables, shape (accounts, n) each."""
        observed = self._statistics(self.signals[None])
        parts = [self._statistics(table) for table in tables]
        return Null(
            {name: float(values[0]) for name, values in observed.items()},
            {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS},
            is_complete,
        )

    def _statistics(self, table: NDArray[Any]) -> dict[str, Floats]:
        starts = np.arange(len(table) + 1) * table.shape[1]
        rules = self.rules.model_copy(update={"cash_rate": 0.0})
        made = simulate(self.panel, table.ravel(), starts, rules, self.rates)
        figures = figures_of_totals(made.totals, rules.cash, self.panel.count)
        return {name: figures[name] for name in STATISTICS}


def acting(signals: NDArray[Any]) -> NDArray[Any]:
    """The signals without those that another of the same open supersedes."""
    last = {(row["bar"], row["symbol"]): place for place, row in enumerate(signals)}
    return signals[sorted(last.values())]


def random_timing(account: Account, chains: Chains, *, seed: int, draws: int) -> Null | None:
    """The same signals at other times; None where the history is too short to move them in.

    The sessions are a circle. The chains stand on it in random order with random gaps (all ways
    to share out the free sessions are equally likely), and within a chain distances, directions,
    weights and exit plans stay. Chains that would not fit side by side move all by one number.
    Where symbols lack bars, a chain only goes where each of its signals finds one.

    Args:
        account: what is traded.
        chains: of its signals.
        seed: of the draws.
        draws: how many.

    """
    signals, sessions = account.signals, len(account.panel.times)
    number, distance = chains.of_signal, signals["bar"] - chains.first[chains.of_signal]
    fits = _fitting(account, chains, distance)
    if (fits.sum(axis=1) < FEWEST_STARTS).any():
        return None
    rng = np.random.default_rng(seed)
    tables = []
    step = max(1, _ROOM // len(signals))
    for first in range(0, draws, step):
        begins = _begins(chains, fits, min(step, draws - first), rng)
        if begins is None:
            return None
        table = np.tile(signals, (len(begins), 1))
        table["bar"] = (begins[:, number] + distance) % sessions
        order = np.argsort(table["bar"], axis=1, kind="stable")
        tables.append(np.take_along_axis(table, order, axis=1))
    return account.null(iter(tables))


def random_direction(account: Account, occasions: Numbers, *, seed: int, draws: int) -> Null:
    """The same signals at their true times, all of an occasion turned round by one coin.

    Costs are left out in draws and in what happened alike: a long turned into a short would lose
    by its borrow alone. Of k occasions there are 2ᵏ draws; where that is no more than `draws`, each
    is made once.

    Args:
        account: what is traded.
        occasions: number of each signal's occasion, shape (n,).
        seed: of the draws.
        draws: how many.

    """
    free, count = account.without_costs(), int(occasions.max()) + 1
    is_complete = 2**count <= draws
    if is_complete:
        coins = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        coins = np.random.default_rng(seed).integers(2, size=(draws, count))
    step = max(1, _ROOM // len(free.signals))

    def tables() -> Iterator[NDArray[Any]]:
        for first in range(0, len(coins), step):
            turned = coins[first : first + step][:, occasions]
            table = np.tile(free.signals, (len(turned), 1))
            table["side"] *= 1 - 2 * turned
            yield table

    return free.null(tables(), is_complete=is_complete)


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
            bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, column]))
            entered, left = np.searchsorted(bars, (row["bar"], panel.bar_of(trade.exit_session)))
            row["hold"] = max(1, left - entered)
    for name in ("stop", "target", "trailing_stop"):
        rows[name] = np.nan
    return rows[np.argsort(rows["bar"], kind="stable")]


def _fitting(account: Account, chains: Chains, distance: Numbers) -> NDArray[np.bool_]:
    """Where each chain may begin: all its signals find a bar; shape (chains, sessions)."""
    signals, sessions = account.signals, len(account.panel.times)
    has_bar = ~np.isnan(account.panel.prices["open"])
    fits = np.ones((len(chains.first), sessions), np.bool_)
    for row, chain, away in zip(signals, chains.of_signal, distance, strict=True):
        fits[chain] &= np.roll(has_bar[:, row["symbol"]], -away)
    return fits


def _begins(
    chains: Chains, fits: NDArray[np.bool_], draws: int, rng: np.random.Generator
) -> Numbers | None:
    """The session in which each chain begins, shape (draws, chains); None where none is found."""
    sessions = fits.shape[1]
    if chains.lengths.sum() > sessions:
        everywhere = np.ones(sessions, np.bool_)
        for begin, places in zip(chains.first, fits, strict=True):
            everywhere &= np.roll(places, -begin)
        shifts = np.flatnonzero(everywhere)
        if len(shifts) < FEWEST_STARTS:
            return None
        moved: Numbers = (chains.first + rng.choice(shifts, (draws, 1))) % sessions
        return moved
    if fits.all():
        return _side_by_side(chains.lengths, sessions, draws, rng)
    return _among_others(chains.lengths, fits, draws, rng)


def _side_by_side(lengths: Numbers, sessions: int, draws: int, rng: np.random.Generator) -> Numbers:
    """Chains in random order with random gaps on a circle of sessions."""
    count, free = len(lengths), sessions - lengths.sum()
    order = rng.permuted(np.tile(np.arange(count), (draws, 1)), axis=1)
    bars = np.sort(distinct(rng, draws, count - 1, int(free) + count - 1), axis=1)
    walls = np.concatenate([np.full((draws, 1), -1), bars], axis=1)
    gaps = np.diff(walls, axis=1, append=free + count - 1) - 1
    ahead = np.cumsum(lengths[order] + gaps, axis=1) - lengths[order]
    begins: Numbers = np.empty_like(ahead)
    np.put_along_axis(begins, order, ahead + rng.integers(sessions, size=(draws, 1)), axis=1)
    begins %= sessions
    return begins


def _among_others(
    lengths: Numbers, fits: NDArray[np.bool_], draws: int, rng: np.random.Generator
) -> Numbers | None:
    """Chains one after another, those with the fewest places first, each clear of the others."""
    sessions = fits.shape[1]
    begins = np.zeros((draws, len(lengths)), np.int64)
    placed = np.empty(0, np.int64)
    for chain in np.argsort(fits.sum(axis=1), kind="stable").tolist():
        places, todo = np.flatnonzero(fits[chain]), np.arange(draws)
        for _ in range(_TRIES):
            begins[todo, chain] = rng.choice(places, len(todo))
            others, begin = begins[np.ix_(todo, placed)], begins[todo, chain, None]
            after = (others - begin) % sessions < lengths[chain]
            before = (begin - others) % sessions < lengths[placed]
            todo = todo[(after | before).any(axis=1)]
            if not len(todo):
                break
        else:
            return None
        placed = np.append(placed, chain)
    return begins
