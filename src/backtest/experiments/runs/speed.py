"""What speed is worth: the same strategy with the same events, by how late it reacts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.timeline import decide

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.engine.bars import RunBars
    from backtest.engine.rules import Rules
    from backtest.strategy.base import Strategy

REACTIONS = (0.0, 1.0, 5.0, 30.0, 60.0)  # minutes


def speed_curve(
    strategy: Strategy, inputs: Inputs, rules: Rules, bars: RunBars
) -> list[dict[str, Any]]:
    """The result by reaction time, the run's own among them; the last reacts at the next open.

    Each reaction asks the strategy anew, for it sees what is known by then, and trades an account
    of its own. The reaction of the last is None: daily bars alone, with the rules' reaction.
    """
    minutes = sorted({*REACTIONS, rules.reaction_minutes})
    found = [_at(strategy, inputs, rules, bars, each) for each in minutes]
    return [*found, _at(strategy, inputs, rules, None, None)]


def _at(
    strategy: Strategy, inputs: Inputs, rules: Rules, bars: RunBars | None, minutes: float | None
) -> dict[str, Any]:
    reaction = rules.reaction_minutes if minutes is None else minutes
    where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=reaction))
    decisions = decide(strategy, *where, inputs.universe, bars)
    made = replay_by_kernel(inputs.replayed, inputs.rates, decisions, rules, bars)
    entered = sum(trade.shares * trade.entry_price for trade in made.trades)
    profit = sum(trade.net_profit for trade in made.trades)
    return {
        "reaction": minutes,
        "trades": len(made.trades),
        "profit": profit,
        "mean_trade_return": profit / entered if entered else None,
    }
