"""Make null worlds: artificial prices that nobody can predict, with days and signals.

Whatever a verdict finds there is luck: "better" and "worse" may each come up in 5 of 100 worlds of
every kind, and 95 of 100 intervals should hold the true mean trade.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backtest.engine.kernel import SIGNAL
from backtest.engine.kernel.panel import Panel, blank_prices
from backtest.engine.kernel.replay import trades_of
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.experiments.runs.evidence import evidence
from backtest.experiments.runs.placebo import Account, acting
from backtest.stats import LEVEL
from backtest.stats.event_study import Series, event_study
from backtest.stats.multiple_testing import wilson_interval

if TYPE_CHECKING:
    import pandas as pd

    from backtest.stats import Floats, Ints

_FIRST_DAY = np.datetime64("2001-01-01")  # first session; every day after it is one too
_STEPS = 16  # steps of a path within a session; the first is the night
_RULES = Rules(commission_per_share=0, commission_min=0, slippage_bps=0, borrow_mode="none")


@dataclass(frozen=True)
class NullWorld:
    """Describe a kind of world without anything to find."""

    name: str  # short description
    dates: int  # days with events
    hold: int  # sessions of each hold
    sessions: int = 381  # sessions of the world
    stocks: int = 1  # stocks, each with an event on each date
    correlation: float = 0.0  # correlation of any two stocks' returns
    deviation: float = 0.03  # standard deviation of a stock's returns, a session
    tails: float | None = None  # degrees of freedom of Student's t; None for the normal
    clusters: bool = False  # whether days are wild or calm in runs, as by GARCH(1, 1)
    wild: float = 1.0  # factor of the deviation in the first sessions of each event
    wild_for: int = 1  # number of those sessions
    last_quarter: bool = False  # whether all events lie in a last quarter that is twice as wild
    in_row: int = 1  # events of one direction for each date, on consecutive sessions
    sides: Literal["random", "date", "long"] = "random"  # sides: of each event, by date, all long
    drift: float = 0.0  # mean of the returns, a session
    trend: float = 0.0  # deviation of a drift in the ten sessions from an event on, either way
    weights: tuple[float, float] = (0.95, 0.95)  # least and most weight of a signal
    late: float = 0.0  # share of the sessions before the second half of the stocks is listed
    exits: dict[str, float] = field(default_factory=dict)  # stops and targets of each signal


WORLDS = (
    NullWorld("independent days, 6 events", 6, 5),
    NullWorld("independent days, 12 events", 12, 5),
    NullWorld("GARCH, 12 events", 12, 5, clusters=True),
    NullWorld("fat tails (t with 3), 12 events", 12, 5, tails=3),
    NullWorld("wild event sessions, 6 events", 6, 2, wild=3),
    NullWorld("wild event sessions, 12 events", 12, 2, wild=3),
    NullWorld("wild for two sessions, hold 10", 12, 10, wild=3, wild_for=2),
    NullWorld("events in a wilder last quarter", 12, 5, last_quarter=True),
    NullWorld("3 stocks of a sector, same dates", 12, 5, stocks=3, correlation=0.8),
    NullWorld("20 stocks, 16 dates, long", 16, 10, 1000, 20, 0.3, sides="long"),
    NullWorld("20 stocks, 16 wild dates", 16, 10, 1000, 20, 0.3, wild=3, sides="date"),
    NullWorld("100 stocks, 16 dates, long", 16, 10, 1000, 100, 0.3, sides="long"),
    NullWorld("2 times 6 events in a row", 2, 5, in_row=6),
    NullWorld("6 times 6 events in a row", 6, 5, in_row=6),
    NullWorld("12 times 6 events in a row", 12, 5, in_row=6),
    NullWorld("a trend either way after events", 12, 10, trend=0.01),
    NullWorld("stop 3 %, hold 40", 12, 40, exits={"stop": 0.03}),
    NullWorld("stop 5 %, hold 20", 12, 20, exits={"stop": 0.05}),
    NullWorld("target 3 %, hold 20", 12, 20, exits={"target": 0.03}),
    NullWorld("weights from 0.02 to 1", 12, 5, weights=(0.02, 1.0)),
    NullWorld("long on a rising stock", 12, 5, sides="long", drift=0.002),
    NullWorld("always held, 40 dates", 40, 15),
    NullWorld("4 stocks, 2 of them listed late", 12, 5, stocks=4, correlation=0.3, late=0.4),
)


@dataclass(frozen=True)
class Calibration:
    """Count the verdicts on the worlds of one kind."""

    world: str  # name of the kind
    worlds: int  # number of worlds
    better: int  # worlds with the verdict better than luck
    worse: int  # worlds with the verdict worse than luck
    refused: int  # worlds without a verdict
    intervals: int  # worlds whose mean trade has an interval
    covered: int  # intervals that hold the mean trade of all these worlds

    def share(self, name: str) -> tuple[float, float, float]:
        """Return a count as a share with its 95 % Wilson interval; (NaN, 0, 1) without any."""
        count = int(getattr(self, name))
        of = self.intervals if name == "covered" else self.worlds
        return (count / of, *wilson_interval(count, of)) if of else (np.nan, 0.0, 1.0)

    @property
    def is_calibrated(self) -> bool:
        """Tell whether neither verdict comes up in more worlds than luck allows."""
        return all(self.share(name)[1] <= LEVEL for name in ("better", "worse"))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {**vars(self), "level": LEVEL, "is_calibrated": self.is_calibrated}


@dataclass(frozen=True)
class NullWorlds:
    """Count the verdicts, and the finds of a study, where there is nothing to find."""

    kinds: list[Calibration]  # verdicts on the worlds of each kind
    significant: int  # worlds in which a study of six events found something
    worlds: int  # number of worlds of each kind
    seed: int  # seed of all that is random

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        study = {"significant": self.significant, "worlds": self.worlds}
        return {"worlds": [one.as_dict() for one in self.kinds], "study": study}

    def frame(self) -> pd.DataFrame:
        """Return a row for each kind of world, with its counts."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self.kinds]).set_index("world")


