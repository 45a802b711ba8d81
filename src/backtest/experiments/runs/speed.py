"""What speed is worth: the same strategy with the same events, by how late it reacts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.timeline import decide

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import Trade
    from backtest.engine.rules import Rules
    from backtest.strategy.base import Strategy

REACTIONS = (0.0, 1.0, 5.0, 30.0, 60.0)  # minutes


def speed_curve(
    strategy: Strategy, inputs: Inputs, rules: Rules, bars: RunBars, own: Sequence[Trade]
) -> list[dict[str, Any]]:
    """The result by reaction time, `own` of the run's among them; the last is of the next open.

    Each reaction asks the strategy anew, for it sees what is known by then, and trades an account
    of its own. The reaction of the last is None: daily bars alone, with the rules' reaction.
    """

    def trades(minutes: float, bars: RunBars | None) -> Sequence[Trade]:
        where = (inputs.events, inputs.seen, inputs.span, timedelta(minutes=minutes))
        decisions = decide(strategy, *where, inputs.universe, bars)
        return replay_by_kernel(inputs.replayed, inputs.rates, decisions, rules, bars).trades

    as_run = rules.reaction_minutes
    found = [
        _figures(minutes, own if minutes == as_run else trades(minutes, bars))
        for minutes in sorted({*REACTIONS, as_run})
    ]
    return [*found, _figures(None, trades(as_run, None))]


def _figures(minutes: float | None, trades: Sequence[Trade]) -> dict[str, Any]:
    entered = sum(trade.shares * trade.entry_price for trade in trades)
    profit = sum(trade.net_profit for trade in trades)
    return {
        "reaction": minutes,
        "trades": len(trades),
        "profit": profit,
        "mean_trade_return": profit / entered if entered else None,
    }
