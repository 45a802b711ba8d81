"""Make the cases that are traded in the comparisons: arrays, the same for every engine.

A case holds the rules, the bars (`open`, `high`, `low`, `close`; bars by symbols if there are
several), the `time` and `session` of each, the share of a short's value that the `night` before
it costs, and the signals by `bar`. CRWV's case uses the embedded data; the others are random walks
with a fixed seed.
"""

from datetime import timedelta
from pathlib import Path

import numpy as np
from worker import Arrays

from backtest.data.borrow import read_borrow_rates
from backtest.data.events import read_events
from backtest.data.kinds import Earnings
from backtest.data.prices import read_prices
from backtest.engine.rules import Rules
from backtest.engine.schedule import schedule

DATA = Path(__file__).parents[1] / "data"
FIELDS = ("open", "high", "low", "close")
GRID = {
    "hold": np.arange(1, 41),
    "stop": np.arange(2, 27) / 100,
    "threshold": np.arange(10) / 20,
}
SAMPLE = {
    "hold": np.arange(2, 41, 2),
    "stop": np.arange(2, 27, 5) / 100,
    "threshold": np.arange(0, 10) / 20,
}


def crwv(grid: dict[str, np.ndarray], rules: Rules) -> Arrays:
    """Make a case of CRWV's earnings surprises over a grid of parameters, the last axis fastest."""
    prices = read_prices(DATA / "prices", "CRWV", bars=True)
    rates = read_borrow_rates(DATA / "borrow", "CRWV")
    days = [day.date() for day in prices.table.index]
    span = {"CRWV": prices}
    reaction = timedelta(minutes=rules.reaction_minutes)
    events = read_events(DATA / "events", Earnings).events
    known = [
        (days.index(decision.tradable_session), decision.event.eps_surprise)
        for decision in schedule((Earnings,), events, span, span, reaction)
        if decision.action == "notified" and decision.event.eps_surprise
    ]
    surprise = np.array([surprise for _, surprise in known])
    annual = [0.0, *(rates.on(day).annual_rate for day in days[:-1])]
    sets = np.meshgrid(*grid.values(), indexing="ij")
    return {
        **{name: prices.table[name].to_numpy(dtype=float) for name in FIELDS},
        "time": prices.table.index.to_numpy().astype("M8[ns]").astype(np.int64),
        "session": np.arange(len(days)),
        "night": _nights(np.array(days, "M8[D]"), np.array(annual), rules),
        "bar": np.array([bar for bar, _ in known]),
        "side": np.sign(surprise).astype(np.int64),
        "strength": np.abs(surprise),
        **{name: axis.ravel() for name, axis in zip(grid, sets, strict=True)},
        **{f"{name}_axis": axis for name, axis in grid.items()},
        "weight": np.full(sets[0].size, 0.95),
        "rate_day": np.array([rate.day for rate in rates.rates], "M8[D]"),
        "rate": np.array([rate.annual_rate for rate in rates.rates]),
        **_terms(rules),
    }


def minutes(bars: int, trades: int, rules: Rules) -> Arrays:
    """Make a random walk of one symbol by minutes, 390 and at most one trade in each session."""
    rng = np.random.default_rng(20250328)
    session = np.arange(bars) // 390
    day = np.busday_offset("2015-01-02", session, roll="forward")
    minute = np.arange(bars) % 390
    opens = rng.choice(bars // 390 - 1, trades, replace=False)
    opens.sort()
    return {
        **_walk(rng, (bars,), 0.0005),
        "time": (day.astype("M8[m]") + 570 + minute).astype("M8[ns]").astype(np.int64),
        "session": session,
        "night": _nights(day, np.full(bars, rules.borrow_default), rules),
        "bar": opens * 390 + rng.integers(1, 390, trades),
        "side": rng.choice([-1, 1], trades),
        "strength": np.ones(trades),
        "hold": np.array([1]),
        "stop": np.array([0.01]),
        "threshold": np.array([0.0]),
        "weight": np.array([0.95]),
        **_terms(rules),
    }


def wide(symbols: int, bars: int, signals: int, rules: Rules) -> Arrays:
    """Make random walks of many symbols in one account, each held for 10 sessions."""
    rng = np.random.default_rng(20250331)
    day = np.busday_offset("2015-01-02", np.arange(bars), roll="forward")
    places = rng.choice(bars * symbols, signals, replace=False)
    places.sort()
    return {
        **_walk(rng, (bars, symbols), 0.02),
        "time": day.astype("M8[ns]").astype(np.int64),
        "session": np.arange(bars),
        "night": _nights(day, np.full(bars, rules.borrow_default), rules),
        "bar": places // symbols,
        "symbol": places % symbols,
        "side": rng.choice([-1, 1], signals),
        "hold": np.array(10),
        "stop": np.array(0.1),
        "weight": np.array(0.0005),
        **_terms(rules),
    }


def _walk(rng: np.random.Generator, shape: tuple[int, ...], step: float) -> Arrays:
    close = 100 * np.exp(np.cumsum(rng.normal(0, step, shape), axis=0))
    opens = np.roll(close, 1, axis=0) * np.exp(rng.normal(0, step / 4, shape))
    opens[0] = 100
    reach = np.exp(np.abs(rng.normal(0, step / 2, shape)))
    return {
        "open": opens,
        "high": np.maximum(opens, close) * reach,
        "low": np.minimum(opens, close) / reach,
        "close": close,
    }


def _nights(days: np.ndarray, annual: np.ndarray, rules: Rules) -> np.ndarray:
    """Return what the night before each bar costs, as a share of a short; 0 within a session."""
    passed = np.diff(days, prepend=days[:1]).astype(np.int64)
    if rules.borrow_mode == "none":
        return np.zeros(len(days))
    return rules.borrow_collateral * annual / rules.borrow_day_count * passed


def _terms(rules: Rules) -> Arrays:
    return {"rules": np.array(rules.model_dump_json()), "cash": np.array(rules.cash)}