def null_worlds(worlds: int, *, seed: int) -> NullWorlds:
    """Judge runs, and studies of six events, in `worlds` worlds of each kind."""
    kinds, significant = calibrate(worlds, seed=seed), null_study(worlds, seed=seed)
    return NullWorlds(kinds, significant, worlds, seed)


def calibrate(
    worlds: int, *, seed: int, draws: int = 299, kinds: tuple[NullWorld, ...] = WORLDS
) -> list[Calibration]:
    """Judge runs in `worlds` worlds of each kind."""
    results = []
    for place, kind in enumerate(kinds):
        judged = [judge(kind, (seed, place, number), draws) for number in range(worlds)]
        verdicts = [one["verdict"] for one in judged]
        means = [one["mean_trade_return"] for one in judged]
        known = [one for one in means if one["low"] is not None]
        truth = float(np.mean([one["estimate"] for one in means if one["estimate"] is not None]))
        better, worse, refused = map(verdicts.count, ("better", "worse", "none"))
        covered = sum(one["low"] <= truth <= one["high"] for one in known)
        results.append(Calibration(kind.name, worlds, better, worse, refused, len(known), covered))
    return results


def null_study(worlds: int, *, seed: int, draws: int = 399) -> int:
    """Count the worlds in which the permutation test of a study finds something, at 5 %.

    A world is an artificial stock with six events on random days of 200 sessions.
    """
    rng, significant = np.random.default_rng(seed), 0
    for _ in range(worlds):
        market = rng.normal(0, 0.01, 200)
        stock = 1.5 * market + 0.03 * rng.standard_t(4, 200).clip(-8, 8)
        series = Series(stock, market, np.sort(rng.choice(200, 6, replace=False)))
        drawn_seed = int(rng.integers(2**32))
        (window,) = event_study(series, [(0, 5)], seed=drawn_seed, draws=draws).windows
        test = window.permutation
        significant += test is not None and test.p.two_sided <= LEVEL
    return significant


def judge(kind: NullWorld, seed: tuple[int, ...], draws: int) -> dict[str, Any]:
    """Weigh the evidence of a run in a world that is made from a seed."""
    account = make_world(kind, np.random.default_rng(seed))
    signals, panel = account.signals, account.panel
    whole = np.array([0, len(signals)])
    tables = simulate(panel, signals, whole, _RULES, {}, trades=True, curves=True)
    trades = trades_of(tables.trades, signals, panel, [""] * len(signals))
    return evidence(account, trades, tables.equity[0], draws=draws)


