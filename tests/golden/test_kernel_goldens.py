"""The kernel makes on the embedded data the trades that the goldens of the replay hold."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from backtest.engine.kernel import REASONS
from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.engine.kernel.replay import check_agreement
from backtest.engine.kernel.simulate import simulate
from backtest.engine.timeline import decide
from backtest.experiments.runs.run import _replay, prepare_run
from backtest.experiments.terms import make_rules
from backtest.strategy.base import BacktraderStrategy
from backtest.workspace.folders import Workspace
from tests.golden.goldens import HERE, OF_US_LARGE, ROOT, STRATEGIES, recorded, request

WORKSPACE = Workspace(ROOT / "strategies", ROOT / "data", HERE / "nowhere")
RULES = make_rules()
PREPARED = {name: prepare_run(WORKSPACE, request(name, RULES)) for name in STRATEGIES}
SWEPT = [n for n, p in PREPARED.items() if not isinstance(p.strategy, BacktraderStrategy)]
COMPARED = (
    "event_id", "symbol", "direction", "entry_session", "exit_session", "exit_reason", "shares",
    "entry_price", "exit_price", "gross_profit", "commission", "borrow",
)  # fmt: skip


def kernel_trades(name):
    """The trades of a strategy with its default parameters, and the final equity."""
    strategy, inputs = PREPARED[name].strategy, PREPARED[name].inputs
    reaction = timedelta(minutes=RULES.reaction_minutes)
    decisions = decide(strategy, inputs.events, inputs.seen, inputs.span, reaction)
    asked = [(made.tradable_session, made.signal) for made in decisions if made.signal]
    signals = sorted(asked, key=lambda pair: pair[0])
    panel = panel_of(inputs.span)
    rows = signal_rows(panel, [(panel.bar_of(day), signal) for day, signal in signals])
    starts = np.array([0, len(rows)])
    result = simulate(panel, rows, starts, RULES, inputs.rates, trades=True)
    days = [str(day) for day in panel.sessions.tolist()]
    trades = [
        told(signal, row["side"], trade, days)
        for (_, signal), row, trade in zip(signals, rows, result.trades, strict=True)
        if trade["shares"]
    ]
    return trades, result.totals["equity"][0]


def told(signal, side, trade, days):
    return {
        "event_id": signal.event_id,
        "symbol": signal.symbol,
        "direction": signal.direction,
        "entry_session": days[trade["entry_bar"]],
        "exit_session": days[trade["exit_bar"]],
        "exit_reason": REASONS[trade["reason"]],
        "shares": trade["shares"],
        "entry_price": trade["entry_price"],
        "exit_price": trade["exit_price"],
        "gross_profit": side * trade["shares"] * (trade["exit_price"] - trade["entry_price"]),
        "commission": trade["commission"],
        "borrow": trade["borrow"],
    }


def test_there_is_something_to_compare():
    assert set(SWEPT) == set(STRATEGIES)


@pytest.mark.parametrize("name", OF_US_LARGE)
def test_both_engines_agree_on_what_is_hedged(name):
    by_backtrader, by_kernel = (
        _replay(replace(PREPARED[name], engine=engine)) for engine in ("backtrader", "kernel")
    )
    check_agreement("backtrader", by_backtrader, "kernel", by_kernel)
    assert any(trade.hedge_profit for trade in by_kernel.trades)


@pytest.mark.parametrize("name", [name for name in SWEPT if name not in OF_US_LARGE])
def test_the_kernel_makes_the_trades_of_the_golden(name):
    golden = json.loads(recorded(name))
    trades, equity = kernel_trades(name)
    assert len(trades) == len(golden["trades"]) > 0
    for mine, theirs in zip(trades, golden["trades"], strict=True):
        for term in COMPARED:
            if isinstance(theirs[term], float):
                assert mine[term] == pytest.approx(theirs[term], rel=1e-9, abs=1e-6), term
            else:
                assert mine[term] == theirs[term], term
    assert equity == pytest.approx(golden["final_equity"], rel=1e-12)
