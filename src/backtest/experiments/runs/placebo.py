"""Placebos: the same signals at random times, or in random directions at the true times.

A strategy that knows something does better than most of them. Signals that belong together are
moved by chains, or turned round by occasions, for the days that they meet are the same; both put
all symbols of a session together. A chain goes by plans alone, so that nothing of what came of
them decides what is moved; an occasion goes by what was held, and is the unit of evidence. Each
draw is an account of its own, traded by the same rules (`engine.kernel.simulate`); so is what
happened, so that like stands beside like. Cash earns nothing there: what it earns is no merit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.engine.kernel.records import (
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

_DAY = 24 * 60  # minutes
_LONGEST = 2  # an occasion is cut when it has gone on for so many times the longest trade


@dataclass(frozen=True)
class Chains:
    """Signals that stand within one another's planned holding time."""

    of_signal: Ints  # number of the chain of each signal, from 0, shape (n,)
    first: Ints  # session in which each begins, shape (chains,)
    lengths: Ints  # sessions from there up to and with its last planned exit, likewise


def chains_of(signals: NDArray[Any], longest: int) -> Chains:
    """The chains of signals, which are sorted by session.

    A session joins a chain up to the last exit planned in it, for at that open a new signal still
    renews the trade or turns it round. A signal without a time exit counts for `longest` sessions.
    """
    sessions = signals["bar"]
    is_flat = signals["terms"] & IS_FLAT != 0  # it ends others and plans nothing itself
    hold = np.where(is_flat, 0, signals["hold"])
    ends = sessions + np.where(hold < 0, longest, hold)
    last = np.maximum.accumulate(ends)
    begins = np.concatenate(([True], sessions[1:] > last[:-1]))
    number = np.cumsum(begins) - 1
    first = sessions[begins]
    final = last[np.append(np.flatnonzero(begins)[1:] - 1, len(signals) - 1)]
    return Chains(number, first, final - first + 1)


def occasions_of(signals: NDArray[Any], trades: NDArray[Any]) -> Ints:
    """The number of each signal's occasion, from 0, shape (n,), by what became of each signal.

    At an open with signals a new occasion begins where all that the present one has entered has
    left by then, or where it has gone on for twice the longest trade. Signals that entered nothing
    (renewals, or no room) belong to the present one; one without any trade joins the one before.
    """
    entered = trades["shares"] > 0
    # After a reversal or a target of an open the day is not free for another trade.
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
    """Signals, or what became of them, with numbers of sessions in place of those of bars.

    What leaves at the open of a later bar than its session's first has not left at that open.
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
    """The bar of a signal in each session, shape (kinds, sessions), and the kind of each signal.

    It is that of the same time of day in New York or the next after it, else the session's last,
    which is also that of a signal for the close; -1 where the stock has none. Legs go with theirs.
    """
    signals = signals[leaders(signals)]
    at_close = signals["terms"] & ENTERS_AT_CLOSE != 0
    clock = np.where(at_close, _DAY, panel.clock[signals["bar"]])
    kinds, kind = np.unique(np.stack((signals["symbol"], clock)), axis=1, return_inverse=True)
    landings = np.empty((kinds.shape[1], panel.count), np.int64)
    begins = np.arange(panel.count) * _DAY
    for symbol in np.unique(kinds[0]).tolist():
        own = np.flatnonzero(~np.isnan(panel.prices["open"][:, symbol]))
        number = panel.session_numbers[own]
        last = np.full(panel.count, -1)
        last[number] = own
        moments = number * _DAY + panel.clock[own]
        for row in np.flatnonzero(kinds[0] == symbol).tolist():
            place = np.searchsorted(moments, begins + kinds[1, row]).clip(max=len(own) - 1)
            is_there = number[place] == np.arange(panel.count)
            landings[row] = np.where(is_there, own[place], last)
    return landings, kind.ravel()


def longest_trade(trades: NDArray[Any]) -> int:
    """Sessions of the longest trade, at least 1; one still open counts up to the last session."""
    made = trades[trades["shares"] > 0]
    spans = made["exit_bar"] - made["entry_bar"] + (made["reason"] == OPEN)
    return int(spans.max(initial=1))


STATISTICS = ("sharpe", "total_return", "mean_trade_return")
FEWEST_STARTS = 20  # that a chain needs for its dates to be moved at all
_ROOM = 250_000  # signals that are held at once
_BATCH = 1_000_000  # signals that are traded before anyone asks whether the verdict is certain
_LEAST_BATCH = 200  # draws; with fewer none is
_WORTH_THREADS = 20_000  # signals
_TRIAL = 50  # draws that show whether chains find room
_TRIES = 200  # of places for a chain among others, before a draw is left out


@dataclass(frozen=True)
class Null:
    """What happened, beside draws of what happens without knowledge."""

    observed: Mapping[str, float]  # by statistic, of the signals as they are; NaN where undefined
    draws: Mapping[str, Floats]  # likewise, (B,): fewer where the verdict was certain before
    is_complete: bool = False  # whether they are all that there can be, what happened among them

    def standing(self, statistic: str) -> MonteCarlo | None:
        """p-values of a statistic; `upper` says how often chance does as well.

        A draw in which the statistic is undefined counts against the run in both. None where that
        of what happened is undefined.
        """
        observed, draws = self.observed[statistic], self.draws[statistic]
        return monte_carlo(observed, draws, is_complete=self.is_complete)


@dataclass(frozen=True)
class Account:
    """What a placebo trades: the bars, the rules and the signals that acted."""

    panel: Panel
    signals: NDArray[Any]  # from `acting`, by session, publication, symbol and event id
    rules: Rules
    rates: Mapping[str, BorrowRates]

    def without_costs(self) -> Account:
        """The same without commission, slippage and borrow."""
        free = {
            "commission_per_share": 0.0, "commission_fixed": 0.0, "commission_bps": 0.0,
            "commission_min": 0.0, "slippage_bps": 0.0, "extended_slippage_bps": 0.0,
            "slippage_range": 0.0, "borrow_mode": "none",
        }  # fmt: skip
        return Account(self.panel, self.signals, self.rules.model_copy(update=free), self.rates)

    def batch(self, draws: int) -> int:
        """How many draws are traded between two looks at the verdict; all of a few signals."""
        return min(draws, max(_LEAST_BATCH, _BATCH // len(self.signals)))

    def null(self, batches: Callable[[int], Draws], draws: int, *, is_complete: bool) -> Null:
        """Trade what happened, then draws until their verdict is certain (see `is_certain`).

        `batches` makes so many draws, in tables of shape (accounts, n), of at most `draws` in all.
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
        made = simulate(self.panel, table.ravel(), starts, rules, self.rates, threads=threads)
        figures = figures_of_totals(made.totals, rules.cash, self.panel.count)
        return {name: figures[name] for name in STATISTICS}


