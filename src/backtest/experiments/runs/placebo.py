"""This module trades placebos: the same signals at random times, or in random directions.

A strategy that knows something does better than most of them. Signals that meet the same days
belong together, whatever their symbols: they are moved in chains and reversed by occasions. Chains
follow from the plans of signals alone, so that no outcome decides what is moved; occasions follow
from what was held, and are the unit of evidence. Each draw is an account of its own, traded by the
same rules (`engine.kernel.simulate`), and so is the run itself, so that like is compared with
like. Cash earns nothing in them, for that is no merit of the signals.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel import (
    AT_CLOSE,
    AT_OPEN,
    ENTERS_AT_CLOSE,
    HOLDS_BARS,
    IS_FLAT,
    IS_LEG,
    OPEN,
    REVERSAL,
    RUIN,
    SIGNAL,
    TARGET,
)
from backtest.engine.kernel.simulate import leaders, simulate
from backtest.stats import LEVEL
from backtest.stats.figures import figures_of_totals
from backtest.stats.multiple_testing import MonteCarlo, is_certain, monte_carlo, shares_of

if TYPE_CHECKING:
    from backtest.data.borrow import BorrowRates
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.rules import Rules
    from backtest.stats import Floats, Ints

Draws = Iterator[NDArray[Any]]

STATISTICS = ("sharpe", "total_return", "mean_trade_return")
FEWEST_STARTS = 20  # sessions in which a chain must be able to begin for its dates to be moved
_DAY = 24 * 60  # minutes
_LONGEST = 2  # longest trades after which an occasion is cut
_ROOM = 250_000  # signals that are held in memory at once
_BATCH = 1_000_000  # signals that are traded before it is tested whether the verdict is certain
_LEAST_BATCH = 200  # draws; the verdict is certain after no fewer
_WORTH_THREADS = 20_000  # signals from which on threads are used
_TRIAL = 50  # draws that show whether chains find room
_TRIES = 200  # starts that are tried for a chain among others before a draw is left out


@dataclass(frozen=True)
class Chains:
    """Chains are made of signals within one another's planned holding time."""

    of_signal: Ints  # number of each signal's chain, from 0, shape (n,)
    first: Ints  # number of the session in which each begins, shape (chains,)
    lengths: Ints  # sessions of each, from its first up to and with its last planned exit, likewise


def chains_of(signals: NDArray[Any], longest: int) -> Chains:
    """Return the chains of signals, which are sorted by session (in place of bar).

    A signal joins a chain up to the session of its last planned exit, for at that open it still
    renews or reverses the trade. A signal without a time exit counts for `longest` sessions.
    """
    sessions = signals["bar"]
    is_flat = signals["terms"] & IS_FLAT != 0  # such a signal plans no exit of its own
    hold = np.where(is_flat, 0, signals["hold"])
    ends = sessions + np.where(hold < 0, longest, hold)
    last = np.maximum.accumulate(ends)
    begins = np.concatenate(([True], sessions[1:] > last[:-1]))
    number = np.cumsum(begins) - 1
    first = sessions[begins]
    final = last[np.append(np.flatnonzero(begins)[1:] - 1, len(signals) - 1)]
    return Chains(number, first, final - first + 1)


def occasions_of(signals: NDArray[Any], trades: NDArray[Any]) -> Ints:
    """Return the number of each signal's occasion, from 0, shape (n,); `trades` has a row for each.

    At an open with signals a new occasion begins if the current one's trades were all left by then,
    or if it has lasted twice as long as the longest trade. Signals that entered nothing (renewals,
    or no room) belong to the current one; an occasion without a trade joins the one before.
    """
    entered = trades["shares"] > 0
    # A trade left at an open by a target, a reversal or ruin takes up that session too.
    is_free = ~np.isin(trades["reason"], (TARGET, REVERSAL, RUIN))
    left_at_open = is_free & (trades["left_at"] == AT_OPEN)
    free_from = np.where(left_at_open, trades["exit_bar"], trades["exit_bar"] + 1)
    limit = _LONGEST * longest_trade(trades)
    sessions, rows = np.unique(signals["bar"], return_index=True)
    last_free = np.maximum.reduceat(np.where(entered, free_from, -1), rows)
    numbers = []
    number, has_trade = -1, True
    first = until = 0
    for session, free in zip(sessions.tolist(), last_free.tolist(), strict=True):
        is_over = session >= until or session - first >= limit
        if is_over and has_trade:
            number, first, until, has_trade = number + 1, session, session, False
        numbers.append(number)
        if free >= 0:
            has_trade = True
            until = max(until, free)
    of_session = np.array(numbers)
    if number > 0 and not has_trade:
        of_session[of_session == number] = number - 1
    return np.repeat(of_session, np.diff(rows, append=len(signals)))


