"""The figures of a sweep are those of a run of each set, and of the kernel's own curve."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules, above_cash
from backtest.experiments.runs.run import _measure, _replay, prepare_run
from backtest.experiments.sweeps.evaluate import Evaluator
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
from backtest.stats.figures import curve_figures, figures_of_totals, session_returns, win_rate
from backtest.stats.surface import FIGURES
from backtest.strategy.base import BacktraderStrategy
from backtest.strategy.parameters import configure
from backtest.workspace.folders import Workspace
from tests.engines import as_signal, borrow_rates, made_up_prices
from tests.golden.goldens import ROOT, STRATEGIES, request
from tests.property.strategies import (
    World,
    markets,
    rates,
    settings,
    signal_lists,
    with_volumes,
    worlds,
)

WORKSPACE = Workspace(ROOT / "strategies", ROOT / "data", Path("nowhere"))
HOLD, STOP, WEIGHT = "hold=1:80", "stop=none,0.01,0.03,0.05,0.1,0.2,0.5,0.9", "weight=0.1:4:0.1"
SIDE = "side=both,long,short"
SIZE, RANGES = "target_volatility=0.1:3:0.1", "stop_ranges=0.5:10:0.5"
GRIDS = {
    "earnings_surprise": (
        "measure=eps,revenue,guidance,all",
        "threshold=0:0.5:0.05",
        HOLD,
        STOP,
        "target=none,0.02,0.1,0.5,1.5",
        WEIGHT,
        SIDE,
    ),
    "nvidia_stake": ("min_change=0:1:0.1", "first_filing=true,false", HOLD, STOP, WEIGHT, SIDE),
    "short_report": (WEIGHT, HOLD, STOP),
    "long_until_miss": ("threshold=0:0.5:0.05", WEIGHT),
    "lockup_expiry": (SIZE, RANGES, "hold=1:80", "side=short,long", "weight=0.1:4:0.1"),
    "contract_news": (
        SIZE,
        RANGES,
        "hold=1:80",
        "trend=none,2,20,50,200",
        "quiet=0:20",
        "weight=0.1:4:0.1",
    ),
    "report_runup": ("sessions=1:30", "weight=0.1:4:0.1"),
    "lockup_day": ("before=0:10", "after=0:20", "side=short,long", STOP, "weight=0.1:4:0.1"),
    "hedged_drift": ("tail=0.05:0.5:0.05", "hold=1:30", "weight=0.01:0.2:0.01"),
    "fade_the_gap": ("min_gap=0.01:0.2:0.01", HOLD, WEIGHT),
    "trend_after_earnings": ("period=2:60", WEIGHT),
    "buy_and_hold": ("weight=0.05:10:0.05",),
    "all_events": (
        f"stakes.{HOLD}",
        f"earnings.{HOLD}",
        f"reports.{HOLD}",
        f"earnings.{STOP}",
        "reports.stop=0.05:0.95:0.05",
        f"reports.{WEIGHT}",
        "earnings.threshold=0,0.1",
        f"stakes.{SIDE}",
    ),
}
ODD = {
    "cash": 20_000.0,
    "cash_rate": 0.04,
    "max_participation": 0.00001,
    "max_gross": 2.0,
    "max_positions": 1,
    "min_order": 500.0,
    "commission_fixed": 2.5,
    "slippage_range": 0.05,
    "reaction_minutes": 3000.0,
}
RULES = {"by default": make_rules(), "by others": make_rules(**ODD)}


def test_every_strategy_that_can_be_swept_has_a_grid():
    found = {
        name: prepare_run(WORKSPACE, request(name, RULES["by default"])).strategy
        for name in STRATEGIES
    }
    assert set(GRIDS) == {n for n, s in found.items() if not isinstance(s, BacktraderStrategy)}


@pytest.mark.parametrize("sets", [8, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("name", GRIDS)
def test_a_sweep_has_the_figures_of_a_run_of_each_set(name, rules, sets):
    one = request(name, RULES[rules])
    asked = SweepRequest(
        name,
        one.symbols,
        {},
        one.first,
        one.last,
        one.rules,
        grid=parse_axes(GRIDS[name]),
        universe=one.universe,
    )
    sweep = Evaluator(prepare_sweep(WORKSPACE, asked).spec, WORKSPACE)
    axes, shape = sweep.spec.axes, sweep.spec.shape
    drawn = np.random.default_rng(len(name)).integers(sweep.spec.sets, size=sets)
    codes = dict(zip(axes, np.unravel_index(drawn, shape), strict=True))
    figures = sweep.figures(axes, codes)
    run = prepare_run(WORKSPACE, one)
    for row in range(sets):
        own = {name: values[codes[name][row]] for name, values in axes.items()}
        one = replace(run, strategy=configure(run.file, own))
        wanted = _measure(one, _replay(one))[1]["run"]
        # A run has what legs cost in the profit of the hedge, a sweep among the costs.
        apart = {"commission", "borrow"} if name == "hedged_drift" else set()
        names = [figure for figure in FIGURES if figure not in apart]
        got = {figure: figures[figure][row] for figure in names}
        assert_same(got, {figure: wanted[figure] for figure in names})


def assert_same(got, wanted):
    known = {name: value for name, value in got.items() if not np.isnan(value)}
    assert known.keys() == {name for name, value in wanted.items() if value is not None}
    assert known == pytest.approx({name: wanted[name] for name in known}, rel=1e-9, abs=1e-9)


@st.composite
def longer_worlds(draw):
    """Worlds in which ratios are told, of 20 sessions or more."""
    chosen = draw(settings())
    bars = draw(markets(20, 28))
    if chosen.max_participation is not None:
        bars = {symbol: draw(with_volumes(rows)) for symbol, rows in bars.items()}
    signals = draw(signal_lists(bars, may_leave_out_weights=False, newer=True))
    return World(bars, signals, chosen, draw(rates(bars)))


@run_settings(max_examples=3 * run_settings().max_examples)
@given(longer_worlds() | worlds())
def test_the_kernels_figures_are_those_of_its_curve(world):
    panel = panel_of({symbol: made_up_prices(symbol, rows) for symbol, rows in world.bars.items()})
    # Of the costs of legs the account's totals tell, and the records of trades do not.
    bare = [signal for signal in world.signals if not signal.legs]
    ordered = sorted(bare, key=lambda s: (s.session, s.published_at, s.symbol, s.event_id))
    signals = signal_rows(
        panel, [(panel.bar_of(signal.session), as_signal(signal)) for signal in ordered]
    )
    chosen = Rules(**vars(world.settings))
    result = simulate(
        panel,
        np.concatenate([signals, signals]),  # the second account tells whether one leaves traces
        np.array([0, len(signals), 2 * len(signals)]),
        chosen,
        borrow_rates(world.bars, world.borrow),
        trades=True,
        curves=True,
    )
    figures = figures_of_totals(result.totals, chosen.cash, panel.count)
    for account in (0, 1):
        mine = result.trades[account * len(signals) :][: len(signals)]
        trades, sides = mine[mine["shares"] > 0], signals["side"][mine["shares"] > 0]
        gross = sides * trades["shares"] * (trades["exit_price"] - trades["entry_price"])
        profits = gross - trades["commission"] - trades["borrow"] + trades["hedge_profit"]
        equity = result.equity[account]
        above = above_cash(session_returns(equity, chosen.cash), panel.nights, chosen)
        wanted = {
            **curve_figures(equity, chosen.cash, above),
            "trades": len(trades),
            "win_rate": win_rate(profits.tolist()),
            "commission": float(trades["commission"].sum()),
            "borrow": float(trades["borrow"].sum()),
        }
        assert_same(
            {name: figures[name][account] for name in FIGURES},
            {name: wanted[name] for name in FIGURES},
        )