def acting(signals: NDArray[Any]) -> NDArray[Any]:
    """The signals without those that another of the same open supersedes, legs included."""
    own = np.flatnonzero(signals["terms"] & IS_LEG == 0)
    opens = signals[own][["bar", "symbol"]][::-1]
    acts = np.zeros(len(signals), np.bool_)
    acts[own[len(own) - 1 - np.unique(opens, return_index=True)[1]]] = True
    return signals[acts[leaders(signals)]]


def random_timing(account: Account, chains: Chains, *, seed: int, draws: int) -> Null | None:
    """The same signals at other times; None where the history is too short to move them in.

    The sessions are a circle. The chains stand on it in random order with random gaps (all ways to
    share out the free sessions are equally likely), and within a chain distances, directions,
    weights and exit plans stay; of bars finer than sessions the time of the day stays too. Chains
    that would not fit side by side move all by one number. Where symbols lack bars, a chain only
    goes where each of its signals finds one. Chains of many symbols find no such sessions; a signal
    that meets none of its symbol's bars then goes as many sessions round those that there are.
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
            to = (part[:, number] + distance) % sessions
            to = to if bars is None else bars[to, lead]
            if landings is not None:
                of, kind = landings
                to = of[kind, to]
            order = np.argsort(to.astype(np.min_scalar_type(len(panel.times))), kind="stable")
            table = account.signals[order]
            table["bar"] = np.take_along_axis(to, order, axis=1)
            yield table

    return account.null(tables, draws, is_complete=False)


def random_direction(account: Account, occasions: Ints, *, seed: int, draws: int) -> Null:
    """The same signals at their true times, all of an occasion turned round by one coin.

    Costs are left out in draws and in what happened alike: a long turned into a short would lose by
    its borrow alone. Of k occasions there are 2ᵏ draws; where that is no more than `draws`, each is
    made once.
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
    """The draws, as many at once as there is room for the signals of."""
    step = max(1, _ROOM // signals)
    return (draws[first : first + step] for first in range(0, len(draws), step))


def _has_bar(panel: Panel) -> NDArray[np.bool_]:
    """Which symbols have a bar in each session, shape (sessions, symbols)."""
    has_bar: NDArray[np.bool_] = ~np.isnan(panel.prices["open"])
    if panel.kinds is None:
        return has_bar
    first = np.searchsorted(panel.session_numbers, np.arange(panel.count))
    return np.logical_or.reduceat(has_bar, first, axis=0)


def _fitting(
    signals: NDArray[Any], has_bar: NDArray[np.bool_], chains: Chains, distance: Ints
) -> NDArray[np.bool_]:
    """Where each chain may begin: all its signals find a bar; shape (chains, sessions)."""
    fits = np.ones((len(chains.first), len(has_bar)), np.bool_)
    symbols, lacks_bars = signals["symbol"], np.asarray(~has_bar.all(axis=0))
    for row in np.flatnonzero(lacks_bars[symbols]):
        fits[chains.of_signal[row]] &= np.roll(has_bar[:, symbols[row]], -distance[row])
    return fits


def _own_bars(has_bar: NDArray[np.bool_]) -> Ints:
    """By session and symbol that bar, or as many round those of the symbol where it has none."""
    bars = np.tile(np.arange(len(has_bar))[:, None], has_bar.shape[1])
    for column in np.flatnonzero(~has_bar.all(axis=0)):
        own, lacks = np.flatnonzero(has_bar[:, column]), np.flatnonzero(~has_bar[:, column])
        bars[lacks, column] = own[lacks % len(own)]
    return bars


def _can_stand_apart(lengths: Ints, fits: NDArray[np.bool_], seed: int) -> bool:
    """Whether chains mostly find sessions where all fit: at least half of a first few draws."""
    if lengths.sum() > fits.shape[1] or fits.sum(axis=1).min() < FEWEST_STARTS:
        return False
    found = _among_others(lengths, fits, _TRIAL, np.random.default_rng(seed))
    return 2 * len(found) >= _TRIAL


def _side_by_side(lengths: Ints, sessions: int, draws: int, rng: np.random.Generator) -> Ints:
    """Chains in random order with random gaps on a circle of sessions."""
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
    """Chains one after another, those with the fewest starts first, each clear of the others.

    A draw in which one finds no room is left out.
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