def by_session(panel: Panel, table: NDArray[Any]) -> NDArray[Any]:
    """Return signals or their trades with numbers of sessions in place of those of bars.

    A trade left at the open of a later bar than its session's first was not left at that open.
    """
    if panel.kinds is None:
        return table
    table, number = table.copy(), panel.session_numbers
    if table.dtype == SIGNAL:
        last = np.minimum(table["bar"] + np.maximum(table["hold"], 0), len(number) - 1)
        counts_bars = table["terms"] & HOLDS_BARS != 0
        held = number[last] - number[table["bar"]]
        table["hold"] = np.where(counts_bars, held, table["hold"])
        table["bar"] = number[table["bar"]]
        return table
    is_within = number[table["exit_bar"]] == number[table["exit_bar"] - 1]
    table["left_at"] = np.where(is_within, AT_CLOSE, table["left_at"])
    for name in ("entry_bar", "exit_bar"):
        table[name] = number[table[name]]
    return table


def _landings(panel: Panel, signals: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return the bar that a signal moves to, shape (kinds, sessions), and the kind of each signal.

    A kind is a symbol and a time of day in New York. The bar is the session's first from that time
    on, or else its last, as also for a signal for the close; -1 where the symbol has none. A leg is
    of the kind of its leader.
    """
    signals = signals[leaders(signals)]
    at_close = signals["terms"] & ENTERS_AT_CLOSE != 0
    clock = np.where(at_close, _DAY, panel.clock[signals["bar"]])
    kinds, kind = np.unique(np.stack((signals["symbol"], clock)), axis=1, return_inverse=True)
    landings = np.empty((kinds.shape[1], panel.count), np.int64)
    begins = np.arange(panel.count) * _DAY
    for symbol in np.unique(kinds[0]).tolist():
        bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, symbol]))
        number = panel.session_numbers[bars]
        last = np.full(panel.count, -1)
        last[number] = bars
        moments = number * _DAY + panel.clock[bars]
        for row in np.flatnonzero(kinds[0] == symbol).tolist():
            place = np.searchsorted(moments, begins + kinds[1, row]).clip(max=len(bars) - 1)
            is_in_session = number[place] == np.arange(panel.count)
            landings[row] = np.where(is_in_session, bars[place], last)
    return landings, kind.ravel()


def longest_trade(trades: NDArray[Any]) -> int:
    """Return the sessions of the longest trade, at least 1; an open one counts to the last."""
    entered = trades[trades["shares"] > 0]
    spans = entered["exit_bar"] - entered["entry_bar"] + (entered["reason"] == OPEN)
    return int(spans.max(initial=1))


@dataclass(frozen=True)
class Null:
    """Hold the statistics of the signals as they are, beside those of random draws."""

    observed: Mapping[str, float]  # by statistic, of the signals as they are; NaN where undefined
    draws: Mapping[str, Floats]  # likewise, shape (B,); fewer where the verdict was certain before
    is_complete: bool = False  # whether the draws are all possible ones, the observed among them

    def standing(self, statistic: str) -> MonteCarlo | None:
        """Return the p-values of a statistic; `upper` is how often chance does as well or better.

        A draw in which the statistic is undefined counts against the run in both. None where the
        observed one is undefined.
        """
        observed, draws = self.observed[statistic], self.draws[statistic]
        return monte_carlo(observed, draws, is_complete=self.is_complete)


@dataclass(frozen=True)
class Account:
    """An account is what a placebo trades: the bars, the rules and the signals that acted."""

    panel: Panel
    signals: NDArray[Any]  # from `acting`, by session, publication, symbol and event id
    rules: Rules
    rates: Mapping[str, BorrowRates]

    def without_costs(self) -> Account:
        """Return the account without commission, slippage and borrow."""
        free = {
            "commission_per_share": 0.0, "commission_fixed": 0.0, "commission_bps": 0.0,
            "commission_min": 0.0, "slippage_bps": 0.0, "extended_slippage_bps": 0.0,
            "slippage_range": 0.0, "borrow_mode": "none",
        }  # fmt: skip
        return Account(self.panel, self.signals, self.rules.model_copy(update=free), self.rates)

    def batch(self, draws: int) -> int:
        """Return how many draws are traded at once: all of them where the signals are few."""
        return min(draws, max(_LEAST_BATCH, _BATCH // len(self.signals)))

    def null(self, batches: Callable[[int], Draws], draws: int, *, is_complete: bool) -> Null:
        """Trade the signals as they are, then draws until the verdict is certain (`is_certain`).

        `batches` yields tables of signals, shape (accounts, n), for a number of draws; `draws` is
        the most that are made in all.
        """
        observed = {name: float(of[0]) for name, of in self._statistics(self.signals[None]).items()}
        size = self.batch(draws)
        count, parts = ceil(draws / size), []
        for number in range(1, count + 1):
            wanted = min(size, draws - (number - 1) * size)
            parts += [self._statistics(table) for table in batches(wanted)]
            null = {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS}
            is_a_look = number < count and number & (number - 1) == 0  # 1, 2, 4, 8 …
            looks = (count - 1).bit_length()
            if is_a_look and is_certain(observed["sharpe"], null["sharpe"], LEVEL, looks):
                break
        return Null(observed, null, is_complete)

    def _statistics(self, table: NDArray[Any]) -> dict[str, Floats]:
        starts = np.arange(len(table) + 1) * table.shape[1]
        rules = self.rules.model_copy(update={"cash_rate": 0.0})
        threads = (os.cpu_count() or 1) if table.size > _WORTH_THREADS else 1
        tables = simulate(self.panel, table.ravel(), starts, rules, self.rates, threads=threads)
        figures = figures_of_totals(tables.totals, rules.cash, self.panel.count)
        return {name: figures[name] for name in STATISTICS}


def acting(signals: NDArray[Any]) -> NDArray[Any]:
    """Return the signals that no other of the same open and symbol supersedes, with their legs."""
    leading = np.flatnonzero(signals["terms"] & IS_LEG == 0)[::-1]
    _, last = np.unique(signals[leading][["bar", "symbol"]], return_index=True)
    acts = np.zeros(len(signals), np.bool_)
    acts[leading[last]] = True
    return signals[acts[leaders(signals)]]


def random_timing(account: Account, chains: Chains, *, seed: int, draws: int) -> Null | None:
    """Trade the signals at random times; None where the history is too short to move them in.

    The sessions form a circle. The chains are put on it in random order with random gaps (all ways
    to share out the free sessions are equally likely). Within a chain distances, directions,
    weights and exit plans stay, and so does the time of day of finer bars. Chains that do not fit
    side by side are all moved by the same number of sessions. Where symbols lack bars, a chain only
    goes where each of its signals has one. Chains of many symbols may find no such sessions; then
    a signal that meets no bar of its symbol goes as many sessions round those that it has.
    """
    panel, sessions, number = account.panel, account.panel.count, chains.of_signal
    signals, has_bar = by_session(panel, account.signals), _has_bar(panel)
    distance = signals["bar"] - chains.first[number]
    lead = signals["symbol"][leaders(signals)]  # legs go where their leader finds a bar
    landings = None if panel.kinds is None else _landings(panel, account.signals)
    room = np.zeros(len(chains.first), np.int64)
    np.maximum.at(room, number, has_bar.sum(axis=0)[signals["symbol"]])
    if room.min() < FEWEST_STARTS:
        return None
    fits, lengths = _fitting(signals, has_bar, chains, distance), chains.lengths
    keeps = not fits.all() and _can_stand_apart(lengths, fits, seed)
    bars = None if keeps or fits.all() else _own_bars(has_bar)
    rng = np.random.default_rng(seed)

    def begins(count: int) -> Ints:
        if lengths.sum() > sessions:
            moved: Ints = (chains.first + rng.integers(sessions, size=(count, 1))) % sessions
            return moved
        if keeps:
            return _among_others(lengths, fits, count, rng)
        return _side_by_side(lengths, sessions, count, rng)

    def tables(count: int) -> Draws:
        for part in _parts(begins(count), len(signals)):
            target = (part[:, number] + distance) % sessions
            target = target if bars is None else bars[target, lead]
            if landings is not None:
                bar_of, kind = landings
                target = bar_of[kind, target]
            order = np.argsort(target.astype(np.min_scalar_type(len(panel.times))), kind="stable")
            table = account.signals[order]
            table["bar"] = np.take_along_axis(target, order, axis=1)
            yield table

    return account.null(tables, draws, is_complete=False)


def random_direction(account: Account, occasions: Ints, *, seed: int, draws: int) -> Null:
    """Trade the signals at their true times, all of an occasion reversed or not by one coin.

    The draws and the signals as they are trade without costs, for a long that becomes a short would
    lose by its borrow alone. Of k occasions there are 2ᵏ draws; if no more than one batch takes,
    each is made once.
    """
    free, count = account.without_costs(), int(occasions.max()) + 1
    is_complete = 2**count <= free.batch(draws)
    rng, every = np.random.default_rng(seed), 2**count if is_complete else draws

    def tables(wanted: int) -> Draws:
        if is_complete:
            coins = np.arange(every)[:, None] >> np.arange(count) & 1
        else:
            coins = rng.integers(2, size=(wanted, count))
        for part in _parts(coins, len(free.signals)):
            table = np.tile(free.signals, (len(part), 1))
            table["side"] *= 1 - 2 * part[:, occasions]
            yield table

    return free.null(tables, every, is_complete=is_complete)


def _parts(draws: Ints, signals: int) -> Iterator[Ints]:
    """Return the draws in parts whose signals fit into memory."""
    step = max(1, _ROOM // signals)
    return (draws[first : first + step] for first in range(0, len(draws), step))


def _has_bar(panel: Panel) -> NDArray[np.bool_]:
    """Tell which symbols have a bar in each session, shape (sessions, symbols)."""
    has_bar: NDArray[np.bool_] = ~np.isnan(panel.prices["open"])
    if panel.kinds is None:
        return has_bar
    first = np.searchsorted(panel.session_numbers, np.arange(panel.count))
    return np.logical_or.reduceat(has_bar, first, axis=0)


def _fitting(
    signals: NDArray[Any], has_bar: NDArray[np.bool_], chains: Chains, distance: Ints
) -> NDArray[np.bool_]:
    """Tell where each chain can begin, so that all its signals have a bar: (chains, sessions)."""
    fits = np.ones((len(chains.first), len(has_bar)), np.bool_)
    symbols, lacks_bars = signals["symbol"], np.asarray(~has_bar.all(axis=0))
    for row in np.flatnonzero(lacks_bars[symbols]):
        fits[chains.of_signal[row]] &= np.roll(has_bar[:, symbols[row]], -distance[row])
    return fits


def _own_bars(has_bar: NDArray[np.bool_]) -> Ints:
    """Map sessions without a bar of a symbol to others with one, shape (sessions, symbols)."""
    bars = np.tile(np.arange(len(has_bar))[:, None], has_bar.shape[1])
    for column in np.flatnonzero(~has_bar.all(axis=0)):
        has, lacks = np.flatnonzero(has_bar[:, column]), np.flatnonzero(~has_bar[:, column])
        bars[lacks, column] = has[lacks % len(has)]
    return bars


def _can_stand_apart(lengths: Ints, fits: NDArray[np.bool_], seed: int) -> bool:
    """Tell whether chains find sessions where all fit, in at least half of a first few draws."""
    if lengths.sum() > fits.shape[1] or fits.sum(axis=1).min() < FEWEST_STARTS:
        return False
    return 2 * len(_among_others(lengths, fits, _TRIAL, np.random.default_rng(seed))) >= _TRIAL


def _side_by_side(lengths: Ints, sessions: int, draws: int, rng: np.random.Generator) -> Ints:
    """Draw where chains begin in random order with random gaps: shape (draws, chains)."""
    order = rng.permuted(np.tile(np.arange(len(lengths)), (draws, 1)), axis=1)
    gaps = shares_of(sessions - int(lengths.sum()), rng, draws, len(lengths))
    ahead = np.cumsum(lengths[order] + gaps, axis=1) - lengths[order]
    begins: Ints = np.empty_like(ahead)
    np.put_along_axis(begins, order, ahead + rng.integers(sessions, size=(draws, 1)), axis=1)
    begins %= sessions
    return begins


def _among_others(
    lengths: Ints, fits: NDArray[np.bool_], draws: int, rng: np.random.Generator
) -> Ints:
    """Draw where chains begin, those with the fewest starts first, each clear of the others.

    A draw in which a chain finds no room is left out; shape (at most `draws`, chains).
    """
    sessions = fits.shape[1]
    begins = np.zeros((draws, len(lengths)), np.int64)
    is_taken = np.zeros((draws, sessions), np.bool_)
    whole = np.arange(draws)  # the draws in which every chain so far has found room
    for chain in np.argsort(fits.sum(axis=1), kind="stable").tolist():
        starts, todo, reach = np.flatnonzero(fits[chain]), whole, np.arange(lengths[chain])
        for _ in range(_TRIES):
            begins[todo, chain] = rng.choice(starts, len(todo))
            wanted = (begins[todo, chain, None] + reach) % sessions
            todo = todo[is_taken[todo[:, None], wanted].any(axis=1)]
            if not len(todo):
                break
        whole = np.setdiff1d(whole, todo)
        is_taken[whole[:, None], (begins[whole, chain, None] + reach) % sessions] = True
    return begins[whole]