def make_world(kind: NullWorld, rng: np.random.Generator) -> Account:
    """Make the prices and signals of a world."""
    dates = _dates(kind, rng)
    returns = _returns(kind, dates, rng)
    panel = _panel(kind, returns)
    bars = (dates[:, None] + np.arange(kind.in_row)).ravel()
    rows = np.zeros((len(bars), kind.stocks), SIGNAL)
    rows["bar"], rows["symbol"] = bars[:, None], np.arange(kind.stocks)
    rows["side"] = 1
    if kind.sides == "random" and kind.in_row == 1:
        rows["side"] = rng.choice([-1, 1], rows.shape)
    elif kind.sides != "long":
        rows["side"] = np.repeat(rng.choice([-1, 1], len(dates)), kind.in_row)[:, None]
    rows["hold"] = kind.hold
    rows["weight"] = rng.uniform(*kind.weights, rows.shape) / kind.stocks
    for name in ("stop", "target", "trailing_stop"):
        rows[name] = kind.exits.get(name, np.nan)
    listed = ~np.isnan(panel.prices["open"][rows["bar"], rows["symbol"]])
    return Account(panel, acting(rows[listed]), _RULES, {})


def _dates(kind: NullWorld, rng: np.random.Generator) -> Ints:
    first = 3 * kind.sessions // 4 if kind.last_quarter else 5
    among = np.arange(first, kind.sessions - kind.in_row - 1)
    if kind.in_row > 1:  # runs of events that do not meet
        apart = kind.in_row + kind.hold + 1
        free = len(among) - apart * kind.dates
        return first + np.sort(rng.integers(free, size=kind.dates)) + apart * np.arange(kind.dates)
    return np.sort(rng.choice(among, kind.dates, replace=False))


def _returns(kind: NullWorld, dates: Ints, rng: np.random.Generator) -> Floats:
    """Draw returns, shape (sessions, steps, stocks): drift and deviation × noise."""
    shape = (kind.sessions, _STEPS, kind.stocks)
    scale = np.ones((kind.sessions, 1, 1))
    drift = np.full((kind.sessions, 1, 1), kind.drift / _STEPS)
    if kind.last_quarter:
        scale[3 * kind.sessions // 4 :] = 2
    if kind.clusters:
        scale *= _garch(kind.sessions, rng)[:, None, None]
    if kind.tails:
        square = rng.chisquare(kind.tails, (kind.sessions, 1, kind.stocks)) / kind.tails
        scale = scale / np.sqrt(np.maximum(square, 0.02) * kind.tails / (kind.tails - 2))
    for date in dates:
        scale[date : date + kind.wild_for] *= kind.wild
        drift[date : date + 10] += rng.normal(0, kind.trend) / _STEPS
    shared = rng.normal(size=(kind.sessions, _STEPS, 1))
    own = rng.normal(size=shape)
    noise = np.sqrt(kind.correlation) * shared + np.sqrt(1 - kind.correlation) * own
    moves: Floats = drift + kind.deviation / np.sqrt(_STEPS) * scale * noise
    return moves.clip(-0.5, 0.5)


def _garch(sessions: int, rng: np.random.Generator) -> Floats:
    """Draw deviations by GARCH(1, 1) with weights 0.1 and 0.85, about 1."""
    variance, variances = 1.0, np.empty(sessions)
    for number in range(sessions):
        variances[number] = variance
        variance = 0.05 + 0.85 * variance + 0.1 * variance * rng.normal() ** 2
    return np.sqrt(variances)


def _panel(kind: NullWorld, returns: Floats) -> Panel:
    """Make daily bars of the paths; the first step of a session is the night before it."""
    paths = 100 * np.cumprod(1 + returns.reshape(-1, kind.stocks), axis=0).reshape(returns.shape)
    bars = blank_prices((kind.sessions, kind.stocks))
    bars["open"], bars["close"] = paths[:, 0], paths[:, -1]
    bars["high"], bars["low"] = paths.max(axis=1), paths.min(axis=1)
    late = round(kind.late * kind.sessions)
    if late:
        bars[:late, kind.stocks // 2 :] = np.nan
    sessions = _FIRST_DAY + np.arange(kind.sessions)
    symbols = tuple(f"MADE{number:03d}" for number in range(kind.stocks))
    return Panel(symbols, sessions.astype("M8[us]"), sessions, bars, np.empty((0, 0)))
