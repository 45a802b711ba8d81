"""Both engines on us_large: the same trades, curve and decisions to the cent."""

from datetime import timedelta
from pathlib import Path

import pytest

from backtest.data.inputs import read_inputs
from backtest.engine.kernel.replay import check_agreement, replay_by_kernel
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.timeline import decide
from backtest.strategy.loading import load_strategy
from backtest.strategy.parameters import configure

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"weight": 0.05, "hold": 10, "stop": None}, 2_900),
        ({"weight": 0.02, "hold": 30, "stop": 0.05, "target": 0.1}, 2_900),
    ],
)
def test_both_engines_agree_on_us_large(settings, least):
    strategy = configure(load_strategy(ROOT / "strategies", "earnings_surprise"), settings)
    span = (None, None)
    inputs = read_inputs(
        ROOT / "data", (), "us_large", span, strategy.listens_to, universe="us_large"
    )
    rules = Rules(cash_rate=0.02, slippage_range=0.05, max_participation=0.001)
    minutes = timedelta(minutes=rules.reaction_minutes)
    decisions = decide(strategy, inputs.events, inputs.seen, inputs.span, minutes, inputs.universe)
    terms = (inputs.span, inputs.rates, decisions, rules)
    by_kernel, by_backtrader = replay_by_kernel(*terms), replay(*terms)
    check_agreement("the kernel", by_kernel, "Backtrader", by_backtrader)
    assert len(by_kernel.trades) >= least
    assert {trade.exit_reason for trade in by_kernel.trades} >= {"time"}
