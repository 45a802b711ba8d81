"""Where what a strategy did stands among the same trades at random times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.experiments.runs.evidence import LEADING
from backtest.experiments.runs.placebo import random_timing, signals_of_trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.data.inputs import Inputs
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.replay.result import Result
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision

_DRAWS = 199  # so that 5 % of the p-values are at most 5 % by luck


def of_decisions(
    decisions: Sequence[Decision], inputs: Inputs, rules: Rules, seed: int
) -> float | None:
    """The chance that random timing does as well as the signals; None where none was given."""
    panel = panel_of(inputs.span)
    given = [(d.tradable_session, d.signal) for d in decisions if d.tradable_session and d.signal]
    return _p(panel, signal_rows(panel, sorted(given, key=lambda one: one[0])), inputs, rules, seed)


def of_trades(result: Result, inputs: Inputs, rules: Rules, seed: int) -> float | None:
    """The same of the trades of a strategy that orders by itself."""
    panel = panel_of(inputs.span)
    signals = signals_of_trades(panel, result.trades, result.curve, rules.cash)
    return _p(panel, signals, inputs, rules, seed)


def _p(panel: Panel, signals: Any, inputs: Inputs, rules: Rules, seed: int) -> float | None:
    held_throughout = len(signals) == 1 and signals["bar"][0] == 0 and signals["hold"][0] < 0
    if len(signals) == 0 or held_throughout:
        return None
    null = random_timing(panel, signals, rules, inputs.rates, seed=seed, draws=_DRAWS)
    standing = null.standing(LEADING)
    return None if standing is None else standing.upper
